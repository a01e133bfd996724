"""Frames of one size on a regular clock; and folders of images, and stacks of them, as films."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from fishlib.spans import USUAL_FPS

FRAME_SIZE = (240, 320)
SHRINK_METHODS = {"nearest-exact": cv2.INTER_NEAREST_EXACT, "area": cv2.INTER_AREA}
LONGEST_GAP = 1.0  # seconds without a frame that are bridged by holding the last one
STACK_SUFFIXES = {".tif", ".tiff"}
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".pbm"} | STACK_SUFFIXES
LOOKED_AT = 9  # images spread over the film that tell how deep it is
PAGES = 32  # of a stack that are read at once

Box = tuple[int, int, int, int]
Colour = tuple[float, float, float, float]
"""Weights of red, green and blue, and what is added: which gray a colour becomes."""


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
    if white in (None, 1, 255):
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


@dataclass
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

    counts: Counter = field(default_factory=Counter)
    borders: list = field(default_factory=list)


def on_clock(
    timed: Iterator[tuple[object, float]],
    fps: float,
    account: Account,
    step: int = 1,
    first: int = 0,
) -> Iterator:
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


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which numbers in a name count as numbers: img2 comes before img10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts]


def list_images(path: Path) -> tuple[list[Path], list[Path]]:
    """The stack itself, or the frames of a folder in natural order; and other images in it.

    Where nine names in ten are alike but for their numbers, the others are no frames.

    Raises
    ------
    ValueError
        The folder holds no image; the sentence says what it holds instead.
    """
    if path.is_file():
        return [path], []
    inside = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    images = [entry for entry in inside if entry.suffix.lower() in IMAGE_SUFFIXES]
    found = [entry for entry in images if entry.is_file()]  # and no link to nothing
    if found:
        kinds = [re.sub(r"\d+", "0", entry.name) for entry in found]
        usual, count = Counter(kinds).most_common(1)[0]
        if count >= 0.9 * len(found):
            found = [entry for entry, kind in zip(found, kinds, strict=True) if kind == usual]
        others = sorted(set(images) - set(found))
        return sorted(found, key=lambda entry: natural_key(entry.name)), others
    folders = sum(entry.is_dir() for entry in inside)
    if folders:
        raise ValueError(
            f"{path} holds {folders} folders and no image: they are {folders} films. Give the "
            "folders themselves, one or several."
        )
    raise ValueError(
        f"{path} holds no image (looked for {', '.join(sorted(IMAGE_SUFFIXES))}): "
        "give a folder of frames or a video file."
    )


def is_images(path: Path) -> bool:
    """Whether this is a folder, or a stack by its name and its content."""
    return path.is_dir() or (
        path.suffix.lower() in STACK_SUFFIXES and cv2.haveImageReader(str(path))
    )


class Images:
    """A folder of images or stacks, or one stack, as frames 0 to n - 1, with gaps bridged.

    Attributes
    ----------
    path : Path
    fps : float or None
        Frames a second, as given by hand: images state none.
    n_frames : int
        Images and the gaps in their numbering.
    white : int
        The value that counts as white.
    shape : (int, int)
        Rows and columns.
    remarks : list of str
        What a reader must know of how they are stored.
    """

    aspect, near = 1.0, 0
    """Pixels are square, and any image can be jumped to."""

    def __init__(self, path: Path, fps: float | None = None) -> None:
        self.path, self.fps, (self.files, others) = path, fps, list_images(path)
        self.seconds = 1 / (fps or USUAL_FPS)  # from image to image
        spread = np.unique(np.linspace(0, len(self.files) - 1, LOOKED_AT).astype(int))
        self.stacked = any(_count_pages(self.files[k]) > 1 for k in spread)
        pages = [_count_pages(file) if self.stacked else 1 for file in self.files]
        self.gaps = np.zeros(len(pages), int) if self.stacked else gaps_before(self.files)
        self.bridged = np.where(self.gaps * self.seconds <= LONGEST_GAP, self.gaps, 0)
        self.ends = np.cumsum(self.bridged + pages)  # frames up to the end of each file
        self.starts = self.ends - pages
        self.n_frames = int(self.ends[-1])
        first = self._read(0)[0]
        self.shape, self.white = first.shape[:2], 255
        if first.dtype != np.uint8:
            brightest = max(float(self._read(k)[0].max()) for k in spread)
            share = first.dtype.kind == "f" and brightest <= 1
            self.white = 1 if share else white_of(brightest)
        self.remarks = remark_on_bits(self.white)
        if others:
            self.remarks.append(
                f"{len(others)} images are left out, such as {others[0].name}: their names are not "
                "like those of its frames, or nothing is behind them."
            )

    def read(
        self, size, region: Box, start: int, account: Account, seek: bool, colour: bool
    ) -> Iterator[np.ndarray]:
        """Yield the frames kept from `start` on, counted in these; see `iter_frames`.

        Raises
        ------
        ValueError
            An image is damaged or has another size than the first.
        """
        step, (y0, y1, x0, x1) = keep_every(self.fps or USUAL_FPS), region
        images = self._images(start * step, step, account, colour)
        for image in islice(images, 0, None, step):
            yield fit_frame(to_eight_bits(image[y0:y1, x0:x1], self.white), size)

    def _images(self, start: int, step: int, account: Account, colour: bool) -> Iterator:
        """Images (h, w) or (h, w, 3) from `start` on, each held over a gap of up to a second.

        The account gets the gaps before `start` as well.
        """
        files = zip(self.gaps, self.bridged, self.starts.tolist(), self.ends, strict=True)
        for which, (gap, bridged, first, end) in enumerate(files):
            if gap > bridged:
                account.borders.append((-(-first // step), gap * self.seconds, "gaps"))
            account.counts["missing_images"] += int(bridged)
            if bridged and start < first:  # the image before stands in
                yield from self._read(which - 1, colour) * (first - max(start, first - bridged))
            for at in range(max(start, first), end, PAGES):
                yield from self._read(which, colour, at - first, PAGES)

    def _read(self, which: int, colour: bool = False, first: int = 0, count: int = 1) -> list:
        """Images of a file, gray or red green blue, at the depth in which they are stored."""
        file = self.files[which]
        flags = cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE)
        if self.stacked:
            count = min(count, int(self.ends[which] - self.starts[which]) - first)
            read, images = cv2.imreadmulti(str(file), first, count, flags=flags)
            if not read:
                raise ValueError(f"{file} cannot be read from its page {first} on: it is damaged.")
        else:
            raw = np.fromfile(file, np.uint8)
            images = [cv2.imdecode(raw, flags) if raw.size else None]
            if images[0] is None:
                raise ValueError(
                    f"{file} cannot be read as an image: it is empty, damaged or no image."
                )
        for image in images:
            if which and image.shape[:2] != self.shape:
                raise ValueError(
                    f"{file} has {image.shape[0]} rows x {image.shape[1]} columns, but "
                    f"{self.files[0].name} has {self.shape[0]} x {self.shape[1]}: all frames of a "
                    "film need one size."
                )
        return images


def _count_pages(file: Path) -> int:
    return max(1, cv2.imcount(str(file))) if file.suffix.lower() in STACK_SUFFIXES else 1


def gaps_before(images: list[Path]) -> np.ndarray:
    """Number of images missing in the numbering before each image, int (T,).

    The number is the last one in a file's name. Names are taken as numbered when at least nine
    steps in ten are the same and the others are multiples of it: a folder numbered 0, 5, 10 has
    no gap, and names that hold times of day are not numbered.
    """
    numbers = [re.findall(r"\d+", path.stem) for path in images]
    gaps = np.zeros(len(images), np.int64)
    if len(images) < 3 or not all(numbers):
        return gaps
    steps = np.diff([int(found[-1]) for found in numbers])
    values, counts = np.unique(steps, return_counts=True)
    step = values[counts.argmax()]
    numbered = step > 0 and counts.max() >= 0.9 * len(steps)
    if numbered and np.all(steps % step == 0) and np.all(steps > 0):
        gaps[1:] = steps // step - 1
    return gaps
