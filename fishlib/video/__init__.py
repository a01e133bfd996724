"""Films and frames: whatever a camera made becomes blocks of uint8 frames of one size.

A source is a video file that OpenCV decodes or a folder of images. Frames come out grayscale,
on a regular clock, fitted into one box (240 rows x 320 columns unless told otherwise) without
distortion: a film of another shape is shrunk by area until it fits and the rest stays black.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fishlib.video import images as frame_folder
from fishlib.video.stored import (
    FRAME_SIZE,
    FilmInfo,
    content_box,
    fit_frame,
    map_ahead,
    on_clock,
    open_capture,
    probe,
    run_ahead,
    shrink,
    timed_frames,
    to_gray,
    write_video,
)

__all__ = [
    "FRAME_SIZE",
    "FilmInfo",
    "content_box",
    "fit_frame",
    "iter_frames",
    "probe",
    "read_frames",
    "shrink",
    "write_video",
]

GROUP_BYTES = 2_000_000  # of images that go from thread to thread at once


def iter_frames(
    source: str | Path,
    size: tuple[int, int] = FRAME_SIZE,
    block: int = 256,
    start: int = 0,
    stop: int | None = None,
    *,
    roi: tuple[int, int, int, int] | None = None,
    fps: float | None = None,
    repairs: Counter | None = None,
    seek: bool = False,
) -> Iterator[np.ndarray]:
    """Decode a film block by block, in a background thread, in constant memory.

    Parameters
    ----------
    source : str or Path
        A video file or a folder of images.
    size : (int, int)
        Height and width of the frames delivered.
    block : int
        Frames in a block; the last block may be shorter.
    start, stop : int
        First frame and the frame after the last one; None for the end of the film.
    roi : (y0, y1, x0, x1), optional
        Region of interest in pixels of the stored film; only it is kept, and fitted into `size`.
    fps : float, optional
        Frame rate that replaces the film's own; the film's time stamps are then not looked at.
    repairs : Counter, optional
        Receives the count of every repair: ``frames_held`` and ``frames_dropped`` (variable frame
        rate), ``clock_restarts``, ``missing_images``.
    seek : bool
        Jump to `start` instead of decoding all that precedes it. Fast, but a film whose index is
        damaged may land a few frames off: check what comes out.

    Yields
    ------
    ndarray
        uint8 (n, H, W), n <= block.
    """
    info = probe(source, fps)
    repairs = Counter() if repairs is None else repairs
    if info.kind == "folder":
        images = frame_folder.folder_frames(info.path, info.fps, start, stop, repairs)
    else:
        images = _video_frames(info, start, stop, repairs, trust_clock=fps is None, seek=seek)
    return run_ahead(_blocks(images, size, block, _checked_roi(roi, info)))


def _video_frames(info, start, stop, repairs, trust_clock, seek) -> Iterator[np.ndarray]:
    capture = open_capture(info.path)
    first = start if seek and capture.set(cv2.CAP_PROP_POS_FRAMES, start) else 0
    timed = timed_frames(capture, info.path)
    frames = on_clock(timed, info.fps if trust_clock else None, repairs, first, info.path)
    for index, frame in enumerate(frames, first):
        if stop is not None and index >= stop:
            return
        if index >= start:
            yield frame


def _checked_roi(roi, info: FilmInfo) -> tuple[slice, slice]:
    if roi is None:
        return slice(None), slice(None)
    y0, y1, x0, x1 = roi
    if not (0 <= y0 < y1 <= info.height and 0 <= x0 < x1 <= info.width):
        raise ValueError(
            f"roi {tuple(roi)} is not inside the film {info.path} of {info.height} rows x "
            f"{info.width} columns: give (y0, y1, x0, x1) in its pixels."
        )
    return slice(y0, y1), slice(x0, x1)


def _blocks(images, size, block, roi) -> Iterator[np.ndarray]:
    """Gray, sized frames in blocks; while one image is decoded others are grayed and sized."""

    def ready(group: list[np.ndarray]) -> list[np.ndarray]:
        return [fit_frame(to_gray(image[roi]), size) for image in group]

    held = []
    for group in map_ahead(ready, _groups(images)):
        for frame in group:
            held.append(frame)
            if len(held) == block:
                yield np.stack(held)
                held = []
    if held:
        yield np.stack(held)


def _groups(images: Iterator[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Images by the handful: one of a large film, many of a small one."""
    group = []
    try:
        for image in images:
            group.append(image)
            if len(group) * image.nbytes >= GROUP_BYTES:
                yield group
                group = []
    except Exception:  # a film damaged here: what was decoded before still counts
        yield group
        raise
    if group:
        yield group


def read_frames(
    source: str | Path,
    size: tuple[int, int] = FRAME_SIZE,
    start: int = 0,
    stop: int | None = None,
    **options,
) -> np.ndarray:
    """Read a short film, or a stretch of a long one, into memory: uint8 (T, H, W).

    Takes the options of `iter_frames`. Frames of the box's own size are returned bit for bit.

    Raises
    ------
    ValueError
        The film has no frame from `start` on.
    """
    blocks = list(iter_frames(source, size, start=start, stop=stop, **options))
    if not blocks:
        raise ValueError(f"{source} has no frame from frame {start} on: choose an earlier start.")
    return np.concatenate(blocks)
