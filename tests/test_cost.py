"""What a step costs: the study's own size runs here, and a larger batch costs more."""

import numpy as np

from fishlib.clips import time_channels
from fishlib.models import build_upbeat_snowflake
from fishlib.training import cost
from fishlib.training.cost import step_cost


def test_the_study_s_own_size_trains_on_this_machine():
    measured = step_cost(build_upbeat_snowflake, n_steps=1)
    activations = 4 * 30 * 118 * 158 * (4 * 16 + 2 * 16) * 4 / 1e6  # gates, h and c of each step
    assert activations < measured["megabytes"] < 10 * activations
    assert measured["seconds"] > 0


def test_a_larger_batch_costs_more():
    small, large = (
        step_cost(build_upbeat_snowflake, time_channels(3, 4), (60, 80), n, n_steps=3)
        for n in (1, 16)
    )
    assert large["megabytes"] > 2 * small["megabytes"]


def test_memory_held_for_a_moment_is_seen():
    with cost._highest_memory() as highest:
        held = np.ones(30_000_000)  # 240 MB
        del held
    assert 200e6 < highest[0] < 400e6
