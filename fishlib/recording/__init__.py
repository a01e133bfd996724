"""Open a film the way the notebooks' common parameters say."""

import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from fishlib import tank
from fishlib.files import cache_folder, make_key, only_one, project_path
from fishlib.preparation import Preparation
from fishlib.recording.films import Films, join_films, list_films, open_films
from fishlib.recording.making import make_recording
from fishlib.recording.recorded import Recording
from fishlib.recording.source import Source, check_length, open_source, parts_of


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
    if isinstance(film, Films):
        members = [at_size(one, clip_size, progress) for one in film.members]
        groups = film.pieces.drop_duplicates("film").group.tolist()
        return join_films(members, film.source, film.folder.parent, groups)
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
    settings = yaml.safe_load(f"{{{preparation}}}") if isinstance(preparation, str) else preparation
    if not isinstance(settings, dict) or None in settings.values():
        raise ValueError(
            f"preparation is {preparation!r}: write settings as name: value, separated by commas, "
            'such as "noise_floor: 4, polarity: dark, roi: [0, 240, 0, 320]".'
        )
    how |= {"seed": seed, "minutes": minutes or None, "fps": fps or None}
    how["preparation"] = settings or None
    if source == "simulated":
        return open_recording(source, **how)
    films = list_films(source)
    if films is not None:
        cache = Path(how.get("cache_dir") or cache_folder())
        return open_films(films, source, cache, partial(open_recording, **how))
    return open_recording(
        os.pathsep.join(str(project_path(one)) for one in parts_of(source)), **how
    )
