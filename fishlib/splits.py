"""Pieces within which time runs on, the chronological split, and blocked folds."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd

PUBLISHED_SPLIT = (44_956, 3_593, 5_367)
"""Frames of the study's train, validation and test film: 83.38, 6.66 and 9.95 per cent."""
LEAST_TEST = 1000
"""Frames to be judged on: three blocks of ten seconds, and some."""


def split_frames(
    n_frames: int,
    fractions: tuple[float, ...] = PUBLISHED_SPLIT,
    embargo: int = 165,
    least: int = LEAST_TEST,
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
    least : int
        Frames that the test part must hold.

    Returns
    -------
    dict of slice, or None
        Keys ``train``, ``validation``, ``test``; None if the film is too short to be trained,
        chosen and judged on.
    """
    edges = np.round(np.cumsum([0, *fractions]) / np.sum(fractions) * n_frames).astype(int)
    starts = edges[:-1] + np.array([0, embargo, embargo])
    if (starts >= edges[1:]).any() or edges[3] - starts[2] < least:
        return None
    names = ("train", "validation", "test")
    return {k: slice(int(a), int(b)) for k, a, b in zip(names, starts, edges[1:], strict=True)}


def blocked_folds(
    n_frames: int, n_folds: int = 5, embargo: int = 165
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Blocked cross-validation: each fold is scored on one stretch and trained on the others.

    Parameters
    ----------
    n_frames : int
        Length of the series.
    n_folds : int
        Number of stretches.
    embargo : int
        Frames left out on either side of the scored stretch.

    Returns
    -------
    list of (train, test) index arrays
    """
    edges = np.linspace(0, n_frames, n_folds + 1).astype(int)
    frames = np.arange(n_frames)
    folds = []
    for start, stop in pairwise(edges):
        outside = (frames < start - embargo) | (frames >= stop + embargo)
        folds.append((frames[outside], frames[start:stop]))
    return folds


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
