"""Run the five notebooks, in order, into one run folder."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fishlib.files import write_text
from fishlib.parameters import check_values, read_parameters

NOTEBOOKS = (
    "01_problem",
    "02_labeling",
    "03_data_preparation",
    "04_convlstm_training",
    "05_evaluation",
)
CLONE = Path(__file__).resolve().parents[2]
CELL_TIMEOUT = 24 * 3600
BENCHMARK_FIGURES = ("sweep.png",)
"""Figures of the repository that the notebooks show and no run makes."""


class NotebookFailed(RuntimeError):
    """A notebook stopped with an error; what it did until then is in the run folder."""


def notebook_folder() -> Path:
    """The folder of the five notebooks, beside the package or below the current folder."""
    for folder in (CLONE / "notebooks", Path("notebooks").resolve()):
        if (folder / f"{NOTEBOOKS[0]}.ipynb").exists():
            return folder
    raise FileNotFoundError(
        "The notebooks folder was not found beside fishlib or in the current folder: run this from "
        "a clone of the repository."
    )


def read_set(name: str | Path) -> dict:
    """A named set of notebook parameters, of ``notebooks/sets`` or of a YAML file.

    Parameters
    ----------
    name : str or Path
        "quick" and the like, or a path; "default" is the empty set.

    Raises
    ------
    ValueError
        There is no such set, or it is no table of parameters.
    """
    if name == "default":
        return {}
    sets = notebook_folder() / "sets"
    found = [path for path in (sets / f"{name}.yaml", Path(name)) if path.is_file()]
    if not found:
        names = ", ".join(["default", *sorted(path.stem for path in sets.glob("*.yaml"))])
        raise ValueError(f"No set {str(name)!r}; there are: {names}, or give a YAML file.")
    return read_parameters(found[0])


def notebook_parameters(name: str) -> dict[str, str]:
    """Names and defaults (as written) of a notebook's papermill parameters."""
    from papermill import inspect_notebook

    found = inspect_notebook(str(notebook_folder() / f"{name}.ipynb"))
    return {key: parameter["default"] for key, parameter in found.items()}


def run_notebooks(
    run_dir: str | Path,
    parameters: dict | None = None,
    notebooks: Sequence[str] = NOTEBOOKS,
    html: bool = True,
    progress: bool = True,
) -> Path:
    """Execute notebooks with papermill; each gets the parameters it has.

    Parameters
    ----------
    run_dir : str or Path
        Where the executed notebooks, their HTML and all results land.
    parameters : dict, optional
        Papermill parameters, such as ``source``, ``seed`` and ``minutes``.
    notebooks : sequence of str
        Names without ending, in order.
    html : bool
        Also write each executed notebook as a page.
    progress : bool
        Show a bar over the cells and a line a notebook.

    Returns
    -------
    Path
        The run folder.

    Raises
    ------
    ValueError
        If none of the five notebooks has one of the parameters, or a value cannot be.
    NotebookFailed
        If a cell stopped with an error.
    """
    parameters = check_values(parameters or {})
    known = {name: notebook_parameters(name) for name in notebooks}
    run = Path(run_dir).resolve()
    run.mkdir(parents=True, exist_ok=True)
    pages = []
    with ThreadPoolExecutor(1) as writer:  # a page is written while the next notebook runs
        for name in notebooks:
            started = time.monotonic()
            chosen = {key: value for key, value in parameters.items() if key in known[name]}
            _execute(name, run, {**chosen, "run_dir": str(run)}, progress)
            if html:
                pages.append(writer.submit(_write_html, run / f"{name}.ipynb"))
            if progress:
                print(f"{name}: done in {time.monotonic() - started:.0f} s", flush=True)
    for page in pages:
        page.result()
    return run


def _execute(name: str, run: Path, parameters: dict, progress: bool) -> None:
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # inherited by the kernels
    target = run / f"{name}.ipynb"
    partial = run / f".{name}.partial.ipynb"
    try:
        execute_notebook(
            _unformatted(notebook_folder() / f"{name}.ipynb"),
            _unformatted(partial),
            parameters,
            kernel_name="python3",
            progress_bar={"desc": name} if progress else False,
            log_output=False,
            start_timeout=300,
            execution_timeout=CELL_TIMEOUT,
            config=Config({"KernelManager": {"transport_encryption": "auto"}}),
            cwd=str(Path.cwd()),
        )
    except PapermillExecutionError as error:
        failed = run / f"{name}.failed.ipynb"
        _save(partial, failed)
        raise NotebookFailed(
            f"{name} stopped in cell {error.cell_index + 1}: {error.ename}: {error.evalue} "
            f"(the notebook as far as it came: {failed})"
        ) from error
    _save(partial, target)


def _unformatted(path: Path) -> str:
    """A path that papermill, which formats paths, leaves as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _save(partial: Path, target: Path) -> None:
    """Give an executed notebook its final name, without the progress of its run."""
    import nbformat

    notebook = without_progress(nbformat.read(partial, 4))
    write_text(target, nbformat.writes(notebook) + "\n")
    partial.unlink()


def without_progress(notebook):
    """A notebook without error streams and progress bars, which belong to the terminal."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
    return notebook


def _is_progress(output) -> bool:
    data = output.get("data", {})
    is_bar = any("widget-view" in mime for mime in data) and "%|" in data.get("text/plain", "")
    return output.get("name") == "stderr" or is_bar


def _write_html(path: Path) -> None:
    """Write an executed notebook as a page that shows the figures of its own run."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = without_progress(nbformat.read(path, 4))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _as_in_run(cell.source, path.parent)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    write_text(path.with_suffix(".html"), page)


def _as_in_run(text: str, run: Path) -> str:
    """Links as they are in a run folder; a picture that this run did not make is left out."""

    def picture(match: re.Match) -> str:
        if Path(match[1]).name in BENCHMARK_FIGURES:
            shutil.copy(notebook_folder().parent / match[1], run / match[1])
        return match[0].replace("../figures/", "figures/") if (run / match[1]).exists() else ""

    text = re.sub(r"!\[[^\]]*\]\(\.\./(figures/\w+\.png)\)", picture, text)
    return re.sub(r"\((\d\d_\w+)\.ipynb\)", r"(\1.html)", text)
