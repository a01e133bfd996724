"""The ablations the study did not run: one change each, three seeds of tank and training.

Run: ``python tests/benchmarks/bench_sweep.py [--seeds 0 1 2] [--minutes 20] [--jobs 2]``. Takes
a quarter of an hour on two cores. The table goes to ``SWEEP.md`` beside this file, the figure
to ``figures/sweep.png``. What was run is kept in ``--out``: called again, only the rest is done.
"""

import argparse
import json
import shutil
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from fishlib.figures.skill import plot_forest
from fishlib.figures.style import figure_of
from fishlib.files import write_atomically, write_text
from fishlib.pipeline import NOTEBOOKS, run_notebooks
from fishlib.pipeline.many import Execute, run_each

HERE = Path(__file__).resolve().parent
BASE = "default-in-small"
SMALL = {"height": 30, "epochs": 3, "steps_per_epoch": 100}
SMALL["overlay_seconds"] = 0
PLAIN = {"n_slices": 3, "channels": 4}
CHANGES = {
    BASE: ({}, "–"),
    "no-flips": ({"flips": 1}, "the film as it is, not its three mirror images"),
    "class-weights": ({"class_weighting": True}, "both classes weigh alike, as in the study"),
    "time-channels": (PLAIN, "three slices of four plain frames, no differences"),
    "single-channel": ({"n_slices": 12, "channels": 1}, "twelve slices of one plain frame"),
    "two-layers": (
        PLAIN | {"network": "visionary_serenity"},
        "the study's network of two ConvLSTMs, on three slices of four plain frames",
    ),
    "slow-learning": ({"learning_rate": 5e-4}, "a tenth of the learning rate"),
    "a-third-of-the-clips": ({"steps_per_epoch": 33}, "a third of the training steps"),
}
"""One change each against the default in small, and what it is in words."""
AUC_ONLY = {"n_shifts": 99, "oracle_frames": 20, "n_rollouts": 4}
"""Parameters of the evaluation: of each run one AUC is wanted, its spread comes from the seeds."""
NETWORK = "ConvLSTM"
"""How notebook 04 calls the network of a set."""


def run_sweep(
    names,
    seeds,
    out: Path,
    parameters=None,
    jobs=1,
    execute: Execute = run_notebooks,
    progress=True,
) -> pd.DataFrame:
    """Run parameter sets on simulated tanks, over seeds of tank and training.

    A run that fails is a row of the table and does not disturb the others. What was done before
    with the same parameters is kept.

    Returns
    -------
    DataFrame
        A row for each set and seed: ``name``, ``seed``, ``auc`` of the network on the test part
        for the label it learned (NaN if it failed), ``status``, ``error``, ``run_dir``.
    """
    unknown = [name for name in names if name not in CHANGES]
    if unknown:
        raise ValueError(f"No set {', '.join(unknown)} to sweep; there are: {', '.join(CHANGES)}.")
    if not names or not seeds:
        raise ValueError("A sweep takes at least one set and one seed.")
    keys = [(name, seed) for name in names for seed in seeds]
    common = AUC_ONLY | (parameters or {})
    given = [SMALL | CHANGES[name][0] | common | {"seed": seed} for name, seed in keys]
    runs = [out / name / f"seed{seed}" for name, seed in keys]
    tasks = [("simulated", *pair) for pair in zip(runs, given, strict=True)]
    without_pages = partial(execute, html=False)
    outcomes: dict[str, dict] = {}
    for outcome in run_each(tasks, NOTEBOOKS[1:], without_pages, jobs, progress):
        outcomes[outcome["run_dir"]] = outcome
        done = {key: outcomes.get(str(run)) for key, run in zip(keys, runs, strict=True)}
        rows = [{"name": n, "seed": s, **_outcome(o)} for (n, s), o in done.items() if o]
        table = pd.DataFrame(rows)
        write_tables(table, out)
    return table


def _outcome(outcome: dict) -> dict:
    auc = np.nan
    if outcome["status"] != "failed":
        metrics = Path(outcome["run_dir"], "metrics.json").read_text(encoding="utf-8")
        auc = json.loads(metrics)["05_evaluation"]["onset"]["scores"][NETWORK]["auc"]["value"]
    return {"auc": auc} | {name: outcome[name] for name in ("status", "error", "run_dir")}


