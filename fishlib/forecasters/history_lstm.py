"""The study's announced second baseline: a two-layer LSTM on the last four seconds of motion."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from fishlib.forecasters.history import N_LAGS
from fishlib.models import build_history_lstm
from fishlib.training import fingerprint, train, warmup_cosine


class HistoryDataset(keras.utils.PyDataset):
    """Batches of past motion: the last 119 values before each labelled frame.

    Parameters
    ----------
    speed : float array (T,)
        Motion proxy, standardised.
    label : int8 array (T,)
    at : slice or index array
        Frames to use; those without label or history are left out.
    batch_size : int
    shuffle : bool
    seed : int
    max_samples : int, optional
        Samples an epoch.
    """

    def __init__(self, speed, label, at, batch_size=64, shuffle=False, seed=0, max_samples=None):
        super().__init__()
        self.windows = np.lib.stride_tricks.sliding_window_view(
            np.asarray(speed, np.float32), N_LAGS
        )  # windows[t - 119] ends with speed[t - 1]
        frames = np.arange(len(label))[at]
        self.frames = frames[(label[frames] >= 0) & (frames >= N_LAGS)]
        self.label, self.batch_size, self.max_samples = label, batch_size, max_samples
        self.shuffle, self.seed = shuffle, seed
        self.set_epoch(0)

    @property
    def used_labels(self) -> np.ndarray:
        """Labels of the frames used."""
        return self.label[self.frames]

    def __len__(self):
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, i):
        at = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        return self.windows[at - N_LAGS][..., None], self.label[at].astype(np.float32)

    def set_epoch(self, epoch: int) -> None:
        """Mix the frames for an epoch."""
        self.epoch = epoch
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(self.frames) if self.shuffle else self.frames
        self.order = order[: self.max_samples]

    def on_epoch_end(self):
        """Mix the frames anew, for the next epoch."""
        self.set_epoch(self.epoch + 1)


@dataclass(frozen=True)
class HistoryLSTM:
    """A trained network with the mean and scale of the motion it was trained on."""

    model: keras.Model
    mean: float
    scale: float

    def forecast(self, speed: np.ndarray, at: slice | np.ndarray | None = None) -> np.ndarray:
        """Probability at each frame.

        Parameters
        ----------
        speed : float array (T,)
        at : slice or index array, optional
            Frames to forecast; None takes all.

        Returns
        -------
        float64 array (T,)
            NaN for the first 119 frames, and at frames not asked for.
        """
        scaled = ((np.asarray(speed) - self.mean) / self.scale).astype(np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(scaled, N_LAGS)
        frames = np.arange(len(speed))[slice(None) if at is None else at]
        frames = frames[frames >= N_LAGS]
        forecast = np.full(len(speed), np.nan)
        for start in range(0, len(frames), 1024):
            part = frames[start : start + 1024]
            told = windows[part - N_LAGS][..., None]  # (B, 119, 1), oldest first
            forecast[part] = self.model.predict_on_batch(told)[:, 0]
        return forecast


def fit_history_lstm(
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    folder: str | Path,
    epochs: int = 6,
    samples_per_epoch: int = 9600,
    seed: int = 0,
    **kwargs,
) -> tuple[HistoryLSTM, pd.DataFrame]:
    """Train the LSTM on one series and choose its epoch on another.

    Parameters
    ----------
    training, validation : (speed, label)
        Motion proxy and label (T,) of each part; label -1 leaves a frame out.
    folder : path
        Where checkpoints and history land.
    epochs, samples_per_epoch : int
        Length of the training.
    seed : int
    **kwargs
        Passed on to :func:`fishlib.training.train`.

    Returns
    -------
    HistoryLSTM, pandas.DataFrame
    """
    mean, scale = float(np.mean(training[0])), float(np.std(training[0])) or 1.0

    def dataset(part, **options):
        return HistoryDataset((part[0] - mean) / scale, part[1], slice(None), seed=seed, **options)

    data = dataset(training, shuffle=True, max_samples=samples_per_epoch)

    def optimizer():
        return keras.optimizers.Adam(warmup_cosine(4e-3, epochs * len(data)), clipnorm=1.0)

    def build():
        return build_history_lstm(scale=1.0)  # the data are standardised already

    checked = dataset(validation, batch_size=512)
    settings = {"samples": samples_per_epoch, "data": fingerprint(*training, *validation)}
    model, history = train(
        build, data, checked, folder, epochs, optimizer, seed=seed, settings=settings, **kwargs
    )
    return HistoryLSTM(model, mean, scale), history
