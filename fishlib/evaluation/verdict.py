"""The verdict: forecasts of one question judged from arrays alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, wraps
from itertools import combinations

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from fishlib.evaluation.alarms import add_warnings, alarm_curve, alarm_table, raise_alarms, watch
from fishlib.evaluation.beyond import equal_level_table, lead_table, share_table, stacking_table
from fishlib.evaluation.bootstrap import (
    Estimates,
    bootstrap_scores,
    estimate_table,
    interval,
    roc_bands,
    shift_test,
)
from fishlib.evaluation.scores import (
    NothingToJudge,
    calibrate,
    choose_thresholds,
    comparable_frames,
    frame_losses,
    is_probability,
    no_table,
    reliability_curve,
    require_aligned,
    score_forecast,
)
from fishlib.files import plain
from fishlib.splits import by_piece, whole

COMPARED = (
    "auc",
    "average_precision",
    "brier_skill",
    "log_loss",
    "calibrated_brier_skill",
    "calibrated_log_loss",
)
"""Scores of which differences are reported."""
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
LEAD_RESAMPLES = 200
"""Resamples for AUC against lead, a figure of many points."""


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
    """What :func:`evaluate` found on the test part, with all that was chosen on validation.

    Every table has the columns ``name``, ``score``, ``value``, ``low``, ``high``; one that could
    not be computed is empty, and its ``attrs["reason"]`` is a sentence. The fields are the
    arguments of :func:`evaluate`.
    """

    forecasts: dict[str, np.ndarray]
    question: np.ndarray
    parts: Mapping[str, slice] | None
    rivals: tuple[str, ...]
    motion: np.ndarray | None
    events: pd.DataFrame | None
    oracle: str | None
    fps: float
    horizon: int
    pieces: pd.DataFrame
    n_shifts: int
    resampling: Mapping[str, int]
    reason: str = ""

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
    def _judged(self) -> np.ndarray:
        """The question on the test frames on which every forecast is defined, int8 (T,)."""
        asked = self._asked("test")
        return np.where(comparable_frames(asked, self.forecasts), asked, -1)

    @cached_property
    def _test(self) -> dict[str, np.ndarray]:
        """The forecasts on the test part, NaN elsewhere, float64 (T,)."""
        self._asked("test")
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

        Empty where the film was not split.
        """
        if self.parts is None:
            return {}
        here = [name for name in self.forecasts if name not in self._chosen]
        best = {name: choose_thresholds(self._judged, self.forecasts[name]) for name in here}
        rules = {**self._chosen, **best}
        return {name: rules[name]["max_youden"] for name in self.forecasts}

    @cached_property
    def _estimates(self) -> Estimates:
        """Every score of every forecast with its bootstrap samples."""
        estimates = {}
        for name, forecast in self.forecasts.items():
            scores = score_forecast(
                self._judged,
                forecast,
                base_rate=self.base_rate,
                thresholds=self._chosen.get(name),
                calibrated=self._calibrated.get(name),
            )
            estimates[name] = {
                score: (value, self._samples.get(name, {}).get(score, np.empty(0)))
                for score, value in scores.items()
            }
        return estimates

    @cached_property
    def _samples(self) -> dict[str, dict[str, np.ndarray]]:
        """Bootstrap samples of the scores; none where the film is too short for them."""
        chosen = {
            name: {f"chosen_{rule}": threshold for rule, threshold in rules.items()}
            for name, rules in self._chosen.items()
        }
        try:
            return bootstrap_scores(
                self._judged,
                self.forecasts,
                base_rate=self.base_rate,
                thresholds=chosen,
                calibrated=self._calibrated,
                **self.resampling,
            )
        except NothingToJudge:
            return {}

    @_table
    def scores(self) -> pd.DataFrame:
        """All of :func:`fishlib.evaluation.scores.score_forecast`; no interval for counts,
        thresholds and what was maximised on the scored frames."""
        return estimate_table(self._estimates)

    @_table
    def differences(self) -> pd.DataFrame:
        """Differences of all pairs, as from :meth:`compare`."""
        return _differences(self._estimates, combinations(self.forecasts, 2))

    def compare(
        self, firsts: str | Sequence[str], seconds: str | Sequence[str] | None
    ) -> pd.DataFrame:
        """Paired differences of scores, each of some forecasts minus each of others.

        Returns
        -------
        DataFrame
            ``name`` ("first − second"), ``score``, ``value``, ``low``, ``high``, ``first``,
            ``second``, ``different`` (the interval excludes 0). Empty with a reason if nothing
            could be scored, or ``seconds`` is None, as ``best_rival`` may be.

        Raises
        ------
        ValueError
            If a forecast is unknown.
        """
        firsts, seconds = ([n] if isinstance(n, str) else n for n in (firsts, seconds))
        _require_names({*firsts, *(seconds or ())}, self.forecasts)
        try:
            seconds = [self._require_rival()] if seconds is None else seconds
            pairs = [(a, b) for a in firsts for b in seconds if a != b]
            return _differences(self._estimates, pairs)
        except NothingToJudge as reason:
            return no_table(reason)

    @_table
    def chance(self) -> pd.DataFrame:
        """``auc``, ``p_value``, ``shifts`` and ``auc_by_chance`` by circular shifts."""
        test = partial(shift_test, self._judged, n_shifts=self.n_shifts,
                       min_shift=round(10 * self.fps), seed=self.resampling["seed"])  # fmt: skip
        return estimate_table({name: test(p) for name, p in self._test.items()})

    @_table
    def leads(self) -> pd.DataFrame:
        """``auc`` of forecasts held back by ``lead`` seconds."""
        fewer = min(self.resampling["n_resamples"], LEAD_RESAMPLES)
        resampling = {**self.resampling, "n_resamples": fewer}
        judged = self._judged
        return lead_table(judged, self._test, fps=self.fps, pieces=self.pieces, **resampling)

    @_table
    def equal_level(self) -> pd.DataFrame:
        """``auc`` among frames of equal motion just before."""
        judged = self._judged
        if self.motion is None:
            raise NothingToJudge("No motion was given to compare frames of equal level.")
        level = by_piece(lambda series: np.append(np.nan, series[:-1]), self.pieces, self.motion)
        return equal_level_table(judged, self._test, level, **self.resampling)

    @_table
    def alarms(self) -> pd.DataFrame:
        """Scores of the alarms raised at :attr:`cuts`, for some ``min_lead_s``."""
        test, onsets = self._test, self._require_onsets()
        clock = {"horizon": self.horizon, "fps": self.fps, "pieces": self.pieces}
        return alarm_table(test, onsets, self.cuts, **clock, **self.resampling)

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
        try:
            return raise_alarms(self._test[name], self.cuts[name], self.horizon)
        except NothingToJudge:
            return np.empty(0, int)

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
        return stacking_table(judged, self._test[best], added, **self.resampling)

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
        table = {n: {k: (t, np.empty(0)) for k, t in of.items()} for n, of in self._chosen.items()}
        return estimate_table(table)

    @_table
    def reliability(self) -> pd.DataFrame:
        """CORP reliability: ``value`` is the frequency of positives, beside ``forecast``."""
        tables = [
            reliability_curve(self._judged, p)
            .rename(columns={"frequency": "value"})
            .assign(name=name, score="frequency", low=np.nan, high=np.nan)
            for name, p in self.forecasts.items()
        ]
        return pd.concat(tables, ignore_index=True)

    def roc_bands(self, names: Sequence[str]) -> dict[str, tuple[np.ndarray, ...]]:
        """Pointwise bands of ROC curves, see :func:`fishlib.evaluation.bootstrap.roc_bands`."""
        shown = {name: self.forecasts[name] for name in names}
        try:
            return roc_bands(self._asked("test"), shown, **self.resampling)
        except NothingToJudge:
            return {}

    @property
    def left_out(self) -> dict[str, str]:
        """The parts that could not be computed, and why."""
        tables = {name: getattr(self, name) for name in PARTS}
        return {k: table.attrs["reason"] for k, table in tables.items() if "reason" in table.attrs}

    @property
    def metrics(self) -> dict:
        """All numbers as a nested dict that can be written as JSON."""
        numbers = {name: nest(getattr(self, name)) for name in PARTS if name not in self.left_out}
        setting = {"n_shifts": self.n_shifts, "best_rival": self.best_rival}
        setting["base_rate"] = self.base_rate if self.parts else None
        return {**numbers, "setting": {**self.resampling, **setting}, "left_out": self.left_out}


