"""One film, one notebook at a time: each step done once, and done again only if it must be."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from fishlib.atomic import write_atomically
from fishlib.pipeline import NOTEBOOKS, notebook_folder, run_notebooks
from fishlib.recording.cache import fingerprint

Execute = Callable[..., object]


def step_key(film: str, parameters: dict, notebook: str) -> str:
    """Hash of what decides the result of a notebook: film, parameters and the notebooks so far."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True, default=str).encode())
    digest.update(b"simulated" if film == "simulated" else fingerprint(Path(film)).encode())
    for name in NOTEBOOKS[: NOTEBOOKS.index(notebook) + 1]:
        source = json.loads((notebook_folder() / f"{name}.ipynb").read_text(encoding="utf-8"))
        for cell in source["cells"]:
            digest.update("".join(cell["source"]).encode())
    return digest.hexdigest()


def run_step(
    film: str,
    run_dir: str | Path,
    notebook: str,
    parameters: dict | None = None,
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
    parameters : dict, optional
        Papermill parameters besides ``source`` and ``run_dir``.
    execute : callable
        Runs notebooks, as `pipeline.run_notebooks` does.

    Returns
    -------
    bool
        Whether it had to run.
    """
    run = Path(run_dir)
    source = film if film == "simulated" else str(Path(film).resolve())
    if film != "simulated" and not Path(film).exists():
        raise FileNotFoundError(f"{film} does not exist: give the path of a film or frame folder.")
    key = step_key(source, parameters or {}, notebook)
    done = finished_steps(run)
    if done.get(notebook) == key and (run / f"{notebook}.ipynb").exists():
        return False
    run.mkdir(parents=True, exist_ok=True)
    execute(run, {**(parameters or {}), "source": source}, notebooks=[notebook], progress=False)
    steps = json.dumps({**done, notebook: key}, indent=1)
    write_atomically(run / "steps.json", lambda path: path.write_text(steps + "\n"))
    return True


def finished_steps(run_dir: Path) -> dict[str, str]:
    """Notebooks done in a run folder, with the key of what they were run on."""
    path = run_dir / "steps.json"
    return json.loads(path.read_text()) if path.exists() else {}


def run_film(
    film: str,
    run_dir: str | Path,
    parameters: dict | None = None,
    notebooks: Sequence[str] = NOTEBOOKS,
    execute: Execute = run_notebooks,
) -> dict:
    """Run the notebooks on one film and say how that went, without raising.

    Returns
    -------
    dict
        ``film``, ``run_dir``, ``status`` ("done", "kept" if nothing had to run, or "failed") and
        ``error``, the reason in one line.
    """
    outcome = {"film": film, "run_dir": str(run_dir), "status": "kept", "error": ""}
    try:
        for notebook in notebooks:
            if run_step(film, run_dir, notebook, parameters, execute):
                outcome["status"] = "done"
    except Exception as error:  # whatever it is, the other films go on, and the table says it
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return {**outcome, "status": "failed", "error": first_line}
    return outcome
