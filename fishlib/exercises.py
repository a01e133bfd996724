"""The notebooks' exercises: a check that knows a right answer from a wrong one."""

import numpy as np
from sklearn.metrics import roc_auc_score


def check(exercise: str, answer: object, *found: np.ndarray) -> None:
    """Print "not yet" without an answer, "right", or else what it lacks and a hint.

    Parameters
    ----------
    exercise : str
        Its number, such as "1.1".
    answer : what a reader wrote, or None
        Compared with the right one as a set of numbers, as words, or number by number.
    *found : arrays
        Of the reader's own film, where the right answer depends on it.
    """
    right, hint = EXERCISES[exercise]
    if answer is None:
        print("not yet")
    else:
        right = right(*found) if callable(right) else right
        slip = _slip(answer, right, WITHIN.get(exercise, 1e-8))
        print("right" if slip is None else f"look again: {slip}{hint}")


def rises_or_falls(before: np.ndarray, after: np.ndarray, forecast: np.ndarray) -> str:
    """Do the share of positives and the AUC of a forecast rise or fall from label to label?"""
    at = before >= 0
    shares = [np.mean(label[at]) for label in (before, after)]
    aucs = [roc_auc_score(label[at], forecast[at]) for label in (before, after)]
    return " ".join(np.where(np.diff([shares, aucs]).ravel() > 0, "rises", "falls"))


EXERCISES = {
    "1.1": (0.1, "two of four pixels change, each by 51 of 255"),
    "1.2": (40 / 255, "every pixel changes by 40 of 255, and the fish hardly count"),
    "1.3": (99, "ỹ[t] needs frame t + 1, and at frame 100 nobody has seen frame 101"),
    "2.1": ([0, 1, 1], "W holds three values, R is their range, min W + b R the bar for ỹ[t]"),
    "2.2": (rises_or_falls, "more frames are low enough, so being very calm says less"),
    "3.1": ("nearest", "one rule keeps the even columns, the other the odd ones"),
    "3.2": ({80, 83, 84, 88, 91, 92, 96, 99, 100}, "the moments are frames 84, 92 and 100"),
    "4.1": (0.2123, "with x = 0 every gate is 0.5 and the candidate is tanh(0) = 0"),
    "4.2": (11520, "three gates and a candidate, each a convolution of 4 and one of 16 maps"),
    "5.1": (0.75, "there are four pairs, and one of them is in the wrong order"),
    "5.2": ([0.2, 0.0], "excess is sensitivity less time in warning"),
}
"""Of each exercise the right answer, or how it follows from what was found; and a hint."""
WITHIN = {"1.2": 0.1, "4.1": 0.005}
"""Largest relative error of an answer that need not be exact."""


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
