"""The clock of a video file: time stamps, the frame rate, and frames on a regular clock.

Every forecast here counts in frames, so frames must be equally spaced in time. A film with a
variable frame rate is put on a regular clock: a frame is held where one is missing, dropped where
there are two for one tick, and both are counted.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

LONGEST_GAP = 10.0  # seconds without a frame that may be bridged by holding the last one


def read_gray(capture: cv2.VideoCapture) -> np.ndarray | None:
    """Decode the next frame as uint8 (h, w); None at the end of the film."""
    decoded, image = capture.read()
    return to_gray(image) if decoded else None


def to_gray(image: np.ndarray) -> np.ndarray:
    """A decoded image, uint8 (h, w) or (h, w, 3) in OpenCV's order of colours, as (h, w)."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def timed_frames(
    capture: cv2.VideoCapture, path: Path, stop: int | None = None
) -> Iterator[tuple[np.ndarray, float]]:
    """Decode (image as it is stored, time in seconds), one by one, up to `stop` frames.

    Raises
    ------
    ValueError
        The frames change their size within the film.
    """
    shape, index = None, 0
    try:
        while stop is None or index < stop:
            decoded, image = capture.read()
            if not decoded:
                return
            size = image.shape[:2]
            if shape is not None and size != shape:
                raise ValueError(
                    f"{path} changes its frame size from {shape} to {size} at frame {index}: "
                    "cut the film there or re-encode it at one size."
                )
            shape = size
            yield image, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            index += 1
    finally:
        capture.release()


def choose_fps(stated: float, times: list[float], path: Path) -> float:
    """Frames per second: the stated rate, unless steady time stamps contradict it by over 2 %.

    Time stamps are steady when four steps in five are equal; a film with gaps states the mean
    rate, but ticks faster.

    Raises
    ------
    ValueError
        Neither the header nor the time stamps give a rate.
    """
    steps = np.diff(times)
    plausible = np.isfinite(stated) and 0.1 <= stated <= 2000
    ticking = len(steps) > 1 and np.median(steps) > 0
    usual = np.abs(steps - np.median(steps)) <= 0.0025 if ticking else np.zeros(0, bool)
    if ticking and usual.mean() >= 0.8:
        measured = float(1 / steps[usual].mean())
        agrees = plausible and abs(stated / measured - 1) <= 0.02
        return float(stated) if agrees else measured
    if plausible:
        return float(stated)
    if ticking:
        return float(1 / np.median(steps))
    raise ValueError(f"{path} states no frame rate (it says {stated}): give fps=... by hand.")


def on_clock(
    timed: Iterator[tuple[np.ndarray, float]],
    fps: float | None,
    repairs: Counter,
    first: int = 0,
    path: Path | str = "the film",
) -> Iterator[np.ndarray]:
    """Put frames on a regular clock of `fps`; with fps None every frame is one tick.

    Frame k is the decoded frame whose time stamp is nearest to k / fps. A tick without a frame
    repeats the frame before it (``frames_held``), a second frame for a tick is left out
    (``frames_dropped``), and time stamps that run backwards set the clock anew
    (``clock_restarts``).

    Raises
    ------
    ValueError
        A gap longer than 10 s: too long to be bridged.
    """
    expected, origin, before, last = first, 0.0, None, None
    for image, seconds in timed:
        if fps is not None and before is not None and seconds <= before:
            origin = seconds - expected / fps
            repairs["clock_restarts"] += seconds < before
        tick = expected if fps is None else round((seconds - origin) * fps)
        if before is None:  # the first frame sets the clock
            origin, tick = (0.0 if fps is None else seconds - first / fps), first
        before = seconds
        if tick < expected:
            repairs["frames_dropped"] += 1
            continue
        if tick > expected:
            _check_gap(tick - expected, expected, fps, path)
            repairs["frames_held"] += tick - expected
            for _ in range(tick - expected):
                yield last
        yield image
        last, expected = image, tick + 1


def _check_gap(n_missing: int, at: int, fps: float, path: Path | str) -> None:
    if n_missing / fps > LONGEST_GAP:
        raise ValueError(
            f"{path} has no frame for {n_missing / fps:.1f} s after {at / fps:.1f} s: cut it there "
            "into two films."
        )
