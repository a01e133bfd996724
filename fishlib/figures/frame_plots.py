"""Frames of a film as pictures: film strips, a burst with its motion, a difference of frames."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from fishlib.figures.series_plots import frame_window, time_and_height
from fishlib.figures.style import (
    BURST_COLOR,
    FAINT,
    SPEED_COLOR,
    SPEED_LABEL,
    TIME_LABEL,
    blank,
    new_figure,
    styled,
)

CHANGE_COLORS = LinearSegmentedColormap.from_list("change", ["white", BURST_COLOR, "#4A0018"])


@styled
def plot_frames(
    frames: np.ndarray,
    titles: Sequence[str] | None = None,
    suptitle: str | None = None,
    columns: int = 6,
) -> np.ndarray:
    """Frames side by side, in rows of ``columns``.

    Parameters
    ----------
    frames : uint8 array (n, H, W)
        Few frames; all are drawn, in one grey scale from 0 to 255.
    titles : sequence of n str, optional
        Text above each frame, for instance its time.

    Returns
    -------
    array of n Axes
    """
    frames = np.asarray(frames)
    if frames.ndim != 3 or len(frames) == 0:
        raise ValueError(f"Frames to draw are an array (n, H, W), got shape {frames.shape}.")
    columns = min(columns, len(frames))
    rows = -(-len(frames) // columns)
    height = 9 / columns * frames.shape[1] / frames.shape[2] * rows + 0.3 * rows
    fig, grid = new_figure(rows, columns, height=height + 0.35 * bool(suptitle), squeeze=False)
    axes = grid.ravel()
    for ax in axes:
        blank(ax).set_visible(False)
    for i, frame in enumerate(frames):
        axes[i].set_visible(True)
        show_frame(axes[i], frame, titles[i] if titles is not None else None)
    if suptitle:
        fig.suptitle(suptitle, x=0.01, ha="left", weight="bold", size=12)
    return axes[: len(frames)]


def show_frame(ax: Axes, frame: np.ndarray, title: str | None = None, **kwargs) -> Axes:
    """One frame without axes, grey values from 0 (black) to 255 (white)."""
    limits = {"cmap": "gray", "vmin": 0, "vmax": 255} | kwargs
    ax.imshow(frame, **limits)
    if title:
        ax.set_title(title, fontsize=9.5, weight="normal", loc="center", pad=4)
    return blank(ax)


@styled
def plot_chase_strip(
    frames: np.ndarray,
    speed: np.ndarray,
    fps: float,
    start: int,
    stop: int,
    n_frames: int = 5,
    trails: np.ndarray | None = None,
) -> np.ndarray:
    """A burst as the camera saw it: frames above, the motion below, dots tie one to the other.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
    speed : float array (T,)
        Motion proxy.
    start, stop : int
        Frames of the stretch; ``n_frames`` of them, evenly spaced, are shown.
    trails : float array (T, fish, 2), optional
        Positions (x, y) in pixels; each fish's path over the last half second is drawn.

    Returns
    -------
    array of n_frames + 1 Axes
        The pictures, then the trace.
    """
    window = frame_window(speed, start, stop)
    shown = np.linspace(window.start, window.stop - 1, n_frames).astype(int)
    ratio = frames.shape[1] / frames.shape[2]
    height = 9 / n_frames * ratio
    fig, axes = new_figure(2, n_frames, height=height + 2.9, height_ratios=(height, 2.2))
    grid = axes[0, 0].get_gridspec()
    for ax in axes[1]:
        ax.remove()
    trace = fig.add_subplot(grid[1, :])
    for ax, t in zip(axes[0], shown, strict=True):
        show_frame(ax, frames[t], f"{t / fps:.2f} s")
        if trails is not None:
            _draw_trails(ax, trails[max(t - int(fps / 2), 0) : t + 1])
    x, y = time_and_height(speed, fps, window)
    trace.plot(x, y, color=SPEED_COLOR)
    trace.plot(
        shown / fps,
        y[shown - window.start],
        "o",
        ms=7,
        color=BURST_COLOR,
        mec="white",
        clip_on=False,
    )
    trace.vlines(shown / fps, 0, y[shown - window.start], color=FAINT, lw=1, zorder=0)
    trace.set(xlabel=TIME_LABEL, ylabel=SPEED_LABEL, xlim=(x[0], x[-1]), ylim=(0, None))
    trace.margins(x=0.02)
    return np.append(axes[0], trace)


def _draw_trails(ax: Axes, trails: np.ndarray) -> None:
    for fish in range(trails.shape[1]):
        x, y = trails[:, fish].T
        ax.plot(x, y, color="#F2C14E", lw=0.9, alpha=0.8)
    ax.autoscale(False)


@styled
def plot_difference(before: np.ndarray, after: np.ndarray, t: int | None = None) -> np.ndarray:
    """Two frames in sequence and the size of their difference, whose mean is the motion ỹ[t].

    Parameters
    ----------
    before, after : uint8 array (H, W)
        Frames t and t + 1.
    t : int, optional
        Number of the first one, for the titles.

    Returns
    -------
    array of three Axes
    """
    if np.shape(before) != np.shape(after):
        raise ValueError(f"The frames differ in shape: {np.shape(before)}, {np.shape(after)}.")
    change = np.abs(np.asarray(after, float) - np.asarray(before, float))
    now, soon = ("t", "t + 1") if t is None else (str(t), str(t + 1))
    ratio = before.shape[0] / before.shape[1]
    fig, axes = new_figure(1, 3, height=2.75 * ratio + 0.85)
    show_frame(axes[0], before, f"frame {now}")
    show_frame(axes[1], after, f"frame {soon}")
    show_frame(axes[2], change, f"|frame {soon} − frame {now}|", cmap=CHANGE_COLORS, vmax=None)
    axes[2].spines[:].set(visible=True, color=FAINT)
    bar = fig.colorbar(axes[2].images[0], cax=axes[2].inset_axes((1.03, 0, 0.04, 1)))
    bar.set_label("Change (grey levels)")
    bar.outline.set_visible(False)
    mean = change.mean() / 255
    text = f"ỹ = mean change / 255 = {mean * 1e3:.2f} × 10⁻³"
    axes[2].annotate(text, (0.5, -0.04), xycoords="axes fraction", ha="center", va="top", size=10)
    return axes
