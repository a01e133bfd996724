"""All networks: the study's and ours, built anew or loaded, and the clips they read.

Shapes are (B, S, H, W, C): clips, slices (moments), height, width, channels.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from fishlib.clips import ClipLayout, time_channels
from fishlib.facts import PUBLISHED, Facts, check_file, read_facts, write_facts
from fishlib.files import project_path, write_atomically
from fishlib.published import fetch
from fishlib.spans import USUAL_FPS

Shape = tuple[int, int, int, int]
STUDY_SHAPE = (30, 120, 160, 4)
"""Slices, height, width, channels of the study's clips."""
OUR_SHAPE = (3, 60, 80, 3)
"""Moments, height, width, channels of our own clips."""


@keras.saving.register_keras_serializable(package="fishlib")
def old_hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), the hard sigmoid of Keras 1 and 2.

    Keras 3 calls clip(x / 6 + 0.5, 0, 1) ``hard_sigmoid``, which differs by up to 0.083 and moves
    the forecasts of networks trained before it by up to 0.10.
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def build_upbeat_snowflake(clip_shape: Shape = STUDY_SHAPE, filters: int = 16) -> keras.Model:
    """The network of every published result: one ConvLSTM, 11 569 parameters.

    Parameters
    ----------
    clip_shape : (slices, height, width, channels)
    filters : int
        Of the ConvLSTM.

    Returns
    -------
    keras.Model
        Clips (B, ...) in [0, 1] -> probability (B, 1).

    Raises
    ------
    ValueError
        If the clip is too small for a 3 x 3 kernel.
    """
    _check(clip_shape, 3)
    stack = [
        keras.Input(clip_shape),  # (B, S, H, W, C)
        _conv_lstm(filters, name="convlstm_1"),  # (B, H-2, W-2, filters)
        _normalise(name="norm_1"),  # (B, H-2, W-2, filters)
        layers.GlobalMaxPooling2D(),  # (B, filters)
        layers.Dense(1, activation="sigmoid", name="probability"),  # (B, 1)
    ]
    return keras.Sequential(stack, name="upbeat_snowflake")


def build_visionary_serenity(clip_shape: Shape = STUDY_SHAPE) -> keras.Model:
    """Two ConvLSTMs of 16 and 32 filters, 66 881 parameters.

    Argument, result and errors as in :func:`build_upbeat_snowflake`.
    """
    stack = [
        *_two_conv_lstms(clip_shape, 16),  # (B, 32)
        layers.Dense(1, activation="sigmoid", name="probability"),  # (B, 1)
    ]
    return keras.Sequential(stack, name="visionary_serenity")


def build_fast_snow(clip_shape: Shape = STUDY_SHAPE) -> keras.Model:
    """Two ConvLSTMs of twice visionary-serenity's filters, then three dense layers.

    The study describes this network in words and published no file of it; the widths of the two
    hidden dense layers are this project's choice. Otherwise as :func:`build_upbeat_snowflake`.
    """
    stack = [
        *_two_conv_lstms(clip_shape, 32),  # (B, 64)
        layers.Dense(32, activation="relu"),  # (B, 32)
        layers.Dense(16, activation="relu"),  # (B, 16)
        layers.Dense(1, activation="sigmoid", name="probability"),  # (B, 1)
    ]
    return keras.Sequential(stack, name="fast_snow")


def _two_conv_lstms(clip_shape, filters: int) -> list:
    _check(clip_shape, 8)
    return [
        keras.Input(clip_shape),  # (B, S, H, W, C)
        _conv_lstm(filters, return_sequences=True, name="convlstm_1"),  # (B, S, H-2, W-2, filters)
        layers.MaxPooling3D((1, 2, 2)),  # every step by itself: (B, S, (H-2)/2, (W-2)/2, filters)
        _normalise(name="norm_1"),  # the same shape
        _conv_lstm(2 * filters, name="convlstm_2"),  # (B, (H-2)/2-2, (W-2)/2-2, 2 filters)
        layers.GlobalMaxPooling2D(),  # (B, 2 filters)
    ]


def _conv_lstm(filters: int, **options) -> keras.Layer:
    gates = {"recurrent_activation": old_hard_sigmoid, "use_bias": False}
    return layers.ConvLSTM2D(filters, 3, **gates, **options)


def _normalise(name: str) -> keras.Layer:
    return layers.BatchNormalization(center=False, scale=False, epsilon=1e-3, name=name)


def _check(clip_shape: Shape, smallest: int) -> None:
    if len(clip_shape) != 4:
        raise ValueError(
            f"clip_shape is (slices, height, width, channels), four numbers; got {clip_shape}."
        )
    if min(clip_shape) < 1 or min(clip_shape[1:3]) < smallest:
        raise ValueError(
            f"This network needs clips of at least {smallest} x {smallest} pixels and one slice "
            f"of one channel; got clip_shape={clip_shape}."
        )


