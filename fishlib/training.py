"""Training that survives a kill, of several networks side by side.

Best and last state are on disk after every epoch, and training is resumed from them.
"""

import copy
import json
import os
import re
import shutil
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
from keras import ops

from fishlib.files import flatten, nest, write_atomically, write_text
from fishlib.forecasters import pieces_of, rate_of
from fishlib.side_by_side import side_by_side
from fishlib.splits import LEAST_MINUTES


def batches_of(samples):
    """Samples (:class:`fishlib.clips.Samples`) as a ``tf.data.Dataset``, gathered one ahead.

    Of a ``PyDataset`` Keras would make a dataset that tunes itself, and such a one can take seconds
    to close at the end of an epoch, with every core idle. TensorFlow never forgets a generator: it
    is given none that holds the samples, and with them a film, but who trains must.
    """
    import tensorflow as tf

    samples_of = weakref.ref(samples)

    def gather():
        samples = samples_of()
        for i in range(len(samples)):
            batch = samples[i]
            if i == len(samples) - 1:
                samples.on_epoch_end()  # the next epoch may be begun before this one is left
            yield batch

    def of_any_size(x):
        return tf.TensorSpec((None, *x.shape[1:]), x.dtype)

    like = keras.tree.map_structure(of_any_size, samples[0])
    dataset = tf.data.Dataset.from_generator(gather, output_signature=like)
    options = tf.data.Options()
    options.autotune.enabled = False
    counted = dataset.apply(tf.data.experimental.assert_cardinality(len(samples)))
    return counted.prefetch(1).with_options(options)


@keras.saving.register_keras_serializable("fishlib")
def masked_cross_entropy(answer, logit):
    """Cross-entropy of (B, K), its mean over frames summed over questions; NaN is not asked."""
    asked = ops.logical_not(ops.isnan(answer))
    target = ops.where(asked, answer, 0.0)
    loss = ops.maximum(logit, 0.0) - logit * target + ops.log1p(ops.exp(-ops.abs(logit)))
    return ops.sum(ops.where(asked, loss, 0.0), axis=-1)


CHOOSE_EVERY = 3
"""The best epoch, and with folds all else, is chosen on every so many frames of validation parts:
neighbours are nearly copies."""


class EpochKeeper(keras.callbacks.Callback):
    """Write state and history after each epoch.

    Parameters
    ----------
    folder : Path
    data : fishlib.clips.Samples
    """

    def __init__(self, folder: Path, data=None):
        super().__init__()
        self.folder, self.data, self._started = folder, data, time.monotonic()
        path = folder / "history.csv"
        self.history = pd.read_csv(path).to_dict("records") if path.exists() else []

    def resume(self, iterations: int) -> None:
        """Drop an epoch that was noted but whose state was not written any more."""
        self.history = [row for row in self.history if row["iterations"] <= iterations]

    def frame(self) -> pd.DataFrame:
        """The history as a table: epoch, iterations, seconds, and the losses."""
        return pd.DataFrame(self.history)

    def on_epoch_begin(self, epoch, logs=None):
        """Tell the data which epoch begins: its order depends on the epoch alone."""
        self._started = time.monotonic()
        if hasattr(self.data, "set_epoch"):
            self.data.set_epoch(epoch)

    def on_train_batch_end(self, batch, logs=None):
        """Stop at once when the loss is no longer a number."""
        if not np.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"The training loss became {logs['loss']} in batch {batch}: lower the learning "
                "rate, or look for values that are not finite in the frames or labels."
            )

    def on_epoch_end(self, epoch, logs=None):
        """Note the epoch, then write the state; each file appears whole."""
        iterations = int(self.model.optimizer.iterations.numpy())
        seconds = round(time.monotonic() - self._started, 1)
        row = {"epoch": epoch, "iterations": iterations, "seconds": seconds, **logs}
        self.history.append({key: float(value) for key, value in row.items()})
        best = min(self.history, key=lambda row: row["val_loss"])
        if best is self.history[-1]:
            write_atomically(self.folder / "best.keras", self.model.save)
        to_csv = partial(self.frame().to_csv, index=False)
        write_atomically(self.folder / "history.csv", to_csv)
        write_atomically(self.folder / "last.keras", self.model.save)


def warmup_cosine(peak: float, n_steps: int, warmup: float = 0.06):
    """Learning rate that rises linearly over the first steps, then falls as a cosine to 0."""
    rising = max(1, int(warmup * n_steps))
    return keras.optimizers.schedules.CosineDecay(
        peak / 100, max(1, n_steps - rising), warmup_target=peak, warmup_steps=rising
    )


