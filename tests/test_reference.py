"""The reference page: its examples run as they stand, and it names the face of the package."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import fishlib
from fishlib import open_film, write_video
from fishlib.pipeline import notebook_folder

PAGE = notebook_folder() / "site" / "reference.md"
TEXT = PAGE.read_text(encoding="utf-8")


def example(title):
    code = re.search(rf"### {title}.*?```python\n(.*?)```", TEXT, re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 6
    return code


def test_the_face_stands_on_the_page():
    assert set(re.findall(r"~fishlib\.(\w+)$", TEXT, re.MULTILINE)) == set(fishlib.__all__)


@pytest.fixture(scope="module")
def film():
    return open_film("simulated", minutes=14)


@pytest.mark.slow
def test_the_examples_run_one_after_the_other(film, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "my_film.mp4", film.excerpt(0, 180))
    scope = {}
    exec(example("The motion of a film").replace("my_film", str(tmp_path / "my_film")), scope)
    assert "(180,) 30" in capsys.readouterr().out
    scope["film"] = film  # the rest needs minutes of film
    exec(example("Labels at another threshold"), scope)
    first, second = (int(line.split()[0]) for line in capsys.readouterr().out.splitlines())
    assert 0 < first < second
    exec(example("Train"), scope)
    assert np.isfinite(scope["forecast"][scope["parts"]["test"]]).any()
    exec(example("Score an array of your own, with an interval"), scope)
    assert re.search(r"mine +0\.\d+ +0\.\d+ +0\.\d+", capsys.readouterr().out)


@pytest.mark.slow
def test_the_example_of_tables_judges_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    seconds, onsets = np.arange(18_000) / 30, np.arange(200, 17_800, 300)
    soon = ((onsets - np.arange(18_000)[:, None]) % 18_000).min(axis=1) < 45
    table = {"seconds": seconds, "p": np.clip(0.4 * soon + rng.random(18_000) / 2, 0, 1)}
    pd.DataFrame(table).to_csv("forecast.csv", index=False)
    pd.DataFrame({"onset": onsets / 30}).to_csv("events.csv", index=False)
    motion = {"seconds": seconds, "motion": rng.random(18_000) / 100}
    pd.DataFrame(motion).to_csv("motion.csv", index=False)
    scope = {}
    exec(example("Judge tables, whoever made them"), scope)
    assert scope["page"].read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert json.loads((tmp_path / "judged" / "metrics.json").read_text())
