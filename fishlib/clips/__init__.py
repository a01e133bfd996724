"""Clips: the past frames a network sees when it makes the forecast of one frame."""

import keras
import numpy as np

from fishlib.clips.layout import ClipLayout, motion_channels, single_channel, time_channels

__all__ = [
    "ClipDataset",
    "ClipLayout",
    "class_weights",
    "clip_at",
    "motion_channels",
    "single_channel",
    "time_channels",
]


def clip_at(frames: np.ndarray, t: int, n_slices: int = 30, channels: int = 4) -> np.ndarray:
    """The study's time-channels clip of frame t.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
    t : int
        The current frame, the last one in the clip.
    n_slices, channels : int
        Slices of consecutive frames, and frames a slice.

    Returns
    -------
    float32 array (n_slices, H, W, channels)
        In [0, 1]; [i, :, :, k] is frame t - channels * n_slices + 1 + channels * i + k.

    Raises
    ------
    ValueError
        If the clip reaches outside the film.
    """
    return time_channels(n_slices, channels).gather(frames, np.array([t]))[0]


def class_weights(labels: np.ndarray) -> dict[int, float]:
    """Weights that give both classes the same sum, as in the study: each the other's share."""
    share = float(np.mean(labels[labels >= 0] == 1))
    return {0: share, 1: 1 - share}


class ClipDataset(keras.utils.PyDataset):
    """Batches of clips gathered on the fly from a film in memory or on disk.

    Only the uint8 frames are held; what is shuffled each epoch are (frame, flip) codes.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
        May be memory-mapped.
    labels : array (T,) or (T, k)
        Targets; frames whose (first) label is below 0 are left out.
    at : slice or index array, optional
        Frames to use (a split); None uses all.
    layout : ClipLayout
    batch_size : int
    flips : int
        1 uses the film as it is, 4 adds its three flips.
    weights : dict, optional
        Sample weight of each class, see :func:`class_weights`.
    shuffle : bool
        Mix all codes anew each epoch.
    seed : int
    max_samples : int, optional
        Samples an epoch: a fresh draw from the shuffled codes; None takes all of them.

    Raises
    ------
    ValueError
        If frames and labels differ in length, or no frame is left.
    """

    def __init__(
        self,
        frames,
        labels,
        at=None,
        layout=None,
        batch_size=32,
        flips=1,
        weights=None,
        shuffle=False,
        seed=0,
        max_samples=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(frames) != len(labels):
            raise ValueError(f"{len(frames)} frames but {len(labels)} labels: they must match.")
        self.frames, self.labels = frames, np.asarray(labels)
        self.layout = time_channels() if layout is None else layout
        self.batch_size, self.weights, self.shuffle = batch_size, weights, shuffle
        self.seed, self.epoch, self.max_samples = seed, 0, max_samples
        usable = self.labels.reshape(len(frames), -1)[:, 0] >= 0
        usable[: self.layout.history - 1] = False
        chosen = np.arange(len(frames))[slice(None) if at is None else at]
        chosen = chosen[usable[chosen]]
        if len(chosen) == 0:
            raise ValueError("No labelled frame with a full clip is left in this split.")
        self.codes = (chosen[:, None] * 4 + np.arange(flips)).ravel()  # frame * 4 + flip
        self._draw()

    @property
    def used_labels(self) -> np.ndarray:
        """The (first) labels of the frames used."""
        return self.labels.reshape(len(self.labels), -1)[self.codes // 4, 0]

    def __len__(self):
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, i):
        codes = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        at = codes // 4
        clips = self.layout.gather(self.frames, at, codes % 4)  # (B, slices, H, W, channels)
        targets = self.labels[at].astype(np.float32)
        if self.weights is None:
            return clips, targets
        return clips, targets, self._weights_of(targets)

    def _weights_of(self, targets):
        burst = targets.reshape(len(targets), -1)[:, 0] > 0
        return np.where(burst, self.weights[1], self.weights[0])

    def set_epoch(self, epoch: int) -> None:
        """Mix the codes for an epoch: their order depends on seed and epoch alone."""
        self.epoch = epoch
        self._draw()

    def on_epoch_end(self):
        """Mix the codes anew, for the next epoch."""
        self.set_epoch(self.epoch + 1)

    def _draw(self):
        if self.shuffle:
            rng = np.random.default_rng([self.seed, self.epoch])
            self.order = rng.permutation(self.codes)[: self.max_samples]
        else:
            self.order = self.codes[: self.max_samples]
