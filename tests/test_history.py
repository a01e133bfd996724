import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fishlib.forecasters.regressions import (
    KINDS,
    N_LAGS,
    fit_history_forecaster,
    fit_history_forecasters,
    history_features,
)
from fishlib.questions import label_bursts


@pytest.fixture(scope="module")
def motion():
    rng = np.random.default_rng(5)
    return np.convolve(rng.exponential(1e-3, 4000), np.ones(8) / 8, "same")


def test_features_equal_a_loop(motion):
    features = history_features(motion)
    assert np.isnan(features[:N_LAGS]).all()
    for t in (119, 500, 3999):
        past = motion[t - 119 : t][::-1]
        np.testing.assert_allclose(features[t, :119], past)
        window = past[:10]
        place = (past[0] - window.min()) / np.ptp(window)
        expected = [window.mean(), window.min(), window.max(), window.std(), place]
        np.testing.assert_allclose(features[t, 119 + 10 : 119 + 15], expected)


@pytest.mark.parametrize("kind", ["logistic", "boosting", "both"])
def test_the_future_never_changes_a_forecast(motion, kind):
    forecaster = fit_history_forecaster([motion[:1500]], [label_bursts(motion[:1500])], kind)
    film, changed = motion[1500:2500], motion[1500:2500].copy()
    changed[600:] = 0.01
    np.testing.assert_array_equal(
        forecaster.forecast(film)[:601], forecaster.forecast(changed)[:601]
    )
    assert (forecaster.forecast(film)[601:] != forecaster.forecast(changed)[601:]).any()


def test_frames_can_be_asked_for(motion):
    rows = history_features(motion, slice(100, 300))
    np.testing.assert_array_equal(rows, history_features(motion)[100:300])
    forecaster = fit_history_forecaster([motion[:1500]], [label_bursts(motion[:1500])])
    some = forecaster.forecast(motion, np.array([50, 700, 900]))
    assert np.flatnonzero(np.isfinite(some)).tolist() == [700, 900]
    np.testing.assert_allclose(some[[700, 900]], forecaster.forecast(motion)[[700, 900]])
    assert np.isnan(forecaster.forecast(motion, slice(0, 100))).all()


def test_several_films_are_not_joined(motion):
    label = label_bursts(motion)
    whole = history_features(motion)
    parts = [history_features(motion[:2000]), history_features(motion[2000:])]
    assert np.isnan(parts[1][:N_LAGS]).all()
    np.testing.assert_allclose(parts[1][N_LAGS:, :119], whole[2000 + N_LAGS :, :119])
    assert fit_history_forecaster([motion[:2000], motion[2000:]], [label[:2000], label[2000:]])


def test_all_kinds_at_once_equal_each_fitted_alone(motion):
    film, label = [motion[:1500]], [label_bursts(motion[:1500])]
    together = fit_history_forecasters(film, label, seed=3)
    assert list(together) == ["logistic", "boosting", "logistic + boosting"]
    for kind, name in KINDS.items():
        alone = fit_history_forecaster(film, label, kind, seed=3)
        np.testing.assert_array_equal(alone.forecast(motion), together[name].forecast(motion))


def test_more_frames_than_needed_are_thinned_out_evenly(motion):
    few = fit_history_forecaster([motion], [label_bursts(motion)], max_frames=1000)
    every = fit_history_forecaster([motion], [label_bursts(motion)])
    step = round((label_bursts(motion)[N_LAGS:] >= 0).sum() / 1000)
    thinned = np.full(len(motion), -1)
    at = np.flatnonzero(label_bursts(motion) >= 0)[::step]
    thinned[at] = label_bursts(motion)[at]
    same = fit_history_forecaster([motion], [thinned])
    np.testing.assert_array_equal(few.forecast(motion), same.forecast(motion))
    assert not np.array_equal(few.forecast(motion), every.forecast(motion), equal_nan=True)


def test_logistic_regression_beats_every_published_forecast(published):
    train, test = published.load_series("train"), published.load_series("test")
    forecaster = fit_history_forecaster([train["motion"]], [label_bursts(train["motion"])])
    label, forecast = label_bursts(test["motion"]), forecaster.forecast(test["motion"])
    asked = label >= 0
    assert roc_auc_score(label[asked], forecast[asked]) >= 0.873
    assert average_precision_score(label[asked], forecast[asked]) > 0.55


def test_bad_input_is_refused(motion):
    with pytest.raises(ValueError, match="one class only"):
        fit_history_forecaster([motion], [np.zeros(len(motion), np.int8)])
    with pytest.raises(ValueError, match="kind is one of logistic"):
        fit_history_forecaster([motion], [label_bursts(motion)], "oracle")
    with pytest.raises(ValueError, match="119 frames hold no history"):
        history_features(motion[:119])
