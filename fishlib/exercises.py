"""The notebooks' exercises: a check that knows a right answer from a wrong one."""

import numpy as np


def check(answer: object, right: object, hint: str, within: float = 1e-8) -> None:
    """Print "not yet" without an answer, "right", or else the hint.

    Parameters
    ----------
    answer : what a reader wrote, or None
        Compared with ``right`` as a set of numbers, as text, or number by number.
    right : set, str, number or sequence of numbers
    hint : str
        Where to look again.
    within : float
        Largest relative error of a number.
    """
    if answer is None:
        print("not yet")
    else:
        print("right" if _agree(answer, right, within) else f"look again: {hint}")


def _agree(answer: object, right: object, within: float) -> bool:
    if isinstance(right, str):
        return isinstance(answer, str) and answer.replace(",", " ").split() == right.split()
    try:
        given = np.ravel(list(answer) if isinstance(answer, set) else answer).astype(float)
    except (TypeError, ValueError):  # no numbers
        return False
    if isinstance(right, set):
        return set(given) == right
    wanted = np.ravel(right)
    return len(given) == len(wanted) and np.allclose(given, wanted, rtol=within)
