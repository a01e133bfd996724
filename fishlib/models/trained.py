"""Networks trained elsewhere: find one by name or path, and give it the clips it was made for."""

from pathlib import Path

import keras
import numpy as np

from fishlib.clips import ClipLayout, motion_channels, time_channels
from fishlib.models.checkpoints import FOLDERS, load_checkpoint
from fishlib.recording import Recording, at_size


def load_network(name: str | Path) -> keras.Model:
    """A published checkpoint by its name, or a saved ``.keras`` network by its path.

    Parameters
    ----------
    name : str

    Returns
    -------
    keras.Model

    Raises
    ------
    FileNotFoundError
        If it is neither.
    """
    if str(name) in FOLDERS:
        return load_checkpoint(str(name))
    path = Path(name).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no network {str(name)!r}: give the path of a .keras file, or one of the "
            f"published checkpoints: {', '.join(FOLDERS)}."
        )
    return keras.models.load_model(path, compile=False, safe_mode=True)


def layout_of(model: keras.Model) -> ClipLayout:
    """The clips a network reads, told from the shape of its input.

    Three slices of three channels are the motion channels of our own networks; anything else is
    the study's time-channels.
    """
    _, n_slices, _, _, channels = model.input_shape
    layout = motion_channels()
    return layout if layout.shape == (n_slices, channels) else time_channels(n_slices, channels)


def frames_for(model: keras.Model, film: Recording) -> np.ndarray:
    """A recording's frames at the size a network reads, uint8 (T, H, W)."""
    size = tuple(model.input_shape[2:4])
    return film.frames if film.frames.shape[1:] == size else at_size(film, size).frames


def require_split(parts: dict | None, model: str) -> None:
    """Refuse to train on a film that is too short to be split.

    Raises
    ------
    ValueError
        If there are no parts and the network is to be trained.
    """
    if parts is None and model == "train":
        raise ValueError(
            "This film is too short to be split into training, validation and test: set the "
            "parameter model to the path of a saved network, or to upbeat-snowflake-91."
        )
