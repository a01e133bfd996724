"""Live forecasts use nothing after their frame: what comes later changes none that was made.

Of whole films :func:`fishlib.check_forecaster` says so, see ``test_check.py``.
"""

import keras
import numpy as np
import pytest
from moving_fish import film

from fishlib.clips import time_channels
from fishlib.models import build_upbeat_snowflake, build_visionary_serenity
from fishlib.motion import measure_motion
from fishlib.streaming.live import LiveForecaster

SIZE = (24, 32)
CUT = 130


def _live(build, mode):
    layout = time_channels(4, 3)
    keras.utils.set_random_seed(0)
    return LiveForecaster(build((4, *SIZE, 3)), mode, layout)


def _streaming(build):
    return lambda frames: _live(build, "streaming").forecast_film(frames, progress=False)


def _frame_by_frame(frames):
    live = _live(build_upbeat_snowflake, "exact")
    return np.array([live.push(frame) for frame in frames])


FORECASTERS = {
    "one ConvLSTM, streaming": _streaming(build_upbeat_snowflake),
    "two ConvLSTMs, streaming": _streaming(build_visionary_serenity),
    "live": _frame_by_frame,
}


def _looks_ahead(forecaster) -> bool:
    """Whether forecasts up to the cut depend on frames after it."""
    frames = film(150, SIZE, n_fish=3)
    other = frames.copy()
    other[CUT + 1 :] = np.random.default_rng(1).integers(0, 255, other[CUT + 1 :].shape)
    first, second = forecaster(frames), forecaster(other)
    assert first.shape == second.shape == (150,)
    assert np.isfinite(first[: CUT + 1]).any()
    past, future = slice(0, CUT + 1), slice(CUT + 1, None)
    assert not np.array_equal(first[future], second[future], equal_nan=True)
    return not np.array_equal(first[past], second[past], equal_nan=True)


@pytest.mark.parametrize("name", FORECASTERS)
def test_no_forecaster_looks_ahead(name):
    assert not _looks_ahead(FORECASTERS[name])


def test_one_frame_of_leak_is_noticed():
    assert _looks_ahead(lambda frames: -measure_motion(frames))  # reads frame t + 1
