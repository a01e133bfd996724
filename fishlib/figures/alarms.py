"""Alarms: when each forecaster calls out, what it warns of, and what the warnings cost."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fishlib.figures import series, style
from fishlib.figures.style import FAINT, INK, TIME_LABEL, new_figure, styled


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
    window = series.frame_window(motion, start, stop)
    rows = 0.34 * len(alarms)
    _, axes = new_figure(2, 1, 3.0 + rows, sharex=True, height_ratios=(2.4, rows))
    series.plot_motion(motion, fps, window.start, window.stop, ax=axes[0]).set_xlabel("")
    styles = style.forecaster_styles(alarms)
    for row, (name, frames) in enumerate(alarms.items()):
        seconds, color = np.asarray(frames) / fps, styles[name]["color"]
        axes[1].barh(row, horizon / fps, left=seconds, height=0.5, color=color, alpha=0.3, lw=0)
        axes[1].plot(seconds, np.full(len(seconds), row), "s", ms=6, color=color)
    onsets = series.within([] if onsets is None else onsets, window)
    for ax in axes:
        series.mark_onsets(ax, onsets / fps)
    if len(onsets):
        style.legend_above(axes[0], 1)
    axes[1].set(xlabel=TIME_LABEL, yticks=range(len(alarms)), yticklabels=list(alarms))
    axes[1].set(ylim=(len(alarms) - 0.4, -0.6))
    axes[1].tick_params(axis="y", length=0)
    return axes


@styled
def plot_warning_curve(curves: Mapping[str, pd.DataFrame], ax: Axes | None = None) -> Axes:
    """Share of onsets warned of against the share of time spent in warning.

    Parameters
    ----------
    curves : mapping of name -> DataFrame
        Columns ``time_in_warning`` and ``sensitivity``, both in [0, 1], a row a threshold, as
        :func:`fishlib.evaluation.alarms.alarm_curve` returns. Random alarms lie on the diagonal.
    """
    for curve in curves.values():
        if curve.empty:
            return style.draw_reason(ax, curve)
    columns, styles = ["time_in_warning", "sensitivity"], style.forecaster_styles(curves)
    ax = style.unit_square(ax, "Time in warning (share of the film)", "Onsets warned of (share)")
    for name, curve in curves.items():
        inner = curve[columns].sort_values(columns).to_numpy()
        ax.plot(*np.vstack([[0, 0], inner, [1, 1]]).T, label=name, **style.line_style(styles[name]))
    ax.plot([0, 1], [0, 1], label="alarms at random", **style.CHANCE)
    style.legend_beside(ax)
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
        Stretch enlarged on the right (below on a narrow page), shaded on the left.

    Returns
    -------
    array (forecasters, 2) of Axes
    """
    n, narrow = len(forecasts), style.is_narrow()
    shape = {"width_ratios": (1,)} if narrow else {"width_ratios": (2.6, 1), "sharex": "col"}
    rows, columns = (2 * n, 1) if narrow else (n, 2)
    _, axes = new_figure(rows, columns, 1 + 1.75 * rows, squeeze=False, sharey=True, **shape)
    axes, stretches = axes.reshape(n, 2), (series.frame_window(motion, start, stop), slice(*zoom))
    dots = {"color": style.BURST_COLOR, "mec": "white", "mew": 0.4, "ms": 4}
    for row, (name, p) in zip(axes, forecasts.items(), strict=True):
        for ax, stretch in zip(row, stretches, strict=True):
            x, y = series.time_and_height(motion, fps, stretch)
            shown = np.asarray(p, float)[stretch]
            colors = series.draw_forecast_line(ax, x, y, shown, lw=1.8)
            ones, called = np.asarray(label)[stretch] == 1, x[shown >= thresholds[name]]
            ax.plot(x[ones], y[ones], "o", label="label 1: burst within the horizon", **dots)
            high = {"transform": ax.get_xaxis_transform(), "color": INK, "ms": 2.8}
            ax.plot(called, np.full(len(called), 0.96), "s", label="called by p", **high)
            ax.set_xlim(x[0], x[-1])
        row[0].axvspan(zoom[0] / fps, zoom[1] / fps, color=FAINT, lw=0, zorder=0)
        row[0].set_title(f"{name}, called at p ≥ {thresholds[name]:.2f}")
        if narrow or row[0] is axes[0, 0]:
            row[1].set_title("shaded stretch", weight="normal")
        for ax in row[: 1 + narrow]:
            ax.set_ylabel("Motion ỹ (10⁻³)")
    for ax in axes[-1]:
        ax.set_xlabel(TIME_LABEL)
    axes[0, 0].set_ylim(0, 1.3e3 * np.max(motion[start:stop]))
    style.color_bar(colors, axes, "Forecast p")
    style.legend_below(axes[0, 0])
    return axes
