"""The motion ỹ against time: with its label, the parts of a film, forecasts and their alarms."""

from collections.abc import Mapping

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from fishlib.evaluation.scores import NothingToJudge
from fishlib.figures import style
from fishlib.figures.style import BURST_COLOR, INK, MOTION_SCALE, PAST_COLOR, new_axes, styled
from fishlib.motion import autocorrelation, runs_of
from fishlib.questions import is_burst, is_rise
from fishlib.spans import USUAL_FPS, frames_in
from fishlib.splits import edges_of

PAST_SHOWN = 60
"""Frames drawn before the one whose label is explained."""
PART_COLORS = {"train": style.MOTION_COLOR, "validation": PAST_COLOR, "test": style.FUTURE_COLOR}


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
    """Trace of the motion over a window of frames.

    Parameters
    ----------
    motion : float array (T,)
        Motion ỹ, as a share of the grey range.
    fps : float
        Frames a second; the x axis is in seconds of the film.
    start, stop : int
        First frame drawn and the one after the last; ``stop=None`` draws to the end.
    label : int array (T,), optional
        Positive frames (1) become dots on the trace and a red strip below it; stretches without a
        label (-1) a grey one.
    forecast : float array (T,), optional
        Colours the trace from calm blue (0) to red (1); grey where it is NaN.

    Returns
    -------
    Axes
    """
    ax = new_axes(ax, height=3.0 if label is None else 3.2)
    window = frame_window(motion, start, stop)
    seconds, height = time_and_height(motion, fps, window)
    top = 1.08 * max(height.max(), 1e-9)
    ax.set(xlabel=style.TIME_LABEL, ylabel=style.MOTION_LABEL, xlim=seconds[[0, -1]], ylim=(0, top))
    if forecast is None:
        ax.plot(seconds, height, color=style.MOTION_COLOR, lw=1.4)
    else:
        colors = draw_forecast_line(ax, seconds, height, np.asarray(forecast, float)[window])
        style.color_bar(colors, ax, "Forecast p")
    if label is not None:
        LabelMarks(ax, motion, fps, window).show(np.asarray(label))
        style.legend_above(ax, 2)
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


def within(frames: np.ndarray, window: slice) -> np.ndarray:
    """The frame numbers (n,) that lie in the window."""
    frames = np.asarray(frames, int)
    return frames[(frames >= window.start) & (frames < window.stop)]


