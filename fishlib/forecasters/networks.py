"""Networks as forecasters: of the video, and of the past of the motion."""

import math
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fishlib import clips, models
from fishlib.facts import Facts, what_is_seen
from fishlib.files import hash_arrays
from fishlib.forecasters import Taught, check_parts, pieces_of, rate_of, stretches_of
from fishlib.motion import behind
from fishlib.recording import at_size
from fishlib.spans import USUAL_FPS, frames_in, lags
from fishlib.splits import edges_of, frames_with_past
from fishlib.training import CHOOSE_EVERY, annealed_adam, masked_cross_entropy, train


@dataclass(frozen=True)
class Plan:
    """What network to train and how.

    Parameters
    ----------
    network : str
        One of :data:`fishlib.models.NETWORKS`.
    n_slices, channels : int
        Time-channels of the study's networks; 0 slices takes the motion channels of ours.
    learning_rate : float
        Of Adam; the peak when ``anneal`` is set.
    anneal : bool
        Warm up and fall as a cosine; otherwise constant, as in the study.
    batch_size, epochs, steps_per_epoch : int
        Clips a step, epochs, and steps an epoch (0: all clips).
    flips : int
        4 shows each clip and its three mirror images; 1 none of them.
    class_weighting : bool
        Weight both classes alike, as in the study.
    seed : int
        Of the initial weights and of the order of clips.

    Raises
    ------
    ValueError
        If there is no such network.
    """

    network: str = "motion_convlstm"
    n_slices: int = 0
    channels: int = 4
    learning_rate: float = 5e-3
    anneal: bool = True
    batch_size: int = 32
    epochs: int = 4
    steps_per_epoch: int = 125
    flips: int = 4
    class_weighting: bool = False
    seed: int = 0

    def __post_init__(self):
        if self.network not in models.NETWORKS:
            known = ", ".join(models.NETWORKS)
            raise ValueError(f"No network {self.network!r}; there are: {known}.")

    @property
    def layout(self) -> clips.ClipLayout:
        """The clips the network reads."""
        if self.n_slices:
            return clips.time_channels(self.n_slices, self.channels)
        return clips.motion_channels()

    def build(self, size: tuple[int, int]) -> keras.Model:
        """The network, untrained, for frames of a size (height, width)."""
        n_slices, channels = self.layout.shape
        return models.NETWORKS[self.network]((n_slices, *size, channels))


