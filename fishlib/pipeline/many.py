"""Many films, a notebook at a time: each step done once, and done again only if it must be."""

import glob
import hashlib
import itertools
import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache, partial
from multiprocessing import active_children, get_context
from pathlib import Path

import pandas as pd
from joblib import cpu_count
from tqdm import tqdm

from fishlib.files import code_version, fingerprint, write_atomically, write_text
from fishlib.parameters import check_values
from fishlib.pipeline import NOTEBOOKS, hold, notebook_folder, run_notebooks
from fishlib.side_by_side import end_with

Execute = Callable[..., object]
SNAKEFILE = Path(__file__).with_name("Snakefile")


def step_key(film: str, parameters: dict, notebook: str) -> str:
    """Hash of what decides the result of a notebook.

    That is the film, the parameters with the files they name, this package's code and the
    notebooks so far.
    """
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True, default=str).encode())
    digest.update(_package_code().encode())
    for path in (film, *parameters.values()):
        if isinstance(path, str) and path and path != "simulated" and os.path.exists(path):
            digest.update(fingerprint(Path(path)).encode())
    for name in NOTEBOOKS[: NOTEBOOKS.index(notebook) + 1]:
        source = json.loads((notebook_folder() / f"{name}.ipynb").read_text(encoding="utf-8"))
        for cell in source["cells"]:
            digest.update("".join(cell["source"]).encode())
    return digest.hexdigest()


@cache
def _package_code() -> str:
    """What this package does, as it was loaded."""
    return code_version(".")


def run_step(
    film: str,
    run_dir: str | Path,
    notebook: str,
    parameters: dict,
    execute: Execute = run_notebooks,
) -> bool:
    """Run one notebook on one film, unless it ran before with the same film and parameters.

    Parameters
    ----------
    film : str
        Path of a film or frame folder, or "simulated".
    run_dir : str or Path
        Run folder of the film; ``steps.json`` in it remembers what is done.
    notebook : str
        Name of the notebook, without ending.
    parameters : dict
        Papermill parameters besides ``source`` and ``run_dir``.
    execute : callable
        Runs notebooks, as `pipeline.run_notebooks` does.

    Returns
    -------
    bool
        Whether it had to run.
    """
    source, run, steps = source_of(film), Path(run_dir), Path(run_dir) / "steps.json"
    key = step_key(source, parameters, notebook)
    done = json.loads(steps.read_text()) if steps.exists() else {}
    if done.get(notebook) == key and (run / f"{notebook}.ipynb").exists():
        return False
    run.mkdir(parents=True, exist_ok=True)
    if notebook == NOTEBOOKS[0]:  # the run begins anew, and may be made of something else
        (run / "run.json").unlink(missing_ok=True)
        done = {}
    execute(run, {**parameters, "source": source}, notebooks=[notebook], progress=False)
    write_text(steps, json.dumps({**done, notebook: key}, indent=1) + "\n")
    return True


def read_film(film: str, parameters: dict) -> None:
    """Decode and prepare one film into the cache, where a run with these parameters finds it."""
    from fishlib.recording import open_film  # loads slowly

    of_films = ("seed", "minutes", "preparation", "fps")
    given = check_values(parameters)
    open_film(source_of(film), **{name: given[name] for name in of_films if name in given})


def source_of(film: str | Path) -> str:
    """The parameter ``source`` for a film: its full path, whatever is in its name.

    Raises
    ------
    FileNotFoundError
        There is no such film.
    ValueError
        Its name is no UTF-8, and cannot be written into a notebook.
    """
    if Path(film).exists():
        path = os.path.abspath(film)
        if any("\ud800" <= letter <= "\udfff" for letter in path):  # bytes that are no letter
            raise ValueError(f"{film!a} has a name that is no UTF-8: give the film another name.")
        return path
    if film == "simulated":
        return film
    raise FileNotFoundError(f"{film} does not exist: give the path of a film or frame folder.")


def run_film(film: str, run_dir: Path, parameters: dict, execute: Execute) -> dict:
    """Run the notebooks on one film and say how that went, without raising.

    Returns
    -------
    dict
        ``film``, ``run_dir``, ``status`` ("done", "kept" if nothing had to run, or "failed") and
        ``error``, the reason in one line.
    """
    try:
        with hold(run_dir.resolve()):
            ran = [run_step(film, run_dir, name, parameters, execute) for name in NOTEBOOKS]
    except Exception as error:  # whatever it is, the other films go on, and the table says it
        return _outcome(film, run_dir, "failed", str(error).strip() or type(error).__name__)
    return _outcome(film, run_dir, "done" if any(ran) else "kept")


def _outcome(film: str, run_dir: Path, status: str, error: str = "") -> dict:
    first_line = "".join(error.splitlines()[:1])
    return {"film": film, "run_dir": str(run_dir), "status": status, "error": first_line}


