import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from fishlib.evaluation.scores import (
    best_thresholds,
    comparable_frames,
    confusion_rates,
    is_probability,
    probability_scores,
)


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    label = (rng.random(300) < 0.3).astype(int)
    return label, np.round(np.clip(0.3 * label + rng.random(300) * 0.7, 0, 1), 2)


def test_frames_are_kept_where_everything_is_defined():
    label = np.array([1, 0, -1, 1, 0, 0])
    first = np.array([0.1, np.nan, 0.2, 0.3, 0.4, 0.5])
    second = np.array([0.1, 0.2, 0.3, 0.4, np.nan, 0.5])
    kept = comparable_frames(label, {"first": first, "second": second})
    assert kept.tolist() == [True, False, False, True, False, True]


@pytest.mark.parametrize(
    ("label", "forecast", "message"),
    [
        ([1, 0, 1], [0.1, 0.2], "shape"),
        ([1, 0, 1], [np.nan] * 3, "No labelled frame"),
        ([1, 1, -1], [0.1, 0.2, 0.3], "labelled 1"),
        ([1, 0, 2], [0.1, 0.2, 0.3], "1, 0 and -1"),
        ([1, 0, 1], [0.1, np.inf, 0.3], "infinite"),
    ],
)
def test_unusable_input_is_refused_by_name(label, forecast, message):
    with pytest.raises(ValueError, match=message):
        comparable_frames(np.array(label), {"p": np.array(forecast)})


def test_no_forecast_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        comparable_frames(np.array([1, 0]), {})


def test_probability_scores_equal_scikit_learn(frames):
    label, forecast = frames
    ours = probability_scores(label, forecast, base_rate=0.2)
    assert ours["brier"] == pytest.approx(brier_score_loss(label, forecast))
    assert ours["log_loss"] == pytest.approx(log_loss(label, forecast))
    constant = brier_score_loss(label, np.full(300, 0.2))
    assert ours["brier_skill"] == pytest.approx(1 - ours["brier"] / constant)


def test_a_score_outside_0_1_gets_no_probability_score(frames):
    label, forecast = frames
    assert not is_probability(-forecast)
    assert np.isnan(list(probability_scores(label, -forecast, 0.2).values())).all()


def test_thresholds_are_the_best_of_all(frames):
    label, forecast = frames
    tried = {t: confusion_rates(label, forecast, t) for t in [*np.unique(forecast), 1.01]}
    for rule, score in {"max_accuracy": "accuracy", "max_youden": "youden"}.items():
        chosen = confusion_rates(label, forecast, best_thresholds(label, forecast)[rule])
        assert chosen[score] == pytest.approx(max(rates[score] for rates in tried.values()))


def test_never_calling_is_among_the_thresholds():
    label = np.array([0, 0, 0, 1])
    forecast = np.array([0.9, 0.8, 0.7, 0.1])
    threshold = best_thresholds(label, forecast)["max_accuracy"]
    assert confusion_rates(label, forecast, threshold)["accuracy"] == 0.75
    assert np.isfinite(threshold)


def test_confusion_rates_equal_scikit_learn(frames):
    label, forecast = frames
    rates = confusion_rates(label, forecast, 0.4)
    called = forecast >= 0.4
    assert rates["accuracy"] == pytest.approx(accuracy_score(label, called))
    assert rates["tpr"] == pytest.approx(sum(called & (label == 1)) / sum(label))
    assert rates["fpr"] == pytest.approx(sum(called & (label == 0)) / sum(1 - label))