def build_motion_convlstm(clip_shape: Shape = OUR_SHAPE) -> keras.Model:
    """ConvLSTM over a few moments, with a wider look at the last one.

    Parameters
    ----------
    clip_shape : (moments, height, width, channels)

    Returns
    -------
    keras.Model
        Clips (B, ...) -> probability (B, 1).
    """
    clip = keras.Input(clip_shape)  # (B, S, H, W, C)
    stem = keras.Sequential([*_convolution(8, 4, 2), *_convolution(16, 4, 2)], name="stem")
    moments = [stem(clip[:, i]) for i in range(clip_shape[0])]  # S x (B, H/4, W/4, 16)
    together = ops.stack(moments, axis=1)  # (B, S, H/4, W/4, 16)
    joined = layers.ConvLSTM2D(12, 3, padding="same")(together)  # (B, H/4, W/4, 12)
    return keras.Model(clip, _judge(clip, joined), name="motion_convlstm")


def build_motion_cnn(clip_shape: Shape = OUR_SHAPE) -> keras.Model:
    """The rival without recurrence: all moments side by side, as channels, through one stem.

    Argument and result as of :func:`build_motion_convlstm`.
    """
    clip = keras.Input(clip_shape)  # (B, S, H, W, C)
    stem = keras.Sequential([*_convolution(18, 4, 2), *_convolution(32, 4, 2)], name="stem")
    moments = [clip[:, i] for i in range(clip_shape[0])]  # S x (B, H, W, C)
    joined = stem(layers.Concatenate()(moments))  # (B, H, W, S C) -> (B, H/4, W/4, 32)
    return keras.Model(clip, _judge(clip, joined), name="motion_cnn")


def _judge(clip, joined):
    """Probability from what the moments say together and from a wider look at the last one."""
    last = keras.Sequential([*_convolution(24, 4, 2), *_convolution(32, 4, 2)], name="last")
    x = layers.Concatenate()([joined, last(clip[:, -1])])  # (B, H/4, W/4, 44 or 64)
    for layer in (*_convolution(32, 3), *_convolution(32, 3, dilation=2)):
        x = layer(x)  # (B, H/4, W/4, 32)
    most, mean = layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)  # (B, 32) each
    return layers.Dense(1, activation="sigmoid")(layers.Concatenate()([most, mean]))  # (B, 1)


def _convolution(filters: int, size: int, stride: int = 1, dilation: int = 1) -> list:
    how = {"padding": "same", "dilation_rate": dilation, "use_bias": False}
    return [
        layers.Conv2D(filters, size, stride, **how),  # (B, H/stride, W/stride, filters)
        layers.BatchNormalization(momentum=0.95),
        layers.ReLU(),
    ]


def build_motion_lstm(n_steps: int = 119, units: int = 32, n_answers: int = 1) -> keras.Model:
    """A 2-layer LSTM that reads the motion only: the study's announced second baseline.

    Parameters
    ----------
    n_steps : int
        Past values of the motion, standardised; by default the 119 steps between the 120 frames
        of a clip.
    units : int
        Of each LSTM.
    n_answers : int
        Questions answered at once.

    Returns
    -------
    keras.Model
        (B, n_steps, 1), oldest value first -> log-odds (B, n_answers).
    """
    stack = [
        keras.Input((n_steps, 1)),  # (B, n_steps, 1)
        layers.LSTM(units, return_sequences=True),  # (B, n_steps, units)
        layers.LSTM(units),  # (B, units)
        layers.Dense(n_answers, name="answers"),  # (B, n_answers)
    ]
    return keras.Sequential(stack, name="motion_lstm")


NETWORKS = {
    "motion_convlstm": build_motion_convlstm,
    "motion_cnn": build_motion_cnn,
    "upbeat_snowflake": build_upbeat_snowflake,
    "visionary_serenity": build_visionary_serenity,
    "fast_snow": build_fast_snow,
}
"""Networks that read clips, by name."""


def moments_of(layout: ClipLayout) -> tuple[tuple[float, ...], ...]:
    """Seconds before the current frame, of a layout for 30 frames a second."""
    return tuple(tuple(-offset / USUAL_FPS for offset in one) for one in layout.offsets)


_KEYS = {  # in the order of the rebuilt model's weights
    "upbeat-snowflake-91": "trainable_variables/0 trainable_variables/1 "
    "layer_with_weights-1/moving_mean layer_with_weights-1/moving_variance "
    "layer_with_weights-2/kernel layer_with_weights-2/bias",
    "visionary-serenity": "variables/0 variables/1 variables/2 variables/3 variables/4 variables/5 "
    "layer_with_weights-3/kernel layer_with_weights-3/bias",
}

