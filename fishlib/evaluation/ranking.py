"""Rank statistics of weighted frames, many weightings at a time, from one sort.

A bootstrap resample gives each frame a count. That does not change the order of the forecasts, so
the frames are sorted once, and each resample costs one running sum.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """The frames of two classes in the order of one forecast.

    ``positives`` int (P,) and ``negatives`` int (N,) are the frames of each class, by stratum and
    then by ascending forecast. For each positive, of the sorted negatives of its stratum:
    ``first`` and ``last`` bound them all, ``below`` counts from 0 to those of lower forecasts,
    ``up_to`` to those of equal ones; all int (P,). ``equal`` is the first positive of the same
    forecast.
    """

    positives: np.ndarray
    negatives: np.ndarray
    first: np.ndarray
    below: np.ndarray
    up_to: np.ndarray
    last: np.ndarray
    equal: np.ndarray


def rank_frames(
    label: np.ndarray, forecast: np.ndarray, stratum: np.ndarray | None = None
) -> Ranking:
    """Sort the frames by forecast, within strata if these are given.

    Parameters
    ----------
    label : array (n,)
        1 or 0.
    forecast : float array (n,)
        Without gaps.
    stratum : int array (n,), optional
        Frames are compared within the same stratum only; numbered from 0.
    """
    stratum = np.zeros(len(label), int) if stratum is None else np.asarray(stratum)
    value = np.unique(forecast, return_inverse=True)[1]
    key = stratum * (value.max() + 1) + value  # ascending by stratum, then by forecast
    order = np.argsort(key, kind="stable")
    positives, negatives = order[label[order] == 1], order[label[order] == 0]
    return Ranking(
        positives,
        negatives,
        np.searchsorted(stratum[negatives], stratum[positives], "left"),
        np.searchsorted(key[negatives], key[positives], "left"),
        np.searchsorted(key[negatives], key[positives], "right"),
        np.searchsorted(stratum[negatives], stratum[positives], "right"),
        np.searchsorted(key[positives], key[positives], "left"),
    )


def weighted_auc(ranking: Ranking, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve for each row of weights.

    The share of (positive, negative) pairs of frames in the right order, a tie counting half:
    the Mann-Whitney statistic, each pair weighted by the product of its weights. With strata, of
    the pairs within them.

    Parameters
    ----------
    ranking : Ranking
        Of n frames.
    weights : float array (B, n)
        Weight of each frame, in the order of time.

    Returns
    -------
    float64 array (B,)
        NaN where there is no pair.
    """
    return _auc(ranking, *_running_sums(ranking, weights))


def weighted_rank_scores(ranking: Ranking, weights: np.ndarray) -> dict[str, np.ndarray]:
    """ROC-AUC and average precision for each row of weights, each float64 (B,).

    Parameters as for :func:`weighted_auc`, of a ranking without strata. Average precision is the
    mean, over the positives, of the precision among all frames of at least their forecast.
    """
    w, passed = _running_sums(ranking, weights)
    true, false = _called(ranking, w, passed)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(w > 0, true / (true + false), 0)
        average = np.sum(w * precision, axis=1) / w.sum(axis=1)
    return {"auc": _auc(ranking, w, passed), "average_precision": average}


def weighted_roc(ranking: Ranking, weights: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """True positive rates at given false positive rates for each row of weights.

    Parameters as for :func:`weighted_auc`, of a ranking without strata, and ``rates`` float (k,)
    in [0, 1].

    Returns
    -------
    float64 array (B, k)
    """
    w, passed = _running_sums(ranking, weights)
    true, false = (counts[:, ::-1] for counts in _called(ranking, w, passed))
    curves = np.zeros((len(w), len(rates)))
    for curve, t, f, n in zip(curves, true, false, passed[:, -1], strict=True):
        reached = np.searchsorted(f, rates * n * (1 + 1e-12), "right")
        curve[reached > 0] = t[reached[reached > 0] - 1] / t[-1]
    return curves


def _running_sums(ranking: Ranking, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the sorted positives (B, P), running sum over the sorted negatives (B, N + 1)."""
    passed = np.zeros((len(weights), len(ranking.negatives) + 1))
    np.cumsum(np.take(weights, ranking.negatives, axis=1), axis=1, out=passed[:, 1:])
    return np.take(weights, ranking.positives, axis=1), passed


def _auc(ranking: Ranking, w: np.ndarray, passed: np.ndarray) -> np.ndarray:
    start = np.take(passed, ranking.first, axis=1)
    right = np.take(passed, ranking.below, axis=1) + np.take(passed, ranking.up_to, axis=1)
    pairs = np.sum(w * (np.take(passed, ranking.last, axis=1) - start), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(w * (right / 2 - start), axis=1) / pairs


def _called(ranking: Ranking, w: np.ndarray, passed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives when all of at least each positive's forecast are called."""
    true = np.take(np.cumsum(w[:, ::-1], axis=1)[:, ::-1], ranking.equal, axis=1)
    return true, passed[:, -1:] - np.take(passed, ranking.below, axis=1)
