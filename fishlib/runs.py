"""Run folders: where the notebooks of one run leave their results for each other.

A run is a folder. Notebooks talk through its files only, a file appears under its final name when
it is whole, and ``run.json`` says what the run was made from: a notebook that is given anything
else is refused.
"""

import ast
import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

import fishlib
from fishlib.files import PACKAGE, flatten, nest, plain, project_path, write_atomically
from fishlib.parameters import check_values
from fishlib.recording.films import fingerprint_source
from fishlib.splits import from_edges

FORMAT = 4
"""Of a run folder: raised when files change their name or meaning."""
ASKED = ("labels.json", "motion.npy", "bursts.npy", "onsets.npy", "alarms.npy", "events.csv")
MADE_BY = {
    **dict.fromkeys(ASKED, "02_labeling"),
    **dict.fromkeys(("forecasts.npz", "study_forecasts.npz"), "04_convlstm_training"),
}
"""The notebook that makes each file a later notebook reads."""


def open_run(run_dir: str | Path, cells: Sequence[str] = (), **shared: object) -> "Run":
    """Make a run folder, or go on in it with the parameters it was begun with.

    Parameters
    ----------
    run_dir : str or Path
        A relative path counts from the current folder, or from the one above when the current
        folder is ``notebooks``: JupyterLab and papermill then mean the same folder.
    cells : sequence of str
        The sources of the cells run so far: ``In`` in a notebook.
    **shared
        The parameters that notebooks of a run share, noted by the first that has them; with
        ``source``, the film itself counts too.

    Returns
    -------
    Run
        The folder, from which later notebooks load what earlier ones saved.

    Raises
    ------
    ValueError
        If papermill was given a parameter the notebook does not have, or the run was begun with
        another value of a shared one, with another film, or in another format.
    """
    check_parameters(cells)
    shared = check_values(shared)
    run = Run(project_path(run_dir))
    if "run.questions" in "".join(cells[-1:]):  # without which it need not open the film
        run.load("labels.json")
    (run.folder / "figures").mkdir(parents=True, exist_ok=True)
    if shared.get("source", "simulated") != "simulated":
        shared["film"] = fingerprint_source(shared["source"])
    if not (run.folder / "run.json").exists():
        run.save("run.json", {"format": FORMAT, "parameters": shared, **_made_with()})
        return run
    begun = run.load("run.json")
    _refuse_other_run(run.folder, begun, plain(shared))
    if not shared.keys() <= begun["parameters"].keys():  # an earlier notebook has no such parameter
        run.save("run.json", {**begun, "parameters": {**begun["parameters"], **shared}})
    return run


def _refuse_other_run(folder: Path, begun: dict, shared: dict) -> None:
    if begun.get("format") != FORMAT:
        raise ValueError(
            f"{folder} was made by another version of fishlib (format {begun.get('format')}, this "
            f"one writes {FORMAT}): give another run_dir, or delete the folder."
        )
    for name, value in shared.items():
        before = begun["parameters"].get(name, value)
        if before != value and name == "film":
            raise ValueError(
                f"The film has changed since {folder} was begun: run all notebooks again with "
                "another run_dir."
            )
        if before != value:
            raise ValueError(
                f"{folder} was begun with {name} = {before!r}, and this notebook is given "
                f"{value!r}: give the same value, or another run_dir."
            )


def _made_with() -> dict:
    """Versions, commit and processor: what a number may depend on besides the parameters."""
    versions = {"fishlib": fishlib.__version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in ("tensorflow", "numpy")}
    processor = platform.processor() or platform.machine()
    return {"versions": versions, "commit": _commit(), "processor": processor}


