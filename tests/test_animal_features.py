"""Features of animals: against slow arithmetic, in a mirror, causal, and inside their pieces."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fishlib.animals.features import MIRROR, MOMENTS, SPEED_WINDOWS, Swimming
from fishlib.animals.places import Places
from fishlib.splits import whole

N_FRAMES, FPS, BODY = 400, 30.0, 20.0
AT = np.array([150, 260, 399])


@pytest.fixture
def places():
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 2, (2, N_FRAMES, 3)).cumsum(axis=1)
    x, y = (160 + steps[0]).astype(np.float32), (120 + steps[1]).astype(np.float32)
    heading = rng.normal(0, 0.1, (N_FRAMES, 3)).cumsum(axis=0).astype(np.float32)
    return Places(x, y, heading, rng.random((N_FRAMES, 3)) < 0.8, BODY, (0, 320, 0, 240))


@pytest.fixture
def motion():
    return np.random.default_rng(1).random(N_FRAMES) * 1e-3


def described(places, motion, pieces=None, fps=FPS):
    return Swimming(places, motion, whole(N_FRAMES) if pieces is None else pieces, fps).gather(AT)


def test_shapes_are_those_that_a_mirror_knows(places, motion):
    told = described(places, motion)
    assert told["pairs"].shape == (3, 3, 2, len(MIRROR["pairs"]))
    assert told["animals"].shape == (3, 3, len(MIRROR["animals"]))
    assert told["motion"].shape == (3, len(MIRROR["motion"]))
    assert all(one.dtype == np.float32 and np.isfinite(one).all() for one in told.values())


def test_a_pair_is_what_slow_arithmetic_says(places, motion):
    told = described(places, motion)["pairs"]
    for k, t in enumerate(AT):
        for m, moment in enumerate(MOMENTS):
            back = t - round(moment * FPS)
            i, j = 1, 2  # the second of the others of animal 1
            dx = places.x[back, j] - places.x[back, i]
            dy = places.y[back, j] - places.y[back, i]
            own = places.heading[back, i]
            bearing = np.arctan2(dy, dx) - own
            turn = places.heading[back, j] - own
            expected = [min(np.hypot(dx, dy) / BODY, 6), np.cos(bearing), np.sin(bearing)]
            expected += [np.cos(turn), np.sin(turn)]
            np.testing.assert_allclose(told[k, i, 1, 5 * m : 5 * m + 5], expected, atol=2e-4)


def test_speeds_are_body_lengths_a_second(places, motion):
    told = described(places, motion)["animals"]
    for k, t in enumerate(AT):
        for w, window in enumerate(SPEED_WINDOWS):
            frames = np.arange(max(t + 1 - round(window * FPS), 0), t + 1)
            before = np.maximum(frames - 3, 0)
            way = np.hypot(places.x[frames] - places.x[before], places.y[frames] - places.y[before])
            speed = way / BODY / (np.maximum(frames - before, 1) / FPS)[:, None]
            np.testing.assert_allclose(told[k, :, w], np.log1p(speed.mean(0)), rtol=1e-4)


def test_the_motion_is_read_up_to_the_frame_before(places, motion):
    told = described(places, motion)["motion"]
    np.testing.assert_allclose(told[0, :5], np.sqrt(motion[149:144:-1]), rtol=1e-5)
    np.testing.assert_allclose(told[0, -1], np.sqrt(motion[150 - 119 : 150].max()), rtol=1e-5)


def test_a_mirror_changes_the_signs_that_it_should(places, motion):
    heading = (np.pi - places.heading).astype(np.float32)
    mirrored = replace(places, x=320 - places.x, heading=heading)
    one, other = described(places, motion), described(mirrored, motion)
    for name, told in one.items():
        np.testing.assert_allclose(other[name], told * MIRROR[name], atol=2e-3, err_msg=name)


def test_turning_the_tank_or_filming_it_larger_changes_nothing(places, motion):
    turned = replace(
        places, x=240 - places.y, y=places.x, heading=places.heading + np.pi / 2,
        box=(0, 240, 0, 320),
    )  # fmt: skip
    larger = replace(
        places, x=2 * places.x, y=2 * places.y, body=2 * BODY, box=tuple(2 * np.array(places.box))
    )
    one = described(places, motion)
    for other in (described(turned, motion), described(larger, motion)):
        for name, told in one.items():
            np.testing.assert_allclose(other[name], told, atol=2e-3, err_msg=name)


def test_the_future_changes_nothing(places, motion):
    later, moving = replace(places, x=places.x.copy()), motion.copy()
    later.x[261:] += 50
    moving[260:] *= 3
    one, other = described(places, motion), described(later, moving)
    for name, told in one.items():
        np.testing.assert_array_equal(other[name][:2], told[:2])
        assert not np.array_equal(other[name][2], told[2])


def test_nothing_is_read_from_another_piece(places, motion):
    pieces = pd.DataFrame({"film": "film", "start": [0, 270], "stop": [270, 400]})
    other, moving = replace(places, x=places.x.copy()), motion.copy()
    other.x[:270] += 50
    moving[:270] *= 3
    one, two = described(places, motion, pieces), described(other, moving, pieces)
    for name, told in one.items():
        np.testing.assert_allclose(two[name][2], told[2], rtol=1e-4, err_msg=name)


def test_the_order_of_animals_only_orders_the_features(places, motion):
    order = [2, 0, 1]
    columns = {k: getattr(places, k)[:, order] for k in ("x", "y", "heading", "apart")}
    one, other = described(places, motion), described(replace(places, **columns), motion)
    np.testing.assert_allclose(other["animals"], one["animals"][:, order], atol=1e-5)
    strongest = [told["pairs"].max(axis=2) for told in (one, other)]
    np.testing.assert_allclose(strongest[1], strongest[0][:, order], atol=1e-5)
