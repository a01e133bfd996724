"""The cache is shown and cleared, oldest first, and never what is in use."""

import os

import numpy as np
import pytest
from filelock import FileLock

from fishlib.__main__ import main
from fishlib.files import clear_cache, list_cache

NAMES = [f"{name}-{'0' * 16}" for name in ("oldest", "old", "new")]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of three recordings of 1 MB, and files that are none."""
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path))
    for age, name in enumerate(NAMES):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "frames.npy"
        np.save(path, np.zeros(1_000_000, np.uint8))
        os.utime(path, (1e9 + age, 1e9 + age))
    (tmp_path / "keras").mkdir()
    (tmp_path / "notes-of-mine").mkdir()
    (tmp_path / f".{NAMES[0]}.lock").touch()
    return tmp_path


def names(table):
    return table["name"].tolist()


def test_the_oldest_comes_first(cache):
    table = list_cache()
    assert names(table) == NAMES
    assert table["megabytes"].round(2).tolist() == [1.0] * 3
    assert not table["in_use"].any()


def test_clearing_leaves_what_is_no_recording(cache):
    assert names(clear_cache()) == NAMES
    assert {path.name for path in cache.iterdir() if path.is_dir()} == {"keras", "notes-of-mine"}


def test_the_newest_are_kept_up_to_a_size(cache):
    assert names(clear_cache(keep_gigabytes=0.0015)) == NAMES[:2]
    assert names(list_cache()) == NAMES[2:]


def test_what_is_being_made_is_not_removed(cache):
    with FileLock(cache / f".{NAMES[1]}.lock"):
        assert list_cache()["in_use"].tolist() == [False, True, False]
        assert names(clear_cache()) == [NAMES[0], NAMES[2]]


def test_what_is_being_read_is_not_removed(cache):
    frames = np.load(cache / NAMES[0] / "frames.npy", mmap_mode="r")
    assert names(clear_cache()) == NAMES[1:]
    assert frames[-1] == 0


def test_the_command_shows_and_clears(cache, capsys):
    assert main(["cache"]) == 0
    assert f"3 prepared films and trainings, 3.0 MB, in {cache}" in capsys.readouterr().out
    assert main(["cache", "--clear", "--keep", "0.0021"]) == 0
    said = capsys.readouterr().out
    assert NAMES[0] in said
    assert f"1 prepared films and trainings, 1.0 MB, removed from {cache}" in said


def test_an_empty_cache_is_no_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path / "nowhere"))
    assert main(["cache"]) == 0
    assert "0 prepared films and trainings, 0.0 MB" in capsys.readouterr().out
