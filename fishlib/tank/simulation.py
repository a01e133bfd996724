"""Tanks over time: the same fish, frame after frame, from their own streams of random numbers."""

import numpy as np

from fishlib.tank.config import TankConfig
from fishlib.tank.swimming import N_NORMAL, N_UNIFORM, first_state, step
from fishlib.tank.tracks import Tracks

DRAW_FRAMES = 256  # frames of random numbers drawn at once


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
