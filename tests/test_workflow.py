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


@pytest.fixture
def workflow(tmp_path):
    """Two films that Snakemake is to take, and what runs it on them."""
    if find_spec("snakemake") is None:
        pytest.skip("Snakemake is not installed")
    films = []
    for seed in (1, 2):
        frames = tank.simulate_film(tank.TankConfig(), seed, 1200).frames
        films.append(str(write_video(tmp_path / f"tank [{seed}]{{x}}.avi", frames)))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--cores", "1"]
    command += ["--directory", str(tmp_path)]

    def snakemake(*options, **config):
        config = [
            f"{key}={value}" for key, value in {"films": films, "out": "runs", **config}.items()
        ]
        told = [*command, "--config", *config, *options]
        done = subprocess.run(told, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout + done.stderr

    return films, snakemake


@pytest.mark.slow
def test_snakemake_runs_a_notebook_on_two_films_and_only_once(workflow, tmp_path):
    films, snakemake = workflow
    snakemake(notebooks=["01_problem"])
    table = pd.read_csv(tmp_path / "runs" / "summary.csv")
    assert table["status"].tolist() == ["done", "done"]
    assert table["01_problem.n_frames"].tolist() == [1200, 1200]
    run = run_folders(films, tmp_path / "runs")[films[0]]
    notebook = nbformat.read(run / "01_problem.ipynb", 4)
    assert any(cell.get("execution_count") for cell in notebook.cells)
    assert "Nothing to be done" in snakemake(notebooks=["01_problem"])


@pytest.mark.slow
def test_films_are_decoded_in_jobs_of_their_own_before_one_verdict(workflow, tmp_path, monkeypatch):
    films, snakemake = workflow
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path / "cache"))
    together = {"together": True, "parameters": {"minutes": 0.1}}
    snakemake("--until", "film", **together)
    made = set(list_cache()["name"])
    assert len(made) == 2
    film = open_film(films[0], minutes=0.1)
    assert len(film.frames) == 180
    assert set(list_cache()["name"]) == made  # what a run opens is there
    said = snakemake("--dry-run", "--printshellcmds", **together)
    assert "fishlib run" in said and "-p minutes 0.1" in said and "--fold 4" in said
    together["parameters"] |= {"preparation": {"noise_floor": 4}}
    said = snakemake("--dry-run", "--printshellcmds", **together)
    assert "-p preparation 'noise_floor: 4'" in said  # as the command takes it
