"""Films and frames: whatever a camera made becomes blocks of uint8 frames of one size.

A source is a video file, a folder of images or a stack. Frames come out grayscale, on a regular
clock of 20 to 45 frames a second (or the film's own, if that is slower), fitted into one box (240
rows x 320 columns unless told otherwise) without distortion: a film of another shape is shrunk by
area until it fits and the rest stays black.
"""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from fishlib.video.frames import (
    FRAME_SIZE,
    Account,
    Box,
    Colour,
    content_box,
    fit_frame,
    keep_every,
    shrink,
    to_eight_bits,
    weigh,
)
from fishlib.video.images import STACK_SUFFIXES, Images
from fishlib.video.stored import (
    Shaper,
    Stored,
    is_address,
    look_at,
    read_stored,
    stretches_of,
    write_video,
)

__all__ = [
    "FRAME_SIZE",
    "Account",
    "Box",
    "Colour",
    "FilmInfo",
    "content_box",
    "fit_frame",
    "iter_frames",
    "probe",
    "probe_parts",
    "read_frames",
    "read_stretches",
    "shrink",
    "weigh",
    "write_video",
]

Item = TypeVar("Item")
_END = object()


@dataclass(frozen=True)
class FilmInfo:
    """What a film says about itself before all of it is decoded.

    Attributes
    ----------
    path : Path
        The video file, frame folder or stack; of several files the first.
    n_frames : int
        Frames `iter_frames` will deliver, as announced: what can be decoded may be less.
    fps : float or None
        Frames a second that `iter_frames` delivers; None if the film states no rate.
    height, width : int
        Size of the upright picture in stored pixels.
    kind : str
        "video", "images" or, if it lies in several files, "parts".
    given_fps : float or None
        The rate that was given by hand.
    opened : Stored, Images or list of FilmInfo
        How it is stored.
    """

    path: Path
    n_frames: int
    fps: float | None
    height: int
    width: int
    kind: str
    given_fps: float | None
    opened: Stored | Images | list

    @property
    def step(self) -> int:
        """Every so many of the film's own frames one is kept."""
        if self.kind == "parts":
            return self.opened[0].step
        own = self.given_fps or (self.opened.fps if self.kind == "video" else None)
        return keep_every(own) if own else 1

    def rate(self) -> float:
        """Frames a second delivered; asked for with a ValueError if nothing states them."""
        if self.fps is None:
            raise ValueError(
                f"{self.path} is made of images, which state no frame rate: give fps, the frames a "
                "second at which they were taken."
            )
        return self.fps

    def box(self, roi: Box | None = None) -> Box:
        """Where the film, or a region of interest of it, lies in a frame of 240x320."""
        if self.kind == "parts":
            return self.opened[0].box(roi)
        y0, y1, x0, x1 = self.region(roi)
        aspect = self.opened.aspect if self.kind == "video" else 1.0
        return content_box(y1 - y0, (x1 - x0) * aspect)

    def region(self, roi: Box | None) -> Box:
        """A checked region of interest; all of the film if there is none.

        Raises
        ------
        ValueError
            It is not four whole numbers (y0, y1, x0, x1) inside the film.
        """
        whole = (0, self.height, 0, self.width)
        if roi is None:
            return whole
        numbers = isinstance(roi, list | tuple) and len(roi) == 4
        if numbers and all(isinstance(n, int | np.integer) for n in roi):
            y0, y1, x0, x1 = roi
            if 0 <= y0 < y1 <= self.height and 0 <= x0 < x1 <= self.width:
                return tuple(roi)
        raise ValueError(
            f"roi is {roi!r}, which is no region of {self.path} with its {self.height} rows and "
            f"{self.width} columns: give [y0, y1, x0, x1] in its pixels, first row, row after the "
            f"last, first column, column after the last, such as {list(whole)}."
        )

    def remarks(self) -> list[str]:
        """What a reader must know of how the film is read, in sentences."""
        if self.kind == "parts":
            return list(dict.fromkeys(one for part in self.opened for one in part.remarks()))
        found = []
        if self.step > 1:
            found.append(
                f"one of {self.step} frames is kept: {self.fps:.4g} a second are enough, and one "
                "rate makes films comparable."
            )
        white = self.opened.white
        if white not in (None, 255):
            n_bits = int(white).bit_length()
            found.append(f"its pixels use {n_bits} bits, which were scaled down to 8.")
        if self.kind == "images":
            return found
        if self.opened.interlaced:
            found.append("it is interlaced; whole pictures were made of its half pictures.")
        if self.opened.n_pictures > 1:
            found.append(
                f"it holds {self.opened.n_pictures} streams of pictures; the one that players "
                "show is read."
            )
        return found