def evaluate(
    forecasts: Mapping[str, np.ndarray],
    question: np.ndarray,
    parts: Mapping[str, slice] | None,
    *,
    rivals: Iterable[str] = (),
    motion: np.ndarray | None = None,
    events: pd.DataFrame | None = None,
    oracle: str | None = None,
    fps: float = 30.0,
    horizon: int = 45,
    pieces: pd.DataFrame | None = None,
    reason: str = "",
    n_shifts: int = 999,
    n_resamples: int = 1000,
    block: int = 300,
    seed: int = 0,
    progress: bool = True,
) -> Verdict:
    """Run the protocol: choose on the validation part, judge on the test part.

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
    n_resamples, block, seed : int
        See :func:`fishlib.evaluation.bootstrap.resample_counts`.
    progress : bool
        Show a progress bar over the parts.

    Raises
    ------
    ValueError
        If the arrays are not aligned or hold what they may not, or a name is unknown. A film that
        is short, quiet or of one class raises nothing.
    """
    require_aligned(question, forecasts)
    _require_names({*rivals, oracle} - {None}, forecasts)
    question = np.asarray(question, np.int8)
    if motion is not None and np.shape(motion) != question.shape:
        raise ValueError(
            f"The motion has shape {np.shape(motion)} and the question {question.shape}: give one "
            "value a frame."
        )
    if events is not None and not events.onset.between(0, len(question) - 1).all():
        raise ValueError(
            f"The events run from frame {events.onset.min()} to {events.onset.max()} and the "
            f"question has {len(question)} frames: count both from the same frame."
        )
    verdict = Verdict(
        {name: np.asarray(forecast, float) for name, forecast in forecasts.items()},
        question,
        parts or None,
        tuple(rivals),
        motion,
        events,
        oracle,
        fps,
        horizon,
        whole(len(question)) if pieces is None else pieces,
        n_shifts,
        {"n_resamples": n_resamples, "block": block, "seed": seed},
        reason,
    )
    for name in tqdm(PARTS, desc="verdict", disable=not progress, leave=False):
        getattr(verdict, name)
    return verdict


