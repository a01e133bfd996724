"""All scores of a forecast on labelled frames, and what is learnt for them on validation."""

from collections.abc import Mapping

import numpy as np

from fishlib.evaluation.calibration import calibrate, corp_decomposition
from fishlib.evaluation.scores import (
    best_thresholds,
    comparable_frames,
    confusion_rates,
    probability_scores,
    rank_scores,
)


def choose_thresholds(label: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    """Thresholds of highest accuracy and highest Youden's J, to be chosen on validation frames.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecast : float array (T,)
        NaN where not defined.

    Returns
    -------
    dict
        Keys ``max_accuracy`` and ``max_youden``; a frame is called if its forecast is at least
        the threshold.

    Raises
    ------
    ValueError
        If the frames that can be used are none or of one class.
    """
    frames = comparable_frames(label, {"to threshold": forecast})
    return best_thresholds(np.asarray(label)[frames], np.asarray(forecast, float)[frames])


def score_forecast(
    label: np.ndarray,
    forecast: np.ndarray,
    *,
    base_rate: float | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """All frame scores of one forecast.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecast : float array (T,)
        A probability, or any score of which more means a burst; NaN where not defined.
    base_rate : float, optional
        Share of positive training frames, the constant forecast of the Brier skill; None takes
        the share of the scored frames.
    thresholds : mapping of rule -> threshold, optional
        Chosen elsewhere, by :func:`choose_thresholds` on validation.

    Returns
    -------
    dict of float
        ``frames``, ``positives``, ``always_no_accuracy``; ``auc``, ``average_precision``;
        ``brier``, ``brier_skill``, ``log_loss`` and ``miscalibration`` (NaN unless all forecasts
        lie in [0, 1]), ``discrimination``, ``uncertainty``; ``max_accuracy`` and ``max_youden``
        with ``_threshold``, ``_tpr`` and ``_fpr``, the best on *these* frames; and for each given
        rule ``chosen_{rule}_threshold``, ``_accuracy``, ``_youden``, ``_tpr``, ``_fpr``.

    Raises
    ------
    ValueError
        If lengths differ, no frame is both labelled and forecast, or they hold one class only.
    """
    frames = comparable_frames(label, {"to score": forecast})
    y, p = np.asarray(label)[frames], np.asarray(forecast, dtype=float)[frames]
    share = float(y.mean())
    scores = {"frames": int(y.size), "positives": int(y.sum()), "always_no_accuracy": 1 - share}
    scores |= rank_scores(y, p)
    scores |= probability_scores(y, p, share if base_rate is None else base_rate)
    scores |= corp_decomposition(y, p)
    for rule, threshold in best_thresholds(y, p).items():
        rates = confusion_rates(y, p, threshold)
        scores[rule] = rates[rule.removeprefix("max_")]
        scores |= {f"{rule}_{key}": rates[key] for key in ("threshold", "tpr", "fpr")}
    for rule, threshold in (thresholds or {}).items():
        rates = confusion_rates(y, p, threshold)
        scores |= {f"chosen_{rule}_{key}": value for key, value in rates.items()}
    return scores


def score_all(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    base_rate: float | None,
    thresholds: Mapping[str, Mapping[str, float]],
    calibrated: Mapping[str, np.ndarray],
) -> dict[str, dict[str, float]]:
    """:func:`score_forecast` of each forecast on the frames where all are defined.

    ``thresholds`` and ``calibrated`` as :func:`learn_from_validation` returns them; the calibrated
    forecasts add ``calibrated_brier``, ``calibrated_brier_skill``, ``calibrated_log_loss``.
    """
    frames = comparable_frames(label, forecasts)
    y = np.asarray(label)[frames]
    reference = float(y.mean()) if base_rate is None else base_rate
    scores = {}
    for name, forecast in forecasts.items():
        p = np.asarray(forecast, dtype=float)[frames]
        rules = {rule.removeprefix("chosen_"): t for rule, t in thresholds.get(name, {}).items()}
        scores[name] = score_forecast(y, p, base_rate=base_rate, thresholds=rules)
        if name in calibrated:
            extra = probability_scores(y, calibrated[name][frames], reference)
            scores[name] |= {f"calibrated_{key}": value for key, value in extra.items()}
    return scores


def learn_from_validation(
    validation: tuple[np.ndarray, Mapping[str, np.ndarray]] | None,
    forecasts: Mapping[str, np.ndarray],
) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
    """Thresholds, and test forecasts calibrated, both learnt on validation frames.

    Parameters
    ----------
    validation : (label, forecasts), optional
        Of the validation frames; forecasts it does not hold get neither.
    forecasts : mapping of name -> float array (T,)
        Of the test frames.

    Returns
    -------
    thresholds : dict of name -> {"chosen_max_accuracy": ..., "chosen_max_youden": ...}
    calibrated : dict of name -> float64 array (T,)
    """
    thresholds: dict[str, dict[str, float]] = {}
    calibrated: dict[str, np.ndarray] = {}
    label, known = validation or (np.empty(0), {})
    for name in (name for name in forecasts if name in known):
        rules = choose_thresholds(label, known[name])
        thresholds[name] = {f"chosen_{rule}": value for rule, value in rules.items()}
        calibrated[name] = calibrate(label, known[name])(forecasts[name])
    return thresholds, calibrated
