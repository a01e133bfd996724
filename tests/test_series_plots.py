"""The traces show the numbers they were given, at the right time and in the right unit."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fishlib.figures.series import plot_label_timeline, plot_motion, plot_split
from fishlib.motion import runs_of

SPEED = np.array([1.0, 2.0, 4.0, 3.0, 1.0, 5.0]) * 1e-3
LABEL = np.array([-1, 1, 0, 1, 1, -1])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_motion_is_drawn_in_seconds_and_thousandths():
    x, y = plot_motion(SPEED, fps=2.0, start=1, stop=5).get_lines()[0].get_data()
    np.testing.assert_allclose(x, [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(y, [2, 4, 3, 1])


@pytest.mark.parametrize("plot", [plot_motion, plot_label_timeline])
def test_dots_stand_on_positive_frames(plot):
    lines = plot(SPEED, fps=1.0, label=LABEL).get_lines()
    dots = next(line for line in lines if line.get_marker() == "o")
    np.testing.assert_allclose(dots.get_xdata(), [1, 3, 4])
    np.testing.assert_allclose(dots.get_ydata(), [2, 3, 1])


def test_forecast_colors_the_trace_and_leaves_gaps_grey():
    forecast = np.array([np.nan, 0.0, 0.25, 0.5, 1.0, 1.0])
    (colors,) = plot_motion(SPEED, forecast=forecast).collections
    values = colors.get_array()
    assert values.mask.tolist() == [True, False, False, False, False]
    np.testing.assert_allclose(values[1:], [0, 0.25, 0.5, 1])
    assert colors.get_clim() == (0, 1)


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match="fewer than 2 of the 6 frames"):
        plot_motion(SPEED, start=5)


def test_runs_equal_a_slow_loop():
    mask = np.random.default_rng(0).random(200) < 0.4
    runs, start = [], None
    for i, on in enumerate([*mask, False]):
        if on and start is None:
            start = i
        if not on and start is not None:
            runs.append((start, i - 1))
            start = None
    np.testing.assert_array_equal(runs_of(mask), runs)


def test_split_spans_are_minutes_and_counts():
    ax = plot_split(np.ones(6000), {"train": slice(0, 3600), "test": slice(3765, 6000)}, fps=30)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["train, 3,600 frames", "test, 2,235 frames"]
    np.testing.assert_allclose(
        ax.patches[0].get_extents().transformed(ax.transData.inverted()).intervalx, [0, 2]
    )
