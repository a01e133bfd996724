"""Judge anybody's forecast: tables of forecasts and of events in, one page and its numbers out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from fishlib.evaluation.alarms import alarm_curve, alarm_table, watch
from fishlib.evaluation.intervals import NothingToJudge, nest, no_table
from fishlib.evaluation.report import render
from fishlib.evaluation.scores import is_probability
from fishlib.evaluation.sheets import (
    CODES,
    FILMS,
    FRAMES,
    SECONDS,
    STATUS,
    Sheet,
    film_name,
    read_sheet,
)
from fishlib.evaluation.verdict import Verdict
from fishlib.files import plain, write_text
from fishlib.splits import by_piece

ALL = {"train": slice(0), "validation": slice(0), "test": slice(None)}
"""Nothing is chosen on the forecasts: all frames are judged."""
FEW_EVENTS = 20
"""Events below which nothing can be concluded."""
N_FOLDS = 5
LOOK_BACK = 600
"""Frames the models of the motion's past look back; films' folds are this far apart."""
NAMELESS = ("p", "probability", "forecast", "prediction", "score", "value")
"""Names of a column that say less than the name of its file."""
SINCE = "time since the last event"
PAST = "past of the motion: "
NO_LSTM = "not fitted here: judging loads no network."


@dataclass(frozen=True)
class Case:
    """What is judged: series of one or more films, joined, and what was read with them.

    ``forecasts`` and ``motion`` are float64 (T,), NaN where the table had no row; ``onsets`` int
    (n,) are frames of the joined series; ``pieces`` has a row a film; ``notes`` are sentences.
    """

    forecasts: dict[str, np.ndarray]
    onsets: np.ndarray
    pieces: pd.DataFrame
    fps: float
    motion: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Frames of the joined series."""
        return int(self.pieces.stop.max())


def judge(
    forecasts: Sequence[str | Path],
    events: str | Path,
    *,
    motion: str | Path | None = None,
    out: str | Path = "judged",
    fps: float | None = None,
    horizon: float = 1.5,
    threshold: float | None = None,
    event: str | None = None,
    unit: str = "seconds",
    time: str | None = None,
    n_shifts: int = 999,
) -> Path:
    """Judge forecasts of events, and write ``judged.html`` and ``metrics.json``.

    Parameters
    ----------
    forecasts : sequence of paths
        Tables with a row a frame: a column of seconds or frames, optionally one of films, and one
        or more columns of forecasts (probabilities, or scores of which more means an event soon).
    events : path
        Table with a row an event: a BORIS export, or columns of onsets, or of start and stop.
    motion : path, optional
        Table of the motion; adds the level and, by five folds, the models of its past.
    out : path
        Folder of the page.
    fps : float, optional
        Frames a second; None takes it from the column of seconds.
    horizon : float
        Seconds ahead in which an event must begin for a forecast to be right.
    threshold : float, optional
        Adds the alarms raised at it.
    event : str, optional
        Behaviour to judge, where the table of events holds several.
    unit : {"seconds", "frames"}
        What a column named start or onset counts.
    time : str, optional
        Name of the forecasts' column of time, where it goes by no usual name.
    n_shifts : int
        Circular shifts of the test against chance.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ValueError, FileNotFoundError
        If a table cannot be read; the sentence names file and line. Too few events, or too short
        a film, is no error: the page says so.
    """
    if horizon <= 0:
        raise ValueError(f"The horizon is a time in seconds above 0, got {horizon:g}.")
    case = read_case(forecasts, events, motion, fps, event, unit, time)
    found = judge_case(case, horizon, threshold, n_shifts)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: nest(t) for name, t in found["tables"].items() if len(t)}
    reasons = {n: t.attrs["reason"] for n, t in found["tables"].items() if "reason" in t.attrs}
    numbers = found["facts"] | tables | {"left_out": reasons | found["missing"]}
    write_text(folder / "metrics.json", json.dumps(plain(numbers), indent=1) + "\n")
    page = render("judge.html.jinja", **found, reasons=reasons)
    return write_text(folder / "judged.html", page)


