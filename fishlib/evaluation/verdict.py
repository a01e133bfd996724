"""The verdict: forecasts of one question judged from arrays alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from fishlib.evaluation import alarms, beyond, intervals, scores
from fishlib.evaluation.alarms import Watch, watch
from fishlib.evaluation.intervals import NothingToJudge, or_reason
from fishlib.motion import behind
from fishlib.questions import require_within
from fishlib.spans import SECONDS, frames_in
from fishlib.splits import by_piece, cut_at_folds, whole

PARTS = (
    "scores", "differences", "chance", "leads", "alarms", "stacking", "equal_level",
    "share_of_the_way",
)  # fmt: skip
"""The tables of a verdict that go into ``metrics.json``."""


def _table(make: Callable) -> cached_property:
    """A table made once; an empty one with its reason where there is nothing to judge."""
    return cached_property(or_reason(make))


@dataclass(eq=False)
class Verdict(scores.Choices):
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
    raise_at : mapping of name -> float, optional
        Thresholds of the alarms, given and not chosen: forecasts without raise none.
    n_shifts : int
        Circular shifts of the test against chance, of at least 10 s.
    block : float
        Seconds of film a block, see :func:`fishlib.evaluation.intervals.cut_blocks`.
    seed : int
        Of the shifts.

    Raises
    ------
    ValueError
        If the arrays are not aligned or hold what they may not, or a name is unknown. A film that
        is short, quiet or of one class raises nothing.
    """

    _: KW_ONLY
    motion: np.ndarray | None = None
    events: pd.DataFrame | None = None
    oracle: str | None = None
    fps: float = 30.0
    horizon: int = 45
    pieces: pd.DataFrame | None = None
    reason: str = ""
    raise_at: Mapping[str, float] | None = None
    n_shifts: int = 999
    block: float = SECONDS["block"]
    seed: int = 0

    def __post_init__(self):
        told = {name: np.atleast_2d(np.asarray(p, float)) for name, p in self.forecasts.items()}
        self.forecasts = {name: p[0] for name, p in told.items()}
        scores.require_aligned(self.question, self.forecasts)
        self._require_names({*self.rivals, self.oracle} - {None})
        n_frames = len(self.question)
        if self.motion is not None and np.shape(self.motion) != (n_frames,):
            raise ValueError(
                f"The motion has shape {np.shape(self.motion)} and the question has {n_frames} "
                "frames: give one value a frame."
            )
        if self.events is not None:
            require_within(self.events.onset, n_frames, "The events", "the question")
        folds = [self.folds] if isinstance(self.folds, Mapping) else self.folds or []
        self.folds = [fold for fold in folds if fold]
        self.question, self.rivals = np.asarray(self.question, np.int8), list(self.rivals)
        self.pieces = whole(n_frames) if self.pieces is None else self.pieces
        if len(self.folds) > 1:
            self.pieces = cut_at_folds(self.pieces, self.folds)
        self.choosing = self.choosing or {name: p[-1] for name, p in told.items()}
        self._add_best()

    def _require_names(self, names: set[str]) -> None:
        unknown = sorted(map(repr, names - set(self.forecasts)))
        if unknown:
            known = ", ".join(self.forecasts)
            raise ValueError(f"No forecast is named {', '.join(unknown)}: there are {known}.")

    @property
    def _film(self) -> dict:
        return {"pieces": self.pieces, "block": frames_in(self.block, self.fps)}

    def on(self) -> dict[str, np.ndarray]:
        """The forecasts of the frames judged, float (n,); empty where the film was not split."""
        return {name: forecast[self.judging] for name, forecast in self.forecasts.items()}

    @property
    def frames(self) -> np.ndarray:
        """The frames judged, int (n,)."""
        return np.flatnonzero(self.judging)

    @property
    def label(self) -> np.ndarray:
        """The question on the same frames, int8 (n,)."""
        return self.question[self.judging]

    def _require_folds(self) -> None:
        if not self.folds:
            raise NothingToJudge(
                self.reason
                or f"{len(self.question) / self.fps / 60:.1f} minutes of film are too short to be "
                "split into a part to train on, one to choose on and one to judge on."
            )

    @cached_property
    def _blocks(self) -> intervals.Blocks:
        """The test frames on which every forecast is defined, in blocks."""
        self._require_folds()
        asked = np.where(self.judging, self.question, -1)
        return beyond.blocks_of(asked, self.forecasts, **self._film)

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
        return {name: np.where(self.judging, p, np.nan) for name, p in self.forecasts.items()}

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
    def _cuts(self) -> Mapping[str, float | np.ndarray]:
        if self.raise_at is not None:
            return self.raise_at
        rules = self.chosen
        if len(self.folds) == 1 and len(self.scores):
            here = {n: p for n, p in self.forecasts.items() if n not in rules}
            rules = rules | {n: scores.choose_thresholds(self._judged, p) for n, p in here.items()}
        return {name: of_one["max_youden"] for name, of_one in rules.items()}

    @cached_property
    def _estimates(self) -> dict[str, dict[str, np.ndarray]]:
        """Every score of every forecast, with and without each block."""
        estimates = {}
        for name, p in self.forecasts.items():
            chosen = {"thresholds": self.chosen.get(name), "calibrated": self.calibrated.get(name)}
            chosen["base_rate"] = self.base_rate
            estimates[name] = scores.estimate_scores(self.question, p, self._blocks, **chosen)
        return estimates

    @_table
    def scores(self) -> pd.DataFrame:
        """All of :func:`fishlib.evaluation.scores.estimate_scores`; no interval for counts,
        thresholds and what was maximised on the judged frames."""
        return intervals.estimate_table(self._estimates)

    @_table
    def differences(self) -> pd.DataFrame:
        """Differences of all pairs, as from :meth:`compare`."""
        return beyond.difference_table(self._estimates, combinations(self.forecasts, 2))

    @or_reason
    def compare(
        self, firsts: str | Sequence[str], seconds: str | Sequence[str] | None
    ) -> pd.DataFrame:
        """Differences of each of some forecasts from each of others, by
        :func:`fishlib.evaluation.beyond.difference_table`.

        Empty with a reason if nothing could be scored; ``seconds`` None is the best rival, and a
        None among them (a best rival that there is not) is passed over.

        Raises
        ------
        ValueError
            If a forecast is unknown.
        """
        self._require_folds()
        firsts, seconds = ([n] if isinstance(n, str) else n for n in (firsts, seconds))
        self._require_names({*firsts, *(seconds or ())} - {None})
        seconds = [self._require_rival()] if seconds is None else seconds
        pairs = [(a, b) for a in firsts for b in seconds if a and b not in (a, None)]
        pairs = [pair for k, pair in enumerate(pairs) if pair[::-1] not in pairs[:k]]
        return beyond.difference_table(self._estimates, pairs)

    @_table
    def chance(self) -> pd.DataFrame:
        """``auc``, ``p_value``, ``shifts`` and ``auc_by_chance`` by circular shifts."""
        least = frames_in("block", self.fps)
        return beyond.shift_table(self._judged, self._test, self.n_shifts, least, self.seed)

    @_table
    def leads(self) -> pd.DataFrame:
        """``auc`` of forecasts held back by ``lead`` seconds."""
        return beyond.lead_table(self._judged, self._test, fps=self.fps, **self._film)

    @_table
    def equal_level(self) -> pd.DataFrame:
        """``auc`` among frames of equal motion just before."""
        judged = self._judged
        if self.motion is None:
            raise NothingToJudge("No motion was given to compare frames of equal level.")
        level = by_piece(lambda motion: behind(motion, 1)[:, 0], self.pieces, self.motion)
        return beyond.equal_level_table(judged, self._test, level, **self._film)

    @_table
    def alarms(self) -> pd.DataFrame:
        """Scores of the alarms raised at :attr:`cuts`, for some ``min_lead_s``."""
        blocks = intervals.cut_blocks(self._watch.watched, **self._film)
        return alarms.alarm_table(self._test, self._cuts, self._watch, blocks)

    @property
    def test_events(self) -> pd.DataFrame:
        """The events whose onset lies in the test part, in frames of the series."""
        events = pd.DataFrame(columns=["onset"]) if self.events is None else self.events
        return events[self.judging[events.onset.to_numpy(int)]].reset_index(drop=True)

    @cached_property
    def _watch(self) -> Watch:
        """The test frames and events on which the alarms of all forecasts can be judged."""
        if self.events is None:
            raise NothingToJudge("No events were given for alarms to warn of.")
        every = sum(self._test.values())
        return watch(every, self.test_events.onset, self.horizon, self.fps, self.pieces)

    def raised(self, name: str) -> np.ndarray:
        """Frames of the series at which a forecast raises its alarms in the test part."""
        if name not in self._cuts:
            return np.empty(0, int)
        return alarms.raise_alarms(self._test[name], self._cuts[name], self.horizon)

    def warned(self, name: str) -> pd.DataFrame:
        """:attr:`test_events` with the ``alarm`` that preceded each, and its ``lead_s``."""
        return alarms.add_warnings(self.test_events, self.raised(name), self.horizon, self.fps)

    @or_reason
    def warning_curve(self, name: str) -> pd.DataFrame:
        """Alarm scores over thresholds, see :func:`fishlib.evaluation.alarms.alarm_curve`."""
        return alarms.alarm_curve(self._test[name], self._watch)

    @_table
    def stacking(self) -> pd.DataFrame:
        """``gain`` in log-loss of stacking each forecast on the best rival."""
        judged, best = self._judged, self._require_rival()
        added = {n: p for n, p in self._test.items() if n not in (best, self.oracle)}
        return beyond.stacking_table(judged, self._test[best], added, **self._film)

    @_table
    def share_of_the_way(self) -> pd.DataFrame:
        """How far each forecast is on the way from the best rival to the oracle."""
        if self.oracle is None:
            raise NothingToJudge("No oracle is known: only a simulated film has a known limit.")
        return beyond.share_table(self._estimates, self._require_rival(), self.oracle)

    def shown(self, names: Sequence[str]) -> list[str]:
        """Some forecasts and the best rival; without either, the first forecast."""
        return [n for n in (*names, self.best_rival) if n] or list(self.forecasts)[:1]

    def limited_by(self, oracle: Mapping[str, np.ndarray], names: Sequence[str]) -> "Verdict":
        """The verdict on some forecasts, the best rival and the oracle, where that was asked.

        Parameters
        ----------
        oracle : mapping of "oracle", first, -> float array (T,)
            From :func:`fishlib.tank.oracle_of`; empty gives an empty verdict.
        names : sequence of str
        """
        contest = {name: self.forecasts[name] for name in self.shown(names)}
        return replace(
            self,
            forecasts=contest | {name: oracle[name] for name in list(oracle)[:1]},
            folds=self.folds if oracle else None,
            reason=self.reason or "No oracle is known: only a simulated film has a known limit.",
            oracle="oracle" if oracle else None,
            rivals=[n for n in (self.best_rival,) if n],
            motion=None,
            events=None,
            choosing=None,
        )

    @property
    def opening(self) -> int:
        """A frame to begin a picture at: four seconds before the first event that is judged."""
        events, judged = self.test_events.onset.to_numpy(int), self.frames
        return max(0, int([*(events - round(4 * self.fps)), *judged, 0][0]))

    @_table
    def thresholds(self) -> pd.DataFrame:
        """Thresholds of highest accuracy and Youden's J chosen on validation."""
        if not (chosen := self.chosen):
            raise NothingToJudge("No forecast has validation frames of both classes.")
        mean = {name: {k: np.nanmean(v) for k, v in of.items()} for name, of in chosen.items()}
        return intervals.estimate_table(mean)

    @_table
    def by_film(self) -> pd.DataFrame:
        """``auc`` of each forecast on each film, with the column ``film``."""
        return beyond.film_table(self._judged, self.forecasts, **self._film)

    @_table
    def reliability(self) -> pd.DataFrame:
        """CORP reliability: ``value`` is the frequency of positives, beside ``forecast``."""
        tables = [
            scores.reliability_curve(self._judged, p, self._blocks)
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
        if self.scores.empty:
            return {}
        y, at = self.question[self._blocks.frames], self._blocks.frames
        bands = {name: self._blocks.roc_band(y, self.forecasts[name][at]) for name in names}
        return {name: band for name, band in bands.items() if np.isfinite(band).all()}

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
        numbers = {
            name: intervals.nest(getattr(self, name)) for name in PARTS if name not in self.left_out
        }
        if len(self.by_film):
            numbers["by_film"] = intervals.nest(self.by_film)
        setting = {key: getattr(self, key) for key in ("n_shifts", "best_rival", "block", "seed")}
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

    Returns
    -------
    Verdict
        With all its tables made.

    Raises
    ------
    ValueError
        As :class:`Verdict` does.
    """
    verdict = Verdict(forecasts, question, folds, **film)
    for name in tqdm(PARTS, desc="verdict", disable=not progress, leave=False):
        getattr(verdict, name)
    return verdict
