"""A film with its forecast drawn on it: frame, motion so far, probability bars, alarm light."""

from collections.abc import Callable, Iterable, Mapping

import cv2
import numpy as np
from matplotlib.colors import to_rgb

from fishlib.figures.style import BURST_COLOR, FAINT, INK, MUTED, SPEED_COLOR, forecaster_styles

FONT = cv2.FONT_HERSHEY_SIMPLEX
TRACE, ROW, MARGIN = 110, 30, 12
"""Height of the trace, height of a forecaster's row, and margin left and right, px."""


def render_forecast_film(
    frames: np.ndarray,
    fps: float,
    speed: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    threshold: float | Mapping[str, float],
    label: np.ndarray | None = None,
    seconds: float = 6.0,
    width: int = 480,
) -> np.ndarray:
    """Draw motion, forecasts and alarms under each frame of a stretch of film.

    Nothing drawn at frame t was known only later: the trace ends at speed[t - 1], and the bars are
    the forecasts made at t. Only the dots of ``label`` tell the future, as a check.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
        The stretch; the series below are aligned to it.
    fps : float
        Frames a second.
    speed : float array (T,)
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
    paint = forecast_painter(frames, fps, speed, forecasts, threshold, label, seconds, width)
    first = paint(0)
    film = np.empty((len(frames), *first.shape), np.uint8)
    for t in range(len(frames)):
        film[t] = paint(t)
    return film


def forecast_painter(
    frames: np.ndarray,
    fps: float,
    speed: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    threshold: float | Mapping[str, float],
    label: np.ndarray | None = None,
    seconds: float = 6.0,
    width: int = 480,
) -> Callable[[int], np.ndarray]:
    """Function t -> picture of frame t, for one frame at a time; see render_forecast_film."""
    _require_same_length(len(frames), {"speed": speed, **forecasts, "label": label})
    width -= width % 2
    if not isinstance(threshold, Mapping):
        threshold = dict.fromkeys(forecasts, threshold)
    tall = round(frames.shape[1] * width / frames.shape[2])
    page = _draw_page(tall, width, forecasts, threshold)
    dots = np.zeros(len(frames), bool) if label is None else np.asarray(label) == 1
    heights = _trace_heights(np.asarray(speed, float), tall)

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


def _trace_heights(speed: np.ndarray, tall: int) -> np.ndarray:
    """Height in the picture of each value of the motion, px, its maximum at the top."""
    return tall + 10 + (TRACE - 34) * (1 - speed / max(np.nanmax(speed), 1e-12))


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
