from functools import partial

import numpy as np
import pandas as pd
import pytest

from fishlib.questions import (
    label_alarms,
    label_bursts,
    label_onsets,
    median_recent_motion,
    remark_own_rise,
    suggest_min_range,
)
from fishlib.splits import make_folds, whole


def slow_bursts(motion, horizon, min_range, low_fraction, history):
    label = np.full(len(motion), -1)
    for t in range(history - 1, len(motion) - 1 - horizon):
        window = motion[t : t + horizon + 1]
        spread = window.max() - window.min()
        label[t] = spread >= min_range and motion[t] <= window.min() + low_fraction * spread
    return label


def slow_onsets(motion, horizon, min_rise, level, history):
    label = np.full(len(motion), -1)
    for t in range(history - 1, len(motion) - 1 - horizon):
        recent = motion[t - 5 : t].mean()
        if recent <= level:
            means = [motion[j : j + 5].mean() for j in range(t, t + horizon - 3)]
            label[t] = max(means) - recent >= min_rise
    return label


@pytest.fixture
def motion():
    rng = np.random.default_rng(0)
    return np.abs(np.cumsum(rng.normal(0, 2e-4, 600))) + rng.uniform(0, 1e-4, 600)


@pytest.mark.parametrize(("horizon", "history"), [(45, 120), (10, 90), (1, 6), (2, 120)])
def test_bursts_equal_the_slow_loop(motion, horizon, history):
    args = (horizon, 4e-4, 0.2, history)
    np.testing.assert_array_equal(label_bursts(motion, *args), slow_bursts(motion, *args))


@pytest.mark.parametrize("horizon", [45, 20, 6])
def test_onsets_equal_the_slow_loop(motion, horizon):
    level = median_recent_motion(motion)
    label = label_onsets(motion, horizon, 4e-4, level)
    np.testing.assert_array_equal(label, slow_onsets(motion, horizon, 4e-4, level, 120))
    assert set(label) == {-1, 0, 1}
    np.testing.assert_array_equal(label, label_onsets(motion, horizon, 4e-4))


def test_hand_worked_five_frames():
    motion = np.array([0.0, 0.2, 1.0, 0.0, 0.0])
    label = label_bursts(motion, horizon=2, min_range=0.5, low_fraction=0.1, past=1)
    assert label.tolist() == [1, 0, -1, -1, -1]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_equal_the_published_labels(published, split):
    series = published.load_series(split)
    label = label_bursts(series["motion"])
    n_frames = len(label)
    assert np.array_equal(label == 1, series["label"] == 1)
    assert (label >= 0).nonzero()[0].tolist() == list(range(119, n_frames - 46))


def test_a_shift_in_time_shifts_the_labels(motion):
    shifted = label_bursts(motion[7:])
    np.testing.assert_array_equal(shifted[119:], label_bursts(motion)[126:])


def test_which_frames_are_asked_depends_on_the_past_only(motion):
    changed = motion.copy()
    changed[400:] = 1.0
    level = median_recent_motion(motion)
    asked = label_onsets(motion, calm_level=level) >= 0
    np.testing.assert_array_equal(asked[:401], (label_onsets(changed, calm_level=level) >= 0)[:401])


def test_too_short_and_not_finite_are_refused(motion):
    with pytest.raises(ValueError, match="too short to label"):
        label_bursts(motion[:165])
    assert (label_bursts(motion[:166]) >= 0).sum() == 1
    with pytest.raises(ValueError, match="1 values that are not finite"):
        label_bursts(np.append(motion, np.nan))


def test_what_is_read_does_not_leave_a_piece():
    motion = np.random.default_rng(1).gamma(2, 1e-3, 900)
    pieces = pd.DataFrame({"film": ["a", "a"], "start": [0, 300], "stop": [300, 900]})
    for ask in (label_bursts, partial(label_onsets, calm_level=np.inf)):
        label = ask(motion, pieces=pieces)
        np.testing.assert_array_equal(label[:300], ask(motion[:300]))
        np.testing.assert_array_equal(label[300:], ask(motion[300:]))


def test_an_alarm_is_asked_of_every_frame_and_counts_what_begins_after_it():
    events = pd.DataFrame({"onset": [20, 21, 40]})
    label = label_alarms(60, events, horizon=5, past=4)
    asked = np.flatnonzero(label >= 0)
    assert (asked[0], asked[-1]) == (3, 53)
    slow = [any(t < e <= t + 5 for e in events.onset) for t in asked]
    assert label[asked].tolist() == slow
    pieces = pd.DataFrame({"film": "film", "start": [0, 30], "stop": [30, 60]})
    cut = label_alarms(60, events, horizon=5, past=4, pieces=pieces)
    assert (cut[24:33] == -1).all() and cut[33] == 0
    with pytest.raises(ValueError, match="same frame"):
        label_alarms(40, events)


def test_a_c_of_ones_own_counts_what_it_would_change(motion):
    folds = make_folds(whole(len(motion)), 3, embargo=0)
    onsets = label_onsets(motion, min_rise=1e-3)
    (told,) = remark_own_rise(motion, folds, onsets)
    own = [label_onsets(motion, min_rise=suggest_min_range(motion[f["train"]])) for f in folds]
    changed = np.mean([(label != onsets)[onsets >= 0].mean() for label in own])
    assert f"{changed:.1%}" in told
    assert remark_own_rise(motion, folds[:1], onsets) == []
    motion = np.where(np.arange(600) < 450, 0.0, motion)
    (told,) = remark_own_rise(motion, make_folds(whole(600), 3, embargo=0), onsets)
    assert told.startswith("no c can be suggested for one of the folds: nothing moves")
