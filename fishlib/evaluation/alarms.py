"""Alarm scores: a forecast made into alarms, judged on the onsets of bursts.

An alarm at frame t covers (t, t + horizon]; no other is raised for ``horizon`` frames. For a
minimum lead of L frames it covers [t + L, t + horizon] only. An onset is caught if it is covered.
A frame is watched if a forecast was defined on all ``horizon`` frames before it; onsets and time
are counted over watched frames.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import minimum_filter1d
from threadpoolctl import threadpool_limits

from fishlib.evaluation.bootstrap import estimate_table, resample_counts
from fishlib.evaluation.scores import NothingToJudge
from fishlib.splits import by_piece, whole


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


def watched_frames(
    forecast: np.ndarray, horizon: int = 45, pieces: pd.DataFrame | None = None
) -> np.ndarray:
    """Whether the forecast was defined on all ``horizon`` frames before, bool (T,).

    With ``pieces`` (``film``, ``start``, ``stop``) of the same piece.
    """

    def watched(defined: np.ndarray) -> np.ndarray:
        origin = (horizon - 1) // 2  # over [t - horizon + 1 .. t]
        before = minimum_filter1d(defined, horizon, mode="constant", cval=0, origin=origin)
        return np.append(0, before[:-1])

    pieces = whole(len(forecast)) if pieces is None else pieces
    return by_piece(watched, pieces, np.isfinite(forecast).astype(np.int8)) == 1


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
    if onsets.size and (onsets.min() < 0 or onsets.max() >= len(watched)):
        raise ValueError(
            f"The onsets run from frame {onsets.min()} to {onsets.max()} and the forecast has "
            f"{len(watched)} frames: count both from the same frame."
        )
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


LEADS = (0.0, 0.25, 0.5, 1.0)
"""Minimum leads asked of a warning, in seconds."""
AREA_RESAMPLES = 200
"""Resamples behind the interval of the area, which takes every threshold."""


def alarm_curve(
    forecast: np.ndarray, seen: Watch, min_lead: float = 0.0, n_thresholds: int = 40
) -> pd.DataFrame:
    """Alarm scores over thresholds: sensitivity against time in warning (Molchan's curve).

    Source: Molchan, *Physics of the Earth and Planetary Interiors* 61 (1990) 84, whose curve shows
    1 - sensitivity. Parameters as for :func:`alarm_scores`.

    Returns
    -------
    DataFrame
        ``threshold`` and the scores of :func:`alarm_scores`, by falling
        threshold.
    """
    thresholds = curve_thresholds(forecast, n_thresholds)
    rows = [{"threshold": t, **alarm_scores(forecast, t, seen, min_lead)} for t in thresholds]
    return pd.DataFrame(rows)


def curve_thresholds(forecast: np.ndarray, n_thresholds: int = 40) -> np.ndarray:
    """Quantiles of a forecast, highest first, without repetition; denser at the top."""
    defined = np.asarray(forecast, dtype=float)[np.isfinite(forecast)]
    shares = 1 - np.linspace(0, 1, n_thresholds) ** 2
    return np.unique(np.quantile(defined, shares))[::-1]


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
    ends = np.zeros((*order.shape[:-1], 1)), np.ones((*order.shape[:-1], 1))
    x, y = (
        np.concatenate([ends[0], np.take_along_axis(np.asarray(v, float), order, -1), ends[1]], -1)
        for v in (time_in_warning, sensitivity)
    )
    return np.trapezoid(y, x, axis=-1)


def alarm_table(
    forecasts: Mapping[str, np.ndarray],
    onsets: np.ndarray,
    thresholds: Mapping[str, float],
    *,
    horizon: int = 45,
    fps: float = 30.0,
    min_leads: Sequence[float] = LEADS,
    pieces: pd.DataFrame | None = None,
    **resampling,
) -> pd.DataFrame:
    """Alarm scores of several forecasts on the same frames, with bootstrap intervals.

    Parameters
    ----------
    forecasts : mapping of name -> float array (T,)
        Judged where all are defined.
    onsets : int array (n,)
        Frames of the onsets.
    thresholds : mapping of name -> float
        At which each forecast raises its alarms.
    horizon, fps, pieces
        As in :func:`watch`.
    min_leads : sequence of float
        Shortest warnings that count, in seconds.
    **resampling
        As in :func:`fishlib.evaluation.bootstrap.resample_counts`.

    Returns
    -------
    DataFrame
        Tidy: ``name``, ``min_lead_s``, ``score``, ``value``, ``low``, ``high``. The scores are
        those of :func:`alarm_scores` that are not counts, and ``area``.
    """
    seen = watch(np.sum(list(forecasts.values()), axis=0), onsets, horizon, fps, pieces)
    frames = np.flatnonzero(seen.watched)
    span = slice(frames[0], frames[-1] + 1)
    jobs = {
        (name, lead): _alarm_scorer(np.asarray(p, float), thresholds[name], seen, lead, span)
        for name, p in forecasts.items()
        for lead in min_leads
    }
    samples: dict[tuple, list] = {job: [] for job in jobs}
    with threadpool_limits(1):  # the products are small: threads would wait for each other
        for counts in resample_counts(span.stop - span.start, batch=32, **resampling):
            weights = (counts * seen.watched[span]).astype(np.float32)
            for job, scorer in jobs.items():
                with_area = 32 * len(samples[job]) < AREA_RESAMPLES
                samples[job].append(scorer(counts, weights, with_area))
    estimates = {}
    for (name, lead), drawn in samples.items():
        scores = alarm_scores(forecasts[name], thresholds[name], seen, lead)
        curve = alarm_curve(forecasts[name], seen, lead)
        scores["area"] = float(curve_area(curve.time_in_warning, curve.sensitivity))
        estimates[name, lead] = {
            score: (scores[score], np.concatenate([b[score] for b in drawn if score in b]))
            for score in drawn[0]
        }
    return estimate_table(estimates, ("name", "min_lead_s"))


def _alarm_scorer(
    forecast: np.ndarray, threshold: float, seen: Watch, min_lead: float, span: slice
) -> Callable[[np.ndarray, np.ndarray, bool], dict[str, np.ndarray]]:
    """A function from counts of all frames and of watched ones (B, span) to scores (B,)."""
    alarms = [
        raise_alarms(forecast, t, seen.horizon) for t in (threshold, *curve_thresholds(forecast))
    ]
    first = round(min_lead * seen.fps)
    covered = np.array([covered_frames(a, len(forecast), seen.horizon, first) for a in alarms])
    caught = seen.onsets[covered[0, seen.onsets]]
    leads = warning_leads(alarms[0], caught, seen)
    false = false_alarms(alarms[0], seen) - span.start
    onsets, caught = seen.onsets - span.start, caught - span.start
    at_onset = covered[:, seen.onsets].astype(np.float32).T
    covered = covered[:, span].astype(np.float32).T  # (frames, thresholds)

    def scorer(counts: np.ndarray, weights: np.ndarray, area: bool) -> dict[str, np.ndarray]:
        used = slice(None) if area else slice(1)
        frames = weights.sum(axis=1)
        in_warning = weights @ covered[:, used] / frames[:, None]
        hits = counts[:, onsets].astype(np.float32)
        with np.errstate(invalid="ignore"):
            sensitivity = hits @ at_onset[:, used] / hits.sum(axis=1, keepdims=True)
        minutes = frames / seen.fps / 60
        scores = {
            "sensitivity": sensitivity[:, 0],
            "time_in_warning": in_warning[:, 0],
            "excess": sensitivity[:, 0] - in_warning[:, 0],
            "false_alarms_per_minute": counts[:, false].sum(axis=1) / minutes,
            "median_lead_s": _weighted_median(leads, counts[:, caught]),
        }
        if area:
            scores["area"] = curve_area(in_warning[:, 1:], sensitivity[:, 1:])
        return scores

    return scorer


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Median of values (n,) under each row of weights (B, n); NaN without weight."""
    if not values.size:
        return np.full(len(weights), np.nan)
    order = np.argsort(values)
    passed = np.cumsum(weights[:, order], axis=1)
    middle = np.argmax(passed >= passed[:, -1:] / 2, axis=1)
    return np.where(passed[:, -1] > 0, values[order][middle], np.nan)


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