_OF_STUDY = {
    "method": "nearest-exact",
    "question": {"name": "burst", "horizon": 1.5, "min_range": 1e-3},
    "data": {"film": "the study's training film", "frames": 44_956},
    "class_weights": {0: 0.133, 1: 0.866},
    "weights_taken_out": False,
}
_READ = USUAL_FPS, moments_of(time_channels()), STUDY_SHAPE[1:3]
PUBLISHED_FACTS = {
    name: Facts(*_READ, **_OF_STUDY, package=f"the study, {name}") for name in PUBLISHED
}


def load_network(name: str | Path, facts: str | Path | None = None) -> keras.Model:
    """A network that reads clips: a published one by its name, or a ``.keras`` file by its path.

    Parameters
    ----------
    name : str or Path
        One of :data:`PUBLISHED`, whose outputs equal those of the published graph to 1e-6, or a
        path.
    facts : path, optional
        A JSON file with the facts of a network that carries none, see :mod:`fishlib.facts`.

    Returns
    -------
    keras.Model
        Clips (B, S, H, W, C) -> probability (B, 1), not compiled, with its ``facts``.

    Raises
    ------
    FileNotFoundError
        If there is no such network.
    ValueError
        If the file is no network for clips, would run code of its own, or carries no facts.
    fishlib.published.PublishedUnavailable
        If the published files can be reached neither in a local mirror nor over the network.
    """
    model = read_network(name, facts)
    check_network(name, model)
    return model


def read_network(name: str | Path, facts: str | Path | None = None) -> keras.Model:
    """Any network that carries facts, whatever it reads; otherwise as :func:`load_network`."""
    if str(name) in PUBLISHED:
        return _load_published(str(name))
    path = project_path(name)
    check_file(path)
    known = read_facts(project_path(facts or path))
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise ValueError(f"{path} cannot be loaded as a Keras network: {error}") from error
    model.facts = known
    return model


def save_network(model: keras.Model, path: str | Path, facts: Facts) -> None:
    """Save a network as one ``.keras`` file that carries its facts."""

    def save(part: Path) -> None:
        model.save(part)
        write_facts(part, facts)

    write_atomically(path, save)


def check_network(name: str | Path, model: keras.Model) -> None:
    """Raise ValueError unless a network reads the clips that its facts tell of."""
    facts = model.facts
    if facts.of_animals:
        raise ValueError(f"{name} reads places of animals, not clips: see forecasters.animals.")
    shapes = model.input_shape, model.output_shape
    layout = layout_of(model)
    reads = (None, layout.shape[0], *facts.size, layout.shape[1])
    probability = getattr(model.layers[-1], "activation", None) is keras.activations.sigmoid
    if shapes != (reads, (None, 1)) or not probability:
        raise ValueError(
            f"{name} is no network for clips: by its facts it reads {reads[1:]} (slices, height, "
            f"width, channels) and must give one probability, by a sigmoid; it reads "
            f"{shapes[0]} and gives {shapes[1]}{'' if probability else ', without a sigmoid'}."
        )


def _load_published(name: str) -> keras.Model:
    import tensorflow as tf  # the only step that needs it: Keras may run on another backend

    index = fetch(f"{PUBLISHED[name]}/variables/variables.index")
    fetch(f"{PUBLISHED[name]}/variables/variables.data-00000-of-00001")
    reader = tf.train.load_checkpoint(str(index.with_suffix("")))
    keys = (f"{key}/.ATTRIBUTES/VARIABLE_VALUE" for key in _KEYS[name].split())
    model = build_upbeat_snowflake() if name.startswith("upbeat") else build_visionary_serenity()
    model.set_weights([reader.get_tensor(key) for key in keys])
    model.facts = PUBLISHED_FACTS[name]
    return model


def layout_of(model: keras.Model, fps: float = USUAL_FPS) -> ClipLayout:
    """The clips a network reads in a film of a rate, by its facts.

    Raises
    ------
    ValueError
        If it has no facts.
    """
    known = getattr(model, "facts", None)
    if known is None:
        raise ValueError(f"{model.name!r} has no facts: say what clips it reads, as layout.")
    offsets = [tuple(-round(moment * USUAL_FPS, 3) for moment in one) for one in known.moments]
    return ClipLayout(tuple(offsets), known.mix).at_rate(fps)


def undo_class_weights(model: keras.Model, weights: dict[int, float]) -> None:
    """Take the weights of a training out of a network's odds, by the bias of its last layer.

    Training with class weights w0 and w1 multiplies the odds by w1 / w0. Source: Elkan, *The
    Foundations of Cost-Sensitive Learning*, IJCAI 2001, theorem 2.
    """
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, bias + np.log(weights[0] / weights[1])])


def check_size(model: keras.Model, frames: np.ndarray) -> None:
    """Raise ValueError unless frames (..., H, W) are uint8 and of the size a network reads."""
    size = tuple(model.input_shape[2:4])
    if frames.dtype != np.uint8 or frames.shape[-2:] != size:
        raise ValueError(
            f"The network reads uint8 frames of {size}; got {frames.dtype} of {frames.shape[-2:]}: "
            "convert or shrink the film first."
        )
