"""How the fish of a simulated tank swim: kicks, coasting, turning, walls, and a bending body."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishlib.behaviour import (
    APPROACH,
    CALM,
    CHASE,
    FLEE,
    REST,
    attack_probability,
    attack_rates,
    change_behaviour,
    pair_geometry,
)
from fishlib.tank_config import TankConfig

VARIABLES = (
    "x", "y", "heading", "speed", "turn", "phase", "bend", "tail", "mode", "timer", "partner",
)  # fmt: skip
GRID = 4096.0  # states are rounded to 1/4096: exact in float32, and the same on every platform
N_UNIFORM, N_NORMAL = 5, 2  # random numbers a fish and frame
DRAW_FRAMES = 256  # frames of random numbers drawn at once
WALL_MARGIN, WALL_REACH = 10.0, 32.0  # px: fish turn at the second, and never pass the first
MAX_TURN = 0.35  # rad/frame
SPACE = 42.0  # px that calm fish keep between them


@dataclass(frozen=True)
class Tracks:
    """What the fish of one tank did: the complete state at every frame.

    Attributes
    ----------
    state : ndarray, float32 (T, 11, n_fish)
        All variables of all fish, in the order of `VARIABLES`.
    arousal : ndarray, float32 (T,)
        Log of the factor on the group's kick rate.
    hazard : ndarray, float32 (T, n_fish)
        Probability that a fish begins a chase between this frame and the next.
    """

    state: np.ndarray
    arousal: np.ndarray
    hazard: np.ndarray

    def __len__(self) -> int:
        return len(self.state)

    def variable(self, name: str) -> np.ndarray:
        """One variable, float32 (T, n_fish), by its name in `VARIABLES`."""
        return self.state[:, VARIABLES.index(name)]

    @property
    def position(self) -> np.ndarray:
        """Middle of each fish, float32 (T, n_fish, 2): x to the right and y down, px."""
        return self.state[:, :2].transpose(0, 2, 1)

    @property
    def heading(self) -> np.ndarray:
        """Direction of swimming, float32 (T, n_fish), rad from the x axis towards y."""
        return self.variable("heading")

    @property
    def speed(self) -> np.ndarray:
        """Speed along the heading, float32 (T, n_fish), px/frame."""
        return self.variable("speed")

    @property
    def behaviour(self) -> np.ndarray:
        """Behaviour code of each fish, int8 (T, n_fish), an index into `BEHAVIOURS`."""
        return self.variable("mode").astype(np.int8)

    @property
    def partner(self) -> np.ndarray:
        """The fish approached, chased or fled from, int8 (T, n_fish); -1 for none."""
        return self.variable("partner").astype(np.int8)

    @property
    def chases(self) -> pd.DataFrame:
        """Chases in order of their beginning: start, end (frames, end excluded), chaser, victim."""
        mode, timer = self.behaviour, self.variable("timer")
        hunting = mode == CHASE
        first = hunting & ~np.vstack([np.zeros_like(hunting[:1]), hunting[:-1]])
        start, chaser = np.nonzero(first)
        end = np.minimum(start + timer[start, chaser].astype(int), len(self))
        victim = self.partner[start, chaser].astype(int)
        return pd.DataFrame({"start": start, "end": end, "chaser": chaser, "victim": victim})


def first_state(config: TankConfig, rng: np.random.Generator) -> np.ndarray:
    """Calm fish at random places of a grid: the state (11, n_fish), float64, at frame 0."""
    n = config.n_fish
    state = np.zeros((len(VARIABLES), n))
    state[0] = rng.uniform(WALL_REACH, config.width - WALL_REACH, n)
    state[1] = rng.uniform(WALL_REACH, config.height - WALL_REACH, n)
    state[2] = rng.uniform(-np.pi, np.pi, n)
    state[5] = rng.uniform(0, 2 * np.pi, n)
    state[10] = -1
    return np.rint(state * GRID) / GRID


def step(
    state: np.ndarray,
    arousal: np.ndarray,
    uniform: np.ndarray,
    normal: np.ndarray,
    config: TankConfig,
) -> np.ndarray:
    """Move K tanks one frame on, in place.

    Parameters
    ----------
    state : ndarray, float64 (11, K, n_fish)
        The state at a frame; overwritten by that of the next.
    arousal : ndarray, float64 (K,)
        Log of the factor on the kick rate; overwritten.
    uniform : ndarray, float64 (5, K, n_fish)
        Random numbers in [0, 1).
    normal : ndarray, float64 (2, K, n_fish)
        Standard normal random numbers.
    config : TankConfig
        The tank.

    Returns
    -------
    ndarray, float64 (K, n_fish)
        The hazard at the frame left behind.
    """
    x, y, heading, _, _, _, _, _, mode, timer, partner = state
    unit_x, unit_y, distance, facing = pair_geometry(x, y, heading)
    rates = attack_rates(mode, distance, facing, config)
    goal_x, goal_y, aim = _goals(state, unit_x, unit_y, distance, config)
    _swim(state, arousal, goal_x, goal_y, aim, uniform[3:], normal, config)
    change_behaviour(mode, timer, partner, rates, distance, uniform[:3], config)
    decay = 1.0 / config.arousal_frames
    arousal += config.arousal_sd * np.sqrt(2 * decay) * normal[1, :, 0] - decay * arousal
    np.rint(arousal * GRID, out=arousal)
    arousal /= GRID
    return attack_probability(rates)


def _goals(
    state: np.ndarray,
    unit_x: np.ndarray,
    unit_y: np.ndarray,
    distance: np.ndarray,
    config: TankConfig,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each fish wants to go (a vector, its length the urge) and how fast (0: no matter)."""
    x, y, mode, partner = state[0], state[1], state[8], state[10]
    other = np.maximum(partner, 0).astype(np.intp)[:, :, None]
    sign = np.where((mode == APPROACH) | (mode == CHASE), 1.0, np.where(mode == FLEE, -1.0, 0.0))
    goal_x = sign * np.take_along_axis(unit_x, other, 2)[:, :, 0]
    goal_y = sign * np.take_along_axis(unit_y, other, 2)[:, :, 0]
    gap = np.take_along_axis(distance, other, 2)[:, :, 0]

    calm = (mode == CALM) | (mode == REST)
    wild = (mode == CHASE) | (mode == FLEE)
    fear = np.maximum(1 - distance / config.avoid_distance, 0) * wild[:, None, :]
    shy = 0.4 * np.maximum(1 - distance / SPACE, 0)
    push = (fear + shy) * calm[:, :, None]
    goal_x -= (push * unit_x).sum(axis=2)
    goal_y -= (push * unit_y).sum(axis=2)
    goal_x += _wall_push(x, config.width)
    goal_y += _wall_push(y, config.height)

    aim = np.where(wild, config.chase_speed, 0.0)
    aim += config.approach_speed * ((mode == APPROACH) & (gap > config.standoff))
    aim += config.avoid_speed * (calm & (fear.max(axis=2) > 0))
    return goal_x, goal_y, aim


