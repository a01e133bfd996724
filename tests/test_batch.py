"""Many films: each in its own folder, failures reported, work done once, one table."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import psutil
import pytest

from fishlib import files
from fishlib.pipeline import NOTEBOOKS, many
from fishlib.pipeline.many import find_films, run_films, run_folders, share_cores, step_key
from fishlib.video import write_video


@pytest.fixture
def films(tmp_path):
    paths = []
    for brightness in (1, 2, 3):
        frames = np.full((3, 16, 16), 60 * brightness, np.uint8)
        paths.append(str(write_video(tmp_path / f"film{brightness}.avi", frames)))
    return paths


def pretend(run, parameters, notebooks, progress):
    """Stands for papermill: leaves a notebook, a metric and a mark, and fails on film2."""
    source, (notebook,) = parameters["source"], notebooks
    assert (run / "ran.txt").exists() == (notebook != NOTEBOOKS[0])
    if source.endswith("film2.avi") and notebook == NOTEBOOKS[2]:
        raise ValueError("film2 is no good.\nmore of it")
    with (run / "ran.txt").open("a") as marks:
        marks.write(notebook + "\n")
    (run / f"{notebook}.ipynb").write_text("{}")
    metrics = {"01_problem": {"n_frames": len(source), "list": [1, 2]}}
    (run / "metrics.json").write_text(json.dumps(metrics))


def die(run, parameters, notebooks, progress):
    """Ends the process without a word, as the kernel does when memory runs out."""
    if parameters["source"].endswith("film2.avi"):
        os._exit(1)
    (run / f"{notebooks[0]}.ipynb").write_text("{}")


def only(out, name):
    """The run folder of a film."""
    (found,) = Path(out).glob(f"{name}-*")
    return found


def marks(run_dir):
    return (Path(run_dir) / "ran.txt").read_text().split()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failing_film_is_reported_and_not_in_the_way(tmp_path, films, jobs):
    out = tmp_path / "out"
    table = run_films(films, out, {"seed": 3}, jobs, execute=pretend, progress=False)
    assert table["film"].tolist() == films
    assert table["status"].tolist() == ["done", "failed", "done"]
    assert table["error"].tolist() == ["", "film2 is no good.", ""]
    assert table["01_problem.n_frames"].tolist() == [len(films[0])] * 3
    assert marks(only(out, "film1")) == list(NOTEBOOKS)
    assert marks(only(out, "film2")) == list(NOTEBOOKS[:2])
    written = pd.read_csv(out / "summary.csv", keep_default_na=False)
    assert written["error"].tolist() == ["", "film2 is no good.", ""]
    assert "01_problem.list" not in written


def test_what_is_done_is_kept_and_what_failed_is_tried_again(tmp_path, films):
    out = tmp_path / "out"
    run_films(films, out, execute=pretend, progress=False)
    again = run_films(films, out, execute=pretend, progress=False)
    assert again["status"].tolist() == ["kept", "failed", "kept"]
    assert marks(only(out, "film1")) == list(NOTEBOOKS)


def test_other_parameters_or_another_film_run_again(tmp_path, films):
    out = tmp_path / "out"
    run_films(films[:1], out, execute=pretend, progress=False)
    (only(out, "film1") / "ran.txt").unlink()
    changed = run_films(films[:1], out, {"seed": 1}, execute=pretend, progress=False)
    assert changed["status"].tolist() == ["done"]
    (only(out, "film1") / "ran.txt").unlink()
    write_video(films[0], np.full((4, 16, 16), 9, np.uint8))
    replaced = run_films(films[:1], out, {"seed": 1}, execute=pretend, progress=False)
    assert replaced["status"].tolist() == ["done"]


def test_a_run_of_something_else_begins_anew(tmp_path, films):
    out = tmp_path / "out"
    run_films(films[:1], out, execute=pretend, progress=False)
    begun = only(out, "film1") / "run.json"
    begun.write_text('{"parameters": {"seed": 0}}')
    (only(out, "film1") / "ran.txt").unlink()
    run_films(films[:1], out, execute=pretend, progress=False)
    assert begun.exists()  # all was kept
    run_films(films[:1], out, {"seed": 1}, execute=pretend, progress=False)
    assert not begun.exists()


def test_a_process_that_dies_is_reported(tmp_path, films):
    table = run_films(films[1:2], tmp_path / "out", jobs=2, execute=die, progress=False)
    assert table["status"].tolist() == ["failed"]
    assert "process" in table["error"][0]


def hang(run, parameters, notebooks, progress):
    """Tells its process, then never ends by itself."""
    with open(parameters["source"] + ".pipe", "w") as pipe:
        pipe.write(str(os.getpid()))
    signal.pause()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and signals of Unix")
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_the_processes_of_a_stopped_batch_end_with_it(tmp_path, films, name):
    for film in films[:2]:
        os.mkfifo(film + ".pipe")
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_batch; "
    code += f"test_batch.run_films({films[:2]}, {str(tmp_path)!r}, jobs=2, execute=test_batch.hang)"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as started:
        processes = [psutil.Process(int(Path(film + ".pipe").read_text())) for film in films[:2]]
        started.send_signal(signal.Signals[name])
        psutil.wait_procs(processes)
    assert started.returncode != 0


def test_a_missing_film_is_a_row_of_the_table(tmp_path, films):
    table = run_films([*films[:1], tmp_path / "no.mp4"], tmp_path / "out", execute=pretend,
                      progress=False)  # fmt: skip
    assert table["status"].tolist() == ["done", "failed"]
    assert "no.mp4" in table["error"][1]


def test_patterns_stand_for_films(tmp_path, films):
    assert find_films([films[1], f"{tmp_path}/*.avi"]) == [films[1], films[0], films[2]]
    with pytest.raises(FileNotFoundError, match="matches no film"):
        find_films([f"{tmp_path}/*.mov"])
    with pytest.raises(ValueError, match="no film was given"):
        find_films([])
    with pytest.raises(ValueError, match="at least 1"):
        run_films(films, tmp_path, jobs=0)


def test_what_the_package_does_decides_whether_a_step_is_kept(tmp_path, monkeypatch):
    package = tmp_path / "package"
    package.mkdir()
    (package / "motion.py").write_text('"""Motion."""\nlevel = 1\n')
    monkeypatch.setattr(files, "PACKAGE", package)
    monkeypatch.setattr(many, "_package_code", many._package_code.__wrapped__)
    before = step_key("simulated", {}, NOTEBOOKS[0])
    (package / "motion.py").write_text('"""The motion."""\nlevel = 1  # calm\n')
    assert step_key("simulated", {}, NOTEBOOKS[0]) == before
    (package / "motion.py").write_text('"""Motion."""\nlevel = 2\n')
    assert step_key("simulated", {}, NOTEBOOKS[0]) != before


def test_what_a_file_among_the_parameters_holds_decides_too(tmp_path):
    model = tmp_path / "net.keras"
    keys = set()
    for content in ("one", "two", "one"):
        model.write_text(content)
        keys.add(step_key("simulated", {"model": str(model)}, NOTEBOOKS[0]))
    assert len(keys) == 2


def test_films_of_one_name_have_folders_of_their_own_whenever_they_are_run(tmp_path):
    together = run_folders(["a/tank.mp4", "b/tank.mp4", "c/shoal.mp4"], tmp_path)
    assert len(set(together.values())) == 3
    for film, folder in together.items():
        assert run_folders([film], tmp_path) == {film: folder}
        assert folder.name.startswith(Path(film).stem)


NAMES = [
    "00[R][0@0].avi",
    "a*b.avi",
    "10:30.avi",
    "{film}.avi",
    "-p.avi",
    "two\nlines.avi",
    "é .avi",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_exists_is_that_film_whatever_is_in_it(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "plain.avi", np.full((3, 16, 16), 60, np.uint8)).rename(name)
    (tmp_path / "0R.avi").touch()  # what the brackets would match
    assert find_films([name]) == [name]
    table = run_films([name], tmp_path / "out", execute=pretend, progress=False)
    assert table["status"].tolist() == ["done"]
    (run,) = (tmp_path / "out").glob("*/")
    assert not set('<>:"|?*{}[]\n\\') & set(run.name)
    assert run.name[0] not in "-. "


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are all Unicode")
def test_a_name_that_is_no_utf_8_is_refused_in_a_sentence(tmp_path):
    film = os.fsdecode(os.fsencode(tmp_path) + b"/f\xfcr.avi")
    Path(film).touch()
    table = run_films([film], tmp_path / "out", execute=pretend, progress=False)
    assert table["status"].tolist() == ["failed"]
    assert "has a name that is no UTF-8: give the film another name" in table["error"][0]
    assert (tmp_path / "out" / "summary.csv").exists()


def test_a_folder_is_named_by_itself(tmp_path, monkeypatch):
    (tmp_path / "shoal v1.2").mkdir()
    monkeypatch.chdir(tmp_path / "shoal v1.2")
    assert run_folders(["."], Path("out"))["."].name.startswith("shoal v1.2-")


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.setattr("fishlib.pipeline.many.cpu_count", lambda: 8)
    for name in ("LOKY_MAX_CPU_COUNT", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "8")
    share_cores(3)
    assert os.environ["LOKY_MAX_CPU_COUNT"] == os.environ["TF_NUM_INTRAOP_THREADS"] == "2"
    share_cores(20)
    assert joblib.cpu_count() == 1
