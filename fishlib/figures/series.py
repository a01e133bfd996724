"""The motion proxy ỹ against time, with the label and the forecast on it, and the splits."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from fishlib.figures.style import (
    BURST_COLOR,
    FAINT,
    FORECAST_COLORS,
    FUTURE_COLOR,
    INK,
    MUTED,
    PAST_COLOR,
    SPEED_COLOR,
    SPEED_LABEL,
    SPEED_SCALE,
    TIME_LABEL,
    forecaster_styles,
    legend_beside,
    new_axes,
    styled,
)
from fishlib.motion import autocorrelation, runs_of

SPLIT_COLORS = {"train": "#52606D", "validation": PAST_COLOR, "test": FUTURE_COLOR}


@styled
def plot_motion(
    motion: np.ndarray,
    fps: float = 30.0,
    start: int = 0,
    stop: int | None = None,
    label: np.ndarray | None = None,
    forecast: np.ndarray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Trace of the motion proxy over a window of frames.

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy, as a share of the grey range.
    fps : float
        Frames a second; the x axis is in seconds of the film.
    start, stop : int
        First frame drawn and the one after the last; ``stop=None`` draws to the end.
    label : int array (T,), optional
        Positive frames (1) become dots on the trace; stretches not labelled (-1) are shaded.
    forecast : float array (T,), optional
        Colours the trace from calm blue (0) to red (1); grey where it is NaN.

    Returns
    -------
    Axes
    """
    ax = new_axes(ax, height=3.0)
    window = frame_window(motion, start, stop)
    seconds, height = time_and_height(motion, fps, window)
    if forecast is None:
        ax.plot(seconds, height, color=SPEED_COLOR, lw=1.4)
    else:
        colors = draw_forecast_line(ax, seconds, height, np.asarray(forecast, float)[window])
        bar = ax.figure.colorbar(colors, ax=ax, pad=0.015, aspect=14)
        bar.set_label("Forecast p", size=10.5)
        bar.outline.set_visible(False)
    if label is not None:
        mark_label(ax, seconds, height, np.asarray(label)[window])
    ax.set(xlabel=TIME_LABEL, ylabel=SPEED_LABEL, xlim=(seconds[0], seconds[-1]))
    ax.set_ylim(0, 1.08 * max(height.max(), 1e-9))
    return ax


def frame_window(motion: np.ndarray, start: int, stop: int | None) -> slice:
    """The frames start..stop-1 as a slice, checked against the length of the series."""
    stop = len(motion) if stop is None else min(stop, len(motion))
    if not 0 <= start < stop - 1:
        raise ValueError(
            f"The window {start}..{stop} holds fewer than 2 of the {len(motion)} frames: "
            "choose 0 <= start < stop - 1."
        )
    return slice(start, stop)


def time_and_height(motion: np.ndarray, fps: float, window: slice) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the film, and motion in 10⁻³ of the grey range, at the frames of the window."""
    frames = np.arange(window.start, window.stop)
    return frames / fps, np.asarray(motion, float)[window] * SPEED_SCALE


def draw_forecast_line(
    ax: Axes, x: np.ndarray, y: np.ndarray, forecast: np.ndarray, lw: float = 2.2
) -> LineCollection:
    """Line whose segments are coloured by the forecast in [0, 1] at their left end."""
    points = np.column_stack([x, y])
    segments = np.stack([points[:-1], points[1:]], axis=1)  # (n - 1, 2 ends, 2)
    colors = FORECAST_COLORS.with_extremes(bad=FAINT)
    lines = LineCollection(segments, cmap=colors, norm=Normalize(0, 1), lw=lw, capstyle="round")
    lines.set_array(np.ma.masked_invalid(forecast[:-1]))
    return ax.add_collection(lines)


def mark_label(ax: Axes, x: np.ndarray, y: np.ndarray, label: np.ndarray) -> None:
    """Dots on the positive frames, shade over the frames not labelled, legend above the axes."""
    positive = label == 1
    ax.plot(
        x[positive],
        y[positive],
        "o",
        ms=4.5,
        color=BURST_COLOR,
        mec="white",
        mew=0.5,
        label="label 1: burst within the horizon",
        zorder=4,
    )
    for run, (first, last) in enumerate(runs_of(label == -1)):
        ax.axvspan(x[first], x[last], color=FAINT, lw=0, label="_" * bool(run) + "not labelled")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)


@styled
def plot_label_timeline(
    motion: np.ndarray,
    label: np.ndarray,
    fps: float = 30.0,
    start: int = 0,
    stop: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Motion with its label: dots on the positive frames and a strip of the label below.

    Parameters
    ----------
    motion : float array (T,)
    label : int array (T,)
        1, 0 or -1 (shaded).
    """
    ax = new_axes(ax, height=3.2)
    window = frame_window(motion, start, stop)
    x, y = time_and_height(motion, fps, window)
    part = np.asarray(label)[window]
    ax.plot(x, y, color=SPEED_COLOR, lw=1.3)
    mark_label(ax, x, y, part)
    floor = -0.07 * y.max()
    for first, last in runs_of(part == 1):
        ax.plot([x[first], x[last]], [floor, floor], lw=6, color=BURST_COLOR, solid_capstyle="butt")
    ax.set(xlabel=TIME_LABEL, ylabel=SPEED_LABEL, xlim=(x[0], x[-1]))
    ax.set_ylim(2 * floor, 1.08 * y.max())
    return ax


