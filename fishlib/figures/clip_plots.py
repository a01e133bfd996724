"""What the network is given: a clip as a grid of slices and channels, and its flips."""

from collections.abc import Sequence

import numpy as np

from fishlib.figures.frame_plots import show_frame
from fishlib.figures.style import MUTED, new_figure, styled

FLIPS = (
    ("as filmed", (1, 1)),
    ("left–right", (1, -1)),
    ("up–down", (-1, 1)),
    ("both", (-1, -1)),
)


@styled
def plot_clip(
    clip: np.ndarray,
    slices: Sequence[int] = (0, 1, 28, 29),
    offsets: Sequence[Sequence[int]] | None = None,
    channel_names: Sequence[str] | None = None,
) -> np.ndarray:
    """A clip as the network sees it: a row a slice (a step in time), a column a channel.

    Parameters
    ----------
    clip : float array (slices, H, W, channels)
        Frames in [0, 1], drawn in grey, or signed changes, red where the picture got brighter and
        blue where darker.
    slices : sequence of int
        Slices shown; those the clip does not have are left out.
    offsets : sequence of sequence of int, optional
        Frame of each slice and channel relative to t; None takes consecutive frames that end at t.
    channel_names : sequence of str, optional
        Written above the panels where channels are not single frames.

    Returns
    -------
    array (rows, channels) of Axes
    """
    clip = np.asarray(clip)
    if clip.ndim != 4:
        raise ValueError(f"A clip has the shape (slices, H, W, channels), got {clip.shape}.")
    n_slices, height, width, channels = clip.shape
    slices = [i for i in slices if i < n_slices]
    if offsets is None:
        offsets = (np.arange(n_slices * channels) + 1 - n_slices * channels).reshape(n_slices, -1)
    panel = (9 - 0.9) / max(channels, 3) * height / width
    _, axes = new_figure(len(slices), channels, (panel + 0.27) * len(slices) + 0.1, squeeze=False)
    for k, column in enumerate(axes.T):
        colors = _channel_colors(clip[..., k])
        for ax, i in zip(column, slices, strict=True):
            title = channel_names[k] if channel_names else _frame_name(offsets[i][k])
            show_frame(ax, clip[i, :, :, k], title, **colors)
    for ax, i in zip(axes[:, 0], slices, strict=True):
        text = f"slice {i}\nto {_frame_name(max(offsets[i]))[6:]}"
        ax.set_ylabel(text, rotation=0, ha="right", va="center", labelpad=8)
    return axes


def _channel_colors(channel: np.ndarray) -> dict:
    """Grey from 0 to 1 for frames; for signed changes red where brighter, blue where darker."""
    if channel.min() >= 0:
        return {"vmin": 0, "vmax": 1}
    reach = float(np.abs(channel).max()) / 2
    return {"cmap": "RdBu_r", "vmin": -reach, "vmax": reach}


def _frame_name(offset: int) -> str:
    return "frame t" if offset == 0 else f"frame t − {-offset}"


@styled
def plot_flips(frame: np.ndarray) -> np.ndarray:
    """A frame and its three mirror images: four examples with the same motion and label.

    Parameters
    ----------
    frame : array (H, W)
        uint8 in 0..255 or float in [0, 1].

    Returns
    -------
    array of four Axes
    """
    _, axes = new_figure(1, 4, height=9 / 4 * frame.shape[0] / frame.shape[1] + 0.35)
    top = 255 if np.asarray(frame).dtype == np.uint8 else 1
    for ax, (name, (down, right)) in zip(axes, FLIPS, strict=True):
        show_frame(ax, frame[::down, ::right], name, vmax=top)
    return axes


@styled
def plot_augmentation(clip: np.ndarray, n_slices: int = 5) -> np.ndarray:
    """A clip in its four flips, a row a flip: the whole clip is mirrored, not single frames.

    Parameters
    ----------
    clip : float array (slices, H, W, channels)
        In [0, 1]; the last channel of ``n_slices`` evenly spaced slices is shown.

    Returns
    -------
    array (4, n_slices) of Axes
    """
    shown = np.linspace(0, len(clip) - 1, min(n_slices, len(clip))).astype(int)
    height, width = clip.shape[1:3]
    panel = (9 - 1) / len(shown) * height / width
    _, axes = new_figure(4, len(shown), height=(panel + 0.08) * 4 + 0.3, squeeze=False)
    for row, (name, (down, right)) in zip(axes, FLIPS, strict=True):
        for ax, i in zip(row, shown, strict=True):
            title = f"slice {i}" if name == FLIPS[0][0] else None
            show_frame(ax, clip[i, ::down, ::right, -1], title, vmax=1)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8, color=MUTED)
    return axes
