"""The networks of the study, at any clip size.

Layers as published (see the project's notebook on the network); parameter counts at the published
sizes are 11 569 (upbeat-snowflake) and 66 881 (visionary-serenity).
"""

import keras

from fishlib.models.convlstm import FusedConvLSTM2D, old_hard_sigmoid

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
