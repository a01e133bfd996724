"""Prepared frames of full size, kept in one file: compressed, what is black takes no room."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fishlib.video.frames import FRAME_SIZE

BLOCK = 256
"""Frames written, and read again, at once."""


class Packed:
    """Blocks of frames, one behind the other.

    Parameters
    ----------
    path : Path
    where : int array (k, 2), optional
        First byte of each block, and the byte after its last; None begins a file.
    """

    def __init__(self, path: Path, where: np.ndarray | None = None) -> None:
        self.path, self.where = path, np.zeros((0, 2), int) if where is None else where

    def __getitem__(self, k: int) -> np.ndarray:
        """Block k, uint8 (n, 240, 320), read-only."""
        first, stop = self.where[k]
        with self.path.open("rb") as file:
            file.seek(first)
            raw = zlib.decompress(file.read(stop - first))
        return np.frombuffer(raw, np.uint8).reshape(-1, *FRAME_SIZE)

    def read(self, start: int = 0) -> Iterator[np.ndarray]:
        """Yield the frames from `start` on, up to the end of each block."""
        for k in range(start // BLOCK, len(self.where)):
            yield self[k][max(0, start - k * BLOCK) :]

    def append(self, frames: np.ndarray) -> None:
        """Write a block of `BLOCK` frames, or the last one; what a kill left is overwritten."""
        begin = int(self.where.max(initial=0))
        with self.path.open("ab") as file:
            file.truncate(begin)
            length = file.write(zlib.compress(np.ascontiguousarray(frames).data, 1))
        self.where = np.append(self.where, [[begin, begin + length]], axis=0)

    def replace(self, k: int, frames: np.ndarray) -> None:
        """Write block k anew, behind the others."""
        self.append(frames)
        self.where[k] = self.where[-1]
        self.where = self.where[:-1]
