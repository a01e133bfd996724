"""Alarms stand where they were raised."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fishlib.figures.series import plot_alarm_raster, plot_study_comparison
from fishlib.figures.skill import plot_warning_curve
from fishlib.figures.style import page

MOTION = 1e-3 + 1e-4 * np.random.default_rng(0).random(600)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_raster_bars_cover_the_horizon():
    axes = plot_alarm_raster(MOTION, {"level": [30, 300]}, fps=30, onsets=[60, 599], stop=500)
    bars = [(bar.get_x(), bar.get_width()) for bar in axes[1].patches]
    assert bars == [(1.0, 1.5), (10.0, 1.5)]
    for ax in axes:
        (dashes,) = ax.collections
        assert [segment[0, 0] for segment in dashes.get_segments()] == [2.0]


def test_raster_without_onsets_has_no_legend():
    assert plot_alarm_raster(MOTION, {"level": [30]})[0].get_legend() is None


def test_warning_curve_is_closed_at_both_corners():
    curve = pd.DataFrame({"time_in_warning": [0.5, 0.2], "sensitivity": [0.8, 0.4]})
    line, diagonal = plot_warning_curve({"level": curve}).get_lines()
    np.testing.assert_allclose(line.get_xdata(), [0, 0.2, 0.5, 1])
    np.testing.assert_allclose(line.get_ydata(), [0, 0.4, 0.8, 1])
    assert list(diagonal.get_xdata()) == [0, 1]


@pytest.mark.parametrize("width", [9.0, 3.9])
def test_squares_stand_above_the_called_frames_only(width):
    forecast = np.full(600, 0.2)
    forecast[[10, 11, 350]] = 0.9
    forecast[:5] = np.nan
    label = (forecast > 0.5).astype(int)
    data = MOTION, label, {"CNN": forecast}, {"CNN": 0.5}
    with page(width):
        axes = plot_study_comparison(*data)
    assert axes.shape == (1, 2)
    whole, part = ([line for line in ax.get_lines() if line.get_marker() == "s"] for ax in axes[0])
    np.testing.assert_allclose(30 * whole[0].get_xdata(), [10, 11, 350])
    np.testing.assert_allclose(30 * part[0].get_xdata(), [350])
