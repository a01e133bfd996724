"""The best forecast anyone could make: roll the tank on from its true state, many times."""

import numpy as np

from fishlib.tank.config import TankConfig
from fishlib.tank.rollouts import RECENT, past_speed, rollout_speeds
from fishlib.tank.tracks import Tracks


def oracle_forecast(
    tracks: Tracks,
    config: TankConfig,
    frames: np.ndarray,
    target: str = "onset",
    n_rollouts: int = 30,
    seed: int = 0,
    horizon: int = 45,
    threshold: float = 1e-3,
    low_fraction: float = 0.1,
    calm_level: float | None = None,
) -> np.ndarray:
    """Share of the futures of the true state in which the target happens.

    No forecaster can rank the frames better on average than this probability does, up to the
    noise of a finite number of futures.

    Parameters
    ----------
    tracks : Tracks
        What the fish did.
    config : TankConfig
        The tank they did it in.
    frames : ndarray, int (F,)
        Frames at which to forecast, from 5 on.
    target : {"onset", "burst"}
        Onset from calm as in `labels.label_onsets`, or the study's label as in
        `labels.label_bursts`.
    n_rollouts : int
        Futures a frame.
    seed : int
        Seed of the futures.
    horizon : int
        Frames looked ahead.
    threshold : float
        Smallest rise (onset) or range (burst) that counts.
    low_fraction : float
        For "burst": share of the range that still counts as low.
    calm_level : float, optional
        For "onset": frames whose recent speed is above it are not asked and stay NaN.

    Returns
    -------
    ndarray, float64 (T,)
        Probability at the given frames, NaN elsewhere.

    Raises
    ------
    ValueError
        If the target is unknown, or a frame is outside the film or among its first five.
    """
    if target not in ("onset", "burst"):
        raise ValueError(f"target {target!r} is unknown; choose 'onset' or 'burst'")
    frames = np.asarray(frames, dtype=np.intp)
    if frames.size and not (frames.min() >= RECENT and frames.max() < len(tracks)):
        raise ValueError(f"frames must lie in {RECENT} .. {len(tracks) - 1}, inside the film")
    forecast = np.full(len(tracks), np.nan)
    recent = np.full(len(tracks), np.nan)
    if target == "onset" and frames.size:
        recent[frames] = past_speed(tracks, config, frames, seed)
        if calm_level is not None:
            frames = frames[recent[frames] <= calm_level]
    for batch, speeds in rollout_speeds(tracks, config, frames, n_rollouts, horizon + 1, seed):
        if target == "onset":
            happens = _rises(speeds, recent[batch], threshold)
        else:
            happens = _bursts(speeds, threshold, low_fraction)
        forecast[batch] = happens.mean(axis=1)
    return forecast


def _rises(speeds: np.ndarray, recent: np.ndarray, min_rise: float) -> np.ndarray:
    """Whether any 5-frame mean exceeds the recent speed enough, bool (B, n_rollouts)."""
    windows = np.lib.stride_tricks.sliding_window_view(speeds, RECENT, axis=2)
    return windows.mean(axis=3).max(axis=2) - recent[:, None] >= min_rise


def _bursts(speeds: np.ndarray, min_range: float, low_fraction: float) -> np.ndarray:
    """Whether speed is low now and ranges widely, bool (B, n_rollouts)."""
    low = speeds.min(axis=2)
    spread = speeds.max(axis=2) - low
    return (spread >= min_range) & (speeds[:, :, 0] <= low + low_fraction * spread)
