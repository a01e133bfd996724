"""The fish of the simulated tank: what it is made of, how they behave and swim, what they did."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.files import save_arrays

CALM, APPROACH, CHASE, FLEE, REST = range(5)
"""Behaviours of a fish, as codes."""


@dataclass(frozen=True)
class TankConfig:
    """Parameters of a simulated tank. Lengths in pixels of a 320 x 240 image, times in frames.

    Attributes
    ----------
    n_fish : int
        Fish in the tank.
    width, height : int
        Size of the image of the tank, px.
    wall : tuple of float
        Thickness of the walls left and right, and above and below, which no fish's middle passes.
    kick_rate : float
        Swimming kicks a frame and calm fish, at middle arousal.
    kick_speed : float
        Mean speed gained by a kick, px/frame.
    coast_frames : float
        Time constant with which speed decays after a kick, frames.
    kick_turn : float
        Standard deviation of the turning rate given by a kick, rad/frame.
    arousal_sd, arousal_frames : float
        Standard deviation (log units) and time constant (frames) of the slow drift that
        multiplies the rates of kicks and approaches of the whole group.
    approach_rate : float
        Approaches begun, a frame and calm fish; 0 for fish that never approach.
    approach_speed, standoff : float
        Speed of an approach (px/frame) and the distance at which it halts (px).
    approach_frames : int
        An approach without an attack is given up after this many frames.
    attack_rate, calm_attack_rate : float
        Attacks a frame, at no distance and face to face, while approaching and otherwise.
    attack_distance, attack_softness : float
        Distance at which the attack rate is halved, and the width of that fall, px.
    chase_speed : float
        Speed aimed at by chaser and victim, px/frame.
    chase_frames : tuple of int
        Shortest and longest chase, frames.
    rest_frames : int
        Frames after a chase in which both fish neither attack nor are attacked.
    avoid_distance, avoid_speed : float
        Bystanders closer than this to a chase (px) leave it at this speed (px/frame).
    space : float
        Distance that calm fish try to keep between them, px.
    freeze : float
        Factor on the kick rate of a fish that is being approached.
    tail_amplitude, tail_frequency : float
        Sideways sweep of the tail (body lengths at full effort) and its angular frequency
        (rad/frame).
    body_length, body_width : float
        Size of a fish, px.
    size_spread : float
        Half the range of the fishes' relative lengths and brightness, first fish to last.
    brightness : float
        Grey value of the front of a fish, 0 to 255.
    noise : float
        Sensor noise in the fish, standard deviation relative to the grey value.
    n_specks : int
        Faint motionless specks in the image.
    """

    n_fish: int = 6
    width: int = 320
    height: int = 240
    wall: tuple[float, float] = (22.0, 36.0)
    kick_rate: float = 0.088
    kick_speed: float = 0.65
    coast_frames: float = 10.6
    kick_turn: float = 0.094
    arousal_sd: float = 0.46
    arousal_frames: float = 400.0
    approach_rate: float = 0.0022
    approach_speed: float = 0.7
    standoff: float = 22.0
    approach_frames: int = 140
    attack_rate: float = 0.144
    calm_attack_rate: float = 0.004
    attack_distance: float = 32.0
    attack_softness: float = 3.0
    chase_speed: float = 4.5
    chase_frames: tuple[int, int] = (11, 25)
    rest_frames: int = 38
    avoid_distance: float = 118.0
    avoid_speed: float = 0.51
    space: float = 92.0
    freeze: float = 0.275
    tail_amplitude: float = 0.46
    tail_frequency: float = 0.565
    body_length: float = 32.0
    body_width: float = 4.9
    size_spread: float = 0.12
    brightness: float = 169.0
    noise: float = 0.027
    n_specks: int = 200

    def __post_init__(self) -> None:
        if self.n_fish < 1:
            raise ValueError(f"n_fish is {self.n_fish}; a tank needs at least one fish")
        if min(self.width, self.height) < 3 * self.body_length:
            raise ValueError(
                f"a tank of {self.width} x {self.height} px is too small for fish of "
                f"{self.body_length} px; make it at least three body lengths wide"
            )
        if not 0 < self.chase_frames[0] <= self.chase_frames[1]:
            raise ValueError(f"chase_frames {self.chase_frames} must be (shortest, longest)")


def calm_shoal() -> TankConfig:
    """The control: the same fish without approaches, chases, and drift of their arousal.

    What is left are kicks that come independently of everything before: pose forecasts nothing.
    The level of motion still ranks the rare onsets a little, because a rise is measured from it.
    """
    return TankConfig(approach_rate=0.0, attack_rate=0.0, calm_attack_rate=0.0, arousal_sd=0.0)


VARIABLES = (
    "x", "y", "heading", "speed", "turn", "phase", "bend", "tail", "mode", "timer", "partner",
)  # fmt: skip


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

    def save(self, path: Path) -> None:
        """Write one array for each attribute, ``.npz``."""
        save_arrays(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "Tracks":
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as saved:
            return cls(**saved)

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
    def behaviour(self) -> np.ndarray:
        """Behaviour code of each fish, int8 (T, n_fish), see `CALM` and so on."""
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


SECOND_NEAREST = 0.25  # share of approaches that go to the second nearest neighbour


def pair_geometry(x, y, heading) -> tuple[np.ndarray, ...]:
    """Where every fish sees every other.

    Parameters
    ----------
    x, y, heading : ndarray, float64 (K, n)
        Position (px) and heading (rad) of n fish in K tanks.

    Returns
    -------
    unit_x, unit_y, distance, facing : ndarray, float64 (K, n, n)
        Entry (k, i, j): unit vector from fish i to fish j, their distance (px), and the cosine
        of the angle between fish i's heading and that vector.
    """
    dx, dy = (place[:, None, :] - place[:, :, None] for place in (x, y))
    distance = np.sqrt(dx * dx + dy * dy)
    scale = 1.0 / np.maximum(distance, 1e-6)
    unit_x, unit_y = dx * scale, dy * scale
    facing = np.cos(heading)[:, :, None] * unit_x + np.sin(heading)[:, :, None] * unit_y
    return unit_x, unit_y, distance, facing


def attack_rates(mode, distance, facing, config: TankConfig) -> np.ndarray:
    """Attack rate of every fish on every other.

    A logistic fall with distance times a preference for what is straight ahead,
    rate x sigmoid((d0 - d) / w) x (0.3 + 0.7 exp(3 (cos - 1))), with a higher rate during an
    approach; only calm or approaching fish attack or are attacked.

    Parameters
    ----------
    mode : ndarray (K, n)
        Behaviour code of every fish.
    distance, facing : ndarray, float64 (K, n, n)
        As given by `pair_geometry`.
    config : TankConfig
        The tank.

    Returns
    -------
    ndarray, float64 (K, n, n)
        Attacks a frame of fish i on fish j.
    """
    base = np.where(mode == APPROACH, config.attack_rate, config.calm_attack_rate)
    free = mode <= APPROACH
    near = 1.0 / (1.0 + np.exp((distance - config.attack_distance) / config.attack_softness))
    rate = near * (0.3 + 0.7 * np.exp(3.0 * (facing - 1.0)))
    rate *= (base * free)[:, :, None] * free[:, None, :]
    diagonal = np.arange(mode.shape[1])
    rate[:, diagonal, diagonal] = 0.0
    return rate


def attack_probability(rates: np.ndarray) -> np.ndarray:
    """Probability (K, n) that a fish attacks before the next frame, from `attack_rates`."""
    return 1.0 - np.exp(-rates.sum(axis=2))


def change_behaviour(state, rates, distance, uniform, arousal, config: TankConfig) -> None:
    """Let behaviours end and begin, in place: time-outs, then approaches, then attacks.

    Parameters
    ----------
    state : ndarray, float64 (11, K, n)
        Of which mode, timer (frames left) and partner (-1 for none) change.
    rates, distance : ndarray, float64 (K, n, n)
        Attack rates and distances of all pairs.
    uniform : ndarray, float64 (3, K, n)
        Random numbers in [0, 1): attack, approach, and choice of length or partner.
    arousal : ndarray, float64 (K,)
        Log of the factor on the rate of approaches.
    config : TankConfig
        The tank.
    """
    mode, timer, _ = state[8:]
    np.maximum(timer - 1, 0, out=timer)
    over = (timer == 0) & (mode != CALM)
    if over.any():
        _end_behaviours(state, over, config)
    begin = (uniform[1] < config.approach_rate * np.exp(arousal)[:, None]) & (mode == CALM)
    if begin.any() and mode.shape[1] > 1:
        _begin_approaches(state, begin, distance, uniform[2], config)
    attack = uniform[0] < attack_probability(rates)
    if attack.any():
        _begin_chases(state, attack, rates, uniform[2], config)


def _end_behaviours(state: np.ndarray, over: np.ndarray, config: TankConfig) -> None:
    """Chase and flight end in rest, everything else in calm."""
    mode, timer, partner = state[8:]
    tired = over & ((mode == CHASE) | (mode == FLEE))
    mode[over] = CALM
    partner[over] = -1
    mode[tired] = REST
    timer[tired] = config.rest_frames


def _begin_approaches(state, begin, distance, choice, config: TankConfig) -> None:
    """A fish turns to its nearest neighbour, sometimes to the second nearest, if that is free."""
    mode, timer, partner = state[8:]
    tank, fish = np.nonzero(begin)
    order = np.argsort(distance[tank, fish], axis=1, kind="stable")  # itself comes first
    rank = 1 + ((choice[tank, fish] < SECOND_NEAREST) & (order.shape[1] > 2))
    other = order[np.arange(tank.size), rank]
    free = mode[tank, other] == CALM
    tank, fish, other = tank[free], fish[free], other[free]
    mode[tank, fish] = APPROACH
    timer[tank, fish] = config.approach_frames
    partner[tank, fish] = other


def _begin_chases(state, attack, rates, choice, config: TankConfig) -> None:
    """At most one attack a tank and frame: the first attacker, on the one most at risk from it."""
    mode, timer, partner = state[8:]
    tank = np.nonzero(attack.any(axis=1))[0]
    fish = attack[tank].argmax(axis=1)
    other = rates[tank, fish].argmax(axis=1)
    free = (mode[tank, fish] <= APPROACH) & (mode[tank, other] <= APPROACH)
    tank, fish, other = tank[free], fish[free], other[free]
    shortest, longest = config.chase_frames
    length = shortest + np.floor(choice[tank, fish] * (longest - shortest + 1))
    mode[tank, fish], mode[tank, other] = CHASE, FLEE
    timer[tank, fish] = timer[tank, other] = length
    partner[tank, fish], partner[tank, other] = other, fish


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


def step(state, arousal, uniform, normal, config: TankConfig) -> np.ndarray:
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
    unit_x, unit_y, distance, facing = pair_geometry(*state[:3])
    rates = attack_rates(state[8], distance, facing, config)
    goals = _goals(state, unit_x, unit_y, distance, config)
    _swim(state, arousal, *goals, uniform[3:], normal, config)
    change_behaviour(state, rates, distance, uniform[:3], arousal, config)
    decay = 1.0 / config.arousal_frames
    arousal += config.arousal_sd * np.sqrt(2 * decay) * normal[1, :, 0] - decay * arousal
    np.rint(arousal * GRID, out=arousal)
    arousal /= GRID
    return attack_probability(rates)


def _goals(state, unit_x, unit_y, distance, config: TankConfig) -> tuple[np.ndarray, ...]:
    """Where each fish wants to go (a vector, its length the urge) and how fast (0: no matter)."""
    x, y, mode, partner = state[0], state[1], state[8], state[10]
    other = np.maximum(partner, 0).astype(np.intp)
    flat = other + config.n_fish * np.arange(other.size).reshape(other.shape)
    sign = np.where((mode == APPROACH) | (mode == CHASE), 1.0, np.where(mode == FLEE, -1.0, 0.0))
    goal_x, goal_y = (sign * unit.reshape(-1)[flat] for unit in (unit_x, unit_y))
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


def _swim(state, arousal, goal_x, goal_y, aim, uniform, normal, config: TankConfig) -> None:
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


DRAW_FRAMES = 256  # frames of random numbers drawn at once


def _draw_block(generators: list[np.random.Generator], n_fish: int) -> tuple[np.ndarray, ...]:
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
