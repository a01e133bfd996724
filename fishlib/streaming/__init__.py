"""Forecasts frame by frame: live from a camera, or over a whole film.

*Exact* mode gives a network the very clip it was trained on, for any network and clip layout.
*Streaming* mode carries the state of a ConvLSTM network on from frame to frame: one step a frame
instead of one step a slice. It is an approximation, because the state then remembers more than a
clip holds; :func:`streaming_difference` measures how good it is on the film at hand.
"""

import math
from collections.abc import Callable
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from fishlib.clips import time_channels

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


MODES = ("exact", "streaming")


class Layout(Protocol):
    """What a clip is made of, such as :class:`fishlib.clips.ClipLayout`."""

    history: int
    """Frames a clip reaches back over, the current one included."""

    def assemble(self, window: np.ndarray) -> np.ndarray:
        """Clip, float32, of the last frame of a window, uint8 (history, H, W)."""


class LiveForecaster:
    """A network that takes one frame at a time and answers with one forecast.

    Memory does not grow: the past is kept in a ring of as many frames as a clip reaches back over.

    Parameters
    ----------
    model : keras.Model
        Clips (B, slices, H, W, channels) -> (B, 1), or (B, k) of which the first is taken.
    mode : {"exact", "streaming"}
        "streaming" is open to chains of ConvLSTMs that read time-channels.
    layout : Layout, optional
        What the network's clips are made of; None takes the time-channels of its input shape.

    Raises
    ------
    ValueError
        If the mode is unknown, or "streaming" does not suit the network.
    """

    def __init__(self, model: keras.Model, mode: str = "exact", layout: Layout | None = None):
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}; got {mode!r}.")
        if mode == "streaming" and layout not in (None, default_layout(model)):
            raise ValueError("Streaming is for time-channels clips: use exact mode for others.")
        self.layout = default_layout(model) if layout is None else layout
        self._size = tuple(model.input_shape[2:4])
        self._carried = CarriedState(model) if mode == "streaming" else None
        self._predict = compile_network(model)
        self.reset()

    def reset(self) -> None:
        """Forget all frames, to begin another film."""
        self.n_seen = 0
        # Each frame is written twice, so that the last ones always lie in one piece.
        self._ring = np.zeros((2, self.layout.history, *self._size), np.uint8)
        if self._carried is not None:
            self._carried.reset()

    def push(self, frame: np.ndarray) -> float:
        """Take the next frame and forecast from it and those before.

        Parameters
        ----------
        frame : uint8 array (H, W)
            At the size of the network's clips.

        Returns
        -------
        float
            Probability; NaN while there are fewer frames than a clip reaches back over.

        Raises
        ------
        ValueError
            If the frame is not uint8 or not of that size.
        """
        check_size(frame, self._size)
        t, history = self.n_seen, self.layout.history
        self._ring[:, t % history] = frame
        self.n_seen += 1
        forecast = self._carry_on(t) if self._carried is not None else None
        if t < history - 1:
            return float("nan")
        if forecast is not None:
            return forecast
        return float(self._predict(self.layout.assemble(self._last(t, history))[None])[0])

    def _carry_on(self, t: int) -> float | None:
        n_frames = self._carried.n_phases
        return self._carried.step(t, self._last(t, n_frames)) if t >= n_frames - 1 else None

    def _last(self, t: int, n_frames: int) -> np.ndarray:
        """Frames t - n_frames + 1 to t, a view."""
        history = self.layout.history
        end = t % history + history + 1
        return self._ring.reshape(-1, *self._size)[end - n_frames : end]


def default_layout(model: keras.Model) -> Layout:
    """Time-channels of the network's input shape."""
    shape = model.input_shape
    if len(shape) != 5:
        raise ValueError(f"The network must read clips (slices, H, W, channels); got {shape[1:]}.")
    return time_channels(shape[1], shape[4])


def check_size(frames: np.ndarray, size: tuple[int, int]) -> None:
    """Raise ValueError unless frames (..., H, W) are uint8 and of the network's size."""
    if frames.dtype != np.uint8 or frames.shape[-2:] != size:
        raise ValueError(
            f"The network reads uint8 frames of {size}; got {frames.dtype} of {frames.shape[-2:]}: "
            "convert or shrink the film first."
        )


