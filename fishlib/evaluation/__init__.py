"""The verdict: every forecaster through the same protocol.

Scores per frame with block-bootstrap intervals, paired differences, chance by circular shift,
thresholds and calibration from validation, alarms on onset events, what a forecast adds to the
motion's own history, and how far it is on the way to the limit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from fishlib.evaluation.bootstrap import bootstrap_scores
from fishlib.evaluation.calibration import calibrate, undo_class_weights
from fishlib.evaluation.frame_scores import (
    choose_thresholds,
    learn_from_validation,
    score_all,
    score_forecast,
)
from fishlib.evaluation.scores import comparable_frames
from fishlib.evaluation.verdict_parts import frame_parts, history_parts, motion_parts
from fishlib.evaluation.verdict_tables import difference_table, nest, score_table

__all__ = [
    "Evaluation",
    "calibrate",
    "choose_thresholds",
    "compare_forecasts",
    "evaluate",
    "score_forecast",
    "undo_class_weights",
]


def compare_forecasts(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    *,
    pairs: Iterable[tuple[str, str]] | None = None,
    base_rate: float | None = None,
    **resampling,
) -> pd.DataFrame:
    """Paired differences of the scores of forecasts, on the frames where all are defined.

    Parameters
    ----------
    label, forecasts, base_rate
        As for :func:`evaluate`.
    pairs : iterable of (name, name), optional
        First minus second; None takes every pair.
    **resampling
        As in :func:`fishlib.evaluation.resampling.resample_counts`.

    Returns
    -------
    DataFrame
        ``name`` ("first − second"), ``first``, ``second``, ``score``, ``difference``, its 95 %
        interval ``low``, ``high``, and ``different``: whether the interval excludes 0.
    """
    scores = score_all(label, forecasts, base_rate, {}, {})
    drawn = bootstrap_scores(label, forecasts, base_rate=base_rate, **resampling)
    return difference_table(scores, drawn, pairs)


@dataclass(frozen=True)
class Evaluation:
    """What :func:`evaluate` found.

    ``tables`` holds tidy DataFrames, each with the column ``name`` of the forecaster, ``metrics``
    the same numbers as a dict that can be written as JSON, ``left_out`` the parts that could not
    be computed and why.
    """

    tables: dict[str, pd.DataFrame]
    metrics: dict
    left_out: dict[str, str] = field(default_factory=dict)


def evaluate(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    *,
    base_rate: float | None = None,
    validation: tuple[np.ndarray, Mapping[str, np.ndarray]] | None = None,
    speed: np.ndarray | None = None,
    onsets: pd.DataFrame | None = None,
    history: str | None = None,
    added: Iterable[str] | None = None,
    oracle: str | None = None,
    fps: float = 30.0,
    horizon: int = 45,
    n_shifts: int = 999,
    block: int = 300,
    n_resamples: int = 1000,
    seed: int = 0,
    kind: str = "moving",
    progress: bool = True,
) -> Evaluation:
    """Run the protocol on test frames.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecasts : mapping of name -> float array (T,)
        Compared on the frames where all are defined.
    base_rate : float, optional
        Share of positive training frames.
    validation : (label, forecasts) of the validation frames, optional
        Thresholds and calibrations are chosen there, for the forecasts it holds.
    speed : float array (T,), optional
        Motion proxy of the test frames: for onset events and for AUC at equal level.
    onsets : DataFrame, optional
        From :func:`fishlib.evaluation.events.find_onsets`; None finds them in ``speed``.
    history : str, optional
        Name of the best forecaster that reads the motion proxy alone.
    added : names, optional
        Forecasters stacked on it; None takes all others but the oracle.
    oracle : str, optional
        Name of the oracle's forecast, on simulated film.
    fps : float
        Frames a second.
    horizon : int
        Frames an alarm covers.
    n_shifts : int
        Circular shifts, of at least 10 s.
    block, n_resamples, seed, kind, progress
        See :func:`fishlib.evaluation.resampling.resample_counts`.

    Returns
    -------
    Evaluation
        Tables ``scores``, ``differences``, ``chance``, ``leads``, and where their inputs are
        given ``alarms``, ``stacking``, ``equal_level``, ``share_of_the_way``.

    Raises
    ------
    ValueError
        If the input cannot be scored, or is too short for the bootstrap; parts that need more
        than the input holds are left out, with the reason.
    """
    frames = comparable_frames(label, forecasts)
    unknown = {history, oracle, *(added or ())} - {None, *forecasts}
    if unknown:
        raise ValueError(f"No forecast is named {', '.join(map(repr, sorted(unknown)))}.")
    asked = np.where(frames, label, -1)
    resampling = {"block": block, "n_resamples": n_resamples, "seed": seed, "kind": kind}
    thresholds, calibrated = learn_from_validation(validation, forecasts)
    scores = score_all(asked, forecasts, base_rate, thresholds, calibrated)
    drawn = bootstrap_scores(
        asked,
        forecasts,
        base_rate=base_rate,
        thresholds=thresholds,
        calibrated=calibrated,
        progress=progress,
        **resampling,
    )
    found = {"scores": score_table(scores, drawn), "differences": difference_table(scores, drawn)}
    parts = frame_parts(asked, forecasts, n_shifts, fps, resampling)
    parts |= motion_parts(asked, forecasts, scores, speed, onsets, fps, horizon, resampling)
    parts |= history_parts(asked, forecasts, scores, drawn, history, added, oracle, resampling)
    left_out = {}
    for name, part in tqdm(parts.items(), desc="verdict", disable=not progress, leave=False):
        try:
            found[name] = part()
        except ValueError as reason:
            left_out[name] = str(reason)
    setting = resampling | {"n_shifts": n_shifts, "base_rate": base_rate, "history": history}
    metrics = {name: nest(table) for name, table in found.items()}
    return Evaluation(found, metrics | {"setting": setting, "left_out": left_out}, left_out)
