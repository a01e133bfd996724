"""What a training leaves on disk after each epoch, and how it is taken up again."""

import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from fishlib.atomic import write_atomically


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
