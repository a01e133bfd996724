"""The animals of a recording: where they are, found in the pixels or told by a tracker's file."""

import pickle
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from fishlib.animals.places import Places, find_places, join_places, places_of, true_places
from fishlib.files import project_path, read_table, write_text
from fishlib.recording.source import parts_of
from fishlib.tank.fish import VARIABLES, TankConfig
from fishlib.tank.rendering import Painter
from fishlib.video import probe_parts
from fishlib.video.stored import write_video

__all__ = ["Places", "draw_tracks", "find_places", "places_of", "read_tracks", "true_places"]
__all__ += ["with_tracks"]

FASTEST = 30.0
"""Body lengths a second that no animal swims: a longer step is the tracker's mistake."""
CANNOT_BE_READ = (ValueError, KeyError, TypeError, EOFError, OSError, MemoryError)
CANNOT_BE_READ += (pickle.UnpicklingError, zipfile.BadZipFile)
NAMES = {
    "frame": ("frames", "frame number", "frame index"),
    "seconds": ("time s", "time sec", "time"),
    "animal": ("id", "track", "track id", "individual", "identity", "fish"),
    "x": ("x px", "pos x", "position x"),
    "y": ("y px", "pos y", "position y"),
}
"""What other programs call the columns of a table of tracks."""
LIKELY = 0.6
"""Likelihood below which a keypoint of DeepLabCut is not seen: its own default."""
ENDS = "snout|nose|head", "tail"
"""What keypoints at the two ends of an animal are called."""
BRIDGED = 2.0
"""Seconds for which an animal that is not seen is drawn on the straight way to where it is next."""
TURNING = 0.25
"""Body lengths that an animal must have moved for its heading to be told from that."""


def read_tracks(path: str | Path, fps: float, body=None, n_frames=None, every=1) -> Places:
    """Read places from a file of tracks; y points down, the unit of length is any.

    Parameters
    ----------
    path : path
        ``.csv``: columns ``frame`` (or ``seconds``), ``animal``, ``x``, ``y``, and perhaps
        ``heading`` (rad) and ``length``, a row an animal and frame, or the keypoints that
        DeepLabCut found; ``.txt``: of idTracker; ``.h5``: of idtracker.ai, or SLEAP's analysis;
        ``.npy``: of idtracker.ai; ``.npz``: of TRex, any animal's (those of the others lie beside
        it). Of keypoints the mean is read, and a heading from what is called a snout, nose or head
        and what is called a tail. A place that the tracker filled in knows the future: idTracker
        and idtracker.ai mark those, which are not read; leave them out of a table.
    fps : float
        Frames a second.
    body : float, optional
        Length of an animal, in the unit of x and y; None where the file says it: of idtracker.ai,
        of keypoints, from snout to tail, and of a table with a column ``length``.
    n_frames : int, optional
        Frames of the film: what the file has beyond is not read, what it lacks is not seen.
    every : int
        The film's frames are every so many of the tracker's, as those of fast film are kept
        (:func:`fishlib.video.keep_every`).

    Returns
    -------
    Places
        An animal that is not seen stays where it was last, not ``apart``; before it is first
        seen, at (0, 0).

    Raises
    ------
    ValueError
        If the file is none of these, an animal is in two places at one frame, or the length of an
        animal is not known.
    """
    place, measured = load_tracks(path, fps * every)
    if body is None and measured is None:
        raise ValueError(f"{path} does not say how long an animal is: give body, in its unit.")
    place = place[::every]
    known = np.full((3, n_frames or len(place), place.shape[1]), np.nan)  # x, y, heading
    known[: place.shape[2], : len(place)] = place.transpose(2, 0, 1)[:, : known.shape[1]]
    return places_from(*known[:2], fps, body or measured, known[2])