def read_case(
    forecasts: Sequence[str | Path],
    events: str | Path,
    motion: str | Path | None = None,
    fps: float | None = None,
    event: str | None = None,
    unit: str = "seconds",
    time: str | None = None,
) -> Case:
    """Read and align the tables; parameters and errors as of :func:`judge`."""
    sheets = [read_sheet(path, time) for path in forecasts]
    clocks = [_clock(sheet, time) for sheet in sheets]
    fps = fps or next((rate for rate in map(_rate, clocks) if rate), None)
    if not fps:
        raise ValueError(
            f"{sheets[0].path.name} counts frames and does not say how many make a second: give "
            "--fps."
        )
    at = [_place(sheet, clock, fps) for sheet, clock in zip(sheets, clocks, strict=True)]
    lengths = pd.concat(at).groupby("film", sort=False).frame.max() + 1
    stop = lengths.cumsum()
    pieces = pd.DataFrame({"film": lengths.index, "start": stop - lengths, "stop": stop})
    pieces = pieces.reset_index(drop=True)
    series = {}
    for sheet, place in zip(sheets, at, strict=True):
        for column in _value_columns(sheet, time):
            lone = len(_value_columns(sheet, time)) == 1 and column.lower() in NAMELESS
            name = sheet.path.stem if lone else column
            name = f"{sheet.path.stem}: {column}" if name in series else name
            series[name] = _join(sheet.numbers(column), place, pieces)
    onsets, notes = _read_onsets(read_sheet(events), pieces, fps, event, unit)
    moved = None
    if motion is not None:
        sheet = read_sheet(motion)
        place = _place(sheet, _clock(sheet), fps)
        inside = place.film.isin(pieces.film) & (place.frame < place.film.map(lengths))
        values = sheet.numbers(_motion_column(sheet))[inside.to_numpy()]
        moved = _join(values, place[inside], pieces)
    return Case(series, onsets, pieces, float(fps), moved, notes)


def _clock(sheet: Sheet, time: str | None = None) -> pd.DataFrame:
    """``film``, ``seconds`` and ``frame`` of each row, NaN where there is no such column."""
    film = sheet.find(FILMS)
    names = [film_name(text) for text in sheet.texts(film)] if film else "film"
    seconds, frame = sheet.find(SECONDS), sheet.find(FRAMES)
    if time:
        seconds, frame = (None, time) if "frame" in time.lower() else (sheet.require(time), None)
    read = {
        key: sheet.numbers(column) if column else np.nan
        for key, column in (("seconds", seconds), ("frame", frame))
    }
    return pd.DataFrame({"film": names, **read}, index=range(len(sheet.rows)))


def _rate(clock: pd.DataFrame) -> float | None:
    """Frames a second of a table with a column of seconds."""
    steps = clock.groupby("film")[["seconds", "frame"]].diff()
    steps = steps[steps.seconds <= 1.5 * steps.seconds.median()].mean()  # without gaps
    if not steps.seconds > 0:
        return None
    return round((1 if np.isnan(steps.frame) else steps.frame) / steps.seconds, 3)


def _place(sheet: Sheet, clock: pd.DataFrame, fps: float) -> pd.DataFrame:
    """``film`` and ``frame`` (int) of each row of a table of series."""
    frame = clock.frame.where(clock.frame.notna(), (clock.seconds * fps).round())
    for wrong, what in ((frame.isna(), "no time"), (frame < 0, "a time before the film")):
        if wrong.any():
            raise ValueError(f"{sheet.where(int(wrong.idxmax()))}: {what}.")
    place = pd.DataFrame({"film": clock.film, "frame": frame.astype(int)})
    twice = place.duplicated()
    if twice.any():
        row = int(twice.idxmax())
        raise ValueError(
            f"{sheet.where(row)}: a second row for frame {place.frame[row]} at {fps:g} frames a "
            "second; correct --fps, or leave one row a frame."
        )
    return place


def _value_columns(sheet: Sheet, time: str | None) -> list[str]:
    """The columns that hold forecasts: all that are no time, frame or film."""
    known = {sheet.find([name]) for name in (*SECONDS, *FRAMES, *FILMS)} | {time}
    columns = [column for column in sheet.columns if column and column not in known]
    if not columns:
        raise ValueError(f"{sheet.path.name} has no column of forecasts beside the time.")
    return columns


def _motion_column(sheet: Sheet) -> str:
    column = sheet.find(("motion", "speed", "activity", "y"))
    return column or _value_columns(sheet, None)[0]


def _join(values: np.ndarray, place: pd.DataFrame, pieces: pd.DataFrame) -> np.ndarray:
    """Values at their frames of the joined series, NaN elsewhere."""
    start = place.film.map(pieces.set_index("film").start).to_numpy()
    series = np.full(int(pieces.stop.max()), np.nan)
    series[start + place.frame.to_numpy()] = values
    return series