def annealed_adam(peak: float, n_steps: int, **options) -> Callable[[], keras.optimizers.Optimizer]:
    """What makes an Adam with :func:`warmup_cosine`, and with gradients of a norm up to 1."""
    return lambda: keras.optimizers.Adam(warmup_cosine(peak, n_steps), clipnorm=1.0, **options)


def train(
    build, data, validation, folder, epochs, optimizer=keras.optimizers.Adam,
    loss="binary_crossentropy", seed=0, strategy=None, settings=None,
) -> tuple[keras.Model, pd.DataFrame]:  # fmt: skip
    """Train a network; the best epoch by validation loss is returned.

    After each epoch ``folder`` holds ``last.keras`` (with the optimizer), ``best.keras`` and
    ``history.csv``. Called again on the same folder, training goes on after the last whole epoch
    and ends as if it had never stopped.

    Parameters
    ----------
    build : callable
        Returns the uncompiled network.
    data, validation : fishlib.clips.Samples
        With ``used_labels`` (both classes must be among them).
    folder : path
        One folder a training.
    epochs : int
        Epochs in all, the resumed ones included.
    optimizer : callable
        Returns the optimizer.
    loss : str or loss
        Any Keras loss.
    seed : int
        Seeds the initial weights.
    strategy : tf.distribute.Strategy, optional
        For instance ``tf.distribute.MirroredStrategy()`` for all local GPUs.
    settings : dict, optional
        All that decides the result, such as plan and data, in plain values. What ``folder`` holds
        of a training with other settings is removed, not resumed.

    Returns
    -------
    keras.Model, pandas.DataFrame
        The network with its best weights, and the history (one row an epoch).

    Raises
    ------
    ValueError
        If a split holds one class only.
    FloatingPointError
        If the loss is no number any more.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("training", data), ("validation", validation)):
        _require_both_classes(name, part)
    _forget_other_training(folder, {"seed": seed, "epochs": epochs, **(settings or {})})
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    keeper = EpochKeeper(folder, data)
    with strategy.scope() if strategy else nullcontext():
        if (folder / "last.keras").exists():
            model = keras.models.load_model(folder / "last.keras", safe_mode=True)
        else:
            model = build()
            model.compile(optimizer(), loss)
            model.optimizer.build(model.trainable_variables)  # else its step is traced twice
    keeper.resume(int(model.optimizer.iterations.numpy()))
    done = len(keeper.history)
    if done < epochs:
        how = {"callbacks": [keeper], "verbose": 0, "shuffle": False}
        how["validation_data"] = batches_of(validation)
        model.fit(batches_of(data), initial_epoch=done, epochs=epochs, **how)
    model.load_weights(folder / "best.keras")
    return model, keeper.frame()


def _forget_other_training(folder: Path, settings: dict) -> None:
    note, text = folder / "settings.json", json.dumps(settings, sort_keys=True, default=str)
    if not note.exists() or note.read_text(encoding="utf-8") != text:
        for name in ("last.keras", "best.keras", "history.csv"):
            (folder / name).unlink(missing_ok=True)
        write_text(note, text)


def _require_both_classes(name: str, data) -> None:
    positive = np.unique(data.used_labels > 0)
    if len(positive) < 2:
        raise ValueError(
            f"The {name} frames hold one class only ({'bursts' if positive[0] else 'no burst'}): "
            "use a longer film, or lower the threshold of the label."
        )


SEEN = ("frames", "motion", "fps", "name", "pieces", "preparation", "method", "folder", "places")
"""What a forecaster sees of a recording in another process."""


def _seen(recording) -> SimpleNamespace:
    return SimpleNamespace(**{key: getattr(recording, key, None) for key in SEEN})


@dataclass(frozen=True)
class Fitted:
    """Rivals fitted on the questions asked of a recording.

    Attributes
    ----------
    left_out : dict of name -> str
        Rivals that were not fitted, and why.
    folds : list of (parts, forecasters)
        What each fold was fitted on, and its forecasters by (name, question); a rival that is
        trained once is the same object under each question.
    """

    left_out: dict[str, str]
    folds: list[tuple[dict | None, dict]] = field(repr=False)

    @property
    def forecasters(self) -> dict[tuple[str, str], object]:
        """Those of the first fold."""
        return self.folds[0][1]

    def forecast(self, recording, at: slice | np.ndarray | None = None) -> dict[str, dict]:
        """Let every rival forecast a recording.

        Parameters
        ----------
        recording : Recording
        at : slice or index array, optional
            None takes what each fold is chosen and judged on, and all frames where nothing was
            split.

        Returns
        -------
        dict of question -> dict of name -> float64 array (T,)
            A rival of several kinds gives a forecast each, named "name: kind". With several folds
            the arrays are (2, T): the forecast by which a frame is judged, made by the fold that
            has not seen it, and that by which the next fold is chosen (:data:`CHOOSE_EVERY`).
        """
        if len(self.folds) < 2:
            parts = self.folds[0][0]
            watched = slice(parts["validation"].start, None) if parts and at is None else at
            return _forecast_all(self.forecasters, recording, watched)
        ones = self.forecasters.values()
        given = any(getattr(one, "trained", False) for one in ones)  # it may want another size
        apart = any(getattr(one, "epochs", None) for one in ones) and not given
        told = _seen(recording) if apart else recording
        film, every = np.arange(len(recording.motion)), {"test": 1, "validation": CHOOSE_EVERY}
        rows = [
            {row: film[parts[k]][:: every[k]] for row, k in enumerate(every) if k in parts}
            for parts, _ in self.folds
        ]
        calls = {}
        for k, (_, forecasters) in enumerate(self.folds):
            watched = np.zeros(len(recording.motion), bool)
            for frames in rows[k].values():
                watched[frames] = True
            for rival in dict.fromkeys(name for name, _ in forecasters):
                own = {key: one for key, one in forecasters.items() if key[0] == rival}
                calls[k, rival] = partial(_forecast_all, own, told, np.flatnonzero(watched))
        joined: dict[str, np.ndarray] = {}
        for (k, _), made in side_by_side(calls, None if apart else 1).items():
            for name, forecast in flatten(made).items():
                whole = joined.setdefault(name, np.full((2, len(forecast)), np.nan))
                for row, frames in rows[k].items():
                    whole[row, frames] = forecast[frames]
        return nest(joined)

    @property
    def histories(self) -> pd.DataFrame:
        """The losses of the first fold's trainings, an epoch a row, the network in ``name``."""
        known = {name: getattr(one, "history", None) for name, one in self._named().items()}
        tables = [one.assign(name=name) for name, one in known.items() if one is not None]
        none = pd.DataFrame(columns=["name", "epoch", "loss", "val_loss"])
        return pd.concat(tables, ignore_index=True) if tables else none

    @property
    def parameters(self) -> dict[str, int]:
        """Number of parameters of each network of the first fold."""
        networks = {name: getattr(one, "model", None) for name, one in self._named().items()}
        return {name: model.count_params() for name, model in networks.items() if model}

    def _named(self) -> dict[str, object]:
        """Every forecaster once: "name", or "name, question" if it is fitted for each."""
        fitted: dict[str, set] = {}
        for (name, _), one in self.forecasters.items():
            fitted.setdefault(name, set()).add(id(one))
        several = [name for name, ids in fitted.items() if len(ids) > 1]
        return {f"{n}, {q}" if n in several else n: one for (n, q), one in self.forecasters.items()}


