"""Frames of a film as pictures: film strips, a burst with its motion, a difference of frames."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from fishlib.figures.series import frame_window, time_and_height
from fishlib.figures.style import (
    BURST_COLOR,
    FAINT,
    INK,
    MUTED,
    SPEED_COLOR,
    SPEED_LABEL,
    TIME_LABEL,
    blank,
    forecaster_styles,
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
    motion: np.ndarray,
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
    motion : float array (T,)
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
    window = frame_window(motion, start, stop)
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
    x, y = time_and_height(motion, fps, window)
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


FLIPS = (
    ("as filmed", (1, 1)),
    ("left–right", (1, -1)),
    ("up–down", (-1, 1)),
    ("both", (-1, -1)),
)


@styled
def plot_clip(
    clip: np.ndarray,
    slices: Sequence[int] = (0, 1, 28, 29),
    offsets: Sequence[Sequence[int]] | None = None,
    channel_names: Sequence[str] | None = None,
) -> np.ndarray:
    """A clip as the network sees it: a row a slice (a step in time), a column a channel.

    Parameters
    ----------
    clip : float array (slices, H, W, channels)
        Frames in [0, 1], drawn in grey, or signed changes, red where the picture got brighter and
        blue where darker.
    slices : sequence of int
        Slices shown; those the clip does not have are left out.
    offsets : sequence of sequence of int, optional
        Frame of each slice and channel relative to t; None takes consecutive frames that end at t.
    channel_names : sequence of str, optional
        Written above the panels where channels are not single frames.

    Returns
    -------
    array (rows, channels) of Axes
    """
    clip = np.asarray(clip)
    if clip.ndim != 4:
        raise ValueError(f"A clip has the shape (slices, H, W, channels), got {clip.shape}.")
    n_slices, height, width, channels = clip.shape
    slices = [i for i in slices if i < n_slices]
    if offsets is None:
        offsets = (np.arange(n_slices * channels) + 1 - n_slices * channels).reshape(n_slices, -1)
    panel = (9 - 0.9) / max(channels, 3) * height / width
    _, axes = new_figure(len(slices), channels, (panel + 0.27) * len(slices) + 0.1, squeeze=False)
    for k, column in enumerate(axes.T):
        colors = _channel_colors(clip[..., k])
        for ax, i in zip(column, slices, strict=True):
            title = channel_names[k] if channel_names else _frame_name(offsets[i][k])
            show_frame(ax, clip[i, :, :, k], title, **colors)
    for ax, i in zip(axes[:, 0], slices, strict=True):
        text = f"slice {i}\nto {_frame_name(max(offsets[i]))[6:]}"
        ax.set_ylabel(text, rotation=0, ha="right", va="center", labelpad=8)
    return axes


def _channel_colors(channel: np.ndarray) -> dict:
    """Grey from 0 to 1 for frames; for signed changes red where brighter, blue where darker."""
    if channel.min() >= 0:
        return {"vmin": 0, "vmax": 1}
    reach = float(np.abs(channel).max()) / 2
    return {"cmap": "RdBu_r", "vmin": -reach, "vmax": reach}


def _frame_name(offset: int) -> str:
    return "frame t" if offset == 0 else f"frame t − {-offset}"


@styled
def plot_flips(frame: np.ndarray) -> np.ndarray:
    """A frame and its three mirror images: four examples with the same motion and label.

    Parameters
    ----------
    frame : array (H, W)
        uint8 in 0..255 or float in [0, 1].

    Returns
    -------
    array of four Axes
    """
    _, axes = new_figure(1, 4, height=9 / 4 * frame.shape[0] / frame.shape[1] + 0.35)
    top = 255 if np.asarray(frame).dtype == np.uint8 else 1
    for ax, (name, (down, right)) in zip(axes, FLIPS, strict=True):
        show_frame(ax, frame[::down, ::right], name, vmax=top)
    return axes


@styled
def plot_augmentation(clip: np.ndarray, n_slices: int = 5) -> np.ndarray:
    """A clip in its four flips, a row a flip: the whole clip is mirrored, not single frames.

    Parameters
    ----------
    clip : float array (slices, H, W, channels)
        In [0, 1]; the last channel of ``n_slices`` evenly spaced slices is shown.

    Returns
    -------
    array (4, n_slices) of Axes
    """
    shown = np.linspace(0, len(clip) - 1, min(n_slices, len(clip))).astype(int)
    height, width = clip.shape[1:3]
    panel = (9 - 1) / len(shown) * height / width
    _, axes = new_figure(4, len(shown), height=(panel + 0.08) * 4 + 0.3, squeeze=False)
    for row, (name, (down, right)) in zip(axes, FLIPS, strict=True):
        for ax, i in zip(row, shown, strict=True):
            title = f"slice {i}" if name == FLIPS[0][0] else None
            show_frame(ax, clip[i, ::down, ::right, -1], title, vmax=1)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8, color=MUTED)
    return axes


FONT = cv2.FONT_HERSHEY_SIMPLEX
TRACE, ROW, MARGIN = 110, 30, 12
"""Height of the trace, height of a forecaster's row, and margin left and right, px."""


