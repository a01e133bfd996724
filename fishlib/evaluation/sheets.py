"""Tables that other tools wrote: comma or semicolon, point or decimal comma, seconds or frames."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

SECONDS = (
    "time_s", "time s", "time sec", "time seconds", "seconds", "sec", "time", "t", "start s",
    "start", "start time", "onset s", "onset", "begin", "timestamp",
)  # fmt: skip
"""Names a column of seconds goes by, the surest first; signs and capitals do not count."""
FRAMES = (
    "frame",
    "frames",
    "frame index",
    "frame number",
    "image index",
    "start frame",
    "onset frame",
)
"""Names a column of frames goes by."""
FILMS = ("film", "video", "movie", "media file name", "media file", "media file path", "file",
         "observation id")  # fmt: skip
CODES = ("behavior", "behaviour", "code", "event")
STATUS = ("behavior type", "behaviour type", "status")
MISSING = ("", "na", "nan", "none", "null")


@dataclass(frozen=True)
class Sheet:
    """The cells of a table as text, and the line of the file each row stands in.

    ``columns`` are the names as written, ``rows`` lists of cells, ``lines`` count from 1.
    """

    path: Path
    columns: list[str]
    rows: list[list[str]]
    lines: list[int]
    decimal_comma: bool

    def find(self, names: Iterable[str]) -> str | None:
        """The column that goes by the first of some names; None if none does."""
        known = {_plain_name(column): column for column in reversed(self.columns)}
        return next((known[name] for name in map(_plain_name, names) if name in known), None)

    def require(self, name: str) -> str:
        """A column by the name the user gave.

        Raises
        ------
        ValueError
            If there is none; the sentence lists what there is.
        """
        if name not in self.columns:
            raise ValueError(
                f"{self.path.name} has no column {name!r}: there are {', '.join(self.columns)}."
            )
        return name

    def texts(self, column: str) -> list[str]:
        """The cells of a column."""
        at = self.columns.index(column)
        return [row[at].strip() for row in self.rows]

    def numbers(self, column: str) -> np.ndarray:
        """The cells of a column as numbers, float64 (n,); NaN where empty or NA.

        ``1:02:03.5`` is read as seconds.

        Raises
        ------
        ValueError
            If a cell is no number; the sentence names file, line and column.
        """
        texts = self.texts(column)
        if self.decimal_comma:
            texts = [text.replace(",", ".") for text in texts]
        try:
            numbers = np.array(texts, float)
        except ValueError:
            numbers = np.array([_number(text) for text in texts])
        wrong = np.isinf(numbers)
        if wrong.any():
            row = int(np.argmax(wrong))
            text = self.texts(column)[row]
            raise ValueError(f"{self.where(row)}: {text!r} in column {column!r} is no number.")
        return numbers

    def where(self, row: int) -> str:
        """File and line of a row, for a sentence."""
        return f"{self.path.name}, line {self.lines[row]}"


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
        If no line is such a header, or nothing follows it.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    lines = _decode(path.read_bytes()).splitlines()
    names = {_plain_name(name) for name in ((time,) if time else (*SECONDS, *FRAMES))}
    parsed = map(_cells, lines)
    of_header = (i for i, (_, cells) in enumerate(parsed) if names & set(map(_plain_name, cells)))
    at = next(of_header, None)
    if at is None:
        asked = f"named {time!r}" if time else "of time or frames, such as time, time_s or frame"
        raise ValueError(f"{path.name}: no line names a column {asked}; name it with --time.")
    delimiter, header = _cells(lines[at])
    reader = csv.reader(lines[at + 1 :], delimiter=delimiter)
    rows, numbers = [], []
    for row in reader:
        if any(cell.strip() for cell in row):
            rows.append([*row, *[""] * (len(header) - len(row))])
            numbers.append(at + 1 + reader.line_num)
    if not rows:
        raise ValueError(f"{path.name}: no row follows the header in line {at + 1}.")
    return Sheet(path, header, rows, numbers, delimiter != ",")


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


def _cells(line: str) -> tuple[str, list[str]]:
    """What separates the cells of a line, and the cells."""
    delimiter = max(",;\t", key=line.count)
    return delimiter, [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _plain_name(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().lower()


def _number(text: str) -> float:
    """A number; NaN where none is given, infinite where what is given is none."""
    if text.lower() in MISSING:
        return np.nan
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        text = text.replace(",", ".")
    clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d*)?)", text)
    if clock:
        return 3600 * int(clock[1]) + 60 * int(clock[2]) + float(clock[3])
    try:
        return float(text)
    except ValueError:
        return np.inf
