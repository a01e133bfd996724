"""What a label asks, drawn on the motion proxy: one frame's window, or one onset."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from fishlib.figures.style import (
    BURST_COLOR,
    FUTURE_COLOR,
    INK,
    MUTED,
    PAST_COLOR,
    SPEED_COLOR,
    SPEED_LABEL,
    SPEED_SCALE,
    new_axes,
    styled,
)

HALOED = {
    "textcoords": "offset points",
    "size": 10,
    "path_effects": [withStroke(linewidth=3, foreground="white")],
}


@styled
def plot_label_anatomy(
    speed: np.ndarray,
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
    speed : float array (T,)
        Motion proxy.
    t : int
        The frame asked about.
    horizon, min_range, low_fraction
        As in :func:`fishlib.labels.label_bursts`.
    past : int
        Frames shown before t.
    """
    window, low, high = _look_ahead(speed, t, horizon, past)
    ax = new_axes(ax, height=3.9)
    x, y = (np.arange(window.start, window.stop) - t) / fps, speed[window] * SPEED_SCALE
    spread, wide = high - low, bool(high - low >= min_range * SPEED_SCALE)
    band = low + low_fraction * spread
    calm = bool(speed[t] * SPEED_SCALE <= band)
    _shade_future(ax, horizon / fps)
    ax.fill_between([0, horizon / fps], low, band, color=PAST_COLOR, alpha=0.22, lw=0)
    ax.plot(x, y, color=SPEED_COLOR, lw=1.6)
    ax.hlines([low, high], 0, horizon / fps, color=MUTED, lw=0.9, ls=(0, (4, 3)))
    _draw_range(ax, horizon / fps, low, high, min_range, wide)
    ax.plot(
        0,
        speed[t] * SPEED_SCALE,
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


def _look_ahead(speed: np.ndarray, t: int, horizon: int, past: int) -> tuple[slice, float, float]:
    if not 0 <= t < len(speed) - horizon:
        raise ValueError(
            f"Frame {t} has no {horizon} frames after it in a film of {len(speed)} frames: choose "
            f"t from 0 to {len(speed) - horizon - 1}."
        )
    ahead = np.asarray(speed[t : t + horizon + 1]) * SPEED_SCALE
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
    speed: np.ndarray,
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
    speed : float array (T,)
    calm_level : float
        In the unit of ``speed``; see :func:`fishlib.labels.label_onsets`.
    """
    window, _, _ = _look_ahead(speed, t, horizon, past)
    if t < width:
        raise ValueError(f"Frame {t} has no {width} frames before it: choose t from {width} on.")
    ax = new_axes(ax, height=3.9)
    x, y = (np.arange(window.start, window.stop) - t) / fps, speed[window] * SPEED_SCALE
    recent = float(np.mean(speed[t - width : t])) * SPEED_SCALE
    means = np.convolve(speed[t : t + horizon + 1], np.ones(width) / width, "valid") * SPEED_SCALE
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
