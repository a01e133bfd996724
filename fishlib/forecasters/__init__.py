"""Forecasters: everything that turns the past of a film into one forecast a frame.

They have one contract. ``fit(recording, question, parts, folder)`` learns from the parts ``train``
and ``validation`` and returns the forecaster, fitted; ``forecast(recording, at=None)`` is float64
(T,): the forecast of frame t is made of frames up to t and of ``motion[:t]`` alone (``motion[t]``
already contains frame t + 1), NaN where there is none. Nothing reaches from one piece of a
recording into another. :func:`check_forecaster` tests any of them.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import expit

from fishlib.motion import runs_of
from fishlib.spans import USUAL_FPS, frames_in
from fishlib.splits import frames_with_past, whole


def pieces_of(recording) -> pd.DataFrame:
    """The pieces of a recording, within which time runs on; one where it names none."""
    pieces = getattr(recording, "pieces", None)
    return whole(len(recording.motion)) if pieces is None else pieces


def rate_of(recording) -> float:
    """Frames a second of a recording; 30 where it names none."""
    return getattr(recording, "fps", None) or USUAL_FPS


def frames_asked(recording, at: slice | np.ndarray | None) -> np.ndarray:
    """Frames among ``at`` with as much past as every forecaster of the motion needs."""
    past = frames_in("lags", rate_of(recording)) + 1
    return frames_with_past(len(recording.motion), past, pieces_of(recording), at)


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


@dataclass(kw_only=True)
class Taught:
    """A forecaster that is taught several questions at once and gives their log-odds (T, K).

    Attributes
    ----------
    questions : tuple of str
        Names of the questions it was taught.
    answers : str
        The one that `forecast` answers; the first by default.
    """

    questions: tuple[str, ...] = ()
    answers: str = ""
    learns_all = True
    _logits: ClassVar[Callable[..., np.ndarray]]

    def on(self, question: str):
        """The same network, with its answer to another of the questions that it was taught."""
        other = copy.copy(self)
        other.answers = question
        return other

    def forecast(self, recording, at: slice | np.ndarray | None = None) -> np.ndarray:
        """Probability at each frame, float64 (T,); see ``fishlib.forecasters``."""
        return self.forecast_all(recording, at)[self.answers]

    def forecast_all(self, recording, at=None) -> dict[str, np.ndarray]:
        """Probability at each frame, float64 (T,), of every question that it was taught."""
        told = expit(self._logits(recording, at))
        return {question: told[:, k] for k, question in enumerate(self.questions)}

    def _ask(self, question: np.ndarray | Mapping) -> np.ndarray:
        """Note what is asked, one question or several by name: float32 (T, K), NaN where none."""
        questions = question if isinstance(question, Mapping) else {"question": question}
        self.questions = tuple(questions)
        self.answers = self.answers or self.questions[0]
        asked = [np.where(one < 0, np.nan, one) for one in questions.values()]
        return np.column_stack(asked).astype(np.float32)


NEAR = 1e-5
"""Relative difference that counts as none: networks round differently in other batches."""


def check_forecaster(forecaster, recording, at: slice | np.ndarray | None = None) -> None:
    """Change the future of a recording and see that no forecast moves, and more of the kind.

    Checks that forecasts are one float64 a frame, in reach of a score (finite or NaN), NaN at
    frames not asked for, the same for whatever frames are asked; that the forecast of frame t
    stays when frames after t and ``motion[t:]`` change, and moves when the past does; and that it
    stays when everything before its piece of the recording changes.

    Parameters
    ----------
    forecaster : object
        With ``forecast(recording, at=None)``, fitted.
    recording : Recording
        A few minutes, with the frames at the size that the forecaster reads; its frames and motion
        are copied, and so are the ``places`` that it brings with it.
    at : slice or index array, optional
        Frames at which it is checked, spread over the recording; None takes all.

    Raises
    ------
    AssertionError
        In one sentence, with the frame at which it was noticed.
    """
    n_frames = len(recording.motion)
    frames = np.arange(n_frames)[slice(None) if at is None else at]
    forecast = forecaster.forecast(recording, at)
    shape = isinstance(forecast, np.ndarray) and (forecast.shape, forecast.dtype)
    _require(
        shape == ((n_frames,), np.float64),
        f"forecast must return a float64 array of shape ({n_frames},), one value a frame",
    )
    _require(not np.isinf(forecast).any(), "a forecast is a number or NaN, never infinite")
    others = np.setdiff1d(np.arange(n_frames), frames)
    _require(np.isnan(forecast[others]).all(), "there are forecasts at frames not asked for")
    told = np.flatnonzero(np.isfinite(forecast))
    _require(len(told) > 1, "there is no forecast at all: take a longer recording")
    some = forecaster.forecast(recording, told[::2])
    _require_same(some, forecast, told[::2], "depends on which other frames are asked for")
    moved = False
    for cut in told[len(told) // 4 :: max(1, len(told) // 4)][:3]:
        known = told[told <= cut]
        other = forecaster.forecast(_changed(recording, cut + 1, n_frames, cut), at)
        _require_same(other, forecast, known, f"reads what comes after frame {cut}")
        before = forecaster.forecast(_changed(recording, 0, cut + 1, 0), at)
        moved |= not np.allclose(before[cut], forecast[cut], rtol=NEAR, atol=1e-9)
    _require(moved, "no forecast changes with the past of its frame: are frames and motion read?")
    _check_border(forecaster, recording, at, int(told[len(told) // 2]))


def _check_border(forecaster, recording, at, border: int) -> None:
    """Let a piece end at a frame, and change what lies before it."""
    ends = pieces_of(recording)
    edges = np.unique([*ends.start, *ends.stop, border])
    pieces = pd.DataFrame({"film": "film", "start": edges[:-1], "stop": edges[1:]})
    cut = _with(recording, pieces=pieces)
    forecast = forecaster.forecast(cut, at)
    other = forecaster.forecast(_changed(cut, 0, border, 0), at)
    later = np.arange(border, len(forecast))
    _require_same(other, forecast, later, f"reaches back across the border at frame {border}")


def _with(recording, **changes):
    """A copy of a recording, of whatever class, with other attributes."""
    other = copy.copy(recording)
    for name, value in changes.items():
        object.__setattr__(other, name, value)  # a Recording is frozen
    return other


def _changed(recording, start: int, stop: int, first_motion: int):
    """The recording with other frames [start, stop) and other motion [first_motion, stop)."""
    motion = np.array(recording.motion, float)
    motion[first_motion:stop] = 2 * motion.max() - motion[first_motion:stop]
    changes = {"motion": motion}
    if getattr(recording, "frames", None) is not None:
        changes["frames"] = frames = np.array(recording.frames)
        frames[start:stop] = 255 - frames[start:stop]
    if (places := getattr(recording, "places", None)) is not None:
        x = np.array(places.x)
        x[start:stop] = places.box[0] + places.box[1] - x[start:stop]
        changes["places"] = replace(places, x=x)
    return _with(recording, **changes)


def _require_same(one: np.ndarray, other: np.ndarray, at: np.ndarray, fault: str) -> None:
    same = np.isclose(one[at], other[at], rtol=NEAR, atol=1e-9, equal_nan=True)
    _require(same.all(), f"the forecast of frame {at[np.argmin(same)] if len(at) else 0} {fault}")


def _require(kept: bool, sentence: str) -> None:
    if not kept:
        raise AssertionError(f"This forecaster breaks the contract: {sentence}.")
