"""The burst threshold c of another film, from its own motion, and the bursts it finds."""

import numpy as np
from scipy.signal import find_peaks

SPREADS = 5 / 3  # on the study's training series 5/3 interquartile ranges are its c = 0.001
MEDIANS = 0.8
SMOOTHING = 5  # frames


def suggest_min_range(speed: np.ndarray) -> float:
    """Suggest the smallest range of motion that counts as a burst, from the motion itself.

    The study's c = 0.001 is a share of full brightness, so it depends on how many animals there
    are, how large and how bright. Here a burst is a rise out of what is usual in the same film:
    5/3 of the interquartile range of the motion, and at least 0.8 of its median. On the study's
    training series that is 0.0010, the study's own c.

    Parameters
    ----------
    speed : float64 array (T,)
        Motion of the film; its last value, which has no next frame, is not used.

    Returns
    -------
    float
        The threshold, in units of `speed`.

    Raises
    ------
    ValueError
        The film is shorter than 30 frames, or nothing moves in it.
    """
    known = np.asarray(speed, float)[:-1]
    known = known[np.isfinite(known)]
    if len(known) < 30:
        raise ValueError(f"{len(known)} values of motion are too few to tell what is usual.")
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    threshold = max(SPREADS * (high - low), MEDIANS * middle)
    if threshold <= 0:
        raise ValueError("nothing moves in most of the film: no burst threshold can be suggested.")
    return float(threshold)


def find_bursts(speed: np.ndarray, min_range: float) -> np.ndarray:
    """Frames at which motion peaks in a burst.

    A burst is a peak of the 5-frame centred mean of the motion that stands out by at least
    `min_range` from the valleys on both sides (its prominence, `scipy.signal.find_peaks`).

    Parameters
    ----------
    speed : float64 array (T,)
        Motion.
    min_range : float
        Burst threshold in units of `speed`.

    Returns
    -------
    int array (n_bursts,)
        Frame of each peak.
    """
    smooth = np.convolve(np.asarray(speed, float)[:-1], np.ones(SMOOTHING) / SMOOTHING, "valid")
    peaks, _ = find_peaks(smooth, prominence=min_range)
    return peaks + SMOOTHING // 2
