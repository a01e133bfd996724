"""A film as a source of frames: the simulated tank, a stored film; and its recording."""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib import tank
from fishlib.files import code_version, fingerprint, make_key
from fishlib.preparation import Preparation, suggest_preparation
from fishlib.recording.packed import BLOCK, Packed
from fishlib.spans import SECONDS, check_rate
from fishlib.splits import OWN_FOLDS, split_film
from fishlib.video import iter_frames, probe_parts

TANK_FPS = 30.0
LEAST_SECONDS = SECONDS["past"] + SECONDS["horizon"]
"""Shortest film accepted: the window of a forecast and its horizon."""


@dataclass(frozen=True)
class Source:
    """Where frames come from.

    Attributes
    ----------
    name : str
        Short name for folders and tables.
    path : str
        "simulated", or the path of the film or frame folder.
    fps : float
        Frames per second.
    n_frames : int
        Frames announced, after `minutes` was applied.
    contents : dict
        All that decides the frames, for the key of the cache.
    blocks : callable
        Yields unprepared frames uint8 (n, 240, 320), of `start`, `account`, `seek` and `colour` as
        `fishlib.video.iter_frames` takes them.
    prepare : callable
        ``prepare()`` returns the fitted `Preparation`; of a stored film it takes its unprepared
        ``frames`` where they were read before.
    truth : callable
        ``truth(saved)`` returns the tracks of a simulated tank, or None for a real film;
        ``saved`` is where they were written before, or None to simulate them.
    remarks : list of str
        What a reader must know of how it is read.
    every : int
        Every so many of the film's own frames one is a frame here.

    Raises
    ------
    ValueError
        It is too short for one forecast and its answer.
    """

    name: str
    path: str
    fps: float
    n_frames: int
    contents: dict
    blocks: Callable[..., Iterator[np.ndarray]]
    prepare: Callable[[], Preparation]
    truth: Callable[[Path | None], tank.Tracks | None]
    remarks: list[str] = field(default_factory=list)
    every: int = 1

    def __post_init__(self) -> None:
        self.check_length(self.n_frames)

    def check_length(self, n_frames: int, where: str = "") -> None:
        """Raise ValueError if so many frames are too few for one forecast and its answer."""
        needed = int(np.ceil(LEAST_SECONDS * self.fps))
        if n_frames < needed:
            raise ValueError(
                f"{self.path} has {n_frames} frames ({n_frames / self.fps:.1f} s at {self.fps:g} "
                f"fps){where}, but a forecast and its answer need {needed} ({LEAST_SECONDS:g} s: "
                "the window it looks back on and the horizon it looks ahead): use a longer film."
            )


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
    opened : Source
        The film itself.
    places : Places, optional
        Where a tracker says that the animals are (:func:`fishlib.animals.with_tracks`); None has
        them found in the pixels.
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
    opened: Source = field(repr=False)
    places: object = field(default=None, repr=False)

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
        folds = folds or (OWN_FOLDS if self.truth is None else 1)
        return split_film(self.pieces, len(self.motion), self.fps, folds, embargo)

    def stretch_at(self, start: int, length: int) -> slice:
        """A stretch about a frame, of so many frames or as many as the piece that holds it has."""
        k = max(0, int(np.searchsorted(self.pieces.start, start, "right")) - 1)
        first, stop = int(self.pieces.start[k]), int(self.pieces.stop[k])
        start = max(first, min(start, stop - length))
        return slice(start, min(start + length, stop))

    def excerpt(self, start: int, stop: int) -> np.ndarray:
        """A short stretch at full resolution: prepared, uint8 (n, 240, 320).

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
        return np.concatenate(list(prepared_blocks(self, stop, start)))


def prepared_blocks(
    recording: Recording, stop: int | None = None, start: int = 0
) -> Iterator[np.ndarray]:
    """The frames of a recording as they were prepared, uint8 (n, 240, 320), block by block."""
    stop = min(stop or len(recording.motion), len(recording.motion))
    if recording.truth is None:
        kept = recording.folder / "packed.bin", np.load(recording.folder / "packed.npy")
        blocks = Packed(*kept).read(start)
    else:
        blocks = recording.opened.blocks(start=start)
    while start < stop and (frames := next(blocks, None)) is not None:
        yield frames[: stop - start]
        start += len(frames)
    blocks.close()


def parts_of(source: str | Path) -> list[Path]:
    """The files of a film: one, or several joined by the system's path separator."""
    names = str(source).split(os.pathsep)
    if len(names) > 1 and not Path(source).exists() and all(Path(name).exists() for name in names):
        return [Path(name) for name in names]
    return [Path(source)]


def open_tank(seed: int, minutes: float, config: tank.TankConfig) -> Source:
    """The simulated tank as a source."""
    n_frames, known = round(minutes * 60 * TANK_FPS), []  # known: the tracks, once they are

    def truth(saved: Path | None = None) -> tank.Tracks:
        if not known and saved:
            known.append(tank.Tracks.load(saved))
        elif not known:
            known.append(tank.simulate_tracks(config, seed, n_frames))
        return known[0]

    def blocks(start: int, **how) -> Iterator[np.ndarray]:
        return tank.render_blocks(truth(), config, seed, block=BLOCK, start=start)

    name, code = f"simulated-{seed}", code_version("tank")
    contents = {"config": asdict(config), "seed": seed, "n_frames": n_frames, "tank": code}
    return Source(name, "simulated", TANK_FPS, n_frames, contents, blocks, Preparation, truth)


def open_stored(
    source: str | Path, minutes: float | None, settings: dict, fps: float | None
) -> Source:
    """A stored film, or a frame folder, as a source; see `recording.open_recording`."""
    paths = parts_of(source)
    path, info = paths[0], probe_parts(paths, fps)
    remarks = check_rate(info.rate(), str(path)) + info.remarks()
    stop = info.n_frames if minutes is None else min(info.n_frames, round(minutes * 60 * info.fps))
    limit = None if minutes is None else stop
    roi = info.region(settings.get("roi"))
    film = "-".join(fingerprint(one) for one in paths)
    contents = {"film": film, "stop": limit, "fps": fps, "preparation": settings}

    blocks = partial(iter_frames, info, block=BLOCK, stop=limit, roi=roi)
    name = path.name if path.is_dir() else path.stem
    prepare = partial(suggest_preparation, info, **settings)
    return Source(
        name, str(source), info.fps, stop, contents, blocks, prepare, lambda saved: None, remarks,
        info.step,
    )  # fmt: skip
