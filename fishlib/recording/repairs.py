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
    "gaps": "{n} times the film has no frame for more than a second; time is missing there.",
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


def spread_repeats(motion: np.ndarray, repeats: np.ndarray) -> tuple[np.ndarray, int]:
    """Mend the motion of films in which frames repeat the one before.

    A repeat has no motion, and the motion that follows is that of several frames. Up to three
    repeats in a row, between frames that move, take the motion before them, and the motion after
    them is divided by the frames it spans. Only what happened before a frame changes it.

    Parameters
    ----------
    motion : float64 array (T,)
        Motion.
    repeats : bool array (T,)
        ``repeats[t]`` if frame t + 1 is frame t over again, before any preparation.

    Returns
    -------
    motion : float64 array (T,)
        Mended motion; the same array if nothing was mended.
    n_repeats : int
        Repeats mended.
    """
    edges = np.flatnonzero(np.diff(np.r_[0, repeats.astype(np.int8), 0]))
    mended, n_repeats = motion, 0
    for start, stop in edges.reshape(-1, 2):
        length = stop - start
        if length > LONGEST_REPEAT or start == 0 or mended[start - 1] == 0:
            continue
        mended = mended.copy() if mended is motion else mended
        mended[start:stop] = mended[start - 1]
        if stop < len(motion):
            mended[stop] = motion[stop] / (length + 1)
        n_repeats += int(length)
    return mended, n_repeats


def find_cuts(motion: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Frames t after which the film was cut: another moment follows at t + 1.

    A cut is a single-frame leap of the motion, twice that of the three frames on either side,
    at which the animals are suddenly elsewhere: the overlap of frames t and t + 1 is under half
    of the overlap just before and just after.

    Parameters
    ----------
    motion : float64 array (T,)
        Motion.
    clips : uint8 array (T, h, w)
        The film, bright animals on black.

    Returns
    -------
    int array (n_cuts,)
    """
    reach = 3
    if len(motion) < 2 * reach + 2:
        return np.zeros(0, int)
    windows = np.lib.stride_tricks.sliding_window_view(motion[:-1], 2 * reach + 1).copy()
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


def mend_cuts(motion: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Replace the motion at each cut by the motion before it."""
    if not len(cuts):
        return motion
    mended = motion.copy()
    mended[cuts] = motion[cuts - 1]
    return mended


def mend(
    motion: np.ndarray, repeats: np.ndarray, clips: np.ndarray, repairs: Counter
) -> tuple[np.ndarray, np.ndarray]:
    """Mend repeats and cuts of a whole film and count them in `repairs`.

    Returns
    -------
    motion : float64 array (T,)
        Mended motion.
    cuts : int array
        Frames after which the film was cut.
    """
    motion, repairs["repeated_frames"] = spread_repeats(motion, repeats)
    cuts = find_cuts(motion, clips)
    repairs["cuts"] = len(cuts)
    return mend_cuts(motion, cuts), cuts


N_SAMPLED = 48  # frames
SMALLEST = 0.2  # of the usual size of a blob


def count_animals(clips: np.ndarray) -> int:
    """Count bright blobs that are not there all the time: the median over 48 frames.

    Animals that touch count as one, and so do those that rest throughout the film as none.

    Parameters
    ----------
    clips : uint8 array (T, h, w)
        A prepared film, bright animals on black.
    """
    chosen = np.linspace(0, len(clips) - 1, min(N_SAMPLED, len(clips))).astype(int)
    sample = clips[chosen].astype(np.int16)
    moving = np.clip(sample - np.median(sample, axis=0), 0, 255).astype(np.uint8)
    level = max(float(np.quantile(moving, 0.999)) / 4, 4.0)
    areas = [_blob_areas(frame > level) for frame in moving]
    usual = np.median(np.concatenate(areas)) if any(a.size for a in areas) else 0.0
    return int(np.median([(a >= SMALLEST * usual).sum() for a in areas]))


def _blob_areas(mask: np.ndarray) -> np.ndarray:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return stats[1:, cv2.CC_STAT_AREA]


def describe_animals(clips: np.ndarray) -> list[str]:
    """A sentence if a single animal moves in the film, none otherwise."""
    if count_animals(clips) > 1:
        return []
    return [
        "only one animal is seen to move: its bursts can be forecast, but none of them is a chase."
    ]
