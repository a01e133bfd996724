"""Does a forecaster keep to the contract? A check for all of ours, and for a user's own."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd

from fishlib.forecasters import pieces_of

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
        With ``forecast(recording, at=None)``, fitted; see :mod:`fishlib.forecasters`.
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
    _require(
        isinstance(forecast, np.ndarray)
        and forecast.shape == (n_frames,)
        and forecast.dtype == np.float64,
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
    cut = copy.copy(recording)
    pieces = pd.DataFrame({"film": "film", "start": edges[:-1], "stop": edges[1:]})
    object.__setattr__(cut, "pieces", pieces)
    forecast = forecaster.forecast(cut, at)
    other = forecaster.forecast(_changed(cut, 0, border, 0), at)
    later = np.arange(border, len(forecast))
    _require_same(other, forecast, later, f"reaches back across the border at frame {border}")


def _changed(recording, start: int, stop: int, first_motion: int):
    """The recording with other frames [start, stop) and other motion [first_motion, stop)."""
    changed = copy.copy(recording)
    motion = np.array(recording.motion, float)
    motion[first_motion:stop] = 2 * motion.max() - motion[first_motion:stop]
    object.__setattr__(changed, "motion", motion)
    if getattr(recording, "frames", None) is not None:
        frames = np.array(recording.frames)
        frames[start:stop] = 255 - frames[start:stop]
        object.__setattr__(changed, "frames", frames)
    if (places := getattr(recording, "places", None)) is not None:
        x = np.array(places.x)
        x[start:stop] = places.box[0] + places.box[1] - x[start:stop]
        object.__setattr__(changed, "places", replace(places, x=x))
    return changed


def _require_same(one: np.ndarray, other: np.ndarray, at: np.ndarray, fault: str) -> None:
    same = np.isclose(one[at], other[at], rtol=NEAR, atol=1e-9, equal_nan=True)
    _require(same.all(), f"the forecast of frame {at[np.argmin(same)] if len(at) else 0} {fault}")


def _require(kept: bool, sentence: str) -> None:
    if not kept:
        raise AssertionError(f"This forecaster breaks the contract: {sentence}.")