def _wall_push(place: np.ndarray, size: float) -> np.ndarray:
    """Urge away from the two walls of one axis, from 0 at WALL_REACH to 2 at the wall."""
    low = np.maximum(1 - place / WALL_REACH, 0)
    high = np.maximum(1 - (size - place) / WALL_REACH, 0)
    return 2.0 * (low - high)


def _swim(
    state: np.ndarray,
    arousal: np.ndarray,
    goal_x: np.ndarray,
    goal_y: np.ndarray,
    aim: np.ndarray,
    uniform: np.ndarray,
    normal: np.ndarray,
    config: TankConfig,
) -> None:
    """Kick, turn, glide and bend: the mechanics of one frame, in place."""
    x, y, heading, speed, turn, phase, bend, tail, mode, _, partner = state
    calm = (mode == CALM) | (mode == REST)
    rate = config.kick_rate * np.exp(arousal)[:, None] * calm
    stalked = np.zeros_like(calm)
    tank, fish = np.nonzero(mode == APPROACH)
    stalked[tank, partner[tank, fish].astype(np.intp)] = True
    kick = uniform[0] < np.where(stalked, config.freeze * rate, rate)

    driven = aim > 0
    speed += np.where(driven, (aim - speed) / 4.0, -speed / config.coast_frames)
    speed += kick * config.kick_speed * (0.5 + uniform[1])
    urge = np.sqrt(goal_x * goal_x + goal_y * goal_y)
    error = np.arctan2(goal_y, goal_x) - heading
    error -= 2 * np.pi * np.rint(error / (2 * np.pi))
    agility = np.where(driven, 0.25, 0.06)
    wish = agility * np.minimum(urge, 1.0) * error + kick * config.kick_turn * 6 * normal[0]
    turn += (wish - turn) * np.where(driven, 0.4, 0.15)
    np.clip(turn, -MAX_TURN, MAX_TURN, out=turn)
    heading += turn
    heading -= 2 * np.pi * np.rint(heading / (2 * np.pi))

    effort = np.minimum(speed / config.chase_speed, 1.0)
    phase += config.tail_frequency * (0.5 + effort)
    phase -= 2 * np.pi * np.floor(phase / (2 * np.pi))
    sweep = config.tail_amplitude * np.sqrt(effort) * np.sin(phase) - 1.5 * turn
    bend += 0.35 * (sweep - bend)
    tail += 0.5 * (bend - tail)

    x += speed * np.cos(heading)
    y += speed * np.sin(heading)
    np.clip(x, WALL_MARGIN, config.width - WALL_MARGIN, out=x)
    np.clip(y, WALL_MARGIN, config.height - WALL_MARGIN, out=y)
    moved = state[:8]
    moved *= GRID
    np.rint(moved, out=moved)
    moved /= GRID


