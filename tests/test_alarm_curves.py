import numpy as np
import pytest
from sklearn.metrics import auc

from fishlib.evaluation.alarms import (
    alarm_curve,
    alarm_scores,
    alarm_table,
    curve_area,
    curve_thresholds,
    watch,
)
from fishlib.evaluation.bootstrap import resample_counts
from fishlib.questions import find_onsets


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
    late = alarm_curve(forecast, watch(forecast, onsets, 45), min_lead=1.0)
    assert late.sensitivity.max() > 0.9


def test_thresholds_fall_and_span_the_forecast():
    forecast = np.r_[np.nan, np.random.default_rng(0).random(1000)]
    thresholds = curve_thresholds(forecast)
    assert (np.diff(thresholds) < 0).all()
    assert thresholds[0] == np.nanmax(forecast)
    assert thresholds[-1] == np.nanmin(forecast)


def test_bootstrap_samples_equal_direct_counts_on_repeated_frames():
    """The interval of few resamples spans the values counted by hand in each of them."""
    rng = np.random.default_rng(3)
    forecast = rng.random(1500)
    seen = watch(forecast, np.sort(rng.choice(np.arange(45, 1500), 30, replace=False)), 45)
    onsets = seen.onsets
    table = alarm_table({"p": forecast}, onsets, {"p": 0.97}, min_leads=(0.25,), block=100,
                        n_resamples=3, seed=5).set_index("score")  # fmt: skip
    counts = np.vstack(list(resample_counts(1455, 100, 3, 5, batch=3)))
    full = np.zeros((3, 1500))
    full[:, 45:] = counts
    alarms = [t for t in range(1500) if forecast[t] >= 0.97]
    kept = [alarms[0]]
    for t in alarms:
        kept += [t] if t >= kept[-1] + 45 else []
    covered = np.array([any(8 <= t - a <= 45 for a in kept) for t in range(1500)])
    sensitivity = full[:, onsets[covered[onsets]]].sum(1) / full[:, onsets].sum(1)
    in_warning = full[:, covered & seen.watched].sum(1) / full.sum(1)
    for score, values in {"sensitivity": sensitivity, "time_in_warning": in_warning}.items():
        ends = np.quantile(values, [0.025, 0.975])
        assert table.loc[score, ["low", "high"]].tolist() == pytest.approx(list(ends), abs=1e-6)
    assert table.loc["excess", "value"] == alarm_scores(forecast, 0.97, seen, 0.25)["excess"]


def test_half_a_second_ahead_the_published_network_is_at_chance(published):
    """Sensitivity exceeds that of random alarms at no lead of 0.5 s or more."""
    series = published.load_series("test")
    onsets = find_onsets(series["motion"]).onset.to_numpy()
    forecasts = {"convlstm": series["convlstm"], "baseline": series["baseline"]}
    table = alarm_table(
        forecasts, onsets, {"convlstm": 0.308, "baseline": 0.604}, n_resamples=200
    ).set_index(["score", "min_lead_s", "name"])
    for name in forecasts:
        assert table.loc[("area", 0.0, name), "low"] > 0.5
        for lead in (0.5, 1.0):
            assert table.loc[("excess", lead, name), "low"] < 0
            assert table.loc[("area", lead, name), "low"] < 0.5
