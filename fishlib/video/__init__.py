"""Films and frames: whatever a camera made becomes blocks of uint8 frames of one size.

A source is a video file, a folder of images or a stack. Frames come out grayscale, on a regular
clock of 20 to 45 frames a second (or the film's own, if that is slower), fitted into one box (240
rows x 320 columns unless told otherwise) without distortion: a film of another shape is shrunk by
area until it fits and the rest stays black. A camera is watched live, by its number or its address.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np

from fishlib.spans import USUAL_FPS
from fishlib.video.frames import (
    FRAME_SIZE,
    Account,
    Box,
    Colour,
    Images,
    content_box,
    fit_frame,
    is_images,
    keep_every,
    shrink,
    weigh,
)
from fishlib.video.stored import Shaper, Stored, check_ending, decode, is_address, write_video

__all__ = ["iter_frames", "probe", "read_frames", "read_stretches", "shrink", "write_video"]
PATIENCE = 10.0  # seconds a network camera may take to answer
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
    step : int
        Every so many of the film's own frames one is kept.
    opened : Stored, Images or Parts
        How it is stored; `opened.shape` has the rows and columns of the upright picture.
    """

    path: Path
    n_frames: int
    fps: float | None
    step: int
    opened: "Stored | Images | Parts"

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
        y0, y1, x0, x1 = self.region(roi)
        return content_box(y1 - y0, (x1 - x0) * self.opened.aspect)

    def region(self, roi: Box | None) -> Box:
        """A checked region of interest; all of the film if there is none.

        Raises
        ------
        ValueError
            It is not four whole numbers (y0, y1, x0, x1) inside the film.
        """
        height, width = self.opened.shape
        whole = (0, height, 0, width)
        if roi is None:
            return whole
        numbers = isinstance(roi, list | tuple) and len(roi) == 4
        if numbers and all(isinstance(n, int | np.integer) for n in roi):
            y0, y1, x0, x1 = roi
            if 0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width:
                return tuple(roi)
        raise ValueError(
            f"roi is {roi!r}, which is no region of {self.path} with its {height} rows and "
            f"{width} columns: give [y0, y1, x0, x1] in its pixels, first row, row after the "
            f"last, first column, column after the last, such as {list(whole)}."
        )

    def remarks(self) -> list[str]:
        """What a reader must know of how the film is read, in sentences."""
        if self.step == 1:
            return self.opened.remarks
        kept = f"one of {self.step} frames is kept: {self.fps:.4g} a second are enough, and one "
        return [kept + "rate makes films comparable.", *self.opened.remarks]


