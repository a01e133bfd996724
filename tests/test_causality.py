"""A forecast p[t] uses nothing after frame t: changing the future changes no forecast made."""

import keras
import numpy as np
import pytest
from moving_fish import film

from fishlib.clips import motion_channels, time_channels
from fishlib.forecasters.networks import forecast_film
from fishlib.forecasters.rules import level, published_baseline
from fishlib.models import (
    build_motion_cnn,
    build_motion_convlstm,
    build_upbeat_snowflake,
    build_visionary_serenity,
)
from fishlib.motion import measure_motion
from fishlib.streaming.live import LiveForecaster

SIZE = (24, 32)
CUT = 130
LAYOUT = motion_channels()


def _from_video(build, mode="exact", layout=None):
    layout = layout or time_channels(4, 3)
    shape = (layout.shape[0], *SIZE, layout.shape[1])
    keras.utils.set_random_seed(0)
    model = build(shape)
    if mode == "exact":
        return lambda frames: forecast_film(model, frames, layout)
    return lambda frames: LiveForecaster(model, mode, layout).forecast_film(frames, progress=False)


def _live(frames):
    keras.utils.set_random_seed(0)
    live = LiveForecaster(build_upbeat_snowflake((4, *SIZE, 3)), layout=time_channels(4, 3))
    return np.array([live.push(frame) for frame in frames])


FORECASTERS = {
    "level": lambda frames: level(measure_motion(frames)),
    "published baseline": lambda frames: published_baseline(measure_motion(frames)),
    "one ConvLSTM": _from_video(build_upbeat_snowflake),
    "two ConvLSTMs": _from_video(build_visionary_serenity),
    "one ConvLSTM, streaming": _from_video(build_upbeat_snowflake, "streaming"),
    "two ConvLSTMs, streaming": _from_video(build_visionary_serenity, "streaming"),
    "motion ConvLSTM": _from_video(build_motion_convlstm, layout=LAYOUT),
    "motion CNN": _from_video(build_motion_cnn, layout=LAYOUT),
    "live": _live,
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
