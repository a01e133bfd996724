"""Pictures show the frames they were given, unchanged and in one grey scale."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fishlib.figures.frames import plot_chase_strip, plot_difference, plot_frames
from fishlib.motion import measure_motion

FRAMES = np.random.default_rng(1).integers(0, 255, (40, 12, 16), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_every_frame_is_drawn_in_order_and_full_scale():
    axes = plot_frames(FRAMES[:5], titles=list("abcde"), columns=3)
    for ax, frame, title in zip(axes, FRAMES, "abcde", strict=False):
        np.testing.assert_array_equal(ax.images[0].get_array(), frame)
        assert ax.images[0].get_clim() == (0, 255)
        assert ax.get_title() == title


def test_difference_does_not_wrap_and_writes_the_motion():
    before, after = FRAMES[0], FRAMES[1]
    axes = plot_difference(before, after, t=0)
    slow = [
        [abs(int(b) - int(a)) for a, b in zip(*rows, strict=True)]
        for rows in zip(before, after, strict=True)
    ]
    np.testing.assert_array_equal(axes[2].images[0].get_array(), slow)
    assert f"{measure_motion(FRAMES[:2])[0] * 1e3:.2f}" in axes[2].texts[0].get_text()


def test_strip_dots_stand_at_the_frames_shown():
    motion = np.linspace(1e-3, 2e-3, 40)
    axes = plot_chase_strip(FRAMES, motion, 10.0, 0, 40, n_frames=4, trails=np.ones((40, 2, 2)))
    dots = axes[-1].get_lines()[1]
    np.testing.assert_allclose(dots.get_xdata(), [0, 1.3, 2.6, 3.9])
    for ax, t in zip(axes, (0, 13, 26, 39), strict=False):
        np.testing.assert_array_equal(ax.images[0].get_array(), FRAMES[t])


@pytest.mark.parametrize("frames", [np.zeros((0, 4, 4)), np.zeros((4, 4))])
def test_what_is_no_frames_is_refused(frames):
    with pytest.raises(ValueError, match="got shape"):
        plot_frames(frames)


def test_frames_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        plot_difference(FRAMES[0], FRAMES[1, 1:])
