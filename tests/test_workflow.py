"""The Snakemake workflow, run for real on several films where Snakemake is installed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from fishlib import open_film, tank
from fishlib.__main__ import main
from fishlib.files import list_cache
from fishlib.pipeline.many import SNAKEFILE, run_folders
from fishlib.video import write_video


def test_the_snakefile_is_where_the_command_says(capsys):
    assert main(["step", "--where"]) == 0
    text = Path(capsys.readouterr().out.strip()).read_text(encoding="utf-8")
    assert "rule notebook:" in text


def test_a_job_that_fails_says_why(tmp_path, capsys):
    assert main(["step", str(tmp_path / "no.mp4"), str(tmp_path / "run"), "01_problem", "{}"]) == 1
    assert "no.mp4" in capsys.readouterr().err
    assert main(["step", "only", "three", "words"]) == 1
    assert "A step takes FILM RUN_DIR NOTEBOOK PARAMETERS" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(find_spec("snakemake") is None, reason="Snakemake is not installed")
def test_snakemake_runs_a_notebook_on_two_films_and_only_once(tmp_path):
    films = []
    for seed in (1, 2):
        frames = tank.simulate_film(tank.TankConfig(), seed, 1200).frames
        films.append(str(write_video(tmp_path / f"tank [{seed}]{{x}}.avi", frames)))
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--cores", "1",
        "--directory", str(tmp_path), "--config", f"films={films}", "out=runs",
        "notebooks=['01_problem']",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    table = pd.read_csv(tmp_path / "runs" / "summary.csv")
    assert table["status"].tolist() == ["done", "done"]
    assert table["01_problem.n_frames"].tolist() == [1200, 1200]
    run = run_folders(films, tmp_path / "runs")[films[0]]
    notebook = nbformat.read(run / "01_problem.ipynb", 4)
    assert any(cell.get("execution_count") for cell in notebook.cells)
    again = subprocess.run(command, capture_output=True, text=True)
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.slow
@pytest.mark.skipif(find_spec("snakemake") is None, reason="Snakemake is not installed")
def test_films_are_decoded_in_jobs_of_their_own_before_one_verdict(tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path / "cache"))
    films = []
    for seed in (1, 2):
        frames = tank.simulate_film(tank.TankConfig(), seed, 300).frames
        films.append(str(write_video(tmp_path / f"tank {seed}.avi", frames)))
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--cores", "1",
        "--directory", str(tmp_path), "--config", f"films={films}", "out=runs", "together=True",
        "parameters={'minutes': 0.1}",
    ]  # fmt: skip
    done = subprocess.run([*command, "--until", "film"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    made = set(list_cache()["name"])
    assert len(made) == 2
    film = open_film(films[0], minutes=0.1)
    assert len(film.frames) == 180
    assert set(list_cache()["name"]) == made  # what a run opens is there
    planned = subprocess.run([*command, "--dry-run", "--printshellcmds"], capture_output=True)
    said = (planned.stdout + planned.stderr).decode()
    assert "fishlib run" in said and "-p minutes 0.1" in said
