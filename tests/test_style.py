"""The palette stays apart for colour-blind readers, and forecasters are recognised by name."""

import itertools

import cv2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import seaborn as sns
from legible import require_legible
from matplotlib.colors import to_rgb

from fishlib.figures.style import (
    BURST_COLOR,
    DESK,
    FAMILIES,
    PHONE,
    STYLE,
    forecaster_family,
    forecaster_styles,
    new_axes,
    page,
    page_width,
    styled,
)

# Machado, Oliveira & Fernandes (2009), severity 1.0: linear RGB as seen.
VISION = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def seen(color, matrix):
    """CIELAB of a colour as seen through a simulated deficiency."""
    srgb = np.array(to_rgb(color))
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(matrix) @ linear, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(srgb.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]


def closest(colors, matrix):
    labs = [seen(color, matrix) for color in colors]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(labs, 2))


@pytest.mark.parametrize("vision", VISION)
def test_family_colors_stay_apart(vision):
    assert closest([f["color"] for f in FAMILIES.values()], VISION[vision]) > 15


def test_the_distance_finds_a_bad_palette():
    assert closest(["#008000", "#A05000"], VISION["deuteranopia"]) < 15


def test_families_differ_without_color():
    looks = [(str(f["linestyle"]), f["marker"]) for f in FAMILIES.values()]
    assert len(set(looks)) == len(FAMILIES)


def test_no_color_is_lost_on_white():
    names = [*FAMILIES, *(f"{name} 2" for name in FAMILIES), "two-layers", "no-flips", "tea leaves"]
    for name, style in forecaster_styles(names).items():
        assert seen(style["color"], VISION["normal"])[0] < 82, name


def test_the_theme_is_seaborns():
    assert set(sns.axes_style("ticks")) <= set(STYLE)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("published ConvLSTM", "ConvLSTM"),
        ("upbeat-snowflake-91", "ConvLSTM"),
        ("visionary serenity", "stacked ConvLSTM"),
        ("LSTM on the motion", "LSTM on the motion"),
        ("published baseline", "published baseline"),
        ("level −ỹ[t−1]", "level"),
        ("past of the motion: logistic", "logistic"),
        ("past of the motion: boosting", "boosting"),
        ("past of the motion: both", "logistic"),
        ("time since burst", "level"),
        ("CNN", "CNN"),
        ("oracle", "oracle"),
        ("base rate", "base rate"),
        ("tea leaves", None),
    ],
)
def test_names_tell_families(name, family):
    assert forecaster_family(name) == family


def test_members_of_one_family_look_different():
    styles = forecaster_styles(["ConvLSTM, seed 1", "ConvLSTM, seed 2", "level"])
    first, second, _ = styles.values()
    assert first["color"] == FAMILIES["ConvLSTM"]["color"] != second["color"]
    assert first["color"] != BURST_COLOR


def test_styled_leaves_matplotlib_settings_alone():
    @styled
    def plot():
        assert mpl.rcParams["font.size"] == STYLE["font.size"]
        mpl.rcParams["font.size"] = 33

    before = dict(mpl.rcParams)
    plot()
    assert dict(mpl.rcParams) == before


def test_a_page_is_left_as_it_was_found():
    with page(3.0):
        assert page_width() == 3.0
    with pytest.raises(ValueError, match="float"), page(3.0):
        float("a")
    assert page_width() == DESK


def test_long_words_are_broken_on_a_narrow_page_only():
    @styled
    def plot():
        ax = new_axes(None)
        ax.set_title("a title that is a good deal longer than a phone is wide, so to say")
        return ax

    assert "\n" not in plot().get_title(loc="left")
    with page(PHONE):
        assert "\n" in plot().get_title(loc="left")
    plt.close("all")


@pytest.mark.parametrize(
    "broken",
    [{"fontsize": 6}, {"x": 1.2}, {"y": 0.48, "text": "another text"}],
    ids=["small", "off the page", "on another"],
)
def test_the_check_of_legibility_can_fail(broken):
    figure, ax = plt.subplots()
    ax.text(0.5, 0.5, "one text")
    near = ax.text(0.5, 0.3, "another text")
    figure.canvas.draw()
    require_legible(figure, 9)
    near.update(broken)
    with pytest.raises(AssertionError):
        require_legible(figure, 9)
    plt.close("all")