def load_tracks(path: str | Path, fps: float) -> tuple[np.ndarray, float | None]:
    """What a file of tracks holds: places (T, n, 2 or 3), NaN where not seen, and a body's length.

    Arguments and errors are those of :func:`read_tracks`.
    """
    path = project_path(path)
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise ValueError(
            f"{path} is none of the files of tracks that can be read ({', '.join(READERS)}): "
            "write a .csv with the columns frame, animal, x and y."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no file of tracks {str(path)!r}.")
    try:
        place, measured = READERS[suffix](path, fps)
        if not np.isfinite(place).any():
            raise ValueError(f"{path} holds no place of any animal.")
        return place, measured
    except CANNOT_BE_READ as error:
        if str(path) in str(error):
            raise
        raise ValueError(f"{path} holds no tracks, as a {suffix} file does: {error!r}") from error


def _read_table(path: Path, fps: float) -> tuple[np.ndarray, float | None]:
    """Places (T, n, 2), or (T, n, 3) with the heading; NaN where not seen."""
    with path.open("rb") as file:
        if file.readline().startswith(b"scorer,"):
            return _read_deeplabcut(path)
    table = read_table(path)
    for name, others in NAMES.items():
        if name not in table:
            table = table.rename(columns={one: name for one in others[::-1] if one in table})
    for name in table.columns.intersection(["frame", "seconds", "x", "y", "heading", "length"]):
        numbers = pd.to_numeric(table[name], errors="coerce")
        if (wrong := numbers.isna() & table[name].notna()).any():
            line, cell = int(wrong.argmax()) + 2, table[name][wrong].iloc[0]
            raise ValueError(f"{path}, line {line}: {cell!r} in column {name} is no number.")
        table[name] = numbers
    if "frame" not in table and "seconds" in table:
        table["frame"] = np.rint(table.seconds * fps)
    missing = [name for name in ("frame", "animal", "x", "y") if name not in table]
    if missing:
        raise ValueError(
            f"{path} has no column {' and no '.join(missing)}: tracks are a CSV with the columns "
            "frame (or seconds), animal, x and y."
        )
    table = table.dropna(subset=["frame", "animal", "x", "y"]).astype({"frame": int})
    if len(early := table[table.frame < 0]):
        raise ValueError(
            f"{path} has {len(early)} places before the film, the first in line "
            f"{early.index[0] + 2}: count frames and seconds from its beginning."
        )
    if table.duplicated(["frame", "animal"]).any():
        twice = table[table.duplicated(["frame", "animal"])].iloc[0]
        raise ValueError(f"{path} has animal {twice.animal} twice at frame {twice.frame}.")
    wide = table.pivot(index="frame", columns="animal").reindex(range(table.frame.max() + 1))
    told = [wide[name] for name in ("x", "y", "heading") if name in table]
    return np.stack(told, axis=-1), float(table.length.median()) if "length" in table else None


def _read_deeplabcut(path: Path) -> tuple[np.ndarray, float | None]:
    """Three columns a keypoint, of one animal or of several, which a row of their names tells."""
    with path.open(encoding="utf-8") as file:
        n_names = [line.partition(",")[0] for line in islice(file, 4)].index("coords") + 1
    told = pd.read_csv(path, header=list(range(n_names)), index_col=0)
    keys = told.columns.droplevel([0, -1])[::3]  # (bodypart,), or (individual, bodypart)
    points = told.to_numpy(float).reshape(len(told), len(keys), 3)
    points[points[..., 2] < LIKELY] = np.nan
    whose = keys.get_level_values(0) if n_names == 4 else np.zeros(len(keys), int)
    each = [np.flatnonzero(whose == one) for one in dict.fromkeys(whose)]
    parts = list(keys.get_level_values(-1)[each[0]])
    each = [one for one in each if len(one) == len(parts)]  # what has other parts is no animal
    return _from_keypoints(points[:, np.stack(each), :2], parts)


def _from_keypoints(points: np.ndarray, names: list[str]) -> tuple[np.ndarray, float | None]:
    """The mean of keypoints (T, n, K, 2), its heading, and the length from snout to tail."""
    seen = np.isfinite(points).all(axis=-1, keepdims=True)
    place = np.where(seen, points, 0).sum(axis=2) / np.where(n := seen.sum(axis=2), n, np.nan)
    ends = [[k for k, name in enumerate(names) if re.search(end, name, re.I)] for end in ENDS]
    if not all(ends):
        return place, None
    along = points[:, :, ends[0][0]] - points[:, :, ends[1][0]]
    heading = np.arctan2(along[..., 1], along[..., 0])
    return np.concatenate([place, heading[..., None]], -1), float(np.nanmedian(np.hypot(*along.T)))


def _read_idtracker(path: Path, fps: float) -> tuple[np.ndarray, float | None]:
    """Three columns an animal: x, y and the probability of its identity, below 0 if estimated."""
    told = pd.read_csv(path, sep="\t").to_numpy(float)
    n = told.shape[1] // 3
    told = told[:, : 3 * n].reshape(len(told), n, 3)
    return np.where(told[..., 2:] < 0, np.nan, told[..., :2]), None


class _Plain(pickle.Unpickler):
    """Reads arrays and plain values, and runs no code that a file brings with it."""

    def find_class(self, module, name):
        if module.split(".")[0] != "numpy" or name not in ("_reconstruct", "ndarray", "dtype"):
            raise pickle.UnpicklingError(f"it would run {module}.{name}")
        return super().find_class(module, name)


def _read_idtracker_ai(path: Path, fps: float) -> tuple[np.ndarray, float | None]:
    """Arrays ``trajectories`` (T, n, 2) and ``id_probabilities``, NaN where an animal is not seen.

    Its ``.npy`` files hold them in a pickled dictionary.
    """
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            if "node_names" in file:  # SLEAP's analysis: (n, 2, K, T)
                names = [name.decode() for name in file["node_names"][()]]
                return _from_keypoints(file["tracks"][()].transpose(3, 0, 2, 1), names)
            told = {name: file[name][()] for name in ("trajectories", "id_probabilities")}
            told["body_length"] = file.attrs["body_length"]
    else:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            told = _Plain(file).load().item()
    place = np.array(told["trajectories"], float)
    place[np.isnan(told["id_probabilities"]).reshape(place.shape[:2])] = np.nan
    return place, float(told["body_length"])


def _read_trex(path: Path, fps: float) -> tuple[np.ndarray, float | None]:
    """A file an animal, numbered at the end of its name; it is infinitely far where not seen."""
    name = path.stem.rstrip("0123456789")
    beside = [one for one in path.parent.glob("*.npz") if one.stem.rstrip("0123456789") == name]
    told = [np.load(one, allow_pickle=False) for one in sorted(beside)]
    last = max(int(one["frame"].max()) for one in told)
    place = np.full((last + 1, len(told), 2), np.nan)
    for k, one in enumerate(told):
        x, y = one["X#wcentroid"], one["Y#wcentroid"]
        seen = np.isfinite(x) & np.isfinite(y) & (one.get("missing", 0) == 0)
        place[one["frame"][seen].astype(int), k] = np.stack([x, y], axis=1)[seen]
    return place, None


READERS = {
    ".csv": _read_table,
    ".txt": _read_idtracker,
    ".h5": _read_idtracker_ai,
    ".npy": _read_idtracker_ai,
    ".npz": _read_trex,
}


def places_from(
    x: np.ndarray, y: np.ndarray, fps: float, body: float, heading: np.ndarray | None = None
) -> Places:
    """Places of tracks (T, n), NaN where an animal is not seen.

    What follows a step that no animal makes counts as not seen until the animal is back within
    reach; the heading, where it is not given, is the way that an animal last moved.
    """
    x, y, seen = np.array(x, float), np.array(y, float), np.isfinite(x) & np.isfinite(y)
    n_frames, n = x.shape
    place = np.zeros((2, n))
    anchor, away, found = place.copy(), np.full(n, np.inf), np.zeros((3, n_frames, n))
    way = np.zeros(n)
    for t in range(n_frames):
        here, away = np.stack([x[t], y[t]]), away + 1
        seen[t] &= ~(np.hypot(*(here - place)) > FASTEST * body / fps * away)
        anchor = np.where(np.isinf(away) & seen[t], here, anchor)  # seen for the first time
        place, away = np.where(seen[t], here, place), np.where(seen[t], 0, away)
        step = place - anchor
        moved = np.hypot(*step) > TURNING * body
        way = np.where(moved, np.arctan2(step[1], step[0]), way)
        anchor = np.where(moved, place, anchor)
        if heading is not None:
            way = np.where(seen[t] & np.isfinite(heading[t]), heading[t], way)
        found[:, t] = *place, way
    box = tuple(float(np.quantile(one[seen], q)) for one in (x, y) for q in (0.002, 0.998))
    return Places(*found.astype(np.float32), seen, float(body), box)


def draw_tracks(
    path: str | Path, folder: str | Path, fps: float, body: float | None = None
) -> Path:
    """Draw a film from tracks that have none, in the tank's way, for all that reads a film.

    An animal that is not seen is drawn on the straight way to where it is seen next; where one is
    lost for longer than two seconds the film is dark, which ends a piece.

    Parameters
    ----------
    path : path
        See :func:`read_tracks`.
    folder : path
        Where the film, its tracks in the film's pixels, and a table of both are written.
    fps, body
        As of :func:`read_tracks`.

    Returns
    -------
    Path
        The table of films, ``films.csv``, to be opened as any film.

    Raises
    ------
    ValueError
        See :func:`read_tracks`.
    """
    told, folder = read_tracks(path, fps, body), Path(folder)
    n_frames, n = told.x.shape
    (left, right, top, bottom), edge = told.box, told.body
    sides = bottom - top + 2 * edge, right - left + 2 * edge
    scale = min(240 / sides[0], 320 / sides[1])
    height, width = size = tuple(round(scale * side) for side in sides)
    lost, state = np.zeros(n_frames, bool), np.zeros((n_frames, len(VARIABLES), n), np.float32)
    state[:, 2] = told.heading
    for k in range(n):
        seen = np.flatnonzero(told.apart[:, k])
        for row, (one, first) in enumerate(((told.x, left), (told.y, top))):
            state[:, row, k] = np.interp(np.arange(n_frames), seen, one[seen, k] - first + edge)
        for a, b in pairwise([-1, *seen, n_frames]):
            lost[a + 1 : b] |= b - a > BRIDGED * fps
    state[:, :2] *= scale
    length = scale * told.body
    looks = {"body_length": length, "body_width": 0.15 * length, "size_spread": 0.0, "n_specks": 0}
    painter = Painter(TankConfig(n, width, height, **looks), 0, size)

    def frames() -> Iterator[np.ndarray]:
        for start in range(0, n_frames, 256):
            block = np.zeros((min(256, n_frames - start), *size), np.uint8)
            painter.paint(state[start : start + 256], block)
            block[lost[start : start + 256]] = 0
            yield from block

    frame, animal = np.nonzero(told.apart)
    at = frame, slice(0, 3), animal
    x, y, heading = state[at].T
    table = {"frame": frame, "animal": animal, "x": x, "y": y, "heading": heading}
    folder.mkdir(parents=True, exist_ok=True)
    film, tracks = (folder / f"{Path(path).stem}{suffix}" for suffix in (".mkv", ".csv"))
    write_video(film, frames(), fps)
    write_text(tracks, pd.DataFrame(table | {"length": length}).to_csv(index=False))
    return write_text(folder / "films.csv", f"film,tracks\n{film.name},{tracks.name}\n")


def with_tracks(film, path: str | Path, body: float | None = None):
    """A recording whose animals are where a tracker's file says, instead of found in its pixels.

    Parameters
    ----------
    film : Recording
        Of one film; its rate, its length and the place of its picture are taken from it.
    path : path
        See :func:`read_tracks`; places are pixels of the film as it was filmed. "" changes nothing,
        except where a table of films names the tracks of some of them; the animals of the others
        are found in their pixels.
    body : float, optional
        Length of an animal, px of the film as it was filmed; None takes it from the file, or from
        what is seen in the film.

    Raises
    ------
    ValueError
        If the film is several films, the file holds no tracks, or nothing tells how long an animal
        is.
    """
    if not path and "tracks" in film.pieces:
        named = film.pieces.drop_duplicates("film").tracks.fillna("")
        told = [places_of(with_tracks(*one)) for one in zip(film.members, named, strict=True)]
        return replace(film, places=join_places(told, film.index))
    if not path:
        return film
    if getattr(film, "members", ()):
        raise ValueError(
            f"{path} has the tracks of one film, and these are several: name the tracks of each in "
            "the column tracks of a table of films."
        )
    if film.truth is not None:
        raise ValueError(f"{path} has the tracks of a film, and this is the tank: give the film.")
    contents = film.opened.contents
    info = probe_parts(parts_of(film.source), contents["fps"])
    roi = contents["preparation"].get("roi")
    (y0, y1, x0, x1), (top, bottom, left, right) = info.region(roi), info.box(roi)
    across, down = (right - left) / (x1 - x0), (bottom - top) / (y1 - y0)
    if body is None and load_tracks(path, film.fps)[1] is None:
        found = find_places(film)
        if found.reason:
            raise ValueError(
                f"{path} does not say how long an animal is, nor does the film: {found.reason} "
                "Give a table with a column length, or with_tracks(film, path, body)."
            )
        body = found.body / down
    told = read_tracks(path, film.fps, body, len(film.motion), info.step)
    x, y = (told.x - x0) * across + left, (told.y - y0) * down + top
    box = [(edge - x0) * across + left for edge in told.box[:2]]
    box += [(edge - y0) * down + top for edge in told.box[2:]]
    places = replace(told, x=x, y=y, body=told.body * down, box=tuple(box))
    return replace(film, places=places)
