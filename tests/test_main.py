import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fishlib import pipeline
from fishlib.__main__ import main
from fishlib.pipeline import many as batch
from fishlib.pipeline import notebook as execution
from fishlib.recording.films import list_films
from fishlib.video import write_video


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Calls of the notebook runner, which is replaced by one that only takes note."""
    seen = []

    def note(run_dir, parameters, *notebooks):
        seen.append((str(run_dir), parameters, *notebooks))
        return tmp_path

    monkeypatch.setattr(pipeline, "run_notebooks", note)
    return seen


def test_parameters_come_from_set_file_and_command_line(calls, tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("minutes: 3\n04_convlstm_training:\n  flips: 1\nseed: 4\n")
    arguments = ["run", "--set", "quick", "--parameters", str(tmp_path / "mine.yaml")]
    assert main([*arguments, "-p", "seed", "5", "-p", "anneal", "false"]) == 0
    ((run_dir, parameters),) = calls
    assert run_dir == "data/runs/quick"
    assert (parameters["minutes"], parameters["seed"], parameters["anneal"]) == (3, 5, False)
    assert (parameters["epochs"], parameters["flips"]) == (2, 1)
    assert "05_evaluation.html" in capsys.readouterr().out


@pytest.fixture
def films(tmp_path):
    films = [str(tmp_path / name) for name in ("a.mp4", "b.mp4")]
    for film in films:
        Path(film).touch()
    return films


def test_one_film_is_the_source(calls, films):
    assert main(["run", films[0]]) == 0
    assert calls[0][1]["source"] == films[0]


def test_several_films_are_one_run_over_a_table_of_them(calls, films, tmp_path):
    assert main(["run", *films, "--run-dir", str(tmp_path / "run")]) == 0
    table = calls[0][1]["source"]
    assert table == str(tmp_path / "run" / "films.csv")
    assert list_films(table).film.tolist() == films


def test_the_parts_of_a_film_are_joined(calls, films, tmp_path):
    assert main(["run", "--parts", *films, "--run-dir", str(tmp_path / "run")]) == 0
    assert calls[0][1]["source"] == os.pathsep.join(films)


def test_a_fold_is_trained_in_a_folder_of_its_own(calls, films, tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_FOLD", "")  # and put back after
    run = tmp_path / "run"
    assert main(["run", *films, "--run-dir", str(run), "--fold", "2"]) == 0
    folder, parameters, notebooks = calls[0]
    assert folder == str(run / "fold_2") and os.environ["FISHLIB_FOLD"] == "2"
    assert parameters["source"] == str(run / "films.csv")
    assert notebooks[-1] == "04_convlstm_training"


def test_each_film_can_have_a_run_of_its_own(films, monkeypatch):
    tables = []

    def together(films, out, parameters, jobs):
        tables.append((films, jobs))
        return pd.DataFrame({"status": ["done", "failed"]})

    monkeypatch.setattr(batch, "run_films", together)
    assert main(["run", "--each", *films, "--jobs", "2"]) == 1  # a film failed
    assert tables == [(films, 2)]


def test_mistakes_end_with_one_sentence_and_exit_code_1(capsys, tmp_path):
    assert main(["run", "--set", "nosuch"]) == 1
    assert "No set 'nosuch'; there are: default, paper, quick" in capsys.readouterr().err
    assert main(["run", "--run-dir", str(tmp_path), "-p", "sede", "1"]) == 1
    assert "No notebook has the parameter sede" in capsys.readouterr().err
    assert main(["run", str(tmp_path / "*.mp4")]) == 1
    assert "matches no film" in capsys.readouterr().err
    assert main(["watch", str(tmp_path / "none.mp4")]) == 1
    assert "none.mp4" in capsys.readouterr().err
    assert main(["run", str(tmp_path / "none.mp4")]) == 1
    assert "none.mp4 does not exist" in capsys.readouterr().err


def test_two_films_of_one_name_do_not_meet(calls, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "film.mp4").touch()
        assert main(["run", str(tmp_path / folder / "film.mp4")]) == 0
    assert calls[0][0] != calls[1][0]


def test_a_film_may_begin_with_a_dash(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("-set.mp4").touch()
    assert main(["run", "-set.mp4"]) == 0
    assert calls[0][1]["source"] == str(tmp_path / "-set.mp4")


def test_without_a_clone_one_sentence_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "CLONE", tmp_path)
    monkeypatch.chdir(tmp_path)
    for arguments in (["run", "--run-dir", "run"], ["run", "--set", "quick"]):
        assert main(arguments) == 1
        said = capsys.readouterr().err
        assert "run this from a clone of the repository" in said
        assert said.count("\n") == 1


def test_the_command_and_the_module_are_the_same():
    module = [sys.executable, "-m", "fishlib", "--help"]
    said = subprocess.run(module, check=True, capture_output=True, text=True).stdout
    assert said.startswith("usage: fishlib ")
    found = [point for point in entry_points(group="console_scripts") if point.name == "fishlib"]
    if not found:
        pytest.skip("fishlib is not installed, only on the path")
    assert found[0].load() is main


NO_FILE = {
    "a film that is none": (["{empty}"], "empty.mp4 is empty"),
    "films that are none": (["{empty}", "{text}"], "None of the 2 films"),
    "a misspelt setting": (["{film}", "-p", "preparation", "noise: 3"], "preparation has no noise"),
    "a wrong setting": (["{film}", "-p", "preparation", "noise_floor: a"], "noise_floor is 'a'"),
    "settings in no words": (["{film}", "-p", "preparation", "roi: [0"], "write settings as name"),
    "a region outside": (["{film}", "-p", "preparation", "roi: [0, 999, 0, 9]"], "no region of"),
    "no events": (["{film}", "-p", "events", "none.csv"], "none.csv: No such file"),
    "events without a time": (["{film}", "-p", "events", "{text}"], "no line names a column"),
    "no tracks": (["{film}", "-p", "tracks", "none.csv"], "There is no file of tracks"),
    "tracks of the tank": (["-p", "tracks", "none.csv"], "has the tracks of one film"),
    "empty tracks": (["{film}", "-p", "tracks", "{text}"], "holds no place of any animal"),
    "no network": (["{film}", "-p", "model", "none.keras"], "There is no network"),
    "a film as a network": (["{film}", "-p", "model", "{film}"], "is no .keras file"),
    "a film given twice": (["{film}", "-p", "source", "b.mp4"], "The film is given twice"),
    "parts of nothing": (["--parts"], "no film was given"),
    "a fold of many runs": (["--each", "{film}", "--fold", "0"], "leave out --each"),
    "a fold below 0": (["{film}", "--fold", "-1"], "a fold of one run, from 0"),
    "jobs of one run": (["{film}", "--jobs", "2"], "it goes with --each"),
    "a file of parameters that is none": (["--parameters", "none.yaml"], "none.yaml: No such"),
}


@pytest.mark.parametrize("case", NO_FILE)
def test_what_a_run_could_not_use_is_refused_before_a_notebook_runs(
    case, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(execution, "execute", None)  # no notebook is reached
    Path("empty.mp4").touch()
    Path("text.txt").write_text("hello\n")
    write_video("film.mp4", np.zeros((180, 24, 32), np.uint8), 30)
    files = {"film": "film.mp4", "empty": "empty.mp4", "text": "text.txt"}
    words, said = NO_FILE[case]
    assert main(["run", *(word.format(**files) for word in words)]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_refusals_load_no_library_that_loads_slowly():
    loaded = "import fishlib.pipeline.many, fishlib.recording, fishlib.facts; import sys; "
    loaded += "import fishlib.evaluation.judge; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True)
    slow = {"scipy.signal", "scipy.stats", "sklearn", "tensorflow", "papermill", "matplotlib"}
    assert not slow & set(said.stdout.decode().split())


def test_a_run_folder_may_stand_among_the_parameters(calls, tmp_path):
    (tmp_path / "mine.yaml").write_text(f"run_dir: {tmp_path / 'there'}\n")
    assert main(["run", "--parameters", str(tmp_path / "mine.yaml")]) == 0
    assert calls[0][0] == str(tmp_path / "there")


@pytest.mark.parametrize(
    "words", [["watch", "f.mp4", "--threshold", "nan"], ["cache", "--clear", "--keep", "nan"]]
)
def test_what_is_no_number_is_refused_by_its_option(words, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert "invalid number value: 'nan'" in capsys.readouterr().err


def test_a_network_that_is_none_is_refused_before_a_film_is_watched(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "fishlib.streaming", None)  # it is not reached
    assert main(["watch", "f.mp4", "--model", "none.keras"]) == 1
    assert "There is no network" in capsys.readouterr().err
