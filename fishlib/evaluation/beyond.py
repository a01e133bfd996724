"""Does one forecast know anything that another, or the present level of motion, does not?"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from fishlib.evaluation.bootstrap import (
    ScoredFrames,
    bootstrap_auc,
    bootstrap_with,
    interval,
    scored_frames,
    weighted_mean,
)
from fishlib.evaluation.scores import frame_losses, is_probability, log_odds


def stacking_gain(
    label: np.ndarray,
    history: np.ndarray,
    added: np.ndarray,
    *,
    embargo: int = 165,
    **resampling,
) -> dict[str, float]:
    """Log-loss gained by stacking a second forecast on a first one.

    A logistic regression on the log-odds of ``history`` alone, and one on those of both, are
    fitted on one half of the scored frames and scored on the other, both ways; frames of the
    fitted half that lie within ``embargo`` of the other are left out of the fit.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    history, added : float arrays (T,)
        Probabilities or scores, NaN where not defined.
    embargo : int
        Frames; window + horizon keeps one half's clips and labels out of the other.
    **resampling
        As in :func:`fishlib.evaluation.resampling.resample_counts`.

    Returns
    -------
    dict
        ``gain`` (nats a frame; above 0 if ``added`` helps), its interval ``low``, ``high``, and
        the log-losses ``without`` and ``with`` the added forecast.

    Raises
    ------
    ValueError
        If a half to fit on holds one class only.
    """
    scored = scored_frames(label, {"history": history, "added": added})
    x = np.column_stack([_as_odds(p) for p in scored.forecasts.values()])
    middle = scored.length / 2
    without, both = np.zeros(len(scored.at)), np.zeros(len(scored.at))
    for early in (True, False):
        fit = scored.at < middle - embargo if early else scored.at >= middle + embargo
        test = scored.at >= middle if early else scored.at < middle
        _require_both(scored.label[fit])
        for losses, columns in ((without, [0]), (both, [0, 1])):
            model = LogisticRegression(C=1e6).fit(x[fit][:, columns], scored.label[fit])
            p = model.predict_proba(x[test][:, columns])[:, 1]
            losses[test] = frame_losses(scored.label[test], p)[1]
    gain = without - both
    drawn = bootstrap_with(
        scored, {"": lambda weights: {"gain": weighted_mean(weights, gain)}}, **resampling
    )
    low, high = interval(drawn[""]["gain"])
    return {
        "gain": float(gain.mean()),
        "low": low,
        "high": high,
        "without": float(without.mean()),
        "with": float(both.mean()),
    }


def auc_at_equal_level(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    level: np.ndarray,
    n_bins: int = 20,
    **resampling,
) -> pd.DataFrame:
    """AUC among frames of about the same level: what a forecast knows beyond it.

    Frames are cut into bins of equal size by ``level``; the share of (positive, negative) pairs
    in the right order is taken over the pairs within bins.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecasts : mapping of name -> float array (T,)
    level : float array (T,)
        The last motion known at each frame, ``motion[t - 1]``.
    n_bins : int
    **resampling
        As in :func:`fishlib.evaluation.resampling.resample_counts`.

    Returns
    -------
    DataFrame
        ``name``, ``auc``, ``low``, ``high``.
    """
    scored, _, bins = _bin_by_level(label, forecasts, level, n_bins)
    return bootstrap_auc(scored, bins, **resampling)


def auc_by_level(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    level: np.ndarray,
    n_bins: int = 10,
    **resampling,
) -> pd.DataFrame:
    """AUC within each bin of level, to see where a forecast knows more than the level.

    Parameters as for :func:`auc_at_equal_level`.

    Returns
    -------
    DataFrame
        A row for each forecast and bin: ``name``, ``level`` (median of the bin), ``auc``,
        ``low``, ``high``, ``frames``. NaN where a bin holds one class only.
    """
    scored, levels, bins = _bin_by_level(label, forecasts, level, n_bins)
    rows = []
    for k in np.unique(bins):
        inside = bins == k
        part = ScoredFrames(
            scored.at[inside],
            scored.length,
            scored.label[inside],
            {name: p[inside] for name, p in scored.forecasts.items()},
        )
        table = bootstrap_auc(part, None, **resampling)
        rows.append(table.assign(level=float(np.median(levels[inside])), frames=inside.sum()))
    return pd.concat(rows, ignore_index=True)


def share_of_the_way(
    score: float | np.ndarray, history: float | np.ndarray, oracle: float | np.ndarray
) -> float | np.ndarray:
    """How far a score lies on the way from the best history model (0) to the oracle (1).

    (score - history) / (oracle - history) of a score of which more is better; NaN where the
    oracle is not better than the history model, so that there is no way to go.
    """
    way = np.asarray(oracle, dtype=float) - history
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(way > 0, (np.asarray(score, dtype=float) - history) / way, np.nan)
    return share if share.ndim else float(share)


def _bin_by_level(
    label: np.ndarray, forecasts: Mapping[str, np.ndarray], level: np.ndarray, n_bins: int
) -> tuple[ScoredFrames, np.ndarray, np.ndarray]:
    scored = scored_frames(label, {**forecasts, " level": level})
    levels = scored.forecasts.pop(" level")
    edges = np.quantile(levels, np.linspace(0, 1, n_bins + 1)[1:-1])
    return scored, levels, np.searchsorted(edges, levels, "right")


def _as_odds(forecast: np.ndarray) -> np.ndarray:
    if is_probability(forecast):
        return log_odds(forecast)
    return (forecast - forecast.mean()) / (forecast.std() or 1.0)


def _require_both(label: np.ndarray) -> None:
    if np.unique(label).size < 2:
        raise ValueError(
            f"Half the scored frames, less the embargo, leave {label.size} frames of one class: "
            "too few to fit a stack on. Use a longer stretch of film."
        )


def auc_by_lead(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    leads: Sequence[float] = (0.0, 0.1, 0.25, 0.5, 1.0, 1.5),
    fps: float = 30.0,
    **resampling,
) -> pd.DataFrame:
    """AUC of forecasts made some time before the frame whose label they meet.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecasts : mapping of name -> float array (T,)
        All leads are scored on the same frames.
    leads : sequence of float
        Seconds; label[t] meets forecast[t - lead].
    fps : float
        Frames a second.
    **resampling
        As in :func:`fishlib.evaluation.resampling.resample_counts`.

    Returns
    -------
    DataFrame
        ``name``, ``lead`` (seconds), ``auc``, ``low``, ``high``.
    """
    held = {
        (name, lead): _hold_back(np.asarray(p, dtype=float), round(lead * fps))
        for name, p in forecasts.items()
        for lead in leads
    }
    return _auc_table(label, held, **resampling)


def auc_before_onset(
    forecasts: Mapping[str, np.ndarray],
    onsets: pd.DataFrame,
    edges: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5),
    horizon: int = 45,
    fps: float = 30.0,
    **resampling,
) -> pd.DataFrame:
    """AUC of telling frames some time before an onset from frames with none ahead.

    For each pair of edges, frames whose next onset comes after more than the first and at most
    the second (seconds) are positive, and frames with none within ``horizon`` frames negative;
    frames between an onset and its peak are left out.

    Parameters
    ----------
    forecasts : mapping of name -> float array (T,)
    onsets : DataFrame
        From :func:`fishlib.evaluation.events.find_onsets`: ``onset`` and ``peak``.
    edges : sequence of float
        Seconds, rising, the last at most the horizon.
    horizon : int
        Frames.
    fps : float
        Frames a second.

    Returns
    -------
    DataFrame
        ``name``, ``lead`` (middle of the edges, seconds), ``auc``, ``low``, ``high``.
    """
    n_frames = len(next(iter(forecasts.values())))
    ahead = frames_to_onset(n_frames, onsets)
    tables = []
    for first, last in pairwise(edges):
        label = np.full(n_frames, -1, np.int8)
        label[ahead > horizon] = 0
        label[(ahead > first * fps) & (ahead <= last * fps)] = 1
        jobs = {(name, (first + last) / 2): p for name, p in forecasts.items()}
        tables.append(_auc_table(label, jobs, **resampling))
    return pd.concat(tables, ignore_index=True)


def frames_to_onset(n_frames: int, onsets: pd.DataFrame) -> np.ndarray:
    """Frames from each frame to the next onset after it, float64 (T,).

    Infinite if none is left; NaN from an onset to its peak.
    """
    onset = onsets.onset.to_numpy()
    following = np.append(onset.astype(float), np.inf)
    frames = np.arange(n_frames)
    ahead = following[np.searchsorted(onset, frames, "right")] - frames
    for first, peak in zip(onset, onsets.peak, strict=True):
        ahead[first : peak + 1] = np.nan
    return ahead


def _hold_back(forecast: np.ndarray, frames: int) -> np.ndarray:
    return np.concatenate([np.full(frames, np.nan), forecast])[: len(forecast)]


def _auc_table(label: np.ndarray, jobs: Mapping[tuple, np.ndarray], **resampling) -> pd.DataFrame:
    """AUC by (name, lead), on the frames where all jobs are defined."""
    table = bootstrap_auc(scored_frames(label, jobs), **resampling)
    names, leads = zip(*table.pop("name"), strict=True)
    table.insert(0, "name", names)
    table.insert(1, "lead", leads)
    return table
