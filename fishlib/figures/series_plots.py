"""The motion proxy ỹ against time, with the label and the forecast on it, and the splits."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from fishlib.figures.style import (
    BURST_COLOR,
    FAINT,
    FORECAST_COLORS,
    FUTURE_COLOR,
    INK,
    PAST_COLOR,
    SPEED_COLOR,
    SPEED_LABEL,
    SPEED_SCALE,
    TIME_LABEL,
    new_axes,
    styled,
)
from fishlib.labels import runs_of

SPLIT_COLORS = {"train": "#52606D", "validation": PAST_COLOR, "test": FUTURE_COLOR}


@styled
def plot_speed(
    speed: np.ndarray,
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
    speed : float array (T,)
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
    window = frame_window(speed, start, stop)
    seconds, height = time_and_height(speed, fps, window)
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


def frame_window(speed: np.ndarray, start: int, stop: int | None) -> slice:
    """The frames start..stop-1 as a slice, checked against the length of the series."""
    stop = len(speed) if stop is None else min(stop, len(speed))
    if not 0 <= start < stop - 1:
        raise ValueError(
            f"The window {start}..{stop} holds fewer than 2 of the {len(speed)} frames: "
            "choose 0 <= start < stop - 1."
        )
    return slice(start, stop)


def time_and_height(speed: np.ndarray, fps: float, window: slice) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the film, and motion in 10⁻³ of the grey range, at the frames of the window."""
    frames = np.arange(window.start, window.stop)
    return frames / fps, np.asarray(speed, float)[window] * SPEED_SCALE


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
    speed: np.ndarray,
    label: np.ndarray,
    fps: float = 30.0,
    start: int = 0,
    stop: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Motion with its label: dots on the positive frames and a strip of the label below.

    Parameters
    ----------
    speed : float array (T,)
    label : int array (T,)
        1, 0 or -1 (shaded).
    """
    ax = new_axes(ax, height=3.2)
    window = frame_window(speed, start, stop)
    x, y = time_and_height(speed, fps, window)
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
    speed: np.ndarray, splits: Mapping[str, slice], fps: float = 30.0, ax: Axes | None = None
) -> Axes:
    """The whole film's motion, smoothed over up to 10 s, on the spans of its splits.

    Parameters
    ----------
    speed : float array (T,)
        Motion proxy of the whole film.
    splits : mapping of name -> slice
        As ``fishlib.labels.split_frames`` returns; the gaps between them are the embargo.
    """
    ax = new_axes(ax, height=2.8)
    width = int(np.clip(len(speed) // 30, 1, 10 * fps))
    smooth = np.convolve(speed, np.ones(width) / width, mode="valid") * SPEED_SCALE
    minutes = np.arange(len(speed)) / fps / 60
    ax.plot(minutes[width // 2 :][: len(smooth)], smooth, color=INK, lw=1.1)
    for name, part in splits.items():
        start, stop = part.start / fps / 60, part.stop / fps / 60
        text = f"{name}, {part.stop - part.start:,} frames"
        ax.axvspan(start, stop, color=SPLIT_COLORS[name], alpha=0.15, lw=0, label=text)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(splits), borderaxespad=0.2)
    ax.set(xlabel="Time (min)", ylabel=SPEED_LABEL, xlim=(0, minutes[-1]), ylim=(0, None))
    return ax
