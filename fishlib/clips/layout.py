"""Which past frames make a clip, and how they become its channels."""

from dataclasses import dataclass

import cv2
import numpy as np

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
        negative numbers the past.
    mix : tuple of tuples of float, optional
        Row c gives channel c as a weighted sum of the slice's frames; None keeps the frames.
    """

    offsets: tuple[tuple[int, ...], ...]
    mix: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self):
        if max(max(offsets) for offsets in self.offsets) > 0:
            raise ValueError("A clip holds past frames only: offsets must not be above 0.")

    @property
    def history(self) -> int:
        """Frames a clip reaches back over, the current one included."""
        return 1 - min(min(offsets) for offsets in self.offsets)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of slices, number of channels."""
        return len(self.offsets), len(self.mix or self.offsets[0])

    def assemble(self, window: np.ndarray) -> np.ndarray:
        """The clip at the last frame of ``window``, uint8 (>= history, H, W).

        Returns
        -------
        float32 array (slices, H, W, channels)
        """
        return self.gather(window, np.array([len(window) - 1]))[0]

    def gather(
        self, frames: np.ndarray, at: np.ndarray, flips: np.ndarray | None = None
    ) -> np.ndarray:
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
                f"frames: clips begin at frame {self.history - 1}."
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
    n_bytes = 4 * int(np.prod(shape))
    store = np.empty(n_bytes + ALIGNMENT, np.uint8)
    start = -store.ctypes.data % ALIGNMENT
    return store[start : start + n_bytes].view(np.float32).reshape(shape)


def time_channels(n_slices: int = 30, channels: int = 4) -> ClipLayout:
    """The study's layout: consecutive groups of frames as channels, the last ends at t.

    Channel k of slice i is frame ``t - channels * n_slices + 1 + channels * i + k``.
    """
    first = 1 - n_slices * channels
    frames = np.arange(first, 1).reshape(n_slices, channels)
    return ClipLayout(tuple(tuple(row) for row in frames.tolist()))


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
    offsets = tuple(tuple(s - lag for lag in back) for s in steps)
    unit = np.eye(len(back))
    frame = unit[-1]
    rows = gain * np.array([frame, *(3 * (frame - unit[back.index(lag)]) for lag in sorted(lags))])
    return ClipLayout(offsets, tuple(tuple(row) for row in rows.tolist()))