class Parts:
    """A film that lies in several files."""

    def __init__(self, parts: list[FilmInfo]) -> None:
        self.parts, first = parts, parts[0].opened
        self.shape, self.aspect, self.near = first.shape, first.aspect, first.near
        self.remarks = list(dict.fromkeys(one for part in parts for one in part.opened.remarks))

    def read(
        self, size, region: Box, start: int, account: Account, seek: bool, colour: bool
    ) -> Iterator[np.ndarray]:
        """Yield frames of one file after the other from `start` on; see `iter_frames`.

        The account gets a border between two files, where time is missing.
        """
        index = 0
        for part in self.parts:
            if seek and start - index >= part.n_frames:
                index += part.n_frames
                continue
            if index:
                account.borders.append((index, 0.0, "parts"))
            within = Account(account.counts)
            enter = max(0, start - index) if seek else 0
            offset, index = index, index + enter
            for frame in part.opened.read(size, region, enter, within, seek, colour):
                index += 1
                if index > start:
                    yield frame
            account.borders += [(offset + at, lost, why) for at, lost, why in within.borders]


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
    opened = (Images if is_images(path) else Stored)(path, fps)
    step = keep_every(opened.fps) if opened.fps else 1
    rate = opened.fps / step if opened.fps else None
    return FilmInfo(path, -(-opened.n_frames // step), rate, step, opened)


def probe_parts(paths: list[Path], fps: float | None = None) -> FilmInfo:
    """Look at a film that lies in one file, or in several, in this order.

    Raises
    ------
    ValueError
        They differ in size or frame rate.
    """
    first, *others = parts = [probe(path, fps) for path in paths]
    if not others:
        return first
    for part in others:
        shape, other = first.opened.shape, part.opened.shape
        if other != shape or abs(part.rate() / first.rate() - 1) > 0.02:
            raise ValueError(
                f"{first.path} ({shape[0]} x {shape[1]}, {first.rate():.4g} frames a second) and "
                f"{part.path} ({other[0]} x {other[1]}, {part.rate():.4g}) are no parts of one "
                "film: give them as two films."
            )
    return replace(first, n_frames=sum(part.n_frames for part in parts), opened=Parts(parts))


def iter_frames(
    source: str | Path | FilmInfo,
    size: tuple[int, int] = FRAME_SIZE,
    block: int = 256,
    start: int = 0,
    stop: int | None = None,
    *,
    roi: Box | None = None,
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
    info, account = source if isinstance(source, FilmInfo) else probe(source), account or Account()
    frames = info.opened.read(size, info.region(roi), start, account, seek, colour is not None)
    if colour is not None:
        frames = (weigh(frame, colour) for frame in frames)
    frames = islice(frames, None if stop is None else stop - start)
    return run_ahead(map(np.stack, iter(lambda: list(islice(frames, block)), [])))


def read_stretches(
    info: FilmInfo, starts: list[int], length: int, roi: Box | None = None, colour: bool = False
) -> Iterator[list[np.ndarray]]:
    """Read stretches of `length` frames of 240x320 that begin at `starts`, in ascending order.

    Frames are uint8 (240, 320), in colour (240, 320, 3). The last stretch is the last that can be
    decoded whole.
    """
    region, frames, at = info.region(roi), None, 0
    for start in starts:
        if frames is None or start - at > info.opened.near:
            frames = info.opened.read(FRAME_SIZE, region, start, Account(), True, colour)
            at = start
        stretch = list(islice(frames, start - at, start - at + length))
        if len(stretch) < length:
            return
        yield stretch
        at = start + length


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


def run_ahead(items: Iterator, depth: int = 2) -> Iterator:
    """Yield the items of an iterator that a background thread reads up to `depth` items ahead.

    What the iterator raises is raised here. The thread starts with the first item asked for and
    ends with the iterator, or when the reader stops reading.
    """
    with ThreadPoolExecutor(1) as pool:
        ahead = deque(pool.submit(next, items, _END) for _ in range(depth))
        while (item := ahead.popleft().result()) is not _END:
            ahead.append(pool.submit(next, items, _END))
            yield item


def film_to_write(film: str | Path, out: str | Path | None) -> Path:
    """Where a film with forecasts of a film goes: ``out``, or ``<film>-forecast.mp4`` in there.

    Raises
    ------
    ValueError
        If the ending of ``out`` chooses no codec.
    """
    target = Path(out or ".")
    if target.suffix and not target.is_dir():
        return check_ending(target)
    name = re.sub(r"\W+", "-", str(film)) if is_live(film) else Path(film).stem
    return target / f"{name}-forecast.mp4"


def is_live(source: str | Path) -> bool:
    """Whether this is a camera's number or a stream's address, and no file of that name."""
    return is_address(source) or (str(source).isdigit() and not Path(source).exists())


def open_live(source: str | Path) -> tuple[float, Iterator[np.ndarray]]:
    """Frames a second, and gray frames uint8 (240, 320) as they come.

    The frames end where the camera stops sending.

    Raises
    ------
    OSError
        No picture comes; the sentence names the camera.
    """
    fps, images, shape = (_open_stream if is_address(source) else _open_camera)(str(source))
    fps = fps if 1 <= fps <= 1000 else USUAL_FPS
    step = keep_every(fps)
    return fps / step, map(shape, islice(images, 0, None, step))


def _open_camera(number: str) -> tuple[float, Iterator, Callable]:
    """The rate that a camera states, its images, and what makes a frame of one."""
    capture = cv2.VideoCapture(int(number))

    def grab() -> Iterator[np.ndarray]:
        while capture.isOpened() and (image := capture.read()[1]) is not None:
            yield image
        capture.release()

    images = grab()
    first = next(images, None)
    if first is None:
        raise OSError(f"camera {number} gives no picture: is it connected, and free?")

    def shape(image: np.ndarray) -> np.ndarray:
        return fit_frame(image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))

    return capture.get(cv2.CAP_PROP_FPS), chain([first], images), shape


def _open_stream(address: str) -> tuple[float, Iterator, Callable]:
    """The same of a network camera."""
    options = {"rtsp_transport": "tcp"} if address.startswith("rtsp") else {}
    try:
        container = av.open(address, options=options, timeout=PATIENCE)
        pictures = decode(container)
        first = next(pictures, None)
    except (av.error.FFmpegError, OSError) as error:
        raise OSError(
            f"{address} does not answer ({error.strerror or error}): is the camera switched on and "
            "its address right? Try whether a player shows the stream."
        ) from error
    if first is None:
        raise OSError(f"{address} answers, but its stream holds no picture: check the address.")

    def images() -> Iterator[av.VideoFrame]:
        with container, suppress(av.error.FFmpegError, OSError):  # gone: what came before counts
            yield from chain([first], pictures)

    shape = first.height, first.width
    seen = SimpleNamespace(path=address, shape=shape, aspect=1.0, turned=0, white=None)
    stream = container.streams.best("video")
    fps = float(stream.guessed_rate or stream.average_rate or 0)
    return fps, images(), Shaper(seen, FRAME_SIZE, (0, shape[0], 0, shape[1]))