def time_and_height(motion: np.ndarray, fps: float, window: slice) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the film, and motion in 10⁻³ of the grey range, at the frames of the window."""
    frames = np.arange(window.start, window.stop)
    return frames / fps, np.asarray(motion, float)[window] * MOTION_SCALE


def draw_forecast_line(
    ax: Axes, x: np.ndarray, y: np.ndarray, forecast: np.ndarray, lw: float = 2.2
) -> LineCollection:
    """Line whose segments are coloured by the forecast in [0, 1] at their left end."""
    points = np.column_stack([x, y])
    segments = np.stack([points[:-1], points[1:]], axis=1)  # (n - 1, 2 ends, 2)
    colors = style.FORECAST_COLORS.with_extremes(bad=style.FAINT)
    lines = LineCollection(segments, cmap=colors, norm=Normalize(0, 1), lw=lw, capstyle="round")
    lines.set_array(np.ma.masked_invalid(forecast[:-1]))
    return ax.add_collection(lines)


def mark_onsets(ax: Axes, seconds: np.ndarray) -> None:
    """Dashed lines at the onsets, over the whole height of the axes."""
    look = {"color": BURST_COLOR, "lw": 1.1, "ls": style.DASHED, "zorder": 0, "label": "onset"}
    ax.vlines(seconds, 0, 1, transform=ax.get_xaxis_transform(), **look)


class LabelMarks:
    """A label on a trace: dots on its positive frames, a strip below it red where 1, grey where -1.

    Parameters
    ----------
    ax : Axes
        With the trace of the motion drawn; room for the strip is made below 0.
    motion : float array (T,)
    window : slice
        Frames of the trace.
    """

    def __init__(self, ax: Axes, motion: np.ndarray, fps: float, window: slice) -> None:
        self.window, top = window, ax.get_ylim()[1]
        self.x, self.y = time_and_height(motion, fps, window)
        self.floor = -0.065 * top
        ax.set_ylim(2 * self.floor, top)
        dots = {"color": BURST_COLOR, "mec": "white", "mew": 0.5, "zorder": 4, "ls": ""}
        text = "label 1"
        (self.dots,) = ax.plot([], [], "o", ms=4.5, label=text, **dots)
        strip = {"lw": 6, "capstyle": "butt"}
        self.positive = ax.hlines([], 0, 0, color=BURST_COLOR, **strip)
        self.unknown = ax.hlines([], 0, 0, color="#B8C0CA", label="grey: not labelled", **strip)

    def show(self, label: np.ndarray) -> None:
        """Move the marks to a label (T,) of 1, 0 and -1."""
        label = label[self.window]
        self.dots.set_data(self.x[label == 1], self.y[label == 1])
        for strip, value in ((self.positive, 1), (self.unknown, -1)):
            runs = self.x[runs_of(label == value)].reshape(-1, 2, 1)
            strip.set_segments(np.concatenate([runs, np.full_like(runs, self.floor)], axis=2))


@styled
def plot_split(
    motion: np.ndarray, parts: Mapping | None, fps: float = 30.0, ax: Axes | None = None
) -> Axes:
    """The whole film's motion, smoothed over up to 10 s, on the spans of its parts.

    Parameters
    ----------
    motion : float array (T,)
        Motion ỹ of the whole film.
    parts : mapping of name -> frames, or None
        Train, validation and test, or what each fold judges; the gaps between them are the
        embargo. None draws why.
    """
    if not parts:
        raise NothingToJudge(f"{len(motion) / fps / 60:.1f} minutes are too short to be split.")
    rows = -(-len(parts) // 3) if len(parts) > 3 else 0  # of a legend below
    ax = new_axes(ax, height=2.8 + 0.3 * rows)
    width = int(np.clip(len(motion) // 30, 1, 10 * fps))
    smooth = np.convolve(motion, np.ones(width) / width, mode="valid") * MOTION_SCALE
    minutes = np.arange(len(motion)) / fps / 60
    ax.plot(minutes[width // 2 :][: len(smooth)], smooth, color=INK, lw=1.1)
    colors = _group_colors(parts)
    for (name, stretches), color in zip(edges_of(parts).items(), colors, strict=True):
        text = f"{name}, {sum(stop - start for start, stop in stretches):,} frames"
        for k, (start, stop) in enumerate(stretches):
            look = {"color": color, "alpha": 0.15, "lw": 0, "label": None if k else text}
            ax.axvspan(start / fps / 60, stop / fps / 60, **look)
    ax.set(xlabel="Time (min)", ylabel=style.MOTION_LABEL, xlim=(0, minutes[-1]), ylim=(0, None))
    style.legend_above(ax, len(parts))
    return ax


@styled
def plot_label_anatomy(
    motion: np.ndarray,
    t: int,
    horizon: int = 45,
    min_range: float = 1e-3,
    low_fraction: float = 0.1,
    fps: float = 30.0,
    ax: Axes | None = None,
) -> Axes:
    """Why frame t carries its label: range of the motion ahead, and the low band it must be in.

    Parameters
    ----------
    motion : float array (T,)
    t : int
        The frame asked about.
    horizon, min_range, low_fraction
        As in :func:`fishlib.questions.label_bursts`.
    """
    ax, ahead = _draw_around(ax, motion, t, horizon, fps)
    now, low, high, c = ahead[0], ahead.min(), ahead.max(), min_range * MOTION_SCALE
    end, band = horizon / fps, low + low_fraction * (high - low)
    calm, wide = bool(now <= band), bool(high - low >= c)
    positive = int(is_burst(ahead, c, low_fraction))
    color = BURST_COLOR if positive else INK
    ax.fill_between([0, end], low, band, color=PAST_COLOR, alpha=0.22, lw=0)
    ax.hlines([low, high], 0, end, color=style.MUTED, lw=0.9, ls=style.DASHED)
    ax.plot(0, now, "o", ms=9, mec="white", mew=1.2, zorder=5, color=color)
    sign = "≥" if wide else "<"
    _draw_arrow(ax, end, low, high, f"range R = {high - low:.2f}\n{sign} c = {c:.2f}")
    answer = {True: "yes", False: "no"}
    low_now = f"low now (lowest {low_fraction:.0%} of R)? {answer[calm]}"
    text = f"label {positive}:  {low_now}   ·   wide range ahead (R ≥ c)? {answer[wide]}"
    ax.set_title(text, color=color)
    return ax


@styled
def plot_onset_anatomy(
    motion: np.ndarray,
    t: int,
    calm_level: float,
    horizon: int = 45,
    min_rise: float = 1e-3,
    fps: float = 30.0,
    ax: Axes | None = None,
) -> Axes:
    """Why frame t counts as an onset from calm, or not, or is not asked at all.

    Drawn: the recent motion s (mean of 1/6 s before t), the calm level it must not exceed, and the
    highest mean of 1/6 s ahead, which must stand ``min_rise`` above s.

    Parameters
    ----------
    motion : float array (T,)
    calm_level : float
        In the unit of ``motion``; see :func:`fishlib.questions.label_onsets`.
    """
    width = frames_in("calm", fps, odd=True)
    if t < width:
        raise ValueError(f"Frame {t} has no {width} frames before it: choose t from {width} on.")
    ax, ahead = _draw_around(ax, motion, t, horizon, fps)
    recent, level = np.array([np.mean(motion[t - width : t]), calm_level]) * MOTION_SCALE
    means = np.convolve(ahead, np.ones(width) / width, "valid")
    at, peak, end, c = means.argmax() / fps, means.max(), horizon / fps, min_rise * MOTION_SCALE
    ax.axhline(level, color=PAST_COLOR, lw=1.2, ls=style.DASHED)
    ax.plot([-width / fps, -1 / fps], [recent] * 2, color=PAST_COLOR, lw=5)
    ax.plot([at, at + (width - 1) / fps], [peak] * 2, color=BURST_COLOR, lw=5)
    _draw_arrow(ax, end, recent, peak, "rise")
    colors = [PAST_COLOR, BURST_COLOR]
    ax.hlines([recent, peak], [0, at], 1.04 * end, colors=colors, lw=0.9, ls=style.DASHED)
    texts = (f"s: mean of the\nlast {width} frames", f"highest {width}-frame\nmean ahead")
    for text, y, down, color in zip(texts, (recent, peak), (-8, 0), colors, strict=True):
        ax.annotate(text, (1.04 * end, y), (7, down), color=color, va="center", **_NOTE)
    left = ax.get_xlim()[0]
    ax.annotate("calm level", (left, level), (2, 4), color=PAST_COLOR, **_NOTE)
    asked, rises = recent <= level, int(is_rise(ahead, recent, c, width))
    verdict = f"onset label {rises}" if asked else "not asked: the fish are not calm"
    color = BURST_COLOR if asked and rises else INK
    ax.set_title(f"{verdict}   (rise {peak - recent:.2f}, c = {c:.2f})", color=color)
    return ax


_NOTE = {"textcoords": "offset points", "fontsize": "small"}


def _draw_around(
    ax: Axes | None, motion: np.ndarray, t: int, horizon: int, fps: float
) -> tuple[Axes, np.ndarray]:
    """The motion around frame t with its future shaded; and the motion from t to t + horizon."""
    if not 0 <= t < len(motion) - horizon:
        raise ValueError(
            f"Frame {t} has no {horizon} frames after it in a film of {len(motion)} frames: choose "
            f"t from 0 to {len(motion) - horizon - 1}."
        )
    ax, end = new_axes(ax, height=3.9), horizon / fps
    x, y = time_and_height(motion, fps, slice(max(t - PAST_SHOWN, 0), t + horizon + 1))
    ax.plot(x - t / fps, y, color=style.MOTION_COLOR, lw=1.6)
    ax.axvspan(0, end, color=style.FUTURE_COLOR, alpha=0.07, lw=0)
    top = {"xy": (0, 1), "xycoords": ax.get_xaxis_transform(), "va": "top"}
    ax.annotate("past", xytext=(-6, -3), ha="right", color=style.MUTED, **top, **_NOTE)
    ax.annotate(f"next {end:g} s", xytext=(6, -3), color=style.FUTURE_COLOR, **top, **_NOTE)
    ax.set(xlabel=f"Time from frame {t} (s)", ylabel=style.MOTION_LABEL, ylim=(0, 1.12 * y.max()))
    ax.set_xlim(x[0] - t / fps, end * 1.5)
    return ax, y[-horizon - 1 :]


def _draw_arrow(ax: Axes, end: float, low: float, high: float, text: str) -> None:
    """Double arrow from low to high just after the horizon, with a text at its middle."""
    look = {"arrowstyle": "<->", "color": INK, "lw": 1.4}
    ax.annotate("", (1.04 * end, high), (1.04 * end, low), arrowprops=look)
    ax.annotate(text, (1.04 * end, (low + high) / 2), (7, 0), va="center", **_NOTE)


def _group_colors(groups: Mapping[str, np.ndarray]) -> list[str]:
    cycle = [*PART_COLORS.values(), BURST_COLOR]
    if len(groups) > len(cycle):
        cycle = sns.color_palette("husl", len(groups))
    return [PART_COLORS.get(name, cycle[i]) for i, name in enumerate(groups)]


@styled
def plot_autocorrelation(
    groups: Mapping[str, np.ndarray], fps: float = 30.0, ax: Axes | None = None
) -> Axes:
    """How long a series resembles its own past: autocorrelation up to a lag of 6 s.

    Parameters
    ----------
    groups : mapping of name -> float array (T,)
        Series to compare, each finite.
    """
    ax, horizon = new_axes(ax, height=3.2), frames_in("horizon", fps)
    for (name, series), color in zip(groups.items(), _group_colors(groups), strict=True):
        n_lags = min(int(6 * fps), len(series) - 1)
        lags = np.arange(n_lags + 1) / fps
        ax.plot(lags, autocorrelation(series, n_lags), color=color, label=name)
    ax.axvspan(0, horizon / fps, color=style.FAINT, lw=0, label=f"horizon, {horizon} frames")
    ax.axhline(0, color=style.MUTED, lw=0.8)
    ax.set(xlabel="Lag (s)", ylabel="Autocorrelation (–1 to 1)", xlim=(0, 6))
    style.legend_beside(ax)
    return ax


@styled
def plot_run_lengths(label: np.ndarray, fps: float = 30.0, ax: Axes | None = None) -> Axes:
    """How long the label stays 1: histogram of the lengths of its positive runs, with the median.

    Parameters
    ----------
    label : int array (T,)
        1, 0 or -1. Without a positive frame the axes say so.
    """
    runs = runs_of(np.asarray(label) == 1)
    if len(runs) == 0:
        raise NothingToJudge("The label has no positive frame, so it has no runs to show.")
    ax = new_axes(ax, height=3.2)
    lengths = np.diff(runs).ravel() + 1
    sns.histplot(x=lengths, discrete=True, color=BURST_COLOR, alpha=1, edgecolor="white", ax=ax)
    median = np.median(lengths)
    ax.axvline(median, color=INK, lw=1.4, ls=style.DASHED)
    text = f"dashed: median {median:g} frames = {median / fps:.2f} s\n{len(lengths)} runs"
    ax.annotate(text, (0.98, 0.95), xycoords="axes fraction", ha="right", va="top")
    ax.locator_params(axis="x", integer=True)
    ax.set(xlabel="Length of a positive run (frames)", ylabel="Number of runs")
    return ax


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
    rows = 0.34 * len(alarms)
    _, axes = style.new_figure(2, 1, 3.0 + rows, sharex=True, height_ratios=(2.4, rows))
    plot_motion(motion, fps, window.start, window.stop, ax=axes[0]).set_xlabel("")
    styles = style.forecaster_styles(alarms)
    reaching = slice(window.start - horizon, window.stop)  # of a long film some alarms of many
    for row, (name, frames) in enumerate(alarms.items()):
        seconds, color = within(frames, reaching) / fps, styles[name]["color"]
        axes[1].barh(row, horizon / fps, left=seconds, height=0.5, color=color, alpha=0.3, lw=0)
        axes[1].plot(seconds, np.full(len(seconds), row), "s", ms=6, color=color)
    onsets = within([] if onsets is None else onsets, window)
    for ax in axes:
        mark_onsets(ax, onsets / fps)
    if len(onsets):
        style.legend_above(axes[0], 1)
    axes[1].set(xlabel=style.TIME_LABEL, yticks=range(len(alarms)), yticklabels=list(alarms))
    axes[1].set(ylim=(len(alarms) - 0.4, -0.6))
    axes[1].tick_params(axis="y", length=0)
    return axes


@styled
def plot_study_comparison(
    motion: np.ndarray,
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    thresholds: Mapping[str, float],
) -> np.ndarray:
    """Forecasters stacked over the first 500 frames of the study's film: motion coloured by
    forecast, label dots, calls; frames 280 to 399 enlarged on the right (below on a narrow page).

    Parameters
    ----------
    motion, label : arrays (T,)
    forecasts : mapping of name -> float array (T,)
        Probabilities, NaN where not defined.
    thresholds : mapping of name -> float
        A square stands above every frame whose forecast is at least its threshold.

    Returns
    -------
    array (forecasters, 2) of Axes
    """
    n, narrow = len(forecasts), style.is_narrow()
    shape = {"width_ratios": (1,)} if narrow else {"width_ratios": (2.6, 1), "sharex": "col"}
    rows, columns = (2 * n, 1) if narrow else (n, 2)
    _, axes = style.new_figure(rows, columns, 1 + 1.75 * rows, squeeze=False, sharey=True, **shape)
    axes, whole, zoom = axes.reshape(n, 2), frame_window(motion, 0, 500), slice(280, 400)
    shaded = (zoom.start / USUAL_FPS, zoom.stop / USUAL_FPS)
    dots = {"color": BURST_COLOR, "mec": "white", "mew": 0.4, "ms": 4}
    for row, (name, p) in zip(axes, forecasts.items(), strict=True):
        for ax, stretch in zip(row, (whole, zoom), strict=True):
            x, y = time_and_height(motion, USUAL_FPS, stretch)
            shown = np.asarray(p, float)[stretch]
            colors = draw_forecast_line(ax, x, y, shown, lw=1.8)
            ones, called = np.asarray(label)[stretch] == 1, x[shown >= thresholds[name]]
            ax.plot(x[ones], y[ones], "o", label="label 1", **dots)
            high = {"transform": ax.get_xaxis_transform(), "color": INK, "ms": 2.8}
            ax.plot(called, np.full(len(called), 0.96), "s", label="called by p", **high)
            ax.set_xlim(x[0], x[-1])
        row[0].axvspan(*shaded, color=style.FAINT, lw=0, zorder=0)
        row[0].set_title(f"{name}, called at p ≥ {thresholds[name]:.2f}")
        if narrow or row[0] is axes[0, 0]:
            row[1].set_title("shaded stretch", weight="normal")
        for ax in row[: 1 + narrow]:
            ax.set_ylabel("Motion ỹ (10⁻³)")
    for ax in axes[-1]:
        ax.set_xlabel(style.TIME_LABEL)
    axes[0, 0].set_ylim(0, 1.3e3 * np.max(motion[whole]))
    style.color_bar(colors, axes, "Forecast p")
    style.legend_below(axes[0, 0])
    return axes
