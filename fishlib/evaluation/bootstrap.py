"""Bootstrap of frame scores: an interval on every number, and paired differences.

Blocks are blocks of film: every frame from the first scored one to the last is resampled, and of
these the ones that are scored count. All forecasts meet the same resamples.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishlib.evaluation.ranking import rank_frames, weighted_auc, weighted_rank_scores, weighted_roc
from fishlib.evaluation.resampling import interval, resample_counts
from fishlib.evaluation.scores import comparable_frames, frame_losses, is_probability

Scorer = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class ScoredFrames:
    """The frames on which label and forecasts are all defined.

    ``at`` int (n,) counts them from the first, ``length`` is the number of frames from the first
    to the last, ``label`` float (n,) is 1 or 0, ``forecasts`` are float (n,).
    """

    at: np.ndarray
    length: int
    label: np.ndarray
    forecasts: dict[str, np.ndarray]

    def weights(self, **resampling) -> Iterator[np.ndarray]:
        """Bootstrap counts of the scored frames, float (B, n) at a time."""
        for counts in resample_counts(self.length, **resampling):
            yield counts[:, self.at]


def scored_frames(label: np.ndarray, forecasts: Mapping[str, np.ndarray]) -> ScoredFrames:
    """Pick the frames to score; errors as in ``scores.comparable_frames``."""
    frames = np.flatnonzero(comparable_frames(label, forecasts))
    at = frames - frames[0]
    kept = {name: np.asarray(p, dtype=float)[frames] for name, p in forecasts.items()}
    return ScoredFrames(at, int(at[-1]) + 1, np.asarray(label)[frames].astype(float), kept)


def bootstrap_scores(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    *,
    base_rate: float | None = None,
    thresholds: Mapping[str, Mapping[str, float]] | None = None,
    calibrated: Mapping[str, np.ndarray] | None = None,
    **resampling,
) -> dict[str, dict[str, np.ndarray]]:
    """Scores of every forecast on the same resamples, so that differences are paired.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecasts : mapping of name -> float array (T,)
        Scored on the frames on which all are defined.
    base_rate : float, optional
        Constant forecast of the Brier skill; the share of positives if None.
    thresholds : mapping of name -> {rule: threshold}, optional
        Adds ``{rule}_accuracy``, ``_tpr``, ``_fpr`` and ``_youden``.
    calibrated : mapping of name -> float array (T,), optional
        The forecasts made into probabilities; adds ``calibrated_brier`` and the like.
    **resampling
        ``block``, ``n_resamples``, ``seed``, ``kind``, ``progress``, see
        :func:`fishlib.evaluation.resampling.resample_counts`.

    Returns
    -------
    dict of name -> dict of score -> float array (n_resamples,)
        ``auc``, ``average_precision`` and, for a probability, ``brier``, ``brier_skill``,
        ``log_loss``. NaN where a resample held one class only.
    """
    scored = scored_frames(label, forecasts)
    base_rate = float(scored.label.mean()) if base_rate is None else base_rate
    frames = np.flatnonzero(comparable_frames(label, forecasts))
    probabilities = {name: np.asarray(p)[frames] for name, p in (calibrated or {}).items()}
    scorers = {
        name: frame_scorer(
            scored.label, p, base_rate, (thresholds or {}).get(name), probabilities.get(name)
        )
        for name, p in scored.forecasts.items()
    }
    return bootstrap_with(scored, scorers, **resampling)


def bootstrap_with(
    scored: ScoredFrames, scorers: Mapping[str, Scorer], **resampling
) -> dict[str, dict[str, np.ndarray]]:
    """Apply functions of weights (B, n) to the same resamples; samples (n_resamples,) a score."""
    batches: dict[str, list] = {name: [] for name in scorers}
    for weights in scored.weights(**resampling):
        for name, scorer in scorers.items():
            batches[name].append(scorer(weights))
    return {
        name: {score: np.concatenate([batch[score] for batch in parts]) for score in parts[0]}
        for name, parts in batches.items()
    }


def frame_scorer(
    y: np.ndarray,
    p: np.ndarray,
    base_rate: float,
    thresholds: Mapping[str, float] | None = None,
    calibrated: np.ndarray | None = None,
) -> Scorer:
    """A function from weights (B, n) to the scores (B,) of one forecast on n frames.

    Parameters as for :func:`bootstrap_scores`, of the scored frames only.
    """
    ranking = rank_frames(y, p)
    issued = {"": p} if is_probability(p) else {}
    issued |= {} if calibrated is None else {"calibrated_": calibrated}
    losses = {prefix: frame_losses(y, q) for prefix, q in issued.items()}
    calls = {rule: (p >= at).astype(float) for rule, at in (thresholds or {}).items()}

    def scorer(weights: np.ndarray) -> dict[str, np.ndarray]:
        positive = weights * y
        negative = weights - positive
        scores = weighted_rank_scores(ranking, weights)
        reference = weighted_mean(weights, (base_rate - y) ** 2)
        for prefix, (squared, log_loss) in losses.items():
            scores[f"{prefix}brier"] = weighted_mean(weights, squared)
            scores[f"{prefix}brier_skill"] = 1 - scores[f"{prefix}brier"] / reference
            scores[f"{prefix}log_loss"] = weighted_mean(weights, log_loss)
        for rule, called in calls.items():
            tpr, fpr = weighted_mean(positive, called), weighted_mean(negative, called)
            scores[f"{rule}_accuracy"] = weighted_mean(weights, called == y)
            scores |= {f"{rule}_youden": tpr - fpr, f"{rule}_tpr": tpr, f"{rule}_fpr": fpr}
        return scores

    return scorer


def bootstrap_auc(
    scored: ScoredFrames, stratum: np.ndarray | None = None, **resampling
) -> pd.DataFrame:
    """AUC of each forecast with its interval, over pairs within strata int (n,) if given.

    Returns
    -------
    DataFrame
        ``name``, ``auc``, ``low``, ``high``.
    """
    rankings = {name: rank_frames(scored.label, p, stratum) for name, p in scored.forecasts.items()}
    scorers = {
        name: lambda weights, ranking=ranking: {"auc": weighted_auc(ranking, weights)}
        for name, ranking in rankings.items()
    }
    drawn = bootstrap_with(scored, scorers, **resampling)
    whole = np.ones((1, len(scored.at)))
    rows = [
        (name, float(weighted_auc(ranking, whole)[0]), *interval(drawn[name]["auc"]))
        for name, ranking in rankings.items()
    ]
    return pd.DataFrame(rows, columns=["name", "auc", "low", "high"])


def weighted_mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of values (n,) under each row of weights (B, n), float (B,); NaN without weight."""
    total = np.einsum("bn,n->b", weights, np.asarray(values, dtype=float))
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / weights.sum(axis=1)


def roc_bands(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    *,
    rates: np.ndarray | None = None,
    level: float = 0.95,
    **resampling,
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pointwise bootstrap band of each ROC curve.

    Parameters as for :func:`bootstrap_scores`; ``rates`` are the false positive rates asked for.

    Returns
    -------
    dict of name -> (false positive rates, lowest, highest true positive rate), each (k,)
    """
    rates = np.linspace(0, 1, 101) if rates is None else np.asarray(rates)
    scored = scored_frames(label, forecasts)
    rankings = {name: rank_frames(scored.label, p) for name, p in scored.forecasts.items()}
    curves: dict[str, list] = {name: [] for name in rankings}
    for weights in scored.weights(**resampling):
        for name, ranking in rankings.items():
            curves[name].append(weighted_roc(ranking, weights, rates))
    ends = [(1 - level) / 2, (1 + level) / 2]
    return {k: (rates, *np.nanquantile(np.vstack(v), ends, axis=0)) for k, v in curves.items()}
