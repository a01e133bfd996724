"""Tables of other tools: those they wrote are read, those they read are written.

Read is what has comma or semicolon, point or decimal comma, seconds or frames. What is written
counts from the start of its film, in frames of the recording and in seconds.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from fishlib.files import decode, delimiter_of, plain_name, write_atomically
from fishlib.splits import whole

SECONDS = (
    "time_s", "time s", "time sec", "time seconds", "seconds", "sec", "time", "t", "start s",
    "start", "start time", "onset s", "onset", "begin", "timestamp",
)  # fmt: skip
"""Names a column of seconds goes by, the surest first; signs and capitals do not count."""
FRAMES = ("frame", "frames", "frame index", "frame number", "image index", "start frame",
          "onset frame")  # fmt: skip
"""Names a column of frames goes by."""
FILMS = ("film", "video", "movie", "media file name", "media file", "media file path", "file",
         "observation id")  # fmt: skip
CODES = ("behavior", "behaviour", "code", "event")
STATUS = ("behavior type", "behaviour type", "status")
MISSING = ("", "na", "nan", "none", "null")


@dataclass(frozen=True)
class Sheet:
    """The cells of a table as text, without the spaces around them.

    The index of ``table`` counts rows from 0 below the header, which stands in line ``first`` of
    the file; empty rows are gone.
    """

    path: Path
    table: pd.DataFrame
    first: int

    def find(self, names: Iterable[str]) -> str | None:
        """The column that goes by the first of some names; None if none does."""
        known = {plain_name(column): column for column in reversed(self.table.columns)}
        return next((known[name] for name in map(plain_name, names) if name in known), None)

    def numbers(self, column: str) -> np.ndarray:
        """The cells of a column as numbers, float64 (n,); NaN where empty or NA.

        A comma is a decimal comma, and ``1:02:03.5`` is read as seconds.

        Raises
        ------
        ValueError
            If a cell is no number; the sentence names file, line and column.
        """
        texts = self.table[column].str.replace(",", ".", regex=False)
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(float, copy=True)
        unread = np.isnan(numbers) & ~texts.str.lower().isin(MISSING).to_numpy()
        clock = texts[unread].where(texts[unread].str.contains(":"))
        numbers[unread] = pd.to_timedelta(clock, errors="coerce").dt.total_seconds()
        wrong = np.isinf(numbers) | unread & np.isnan(numbers)
        if wrong.any():
            row = int(np.argmax(wrong))
            text = self.table[column].iloc[row]
            raise ValueError(f"{self.where(row)}: {text!r} in column {column!r} is no number.")
        return numbers

    def where(self, row: int) -> str:
        """File and line of a row, for a sentence."""
        above = self.table.iloc[:row]
        broken = sum(int(above[column].str.count("\n").sum()) for column in above)
        return f"{self.path.name}, line {self.first + 1 + self.table.index[row] + broken}"


def read_sheet(path: str | Path, time: str | None = None) -> Sheet:
    """Read a table whose header names a column of seconds or of frames.

    Lines before the header, as some tools write them, are passed over.

    Parameters
    ----------
    path : str or Path
        CSV or tab-separated text; UTF-8 with or without a byte order mark, UTF-16 with one, or
        the Windows code page.
    time : str, optional
        Name of the column of time or frames, where it goes by no usual name.

    Raises
    ------
    ValueError
        If no line is such a header, nothing follows it, or a row has more cells than it.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    lines = decode(path.read_bytes()).splitlines(keepends=True)
    names = {plain_name(name) for name in ((time,) if time else (*SECONDS, *FRAMES))}
    at = next((i for i, line in enumerate(lines) if names & _names_in(line)), None)
    if at is None:
        asked = f"named {time!r}" if time else "of time or frames, such as time_s or frame"
        raise ValueError(
            f"{path.name}: no line names a column {asked}: rename it (of forecasts, give --time)."
        )
    header, *rows = csv.reader(lines[at:], delimiter=delimiter_of(lines[at]))
    table = pd.DataFrame(dict(enumerate(zip_longest(*rows, fillvalue=""))), dtype=str)
    table = table.apply(lambda cells: cells.str.strip())
    table, beyond = table.iloc[:, : len(header)], table.iloc[:, len(header) :]
    table.columns = [name.strip() for name in header[: table.shape[1]]]
    table = table.loc[table.ne("").any(axis=1), (table.columns != "") & ~table.columns.duplicated()]
    if table.empty:
        raise ValueError(f"{path.name}: no row follows the header in line {at + 1}.")
    sheet, wide = Sheet(path, table, at + 1), beyond.loc[table.index].ne("").any(axis=1).to_numpy()
    if wide.any():
        raise ValueError(
            f"{sheet.where(int(wide.argmax()))}: more cells than the header in line {at + 1} names."
        )
    return sheet


