"""Open a film the way the notebooks' common parameters say."""

import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib import tank
from fishlib.files import cache_folder, make_key, only_one, project_path
from fishlib.parameters import read_settings
from fishlib.preparation import Preparation
from fishlib.recording.films import OWN, Films, join_films, list_films, open_films
from fishlib.recording.making import make_recording
from fishlib.recording.source import Recording, Source, open_stored, open_tank, parts_of
from fishlib.side_by_side import film_by_film

TANK_MINUTES = 60.0
CLIP_SIZE = (60, 80)


def open_recording(
    source: str | Path,
    *,
    cache_dir: str | Path | None = None,
    seed: int = 0,
    minutes: float | None = None,
    clip_size: tuple[int, int] = CLIP_SIZE,
    preparation: dict | None = None,
    config: tank.TankConfig | None = None,
    fps: float | None = None,
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
        Where recordings are kept; see `files.cache_folder`.
    seed : int
        Seed of the simulated tank.
    minutes : float, optional
        Length to simulate (default 60), or to read of a film (default all).
    clip_size : (int, int)
        Height and width of the frames kept: shrunk to 120x160 as the study did, else by area.
    preparation : dict, optional
        Settings of `Preparation` that replace those suggested from the film.
    config : TankConfig, optional
        The simulated tank.
    fps : float, optional
        Frame rate of a film, replacing what it says itself.
    progress : bool
        Show a progress bar.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no film, or it cannot be used; the message says why and what to do.
    OSError
        It cannot be read, or the cache cannot be written.
    """
    if str(source) == "simulated":
        opened = open_tank(seed, minutes or TANK_MINUTES, config or tank.TankConfig())
    else:
        opened = open_stored(source, minutes, preparation or {}, fps)
    return _record(opened, Path(cache_dir or cache_folder()), tuple(clip_size), progress)


def at_size(film: Recording, clip_size: tuple[int, int], progress: bool = True) -> Recording:
    """The same film with its frames shrunk to another size, prepared and cached like the first."""
    if isinstance(film, Films):
        place = {"cache": film.folder.parent, "clip_size": tuple(clip_size)}
        opened = [one.opened for one in film.members]
        record, is_made = partial(_record, progress=progress, **place), partial(_is_made, **place)
        members = film_by_film(record, opened, is_made)
        told = film.pieces.drop_duplicates("film").filter(["group", *OWN])
        return join_films(members, film.source, film.folder.parent, told)
    return _record(film.opened, film.folder.parent, tuple(clip_size), progress)


def _folder_of(opened: Source, cache: Path, clip_size: tuple[int, int]) -> Path:
    return cache / make_key(opened.name, {**opened.contents, "size": clip_size})


def _is_made(opened: Source, cache: Path, clip_size: tuple[int, int]) -> bool:
    return (_folder_of(opened, cache, clip_size) / "recording.json").exists()


def _record(opened: Source, cache: Path, clip_size: tuple[int, int], progress: bool) -> Recording:
    folder = _folder_of(opened, cache, clip_size)
    told, tracks = folder / "recording.json", folder / "tracks.npz"
    if not told.exists():
        with only_one(folder):
            if not told.exists():  # another process may have made it
                make_recording(folder, opened, clip_size, progress)
    facts = json.loads(told.read_text())
    facts["pieces"] = pd.DataFrame(facts["pieces"])
    return Recording(
        **facts,
        frames=np.load(folder / "frames.npy", mmap_mode="r"),
        motion=np.load(folder / "motion.npy"),
        name=opened.name,
        source=opened.path,
        preparation=Preparation.load(folder / "preparation.npz"),
        truth=opened.truth(tracks if tracks.exists() else None),
        folder=folder,
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
        A film that lies in several files: their paths, joined by ":" (on Windows ";"). Several
        films: see :func:`fishlib.recording.films.list_films`.
    seed : int
        Of the simulated tank.
    minutes : float
        Minutes to use of each film; 0 takes an hour of the tank, or the whole film.
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
        If ``preparation`` does not hold settings, or no film can be used.
    """
    settings = read_settings(preparation)
    how |= {"seed": seed, "minutes": minutes or None, "fps": fps or None, "preparation": settings}
    if source == "simulated":
        return open_recording(source, **how)
    films = list_films(source)
    if films is not None:
        cache = Path(how.get("cache_dir") or cache_folder())
        place = {"cache": cache, "clip_size": tuple(how.get("clip_size", CLIP_SIZE))}
        look = _looking(minutes, settings, fps)
        record = partial(_record, progress=how.get("progress", True), **place)
        return open_films(films, source, cache, look, record, partial(_is_made, **place))
    return open_recording(_absolute(source), **how)


def check_film(
    source: str, minutes: float = 0, preparation: str | dict = "", fps: float = 0
) -> Source | None:
    """Refuse, as :func:`open_film` does, a film that cannot be opened; nothing is decoded.

    Returns
    -------
    Source or None
        One film; None for the tank, or for several films of which one can be opened.
    """
    look = _looking(minutes, read_settings(preparation), fps)
    if source == "simulated":
        return None
    if (films := list_films(source)) is None:
        return look(_absolute(source))
    for film in films.film:
        with suppress(ValueError, OSError):
            look(film)
            return None
    return open_films(films, source, cache_folder(), look, look)  # which says why of each


def _looking(minutes: float, settings: dict, fps: float) -> partial:
    """What opens a stored film and reads none of it; 0 takes all of it, and its own rate."""
    return partial(open_stored, minutes=minutes or None, settings=settings, fps=fps or None)


def _absolute(source: str) -> str:
    return os.pathsep.join(str(project_path(one)) for one in parts_of(source))
