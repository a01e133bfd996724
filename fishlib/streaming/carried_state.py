"""The state of a ConvLSTM network, carried from slice to slice instead of rebuilt for each clip."""

import keras
import tensorflow as tf

_STEPWISE = (
    keras.layers.BatchNormalization,
    keras.layers.TimeDistributed,
    keras.layers.Activation,
    keras.layers.Dropout,
    keras.layers.Rescaling,
)


class CarriedState:
    """The states (h, c) of every ConvLSTM of a network, in interleaved phases.

    A slice of a time-channels clip holds k consecutive frames, and clips of consecutive frames t
    and t + 1 share no slice: t + k is the next to do so. Therefore k states are carried, and frame
    t advances number t mod k by one step. A state then remembers the whole film, where a clip of n
    slices begins from nothing; the two agree exactly for the first k clips of a film.

    Parameters
    ----------
    model : keras.Sequential
        Layers that treat each step by itself, ConvLSTMs, then layers on the last state.

    Raises
    ------
    ValueError
        If the network is not such a chain.
    """

    def __init__(self, model: keras.Model):
        self._steps, self._head = split_chain(model)
        _, _, height, width, self.n_phases = model.input_shape
        self._advance = tf.function(
            self._advance_eagerly,
            autograph=False,
            reduce_retracing=True,
        )
        self._size = (height, width)
        self.reset()

    def reset(self) -> None:
        """Forget everything, as before the first frame of a film."""
        cells = [layer.cell for layer in self._steps if _is_recurrent(layer)]
        zero = [cell.get_initial_state(batch_size=1) for cell in cells]
        self._states = [zero for _ in range(self.n_phases)]

    def step(self, t: int, frames) -> float:
        """Advance the phase of frame t by the slice that ends with it.

        Parameters
        ----------
        t : int
        frames : uint8 array (k, H, W)
            Frames t - k + 1 to t.

        Returns
        -------
        float
            The network's (first) output.
        """
        phase = t % self.n_phases
        forecast, self._states[phase] = self._advance(tf.constant(frames), self._states[phase])
        return float(forecast)

    def _advance_eagerly(self, frames, states):
        x = tf.transpose(tf.cast(frames, tf.float32) / 255, (1, 2, 0))[None]  # (1, H, W, k)
        before, after = iter(states), []
        for layer in self._steps:
            if _is_recurrent(layer):
                x, state = layer.cell(x, next(before), training=False)
                after.append(state)
            else:
                x = layer(x[:, None], training=False)[:, 0]  # as a film of one step
        for layer in self._head:
            x = layer(x, training=False)
        return x[0, 0], after


def split_chain(model: keras.Model) -> tuple[list, list]:
    """Layers up to the last ConvLSTM, and layers after it.

    Raises
    ------
    ValueError
        If the model is no chain of which each step can be taken by itself.
    """
    if not isinstance(model, keras.Sequential):
        raise ValueError(
            f"Streaming needs a keras.Sequential network; {model.name!r} branches: use exact mode."
        )
    recurrent = [i for i, layer in enumerate(model.layers) if _is_recurrent(layer)]
    if not recurrent:
        raise ValueError(f"{model.name!r} has no ConvLSTM to carry: use exact mode.")
    steps, head = model.layers[: recurrent[-1] + 1], model.layers[recurrent[-1] + 1 :]
    for layer in steps[:-1]:
        if not (_is_recurrent(layer) or _is_stepwise(layer)):
            raise ValueError(
                f"Layer {layer.name!r} may join the steps of {model.name!r}: use exact mode."
            )
    if steps[-1].return_sequences or any(_runs_backwards(layer) for layer in steps):
        raise ValueError(
            f"{model.name!r} reads more than the last state of its ConvLSTM: use exact mode."
        )
    return steps, head


def _is_recurrent(layer) -> bool:
    return isinstance(layer, keras.layers.ConvLSTM2D)


def _runs_backwards(layer) -> bool:
    return _is_recurrent(layer) and layer.go_backwards


def _is_stepwise(layer) -> bool:
    if isinstance(layer, (keras.layers.MaxPooling3D, keras.layers.AveragePooling3D)):
        return layer.pool_size[0] == layer.strides[0] == 1
    return isinstance(layer, _STEPWISE)
