"""Does one forecast know anything that another, or the present level of motion, does not?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from fishlib.evaluation.bootstrap import (
    ScoredFrames,
    bootstrap_auc,
    bootstrap_with,
    scored_frames,
    weighted_mean,
)
from fishlib.evaluation.calibration import log_odds
from fishlib.evaluation.resampling import interval
from fishlib.evaluation.scores import frame_losses, is_probability


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
        The last motion known at each frame, ``speed[t - 1]``.
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