def film_name(text: str) -> str:
    """A film's name as both tables know it: without folder and ending."""
    return PureWindowsPath(text).stem


def _names_in(line: str) -> set[str]:
    return set(map(plain_name, line.split(delimiter_of(line))))


BORIS_COLUMNS = ("time", "subject", "code", "modifier", "comment")
"""Columns BORIS asks of a spreadsheet of events; it ignores further ones."""
FRAME_COLUMNS = ("trough", "onset", "peak", "alarm")
"""Columns of a table of events that count frames."""


def film_clock(n_frames: int, fps: float, pieces: pd.DataFrame | None = None) -> pd.DataFrame:
    """Where each frame of a series stands in its film: ``film``, ``frame``, ``time_s``.

    Parameters
    ----------
    n_frames : int
    fps : float
        Frames of the series a second.
    pieces : DataFrame, optional
        ``film``, ``start``, ``stop``; the series begins with the first film's first frame, any
        other film with its first piece.
    """
    pieces = whole(n_frames) if pieces is None else pieces
    starts = pieces.groupby("film", sort=False).start.min()
    starts.iloc[0] = 0
    of = np.searchsorted(starts, np.arange(n_frames), "right") - 1
    frame = np.arange(n_frames) - starts.to_numpy()[of]
    return pd.DataFrame({"film": starts.index[of], "frame": frame, "time_s": frame / fps})


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
    tables = [
        clock.assign(question=question, forecaster=name, probability=forecast).dropna()
        for question, of_one in forecasts.items()
        for name, forecast in of_one.items()
    ]
    empty = clock.iloc[:0].assign(question="", forecaster="", probability=0.0)
    return pd.concat(tables or [empty], ignore_index=True)


def event_table(events: pd.DataFrame, clock: pd.DataFrame) -> pd.DataFrame:
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
    """
    at = clock.iloc[events.onset.to_numpy(int)].reset_index(drop=True)
    own = events.reset_index(drop=True)
    for column in own.columns.intersection(FRAME_COLUMNS):
        known = own[column].notna()
        own.loc[known, column] = clock.frame.to_numpy()[own[column][known].to_numpy(int)]
    lead = own.get("lead_s", pd.Series(np.nan, own.index))
    rise = own.get("rise", pd.Series(np.nan, own.index))
    comment = [
        ", ".join([f"rise {up:.3g}"] * bool(up == up) + [f"warned {s:.2f} s before"] * bool(s == s))
        for up, s in zip(rise, lead, strict=True)
    ]
    boris = (at.time_s.round(3), "group", "onset", "", comment)
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
) -> list[Path]:
    """Write what was found as tables that other tools read.

    Parameters
    ----------
    folder : path
    motion : float64 array (T,)
        Left empty where a piece ends: there is no next frame.
    fps : float
        Frames of the series a second.
    questions : mapping of name -> int array (T,), optional
        1, 0, or -1 where a frame is not asked, which is left empty.
    forecasts, events, pieces
        As of :func:`forecast_table`, :func:`event_table` and :func:`film_clock`.

    Returns
    -------
    list of Path
        ``series.csv``, and ``forecasts.csv`` and ``events.csv`` where these are given; each
        appears under its name when it is whole.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pieces = whole(len(motion)) if pieces is None else pieces
    clock = film_clock(len(motion), fps, pieces)
    series = clock.assign(motion=np.asarray(motion, float))
    series.loc[pieces.stop - 1, "motion"] = np.nan
    for name, question in (questions or {}).items():
        series[name] = pd.array(question, dtype="Int8")
        series.loc[np.asarray(question) < 0, name] = pd.NA
    tables = {"series": series}
    if forecasts is not None:
        tables["forecasts"] = forecast_table(forecasts, clock)
    if events is not None:
        tables["events"] = event_table(events, clock)
    looks = {"index": False, "float_format": "%.9g"}
    return [
        write_atomically(folder / f"{name}.csv", partial(table.to_csv, **looks))
        for name, table in tables.items()
    ]
