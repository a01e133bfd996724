"""A folder of images as a film: natural order, gaps in the numbering, one size."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".pbm"}
LONGEST_GAP = 1.0  # seconds of missing images that may be bridged by holding the last one


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which numbers in a name count as numbers: img2 comes before img10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts]


def list_images(folder: Path) -> list[Path]:
    """Image files of a folder in natural order, whatever their names and zero padding.

    Raises
    ------
    ValueError
        The folder holds no image.
    """
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]
    if not found:
        raise ValueError(
            f"{folder} holds no image (looked for {', '.join(sorted(IMAGE_SUFFIXES))}): "
            "give a folder of frames or a video file."
        )
    return sorted(found, key=lambda path: natural_key(path.name))


def read_image(path: Path) -> np.ndarray:
    """Read one image as uint8 (h, w): colour becomes gray, 16 bits become 8.

    Raises
    ------
    ValueError
        The file is empty or no image.
    """
    raw = np.fromfile(path, np.uint8)
    image = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE) if raw.size else None
    if image is None:
        raise ValueError(f"{path} cannot be read as an image: it is empty, damaged or no image.")
    return image


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


def count_missing(images: list[Path]) -> int:
    """Number of images missing in the numbering of a folder."""
    return int(gaps_before(images).sum())


def folder_frames(
    folder: Path, fps: float, start: int, stop: int | None, repairs: Counter
) -> Iterator[np.ndarray]:
    """Yield frames `start` to `stop` of a folder, uint8 (h, w), holding a frame over a gap.

    Frames are counted with the gaps bridged; ``repairs["missing_images"]`` counts those bridged.

    Raises
    ------
    ValueError
        An image is damaged, has another size than the first, or a gap is longer than 1 s.
    """
    images = list_images(folder)
    gaps = gaps_before(images)
    _check_gaps(folder, images, gaps, fps)
    shape = read_image(images[0]).shape
    positions = np.arange(len(images)) + np.cumsum(gaps)
    stop = positions[-1] + 1 if stop is None else min(stop, positions[-1] + 1)
    loaded, image = -1, None
    for index in range(start, stop):
        which = int(np.searchsorted(positions, index, side="right")) - 1
        repairs["missing_images"] += int(positions[which] != index)
        if which != loaded:
            loaded, image = which, _read_same_size(images[which], shape, images[0])
        yield image


def _read_same_size(path: Path, shape: tuple[int, int], first: Path) -> np.ndarray:
    image = read_image(path)
    if image.shape != shape:
        raise ValueError(
            f"{path} has {image.shape[0]} rows x {image.shape[1]} columns, but {first.name} has "
            f"{shape[0]} x {shape[1]}: all frames of a film need one size."
        )
    return image


def _check_gaps(folder: Path, images: list[Path], gaps: np.ndarray, fps: float) -> None:
    longest = int(gaps.argmax())
    if gaps[longest] > LONGEST_GAP * fps:
        raise ValueError(
            f"{folder} misses {gaps[longest]} images before {images[longest].name} "
            f"({gaps[longest] / fps:.1f} s): cut it there into two folders."
        )