@dataclass
class Network:
    """A network that reads clips of the video.

    Parameters
    ----------
    plan : Plan
    learns : str, optional
        Name of the question it is always trained on, for its forecast to be used for every
        question; None trains one for each.
    """

    plan: Plan = field(default_factory=Plan)
    learns: str | None = None
    model: keras.Model | None = field(default=None, repr=False)
    history: pd.DataFrame | None = field(default=None, repr=False)
    facts: Facts | None = field(default=None, repr=False)
    path: Path | None = field(default=None, repr=False)
    trained = False
    effort = 2

    @property
    def epochs(self) -> int:
        """Epochs of a training."""
        return self.plan.epochs

    def fit(self, recording, question, parts, folder, **options) -> "Network":
        """Train on one part, choose the epoch on another; see ``fishlib.forecasters``.

        The network is kept as ``network.keras``; class weights are taken out of its odds, so that
        it forecasts probabilities.

        Parameters
        ----------
        recording : Recording
            Its frames at the size the network is to read.
        question : int8 array (T,)
            1, 0, or -1 where a frame is not asked.
        parts : dict of slice
        folder : path
            Where checkpoints and history land; training is resumed from it.
        **options
            Passed on to :func:`fishlib.training.train`.

        Raises
        ------
        ValueError
            If there are no parts, or one holds one class only.
        """
        plan, frames, pieces = self.plan, recording.frames, pieces_of(recording)
        layout = plan.layout.at_rate(rate_of(recording))
        check_parts(parts)
        weights = clips.class_weights(question[parts["train"]]) if plan.class_weighting else None
        common = {"layout": layout, "weights": weights, "pieces": pieces, "seed": plan.seed}
        order = {"shuffle": True, "max_samples": plan.steps_per_epoch * plan.batch_size or None}
        order |= {"batch_size": plan.batch_size, "flips": plan.flips}
        choosing = {"batch_size": 128, "every": CHOOSE_EVERY}
        data, validation = (
            clips.ClipDataset(frames, question, parts[part], **how, **common)
            for part, how in (("train", order), ("validation", choosing))
        )
        optimizer = partial(keras.optimizers.Adam, plan.learning_rate)
        if plan.anneal:
            optimizer = annealed_adam(plan.learning_rate, plan.epochs * len(data))
        settings = {"parts": edges_of(parts), "shape": frames.shape, "data": hash_arrays(question)}
        settings["fps"] = rate_of(recording)
        self.model, self.history = train(
            partial(plan.build, frames.shape[1:]), data, validation, folder, plan.epochs, optimizer,
            seed=plan.seed, settings=asdict(plan) | settings, **options,
        )  # fmt: skip
        if weights:
            models.undo_class_weights(self.model, weights)
        self.model.facts = self.facts = self._facts(recording, parts["train"], weights)
        self.path = Path(folder) / "network.keras"
        models.save_network(self.model, self.path, self.facts)
        return self

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if self.model is not None:
            self.model.facts = self.facts  # Keras does not pickle them

    def _facts(self, recording, part, weights: dict | None) -> Facts:
        """What the network has to carry with it."""
        keys = ("name", "method", "asked", "preparation")
        film, method, asked, preparation = (getattr(recording, key, None) for key in keys)
        layout, size = self.plan.layout, recording.frames.shape[1:]
        told = {"method": method, "preparation": preparation and preparation.settings()}
        told |= {"question": asked, "seed": self.plan.seed, "class_weights": weights}
        told["data"] = {"film": film, **what_is_seen(recording, part)}
        return Facts(rate_of(recording), models.moments_of(layout), size, layout.mix, **told)

    def forecast(self, recording, at: slice | np.ndarray | None = None) -> np.ndarray:
        """Probability at each frame, float64 (T,); see ``fishlib.forecasters``.

        A film at another size than the network reads is prepared anew, at that size.
        """
        size = tuple(self.model.input_shape[2:4])
        film = recording if recording.frames.shape[1:] == size else at_size(recording, size)
        layout = models.layout_of(self.model, rate_of(recording))
        return forecast_film(self.model, film.frames, layout, at, pieces_of(recording))


class SavedNetwork(Network):
    """A network trained elsewhere: see :func:`fishlib.models.load_network`."""

    trained = True

    def __init__(self, name: str | Path, facts: str | Path | None = None):
        super().__init__(model=models.load_network(name, facts))
        self.facts = self.model.facts

    def fit(self, *_, **__) -> "SavedNetwork":
        """Nothing is learned."""
        return self


BATCH_BYTES = 10_000_000
"""Clips computed at once by default: more no longer fit the processor's cache."""


