"""Alarm scores: a forecast made into alarms, judged on the onsets of bursts.

An alarm at frame t covers (t, t + horizon]; no other is raised for ``horizon`` frames. For a
minimum lead of L frames it covers [t + L, t + horizon] only. An onset is caught if it is covered.
A frame is watched if a forecast was defined on all ``horizon`` frames before it; onsets and time
are counted over watched frames.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter1d


def raise_alarms(forecast: np.ndarray, threshold: float, horizon: int = 45) -> np.ndarray:
    """Frames at which alarms are raised: at or above the threshold, and not locked out.

    Parameters
    ----------
    forecast : float array (T,)
        NaN raises no alarm.
    threshold : float
    horizon : int
        Frames from an alarm to the next possible one.

    Returns
    -------
    int array (n,), ascending
    """
    with np.errstate(invalid="ignore"):
        loud = np.flatnonzero(np.asarray(forecast, dtype=float) >= threshold)
    following = np.searchsorted(loud, loud + horizon).tolist()  # the next one not locked out
    alarms, i = [], 0
    while i < len(loud):
        alarms.append(i)
        i = following[i]
    return loud[alarms]


def covered_frames(
    alarms: np.ndarray, n_frames: int, horizon: int = 45, min_lead: int = 0
) -> np.ndarray:
    """Whether an alarm was raised from ``horizon`` to ``min_lead`` frames before, bool (T,).

    An alarm never covers its own frame: a ``min_lead`` of 0 counts as 1.
    """
    first = np.asarray(alarms, dtype=int) + max(min_lead, 1)
    last = np.asarray(alarms, dtype=int) + horizon
    edges = np.zeros(n_frames + 1)
    np.add.at(edges, np.minimum(first, n_frames), 1)
    np.add.at(edges, np.minimum(last + 1, n_frames), -1)
    return np.cumsum(edges[:-1]) > 0


def watched_frames(forecast: np.ndarray, horizon: int = 45) -> np.ndarray:
    """Whether the forecast was defined on all ``horizon`` frames before, bool (T,)."""
    defined = np.isfinite(forecast).astype(np.int8)
    before = minimum_filter1d(
        defined, horizon, mode="constant", cval=0, origin=(horizon - 1) // 2
    )  # over [t - horizon + 1 .. t]
    return np.append(0, before[:-1]).astype(bool)


@dataclass(frozen=True)
class Watch:
    """What alarms are judged on: watched frames bool (T,), onsets int (n,), and the clock."""

    watched: np.ndarray
    onsets: np.ndarray
    horizon: int
    fps: float

    @property
    def minutes(self) -> float:
        """Time watched."""
        return float(self.watched.sum() / self.fps / 60)


def watch(forecast: np.ndarray, onsets: np.ndarray, horizon: int = 45, fps: float = 30.0) -> Watch:
    """Pick the frames and onsets a forecast can be judged on.

    Parameters
    ----------
    forecast : float array (T,)
        NaN where not defined; for several forecasts, NaN where one is not.
    onsets : int array (n,)
        Frames of the onsets, such as ``find_onsets(speed).onset``.
    horizon : int
    fps : float
        Frames a second.

    Raises
    ------
    ValueError
        If no onset falls on a watched frame, or one lies outside the series.
    """
    watched = watched_frames(forecast, horizon)
    onsets = np.asarray(onsets, dtype=int)
    if onsets.size and (onsets.min() < 0 or onsets.max() >= len(watched)):
        raise ValueError(
            f"The onsets run from frame {onsets.min()} to {onsets.max()} and the forecast has "
            f"{len(watched)} frames: count both from the same frame."
        )
    onsets = onsets[watched[onsets]]
    if not onsets.size:
        raise ValueError(
            f"There is no onset among the {int(watched.sum())} frames with {horizon} frames of "
            "forecast before them: alarms cannot be scored. Use a longer stretch of film."
        )
    return Watch(watched, onsets, horizon, fps)


def false_alarms(alarms: np.ndarray, seen: Watch) -> np.ndarray:
    """The alarms with no onset in (t, t + horizon], all of it watched; int (m,).

    Not counted false for a warning that came, but later than a minimum lead asks.
    """
    onsets = np.sort(seen.onsets)
    ended = np.minimum(alarms + seen.horizon, len(seen.watched) - 1)
    judged = (alarms + seen.horizon < len(seen.watched)) & seen.watched[ended]
    following = np.append(onsets, np.iinfo(int).max)[np.searchsorted(onsets, alarms, "right")]
    return alarms[judged & (following > alarms + seen.horizon)]


def alarm_scores(
    forecast: np.ndarray, threshold: float, seen: Watch, min_lead: float = 0.0
) -> dict[str, float]:
    """Score the alarms of one threshold.

    Parameters
    ----------
    forecast : float array (T,)
    threshold : float
    seen : Watch
        From :func:`watch`.
    min_lead : float
        Shortest warning that counts, in seconds.

    Returns
    -------
    dict
        ``sensitivity`` (share of onsets caught), ``time_in_warning`` (share of watched frames
        covered), ``excess`` = sensitivity - time in warning, which is 0 on average for alarms
        raised at random, ``false_alarms_per_minute``, ``median_lead_s`` (of the onsets caught;
        NaN if none was), ``alarms``, ``onsets``.
    """
    alarms = raise_alarms(forecast, threshold, seen.horizon)
    covered = covered_frames(alarms, len(seen.watched), seen.horizon, round(min_lead * seen.fps))
    caught = seen.onsets[covered[seen.onsets]]
    leads = warning_leads(alarms, caught, seen)
    sensitivity = float(covered[seen.onsets].mean())
    in_warning = float(covered[seen.watched].mean())
    return {
        "sensitivity": sensitivity,
        "time_in_warning": in_warning,
        "excess": sensitivity - in_warning,
        "false_alarms_per_minute": len(false_alarms(alarms, seen)) / seen.minutes,
        "median_lead_s": float(np.median(leads)) if leads.size else float("nan"),
        "alarms": len(alarms),
        "onsets": len(seen.onsets),
    }


def warning_leads(alarms: np.ndarray, caught: np.ndarray, seen: Watch) -> np.ndarray:
    """Seconds from the alarm to each onset it covers, float (n,)."""
    return (caught - alarms[np.searchsorted(alarms, caught - seen.horizon)]) / seen.fps
