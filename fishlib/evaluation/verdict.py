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
    calibrate,
    choose_thresholds,
    estimate_scores,
    frame_losses,
    is_probability,
    reliability_curve,
    require_aligned,
)
from fishlib.splits import by_piece, whole

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
    forecasts : mapping of name -> float array (T,)
        Probabilities, or scores of which more means a burst; NaN where not defined. Compared on
        the test frames where all are defined.
    question : int array (T,)
        1, 0, or -1 where a frame is not asked.
    parts : mapping of {"train", "validation", "test"} -> slice, or None
        None where the film is too short to be split: the verdict is then empty.
    rivals : names
        Forecasts that read the motion alone; the best on validation is what others must beat.
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
    parts: Mapping[str, slice] | None
    _: KW_ONLY
    rivals: Sequence[str] = ()
    motion: np.ndarray | None = None
    events: pd.DataFrame | None = None
    oracle: str | None = None
    fps: float = 30.0
    horizon: int = 45
    pieces: pd.DataFrame | None = None
    reason: str = ""
    n_shifts: int = 999
    block: int = 300
    seed: int = 0

    def __post_init__(self):
        require_aligned(self.question, self.forecasts)
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
        forecasts = {name: np.asarray(p, float) for name, p in self.forecasts.items()}
        pieces = whole(n_frames) if self.pieces is None else self.pieces
        question = np.asarray(self.question, np.int8)
        object.__setattr__(self, "parts", self.parts or None)
        for field, value in {
            "forecasts": forecasts,
            "pieces": pieces,
            "question": question,
        }.items():
            object.__setattr__(self, field, value)

    def _require_names(self, names: set[str]) -> None:
        unknown = sorted(map(repr, names - set(self.forecasts)))
        if unknown:
            known = ", ".join(self.forecasts)
            raise ValueError(f"No forecast is named {', '.join(unknown)}: there are {known}.")

    @property
    def _film(self) -> dict:
        return {"pieces": self.pieces, "block": self.block}

    def on(self, part: str = "test") -> dict[str, np.ndarray]:
        """The forecasts of one part, float (n,); empty arrays where the film was not split."""
        frames = self.parts[part] if self.parts else slice(0)
        return {name: forecast[frames] for name, forecast in self.forecasts.items()}

    @property
    def label(self) -> np.ndarray:
        """The question on the test part, int8 (n,)."""
        return self.question[self.parts["test"] if self.parts else slice(0)]

    def _asked(self, part: str) -> np.ndarray:
        """The question on one part, -1 elsewhere, int8 (T,)."""
        if self.parts is None:
            raise NothingToJudge(
                self.reason
                or f"{len(self.question) / self.fps / 60:.1f} minutes of film are too short to be "
                "split into a part to train on, one to choose on and one to judge on."
            )
        asked = np.full(len(self.question), -1, np.int8)
        asked[self.parts[part]] = self.question[self.parts[part]]
        return asked

    @cached_property
    def _blocks(self) -> Blocks:
        """The test frames on which every forecast is defined, in blocks."""
        return blocks_of(self._asked("test"), self.forecasts, **self._film)

    @cached_property
    def _judged(self) -> np.ndarray:
        """The question on those frames, -1 elsewhere, int8 (T,)."""
        judged = np.full(len(self.question), -1, np.int8)
        judged[self._blocks.frames] = self.question[self._blocks.frames]
        return judged

    @cached_property
    def _test(self) -> dict[str, np.ndarray]:
        """The forecasts on the test part, NaN elsewhere, float64 (T,)."""
        self._asked("test")
        inside = np.zeros(len(self.question), bool)
        inside[self.parts["test"]] = True
        return {name: np.where(inside, p, np.nan) for name, p in self.forecasts.items()}

    @cached_property
    def base_rate(self) -> float | None:
        """Share of positive training frames; None if none is labelled."""
        asked = self._asked("train")
        return float(np.mean(asked[asked >= 0])) if (asked >= 0).any() else None

    @cached_property
    def _chosen(self) -> dict[str, dict[str, float]]:
        """Thresholds chosen on validation, of the forecasts that can be judged there."""
        asked, chosen = self._asked("validation"), {}
        for name, forecast in self.forecasts.items():
            frames = asked[np.isfinite(forecast)]
            if (frames == 0).any() and (frames == 1).any():
                chosen[name] = choose_thresholds(asked, forecast)
        return chosen

    @cached_property
    def _calibrated(self) -> dict[str, np.ndarray]:
        """Forecasts made probabilities by what validation taught."""
        asked = self._asked("validation")
        return {n: calibrate(asked, p)(p) for n, p in self.forecasts.items() if n in self._chosen}

    @cached_property
    def best_rival(self) -> str | None:
        """The rival of lowest log-loss on validation; None without rivals to choose from."""
        if len(self.rivals) < 2 or self.parts is None:
            return next(iter(self.rivals), None) if self.parts else None
        asked = self._asked("validation")
        known = {name: self.forecasts[name] for name in self.rivals}
        frames = (asked >= 0) & np.isfinite(np.sum([*known.values()], axis=0))
        if not frames.any():
            return None
        losses = {}
        for name, forecast in known.items():
            p = forecast if is_probability(forecast) else self._calibrated.get(name)
            losses[name] = np.inf if p is None else frame_losses(asked[frames], p[frames])[1].mean()
        return min(losses, key=losses.get)

    def _require_rival(self) -> str:
        self._asked("validation")
        if self.best_rival is None:
            raise NothingToJudge(
                "No rival that reads the motion alone could be chosen on validation."
                if self.rivals
                else "No rival that reads the motion alone was given."
            )
        return self.best_rival

    @cached_property
    def cuts(self) -> dict[str, float]:
        """The threshold of highest Youden's J, chosen on validation; on test without one there.

        Forecasts that can be judged on neither have none.
        """
        rules = self._chosen if self.parts else {}
        if len(self.scores):
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
        if self.parts is None:
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
        if len(self.cuts) < len(test):
            raise NothingToJudge("No threshold to raise alarms at could be chosen.")
        clock = {"horizon": self.horizon, "fps": self.fps}
        return alarm_table(test, onsets, self.cuts, **clock, **self._film)

    @property
    def test_events(self) -> pd.DataFrame:
        """The events whose onset lies in the test part, in frames of the series."""
        events = pd.DataFrame(columns=["onset"]) if self.events is None else self.events
        inside = np.zeros(len(self.question), bool)
        inside[self.parts["test"] if self.parts else slice(0)] = True
        return events[inside[events.onset.to_numpy(int)]].reset_index(drop=True)

    def _require_onsets(self) -> np.ndarray:
        if self.events is None:
            raise NothingToJudge("No events were given for alarms to warn of.")
        return self.test_events.onset.to_numpy(int)

    def raised(self, name: str) -> np.ndarray:
        """Frames of the series at which a forecast raises its alarms in the test part."""
        if name not in self.cuts:
            return np.empty(0, int)
        return raise_alarms(self._test[name], self.cuts[name], self.horizon)

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
        return estimate_table(self._chosen)

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
        setting = {"n_shifts": self.n_shifts, "best_rival": self.best_rival}
        setting |= {"block": self.block, "seed": self.seed}
        setting["base_rate"] = self.base_rate if self.parts else None
        return {**numbers, "setting": setting, "left_out": self.left_out}


def evaluate(
    forecasts: Mapping[str, np.ndarray],
    question: np.ndarray,
    parts: Mapping[str, slice] | None,
    *,
    progress: bool = True,
    **film,
) -> Verdict:
    """Run the whole protocol: choose on the validation part, judge on the test part.

    Parameters
    ----------
    forecasts, question, parts
        As for :class:`Verdict`.
    progress : bool
        Show a progress bar over the parts.
    **film
        ``rivals``, ``motion``, ``events``, ``oracle``, ``fps``, ``horizon``, ``pieces``,
        ``reason``, ``n_shifts``, ``block``, ``seed``, as for :class:`Verdict`.
    """
    verdict = Verdict(forecasts, question, parts, **film)
    for name in tqdm(PARTS, desc="verdict", disable=not progress, leave=False):
        getattr(verdict, name)
    return verdict
