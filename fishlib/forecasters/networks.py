"""Fit a network on a film, as a plan says, and let it forecast any frames of a film."""

from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import ops

from fishlib import models
from fishlib import models as video_models
from fishlib.clips import ClipDataset, ClipLayout, class_weights, motion_channels, time_channels
from fishlib.forecasters.regressions import N_LAGS
from fishlib.models import build_history_lstm
from fishlib.questions import future_motion
from fishlib.training import fingerprint, train, warmup_cosine

NETWORKS = {
    "motion_convlstm": video_models.build_motion_convlstm,
    "motion_cnn": video_models.build_motion_cnn,
    "upbeat_snowflake": models.build_upbeat_snowflake,
    "visionary_serenity": models.build_visionary_serenity,
    "fast_snow": models.build_fast_snow,
}
RIVALS = {"motion_convlstm": ("motion_cnn",)}
"""Networks that are trained beside a network, to see what it owes to its design."""


@dataclass(frozen=True)
class Plan:
    """What to train and how.

    Parameters
    ----------
    network : str
        One of :data:`NETWORKS`.
    n_slices, channels : int
        Time-channels of the study's networks; 0 slices takes the motion channels of ours.
    learning_rate : float
        Of Adam; the peak when ``anneal`` is set.
    anneal : bool
        Warm up and fall as a cosine; otherwise constant, as in the study.
    batch_size, epochs, steps_per_epoch : int
        Clips a step, epochs, and steps an epoch (0: all clips).
    flips : int
        1 or 4.
    class_weighting : bool
        Weight both classes alike, as in the study.
    motion_weight : float
        Weight of an auxiliary task that needs no truth, to foretell the coming motion; 0 leaves
        it out, since it gained nothing on the tank.
    seed : int
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
    motion_weight: float = 0.0
    seed: int = 0

    def __post_init__(self):
        if self.network not in NETWORKS:
            raise ValueError(f"No network {self.network!r}; there are: {', '.join(NETWORKS)}.")

    @property
    def layout(self) -> ClipLayout:
        """The clips the network reads."""
        return time_channels(self.n_slices, self.channels) if self.n_slices else motion_channels()


@keras.saving.register_keras_serializable("fishlib")
class BurstAndMotionLoss(keras.losses.Loss):
    """Cross-entropy of the first output, plus the weighted squared error of all others.

    Parameters
    ----------
    motion_weight : float
        Weight of the other outputs: the coming motion.
    """

    def __init__(self, motion_weight: float = 0.3, name: str = "burst_and_motion", **kwargs):
        super().__init__(name=name, **kwargs)
        self.motion_weight = motion_weight

    def call(self, y_true, y_pred):
        """Loss of each sample, (B,)."""
        burst = keras.losses.binary_crossentropy(y_true[:, :1], y_pred[:, :1])
        if y_pred.shape[-1] == 1:
            return burst
        return burst + self.motion_weight * ops.mean((y_true[:, 1:] - y_pred[:, 1:]) ** 2, axis=-1)

    def get_config(self):
        """Configuration for saving."""
        return {**super().get_config(), "motion_weight": self.motion_weight}


def fit_network(
    plan: Plan,
    frames: np.ndarray,
    motion: np.ndarray,
    label: np.ndarray,
    parts: dict[str, slice],
    folder: str | Path,
    **kwargs,
) -> tuple[keras.Model, pd.DataFrame]:
    """Train on one part of a film, choose the epoch on another.

    Parameters
    ----------
    plan : Plan
    frames : uint8 array (T, H, W)
    motion : float array (T,)
        Motion proxy; its future is the auxiliary target.
    label : int8 array (T,)
        1, 0, or -1 where a frame is not asked.
    parts : dict of slice
        With keys ``train`` and ``validation``.
    folder : path
        Where checkpoints and history land; training is resumed from it.
    **kwargs
        Passed on to :func:`fishlib.training.train`.

    Returns
    -------
    keras.Model, pandas.DataFrame
        The network at its best epoch, and the history.
    """
    n_extra = 0 if plan.motion_weight == 0 else 4
    targets = np.column_stack([label, future_motion(motion, parts["train"])[:, :n_extra]])
    weights = class_weights(label[parts["train"]]) if plan.class_weighting else None
    limit = plan.steps_per_epoch * plan.batch_size or None
    common = {"layout": plan.layout, "seed": plan.seed, "weights": weights}
    data = ClipDataset(
        frames, targets, parts["train"], batch_size=plan.batch_size, flips=plan.flips,
        shuffle=True, max_samples=limit, **common,
    )  # fmt: skip
    validation = ClipDataset(frames, targets, parts["validation"], batch_size=128, **common)
    clip_shape = (plan.layout.shape[0], *frames.shape[1:], plan.layout.shape[1])

    def build():
        model = NETWORKS[plan.network](clip_shape)
        return add_motion_outputs(model, n_extra) if n_extra else model

    def optimizer():
        rate = plan.learning_rate
        if plan.anneal:
            rate = warmup_cosine(rate, plan.epochs * len(data))
        return keras.optimizers.Adam(rate, clipnorm=1.0 if plan.anneal else None)

    loss = BurstAndMotionLoss(plan.motion_weight)
    settings = asdict(plan) | {"parts": parts, "shape": frames.shape, "data": fingerprint(targets)}
    return train(
        build, data, validation, folder, plan.epochs, optimizer, loss,
        seed=plan.seed, settings=settings, **kwargs,
    )  # fmt: skip


def add_motion_outputs(model: keras.Model, n_outputs: int) -> keras.Model:
    """Let a network foretell the coming motion too, from the features of its last layer.

    Parameters
    ----------
    model : keras.Model
        With one sigmoid output.
    n_outputs : int
        Outputs added, linear.

    Returns
    -------
    keras.Model
        Output (B, 1 + n_outputs), the probability first.
    """
    features = model.layers[-1].input
    motion = keras.layers.Dense(n_outputs, name="coming_motion")(features)
    both = keras.layers.Concatenate()([model.output, motion])
    return keras.Model(model.input, both, name=model.name)


def forecast_frames(
    model: keras.Model,
    frames: np.ndarray,
    layout: ClipLayout,
    at: slice | np.ndarray | None = None,
    batch_size: int = 128,
) -> np.ndarray:
    """The network's forecast at frames of a film.

    Parameters
    ----------
    model : keras.Model
    frames : uint8 array (T, H, W)
    layout : ClipLayout
    at : slice or index array, optional
        Frames to forecast; None takes all that have a full clip.
    batch_size : int

    Returns
    -------
    float64 array (T,)
        Probability at each frame; NaN where none was made.
    """
    chosen = np.arange(len(frames))[slice(None) if at is None else at]
    chosen = chosen[chosen >= layout.history - 1]
    forecast = np.full(len(frames), np.nan)
    for start in range(0, len(chosen), batch_size):
        batch = chosen[start : start + batch_size]
        forecast[batch] = model.predict_on_batch(layout.gather(frames, batch))[:, 0]
    return forecast


class HistoryDataset(keras.utils.PyDataset):
    """Batches of past motion: the last 119 values before each labelled frame.

    Parameters
    ----------
    motion : float array (T,)
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

    def __init__(self, motion, label, at, batch_size=64, shuffle=False, seed=0, max_samples=None):
        super().__init__()
        self.windows = np.lib.stride_tricks.sliding_window_view(
            np.asarray(motion, np.float32), N_LAGS
        )  # windows[t - 119] ends with motion[t - 1]
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

    def forecast(self, motion: np.ndarray, at: slice | np.ndarray | None = None) -> np.ndarray:
        """Probability at each frame.

        Parameters
        ----------
        motion : float array (T,)
        at : slice or index array, optional
            Frames to forecast; None takes all.

        Returns
        -------
        float64 array (T,)
            NaN for the first 119 frames, and at frames not asked for.
        """
        scaled = ((np.asarray(motion) - self.mean) / self.scale).astype(np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(scaled, N_LAGS)
        frames = np.arange(len(motion))[slice(None) if at is None else at]
        frames = frames[frames >= N_LAGS]
        forecast = np.full(len(motion), np.nan)
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
    training, validation : (motion, label)
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
