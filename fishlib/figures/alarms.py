"""Alarms: when each forecaster calls out, what it warns of, and what the warnings cost."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fishlib.figures.series import draw_forecast_line, frame_window, time_and_height
from fishlib.figures.skill import CHANCE, line_style
from fishlib.figures.style import (
    BURST_COLOR,
    FAINT,
    INK,
    SPEED_COLOR,
    SPEED_LABEL,
    SPEED_SCALE,
    TIME_LABEL,
    forecaster_styles,
    legend_beside,
    new_axes,
    new_figure,
    styled,
)


@styled
def plot_alarm_raster(
    motion: np.ndarray,
    alarms: Mapping[str, np.ndarray],
    fps: float = 30.0,
    start: int = 0,
    stop: int | None = None,
    onsets: np.ndarray | None = None,
    horizon: int = 45,
) -> np.ndarray:
    """Motion with its onsets above, one row of alarms a forecaster below.

    Parameters
    ----------
    motion : float array (T,)
    alarms : mapping of name -> int array (n_alarms,)
        Frames at which each forecaster raises an alarm; a bar shows the (t, t + horizon] it covers.
    onsets : int array, optional
        Frames of the onsets to be warned of; dashed lines through both panels.

    Returns
    -------
    array of two Axes
    """
    window = frame_window(motion, start, stop)
    height = 3.0 + 0.34 * len(alarms)
    ratios = (2.4, 0.34 * len(alarms))
    _, axes = new_figure(2, 1, height=height, sharex=True, height_ratios=ratios)
    x, y = time_and_height(motion, fps, window)
    axes[0].plot(x, y, color=SPEED_COLOR, lw=1.3)
    styles = forecaster_styles(alarms)
    for row, (name, frames) in enumerate(alarms.items()):
        seconds = np.asarray(frames) / fps
        color = styles[name]["color"]
        axes[1].barh(row, horizon / fps, left=seconds, height=0.5, color=color, alpha=0.3, lw=0)
        axes[1].plot(seconds, np.full(len(seconds), row), "s", ms=6, color=color)
    dashes = {"color": BURST_COLOR, "lw": 1.1, "ls": (0, (4, 3)), "zorder": 0}
    for i, onset in enumerate(_inside(onsets, window)):
        axes[0].axvline(onset / fps, label="_" * bool(i) + "onset", **dashes)
        axes[1].axvline(onset / fps, **dashes)
    if len(_inside(onsets, window)):
        axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
    axes[0].set(ylabel=SPEED_LABEL, ylim=(0, None))
    axes[1].set(xlabel=TIME_LABEL, yticks=range(len(alarms)), yticklabels=list(alarms))
    axes[1].set(ylim=(len(alarms) - 0.4, -0.6), xlim=(x[0], x[-1]))
    axes[1].tick_params(axis="y", length=0)
    return axes


def _inside(frames: np.ndarray | None, window: slice) -> np.ndarray:
    frames = np.asarray([] if frames is None else frames)
    return frames[(frames >= window.start) & (frames < window.stop)]


@styled
def plot_warning_curve(
    curves: Mapping[str, pd.DataFrame | tuple[np.ndarray, np.ndarray]],
    points: Mapping[str, Mapping[str, float]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Share of onsets warned of against the share of time spent in warning.

    Parameters
    ----------
    curves : mapping of name -> DataFrame, or pair of arrays
        Columns ``time_in_warning`` and ``sensitivity``, both in [0, 1], a row a threshold, as
        :func:`fishlib.evaluation.alarm_curves.alarm_curve` returns; or the two as a pair. Random
        alarms lie on the diagonal.
    points : mapping of name -> mapping, optional
        The same two numbers at the threshold chosen on validation, as
        :func:`fishlib.evaluation.alarms.alarm_scores` returns.
    """
    ax = new_axes(ax, height=4.2, width=7.6)
    styles = forecaster_styles(curves)
    for name, curve in curves.items():
        if isinstance(curve, pd.DataFrame):
            curve = curve["time_in_warning"], curve["sensitivity"]
        points_of = np.array([[0, 0], *sorted(zip(*curve, strict=True)), [1, 1]])
        ax.plot(*points_of.T, label=name, **line_style(styles[name]))
    for name, point in (points or {}).items():
        style, at = styles[name], (point["time_in_warning"], point["sensitivity"])
        ax.plot(*at, style["marker"], color=style["color"], ms=10, mec="white")
    ax.plot([0, 1], [0, 1], label="alarms at random", **CHANCE)
    ticks = np.linspace(0, 1, 6)
    ax.set(xlabel="Time in warning (share of the film)", ylabel="Onsets warned of (share)")
    ax.set(xlim=(0, 1), ylim=(0, 1.01), xticks=ticks, yticks=ticks)
    ax.set_aspect("equal", anchor="W")
    ax.grid(True)
    legend_beside(ax)
    return ax


@styled
def plot_study_comparison(
    motion: np.ndarray,
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
    fps: float = 30.0,
    start: int = 0,
    stop: int = 500,
    zoom: tuple[int, int] = (280, 400),
) -> np.ndarray:
    """Forecasters stacked over one stretch: motion coloured by forecast, label dots, calls.

    Parameters
    ----------
    motion, label : arrays (T,)
    forecasts : mapping of name -> float array (T,)
        Probabilities, NaN where not defined.
    thresholds : mapping of name -> float
        A square stands above every frame whose forecast is at least its threshold.
    zoom : two frames
        Stretch enlarged on the right, shaded on the left.

    Returns
    -------
    array (forecasters, 2) of Axes
    """
    fig, axes = new_figure(len(forecasts), 2, height=1.0 + 1.75 * len(forecasts), sharey=True,
                           sharex="col", width_ratios=(2.6, 1), squeeze=False)  # fmt: skip
    top = np.max(motion[start:stop]) * SPEED_SCALE
    for row, (name, p) in zip(axes, forecasts.items(), strict=True):
        for ax, (first, last) in zip(row, ((start, stop), zoom), strict=True):
            window = frame_window(motion, first, last)
            called = np.asarray(p)[window] >= thresholds[name]
            colors = _draw_row(ax, motion, np.asarray(label)[window], p, called, fps, window, top)
        row[0].axvspan(zoom[0] / fps, zoom[1] / fps, color=FAINT, lw=0, zorder=0)
        row[0].set_ylabel("Motion ỹ (10⁻³)")
        row[0].set_title(f"{name}, called at p ≥ {thresholds[name]:.2f}", fontsize=10.5)
    axes[0, 1].set_title("shaded stretch", fontsize=10.5, weight="normal")
    for ax in axes[-1]:
        ax.set_xlabel(TIME_LABEL)
    bar = fig.colorbar(colors, ax=axes, pad=0.012, aspect=30)
    bar.set_label("Forecast p")
    bar.outline.set_visible(False)
    handles, texts = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, texts, loc="outside lower center", ncols=2)
    return axes


def _draw_row(ax, motion, label, p, called, fps, window, top):
    """One forecaster's panel; returns the coloured line, for the colour bar."""
    x, y = time_and_height(motion, fps, window)
    colors = draw_forecast_line(ax, x, y, np.asarray(p, float)[window], lw=1.8)
    positive = label == 1
    ax.plot(x[positive], y[positive], "o", ms=4, color=BURST_COLOR, mec="white", mew=0.4,
            label="label 1: burst within the horizon")  # fmt: skip
    ax.plot(
        x[called], np.full(called.sum(), 1.1 * top), "s", ms=2.8, color=INK, label="called by p"
    )
    ax.set(xlim=(x[0], x[-1]), ylim=(0, 1.2 * top))
    return colors