def render_forecast_film(
    frames: np.ndarray,
    fps: float,
    motion: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    threshold: float | Mapping[str, float],
    label: np.ndarray | None = None,
    seconds: float = 6.0,
    width: int = 480,
) -> np.ndarray:
    """Draw motion, forecasts and alarms under each frame of a stretch of film.

    Nothing drawn at frame t was known only later: the trace ends at motion[t - 1], and the bars are
    the forecasts made at t. Only the dots of ``label`` tell the future, as a check.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
        The stretch; the series below are aligned to it.
    fps : float
        Frames a second.
    motion : float array (T,)
        Motion proxy.
    forecasts : mapping of name -> float array (T,)
        Probabilities in [0, 1], NaN where not defined (no bar).
    threshold : float, or mapping of name -> float
        A light turns on while the forecast is at least this.
    label : int array (T,), optional
        Positive frames get a dot on the trace.
    seconds : float
        Length of the trace.
    width : int
        Width of the picture, px; width and height are made even, as video codecs ask.

    Returns
    -------
    uint8 array (T, height, width, 3)
        RGB.

    Raises
    ------
    ValueError
        If a series is not as long as the film.
    """
    paint = forecast_painter(frames, fps, motion, forecasts, threshold, label, seconds, width)
    first = paint(0)
    film = np.empty((len(frames), *first.shape), np.uint8)
    for t in range(len(frames)):
        film[t] = paint(t)
    return film


def forecast_painter(
    frames: np.ndarray,
    fps: float,
    motion: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    threshold: float | Mapping[str, float],
    label: np.ndarray | None = None,
    seconds: float = 6.0,
    width: int = 480,
) -> Callable[[int], np.ndarray]:
    """Function t -> picture of frame t, for one frame at a time; see render_forecast_film."""
    _require_same_length(len(frames), {"motion": motion, **forecasts, "label": label})
    width -= width % 2
    if not isinstance(threshold, Mapping):
        threshold = dict.fromkeys(forecasts, threshold)
    tall = round(frames.shape[1] * width / frames.shape[2])
    page = _draw_page(tall, width, forecasts, threshold)
    dots = np.zeros(len(frames), bool) if label is None else np.asarray(label) == 1
    heights = _trace_heights(np.asarray(motion, float), tall)

    def paint(t: int) -> np.ndarray:
        picture = page.copy()
        grey = cv2.resize(frames[t], (width, tall), interpolation=cv2.INTER_LINEAR)
        picture[:tall] = grey[..., None]
        _write(picture, f"{t / fps:.1f} s", (10, 22), (255, 255, 255))
        _draw_trace(picture, heights, dots, t, seconds * fps)
        _draw_bars(picture, {k: float(p[t]) for k, p in forecasts.items()}, threshold, tall + TRACE)
        return picture

    return paint


def _require_same_length(n_frames: int, series: Mapping[str, np.ndarray | None]) -> None:
    for name, values in series.items():
        if values is not None and len(values) != n_frames:
            raise ValueError(
                f"{name} has {len(values)} values for {n_frames} frames: cut film and series to "
                "the same stretch."
            )