def _forecast_all(forecasters: dict, recording, at) -> dict[str, dict]:
    """Forecasts (T,) by question and name; one that answers for several is asked once."""
    made, told = {}, {question: {} for _, question in forecasters}
    for (name, question), one in forecasters.items():
        if id(one) not in made:
            made[id(one)] = _forecasts(name, one, recording, at, told)
        told[question] |= made[id(one)][question]
    return told


def _forecasts(name: str, one, recording, at, questions: Iterable[str]) -> dict[str, dict]:
    """What a forecaster says to each question, by name; one of several kinds has several."""
    if getattr(one, "learns_all", False):
        return {question: {name: p} for question, p in one.forecast_all(recording, at).items()}
    if hasattr(one, "forecasts"):
        kinds = {f"{name}: {kind}": p for kind, p in one.forecasts(recording, at).items()}
    else:
        kinds = {name: one.forecast(recording, at)}
    return dict.fromkeys(questions, kinds)


def _learned(rival, question: str) -> str:
    """The question a rival is trained on, to answer another: its own one, or "all"."""
    if getattr(rival, "learns_all", False):
        return "all"
    return getattr(rival, "learns", None) or question


def _can_learn(rival, question: str, questions: dict, folds: Sequence[dict]) -> bool:
    """Whether every fold holds both answers of what a rival learns to answer a question."""
    if getattr(rival, "trained", False):
        return True
    learned, parts = _learned(rival, question), ["train"]
    if getattr(rival, "epochs", None) and learned != "all":
        parts.append("validation")  # by which the epoch is chosen
    labels = questions.values() if learned == "all" else [questions[learned]]
    told = ([label[fold[part]] for fold in folds for part in parts] for label in labels)
    return any(all((one > 0).any() and (one == 0).any() for one in of_label) for of_label in told)


