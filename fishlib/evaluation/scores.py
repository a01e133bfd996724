"""Frame scores: how well a forecast tells burst frames from the others, frame by frame.

A label is int (T,): 1, 0, or -1 = not labelled. A forecast is float (T,), NaN where undefined.
Scores use the labelled frames on which every compared forecast is defined. A forecast whose
values all lie in [0, 1] is a probability; any other is a score, and only its order counts.
"""

from collections.abc import Mapping

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve


def comparable_frames(label: np.ndarray, forecasts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Frames that are labelled and on which all forecasts are defined.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where the frame is not labelled.
    forecasts : mapping of name -> float array (T,)
        NaN where a forecast is not defined.

    Returns
    -------
    bool array (T,)

    Raises
    ------
    ValueError
        If there is no forecast, lengths differ, a value is not 1, 0 or -1 (label) or is infinite
        (forecast), no frame is left, or the frames left hold one class only.
    """
    label = _require_label(label)
    if not forecasts:
        raise ValueError("There is no forecast to score: give at least one.")
    frames = label >= 0
    for name, forecast in forecasts.items():
        forecast = np.asarray(forecast, dtype=float)
        if forecast.shape != label.shape:
            raise ValueError(
                f"The forecast {name!r} has shape {forecast.shape} and the label {label.shape}: "
                "align both to the frame index, with NaN where the forecast is not defined."
            )
        if np.isinf(forecast).any():
            raise ValueError(f"The forecast {name!r} holds infinite values: use NaN or a number.")
        frames &= np.isfinite(forecast)
    _require_both_classes(label[frames], " and ".join(map(repr, forecasts)))
    return frames


def is_probability(forecast: np.ndarray) -> bool:
    """Whether all defined values lie in [0, 1]."""
    defined = forecast[np.isfinite(forecast)]
    return bool(defined.size and defined.min() >= 0 and defined.max() <= 1)


def rank_scores(label: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    """ROC-AUC and average precision of a forecast without gaps (scikit-learn).

    Parameters
    ----------
    label : int array (n,)
        1 or 0.
    forecast : float array (n,)
    """
    return {
        "auc": float(roc_auc_score(label, forecast)),
        "average_precision": float(average_precision_score(label, forecast)),
    }


def frame_losses(label: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared error and log-loss (in nats) of each frame.

    Probabilities of 0 and 1 are moved by the machine epsilon (2e-16), as scikit-learn does, so
    that a certain and wrong forecast costs 36 nats and not infinity.

    Parameters
    ----------
    label : int array (n,)
        1 or 0.
    probability : float array (n,)

    Returns
    -------
    tuple of float arrays (n,)
    """
    tiny = np.finfo(float).eps
    p = np.clip(probability, tiny, 1 - tiny)
    return (probability - label) ** 2, -np.where(label == 1, np.log(p), np.log1p(-p))


def probability_scores(
    label: np.ndarray, forecast: np.ndarray, base_rate: float
) -> dict[str, float]:
    """Brier score, Brier skill and log-loss; NaN if the forecast is not a probability.

    Brier skill is 1 - Brier(forecast) / Brier(base_rate), where ``base_rate`` is a constant
    forecast, the share of positive training frames.
    """
    if not is_probability(forecast):
        return dict.fromkeys(("brier", "brier_skill", "log_loss"), float("nan"))
    squared, log_loss = frame_losses(label, forecast)
    reference = np.mean((base_rate - label) ** 2)
    return {
        "brier": float(squared.mean()),
        "brier_skill": float(1 - squared.mean() / reference),
        "log_loss": float(log_loss.mean()),
    }


def confusion_rates(label: np.ndarray, forecast: np.ndarray, threshold: float) -> dict[str, float]:
    """Accuracy, Youden's J and error rates of calling ``forecast >= threshold`` positive.

    Parameters
    ----------
    label : int array (n,)
        1 or 0, both present.
    forecast : float array (n,)
    threshold : float

    Returns
    -------
    dict
        ``threshold``, ``accuracy``, ``youden`` = TPR - FPR, ``tpr``, ``fpr``.
    """
    called = forecast >= threshold
    tpr, fpr = called[label == 1].mean(), called[label == 0].mean()
    return {
        "threshold": float(threshold),
        "accuracy": float(np.mean(called == (label == 1))),
        "youden": float(tpr - fpr),
        "tpr": float(tpr),
        "fpr": float(fpr),
    }


def best_thresholds(label: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    """Thresholds of the highest accuracy and the highest Youden's J on these frames.

    Every value of the forecast is tried, and one above them all, which calls nothing; of equally
    good ones the highest is taken. Inputs as for :func:`confusion_rates`.

    Returns
    -------
    dict
        Keys ``max_accuracy`` and ``max_youden``.
    """
    fpr, tpr, thresholds = roc_curve(label, forecast, drop_intermediate=False)
    thresholds[0] = np.nextafter(np.max(forecast), np.inf)
    share = np.mean(label)
    accuracy = tpr * share + (1 - fpr) * (1 - share)
    return {
        "max_accuracy": float(thresholds[np.argmax(accuracy)]),
        "max_youden": float(thresholds[np.argmax(tpr - fpr)]),
    }


def _require_label(label: np.ndarray) -> np.ndarray:
    label = np.asarray(label)
    if label.ndim != 1 or not np.isin(label, (-1, 0, 1)).all():
        raise ValueError(
            f"A label is one series of 1, 0 and -1 (not labelled), got shape {label.shape} with "
            f"values {np.unique(label)[:5].tolist()}."
        )
    return label.astype(np.int8)


def _require_both_classes(label: np.ndarray, names: str) -> None:
    if label.size == 0:
        raise ValueError(
            f"No labelled frame has a forecast of {names}: the forecast is NaN, or the label -1, "
            "on every frame."
        )
    if label.min() == label.max():
        raise ValueError(
            f"All {label.size} frames on which {names} can be scored are labelled {label[0]}: no "
            "score tells classes apart where there is one. Use a longer stretch of film."
        )
