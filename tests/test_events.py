import numpy as np
import pandas as pd
import pytest

from fishlib.questions import _centred_mean, find_onsets
from fishlib.splits import whole


def ramp(*corners):
    """A series that runs in straight lines through (frame, value in thousandths) corners."""
    frames, values = np.array(corners, float).T
    return np.interp(np.arange(frames[-1] + 1), frames, values) / 1000


def slow_onsets(mean, horizon, min_rise):
    """The definition, frame by frame: a trough, its rise, the last frame at the foot of it."""
    found, t = [], 0
    while t < len(mean):
        ahead = [u for u in range(t, min(t + horizon + 1, len(mean))) if np.isfinite(mean[u])]
        if not ahead or np.isnan(mean[t]) or max(mean[u] for u in ahead) - mean[t] < min_rise:
            t += 1
            continue
        first_peak = max(ahead, key=lambda u: (mean[u], -u))
        trough = min(range(t, first_peak + 1), key=lambda u: (mean[u], -u))
        peak = u = trough
        while u < min(trough + horizon, len(mean) - 1) and mean[u + 1] >= mean[trough]:
            u += 1
            peak = u if mean[u] > mean[peak] else peak
        foot = mean[trough] + 0.1 * (mean[peak] - mean[trough])
        found.append((trough, max(u for u in range(trough, peak) if mean[u] <= foot), peak))
        t = peak
        while t + 1 < len(mean) and mean[t + 1] > mean[t]:
            t += 1
    return found


def test_one_rise_has_its_onset_at_a_tenth_of_it():
    motion = ramp((0, 1), (100, 1), (120, 3), (200, 3))
    onsets = find_onsets(motion, width=1)
    assert onsets[["trough", "onset", "peak"]].to_numpy().tolist() == [[100, 102, 120]]
    assert onsets.rise[0] == pytest.approx(2e-3)
    assert onsets.onset_s[0] == pytest.approx(102 / 30)


@pytest.mark.parametrize(
    ("corners", "count"),
    [
        ([(0, 1), (100, 1), (120, 1.9), (200, 1)], 0),  # too small
        ([(0, 1), (200, 3)], 0),  # too slow: 0.45 thousandths in 45 frames
        ([(0, 3), (100, 3), (120, 1), (200, 1)], 0),  # a fall
        ([(0, 1), (50, 3), (90, 1), (120, 3), (160, 3)], 2),
        ([(0, 1), (50, 1), (60, 3), (65, 2.5), (70, 4), (160, 1)], 1),  # a dent in the rise
        ([(0, 1), (50, 1), (90, 9)], 1),  # still rising at the end
        ([(0, 1), (50, 1), (150, 9), (160, 9)], 1),  # a long climb is one event
    ],
)
def test_what_counts_as_an_onset(corners, count):
    assert len(find_onsets(ramp(*corners))) == count


@pytest.mark.parametrize("seed", range(4))
def test_onsets_equal_the_slow_search(seed):
    rng = np.random.default_rng(seed)
    motion = np.abs(1e-3 + np.convolve(rng.normal(0, 2e-3, 1500), np.ones(12) / 12, "valid"))
    mean = np.convolve(motion, np.ones(5) / 5, "valid")
    mean = np.r_[np.nan, np.nan, mean, np.nan, np.nan]
    onsets = find_onsets(motion)
    assert len(onsets) > 5
    expected = slow_onsets(mean, 45, 1e-3)
    assert onsets[["trough", "onset", "peak"]].to_numpy().tolist() == [list(e) for e in expected]


def test_every_published_onset_meets_the_definition(published):
    motion = published.load_series("test")["motion"]
    onsets = find_onsets(motion)
    assert 40 <= len(onsets) <= 90
    assert (onsets.trough <= onsets.onset).all()
    assert (onsets.onset < onsets.peak).all()
    assert (onsets.peak - onsets.trough <= 45).all()
    assert (onsets.rise >= 1e-3).all()
    assert (np.diff(onsets.onset) > 0).all()


def test_onsets_move_with_the_film():
    motion = ramp((0, 1), (20, 1), (50, 3), (90, 1), (120, 3), (160, 3))
    later = np.r_[np.full(30, motion[0]), motion]
    assert (find_onsets(later).onset == find_onsets(motion).onset + 30).all()


def test_a_quiet_film_has_an_empty_table():
    table = find_onsets(np.zeros(200))
    assert len(table) == 0
    assert table.onset.dtype == int


@pytest.mark.parametrize(
    ("motion", "width", "message"),
    [
        (np.zeros(4), 5, "more than 5 frames"),
        (np.r_[np.zeros(50), np.nan], 5, "1 values that are not finite"),
    ],
)
def test_unusable_series_are_refused(motion, width, message):
    with pytest.raises(ValueError, match=message):
        find_onsets(motion, width=width)


def test_no_rise_leads_from_one_piece_into_another():
    motion = np.full(400, 1e-3)
    motion[100:200] = 4e-3
    whole = find_onsets(motion)
    assert whole.onset.tolist() == [97]
    pieces = pd.DataFrame({"film": ["a", "b"], "start": [0, 100], "stop": [100, 400]})
    assert find_onsets(motion, pieces=pieces).empty
    pieces = pd.DataFrame({"film": ["a", "b"], "start": [0, 40], "stop": [40, 400]})
    assert find_onsets(motion, pieces=pieces).equals(find_onsets(motion))


def test_a_mean_of_a_sixth_of_a_second_counts_frames_in_part():
    motion = np.random.default_rng(0).random(40)
    mean = _centred_mean(motion, 25 / 6)
    at = 10
    edge = (25 / 6 - 3) / 2
    by_hand = motion[at - 1 : at + 2].sum() + edge * (motion[at - 2] + motion[at + 2])
    assert mean[at] == pytest.approx(by_hand / (25 / 6))
    assert np.isnan(mean[:2]).all() and np.isfinite(mean[2:-2]).all()
    np.testing.assert_array_equal(_centred_mean(motion, 5.0)[2:-2], _means_of_five(motion))


@pytest.mark.parametrize("fps", [20, 25, 30, 30.01, 33, 45])
def test_a_piece_too_short_for_its_mean_holds_no_rise(fps):
    motion = np.linspace(0, 1, 12)
    for stop in range(1, 12):
        assert len(find_onsets(motion, fps=fps, pieces=whole(stop))) <= 1


def _means_of_five(motion):
    return np.lib.stride_tricks.sliding_window_view(motion, 5).mean(axis=1)
