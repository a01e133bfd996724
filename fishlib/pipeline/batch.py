"""Many films: the five notebooks for each, side by side, and one table over all of them."""

import glob
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fishlib.atomic import write_atomically
from fishlib.pipeline import NOTEBOOKS, run_notebooks
from fishlib.pipeline.steps import Execute, run_film
from fishlib.side_by_side import share_cores


def run_films(
    films: Sequence[str | Path],
    out_dir: str | Path,
    parameters: dict | None = None,
    jobs: int = 1,
    notebooks: Sequence[str] = NOTEBOOKS,
    execute: Execute = run_notebooks,
    progress: bool = True,
) -> pd.DataFrame:
    """Run the notebooks on each film, several films at a time.

    A film that fails is reported in the table and does not disturb the others. What was done
    before with the same film, parameters and notebooks is kept: after a kill, or to add films,
    call it again.

    Parameters
    ----------
    films : sequence of str or Path
        Films and frame folders; a name with ``*`` stands for all that match.
    out_dir : str or Path
        Gets a run folder for each film, and ``summary.csv``.
    parameters : dict, optional
        Papermill parameters for all films, besides ``source`` and ``run_dir``.
    jobs : int
        Films at a time, each in its own process.
    notebooks : sequence of str
        Names of the notebooks to run, in order.
    execute : callable
        Runs notebooks, as `pipeline.run_notebooks` does.
    progress : bool
        Show a bar over the films.

    Returns
    -------
    DataFrame
        A row for each film, in the order given: film, run_dir, status ("done", "kept", "failed"),
        error, and every number of its ``metrics.json``.

    Raises
    ------
    FileNotFoundError
        A name with ``*`` matches nothing.
    ValueError
        No film, or a job count below 1.
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}: give at least 1.")
    out = Path(out_dir)
    folders = run_folders(find_films(films), out)
    outcomes: dict[str, dict] = {}
    with tqdm(total=len(folders), disable=not progress, unit="film") as bar:
        for outcome in _outcomes(folders, parameters, notebooks, execute, jobs):
            outcomes[outcome["film"]] = outcome
            write_summary(out, [outcomes[film] for film in folders if film in outcomes])
            bar.update()
            if outcome["status"] == "failed":
                bar.write(f"{outcome['film']} failed: {outcome['error']}")
    return write_summary(out, [outcomes[film] for film in folders])


def _outcomes(folders: dict[str, Path], parameters, notebooks, execute, jobs: int):
    """Yield the outcome of each film as it comes."""
    tasks = [(film, run, parameters, notebooks, execute) for film, run in folders.items()]
    if jobs == 1:
        yield from (run_film(*task) for task in tasks)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, share_cores, (jobs,), max_tasks_per_child=1) as pool:
        running = {pool.submit(run_film, *task): task for task in tasks}
        for future in as_completed(running):
            film, run, *_ = running[future]
            error = future.exception()
            if error is None:
                yield future.result()
            else:
                yield {"film": film, "run_dir": str(run), "status": "failed", "error": repr(error)}


def find_films(films: Sequence[str | Path]) -> list[str]:
    """Films named one by one or by patterns with ``*``, each once, in the order given."""
    found: dict[str, None] = {}
    for name in map(str, films):
        matches = sorted(glob.glob(name, recursive=True)) if glob.has_magic(name) else [name]
        if not matches:
            raise FileNotFoundError(f"{name} matches no film: check the folder and the ending.")
        found.update(dict.fromkeys(matches))
    if not found:
        raise ValueError("no film was given: name films, frame folders, or a pattern such as *.mp4")
    return list(found)


def run_folders(films: Sequence[str], out_dir: Path) -> dict[str, Path]:
    """Run folder of each film: its name, with a hash of the path where two share a name."""
    stems = [Path(film).stem or "film" for film in films]
    folders = {}
    for film, stem in zip(films, stems, strict=True):
        mark = hashlib.sha256(str(Path(film).resolve()).encode()).hexdigest()[:6]
        folders[film] = out_dir / (stem if stems.count(stem) == 1 else f"{stem}-{mark}")
    return folders


def write_summary(out_dir: Path, outcomes: Sequence[dict]) -> pd.DataFrame:
    """Write ``summary.csv``: a row for each film, its outcome and the numbers it gave."""
    rows = [{**outcome, **run_numbers(Path(outcome["run_dir"]))} for outcome in outcomes]
    table = pd.DataFrame(rows)
    out_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(out_dir / "summary.csv", lambda path: table.to_csv(path, index=False))
    return table


def run_numbers(run_dir: Path) -> dict:
    """Numbers and names in a run's ``metrics.json``, by dotted path; empty if there is none."""
    path = run_dir / "metrics.json"
    if not path.exists():
        return {}
    flat = pd.json_normalize(json.loads(path.read_text(encoding="utf-8"))).iloc[0].to_dict()
    return {name: value for name, value in flat.items() if not isinstance(value, list)}
