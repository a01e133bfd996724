"""The animals as a forecaster: pairs seen from each animal, animals, the group, in one network."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers, ops
from scipy.special import expit

from fishlib.animals.features import MIRROR, Swimming, swimming
from fishlib.animals.places import places_of
from fishlib.forecasters import check_parts, pieces_of
from fishlib.questions import find_onsets
from fishlib.spans import frames_in
from fishlib.splits import edges_of, frames_with_past, inside
from fishlib.training import annealed_adam, hash_arrays, train

BINS = (0.0, 0.25, 0.5, 1.0, 1.5)
"""Seconds ahead between which the hazard of the next onset event is learned."""
COMING = 0.5
"""Seconds ahead over which each animal's speed is learned."""
CHUNK = 2048
"""Frames forecast at once."""


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
    """Batches of frames, described on the fly; their order follows from seed and epoch.

    Parameters
    ----------
    swim : Swimming
    targets : dict of name -> float32 array (T, ...)
        ``answers`` and ``speeds``; NaN where not known.
    at : int array (k,)
    batch_size : int
    n_batches : int, optional
        An epoch's; None takes all frames.
    seed : int, optional
        Frames are mixed, and mirrored at random; None leaves them as they are.
    """

    def __init__(self, swim, targets, at, batch_size=256, n_batches=None, seed=None):
        super().__init__()
        self.swim, self.targets, self.at, self.seed = swim, targets, at, seed
        self.batch_size = batch_size
        self.n_batches = min(n_batches or len(at), -(-len(at) // batch_size))
        self.used_labels = np.nan_to_num(targets["answers"][at]).max(axis=1)  # any answer is yes
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Mix the frames for an epoch."""
        rng = np.random.default_rng([self.seed or 0, epoch])
        self.order = self.at if self.seed is None else rng.permutation(self.at)
        self.mirrored = (rng.random(len(self.at)) < 0.5) & (self.seed is not None)

    def __len__(self):
        return self.n_batches

    def __getitem__(self, i):
        batch = slice(i * self.batch_size, (i + 1) * self.batch_size)
        at, mirrored = self.order[batch], self.mirrored[batch]
        features = self.swim.gather(at)
        for name, one in features.items():
            one[mirrored] *= MIRROR[name]
        return features, {name: one[at] for name, one in self.targets.items()}


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
    questions : tuple of str
        Names of the questions it was taught.
    answers : str
        The one that `forecast` answers; the first by default.
    """

    min_rise: float = 1e-3
    epochs: int = 6
    steps_per_epoch: int = 200
    batch_size: int = 256
    learning_rate: float = 3e-3
    seed: int = 0
    model: keras.Model | None = field(default=None, repr=False)
    history: pd.DataFrame | None = field(default=None, repr=False)
    questions: tuple[str, ...] = ()
    answers: str = ""
    effort = 1
    learns_all = True

    def fit(
        self,
        recording,
        question: np.ndarray | Mapping[str, np.ndarray],
        parts: dict[str, slice] | None,
        folder: str | Path,
        progress: bool = False,
    ) -> "Animals":
        """Train on one part, choose the epoch on another; see ``fishlib.forecasters``.

        Parameters
        ----------
        recording : Recording
            Whose animals were found (:func:`fishlib.animals.find_places`).
        question : int8 array (T,), or mapping of name -> int8 array (T,)
            1, 0, or -1 where a frame is not asked; several are learned at once, and `on` says
            which of them is answered.
        parts : dict of slice
        folder : path
            Where checkpoints and history land; training is resumed from it.
        progress : bool

        Raises
        ------
        ValueError
            If the animals could not be found, there are no parts, or no event in one of them.
        """
        check_parts(parts)
        if reason := self.why_not(recording):
            raise ValueError(reason)
        questions = question if isinstance(question, Mapping) else {"question": question}
        self.questions = tuple(questions)
        self.answers = self.answers or self.questions[0]
        swim = _swim(recording)
        asked = [np.where(one < 0, np.nan, one) for one in questions.values()]
        hazards = hazard_bins(recording, self.min_rise)
        targets = {"answers": np.column_stack([*asked, hazards]).astype(np.float32)}
        targets["speeds"] = coming_speed(swim)
        usable = np.isfinite(hazards[:, 0])
        at = {part: _asked(recording, parts[part]) for part in ("train", "validation")}
        at = {part: frames[usable[frames]] for part, frames in at.items()}
        data = Moments(swim, targets, at["train"], self.batch_size, self.steps_per_epoch, self.seed)
        validation = Moments(swim, targets, at["validation"][::3], 1024)
        sample = swim.gather(at["train"][:: max(1, len(at["train"]) // 4000)])
        axes = {name: tuple(range(one.ndim - 1)) for name, one in sample.items()}
        usual = {name: (one.mean(axes[name]), one.var(axes[name])) for name, one in sample.items()}
        n_answers = targets["answers"].shape[1]
        optimizer = annealed_adam(
            self.learning_rate, self.epochs * len(data),
            use_ema=True, ema_momentum=0.99, ema_overwrite_frequency=len(data),
        )  # fmt: skip
        losses = {"answers": _masked_cross_entropy, "speeds": _mean_square}
        settings = {key: getattr(self, key) for key in ("batch_size", "learning_rate", "questions")}
        settings |= {"parts": edges_of(parts), "steps": len(data)}
        settings["data"] = hash_arrays(
            swim.x, *(np.nan_to_num(a, nan=-1) for a in targets.values())
        )
        self.model, self.history = train(
            lambda: build_animals(usual, n_answers), data, validation, folder, self.epochs,
            optimizer, losses, seed=self.seed, settings=settings, progress=progress,
        )  # fmt: skip
        return self

    def why_not(self, recording) -> str:
        """Why there is no forecast of a recording, in a sentence; empty where there is one."""
        if all(getattr(recording, name, None) is None for name in ("frames", "places")):
            return "there is no film in which animals could be seen"
        places = places_of(recording)
        one = "There is one animal: nobody is there to be chased." * (places.n_animals == 1)
        return places.reason or one

    def on(self, question: str) -> "Animals":
        """The same network, with its answer to another of the questions that it was taught."""
        other = copy.copy(self)
        other.answers = question
        return other

    def forecast(self, recording, at: slice | np.ndarray | None = None) -> np.ndarray:
        """Probability at each frame, float64 (T,); see ``fishlib.forecasters``."""
        return self.forecast_all(recording, at)[self.answers]

    def forecast_all(
        self, recording, at: slice | np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Probability at each frame, float64 (T,), of every question that it was taught."""
        told = expit(self._logits(recording, at))
        return {question: told[:, k] for k, question in enumerate(self.questions)}

    def alarm(
        self, recording, lead: float = 0.0, at: slice | np.ndarray | None = None
    ) -> np.ndarray:
        """Probability that the next onset event begins between ``lead`` and 1.5 s from now.

        Parameters
        ----------
        recording : Recording
        lead : float
            Seconds, one of `BINS`.
        at : slice or index array, optional

        Returns
        -------
        float64 array (T,)
        """
        quiet = np.cumprod(1 - expit(self._logits(recording, at)[:, len(self.questions) :]), axis=1)
        first = BINS.index(lead)
        return (quiet[:, first - 1] if first else 1) - quiet[:, -1]

    def who(self, recording, at: np.ndarray) -> np.ndarray:
        """Whom it fears: its forecast at frames (k,) if each pair of animals were alone.

        Returns
        -------
        float64 array (k, n, n)
            Symmetric, NaN on the diagonal; the greatest is the pair that moves the forecast.
        """
        described = _swim(recording).gather(np.asarray(at))
        n = described["animals"].shape[1]
        feared = np.full((len(at), n, n), np.nan)
        for i, j in combinations(range(n), 2):
            pair = {
                "animals": described["animals"][:, [i, j]],
                "pairs": described["pairs"][:, [i, j], [j - 1, i]][:, :, None],
                "motion": described["motion"],
            }
            told = self._answer(pair)[:, self.questions.index(self.answers)]
            feared[:, i, j] = feared[:, j, i] = expit(told)
        return feared

    def _logits(self, recording, at) -> np.ndarray:
        """Log-odds of all answers, float64 (T, K); NaN where there is no forecast."""
        asked, swim = _asked(recording, at), _swim(recording)
        logits = np.full((len(recording.motion), self.model.output["answers"].shape[-1]), np.nan)
        for start in range(0, len(asked), CHUNK):
            chunk = asked[start : start + CHUNK]
            logits[chunk] = self._answer(swim.gather(chunk))
        return logits

    def _answer(self, described: dict[str, np.ndarray]) -> np.ndarray:
        told = self.model(described, training=False)["answers"]
        return ops.convert_to_numpy(told).astype(float)


def _asked(recording, at) -> np.ndarray:
    """Frames among ``at`` with as much past as every forecaster of the motion needs."""
    past = frames_in("lags", recording.fps) + 1
    return frames_with_past(len(recording.motion), past, pieces_of(recording), at)


def _swim(recording) -> Swimming:
    pieces = pieces_of(recording)
    return swimming(places_of(recording), recording.motion, pieces, recording.fps)


def hazard_bins(recording, min_rise: float = 1e-3) -> np.ndarray:
    """Does the next onset event begin in each bin, if in none before? float64 (T, 4).

    NaN where it began in an earlier bin, or where the future is too short.
    """
    n_frames, fps, pieces = len(recording.motion), recording.fps, pieces_of(recording)
    horizon, calm = frames_in("horizon", fps), frames_in("calm", fps, odd=True)
    events = find_onsets(recording.motion, horizon, min_rise, width=calm, pieces=pieces)
    onset = np.append(events.onset, np.iinfo(int).max // 2)
    frames = np.arange(n_frames)[:, None]
    wait = (onset[np.searchsorted(onset, frames, side="right")] - frames) / fps
    low, high = np.array(BINS[:-1]), np.array(BINS[1:])
    hazards = np.where(wait > low, wait <= high, np.nan)
    hazards[~inside(pieces, n_frames, horizon=horizon + 1)] = np.nan
    return hazards


def coming_speed(swim: Swimming) -> np.ndarray:
    """Log of each animal's mean speed over the next half second, float32 (T, n).

    In body lengths a second, plus one; NaN where the piece ends before.
    """
    width = frames_in(COMING, swim.fps)
    coming = np.full(swim.x.shape, np.nan, np.float32)
    sums = swim.travelled[1:]
    coming[:-width] = np.log1p((sums[width:] - sums[:-width]) / width)
    coming[:-width][swim.start[width:] != swim.start[:-width]] = np.nan
    return coming