def _read_onsets(
    sheet: Sheet, pieces: pd.DataFrame, fps: float, event: str | None, unit: str
) -> tuple[np.ndarray, list[str]]:
    """Frames of the joined series at which events begin, and what was left aside."""
    clock, kept = _clock(sheet), _beginnings(sheet, event)
    if unit == "frames" and clock.frame.isna().all():
        clock = clock.rename(columns={"seconds": "frame", "frame": "seconds"})
    frame = clock.frame.where(clock.seconds.isna(), clock.seconds * fps).round().to_numpy()
    if len(pieces) == 1:
        clock["film"] = pieces.film[0]
    elif sheet.find(FILMS) is None:
        raise ValueError(
            f"{sheet.path.name} names no film, and the forecasts are of {len(pieces)}: add a "
            "column film."
        )
    for wrong, what in ((np.isnan(frame), "no time"), (frame < 0, "a time before the film")):
        if (kept & wrong).any():
            raise ValueError(f"{sheet.where(int(np.argmax(kept & wrong)))}: {what}.")
    films = pieces.set_index("film")
    known = frame < clock.film.map(films.stop - films.start).to_numpy()
    beyond = int((kept & ~known).sum())
    notes = [f"{beyond} events lie where there is no forecast and are left out."] if beyond else []
    onsets = clock.film.map(films.start).to_numpy() + frame
    return np.unique(onsets[kept & known].astype(int)), notes


def _beginnings(sheet: Sheet, event: str | None) -> np.ndarray:
    """Rows at which an event of the one kind asked for begins, bool (n,)."""
    kept = np.ones(len(sheet.rows), bool)
    status, code = sheet.find(STATUS), sheet.find(CODES)
    if status:
        kept &= np.char.upper(sheet.texts(status)) != "STOP"
    codes = np.array(sheet.texts(code) if code else [""] * len(kept))
    if event is not None and event not in codes:
        raise ValueError(
            f"{sheet.path.name} has no event {event!r}: there are {', '.join(np.unique(codes))}."
        )
    kept &= (codes == event) if event is not None else True
    told = np.unique(codes[kept])
    if len(told) > 1:
        raise ValueError(
            f"{sheet.path.name} holds several behaviours, {', '.join(told)}: choose with --event."
        )
    return kept


def question_of(case: Case, horizon: int) -> np.ndarray:
    """Does an event begin within (t, t + horizon]? int8 (T,), -1 where a film ends before that."""
    label = np.full(case.length, -1, np.int8)
    for start, stop in zip(case.pieces.start, case.pieces.stop, strict=True):
        frames = np.arange(start, max(stop - horizon, start))
        following = np.append(case.onsets, case.length + horizon)
        ahead = following[np.searchsorted(case.onsets, frames, "right")] - frames
        label[frames] = ahead <= horizon
    return label


