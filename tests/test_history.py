import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fishlib.forecasters.history import (
    KINDS,
    N_LAGS,
    fit_history_forecaster,
    fit_history_forecasters,
    history_features,
)
from fishlib.labels import label_bursts


@pytest.fixture(scope="module")
def speed():
    rng = np.random.default_rng(5)
    return np.convolve(rng.exponential(1e-3, 4000), np.ones(8) / 8, "same")


def test_features_equal_a_loop(speed):
    features = history_features(speed)
    assert np.isnan(features[:N_LAGS]).all()
    for t in (119, 500, 3999):
        past = speed[t - 119 : t][::-1]
        np.testing.assert_allclose(features[t, :119], past)
        window = past[:10]
        place = (past[0] - window.min()) / np.ptp(window)
        expected = [window.mean(), window.min(), window.max(), window.std(), place]
        np.testing.assert_allclose(features[t, 119 + 10 : 119 + 15], expected)


@pytest.mark.parametrize("kind", ["logistic", "boosting", "both"])
def test_the_future_never_changes_a_forecast(speed, kind):
    forecaster = fit_history_forecaster([speed[:1500]], [label_bursts(speed[:1500])], kind)
    film, changed = speed[1500:2500], speed[1500:2500].copy()
    changed[600:] = 0.01
    np.testing.assert_array_equal(
        forecaster.forecast(film)[:601], forecaster.forecast(changed)[:601]
    )
    assert (forecaster.forecast(film)[601:] != forecaster.forecast(changed)[601:]).any()


def test_frames_can_be_asked_for(speed):
    rows = history_features(speed, slice(100, 300))
    np.testing.assert_array_equal(rows, history_features(speed)[100:300])
    forecaster = fit_history_forecaster([speed[:1500]], [label_bursts(speed[:1500])])
    some = forecaster.forecast(speed, np.array([50, 700, 900]))
    assert np.flatnonzero(np.isfinite(some)).tolist() == [700, 900]
    np.testing.assert_allclose(some[[700, 900]], forecaster.forecast(speed)[[700, 900]])
    assert np.isnan(forecaster.forecast(speed, slice(0, 100))).all()


def test_several_films_are_not_joined(speed):
    label = label_bursts(speed)
    whole = history_features(speed)
    parts = [history_features(speed[:2000]), history_features(speed[2000:])]
    assert np.isnan(parts[1][:N_LAGS]).all()
    np.testing.assert_allclose(parts[1][N_LAGS:, :119], whole[2000 + N_LAGS :, :119])
    assert fit_history_forecaster([speed[:2000], speed[2000:]], [label[:2000], label[2000:]])


def test_all_kinds_at_once_equal_each_fitted_alone(speed):
    film, label = [speed[:1500]], [label_bursts(speed[:1500])]
    together = fit_history_forecasters(film, label, seed=3)
    assert list(together) == ["logistic", "boosting", "logistic + boosting"]
    for kind, name in KINDS.items():
        alone = fit_history_forecaster(film, label, kind, seed=3)
        np.testing.assert_array_equal(alone.forecast(speed), together[name].forecast(speed))


def test_more_frames_than_needed_are_thinned_out_evenly(speed):
    few = fit_history_forecaster([speed], [label_bursts(speed)], max_frames=1000)
    every = fit_history_forecaster([speed], [label_bursts(speed)])
    step = round((label_bursts(speed)[N_LAGS:] >= 0).sum() / 1000)
    thinned = np.full(len(speed), -1)
    at = np.flatnonzero(label_bursts(speed) >= 0)[::step]
    thinned[at] = label_bursts(speed)[at]
    same = fit_history_forecaster([speed], [thinned])
    np.testing.assert_array_equal(few.forecast(speed), same.forecast(speed))
    assert not np.array_equal(few.forecast(speed), every.forecast(speed), equal_nan=True)


def test_logistic_regression_beats_every_published_forecast(published):
    train, test = published.load_series("train"), published.load_series("test")
    forecaster = fit_history_forecaster([train["speed"]], [label_bursts(train["speed"])])
    label, forecast = label_bursts(test["speed"]), forecaster.forecast(test["speed"])
    asked = label >= 0
    assert roc_auc_score(label[asked], forecast[asked]) >= 0.873
    assert average_precision_score(label[asked], forecast[asked]) > 0.55


def test_bad_input_is_refused(speed):
    with pytest.raises(ValueError, match="one class only"):
        fit_history_forecaster([speed], [np.zeros(len(speed), np.int8)])
    with pytest.raises(ValueError, match="kind is one of logistic"):
        fit_history_forecaster([speed], [label_bursts(speed)], "oracle")
    with pytest.raises(ValueError, match="119 frames hold no history"):
        history_features(speed[:119])
