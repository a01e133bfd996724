"""The simulated tank: a film made here, and the truth behind it, which no real film has."""

from dataclasses import dataclass

import numpy as np

from fishlib.tank.fish import simulate_tanks, simulate_tracks
from fishlib.tank.oracle import oracle_forecast, oracle_of
from fishlib.tank.rendering import render_blocks
from fishlib.tank.state import TankConfig, Tracks, calm_shoal

__all__ = [
    "Film",
    "TankConfig",
    "Tracks",
    "calm_shoal",
    "oracle_forecast",
    "oracle_of",
    "render_blocks",
    "simulate_film",
    "simulate_tanks",
    "simulate_tracks",
]


@dataclass(frozen=True)
class Film:
    """A simulated film with its truth.

    Attributes
    ----------
    frames : ndarray, uint8 (T, H, W)
        Bright fish on black.
    tracks : Tracks
        Position, heading, motion, behaviour, chases and hazard, and all it takes to go on.
    config : TankConfig
        The tank.
    seed : int
        The seed it was made with.
    """

    frames: np.ndarray
    tracks: Tracks
    config: TankConfig
    seed: int


def simulate_film(
    config: TankConfig, seed: int, n_frames: int, size: tuple[int, int] = (240, 320)
) -> Film:
    """Simulate a tank and film it.

    Parameters
    ----------
    config : TankConfig
        The tank.
    seed : int
        Seed of all random numbers; the same seed gives the same film.
    n_frames : int
        Number of frames, 30 of them a second; all are kept in memory (`render_blocks` does not).
    size : tuple of int
        Height and width of the frames.

    Returns
    -------
    Film
        Frames and truth.

    Raises
    ------
    ValueError
        If there are fewer than two frames.
    """
    tracks = simulate_tracks(config, seed, n_frames)
    frames = np.empty((n_frames, *size), np.uint8)
    start = 0
    for part in render_blocks(tracks, config, seed, size):
        frames[start : start + len(part)] = part
        start += len(part)
    return Film(frames, tracks, config, seed)
