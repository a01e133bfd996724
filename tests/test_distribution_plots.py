"""Distributions and autocorrelations against slow or closed forms."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fishlib.figures.series import plot_motion_distribution, plot_run_lengths
from fishlib.motion import autocorrelation


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_autocorrelation_equals_its_definition():
    x = np.random.default_rng(1).normal(size=300).cumsum()
    centred = x - x.mean()
    slow = [np.sum(centred[: 300 - k] * centred[k:]) / np.sum(centred**2) for k in range(40)]
    np.testing.assert_allclose(autocorrelation(x, 39), slow, atol=1e-10)


def test_run_lengths_and_their_median():
    label = np.array([0, 1, 0, 1, 1, 0, 1, 1, 1, -1, 1, 1, 1])
    ax = plot_run_lengths(label, fps=10)
    assert [patch.get_height() for patch in ax.patches] == [1, 1, 2]
    assert "median 2.5 frames = 0.25 s" in ax.texts[0].get_text()
    assert "4 runs" in ax.texts[0].get_text()


def test_no_positive_frame_is_refused():
    with pytest.raises(ValueError, match="no positive frame"):
        plot_run_lengths(np.zeros(5, int))


def test_densities_have_area_one():
    values = np.random.default_rng(2).uniform(0, 1e-3, 5000)
    ax = plot_motion_distribution({"a film": np.append(values, np.nan)}, level=5e-4)
    corners = ax.patches[0].get_xy()
    area = np.trapezoid(corners[:, 1], corners[:, 0])
    assert abs(area) == pytest.approx(1, abs=0.02)
    assert ax.get_lines()[0].get_xdata()[0] == pytest.approx(0.5)
