"""The animals as a forecaster: pairs seen from each animal, animals, the group, in one network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers, ops
from scipy.optimize import linear_sum_assignment
from scipy.special import expit

from fishlib.animals.features import MIRROR, Swimming
from fishlib.animals.places import Places, places_of
from fishlib.clips import Samples
from fishlib.evaluation.intervals import Blocks, cut_blocks, row_of, tidy
from fishlib.facts import Facts
from fishlib.files import hash_arrays
from fishlib.forecasters import Taught, check_parts, frames_asked, pieces_of
from fishlib.models import read_network, save_network
from fishlib.questions import find_onsets
from fishlib.spans import frames_in
from fishlib.splits import inside
from fishlib.training import CHOOSE_EVERY, annealed_adam, masked_cross_entropy, train

BINS = (0.0, 0.25, 0.5, 1.0, 1.5)
"""Seconds ahead between which the hazard of the next onset event is learned."""
COMING = 0.5
"""Seconds ahead over which each animal's speed is learned."""
CHUNK = 2048
"""Frames forecast at once."""


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
    animals = layers.Concatenate()([known["animals"], *_together(pairs)])
    animals = layers.Dense(width, "relu")(animals)
    animals = layers.Dense(width // 2, "relu")(animals)  # (B, n, units)
    speeds = layers.Dense(1)(animals)
    motion = layers.Dense(width // 2, "relu")(known["motion"])
    group = layers.Concatenate()([*_together(animals), motion])
    group = layers.Dropout(0.1)(layers.Dense(width, "relu")(group))
    answers = layers.Dense(n_answers, name="answers")(group)
    speeds = layers.Reshape((-1,), name="speeds")(speeds)
    return keras.Model(inputs, {"answers": answers, "speeds": speeds})


def _together(units) -> tuple:
    """Greatest and mean of (B, ..., k, units) over the last but one axis."""
    return ops.max(units, axis=-2), ops.mean(units, axis=-2)


class Moments(Samples):
    """Batches of frames, described on the fly; mirrored at random where they are shuffled.

    Parameters
    ----------
    swim : Swimming
    targets : dict of name -> float32 array (T, ...)
        ``answers`` and ``speeds``; NaN where not known.
    at : int array (k,)
    **order
        As of :class:`fishlib.clips.Samples`.
    """

    def __init__(self, swim, targets, at, **order):
        self.swim, self.targets = swim, targets
        self.used_labels = np.nan_to_num(targets["answers"][at]).max(axis=1)  # any answer is yes
        super().__init__(at, **order)

    def set_epoch(self, epoch: int) -> None:
        """Mix the frames for an epoch, and choose those that are mirrored."""
        super().set_epoch(epoch)
        self.mirrored = (self.rng.random(len(self.codes)) < 0.5) & self.shuffle

    def __getitem__(self, i):
        at, mirrored = self.batch(i), self.mirrored[i * self.batch_size :]
        features = self.swim.gather(at)
        for name, one in features.items():
            one[mirrored[: len(at)]] *= MIRROR[name]
        return features, {name: one[at] for name, one in self.targets.items()}


@dataclass
class Animals(Taught):
    """Who is about to chase whom: a network of animals, taught several questions at once.

    Beside what it is asked it learns, in bins, the hazard of the next onset event, and each
    animal's own coming speed.

    Parameters
    ----------
    min_rise : float
        Smallest rise of an onset event, in the unit of the motion.
    epochs, steps_per_epoch, batch_size : int
    learning_rate : float
        The peak.
    seed : int
    questions, answers
        As of :class:`fishlib.forecasters.Taught`.
    """

    min_rise: float = 1e-3
    epochs: int = 6
    steps_per_epoch: int = 200
    batch_size: int = 256
    learning_rate: float = 3e-3
    seed: int = 0
    model: keras.Model | None = field(default=None, repr=False)
    history: pd.DataFrame | None = field(default=None, repr=False)
    facts: Facts | None = field(default=None, repr=False)
    path: Path | None = field(default=None, repr=False)
    effort = 1

    def fit(self, recording, question, parts, folder) -> "Animals":
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

        Raises
        ------
        ValueError
            If the animals could not be found, there are no parts, or no event in one of them.
        """
        check_parts(parts)
        if reason := self.why_not(recording):
            raise ValueError(reason)
        swim, asked = _swim(recording), self._ask(question)
        hazards = hazard_bins(recording, self.min_rise)
        targets = {"answers": np.column_stack([asked, hazards]).astype(np.float32)}
        targets["speeds"] = coming_speed(swim)
        usable = np.isfinite(hazards[:, 0])
        at = {part: frames_asked(recording, parts[part]) for part in ("train", "validation")}
        at = {part: frames[usable[frames]] for part, frames in at.items()}
        order = {"batch_size": self.batch_size, "shuffle": True, "seed": self.seed}
        order["max_samples"] = self.steps_per_epoch * self.batch_size or None
        data = Moments(swim, targets, at["train"], **order)
        choosing = {"batch_size": 1024, "every": CHOOSE_EVERY}
        validation = Moments(swim, targets, at["validation"], **choosing)
        sample = swim.gather(at["train"][:: max(1, len(at["train"]) // 4000)])
        usual = {name: _statistics(one) for name, one in sample.items()}
        n_answers = len(self.questions) + len(BINS) - 1
        optimizer = annealed_adam(
            self.learning_rate, self.epochs * len(data),
            use_ema=True, ema_momentum=0.99, ema_overwrite_frequency=len(data),
        )  # fmt: skip
        losses = {"answers": masked_cross_entropy, "speeds": _mean_square}
        settings = {key: getattr(self, key) for key in ("batch_size", "learning_rate", "questions")}
        known = (np.nan_to_num(one, nan=-1) for one in targets.values())
        settings |= {"steps": len(data), "data": hash_arrays(swim.x, *known, *at.values())}
        self.model, self.history = train(
            lambda: build_animals(usual, n_answers), data, validation, folder, self.epochs,
            optimizer, losses, seed=self.seed, settings=settings,
        )  # fmt: skip
        self.facts = self._facts(recording)
        self.path = Path(folder) / "network.keras"
        save_network(self.model, self.path, self.facts)
        return self

    def _facts(self, recording) -> Facts:
        """What has to be known to look at another film with it, and how animals are found there."""
        places = places_of(recording)
        looks = places.looks and asdict(places.looks)
        seen = {"body": places.body, "box": places.box, "looks": looks}
        asked = {"names": self.questions, **getattr(recording, "asked", {})}
        told = {"question": asked, "data": seen, "seed": self.seed}
        return Facts(recording.fps, moments=((0.0,),), size=(240, 320), **told)

    @classmethod
    def load(cls, path: str | Path) -> "Animals":
        """A network that `fit` saved, ``network.keras``; `on` chooses what it answers."""
        return cls.of(read_network(path))

    @classmethod
    def of(cls, model: keras.Model) -> "Animals":
        """The same of a network that was read already."""
        names = tuple(model.facts.question["names"])
        return cls(model=model, facts=model.facts, questions=names, answers=names[0])

    def why_not(self, recording) -> str:
        """Why there is no forecast of a recording, in a sentence; empty where there is one."""
        if all(getattr(recording, name, None) is None for name in ("frames", "places")):
            return "there is no film in which animals could be seen"
        places = places_of(recording)
        one = "There is one animal: nobody is there to be chased." * (places.n_animals == 1)
        return places.reason or one

    def who(self, recording, at: np.ndarray) -> np.ndarray:
        """Whom it fears: its forecast at frames (k,) if each pair of animals were alone.

        Returns
        -------
        float64 array (k, n, n)
            Symmetric, NaN on the diagonal; the greatest is the pair that moves the forecast.
        """
        described = _swim(recording).gather(np.asarray(at))
        animals, pairs, n = described["animals"], described["pairs"], described["animals"].shape[1]
        feared = np.full((len(at), n, n), np.nan)
        for i, j in combinations(range(n), 2):
            facing = pairs[:, [i, j], [j - 1, i]][:, :, None]
            pair = described | {"animals": animals[:, [i, j]], "pairs": facing}
            told = self._answer(pair)[:, self.questions.index(self.answers)]
            feared[:, i, j] = feared[:, j, i] = expit(told)
        return feared

    def feared_pair(self, recording, at: np.ndarray) -> np.ndarray:
        """The pair that moves its forecast most at frames (k,): columns of places, int (k, 2)."""
        return _pair_of_least(-self.who(recording, at))

    def names_attackers(self, recording, at=None, seconds=(1.0, 0.5, 0.2)) -> pd.DataFrame:
        """How often the pair it fears most is the coming attacker and its victim, in the tank.

        Parameters
        ----------
        recording : Recording
            Of the simulated tank, which alone knows who attacked whom.
        at : slice or index array, optional
            Chases that begin at these frames; None takes all.
        seconds : sequence of float
            Seconds before a chase at which the forecast is looked at.

        Returns
        -------
        DataFrame
            Tidy, with 95 % intervals over blocks of film: the share of chases in which the pair was
            named by the forecast, by nearness, and by chance; and what the forecast gains.
        """
        truth, places, rows = recording.truth, places_of(recording), []
        asked, longest = frames_asked(recording, at), round(max(seconds) * recording.fps)
        chases = truth.chases[truth.chases.start.isin(asked + longest)]
        judged = np.isin(np.arange(len(recording.motion)), asked)
        blocks, starts = _blocks(recording, judged), chases.start.to_numpy()
        for second in seconds:
            frames = starts - round(second * recording.fps)
            x, y = places.x[frames], places.y[frames]
            far = np.hypot(x[:, :, None] - x[:, None], y[:, :, None] - y[:, None])
            nearest = _pair_of_least(np.where(far == 0, np.nan, far))
            named = {"forecast": self.feared_pair(recording, frames), "nearest two": nearest}
            found = np.stack([_found(truth.position[t], places, t) for t in frames])
            true = np.take_along_axis(found, chases[["chaser", "victim"]].to_numpy(), axis=1)
            right = {k: (np.sort(one) == np.sort(true)).all(axis=1) for k, one in named.items()}
            every, n = blocks.totals(np.ones(len(starts)), starts), places.n_animals
            with np.errstate(invalid="ignore"):
                shares = {name: blocks.totals(one, starts) / every for name, one in right.items()}
            shares["forecast − nearest two"] = shares["forecast"] - shares["nearest two"]
            shares["chance"] = 2 / (n * (n - 1))
            score = f"{second:g} s before {len(frames)} chases"
            rows += [(k, score, *row_of(one, "−" not in k)) for k, one in shares.items()]
        return tidy(rows)

    def falls(self, recording, question: np.ndarray, at=None, seed: int = 0) -> pd.DataFrame:
        """Fall of its AUC if what it reads is taken from other frames, one group at a time.

        Parameters
        ----------
        recording : Recording
        question : int8 array (T,)
            1, 0, or -1 where a frame is not asked.
        at : slice or index array, optional
            Frames to judge it on; about 4000 of them are looked at.
        seed : int
            Of the order of frames.

        Returns
        -------
        DataFrame
            Tidy, with 95 % intervals over blocks of film: of ``animals`` (each by itself), of
            ``pairs`` and of ``motion``.
        """
        frames = frames_asked(recording, at)
        frames = frames[question[frames] >= 0]
        frames = frames[:: max(1, len(frames) // 4000)]
        described, label = _swim(recording).gather(frames), question[frames]
        order = np.random.default_rng(seed).permutation(len(frames))
        k = self.questions.index(self.answers)
        judged = np.isin(np.arange(len(recording.motion)), frames)
        blocks = _blocks(recording, judged)

        def auc(**mixed):
            return blocks.auc(label, self._answer(described | mixed)[:, k])

        falls = {name: auc() - auc(**{name: one[order]}) for name, one in described.items()}
        rows = [(name, "fall of the AUC", *row_of(one, False)) for name, one in falls.items()]
        table = tidy(rows)
        table.attrs["of"] = "inputs taken from other frames"
        return table

    def _logits(self, recording, at) -> np.ndarray:
        """Log-odds of all answers, float64 (T, K); NaN where there is no forecast."""
        asked, swim = frames_asked(recording, at), _swim(recording)
        n_answers = len(self.questions) + len(BINS) - 1
        logits = np.full((len(recording.motion), n_answers), np.nan)
        for start in range(0, len(asked), CHUNK):
            chunk = asked[start : start + CHUNK]
            logits[chunk] = self._answer(swim.gather(chunk))
        return logits

    def _answer(self, described: dict[str, np.ndarray]) -> np.ndarray:
        told = self.model(described, training=False)["answers"]
        return ops.convert_to_numpy(told).astype(float)


def _pair_of_least(values: np.ndarray) -> np.ndarray:
    """Row and column of the least value of each of (k, n, n), int (k, 2); NaN is passed over."""
    least = np.nanargmin(values.reshape(len(values), -1), axis=1)
    return np.stack(np.unravel_index(least, values.shape[1:]), axis=1)


def _found(position: np.ndarray, places: Places, t: int) -> np.ndarray:
    """Which of the animals found at frame t is each fish, whose places (n, 2) are known."""
    far = np.hypot(position[:, :1] - places.x[t], position[:, 1:] - places.y[t])
    return linear_sum_assignment(far)[1]


def _blocks(recording, judged: np.ndarray) -> Blocks:
    return cut_blocks(judged, pieces_of(recording), frames_in("block", recording.fps))


def _statistics(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each feature (..., F); what never changed is left at its scale."""
    features = features.reshape(-1, features.shape[-1])
    variance = features.var(axis=0)
    return features.mean(axis=0), np.where(variance > 1e-9, variance, 1)


def _swim(recording) -> Swimming:
    told = recording.motion, pieces_of(recording), recording.fps
    return Swimming(places_of(recording), *told)


def hazard_bins(recording, min_rise: float = 1e-3) -> np.ndarray:
    """Does the next onset event begin in each bin, if in none before? float64 (T, 4).

    NaN where it began in an earlier bin, or where the future is too short.
    """
    n_frames, fps, pieces = len(recording.motion), recording.fps, pieces_of(recording)
    horizon = frames_in("horizon", fps)
    events = find_onsets(recording.motion, horizon, min_rise, fps, pieces)
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
