"""What the notebooks' parameters may be, declared once and checked where they enter."""

import math
from dataclasses import dataclass
from pathlib import Path

import yaml

EXAMPLE = "write one parameter a line, such as 'seed: 1'"


@dataclass(frozen=True)
class Parameter:
    """One parameter of the notebooks.

    Parameters
    ----------
    kind : type
        bool, int, float or str.
    low, high : float
        Smallest and largest number allowed.
    choices : tuple, optional
        All values allowed, where they are few.
    low_counts : bool
        Whether ``low`` itself is allowed.
    """

    kind: type
    low: float = -math.inf
    high: float = math.inf
    choices: tuple = ()
    low_counts: bool = True

    @property
    def words(self) -> str:
        """What it takes, as in "a whole number from 1"."""
        if self.choices:
            return " or ".join(map(str, self.choices))
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        start = f" {'from' if self.low_counts else 'above'} {self.low:g}"
        end = f" {'to' if self.low_counts else 'and at most'} {self.high:g}"
        return words[self.kind] + start * math.isfinite(self.low) + end * math.isfinite(self.high)

    def read(self, value: object) -> bool | int | float | str:
        """The value as its kind; a number or a yes in quotes counts as one.

        Raises
        ------
        ValueError
            It is of another kind or out of range.
        """
        found = _READERS[self.kind](value)
        if self.choices and found not in self.choices:
            raise ValueError(found)
        if self.kind in (int, float) and not (
            math.isfinite(found)
            and self.low <= found <= self.high
            and (self.low_counts or found > self.low)
        ):
            raise ValueError(found)
        return found


def _yes(value: object) -> bool:
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    return known[str(value).strip().lower()]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, str):
        return int(value)
    number = _number(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def _text(value: object) -> str:
    if isinstance(value, dict):  # settings written as a mapping of their own
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    if value is None:
        return ""
    if isinstance(value, list):
        raise ValueError(value)
    return str(value)


_READERS = {bool: _yes, int: _whole, float: _number, str: _text}

SHARED = {
    "source": Parameter(str),
    "run_dir": Parameter(str),
    "seed": Parameter(int, 0, 2**32 - 1),
    "minutes": Parameter(float, 0),
    "fps": Parameter(float, 0, 100_000),
    "preparation": Parameter(str),
}
"""Parameters that all notebooks share and that mean one thing in all of them."""

NETWORKS = (
    "motion_convlstm", "motion_cnn", "upbeat_snowflake", "visionary_serenity", "fast_snow",
)  # fmt: skip
_COUNT, _COUNT_OR_NONE = Parameter(int, 1), Parameter(int, 0)
PARAMETERS = SHARED | {
    "horizon_seconds": Parameter(float, 0, 600, low_counts=False),
    "past_seconds": Parameter(float, 0, 600, low_counts=False),
    "min_range": Parameter(float, 0),
    "low_fraction": Parameter(float, 0, 1, low_counts=False),
    "folds": Parameter(int, 0, 100),
    "events": Parameter(str),
    "show_study": Parameter(str, choices=("auto", "yes", "no")),
    "batch_size": Parameter(int, 1, 4096),
    "network": Parameter(str, choices=NETWORKS),
    "n_slices": Parameter(int, 0, 1000),
    "channels": Parameter(int, 1, 1000),
    "height": Parameter(int, 15, 1000),
    "learning_rate": Parameter(float, 0, 1, low_counts=False),
    "anneal": Parameter(bool),
    "epochs": _COUNT,
    "steps_per_epoch": _COUNT_OR_NONE,
    "flips": Parameter(int, choices=(1, 4)),
    "class_weighting": Parameter(bool),
    "learned": Parameter(str, choices=("onset", "burst")),
    "lstm_epochs": _COUNT_OR_NONE,
    "model": Parameter(str),
    "facts": Parameter(str),
    "n_shifts": Parameter(int, 19),
    "block": _COUNT,
    "oracle_frames": _COUNT,
    "n_rollouts": Parameter(int, 2),
    "overlay_seconds": Parameter(float, 0),
}
"""Every parameter of the five notebooks."""


def check_values(values: dict) -> dict:
    """Parameters as the kinds the notebooks take.

    Parameters
    ----------
    values : dict
        Values by name; a number in quotes counts as a number.

    Returns
    -------
    dict
        The same names, each value of its declared kind.

    Raises
    ------
    ValueError
        A name that no notebook has, or a value of another kind or out of range.
    """
    unknown = [str(name) for name in values if name not in PARAMETERS]
    if unknown:
        raise ValueError(
            f"No notebook has the parameter {', '.join(unknown)}. "
            f"The parameters are: {', '.join(sorted(set(PARAMETERS) - {'run_dir'}))}."
        )
    return {name: _read(name, value) for name, value in values.items()}


def _read(name: str, value: object) -> bool | int | float | str:
    try:
        return PARAMETERS[name].read(value)
    except (ValueError, KeyError, OverflowError):
        pass
    raise ValueError(f"The parameter {name} is {value!r}: give {PARAMETERS[name].words}.")


def read_parameters(path: str | Path) -> dict:
    """Parameters from a YAML file: a name a line, or a section a notebook and ``all``.

    Returns
    -------
    dict
        Checked values by name.

    Raises
    ------
    ValueError
        The file is no such table, or two sections give one name two values.
    """
    content = read_sections(path)
    flat = {name: value for name, value in content.items() if not _is_section(name, value)}
    for section, values in content.items():
        for name, value in (values if _is_section(section, values) else {}).items():
            if flat.setdefault(name, value) != value:
                raise ValueError(f"{path} gives {name} two values: one name means one thing.")
    try:
        return check_values(flat)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_sections(path: str | Path) -> dict:
    """The content of a parameter file as it is written: a mapping.

    Raises
    ------
    ValueError
        The file is empty, no YAML, no UTF-8 or no mapping.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not written in UTF-8: save it as plain text.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        what = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ValueError(f"{path}{line}: {what}; {EXAMPLE}.") from None
    if not isinstance(content, dict) or not content:
        found = "is empty" if not content else f"holds a {type(content).__name__}, no parameters"
        raise ValueError(f"{path} {found}: {EXAMPLE}.")
    return content


def _is_section(name: str, value: object) -> bool:
    return isinstance(value, dict) and name not in PARAMETERS
