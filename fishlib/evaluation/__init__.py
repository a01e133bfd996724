"""The verdict: forecasts judged from arrays alone, without film, tank or TensorFlow."""

from fishlib.evaluation.scores import calibrate, choose_thresholds, score_forecast
from fishlib.evaluation.verdict import Verdict, evaluate

__all__ = ["Verdict", "calibrate", "choose_thresholds", "evaluate", "score_forecast"]
