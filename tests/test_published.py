"""The study's files: verified, joined into one recording, and asked both questions."""

import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fishlib import published as published_files
from fishlib.files import code_version
from fishlib.published import FILES, FITTING_CODE, PublishedUnavailable, Study, fetch


def test_the_study_is_one_recording_of_three_pieces(published):
    study = published.study()
    assert study.pieces.film.tolist() == ["train", "validation", "test"]
    assert [part.stop - part.start for part in study.parts.values()] == [44_956, 3_593, 5_367]
    assert len(study.motion) == 53_916
    test = study.parts["test"]
    label = published.load_series("test")["label"]
    asked = study.questions["burst"][test] >= 0
    np.testing.assert_array_equal(study.questions["burst"][test][asked], label[asked])
    assert np.sum(study.questions["burst"] < 0) == 495
    for forecast in study.forecasts.values():
        assert np.isnan(forecast[: test.start]).all()
        assert np.isfinite(forecast[test]).sum() == 5237


def test_onset_from_calm_is_asked_of_1491_real_frames(published):
    study = published.study()
    asked = study.questions["onset"][study.parts["test"]]
    asked = asked[np.isfinite(study.forecasts["published ConvLSTM"][study.parts["test"]])]
    assert np.sum(asked >= 0) == 1491
    assert np.mean(asked[asked >= 0]) == pytest.approx(0.43, abs=0.005)


def test_a_file_that_was_changed_is_refused(published, tmp_path, monkeypatch):
    name = "targets/test/Y_tilde.npy"
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(fetch(name).read_bytes() + b"x")
    monkeypatch.setenv("FISHLIB_PUBLISHED", str(tmp_path))
    with pytest.raises(ValueError, match="SHA-256 differs"):
        fetch(name)
    with pytest.raises(PublishedUnavailable, match="which has no"):
        fetch("targets/test/Y_pred.npy")


def test_every_file_is_listed_with_its_hash():
    assert len(FILES.registry) == 27
    assert all(len(digest) == 64 for digest in FILES.registry.values())
    with pytest.raises(KeyError, match="published no"):
        fetch("film.avi")


def test_without_the_files_the_study_is_empty_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_PUBLISHED", str(tmp_path))
    study = published_files.study()
    assert len(study.motion) == len(study.pieces) == len(study.questions["burst"]) == 0
    assert study.parts == study.forecasts == {}
    assert "which has no targets/train/Y_tilde.npy" in str(study)


@dataclass
class Counted:
    """A rival that takes note of how often it is fitted."""

    seed: int = 0

    def fit(self, recording, question, parts, folder):
        with (Path(os.environ["FISHLIB_CACHE"]) / "fits.txt").open("a") as notes:
            notes.write("fitted ")
        return self

    def forecast(self, recording, at=None):
        return np.full(len(recording.motion), self.seed / 4)


def test_rivals_are_fitted_on_the_study_once_for_all_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path))
    pieces = pd.DataFrame({"film": ["train"], "start": [0], "stop": [9]})
    study = Study(
        np.arange(9.0), pieces, {"train": slice(0, 9), "validation": slice(0, 9)},
        {"onset": np.arange(9) % 2}, {},
    )  # fmt: skip

    def n_fits(rivals, of=study):
        forecasts = published_files.fit_study(rivals, of, progress=False)
        (name,) = rivals
        np.testing.assert_array_equal(forecasts["onset"][name], np.full(9, rivals[name].seed / 4))
        return len((tmp_path / "fits.txt").read_text().split())

    assert [n_fits({"A": Counted()}) for _ in range(3)] == [1, 1, 1]
    assert n_fits({"A": Counted(seed=1)}) == 2
    other = replace(study, questions={"onset": np.arange(9) % 3 % 2})
    assert n_fits({"A": Counted()}, other) == 3
    monkeypatch.setattr(published_files, "FITTING_CODE", ("motion.py",))
    assert n_fits({"A": Counted()}) == 4
    assert published_files.fit_study({"A": Counted()}, replace(study, parts={})) == {}


def test_a_silent_proxy_is_given_up_soon(tmp_path, monkeypatch):
    """Nobody answers: what is waited for is the time to connect, not that of a download."""
    assert max(published_files.DOWNLOAD.kwargs["timeout"][:1]) <= 5
    monkeypatch.setattr(published_files.DOWNLOAD, "kwargs", {"timeout": (0.05, 60)})
    monkeypatch.setattr(FILES, "path", tmp_path)
    monkeypatch.delenv("FISHLIB_PUBLISHED", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        with pytest.raises(PublishedUnavailable, match="could not be downloaded"):
            fetch("targets/test/Y_tilde.npy")


def test_the_code_that_fits_the_study_is_where_its_list_says():
    assert code_version(*FITTING_CODE) != code_version(*FITTING_CODE[:-1])
