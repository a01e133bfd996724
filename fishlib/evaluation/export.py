"""Tables for other tools: motion and questions, forecasts, events.

Everything counts from the start of its film, in frames of the film and in seconds.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.files import write_atomically
from fishlib.splits import whole

BORIS_COLUMNS = ("time", "subject", "code", "modifier", "comment")
"""Columns BORIS asks of a spreadsheet of events; it ignores further ones."""
FRAME_COLUMNS = ("trough", "onset", "peak", "alarm")
"""Columns of a table of events that count frames."""


def film_clock(
    n_frames: int, fps: float, pieces: pd.DataFrame | None = None, every: int = 1
) -> pd.DataFrame:
    """Where each frame of a series stands in its film: ``film``, ``frame``, ``time_s``.

    Parameters
    ----------
    n_frames : int
    fps : float
        Frames of the series a second.
    pieces : DataFrame, optional
        ``film``, ``start``, ``stop``; the series begins with the first film's first frame, any
        other film with its first piece.
    every : int
        The series holds every so many frames of the film.
    """
    pieces = whole(n_frames) if pieces is None else pieces
    starts = pieces.groupby("film", sort=False).start.min()
    starts.iloc[0] = 0
    of = np.searchsorted(starts.to_numpy(), np.arange(n_frames), "right") - 1
    kept = np.arange(n_frames) - starts.to_numpy()[of]
    films = starts.index.to_numpy()[of]
    return pd.DataFrame({"film": films, "frame": kept * every, "time_s": kept / fps})


def series_table(
    motion: np.ndarray,
    clock: pd.DataFrame,
    questions: Mapping[str, np.ndarray] | None = None,
    pieces: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """A row for each frame: that of the clock, ``motion``, and a column for each question.

    Parameters
    ----------
    motion : float64 array (T,)
        Left empty where a piece ends: there is no next frame.
    clock : DataFrame
        From :func:`film_clock`.
    questions : mapping of name -> int array (T,), optional
        1, 0, or -1 where a frame is not asked, which is left empty.
    pieces : DataFrame, optional
        As for :func:`film_clock`.
    """
    pieces = whole(len(motion)) if pieces is None else pieces
    table = clock.assign(motion=np.asarray(motion, float))
    table.loc[pieces.stop - 1, "motion"] = np.nan
    for name, question in (questions or {}).items():
        table[name] = pd.array(question, dtype="Int8")
        table.loc[np.asarray(question) < 0, name] = pd.NA
    return table


def forecast_table(
    forecasts: Mapping[str, Mapping[str, np.ndarray]], clock: pd.DataFrame
) -> pd.DataFrame:
    """A row for each question, forecaster and frame at which a forecast is defined.

    Parameters
    ----------
    forecasts : mapping of question -> mapping of name -> float array (T,)
        NaN where not defined.
    clock : DataFrame
        From :func:`film_clock`.

    Returns
    -------
    DataFrame
        ``film``, ``frame``, ``time_s``, ``question``, ``forecaster``, ``probability``.
    """
    tables = [clock.iloc[:0].assign(question="", forecaster="", probability=0.0)]
    for question, of_one in forecasts.items():
        for name, forecast in of_one.items():
            at = np.flatnonzero(np.isfinite(forecast))
            columns = {"question": question, "forecaster": name, "probability": forecast[at]}
            tables.append(clock.iloc[at].assign(**columns))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def event_table(events: pd.DataFrame, clock: pd.DataFrame, subject: str = "group") -> pd.DataFrame:
    """Events for a spreadsheet and for BORIS.

    The first columns are those BORIS imports (Observations > Import observations, once the sheet
    is saved as XLSX or ODS): time in seconds, subject, code ``onset``, modifier, comment. The
    film and the table's own columns follow.

    Parameters
    ----------
    events : DataFrame
        From :func:`fishlib.questions.find_onsets`, or
        :func:`fishlib.evaluation.alarms.add_warnings` of it, in frames of the series.
    clock : DataFrame
        From :func:`film_clock`.
    subject : str
        Name of the animal or group.
    """
    at = clock.iloc[events.onset.to_numpy(int)].reset_index(drop=True)
    own = events.reset_index(drop=True)
    for column in own.columns.intersection(FRAME_COLUMNS):
        known = own[column].notna()
        frames = clock.frame.to_numpy()[own[column][known].to_numpy(int)]
        own.loc[known, column] = frames
    lead = own.get("lead_s", pd.Series(np.nan, own.index))
    rise = own.get("rise", pd.Series(np.nan, own.index))
    comment = [
        ", ".join([f"rise {up:.3g}"] * bool(up == up) + [f"warned {s:.2f} s before"] * bool(s == s))
        for up, s in zip(rise, lead, strict=True)
    ]
    boris = (at.time_s.round(3), subject, "onset", "", comment)
    table = pd.DataFrame(dict(zip(BORIS_COLUMNS, boris, strict=True)), own.index)
    own = own.assign(onset_s=at.time_s) if "onset_s" in own else own
    return pd.concat([table, at[["film"]], own], axis=1)


def write_tables(
    folder: str | Path,
    motion: np.ndarray,
    fps: float,
    *,
    questions: Mapping[str, np.ndarray] | None = None,
    forecasts: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    events: pd.DataFrame | None = None,
    pieces: pd.DataFrame | None = None,
    every: int = 1,
) -> list[Path]:
    """Write what was found as tables that other tools read; parameters as of the tables.

    Returns
    -------
    list of Path
        ``series.csv``, and ``forecasts.csv`` and ``events.csv`` where these are given; each
        appears under its name when it is whole.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    clock = film_clock(len(motion), fps, pieces, every)
    tables = {"series": series_table(motion, clock, questions, pieces)}
    if forecasts is not None:
        tables["forecasts"] = forecast_table(forecasts, clock)
    if events is not None:
        tables["events"] = event_table(events, clock)
    looks = {"index": False, "float_format": "%.9g"}
    return [
        write_atomically(folder / f"{name}.csv", partial(table.to_csv, **looks))
        for name, table in tables.items()
    ]
