"""The study's files: verified, joined into one recording, and asked both questions."""

import numpy as np
import pytest

from fishlib import published as published_files
from fishlib.published import FILES, PublishedUnavailable, fetch


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
