"""How many animals move in a film, roughly: enough to say when there is only one."""

import cv2
import numpy as np

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
