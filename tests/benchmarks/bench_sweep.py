"""The ablations the study did not run: one change each, three seeds of tank and training.

Run: ``python tests/benchmarks/bench_sweep.py [--seeds 0 1 2] [--minutes 20] [--jobs 2]``. Takes
a quarter of an hour on two cores. The table goes to ``SWEEP.md`` beside this file, the figure
to ``figures/sweep.png``. What was run is kept in ``--out``: called again, only the rest is done.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np

from fishlib.pipeline.parameter_sets import SMALL, SWEEP
from fishlib.pipeline.sweep import run_sweep
from fishlib.pipeline.sweep_tables import summarise

HERE = Path(__file__).resolve().parent
CHANGES = {
    "default-in-small": "–",
    "no-flips": "the film as it is, not its three mirror images",
    "class-weights": "both classes weigh alike, as in the study",
    "time-channels": "three slices of four plain frames, no differences",
    "single-channel": "twelve slices of one plain frame",
    "two-layers": "the study's network of two ConvLSTMs, on three slices of four plain frames",
    "slow-learning": "a tenth of the learning rate",
    "a-third-of-the-clips": "a third of the training steps",
}


def main() -> None:
    """Run what is missing, write the table and copy the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("data/runs/sweep"))
    chosen = parser.parse_args()
    runs = run_sweep(
        list(SWEEP), chosen.seeds, chosen.out, {"minutes": chosen.minutes}, chosen.jobs
    )
    (HERE / "SWEEP.md").write_text(as_markdown(runs, chosen.minutes), encoding="utf-8")
    shutil.copy(chosen.out / "sweep.png", HERE.parents[1] / "figures" / "sweep.png")


def as_markdown(runs, minutes: float) -> str:
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
        told = "–" if row.name == "default-in-small" else _interval(*difference, sign="+")
        lines.append(
            f"| {row.name} | {CHANGES[row.name]} | {row.seeds} | "
            f"{_interval(row.auc, row.low, row.high)} | {told} |"
        )
    failed = runs[runs["status"] == "failed"]
    lines += [f"\n{row.name}, seed {row.seed}, failed: {row.error}" for row in failed.itertuples()]
    return "\n".join([*lines, "", "![The same as a figure](../../figures/sweep.png)", ""])


def _interval(value: float, low: float, high: float, sign: str = "") -> str:
    if np.isnan(low):
        return f"{value:{sign}.3f}"
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


if __name__ == "__main__":
    main()