def summarise(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Mean over seeds of each set, and of its difference from the first, with t-intervals.

    Returns
    -------
    DataFrame
        A row for each set: ``name``, ``seeds`` (runs that gave an AUC), ``auc``, ``low``,
        ``high``; ``difference``, ``difference_low``, ``difference_high``, paired by seed.
        Intervals are NaN where fewer than two seeds are there.
    """
    wide = table.pivot(index="name", columns="seed", values="auc").reindex(table["name"].unique())
    rows = []
    for name, of_set in wide.iterrows():
        auc, difference = of_set.dropna().to_numpy(), (of_set - wide.iloc[0]).dropna().to_numpy()
        rows.append((name, len(auc), *_t_interval(auc, level), *_t_interval(difference, level)))
    ends = ["difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, columns=["name", "seeds", "auc", "low", "high", *ends])


def _t_interval(values: np.ndarray, level: float) -> tuple[float, float, float]:
    """Mean of a few values (n,) and its interval by Student's t."""
    mean = float(values.mean()) if len(values) else np.nan
    if len(values) < 2:
        return mean, np.nan, np.nan
    reach = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return mean, mean - reach, mean + reach


def write_tables(table: pd.DataFrame, out: Path) -> None:
    """Write ``runs.csv``, ``sets.csv`` and ``sweep.png`` of the runs done so far."""
    out.mkdir(parents=True, exist_ok=True)
    sets = summarise(table)
    write_atomically(out / "runs.csv", lambda path: table.to_csv(path, index=False))
    write_atomically(out / "sets.csv", lambda path: sets.to_csv(path, index=False))
    words = "ROC-AUC of onset from calm: mean over seeds, 95 % t-interval (0.5 = chance)"
    figure = figure_of(plot_forest(sets.rename(columns={"auc": "value"}), xlabel=words))
    write_atomically(out / "sweep.png", figure.savefig)
    plt.close(figure)


def as_markdown(runs: pd.DataFrame, minutes: float) -> str:
    """The page: what was run, and a row for each set."""
    size = f"{SMALL['height']} x {SMALL['height'] * 4 // 3} pixels"
    steps = SMALL["epochs"] * SMALL["steps_per_epoch"]
    lines = [
        "# The ablations the study did not run",
        "",
        "Written by `python tests/benchmarks/bench_sweep.py`. Each set of parameters trains on "
        f"{minutes:g} minutes of simulated tank, with {runs['seed'].nunique()} seeds of tank and "
        f"training. The first row is this project's default in small: its ConvLSTM on {size}, "
        f"{steps} steps. Every other row changes one thing. (The study's own network took five "
        "hours an epoch on a GPU: changing *its* settings could tell nothing in minutes.) ROC-AUC "
        "of onset from calm on the test part, mean over seeds; differences from the first row are "
        "paired by seed. In brackets: 95 % intervals by Student's t, wide with so few seeds.",
        "",
        "| set | what is changed | runs | AUC | difference |",
        "|---|---|---|---|---|",
    ]
    for row in summarise(runs).itertuples():
        difference = [row.difference, row.difference_low, row.difference_high]
        told = "–" if row.name == BASE else _interval(*difference, sign="+")
        lines.append(
            f"| {row.name} | {CHANGES[row.name][1]} | {row.seeds} | "
            f"{_interval(row.auc, row.low, row.high)} | {told} |"
        )
    failed = runs[runs["status"] == "failed"]
    lines += [f"\n{row.name}, seed {row.seed}, failed: {row.error}" for row in failed.itertuples()]
    return "\n".join([*lines, "", "![The same as a figure](../../figures/sweep.png)", ""])


def _interval(value: float, low: float, high: float, sign: str = "") -> str:
    if np.isnan(low):
        return f"{value:{sign}.3f}"
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def main(arguments: list[str] | None = None, execute: Execute = run_notebooks) -> None:
    """Run what is missing, write the table and copy the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(CHANGES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("data/runs/sweep"))
    parser.add_argument("--page", type=Path, default=HERE / "SWEEP.md")
    parser.add_argument("--figure", type=Path, default=HERE.parents[1] / "figures" / "sweep.png")
    chosen = parser.parse_args(arguments)
    minutes = {"minutes": chosen.minutes}
    runs = run_sweep(chosen.sets, chosen.seeds, chosen.out, minutes, chosen.jobs, execute)
    write_text(chosen.page, as_markdown(runs, chosen.minutes))
    shutil.copy(chosen.out / "sweep.png", chosen.figure)


if __name__ == "__main__":
    main()
