"""Live forecasts, frame by frame.

*Exact* mode gives a network the very clip it was trained on, for any network and clip layout.
*Streaming* mode carries the state of a ConvLSTM network on from frame to frame: one step a frame
instead of one step a slice. It is an approximation, because the state then remembers more than a
clip holds; ``tests/benchmarks/bench_streaming.py`` measures how good it is.
"""

import copy
from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from fishlib.animals.features import SPEED_WINDOWS, STRIDE
from fishlib.animals.places import Linker, Looks, Places
from fishlib.clips import ClipLayout, time_channels
from fishlib.models import check_size, layout_of
from fishlib.motion import measure_motion
from fishlib.spans import USUAL_FPS, frames_in

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
        self.n_phases = model.input_shape[-1]
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

    @tf.function(autograph=False, reduce_retracing=True)
    def _advance(self, frames, states):
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
    if steps[-1].return_sequences or any(model.layers[i].go_backwards for i in recurrent):
        raise ValueError(
            f"{model.name!r} reads more than the last state of its ConvLSTM: use exact mode."
        )
    return steps, head


def _is_recurrent(layer) -> bool:
    return isinstance(layer, keras.layers.ConvLSTM2D)


def _is_stepwise(layer) -> bool:
    if isinstance(layer, (keras.layers.MaxPooling3D, keras.layers.AveragePooling3D)):
        return layer.pool_size[0] == layer.strides[0] == 1
    return isinstance(layer, _STEPWISE)


MODES = ("exact", "streaming")


class LiveForecaster:
    """A network that takes one frame at a time and answers with one forecast.

    Memory does not grow: the past is kept in a ring of as many frames as a clip reaches back over.

    Parameters
    ----------
    model : keras.Model
        Clips (B, slices, H, W, channels) -> (B, 1), or (B, k) of which the first is taken.
    mode : {"exact", "streaming"}
        "streaming" is open to chains of ConvLSTMs that read time-channels.
    layout : ClipLayout, optional
        What the network's clips are made of; None takes the facts of the network.
    fps : float
        Frames a second, for these facts.

    Raises
    ------
    ValueError
        If the mode is unknown, or "streaming" does not suit the network.
    """

    def __init__(
        self,
        model: keras.Model,
        mode: str = "exact",
        layout: ClipLayout | None = None,
        fps: float = USUAL_FPS,
    ):
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}; got {mode!r}.")
        self.layout = layout or layout_of(model, fps)
        if mode == "streaming" and self.layout != time_channels(*self.layout.shape):
            raise ValueError("Streaming is for time-channels clips: use exact mode for others.")
        self.model = model
        self._carried = CarriedState(model) if mode == "streaming" else None
        self._predict = tf.function(lambda clip: model(clip, training=False)[0, 0], autograph=False)
        self.n_seen = 0
        # Each frame is written twice, so that the last ones always lie in one piece.
        self._ring = np.zeros((2, self.layout.past, *self.model.input_shape[2:4]), np.uint8)

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
        check_size(self.model, frame)
        t, past = self.n_seen, self.layout.past
        self._ring[:, t % past] = frame
        self.n_seen += 1
        carried, forecast = self._carried, float("nan")
        if carried is not None and t >= carried.n_phases - 1:  # also before there is a clip
            forecast = carried.step(t, self._last(t, carried.n_phases))
        if t < past - 1:
            return float("nan")
        if carried is not None:
            return forecast
        clip = self.layout.gather(self._last(t, past), np.array([past - 1]))  # (1, S, H, W, C)
        return float(self._predict(tf.constant(clip)))

    def forecast_film(self, frames: np.ndarray, progress: bool = True) -> np.ndarray:
        """Take the frames of a film one by one.

        Parameters
        ----------
        frames : uint8 array (T, H, W)
        progress : bool
            Show a progress bar.

        Returns
        -------
        float64 array (T,)
            p[t] uses frames up to t; NaN where a clip would begin before the film.
        """
        bar = tqdm(frames, "forecasting", unit="frame", disable=not progress)
        return np.array([self.push(frame) for frame in bar], float)

    def _last(self, t: int, n_frames: int) -> np.ndarray:
        """Frames t - n_frames + 1 to t, a view."""
        end = t % self.layout.past + self.layout.past + 1
        return self._ring.reshape(-1, *self._ring.shape[2:])[end - n_frames : end]


class LiveAnimals:
    """A network of animals that takes one frame at a time, as :class:`LiveForecaster` does.

    It finds the animals as they looked in the film that the network was trained on, and keeps of
    the past what its features read: forecasts equal those of the whole film.

    Parameters
    ----------
    animals : Animals
        Trained on animals that were found in film.
    fps : float
        Frames a second.

    Raises
    ------
    ValueError
        If it was trained on tracks: how animals look is not known then.
    """

    def __init__(self, animals, fps: float) -> None:
        known = animals.facts.data
        if not known["looks"]:
            raise ValueError(
                "This network was trained on tracks, not on animals found in film: it does not "
                "know how they look, and cannot watch."
            )
        self.animals, self.fps, self.before = copy.copy(animals), fps, None
        self.animals.model = tf.function(animals.model.__call__, autograph=False)  # far faster
        self.linker = Linker(Looks(**known["looks"]))
        self.about = {"body": known["body"], "box": tuple(known["box"])}
        self.kept = frames_in(max(SPEED_WINDOWS), fps) + frames_in(STRIDE, fps) + 1
        self.seen: list[tuple] = []  # x, y, heading, apart of each frame
        self.motion: list[float] = []  # that led to each frame

    def push(self, frame: np.ndarray) -> float:
        """Take the next prepared frame uint8 (240, 320); the forecast, NaN in the first seconds."""
        pair = np.stack([frame if self.before is None else self.before, frame])
        self.motion.append(measure_motion(pair)[0] * self.fps / USUAL_FPS)
        self.seen.append([one[0] for one in self.linker.follow(frame[None])])
        self.before = frame
        del self.motion[: -self.kept], self.seen[: -self.kept]
        places = Places(*map(np.stack, zip(*self.seen, strict=True)), **self.about)
        film = SimpleNamespace(motion=np.append(self.motion[1:], 0.0), fps=self.fps, places=places)
        return float(self.animals.forecast(film, np.array([len(self.seen) - 1]))[-1])
