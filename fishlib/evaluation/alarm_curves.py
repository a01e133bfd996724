"""Alarms over all thresholds: sensitivity against time in warning, its area, and intervals."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from fishlib.evaluation.alarms import (
    Watch,
    alarm_scores,
    covered_frames,
    false_alarms,
    raise_alarms,
    warning_leads,
    watch,
)
from fishlib.evaluation.resampling import interval, resample_counts

LEADS = (0.0, 0.25, 0.5, 1.0)
"""Minimum leads asked of a warning, in seconds."""
AREA_RESAMPLES = 200
"""Resamples behind the interval of the area, which takes every threshold."""


def alarm_curve(
    forecast: np.ndarray, seen: Watch, min_lead: float = 0.0, n_thresholds: int = 40
) -> pd.DataFrame:
    """Alarm scores over thresholds: sensitivity against time in warning (Molchan's curve).

    Source: Molchan, *Physics of the Earth and Planetary Interiors* 61 (1990) 84, whose curve shows
    1 - sensitivity. Parameters as for :func:`fishlib.evaluation.alarms.alarm_scores`.

    Returns
    -------
    DataFrame
        ``threshold`` and the scores of :func:`fishlib.evaluation.alarms.alarm_scores`, by falling
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
    horizon, fps
        As in :func:`fishlib.evaluation.alarms.watch`.
    min_leads : sequence of float
        Shortest warnings that count, in seconds.
    **resampling
        As in :func:`fishlib.evaluation.resampling.resample_counts`.

    Returns
    -------
    DataFrame
        Tidy: ``name``, ``min_lead_s``, ``score``, ``value``, ``low``, ``high``. The scores are
        those of :func:`fishlib.evaluation.alarms.alarm_scores` that are not counts, and ``area``.
    """
    seen = watch(np.sum(list(forecasts.values()), axis=0), onsets, horizon, fps)
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
    rows = []
    for (name, lead), drawn in samples.items():
        scores = alarm_scores(forecasts[name], thresholds[name], seen, lead)
        curve = alarm_curve(forecasts[name], seen, lead)
        scores["area"] = float(curve_area(curve.time_in_warning, curve.sensitivity))
        for score in drawn[0]:
            low, high = interval(np.concatenate([b[score] for b in drawn if score in b]))
            rows.append((name, lead, score, scores[score], low, high))
    return pd.DataFrame(rows, columns=["name", "min_lead_s", "score", "value", "low", "high"])


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
