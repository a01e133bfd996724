"""Frames of one size on a regular clock, and the account of what was amiss while they were read."""

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import cv2
import numpy as np

from fishlib.spans import USUAL_FPS

FRAME_SIZE = (240, 320)
SHRINK_METHODS = {"nearest-exact": cv2.INTER_NEAREST_EXACT, "area": cv2.INTER_AREA}
LONGEST_GAP = 1.0  # seconds without a frame that are bridged by holding the last one

Box = tuple[int, int, int, int]
Colour = tuple[float, float, float, float]
"""Weights of red, green and blue, and what is added: which gray a colour becomes."""
Image = TypeVar("Image")


def content_box(height: float, width: float, size: tuple[int, int] = FRAME_SIZE) -> Box:
    """Where a film of this shape lies in the box: rows y0:y1, columns x0:x1, centred.

    The film keeps its shape; what it does not cover of the box stays black.
    """
    scale = min(size[0] / height, size[1] / width)
    rows = min(size[0], max(1, round(height * scale)))
    columns = min(size[1], max(1, round(width * scale)))
    y0, x0 = (size[0] - rows) // 2, (size[1] - columns) // 2
    return y0, y0 + rows, x0, x0 + columns


def fit_frame(image: np.ndarray, size: tuple[int, int] = FRAME_SIZE) -> np.ndarray:
    """Fit one image (h, w), or (h, w, 3), into a box (H, W), undistorted, padded with black.

    Shrinking averages areas, enlarging interpolates linearly; an image of the box's own size
    is returned as it is, bit for bit.
    """
    if image.shape[:2] == tuple(size):
        return image
    y0, y1, x0, x1 = content_box(*image.shape[:2], size)
    smaller = y1 - y0 <= image.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    box = np.zeros((*size, *image.shape[2:]), image.dtype)
    box[y0:y1, x0:x1] = cv2.resize(image, (x1 - x0, y1 - y0), interpolation=method)
    return box


def shrink(
    frames: np.ndarray, size: tuple[int, int] = (120, 160), method: str = "nearest-exact"
) -> np.ndarray:
    """Shrink frames uint8 (T, H, W) to uint8 (T, height, width).

    ``"nearest-exact"`` is the study's rule, which from 240x320 to 120x160 picks
    ``frames[:, 1::2, 1::2]``: use it for the published models. ``"area"`` averages, which lowers
    the motion but loses no animal: use it for smaller sizes.
    """
    if method not in SHRINK_METHODS:
        raise ValueError(f"method is {method!r}: choose one of {sorted(SHRINK_METHODS)}.")
    if frames.shape[1:] == tuple(size):
        return frames
    small = np.empty((len(frames), *size), np.uint8)
    for frame, target in zip(frames, small, strict=True):
        cv2.resize(frame, size[::-1], dst=target, interpolation=SHRINK_METHODS[method])
    return small


def white_of(brightest: float) -> int:
    """The value that counts as white: of 8, 10, 12, 14 or 16 bits, what the brightest needs."""
    return next(top for top in (255, 1023, 4095, 16383, 65535) if brightest <= top)


def remark_on_bits(white: int | None) -> list[str]:
    """A sentence if a film uses more than 8 bits."""
    if white in (None, 255):
        return []
    return [f"its pixels use {int(white).bit_length()} bits, which were scaled down to 8."]


def to_eight_bits(image: np.ndarray, white: int = 255) -> np.ndarray:
    """An image of any depth as uint8; one of 8 bits is returned as it is."""
    if image.dtype == np.uint8:
        return image
    return np.clip(np.rint(image * np.float32(255 / white)), 0, 255).astype(np.uint8)


def weigh(frame: np.ndarray, colour: Colour) -> np.ndarray:
    """A frame uint8 (..., 3), red green blue, as gray uint8 (...) by given weights."""
    return to_eight_bits(frame @ np.array(colour[:3], np.float32) + np.float32(colour[3]))


def keep_every(fps: float) -> int:
    """k, such that every k-th frame is kept: 1 below 45 frames a second, then 2, and so on."""
    return max(1, round(fps / USUAL_FPS))


class Account:
    """What was amiss while a film was read.

    Attributes
    ----------
    counts : Counter
        Repairs by kind: ``frames_held``, ``frames_dropped``, ``missing_images``.
    borders : list of (int, float, str)
        Where time does not run on: the first frame after it, the seconds missing, and why
        (``gaps`` or ``clock_restarts``).
    """

    def __init__(self, counts: dict | None = None, borders: list | None = None) -> None:
        self.counts, self.borders = Counter(counts or {}), list(borders or [])


def on_clock(
    timed: Iterator[tuple[Image, float]],
    fps: float,
    account: Account,
    step: int = 1,
    first: int = 0,
) -> Iterator[Image]:
    """Put images on a regular clock of `fps` and keep every `step`-th tick.

    Tick k shows the image whose time is nearest to k / fps. A tick without one repeats the image
    before it (``frames_held``), a second image for a tick is left out (``frames_dropped``). Where
    none comes for more than a second nothing is repeated: the account gets a border, and the
    ticks go on behind it. Times that run backwards set the clock anew, which is a border too.

    Parameters
    ----------
    timed : iterator of (image, seconds)
        Seconds count from the film's first image.
    fps : float
        Ticks a second.
    account : Account
        Receives what was amiss.
    step : int
        Ticks from one image kept to the next.
    first : int
        Number of the first image kept, where the film is entered late.
    """
    expected, shift, before, last = first * step, 0.0, None, None
    for image, seconds in timed:
        if before is not None and seconds < before - 0.5 / fps:
            shift = seconds - expected / fps
            account.borders.append((-(-expected // step), 0.0, "clock_restarts"))
        before = seconds
        tick = round((seconds - shift) * fps)
        missing = tick - expected
        if missing > LONGEST_GAP * fps:
            shift += missing / fps
            account.borders.append((-(-expected // step), missing / fps, "gaps"))
            tick, missing = expected, 0
        if missing < 0:
            account.counts["frames_dropped"] += 1
            continue
        for held in range(expected, tick if last is not None else expected):
            if held % step == 0:
                account.counts["frames_held"] += 1
                yield last
        if tick % step == 0:
            yield image
        last, expected = image, tick + 1
