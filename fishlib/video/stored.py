"""Sizes of frames: fit a film into the box all films share, and shrink frames to clips."""

import os
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from fishlib.video import images as frame_folder

FRAME_SIZE = (240, 320)
SHRINK_METHODS = {"nearest-exact": cv2.INTER_NEAREST_EXACT, "area": cv2.INTER_AREA}


def content_box(
    height: int, width: int, size: tuple[int, int] = FRAME_SIZE
) -> tuple[int, int, int, int]:
    """Where a film of this shape lies in the box: rows y0:y1, columns x0:x1, centred.

    The film keeps its shape; what it does not cover of the box stays black.
    """
    scale = min(size[0] / height, size[1] / width)
    rows = min(size[0], max(1, round(height * scale)))
    columns = min(size[1], max(1, round(width * scale)))
    y0, x0 = (size[0] - rows) // 2, (size[1] - columns) // 2
    return y0, y0 + rows, x0, x0 + columns


def fit_frame(image: np.ndarray, size: tuple[int, int] = FRAME_SIZE) -> np.ndarray:
    """Fit one image uint8 (h, w) into a box uint8 (H, W), undistorted, padded with black.

    Shrinking averages areas, enlarging interpolates linearly; an image of the box's own size
    is returned as it is, bit for bit.
    """
    if image.shape == tuple(size):
        return image
    y0, y1, x0, x1 = content_box(*image.shape, size)
    smaller = y1 - y0 <= image.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    box = np.zeros(size, np.uint8)
    box[y0:y1, x0:x1] = cv2.resize(image, (x1 - x0, y1 - y0), interpolation=method)
    return box


def shrink(
    frames: np.ndarray, size: tuple[int, int] = (120, 160), method: str = "nearest-exact"
) -> np.ndarray:
    """Shrink frames uint8 (T, H, W) to uint8 (T, *size).

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


Item, Result = TypeVar("Item"), TypeVar("Result")
_END = object()


def run_ahead(items: Iterator[Item], depth: int = 2) -> Iterator[Item]:
    """Yield the items of an iterator that a background thread reads up to `depth` items ahead.

    What the iterator raises is raised here. The thread starts with the first item asked for and
    ends with the iterator, or when the reader stops reading.
    """
    waiting: queue.Queue = queue.Queue(depth)
    stopped = threading.Event()

    def put(entry: tuple) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((_END, None))
        except BaseException as error:  # handed to the reader, who raises it
            put((_END, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stopped.set()
        thread.join()


def map_ahead(
    function: Callable[[Item], Result], items: Iterator[Item], n_threads: int = 2
) -> Iterator[Result]:
    """Yield ``function(item)`` in order, computed in threads while further items are drawn.

    At most two items a thread are held. What the function or the iterator raises is raised here,
    after the results of the items before.
    """
    waiting: deque = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        drawn = iter(items)
        while True:
            try:
                item = next(drawn)
            except StopIteration:
                break
            except Exception:
                yield from (result.result() for result in waiting)
                raise
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 2 * n_threads:
                yield waiting.popleft().result()
        yield from (result.result() for result in waiting)


@dataclass(frozen=True)
class FilmInfo:
    """What a film says about itself.

    Attributes
    ----------
    path : Path
        The video file or the frame folder.
    n_frames : int
        Number of frames announced: a container may announce more than can be decoded.
    fps : float
        Frames per second of the clock on which `iter_frames` delivers.
    height, width : int
        Size of the stored frames in pixels.
    kind : str
        "video" or "folder".
    """

    path: Path
    n_frames: int
    fps: float
    height: int
    width: int
    kind: str


def probe(path: str | Path, fps: float | None = None) -> FilmInfo:
    """Look at a film without decoding all of it.

    Parameters
    ----------
    path : str or Path
        A video file or a folder of images.
    fps : float, optional
        Frame rate that replaces the one the film states. A folder states none: 30 is assumed.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    ValueError
        It is empty, or not a film.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: give the path of a film or frame folder.")
    if path.is_dir():
        images = frame_folder.list_images(path)
        height, width = frame_folder.read_image(images[0]).shape
        n_frames = len(images) + frame_folder.count_missing(images)
        return FilmInfo(path, n_frames, fps or 30.0, height, width, "folder")
    capture = open_capture(path)
    announced, stated_fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    times, shape = [], None
    for image, seconds in timed_frames(capture, path, stop=30):
        times.append(seconds)
        shape = shape or image.shape[:2]
    if shape is None:
        raise ValueError(
            f"{path} opens as a film but not one frame of it can be decoded: re-encode it."
        )
    n_frames = max(int(announced), len(times))
    return FilmInfo(path, n_frames, fps or choose_fps(stated_fps, times, path), *shape, "video")