def _draw_page(
    tall: int, width: int, names: Mapping[str, np.ndarray], thresholds: Mapping[str, float]
) -> np.ndarray:
    """All that stays the same from frame to frame, uint8 (height, width, 3)."""
    height = tall + TRACE + ROW * len(names) + 8
    page = np.full((height + height % 2, width, 3), 255, np.uint8)
    base = tall + TRACE - 20
    cv2.line(page, (MARGIN, base), (width - MARGIN, base), _rgb(FAINT), 1)
    _write(page, "motion", (MARGIN, base + 14), _rgb(MUTED), 0.42)
    _write(page, "now", (width - MARGIN - 28, base + 14), _rgb(MUTED), 0.42)
    left, right = _bar_ends(width, names)
    for row, name in enumerate(names):
        y = tall + TRACE + row * ROW
        _write(page, _ascii(name), (MARGIN, y + 18), _rgb(INK), 0.45)
        page[y + 5 : y + 23, left:right] = _rgb(FAINT)
        tick = round(left + thresholds[name] * (right - left))
        page[y + 1 : y + 5, tick - 1 : tick + 1] = _rgb(INK)
        page[y + 23 : y + 27, tick - 1 : tick + 1] = _rgb(INK)
    return page


def _bar_ends(width: int, names: Iterable[str]) -> tuple[int, int]:
    """Left and right end of the bars: between the longest name and the lights."""
    longest = max((cv2.getTextSize(_ascii(n), FONT, 0.45, 1)[0][0] for n in names), default=0)
    return MARGIN + longest + 14, width - 46


def _trace_heights(motion: np.ndarray, tall: int) -> np.ndarray:
    """Height in the picture of each value of the motion, px, its maximum at the top."""
    return tall + 10 + (TRACE - 34) * (1 - motion / max(np.nanmax(motion), 1e-12))


def _draw_trace(
    picture: np.ndarray, heights: np.ndarray, dots: np.ndarray, t: int, span: float
) -> None:
    """The motion known at frame t, over the last ``span`` frames; now is at the right edge."""
    left, right = MARGIN, picture.shape[1] - MARGIN
    shown = np.arange(max(0, t - int(span)), t)
    line = np.column_stack([right - (t - shown) / span * (right - left), heights[shown]])
    fixed = np.round(line * 16).astype(np.int32)[:, None]  # four bits behind the point
    cv2.polylines(picture, [fixed], False, _rgb(SPEED_COLOR), 2, cv2.LINE_AA, shift=4)
    for center in np.round(line[dots[shown]]).astype(int):
        cv2.circle(picture, center.tolist(), 3, _rgb(BURST_COLOR), -1, cv2.LINE_AA)


def _draw_bars(
    picture: np.ndarray, now: Mapping[str, float], thresholds: Mapping[str, float], top: int
) -> None:
    """A row a forecaster: probability bar, and a light that is on at the threshold and above."""
    left, right = _bar_ends(picture.shape[1], now)
    styles = forecaster_styles(now)
    for row, (name, p) in enumerate(now.items()):
        y = top + row * ROW
        end = left if np.isnan(p) else round(left + min(max(p, 0.0), 1.0) * (right - left))
        picture[y + 5 : y + 23, left:end] = _rgb(styles[name]["color"])
        light = _rgb(BURST_COLOR if p >= thresholds[name] else FAINT)
        cv2.circle(picture, (right + 24, y + 14), 9, light, -1, cv2.LINE_AA)


def _write(picture: np.ndarray, text: str, at: tuple[int, int], color, scale: float = 0.55) -> None:
    cv2.putText(picture, text, at, FONT, scale, color, 1, cv2.LINE_AA)


def _ascii(name: str) -> str:
    """The name in the letters OpenCV's font has."""
    swapped = name.replace("ỹ", "y").replace("−", "-").replace("–", "-")
    return swapped.encode("ascii", "ignore").decode()


def _rgb(color: str) -> tuple[int, int, int]:
    return tuple(round(255 * part) for part in to_rgb(color))
