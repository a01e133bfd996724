"""Tables that other tools wrote: comma or semicolon, point or decimal comma, seconds or frames."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

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
        known = {_plain_name(column): column for column in reversed(self.table.columns)}
        return next((known[name] for name in map(_plain_name, names) if name in known), None)

    def require(self, name: str) -> str:
        """A column by the name the user gave.

        Raises
        ------
        ValueError
            If there is none; the sentence lists what there is.
        """
        if name not in self.table:
            raise ValueError(
                f"{self.path.name} has no column {name!r}: there are {', '.join(self.table)}."
            )
        return name

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
    lines = _decode(path.read_bytes()).splitlines(keepends=True)
    names = {_plain_name(name) for name in ((time,) if time else (*SECONDS, *FRAMES))}
    at = next((i for i, line in enumerate(lines) if names & _names_in(line)), None)
    if at is None:
        asked = f"named {time!r}" if time else "of time or frames, such as time, time_s or frame"
        raise ValueError(f"{path.name}: no line names a column {asked}; name it with --time.")
    header, *rows = csv.reader(lines[at:], delimiter=_delimiter(lines[at]))
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


def _decode(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _names_in(line: str) -> set[str]:
    return set(map(_plain_name, line.split(_delimiter(line))))


def _plain_name(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().lower()
