"""Training that survives: best and last state on disk after every epoch, resumed after a kill."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm.auto import tqdm

from fishlib.files import write_atomically
from fishlib.training.several_workers import all_say, fit_on_workers, is_chief, n_workers


class EpochKeeper(keras.callbacks.Callback):
    """Write state and history after each epoch; stop when patience runs out.

    Parameters
    ----------
    folder : Path
    patience : int or None
    data : keras.utils.PyDataset
    """

    def __init__(self, folder: Path, patience: int | None = None, data=None):
        super().__init__()
        self.folder, self.patience, self.data = folder, patience, data
        path = folder / "history.csv"
        self.history = pd.read_csv(path).to_dict("records") if path.exists() else []
        self._started = time.monotonic()
        self.total_steps, self._bar, self.writes = None, None, True

    def resume(self, iterations: int) -> None:
        """Drop an epoch that was noted but whose state was not written any more."""
        self.history = [row for row in self.history if row["iterations"] <= iterations]

    def frame(self) -> pd.DataFrame:
        """The history as a table: epoch, iterations, seconds, and the losses."""
        return pd.DataFrame(self.history)

    def out_of_patience(self) -> bool:
        """Whether the best epoch lies ``patience`` or more epochs back."""
        if self.patience is None or not self.history:
            return False
        losses = [row["val_loss"] for row in self.history]
        return len(losses) - 1 - int(np.argmin(losses)) >= self.patience

    def on_train_begin(self, logs=None):
        """Show how far training has come."""
        done = int(self.model.optimizer.iterations.numpy())
        hidden = self.total_steps is None
        self._bar = tqdm(
            desc=self.folder.name, total=self.total_steps, initial=done, unit="step", disable=hidden
        )

    def on_train_end(self, logs=None):
        """Leave the bar as it stands."""
        self._bar.close()

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
        self._bar.update()

    def on_epoch_end(self, epoch, logs=None):
        """Note the epoch, then write the state; each file appears whole."""
        iterations = int(self.model.optimizer.iterations.numpy())
        seconds = round(time.monotonic() - self._started, 1)
        row = {"epoch": epoch, "iterations": iterations, "seconds": seconds, **logs}
        self.history.append({key: float(value) for key, value in row.items()})
        self._bar.set_postfix(val_loss=f"{logs['val_loss']:.4f}")
        if self.writes:
            self._write()
        if self.out_of_patience():
            self.model.stop_training = True

    def _write(self) -> None:
        best = min(self.history, key=lambda row: row["val_loss"])
        if best is self.history[-1]:
            write_atomically(self.folder / "best.keras", self.model.save)
        table = self.frame()
        write_atomically(self.folder / "history.csv", lambda path: table.to_csv(path, index=False))
        write_atomically(self.folder / "last.keras", self.model.save)


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
