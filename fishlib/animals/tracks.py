"""Places from tracks that a laboratory's own tracker wrote, as a plain CSV."""

from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.animals.places import Places, nowhere

FASTEST = 30.0
"""Body lengths a second that no animal swims: a longer step is the tracker's mistake."""
TURNING = 0.25
"""Body lengths that an animal must have moved for its heading to be told from that."""


def read_tracks(path: str | Path, fps: float, body: float) -> Places:
    """Read places from a CSV with a row an animal and frame.

    Parameters
    ----------
    path : path
        Columns ``frame`` (or ``seconds``), ``animal``, ``x``, ``y`` (y down), in any unit of
        length, and perhaps ``heading`` (rad). A place that the tracker filled in must be left
        out: it knows the future.
    fps : float
        Frames a second.
    body : float
        Length of an animal, in the unit of x and y.

    Returns
    -------
    Places
        Of frames 0 to the last one named. An animal that is not seen stays where it was last, not
        ``apart``; before it is first seen, at (0, 0).

    Raises
    ------
    ValueError
        If a column is missing, or an animal is in two places at one frame.
    """
    table = pd.read_csv(path)
    if "frame" not in table and "seconds" in table:
        table["frame"] = np.rint(table.seconds * fps)
    missing = [name for name in ("frame", "animal", "x", "y") if name not in table]
    if missing:
        raise ValueError(
            f"{path} has no column {' and no '.join(missing)}: tracks are a CSV with the columns "
            "frame (or seconds), animal, x and y."
        )
    table = table.dropna(subset=["frame", "animal", "x", "y"]).astype({"frame": int})
    if table.duplicated(["frame", "animal"]).any():
        twice = table[table.duplicated(["frame", "animal"])].iloc[0]
        raise ValueError(f"{path} has animal {twice.animal} twice at frame {twice.frame}.")
    if table.empty:
        return nowhere(0, f"{path} holds no tracks.")
    frames = range(table.frame.max() + 1)
    wide = {k: table.pivot(index="frame", columns="animal", values=k).reindex(frames)
            for k in ("x", "y", "heading") if k in table}  # fmt: skip
    heading = wide["heading"].to_numpy() if "heading" in wide else None
    return places_from(wide["x"].to_numpy(), wide["y"].to_numpy(), fps, body, heading)


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
