"""Calibration: does a forecast of 0.3 come true three times in ten, and how to make it so."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from fishlib.evaluation.scores import comparable_frames, is_probability


@dataclass(frozen=True)
class Calibration:
    """A Platt calibration: ``expit(intercept + slope * x)``.

    x is the log-odds of a forecast that was a probability when the calibration was fitted, and
    (forecast - centre) / scale of any other score. Strictly monotone, so the order of the
    forecasts, and with it AUC and average precision, stays as it is; a slope below 0, met only
    when the forecast is worse than chance on the frames of the fit, turns the order around.
    """

    slope: float
    intercept: float
    of_probability: bool
    centre: float = 0.0
    scale: float = 1.0

    def __call__(self, forecast: np.ndarray) -> np.ndarray:
        """Probability of each frame, float64 (T,), NaN where the forecast is."""
        forecast = np.asarray(forecast, dtype=float)
        x = log_odds(forecast) if self.of_probability else (forecast - self.centre) / self.scale
        return expit(self.intercept + self.slope * x)


def calibrate(label: np.ndarray, forecast: np.ndarray) -> Calibration:
    """Fit a Platt calibration on validation frames, to be applied to test frames.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecast : float array (T,)
        A probability or any score, NaN where not defined.

    Returns
    -------
    Calibration
        Callable: ``calibrate(label_val, p_val)(p_test)``.

    Raises
    ------
    ValueError
        If the frames that can be used hold one class only.
    """
    frames = comparable_frames(label, {"to calibrate": forecast})
    x = np.asarray(forecast, dtype=float)[frames]
    of_probability = is_probability(x)
    centre, scale = (0.0, 1.0) if of_probability else (float(x.mean()), float(x.std()) or 1.0)
    x = log_odds(x) if of_probability else (x - centre) / scale
    fit = LogisticRegression(C=1e6).fit(x[:, None], np.asarray(label)[frames])
    return Calibration(
        float(fit.coef_[0, 0]), float(fit.intercept_[0]), of_probability, centre, scale
    )


def log_odds(probability: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), of p kept within 1e-6 of 0 and 1, so that it stays finite."""
    return logit(np.clip(np.asarray(probability, dtype=float), 1e-6, 1 - 1e-6))


def undo_class_weights(probability: np.ndarray, weights: dict[int, float]) -> np.ndarray:
    """The probability a network would give, had its classes not been weighted in training.

    Training with weights w0 and w1 multiplies the odds by w1 / w0; this divides them again.
    Source: Elkan, *The Foundations of Cost-Sensitive Learning*, IJCAI 2001, theorem 2.

    Parameters
    ----------
    probability : float array (T,)
        In [0, 1], NaN where undefined.
    weights : dict
        Weight of class 0 and of class 1, both above 0, as given to training.

    Returns
    -------
    float64 array (T,)

    Raises
    ------
    ValueError
        If the weights are not two positive numbers or a value is outside [0, 1].
    """
    if set(weights) != {0, 1} or min(weights.values()) <= 0:
        raise ValueError(f"Class weights are {{0: w0, 1: w1}}, both above 0, got {weights}.")
    p = np.asarray(probability, dtype=float)
    if not is_probability(p):
        raise ValueError("Class weights act on odds: the forecast must lie in [0, 1].")
    return p * weights[0] / (p * weights[0] + (1 - p) * weights[1])


def corp_decomposition(label: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    """The Brier score as miscalibration - discrimination + uncertainty (CORP).

    The forecast is recalibrated on the same frames by isotonic regression; miscalibration is what
    that gains over the forecast, discrimination what it gains over the share of positives, and
    uncertainty the Brier score of that share. Source: Dimitriadis, Gneiting and Jordan, PNAS 118
    (2021) e2016191118.

    Parameters
    ----------
    label : int array (n,)
        1 or 0.
    forecast : float array (n,)
        Without gaps. Miscalibration is NaN if it is not a probability.
    """
    uncertainty = float(np.var(label))
    recalibrated = np.mean((_recalibrate(label, forecast) - label) ** 2)
    brier = np.mean((forecast - label) ** 2) if is_probability(forecast) else np.nan
    return {
        "miscalibration": float(brier - recalibrated),
        "discrimination": float(uncertainty - recalibrated),
        "uncertainty": uncertainty,
    }


def reliability_curve(label: np.ndarray, forecast: np.ndarray) -> pd.DataFrame:
    """The CORP reliability diagram as a table: one row a bin found by isotonic regression.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecast : float array (T,)
        NaN where not defined.

    Returns
    -------
    DataFrame
        ``frequency`` of positives, ``forecast`` (mean), ``lowest`` and ``highest`` forecast, and
        number of ``frames``; in rising order.
    """
    frames = comparable_frames(label, {"to calibrate": forecast})
    label, forecast = np.asarray(label)[frames], np.asarray(forecast, dtype=float)[frames]
    bins = pd.DataFrame({"frequency": _recalibrate(label, forecast), "p": forecast})
    table = bins.groupby("frequency").p.agg(
        forecast="mean", lowest="min", highest="max", frames="size"
    )
    return table.reset_index()


def _recalibrate(label: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    return IsotonicRegression().fit_transform(forecast, label)
