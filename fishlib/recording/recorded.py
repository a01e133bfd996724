"""A prepared film."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib import tank
from fishlib.files import make_key
from fishlib.preparation import Preparation
from fishlib.recording.source import Source
from fishlib.splits import split_film
from fishlib.video import Account, shrink


@dataclass(frozen=True)
class Recording:
    """A prepared film.

    Attributes
    ----------
    frames : uint8 memory map (T, h, w)
        Bright animals on black at the clip size, read-only.
    motion : float64 array (T,)
        Motion, measured on the prepared frames at 240x320 and mended where the film is damaged.
    fps : float
        Frames per second.
    name, source : str
        Short name; "simulated" or the path of the film.
    preparation : Preparation
        How its frames were prepared.
    repairs : dict of str to int
        Repairs made, by kind; empty for a sound film.
    remarks : list of str
        The same in sentences.
    pieces : DataFrame
        The stretches within which time runs on: ``film``, ``start``, ``stop`` (frames, ``stop`` not
        included), ``seconds`` (of the film, at ``start``), ``ends`` (why the piece ends).
    truth : Tracks or None
        What the simulated fish did; None for a real film.
    folder : Path
        Where it is cached.
    method : str
        How its frames were shrunk to the clip size.
    torn : int array
        Torn frames, for which the one before stands in.
    opened : Source
        The film itself, from which `excerpt` reads.
    """

    frames: np.ndarray
    motion: np.ndarray
    fps: float
    name: str
    source: str
    preparation: Preparation
    repairs: dict
    remarks: list
    pieces: pd.DataFrame
    truth: tank.Tracks | None
    folder: Path
    method: str
    torn: np.ndarray = field(repr=False)
    opened: Source = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Hash of the film's content and of what was asked of it."""
        return make_key("", self.opened.contents).strip("-")

    @property
    def longest_piece(self) -> slice:
        """The longest stretch within which time runs on."""
        longest = self.pieces.loc[(self.pieces.stop - self.pieces.start).idxmax()]
        return slice(int(longest.start), int(longest.stop))

    def split(self, folds: int = 0, embargo: int = 165) -> list[dict[str, slice | np.ndarray]]:
        """:func:`fishlib.splits.split_film` of it; 0 folds: one split of the tank, else five."""
        folds = folds or (5 if self.truth is None else 1)
        return split_film(self.pieces, len(self.motion), self.fps, folds, embargo)

    def stretch_at(self, start: int, length: int) -> slice:
        """A stretch about a frame, of so many frames or as many as the piece that holds it has."""
        k = max(0, int(np.searchsorted(self.pieces.start, start, "right")) - 1)
        first, stop = int(self.pieces.start[k]), int(self.pieces.stop[k])
        start = max(first, min(start, stop - length))
        return slice(start, min(start + length, stop))

    def excerpt(self, start: int, stop: int) -> np.ndarray:
        """Read a short stretch again at full resolution: prepared, uint8 (n, 240, 320).

        Raises
        ------
        ValueError
            The film has no such frames. A stretch may reach beyond its end, where it is cut.
        """
        stop = min(stop, len(self.frames))
        if not 0 <= start < stop:
            raise ValueError(
                f"{self.name} has frames 0 to {len(self.frames) - 1}: frames {start} to {stop} "
                "are no stretch of it."
            )
        if start in self.torn:  # the frame before stands in for it
            return self.excerpt(start - 1, stop)[1:]
        exact = self._stretch(start, stop, seek=True)
        clips = shrink(exact, self.frames.shape[1:], self.method)
        if np.array_equal(clips, self.frames[start:stop]):
            return exact
        return self._stretch(start, stop, seek=False)  # the film's index is off: count frames

    def _stretch(self, start: int, stop: int, seek: bool) -> np.ndarray:
        parts, n_read = [], 0
        blocks = self.opened.blocks(start, Account(), seek, self.preparation.colour)
        while n_read < stop - start and (block := next(blocks, None)) is not None:
            parts.append(block[: stop - start - n_read])
            n_read += len(parts[-1])
        blocks.close()
        exact = self.preparation.apply(np.concatenate(parts))
        for t in self.torn[(self.torn > start) & (self.torn < stop)] - start:
            exact[t] = exact[t - 1]
        return exact
