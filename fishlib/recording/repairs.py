"""What is wrong with a film that can be mended: repeated frames and cuts, found and counted."""

from collections import Counter

import cv2
import numpy as np

LONGEST_REPEAT = 3  # frames: a longer standstill is taken for one
CUT_RATIO = 2.0  # how far motion at a cut exceeds that of the three frames on either side
SENTENCES = {
    "frames_held": "{n} frames were missing on the film's clock; the frame before stands in.",
    "frames_dropped": "{n} frames were left out because two fell on one tick of the clock.",
    "clock_restarts": "{n} times the film's time stamps ran backwards; the clock went on.",
    "missing_images": "{n} images were missing in the numbering; the image before stands in.",
    "undecoded_frames": "{n} frames announced by the film did not come out of the decoder: it is "
    "cut off, damaged or trimmed.",
    "repeated_frames": "{n} frames repeat the frame before them; the motion after them was "
    "spread over the repeats.",
    "cuts": "{n} cuts: the jump of the picture was replaced by the motion before it.",
}


def describe_repairs(repairs: dict[str, int]) -> list[str]:
    """One sentence for each kind of repair that was made."""
    return [SENTENCES[name].format(n=count) for name, count in repairs.items() if count]


def spread_repeats(speed: np.ndarray, repeats: np.ndarray) -> tuple[np.ndarray, int]:
    """Mend the motion of films in which frames repeat the one before.

    A repeat has no motion, and the motion that follows is that of several frames. Up to three
    repeats in a row, between frames that move, take the motion before them, and the motion after
    them is divided by the frames it spans. Only what happened before a frame changes it.

    Parameters
    ----------
    speed : float64 array (T,)
        Motion.
    repeats : bool array (T,)
        ``repeats[t]`` if frame t + 1 is frame t over again, before any preparation.

    Returns
    -------
    speed : float64 array (T,)
        Mended motion; the same array if nothing was mended.
    n_repeats : int
        Repeats mended.
    """
    edges = np.flatnonzero(np.diff(np.r_[0, repeats.astype(np.int8), 0]))
    mended, n_repeats = speed, 0
    for start, stop in edges.reshape(-1, 2):
        length = stop - start
        if length > LONGEST_REPEAT or start == 0 or mended[start - 1] == 0:
            continue
        mended = mended.copy() if mended is speed else mended
        mended[start:stop] = mended[start - 1]
        if stop < len(speed):
            mended[stop] = speed[stop] / (length + 1)
        n_repeats += int(length)
    return mended, n_repeats


def find_cuts(speed: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Frames t after which the film was cut: another moment follows at t + 1.

    A cut is a single-frame leap of the motion, twice that of the three frames on either side,
    at which the animals are suddenly elsewhere: the overlap of frames t and t + 1 is under half
    of the overlap just before and just after.

    Parameters
    ----------
    speed : float64 array (T,)
        Motion.
    clips : uint8 array (T, h, w)
        The film, bright animals on black.

    Returns
    -------
    int array (n_cuts,)
    """
    reach = 3
    if len(speed) < 2 * reach + 2:
        return np.zeros(0, int)
    windows = np.lib.stride_tricks.sliding_window_view(speed[:-1], 2 * reach + 1).copy()
    middle = windows[:, reach].copy()
    windows[:, reach] = 0
    leaps = np.flatnonzero(middle > CUT_RATIO * windows.max(axis=1)) + reach
    cuts = [t for t in leaps if _overlap(clips, t) < 0.5 * _overlap_around(clips, t)]
    return np.array(cuts, dtype=int)


def _overlap_around(clips: np.ndarray, t: int) -> float:
    return min(_overlap(clips, t - 1), _overlap(clips, t + 1))


def _overlap(clips: np.ndarray, t: int) -> float:
    """Shared light of frames t and t + 1, from 0 (nothing in the same place) to 1 (the same)."""
    a, b = (cv2.blur(clips[i], (3, 3)).astype(np.float64) for i in (t, t + 1))
    return float(np.minimum(a, b).sum() / max(np.maximum(a, b).sum(), 1.0))


def mend_cuts(speed: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Replace the motion at each cut by the motion before it."""
    if not len(cuts):
        return speed
    mended = speed.copy()
    mended[cuts] = speed[cuts - 1]
    return mended


def mend(
    speed: np.ndarray, repeats: np.ndarray, clips: np.ndarray, repairs: Counter
) -> tuple[np.ndarray, np.ndarray]:
    """Mend repeats and cuts of a whole film and count them in `repairs`.

    Returns
    -------
    speed : float64 array (T,)
        Mended motion.
    cuts : int array
        Frames after which the film was cut.
    """
    speed, repairs["repeated_frames"] = spread_repeats(speed, repeats)
    cuts = find_cuts(speed, clips)
    repairs["cuts"] = len(cuts)
    return mend_cuts(speed, cuts), cuts
