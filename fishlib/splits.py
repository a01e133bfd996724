"""Pieces within which time runs on, the chronological split, and folds."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd

from fishlib.motion import runs_of

PUBLISHED_SPLIT = (44_956, 3_593, 5_367)
"""Frames of the study's train, validation and test film: 83.38, 6.66 and 9.95 per cent."""
LEAST_TEST = 1000
"""Frames to be judged on: three blocks of ten seconds, and some."""
LEAST_MINUTES = 7
"""Minutes of film to train a network on, and to choose anything."""
OWN_FOLDS = 5
"""Folds in which films of one's own are judged."""
LEAST_GROUPS = 4
"""Films, or groups of them, from which on a fold is whole ones."""


def split_frames(
    n_frames: int, fractions: tuple[float, ...] = PUBLISHED_SPLIT, embargo: int = 165
) -> dict[str, slice] | None:
    """Cut a film into train, validation and test, in the order of time.

    The first ``embargo`` frames of the later parts are left out: with window + horizon frames
    between two parts, no clip or label of one reaches into the other.

    Parameters
    ----------
    n_frames : int
        Length of the film.
    fractions : three numbers
        Relative sizes of train, validation and test; the default is the study's.
    embargo : int
        Frames left out at each border (120 of past + 45 of future).

    Returns
    -------
    dict of slice, or None
        Keys ``train``, ``validation``, ``test``; None if the film is too short to be trained,
        chosen and judged on.
    """
    edges = np.round(np.cumsum([0, *fractions]) / np.sum(fractions) * n_frames).astype(int)
    starts = edges[:-1] + np.array([0, embargo, embargo])
    if (starts >= edges[1:]).any() or edges[3] - starts[2] < LEAST_TEST:
        return None
    names = ("train", "validation", "test")
    return {k: slice(int(a), int(b)) for k, a, b in zip(names, starts, edges[1:], strict=True)}


def split_film(
    pieces: pd.DataFrame, n_frames: int, fps: float, folds: int = 1, embargo: int = 165
) -> list[dict[str, slice | np.ndarray]]:
    """What a film is trained, chosen and judged on: one split in the order of time, or folds.

    Parameters
    ----------
    pieces : DataFrame
        ``film``, ``start``, ``stop``, and perhaps ``group``.
    n_frames : int
        Length of the film, T.
    fps : float
        Frames a second.
    folds : int
        1 splits as the study did; from 3 on see :func:`make_folds`. With less than 7 minutes in the
        pieces there is nothing to choose on.
    embargo : int
        Frames left out between parts.

    Returns
    -------
    list of dict
        Frames of ``train``, ``validation`` and ``test``, a fold a row; empty if the film is too
        short: under a minute, or of one split without a part to judge on.

    Raises
    ------
    ValueError
        Two folds leave nothing to train on.
    """
    if folds == 1:
        parts = split_frames(n_frames, embargo=embargo)
        return [parts] if parts else []
    if folds < 3:
        raise ValueError(f"folds is {folds}: give 1 for one split in time, or at least 3.")
    minutes = (pieces.stop - pieces.start).sum() / fps / 60
    return make_folds(pieces, folds, embargo, minutes >= LEAST_MINUTES) if minutes >= 1 else []


