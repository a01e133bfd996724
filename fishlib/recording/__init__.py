"""Open a film the way the notebooks' common parameters say."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from fishlib import tank
from fishlib.files import cache_folder, make_key, only_one, project_path
from fishlib.preparation import Preparation
from fishlib.recording.making import make_recording
from fishlib.recording.source import Source, check_length, open_source, parts_of
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


def open_recording(
    source: str | Path,
    *,
    cache_dir: str | Path | None = None,
    seed: int = 0,
    minutes: float | None = None,
    clip_size: tuple[int, int] = (60, 80),
    method: str | None = None,
    preparation: Preparation | dict | None = None,
    config: tank.TankConfig | None = None,
    fps: float | None = None,
    min_seconds: float = 5.5,
    progress: bool = True,
) -> Recording:
    """Prepare a film, or the simulated tank, or open what was prepared before.

    Frames are decoded once, in blocks, so that an hour of film needs no more memory than a
    minute. What is made is cached under a hash of the film's content, the parameters and the
    code; a run that was killed goes on from the last finished block and ends with the same
    result.

    Parameters
    ----------
    source : str or Path
        "simulated", a video file, or a folder of images.
    cache_dir : str or Path, optional
        Where recordings are kept; see `recording_cache.cache_folder`.
    seed : int
        Seed of the simulated tank.
    minutes : float, optional
        Length to simulate (default 60), or to read of a film (default all).
    clip_size : (int, int)
        Height and width of the frames kept.
    method : str, optional
        How frames are shrunk; by default the study's "nearest-exact" to 120x160, else "area".
    preparation : Preparation or dict, optional
        How to prepare a film. None: as suggested from the film. A dict replaces single
        settings of the suggestion, ``Preparation()`` leaves the film as it is.
    config : TankConfig, optional
        The simulated tank.
    fps : float, optional
        Frame rate of a film, replacing what it says itself.
    min_seconds : float
        Shortest film accepted: the window of a forecast and its horizon.
    progress : bool
        Show a progress bar.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no film, or it cannot be used; the message says why and what to do.
    OSError
        It cannot be read, or the cache cannot be written.
    """
    opened = open_source(source, seed, minutes, preparation, config, fps)
    check_length(opened, opened.n_frames, min_seconds)
    cache = Path(cache_dir or cache_folder())
    return _record(opened, cache, tuple(clip_size), method, min_seconds, progress)


def at_size(film: Recording, clip_size: tuple[int, int], progress: bool = True) -> Recording:
    """The same film with its frames shrunk to another size, prepared and cached like the first."""
    return _record(film.opened, film.folder.parent, tuple(clip_size), None, 0.0, progress)


def _record(
    opened: Source,
    cache: Path,
    clip_size: tuple[int, int],
    method: str | None,
    min_seconds: float,
    progress: bool,
) -> Recording:
    method = method or ("nearest-exact" if clip_size == (120, 160) else "area")
    contents = {**opened.contents, "size": clip_size, "method": method}
    folder = cache / make_key(opened.name, contents)
    if not (folder / "recording.json").exists():
        with only_one(folder):
            if not (folder / "recording.json").exists():  # another process may have made it
                make_recording(folder, opened, clip_size, method, min_seconds, progress)
    return _load(folder, opened)


def _load(folder: Path, opened: Source) -> Recording:
    facts = json.loads((folder / "recording.json").read_text())
    tracks = folder / "tracks.npz"
    return Recording(
        frames=np.load(folder / "frames.npy", mmap_mode="r"),
        motion=np.load(folder / "motion.npy"),
        fps=facts["fps"],
        name=opened.name,
        source=opened.path,
        preparation=Preparation.load(folder / "preparation.npz"),
        repairs=facts["repairs"],
        remarks=facts["remarks"],
        pieces=pd.DataFrame(facts["pieces"]),
        truth=opened.truth(tracks if tracks.exists() else None),
        folder=folder,
        method=facts["method"],
        torn=np.array(facts["torn"], int),
        opened=opened,
    )


def open_film(
    source: str,
    seed: int = 0,
    minutes: float = 0,
    preparation: str | dict = "",
    fps: float = 0,
    **how,
) -> Recording:
    """The film of a run, prepared and cached; the same in every notebook of the run.

    Parameters
    ----------
    source : str
        "simulated", or the path of a film, frame folder or stack, as seen from the project's top.
        A film that lies in several files: their paths, joined by ":" (on Windows ";").
    seed : int
        Of the simulated tank.
    minutes : float
        Minutes to use; 0 takes an hour of the tank, or the whole film.
    preparation : str or dict
        Settings of :class:`fishlib.preparation.Preparation` that replace the suggested ones, as
        YAML: ``"noise_floor: 4, polarity: dark"``. Empty: as suggested from the film.
    fps : float
        Frames a second of the film; 0 believes its time stamps. Images have none and need it.
    **how
        Passed on to :func:`fishlib.recording.open_recording`.

    Returns
    -------
    Recording

    Raises
    ------
    ValueError
        If ``preparation`` does not hold settings.
    """
    settings = yaml.safe_load(f"{{{preparation}}}") if isinstance(preparation, str) else preparation
    if not isinstance(settings, dict) or None in settings.values():
        raise ValueError(
            f"preparation is {preparation!r}: write settings as name: value, separated by commas, "
            'such as "noise_floor: 4, polarity: dark, roi: [0, 240, 0, 320]".'
        )
    if source != "simulated":
        source = os.pathsep.join(str(project_path(part)) for part in parts_of(source))
    return open_recording(
        source,
        seed=seed,
        minutes=minutes or None,
        preparation=settings or None,
        fps=fps or None,
        **how,
    )
