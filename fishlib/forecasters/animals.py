"""The animals as a forecaster: pairs seen from each animal, animals, the group, in one network."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers, ops

from fishlib.animals.features import LAST, MIRROR, swimming
from fishlib.animals.places import Places
from fishlib.motion import ahead
from fishlib.questions import find_onsets
from fishlib.spans import SECONDS, WINDOWS, frames_in
from fishlib.splits import inside, whole
from fishlib.training import fingerprint, train, warmup_cosine

BINS = (0.0, 0.25, 0.5, 1.0, 1.5)
"""Seconds ahead between which the hazard of the next onset event is learned."""
COMING = 0.5
"""Seconds ahead over which each animal's speed is learned."""
QUESTION = "question"
"""What a single question is called."""


@keras.saving.register_keras_serializable("fishlib")
def _masked_cross_entropy(answer, logit):
    """Cross-entropy of (B, K), its mean over frames summed over questions; NaN is not asked."""
    asked = ops.logical_not(ops.isnan(answer))
    target = ops.where(asked, answer, 0.0)
    loss = ops.maximum(logit, 0.0) - logit * target + ops.log1p(ops.exp(-ops.abs(logit)))
    return ops.sum(ops.where(asked, loss, 0.0), axis=-1)


@keras.saving.register_keras_serializable("fishlib")
def _mean_square(speed, told):
    """Mean square error of each animal's coming speed (B, n); NaN is not known."""
    error = ops.where(ops.isnan(speed), 0.0, told - speed)
    return ops.mean(error**2, axis=-1)


