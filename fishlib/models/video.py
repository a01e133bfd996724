"""Our own video networks: a small ConvLSTM, and the plain CNN of its size as its rival.

Both read clips of a few moments with signed differences (:func:`fishlib.clips.motion_channels`).
They share stem and head; what differs is how the moments are joined: by recurrence, or by looking
at all of them at once.
"""

import keras
from keras import layers, ops

from fishlib.models.convlstm import FusedConvLSTM2D

CLIP_SHAPE = (3, 60, 80, 3)
"""Moments, height, width, channels of the default clip."""


def build_motion_convlstm(clip_shape: tuple[int, ...] = CLIP_SHAPE) -> keras.Model:
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


def build_motion_cnn(clip_shape: tuple[int, ...] = CLIP_SHAPE) -> keras.Model:
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
