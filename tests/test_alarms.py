import numpy as np
import pytest

from fishlib.evaluation.alarms import (
    alarm_scores,
    covered_frames,
    false_alarms,
    raise_alarms,
    watch,
    watched_frames,
)


def slow_alarms(forecast, threshold, horizon):
    alarms, free = [], 0
    for t, p in enumerate(forecast):
        if t >= free and p >= threshold:
            alarms.append(t)
            free = t + horizon
    return alarms


@pytest.mark.parametrize("threshold", [-1, 0.3, 0.9, 2])
def test_alarms_equal_a_frame_by_frame_loop(threshold):
    rng = np.random.default_rng(0)
    forecast = rng.random(500)
    forecast[rng.random(500) < 0.1] = np.nan
    assert raise_alarms(forecast, threshold, 7).tolist() == slow_alarms(forecast, threshold, 7)


@pytest.mark.parametrize("min_lead", [0, 1, 3])
def test_covered_frames_equal_their_definition(min_lead):
    alarms = np.array([2, 9, 28])
    expected = [
        any(max(min_lead, 1) <= t - alarm <= 5 for alarm in alarms.tolist()) for t in range(30)
    ]
    assert covered_frames(alarms, 30, 5, min_lead).tolist() == expected


@pytest.mark.parametrize("horizon", [1, 4, 5])
def test_a_frame_is_watched_if_the_forecast_was_there_before(horizon):
    forecast = np.zeros(30)
    forecast[[0, 12]] = np.nan
    expected = [
        t >= horizon and bool(np.isfinite(forecast[t - horizon : t]).all()) for t in range(30)
    ]
    assert watched_frames(forecast, horizon).tolist() == expected


def test_constant_alarm_covers_everything():
    seen = watch(np.zeros(500), np.array([100, 300]), 45)
    scores = alarm_scores(np.zeros(500), -1, seen)
    assert scores["sensitivity"] == scores["time_in_warning"] == 1
    assert scores["excess"] == 0


def test_a_hand_worked_minute():
    """Alarms at 100, 400 and 700 with 45 frames each; onsets at 110, 440 and 1500."""
    forecast = np.zeros(1845)
    forecast[[100, 105, 400, 700]] = 1
    seen = watch(forecast, np.array([110, 440, 1500]), 45)
    assert seen.minutes == 1
    scores = alarm_scores(forecast, 0.5, seen)
    assert scores["alarms"] == 3
    assert scores["sensitivity"] == pytest.approx(2 / 3)
    assert scores["time_in_warning"] == pytest.approx(3 * 45 / 1800)
    assert scores["excess"] == pytest.approx(2 / 3 - 0.075)
    assert scores["false_alarms_per_minute"] == 1
    assert scores["median_lead_s"] == pytest.approx((10 + 40) / 2 / 30)
    later = alarm_scores(forecast, 0.5, seen, min_lead=0.5)
    assert later["sensitivity"] == pytest.approx(1 / 3)
    assert later["time_in_warning"] == pytest.approx(3 * 31 / 1800)
    assert later["median_lead_s"] == pytest.approx(40 / 30)
    assert later["false_alarms_per_minute"] == 1


def test_an_alarm_whose_time_is_not_over_is_not_false():
    seen = watch(np.zeros(200), np.array([60]), 45)
    assert false_alarms(np.array([20, 100, 170]), seen).tolist() == [100]


def test_no_alarm_is_no_warning():
    seen = watch(np.zeros(200), np.array([60]), 45)
    scores = alarm_scores(np.zeros(200), 1, seen)
    assert scores["sensitivity"] == scores["time_in_warning"] == 0
    assert np.isnan(scores["median_lead_s"])


def test_onsets_out_of_reach_are_refused():
    with pytest.raises(ValueError, match="no onset among"):
        watch(np.zeros(200), np.array([10]), 45)
    with pytest.raises(ValueError, match="count both from the same frame"):
        watch(np.zeros(200), np.array([210]), 45)
