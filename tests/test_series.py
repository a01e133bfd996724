"""The traces show the numbers they were given; an anatomy says what the label function says."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fishlib.figures.series import (
    plot_alarm_raster,
    plot_label_anatomy,
    plot_motion,
    plot_onset_anatomy,
    plot_run_lengths,
    plot_split,
)
from fishlib.figures.style import BURST_COLOR
from fishlib.motion import autocorrelation, runs_of
from fishlib.questions import label_bursts, label_onsets, median_recent_motion

MOTION = np.array([1.0, 2.0, 4.0, 3.0, 1.0, 5.0]) * 1e-3
LABEL = np.array([-1, 1, 0, 1, 1, -1])
WALK = np.abs(1.5e-3 + 1e-3 * np.random.default_rng(3).normal(0, 0.4, 400).cumsum() / 4)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_motion_is_drawn_in_seconds_and_thousandths():
    x, y = plot_motion(MOTION, fps=2.0, start=1, stop=5).get_lines()[0].get_data()
    np.testing.assert_allclose(x, [0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(y, [2, 4, 3, 1])


def test_dots_and_red_strip_stand_on_positive_frames_grey_on_those_not_labelled():
    ax = plot_motion(MOTION, fps=1.0, label=LABEL)
    dots = next(line for line in ax.get_lines() if line.get_marker() == "o")
    np.testing.assert_allclose(dots.get_data(), [[1, 3, 4], [2, 3, 1]])
    red, grey = ax.collections
    assert [segment[:, 0].tolist() for segment in red.get_segments()] == [[1, 1], [3, 4]]
    assert [segment[:, 0].tolist() for segment in grey.get_segments()] == [[0, 0], [5, 5]]
    assert all((segment[:, 1] < 0).all() for segment in red.get_segments())
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["label 1", "grey: not labelled"]


def test_forecast_colors_the_trace_and_leaves_gaps_grey():
    forecast = np.array([np.nan, 0.0, 0.25, 0.5, 1.0, 1.0])
    (colors,) = plot_motion(MOTION, forecast=forecast).collections
    values = colors.get_array()
    assert values.mask.tolist() == [True, False, False, False, False]
    np.testing.assert_allclose(values[1:], [0, 0.25, 0.5, 1])
    assert colors.get_clim() == (0, 1)


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match="fewer than 2 of the 6 frames"):
        plot_motion(MOTION, start=5)


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


@pytest.mark.parametrize("n_folds", [3, 5, 10])
def test_folds_have_colours_of_their_own_and_leave_the_motion_its_room(n_folds):
    edges = np.linspace(0, 57_600, n_folds + 1).astype(int)
    folds = {f"fold {k + 1}": slice(edges[k], edges[k + 1]) for k in range(n_folds)}
    ax = plot_split(np.ones(57_600), folds)
    assert len({patch.get_facecolor() for patch in ax.patches}) == n_folds
    figure = ax.get_figure()
    figure.canvas.draw()
    whole, legend = figure.bbox, ax.get_legend() or figure.legends[0]
    assert ax.get_window_extent().width > 0.8 * whole.width
    for box in (legend.get_window_extent(), ax.yaxis.label.get_window_extent()):
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1
        assert whole.y0 <= box.y0 and box.y1 <= whole.y1


@pytest.mark.parametrize("t", range(120, 340, 20))
def test_verdict_of_a_burst_equals_the_label(t):
    label = label_bursts(WALK)[t]
    ax = plot_label_anatomy(WALK, t)
    title = ax.get_title(loc="left")
    assert title.startswith(f"label {label}:")
    assert (title.count("yes") == 2) == label
    dot = next(line for line in ax.get_lines() if line.get_marker() == "o")
    assert (dot.get_color() == BURST_COLOR) == label


def test_verdict_of_an_onset_equals_the_label():
    label, calm = label_onsets(WALK), median_recent_motion(WALK)
    for t in range(120, 340, 20):
        title = plot_onset_anatomy(WALK, t, calm).get_title(loc="left")
        expected = "not asked" if label[t] == -1 else f"onset label {label[t]}"
        assert title.startswith(expected)
        plt.close("all")


def test_frame_without_future_or_past_is_refused():
    with pytest.raises(ValueError, match="no 45 frames after it"):
        plot_label_anatomy(WALK, 380)
    with pytest.raises(ValueError, match="no 5 frames before it"):
        plot_onset_anatomy(WALK, 2, 1e-3)


def test_autocorrelation_equals_its_definition():
    x = np.random.default_rng(1).normal(size=300).cumsum()
    centred = x - x.mean()
    slow = [np.sum(centred[: 300 - k] * centred[k:]) / np.sum(centred**2) for k in range(40)]
    np.testing.assert_allclose(autocorrelation(x, 39), slow, atol=1e-10)


def test_run_lengths_and_their_median():
    label = np.array([0, 1, 0, 1, 1, 0, 1, 1, 1, -1, 1, 1, 1])
    ax = plot_run_lengths(label, fps=10)
    bars = {round(p.get_x() + p.get_width() / 2): p.get_height() for p in ax.patches}
    assert bars == {1: 1, 2: 1, 3: 2}
    assert "median 2.5 frames = 0.25 s" in ax.texts[0].get_text()
    assert "4 runs" in ax.texts[0].get_text()


def test_only_alarms_that_reach_the_window_are_drawn():
    alarms = {"CNN": np.array([5, 80, 100, 299, 300, 900])}
    axes = plot_alarm_raster(np.ones(1000), alarms, 30.0, 120, 300, horizon=45)
    (marks,) = [line for line in axes[1].get_lines() if line.get_marker() == "s"]
    np.testing.assert_allclose(marks.get_xdata() * 30, [80, 100, 299])
    plt.close("all")
