"""The figures of the tank beside the published film can be made, and show what they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from benchmarks.tank_figures import (
    measure_animals,
    plot_motion_distribution,
    plot_spectrum,
    save_tank_figures,
)
from PIL import Image


def test_the_figures_can_be_made(tmp_path, published):
    paths = save_tank_figures(tmp_path, n_frames=900)
    assert [path.name for path in paths] == ["tank_motion.png", "tank_look.png", "tank_chase.png"]
    for path in paths:
        assert Image.open(path).width == 900
        assert Image.open(path.parent / "phone" / path.name).width == 780
    plt.close("all")


def test_the_spectrum_of_a_wave_peaks_at_its_frequency():
    wave = 1e-3 * np.sin(2 * np.pi * 3 * np.arange(3000) / 30)
    frequency, power = plot_spectrum({"3 Hz": wave}).get_lines()[0].get_data()
    assert frequency[power.argmax()] == pytest.approx(3, abs=0.05)
    plt.close("all")


def test_densities_have_area_one():
    values = np.random.default_rng(2).uniform(0, 1e-3, 5000)
    outline = plot_motion_distribution({"a film": values}).collections[0].get_paths()[0].vertices
    assert abs(np.trapezoid(outline[:, 1], outline[:, 0])) == pytest.approx(1, abs=0.02)
    plt.close("all")


def test_animals_are_measured_by_area_and_grey_value():
    frame = np.zeros((40, 60), np.uint8)
    frame[5:15, 5:15] = 200
    frame[30:32, 30:32] = 200  # too small
    np.testing.assert_allclose(measure_animals(frame[None]), [[100, 200]])
