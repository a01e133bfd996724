import json

import numpy as np
import pandas as pd
import pytest

from fishlib.evaluation.export import BORIS_COLUMNS, write_boris_project, write_events
from fishlib.questions import add_warnings, find_onsets


@pytest.fixture
def onsets():
    motion = np.interp(np.arange(161), [0, 50, 90, 120, 160], [1e-3, 3e-3, 1e-3, 3e-3, 3e-3])
    return add_warnings(find_onsets(motion), np.array([60]))


def test_the_csv_holds_boris_columns_and_the_table(tmp_path, onsets):
    read = pd.read_csv(write_events(tmp_path / "onsets.csv", onsets), keep_default_na=False)
    assert tuple(read.columns[:5]) == BORIS_COLUMNS
    np.testing.assert_allclose(read.time, onsets.onset / 30, atol=1e-3)
    assert (read.code == "onset").all()
    assert read.comment.tolist()[0] == "rise 0.0018"
    assert "warned 1.1" in read.comment[1]
    assert read.onset.tolist() == onsets.onset.tolist()
    assert read.alarm.tolist() == ["", "60"]
    assert [path.name for path in tmp_path.iterdir()] == ["onsets.csv"]


def test_the_project_has_what_boris_checks(tmp_path, onsets):
    """Every event names a behaviour of the ethogram and a subject of the project."""
    path = write_boris_project(tmp_path / "onsets.boris", onsets, "film 1", subject="six tetras")
    project = json.loads(path.read_text())
    observation = project["observations"]["film 1"]
    behaviours = {b["code"] for b in project["behaviors_conf"].values()}
    subjects = {s["name"] for s in project["subjects_conf"].values()}
    assert len(observation["events"]) == len(onsets)
    for (time, subject, code, _, _), onset in zip(observation["events"], onsets.onset, strict=True):
        assert time == pytest.approx(onset / 30, abs=1e-3)
        assert subject in subjects
        assert code in behaviours


def test_no_events_make_an_empty_file(tmp_path, onsets):
    read = pd.read_csv(write_events(tmp_path / "none.csv", onsets.iloc[:0]))
    assert len(read) == 0
    assert tuple(read.columns[:5]) == BORIS_COLUMNS


def test_another_ending_is_refused(tmp_path, onsets):
    with pytest.raises(ValueError, match=r"\.boris"):
        write_boris_project(tmp_path / "onsets.json", onsets, "film 1")