def _require_names(names: set[str], forecasts: Mapping[str, np.ndarray]) -> None:
    unknown = sorted(map(repr, names - set(forecasts)))
    if unknown:
        raise ValueError(
            f"No forecast is named {', '.join(unknown)}: there are {', '.join(forecasts)}."
        )


def _differences(estimates: Estimates, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    rows = []
    for first, second in pairs:
        for score in COMPARED:
            one, other = (estimates[name].get(score) for name in (first, second))
            if one and other and np.isfinite([one[0], other[0]]).all():
                samples = one[1] - other[1]
                low, high = interval(samples)
                value, different = one[0] - other[0], low > 0 or high < 0
                name = f"{first} − {second}"
                rows.append((name, score, value, low, high, first, second, different))
    columns = ["name", "score", "value", "low", "high", "first", "second", "different"]
    return pd.DataFrame(rows, columns=columns)


def nest(table: pd.DataFrame) -> dict:
    """A table as nested dicts: by name, then by lead if there is one, then by score.

    A row whose only number is ``value`` becomes that number.
    """
    keys = [key for key in ("name", "lead", "min_lead_s", "score") if key in table]
    nested: dict = {}
    for row in plain(table.to_dict("records")):
        inner = nested
        for key in keys[:-1]:
            inner = inner.setdefault(str(row[key]), {})
        numbers = {k: v for k, v in row.items() if k not in keys}
        numbers = {k: v for k, v in numbers.items() if v is not None or k == "value"}
        inner[row["score"]] = numbers["value"] if set(numbers) == {"value"} else numbers
    return nested
