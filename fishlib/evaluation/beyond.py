"""Does a forecast know more than chance, than another, than the present level of motion?"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from fishlib.evaluation import scores
from fishlib.evaluation.intervals import Blocks, NothingToJudge, cut_blocks, estimate_table, tidy
from fishlib.splits import by_piece, whole

COMPARED = (
    "auc", "average_precision", "brier_skill", "log_loss", "calibrated_brier_skill",
    "calibrated_log_loss",
)  # fmt: skip
"""Scores of which differences are reported."""
MOST_FRAMES = 20_000
"""Frames above which stacks are fitted on, and shifts tested on, about so many, evenly spread."""
MOST_JUDGED = 600_000
"""Frames scored at most, evenly spread: five and a half hours in full, of forty every eighth."""
LEADS = (0.0, 0.1, 0.25, 0.5, 1.0, 1.5)
"""Seconds by which forecasts are held back."""


def shift_table(
    label: np.ndarray, forecasts: scores.Forecasts, n_shifts: int, min_shift: int, seed: int = 0
) -> pd.DataFrame:
    """Is the AUC more than chance? Circular shifts of each forecast against the labels.

    A shifted forecast keeps its own rhythm and loses its relation to the labels. Shifts are drawn
    without repetition from ``min_shift`` frames to the length less ``min_shift``.
    p = (1 + #{shifted AUC >= AUC}) / (1 + #shifts). Of a long series every so many frames are used:
    neighbours are nearly copies of each other.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecasts : mapping of name -> float array (T,)
        NaN where not defined.
    n_shifts : int
        All possible shifts are used if there are fewer.
    min_shift : int
        Smallest shift, in frames (300 = 10 s at 30 fps).
    seed : int

    Returns
    -------
    DataFrame
        Tidy: ``auc`` (over all pairs), ``p_value``, ``shifts``, and ``auc_by_chance``: the median
        and the middle 95 % of the shifted AUCs.

    Raises
    ------
    NothingToJudge
        If the series is too short for 19 shifts, with which p can reach 0.05.
    """
    rows = []
    for name, forecast in forecasts.items():
        judged = np.flatnonzero(scores.comparable_frames(label, {name: forecast}))
        span = slice(judged[0], judged[-1] + 1)
        every = -(-(span.stop - span.start) // MOST_FRAMES)
        y, p = np.asarray(label)[span][::every], np.asarray(forecast)[span][::every]
        where, first = np.flatnonzero(np.isfinite(p)), -(-min_shift // every)
        possible = np.arange(first, len(y) - first + 1)
        if len(possible) < 19:
            raise NothingToJudge(
                f"A stretch of {len(y)} frames is too short to be shifted by {min_shift} frames or "
                "more: use a longer film, or a smaller min_shift."
            )
        drawn = np.random.default_rng(seed).permutation(possible)[:n_shifts]
        observed, *null = _shifted_auc(y, where, p[where], [0, *drawn])
        null = np.array(null)[np.isfinite(null)]
        if not null.size:
            raise NothingToJudge("Too few frames are judged for a shifted forecast to be scored.")
        p_value = (1 + np.sum(null >= observed)) / (1 + len(null))
        low, middle, high = np.quantile(null, [0.025, 0.5, 0.975])
        alone = {"auc": observed, "p_value": p_value, "shifts": len(null)}
        rows += [(name, score, value, np.nan, np.nan, None) for score, value in alone.items()]
        rows += [(name, "auc_by_chance", middle, low, high, None)]
    return tidy(rows)


def _shifted_auc(
    y: np.ndarray, where: np.ndarray, forecast: np.ndarray, shifts: list[int]
) -> list[float]:
    """AUC when the forecast of frame t meets the label of frame t + shift, around the end.

    ``y`` int (T,) is 1, 0 or -1; ``forecast`` (n,) is that of the frames ``where`` (n,).
    """
    order = np.argsort(forecast, kind="stable")
    ascending = forecast[order]
    below = np.searchsorted(ascending, ascending, "left")
    up_to = np.searchsorted(ascending, ascending, "right")
    around = np.concatenate([y, y])
    areas = []
    for shift in shifts:
        met = around[where[order] + shift]
        passed = np.concatenate([[0], np.cumsum(met == 0)])  # negatives among the lowest k
        positives = np.flatnonzero(met == 1)
        right = passed[below[positives]] + passed[up_to[positives]]
        pairs = 2 * len(positives) * passed[-1]
        areas.append(right.sum() / pairs if pairs else np.nan)
    return areas


def stacking_table(
    label: np.ndarray, rival: np.ndarray, added: scores.Forecasts, embargo: int = 165, **film
) -> pd.DataFrame:
    """Log-loss gained by stacking each of some forecasts on a rival.

    A logistic regression on the log-odds of ``rival`` alone, and one on those of both, are
    fitted on one half of the judged frames and scored on the other, both ways; frames of the
    fitted half that lie within ``embargo`` of the other are left out of the fit.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    rival : float array (T,)
        A probability or a score, NaN where not defined.
    added : mapping of name -> float array (T,)
        All are scored where all are defined.
    embargo : int
        Frames; window + horizon keeps one half's clips and labels out of the other.
    pieces, block
        As in :func:`fishlib.evaluation.intervals.cut_blocks`.

    Returns
    -------
    DataFrame
        Tidy; the scores are ``gain`` (nats a frame; above 0 if it helps) and the log-losses
        ``without`` and ``with`` the added forecast.

    Raises
    ------
    NothingToJudge
        If a half to fit on holds one class only.
    """
    blocks = blocks_of(label, {"the rival": rival, **added}, **film)
    y, frames = np.asarray(label)[blocks.frames], blocks.frames
    alone = _as_odds(rival[frames])[:, None]
    without, estimates = blocks.mean(_stacked_loss(y, alone, frames, embargo)), {}
    for name, forecast in added.items():
        x = np.column_stack([alone, _as_odds(forecast[frames])])
        both = blocks.mean(_stacked_loss(y, x, frames, embargo))
        estimates[name] = {"gain": without - both, "without": without, "with": both}
    return estimate_table(estimates)


def _stacked_loss(y: np.ndarray, x: np.ndarray, frames: np.ndarray, embargo: int) -> np.ndarray:
    """Log-loss of each frame (n,), by a model of the columns of x that was fitted elsewhere."""
    from sklearn.linear_model import LogisticRegression  # loads slowly

    middle = (frames[0] + frames[-1] + 1) / 2
    losses = np.zeros(len(y))
    for early in (True, False):
        fit = frames < middle - embargo if early else frames >= middle + embargo
        test = frames >= middle if early else frames < middle
        if np.unique(y[fit]).size < 2:
            raise NothingToJudge(
                f"Half the judged frames, less the embargo, leave {fit.sum()} frames of one "
                "class: too few to fit a stack on. Use a longer stretch of film."
            )
        learned = np.flatnonzero(fit)[:: -(-fit.sum() // MOST_FRAMES)]
        model = LogisticRegression(C=1e6).fit(x[learned], y[learned])
        losses[test] = scores.frame_losses(y[test], model.predict_proba(x[test])[:, 1])[1]
    return losses


def _as_odds(forecast: np.ndarray) -> np.ndarray:
    if scores.is_probability(forecast):
        return scores.log_odds(forecast)
    return (forecast - forecast.mean()) / (forecast.std() or 1.0)


def blocks_of(
    label: np.ndarray,
    forecasts: scores.Forecasts,
    pieces: pd.DataFrame | None = None,
    block: int = 300,
) -> Blocks:
    """Blocks of the frames of :func:`fishlib.evaluation.scores.comparable_frames`.

    Of more than :data:`MOST_JUDGED` every so many are taken.
    """
    judged = scores.comparable_frames(label, forecasts)
    if (every := -(-int(judged.sum()) // MOST_JUDGED)) > 1:
        judged &= np.arange(len(judged)) % every == 0
    return cut_blocks(judged, whole(len(judged)) if pieces is None else pieces, block)


def equal_level_table(
    label: np.ndarray, forecasts: scores.Forecasts, level: np.ndarray, n_bins: int = 20, **film
) -> pd.DataFrame:
    """AUC among frames of about the same level: what a forecast knows beyond it.

    Frames are cut into bins of equal size by ``level``; the share of (positive, negative) pairs
    in the right order is taken over the pairs within bins, and within films.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecasts : mapping of name -> float array (T,)
    level : float array (T,)
        The last motion known at each frame, ``motion[t - 1]``.
    n_bins : int
    pieces, block
        As in :func:`fishlib.evaluation.intervals.cut_blocks`.

    Returns
    -------
    DataFrame
        Tidy; the score is ``auc``.
    """
    blocks = blocks_of(label, {**forecasts, "the level": level}, **film)
    levels, y = level[blocks.frames], np.asarray(label)[blocks.frames]
    edges = np.quantile(levels, np.linspace(0, 1, n_bins + 1)[1:-1])
    strata = blocks.strata * n_bins + np.searchsorted(edges, levels, "right")
    aucs = {n: blocks.auc(y, p[blocks.frames], strata) for n, p in forecasts.items()}
    return estimate_table({name: {"auc": auc} for name, auc in aucs.items()})


def film_table(
    label: np.ndarray, forecasts: scores.Forecasts, pieces: pd.DataFrame, block: int = 300
) -> pd.DataFrame:
    """AUC within each film: does it hold for the next animal?

    Parameters
    ----------
    label, forecasts
        As of :func:`lead_table`.
    pieces, block
        As in :func:`fishlib.evaluation.intervals.cut_blocks`.

    Returns
    -------
    DataFrame
        Tidy, by ``name`` and ``film``; the score is ``auc``. Films of one class are left out.

    Raises
    ------
    NothingToJudge
        If there is one film, or none holds frames of both classes.
    """
    if pieces.film.nunique() < 2:
        raise NothingToJudge("There is one film: nothing differs between films.")
    blocks = blocks_of(label, forecasts, pieces.assign(film="any"), block)
    film = pieces.film.to_numpy()[np.searchsorted(pieces.start, blocks.frames, "right") - 1]
    estimates = {}
    for one in pd.unique(film):
        own = blocks.only(film == one)
        if len(np.unique(y := label[own.frames])) == 2:
            aucs = {name: own.auc(y, p[own.frames]) for name, p in forecasts.items()}
            estimates |= {(name, one): {"auc": auc} for name, auc in aucs.items()}
    if not estimates:
        raise NothingToJudge("No film holds frames of both classes.")
    return estimate_table(estimates, ("name", "film"))


def lead_table(
    label: np.ndarray,
    forecasts: scores.Forecasts,
    pieces: pd.DataFrame,
    fps: float = 30.0,
    block: int = 300,
) -> pd.DataFrame:
    """AUC of forecasts made some time before the frame whose label they meet.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecasts : mapping of name -> float array (T,)
        All leads are scored on the same frames.
    pieces, block
        As in :func:`fishlib.evaluation.intervals.cut_blocks`.
    fps : float
        Frames a second.

    Returns
    -------
    DataFrame
        Tidy, by ``name`` and ``lead``, each of :data:`LEADS` (seconds): label[t] meets
        forecast[t - lead], of the same piece. The score is ``auc``.
    """
    back = {lead: round(lead * fps) for lead in LEADS}
    known = sum(forecasts.values())
    held = sum(by_piece(partial(_hold_back, frames), pieces, known) for frames in back.values())
    blocks = blocks_of(label, {"the forecasts held back": held}, pieces, block)
    y = np.asarray(label)[blocks.frames]
    aucs = {
        (name, lead): {"auc": blocks.auc(y, forecast[blocks.frames - frames])}
        for name, forecast in forecasts.items()
        for lead, frames in back.items()
    }
    return estimate_table(aucs, ("name", "lead"))


def _hold_back(frames: int, forecast: np.ndarray) -> np.ndarray:
    return np.append(np.full(frames, np.nan), forecast)[: len(forecast)]


def block_length_table(verdict, names: Sequence[str]) -> pd.DataFrame:
    """Do the intervals of the AUC depend on the length of the blocks?

    Parameters
    ----------
    verdict : Verdict
        From six films on a film is the block, whatever its length.
    names : sequence of str
        Its forecasts to show.

    Returns
    -------
    DataFrame
        Tidy, with ``seconds``, the length of the blocks; of an empty verdict its reason.
    """
    if verdict.scores.empty:
        return verdict.scores
    tables = []
    for seconds in (1, 2, 5, 10, 20):
        table = replace(verdict, block=seconds).scores.query("score == 'auc' and name in @names")
        tables.append(table.assign(seconds=seconds))
    return pd.concat(tables, ignore_index=True)


def difference_table(estimates: dict, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Paired differences of scores: tidy, named "first − second", with columns ``first``,
    ``second`` and ``different`` (the interval excludes 0)."""
    differences = {}
    for first, second in pairs:
        one, other = estimates[first], estimates[second]
        every = {score: one.get(score, np.nan) - other.get(score, np.nan) for score in COMPARED}
        known = {score: of for score, of in every.items() if np.isfinite(of).any()}
        differences[f"{first} − {second}", first, second] = known
    table = estimate_table(differences, ("name", "first", "second"), bounded=())
    return table.assign(different=(table.low > 0) | (table.high < 0))


def share_of_the_way(score: np.ndarray, rival: np.ndarray, oracle: np.ndarray) -> np.ndarray:
    """How far a score lies on the way from the best rival (0) to the oracle (1).

    (score - rival) / (oracle - rival) of a score of which more is better; NaN where the oracle is
    not better than the rival, so that there is no way to go.
    """
    way = np.asarray(oracle, dtype=float) - rival
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(way > 0, (np.asarray(score, dtype=float) - rival) / way, np.nan)


def share_table(estimates: dict, rival: str, oracle: str) -> pd.DataFrame:
    """Share of the way from ``rival`` to ``oracle``, tidy.

    No interval where the oracle is not told from the rival on every block's absence: a share of
    nothing means nothing.
    """
    shares: dict[str, dict] = {name: {} for name in estimates}
    for score in ("auc", "average_precision", "brier_skill", "calibrated_brier_skill"):
        known = {name: of.get(score, np.nan) for name, of in estimates.items()}
        scored = {name: one for name, one in known.items() if np.isfinite(one).any()}
        if rival in scored and oracle in scored:
            for name, one in scored.items():
                shares[name][score] = share_of_the_way(one, scored[rival], scored[oracle])
    return estimate_table(shares, bounded=())
