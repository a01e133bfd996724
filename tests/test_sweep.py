"""Sweeps: every set with every seed, work done once, differences and intervals over the seeds."""

import json

import numpy as np
import pandas as pd
import pytest
from bench_sweep import BASE, CHANGES, SMALL, main, read_results, run_sweep, summarise
from scipy import stats

from fishlib.forecasters.networks import Plan

SETS = [BASE, "no flips", "study's network"]


def pretend(name, seed, folder):
    """A made-up score that depends on the set and on the seed."""
    shift = {BASE: 0.0, "no flips": -0.05, "study's network": (-1) ** seed * 0.1}[name]
    return {"auc": 0.7 + shift + 0.01 * seed**2, "seconds": 10.0 + seed}


def test_every_set_meets_every_seed(tmp_path):
    run_sweep(SETS, [0, 1, 2], tmp_path, pretend)
    table = read_results(tmp_path)
    assert list(zip(table["name"], table["seed"], strict=True)) == [
        (name, seed) for name in SETS for seed in (0, 1, 2)
    ]
    np.testing.assert_allclose(table["auc"][:6], [0.7, 0.71, 0.74, 0.65, 0.66, 0.69])


def test_what_is_done_is_kept_and_a_seed_can_be_added(tmp_path):
    asked = []

    def measure(name, seed, folder):
        asked.append((name, seed))
        return pretend(name, seed, folder)

    run_sweep(SETS[:2], [0], tmp_path, measure)
    run_sweep(SETS[:2], [0, 1], tmp_path, measure)
    assert asked == [(name, seed) for seed in (0, 1) for name in SETS[:2]]


def test_intervals_are_those_of_students_t_and_a_word_says_what_follows(tmp_path):
    run_sweep(SETS, [0, 1, 2], tmp_path, pretend)
    sets = summarise(read_results(tmp_path)).set_index("name")
    values = np.array([0.7, 0.71, 0.74])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(sets.loc[BASE, ["auc", "low", "high"]].astype(float),
                               [values.mean(), expected.low, expected.high])  # fmt: skip
    expected = stats.ttest_1samp([0.1, -0.1, 0.1], 0).confidence_interval(0.95)
    columns = ["difference_low", "difference_high"]
    np.testing.assert_allclose(sets.loc["study's network", columns].astype(float), expected)
    assert sets["said"].to_dict() == {
        BASE: "not resolved", "no flips": "worse", "study's network": "not resolved",
    }  # fmt: skip
    assert sets["seconds"].tolist() == [11.0] * 3


def test_one_seed_has_no_interval():
    one = pd.DataFrame({"name": ["a", "b"], "seed": [0, 0], "auc": [0.7, 0.6], "seconds": [1, 1]})
    sets = summarise(one)
    assert sets["auc"].tolist() == [0.7, 0.6]
    assert sets[["low", "high", "difference_low"]].isna().all(axis=None)
    assert sets["said"].tolist() == ["not resolved"] * 2


def test_an_unknown_set_is_named(tmp_path):
    with pytest.raises(ValueError, match="No set nonsense to sweep; there are: default in small"):
        run_sweep(["nonsense"], [0], tmp_path, pretend)


def test_every_set_is_a_plan():
    for changes, words in CHANGES.values():
        assert changes is None or Plan(**SMALL | changes)
        assert words


def test_the_page_and_the_figure_are_made(tmp_path):
    page, figure = tmp_path / "SWEEP.md", tmp_path / "sweep.png"
    words = ["--sets", *SETS, "--seeds", "0", "1", "--out", str(tmp_path / "out")]
    main([*words, "--page", str(page), "--figure", str(figure)], pretend)
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    assert rows[2] == f"| {BASE} | – | 2 | 0.705 [0.641, 0.769] | – | – | 10 |"
    assert "| -0.050 [-0.050, -0.050] | worse |" in rows[3]
    assert figure.stat().st_size > 1000
    saved = json.loads((tmp_path / "out" / f"{BASE} 1.json").read_text())
    assert saved == {"name": BASE, "seed": 1, "auc": 0.71, "seconds": 11.0}
