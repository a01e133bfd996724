"""Live, exact and streaming forecasts against a network called on clips cut out by hand."""

import keras
import numpy as np
import pytest
from moving_fish import film

from fishlib.clips import motion_channels, time_channels
from fishlib.forecasters.networks import forecast_film
from fishlib.models import (
    build_motion_convlstm,
    build_upbeat_snowflake,
    build_visionary_serenity,
    load_network,
)
from fishlib.streaming.live import LiveForecaster

N_SLICES, CHANNELS, SIZE = 4, 3, (24, 32)
HISTORY = N_SLICES * CHANNELS


def _network(build=build_upbeat_snowflake, seed=0):
    keras.utils.set_random_seed(seed)
    return build((N_SLICES, *SIZE, CHANNELS))


def _by_hand(model, frames):
    """One clip a frame, sliced by a loop, through the network as it is."""
    p = np.full(len(frames), np.nan)
    for t in range(HISTORY - 1, len(frames)):
        clip = np.zeros((1, N_SLICES, *SIZE, CHANNELS), np.float32)
        for i in range(N_SLICES):
            for k in range(CHANNELS):
                clip[0, i, :, :, k] = frames[t - HISTORY + 1 + CHANNELS * i + k] / np.float32(255)
        p[t] = float(model(clip)[0, 0])
    return p


LAYOUT = time_channels(N_SLICES, CHANNELS)


def streamed(model, frames, layout=LAYOUT):
    return LiveForecaster(model, "streaming", layout).forecast_film(frames, progress=False)


@pytest.fixture(scope="module")
def frames():
    return film(40, SIZE, n_fish=4)


@pytest.mark.parametrize("build", [build_upbeat_snowflake, build_visionary_serenity])
def test_exact_equals_clips_cut_by_hand(build, frames):
    model = _network(build)
    p = forecast_film(model, frames, LAYOUT)
    assert p.dtype == np.float64
    assert np.nanstd(p) > 1e-5
    np.testing.assert_allclose(p, _by_hand(model, frames), rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", ["exact", "streaming"])
def test_live_forecaster_equals_the_whole_film(mode, frames):
    model = _network(build_visionary_serenity)
    live = LiveForecaster(model, mode, LAYOUT)
    pushed = [live.push(frame) for frame in frames]
    assert all(isinstance(p, float) for p in pushed)
    whole = forecast_film(model, frames, LAYOUT) if mode == "exact" else streamed(model, frames)
    np.testing.assert_allclose(pushed, whole, rtol=0, atol=1e-6)
    again = LiveForecaster(model, mode, LAYOUT).forecast_film(frames, progress=False)
    np.testing.assert_array_equal(again, pushed)


@pytest.mark.parametrize("build", [build_upbeat_snowflake, build_visionary_serenity])
def test_streaming_is_exact_for_the_first_clip_of_each_phase(build, frames):
    model = _network(build)
    first = slice(0, HISTORY - 1 + CHANNELS)
    p = streamed(model, frames)
    np.testing.assert_allclose(p[first], _by_hand(model, frames)[first], atol=1e-6)
    assert np.isnan(p).sum() == HISTORY - 1


def test_streaming_equals_one_long_clip(frames):
    """The state at frame t is that of a clip which begins with the film, in t's phase."""
    model = _network()
    long = build_upbeat_snowflake((11, *SIZE, CHANNELS))
    long.set_weights(model.get_weights())
    t = 32
    clip = np.moveaxis(frames[: t + 1].reshape(11, CHANNELS, *SIZE), 1, -1)
    expected = float(long(clip[None] / np.float32(255))[0, 0])
    np.testing.assert_allclose(streamed(model, frames)[t], expected, atol=1e-6)


def test_other_layouts_in_exact_mode(frames):
    layout = motion_channels(steps=(-6, -3, 0), lags=(1, 2))
    model = build_motion_convlstm((3, *SIZE, 3))
    live = LiveForecaster(model, layout=layout)
    pushed = np.array([live.push(frame) for frame in frames])
    assert np.flatnonzero(~np.isnan(pushed))[0] == layout.past - 1 == 8
    x = frames[[4, 7, 10]].astype(np.float32) / 255
    before = [frames[np.array([4, 7, 10]) - lag].astype(np.float32) / 255 for lag in (1, 2)]
    clip = 4 * np.stack([x, 3 * (x - before[0]), 3 * (x - before[1])], -1)
    np.testing.assert_allclose(pushed[10], float(model(clip[None])[0, 0]), atol=1e-6)
    whole = forecast_film(model, frames, layout)
    np.testing.assert_allclose(whole, pushed, atol=1e-6)


def test_memory_does_not_grow(frames):
    live = LiveForecaster(_network(), "streaming", LAYOUT)
    size = live._ring.nbytes
    for _ in range(3):
        for frame in frames:
            live.push(frame)
    assert live._ring.nbytes == size == 2 * HISTORY * SIZE[0] * SIZE[1]
    assert len(live._carried._states) == CHANNELS


def test_chosen_frames_only(frames):
    model = _network()
    some = forecast_film(model, frames, LAYOUT, np.array([3, 15, 30]))
    assert np.flatnonzero(~np.isnan(some)).tolist() == [15, 30]
    np.testing.assert_allclose(some[30], _by_hand(model, frames)[30], atol=1e-6)


def test_published_network_streams_within_a_thousandth(published):
    model = load_network("upbeat-snowflake-91")
    frames = film(1000)
    at = np.arange(119, 1000, 45)
    exact = forecast_film(model, frames, at=at)[at]
    near = streamed(model, frames, None)[at]
    assert np.abs(near - exact).mean() <= 1e-3
    np.testing.assert_array_equal(near > 0.5, exact > 0.5)


def test_bad_input_is_refused_in_one_sentence(frames):
    model = _network()
    with pytest.raises(ValueError, match="exact, streaming"):
        LiveForecaster(model, "fast")
    with pytest.raises(ValueError, match="uint8 frames of"):
        LiveForecaster(model, layout=LAYOUT).push(np.zeros(SIZE))
    with pytest.raises(ValueError, match="shrink the film"):
        forecast_film(model, np.zeros((30, 120, 160), np.uint8), LAYOUT)
    with pytest.raises(ValueError, match="use exact mode"):
        LiveForecaster(model, "streaming", motion_channels())


def test_networks_that_cannot_stream_are_refused():
    joins_steps = keras.Sequential(
        [
            keras.Input((4, 24, 32, 3)),
            keras.layers.Conv3D(2, 3, padding="same"),
            keras.layers.ConvLSTM2D(2, 3),
        ]
    )
    reads_all = keras.Sequential(
        [keras.Input((4, 24, 32, 3)), keras.layers.ConvLSTM2D(2, 3, return_sequences=True)]
    )
    flat = keras.Sequential([keras.Input((4, 24, 32, 3)), keras.layers.Flatten()])
    for model in (joins_steps, reads_all, flat, build_motion_convlstm((4, 24, 32, 3))):
        with pytest.raises(ValueError, match="use exact mode"):
            LiveForecaster(model, "streaming", LAYOUT)
    with pytest.raises(ValueError, match="has no facts: say what clips it reads"):
        LiveForecaster(reads_all)