class _Draws:
    """Random numbers of one tank, drawn in blocks of fixed size so that nothing else matters."""

    def __init__(self, rng: np.random.Generator, n_fish: int) -> None:
        self.rng, self.n_fish = rng, n_fish

    def block(self) -> tuple[np.ndarray, np.ndarray]:
        uniform = self.rng.random((DRAW_FRAMES, N_UNIFORM, self.n_fish))
        normal = self.rng.standard_normal((DRAW_FRAMES, N_NORMAL, self.n_fish))
        return uniform, normal


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
    generators = [np.random.default_rng([seed, k]) for k in range(n_tanks)]
    state = np.stack([first_state(config, rng) for rng in generators], axis=1)  # (11, K, n)
    draws = [_Draws(rng, config.n_fish) for rng in generators]
    arousal = np.zeros(n_tanks)
    states = np.empty((n_frames, *state.shape), np.float32)
    arousals = np.empty((n_frames, n_tanks), np.float32)
    hazards = np.empty((n_frames, n_tanks, config.n_fish), np.float32)
    for t in range(n_frames):
        if t % DRAW_FRAMES == 0:
            blocks = [d.block() for d in draws]
            uniform, normal = (np.stack(b, axis=2) for b in zip(*blocks, strict=True))
        states[t], arousals[t] = state, arousal
        hazards[t] = step(state, arousal, uniform[t % DRAW_FRAMES], normal[t % DRAW_FRAMES], config)
    return [Tracks(states[:, :, k], arousals[:, k], hazards[:, k]) for k in range(n_tanks)]


def simulate_tracks(config: TankConfig, seed: int, n_frames: int) -> Tracks:
    """One tank over time: the first of `simulate_tanks`, with the same arguments and errors."""
    return simulate_tanks(config, seed, n_frames, 1)[0]