def build_animals(statistics: Mapping[str, tuple], n_answers: int, width: int = 48) -> keras.Model:
    """The network: pairs to animals to group, each by maximum and mean, beside the motion.

    Parameters
    ----------
    statistics : mapping of name -> (mean, variance)
        Of each feature of ``pairs``, ``animals`` and ``motion``.
    n_answers : int
        Questions and bins of the hazard.
    width : int
        Units of a layer.

    Returns
    -------
    keras.Model
        Reads ``pairs`` (B, n, n - 1, P), ``animals`` (B, n, A) and ``motion`` (B, M), for any
        number n of animals in any order; gives ``answers`` (B, K), log-odds, and ``speeds`` (B, n).
    """
    shapes = {"pairs": (None, None), "animals": (None,), "motion": ()}
    inputs, known = {}, {}
    for name, shape in shapes.items():
        inputs[name] = keras.Input((*shape, len(MIRROR[name])), name=name)
        mean, variance = statistics[name]
        known[name] = layers.Normalization(mean=mean, variance=variance)(inputs[name])
    pairs = layers.Dense(width, "relu")(known["pairs"])
    pairs = layers.Dense(width // 2, "relu")(pairs)  # (B, n, n - 1, units)
    animals = layers.Concatenate()([known["animals"], _strongest(pairs), _usual(pairs)])
    animals = layers.Dense(width, "relu")(animals)
    animals = layers.Dense(width // 2, "relu")(animals)  # (B, n, units)
    speeds = layers.Dense(1)(animals)
    motion = layers.Dense(width // 2, "relu")(known["motion"])
    group = layers.Concatenate()([_strongest(animals), _usual(animals), motion])
    group = layers.Dropout(0.1)(layers.Dense(width, "relu")(group))
    answers = layers.Dense(n_answers, name="answers")(group)
    speeds = layers.Reshape((-1,), name="speeds")(speeds)
    return keras.Model(inputs, {"answers": answers, "speeds": speeds})


def _strongest(units):
    """Greatest of (B, ..., k, units) over the last but one axis."""
    return ops.max(units, axis=-2)


def _usual(units):
    """Mean of (B, ..., k, units) over the last but one axis."""
    return ops.mean(units, axis=-2)


class Moments(keras.utils.PyDataset):
    """Batches of frames, gathered on the fly, mirrored at random; their order follows the epoch.

    Parameters
    ----------
    swim : Swimming
    answers : float array (T, K)
        NaN where not asked.
    speeds : float array (T, n)
    at : int array (k,)
    batch_size : int
    seed : int or None
        None leaves frames in their order and unmirrored.
    """

    def __init__(self, swim, answers, speeds, at, batch_size=256, seed=None, max_batches=None):
        super().__init__()
        self.swim, self.answers, self.speeds, self.at = swim, answers, speeds, at
        self.batch_size, self.seed = batch_size, seed
        self.n_batches = min(max_batches or 10**9, -(-len(at) // batch_size))
        self.used_labels = np.nan_to_num(answers[at, -1], nan=0)
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Mix the frames for an epoch."""
        self.epoch = epoch
        self.rng = np.random.default_rng([self.seed or 0, epoch])
        self.order = self.at if self.seed is None else self.rng.permutation(self.at)

    def __len__(self):
        return self.n_batches

    def __getitem__(self, i):
        at = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        features = self.swim.gather(at)
        if self.seed is not None:
            mirrored = np.random.default_rng([self.seed, self.epoch, i]).random(len(at)) < 0.5
            for name, one in features.items():
                signs = np.where(mirrored[:, None], MIRROR[name], 1).astype(np.float32)
                one *= signs.reshape(len(at), *(1,) * (one.ndim - 2), -1)
        return features, {"answers": self.answers[at], "speeds": self.speeds[at]}


@dataclass
class Animals:
    """Who is about to chase whom: a network of animals, taught several questions at once.

    Beside what it is asked it learns, in bins, the hazard of the next onset event, from which an
    alarm with any lead follows, and each animal's own coming speed.

    Parameters
    ----------
    min_rise : float
        Smallest rise of an onset event, in the unit of the motion.
    epochs, steps_per_epoch, batch_size : int
    learning_rate : float
        The peak.
    seed : int
    """

    min_rise: float = 1e-3
    epochs: int = 6
    steps_per_epoch: int = 200
    batch_size: int = 256
    learning_rate: float = 3e-3
    seed: int = 0
    model: keras.Model | None = field(default=None, repr=False)
    history: pd.DataFrame | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    answer: str = ""
    effort = 1

    def fit(self, recording, question, parts, folder, progress: bool = False, **options):
        """Train on one part, choose the epoch on another.

        Parameters
        ----------
        recording : Recording
            With its ``places``.
        question : int8 array (T,), or dict of name -> int8 array (T,)
            1, 0, or -1 where a frame is not asked; several are learned at once.
        parts : dict of slice
        folder : path
        """
        questions = question if isinstance(question, Mapping) else {QUESTION: question}
        self.names = tuple(questions)
        self.answer = self.answer or self.names[0]
        motion, pieces, fps = recording.motion, _pieces(recording), recording.fps
        swim = _swim(recording)
        hazards = hazard_bins(motion, self.min_rise, fps, pieces)
        asked = [np.where(one < 0, np.nan, one) for one in questions.values()]
        answers = np.column_stack([*asked, hazards]).astype(np.float32)
        speeds = coming_speed(swim)
        usable = _with_past(recording) & np.isfinite(hazards[:, 0])
        at = {name: np.arange(len(motion))[parts[name]] for name in ("train", "validation")}
        at = {name: frames[usable[frames]] for name, frames in at.items()}
        data = Moments(
            swim, answers, speeds, at["train"], self.batch_size, self.seed, self.steps_per_epoch
        )
        validation = Moments(swim, answers, speeds, at["validation"][::3], 1024)
        sample = swim.gather(at["train"][:: max(1, len(at["train"]) // 4000)])
        axes = {name: tuple(range(one.ndim - 1)) for name, one in sample.items()}
        statistics = {k: (one.mean(axes[k]), one.var(axes[k])) for k, one in sample.items()}
        rate = warmup_cosine(self.learning_rate, self.epochs * len(data))
        settings = {k: getattr(self, k) for k in ("steps_per_epoch", "batch_size", "learning_rate")}
        settings |= {"parts": parts, "data": fingerprint(np.nan_to_num(answers, nan=-1), swim.x)}

        def optimizer():
            return keras.optimizers.Adam(
                rate, clipnorm=1.0, use_ema=True, ema_momentum=0.99,
                ema_overwrite_frequency=len(data),
            )  # fmt: skip

        self.model, self.history = train(
            lambda: build_animals(statistics, answers.shape[1]), data, validation, folder,
            self.epochs, optimizer, {"answers": _masked_cross_entropy, "speeds": _mean_square},
            seed=self.seed, settings=settings, progress=progress, **options,
        )  # fmt: skip
        return self

    def on(self, name: str) -> "Animals":
        """The same network, answering another of the questions that it was taught."""
        other = copy.copy(self)
        other.answer = name
        return other

    def forecast(self, recording, at: slice | np.ndarray | None = None) -> np.ndarray:
        """Probability at each frame, float64 (T,)."""
        logits, asked = self._logits(recording, at)
        forecast = np.full(len(recording.motion), np.nan)
        forecast[asked] = _probability(logits[:, self.names.index(self.answer)])
        return forecast

    def alarm(self, recording, lead: float = 0.0, at=None) -> np.ndarray:
        """Probability that the next onset event begins between ``lead`` and 1.5 s from now."""
        logits, asked = self._logits(recording, at)
        hazards = _probability(logits[:, len(self.names) :])
        quiet = np.cumprod(1 - hazards, axis=1)
        first = BINS.index(lead)
        forecast = np.full(len(recording.motion), np.nan)
        forecast[asked] = (quiet[:, first - 1] if first else 1) - quiet[:, -1]
        return forecast

    def _logits(self, recording, at, chunk: int = 2048):
        asked = _with_past(recording)
        chosen = np.arange(len(asked))[slice(None) if at is None else at]
        chosen = np.unique(chosen[asked[chosen]])
        swim = _swim(recording)
        told = [np.empty((0, self.model.output["answers"].shape[-1]))]
        for start in range(0, len(chosen), chunk):
            features = swim.gather(chosen[start : start + chunk])
            told.append(np.asarray(self.model(features, training=False)["answers"]))
        return np.concatenate(told), chosen


def _probability(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(logit, float)))


def _pieces(recording) -> pd.DataFrame:
    pieces = getattr(recording, "pieces", None)
    return whole(len(recording.motion)) if pieces is None else pieces


def _with_past(recording) -> np.ndarray:
    lags = frames_in("lags", recording.fps)
    return inside(_pieces(recording), len(recording.motion), past=lags)


def _swim(recording):
    places: Places = recording.places
    if places.n_animals < 2:
        raise ValueError(places.reason or "Pairs need two animals, and here there is one.")
    return swimming(places, recording.motion, _pieces(recording), recording.fps)


def hazard_bins(motion: np.ndarray, min_rise: float, fps: float, pieces) -> np.ndarray:
    """Does the next onset event begin in each bin, if in none before? float64 (T, 4).

    NaN where it began in an earlier bin, or where the future is too short.
    """
    n_frames = len(motion)
    horizon = frames_in("horizon", fps)
    onset = find_onsets(motion, horizon, min_rise, width=frames_in("calm", fps, odd=True), pieces=pieces).onset
    onset = np.append(onset.to_numpy(), 10**9)
    frames = np.arange(n_frames)
    wait = (onset[np.searchsorted(onset, frames, side="right")] - frames) / fps
    hazards = np.full((n_frames, len(BINS) - 1), np.nan)
    for k, (low, high) in enumerate(zip(BINS[:-1], BINS[1:], strict=True)):
        hazards[:, k] = np.where(wait > low, wait <= high, np.nan)
    hazards[~inside(pieces, n_frames, horizon=horizon + 1)] = np.nan
    return hazards


def coming_speed(swim) -> np.ndarray:
    """Log of each animal's mean speed over the next half second, float32 (T, n); NaN at the end."""
    width = frames_in(COMING, swim.fps)
    coming = np.full(swim.x.shape, np.nan, np.float32)
    first = np.arange(len(coming) - width)
    coming[first] = np.log1p((swim.travelled[first + width + 1] - swim.travelled[first + 1]) / width)
    same = np.append(swim.start[width:], np.full(width, -1)) == swim.start
    coming[~same] = np.nan
    return coming
