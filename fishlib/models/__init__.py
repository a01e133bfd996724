"""Networks trained elsewhere: find one by name or path, and give it the clips it was made for."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from fishlib.clips import ClipLayout, motion_channels, time_channels
from fishlib.models.convlstm import FusedConvLSTM2D, old_hard_sigmoid
from fishlib.published import fetch
from fishlib.recording import Recording, at_size

CLIP_SHAPE = (30, 120, 160, 4)
"""Slices, height, width, channels of the study's clips."""


def _conv_lstm(filters: int, **arguments) -> keras.Layer:
    return FusedConvLSTM2D(
        filters, 3, recurrent_activation=old_hard_sigmoid, use_bias=False, **arguments
    )


def _normalise(**arguments) -> keras.Layer:
    return keras.layers.BatchNormalization(center=False, scale=False, epsilon=1e-3, **arguments)


def _per_step_pool() -> keras.Layer:
    return keras.layers.MaxPooling3D((1, 2, 2))  # every step by itself


def _check(clip_shape: tuple[int, int, int, int], smallest: int) -> None:
    if len(clip_shape) != 4:
        raise ValueError(
            f"clip_shape is (slices, height, width, channels), four numbers; got {clip_shape}."
        )
    if min(clip_shape) < 1 or min(clip_shape[1:3]) < smallest:
        raise ValueError(
            f"This network needs clips of at least {smallest} x {smallest} pixels and one slice "
            f"of one channel; got clip_shape={clip_shape}."
        )


def build_upbeat_snowflake(
    clip_shape: tuple[int, int, int, int] = CLIP_SHAPE, filters: int = 16
) -> keras.Model:
    """The network of every published result: one ConvLSTM, 11 569 parameters.

    Parameters
    ----------
    clip_shape : (slices, height, width, channels)
    filters : int
        Of the ConvLSTM.

    Returns
    -------
    keras.Model
        (B, *clip_shape) in [0, 1] -> probability (B, 1).

    Raises
    ------
    ValueError
        If the clip is too small for a 3 x 3 kernel.
    """
    _check(clip_shape, 3)
    layers = [
        keras.Input(clip_shape),
        _conv_lstm(filters, name="convlstm_1"),  # (B, H-2, W-2, filters)
        _normalise(name="norm_1"),
        keras.layers.GlobalMaxPooling2D(),  # (B, filters)
        keras.layers.Dense(1, activation="sigmoid", name="probability"),
    ]
    return keras.Sequential(layers, name="upbeat_snowflake")


def build_visionary_serenity(
    clip_shape: tuple[int, int, int, int] = CLIP_SHAPE, filters: int = 16
) -> keras.Model:
    """Two ConvLSTMs of ``filters`` and twice as many, 66 881 parameters.

    Arguments, result and errors as in :func:`build_upbeat_snowflake`.
    """
    _check(clip_shape, 8)
    layers = [
        keras.Input(clip_shape),
        _conv_lstm(filters, return_sequences=True, name="convlstm_1"),  # (B, n, H-2, W-2, filters)
        _per_step_pool(),  # (B, n, (H-2)/2, (W-2)/2, filters)
        _normalise(name="norm_1"),
        _conv_lstm(2 * filters, name="convlstm_2"),
        keras.layers.GlobalMaxPooling2D(),  # (B, 2 filters)
        keras.layers.Dense(1, activation="sigmoid", name="probability"),
    ]
    return keras.Sequential(layers, name="visionary_serenity")


def build_fast_snow(
    clip_shape: tuple[int, int, int, int] = CLIP_SHAPE,
    filters: int = 32,
    dense: tuple[int, int] = (32, 16),
) -> keras.Model:
    """Two ConvLSTMs of twice visionary-serenity's filters, then three dense layers.

    The study describes this network in words and published no file of it; the widths of the two
    hidden dense layers are this project's choice.

    Parameters
    ----------
    clip_shape : (slices, height, width, channels)
    filters : int
        Of the first ConvLSTM; the second has twice as many.
    dense : pair of int
        Units of the hidden dense layers.

    Returns
    -------
    keras.Model
        (B, *clip_shape) in [0, 1] -> probability (B, 1).

    Raises
    ------
    ValueError
        If the clip is too small for the two layers.
    """
    _check(clip_shape, 8)
    layers = [
        keras.Input(clip_shape),
        _conv_lstm(filters, return_sequences=True, name="convlstm_1"),
        _per_step_pool(),
        _normalise(name="norm_1"),
        _conv_lstm(2 * filters, name="convlstm_2"),
        keras.layers.GlobalMaxPooling2D(),  # (B, 2 filters)
        *(keras.layers.Dense(units, activation="relu") for units in dense),
        keras.layers.Dense(1, activation="sigmoid", name="probability"),
    ]
    return keras.Sequential(layers, name="fast_snow")


def build_history_lstm(n_steps: int = 119, units: int = 32, scale: float = 1000.0) -> keras.Model:
    """A 2-layer LSTM that reads the motion proxy only: the study's announced second baseline.

    Parameters
    ----------
    n_steps : int
        Past values of the proxy; the 119 steps between the 120 frames of a clip by default.
    units : int
        Of each LSTM.
    scale : float
        The proxy is of the order of 1e-3; it is multiplied by this first.

    Returns
    -------
    keras.Model
        (B, n_steps, 1), oldest value first -> probability (B, 1).

    Raises
    ------
    ValueError
        If ``n_steps`` or ``units`` is below 1.
    """
    if n_steps < 1 or units < 1:
        raise ValueError(f"n_steps and units must be at least 1, got {n_steps} and {units}.")
    layers = [
        keras.Input((n_steps, 1)),
        keras.layers.Rescaling(scale),
        keras.layers.LSTM(units, return_sequences=True),  # (B, n_steps, units)
        keras.layers.LSTM(units),  # (B, units)
        keras.layers.Dense(1, activation="sigmoid", name="probability"),
    ]
    return keras.Sequential(layers, name="history_lstm")


