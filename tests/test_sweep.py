"""Sweeps: every set with every seed, failures told, work done once, intervals over the seeds."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from bench_sweep import AUC_ONLY, BASE, CHANGES, SMALL, main, run_sweep, summarise
from scipy import stats

from fishlib.parameters import check_values
from fishlib.pipeline import NOTEBOOKS

SETS = ["default-in-small", "no-flips", "two-layers"]
SEEDS = [0, 1, 2]


def auc_of(parameters):
    """A made-up score that depends on the set and on the seed."""
    return 0.7 - 0.05 * (parameters.get("flips") == 1) + 0.01 * parameters["seed"] ** 2


def pretend(run, parameters, notebooks, html, progress):
    """Stands for papermill: leaves what it was given, and the metrics the evaluation leaves."""
    (notebook,) = notebooks
    assert not html
    with (run / "given.jsonl").open("a") as given:
        given.write(json.dumps({"notebook": notebook, **parameters}) + "\n")
    if notebook == NOTEBOOKS[-1]:
        network = parameters.get("network", "motion_convlstm")
        if network == "visionary_serenity" and parameters["seed"] == 1:
            raise ValueError("out of fish.\nmore of it")
        scores = {"ConvLSTM": {"auc": {"value": auc_of(parameters), "low": 0.0}}}
        metrics = {"05_evaluation": {"onset": {"scores": scores}}}
        (run / "metrics.json").write_text(json.dumps(metrics))
    (run / f"{notebook}.ipynb").write_text("{}")


def die(run, parameters, notebooks, html, progress):
    """Ends the process without a word, as the kernel does when memory runs out."""
    os._exit(1)


def given(run):
    return [json.loads(line) for line in (run / "given.jsonl").read_text().splitlines()]


def sweep(out, sets=SETS, seeds=SEEDS, **kwargs):
    return run_sweep(sets, seeds, out, {"minutes": 8}, execute=pretend, progress=False, **kwargs)


def test_every_set_meets_every_seed_and_a_failure_is_a_row(tmp_path):
    table = sweep(tmp_path)
    assert list(zip(table["name"], table["seed"], strict=True)) == [
        (name, seed) for name in SETS for seed in SEEDS
    ]
    np.testing.assert_allclose(table["auc"][:6], [0.7, 0.71, 0.74, 0.65, 0.66, 0.69])
    failed = table[table["status"] == "failed"]
    assert failed[["name", "seed", "error"]].to_numpy().tolist() == [
        ["two-layers", 1, "out of fish."]
    ]
    assert failed["auc"].isna().all()
    written = pd.read_csv(tmp_path / "runs.csv", keep_default_na=False, na_values={"auc": ""})
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
    assert (tmp_path / "sweep.png").stat().st_size > 1000
    assert not list(tmp_path.glob(".*"))


def test_a_process_that_dies_is_a_row(tmp_path):
    table = run_sweep(SETS[:1], [0], tmp_path, jobs=2, execute=die, progress=False)
    assert table["status"].tolist() == ["failed"]
    assert "process" in table["error"][0]


def test_every_notebook_gets_the_parameters_of_the_set(tmp_path):
    sweep(tmp_path, ["no-flips"], [2])
    runs = given(tmp_path / "no-flips" / "seed2")
    assert [run.pop("notebook") for run in runs] == list(NOTEBOOKS[1:])
    for run in runs:
        assert run == runs[0]  # the runner picks those a notebook has
        assert (run["seed"], run["minutes"], run["source"]) == (2, 8, "simulated")
    training = runs[NOTEBOOKS[1:].index("04_convlstm_training")]
    assert (training["flips"], training["steps_per_epoch"]) == (1, 100)


def test_what_is_done_is_kept_and_a_seed_can_be_added(tmp_path):
    sweep(tmp_path, SETS[:2], [0])
    again = sweep(tmp_path, SETS[:2], [0, 1])
    assert again["status"].tolist() == ["kept", "done", "kept", "done"]
    assert again["auc"].notna().all()
    assert len(given(tmp_path / SETS[0] / "seed0")) == len(NOTEBOOKS) - 1


def test_intervals_are_those_of_students_t(tmp_path):
    sets = summarise(sweep(tmp_path)).set_index("name")
    values = np.array([0.7, 0.71, 0.74])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    row = sets.loc["default-in-small"]
    np.testing.assert_allclose(row[["auc", "low", "high"]].astype(float),
                               [values.mean(), expected.low, expected.high])  # fmt: skip
    assert sets["seeds"].tolist() == [3, 3, 2]
    columns = ["difference", "difference_low", "difference_high"]
    np.testing.assert_allclose(sets.loc["no-flips", columns].astype(float), -0.05)


def test_one_seed_has_no_interval_and_no_run_no_mean():
    one = pd.DataFrame({"name": ["a", "b"], "seed": [0, 0], "auc": [0.7, np.nan]})
    sets = summarise(one)
    assert sets["auc"].tolist() == [0.7, pytest.approx(np.nan, nan_ok=True)]
    assert sets[["low", "high"]].isna().all(axis=None)
    assert sets["seeds"].tolist() == [1, 0]


def test_bad_input_is_named(tmp_path):
    with pytest.raises(ValueError, match="No set nonsense to sweep; there are: default-in-small"):
        run_sweep(["nonsense"], [0], tmp_path)
    for sets, seeds in ([], [0]), (SETS, []):
        with pytest.raises(ValueError, match="at least one set and one seed"):
            run_sweep(sets, seeds, tmp_path)
    with pytest.raises(ValueError, match="jobs is 0"):
        run_sweep(SETS, [0], tmp_path, jobs=0)


def test_every_set_is_one_the_notebooks_take():
    for changes, words in CHANGES.values():
        assert check_values(SMALL | changes | AUC_ONLY)
        assert words


def test_the_page_and_the_figure_are_made(tmp_path):
    page, figure = tmp_path / "SWEEP.md", tmp_path / "sweep.png"
    words = ["--sets", *SETS, "--seeds", "0", "1", "--jobs", "1", "--minutes", "8"]
    words += ["--out", str(tmp_path / "out"), "--page", str(page), "--figure", str(figure)]
    main(words, pretend)
    text = page.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith(f"| {BASE} ")]
    assert rows == [f"| {BASE} | – | 2 | 0.705 [0.641, 0.769] | – |"]
    assert "two-layers, seed 1, failed: out of fish." in text
    assert figure.stat().st_size > 1000
