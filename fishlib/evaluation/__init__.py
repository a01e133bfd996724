"""The verdict: forecasts judged from arrays alone, without film, tank or TensorFlow."""

from fishlib.evaluation.scores import (
    calibrate,
    choose_thresholds,
    score_forecast,
    undo_class_weights,
)
from fishlib.evaluation.verdict import Evaluation, compare_forecasts, evaluate

__all__ = [
    "Evaluation",
    "calibrate",
    "choose_thresholds",
    "compare_forecasts",
    "evaluate",
    "score_forecast",
    "undo_class_weights",
]