def compile_network(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Function clips (B, slices, H, W, channels) -> first output, float64 (B,)."""

    @tf.function(autograph=False, reduce_retracing=True)
    def predict(clips):
        return model(clips, training=False)[:, 0]

    return lambda clips: predict(tf.constant(clips)).numpy().astype(float)


__all__ = ["LiveForecaster", "forecast_film", "streaming_difference"]

BATCH_BYTES = 10_000_000
"""Clips computed at once by default: more no longer fit the processor's cache."""


def forecast_film(
    model: keras.Model,
    frames: np.ndarray,
    mode: str = "exact",
    layout: Layout | None = None,
    at: np.ndarray | None = None,
    batch_size: int | None = None,
    progress: bool = True,
) -> np.ndarray:
    """Forecast of every frame of a film.

    Parameters
    ----------
    model : keras.Model
    frames : uint8 array (T, H, W)
        May be memory-mapped.
    mode, layout
        As in :class:`LiveForecaster`, which gives the same numbers.
    at : int array, optional
        In exact mode, the frames to forecast; None takes all.
    batch_size : int, optional
        Clips computed at once in exact mode; None takes about 10 MB of them.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    float64 array (T,)
        p[t] uses frames up to t; NaN where the clip would begin before the film, and at frames
        not asked for.

    Raises
    ------
    ValueError
        As in :class:`LiveForecaster`, or if ``at`` is given in streaming mode.
    """
    live = LiveForecaster(model, mode, layout)
    check_size(frames, tuple(model.input_shape[2:4]))
    if mode == "streaming":
        if at is not None:
            raise ValueError("Streaming passes through every frame: leave out at.")
        bar = tqdm(frames, "streaming", unit="frame", disable=not progress)
        return np.array([live.push(frame) for frame in bar], float)
    wanted = np.arange(len(frames)) if at is None else np.asarray(at)
    wanted = wanted[wanted >= live.layout.history - 1]
    forecast = np.full(len(frames), np.nan)
    predict = compile_network(model)
    batch_size = batch_size or max(1, BATCH_BYTES // (4 * math.prod(model.input_shape[1:])))
    with tqdm(total=len(wanted), desc="exact", unit="frame", disable=not progress) as bar:
        for start in range(0, len(wanted), batch_size):
            batch = wanted[start : start + batch_size]
            forecast[batch] = predict(_clips(frames, batch, live.layout))
            bar.update(len(batch))
    return forecast


def _clips(frames: np.ndarray, at: np.ndarray, layout: Layout) -> np.ndarray:
    """Clips (B, slices, H, W, channels) at the frames ``at``."""
    first = at - layout.history + 1
    return np.stack([layout.assemble(frames[a : t + 1]) for a, t in zip(first, at, strict=True)])


def streaming_difference(
    model: keras.Model, frames: np.ndarray, every: int = 1, progress: bool = False
) -> dict[str, float]:
    """How far streaming is from exact forecasts, on this film.

    Parameters
    ----------
    model : keras.Model
    frames : uint8 array (T, H, W)
    every : int
        Compare one frame in so many: exact forecasts are slow.
    progress : bool

    Returns
    -------
    dict
        ``n_frames`` compared, ``mean`` and ``max`` absolute difference of the probabilities, and
        ``decisions_changed``, the share of frames that change sides of 0.5.

    Raises
    ------
    ValueError
        If the film is shorter than a clip, or the network cannot stream.
    """
    history = default_layout(model).history
    if len(frames) < history:
        raise ValueError(f"A clip needs {history} frames; the film has {len(frames)}.")
    at = np.arange(history - 1, len(frames), every)
    streamed = forecast_film(model, frames, "streaming", progress=progress)[at]
    exact = forecast_film(model, frames, "exact", at=at, progress=progress)[at]
    difference = np.abs(streamed - exact)
    return {
        "n_frames": len(at),
        "mean": float(difference.mean()),
        "max": float(difference.max()),
        "decisions_changed": float(np.mean((streamed > 0.5) != (exact > 0.5))),
    }
