"""The verdict: forecasts of one question judged from arrays alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, wraps
from itertools import combinations

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from fishlib.evaluation.alarms import add_warnings, alarm_curve, alarm_table, raise_alarms, watch
from fishlib.evaluation.beyond import (
    blocks_of,
    difference_table,
    equal_level_table,
    lead_table,
    share_table,
    shift_table,
    stacking_table,
)
from fishlib.evaluation.intervals import (
    Blocks,
    Estimates,
    NothingToJudge,
    estimate_table,
    interval,
    nest,
    no_table,
)
from fishlib.evaluation.scores import (
    Calibration,
    calibrate,
    choose_thresholds,
    estimate_scores,
    frame_losses,
    is_probability,
    reliability_curve,
    require_aligned,
)
from fishlib.splits import by_piece, cut_at_folds, inside, whole

BEST = "best of the motion"
"""Name of the rival that is chosen anew in each fold."""
RULES = ("max_accuracy", "max_youden")
PARTS = (
    "scores",
    "differences",
    "chance",
    "leads",
    "alarms",
    "stacking",
    "equal_level",
    "share_of_the_way",
)
"""The tables of a verdict that go into ``metrics.json``."""
RATES = np.linspace(0, 1, 101)
"""False positive rates at which ROC bands are drawn."""


def _table(make: Callable) -> cached_property:
    """A table made once; an empty one with its reason where there is nothing to judge."""

    @wraps(make)
    def made(verdict: "Verdict") -> pd.DataFrame:
        try:
            return make(verdict)
        except NothingToJudge as reason:
            return no_table(reason)

    return cached_property(made)


@dataclass(frozen=True, eq=False)
class Verdict:
    """Forecasts of one question: all choices made on validation, all judgement on test.

    Every table has the columns ``name``, ``score``, ``value``, ``low``, ``high``, ``blocks``; one
    that could not be computed is empty, and its ``attrs["reason"]`` is a sentence. Tables are made
    when first asked for; :func:`evaluate` asks for all.

    Parameters
    ----------
    forecasts : mapping of name -> float array (T,) or (2, T)
        Probabilities, or scores of which more means a burst; NaN where not defined. Compared on
        the test frames where all are defined. With folds, two rows: the forecast by which a frame
        is judged, and that by which the next fold is chosen.
    question : int array (T,)
        1, 0, or -1 where a frame is not asked.
    folds : mapping of {"train", "validation", "test"} -> frames, or a sequence of them, or None
        One split, or folds (:func:`fishlib.splits.split_film`). None or none where the film is too
        short to be split: the verdict is then empty. Without ``validation`` nothing is chosen.
    rivals : names
        Forecasts that read the motion alone; the best on validation is what others must beat, with
        folds the best of each, in one forecast more, "best of the motion". Where nothing is chosen
        it is the last of them.
    motion : float array (T,), optional
        For AUC at equal level.
    events : DataFrame, optional
        From :func:`fishlib.questions.find_onsets`: the column ``onset`` in frames of the series.
    oracle : str, optional
        Name of the oracle's forecast, on simulated film.
    fps : float
        Frames a second.
    horizon : int
        Frames an alarm covers.
    pieces : DataFrame, optional
        ``film``, ``start``, ``stop``: stretches within which time runs on; None takes one.
    reason : str
        Why there are no parts, for a verdict that is empty.
    choosing : mapping of name -> float array (T,), optional
        The second row of the forecasts; None takes it from there.
    n_shifts : int
        Circular shifts of the test against chance, of at least 10 s.
    block : int
        Frames a block, see :func:`fishlib.evaluation.intervals.cut_blocks`.
    seed : int
        Of the shifts.

    Raises
    ------
    ValueError
        If the arrays are not aligned or hold what they may not, or a name is unknown. A film that
        is short, quiet or of one class raises nothing.
    """

    forecasts: Mapping[str, np.ndarray]
    question: np.ndarray
    folds: Mapping | Sequence[Mapping] | None
    _: KW_ONLY
    rivals: Sequence[str] = ()
    motion: np.ndarray | None = None
    events: pd.DataFrame | None = None
    oracle: str | None = None
    fps: float = 30.0
    horizon: int = 45
    pieces: pd.DataFrame | None = None
    reason: str = ""
    choosing: Mapping[str, np.ndarray] | None = None
    n_shifts: int = 999
    block: int = 300
    seed: int = 0

    def __post_init__(self):
        told = {name: np.atleast_2d(np.asarray(p, float)) for name, p in self.forecasts.items()}
        forecasts = {name: p[0] for name, p in told.items()}
        require_aligned(self.question, forecasts)
        self._require_names({*self.rivals, self.oracle} - {None})
        n_frames = len(self.question)
        if self.motion is not None and np.shape(self.motion) != (n_frames,):
            raise ValueError(
                f"The motion has shape {np.shape(self.motion)} and the question has {n_frames} "
                "frames: give one value a frame."
            )
        if self.events is not None and not self.events.onset.between(0, n_frames - 1).all():
            raise ValueError(
                f"The events run from frame {self.events.onset.min()} to "
                f"{self.events.onset.max()} and the question has {n_frames} frames: count both "
                "from the same frame."
            )
        pieces = whole(n_frames) if self.pieces is None else self.pieces
        folds = [self.folds] if isinstance(self.folds, Mapping) else list(self.folds or [])
        folds = [fold for fold in folds if fold]
        choosing = self.choosing or {name: p[-1] for name, p in told.items()}
        for field, value in {
            "forecasts": forecasts,
            "choosing": choosing,
            "pieces": cut_at_folds(pieces, folds) if len(folds) > 1 else pieces,
            "question": np.asarray(self.question, np.int8),
            "folds": folds,
        }.items():
            object.__setattr__(self, field, value)
        if len(folds) > 1 and len(self.rivals) > 1 and "validation" in folds[0]:
            self._join_best_rivals()

    def _join_best_rivals(self) -> None:
        """Add the best rival of each fold as one forecast."""
        best = [self._best_of(fold) for fold in self.folds]
        if None not in best:
            for told, part in ((self.forecasts, "test"), (self.choosing, "validation")):
                joined = np.full(len(self.question), np.nan)
                for fold, name in zip(self.folds, best, strict=True):
                    joined[fold[part]] = told[name][fold[part]]
                told[BEST] = joined

    def _require_names(self, names: set[str]) -> None:
        unknown = sorted(map(repr, names - set(self.forecasts)))
        if unknown:
            known = ", ".join(self.forecasts)
            raise ValueError(f"No forecast is named {', '.join(unknown)}: there are {known}.")

    @property
    def _film(self) -> dict:
        return {"pieces": self.pieces, "block": self.block}

    def on(self) -> dict[str, np.ndarray]:
        """The forecasts of the frames judged, float (n,); empty where the film was not split."""
        return {name: forecast[self._judging] for name, forecast in self.forecasts.items()}

    @property
    def frames(self) -> np.ndarray:
        """The frames judged, int (n,)."""
        return np.flatnonzero(self._judging)

    @property
    def label(self) -> np.ndarray:
        """The question on the same frames, int8 (n,)."""
        return self.question[self._judging]

    @cached_property
    def _judging(self) -> np.ndarray:
        """Whether a frame is in the test part of a fold, bool (T,)."""
        found = np.zeros(len(self.question), bool)
        for fold in self.folds:
            found[fold["test"]] = True
        return found

    def _require_folds(self) -> None:
        if not self.folds:
            raise NothingToJudge(
                self.reason
                or f"{len(self.question) / self.fps / 60:.1f} minutes of film are too short to be "
                "split into a part to train on, one to choose on and one to judge on."
            )

    @cached_property
    def _asked(self) -> np.ndarray:
        """The question on the test part, -1 elsewhere, int8 (T,)."""
        self._require_folds()
        return np.where(self._judging, self.question, -1).astype(np.int8)

    @cached_property
    def _blocks(self) -> Blocks:
        """The test frames on which every forecast is defined, in blocks."""
        return blocks_of(self._asked, self.forecasts, **self._film)

    @cached_property
    def _judged(self) -> np.ndarray:
        """The question on those frames, -1 elsewhere, int8 (T,)."""
        judged = np.full(len(self.question), -1, np.int8)
        judged[self._blocks.frames] = self.question[self._blocks.frames]
        return judged

    @cached_property
    def _test(self) -> dict[str, np.ndarray]:
        """The forecasts on the test part, NaN elsewhere, float64 (T,)."""
        self._require_folds()
        return {name: np.where(self._judging, p, np.nan) for name, p in self.forecasts.items()}

    def _join(self, of_folds: Sequence[float | np.ndarray]) -> float | np.ndarray:
        """What each fold says, number or (T,): the only one's, or (T,) on the frames of each."""
        if len(of_folds) == 1:
            return of_folds[0]
        joined = np.full(len(self.question), np.nan)
        for fold, told in zip(self.folds, of_folds, strict=True):
            joined[fold["test"]] = told[fold["test"]] if np.ndim(told) else told
        return joined

    @cached_property
    def base_rate(self) -> float | np.ndarray | None:
        """Share of positive training frames, with folds (T,); None if in one none is labelled."""
        asked = [self.question[fold["train"]] for fold in self.folds if "train" in fold]
        known = [one[one >= 0] for one in asked]
        if not known or len(known) < len(self.folds) or not all(one.size for one in known):
            return None
        return self._join([float(one.mean()) for one in known])

    def _told_on_validation(self, fold: Mapping) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The question on a fold's validation part (n,), and what is forecast there."""
        frames = fold.get("validation", slice(0))
        return self.question[frames], {n: p[frames] for n, p in self.choosing.items()}

    @cached_property
    def _learned(self) -> list[dict[str, tuple[dict[str, float], Calibration]]]:
        """Thresholds and calibration chosen on the validation part of each fold, by forecast."""
        return [
            {
                name: (choose_thresholds(asked, p), calibrate(asked, p))
                for name, p in told.items()
                if len(np.unique(asked[np.isfinite(p) & (asked >= 0)])) == 2
            }
            for asked, told in map(self._told_on_validation, self.folds)
        ]

    @property
    def _chosen(self) -> dict[str, dict[str, float | np.ndarray]]:
        """Thresholds of the forecasts that can be judged on validation; with folds (T,)."""
        return {
            name: {rule: self._join([of[name][0][rule] for of in self._learned]) for rule in RULES}
            for name in self.forecasts
            if self.folds and all(name in of for of in self._learned)
        }

    @cached_property
    def _calibrated(self) -> dict[str, np.ndarray]:
        """Forecasts made probabilities by what validation taught."""
        known = self._chosen
        return {
            name: self._join([of[name][1](self.forecasts[name]) for of in self._learned])
            for name in known
        }

    def _best_of(self, fold: Mapping) -> str | None:
        """The rival of lowest log-loss on a fold's validation part."""
        asked, told = self._told_on_validation(fold)
        known = {name: told[name] for name in self.rivals}
        frames = (asked >= 0) & np.isfinite(np.sum([*known.values()], axis=0))
        if not frames.any():
            return None
        both, losses = len(np.unique(asked[frames])) == 2, {}
        for name, p in known.items():
            if not is_probability(self.choosing[name]):
                p = calibrate(asked, p)(p) if both else None
            losses[name] = np.inf if p is None else frame_losses(asked[frames], p[frames])[1].mean()
        return min(losses, key=losses.get)

    @cached_property
    def best_rival(self) -> str | None:
        """The rival of lowest log-loss on validation; None without rivals to choose from."""
        if not self.rivals or not self.folds:
            return None
        if len(self.rivals) == 1 or "validation" not in self.folds[0]:
            return list(self.rivals)[-1]
        if len(self.folds) > 1:
            return BEST if BEST in self.forecasts else None
        return self._best_of(self.folds[0])

    def _require_rival(self) -> str:
        self._require_folds()
        if self.best_rival is None:
            raise NothingToJudge(
                "No rival that reads the motion alone could be chosen on validation."
                if self.rivals
                else "No rival that reads the motion alone was given."
            )
        return self.best_rival

    @property
    def cuts(self) -> dict[str, float]:
        """The threshold of highest Youden's J, chosen on validation; on test without one there.

        Forecasts that can be judged on neither have none. With folds their mean, and none where
        nothing is chosen.
        """
        return {name: float(np.nanmean(cut)) for name, cut in self._cuts.items()}

    @cached_property
    def _cuts(self) -> dict[str, float | np.ndarray]:
        rules = self._chosen
        if len(self.folds) == 1 and len(self.scores):
            here = {n: p for n, p in self.forecasts.items() if n not in rules}
            rules = rules | {n: choose_thresholds(self._judged, p) for n, p in here.items()}
        return {name: of_one["max_youden"] for name, of_one in rules.items()}

    @cached_property
    def _estimates(self) -> Estimates:
        """Every score of every forecast, with and without each block."""
        return {
            name: estimate_scores(
                self.question,
                forecast,
                self._blocks,
                base_rate=self.base_rate,
                thresholds=self._chosen.get(name),
                calibrated=self._calibrated.get(name),
            )
            for name, forecast in self.forecasts.items()
        }

    @_table
    def scores(self) -> pd.DataFrame:
        """All of :func:`fishlib.evaluation.scores.estimate_scores`; no interval for counts,
        thresholds and what was maximised on the judged frames."""
        return estimate_table(self._estimates)

    @_table
    def differences(self) -> pd.DataFrame:
        """Differences of all pairs, as from :meth:`compare`."""
        return difference_table(self._estimates, combinations(self.forecasts, 2))

    def compare(
        self, firsts: str | Sequence[str], seconds: str | Sequence[str] | None
    ) -> pd.DataFrame:
        """Differences of each of some forecasts from each of others, by :func:`difference_table`.

        Empty with a reason if nothing could be scored; ``seconds`` None is the best rival.

        Raises
        ------
        ValueError
            If a forecast is unknown.
        """
        if not self.folds:
            return self.scores
        firsts, seconds = ([n] if isinstance(n, str) else n for n in (firsts, seconds))
        self._require_names({*firsts, *(seconds or ())})
        try:
            seconds = [self._require_rival()] if seconds is None else seconds
            pairs = [(a, b) for a in firsts for b in seconds if a != b]
            return difference_table(self._estimates, pairs)
        except NothingToJudge as reason:
            return no_table(reason)

    @_table
    def chance(self) -> pd.DataFrame:
        """``auc``, ``p_value``, ``shifts`` and ``auc_by_chance`` by circular shifts."""
        least = round(10 * self.fps)
        return shift_table(self._judged, self._test, self.n_shifts, least, self.seed)

    @_table
    def leads(self) -> pd.DataFrame:
        """``auc`` of forecasts held back by ``lead`` seconds."""
        return lead_table(self._judged, self._test, fps=self.fps, **self._film)

    @_table
    def equal_level(self) -> pd.DataFrame:
        """``auc`` among frames of equal motion just before."""
        judged = self._judged
        if self.motion is None:
            raise NothingToJudge("No motion was given to compare frames of equal level.")
        level = by_piece(lambda series: np.append(np.nan, series[:-1]), self.pieces, self.motion)
        return equal_level_table(judged, self._test, level, **self._film)

    @_table
    def alarms(self) -> pd.DataFrame:
        """Scores of the alarms raised at :attr:`cuts`, for some ``min_lead_s``."""
        test, onsets = self._test, self._require_onsets()
        clock = {"horizon": self.horizon, "fps": self.fps}
        return alarm_table(test, onsets, self._cuts, **clock, **self._film)

    @property
    def test_events(self) -> pd.DataFrame:
        """The events whose onset lies in the test part, in frames of the series."""
        events = pd.DataFrame(columns=["onset"]) if self.events is None else self.events
        return events[self._judging[events.onset.to_numpy(int)]].reset_index(drop=True)

    def _require_onsets(self) -> np.ndarray:
        if self.events is None:
            raise NothingToJudge("No events were given for alarms to warn of.")
        return self.test_events.onset.to_numpy(int)

    def raised(self, name: str) -> np.ndarray:
        """Frames of the series at which a forecast raises its alarms in the test part."""
        if name not in self._cuts:
            return np.empty(0, int)
        return raise_alarms(self._test[name], self._cuts[name], self.horizon)

    def warned(self, name: str) -> pd.DataFrame:
        """:attr:`test_events` with the ``alarm`` that preceded each, and its ``lead_s``."""
        return add_warnings(self.test_events, self.raised(name), self.horizon, self.fps)

    def warning_curve(self, name: str) -> pd.DataFrame:
        """Alarm scores over thresholds, see :func:`fishlib.evaluation.alarms.alarm_curve`."""
        try:
            forecast, onsets = self._test[name], self._require_onsets()
            seen = watch(forecast, onsets, self.horizon, self.fps, self.pieces)
            return alarm_curve(forecast, seen)
        except NothingToJudge as reason:
            return no_table(reason)

    @_table
    def stacking(self) -> pd.DataFrame:
        """``gain`` in log-loss of stacking each forecast on the best rival."""
        judged, best = self._judged, self._require_rival()
        added = {n: p for n, p in self._test.items() if n not in (best, self.oracle)}
        return stacking_table(judged, self._test[best], added, **self._film)

    @_table
    def share_of_the_way(self) -> pd.DataFrame:
        """How far each forecast is on the way from the best rival to the oracle."""
        estimates, best = self._estimates, self._require_rival()
        if self.oracle is None:
            raise NothingToJudge("No oracle is known: only a simulated film has a known limit.")
        return share_table(estimates, best, self.oracle)

    @_table
    def thresholds(self) -> pd.DataFrame:
        """Thresholds of highest accuracy and Youden's J chosen on validation."""
        if not self._chosen:
            raise NothingToJudge("No forecast has validation frames of both classes.")
        mean = {n: {k: np.nanmean(v) for k, v in of.items()} for n, of in self._chosen.items()}
        return estimate_table(mean)

    @_table
    def by_film(self) -> pd.DataFrame:
        """``auc`` of each forecast on each film, with the column ``film``."""
        films, tables = self.pieces.film.unique(), []
        if len(films) < 2:
            raise NothingToJudge("There is one film: nothing differs between films.")
        for film in films:
            own = self.pieces[self.pieces.film == film]
            judged = np.where(inside(own, len(self.question)), self._judged, -1)
            if len(np.unique(judged[judged >= 0])) == 2:
                blocks = blocks_of(judged, self.forecasts, own, self.block)
                y = judged[blocks.frames]
                aucs = {n: blocks.auc(y, p[blocks.frames]) for n, p in self.forecasts.items()}
                estimates = {(name, film): {"auc": auc} for name, auc in aucs.items()}
                tables.append(estimate_table(estimates, ("name", "film")))
        if not tables:
            raise NothingToJudge("No film holds frames of both classes.")
        return pd.concat(tables, ignore_index=True)

    @_table
    def reliability(self) -> pd.DataFrame:
        """CORP reliability: ``value`` is the frequency of positives, beside ``forecast``."""
        tables = [
            reliability_curve(self._judged, p, self._blocks)
            .rename(columns={"frequency": "value"})
            .assign(name=name, score="frequency")
            for name, p in self.forecasts.items()
        ]
        return pd.concat(tables, ignore_index=True)

    def roc_bands(self, names: Sequence[str]) -> dict[str, tuple[np.ndarray, ...]]:
        """Pointwise 95 % band of ROC curves; none where there is no interval.

        Returns
        -------
        dict of name -> (false positive rates, lowest, highest true positive rate), each (k,)
        """
        try:
            blocks = self._blocks
        except NothingToJudge:
            return {}
        bands, y = {}, self.question[blocks.frames]
        for name in names:
            curves = blocks.ranked(y, self.forecasts[name][blocks.frames], RATES)[1]
            ends = np.array([interval(curve, bounded=True) for curve in curves.T])
            if np.isfinite(ends).all():
                bands[name] = (RATES, *ends.T)
        return bands

    @property
    def left_out(self) -> dict[str, str]:
        """The parts that could not be computed, and why."""
        tables = {name: getattr(self, name) for name in PARTS}
        reasons = {k: t.attrs["reason"] for k, t in tables.items() if "reason" in t.attrs}
        few = self.scores.attrs.get("note")
        return reasons | ({"intervals": few} if few else {})

    @property
    def metrics(self) -> dict:
        """All numbers as a nested dict that can be written as JSON."""
        numbers = {name: nest(getattr(self, name)) for name in PARTS if name not in self.left_out}
        if len(self.by_film):
            numbers["by_film"] = nest(self.by_film)
        setting = {"n_shifts": self.n_shifts, "best_rival": self.best_rival}
        setting |= {"block": self.block, "seed": self.seed}
        setting["folds"] = len(self.folds)
        setting["base_rate"] = None if self.base_rate is None else np.nanmean(self.base_rate)
        return {**numbers, "setting": setting, "left_out": self.left_out}


def evaluate(
    forecasts: Mapping[str, np.ndarray],
    question: np.ndarray,
    folds: Mapping | Sequence[Mapping] | None,
    *,
    progress: bool = True,
    **film,
) -> Verdict:
    """Run the whole protocol: choose on the validation part, judge on the test part.

    Parameters
    ----------
    forecasts, question, folds
        As for :class:`Verdict`.
    progress : bool
        Show a progress bar over the parts.
    **film
        ``rivals``, ``motion``, ``events``, ``oracle``, ``fps``, ``horizon``, ``pieces``,
        ``reason``, ``n_shifts``, ``block``, ``seed``, as for :class:`Verdict`.
    """
    verdict = Verdict(forecasts, question, folds, **film)
    for name in tqdm(PARTS, desc="verdict", disable=not progress, leave=False):
        getattr(verdict, name)
    return verdict
