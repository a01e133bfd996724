"""An interval on every number: what it would be without each block of film in turn.

An *estimate* is a float64 array (1 + K,): a score on all judged frames, then the score without the
first block, without the second, and so on. Differences, ratios and shares of estimates are
estimates again, and paired, because all share their blocks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtrit

from fishlib.files import plain

COLUMNS = ["name", "score", "value", "low", "high", "blocks"]
"""Columns every table of a verdict has; what a row is about further stands before or after."""
FURTHER = ["film", "min_lead_s", "lead", "first", "second"]
"""Columns that only some tables have, and an empty one too: it can be asked as they are."""
LEVEL = 0.95
"""Share of intervals that are to hold the truth."""
FEWEST = 6
"""Blocks, or films, below which no interval is given."""
MOST_RANKED = 40_000_000
"""Frames times blocks above which not all frames are ranked."""
BOUNDED = (
    "auc", "auc_pooled", "average_precision", "brier", "accuracy", "tpr", "fpr", "sensitivity",
    "time_in_warning", "area", "frequency",
)  # fmt: skip
"""Ends of the names of scores that lie in (0, 1): their interval is made on the logit scale."""


class NothingToJudge(ValueError):
    """The film is too short, too quiet or of one class: no fault of the input, but no number."""


def no_table(reason: object) -> pd.DataFrame:
    """An empty table that says why it is, in ``attrs["reason"]``."""
    table = pd.DataFrame(columns=[*COLUMNS, *FURTHER])
    table.attrs["reason"] = str(reason)
    return table


def or_reason(make: Callable) -> Callable:
    """Decorator: where there is nothing to judge, an empty table with the reason is returned."""

    @wraps(make)
    def made(*args, **options) -> pd.DataFrame:
        try:
            return make(*args, **options)
        except NothingToJudge as reason:
            return no_table(reason)

    return made


@dataclass(frozen=True)
class Blocks:
    """The judged frames, and the block and the stratum each lies in.

    ``frames`` int (n,) ascending; ``of`` int (n,) counts the blocks from 0, ``strata`` int (n,) the
    films, or what a fold judges of them; ``count`` is the number of blocks.
    """

    frames: np.ndarray
    of: np.ndarray
    strata: np.ndarray
    count: int

    @classmethod
    def one(cls, frames: np.ndarray) -> "Blocks":
        """All judged frames, int (n,), in one block: estimates without an interval."""
        return cls(frames, np.zeros(len(frames), int), np.zeros(len(frames), int), 1)

    def only(self, kept: np.ndarray) -> "Blocks":
        """The blocks of some of the judged frames, bool (n,); those left without any are gone."""
        of = np.unique(self.of[kept], return_inverse=True)[1]
        return Blocks(self.frames[kept], of, self.strata[kept], int(of.max()) + 1)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Estimate of the number of judged frames."""
        return self.totals(1.0)

    @cached_property
    def _every(self) -> np.ndarray:
        """The block of every frame up to the last judged one; one that is not judged has that of
        the next that is."""
        return np.repeat(self.of, np.diff(self.frames, prepend=-1))

    def totals(self, values: np.ndarray | float, at: np.ndarray | None = None) -> np.ndarray:
        """Estimate of the sum of values (m,) that stand at frames (m,), or at all judged ones."""
        of = self.of if at is None else self._every[np.minimum(at, len(self._every) - 1)]
        sums = np.bincount(of, np.broadcast_to(values, of.shape), self.count)
        return np.append(sums.sum(), sums.sum() - sums)

    def mean(self, values: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
        """Estimate of the mean of values (n,) at the judged frames."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.totals(values * weights) / self.totals(weights)

    def auc(
        self, label: np.ndarray, forecast: np.ndarray, strata: np.ndarray | None = None
    ) -> np.ndarray:
        """Estimate of the area under the ROC curve, over pairs of the same stratum.

        The share of (positive, negative) pairs of frames in the right order, a tie counting half.
        Without a block are missing the pairs of its positives and of its negatives; those of both
        were taken off twice. The spread over blocks of one frame is that of DeLong et al. (1988).

        Parameters
        ----------
        label : array (n,)
            1 or 0.
        forecast : float array (n,)
        strata : int array (n,), optional
            None takes those of the blocks.
        """
        strata = np.unique(self.strata if strata is None else strata, return_inverse=True)[1]
        positive = np.asarray(label) == 1
        rank = np.unique(forecast, return_inverse=True)[1]
        right = _pairs_in_order(positive, rank, strata)
        within = _pairs_in_order(positive, rank, strata * self.count + self.of)
        right = self.totals(np.where(positive, right, 0)) - np.append(
            0, np.bincount(self.of, np.where(positive, -within, right), self.count)
        )
        size = (strata.max() + 1, self.count)
        cells = np.ravel_multi_index((strata, self.of), size)
        here = [np.bincount(cells[y], minlength=np.prod(size)) for y in (positive, ~positive)]
        here = np.reshape(here, (2, *size))  # frames of both classes
        every = here.sum(axis=2, keepdims=True)
        pairs = np.append(np.prod(every, axis=0).sum(), np.prod(every - here, axis=0).sum(axis=0))
        with np.errstate(invalid="ignore", divide="ignore"):
            return right / pairs

    def ranked(
        self, label: np.ndarray, forecast: np.ndarray, rates: Sequence[float] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Estimates of average precision, and of the true positive rates at false positive rates.

        Average precision is the mean, over the positives, of the precision among all frames of at
        least their forecast. Of many frames in many blocks every so many are ranked, for it is done
        anew without each block.

        Parameters
        ----------
        label, forecast : arrays (n,)
        rates : k numbers, optional
            In [0, 1].

        Returns
        -------
        float64 arrays (1 + K,) and (1 + K, k)
        """
        every = -(-len(forecast) * self.count // MOST_RANKED)
        label, forecast, of = (np.asarray(one)[::every] for one in (label, forecast, self.of))
        order = np.argsort(-forecast, kind="stable")
        of, y = of[order], label[order] == 1
        descending = -forecast[order]
        last = np.searchsorted(descending, descending, "right") - 1
        corners = np.unique(last)
        precision, curves = [], []
        for left_out in range(-1, self.count):
            kept = of != left_out
            true, called = np.cumsum(kept & y), np.cumsum(kept)
            false = (called - true)[corners]
            reached = np.searchsorted(false, np.asarray(rates) * false[-1] * (1 + 1e-12), "right")
            found = last[kept & y]
            with np.errstate(invalid="ignore", divide="ignore"):
                precision.append(np.sum(true[found] / called[found]) / true[-1])
                curves.append(np.append(0, true[corners])[reached] / true[-1])
        return np.array(precision), np.array(curves)

    def roc_band(self, label: np.ndarray, forecast: np.ndarray) -> tuple[np.ndarray, ...]:
        """Pointwise 95 % band of a ROC curve: false positive rates, lowest, highest true positive
        rates, each (101,); NaN where there is no interval."""
        rates = np.linspace(0, 1, 101)
        curves = self.ranked(label, forecast, rates)[1]
        return rates, *np.array([interval(curve, bounded=True) for curve in curves.T]).T


def _pairs_in_order(positive: np.ndarray, rank: np.ndarray, group: np.ndarray) -> np.ndarray:
    """For each frame, how many pairs with the other class of its group are in the right order, a
    tie counting half; float64 (n,)."""
    size = rank.max() + 1
    pairs = np.zeros(len(rank))
    for mine, ascending in ((positive, rank), (~positive, size - 1 - rank)):
        key = group * size + ascending
        other = np.sort(key[~mine])
        below, up_to = (np.searchsorted(other, key[mine], side) for side in ("left", "right"))
        pairs[mine] = (below + up_to) / 2 - np.searchsorted(other, group[mine] * size, "left")
    return pairs


def cut_blocks(judged: np.ndarray, pieces: pd.DataFrame, block: int = 300) -> Blocks:
    """Cut the judged frames into blocks of film.

    Each piece, from its first judged frame to its last, is cut into blocks of about ``block``
    frames; blocks without a judged frame do not count. From six films on a film is a block.

    Parameters
    ----------
    judged : bool array (T,)
    pieces : DataFrame
        ``film``, ``start``, ``stop``, and perhaps ``fold`` (by which models a piece is judged:
        films and folds are the strata).
    block : int
        Frames: long enough that neighbouring blocks hardly know of each other (300 = 10 s).
    """
    frames = np.flatnonzero(judged)
    piece = np.searchsorted(pieces.start.to_numpy(), frames, "right") - 1
    films = np.unique(pd.factorize(pieces.film)[0][piece], return_inverse=True)[1]
    fold = pieces.get("fold", pd.Series(0, pieces.index)).to_numpy()[piece]
    strata = np.unique(films * (fold.max(initial=0) + 2) + fold, return_inverse=True)[1]
    of = films
    if len(np.unique(films)) < FEWEST:
        ends = pd.DataFrame({"piece": piece, "frame": frames}).groupby("piece").frame
        first, length = ends.transform("min"), ends.transform("max") - ends.transform("min") + 1
        count = np.maximum(1, np.round(length / block))
        within = ((frames - first) * count // length).to_numpy(int)
        of = np.unique(piece * (within.max() + 1) + within, return_inverse=True)[1]
    return Blocks(frames, of, strata, int(of.max()) + 1)


def interval(estimate: np.ndarray, bounded: bool = False) -> tuple[float, float]:
    """95 % interval of an estimate: delete-one-block jackknife with Student's t, K - 1 degrees.

    Coverage in simulation: ``tests/benchmarks/COVERAGE.md``.

    Parameters
    ----------
    estimate : float array (1 + K,)
    bounded : bool
        The score lies in (0, 1): the interval is made on the logit scale.

    Returns
    -------
    tuple of float
        NaN with fewer than six blocks.
    """
    estimate = np.asarray(estimate, float)
    count = len(estimate) - 1
    if count < FEWEST or not np.isfinite(estimate).all():
        return float("nan"), float("nan")
    on_logit = bounded and estimate.min() > 0 and estimate.max() < 1
    scaled = logit(estimate) if on_logit else estimate
    spread = np.sqrt((count - 1) * np.var(scaled[1:]))
    ends = scaled[0] + stdtrit(count - 1, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) * spread
    if bounded:
        ends = expit(ends) if on_logit else np.clip(ends, 0, 1)
    return float(ends[0]), float(ends[1])


def row_of(estimate: np.ndarray, bounded: bool) -> tuple[float, float, float, int | None]:
    """``value``, ``low``, ``high`` and ``blocks`` of an estimate, or of a bare number."""
    estimate = np.atleast_1d(estimate)
    low, high = interval(estimate, bounded)
    return float(estimate[0]), low, high, len(estimate) - 1 or None


def estimate_table(
    estimates: Mapping, keys: tuple[str, ...] = ("name",), bounded: tuple[str, ...] = BOUNDED
) -> pd.DataFrame:
    """Estimates as a tidy table: the keys, ``score``, ``value``, ``low``, ``high``, ``blocks``."""
    rows = [
        (
            *(about if isinstance(about, tuple) else (about,)),
            score,
            *row_of(estimate, score.endswith(bounded)),
        )
        for about, of_one in estimates.items()
        for score, estimate in of_one.items()
    ]
    return tidy(rows, [*keys, *COLUMNS[1:]])


def tidy(rows: list[tuple], columns: list[str] = COLUMNS) -> pd.DataFrame:
    """Rows as a table; a note in ``attrs`` where there are too few blocks for intervals."""
    table = pd.DataFrame(rows, columns=columns).astype({"blocks": "Int64"})
    few = table.blocks.max() if table.blocks.notna().any() else FEWEST
    if few < FEWEST:
        table.attrs["note"] = (
            f"{few} blocks of film are too few for an interval: it takes at least {FEWEST}."
        )
    return table


def nest(table: pd.DataFrame) -> dict:
    """A table as nested dicts: by name, then by lead if there is one, then by score.

    A row whose only number is ``value`` becomes that number.
    """
    keys = [key for key in ("film", "name", "lead", "min_lead_s", "score") if key in table]
    nested: dict = {}
    for row in plain(table.to_dict("records")):
        inner = nested
        for key in keys[:-1]:
            inner = inner.setdefault(str(row[key]), {})
        numbers = {k: v for k, v in row.items() if k not in keys}
        numbers = {k: v for k, v in numbers.items() if v is not None or k == "value"}
        inner[row["score"]] = numbers["value"] if set(numbers) == {"value"} else numbers
    return nested
