"""Futures of a simulated tank from its true state, and how much motion their films would show."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from fishlib.tank.config import TankConfig
from fishlib.tank.rendering import Painter
from fishlib.tank.simulation import simulate_tanks
from fishlib.tank.swimming import N_NORMAL, N_UNIFORM, step
from fishlib.tank.tracks import Tracks

SIZE = (120, 160)  # futures are drawn small; their speed is scaled to FULL_SIZE
FULL_SIZE = (240, 320)
BATCH = 1500  # futures that advance together
RECENT = 5  # frames averaged in the onset label


def roll_on(
    tracks: Tracks,
    config: TankConfig,
    frames: np.ndarray,
    n_steps: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Futures of a tank: one from each of the given frames, from its true state.

    Parameters
    ----------
    tracks : Tracks
        What the fish did.
    config : TankConfig
        The tank.
    frames : ndarray, int (K,)
        Frames to start from; repeat a frame for several futures of it.
    n_steps : int
        Frames to go on.
    rng : numpy.random.Generator
        Fresh random numbers.

    Returns
    -------
    ndarray, float32 (n_steps + 1, 11, K, n_fish)
        States; the first is the true one.
    """
    state = np.ascontiguousarray(tracks.state[frames].transpose(1, 0, 2), float)
    arousal = tracks.arousal[frames].astype(float)
    states = np.empty((n_steps + 1, *state.shape), np.float32)
    states[0] = state
    shape = state.shape[1:]
    for i in range(n_steps):
        uniform, normal = rng.random((N_UNIFORM, *shape)), rng.standard_normal((N_NORMAL, *shape))
        step(state, arousal, uniform, normal, config)
        states[i + 1] = state
    return states


def drawn_speeds(states: np.ndarray, painter: Painter) -> np.ndarray:
    """Motion proxy of many short films, float64 (K, n_steps), from states (n_steps + 1, 11, K, n).

    Each film is drawn by `painter` and measured like any other, by absolute differences.
    """
    height, width = painter.size
    speeds = np.empty((states.shape[2], len(states) - 1))
    film = np.empty((len(states), height, width), np.uint8)
    for k in range(states.shape[2]):
        film[:] = 0
        painter.paint(np.ascontiguousarray(states[:, :, k]), film)
        speeds[k] = [cv2.norm(before, after, cv2.NORM_L1) for before, after in pairwise(film)]
    return speeds / (255 * height * width)


def _sketcher(config: TankConfig, seed: int) -> Painter:
    """Painter of small pictures without specks, whose noise `size_correction` makes up for."""
    return Painter(replace(config, n_specks=0), seed, SIZE)


def size_correction(config: TankConfig, seed: int) -> tuple[float, float]:
    """Slope and intercept that turn the speed drawn at SIZE into that drawn at FULL_SIZE.

    Fitted by least squares on a few short films of the same kind of tank, drawn at both sizes.
    """
    tanks = simulate_tanks(config, seed, 300, 6)
    states = np.concatenate([tank.state for tank in tanks])
    first = np.arange(0, len(states), 5)
    pairs = np.stack([states[first], states[first + 1]]).transpose(0, 2, 1, 3)
    small = drawn_speeds(pairs, _sketcher(config, seed))
    full = drawn_speeds(pairs, Painter(config, seed, FULL_SIZE))
    slope, intercept = np.polyfit(small.ravel(), full.ravel(), 1)
    return float(slope), float(intercept)


def rollout_speeds(
    tracks: Tracks,
    config: TankConfig,
    frames: np.ndarray,
    n_rollouts: int,
    n_steps: int,
    seed: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Speeds of the futures of a tank, a batch of frames at a time.

    Parameters
    ----------
    tracks, config
        What the fish did, and the tank.
    frames : ndarray, int (F,)
        Frames to start from.
    n_rollouts, n_steps : int
        Futures a frame, and frames in each.
    seed : int
        Seed of the futures; they never repeat what the film itself was made from.

    Yields
    ------
    frames : ndarray, int (B,)
        The frames of this batch.
    speeds : ndarray, float64 (B, n_rollouts, n_steps)
        Motion proxy at 240 x 320; element i is ``speed[t + i]``.
    """
    rng = np.random.default_rng([seed, 13])
    painter = _sketcher(config, seed)
    slope, intercept = size_correction(config, seed)
    size = max(1, BATCH // n_rollouts)
    for start in range(0, len(frames), size):
        batch = frames[start : start + size]
        states = roll_on(tracks, config, np.repeat(batch, n_rollouts), n_steps, rng)
        speeds = intercept + slope * drawn_speeds(states, painter)
        yield batch, speeds.reshape(len(batch), n_rollouts, n_steps)


def past_speed(tracks: Tracks, config: TankConfig, frames: np.ndarray, seed: int) -> np.ndarray:
    """Mean speed of the five frames before each given frame, float64 (F,), drawn at FULL_SIZE."""
    window = frames[None, :] + np.arange(-RECENT, 1)[:, None]
    states = tracks.state[window].transpose(0, 2, 1, 3)
    return drawn_speeds(states, Painter(config, seed, FULL_SIZE)).mean(axis=1)
