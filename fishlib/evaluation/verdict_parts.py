"""The parts of the verdict beyond frame scores: each a function that makes one table when called.

A part raises ValueError where the film is too short or too quiet for it.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from fishlib.evaluation.alarm_curves import alarm_table
from fishlib.evaluation.events import find_onsets
from fishlib.evaluation.incremental import auc_at_equal_level
from fishlib.evaluation.leads import auc_by_lead
from fishlib.evaluation.verdict_tables import (
    Samples,
    Scores,
    chance_table,
    share_table,
    stacking_table,
)
from fishlib.forecasters import level_forecast

Parts = dict[str, Callable[[], pd.DataFrame]]
Forecasts = Mapping[str, np.ndarray]

LEAD_RESAMPLES = 200
"""Resamples for AUC against lead, a figure of many points."""


def frame_parts(
    label: np.ndarray, forecasts: Forecasts, n_shifts: int, fps: float, resampling: Mapping
) -> Parts:
    """``chance``: the circular-shift test; ``leads``: AUC of forecasts held back."""
    fewer = {**resampling, "n_resamples": min(resampling["n_resamples"], LEAD_RESAMPLES)}
    return {
        "chance": lambda: chance_table(
            label, forecasts, n_shifts, round(10 * fps), resampling["seed"]
        ),
        "leads": lambda: auc_by_lead(label, forecasts, fps=fps, **fewer),
    }


def motion_parts(
    label: np.ndarray,
    forecasts: Forecasts,
    scores: Scores,
    speed: np.ndarray | None,
    onsets: pd.DataFrame | None,
    fps: float,
    horizon: int,
    resampling: Mapping,
) -> Parts:
    """``equal_level`` if the motion is given, ``alarms`` if it or the onsets are.

    Alarms are raised at the threshold of highest Youden's J chosen on validation, or, for a
    forecast without one, at the best on the scored frames.
    """
    parts: Parts = {}
    if speed is not None:
        level = -level_forecast(speed)
        parts["equal_level"] = lambda: auc_at_equal_level(label, forecasts, level, **resampling)
    if speed is None and onsets is None:
        return parts
    events = find_onsets(speed, horizon, fps=fps) if onsets is None else onsets
    at = {
        name: of_one.get("chosen_max_youden_threshold", of_one["max_youden_threshold"])
        for name, of_one in scores.items()
    }
    parts["alarms"] = lambda: alarm_table(
        forecasts, events.onset.to_numpy(), at, horizon=horizon, fps=fps, **resampling
    )
    return parts


def history_parts(
    label: np.ndarray,
    forecasts: Forecasts,
    scores: Scores,
    drawn: Samples,
    history: str | None,
    added: Iterable[str] | None,
    oracle: str | None,
    resampling: Mapping,
) -> Parts:
    """``stacking`` on the best history model, ``share_of_the_way`` from it to the oracle."""
    if history is None:
        return {}
    others = [name for name in forecasts if name not in (history, oracle)]
    others = others if added is None else list(added)
    parts: Parts = {
        "stacking": lambda: stacking_table(label, forecasts, history, others, **resampling)
    }
    if oracle is not None:
        parts["share_of_the_way"] = lambda: share_table(scores, drawn, history, oracle)
    return parts
