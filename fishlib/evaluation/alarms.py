"""Alarm scores: a forecast made into alarms, judged on the onsets of bursts.

An alarm at frame t covers (t, t + horizon]; no other is raised for ``horizon`` frames. For a
minimum lead of L frames it covers [t + L, t + horizon] only. An onset is caught if it is covered.
A frame is watched if a forecast was defined on all ``horizon`` frames before it; onsets and time
are counted over watched frames.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from fishlib.evaluation.intervals import Blocks, NothingToJudge, estimate_table
from fishlib.questions import require_within
from fishlib.spans import LEADS
from fishlib.splits import inside, whole


def raise_alarms(
    forecast: np.ndarray, threshold: float | np.ndarray, horizon: int = 45
) -> np.ndarray:
    """Frames at which alarms are raised: at or above the threshold, and not locked out.

    Parameters
    ----------
    forecast : float array (T,)
        NaN raises no alarm.
    threshold : float or array (T,)
    horizon : int
        Frames from an alarm to the next possible one.

    Returns
    -------
    int array (n,), ascending
    """
    with np.errstate(invalid="ignore"):
        called = np.asarray(forecast, dtype=float) >= threshold
    before = np.cumsum(np.concatenate([[False], called, np.zeros(horizon, bool)]))
    loud, before = memoryview(np.flatnonzero(called)), memoryview(before)  # for a fast loop
    alarms, i = [], 0
    while i < len(loud):
        alarms.append(loud[i])
        i = before[loud[i] + horizon]  # the next one not locked out
    return np.array(alarms, int)


def watched_frames(
    forecast: np.ndarray, horizon: int = 45, pieces: pd.DataFrame | None = None
) -> np.ndarray:
    """Whether the forecast was defined on all ``horizon`` frames before, bool (T,).

    With ``pieces`` (``film``, ``start``, ``stop``) of the same piece.
    """
    frames = np.arange(len(forecast))
    pieces = whole(len(frames)) if pieces is None else pieces
    begins = np.append(True, ~np.isfinite(forecast[:-1]))
    begins[pieces.start] = True
    since = np.maximum.accumulate(np.where(begins, frames, 0))
    return inside(pieces, len(frames)) & (frames - since >= horizon)


@dataclass(frozen=True)
class Watch:
    """What alarms are judged on: watched frames bool (T,), onsets int (n,), and the clock."""

    watched: np.ndarray
    onsets: np.ndarray
    horizon: int
    fps: float

    @cached_property
    def passed(self) -> np.ndarray:
        """Watched frames before each frame, int (T + 1,)."""
        return np.append(0, np.cumsum(self.watched))


def watch(
    forecast: np.ndarray,
    onsets: np.ndarray,
    horizon: int = 45,
    fps: float = 30.0,
    pieces: pd.DataFrame | None = None,
) -> Watch:
    """Pick the frames and onsets a forecast can be judged on.

    Parameters
    ----------
    forecast : float array (T,)
        NaN where not defined; for several forecasts, NaN where one is not.
    onsets : int array (n,)
        Frames of the onsets, such as ``find_onsets(motion).onset``.
    horizon : int
    fps : float
        Frames a second.
    pieces : DataFrame, optional
        As in :func:`watched_frames`.

    Raises
    ------
    NothingToJudge
        If no onset falls on a watched frame.
    ValueError
        If an onset lies outside the series.
    """
    watched = watched_frames(forecast, horizon, pieces)
    onsets = np.asarray(onsets, dtype=int)
    require_within(onsets, len(watched), "The onsets", "the forecast")
    onsets = onsets[watched[onsets]]
    if not onsets.size:
        raise NothingToJudge(
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
    forecast: np.ndarray,
    threshold: float,
    seen: Watch,
    min_lead: float = 0.0,
    blocks: Blocks | None = None,
) -> dict[str, np.ndarray | float]:
    """Score the alarms of one threshold.

    Parameters
    ----------
    forecast : float array (T,)
    threshold : float
    seen : Watch
        From :func:`watch`.
    min_lead : float
        Shortest warning that counts, in seconds.
    blocks : Blocks, optional
        Of the watched frames. What an alarm covers counts for the block it was raised in.

    Returns
    -------
    dict
        ``sensitivity`` (share of onsets caught), ``time_in_warning`` (share of watched frames
        covered), ``excess`` = sensitivity - time in warning, which is 0 on average for alarms
        raised at random, ``false_alarms_per_minute``: estimates if there are blocks, else floats.
        ``median_lead_s`` (of the onsets caught; NaN if none was), ``alarms``, ``onsets``: numbers
        without an interval.
    """
    alarms = raise_alarms(forecast, threshold, seen.horizon)
    within = blocks or Blocks.one(np.flatnonzero(seen.watched))
    caught, warned, sensitivity = _cover(alarms, seen, min_lead, within)
    minutes, of = within.sizes / seen.fps / 60, seen.onsets[caught]
    leads = (of - alarms[np.searchsorted(alarms, of - seen.horizon)]) / seen.fps
    with np.errstate(invalid="ignore", divide="ignore"):
        false = within.totals(1.0, false_alarms(alarms, seen)) / minutes
    scores = {
        "sensitivity": sensitivity,
        "time_in_warning": warned,
        "excess": sensitivity - warned,
        "false_alarms_per_minute": false,
        "median_lead_s": float(np.median(leads)) if leads.size else float("nan"),
        "alarms": len(alarms),
        "onsets": len(seen.onsets),
    }
    return scores if blocks else {k: float(np.atleast_1d(v)[0]) for k, v in scores.items()}


def _cover(
    alarms: np.ndarray, seen: Watch, min_lead: float, blocks: Blocks
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each onset is caught, bool (n,); estimates of time in warning and sensitivity.

    Alarms are at least a horizon apart, so that no frame is covered twice.
    """
    first = max(round(min_lead * seen.fps), 1)
    following = np.append(alarms, np.iinfo(int).max)
    caught = following[np.searchsorted(alarms, seen.onsets - seen.horizon)] <= seen.onsets - first
    ends = (np.minimum(alarms + k, len(seen.watched)) for k in (seen.horizon + 1, first))
    last, start = (seen.passed[end] for end in ends)
    with np.errstate(invalid="ignore", divide="ignore"):
        warned = blocks.totals(np.maximum(last - start, 0), alarms) / blocks.sizes
        return caught, warned, blocks.totals(caught, seen.onsets) / blocks.totals(1.0, seen.onsets)


