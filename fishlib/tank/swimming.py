"""How the fish of a simulated tank swim: kicks, coasting, turning, walls, and a bending body."""

import numpy as np

from fishlib.tank.behaviour import (
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
from fishlib.tank.config import TankConfig
from fishlib.tank.tracks import VARIABLES

GRID = 4096.0  # states are rounded to 1/4096: exact in float32, and the same on every platform
N_UNIFORM, N_NORMAL = 5, 2  # random numbers a fish and frame
WALL_REACH = 24.0  # px from a wall at which fish begin to turn
MAX_TURN = 0.35  # rad/frame
HOVER = 0.068  # effort of a fish at rest, as a share of that of a chase
BEND_RATE, TAIL_RATE = 0.425, 0.5  # low-pass filters of the body's and the tail's bend, a frame
TURN_RATE, FAST_TURN_RATE = 0.19, 0.4  # the same of the turning rate, calm and driven
BEND_OF_TURN = 1.69  # bend (body lengths) for a turning rate of 1 rad/frame
SHYNESS = 1.7  # urge to leave a neighbour that is too close


def first_state(config: TankConfig, rng: np.random.Generator) -> np.ndarray:
    """Calm fish at random places of a grid: the state (11, n_fish), float64, at frame 0."""
    n = config.n_fish
    state = np.zeros((len(VARIABLES), n))
    state[0] = rng.uniform(config.wall[0], config.width - config.wall[0], n)
    state[1] = rng.uniform(config.wall[1], config.height - config.wall[1], n)
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
    change_behaviour(mode, timer, partner, rates, distance, uniform[:3], arousal, config)
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
    other = np.maximum(partner, 0).astype(np.intp)
    flat = other + config.n_fish * np.arange(other.size).reshape(other.shape)
    sign = np.where((mode == APPROACH) | (mode == CHASE), 1.0, np.where(mode == FLEE, -1.0, 0.0))
    goal_x = sign * unit_x.reshape(-1)[flat]
    goal_y = sign * unit_y.reshape(-1)[flat]
    gap = distance.reshape(-1)[flat]

    calm = (mode == CALM) | (mode == REST)
    wild = (mode == CHASE) | (mode == FLEE)
    fear = np.maximum(1 - distance / config.avoid_distance, 0) * wild[:, None, :]
    shy = SHYNESS * np.maximum(1 - distance / config.space, 0)
    push = (fear + shy) * calm[:, :, None]
    goal_x -= (push * unit_x).sum(axis=2)
    goal_y -= (push * unit_y).sum(axis=2)
    goal_x += _wall_push(x, config.wall[0], config.width)
    goal_y += _wall_push(y, config.wall[1], config.height)

    aim = np.where(wild, config.chase_speed, 0.0)
    aim += config.approach_speed * ((mode == APPROACH) & (gap > config.standoff))
    aim += config.avoid_speed * (calm & (fear.max(axis=2) > 0))
    return goal_x, goal_y, aim


def _wall_push(place: np.ndarray, wall: float, size: float) -> np.ndarray:
    """Urge away from the two walls of one axis, from 0 at WALL_REACH from a wall to 2 at it."""
    low = np.maximum(1 - (place - wall) / WALL_REACH, 0)
    high = np.maximum(1 - (size - wall - place) / WALL_REACH, 0)
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
    wish = agility * np.minimum(urge, 1.0) * error + kick * config.kick_turn * normal[0] / TURN_RATE
    turn += (wish - turn) * np.where(driven, FAST_TURN_RATE, TURN_RATE)
    np.clip(turn, -MAX_TURN, MAX_TURN, out=turn)
    heading += turn
    heading -= 2 * np.pi * np.rint(heading / (2 * np.pi))

    effort = np.minimum(HOVER + speed / config.chase_speed, 1.0)
    phase += config.tail_frequency * (0.5 + effort)
    phase -= 2 * np.pi * np.floor(phase / (2 * np.pi))
    sweep = config.tail_amplitude * np.sqrt(effort) * np.sin(phase) - BEND_OF_TURN * turn
    bend += BEND_RATE * (sweep - bend)
    tail += TAIL_RATE * (bend - tail)

    x += speed * np.cos(heading)
    y += speed * np.sin(heading)
    np.clip(x, config.wall[0], config.width - config.wall[0], out=x)
    np.clip(y, config.wall[1], config.height - config.wall[1], out=y)
    moved = state[:8]
    moved *= GRID
    np.rint(moved, out=moved)
    moved /= GRID
