"""Forecasters: everything that turns the past of a film into one forecast a frame.

They have one contract. ``fit(recording, question, parts, folder)`` learns from the parts ``train``
and ``validation`` and returns the forecaster, fitted; ``forecast(recording, at=None)`` is float64
(T,): the forecast of frame t is made of frames up to t and of ``motion[:t]`` alone (``motion[t]``
already contains frame t + 1), NaN where there is none. Nothing reaches from one piece of a
recording into another. :func:`fishlib.forecasters.check.check_forecaster` tests any of them.
"""

import pandas as pd

from fishlib.spans import USUAL_FPS
from fishlib.splits import whole


def pieces_of(recording) -> pd.DataFrame:
    """The pieces of a recording, within which time runs on; one where it names none."""
    pieces = getattr(recording, "pieces", None)
    return whole(len(recording.motion)) if pieces is None else pieces


def rate_of(recording) -> float:
    """Frames a second of a recording; 30 where it names none."""
    return getattr(recording, "fps", None) or USUAL_FPS


def check_parts(parts: dict[str, slice] | None) -> None:
    """Raise ValueError if there are no parts to train on: the film is too short."""
    if parts is None:
        raise ValueError(
            "This film is too short to be split into training, validation and test: use a longer "
            "one, or forecast it with a network trained elsewhere (the parameter model)."
        )


def stretches_of(recording, parts: dict[str, slice] | None, part: str) -> list[slice]:
    """The stretches of a part in which time runs on: where its pieces lie in it."""
    check_parts(parts)
    first, last, _ = parts[part].indices(len(recording.motion))
    pieces = pieces_of(recording)
    ends = zip(pieces.start.clip(first, last), pieces.stop.clip(first, last), strict=True)
    return [slice(int(start), int(stop)) for start, stop in ends if start < stop]
