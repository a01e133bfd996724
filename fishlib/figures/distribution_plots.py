"""How the motion proxy ỹ and its label are spread: distribution, autocorrelation, run lengths."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fishlib.figures.series_plots import SPLIT_COLORS
from fishlib.figures.style import (
    BURST_COLOR,
    FAINT,
    FUTURE_COLOR,
    INK,
    MUTED,
    PAST_COLOR,
    SPEED_COLOR,
    SPEED_LABEL,
    SPEED_SCALE,
    forecaster_styles,
    legend_beside,
    new_axes,
    styled,
)
from fishlib.labels import runs_of
from fishlib.motion import autocorrelation


@styled
def plot_speed_distribution(
    groups: Mapping[str, np.ndarray], level: float | None = None, ax: Axes | None = None
) -> Axes:
    """Densities of the motion proxy, one outline a group (a split, a film, a class).

    Parameters
    ----------
    groups : mapping of name -> float array
        Motion proxies to compare; NaN are left out.
    level : float, optional
        Marked by a vertical line, for instance the level below which a frame is calm.
    """
    ax = new_axes(ax, height=3.2)
    heights = {k: np.asarray(v)[np.isfinite(v)] * SPEED_SCALE for k, v in groups.items()}
    top = max(np.quantile(v, 0.999) for v in heights.values())
    colors = _group_colors(heights)
    for name, values in heights.items():
        ax.hist(
            values,
            bins=np.linspace(0, top, 61),
            density=True,
            histtype="stepfilled",
            lw=1.8,
            ec=colors[name],
            fc=(colors[name], 0.12),
            label=name,
        )
    if level is not None:
        ax.axvline(level * SPEED_SCALE, color=INK, lw=1.2, ls=(0, (4, 2)), label="calm level")
    ax.set(xlabel=SPEED_LABEL, ylabel="Density (per 10⁻³)", xlim=(0, top))
    legend_beside(ax)
    return ax


def _group_colors(groups: Mapping[str, np.ndarray]) -> dict[str, str]:
    spare = {n: s["color"] for n, s in forecaster_styles(groups).items()}
    cycle = [SPEED_COLOR, PAST_COLOR, FUTURE_COLOR, BURST_COLOR, *spare.values()]
    return {n: SPLIT_COLORS.get(n, cycle[i]) for i, n in enumerate(groups)}


@styled
def plot_autocorrelation(
    groups: Mapping[str, np.ndarray],
    fps: float = 30.0,
    max_seconds: float = 6.0,
    horizon: int | None = 45,
    ax: Axes | None = None,
) -> Axes:
    """How long a series resembles its own past: autocorrelation against the lag in seconds.

    Parameters
    ----------
    groups : mapping of name -> float array (T,)
        Series to compare, each finite.
    horizon : int, optional
        Frames of the forecast's horizon, shaded.
    """
    ax = new_axes(ax, height=3.2)
    colors = _group_colors(groups)
    for name, series in groups.items():
        n_lags = min(int(max_seconds * fps), len(series) - 1)
        lags = np.arange(n_lags + 1) / fps
        ax.plot(lags, autocorrelation(series, n_lags), color=colors[name], label=name)
    if horizon is not None:
        ax.axvspan(0, horizon / fps, color=FAINT, lw=0, label=f"horizon, {horizon} frames")
    ax.axhline(0, color=MUTED, lw=0.8)
    ax.set(xlabel="Lag (s)", ylabel="Autocorrelation (–1 to 1)", xlim=(0, max_seconds))
    legend_beside(ax)
    return ax


@styled
def plot_run_lengths(label: np.ndarray, fps: float = 30.0, ax: Axes | None = None) -> Axes:
    """How long the label stays 1: histogram of the lengths of its positive runs, with the median.

    Parameters
    ----------
    label : int array (T,)
        1, 0 or -1.
    """
    ax = new_axes(ax, height=3.2)
    first, last = runs_of(np.asarray(label) == 1).T
    if len(first) == 0:
        raise ValueError("The label has no positive frame, so it has no runs to show.")
    lengths = last - first + 1
    ax.hist(lengths, np.arange(0.5, lengths.max() + 1), color=BURST_COLOR, ec="white", lw=0.4)
    median = np.median(lengths)
    ax.axvline(median, color=INK, lw=1.4, ls=(0, (4, 2)))
    text = f"dashed: median {median:g} frames = {median / fps:.2f} s\n{len(lengths)} runs"
    ax.annotate(text, (0.98, 0.95), xycoords="axes fraction", ha="right", va="top")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="Length of a positive run (frames)", ylabel="Number of runs")
    return ax
