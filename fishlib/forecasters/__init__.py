"""Forecasters: everything that turns the past of a film into one forecast a frame.

They have one contract. ``fit(recording, question, parts, folder)`` learns from the parts ``train``
and ``validation`` and returns the forecaster, fitted; ``forecast(recording, at=None)`` is float64
(T,): the forecast of frame t is made of frames up to t and of ``motion[:t]`` alone (``motion[t]``
already contains frame t + 1), NaN where there is none. Nothing reaches from one piece of a
recording into another. :func:`fishlib.forecasters.check.check_forecaster` tests any of them.
"""

import numpy as np
import pandas as pd

from fishlib.motion import runs_of
from fishlib.spans import USUAL_FPS
from fishlib.splits import whole


def pieces_of(recording) -> pd.DataFrame:
    """The pieces of a recording, within which time runs on; one where it names none."""
    pieces = getattr(recording, "pieces", None)
    return whole(len(recording.motion)) if pieces is None else pieces


def rate_of(recording) -> float:
    """Frames a second of a recording; 30 where it names none."""
    return getattr(recording, "fps", None) or USUAL_FPS


def check_parts(parts: dict[str, slice | np.ndarray] | None) -> None:
    """Raise ValueError if there are no parts to train on: the film is too short."""
    if parts is None:
        raise ValueError(
            "This film is too short to be split into training, validation and test: use a longer "
            "one, or forecast it with a network trained elsewhere (the parameter model)."
        )


def stretches_of(recording, parts: dict | None, part: str) -> list[slice]:
    """The stretches of a part (slice or frames) in which time runs on: within its pieces."""
    check_parts(parts)
    inside = np.zeros(len(recording.motion), bool)
    inside[parts[part]] = True
    pieces, found = pieces_of(recording), []
    for start, stop in zip(pieces.start, pieces.stop, strict=True):
        runs = runs_of(inside[start:stop]) + start
        found += [slice(int(first), int(last) + 1) for first, last in runs]
    return found