def _why_not(rival, recording, folds: Sequence[dict], questions: dict) -> str:
    """Why a rival is not fitted on a recording, in a sentence; empty where it is."""
    if getattr(rival, "epochs", None) == 0:
        return "no epochs were asked for"
    if not getattr(rival, "trained", False):
        if not folds:
            return "the film is too short to be split and trained on"
        if getattr(rival, "epochs", None) and "validation" not in folds[0]:
            pieces = pieces_of(recording)
            minutes = (pieces.stop - pieces.start).sum() / rate_of(recording) / 60
            return f"{minutes:.1f} minutes of film; training needs {LEAST_MINUTES}"
        if not any(_can_learn(rival, question, questions, folds) for question in questions):
            return "the film holds too few events: a part of it has one answer only"
    return rival.why_not(recording) if hasattr(rival, "why_not") else ""


def fit_all(
    rivals: dict[str, object], recording, questions, folds, folder, progress=True, about=None
) -> Fitted:
    """Fit every rival on every question and fold, side by side, the longest training first.

    Called again on the same folder, trainings go on where they stopped. Where the environment has
    FISHLIB_FOLD, a number from 0, only that fold's networks are trained, and the notebook ends: so
    folds are trained on several machines. Their trainings are taken from folders ``fold_0``, …
    inside ``folder``.

    Parameters
    ----------
    rivals : dict of name -> forecaster
        See :mod:`fishlib.forecasters`. One with ``learns`` set is trained on that question only and
        forecasts for all; one with ``learns_all`` is taught all questions at once; one that is
        ``trained`` is taken as it is; one with 0 ``epochs``, one whose epoch cannot be chosen, for
        want of a validation part, one that has one answer only to learn from, or that says
        ``why_not`` of this recording, is left out.
    recording : Recording
    questions : dict of name -> int8 array (T,)
    folds : dict of parts, or a sequence of them, or None
        Each with ``train`` and ``validation``, see :mod:`fishlib.splits`. None, for a film too
        short to be split, leaves out what would have to be trained.
    folder : path
        Each training gets a folder in it.
    progress : bool
        Show a bar over all epochs.
    about : dict, optional
        What the networks note of their question: ``horizon`` (seconds), ``min_range`` (c).

    Returns
    -------
    Fitted

    Raises
    ------
    SystemExit
        One fold was trained: the notebook is done.
    """
    folds = [one for one in ([folds] if isinstance(folds, dict) else folds or []) if one]
    each = ((name, _why_not(rival, recording, folds, questions)) for name, rival in rivals.items())
    left_out = {name: why for name, why in each if why}
    kept = {name: rival for name, rival in rivals.items() if name not in left_out}
    longest_first = sorted(kept, key=lambda name: -getattr(kept[name], "effort", 0))
    seen, alone = _seen(recording), os.environ.get("FISHLIB_FOLD")
    calls, rounds = {}, {}
    each = product(longest_first, questions)
    asked = [(n, q) for n, q in each if _can_learn(kept[n], q, questions, folds)]
    for (name, question), number in product(asked, range(len(folds))):
        rival, learned = kept[name], _learned(kept[name], question)
        if getattr(rival, "trained", False) or (name, learned, number) in calls:
            continue
        words = name if getattr(rival, "learns", learned == "all") else f"{name} {question}"
        words += f" {number}" * (len(folds) > 1)
        epochs = getattr(rival, "epochs", None)
        if alone and not (epochs and number == int(alone)):
            continue
        own = Path(folder) / re.sub(r"\W+", "_", words).strip("_").lower()
        for elsewhere in Path(folder).glob(f"fold_*/{own.name}"):  # newer: else it would be gone
            shutil.rmtree(own, ignore_errors=True)
            elsewhere.rename(own)
        told = SimpleNamespace(**vars(seen), asked={"name": learned, **(about or {})})
        label = questions.get(learned, questions)
        fit = copy.deepcopy(rival).fit
        calls[name, learned, number] = partial(fit, told, label, folds[number], own)
        if epochs:
            rounds[own] = epochs
    fitted = side_by_side(calls, rounds=rounds if progress else None)
    if alone:
        raise SystemExit
    of_folds = []
    for k, parts in enumerate(folds or [None]):
        each = (pair for pair in product(kept, questions) if pair in asked)
        own = {(n, q): fitted.get((n, _learned(kept[n], q), k), kept[n]) for n, q in each}
        of_folds.append((parts, own))
    return Fitted(left_out, of_folds)
