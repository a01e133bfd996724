"""Run folders: where the notebooks of one run leave their results for each other.

A run is a folder. Notebooks talk through its files only, and a file appears under its final name
when it is whole.
"""

import ast
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from fishlib.files import plain, project_path, write_atomically, write_text
from fishlib.files import save_arrays as save_npz

MADE_BY = {
    "motion.npy": "02_labeling",
    "bursts.npy": "02_labeling",
    "onsets.npy": "02_labeling",
    "labels.json": "02_labeling",
    "clips.json": "03_data_preparation",
    "forecasts.npz": "04_convlstm_training",
}
"""The notebook that makes each file a later notebook reads."""


def open_run(run_dir: str | Path, cells: Sequence[str] = ()) -> Path:
    """Make a run folder, after checking the notebook's parameters.

    Parameters
    ----------
    run_dir : str or Path
        A relative path counts from the current folder, or from the one above when the current
        folder is ``notebooks``: JupyterLab and papermill then mean the same folder.
    cells : sequence of str
        The sources of the cells run so far: ``In`` in a notebook.

    Returns
    -------
    Path
        The existing, absolute folder.

    Raises
    ------
    ValueError
        If papermill was given a parameter the notebook does not have.
    """
    check_parameters(cells)
    folder = project_path(run_dir)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    return folder


def check_parameters(cells: Sequence[str]) -> None:
    """Refuse a parameter papermill injected that the cell before it does not declare."""
    for declared, injected in pairwise(cells):
        if injected.startswith("# Parameters\n"):
            known = _assigned(declared)
            unknown = [name for name in _assigned(injected) if name not in known]
            if unknown:
                raise ValueError(
                    f"This notebook has no parameter {', '.join(unknown)}. "
                    f"Its parameters are: {', '.join(known)}."
                )


def _assigned(source: str) -> list[str]:
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    return [target.id for node in nodes for target in node.targets if isinstance(target, ast.Name)]


def require(run: Path, name: str) -> Path:
    """Path of a file an earlier notebook made.

    Raises
    ------
    FileNotFoundError
        If it is not there; the sentence names the notebook to run.
    """
    path = Path(run) / name
    if not path.exists():
        maker = MADE_BY.get(name, "an earlier notebook")
        raise FileNotFoundError(
            f"{name} is missing from {path.parent}: run {maker} with the same run_dir first."
        )
    return path


def save_array(run: Path, name: str, array: np.ndarray) -> Path:
    """Write one ``.npy`` array into the run folder."""
    return write_atomically(Path(run) / name, lambda path: np.save(path, array, allow_pickle=False))


def load_array(run: Path, name: str) -> np.ndarray:
    """Read an array an earlier notebook made."""
    return np.load(require(run, name), allow_pickle=False)


def save_arrays(run: Path, name: str, arrays: dict[str, np.ndarray]) -> Path:
    """Write named arrays into one ``.npz`` file of the run folder."""
    return save_npz(Path(run) / name, **arrays)


def load_arrays(run: Path, name: str) -> dict[str, np.ndarray]:
    """Read the named arrays of one ``.npz`` file."""
    with np.load(require(run, name), allow_pickle=False) as stored:
        return dict(stored)


def save_json(run: Path, name: str, content: dict) -> Path:
    """Write a dict as JSON; numpy numbers become plain ones, NaN becomes null."""
    text = json.dumps(plain(content), indent=1, sort_keys=True, allow_nan=False) + "\n"
    return write_text(Path(run) / name, text)


def load_json(run: Path, name: str) -> dict:
    """Read a JSON file an earlier notebook made."""
    return json.loads(require(run, name).read_text(encoding="utf-8"))


def update_metrics(run: Path, section: str, values: dict) -> None:
    """Put one notebook's numbers into ``metrics.json``, beside those of the others."""
    path = Path(run) / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    save_json(run, "metrics.json", {**metrics, section: values})


def save_figure(run: Path, name: str, figure) -> Path:
    """Save a matplotlib figure as ``figures/<name>.png`` of the run folder."""
    return write_atomically(
        Path(run) / "figures" / f"{name}.png", lambda path: figure.savefig(path, dpi=100)
    )
