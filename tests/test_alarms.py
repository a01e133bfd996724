import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc

from fishlib.evaluation.alarms import (
    add_warnings,
    alarm_curve,
    alarm_scores,
    alarm_table,
    curve_area,
    curve_thresholds,
    false_alarms,
    raise_alarms,
    watch,
    watched_frames,
)
from fishlib.evaluation.intervals import cut_blocks
from fishlib.questions import find_onsets
from fishlib.splits import whole


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


@pytest.mark.parametrize("min_lead", [0, 1 / 30, 0.1])
def test_what_alarms_cover_equals_their_definition(min_lead):
    rng = np.random.default_rng(0)
    forecast = rng.random(400)
    forecast[rng.random(400) < 0.01] = np.nan
    seen = watch(forecast, np.arange(0, 400, 7), 5)
    alarms, first = slow_alarms(forecast, 0.8, 5), max(round(30 * min_lead), 1)
    covered = np.array([any(first <= t - a <= 5 for a in alarms) for t in range(400)])
    scores = alarm_scores(forecast, 0.8, seen, min_lead)
    assert scores["time_in_warning"] == pytest.approx(covered[seen.watched].mean())
    assert scores["sensitivity"] == pytest.approx(covered[seen.onsets].mean())


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
    assert seen.watched.sum() == 60 * seen.fps
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


def test_area_equals_scikit_learn_on_a_rising_curve():
    x, y = np.array([[0.1, 0.4, 0.7], [0.2, 0.3, 0.9]]), np.array([[0.3, 0.5, 0.9], [0, 0.1, 1]])
    expected = [auc(np.r_[0, a, 1], np.r_[0, b, 1]) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(curve_area(x, y), expected)
    np.testing.assert_allclose(curve_area(x[:, ::-1], y[:, ::-1]), expected)


def test_random_forecasts_have_half_the_area():
    areas = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        forecast = rng.random(6000)
        seen = watch(forecast, np.sort(rng.choice(6000, 60, replace=False)), 45)
        curve = alarm_curve(forecast, seen)
        areas.append(curve_area(curve.time_in_warning, curve.sensitivity))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.015)


def test_a_forecast_that_knows_the_onsets_has_nearly_all_of_it():
    onsets = np.arange(200, 9000, 300)
    to_next = np.array([min((o - t for o in onsets if o > t), default=999) for t in range(9000)])
    forecast = np.where(to_next <= 40, 1 - to_next / 1000, -to_next / 1000)
    curve = alarm_curve(forecast, watch(forecast, onsets, 45))
    assert curve_area(curve.time_in_warning, curve.sensitivity) > 0.9


def test_thresholds_fall_and_span_the_forecast():
    forecast = np.r_[np.nan, np.random.default_rng(0).random(1000)]
    thresholds = curve_thresholds(forecast)
    assert (np.diff(thresholds) < 0).all()
    assert thresholds[0] == np.nanmax(forecast)
    assert thresholds[-1] == np.nanmin(forecast)


def test_scores_without_each_block_equal_counts_in_what_is_left():
    rng = np.random.default_rng(3)
    forecast = rng.random(1500)
    onsets = np.sort(rng.choice(np.arange(45, 1500), 60, replace=False))
    seen = watch(forecast, onsets, 45)
    blocks = cut_blocks(seen.watched, whole(1500), 150)
    scores = alarm_scores(forecast, 0.97, seen, 0.25, blocks)
    alarms = np.array(slow_alarms(forecast, 0.97, 45))
    false = [a for a in alarms if a + 45 < 1500 and not np.any((onsets > a) & (onsets <= a + 45))]
    block = np.r_[np.zeros(45, int), blocks.of]  # what is not watched belongs to the next that is
    for k in range(-1, blocks.count):
        left = alarms[block[alarms] != k]
        covered = np.array([any(8 <= t - a <= 45 for a in left) for t in range(45, 1500)])
        asked = onsets[block[onsets] != k]
        caught = [any(8 <= o - a <= 45 for a in alarms) for o in asked]
        watched = np.sum(blocks.of != k)
        assert scores["time_in_warning"][k + 1] == pytest.approx(covered.sum() / watched)
        assert scores["sensitivity"][k + 1] == pytest.approx(np.mean(caught))
        minutes, mine = watched / 1800, np.sum(block[np.array(false)] != k)
        assert scores["false_alarms_per_minute"][k + 1] == pytest.approx(mine / minutes)
    table = alarm_table({"p": forecast}, {"p": 0.97}, seen, blocks)
    row = table.set_index(["min_lead_s", "score"]).loc[(0.25, "excess")]
    assert row.value == alarm_scores(forecast, 0.97, seen, 0.25)["excess"]
    assert row.low < row.value < row.high
    assert row.blocks == 10


def test_half_a_second_ahead_the_published_network_is_at_chance(published):
    """Sensitivity exceeds that of random alarms at no lead of 0.5 s or more."""
    series = published.load_series("test")
    onsets = find_onsets(series["motion"]).onset.to_numpy()
    forecasts = {"convlstm": series["convlstm"], "baseline": series["baseline"]}
    seen = watch(sum(forecasts.values()), onsets)
    blocks = cut_blocks(seen.watched, whole(len(seen.watched)))
    table = alarm_table(forecasts, {"convlstm": 0.308, "baseline": 0.604}, seen, blocks)
    table = table.set_index(["score", "min_lead_s", "name"])
    for name in forecasts:
        assert table.loc[("area", 0.0, name), "low"] > 0.5
        for lead in (0.5, 1.0):
            assert table.loc[("excess", lead, name), "low"] < 0
            assert table.loc[("area", lead, name), "low"] < 0.5


def test_an_onset_gets_the_first_alarm_that_covers_it():
    onsets = pd.DataFrame({"onset": [4, 93]})
    table = add_warnings(onsets, np.array([4, 47, 48, 60, 93]), horizon=45)
    assert table.alarm.isna().tolist() == [True, False]
    assert table.alarm[1] == 48  # 47 is more than 45 frames before 93
    assert table.lead_s[1] == pytest.approx(45 / 30)
    assert add_warnings(onsets, np.array([], int)).alarm.isna().all()
    assert len(add_warnings(onsets.iloc[:0], np.array([3]))) == 0


def test_nothing_is_watched_across_a_border_of_pieces():
    pieces = pd.DataFrame({"film": ["a", "b"], "start": [0, 100], "stop": [100, 200]})
    watched = watched_frames(np.zeros(200), 45, pieces)
    np.testing.assert_array_equal(np.flatnonzero(~watched), np.r_[:45, 100:145])
    seen = watch(np.zeros(200), np.array([60, 110]), 45, pieces=pieces)
    assert seen.onsets.tolist() == [60]
    assert false_alarms(np.array([70, 150]), seen).tolist() == [150]  # 70 + 45 is another film
