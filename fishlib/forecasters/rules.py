"""The rivals that need no training: rules that read the motion alone.

Each returns one forecast a frame, float64 (T,), NaN where it is not defined, and reads
``motion[:t]`` only, because ``motion[t]`` already contains frame t + 1.
"""

from functools import partial

import numpy as np
from scipy.special import expit

from fishlib.forecasters import pieces_of, rate_of
from fishlib.motion import behind, recent_motion
from fishlib.spans import USUAL_FPS, frames_in
from fishlib.splits import by_piece


def rules(recording, min_rise: float = 1e-3) -> dict[str, np.ndarray]:
    """What every rule says of a recording, piece by piece.

    Parameters
    ----------
    recording : Recording
        Its ``motion`` (T,) and ``pieces`` are read.
    min_rise : float
        Smallest rise of a burst, in the unit of the motion.

    Returns
    -------
    dict of name -> float64 array (T,)
    """
    fps = rate_of(recording)
    named = {
        "level −ỹ[t−1]": level,
        "level +ỹ[t−1]": lambda motion: -level(motion),
        "time since burst": partial(time_since_burst, min_rise=min_rise, fps=fps),
        "published baseline": partial(published_baseline, window=frames_in("baseline", fps)),
    }
    pieces = pieces_of(recording)
    return {name: by_piece(rule, pieces, recording.motion) for name, rule in named.items()}


def level(motion: np.ndarray) -> np.ndarray:
    """The one-number forecaster: minus the last known motion, ``-motion[t - 1]``.

    A score, not a probability: the calmer the fish are now, the higher it is.
    """
    return -behind(motion, 1)[:, 0]


def published_baseline(motion: np.ndarray, window: int = 90) -> np.ndarray:
    """The study's algorithmic baseline, as a probability.

    With w = motion[t - window + 1 .. t - 1]: the mean of a sigmoid that asks whether w ranges
    widely and of one that asks whether the last value is low within w. Source: M-Lin-DM (2021),
    part 4; equal to its published forecasts to 1e-12.
    """
    past = behind(motion, window - 1)
    low = past.min(axis=1)
    spread = past.max(axis=1) - low
    wide = expit(5300 * (spread - 0.0006))
    calm = expit(-11000 * (past[:, -1] - (low + 0.2 * spread)))
    return 0.5 * wide + 0.5 * calm


def time_since_burst(motion: np.ndarray, min_rise=1e-3, fps: float = USUAL_FPS) -> np.ndarray:
    """Frames since the recent motion last stood ``min_rise`` above its running low of 1.5 s.

    NaN before the first burst. Known at frame t from motion[:t].
    """
    recent, window = recent_motion(motion, frames_in("calm", fps)), frames_in("rule", fps)
    low = np.fmin.reduce(behind(np.append(recent, np.nan), window)[1:], axis=1)  # with recent[t]
    frames = np.arange(len(recent), dtype=float)
    last_burst = np.where(recent - low >= min_rise, frames, -np.inf)
    elapsed = frames - np.maximum.accumulate(last_burst)
    return np.where(np.isfinite(elapsed), elapsed, np.nan)