def make_folds(
    pieces: pd.DataFrame, n_folds: int = OWN_FOLDS, embargo: int = 165, choose: bool = True
) -> list[dict[str, np.ndarray]]:
    """Folds over the pieces: every frame is judged once, by what has seen neither it nor its
    neighbours.

    With four films (or groups of films) or more a fold is whole groups, at most as many folds as
    groups; with fewer, a stretch of the frames in the order of time. Fold k is judged, the one
    before it is chosen on, the rest is trained on. Within a film the frames less than ``embargo``
    from what is judged are neither trained nor chosen on, and those as near to what is chosen on
    are not trained on.

    Parameters
    ----------
    pieces : DataFrame
        ``film``, ``start``, ``stop``, and perhaps ``group``.
    n_folds : int
        At least 3.
    embargo : int
        Frames: window + horizon keeps the clips and labels of one part out of another.
    choose : bool
        Whether there is a part to choose on; without it all the rest is trained on.

    Returns
    -------
    list of dict of int arrays
        Frames of ``train``, ``validation`` (with ``choose``) and ``test``, ascending.
    """
    frames = np.flatnonzero(inside(pieces, pieces.stop.max()))
    row = np.repeat(np.arange(len(pieces)), pieces.stop - pieces.start)
    film = pd.factorize(pieces.film)[0][row]
    group = pd.factorize(pieces.get("group", pieces.film))[0][row]
    sizes = np.bincount(group)
    if len(sizes) >= LEAST_GROUPS:
        n_folds = min(n_folds, len(sizes))
        fold_of_group, load = np.zeros(len(sizes), int), np.zeros(n_folds)
        for one in np.argsort(-sizes, kind="stable"):  # the longest first, to the shortest fold
            fold_of_group[one] = load.argmin()
            load[load.argmin()] += sizes[one]
        fold = fold_of_group[group]
    else:
        fold = np.arange(len(frames)) * n_folds // len(frames)

    def near(part: np.ndarray) -> np.ndarray:
        found = part.copy()
        for one in np.unique(film):  # frames of a film ascend, pieces may lie apart
            own = np.flatnonzero(film == one)
            edges = frames[own[part[own]]]
            after = np.searchsorted(edges, frames[own] - embargo, "right")
            found[own] |= after < np.searchsorted(edges, frames[own] + embargo, "left")
        return found

    folds = []
    for k in range(n_folds):
        test = fold == k
        parts = {"train": ~near(test)}
        if choose:
            parts["validation"] = (fold == (k - 1) % n_folds) & ~near(test)
            parts["train"] &= ~near(fold == (k - 1) % n_folds)
        parts["test"] = test
        folds.append({name: frames[part] for name, part in parts.items()})
    return folds


def cut_at_folds(pieces: pd.DataFrame, folds: list[dict]) -> pd.DataFrame:
    """The pieces, ended also where another fold begins to be judged, with the column ``fold``.

    -1 stands for what no fold judges.
    """
    fold, rows = np.full(pieces.stop.max(), -1), []
    for k, parts in enumerate(folds):
        fold[parts["test"]] = k
    for piece in pieces.to_dict("records"):
        own = fold[piece["start"] : piece["stop"]]
        cuts = np.concatenate([[0], np.flatnonzero(np.diff(own)) + 1, [len(own)]])
        for first, last in pairwise(cuts + piece["start"]):
            rows.append({**piece, "start": first, "stop": last, "fold": fold[first]})
    return pd.DataFrame(rows)


def edges_of(parts: dict[str, slice | np.ndarray]) -> dict[str, list[list[int]]]:
    """Parts as plain numbers: the fewest ``[start, stop]`` of each, as a run folder keeps them."""
    return {
        name: [[frames.start, frames.stop]]
        if isinstance(frames, slice)
        else np.add(runs_of(np.bincount(frames) > 0), [0, 1]).tolist()
        for name, frames in parts.items()
    }


def from_edges(parts: dict[str, list[list[int]]]) -> dict[str, slice | np.ndarray]:
    """The parts that :func:`edges_of` was given; a slice where there is one stretch."""
    return {
        name: slice(*told[0])
        if len(told) == 1
        else np.concatenate([np.arange(start, stop) for start, stop in told] or [np.empty(0, int)])
        for name, told in parts.items()
    }


def whole(n_frames: int, film: str = "film") -> pd.DataFrame:
    """The table of pieces of a film in which time runs on from end to end.

    Returns
    -------
    DataFrame
        One row: ``film``, ``start``, ``stop`` (frames, ``stop`` not included), ``seconds`` (of the
        film, at ``start``), ``ends`` (why the piece ends).
    """
    ends = ["the film ends"]
    columns = {"film": [film], "start": [0], "stop": [n_frames], "seconds": [0.0], "ends": ends}
    return pd.DataFrame(columns)


