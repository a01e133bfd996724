import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from fishlib.evaluation.scores import (
    calibrate,
    corp_decomposition,
    reliability_curve,
    undo_class_weights,
)


def overconfident(n_frames, seed=0):
    """Labels drawn from a known probability, and a forecast that doubles its log-odds."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1, n_frames)
    return (rng.random(n_frames) < expit(odds)).astype(int), expit(odds), expit(2 * odds + 0.5)


def test_calibration_recovers_the_known_probability():
    label, _, forecast = overconfident(40_000)
    calibration = calibrate(label, forecast)
    assert calibration.slope == pytest.approx(0.5, abs=0.03)
    label, truth, forecast = overconfident(2_000, seed=1)
    np.testing.assert_allclose(calibration(forecast), truth, atol=0.03)


@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
def test_calibrating_a_score_keeps_its_order_at_any_scale(scale):
    label, _, forecast = overconfident(3_000)
    score = -1 + scale * np.log(forecast)
    calibrated = calibrate(label, score)(score)
    assert roc_auc_score(label, calibrated) == roc_auc_score(label, forecast)
    assert calibrated.mean() == pytest.approx(label.mean(), abs=1e-3)


def test_calibration_leaves_gaps_as_gaps():
    label, _, forecast = overconfident(200)
    forecast[:5] = np.nan
    assert np.isnan(calibrate(label, forecast)(forecast)).sum() == 5


def test_undoing_class_weights_inverts_what_they_do():
    """A weighted fit of a constant forecast gives w1 k / (w1 k + w0 (n - k)); undone, k / n."""
    weights, share = {0: 0.133, 1: 0.866}, 0.154
    inflated = weights[1] * share / (weights[1] * share + weights[0] * (1 - share))
    assert inflated > 0.5
    assert undo_class_weights(np.array([inflated]), weights)[0] == pytest.approx(share)


@pytest.mark.parametrize("weights", [{0: 1.0}, {0: 0.0, 1: 1.0}])
def test_unusable_class_weights_are_refused(weights):
    with pytest.raises(ValueError, match="Class weights"):
        undo_class_weights(np.array([0.5]), weights)


def test_corp_terms_add_up_to_the_brier_score():
    label, _, forecast = overconfident(2_000)
    terms = corp_decomposition(label, forecast)
    brier = np.mean((forecast - label) ** 2)
    total = terms["miscalibration"] - terms["discrimination"] + terms["uncertainty"]
    assert total == pytest.approx(brier)


def test_corp_terms_of_a_hand_worked_forecast():
    """Forecasts 0.2 (1 of 4 true) and 0.9 (3 of 4): recalibrated to 1/4 and 3/4."""
    label = np.array([1, 0, 0, 0, 1, 1, 1, 0])
    forecast = np.array([0.2] * 4 + [0.9] * 4)
    terms = corp_decomposition(label, forecast)
    assert terms["uncertainty"] == pytest.approx(0.25)
    assert terms["discrimination"] == pytest.approx(0.25 - 3 / 16)
    assert terms["miscalibration"] == pytest.approx((0.05**2 + 0.15**2) / 2)
    table = reliability_curve(label, forecast)
    assert table.frequency.tolist() == [0.25, 0.75]
    assert table.forecast.tolist() == pytest.approx([0.2, 0.9])
    assert table.frames.tolist() == [4, 4]


def test_miscalibration_needs_a_probability():
    label, _, forecast = overconfident(100)
    terms = corp_decomposition(label, np.log(forecast))
    assert np.isnan(terms["miscalibration"])
    assert terms["discrimination"] == corp_decomposition(label, forecast)["discrimination"]


def test_reliability_frequencies_rise_and_average_to_the_base_rate():
    label, _, forecast = overconfident(2_000)
    table = reliability_curve(np.r_[label, -1], np.r_[forecast, 0.5])
    assert (np.diff(table.frequency) > 0).all()
    assert table.frames.sum() == 2_000
    assert np.average(table.frequency, weights=table.frames) == pytest.approx(label.mean())
