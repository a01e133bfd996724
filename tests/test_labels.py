import numpy as np
import pytest

from fishlib.labels import label_bursts, label_onsets, median_recent_speed


def slow_bursts(speed, horizon, min_range, low_fraction, history):
    label = np.full(len(speed), -1)
    for t in range(history - 1, len(speed) - 1 - horizon):
        window = speed[t : t + horizon + 1]
        spread = window.max() - window.min()
        label[t] = spread >= min_range and speed[t] <= window.min() + low_fraction * spread
    return label


def slow_onsets(speed, horizon, min_rise, level, history):
    label = np.full(len(speed), -1)
    for t in range(history - 1, len(speed) - 1 - horizon):
        recent = speed[t - 5 : t].mean()
        if recent <= level:
            means = [speed[j : j + 5].mean() for j in range(t, t + horizon - 3)]
            label[t] = max(means) - recent >= min_rise
    return label


@pytest.fixture
def speed():
    rng = np.random.default_rng(0)
    return np.abs(np.cumsum(rng.normal(0, 2e-4, 600))) + rng.uniform(0, 1e-4, 600)


@pytest.mark.parametrize(("horizon", "history"), [(45, 120), (10, 90), (1, 6), (2, 120)])
def test_bursts_equal_the_slow_loop(speed, horizon, history):
    args = (horizon, 4e-4, 0.2, history)
    np.testing.assert_array_equal(label_bursts(speed, *args), slow_bursts(speed, *args))


@pytest.mark.parametrize("horizon", [45, 20, 6])
def test_onsets_equal_the_slow_loop(speed, horizon):
    level = median_recent_speed(speed)
    label = label_onsets(speed, horizon, 4e-4, level)
    np.testing.assert_array_equal(label, slow_onsets(speed, horizon, 4e-4, level, 120))
    assert set(label) == {-1, 0, 1}
    np.testing.assert_array_equal(label, label_onsets(speed, horizon, 4e-4))


def test_hand_worked_five_frames():
    speed = np.array([0.0, 0.2, 1.0, 0.0, 0.0])
    label = label_bursts(speed, horizon=2, min_range=0.5, low_fraction=0.1, history=1)
    assert label.tolist() == [1, 0, -1, -1, -1]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_equal_the_published_labels(published, split):
    series = published.load_series(split)
    label = label_bursts(series["speed"])
    n_frames = len(label)
    assert np.array_equal(label == 1, series["label"] == 1)
    assert (label >= 0).nonzero()[0].tolist() == list(range(119, n_frames - 46))


def test_a_shift_in_time_shifts_the_labels(speed):
    shifted = label_bursts(speed[7:])
    np.testing.assert_array_equal(shifted[119:], label_bursts(speed)[126:])


def test_which_frames_are_asked_depends_on_the_past_only(speed):
    changed = speed.copy()
    changed[400:] = 1.0
    level = median_recent_speed(speed)
    asked = label_onsets(speed, calm_level=level) >= 0
    np.testing.assert_array_equal(asked[:401], (label_onsets(changed, calm_level=level) >= 0)[:401])


def test_too_short_and_not_finite_are_refused(speed):
    with pytest.raises(ValueError, match="too short to label"):
        label_bursts(speed[:165])
    assert (label_bursts(speed[:166]) >= 0).sum() == 1
    with pytest.raises(ValueError, match="1 values that are not finite"):
        label_bursts(np.append(speed, np.nan))
