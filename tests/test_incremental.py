import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from fishlib.evaluation.beyond import (
    auc_at_equal_level,
    auc_by_level,
    share_of_the_way,
    stacking_gain,
)
from fishlib.forecasters.regressions import fit_history_forecaster
from fishlib.forecasters.rules import level_forecast
from fishlib.questions import label_bursts


def two_causes(n_frames=4000, second=1.0, seed=0):
    """Labels with two independent causes, of which each forecast knows one."""
    rng = np.random.default_rng(seed)
    first, other = rng.normal(size=(2, n_frames))
    label = (rng.random(n_frames) < expit(-1 + first + second * other)).astype(int)
    return label, expit(-1 + first), expit(other)


def test_stacking_gain_equals_the_same_fits_by_hand():
    label, history, added = two_causes(1000)
    label[:10] = -1
    halves = [
        (np.arange(10, 455), np.arange(505, 1000)),
        (np.arange(555, 1000), np.arange(10, 505)),
    ]
    losses = {1: 0.0, 2: 0.0}
    x = np.column_stack([np.log(p / (1 - p)) for p in (history, added)])
    for fit, test in halves:
        for k in losses:
            model = LogisticRegression(C=1e6).fit(x[fit, :k], label[fit])
            p = model.predict_proba(x[test, :k])[:, 1]
            losses[k] += log_loss(label[test], p, normalize=False) / 990
    gain = stacking_gain(label, history, added, embargo=50, block=50, n_resamples=50)
    assert gain["without"] == pytest.approx(losses[1])
    assert gain["with"] == pytest.approx(losses[2])
    assert gain["gain"] == pytest.approx(losses[1] - losses[2])


def test_a_second_cause_is_a_gain_and_noise_is_none():
    label, history, added = two_causes()
    gain = stacking_gain(label, history, added, block=20, n_resamples=200)
    assert 0 < gain["low"] < gain["gain"] < gain["high"]
    noise = np.random.default_rng(9).normal(size=len(label))
    none = stacking_gain(label, history, noise, block=20, n_resamples=200)
    assert none["low"] < 0
    assert abs(none["gain"]) < gain["gain"] / 20


def test_halves_without_both_classes_are_refused():
    label, history, added = two_causes(1000)
    with pytest.raises(ValueError, match="one class"):
        stacking_gain(label, history, added, embargo=500, block=50, n_resamples=2)


def test_equal_level_counts_pairs_within_bins():
    label, history, added = two_causes(600)
    level = np.round(-history, 1)
    table = auc_at_equal_level(label, {"p": added}, level, 4, block=50, n_resamples=20)
    edges = np.quantile(level, [0.25, 0.5, 0.75])
    right = pairs = 0
    for k in range(4):
        inside = np.searchsorted(edges, level, "right") == k
        if not inside.any():
            continue
        y, p = label[inside], added[inside]
        count = y.sum() * (1 - y).sum()
        right, pairs = right + roc_auc_score(y, p) * count, pairs + count
    assert table.auc[0] == pytest.approx(right / pairs)
    assert table.low[0] < table.auc[0] < table.high[0]


def test_a_copy_of_the_level_knows_nothing_beyond_it():
    label, history, _ = two_causes()
    forecasts = {"level": history, "a little later": 1.0 * np.round(history, 1)}
    table = auc_at_equal_level(label, forecasts, np.round(history, 2), 200, block=50, n_resamples=9)
    assert table.auc.tolist() == pytest.approx([0.5, 0.5], abs=0.03)


def test_each_level_bin_equals_scikit_learn():
    label, history, added = two_causes(600)
    table = auc_by_level(label, {"p": added}, history, 3, block=50, n_resamples=20)
    bins = np.searchsorted(np.quantile(history, [1 / 3, 2 / 3]), history, "right")
    expected = [roc_auc_score(label[bins == k], added[bins == k]) for k in range(3)]
    assert table.auc.tolist() == pytest.approx(expected)
    assert table.frames.sum() == 600
    assert (np.diff(table.level) > 0).all()


def test_share_of_the_way_is_linear_between_history_and_oracle():
    assert share_of_the_way(0.8, 0.7, 0.9) == pytest.approx(0.5)
    shares = share_of_the_way(np.array([0.7, 0.9, 0.6, 0.8]), 0.7, np.array([0.9, 0.9, 0.9, 0.7]))
    np.testing.assert_allclose(shares, [0, 1, -0.5, np.nan])


def test_the_published_network_adds_nothing_to_the_motion_proxy(published):
    """Reference: gain -0.3 milli-nats [-0.95, 0.08], AUC at equal level 0.53."""
    train, test = published.load_series("train"), published.load_series("test")
    fitted = fit_history_forecaster([train["motion"]], [label_bursts(train["motion"])])
    label = label_bursts(test["motion"])
    gain = stacking_gain(label, fitted.forecast(test["motion"]), test["convlstm"])
    assert gain["low"] < 0
    assert abs(gain["gain"]) < 2e-3
    level = -level_forecast(test["motion"])
    table = auc_at_equal_level(label, {"convlstm": test["convlstm"]}, level)
    assert table.auc[0] == pytest.approx(0.53, abs=0.005)
