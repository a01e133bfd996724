"""Training that survives: best and last state on disk after every epoch, resumed after a kill."""

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from fishlib.atomic import write_atomically
from fishlib.training.epoch_keeper import EpochKeeper
from fishlib.training.several_workers import all_say, fit_on_workers, is_chief, n_workers


def warmup_cosine(peak: float, n_steps: int, warmup: float = 0.06):
    """Learning rate that rises linearly over the first steps, then falls as a cosine to 0."""
    rising = max(1, int(warmup * n_steps))
    return keras.optimizers.schedules.CosineDecay(
        peak / 100, max(1, n_steps - rising), warmup_target=peak, warmup_steps=rising
    )


def fingerprint(*arrays: np.ndarray) -> str:
    """A short hash of arrays: a training is resumed on the same data only."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def train(
    build: Callable[[], keras.Model],
    data,
    validation,
    folder: str | Path,
    epochs: int,
    optimizer: Callable[[], keras.optimizers.Optimizer] | None = None,
    loss="binary_crossentropy",
    patience: int | None = None,
    seed: int = 0,
    strategy=None,
    settings: dict | None = None,
    progress: bool = True,
) -> tuple[keras.Model, pd.DataFrame]:
    """Train a network; the best epoch by validation loss is returned.

    After each epoch ``folder`` holds ``last.keras`` (with the optimizer), ``best.keras`` and
    ``history.csv``. Called again on the same folder, training goes on after the last whole epoch
    and ends as if it had never stopped.

    Parameters
    ----------
    build : callable
        Returns the uncompiled network.
    data, validation : keras.utils.PyDataset
        With ``used_labels`` (both classes must be among them); if ``data`` has ``set_epoch``, it
        is told the epoch before each.
    folder : path
        One folder a training.
    epochs : int
        Epochs in all, the resumed ones included.
    optimizer : callable, optional
        Returns the optimizer; Adam at 1e-3 by default.
    loss : str or loss
        Any Keras loss.
    patience : int, optional
        Stop when validation loss has not improved for so many epochs.
    seed : int
        Seeds the initial weights.
    strategy : tf.distribute.Strategy, optional
        For instance ``tf.distribute.MirroredStrategy()`` for all local GPUs, or
        ``tf.distribute.MultiWorkerMirroredStrategy()`` for several machines, which must all see
        ``folder``; the first of them writes there.
    settings : dict, optional
        All that decides the result, such as plan and data. What ``folder`` holds of a training
        with other settings is removed, not resumed.
    progress : bool
        Show a bar with the time left.

    Returns
    -------
    keras.Model, pandas.DataFrame
        The network with its best weights, and the history (one row an epoch).

    Raises
    ------
    ValueError
        If a split holds one class only.
    FloatingPointError
        If the loss is not finite.
    FileNotFoundError
        If several machines do not see the same folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("training", data), ("validation", validation)):
        _require_both_classes(name, part)
    if is_chief(strategy):
        _forget_other_training(folder, {"seed": seed, "epochs": epochs, **(settings or {})})
    all_say(strategy)  # the first worker has written now
    if not all_say(strategy, (folder / "settings.json").exists()):
        raise FileNotFoundError(
            f"Not every worker sees what the first one writes to {folder}: give a folder on a disk "
            "they share."
        )
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    with strategy.scope() if strategy else nullcontext():
        model, keeper = _start(build, optimizer, loss, folder, patience, data)
    keeper.writes = is_chief(strategy)
    keeper.total_steps = epochs * len(data) if progress and keeper.writes else None
    done = len(keeper.history)
    if done < epochs and not keeper.out_of_patience():
        if n_workers(strategy) > 1:
            fit_on_workers(model, data, validation, strategy, keeper, done, epochs)
        else:
            model.fit(
                data,
                validation_data=validation,
                initial_epoch=done,
                epochs=epochs,
                callbacks=[keeper],
                verbose=0,
                shuffle=False,
            )
    all_say(strategy)
    model.load_weights(folder / "best.keras")
    return model, keeper.frame()


def _start(build, optimizer, loss, folder: Path, patience, data):
    """A compiled network, fresh or as the last whole epoch left it, and its keeper."""
    keeper = EpochKeeper(folder, patience, data)
    if (folder / "last.keras").exists():
        model = keras.models.load_model(folder / "last.keras", safe_mode=True)
        keeper.resume(int(model.optimizer.iterations.numpy()))
    else:
        model = build()
        chosen = optimizer() if optimizer else keras.optimizers.Adam(1e-3)
        model.compile(chosen, loss)
    return model, keeper


def _forget_other_training(folder: Path, settings: dict) -> None:
    note, text = folder / "settings.json", json.dumps(settings, sort_keys=True, default=str)
    if not note.exists() or note.read_text(encoding="utf-8") != text:
        for name in ("last.keras", "best.keras", "history.csv"):
            (folder / name).unlink(missing_ok=True)
        write_atomically(note, lambda path: path.write_text(text, encoding="utf-8"))


def _require_both_classes(name: str, data) -> None:
    positive = np.unique(data.used_labels > 0)
    if len(positive) < 2:
        raise ValueError(
            f"The {name} frames hold one class only ({'bursts' if positive[0] else 'no burst'}): "
            "use a longer film, or lower the threshold of the label."
        )
