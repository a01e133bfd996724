"""The best forecast anyone could make: roll the tank on from its true state, many times."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
import pandas as pd
from joblib import cpu_count

from fishlib.motion import recent_motion
from fishlib.questions import CALM_WIDTH, find_onsets, is_burst, is_rise
from fishlib.side_by_side import side_by_side
from fishlib.spans import LEADS
from fishlib.tank.fish import N_NORMAL, N_UNIFORM, TankConfig, Tracks, simulate_tanks, step
from fishlib.tank.rendering import Painter

SIZE = (120, 160)  # futures are drawn small; their motion is scaled to FULL_SIZE
FULL_SIZE = (240, 320)
BATCH = 1500  # futures that advance together
PAST = 120  # frames before a future that say whether a rise is under way already


def roll_on(tracks: Tracks, config: TankConfig, frames, n_steps: int, rng) -> np.ndarray:
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
    for k in range(states.shape[2]):
        film = np.zeros((len(states), height, width), np.uint8)
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
    tracks: Tracks, config: TankConfig, frames, n_rollouts: int, n_steps: int, seed: int
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


def oracle_forecast(
    tracks, config, frames, motion, question="onset", n_rollouts=30, seed=0, horizon=45,
    min_rise=1e-3,
) -> np.ndarray:  # fmt: skip
    """Share of the futures of the true state in which the answer is yes.

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
    motion : float array (T,)
        Motion of the film; at frame t ``motion[:t]`` is read.
    question : {"onset", "burst", "alarm"}
        As in :mod:`fishlib.questions`.
    n_rollouts : int
        Futures a frame.
    seed : int
        Seed of the futures.
    horizon : int
        Frames looked ahead.
    min_rise : float
        Smallest rise (onset, alarm) or range (burst) that counts.

    Returns
    -------
    ndarray, float64 (T,), or (4, T) for "alarm"
        Probability at the given frames, NaN elsewhere. Row i of an alarm: that an event begins
        later than ``LEADS[i]`` seconds after the frame, and within the horizon.

    Raises
    ------
    ValueError
        If the question is unknown, or a frame is outside the film or among its first five.
    """
    if question not in ("onset", "burst", "alarm"):
        raise ValueError(f"question {question!r} is unknown: choose 'onset', 'burst' or 'alarm'.")
    frames = np.asarray(frames, dtype=np.intp)
    if frames.size and not (frames.min() >= CALM_WIDTH and frames.max() < len(tracks)):
        raise ValueError(f"frames must lie in {CALM_WIDTH} .. {len(tracks) - 1}, inside the film")
    is_alarm = question == "alarm"
    forecast = np.full((len(LEADS), len(tracks)) if is_alarm else len(tracks), np.nan)
    n_steps = 2 * horizon + CALM_WIDTH if is_alarm else horizon + 1  # an event's peak comes later
    for batch, futures in rollout_motion(tracks, config, frames, n_rollouts, n_steps, seed):
        if is_alarm:
            happens = _events_begin(motion, batch, futures, horizon, min_rise)
        elif question == "onset":
            happens = is_rise(futures, recent_motion(motion)[batch][:, None], min_rise)
        else:
            happens = is_burst(futures, min_rise, 0.1)
        forecast[..., batch] = happens.mean(axis=-1)
    return forecast


def _events_begin(motion, batch, futures, horizon: int, min_rise: float) -> np.ndarray:
    """Whether an event begins after each lead and within the horizon, bool (4, B, rollouts).

    Events are found in the film's past and one future, as if they were one film.
    """
    begins = []
    for t, of_frame in zip(batch, futures, strict=True):
        past = min(t, PAST)
        films = [np.r_[motion[t - past : t], future, 0] for future in of_frame]
        stop = len(films[0]) * np.arange(1, len(films) + 1)
        pieces = pd.DataFrame({"film": "future", "start": stop - len(films[0]), "stop": stop})
        onset = find_onsets(np.concatenate(films), horizon, min_rise, pieces=pieces).onset
        future, place = np.divmod(onset.to_numpy(), len(films[0]))
        wait = place - past
        happens = np.zeros((len(LEADS), len(films)), bool)
        for row, lead in zip(happens, LEADS, strict=True):
            row[future[(wait > 30 * lead) & (wait <= horizon)]] = True
        begins.append(happens)
    return np.stack(begins, axis=1)


def oracle_of(
    recording, questions, parts, settings, n_frames=400, n_rollouts=30, seed=0
) -> dict[str, dict[str, np.ndarray]]:
    """The oracle's answers, side by side, at some frames of the test part of a tank.

    Parameters
    ----------
    recording : Recording
        With its ``truth``, or None where nobody knows it.
    questions : dict of {"onset", "burst", "alarm"} -> int8 array (T,)
        1, 0, or -1 where not asked.
    parts : dict of slice or index array, optional
        With the key ``test``; None takes all frames.
    settings : dict
        ``horizon`` and ``min_range`` of the question.
    n_frames : int
        Asked frames, evenly spread, from which the tank is rolled on.
    n_rollouts, seed
        As in :func:`oracle_forecast`.

    Returns
    -------
    dict
        Of each question, ``{"oracle": float64 (T,)}``, NaN elsewhere; for an alarm also "oracle,
        0.25 s ahead" and so on for the other `LEADS`. Empty for a film whose truth is unknown.
    """
    if recording.truth is None:
        return {name: {} for name in questions}
    calls, settings = {}, (n_rollouts, seed, settings["horizon"], settings["min_range"])
    for name, question in questions.items():
        asked = np.arange(len(question))[parts["test"] if parts else slice(None)]
        asked = asked[question[asked] >= 0]
        chosen = asked[np.linspace(0, len(asked) - 1, min(n_frames, len(asked))).astype(int)]
        told = recording.truth, TankConfig(), chosen, recording.motion, name, *settings
        calls[name] = partial(oracle_forecast, *told)
    names = ["oracle"] + [f"oracle, {lead:g} s ahead" for lead in LEADS[1:]]
    told = side_by_side(calls, cpu_count())
    return {name: dict(zip(names, np.atleast_2d(p), strict=False)) for name, p in told.items()}
