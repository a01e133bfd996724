"""Targets made from the future of the motion proxy.

A label is an int8 array, one value a frame: 1 a burst follows, 0 none follows, -1 not labelled.
"""

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from fishlib.motion import recent_speed
from fishlib.splits import split_frames

__all__ = [
    "future_motion",
    "label_bursts",
    "label_onsets",
    "median_recent_speed",
    "runs_of",
    "split_frames",
]


def label_bursts(
    speed: np.ndarray,
    horizon: int = 45,
    min_range: float = 1e-3,
    low_fraction: float = 0.1,
    history: int = 120,
) -> np.ndarray:
    """The study's label: motion is low now and will range widely soon.

    With W = speed[t .. t + horizon] and R = max W - min W, frame t is positive if
    ``R >= min_range`` and ``speed[t] <= min W + low_fraction * R``. Source: M-Lin-DM (2021),
    part 3; equal to its 53 916 published labels on every labelled frame.

    Parameters
    ----------
    speed : float array (T,)
        Motion proxy.
    horizon : int
        Frames looked ahead (45 = 1.5 s at 30 fps).
    min_range : float
        Smallest range that counts as a burst, in the unit of ``speed``.
    low_fraction : float
        Share of the range that still counts as low.
    history : int
        Frames a clip needs; the first ``history - 1`` frames are not labelled.

    Returns
    -------
    int8 array (T,)
        1, 0, or -1 where the past or the future is too short.

    Raises
    ------
    ValueError
        If ``speed`` is not one finite series, or no frame can be labelled.
    """
    speed = _require_series(speed, horizon, history)
    low = _ahead(minimum_filter1d, speed, horizon + 1)
    spread = _ahead(maximum_filter1d, speed, horizon + 1) - low
    positive = (spread >= min_range) & (speed <= low + low_fraction * spread)
    return _mark_unlabelled(positive, horizon, history)


def label_onsets(
    speed: np.ndarray,
    horizon: int = 45,
    min_rise: float = 1e-3,
    calm_level: float | None = None,
    history: int = 120,
    width: int = 5,
) -> np.ndarray:
    """Onset from calm: the frame is calm, and motion will rise above it soon.

    With s[t] = mean speed[t - 5 .. t - 1], only frames with ``s[t] <= calm_level`` are asked. Such
    a frame is positive if the largest 5-frame mean of speed inside [t, t + horizon] exceeds s[t]
    by at least ``min_rise``. Which frames are asked depends on nothing after t.

    Parameters
    ----------
    speed : float array (T,)
        Motion proxy.
    horizon, history : int
        As in :func:`label_bursts`.
    min_rise : float
        Smallest rise that counts, in the unit of ``speed``.
    calm_level : float, optional
        Largest s that counts as calm: the median of s over the *training* frames
        (:func:`median_recent_speed`). None takes the median over this series.
    width : int
        Frames averaged.

    Returns
    -------
    int8 array (T,)
        1, 0, or -1 where the frame is not calm or cannot be labelled.

    Raises
    ------
    ValueError
        If ``speed`` is not one finite series, or no frame can be labelled.
    """
    speed = _require_series(speed, horizon, history)
    recent = recent_speed(speed, width)
    level = median_recent_speed(speed, width=width) if calm_level is None else calm_level
    means = np.append(recent[width:], np.full(width, -np.inf))  # means[t] = mean speed[t : t + 5]
    peak = _ahead(maximum_filter1d, means, horizon + 2 - width)
    with np.errstate(invalid="ignore"):
        label = _mark_unlabelled(peak - recent >= min_rise, horizon, history)
        return np.where(recent <= level, label, -1).astype(np.int8)


def median_recent_speed(
    speed: np.ndarray, frames: slice | np.ndarray | None = None, width: int = 5
) -> float:
    """Median of the recent motion over some frames: the level below which a frame is calm.

    Parameters
    ----------
    speed : float array (T,)
        Motion proxy.
    frames : slice or index array, optional
        The training frames; None takes all.
    width : int
        Frames averaged.
    """
    recent = recent_speed(speed, width)
    return float(np.nanmedian(recent if frames is None else recent[frames]))


def future_motion(
    speed: np.ndarray, training: slice, widths: tuple[int, ...] = (1, 5, 15, 45)
) -> np.ndarray:
    """The coming motion as auxiliary targets for a network: log means over windows from now on.

    Parameters
    ----------
    speed : float array (T,)
        Motion proxy.
    training : slice
        Frames over which each column is brought to mean 0 and standard deviation 1.
    widths : tuple of int
        Frames averaged, beginning with the current one.

    Returns
    -------
    float64 array (T, len(widths))
        0 at the end of the series, where the future is too short.
    """
    speed = np.asarray(speed, float)
    floor = max(0.1 * np.median(speed), 1e-9)  # keeps the logarithm of a still frame finite
    targets = np.zeros((len(speed), len(widths)))
    for column, width in enumerate(widths):
        means = np.log(np.convolve(speed, np.ones(width) / width, "valid") + floor)
        known = means[training]
        targets[: len(means), column] = (means - known.mean()) / max(known.std(), 1e-9)
    return targets


def runs_of(mask: np.ndarray) -> np.ndarray:
    """First and last index of every run of True, int (runs, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return edges.reshape(-1, 2) - [0, 1]


def _require_series(speed: np.ndarray, horizon: int, history: int) -> np.ndarray:
    speed = np.asarray(speed, dtype=float)
    if speed.ndim != 1 or not np.isfinite(speed).all():
        raise ValueError(
            f"The motion proxy must be one finite series, got shape {speed.shape} with "
            f"{int((~np.isfinite(speed)).sum())} values that are not finite."
        )
    if horizon < 1 or history < 1:
        raise ValueError(f"horizon and history are at least 1 frame, got {horizon} and {history}.")
    if len(speed) < history + horizon + 1:
        raise ValueError(
            f"A film of {len(speed)} frames is too short to label: the past {history} and the next "
            f"{horizon} frames need at least {history + horizon + 1}. Use a longer film, or a "
            "shorter history or horizon."
        )
    return speed


def _ahead(extremum, series: np.ndarray, size: int) -> np.ndarray:
    """Extremum over series[t : t + size] at each t (shorter at the end)."""
    return extremum(series, size, mode="nearest", origin=-(size // 2))


def _mark_unlabelled(positive: np.ndarray, horizon: int, history: int) -> np.ndarray:
    label = np.full(len(positive), -1, np.int8)
    asked = slice(history - 1, len(positive) - 1 - horizon)
    label[asked] = positive[asked]
    return label
