import math

import numpy as np

from fishlib.tank.fish import (
    APPROACH,
    CALM,
    CHASE,
    FLEE,
    REST,
    TankConfig,
    attack_probability,
    attack_rates,
    change_behaviour,
    pair_geometry,
)

CONFIG = TankConfig()


def test_two_fish_nose_to_tail():
    x, y, heading = np.array([[100.0, 130.0]]), np.array([[50.0, 90.0]]), np.array([[0.0, np.pi]])
    unit_x, unit_y, distance, facing = pair_geometry(x, y, heading)
    np.testing.assert_allclose(distance[0], [[0, 50], [50, 0]])
    np.testing.assert_allclose([unit_x[0, 0, 1], unit_y[0, 0, 1]], [0.6, 0.8])
    np.testing.assert_allclose([facing[0, 0, 1], facing[0, 1, 0]], [0.6, 0.6])


def test_rates_equal_the_formula_pair_by_pair():
    rng = np.random.default_rng(0)
    mode = rng.integers(0, 5, (7, 6)).astype(float)
    distance, facing = rng.uniform(5, 60, (7, 6, 6)), rng.uniform(-1, 1, (7, 6, 6))
    rates = attack_rates(mode, distance, facing, CONFIG)
    for k, i, j in np.ndindex(7, 6, 6):
        expected = 0.0
        if i != j and mode[k, i] in (CALM, APPROACH) and mode[k, j] in (CALM, APPROACH):
            approaching = mode[k, i] == APPROACH
            expected = CONFIG.attack_rate if approaching else CONFIG.calm_attack_rate
            gap = (distance[k, i, j] - CONFIG.attack_distance) / CONFIG.attack_softness
            expected *= 1 / (1 + math.exp(gap))
            expected *= 0.3 + 0.7 * math.exp(3 * (facing[k, i, j] - 1))
        assert math.isclose(rates[k, i, j], expected, abs_tol=1e-15)
    no_attack = np.exp(-rates.sum(axis=2))
    np.testing.assert_allclose(attack_probability(rates), 1 - no_attack, atol=1e-15)


def behave(mode, timer, partner, rate=0.0, uniform=0.5):
    """One change of behaviour in a tank of three fish, fish 0 attacking fish 2 at a rate."""
    state = np.zeros((11, 1, 3))
    state[8:, 0] = mode, timer, partner
    rates = np.zeros((1, 3, 3))
    rates[0, 0, 2] = rate
    distance = np.array([[[0, 30.0, 20], [30, 0, 40], [20, 40, 0]]])
    draws = np.full((3, 1, 3), uniform)
    change_behaviour(state, rates, distance, draws, np.zeros(1), CONFIG)
    return tuple(state[8:, 0].tolist())


def test_a_certain_attack_begins_a_chase():
    mode, timer, partner = behave([APPROACH, CALM, CALM], [9, 0, 0], [2, -1, -1], rate=50.0)
    assert mode == [CHASE, CALM, FLEE]
    assert partner == [2, -1, 0]
    assert timer[0] == timer[2]
    assert CONFIG.chase_frames[0] <= timer[0] <= CONFIG.chase_frames[1]


def test_a_chase_ends_in_rest_and_rest_in_calm():
    mode, timer, partner = behave([CHASE, REST, FLEE], [1, 1, 1], [2, -1, 0])
    assert mode == [REST, CALM, REST]
    assert timer == [CONFIG.rest_frames, 0, CONFIG.rest_frames]
    assert partner == [-1, -1, -1]


def test_an_approach_goes_to_the_nearest():
    mode, _, _ = behave([REST, CALM, REST], [9, 0, 9], [-1, -1, -1], uniform=0.0)
    assert mode == [REST, CALM, REST]  # neither neighbour is free
    mode, _, _ = behave([CALM, REST, REST], [0, 9, 9], [-1, -1, -1], uniform=1e-9)
    assert mode[0] == CALM
    mode, timer, _ = behave([CALM, CALM, CALM], [0, 0, 0], [-1, -1, -1], uniform=1e-9)
    assert APPROACH in mode
    assert max(timer) == CONFIG.approach_frames


def test_nothing_happens_without_a_reason():
    before = [CALM, APPROACH, CALM], [0, 9, 0], [-1, 2, -1]
    assert behave(*before, uniform=0.999) == (before[0], [0, 8, 0], before[2])