def inside(pieces: pd.DataFrame, n_frames: int, past: int = 0, horizon: int = 0) -> np.ndarray:
    """Frames that lie in a piece with the whole past and future they are read with, bool (T,).

    Parameters
    ----------
    pieces : DataFrame
        ``film``, ``start``, ``stop``, see :func:`whole`.
    n_frames : int
        Length of the film, T.
    past : int
        Frames before a frame t that are read: t - past is still in the piece.
    horizon : int
        Frames behind it that are read: t + horizon is still in the piece.
    """
    found = np.zeros(n_frames, bool)
    for start, stop in zip(pieces.start, pieces.stop, strict=True):
        found[start + past : max(stop - horizon, start + past)] = True
    return found


def by_piece(
    function: Callable[..., np.ndarray], pieces: pd.DataFrame, *series: np.ndarray
) -> np.ndarray:
    """Apply a function of series piece by piece, so that nothing reaches across a border.

    Parameters
    ----------
    function : callable
        Takes as many arrays (n,) as `series`, returns one float array (n,).
    pieces : DataFrame
        ``film``, ``start``, ``stop``, see :func:`whole`.
    *series : arrays (T,)

    Returns
    -------
    float64 array (T,)
        NaN outside the pieces.
    """
    joined = np.full(len(series[0]), np.nan)
    for start, stop in zip(pieces.start, pieces.stop, strict=True):
        joined[start:stop] = function(*(one[start:stop] for one in series))
    return joined


def frames_with_past(
    n_frames: int,
    past: int,
    pieces: pd.DataFrame | None = None,
    at: slice | np.ndarray | None = None,
) -> np.ndarray:
    """The frames before which a piece holds enough of the past.

    Parameters
    ----------
    n_frames : int
    past : int
        Frames looked back over, the current one included.
    pieces : DataFrame, optional
        None takes the film as one piece.
    at : slice or index array, optional
        Frames to choose from; None takes all.

    Returns
    -------
    int array (n,)
    """
    told = inside(whole(n_frames) if pieces is None else pieces, n_frames, past - 1)
    frames = np.arange(n_frames)[slice(None) if at is None else at]
    return frames[told[frames]]


FEW_ONSETS = 20
"""Onset events below which nothing can be concluded."""


def remark_split(
    onsets: np.ndarray, question: np.ndarray, folds: list[dict], fps: float
) -> list[str]:
    """What a split cannot carry, in sentences, with what to do.

    Parameters
    ----------
    onsets : int array (n,)
        Frames at which events begin.
    question : int array (T,)
        1, 0, or -1 where a frame is not asked.
    folds : list of dict
        From :func:`split_film`.
    fps : float
        Frames a second.
    """
    if not folds:
        minutes = len(question) / fps / 60
        return [f"{minutes:.1f} minutes of film are too short to be split: nothing is judged."]
    remarks = []
    longer = "use a longer film, or several"
    judged = [int(np.isin(onsets, np.arange(len(question))[fold["test"]]).sum()) for fold in folds]
    if sum(judged) < FEW_ONSETS:
        remarks.append(f"{sum(judged)} onset events to judge on are too few to conclude: {longer}.")
    for k, fold in enumerate(folds):
        for part, frames in fold.items():
            asked = question[frames]
            if len(np.unique(asked[asked >= 0])) < 2:
                where = f" of fold {k + 1}" if len(folds) > 1 else ""
                remarks.append(f"the {part} part{where} holds one answer only: {longer}.")
    return remarks


def training_frames(folds: list[dict], pieces: pd.DataFrame, n_frames: int) -> slice | np.ndarray:
    """Frames on which a question may be fixed: the training part of one split, else all frames."""
    return folds[0]["train"] if len(folds) == 1 else inside(pieces, n_frames)


def name_parts(folds: list[dict]) -> dict[str, slice | np.ndarray]:
    """The parts of one split by name, or what each fold judges."""
    if len(folds) == 1:
        return folds[0]
    return {f"fold {k + 1}": fold["test"] for k, fold in enumerate(folds)}


def describe_split(folds: list[dict]) -> dict[str, str]:
    """What was trained, chosen and judged on, in words."""
    if len(folds) < 2:
        parts = edges_of(folds[0]) if folds else {}
        return {
            name: f"frames {edges[0][0]} to {edges[-1][1] - 1}" for name, edges in parts.items()
        }
    chosen = "the fold before" if "validation" in folds[0] else "nothing is chosen"
    return {"folds": f"{len(folds)}, each judged by what the others taught", "chosen on": chosen}