def alarm_curve(forecast: np.ndarray, seen: Watch) -> pd.DataFrame:
    """Alarm scores over thresholds: sensitivity against time in warning (Molchan's curve).

    Source: Molchan, *Physics of the Earth and Planetary Interiors* 61 (1990) 84, whose curve shows
    1 - sensitivity. Parameters as for :func:`alarm_scores`.

    Returns
    -------
    DataFrame
        ``threshold`` and the scores of :func:`alarm_scores`, by falling
        threshold.
    """
    return pd.DataFrame(
        {"threshold": t, **alarm_scores(forecast, t, seen)} for t in curve_thresholds(forecast)
    )


def curve_thresholds(forecast: np.ndarray) -> np.ndarray:
    """40 quantiles of a forecast, highest first, without repetition; denser at the top."""
    defined = np.asarray(forecast, dtype=float)[np.isfinite(forecast)]
    return np.unique(np.quantile(defined, 1 - np.linspace(0, 1, 40) ** 2))[::-1]


def curve_area(time_in_warning: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    """Area under sensitivity against time in warning: 1 - Molchan's; 0.5 for random alarms.

    The points are joined by straight lines, from (0, 0) and to (1, 1): alarms drawn at random
    from two neighbouring points lie between them.

    Parameters
    ----------
    time_in_warning, sensitivity : float arrays (k,) or (B, k)

    Returns
    -------
    float64 array () or (B,)
    """
    order = np.lexsort((sensitivity, time_in_warning), axis=-1)
    ends = [(0, 0)] * (order.ndim - 1) + [(1, 1)]
    x, y = (
        np.pad(np.take_along_axis(np.asarray(v, float), order, -1), ends, constant_values=(0, 1))
        for v in (time_in_warning, sensitivity)
    )
    return np.trapezoid(y, x, axis=-1)


def alarm_table(
    forecasts: Mapping[str, np.ndarray], thresholds: Mapping, seen: Watch, blocks: Blocks
) -> pd.DataFrame:
    """Alarm scores of several forecasts on the same frames, with intervals.

    Parameters
    ----------
    forecasts : mapping of name -> float array (T,)
    thresholds : mapping of name -> float or array (T,)
        At which each forecast raises its alarms; one without is scored by its area alone.
    seen : Watch
        From :func:`watch`, of the sum of the forecasts: where all are defined.
    blocks : Blocks
        Of the watched frames.

    Returns
    -------
    DataFrame
        Tidy, by ``name`` and ``min_lead_s``, each of `LEADS`. The scores are those of
        :func:`alarm_scores` but the counts, and ``area`` (see :func:`curve_area`).
    """
    estimates = {}
    for name, forecast in forecasts.items():
        tried = [raise_alarms(forecast, t, seen.horizon) for t in curve_thresholds(forecast)]
        for lead in LEADS:
            scores = {}
            if name in thresholds:
                scores = alarm_scores(forecast, thresholds[name], seen, lead, blocks)
            curve = [_cover(alarms, seen, lead, blocks)[1:] for alarms in tried]
            scores["area"] = curve_area(*np.stack(curve, axis=-1))
            counts = ("alarms", "onsets")
            estimates[name, lead] = {k: v for k, v in scores.items() if k not in counts}
    return estimate_table(estimates, ("name", "min_lead_s"))


def add_warnings(
    onsets: pd.DataFrame, alarms: np.ndarray, horizon: int = 45, fps: float = 30.0
) -> pd.DataFrame:
    """Add the alarm that preceded each onset.

    An alarm at frame t covers (t, t + horizon]. Of several that cover an onset the first is given.

    Parameters
    ----------
    onsets : DataFrame
        From :func:`fishlib.questions.find_onsets`.
    alarms : int array (n,)
        Frames of the alarms, ascending.
    horizon : int
        Frames an alarm covers.
    fps : float
        Frames a second.

    Returns
    -------
    DataFrame
        With ``alarm`` (frame, Int64) and ``lead_s`` (seconds from alarm to onset), both missing
        where no alarm preceded.
    """
    alarms = np.asarray(alarms, dtype=int)
    onset = onsets.onset.to_numpy()
    at = np.searchsorted(alarms, onset - horizon)  # the first alarm at most a horizon before
    alarm = np.append(alarms, np.iinfo(int).max)[at]
    warned = alarm < onset
    alarm = pd.array(np.where(warned, alarm, 0), dtype="Int64")
    alarm[~warned] = pd.NA
    return onsets.assign(alarm=alarm, lead_s=np.where(warned, (onset - alarm) / fps, np.nan))