@styled
def plot_split(
    motion: np.ndarray, splits: Mapping[str, slice], fps: float = 30.0, ax: Axes | None = None
) -> Axes:
    """The whole film's motion, smoothed over up to 10 s, on the spans of its splits.

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy of the whole film.
    splits : mapping of name -> slice
        As ``fishlib.labels.split_frames`` returns; the gaps between them are the embargo.
    """
    ax = new_axes(ax, height=2.8)
    width = int(np.clip(len(motion) // 30, 1, 10 * fps))
    smooth = np.convolve(motion, np.ones(width) / width, mode="valid") * SPEED_SCALE
    minutes = np.arange(len(motion)) / fps / 60
    ax.plot(minutes[width // 2 :][: len(smooth)], smooth, color=INK, lw=1.1)
    for name, part in splits.items():
        start, stop = part.start / fps / 60, part.stop / fps / 60
        text = f"{name}, {part.stop - part.start:,} frames"
        ax.axvspan(start, stop, color=SPLIT_COLORS[name], alpha=0.15, lw=0, label=text)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(splits), borderaxespad=0.2)
    ax.set(xlabel="Time (min)", ylabel=SPEED_LABEL, xlim=(0, minutes[-1]), ylim=(0, None))
    return ax


HALOED = {
    "textcoords": "offset points",
    "size": 10,
    "path_effects": [withStroke(linewidth=3, foreground="white")],
}


@styled
def plot_label_anatomy(
    motion: np.ndarray,
    t: int,
    horizon: int = 45,
    min_range: float = 1e-3,
    low_fraction: float = 0.1,
    fps: float = 30.0,
    past: int = 60,
    ax: Axes | None = None,
) -> Axes:
    """Why frame t carries its label: range of the motion ahead, and the low band it must be in.

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy.
    t : int
        The frame asked about.
    horizon, min_range, low_fraction
        As in :func:`fishlib.labels.label_bursts`.
    past : int
        Frames shown before t.
    """
    window, low, high = _look_ahead(motion, t, horizon, past)
    ax = new_axes(ax, height=3.9)
    x, y = (np.arange(window.start, window.stop) - t) / fps, motion[window] * SPEED_SCALE
    spread, wide = high - low, bool(high - low >= min_range * SPEED_SCALE)
    band = low + low_fraction * spread
    calm = bool(motion[t] * SPEED_SCALE <= band)
    _shade_future(ax, horizon / fps)
    ax.fill_between([0, horizon / fps], low, band, color=PAST_COLOR, alpha=0.22, lw=0)
    ax.plot(x, y, color=SPEED_COLOR, lw=1.6)
    ax.hlines([low, high], 0, horizon / fps, color=MUTED, lw=0.9, ls=(0, (4, 3)))
    _draw_range(ax, horizon / fps, low, high, min_range, wide)
    ax.plot(
        0,
        motion[t] * SPEED_SCALE,
        "o",
        ms=9,
        mec="white",
        mew=1.2,
        zorder=5,
        color=BURST_COLOR if wide and calm else INK,
    )
    _write_verdict(ax, t, wide, calm, low_fraction)
    ax.set(xlabel=f"Time from frame {t} (s)", ylabel=SPEED_LABEL, ylim=(0, 1.12 * y.max()))
    ax.set_xlim(x[0], horizon / fps * 1.5)
    return ax


def _look_ahead(motion: np.ndarray, t: int, horizon: int, past: int) -> tuple[slice, float, float]:
    if not 0 <= t < len(motion) - horizon:
        raise ValueError(
            f"Frame {t} has no {horizon} frames after it in a film of {len(motion)} frames: choose "
            f"t from 0 to {len(motion) - horizon - 1}."
        )
    ahead = np.asarray(motion[t : t + horizon + 1]) * SPEED_SCALE
    return slice(max(t - past, 0), t + horizon + 1), float(ahead.min()), float(ahead.max())


def _draw_range(
    ax: Axes, end: float, low: float, high: float, min_range: float, wide: bool
) -> None:
    """Arrow from the minimum to the maximum ahead, just after the horizon."""
    x = end * 1.04
    ax.annotate("", (x, high), (x, low), arrowprops={"arrowstyle": "<->", "color": INK, "lw": 1.4})
    sign = "≥" if wide else "<"
    text = f"range R = {high - low:.2f}\n{sign} c = {min_range * SPEED_SCALE:.2f}"
    ax.annotate(text, (x, (low + high) / 2), (7, 0), textcoords="offset points", va="center")


def _write_verdict(ax: Axes, t: int, wide: bool, calm: bool, low_fraction: float) -> None:
    tick = {True: "yes", False: "no"}
    answer = (
        f"label {int(wide and calm)}:  "
        f"low now (lowest {low_fraction:.0%} of R)? {tick[calm]}   ·   "
        f"wide range ahead (R ≥ c)? {tick[wide]}"
    )
    ax.set_title(answer, color=BURST_COLOR if wide and calm else INK, fontsize=11)


@styled
def plot_onset_anatomy(
    motion: np.ndarray,
    t: int,
    calm_level: float,
    horizon: int = 45,
    min_rise: float = 1e-3,
    width: int = 5,
    fps: float = 30.0,
    past: int = 60,
    ax: Axes | None = None,
) -> Axes:
    """Why frame t counts as an onset from calm, or not, or is not asked at all.

    Drawn: the recent motion s (mean of the ``width`` frames before t), the calm level it must not
    exceed, and the highest ``width``-frame mean ahead, which must stand ``min_rise`` above s.

    Parameters
    ----------
    motion : float array (T,)
    calm_level : float
        In the unit of ``motion``; see :func:`fishlib.labels.label_onsets`.
    """
    window, _, _ = _look_ahead(motion, t, horizon, past)
    if t < width:
        raise ValueError(f"Frame {t} has no {width} frames before it: choose t from {width} on.")
    ax = new_axes(ax, height=3.9)
    x, y = (np.arange(window.start, window.stop) - t) / fps, motion[window] * SPEED_SCALE
    recent = float(np.mean(motion[t - width : t])) * SPEED_SCALE
    means = np.convolve(motion[t : t + horizon + 1], np.ones(width) / width, "valid") * SPEED_SCALE
    at, peak = int(means.argmax()), float(means.max())
    _shade_future(ax, horizon / fps)
    ax.hlines(calm_level * SPEED_SCALE, x[0], x[-1], color=PAST_COLOR, lw=1.2, ls=(0, (5, 3)))
    ax.plot(x, y, color=SPEED_COLOR, lw=1.6)
    ax.plot([-width / fps, -1 / fps], [recent] * 2, color=PAST_COLOR, lw=5)
    ax.plot([at / fps, (at + width - 1) / fps], [peak] * 2, color=BURST_COLOR, lw=5)
    asked, rises = recent <= calm_level * SPEED_SCALE, peak - recent >= min_rise * SPEED_SCALE
    _draw_rise(ax, horizon / fps, at / fps, recent, peak, width)
    verdict = f"onset label {int(rises)}" if asked else "not asked: the fish are not calm"
    title = f"{verdict}   (rise {peak - recent:.2f}, c = {min_rise * SPEED_SCALE:.2f})"
    ax.set_title(title, color=BURST_COLOR if asked and rises else INK, fontsize=11)
    ax.annotate("calm level", (x[0], calm_level * SPEED_SCALE), (2, 4), color=PAST_COLOR, **HALOED)
    ax.set(xlabel=f"Time from frame {t} (s)", ylabel=SPEED_LABEL, ylim=(0, 1.12 * y.max()))
    ax.set_xlim(x[0], horizon / fps * 1.5)
    return ax


def _shade_future(ax: Axes, end: float) -> None:
    ax.axvspan(0, end, color=FUTURE_COLOR, alpha=0.07, lw=0)
    top = {"xy": (0, 1), "xycoords": ax.get_xaxis_transform(), "va": "top", "size": 9.5}
    offset = {"textcoords": "offset points"}
    ax.annotate("past", xytext=(-6, -3), ha="right", color=MUTED, **top, **offset)
    ax.annotate(f"next {end:g} s", xytext=(6, -3), color=FUTURE_COLOR, **top, **offset)


def _draw_rise(ax: Axes, end: float, at: float, recent: float, peak: float, width: int) -> None:
    """Arrow from the recent mean to the highest mean ahead, just after the horizon."""
    x = end * 1.04
    ax.hlines([recent, peak], [0, at], x, colors=[PAST_COLOR, BURST_COLOR], lw=0.9, ls=(0, (4, 3)))
    ax.annotate("", (x, peak), (x, recent), arrowprops={"arrowstyle": "<->", "color": INK})
    beside = {"textcoords": "offset points", "va": "center", "size": 10}
    ax.annotate("rise", (x, (peak + recent) / 2), (7, 0), **beside)
    ax.annotate(
        f"highest {width}-frame\nmean ahead", (x, peak), (7, 0), color=BURST_COLOR, **beside
    )
    ax.annotate(
        f"s: mean of the\nlast {width} frames", (x, recent), (7, -8), color=PAST_COLOR, **beside
    )


@styled
def plot_motion_distribution(
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