def forecast_film(
    model: keras.Model, frames, layout=None, at=None, pieces=None, batch_size=None
) -> np.ndarray:
    """A network's forecast at frames of a film.

    Parameters
    ----------
    model : keras.Model
    frames : uint8 array (T, H, W)
        May be memory-mapped.
    layout : ClipLayout, optional
        What the network's clips are made of; None takes the facts of the network, for a film of
        30 frames a second.
    at : slice or index array, optional
        Frames to forecast; None takes all.
    pieces : DataFrame, optional
        No clip reaches from one into another; None takes the film as one piece.
    batch_size : int, optional
        Clips computed at once; None takes about 10 MB of them.

    Returns
    -------
    float64 array (T,)
        p[t] uses frames up to t; NaN where there is no full clip, and at frames not asked for.

    Raises
    ------
    ValueError
        If the frames are not what the network reads.
    """
    layout = layout or models.layout_of(model)
    models.check_size(model, frames)
    asked = frames_with_past(len(frames), layout.past, pieces, at)
    batch_size = batch_size or max(1, BATCH_BYTES // (4 * math.prod(model.input_shape[1:])))
    return _predict(model, partial(layout.gather, frames), asked, len(frames), batch_size)[:, 0]


def _predict(model, gather, asked, n_frames: int, batch_size: int) -> np.ndarray:
    """A network's answers (T, K) at the frames asked, whose inputs are gathered in batches."""
    told = np.full((n_frames, model.output_shape[1]), np.nan)
    for start in range(0, len(asked), batch_size):
        batch = asked[start : start + batch_size]
        told[batch] = model.predict_on_batch(gather(batch))
    return told


class PastDataset(clips.Samples):
    """Batches of the past motion: the last values before each frame.

    Parameters
    ----------
    past : float array (T, n)
        The standardised motion before each frame, oldest first.
    answers : float32 array (T, K)
        Of each question, NaN where it is not asked.
    frames : int array (n,)
        Frames used, each with its past.
    **order
        As of :class:`fishlib.clips.Samples`.
    """

    def __init__(self, past: np.ndarray, answers: np.ndarray, frames: np.ndarray, **order):
        self.past, self.answers = past, answers
        self.used_labels = np.nan_to_num(answers[frames]).max(axis=1)  # any answer is yes
        super().__init__(frames, **order)

    def __getitem__(self, i):
        at = self.batch(i)
        return _last_values(self.past, at), self.answers[at]


def _last_values(past: np.ndarray, at: np.ndarray) -> np.ndarray:
    """What the LSTM reads at frames (B,), oldest first: float32 (B, 119, 1)."""
    return past[at][..., None].astype(np.float32)


@dataclass
class MotionLSTM(Taught):
    """A 2-layer LSTM that reads the past of the motion, taught several questions at once.

    Parameters
    ----------
    epochs : int
        Epochs of a training; the best by validation loss is kept.
    seed : int
        Of the initial weights and of the order of frames.
    samples_per_epoch : int
        Frames shown in an epoch.
    questions, answers
        As of :class:`fishlib.forecasters.Taught`.
    """

    epochs: int = 4
    seed: int = 0
    samples_per_epoch: int = 6400
    model: keras.Model | None = field(default=None, repr=False)
    history: pd.DataFrame | None = field(default=None, repr=False)
    scale: tuple[float, float] = (0.0, 1.0)
    effort = 1

    def fit(self, recording, question, parts, folder, **options) -> "MotionLSTM":
        """Train on one part, choose the epoch on another; arguments as of :meth:`Network.fit`.

        ``question`` may be a mapping of name -> int8 array (T,): all are learned at once.
        """
        told = {part: stretches_of(recording, parts, part) for part in ("train", "validation")}
        motion = np.concatenate([recording.motion[one] for one in told["train"]])
        self.scale = float(np.mean(motion)), float(np.std(motion)) or 1.0
        past, answers = self._past(recording), self._ask(question)  # (T, 119), (T, K)
        reach = frames_in("lags", rate_of(recording))

        def dataset(part: str, **order) -> PastDataset:
            frames = np.concatenate([np.arange(s.start + reach, s.stop) for s in told[part]])
            asked = frames[np.isfinite(answers[frames]).any(axis=1)]
            return PastDataset(past, answers, asked, seed=self.seed, **order)

        data = dataset("train", batch_size=64, shuffle=True, max_samples=self.samples_per_epoch)
        validation = dataset("validation", batch_size=512, every=CHOOSE_EVERY)
        settings = {"samples": self.samples_per_epoch, "fps": rate_of(recording)}
        known = hash_arrays(recording.motion, np.nan_to_num(answers, nan=-1))
        settings |= {"parts": edges_of(parts), "data": known, "questions": self.questions}
        self.model, self.history = train(
            partial(models.build_motion_lstm, past.shape[1], n_answers=answers.shape[1]),
            data, validation, folder, self.epochs, annealed_adam(4e-3, self.epochs * len(data)),
            masked_cross_entropy, self.seed, settings=settings, **options,
        )  # fmt: skip
        return self

    def _logits(self, recording, at) -> np.ndarray:
        """Log-odds of the questions, float64 (T, K); NaN where there is no forecast."""
        past, reach = self._past(recording), frames_in("lags", rate_of(recording))
        asked = frames_with_past(len(past), reach + 1, pieces_of(recording), at)
        return _predict(self.model, partial(_last_values, past), asked, len(past), 1024)

    def _past(self, recording) -> np.ndarray:
        """The standardised motion before each frame, float64 (T, 119)."""
        mean, deviation = self.scale
        scaled = (np.asarray(recording.motion) - mean) / deviation
        fps = rate_of(recording)
        past = behind(scaled, frames_in("lags", fps))
        return past if fps == USUAL_FPS else past[:, -lags(fps)[::-1]]