def probe(path: str | Path, fps: float | None = None) -> FilmInfo:
    """Look at a film without decoding all of it.

    Parameters
    ----------
    path : str or Path
        A video file, a folder of images or a stack.
    fps : float, optional
        Frames a second of the film, replacing what it states; images state none.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    ValueError
        It is empty, or not a film.
    """
    source, path = path, Path(path)
    if fps is not None and not 0.01 <= fps <= 10_000:
        raise ValueError(f"fps is {fps}: give the film's frames a second, above 0.")
    if is_address(source):
        raise ValueError(
            f"{source} is a stream's address and no film: watch it live, and give the film that "
            "was recorded of it."
        )
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: give the path of a film or frame folder.")
    step = keep_every(fps) if fps else 1
    if path.is_dir() or (path.suffix.lower() in STACK_SUFFIXES and Images.are_in(path)):
        images = Images(path, fps)
        n_frames, rate = -(-images.n_frames // step), fps and fps / step
        return FilmInfo(path, n_frames, rate, *images.shape, "images", fps, images)
    stored = look_at(path)
    own = fps or stored.fps
    n_frames, step = -(-stored.n_ticks // keep_every(own)), keep_every(own)
    return FilmInfo(path, n_frames, own / step, stored.height, stored.width, "video", fps, stored)


def probe_parts(paths: list[Path], fps: float | None = None) -> FilmInfo:
    """Look at a film that lies in several files, in this order.

    Raises
    ------
    ValueError
        They differ in size or frame rate.
    """
    parts = [probe(path, fps) for path in paths]
    first = parts[0]
    for part in parts[1:]:
        same_size = (part.height, part.width) == (first.height, first.width)
        if not same_size or abs(part.rate() / first.rate() - 1) > 0.02:
            raise ValueError(
                f"{first.path} ({first.height} x {first.width}, {first.rate():.4g} frames a "
                f"second) and {part.path} ({part.height} x {part.width}, {part.rate():.4g}) are no "
                "parts of one film: give them as two films."
            )
    n_frames = sum(part.n_frames for part in parts)
    return replace(first, n_frames=n_frames, kind="parts", opened=parts)


def iter_frames(
    source: str | Path | FilmInfo,
    size: tuple[int, int] = FRAME_SIZE,
    block: int = 256,
    start: int = 0,
    stop: int | None = None,
    *,
    roi: Box | None = None,
    fps: float | None = None,
    account: Account | None = None,
    seek: bool = False,
    colour: Colour | None = None,
) -> Iterator[np.ndarray]:
    """Decode a film block by block, in a background thread, in constant memory.

    Parameters
    ----------
    source : str, Path or FilmInfo
        A video file, a folder of images or a stack; or what `probe` said of it.
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
    account : Account, optional
        Receives every repair and border.
    seek : bool
        Jump to `start` instead of decoding all that precedes it. Fast, but a film whose index is
        damaged may land a few frames off: check what comes out.
    colour : (red, green, blue, added), optional
        Weights by which colours become gray, and what is added; None takes the film's own gray.

    Yields
    ------
    ndarray
        uint8 (n, H, W), n <= block.
    """
    info = source if isinstance(source, FilmInfo) else probe(source, fps)
    account = Account() if account is None else account
    frames = _frames(info, size, start, stop, info.region(roi), account, seek, colour is not None)
    if colour is not None:
        frames = (weigh(frame, colour) for frame in frames)
    return run_ahead(_blocks(frames, block, None if stop is None else stop - start))


def _frames(info, size, start, stop, region, account, seek, colour) -> Iterator[np.ndarray]:
    if info.kind == "parts":
        yield from _joined(info, size, start, region, account, seek, colour)
        return
    if info.kind == "video":
        shaper = Shaper(info.opened, size, region, colour)
        yield from read_stored(info.opened, shaper, account, start, info.given_fps, seek)
        return
    y0, y1, x0, x1 = region
    step, n = info.step, info.opened.n_frames
    last = n if stop is None else min(n, stop * step)
    for index, image in enumerate(info.opened.read(start * step, last, account, colour)):
        if index % step == 0:
            yield fit_frame(to_eight_bits(image[y0:y1, x0:x1], info.opened.white), size)


def _joined(info, size, start, region, account, seek, colour) -> Iterator[np.ndarray]:
    """Frames of one part after the other; with a border between two, where time is missing."""
    index = 0
    for number, part in enumerate(info.opened):
        if seek and start - index >= part.n_frames:
            index += part.n_frames
            continue
        if number and index:
            account.borders.append((index, 0.0, "parts"))
        within = Account(account.counts)
        enter = max(0, start - index) if seek else 0
        offset, index = index, index + enter
        for frame in _frames(part, size, enter, None, region, within, seek, colour):
            account.counts = within.counts
            index += 1
            if index > start:
                yield frame
        account.borders += [(offset + at, lost, why) for at, lost, why in within.borders]


def read_stretches(
    info: FilmInfo, starts: list[int], length: int, roi: Box | None = None, colour: bool = False
) -> Iterator[list[np.ndarray]]:
    """Read stretches of `length` frames of 240x320 that begin at `starts`, in ascending order.

    Frames are uint8 (240, 320), in colour (240, 320, 3). What cannot be decoded is left out. A
    rate given by hand is not looked at.
    """
    if info.kind == "video":
        shaper = Shaper(info.opened, FRAME_SIZE, info.region(roi), colour)
        yield from stretches_of(info.opened, shaper, starts, length)
        return
    if info.kind == "parts":
        offset = 0
        for part in info.opened:
            inside = [at - offset for at in starts if 0 <= at - offset <= part.n_frames - length]
            yield from read_stretches(part, inside, length, roi, colour)
            offset += part.n_frames
        return
    region = info.region(roi)
    for start in starts:
        stop = start + length
        yield list(_frames(info, FRAME_SIZE, start, stop, region, Account(), False, colour))


def _blocks(frames: Iterator[np.ndarray], block: int, count: int | None) -> Iterator[np.ndarray]:
    held, left = [], count
    while left is None or left > 0:
        frame = next(frames, None)
        if frame is None:
            break
        held.append(frame)
        left = None if left is None else left - 1
        if len(held) == block:
            yield np.stack(held)
            held = []
    if held:
        yield np.stack(held)


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
