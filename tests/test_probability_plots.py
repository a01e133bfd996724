"""Thresholds, histograms and reliability against brute force."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fishlib.figures.skill import plot_forecast_histogram, plot_reliability, plot_threshold_curves

rng = np.random.default_rng(8)
P = rng.random(800).round(2)
LABEL = (rng.random(800) < P**2).astype(int)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_accuracy_and_youden_equal_a_loop_over_thresholds():
    accuracy, _, youden, *_ = plot_threshold_curves(LABEL, P).get_lines()
    for line, score in (
        (accuracy, lambda called: np.mean(called == LABEL)),
        (youden, lambda called: called[LABEL == 1].mean() - called[LABEL == 0].mean()),
    ):
        slow = [score(threshold <= P) for threshold in line.get_xdata()]
        np.testing.assert_allclose(line.get_ydata(), slow)
    assert f"best {max(accuracy.get_ydata()):.3f}" in accuracy.get_label()


def test_histogram_heights_are_shares_of_each_class():
    ax = plot_forecast_histogram(LABEL, P, threshold=0.4)
    for patch, value in zip(ax.patches, (0, 1), strict=True):
        corners = patch.get_xy()
        widths = np.diff(corners[:, 0])
        total = np.sum(corners[1:, 1] * np.clip(widths, 0, None)) / (1 / 40)
        assert total == pytest.approx(100)
        assert f"{np.sum(value == LABEL):,} frames" in patch.get_label()


def test_reliability_of_a_calibrated_forecast_lies_near_the_diagonal():
    p = rng.random(40_000)
    label = (rng.random(40_000) < p).astype(int)
    x, y = plot_reliability(label, {"oracle": p})[0].get_lines()[0].get_data()
    assert np.all(np.diff(y) >= 0)
    inner = (x > 0.05) & (x < 0.95)
    assert np.abs(x - y)[inner].max() < 0.06


def test_reliability_of_a_score_is_refused():
    with pytest.raises(ValueError, match="not a probability"):
        plot_reliability(LABEL, {"level": P - 2})
