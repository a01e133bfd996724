"""Images as a film: folders in natural order and stacks of many pages, of any depth."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from fishlib.spans import USUAL_FPS
from fishlib.video.frames import (
    LONGEST_GAP,
    Account,
    Box,
    fit_frame,
    keep_every,
    remark_on_bits,
    to_eight_bits,
    white_of,
)

STACK_SUFFIXES = {".tif", ".tiff"}
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".pbm"} | STACK_SUFFIXES
LOOKED_AT = 9  # images spread over the film that tell how deep it is
PAGES = 32  # of a stack that are read at once


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which numbers in a name count as numbers: img2 comes before img10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts]


def list_images(path: Path) -> list[Path]:
    """The stack itself, or the image files of a folder in natural order.

    Raises
    ------
    ValueError
        The folder holds no image; the sentence says what it holds instead.
    """
    if path.is_file():
        return [path]
    inside = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    found = [entry for entry in inside if entry.suffix.lower() in IMAGE_SUFFIXES]
    if found:
        return sorted(found, key=lambda entry: natural_key(entry.name))
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


def read_image(path: Path, colour: bool = False) -> np.ndarray:
    """Read one image (h, w), gray, or (h, w, 3), red green blue, at the depth it is stored in.

    Raises
    ------
    ValueError
        The file is empty or no image.
    """
    raw = np.fromfile(path, np.uint8)
    image = cv2.imdecode(raw, _flags(colour)) if raw.size else None
    if image is None:
        raise ValueError(f"{path} cannot be read as an image: it is empty, damaged or no image.")
    return image


def _flags(colour: bool) -> int:
    return cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE)


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
    depth : dtype
        How values are stored.
    """

    aspect, near = 1.0, 0
    """Pixels are square, and any image can be jumped to."""

    def __init__(self, path: Path, fps: float | None = None) -> None:
        self.path, self.files, self.fps = path, list_images(path), fps
        self.seconds = 1 / (fps or USUAL_FPS)  # from image to image
        self.stacked = any(_count_pages(self.files[k]) > 1 for k in self._spread())
        pages = [_count_pages(file) if self.stacked else 1 for file in self.files]
        gaps = np.zeros(len(self.files), int) if self.stacked else gaps_before(self.files)
        self.gaps = gaps
        self.bridged = np.where(gaps * self.seconds <= LONGEST_GAP, gaps, 0)
        self.ends = np.cumsum(self.bridged + pages)  # frames up to the end of each file
        self.starts = self.ends - pages
        self.n_frames = int(self.ends[-1])
        first = self._read(0, 1, False)[0]
        self.shape, self.depth = first.shape[:2], first.dtype
        self.white = 255 if self.depth == np.uint8 else self._white()

    def _spread(self) -> np.ndarray:
        return np.unique(np.linspace(0, len(self.files) - 1, LOOKED_AT).astype(int))

    def _white(self) -> int:
        brightest = max(float(self._read(k, 1, False)[0].max()) for k in self._spread())
        return 1 if self.depth.kind == "f" and brightest <= 1 else white_of(brightest)

    def remarks(self) -> list[str]:
        """What a reader must know of how they are stored, in sentences."""
        return remark_on_bits(self.white)

    def read(
        self, size, region: Box, start: int, stop, account: Account, seek: bool, colour: bool
    ) -> Iterator[np.ndarray]:
        """Yield the frames kept from `start` on, counted in these; see `iter_frames`.

        Raises
        ------
        ValueError
            An image is damaged or has another size than the first.
        """
        step, (y0, y1, x0, x1) = keep_every(self.fps or USUAL_FPS), region
        last = self.n_frames if stop is None else min(self.n_frames, stop * step)
        for image in islice(self._images(start * step, last, account, colour), 0, None, step):
            yield fit_frame(to_eight_bits(image[y0:y1, x0:x1], self.white), size)

    def _images(self, start: int, stop: int, account: Account, colour) -> Iterator[np.ndarray]:
        """Frames (h, w) or (h, w, 3), with an image held over a gap of up to a second."""
        at, last = start, None
        while at < stop:
            which = int(np.searchsorted(self.ends, at, side="right"))
            if self.gaps[which] > self.bridged[which] and at == self.starts[which]:
                account.borders.append((at, self.gaps[which] * self.seconds, "gaps"))
            if at < self.starts[which]:  # missing: the image before stands in
                last = self._read(which - 1, 1, colour)[-1] if last is None else last
                account.counts["missing_images"] += 1
                at += 1
                yield last
                continue
            first = at - int(self.starts[which])
            for last in self._read(which, min(PAGES, stop - at), colour, first):
                at += 1
                yield last

    def _read(self, which: int, count: int, colour: bool, first: int = 0) -> list[np.ndarray]:
        file = self.files[which]
        if self.stacked:
            count = min(count, int(self.ends[which] - self.starts[which]) - first)
            read, images = cv2.imreadmulti(str(file), first, count, flags=_flags(colour))
            if not read:
                raise ValueError(f"{file} cannot be read from its page {first} on: it is damaged.")
        else:
            images = [read_image(file, colour)]
        for image in images:
            if which and image.shape[:2] != self.shape:
                raise ValueError(
                    f"{file} has {image.shape[0]} rows x {image.shape[1]} columns, but "
                    f"{self.files[0].name} has {self.shape[0]} x {self.shape[1]}: all frames of a "
                    "film need one size."
                )
        return list(images)


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
