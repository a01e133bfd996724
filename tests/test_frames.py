"""Pictures show the frames they were given, unchanged and in one grey scale, each named."""

from types import SimpleNamespace

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fishlib.figures.frames import (
    RING_COLORS,
    TRACE,
    ForecastPainter,
    plot_chase_strip,
    plot_clip,
    plot_difference,
    plot_frames,
    plot_moments,
    plot_who,
    render_forecast_film,
)
from fishlib.figures.style import BURST_COLOR, FAMILIES, page
from fishlib.motion import measure_motion

FRAMES = np.random.default_rng(1).integers(0, 255, (40, 12, 16), dtype=np.uint8)
# Each panel is filled with the number of its frame, 0 to 119, as a share of 255.
CLIP = np.broadcast_to((np.arange(120).reshape(30, 4) / 255)[:, None, None], (30, 6, 8, 4)).astype(
    np.float32
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("width", [9.0, 3.9])
def test_every_frame_is_drawn_in_order_and_full_scale(width):
    with page(width):
        axes = plot_frames(FRAMES[:5], titles=list("abcde"), columns=3)
    for ax, frame, title in zip(axes, FRAMES, "abcde", strict=False):
        np.testing.assert_array_equal(ax.images[0].get_array(), frame)
        assert ax.images[0].get_clim() == (0, 255)
        assert ax.get_title() == title
    assert axes[0].get_subplotspec().get_gridspec().ncols == (3 if width == 9 else 2)


def test_moments_say_their_time_and_ring_the_two_animals():
    places = np.stack([np.full((8, 2), t) for t in range(5)], axis=1) + np.arange(8)[:, None, None]
    axes = plot_moments(FRAMES[:8], np.arange(8) / 2, places, ids=(3, 1))
    assert [ax.get_title() for ax in axes[:3]] == ["0.0 s", "0.5 s", "1.0 s"]
    attacker, victim = axes[2].patches
    assert (attacker.center, victim.center) == ((5, 5), (3, 3))
    drawn = [plt.matplotlib.colors.to_hex(p.get_edgecolor()) for p in axes[2].patches]
    assert drawn == [color.lower() for color in RING_COLORS.values()]
    (legend,) = axes[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["attacker", "victim"]


def test_moments_without_marks_are_frames_only():
    axes = plot_moments(FRAMES[:8], np.arange(8))
    assert not any(len(ax.patches) for ax in axes)
    assert axes[0].figure.legends == []


def test_the_named_pair_is_ringed():
    places = np.arange(8.0).reshape(4, 2)
    feared = SimpleNamespace(reason="", picture=FRAMES[0], places=places, pair=(3, 1))
    ax = plot_who(feared)
    np.testing.assert_array_equal(ax.get_lines()[0].get_xydata(), places)
    assert [ring.center for ring in ax.patches] == [(6, 7), (2, 3)]
    (legend,) = ax.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["animal", "the pair it names"]
    nobody = plot_who(SimpleNamespace(reason="There is no network."))
    assert nobody.texts[0].get_text() == "There is no network."


def test_difference_does_not_wrap_and_writes_the_motion():
    before, after = FRAMES[0], FRAMES[1]
    axes = plot_difference(before, after, t=0)
    slow = [
        [abs(int(b) - int(a)) for a, b in zip(*rows, strict=True)]
        for rows in zip(before, after, strict=True)
    ]
    np.testing.assert_array_equal(axes[2].images[0].get_array(), slow)
    assert axes[2].images[0].get_clim() == (0, np.max(slow))
    assert f"{measure_motion(FRAMES[:2])[0] * 1e3:.2f}" in axes[2].get_xlabel()


def test_strip_dots_stand_at_the_frames_shown():
    axes = plot_chase_strip(FRAMES, np.linspace(1e-3, 2e-3, 40), 10.0, 0, 40)
    dots = axes[-1].get_lines()[1]
    np.testing.assert_allclose(dots.get_xdata(), [0, 0.9, 1.9, 2.9, 3.9])
    for ax, t in zip(axes, (0, 9, 19, 29, 39), strict=False):
        np.testing.assert_array_equal(ax.images[0].get_array(), FRAMES[t])


def test_what_is_no_frames_is_refused():
    with pytest.raises(ValueError, match="got shape"):
        plot_frames(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="differ in shape"):
        plot_difference(FRAMES[0], FRAMES[1, 1:])
    with pytest.raises(ValueError, match="slices, H, W, channels"):
        plot_clip(np.zeros((6, 8)))


def test_panels_are_slices_and_channels():
    axes = plot_clip(CLIP, slices=(0, 29, 99))
    assert axes.shape == (2, 4)
    shown = [[round(ax.images[0].get_array().max() * 255) for ax in row] for row in axes]
    assert shown == [[0, 1, 2, 3], [116, 117, 118, 119]]
    titles = [ax.get_title() for ax in axes.ravel()]
    assert titles[0] == "t − 119"
    assert titles[-1] == "t"


def test_offsets_and_names_can_be_given():
    axes = plot_clip(CLIP[:2, ..., :2], (0, 1), offsets=((-9, -8), (-1, 0)))
    assert axes[0, 1].get_title() == "t − 8"
    axes = plot_clip(CLIP[:2, ..., :2], (0,), channel_names=("frame", "change"))
    assert [ax.get_title() for ax in axes[0]] == ["frame", "change"]


def test_signed_channels_are_red_and_blue_around_zero():
    clip = np.stack([np.full((2, 6, 8), 0.5), np.linspace(-1, 2, 96).reshape(2, 6, 8)], axis=-1)
    frame, change = (ax.images[0] for ax in plot_clip(clip, (0, 1))[0])
    assert frame.get_cmap().name == "gray"
    assert change.get_cmap().name == "RdBu_r"
    low, high = change.get_clim()
    assert low == -high < 0


# The forecast film: what is drawn at t was known at t, and lights follow the threshold.
rng = np.random.default_rng(2)
FILM = rng.integers(0, 255, (20, 24, 32), dtype=np.uint8)
MOTION = rng.random(20) * 1e-3
FORECASTS = {"ConvLSTM": np.linspace(0, 1, 20), "level": np.r_[np.nan, np.linspace(1, 0, 19)]}


def render(**changes):
    inputs = {"frames": FILM, "fps": 30.0, "motion": MOTION, "forecasts": FORECASTS}
    return render_forecast_film(*(inputs | changes).values(), 0.5)


def pixels(picture, color):
    return np.all(picture == np.round(255 * np.array(to_rgb(color))), axis=-1)


def test_film_is_rgb_with_even_sides_and_holds_the_frames():
    film = render()
    assert film.dtype == np.uint8
    assert film.shape[0] == 20
    assert film.shape[1] % 2 == film.shape[2] % 2 == 0
    enlarged = cv2.resize(FILM[7], (480, 360), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(film[7, 30:360], np.repeat(enlarged[30:, :, None], 3, axis=2))


def test_bar_length_is_the_probability():
    film = render()
    color = FAMILIES["ConvLSTM"]["color"]
    length = pixels(film, color).any(axis=1).sum(axis=1)  # (T,), columns with the bar's colour
    np.testing.assert_allclose(length / length.max(), FORECASTS["ConvLSTM"], atol=0.02)


def test_lights_are_on_from_the_threshold_and_off_without_a_forecast():
    film = render()
    row = 360 + TRACE + 14
    for k, p in enumerate(FORECASTS.values()):
        lit = pixels(film[:, row + 30 * k], BURST_COLOR).any(axis=1)
        np.testing.assert_array_equal(lit, p >= 0.5)


def test_future_changes_nothing_drawn_before():
    frames, motion = FILM.copy(), MOTION.copy()
    frames[12:] = 0
    peak = motion[:11].argmax()
    motion[12:] = motion[peak] / 2  # the scale of the trace is the highest motion of the stretch
    later = {name: np.r_[p[:12], np.zeros(8)] for name, p in FORECASTS.items()}
    film = render(motion=np.minimum(MOTION, MOTION[peak]))
    changed = render(frames=frames, motion=np.minimum(motion, MOTION[peak]), forecasts=later)
    np.testing.assert_array_equal(film[:12], changed[:12])
    assert all(np.any(a != b) for a, b in zip(film[12:], changed[12:], strict=True))


def test_the_trace_ends_before_the_frame_shown():
    calm, burst = np.full(20, 1e-4), np.full(20, 1e-4)
    calm[0] = burst[0] = burst[10] = 1e-3
    a, b = render(motion=calm), render(motion=burst)
    np.testing.assert_array_equal(a[:11], b[:11])
    assert not np.array_equal(a[11], b[11])


def test_painter_draws_the_same_pictures_one_by_one():
    paint = ForecastPainter(FILM, 30.0, MOTION, FORECASTS, 0.5)
    np.testing.assert_array_equal(paint(13), render()[13])


def test_inputs_are_not_changed():
    before = FILM.copy()
    render()
    np.testing.assert_array_equal(FILM, before)


def test_series_of_another_length_is_refused():
    with pytest.raises(ValueError, match="ConvLSTM has 19 values for 20 frames"):
        render(forecasts={"ConvLSTM": np.zeros(19)})
