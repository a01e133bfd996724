"""Tables of the verdict, and the same numbers as nested dicts for ``metrics.json``.

``scores`` are dicts of one forecaster's scores, ``drawn`` its bootstrap samples, by name.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from fishlib.evaluation.alarms import alarm_table
from fishlib.evaluation.beyond import (
    auc_at_equal_level,
    auc_by_lead,
    share_of_the_way,
    stacking_gain,
)
from fishlib.evaluation.bootstrap import bootstrap_scores, interval, shift_test
from fishlib.evaluation.scores import (
    calibrate,
    choose_thresholds,
    comparable_frames,
    learn_from_validation,
    score_all,
    score_forecast,
    undo_class_weights,
)
from fishlib.forecasters.rules import level_forecast
from fishlib.questions import find_onsets

Scores = Mapping[str, Mapping[str, float]]
Samples = Mapping[str, Mapping[str, np.ndarray]]

COMPARED = (
    "auc",
    "average_precision",
    "brier_skill",
    "log_loss",
    "calibrated_brier_skill",
    "calibrated_log_loss",
)
"""Scores of which differences are reported."""
KEYS = ("name", "min_lead_s", "lead", "score")
"""Columns that say what a row is about; the others hold its numbers."""


def score_table(scores: Scores, drawn: Samples) -> pd.DataFrame:
    """Every score of every forecaster: ``name``, ``score``, ``value``, ``low``, ``high``.

    The interval is NaN for counts, thresholds and what was maximised on the scored frames.
    """
    rows = [
        (name, score, value, *interval(drawn[name].get(score, np.empty(0))))
        for name, of_one in scores.items()
        for score, value in of_one.items()
    ]
    return pd.DataFrame(rows, columns=["name", "score", "value", "low", "high"])


def difference_table(
    scores: Scores, drawn: Samples, pairs: Iterable[tuple[str, str]] | None = None
) -> pd.DataFrame:
    """Differences on the same resamples: ``name``, ``first``, ``second``, ``score``,
    ``difference``, ``low``, ``high``, ``different`` (the interval excludes 0)."""
    rows = []
    for first, second in combinations(scores, 2) if pairs is None else pairs:
        for score in COMPARED:
            if score in drawn[first] and score in drawn[second]:
                low, high = interval(drawn[first][score] - drawn[second][score])
                difference = scores[first][score] - scores[second][score]
                name = f"{first} − {second}"
                different = low > 0 or high < 0
                rows.append((name, first, second, score, difference, low, high, different))
    columns = ["name", "first", "second", "score", "difference", "low", "high", "different"]
    return pd.DataFrame(rows, columns=columns)


def chance_table(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    n_shifts: int,
    min_shift: int,
    seed: int,
) -> pd.DataFrame:
    """Circular-shift test of each forecaster; columns as ``resampling.shift_test``."""
    rows = [
        {"name": name, **shift_test(label, forecast, n_shifts, min_shift, seed)}
        for name, forecast in forecasts.items()
    ]
    return pd.DataFrame(rows)


def stacking_table(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    history: str,
    added: Iterable[str],
    **resampling,
) -> pd.DataFrame:
    """What each forecaster adds to ``history``; columns as
    :func:`fishlib.evaluation.incremental.stacking_gain`."""
    rows = [
        {"name": name, **stacking_gain(label, forecasts[history], forecasts[name], **resampling)}
        for name in added
    ]
    return pd.DataFrame(rows)


def share_table(scores: Scores, drawn: Samples, history: str, oracle: str) -> pd.DataFrame:
    """Share of the way from ``history`` to ``oracle``: ``name``, ``score``, ``share``, interval.

    The interval is NaN where more than one resample in forty has no way to go: the oracle is then
    not told from the history model, and a share of nothing means nothing.
    """
    rows = []
    for score in ("auc", "average_precision", "brier_skill", "calibrated_brier_skill"):
        ends = [name for name in (history, oracle) if score in drawn[name]]
        for name in scores if len(ends) == 2 else ():
            if score in drawn[name]:
                share = share_of_the_way(*(scores[n][score] for n in (name, history, oracle)))
                samples = share_of_the_way(*(drawn[n][score] for n in (name, history, oracle)))
                known = np.mean(np.isfinite(samples)) >= 39 / 40
                low, high = interval(samples) if known else (np.nan, np.nan)
                rows.append((name, score, share, low, high))
    return pd.DataFrame(rows, columns=["name", "score", "share", "low", "high"])


def nest(table: pd.DataFrame) -> dict:
    """A table as nested dicts: first by name, then by lead and score, then the numbers.

    A row whose only number is ``value`` becomes that number.
    """
    keys = [key for key in KEYS if key in table]
    nested: dict = {}
    for row in table.to_dict("records"):
        inner = nested
        for key in keys[:-1]:
            inner = inner.setdefault(str(row[key]), {})
        numbers = {k: _plain(v) for k, v in row.items() if k not in keys}
        numbers = {k: v for k, v in numbers.items() if v is not None or k == "value"}
        inner[str(row[keys[-1]])] = numbers["value"] if set(numbers) == {"value"} else numbers
    return nested


def _plain(value: object) -> object:
    """A number that JSON knows; None for NaN."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


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
    motion: np.ndarray | None,
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
    if motion is not None:
        level = -level_forecast(motion)
        parts["equal_level"] = lambda: auc_at_equal_level(label, forecasts, level, **resampling)
    if motion is None and onsets is None:
        return parts
    events = find_onsets(motion, horizon, fps=fps) if onsets is None else onsets
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
    motion: np.ndarray | None = None,
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
    motion : float array (T,), optional
        Motion proxy of the test frames: for onset events and for AUC at equal level.
    onsets : DataFrame, optional
        From :func:`fishlib.evaluation.events.find_onsets`; None finds them in ``motion``.
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
    parts |= motion_parts(asked, forecasts, scores, motion, onsets, fps, horizon, resampling)
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
