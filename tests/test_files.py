"""Where recordings are kept, and when two films, or two versions of the code, count as the same."""

import os
import shutil

import pytest
from filelock import FileLock

from fishlib import files
from fishlib.files import (
    RECORDING_CODE,
    cache_folder,
    check_space,
    code_version,
    fingerprint,
    make_key,
    only_one,
    project_path,
    quietly,
    write_atomically,
)


def test_the_cache_is_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("FISHLIB_CACHE")
    assert cache_folder() != tmp_path


def test_every_byte_of_a_small_film_counts(tmp_path):
    film = tmp_path / "film.avi"
    film.write_bytes(bytes(1000))
    before = fingerprint(film)
    film.write_bytes(bytes(999) + b"\1")
    assert fingerprint(film) != before
    film.rename(tmp_path / "renamed.avi")
    assert fingerprint(tmp_path / "renamed.avi") != before
    (tmp_path / "renamed.avi").write_bytes(bytes(1000))
    assert fingerprint(tmp_path / "renamed.avi") == before


def test_a_large_film_counts_by_samples_size_and_time(tmp_path):
    film = tmp_path / "film.avi"
    with film.open("wb") as opened:
        opened.truncate(80 << 20)  # sparse: no bytes on the disk
    os.utime(film, (1, 1))
    before = fingerprint(film)
    assert fingerprint(film) == before
    with film.open("r+b") as opened:
        opened.seek(100)
        opened.write(b"x")
    os.utime(film, (1, 1))
    changed = fingerprint(film)
    assert changed != before
    os.utime(film, (2, 2))
    assert fingerprint(film) not in (before, changed)


def test_images_of_a_folder_count_with_their_names(tmp_path):
    (tmp_path / "0.png").write_bytes(b"a")
    (tmp_path / "1.png").write_bytes(b"b")
    before = fingerprint(tmp_path)
    (tmp_path / "1.png").rename(tmp_path / "2.png")
    assert fingerprint(tmp_path) != before


def test_keys_tell_parameters_apart_and_are_folder_names():
    key = make_key("my film/1", {"size": (60, 80)})
    assert key == make_key("my film/1", {"size": (60, 80)})
    assert key != make_key("my film/1", {"size": (120, 160)})
    assert key.startswith("my_film_1-")


def test_a_disk_without_room_is_said(tmp_path):
    check_space(tmp_path, 1)
    with pytest.raises(OSError, match="set FISHLIB_CACHE"):
        check_space(tmp_path, 1 << 60)


@pytest.fixture
def package(tmp_path, monkeypatch):
    copy = shutil.copytree(files.PACKAGE, tmp_path / "fishlib")
    monkeypatch.setattr(files, "PACKAGE", copy)
    return copy


@pytest.mark.parametrize("parts", [RECORDING_CODE, ("tank",)])
def test_a_statement_changes_the_key_in_every_file_and_a_comment_in_none(package, parts):
    before = code_version(*parts)
    found = [file for part in parts for file in (package / part).rglob("*.py")]
    found += [package / part for part in parts if part.endswith(".py")]
    assert len(found) > len(parts)
    for file in found:
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{text}\n# a comment\n", encoding="utf-8")
        assert code_version(*parts) == before
        file.write_text(text.replace('"""', '"""Mended: ', 1), encoding="utf-8")
        assert code_version(*parts) == before
        file.write_text(f"{text}\nSIZE = 3\n", encoding="utf-8")
        assert code_version(*parts) != before
        file.write_text(text, encoding="utf-8")


def test_a_renamed_file_changes_the_key_and_a_missing_part_is_said(package):
    before = code_version("tank")
    (package / "tank" / "fish.py").rename(package / "tank" / "shoal.py")
    assert code_version("tank") != before
    with pytest.raises(FileNotFoundError, match=r"gone\.py"):
        code_version("gone.py")


def test_a_second_process_waits(tmp_path):
    other = FileLock(tmp_path / ".film.lock", timeout=0)
    with only_one(tmp_path / "film"), pytest.raises(TimeoutError):
        other.acquire()
    with other:
        assert other.is_locked


def test_a_disk_without_locks_is_a_warning(tmp_path, monkeypatch):
    def no_locks(self, **how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(files.FileLock, "acquire", no_locks)
    with pytest.warns(UserWarning, match="knows no locks"), only_one(tmp_path / "film"):
        done = True
    assert done


def test_a_relative_path_is_the_same_from_notebooks(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_problem.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    above = project_path("data/runs/x")
    monkeypatch.chdir(tmp_path / "notebooks")
    assert project_path("data/runs/x") == above == tmp_path / "data" / "runs" / "x"


def test_nothing_half_written_is_left(tmp_path):
    def fail(path):
        path.write_text("half")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "whole.txt", fail)
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_below_python_is_silenced_and_onednn_turned_on(capfd, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # so that it is put back at the end
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    with quietly():
        os.write(2, b"a greeting\n")
        assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    os.write(2, b"an error\n")
    assert capfd.readouterr().err == "an error\n"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    with quietly():
        assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
