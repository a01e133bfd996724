"""Onset events: the moments at which motion leaves a trough and rises, as a table.

Frames are counted from 0; seconds are frames divided by the frame rate.
"""

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter1d


def find_onsets(
    speed: np.ndarray,
    horizon: int = 45,
    min_rise: float = 1e-3,
    foot: float = 0.1,
    width: int = 5,
    fps: float = 30.0,
) -> pd.DataFrame:
    """Find the onsets of bursts.

    With m the centred mean of ``speed`` over ``width`` frames: a rise leads from a trough of m to
    its highest value within ``horizon`` frames, before m falls below the trough again, and is at
    least ``min_rise``. Its onset is the last frame before the peak with
    ``m <= trough + foot * rise``. The next trough is looked for once m has turned down.

    Parameters
    ----------
    speed : float array (T,)
        Motion proxy, without gaps.
    horizon : int
        Longest rise, in frames (45 = 1.5 s at 30 fps).
    min_rise : float
        Smallest rise, in the unit of ``speed``.
    foot : float
        Share of the rise below which it has not begun.
    width : int
        Frames averaged, an odd number.
    fps : float
        Frames a second.

    Returns
    -------
    DataFrame
        One row an event, in the order of time: ``trough``, ``onset``, ``peak`` (frames, int64),
        ``onset_s`` (seconds), ``rise`` (unit of ``speed``).

    Raises
    ------
    ValueError
        If ``speed`` is not one finite series longer than ``width``, or ``width`` is even.
    """
    mean = _centred_mean(speed, width)
    highest = maximum_filter1d(
        np.nan_to_num(mean, nan=-np.inf), horizon + 1, mode="nearest", origin=-((horizon + 1) // 2)
    )  # over m[t .. t + horizon]
    before_rise = np.flatnonzero(highest - mean >= min_rise)
    events, start = [], 0
    while (i := np.searchsorted(before_rise, start)) < len(before_rise):
        events.append(_follow_rise(mean, int(before_rise[i]), horizon, foot))
        start = events[-1]["peak"]
        while start + 1 < len(mean) and mean[start + 1] > mean[start]:
            start += 1
    columns = {"trough": int, "onset": int, "peak": int, "rise": float}
    table = pd.DataFrame(events, columns=list(columns)).astype(columns)
    table.insert(3, "onset_s", table.onset / fps)
    return table


def _follow_rise(mean: np.ndarray, frame: int, horizon: int, foot: float) -> dict:
    """The first rise at or after a frame that has one ahead of it."""
    peak = frame + int(np.nanargmax(mean[frame : frame + horizon + 1]))
    trough = _last(mean[frame : peak + 1] <= mean[frame : peak + 1].min()) + frame
    ahead = mean[trough : trough + horizon + 1]
    lower = np.flatnonzero(ahead < mean[trough])
    peak = trough + int(np.nanargmax(ahead[: lower[0]] if lower.size else ahead))
    rise = float(mean[peak] - mean[trough])
    onset = trough + _last(mean[trough : peak + 1] <= mean[trough] + foot * rise)
    return {"trough": trough, "onset": onset, "peak": peak, "rise": rise}


def _last(where: np.ndarray) -> int:
    return int(np.flatnonzero(where)[-1])


def _centred_mean(speed: np.ndarray, width: int) -> np.ndarray:
    speed = np.asarray(speed, dtype=float)
    if speed.ndim != 1 or len(speed) <= width or not np.isfinite(speed).all():
        raise ValueError(
            f"Onsets are found in one finite series of more than {width} frames, got shape "
            f"{speed.shape} with {int((~np.isfinite(speed)).sum())} values that are not finite."
        )
    if width % 2 == 0:
        raise ValueError(f"A centred mean takes an odd number of frames, got {width}.")
    mean = np.full(len(speed), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(speed, width)
    mean[width // 2 : len(speed) - width // 2] = windows.mean(axis=1)
    return mean


def add_warnings(
    onsets: pd.DataFrame, alarms: np.ndarray, horizon: int = 45, fps: float = 30.0
) -> pd.DataFrame:
    """Add the alarm that preceded each onset.

    An alarm at frame t covers (t, t + horizon]. Of several that cover an onset the first is given.

    Parameters
    ----------
    onsets : DataFrame
        From :func:`find_onsets`.
    alarms : int array (n,)
        Frames of the alarms, ascending.
    horizon : int
        Frames an alarm covers.
    fps : float
        Frames a second.

    Returns
    -------
    DataFrame
        With ``alarm`` (frame, Int64) and ``lead_s`` (seconds from alarm to onset), both missing
        where no alarm preceded.
    """
    alarms = np.asarray(alarms, dtype=int)
    onset = onsets.onset.to_numpy()
    at = np.searchsorted(alarms, onset - horizon)  # the first alarm at most a horizon before
    alarm = np.append(alarms, np.iinfo(int).max)[at]
    warned = alarm < onset
    alarm = pd.array(np.where(warned, alarm, 0), dtype="Int64")
    alarm[~warned] = pd.NA
    return onsets.assign(alarm=alarm, lead_s=np.where(warned, (onset - alarm) / fps, np.nan))
