"""Sweeps: parameter sets by seeds, each run by papermill, in one table and one figure.

Run: ``python -m fishlib.pipeline.sweep --seeds 0 1 2 --minutes 20``.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from fishlib.pipeline import NOTEBOOKS, run_notebooks
from fishlib.pipeline.many import Execute, run_film, share_cores
from fishlib.pipeline.parameter_sets import SWEEP
from fishlib.pipeline.sweep_tables import summarise, write_tables

AUC_ONLY = {"n_resamples": 100, "n_shifts": 99, "oracle_frames": 20, "n_rollouts": 4}
"""Parameters of the evaluation: of each run one AUC is wanted, its spread comes from the seeds."""
NAMES = {"motion_convlstm": "ConvLSTM", "motion_cnn": "CNN"}
"""How the evaluation calls our own networks; the study's keep their names."""


def run_sweep(
    names: Sequence[str],
    seeds: Sequence[int],
    out_dir: str | Path,
    parameters: dict | None = None,
    jobs: int = 1,
    execute: Execute = run_notebooks,
    progress: bool = True,
) -> pd.DataFrame:
    """Run parameter sets on simulated tanks, over seeds of tank and training.

    A run that fails is a row of the table and does not disturb the others. What was done before
    with the same parameters is kept: after a kill, or to add sets or seeds, call it again.

    Parameters
    ----------
    names : sequence of str
        Of `parameter_sets.SWEEP`; the others are compared with the first.
    seeds : sequence of int
        At least two for an interval.
    out_dir : str or Path
        Gets a run folder for each set and seed, ``runs.csv``, ``sets.csv`` and ``sweep.png``.
    parameters : dict, optional
        Papermill parameters for all runs, such as ``minutes``.
    jobs : int
        Runs at a time, each in its own process.
    execute : callable
        Runs notebooks, as `pipeline.run_notebooks` does.
    progress : bool
        Show a bar over the runs.

    Returns
    -------
    DataFrame
        A row for each set and seed: ``name``, ``seed``, ``auc`` of the network on the test part
        for the label it learned (NaN if it failed), ``status``, ``error``, ``run_dir``.

    Raises
    ------
    ValueError
        If a set is unknown, no set or no seed is given, or the job count is below 1.
    """
    _require(names, seeds, jobs)
    out = Path(out_dir)
    tasks = {
        (name, seed): SWEEP[name] | AUC_ONLY | (parameters or {}) | {"seed": seed}
        for name in names
        for seed in seeds
    }
    rows = {}
    with tqdm(total=len(tasks), disable=not progress, unit="run") as bar:
        for row in _outcomes(tasks, out, partial(_without_pages, execute), jobs):
            rows[row["name"], row["seed"]] = row
            table = pd.DataFrame([rows[key] for key in tasks if key in rows])
            write_tables(table, out)
            bar.update()
            if row["status"] == "failed":
                bar.write(f"{row['name']}, seed {row['seed']}, failed: {row['error']}")
    return table


def _require(names: Sequence[str], seeds: Sequence[int], jobs: int) -> None:
    unknown = [name for name in names if name not in SWEEP]
    if unknown:
        raise ValueError(f"No set {', '.join(unknown)} to sweep; there are: {', '.join(SWEEP)}.")
    if not names or not seeds or jobs < 1:
        raise ValueError("A sweep takes at least one set, one seed and one job.")


def _without_pages(execute: Execute, run, parameters: dict, notebooks, progress) -> None:
    execute(run, parameters, notebooks=notebooks, html=False, progress=progress)


def _outcomes(tasks: dict, out: Path, execute: Execute, jobs: int) -> Iterator[dict]:
    """Yield the row of each run as it comes."""
    if jobs == 1:
        yield from (_run(*key, chosen, out, execute) for key, chosen in tasks.items())
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), share_cores, (jobs,)) as pool:
        running = {pool.submit(_run, *key, tasks[key], out, execute): key for key in tasks}
        for done in as_completed(running):
            error = done.exception()  # a process that died; what a notebook raised is in the row
            yield _row(*running[done], "failed", repr(error)) if error else done.result()


def _run(name: str, seed: int, parameters: dict, out: Path, execute: Execute) -> dict:
    run = out / name / f"seed{seed}"
    outcome = run_film("simulated", run, parameters, NOTEBOOKS[1:], execute)
    auc = np.nan
    if outcome["status"] != "failed":
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        network = parameters.get("network", "motion_convlstm")
        scores = metrics["05_evaluation"][parameters.get("learned_label", "onsets")]["scores"]
        auc = scores[NAMES.get(network, network)]["auc"]["value"]
    return _row(name, seed, outcome["status"], outcome["error"], auc, outcome["run_dir"])


def _row(name: str, seed: int, status: str, error: str, auc=np.nan, run_dir: str = "") -> dict:
    return {
        "name": name, "seed": seed, "auc": auc, "status": status, "error": error,
        "run_dir": run_dir,
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Command line of the sweep; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fishlib.pipeline.sweep", description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SWEEP), help="; ".join(SWEEP))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=20, help="of each simulated film")
    parser.add_argument("--out", type=Path, default=Path("data/runs/sweep"))
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    chosen = parser.parse_args(arguments)
    try:
        parameters = {"minutes": chosen.minutes}
        table = run_sweep(chosen.sets, chosen.seeds, chosen.out, parameters, chosen.jobs)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"fishlib: {error}", file=sys.stderr)
        return 1
    print(summarise(table).round(3).to_string(index=False))
    return int((table["status"] == "failed").any())


if __name__ == "__main__":
    sys.exit(main())
