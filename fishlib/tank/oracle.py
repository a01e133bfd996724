"""The best forecast anyone could make: roll the tank on from its true state, many times."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from fishlib.questions import CALM_WIDTH, is_burst, is_rise
from fishlib.tank.fish import N_NORMAL, N_UNIFORM, simulate_tanks, step
from fishlib.tank.rendering import Painter
from fishlib.tank.state import TankConfig, Tracks

SIZE = (120, 160)  # futures are drawn small; their motion is scaled to FULL_SIZE
FULL_SIZE = (240, 320)
BATCH = 1500  # futures that advance together


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


def drawn_motion(states: np.ndarray, painter: Painter) -> np.ndarray:
    """Motion proxy of many short films, float64 (K, n_steps), from states (n_steps + 1, 11, K, n).

    Each film is drawn by `painter` and measured like any other, by absolute differences.
    """
    height, width = painter.size
    motions = np.empty((states.shape[2], len(states) - 1))
    film = np.empty((len(states), height, width), np.uint8)
    for k in range(states.shape[2]):
        film[:] = 0
        painter.paint(np.ascontiguousarray(states[:, :, k]), film)
        motions[k] = [cv2.norm(before, after, cv2.NORM_L1) for before, after in pairwise(film)]
    return motions / (255 * height * width)


def _sketcher(config: TankConfig, seed: int) -> Painter:
    """Painter of small pictures without specks, whose noise `size_correction` makes up for."""
    return Painter(replace(config, n_specks=0), seed, SIZE)


def size_correction(config: TankConfig, seed: int) -> tuple[float, float]:
    """Slope and intercept that turn the motion drawn at SIZE into that drawn at FULL_SIZE.

    Fitted by least squares on a few short films of the same kind of tank, drawn at both sizes.
    """
    tanks = simulate_tanks(config, seed, 300, 6)
    states = np.concatenate([tank.state for tank in tanks])
    first = np.arange(0, len(states), 5)
    pairs = np.stack([states[first], states[first + 1]]).transpose(0, 2, 1, 3)
    small = drawn_motion(pairs, _sketcher(config, seed))
    full = drawn_motion(pairs, Painter(config, seed, FULL_SIZE))
    slope, intercept = np.polyfit(small.ravel(), full.ravel(), 1)
    return float(slope), float(intercept)


def rollout_motion(
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
    motions : ndarray, float64 (B, n_rollouts, n_steps)
        Motion proxy at 240 x 320; element i is ``motion[t + i]``.
    """
    rng = np.random.default_rng([seed, 13])
    painter = _sketcher(config, seed)
    slope, intercept = size_correction(config, seed)
    size = max(1, BATCH // n_rollouts)
    for start in range(0, len(frames), size):
        batch = frames[start : start + size]
        states = roll_on(tracks, config, np.repeat(batch, n_rollouts), n_steps, rng)
        motions = intercept + slope * drawn_motion(states, painter)
        yield batch, motions.reshape(len(batch), n_rollouts, n_steps)


def past_motion(tracks: Tracks, config: TankConfig, frames: np.ndarray, seed: int) -> np.ndarray:
    """Mean motion of the five frames before each given frame, float64 (F,), drawn at FULL_SIZE."""
    window = frames[None, :] + np.arange(-CALM_WIDTH, 1)[:, None]
    states = tracks.state[window].transpose(0, 2, 1, 3)
    return drawn_motion(states, Painter(config, seed, FULL_SIZE)).mean(axis=1)


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
        For "onset": frames whose recent motion is above it are not asked and stay NaN.

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
    if frames.size and not (frames.min() >= CALM_WIDTH and frames.max() < len(tracks)):
        raise ValueError(f"frames must lie in {CALM_WIDTH} .. {len(tracks) - 1}, inside the film")
    forecast = np.full(len(tracks), np.nan)
    recent = np.full(len(tracks), np.nan)
    if target == "onset" and frames.size:
        recent[frames] = past_motion(tracks, config, frames, seed)
        if calm_level is not None:
            frames = frames[recent[frames] <= calm_level]
    for batch, motions in rollout_motion(tracks, config, frames, n_rollouts, horizon + 1, seed):
        if target == "onset":
            happens = is_rise(motions, recent[batch][:, None], threshold)
        else:
            happens = is_burst(motions, threshold, low_fraction)
        forecast[batch] = happens.mean(axis=1)
    return forecast


def oracle_of(
    recording,
    question: np.ndarray,
    parts: dict[str, slice] | None,
    settings: dict,
    n_frames: int = 400,
    n_rollouts: int = 30,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The oracle's forecast of onset from calm at some frames of the test part of a tank.

    Parameters
    ----------
    recording : Recording
        With its ``truth``, or None where nobody knows it.
    question : int8 array (T,)
        1, 0, or -1 where not asked.
    parts : dict of slice, optional
        With the key ``test``; None takes all frames.
    settings : dict
        ``horizon``, ``min_range`` and ``calm_level`` of the question.
    n_frames : int
        Asked frames, evenly spread, from which the tank is rolled on.
    n_rollouts, seed
        As in :func:`oracle_forecast`.

    Returns
    -------
    dict
        ``{"oracle": float64 (T,)}``, NaN elsewhere; empty for a film whose truth is unknown.
    """
    if recording.truth is None:
        return {}
    part = parts["test"] if parts else slice(None)
    asked = np.arange(len(question))[part]
    asked = asked[question[asked] >= 0]
    chosen = asked[np.linspace(0, len(asked) - 1, min(n_frames, len(asked))).astype(int)]
    forecast = oracle_forecast(
        recording.truth,
        TankConfig(),
        chosen,
        n_rollouts=n_rollouts,
        seed=seed,
        horizon=settings["horizon"],
        threshold=settings["min_range"],
        calm_level=settings["calm_level"],
    )
    return {"oracle": forecast}
