"""Open a video file for reading, and write one whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

CODECS = {".webm": "VP80", ".mp4": "vp09", ".avi": "FFV1", ".mkv": "FFV1"}


def check_readable(path: Path) -> None:
    """Read the first byte of a file, or say in one sentence why that fails (OSError)."""
    try:
        with path.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise OSError(
            f"{path} cannot be read ({error.strerror or error}): check its permissions and the "
            "disk, or copy it to another one."
        ) from error


def open_capture(path: Path) -> cv2.VideoCapture:
    """Open a video file with OpenCV, or say in one sentence why it is no film."""
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes): copy or record the film again.")
    check_readable(path)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise ValueError(
            f"{path} cannot be opened as a film: it is no video, or its header is damaged or cut "
            "off. Check that it plays, and re-encode or copy it again."
        )
    return capture


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float = 30.0) -> Path:
    """Write frames to a video file, which appears under its name only when it is complete.

    Parameters
    ----------
    path : str or Path
        Its ending chooses the codec: ``.webm`` VP8 and ``.mp4`` VP9, both played by browsers;
        ``.avi`` and ``.mkv`` FFV1, lossless.
    frames : iterable of ndarray
        uint8 (T, H, W), gray, or (T, H, W, 3), red green blue; any iterable of such images.
    fps : float
        Frames per second.

    Raises
    ------
    ValueError
        There is no frame, or the ending is not one of those.
    OSError
        The file could not be written whole, for instance because the disk is full.
    """
    path = Path(path)
    if path.suffix.lower() not in CODECS:
        raise ValueError(f"{path} must end in one of {', '.join(CODECS)}: rename it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        n_written = _encode(part, frames, fps, CODECS[path.suffix.lower()])
        if not n_written:
            raise ValueError(f"no frame to write into {path}.")
        _check_whole(part, n_written, path)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _encode(part: Path, frames: Iterable[np.ndarray], fps: float, codec: str) -> int:
    writer, n_written = None, 0
    for frame in frames:
        if writer is None:
            size = frame.shape[1], frame.shape[0]
            fourcc = cv2.VideoWriter_fourcc(*codec)
            writer = cv2.VideoWriter(str(part), cv2.CAP_FFMPEG, fourcc, fps, size, True)
        if not writer.isOpened():
            break
        code = cv2.COLOR_GRAY2BGR if frame.ndim == 2 else cv2.COLOR_RGB2BGR
        writer.write(cv2.cvtColor(np.ascontiguousarray(frame), code))
        n_written += 1
    if writer is not None:
        writer.release()
        n_written = max(n_written, 1)
    return n_written


def _check_whole(part: Path, n_written: int, path: Path) -> None:
    """OpenCV's writer reports no failure, so what it wrote is counted."""
    capture = cv2.VideoCapture(str(part), cv2.CAP_FFMPEG) if part.exists() else None
    readable = capture is not None and capture.isOpened() and capture.grab()
    n_stored = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if readable else 0
    if capture is not None:
        capture.release()
    if abs(n_stored - n_written) > 1:
        raise OSError(
            f"{path} could not be written: {n_stored} of {n_written} frames arrived. Is the disk "
            "full, or the folder read-only?"
        )