def _commit() -> str | None:
    """The commit of the clone that the package stands in; None where it stands in none."""
    if not (PACKAGE.parent / ".git").exists() or shutil.which("git") is None:
        return None
    git = ["git", "-C", str(PACKAGE), "rev-parse", "HEAD"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or None


def check_parameters(cells: Sequence[str]) -> None:
    """Refuse a parameter papermill injected that the cell before it does not declare, or a value
    that it cannot have."""
    for declared, injected in pairwise(cells):
        if injected.startswith("# Parameters\n"):
            known = list(_assigned(declared))
            unknown = [name for name in _assigned(injected) if name not in known]
            if unknown:
                raise ValueError(
                    f"This notebook has no parameter {', '.join(unknown)}. "
                    f"Its parameters are: {', '.join(known)}."
                )
            check_values(_assigned(injected))


def _assigned(source: str) -> dict[str, object]:
    """Names and literal values that a parameters cell assigns."""
    nodes = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    return {ast.unparse(node.targets[0]): ast.literal_eval(node.value) for node in nodes}


def _write_json(path: Path, value: object) -> None:
    text = json.dumps(plain(value), indent=1, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


_WRITERS = {
    ".npy": lambda path, array: np.save(path, array, allow_pickle=False),
    ".npz": lambda path, arrays: np.savez(path, **arrays),
    ".csv": lambda path, table: table.to_csv(path, index=False, lineterminator="\n"),
    ".json": _write_json,
}
_READERS = {
    ".npy": np.load,  # without pickles, as is its default
    ".npz": _read_arrays,
    ".csv": pd.read_csv,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
}


@dataclass(frozen=True)
class Run:
    """A run folder, and what its notebooks have left in it so far.

    Attributes
    ----------
    folder : Path
        The existing, absolute folder.
    """

    folder: Path

    def save(self, name: str, value: object) -> Path:
        """Write an array (``.npy``), a dict of arrays (``.npz``), a table (``.csv``) or plain
        values (``.json``).

        In JSON numpy numbers become plain ones, NaN becomes null.
        """
        path = self.folder / name
        return write_atomically(path, lambda part: _WRITERS[path.suffix](part, value))

    def load(self, name: str):
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileNotFoundError
            If it is not there; the sentence names the notebook to run.
        """
        path = self.folder / name
        if not path.exists():
            maker = MADE_BY.get(name, "an earlier notebook")
            raise FileNotFoundError(
                f"{name} is missing from {self.folder}: run {maker} with the same run_dir first."
            )
        return _READERS[path.suffix](path)

    @property
    def questions(self) -> dict[str, np.ndarray]:
        """What notebook 02 asked: int8 (T,) by question; 1 yes, 0 no, -1 not asked."""
        return {name: self.load(f"{name}s.npy") for name in ("onset", "burst", "alarm")}

    @property
    def folds(self) -> list[dict[str, slice | np.ndarray]]:
        """Training, validation and test frames of each fold; none if the film is too short."""
        return list(map(from_edges, self.load("labels.json")["folds"]))

    def save_forecasts(self, forecasts: dict[str, dict[str, np.ndarray]], name: str) -> Path:
        """Write forecasts, (T,) or (2, T), by question and forecaster into one ``.npz``."""
        return self.save(name, flatten(forecasts))

    def load_forecasts(self, name: str) -> dict[str, dict[str, np.ndarray]]:
        """Read what :meth:`save_forecasts` wrote."""
        return nest(self.load(name))

    def seal(self) -> str:
        """Fix questions and forecasts before the test part is scored: a hash in ``run.json``."""
        sealed = self._digest()
        self.save("run.json", {**self.load("run.json"), "sealed": sealed, "scored": []})
        return sealed

    def open_seal(self, **protocol: object) -> str:
        """Say that nothing changed since :meth:`seal`, and count the protocols scored since.

        Raises
        ------
        ValueError
            Questions or forecasts are not those that were sealed.
        """
        facts = self.load("run.json")
        if facts.get("sealed") != self._digest():
            raise ValueError(
                f"The forecasts in {self.folder} are not those that were sealed before the test "
                "part was scored: run 04_convlstm_training again."
            )
        scored = sorted({*facts["scored"], json.dumps(plain(protocol), sort_keys=True)})
        self.save("run.json", {**facts, "scored": scored})
        times = "once" if len(scored) == 1 else f"{len(scored)} times, with other choices each time"
        return f"{facts['sealed']}, fixed before the test part was scored; scored {times}"

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name, array in sorted({**self.questions, **self.load("forecasts.npz")}.items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]

    def save_figure(self, name: str, axes) -> None:
        """Save the figure of some matplotlib axes as ``figures/<name>.png``.

        One of this package's plots is drawn once more for a phone, ``figures/phone/<name>.png``.
        """
        from fishlib.figures.style import save_figure  # a run without figures needs no matplotlib

        save_figure(axes, self.folder / "figures" / f"{name}.png")

    def update_metrics(self, section: str, values: dict) -> None:
        """Put one notebook's numbers into ``metrics.json``, beside those of the others."""
        begun = (self.folder / "metrics.json").exists()
        metrics = self.load("metrics.json") if begun else {}
        self.save("metrics.json", {**metrics, section: values})
