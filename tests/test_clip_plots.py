"""A clip's panels are its slices and channels, each named by its frame."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from fishlib.figures.frames import plot_augmentation, plot_clip, plot_flips

# Each panel is filled with the number of its frame, 0 to 119, as a share of 255.
CLIP = np.broadcast_to((np.arange(120).reshape(30, 4) / 255)[:, None, None], (30, 6, 8, 4)).astype(
    np.float32
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_panels_are_slices_and_channels():
    axes = plot_clip(CLIP, slices=(0, 29, 99))
    assert axes.shape == (2, 4)
    shown = [[round(ax.images[0].get_array().max() * 255) for ax in row] for row in axes]
    assert shown == [[0, 1, 2, 3], [116, 117, 118, 119]]
    titles = [ax.get_title() for ax in axes.ravel()]
    assert titles[0] == "frame t − 119"
    assert titles[-1] == "frame t"


def test_offsets_and_names_can_be_given():
    axes = plot_clip(CLIP[:2, ..., :2], (0, 1), offsets=((-9, -8), (-1, 0)))
    assert axes[0, 1].get_title() == "frame t − 8"
    axes = plot_clip(CLIP[:2, ..., :2], (0,), channel_names=("frame", "change"))
    assert [ax.get_title() for ax in axes[0]] == ["frame", "change"]


def test_signed_channels_are_red_and_blue_around_zero():
    clip = np.stack([np.full((2, 6, 8), 0.5), np.linspace(-1, 2, 96).reshape(2, 6, 8)], axis=-1)
    frame, change = (ax.images[0] for ax in plot_clip(clip, (0, 1))[0])
    assert frame.get_cmap().name == "gray"
    assert change.get_cmap().name == "RdBu_r"
    low, high = change.get_clim()
    assert low == -high < 0


def test_flips_are_the_four_mirror_images():
    frame = np.arange(12, dtype=np.uint8).reshape(3, 4)
    shown = [ax.images[0].get_array() for ax in plot_flips(frame)]
    for picture, expected in zip(
        shown, (frame, np.fliplr(frame), np.flipud(frame), np.rot90(frame, 2)), strict=True
    ):
        np.testing.assert_array_equal(picture, expected)


def test_augmentation_mirrors_the_whole_clip():
    clip = np.random.default_rng(0).random((6, 5, 7, 4))
    axes = plot_augmentation(clip, n_slices=3)
    for column, i in enumerate((0, 2, 5)):
        np.testing.assert_array_equal(axes[0, column].images[0].get_array(), clip[i, ..., -1])
        np.testing.assert_array_equal(
            axes[3, column].images[0].get_array(), np.rot90(clip[i, ..., -1], 2)
        )


def test_what_is_no_clip_is_refused():
    with pytest.raises(ValueError, match="slices, H, W, channels"):
        plot_clip(np.zeros((6, 8)))
