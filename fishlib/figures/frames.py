"""Frames of a film as pictures: strips, a difference, clips, and a film with its forecast drawn."""

from collections.abc import Iterable, Mapping, Sequence

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from fishlib.evaluation.scores import NothingToJudge
from fishlib.figures import style
from fishlib.figures.series import frame_window, time_and_height
from fishlib.figures.style import BURST_COLOR, FAINT, INK, MOTION_COLOR, MUTED, blank, styled

CHANGE_COLORS = LinearSegmentedColormap.from_list("change", ["white", BURST_COLOR, "#4A0018"])
NAMED_COLOR = "#EBA200"
RING_COLORS = {"attacker": "#FF5C93", "victim": "#5CC3FF"}


def show_frame(ax: Axes, frame: np.ndarray, title: str | None = None, **kwargs) -> Axes:
    """One frame without axes, grey values from 0 (black) to 255 (white)."""
    ax.imshow(frame, **({"cmap": "gray", "vmin": 0, "vmax": 255} | kwargs))
    if title:
        ax.set_title(title, fontsize="small", weight="normal", loc="center", pad=4)
    return blank(ax)


@styled
def plot_frames(
    frames: np.ndarray, titles: Sequence[str] | None = None, columns: int = 6, below: float = 0.0
) -> np.ndarray:
    """Frames side by side, in rows of ``columns``, half as many on a narrow page.

    Parameters
    ----------
    frames : uint8 array (n, H, W)
        Few frames; all are drawn, in one grey scale from 0 to 255.
    titles : sequence of n str, optional
        Text above each frame, for instance its time.
    below : float
        Height, inches, of one more axes under the frames, as wide as the page; 0: none.

    Returns
    -------
    array of n Axes, or n + 1
    """
    frames = np.asarray(frames)
    if frames.ndim != 3:
        raise ValueError(f"Frames to draw are an array (n, H, W), got shape {frames.shape}.")
    columns = min(-(-columns // 2) if style.is_narrow() else columns, len(frames))
    rows = -(-len(frames) // columns)
    panel = style.page_width() / columns * frames.shape[1] / frames.shape[2] + 0.3
    fig = plt.figure(figsize=(style.page_width(), rows * panel + below))
    heights = [panel] * rows + [below] * bool(below)
    grid = fig.add_gridspec(len(heights), columns, height_ratios=heights)
    axes = []
    for i, frame in enumerate(frames):
        ax = fig.add_subplot(grid[divmod(i, columns)])
        axes.append(show_frame(ax, frame, titles[i] if titles is not None else None))
    if below:
        axes.append(style.dress(fig.add_subplot(grid[-1, :])))
    return np.array(axes)


@styled
def plot_moments(
    frames: np.ndarray,
    times: Sequence[float],
    places: np.ndarray | None = None,
    ids: tuple[int, int] | None = None,
) -> np.ndarray:
    """Moments of a film in a strip, on request with the attacker and its victim circled.

    Parameters
    ----------
    frames : uint8 array (n, H, W)
    times : sequence of n float
        Seconds, written above the frames.
    places : float array (n, animals, 2), optional
        Positions (x, y) in pixels of the frames; NaN where an animal is not seen.
    ids : (attacker, victim), optional
        Rows of ``places`` that are circled; needs ``places``.

    Returns
    -------
    array of n Axes
    """
    axes = plot_frames(frames, [f"{t:.1f} s" for t in times], 4)
    if places is not None and ids is not None:
        for ax, of_frame in zip(axes, places, strict=True):
            draw_rings(ax, of_frame[list(ids)], radius=frames.shape[1] / 12)
        axes[0].figure.legend(handles=axes[0].lines, loc="outside lower left", ncols=2)
    return axes


@styled
def plot_places(frames: np.ndarray, places, at: np.ndarray) -> np.ndarray:
    """Frames with a dot where each animal was found, and a line where it is heading.

    Parameters
    ----------
    frames : uint8 array (n, H, W)
    places : Places
        Of the whole film (:func:`fishlib.animals.find_places`), in pixels of such frames; without
        animals its reason is drawn.
    at : int array (n,)
        Which frames of the film these are.

    Returns
    -------
    array of n Axes
    """
    if places.reason:
        raise NothingToJudge(places.reason)
    axes = plot_frames(frames, [f"frame {t}" for t in at], 2)
    reach = frames.shape[1] / 12
    for ax, t in zip(np.ravel(axes), at, strict=True):
        x, y, heading = places.x[t], places.y[t], places.heading[t]
        ax.plot(x, y, "o", color=RING_COLORS["attacker"], ms=4)
        ends = [x, x + reach * np.cos(heading)], [y, y + reach * np.sin(heading)]
        ax.plot(*ends, color=RING_COLORS["victim"], lw=1.2)
    return axes


@styled
def plot_who(feared: object, ax: Axes | None = None) -> Axes:
    """Whom a forecast names: a dot on every animal, rings around the two of the pair.

    Parameters
    ----------
    feared : fishlib.forecasters.feared.Feared
        Where nothing is known its reason is drawn.
    """
    if feared.reason:
        raise NothingToJudge(feared.reason)
    height, width = feared.picture.shape
    tall = min(7.2, style.page_width()) * height / width + 0.6
    ax = show_frame(style.new_axes(ax, tall, 7.2), feared.picture)
    ax.plot(*feared.places.T, "o", color=NAMED_COLOR, ms=3.5, label="animal")
    pair = feared.places[list(feared.pair)]
    draw_rings(ax, pair, height / 15, [("the pair it names", NAMED_COLOR)] * 2)
    style.legend_below(ax)
    return ax


def draw_rings(
    ax: Axes, places: np.ndarray, radius: float, looks: Iterable = tuple(RING_COLORS.items())
) -> None:
    """Rings around two animals at ``places`` (2, 2), in pixels: the attacker and its victim, or
    others of given names and colours."""
    for (x, y), (name, color) in zip(places, looks, strict=True):
        ax.add_patch(plt.Circle((x, y), radius, fill=False, ec=color, lw=1.8))
        ax.plot([], [], "o", ms=10, mfc="none", mec=color, mew=1.8, label=name)  # of the legend


@styled
def plot_chase_strip(
    frames: np.ndarray, motion: np.ndarray, fps: float, start: int, stop: int
) -> np.ndarray:
    """A burst as the camera saw it: frames above, the motion below, dots tie one to the other.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
    motion : float array (T,)
    start, stop : int
        Frames of the stretch; five of them, evenly spaced, are shown.

    Returns
    -------
    array of six Axes
        The pictures, then the trace.
    """
    window = frame_window(motion, start, stop)
    shown = np.linspace(window.start, window.stop - 1, 5).astype(int)
    axes = plot_frames(frames[shown], [f"{t / fps:.2f} s" for t in shown], 5, below=2.6)
    x, y = time_and_height(motion, fps, window)
    heights, trace = y[shown - window.start], axes[-1]
    trace.plot(x, y, color=MOTION_COLOR)
    trace.plot(shown / fps, heights, "o", ms=7, color=BURST_COLOR, mec="white", clip_on=False)
    trace.vlines(shown / fps, 0, heights, color=FAINT, lw=1, zorder=0)
    trace.set(xlabel=style.TIME_LABEL, ylabel="Motion ỹ (10⁻³)", xlim=x[[0, -1]], ylim=(0, None))
    return axes


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
    titles = [f"frame {now}", f"frame {soon}", f"|frame {soon} − frame {now}|"]
    axes = plot_frames([before, after, change], titles, columns=3)
    picture = axes[2].images[0]
    picture.set(cmap=CHANGE_COLORS, clim=(0, max(change.max(), 1)))
    axes[2].spines[:].set(visible=True, color=FAINT)
    axes[2].set_xlabel(f"ỹ = mean change / 255\n= {change.mean() / 255 * 1e3:.2f} × 10⁻³")
    style.color_bar(picture, axes, "Change (grey levels)")
    return axes


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
    panel = (style.page_width() - 0.9) / max(channels, 3) * height / width
    tall = (panel + 0.27) * len(slices) + 0.1
    _, axes = style.new_figure(len(slices), channels, tall, squeeze=False)
    for k, column in enumerate(axes.T):
        colors = _channel_colors(clip[..., k])
        for ax, i in zip(column, slices, strict=True):
            title = channel_names[k] if channel_names else _frame_name(offsets[i][k])
            show_frame(ax, clip[i, :, :, k], title, **colors)
    for ax, i in zip(axes[:, 0], slices, strict=True):
        text = f"slice {i}\nto {_frame_name(max(offsets[i]))}"
        ax.set_ylabel(text, rotation=0, ha="right", va="center", labelpad=8)
    return axes


def _channel_colors(channel: np.ndarray) -> dict:
    """Grey from 0 to 1 for frames; for signed changes red where brighter, blue where darker."""
    if channel.min() >= 0:
        return {"vmin": 0, "vmax": 1}
    reach = float(np.abs(channel).max()) / 2
    return {"cmap": "RdBu_r", "vmin": -reach, "vmax": reach}


def _frame_name(offset: int) -> str:
    return "t" if offset == 0 else f"t − {-offset}"


FONT, LETTERS = cv2.FONT_HERSHEY_SIMPLEX, 0.55
WIDTH, TRACE, ROW, MARGIN = 480, 110, 30, 12
"""Width of the picture, heights of the trace and of a forecaster's row, margin at a side, px."""
SECONDS = 6.0
"""Length of the trace."""


def render_forecast_film(frames: np.ndarray, fps: float, *series) -> np.ndarray:
    """Draw motion, forecasts and alarms under each frame of a stretch of film.

    Parameters
    ----------
    frames, fps, *series
        As for :class:`ForecastPainter`.

    Returns
    -------
    uint8 array (T, height, width, 3)
        RGB; height and width are even, as video codecs ask.
    """
    paint = ForecastPainter(frames, fps, *series)
    return np.stack([paint(t) for t in range(len(frames))])


class ForecastPainter:
    """Function t -> frame t with motion, forecasts and alarms drawn under it, uint8 RGB.

    Nothing drawn at frame t was known only later: the trace ends at motion[t - 1], and the bars are
    the forecasts made at t.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
        The stretch; the series below are aligned to it.
    fps : float
        Frames a second.
    motion : float array (T,)
    forecasts : mapping of name -> float array (T,)
        Probabilities in [0, 1], NaN where not defined (no bar).
    threshold : float, or mapping of name -> float
        A light turns on while the forecast is at least this.

    Raises
    ------
    ValueError
        If a series is not as long as the film.
    """

    def __init__(
        self,
        frames: np.ndarray,
        fps: float,
        motion: np.ndarray,
        forecasts: Mapping[str, np.ndarray],
        threshold: float | Mapping[str, float],
    ) -> None:
        for name, values in {"motion": motion, **forecasts}.items():
            if len(values) != len(frames):
                raise ValueError(
                    f"{name} has {len(values)} values for {len(frames)} frames: cut film and "
                    "series to the same stretch."
                )
        self.frames, self.fps, self.forecasts, self.span = frames, fps, forecasts, SECONDS * fps
        one = not isinstance(threshold, Mapping)
        self.threshold = dict.fromkeys(forecasts, threshold) if one else threshold
        self.tall = round(frames.shape[1] * WIDTH / frames.shape[2])
        motion = np.asarray(motion, float)
        share = motion / max(np.nanmax(motion), 1e-12)
        self.heights = self.tall + 10 + (TRACE - 34) * (1 - share)  # px in the picture
        widths = [cv2.getTextSize(_ascii(name), FONT, LETTERS, 1)[0][0] for name in forecasts]
        self.ends = MARGIN + max(widths, default=0) + 14, WIDTH - 46  # of the bars
        self.page = self._draw_page()

    def _draw_page(self) -> np.ndarray:
        """All that stays the same from frame to frame, uint8 (height, width, 3)."""
        height = self.tall + TRACE + ROW * len(self.forecasts) + 8
        page = np.full((height + height % 2, WIDTH, 3), 255, np.uint8)
        base, (left, right) = self.tall + TRACE - 20, self.ends
        cv2.line(page, (MARGIN, base), (WIDTH - MARGIN, base), _rgb(FAINT), 1)
        _write(page, "motion", (MARGIN, base + 16), _rgb(MUTED))
        _write(page, "now", (WIDTH - MARGIN - 34, base + 16), _rgb(MUTED))
        for row, name in enumerate(self.forecasts):
            y = self.tall + TRACE + row * ROW
            _write(page, _ascii(name), (MARGIN, y + 20), _rgb(INK))
            page[y + 5 : y + 23, left:right] = _rgb(FAINT)
            tick = round(left + self.threshold[name] * (right - left))
            page[y + 1 : y + 27, tick - 1 : tick + 1] = _rgb(INK)
        return page

    def __call__(self, t: int) -> np.ndarray:
        """The picture of frame t, uint8 (height, width, 3)."""
        picture, size = self.page.copy(), (WIDTH, self.tall)
        grey = cv2.resize(self.frames[t], size, interpolation=cv2.INTER_LINEAR)
        picture[: self.tall] = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
        _write(picture, f"{t / self.fps:.1f} s", (10, 22), (255, 255, 255))
        shown = np.arange(max(0, t - int(self.span)), t)
        x = WIDTH - MARGIN - (t - shown) / self.span * (WIDTH - 2 * MARGIN)
        line = np.column_stack([x, self.heights[shown]])
        fixed = np.round(line * 16).astype(np.int32)[:, None]  # four bits behind the point
        cv2.polylines(picture, [fixed], False, _rgb(MOTION_COLOR), 2, cv2.LINE_AA, shift=4)
        styles, (left, right) = style.forecaster_styles(self.forecasts), self.ends
        for row, (name, p) in enumerate(self.forecasts.items()):
            y = self.tall + TRACE + row * ROW
            end = round(left + np.clip(np.nan_to_num(p[t]), 0, 1) * (right - left))
            picture[y + 5 : y + 23, left:end] = _rgb(styles[name]["color"])
            light = _rgb(BURST_COLOR if p[t] >= self.threshold[name] else FAINT)
            cv2.circle(picture, (right + 24, y + 14), 9, light, -1, cv2.LINE_AA)
        return picture


def _write(picture: np.ndarray, text: str, at: tuple[int, int], color) -> None:
    cv2.putText(picture, text, at, FONT, LETTERS, color, 1, cv2.LINE_AA)


def _ascii(name: str) -> str:
    """The name in the letters OpenCV's font has."""
    swapped = name.replace("ỹ", "y").replace("−", "-").replace("–", "-")
    return swapped.encode("ascii", "ignore").decode()


def _rgb(color: str) -> tuple[int, int, int]:
    return tuple(round(255 * part) for part in to_rgb(color))
