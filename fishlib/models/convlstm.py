"""A convolutional LSTM that computes its four gates with one convolution instead of four.

Equations (Shi et al. 2015, https://arxiv.org/abs/1506.04214, without peepholes, as in Keras)::

    z = W * x_t + U * h_(t-1) + b              (* is a convolution; z is i, f, g, o in this order)
    c_t = s(f) c_(t-1) + s(i) tanh(g)          (s is the recurrent activation)
    h_t = s(o) tanh(c_t)
"""

import math

import keras
from keras import ops
from keras.src.layers.rnn.conv_lstm import ConvLSTMCell  # Keras does not export its cell
from tensorflow.python.util import _pywrap_util_port  # nor TensorFlow which library it uses

_LOOP_ARGUMENTS = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
    "name",
    "trainable",
    "activity_regularizer",
)


@keras.saving.register_keras_serializable(package="fishlib")
def old_hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), the hard sigmoid of Keras 1 and 2.

    Keras 3 calls clip(x / 6 + 0.5, 0, 1) ``hard_sigmoid``, which differs by up to 0.083 and moves
    the forecasts of networks trained before it by up to 0.10.
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


LARGE_GRID = 4096
"""Pixels from which on oneDNN gains nothing from the fusion."""


def uses_onednn() -> bool:
    """Whether TensorFlow computes with oneDNN here; else it does with Eigen.

    oneDNN runs several small convolutions of a large grid nearly as fast as one of all gates,
    Eigen does not: see ``tests/benchmarks/RESULTS.md``.
    """
    return bool(_pywrap_util_port.IsMklEnabled())


@keras.saving.register_keras_serializable(package="fishlib")
class FusedConvLSTMCell(ConvLSTMCell):
    """One step of a ConvLSTM with one input and one recurrent convolution for all gates.

    Weights, initial values and configuration are those of the Keras cell. What the fused step does
    not cover (dropout, channels first) is left to the Keras code, and so is what it does not motion
    up: machines with a GPU, and large grids where TensorFlow computes with oneDNN.
    """

    def is_fused(self, n_pixels: int) -> bool:
        """Whether the fused step is used here, with this configuration, on so many pixels."""
        plain = self.data_format == "channels_last" and not self.dropout + self.recurrent_dropout
        as_fast = n_pixels >= LARGE_GRID and uses_onednn()
        return plain and not as_fast and not keras.distribution.list_devices("gpu")

    @property
    def _shares_grid(self) -> bool:
        """Whether input and padded state can be read by one and the same convolution."""
        odd = all(k % 2 for k in self.kernel_size)
        return odd and max(self.strides) == 1 and max(self.dilation_rate) == 1

    def call(self, inputs, states, training=False):
        """Advance the state by one step.

        Parameters
        ----------
        inputs : tensor (B, H, W, channels)
        states : [h, c], tensors (B, H', W', filters)
        training : bool

        Returns
        -------
        h, [h, c]
        """
        if not self.is_fused(math.prod(states[0].shape[1:3])):
            return super().call(inputs, states, training=training)
        h, c = states
        one_convolution = not training and self._shares_grid  # faster only without a gradient
        gates = self._joint_gates(inputs, h) if one_convolution else self._gates(inputs, h)
        if self.bias is not None:
            gates = gates + self.bias
        i, f, g, o = ops.split(gates, 4, axis=-1)  # each (B, H', W', filters)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]

    def _gates(self, x, h):
        from_input = ops.conv(
            x,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )
        return from_input + ops.conv(h, self.recurrent_kernel, padding="same")

    def _joint_gates(self, x, h):
        if self.padding == "valid":  # widen h to the size of x
            margins = [(k // 2, k // 2) for k in self.kernel_size]
            h = ops.pad(h, [(0, 0), *margins, (0, 0)])
        both = ops.concatenate([x, h], axis=-1)  # (B, H, W, channels + filters)
        kernel = ops.concatenate([self.kernel, self.recurrent_kernel], axis=-2)
        return ops.conv(both, kernel, padding=self.padding)


@keras.saving.register_keras_serializable(package="fishlib")
class FusedConvLSTM2D(keras.layers.ConvLSTM2D):
    """``keras.layers.ConvLSTM2D`` with :class:`FusedConvLSTMCell`.

    Takes the same arguments, holds the same weights in the same order (``get_weights`` of one goes
    into ``set_weights`` of the other) and gives the same outputs up to rounding.

    Parameters
    ----------
    filters : int
    kernel_size : int or pair of int
    **arguments
        Those of ``keras.layers.ConvLSTM2D``, also ``unroll``.
    """

    def __init__(self, filters, kernel_size, **arguments):
        loop = {key: arguments.pop(key) for key in _LOOP_ARGUMENTS if key in arguments}
        dtype = arguments.pop("dtype", None)
        cell = FusedConvLSTMCell(2, filters, kernel_size, dtype=dtype, **arguments)
        keras.layers.RNN.__init__(self, cell, dtype=dtype, **loop)
        self.input_spec = keras.layers.InputSpec(ndim=5)
