"""The forecast film: what is drawn at t was known at t, and lights follow the threshold."""

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fishlib.figures.frames import TRACE, forecast_painter, render_forecast_film
from fishlib.figures.style import BURST_COLOR, FAMILIES

rng = np.random.default_rng(2)
FRAMES = rng.integers(0, 255, (20, 24, 32), dtype=np.uint8)
SPEED = rng.random(20) * 1e-3
FORECASTS = {"ConvLSTM": np.linspace(0, 1, 20), "level": np.r_[np.nan, np.linspace(1, 0, 19)]}


def render(**changes):
    inputs = {"frames": FRAMES, "fps": 30.0, "motion": SPEED, "forecasts": FORECASTS}
    return render_forecast_film(**(inputs | changes), threshold=0.5, width=321)


def pixels(picture, color):
    return np.all(picture == np.round(255 * np.array(to_rgb(color))), axis=-1)


def test_film_is_rgb_with_even_sides_and_holds_the_frames():
    film = render()
    assert film.dtype == np.uint8
    assert film.shape[0] == 20
    assert film.shape[1] % 2 == film.shape[2] % 2 == 0
    enlarged = cv2.resize(FRAMES[7], (320, 240), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(film[7, 30:240], np.repeat(enlarged[30:, :, None], 3, axis=2))


def test_bar_length_is_the_probability():
    film = render()
    color = FAMILIES["ConvLSTM"]["color"]
    length = pixels(film, color).any(axis=1).sum(axis=1)  # (T,), columns with the bar's colour
    np.testing.assert_allclose(length / length.max(), FORECASTS["ConvLSTM"], atol=0.02)


def test_lights_are_on_from_the_threshold_and_off_without_a_forecast():
    film = render(label=None)
    row = 240 + TRACE + 14
    for k, p in enumerate(FORECASTS.values()):
        lit = pixels(film[:, row + 30 * k], BURST_COLOR).any(axis=1)
        np.testing.assert_array_equal(lit, p >= 0.5)


def test_future_changes_nothing_drawn_before():
    frames, motion = FRAMES.copy(), SPEED.copy()
    frames[12:] = 0
    peak = motion[:11].argmax()
    motion[12:] = motion[peak] / 2  # the scale of the trace is the highest motion of the stretch
    later = {name: np.r_[p[:12], np.zeros(8)] for name, p in FORECASTS.items()}
    film = render(motion=np.minimum(SPEED, SPEED[peak]))
    changed = render(frames=frames, motion=np.minimum(motion, SPEED[peak]), forecasts=later)
    np.testing.assert_array_equal(film[:12], changed[:12])
    assert all(np.any(a != b) for a, b in zip(film[12:], changed[12:], strict=True))


def test_the_trace_ends_before_the_frame_shown():
    calm, burst = np.full(20, 1e-4), np.full(20, 1e-4)
    calm[0] = burst[0] = burst[10] = 1e-3
    a, b = render(motion=calm), render(motion=burst)
    np.testing.assert_array_equal(a[:11], b[:11])
    assert not np.array_equal(a[11], b[11])


def test_painter_draws_the_same_pictures_one_by_one():
    paint = forecast_painter(FRAMES, 30.0, SPEED, FORECASTS, 0.5, width=321)
    np.testing.assert_array_equal(paint(13), render()[13])


def test_inputs_are_not_changed():
    before = FRAMES.copy()
    render()
    np.testing.assert_array_equal(FRAMES, before)


def test_series_of_another_length_is_refused():
    with pytest.raises(ValueError, match="ConvLSTM has 19 values for 20 frames"):
        render(forecasts={"ConvLSTM": np.zeros(19)})