def rivals_of(case: Case, question: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Forecasts to be beaten, and the rivals that could not be made with their reasons."""
    frames = np.arange(case.length)
    film = np.searchsorted(case.pieces.start, frames, "right") - 1
    starts = case.pieces.start.to_numpy()[film]
    before = np.append(-1, case.onsets)[np.searchsorted(case.onsets, frames, "right")]
    rivals = {
        "base rate": np.full(case.length, question[question >= 0].mean()),
        SINCE: (frames - np.maximum(before, starts)).astype(float),
    }
    if case.motion is None:
        return rivals, {}
    level = by_piece(lambda one: np.append(np.nan, one[:-1]), case.pieces, case.motion)
    rivals |= {"level −ỹ[t−1]": -level, "level +ỹ[t−1]": level}
    missing = {"LSTM on the motion": NO_LSTM}
    try:
        rivals |= _past_of_motion(case, question)
    except ValueError as reason:
        missing[PAST.rstrip(": ")] = str(reason)
    return rivals, missing


def _past_of_motion(case: Case, question: np.ndarray) -> dict[str, np.ndarray]:
    """Models of the motion's past, each frame forecast by those that saw no neighbour of it."""
    from fishlib.forecasters.regressions import Regressions

    if not np.isfinite(case.motion).all():
        gap = int(np.flatnonzero(~np.isfinite(case.motion))[0])
        raise ValueError(f"The motion has gaps, the first at frame {gap}.")
    of_films = len(case.pieces) >= N_FOLDS
    edges = np.linspace(0, case.length, N_FOLDS + 1).astype(int)
    if of_films:
        edges = np.append(case.pieces.start, case.length)[
            np.linspace(0, len(case.pieces), N_FOLDS + 1).astype(int)
        ]
    forecasts: dict[str, np.ndarray] = {}
    apart = 0 if of_films else LOOK_BACK + round(1.5 * case.fps)
    for start, stop in pairwise(edges):
        pieces = pd.concat(
            [
                case.pieces.assign(stop=case.pieces.stop.clip(upper=start - apart)),
                case.pieces.assign(start=case.pieces.start.clip(lower=stop + apart)),
            ]
        )
        seen = SimpleNamespace(motion=case.motion, pieces=pieces[pieces.start < pieces.stop])
        fitted = Regressions().fit(seen, question, {"train": slice(None)})
        whole = SimpleNamespace(motion=case.motion, pieces=case.pieces)
        for kind, one in fitted.forecasts(whole, slice(int(start), int(stop))).items():
            joined = forecasts.setdefault(PAST + kind, np.full(case.length, np.nan))
            joined[start:stop] = one[start:stop]
    return forecasts


def judge_case(
    case: Case, horizon: float = 1.5, threshold: float | None = None, n_shifts: int = 999
) -> dict:
    """All that arrays allow.

    Returns
    -------
    dict
        ``facts`` (plain values), ``tables`` by name (empty ones with their reason), ``curves`` of
        the alarms by forecast, ``missing`` rivals with reasons; and what the page says of these.
    """
    ahead = max(round(horizon * case.fps), 1)
    question = question_of(case, ahead)
    asked = question[question >= 0]
    facts = {
        "forecasts": list(case.forecasts),
        "films": len(case.pieces),
        "fps": case.fps,
        "horizon_s": horizon,
        "minutes": case.length / case.fps / 60,
        "events": len(case.onsets),
        "base_rate": float(asked.mean()) if asked.size else None,
        "threshold": threshold,
        "notes": [*case.notes, *_too_few(case)],
    }
    rivals, missing = rivals_of(case, question) if asked.size else ({}, {})
    film = {"fps": case.fps, "pieces": case.pieces, "block": round(10 * case.fps)}
    best = PAST + "both" if PAST + "both" in rivals else SINCE
    verdict = Verdict(
        case.forecasts | rivals,
        question,
        ALL,
        rivals=[best] if best in rivals else [],
        motion=case.motion,
        horizon=ahead,
        n_shifts=n_shifts,
        **film,
    )
    mine = list(case.forecasts)
    scores = verdict.scores
    tables = {
        "scores": scores[~scores.score.str.startswith("max_")] if len(scores) else scores,
        "differences": verdict.compare(mine, [*mine[1:], *rivals]),
        "chance": verdict.chance,
        "leads": verdict.leads,
        "stacking": verdict.stacking,
        "equal_level": verdict.equal_level,
        "reliability": verdict.reliability,
    }
    tables["alarms"], curves = _alarms(case, verdict.forecasts, ahead, threshold, film)
    blocks = scores.blocks.max() if len(scores) else None
    return {
        "facts": facts,
        "tables": tables,
        "curves": curves,
        "missing": missing,
        "blocks": blocks,
        "films_are_blocks": len(case.pieces) == blocks,
        "few": scores.attrs.get("note"),
        "probabilities": [name for name, p in case.forecasts.items() if is_probability(p)],
    }


def _too_few(case: Case) -> list[str]:
    if len(case.onsets) >= FEW_EVENTS:
        return []
    return [f"{len(case.onsets)} events are too few to conclude: it takes {FEW_EVENTS} or more."]


def _alarms(
    case: Case,
    forecasts: Mapping[str, np.ndarray],
    horizon: int,
    threshold: float | None,
    film: Mapping,
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Area under each warning curve, scores at the threshold if there is one; the curves."""
    never = dict.fromkeys(forecasts, np.inf)
    told = never if threshold is None else never | dict.fromkeys(case.forecasts, threshold)
    try:
        seen = watch(sum(forecasts.values()), case.onsets, horizon, case.fps, case.pieces)
        table = alarm_table(forecasts, case.onsets, told, horizon=horizon, **film)
    except NothingToJudge as reason:
        return no_table(reason), {}
    shown = table.score.eq("area") | table.name.map(told).lt(np.inf)
    curves = {name: alarm_curve(forecast, seen) for name, forecast in forecasts.items()}
    return table[shown].reset_index(drop=True), curves
