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
        words[list] = "four numbers in brackets"
        start = f" {'from' if self.low_counts else 'above'} {self.low:.10g}"
        end = f" {'to' if self.low_counts else 'and at most'} {self.high:.10g}"
        return words[self.kind] + start * math.isfinite(self.low) + end * math.isfinite(self.high)

    def read(self, value: object) -> bool | int | float | str:
        """The value as its kind; a number or a yes in quotes counts as one.

        Raises
        ------
        ValueError
            It is of another kind or out of range.
        """
        found = _READERS[self.kind](value)
        if self.choices:
            fits = found in self.choices
        elif self.kind in (int, float):
            is_above = self.low <= found if self.low_counts else self.low < found
            fits = is_above and found <= self.high and math.isfinite(found)
        else:
            fits = True
        if not fits:
            raise ValueError(found)
        return found


def _yes(value: object) -> bool:
    return {"true": True, "yes": True, "false": False, "no": False}[str(value).strip().lower()]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    return float(value)


def _whole(value: object) -> int:
    if isinstance(value, str):
        return int(value)
    if (number := _number(value)) != int(number):
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


def _four(value: object) -> list[float]:
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise ValueError(value)
    return list(map(_number, value))


_READERS = {bool: _yes, int: _whole, float: _number, str: _text, list: _four}

NETWORKS = (
    "motion_convlstm", "motion_cnn", "upbeat_snowflake", "visionary_serenity", "fast_snow",
)  # fmt: skip
_KINDS = {
    "source run_dir preparation events tracks model facts": Parameter(str),
    "network": Parameter(str, choices=NETWORKS),
    "learned": Parameter(str, choices=("onset", "burst")),
    "show_study": Parameter(str, choices=("auto", "yes", "no")),
    "anneal class_weighting": Parameter(bool),
    "minutes min_range overlay_seconds": Parameter(float, 0),
    "fps": Parameter(float, 0, 100_000),
    "horizon_seconds past_seconds block": Parameter(float, 0, 600, low_counts=False),
    "low_fraction learning_rate": Parameter(float, 0, 1, low_counts=False),
    "seed": Parameter(int, 0, 2**32 - 1),
    "folds": Parameter(int, 0, 100),
    "n_slices": Parameter(int, 0, 1000),
    "channels": Parameter(int, 1, 1000),
    "height": Parameter(int, 15, 1000),
    "batch_size": Parameter(int, 1, 4096),
    "epochs oracle_frames": Parameter(int, 1),
    "steps_per_epoch": Parameter(int, 0),
    "flips": Parameter(int, choices=(1, 4)),
    "n_shifts": Parameter(int, 19),
    "n_rollouts": Parameter(int, 2),
}
PARAMETERS = {name: parameter for names, parameter in _KINDS.items() for name in names.split()}
"""Every parameter of the five notebooks."""
SETTINGS = {
    **dict.fromkeys(("background", "normalise", "shade", "rows"), Parameter(bool)),
    **dict.fromkeys(("roi", "colour"), Parameter(list)),
    "polarity": Parameter(str, choices=("bright", "dark")),
    "noise_floor": Parameter(float, 0, 254),
}
"""Every setting of :class:`fishlib.preparation.Preparation`, within the parameter of that name."""


def check_values(values: dict, known: dict = PARAMETERS) -> dict:
    """Parameters as the kinds the notebooks take.

    Parameters
    ----------
    values : dict
        Values by name; a number in quotes counts as a number.
    known : dict of Parameter
        What there is.

    Returns
    -------
    dict
        The same names, each value of its declared kind.

    Raises
    ------
    ValueError
        A name that no notebook has, or a value of another kind or out of range.
    """
    unknown = [str(name) for name in values if name not in known]
    if unknown:
        has = "No notebook has the parameter" if known is PARAMETERS else "preparation has no"
        raise ValueError(
            f"{has} {', '.join(unknown)}. There are: {', '.join(sorted(set(known) - {'run_dir'}))}."
        )
    checked = {}
    for name, value in values.items():
        try:
            checked[name] = known[name].read(value)
        except (ValueError, KeyError, OverflowError):
            words = known[name].words
            raise ValueError(f"The parameter {name} is {value!r}: give {words}.") from None
    if checked.get("preparation"):
        read_settings(checked["preparation"])
    return checked


def read_settings(preparation: str | dict) -> dict:
    """The settings in the parameter ``preparation``, written in one line of YAML.

    Raises
    ------
    ValueError
        They are no settings, or have values that cannot be.
    """
    try:
        told = yaml.safe_load(f"{{{preparation}}}") if isinstance(preparation, str) else preparation
    except yaml.YAMLError:
        told = None
    if not isinstance(told, dict) or None in told.values():
        raise ValueError(
            f"preparation is {preparation!r}: write settings as name: value, separated by commas, "
            'such as "noise_floor: 4, polarity: dark, roi: [0, 240, 0, 320]".'
        )
    checked = check_values(told, SETTINGS)
    return {
        name: checked[name] if isinstance(value, str) else value for name, value in told.items()
    }


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
    flat: dict = {}
    for section, content in _read_mapping(path).items():
        is_section = isinstance(content, dict) and section not in PARAMETERS
        for name, value in (content if is_section else {section: content}).items():
            if name in flat and flat[name] != value:
                raise ValueError(f"{path} gives {name} two values: one name means one thing.")
            flat[name] = value
    try:
        return check_values(flat)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


class _OnceEach(yaml.SafeLoader):
    """Plain values only, and no name twice in one table, of which the last would be taken."""

    def construct_mapping(self, node, deep=False):
        for place, (key, _) in enumerate(node.value):
            if any(key.value == other.value for other, _ in node.value[:place]):
                raise yaml.MarkedYAMLError(None, None, f"{key.value} is twice", key.start_mark)
        return super().construct_mapping(node, deep)


def _read_mapping(path: str | Path) -> dict:
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8-sig"), _OnceEach)
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
