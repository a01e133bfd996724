"""Does one forecast know anything that another, or the present level of motion, does not?"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from fishlib.evaluation.bootstrap import (
    Estimates,
    ScoredFrames,
    bootstrap_auc,
    bootstrap_with,
    estimate_table,
    scored_frames,
    weighted_mean,
)
from fishlib.evaluation.scores import NothingToJudge, frame_losses, is_probability, log_odds
from fishlib.splits import by_piece, whole

LEADS = (0.0, 0.1, 0.25, 0.5, 1.0, 1.5)
"""Seconds by which forecasts are held back."""


def stacking_table(
    label: np.ndarray,
    rival: np.ndarray,
    added: Mapping[str, np.ndarray],
    *,
    embargo: int = 165,
    **resampling,
) -> pd.DataFrame:
    """Log-loss gained by stacking each of some forecasts on a rival.

    A logistic regression on the log-odds of ``rival`` alone, and one on those of both, are
    fitted on one half of the scored frames and scored on the other, both ways; frames of the
    fitted half that lie within ``embargo`` of the other are left out of the fit.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    rival : float array (T,)
        A probability or a score, NaN where not defined.
    added : mapping of name -> float array (T,)
    embargo : int
        Frames; window + horizon keeps one half's clips and labels out of the other.
    **resampling
        As in :func:`fishlib.evaluation.bootstrap.resample_counts`.

    Returns
    -------
    DataFrame
        ``name``, ``score``, ``value``, ``low``, ``high``; the scores are ``gain`` (nats a frame;
        above 0 if it helps) and the log-losses ``without`` and ``with`` the added forecast.

    Raises
    ------
    NothingToJudge
        If a half to fit on holds one class only.
    """
    estimates = {}
    for name, forecast in added.items():
        scored = scored_frames(label, {"rival": rival, "added": forecast})
        without, both = _stacked_losses(scored, embargo)
        gain = without - both
        scorer = {"": lambda weights, gain=gain: {"gain": weighted_mean(weights, gain)}}
        samples = bootstrap_with(scored, scorer, **resampling)[""]["gain"]
        estimates[name] = {
            "gain": (float(gain.mean()), samples),
            "without": (float(without.mean()), np.empty(0)),
            "with": (float(both.mean()), np.empty(0)),
        }
    return estimate_table(estimates)


def _stacked_losses(scored: ScoredFrames, embargo: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-loss of each frame, by models of the first forecast and of both."""
    x = np.column_stack([_as_odds(p) for p in scored.forecasts.values()])
    middle = scored.length / 2
    losses = np.zeros((2, len(scored.at)))
    for early in (True, False):
        fit = scored.at < middle - embargo if early else scored.at >= middle + embargo
        test = scored.at >= middle if early else scored.at < middle
        _require_both(scored.label[fit])
        for used in (1, 2):
            model = LogisticRegression(C=1e6).fit(x[fit, :used], scored.label[fit])
            p = model.predict_proba(x[test, :used])[:, 1]
            losses[used - 1, test] = frame_losses(scored.label[test], p)[1]
    return losses[0], losses[1]


def _as_odds(forecast: np.ndarray) -> np.ndarray:
    if is_probability(forecast):
        return log_odds(forecast)
    return (forecast - forecast.mean()) / (forecast.std() or 1.0)


def _require_both(label: np.ndarray) -> None:
    if np.unique(label).size < 2:
        raise NothingToJudge(
            f"Half the scored frames, less the embargo, leave {label.size} frames of one class: "
            "too few to fit a stack on. Use a longer stretch of film."
        )


def equal_level_table(
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
        As in :func:`fishlib.evaluation.bootstrap.resample_counts`.

    Returns
    -------
    DataFrame
        ``name``, ``score`` (``auc``), ``value``, ``low``, ``high``.
    """
    scored = scored_frames(label, {**forecasts, " level": level})
    levels = scored.forecasts.pop(" level")
    edges = np.quantile(levels, np.linspace(0, 1, n_bins + 1)[1:-1])
    bins = np.searchsorted(edges, levels, "right")
    return estimate_table(bootstrap_auc(scored, bins, **resampling))


def lead_table(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    leads: Sequence[float] = LEADS,
    fps: float = 30.0,
    pieces: pd.DataFrame | None = None,
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
    pieces : DataFrame, optional
        ``film``, ``start``, ``stop``: no forecast is held back across a border.
    **resampling
        As in :func:`fishlib.evaluation.bootstrap.resample_counts`.

    Returns
    -------
    DataFrame
        ``name``, ``lead`` (seconds), ``score`` (``auc``), ``value``, ``low``, ``high``.
    """
    pieces = whole(len(label)) if pieces is None else pieces
    held = {
        (name, lead): by_piece(partial(_hold_back, round(lead * fps)), pieces, forecast)
        for name, forecast in forecasts.items()
        for lead in leads
    }
    return estimate_table(bootstrap_auc(scored_frames(label, held), **resampling), ("name", "lead"))


def _hold_back(frames: int, forecast: np.ndarray) -> np.ndarray:
    return np.append(np.full(frames, np.nan), forecast)[: len(forecast)]


def share_of_the_way(
    score: float | np.ndarray, rival: float | np.ndarray, oracle: float | np.ndarray
) -> float | np.ndarray:
    """How far a score lies on the way from the best rival (0) to the oracle (1).

    (score - rival) / (oracle - rival) of a score of which more is better; NaN where the oracle is
    not better than the rival, so that there is no way to go.
    """
    way = np.asarray(oracle, dtype=float) - rival
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(way > 0, (np.asarray(score, dtype=float) - rival) / way, np.nan)
    return share if share.ndim else float(share)


def share_table(estimates: Estimates, rival: str, oracle: str) -> pd.DataFrame:
    """Share of the way from ``rival`` to ``oracle``: ``name``, ``score``, ``value``, interval.

    The interval is NaN where more than one resample in forty has no way to go: the oracle is then
    not told from the rival, and a share of nothing means nothing.
    """
    shares: dict[str, dict] = {name: {} for name in estimates}
    for score in ("auc", "average_precision", "brier_skill", "calibrated_brier_skill"):
        known = {name: of.get(score, (np.nan,)) for name, of in estimates.items()}
        scored = {name: one for name, one in known.items() if np.isfinite(one[0])}
        if rival in scored and oracle in scored:
            for name, one in scored.items():
                ends = zip(one, scored[rival], scored[oracle], strict=True)
                share, samples = (share_of_the_way(*numbers) for numbers in ends)
                told = samples.size and np.mean(np.isfinite(samples)) >= 39 / 40
                shares[name][score] = (share, samples if told else np.empty(0))
    return estimate_table(shares)
