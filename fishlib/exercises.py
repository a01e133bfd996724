"""The notebooks' exercises: a check that knows a right answer from a wrong one."""

import numpy as np


def check(answer: object, right: object, hint: str, within: float = 1e-8) -> None:
    """Print "not yet" without an answer, "right", or else what it lacks and the hint.

    Parameters
    ----------
    answer : what a reader wrote, or None
        Compared with ``right`` as a set of numbers, as words, or number by number.
    right : set, str, number or sequence of numbers
    hint : str
        Where to look again.
    within : float
        Largest relative error of a number.
    """
    if answer is None:
        print("not yet")
    else:
        slip = _slip(answer, right, within)
        print("right" if slip is None else f"look again: {slip}{hint}")


def _slip(answer: object, right: object, within: float) -> str | None:
    """What the form of an answer lacks, "" if nothing; None if it is right."""
    if isinstance(right, str):
        words = " ".join(map(str, np.ravel(answer))).replace(",", " ")
        return None if words.lower().split() == right.split() else ""
    given, wanted = _numbers(answer), _numbers(right)
    if given is None:
        return "it is asked for in numbers; "
    given = np.unique(given) if isinstance(right, set) else given
    if len(given) != len(wanted):
        return f"{len(wanted)} asked for, {len(given)} given; "
    if np.allclose(given, wanted, rtol=within):
        return None
    return "a share is asked for, not per cent; " * np.allclose(given / 100, wanted, rtol=within)


def _numbers(values: object) -> np.ndarray | None:
    try:
        return np.ravel(sorted(values) if isinstance(values, set) else values).astype(float)
    except (TypeError, ValueError):
        return None
