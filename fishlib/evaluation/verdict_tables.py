"""Tables of the verdict, and the same numbers as nested dicts for ``metrics.json``.

``scores`` are dicts of one forecaster's scores, ``drawn`` its bootstrap samples, by name.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from fishlib.evaluation.incremental import share_of_the_way, stacking_gain
from fishlib.evaluation.resampling import interval, shift_test

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
