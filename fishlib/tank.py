"""The simulated tank: a film made here, and the truth behind it, which no real film has."""

from dataclasses import dataclass

import numpy as np

from fishlib.behaviour import BEHAVIOURS
from fishlib.oracle import oracle_forecast
from fishlib.rendering import render_blocks
from fishlib.swimming import N_NORMAL, N_UNIFORM, first_state, step
from fishlib.tank_config import TankConfig, calm_shoal
from fishlib.tracks import Tracks

__all__ = [
    "BEHAVIOURS",
    "Film",
    "TankConfig",
    "Tracks",
    "calm_shoal",
    "oracle_forecast",
    "render_blocks",
    "simulate_film",
    "simulate_tanks",
    "simulate_tracks",
]

DRAW_FRAMES = 256  # frames of random numbers drawn at once


@dataclass(frozen=True)
class Film:
    """A simulated film with its truth.

    Attributes
    ----------
    frames : ndarray, uint8 (T, H, W)
        Bright fish on black.
    tracks : Tracks
        Position, heading, speed, behaviour, chases and hazard, and all it takes to go on.
    config : TankConfig
        The tank.
    seed : int
        The seed it was made with.
    """

    frames: np.ndarray
    tracks: Tracks
    config: TankConfig
    seed: int


def _draw_block(
    generators: list[np.random.Generator], n_fish: int
) -> tuple[np.ndarray, np.ndarray]:
    """Random numbers of all tanks for the next frames: uniform (B, 5, K, n), normal (B, 2, K, n).

    Blocks have a fixed size, so that a tank's numbers depend on its own generator only.
    """
    uniform = [rng.random((DRAW_FRAMES, N_UNIFORM, n_fish)) for rng in generators]
    normal = [rng.standard_normal((DRAW_FRAMES, N_NORMAL, n_fish)) for rng in generators]
    return np.stack(uniform, axis=2), np.stack(normal, axis=2)


def simulate_tanks(config: TankConfig, seed: int, n_frames: int, n_tanks: int) -> list[Tracks]:
    """Let several independent tanks run side by side, in one vectorised pass.

    Tank k is the same whatever the number of tanks, and n frames are the beginning of any longer
    run, because every tank has its own stream of random numbers.

    Parameters
    ----------
    config : TankConfig
        The tank.
    seed : int
        Seed of the random numbers.
    n_frames, n_tanks : int
        Frames and tanks.

    Returns
    -------
    list of Tracks
        One for each tank.

    Raises
    ------
    ValueError
        If there are fewer than two frames or no tank.
    """
    if n_frames < 2 or n_tanks < 1:
        raise ValueError(f"{n_frames} frames of {n_tanks} tanks: give at least 2 frames, 1 tank")
    generators = [np.random.default_rng([seed, 10, k]) for k in range(n_tanks)]
    state = np.stack([first_state(config, rng) for rng in generators], axis=1)  # (11, K, n)
    arousal = np.array([config.arousal_sd * rng.standard_normal() for rng in generators])
    states = np.empty((n_frames, *state.shape), np.float32)
    arousals = np.empty((n_frames, n_tanks), np.float32)
    hazards = np.empty((n_frames, n_tanks, config.n_fish), np.float32)
    for t in range(n_frames):
        if t % DRAW_FRAMES == 0:
            uniform, normal = _draw_block(generators, config.n_fish)
        states[t], arousals[t] = state, arousal
        i = t % DRAW_FRAMES
        hazards[t] = step(state, arousal, uniform[i], normal[i], config)
    return [Tracks(states[:, :, k], arousals[:, k], hazards[:, k]) for k in range(n_tanks)]


def simulate_tracks(config: TankConfig, seed: int, n_frames: int) -> Tracks:
    """One tank over time: the first of `simulate_tanks`, with the same arguments and errors."""
    return simulate_tanks(config, seed, n_frames, 1)[0]


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
