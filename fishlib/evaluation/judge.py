"""Judge anybody's forecast: tables of forecasts and of events in, one page and its numbers out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from fishlib.evaluation import export
from fishlib.evaluation.export import Sheet, read_sheet
from fishlib.evaluation.intervals import nest
from fishlib.evaluation.report import render
from fishlib.evaluation.scores import is_probability
from fishlib.evaluation.verdict import Verdict
from fishlib.files import plain, project_path, write_text
from fishlib.motion import behind
from fishlib.questions import label_alarms
from fishlib.splits import FEW_ONSETS, by_piece, make_folds

ALL = [{"test": slice(None)}]
"""Nothing is chosen on the forecasts: all frames are judged."""
LOOK_BACK = 20.0
"""Seconds the models of the motion's past look back; folds of one film are this far apart."""
NAMELESS = ("p", "probability", "forecast", "prediction", "score", "value")
"""Names of a column that say less than the name of its file."""
WHOLE_SECONDS = (
    "A column of time counts by 1, which is read as a second: if it counts frames, name it frame."
)
SINCE = "time since the last event"
PAST = "past of the motion: "


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
    out: str | Path = "judged",
    horizon: float = 1.5,
    threshold: float | None = None,
    n_shifts: int = 999,
    **tables,
) -> Path:
    """Judge forecasts of events, and write ``judged.html`` and ``metrics.json``.

    Parameters
    ----------
    forecasts, events, **tables
        As for :func:`read_case`, which also reads ``motion`` for the rivals that are made of it.
    out : path
        Folder of the page.
    horizon : float
        Seconds ahead in which an event must begin for a forecast to be right.
    threshold : float, optional
        Adds the alarms raised at it.
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
    for name, value in {"horizon": horizon, "fps": tables.get("fps")}.items():
        if value is not None and not 0 < value < np.inf:
            raise ValueError(f"{name} is {value:g}: give a number above 0.")
    case = read_case(forecasts, events, **tables)
    with threadpool_limits(1):  # the models are small: threads would only wait for each other
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
    time: str | None = None,
) -> Case:
    """Read and align the tables.

    Parameters
    ----------
    forecasts : sequence of paths
        Tables with a row a frame: a column of seconds or frames, optionally one of films, and one
        or more columns of forecasts (probabilities, or scores of which more means an event soon).
    events : path
        Table with a row an event: a BORIS export, or columns of onsets, or of start and stop.
    motion : path, optional
        Table of the motion; adds the level and, by five folds, the models of its past.
    fps : float, optional
        Frames a second; None takes it from the column of seconds.
    event : str, optional
        Behaviour to judge, where the table of events holds several.
    time : str, optional
        Name of the forecasts' column of time, where it goes by no usual name.

    Raises
    ------
    ValueError, FileNotFoundError
        As of :func:`judge`.
    """
    sheets = [read_sheet(path, time) for path in forecasts]
    clocks = [_clock(sheet, time) for sheet in sheets]
    rates = list(filter(None, map(_rate, clocks)))
    if not (fps := fps or next(iter(rates), None)):
        raise ValueError(
            f"{sheets[0].path.name} does not say how many frames make a second: give --fps."
        )
    at = [_place(sheet, clock, fps) for sheet, clock in zip(sheets, clocks, strict=True)]
    lengths = pd.concat(at).groupby("film", sort=False).frame.max() + 1
    stop = lengths.cumsum()
    films = pd.DataFrame({"start": stop - lengths, "stop": stop})
    series = {}
    for sheet, place in zip(sheets, at, strict=True):
        columns = _value_columns(sheet, time)
        for column in columns:
            lone = len(columns) == 1 and column.lower() in NAMELESS
            name = sheet.path.stem if lone else column
            name = f"{sheet.path.stem}: {column}" if name in series else name
            series[name] = _join(sheet.numbers(column), place, films)
    onsets, notes = _read_onsets(read_sheet(events), films, fps, event)
    notes += [WHOLE_SECONDS] * (1.0 in rates)
    moved = None
    if motion is not None:
        sheet = read_sheet(motion)
        column = sheet.find(("motion", "speed", "activity", "y")) or _value_columns(sheet)[0]
        moved = _join(sheet.numbers(column), _place(sheet, _clock(sheet), fps), films)
        last = films.stop.to_numpy() - 1  # without a next frame, and read by no forecast
        moved[last] = np.nan_to_num(moved[last])
    return Case(series, onsets, films.reset_index(), float(fps), moved, notes)


def _clock(sheet: Sheet, time: str | None = None) -> pd.DataFrame:
    """``film``, ``seconds`` and ``frame`` of each row, NaN where there is no such column."""
    columns = {"seconds": sheet.find(export.SECONDS), "frame": sheet.find(export.FRAMES)}
    if time:
        columns = {"frame" if "frame" in time.lower() else "seconds": sheet.find([time])}
    read = {key: sheet.numbers(column) for key, column in columns.items() if column}
    film = sheet.find(export.FILMS)
    names = sheet.table[film].map(export.film_name).to_numpy() if film else "film"
    blank = {"film": names, "seconds": np.nan, "frame": np.nan}
    return pd.DataFrame(blank | read, index=range(len(sheet.table)))


def _rate(clock: pd.DataFrame) -> float | None:
    """Frames a second of a table with a column of seconds, its rows in any order."""
    steps = clock.sort_values("seconds").groupby("film")[["seconds", "frame"]].diff()
    steps = steps[steps.seconds > 0]
    steps = steps[steps.seconds <= 1.5 * steps.seconds.median()].mean()  # without gaps
    if np.isnan(steps.seconds):
        return None
    return round((1 if np.isnan(steps.frame) else steps.frame) / steps.seconds, 3)


def _place(sheet: Sheet, clock: pd.DataFrame, fps: float) -> pd.DataFrame:
    """``film`` and ``frame`` (int) of each row of a table of series."""
    frame = clock.frame.where(clock.frame.notna(), (clock.seconds * fps).round())
    _require_times(sheet, frame)
    place = clock[["film"]].assign(frame=frame.astype(int))
    twice = place.duplicated()
    if twice.any():
        row = int(twice.idxmax())
        raise ValueError(
            f"{sheet.where(row)}: a second row for frame {place.frame[row]} at {fps:g} frames a "
            "second; correct --fps, or leave one row a frame."
        )
    return place


def _require_times(sheet: Sheet, frame: pd.Series, asked: np.ndarray | bool = True) -> None:
    for wrong, what in ((frame.isna(), "no time"), (frame < 0, "a time before the film")):
        if (wrong & asked).any():
            raise ValueError(f"{sheet.where(int((wrong & asked).idxmax()))}: {what}.")


def _value_columns(sheet: Sheet, time: str | None = None) -> list[str]:
    """The columns that hold forecasts: all that are no time, frame or film."""
    usual = (*export.SECONDS, *export.FRAMES, *export.FILMS, time or "")
    known = {sheet.find([name]) for name in usual}
    columns = [column for column in sheet.table if column not in known]
    if not columns:
        raise ValueError(f"{sheet.path.name} has no column of forecasts beside the time.")
    return columns


def _join(values: np.ndarray, place: pd.DataFrame, films: pd.DataFrame) -> np.ndarray:
    """Values at their frames of the joined series, NaN elsewhere; those beyond it left out."""
    start, stop = (place.film.map(films[end]) for end in ("start", "stop"))
    at, series = start + place.frame, np.full(films.stop.iloc[-1], np.nan)
    known = (at < stop).to_numpy()
    series[at[known].astype(int)] = values[known]
    return series


def read_events(path: str | Path, pieces: pd.DataFrame, fps: float) -> pd.DataFrame:
    """A person's events, in frames of a recording.

    Parameters
    ----------
    path : path
        Table with a row an event, as for :func:`judge`; with several films it has a column film.
        Not read where ``pieces`` name a table of each film.
    pieces : DataFrame
        ``film``, ``start``, ``stop`` of the recording, and perhaps ``events``: the path of the
        film's own table, which counts from its beginning; without one nothing happens in it.
    fps : float
        Frames of it a second.

    Returns
    -------
    DataFrame
        ``onset`` (frame) and ``onset_s`` (seconds), in the order of time.
    """
    films = pieces.groupby("film", sort=False).agg(start=("start", "min"), stop=("stop", "max"))
    if "events" in pieces:
        named = pieces.drop_duplicates("film").set_index("film").events.dropna().items()
        told = [_read_onsets(read_sheet(one), films.loc[[name]], fps)[0] for name, one in named]
        onsets = np.array([onset for one in told for onset in one], int)
    else:
        onsets, _ = _read_onsets(read_sheet(project_path(path)), films, fps)
    return pd.DataFrame({"onset": onsets, "onset_s": onsets / fps})


def _read_onsets(
    sheet: Sheet, films: pd.DataFrame, fps: float, event: str | None = None
) -> tuple[np.ndarray, list[str]]:
    """Frames of the joined series at which events begin, and what was left aside."""
    clock, kept = _clock(sheet), _beginnings(sheet, event)
    frame = clock.frame.where(clock.seconds.isna(), clock.seconds * fps).round()
    _require_times(sheet, frame, kept)
    if len(films) == 1:
        clock["film"] = films.index[0]
    elif sheet.find(export.FILMS) is None:
        raise ValueError(
            f"{sheet.path.name} names no film, and the forecasts are of {len(films)}: add a "
            "column film."
        )
    elif kept.any() and not clock.film[kept].isin(films.index).any():
        raise ValueError(
            f"{sheet.path.name} has events of {', '.join(sorted(set(clock.film[kept])))}, and no "
            f"film of that name has a forecast: there are {', '.join(films.index)}."
        )
    at = clock.film.map(films.start) + frame
    known = at < clock.film.map(films.stop)
    beyond = int((kept & ~known).sum())
    notes = [f"{beyond} events lie where there is no forecast and are left out."] if beyond else []
    return np.unique(at[kept & known].astype(int)), notes


def _beginnings(sheet: Sheet, event: str | None) -> np.ndarray:
    """Rows at which an event of the one kind asked for begins, bool (n,)."""
    blank = pd.Series("", sheet.table.index)
    status, code = (
        sheet.table.get(sheet.find(names), blank) for names in (export.STATUS, export.CODES)
    )
    kept = status.str.upper().ne("STOP")
    if event is not None and event not in set(code):
        raise ValueError(
            f"{sheet.path.name} has no event {event!r}: there are {', '.join(sorted(set(code)))}."
        )
    kept &= code.eq(event) if event is not None else True
    told = sorted(set(code[kept]))
    if len(told) > 1:
        raise ValueError(
            f"{sheet.path.name} holds several behaviours, {', '.join(told)}: choose with --event."
        )
    return kept.to_numpy()


def question_of(case: Case, horizon: int) -> np.ndarray:
    """The alarm's question, int8 (T,): does an event begin within (t, t + horizon]?

    -1 on the last ``horizon + 1`` frames of each film, as where motion is asked about.
    """
    events = pd.DataFrame({"onset": case.onsets})
    return label_alarms(case.length, events, horizon, past=1, pieces=case.pieces)


def rivals_of(case: Case, base_rate: float) -> dict[str, np.ndarray]:
    """Forecasts to be beaten that learn nothing but how often the answer is yes."""
    frames = np.arange(case.length)
    starts = case.pieces.start.to_numpy()
    film = starts[np.searchsorted(starts, frames, "right") - 1]
    before = np.append(-1, case.onsets)[np.searchsorted(case.onsets, frames, "right")]
    since = (frames - np.maximum(before, film)).astype(float)
    rivals = {"base rate": np.full(case.length, base_rate), SINCE: since}
    if case.motion is not None:
        last = by_piece(lambda motion: behind(motion, 1)[:, 0], case.pieces, case.motion)
        rivals |= {"level −ỹ[t−1]": -last, "level +ỹ[t−1]": last}
    return rivals


def past_of_motion(
    case: Case, question: np.ndarray, folds: Sequence[Mapping]
) -> dict[str, np.ndarray]:
    """Models of the motion's past, each frame forecast by those that saw no neighbour of it.

    Raises
    ------
    ValueError
        If the motion has gaps, or a fold leaves nothing to learn from.
    """
    from fishlib.forecasters.regressions import Regressions

    if not np.isfinite(case.motion).all():
        gap = int(np.flatnonzero(~np.isfinite(case.motion))[0])
        raise ValueError(f"The motion has gaps, the first at frame {gap}.")
    if not all(len(fold["train"]) for fold in folds):
        raise ValueError("The film is too short: a fold leaves no frame to learn from.")
    forecasts: dict[str, np.ndarray] = {}
    for fold in folds:
        fitted, judged = Regressions().fit(case, question, fold), fold["test"]
        for kind, forecast in fitted.forecasts(case, judged).items():
            joined = forecasts.setdefault(PAST + kind, np.full(case.length, np.nan))
            joined[judged] = forecast[judged]
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
        "notes": case.notes,
    }
    if len(case.onsets) < FEW_ONSETS:
        few = f"{len(case.onsets)} events are too few to conclude: it takes {FEW_ONSETS} or more."
        facts["notes"] = [*case.notes, few]
    rivals, best, folds, missing = rivals_of(case, facts["base_rate"] or 0.0), SINCE, ALL, {}
    if case.motion is not None:
        missing["LSTM on the motion"] = "not fitted here: judging loads no network."
        apart = round(LOOK_BACK * case.fps) + ahead
        try:
            folds = make_folds(case.pieces, embargo=apart, choose=False)
            rivals |= past_of_motion(case, question, folds)
            best = PAST + "both"
        except ValueError as reason:
            folds, missing[PAST.rstrip(": ")] = ALL, str(reason)
    mine, events = list(case.forecasts), pd.DataFrame({"onset": case.onsets})
    verdict = Verdict(
        case.forecasts | rivals, question, folds, rivals=[best], motion=case.motion, events=events,
        fps=case.fps, horizon=ahead, pieces=case.pieces, n_shifts=n_shifts,
        raise_at={} if threshold is None else dict.fromkeys(mine, threshold),
    )  # fmt: skip
    scores = verdict.scores
    parts = ("chance", "leads", "stacking", "equal_level", "reliability", "alarms")
    tables = {
        "scores": scores[~scores.score.str.startswith("max_")] if len(scores) else scores,
        "differences": verdict.compare(mine, [*mine[1:], *rivals]),
        **{part: getattr(verdict, part) for part in parts},
    }
    return {
        "facts": facts,
        "tables": tables,
        "curves": {name: verdict.warning_curve(name) for name in verdict.forecasts},
        "missing": missing,
        "folds": len(folds),
        "probabilities": [name for name, p in case.forecasts.items() if is_probability(p)],
    }