def run_films(
    films: Sequence[str | Path],
    out_dir: str | Path,
    parameters: dict | None = None,
    jobs: int = 1,
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
    folders = run_folders(find_films(films), out_dir)
    calls = [(film, run, parameters or {}, execute) for film, run in folders.items()]
    outcomes = itertools.starmap(run_film, calls) if jobs == 1 else _in_processes(calls, jobs)
    ended: dict[str, dict] = {}
    with tqdm(total=len(calls), disable=not progress, unit="run") as bar:
        for outcome in outcomes:
            ended[outcome["film"]] = outcome
            table = write_summary(Path(out_dir), [ended[f] for f in folders if f in ended])
            bar.update()
            if outcome["status"] == "failed":
                bar.write(f"{outcome['run_dir']} failed: {outcome['error']}")
    return table


def _in_processes(calls: list[tuple], jobs: int) -> Iterator[dict]:
    context = get_context("spawn")
    given = jobs, os.getpid()
    with ProcessPoolExecutor(jobs, context, _begin, given, max_tasks_per_child=1) as pool:
        running = {pool.submit(run_film, *call): call for call in calls}
        try:
            for future in as_completed(running):
                error = future.exception()
                film, run, *_ = running[future]
                yield _outcome(film, run, "failed", repr(error)) if error else future.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            raise


def _begin(n_processes: int, parent: int) -> None:
    """Begin a process: it takes its share of the cores, and ends when its parent does."""
    share_cores(n_processes)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a notebook's kernel ends with it
    end_with(parent, partial(os.kill, os.getpid(), signal.SIGTERM))


def share_cores(n_processes: int) -> None:
    """Let this process, one of several, take its share of the cores only."""
    names = ("LOKY_MAX_CPU_COUNT", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    os.environ |= dict.fromkeys(names, str(max(1, cpu_count() // n_processes)))


def find_films(films: Sequence[str | Path]) -> list[str]:
    """Films named one by one or by patterns with ``*``, each once, in the order given."""
    found: dict[str, None] = {}
    for name in map(str, films):
        is_pattern = glob.has_magic(name) and not os.path.lexists(name)
        matches = sorted(glob.glob(name, recursive=True)) if is_pattern else [name]
        if not matches:
            raise FileNotFoundError(f"{name} matches no film: check the folder and the ending.")
        found.update(dict.fromkeys(matches))
    if not found:
        raise ValueError("no film was given: name films, frame folders, or a pattern such as *.mp4")
    return list(found)


def run_folders(films: Sequence[str], out_dir: str | Path) -> dict[str, Path]:
    """Run folder of each film: its name, and a hash of its path, since names come twice."""
    return {film: Path(out_dir) / _folder_name(film) for film in films}


def _folder_name(film: str) -> str:
    if film == "simulated" and not Path(film).exists():
        return film
    path = Path(os.path.abspath(film))
    name = path.name if path.is_dir() else path.stem
    return _name_apart(re.sub(r"[^\w @+=,.-]", "_", name).strip(" .-")[:80] or "film", str(path))


def _name_apart(name: str, path: str) -> str:
    return f"{name}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:6]}"


def prepare_run(films: Sequence[str], out_dir: Path, run_dir: str | None, parts: bool) -> tuple:
    """One run over all films: its folder, below ``out_dir`` if none is given, and its ``source``.

    Several films are written down as a table in the run folder; ``parts`` of one film are not.
    """
    paths = [source_of(film) for film in films]
    joined = os.pathsep.join(paths)
    name = _folder_name(films[0]) if len(films) == 1 else _name_apart(f"{len(films)}_films", joined)
    folder = Path(run_dir or out_dir / name)
    if parts or len(films) == 1:
        return folder, joined
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"film": paths}).to_csv(index=False, lineterminator="\n")
    return folder, str(write_text(folder.resolve() / "films.csv", table))


def write_summary(out_dir: Path, outcomes: Sequence[dict]) -> pd.DataFrame:
    """Write ``summary.csv``: a row for each film, its outcome, what it came to, all numbers."""
    rows = [{**outcome, **_numbers(Path(outcome["run_dir"]))} for outcome in outcomes]
    table = pd.DataFrame(rows).rename(columns=lambda name: name.removeprefix("summary."))
    out_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(
        out_dir / "summary.csv", lambda path: table.to_csv(path, index=False, errors="replace")
    )
    return table


def _numbers(run_dir: Path) -> dict:
    """Numbers and names in a run's ``metrics.json``, by dotted path; empty if there is none."""
    path = run_dir / "metrics.json"
    if not path.exists():
        return {}
    flat = pd.json_normalize(json.loads(path.read_text(encoding="utf-8"))).iloc[0].to_dict()
    return {name: value for name, value in flat.items() if not isinstance(value, list)}
