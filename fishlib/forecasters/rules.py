"""The rivals: forecasters that read the motion proxy alone.

Each returns one forecast a frame, float64 (T,), NaN where it is not defined, and reads
``motion[:t]`` only, because ``motion[t]`` already contains frame t + 1.
"""

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d
from scipy.special import expit


def level_forecast(motion: np.ndarray) -> np.ndarray:
    """The one-number forecaster: minus the last known motion, ``-motion[t - 1]``.

    A score, not a probability: the calmer the fish are now, the higher it is.
    """
    return np.append(np.nan, -np.asarray(motion, float)[:-1])


def published_baseline(motion: np.ndarray, window: int = 90) -> np.ndarray:
    """The study's algorithmic baseline, as a probability.

    With w = motion[t - window + 1 .. t - 1]: the mean of a sigmoid that asks whether w ranges
    widely and of one that asks whether the last value is low within w. Source: M-Lin-DM (2021),
    part 4; equal to its published forecasts to 1e-12.
    """
    last, low, spread = _last_and_window(motion, window - 1)
    wide = expit(5300 * (spread - 0.0006))
    calm = expit(-11000 * (last - (low + 0.2 * spread)))
    return 0.5 * wide + 0.5 * calm


def hard_baseline(
    motion: np.ndarray, window: int = 45, min_range: float = 1e-3, low_fraction: float = 0.1
) -> np.ndarray:
    """The study's earlier, hard baseline: the label's own rule, applied to the past.

    1 if motion[t - window .. t - 1] ranges by at least ``min_range`` and motion[t - 1] is within
    ``low_fraction`` of its bottom, else 0.
    """
    last, low, spread = _last_and_window(motion, window)
    fires = (spread >= min_range) & (last <= low + low_fraction * spread)
    return np.where(np.isfinite(spread), fires.astype(float), np.nan)


def time_since_burst(motion: np.ndarray, min_rise: float = 1e-3, width: int = 5) -> np.ndarray:
    """Frames since the recent motion last stood ``min_rise`` above its running low of 45 frames.

    NaN before the first burst. Known at frame t from motion[:t].
    """
    from fishlib.motion import recent_motion

    recent = recent_motion(motion, width)
    low = _trailing(minimum_filter1d, np.nan_to_num(recent, nan=np.inf), 45)
    frames = np.arange(len(recent), dtype=float)
    with np.errstate(invalid="ignore"):
        last_burst = np.where(recent - low >= min_rise, frames, -np.inf)
    elapsed = frames - np.maximum.accumulate(last_burst)
    return np.where(np.isfinite(elapsed), elapsed, np.nan)


def _last_and_window(motion: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """motion[t - 1], and the minimum and the range of motion[t - window .. t - 1], at each t."""
    last = -level_forecast(motion)
    low = np.full(len(last), np.nan)
    spread = np.full(len(last), np.nan)
    past = np.asarray(motion, float)
    minimum = _trailing(minimum_filter1d, past, window)
    maximum = _trailing(maximum_filter1d, past, window)
    low[window:] = minimum[window - 1 : -1]
    spread[window:] = (maximum - minimum)[window - 1 : -1]
    return last, low, spread


def _trailing(extremum, series: np.ndarray, size: int) -> np.ndarray:
    """Extremum over series[t - size + 1 : t + 1] at each t (shorter at the start)."""
    return extremum(series, size, mode="nearest", origin=(size - 1) // 2)
