"""Motion ỹ, how much a film changes from frame to frame, and its windows behind and ahead."""

from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def measure_motion(frames: np.ndarray) -> np.ndarray:
    """Mean absolute change of brightness from each frame to the next.

    ``motion[t] = mean |frames[t + 1] - frames[t]| / 255`` over all pixels, so ``motion[t]`` already
    contains frame ``t + 1``: a forecast made at frame t may read ``motion[:t]`` only. The last
    value has no next frame and is 0. Formula: M-Lin-DM, *Predicting Fish Movement with
    Convolutional LSTMs*, part 3 (2021).

    Parameters
    ----------
    frames : uint8 array (T, H, W)
        A film, in grey levels.

    Returns
    -------
    float64 array (T,)
        Share of full brightness, in [0, 1].

    Raises
    ------
    ValueError
        If the film is not uint8 of shape (T, H, W) with at least one frame.
    """
    import cv2  # judging a forecast needs none of it

    frames = np.asanyarray(frames)
    if frames.dtype != np.uint8 or frames.ndim != 3 or len(frames) == 0:
        raise ValueError(
            f"A film is a uint8 array (frames, height, width), got {frames.dtype} of shape "
            f"{frames.shape}: convert it with fishlib.video.read_frames."
        )
    changes = [cv2.norm(a, b, cv2.NORM_L1) for a, b in pairwise(frames)]
    return np.append(np.array(changes), 0.0) / (255 * frames[0].size)


def ahead(series: np.ndarray, n: int) -> np.ndarray:
    """What comes at each frame: row t is ``series[t : t + n]``, float64 (T, n), NaN at the end."""
    padded = np.append(np.asarray(series, float), np.full(n - 1, np.nan))
    return sliding_window_view(padded, n)


def behind(series: np.ndarray, n: int) -> np.ndarray:
    """What is known at each frame: row t is ``series[t - n : t]``, float64 (T, n), oldest first.

    ``series[t]`` is not among it: it already contains frame t + 1. NaN before the beginning.
    """
    padded = np.append(np.full(n, np.nan), np.asarray(series, float)[:-1])
    return sliding_window_view(padded, n)


def recent_motion(motion: np.ndarray, width: int = 5) -> np.ndarray:
    """Mean motion over the last few frames, as known at each frame.

    ``recent[t] = mean(motion[t - width : t])``; the first ``width`` values are NaN.

    Parameters
    ----------
    motion : float array (T,)
    width : int
        Number of frames averaged.

    Returns
    -------
    float64 array (T,)
    """
    return behind(motion, width).mean(axis=1)


def runs_of(mask: np.ndarray) -> np.ndarray:
    """First and last index of every run of True, int (runs, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return edges.reshape(-1, 2) - [0, 1]


def autocorrelation(series: np.ndarray, n_lags: int) -> np.ndarray:
    """Autocorrelation at lags 0..n_lags, each sum over the whole series (the biased estimate)."""
    from scipy.signal import correlate  # loads slowly, and is needed here only

    centred = np.asarray(series, float) - np.mean(series)
    products = correlate(centred, centred, mode="full")[len(centred) - 1 :][: n_lags + 1]
    return products / products[0]
