"""A live forecast: one frame in, one probability out, in constant memory."""

from collections.abc import Callable
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from fishlib.clips import time_channels
from fishlib.streaming.carried_state import CarriedState

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
