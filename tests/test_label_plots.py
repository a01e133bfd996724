"""The anatomy of a label says what the label function says."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fishlib.figures.series import plot_label_anatomy, plot_onset_anatomy
from fishlib.questions import label_bursts, label_onsets, median_recent_motion

SPEED = 1.5e-3 + 1e-3 * np.random.default_rng(3).normal(0, 0.4, 400).cumsum() / 4
SPEED = np.abs(SPEED)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("t", range(120, 340, 10))
def test_verdict_of_a_burst_equals_the_label(t):
    title = plot_label_anatomy(SPEED, t).get_title(loc="left")
    assert title.startswith(f"label {label_bursts(SPEED)[t]}:")


def test_verdict_of_an_onset_equals_the_label():
    label, calm = label_onsets(SPEED), median_recent_motion(SPEED)
    for t in range(120, 340, 10):
        title = plot_onset_anatomy(SPEED, t, calm).get_title(loc="left")
        expected = "not asked" if label[t] == -1 else f"onset label {label[t]}"
        assert title.startswith(expected)
        plt.close("all")


def test_frame_without_future_is_refused():
    with pytest.raises(ValueError, match="no 45 frames after it"):
        plot_label_anatomy(SPEED, 380)


def test_frame_without_past_is_refused():
    with pytest.raises(ValueError, match="no 5 frames before it"):
        plot_onset_anatomy(SPEED, 2, 1e-3)
