"""Who does what in the tank: calm, approach, chase, flight and rest."""

import numpy as np

from fishlib.tank.config import TankConfig

CALM, APPROACH, CHASE, FLEE, REST = range(5)
SECOND_NEAREST = 0.25  # share of approaches that go to the second nearest neighbour
BEHAVIOURS = ("calm", "approach", "chase", "flee", "rest")


def pair_geometry(
    x: np.ndarray, y: np.ndarray, heading: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
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
    dx = x[:, None, :] - x[:, :, None]
    dy = y[:, None, :] - y[:, :, None]
    distance = np.sqrt(dx * dx + dy * dy)
    scale = 1.0 / np.maximum(distance, 1e-6)
    unit_x, unit_y = dx * scale, dy * scale
    facing = np.cos(heading)[:, :, None] * unit_x + np.sin(heading)[:, :, None] * unit_y
    return unit_x, unit_y, distance, facing


def attack_rates(
    mode: np.ndarray, distance: np.ndarray, facing: np.ndarray, config: TankConfig
) -> np.ndarray:
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


def change_behaviour(
    mode: np.ndarray,
    timer: np.ndarray,
    partner: np.ndarray,
    rates: np.ndarray,
    distance: np.ndarray,
    uniform: np.ndarray,
    arousal: np.ndarray,
    config: TankConfig,
) -> None:
    """Let behaviours end and begin, in place: time-outs, then approaches, then attacks.

    Parameters
    ----------
    mode, timer, partner : ndarray, float64 (K, n)
        Behaviour code, frames left in it, and the index of the other fish (-1 for none).
    rates, distance : ndarray, float64 (K, n, n)
        Attack rates and distances of all pairs.
    uniform : ndarray, float64 (3, K, n)
        Random numbers in [0, 1): attack, approach, and choice of length or partner.
    arousal : ndarray, float64 (K,)
        Log of the factor on the rate of approaches.
    config : TankConfig
        The tank.
    """
    np.maximum(timer - 1, 0, out=timer)
    over = (timer == 0) & (mode != CALM)
    if over.any():
        _end_behaviours(mode, timer, partner, over, config)
    begin = (uniform[1] < config.approach_rate * np.exp(arousal)[:, None]) & (mode == CALM)
    if begin.any() and mode.shape[1] > 1:
        _begin_approaches(mode, timer, partner, begin, distance, uniform[2], config)
    attack = uniform[0] < attack_probability(rates)
    if attack.any():
        _begin_chases(mode, timer, partner, attack, rates, uniform[2], config)


def _end_behaviours(
    mode: np.ndarray, timer: np.ndarray, partner: np.ndarray, over: np.ndarray, config: TankConfig
) -> None:
    """Chase and flight end in rest, everything else in calm."""
    tired = over & ((mode == CHASE) | (mode == FLEE))
    mode[over] = CALM
    partner[over] = -1
    mode[tired] = REST
    timer[tired] = config.rest_frames


def _begin_approaches(
    mode: np.ndarray,
    timer: np.ndarray,
    partner: np.ndarray,
    begin: np.ndarray,
    distance: np.ndarray,
    choice: np.ndarray,
    config: TankConfig,
) -> None:
    """A fish turns to its nearest neighbour, sometimes to the second nearest, if that is free."""
    tank, fish = np.nonzero(begin)
    order = np.argsort(distance[tank, fish], axis=1, kind="stable")  # itself comes first
    rank = 1 + ((choice[tank, fish] < SECOND_NEAREST) & (order.shape[1] > 2))
    other = order[np.arange(tank.size), rank]
    free = mode[tank, other] == CALM
    tank, fish, other = tank[free], fish[free], other[free]
    mode[tank, fish] = APPROACH
    timer[tank, fish] = config.approach_frames
    partner[tank, fish] = other


def _begin_chases(
    mode: np.ndarray,
    timer: np.ndarray,
    partner: np.ndarray,
    attack: np.ndarray,
    rates: np.ndarray,
    choice: np.ndarray,
    config: TankConfig,
) -> None:
    """At most one attack a tank and frame: the first attacker, on the one most at risk from it."""
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