MOTION_CLIP_SHAPE = (3, 60, 80, 3)
"""Moments, height, width, channels of the default clip."""


def build_motion_convlstm(clip_shape: tuple[int, ...] = MOTION_CLIP_SHAPE) -> keras.Model:
    """ConvLSTM over a few moments, with a wider look at the last one.

    Parameters
    ----------
    clip_shape : tuple of int
        Moments, height, width, channels.

    Returns
    -------
    keras.Model
        (B, moments, H, W, channels) float32 to (B, 1), the probability of a burst.
    """
    clip = keras.Input(clip_shape)  # (B, S, H, W, C)
    stem = keras.Sequential([*_convolution(8, 4, 2), *_convolution(16, 4, 2)], name="stem")
    moments = [stem(clip[:, i]) for i in range(clip_shape[0])]  # S x (B, H/4, W/4, 16)
    joined = FusedConvLSTM2D(12, 3, padding="same")(ops.stack(moments, axis=1))  # (B, H/4, W/4, 12)
    return keras.Model(clip, _head(clip, joined), name="motion_convlstm")


def build_motion_cnn(clip_shape: tuple[int, ...] = MOTION_CLIP_SHAPE) -> keras.Model:
    """The rival without recurrence: all moments side by side, as channels, through one stem.

    Parameters
    ----------
    clip_shape : tuple of int
        Moments, height, width, channels.

    Returns
    -------
    keras.Model
        (B, moments, H, W, channels) float32 to (B, 1), the probability of a burst.
    """
    clip = keras.Input(clip_shape)
    moments = [clip[:, i] for i in range(clip_shape[0])]
    stem = keras.Sequential([*_convolution(18, 4, 2), *_convolution(32, 4, 2)], name="stem")
    joined = stem(layers.Concatenate()(moments))  # (B, H/4, W/4, 32)
    return keras.Model(clip, _head(clip, joined), name="motion_cnn")


def _head(clip, joined):
    last = keras.Sequential([*_convolution(24, 4, 2), *_convolution(32, 4, 2)], name="last")
    x = layers.Concatenate()([joined, last(clip[:, -1])])
    for layer in (*_convolution(32, 3), *_convolution(32, 3, dilation=2)):
        x = layer(x)  # (B, H/4, W/4, 32)
    x = layers.Concatenate()([layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)])
    return layers.Dense(1, activation="sigmoid")(x)


def _convolution(filters: int, size: int, stride: int = 1, dilation: int = 1) -> list:
    return [
        layers.Conv2D(
            filters, size, stride, padding="same", dilation_rate=dilation, use_bias=False
        ),
        layers.BatchNormalization(momentum=0.95),
        layers.ReLU(),
    ]


_PREFIX = "checkpoint_tc-augm-best-validation-retarget-"

FOLDERS = {
    "upbeat-snowflake-91": _PREFIX + "upbeat-snowflake-91",
    "visionary-serenity": _PREFIX + "no-regr-visionary-serenity",
}
"""Published folder of each network."""

_BUILDERS: dict[str, Callable[[], keras.Model]] = {
    "upbeat-snowflake-91": build_upbeat_snowflake,
    "visionary-serenity": build_visionary_serenity,
}

_KEYS = {  # in the order of the rebuilt model's weights
    "upbeat-snowflake-91": (
        "trainable_variables/0",
        "trainable_variables/1",
        "layer_with_weights-1/moving_mean",
        "layer_with_weights-1/moving_variance",
        "layer_with_weights-2/kernel",
        "layer_with_weights-2/bias",
    ),
    "visionary-serenity": (
        *(f"variables/{i}" for i in range(6)),
        "layer_with_weights-3/kernel",
        "layer_with_weights-3/bias",
    ),
}


def load_checkpoint(name: str) -> keras.Model:
    """One of the study's trained networks, ready for forecasts or for further training.

    Parameters
    ----------
    name : {"upbeat-snowflake-91", "visionary-serenity"}

    Returns
    -------
    keras.Model
        (B, 30, 120, 160, 4) in [0, 1] -> probability (B, 1), not compiled. Its outputs equal those
        of the published graph to 1e-6.

    Raises
    ------
    ValueError
        If no network of that name was published.
    fishlib.published.PublishedUnavailable
        If its files can be reached neither in a local mirror nor over the network.
    """
    if name not in FOLDERS:
        raise ValueError(f"No published network is named {name!r}; there are {', '.join(FOLDERS)}.")
    model = _BUILDERS[name]()
    model.set_weights(_read_weights(_fetch_variables(FOLDERS[name]), _KEYS[name]))
    return model


def _fetch_variables(folder: str) -> Path:
    """Path prefix of a checkpoint: both its files, fetched side by side."""
    index = fetch(f"{folder}/variables/variables.index")
    fetch(f"{folder}/variables/variables.data-00000-of-00001")
    return index.with_suffix("")


def _read_weights(prefix: Path, keys: tuple[str, ...]) -> list[np.ndarray]:
    reader = tf.train.load_checkpoint(str(prefix))
    return [reader.get_tensor(f"{key}/.ATTRIBUTES/VARIABLE_VALUE") for key in keys]


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
