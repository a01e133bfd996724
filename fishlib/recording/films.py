"""Several films as one recording: a series with borders that nothing reaches across."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.files import (
    check_space,
    fingerprint,
    make_key,
    only_one,
    project_path,
    read_table,
    write_atomically,
)
from fishlib.recording.source import Recording, parts_of
from fishlib.side_by_side import film_by_film
from fishlib.video.frames import IMAGE_SUFFIXES, STACK_SUFFIXES, natural_key

FILM_SUFFIXES = {
    ".avi", ".h264", ".h265", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv",
    ".tif", ".tiff", ".ts", ".webm", ".wmv",
}  # fmt: skip
"""Endings by which the films in a folder are known."""
OWN = ("events", "tracks")
"""Columns of a table of films with a file of each film."""


def list_films(source: str) -> pd.DataFrame | None:
    """The films that a source names; None if it is one film.

    Parameters
    ----------
    source : str
        A table of films (CSV with the column ``film``, a path as seen from the table, and perhaps
        ``group``: an animal, a day, a tank; ``recording``: films of one name are one film, in the
        order of the table; and paths of the film's own ``events`` and ``tracks``), a folder of
        films or of frame folders, or a pattern with ``*``.

    Returns
    -------
    DataFrame
        ``film``: absolute path, or several joined by the system's path separator; ``group``;
        ``events`` and ``tracks``, absolute paths, of a table that names any; NaN where it names
        none.

    Raises
    ------
    ValueError
        A table without the column ``film``, or without a row, or with several tables of events
        or of tracks for one film.
    FileNotFoundError
        A pattern that matches nothing.
    """
    path = project_path(source)
    if path.suffix.lower() == ".csv" and path.is_file():
        return _read_table(path)
    if path.is_dir():
        inside = [one for one in path.iterdir() if not one.name.startswith(".")]
        images = sum(one.suffix.lower() in IMAGE_SUFFIXES - FILM_SUFFIXES for one in inside)
        found = [one for one in inside if one.is_dir() or one.suffix.lower() in FILM_SUFFIXES]
        endings = {one.suffix.lower() for one in found}
        if images > len(found) or endings <= STACK_SUFFIXES:  # or none
            return None
    elif glob.has_magic(str(path)) and not path.exists():
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]
        if not found:
            raise FileNotFoundError(f"{source} matches no film: check the folder and the ending.")
    else:
        return None
    films = sorted(map(str, found), key=natural_key)
    return pd.DataFrame({"film": films, "group": films})


def fingerprint_source(source: str) -> str:
    """Hash of the content of the film, or of all films, that a source names; "" if none exists."""
    films = list_films(source)
    named = [source] if films is None else films.film
    paths = [project_path(part) for one in named for part in parts_of(one)]
    return "-".join(fingerprint(path) for path in paths if path.exists())


def _read_table(path: Path) -> pd.DataFrame:
    table = read_table(path, dtype=str).apply(lambda cells: cells.str.strip().replace("", np.nan))
    if "film" not in table or table.film.dropna().empty:
        raise ValueError(
            f"{path} is no table of films: write a CSV with the column film, a path a row, and "
            "perhaps group, recording, events and tracks."
        )
    table = table[table.film.notna()]
    own = [name for name in OWN if name in table and table[name].notna().any()]
    for name in ("film", *own):
        table[name] = table[name].map(partial(_beside, path), na_action="ignore")
    if (twice := table.film.duplicated()).any():
        raise ValueError(f"{path} names {table.film[twice].iloc[0]} twice: name each film once.")
    of = table.get("recording", table.film).fillna(table.film)
    joined = table.groupby(of, sort=False).agg({"film": os.pathsep.join})
    joined["group"] = table.get("group", table.film).fillna(table.film).groupby(of).first()
    for name in own:
        if (several := table[name].groupby(of).nunique() > 1).any():
            raise ValueError(
                f"{path} has several {name} for {several.idxmax()}, one film in several files: "
                "give it one table, which counts from the beginning of the first file."
            )
        joined[name] = table[name].groupby(of).first()
    return joined.reset_index(drop=True)


def _beside(table: Path, file: str) -> str:
    """A file's full path; one written on Windows may have other separators."""
    beside = table.parent / file
    return os.path.abspath(beside if beside.exists() else table.parent / file.replace("\\", "/"))


def account_for(recording: Recording, onsets: Sequence[int] = ()) -> pd.DataFrame:
    """What became of each film: ``film``, ``minutes`` used, ``onsets``, ``note``.

    Parameters
    ----------
    recording : Recording
    onsets : int array (n,)
        Frames at which events begin.
    """
    pieces, onsets = recording.pieces, np.sort(onsets)
    minutes = (pieces.stop - pieces.start) / recording.fps / 60
    within = np.searchsorted(onsets, pieces.stop) - np.searchsorted(onsets, pieces.start)
    table = pieces[["film"]].assign(minutes=minutes, onsets=within, note=1)
    table = table.groupby("film", sort=False, as_index=False).sum()
    table["note"] = [f"{n} pieces" if n > 1 else "" for n in table.note]
    lost = getattr(recording, "lost", {}).items()
    rows = [(Path(film).name, 0.0, 0, f"left out: {why}") for film, why in lost]
    left_out = pd.DataFrame(rows, columns=table.columns)
    return pd.concat([table, left_out], ignore_index=True) if rows else table


@dataclass(frozen=True)
class Films(Recording):
    """Films as one recording: ``pieces`` names the film and the group of each stretch, and of
    a table of films the paths of its ``events`` and ``tracks``.

    Attributes
    ----------
    lost : dict of str -> str
        Films that are left out, and why.
    members : tuple of Recording
    starts : int array
        First frame of each member.
    index : list of int arrays
        The frame of a member that stands at each of its frames here; another one only where a film
        had another rate.
    """

    lost: dict[str, str] = field(default_factory=dict)
    members: tuple[Recording, ...] = field(default=(), repr=False)
    starts: np.ndarray = field(default=None, repr=False)
    index: list[np.ndarray] = field(default_factory=list, repr=False)

    def excerpt(self, start: int, stop: int) -> np.ndarray:
        """As of a recording, from the film that holds frame ``start``, at whose end it is cut."""
        k = int(np.searchsorted(self.starts, start, "right")) - 1
        own = self.index[k][start - self.starts[k] : stop - self.starts[k]]
        return self.members[k].excerpt(int(own[0]), int(own[-1]) + 1)[own - own[0]]


def open_films(
    films: pd.DataFrame, source: str, cache: Path, look: Callable, record: Callable, is_made=bool
) -> Films:
    """Open several films as one; those that cannot be used are left out, and a remark says why.

    Parameters
    ----------
    films : DataFrame
        From :func:`list_films`.
    source : str
        What they were named by.
    cache : Path
        Where the joined frames are kept.
    look : callable
        Opens the film of a path, and reads none of it.
    record : callable
        Prepares what ``look`` opened, or takes it from the cache.
    is_made : callable
        Whether it is there; by default whatever was opened counts as there.

    Raises
    ------
    ValueError
        If none can be used; the sentence says why of each.
    """
    opened = {film: _or_why(look, film) for film in films.film}
    lost = {film: why for film, why in opened.items() if isinstance(why, str)}
    seen = {film: one for film, one in opened.items() if film not in lost}
    made = film_by_film(partial(_or_why, record), list(seen.values()), is_made)
    lost |= {film: why for film, why in zip(seen, made, strict=True) if isinstance(why, str)}
    members = [one for one in made if not isinstance(one, str)]
    if not members:
        why = " ".join(f"{film}: {reason}" for film, reason in lost.items())
        raise ValueError(f"None of the {len(films)} films of {source} can be used. {why}")
    used = films[~films.film.isin(lost)].drop(columns="film")
    return join_films(members, source, cache, used, lost)


def _or_why(open_one: Callable, film: object) -> object:
    """The film, opened, or in a line why it cannot be used."""
    try:
        return open_one(film)
    except (ValueError, OSError) as error:
        return str(error).strip().splitlines()[0]


def join_films(
    members: list[Recording],
    source: str,
    cache: Path,
    told: pd.DataFrame | None = None,
    lost: dict[str, str] | None = None,
) -> Films:
    """Join recordings, one after the other, at the rate that most of them have.

    What is ``told`` of each, its ``group`` and more, stands in the columns of its pieces.
    Of a film of another rate the nearest frames are taken. The frames are written once, into one
    memory-mapped array in the cache.
    """
    fps = Counter(one.fps for one in members).most_common(1)[0][0]
    names = pd.Series([one.name for one in members])
    names += [f" ({n + 1})" if n else "" for n in names.groupby(names).cumcount()]
    lost = lost or {}
    remarks = [f"{Path(film).name} is left out: {reason}" for film, reason in lost.items()]
    told = pd.DataFrame({"group": names}) if told is None else told
    pieces, index, starts, n_frames = [], [], [], 0
    for name, one, more in zip(names, members, told.to_dict("records"), strict=True):
        step = one.fps / fps if abs(one.fps / fps - 1) > 0.001 else 1.0
        n_here = round(len(one.motion) / step)
        index.append(np.minimum(np.rint(np.arange(n_here) * step).astype(int), len(one.motion) - 1))
        own = one.pieces.assign(film=name, **more)
        for edge in ("start", "stop"):
            own[edge] = n_frames + np.minimum(np.rint(own[edge] / step), n_here).astype(int)
        pieces.append(own)
        starts.append(n_frames)
        n_frames += n_here
        remarks += [f"{name}: {remark}" for remark in one.remarks]
        if step != 1:
            remarks.append(f"{name}: its {one.fps:.4g} frames a second are read as {fps:.4g}.")
    contents = {"films": [one.folder.name for one in members], "fps": fps}
    folder = cache / make_key(Path(source).stem, contents)
    joined = {
        "frames": _joined_frames(folder, members, starts, index),
        "motion": np.concatenate([one.motion[i] for one, i in zip(members, index, strict=True)]),
        "fps": fps,
        "name": names[0] if len(members) == 1 else f"{len(members)} films",
        "source": source,
        "repairs": dict(sum((Counter(one.repairs) for one in members), Counter())),
        "remarks": remarks,
        "pieces": pd.concat(pieces, ignore_index=True),
        "truth": None,
        "folder": folder,
    }
    more = {"lost": lost, "members": tuple(members), "starts": np.array(starts), "index": index}
    return Films(**vars(members[0]) | joined | more)


def _joined_frames(folder: Path, members, starts, index) -> np.ndarray:
    """Frames of the members, one after the other, as a memory map: written once."""
    path = folder / "frames.npy"
    with only_one(folder):
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shape = (sum(map(len, index)), *members[0].frames.shape[1:])
            check_space(folder, int(np.prod(shape)))

            def write(part: Path) -> None:
                joined = np.lib.format.open_memmap(part, "w+", np.uint8, shape)
                for one, first, frames in zip(members, starts, index, strict=True):
                    for at in range(0, len(frames), 4096):
                        block = one.frames[frames[at : at + 4096]]
                        joined[first + at : first + at + len(block)] = block
                joined.flush()

            write_atomically(path, write)
    return np.load(path, mmap_mode="r")
