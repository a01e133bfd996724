"""Clips: the past frames a network sees when it makes the forecast of one frame."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from fishlib.spans import frames_back
from fishlib.splits import frames_with_past

FLIP_CODES = (None, 1, 0, -1)
"""OpenCV's codes of the four flips: none, left-right, up-down, both."""
ALIGNMENT = 64  # bytes: TensorFlow takes over such a batch without copying it


@dataclass(frozen=True)
class ClipLayout:
    """Which past frames make a clip, and how they become its channels.

    Parameters
    ----------
    offsets : tuple of tuples of int
        One tuple a slice: frames relative to the current one, 0 being the current frame and
        negative numbers the past. Of a film of 30 frames a second; see :meth:`at_rate`.
    mix : tuple of tuples of float, optional
        Row c gives channel c as a weighted sum of the slice's frames; None keeps the frames.
    """

    offsets: tuple[tuple[int, ...], ...]
    mix: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self):
        if max(max(offsets) for offsets in self.offsets) > 0:
            raise ValueError("A clip holds past frames only: offsets must not be above 0.")

    def at_rate(self, fps: float) -> "ClipLayout":
        """The same moments in a film of another rate: the nearest frames that are not later."""
        slices = [-frames_back([-offset for offset in one], fps) for one in self.offsets]
        return replace(self, offsets=tuple(tuple(one.tolist()) for one in slices))

    @property
    def past(self) -> int:
        """Frames a clip reaches back over, the current one included."""
        return 1 - min(min(offsets) for offsets in self.offsets)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of slices, number of channels."""
        return len(self.offsets), len(self.mix or self.offsets[0])

    def gather(self, frames: np.ndarray, at: np.ndarray, flips=None) -> np.ndarray:
        """The clips at the frames ``at`` of a film.

        Parameters
        ----------
        frames : uint8 array (T, H, W)
        at : int array (B,)
        flips : int array (B,), optional
            Which of the four flips each clip gets, an index into :data:`FLIP_CODES`.

        Returns
        -------
        float32 array (B, slices, H, W, channels)
            Frames in [0, 1], mixed into channels.
        """
        index = np.asarray(at)[:, None, None] + np.array(self.offsets)  # (B, slices, k)
        if index.min() < 0 or index.max() >= len(frames):
            raise ValueError(
                f"A clip at frame {int(np.min(at))} reaches outside the film of {len(frames)} "
                f"frames: clips begin at frame {self.past - 1}."
            )
        flips = np.zeros(len(index), int) if flips is None else flips
        n_slices, channels = self.shape
        clips = _aligned((len(index), n_slices, *frames.shape[1:], channels))
        film = np.asarray(frames)  # a memory map's own indexing is slow
        for clip, chosen, flip in zip(clips, index, flips, strict=True):
            for piece, moments in zip(clip, chosen, strict=True):
                self._fill(piece, film, moments, FLIP_CODES[flip])
        return clips

    def _fill(self, piece: np.ndarray, film: np.ndarray, moments: np.ndarray, flip) -> None:
        """One slice, float32 (H, W, channels), from the frames at its moments (k,)."""
        image = cv2.merge([film[t] for t in moments])  # uint8 (H, W, k)
        if flip is not None:
            image = cv2.flip(image, flip)
        image = image.reshape(*piece.shape[:2], -1)  # OpenCV drops a single channel's axis
        if self.mix is None:
            np.divide(image, np.float32(255), out=piece, dtype=np.float32)
        else:
            share = np.divide(image, np.float32(255), dtype=np.float32)
            piece[:] = cv2.transform(share, np.array(self.mix, np.float32)).reshape(piece.shape)


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An empty float32 array whose first byte lies on a multiple of :data:`ALIGNMENT`."""
    store = np.empty(math.prod(shape) + ALIGNMENT // 4, np.float32)
    start = -store.ctypes.data % ALIGNMENT // 4
    return store[start : start + math.prod(shape)].reshape(shape)


def time_channels(n_slices: int = 30, channels: int = 4) -> ClipLayout:
    """The study's layout: consecutive groups of frames as channels, the last ends at t.

    Channel k of slice i is frame ``t - channels * n_slices + 1 + channels * i + k``.
    """
    frames = np.arange(1 - n_slices * channels, 1).reshape(n_slices, channels)
    return ClipLayout(tuple(map(tuple, frames.tolist())))


def single_channel(length: int = 90) -> ClipLayout:
    """The study's earlier layout: every one of the last ``length`` frames is a slice."""
    return time_channels(length, 1)


def motion_channels(
    steps: tuple[int, ...] = (-16, -8, 0), lags: tuple[int, ...] = (1, 4), gain: float = 4.0
) -> ClipLayout:
    """A few well-chosen moments; a moment's channels are its frame and signed differences.

    Parameters
    ----------
    steps : tuple of int
        The moments, relative to the current frame.
    lags : tuple of int
        Each gives one channel 3 * (frame[s] - frame[s - lag]).
    gain : float
        Factor on everything; animals fill few pixels, so plain frames are nearly black.
    """
    back = (*sorted(lags, reverse=True), 0)  # frames of a moment, oldest first
    *before, frame = np.eye(len(back))
    rows = gain * np.array([frame, *(3 * (frame - one) for one in reversed(before))])
    offsets = tuple(tuple(s - lag for lag in back) for s in steps)
    return ClipLayout(offsets, tuple(map(tuple, rows.tolist())))


def clip_at(frames: np.ndarray, t: int, layout: ClipLayout | None = None) -> np.ndarray:
    """The clip of frame t.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
    t : int
        The current frame, the last one in the clip.
    layout : ClipLayout, optional
        None takes the study's time-channels.

    Returns
    -------
    float32 array (slices, H, W, channels)

    Raises
    ------
    ValueError
        If the clip reaches outside the film.
    """
    return (layout or time_channels()).gather(frames, np.array([t]))[0]


def class_weights(labels: np.ndarray) -> dict[int, float]:
    """Weights that give both classes the same sum, as in the study: each the other's share."""
    share = float(np.mean(labels[labels >= 0] == 1))
    return {0: share, 1: 1 - share}


class Samples:
    """Batches of numbered samples, whose order depends on seed and epoch alone.

    Parameters
    ----------
    codes : int array (n,)
        What stands for each sample.
    batch_size : int
    shuffle : bool
        Mix all codes anew each epoch.
    seed : int
    max_samples : int, optional
        Samples an epoch: a fresh draw from the shuffled codes; None takes all of them.
    every : int
        Take every so many of the codes: in film neighbours are nearly copies.
    """

    def __init__(self, codes, batch_size=32, shuffle=False, seed=0, max_samples=None, every=1):
        self.codes, self.batch_size, self.shuffle = codes[::every], batch_size, shuffle
        self.seed, self.max_samples = seed, max_samples
        self.set_epoch(0)

    def __len__(self):
        return -(-len(self.order) // self.batch_size)

    def batch(self, i: int) -> np.ndarray:
        """The codes of a batch."""
        return self.order[i * self.batch_size : (i + 1) * self.batch_size]

    def set_epoch(self, epoch: int) -> None:
        """Mix the codes for an epoch."""
        self.epoch, self.rng = epoch, np.random.default_rng([self.seed, epoch])
        order = self.rng.permutation(self.codes) if self.shuffle else self.codes
        self.order = order[: self.max_samples]

    def on_epoch_end(self):
        """Mix the codes anew, for the next epoch."""
        self.set_epoch(self.epoch + 1)


class ClipDataset(Samples):
    """Batches of clips gathered on the fly from a film in memory or on disk.

    Only the uint8 frames are held; what is shuffled each epoch are (frame, flip) codes.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
        May be memory-mapped.
    labels : array (T,)
        Targets; frames whose label is below 0 are left out.
    at : slice or index array, optional
        Frames to use (a split); None uses all.
    layout : ClipLayout
    batch_size : int
    flips : int
        1 uses the film as it is, 4 adds its three flips.
    weights : dict, optional
        Sample weight of each class, see :func:`class_weights`.
    pieces : DataFrame, optional
        No clip reaches from one into another; None takes the film as one piece.
    **order
        ``shuffle``, ``seed``, ``max_samples`` and ``every``, as of :class:`Samples`.

    Raises
    ------
    ValueError
        If frames and labels differ in length, or no frame is left.
    """

    def __init__(
        self, frames, labels, at=None, layout=None, batch_size=32, flips=1, weights=None,
        pieces=None, **order,
    ):  # fmt: skip
        if len(frames) != len(labels):
            raise ValueError(f"{len(frames)} frames but {len(labels)} labels: they must match.")
        self.frames, self.labels, self.weights = frames, np.asarray(labels), weights
        self.layout = layout or time_channels()
        chosen = frames_with_past(len(frames), self.layout.past, pieces, at)
        chosen = chosen[self.labels[chosen] >= 0]
        if len(chosen) == 0:
            raise ValueError("No labelled frame with a full clip is left in this split.")
        codes = (chosen[:, None] * 4 + np.arange(flips)).ravel()  # frame * 4 + flip
        self.used_labels = self.labels[codes // 4]
        super().__init__(codes, batch_size, **order)

    def __getitem__(self, i):
        codes = self.batch(i)
        at = codes // 4
        clips = self.layout.gather(self.frames, at, codes % 4)  # (B, slices, H, W, channels)
        targets = self.labels[at].astype(np.float32)  # (B,)
        if self.weights is None:
            return clips, targets
        return clips, targets, np.where(targets > 0, self.weights[1], self.weights[0])
