"""Run the five notebooks, in order, into one run folder."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fishlib.files import write_atomically

NOTEBOOKS = (
    "01_problem",
    "02_labeling",
    "03_data_preparation",
    "04_convlstm_training",
    "05_evaluation",
)
CELL_TIMEOUT = 24 * 3600
BENCHMARK_FIGURES = ("sweep.png",)
"""Figures of the repository that the notebooks show and no run makes."""


class NotebookFailed(RuntimeError):
    """A notebook stopped with an error; what it did until then is in the run folder."""


def notebook_folder() -> Path:
    """The folder of the five notebooks, beside the package or below the current folder."""
    for folder in (Path(__file__).resolve().parents[2] / "notebooks", Path("notebooks").resolve()):
        if (folder / f"{NOTEBOOKS[0]}.ipynb").exists():
            return folder
    raise FileNotFoundError(
        "The notebooks folder was not found beside fishlib or in the current folder: run this from "
        "a clone of the repository."
    )


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
        If none of the five notebooks has one of the parameters.
    NotebookFailed
        If a cell stopped with an error.
    """
    parameters = dict(parameters or {})
    known = {name: notebook_parameters(name) for name in NOTEBOOKS}
    _refuse_unknown(parameters, known)
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


def _refuse_unknown(parameters: dict, known: dict[str, dict]) -> None:
    names = sorted(set().union(*known.values()) - {"run_dir"})
    unknown = sorted(set(parameters) - set(names))
    if unknown:
        raise ValueError(
            f"No notebook has the parameter {', '.join(unknown)}. "
            f"The parameters are: {', '.join(names)}."
        )


def _execute(name: str, run: Path, parameters: dict, progress: bool) -> None:
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # inherited by the kernels
    target = run / f"{name}.ipynb"
    partial = run / f".{name}.partial.ipynb"
    try:
        execute_notebook(
            str(notebook_folder() / f"{name}.ipynb"),
            str(partial),
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
        os.replace(partial, failed)
        raise NotebookFailed(
            f"{name} stopped in cell {error.cell_index + 1}: {error.ename}: {error.evalue} "
            f"(the notebook as far as it came: {failed})"
        ) from error
    os.replace(partial, target)


def _write_html(path: Path) -> None:
    """Write an executed notebook as a page that shows the figures of its own run."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _as_in_run(cell.source, path.parent)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    write_atomically(
        path.with_suffix(".html"), lambda target: target.write_text(page, encoding="utf-8")
    )


def _as_in_run(text: str, run: Path) -> str:
    """Links as they are in a run folder; a picture that this run did not make is left out."""

    def picture(match: re.Match) -> str:
        if Path(match[1]).name in BENCHMARK_FIGURES:
            shutil.copy(notebook_folder().parent / match[1], run / match[1])
        return match[0].replace("../figures/", "figures/") if (run / match[1]).exists() else ""

    text = re.sub(r"!\[[^\]]*\]\(\.\./(figures/\w+\.png)\)", picture, text)
    return re.sub(r"\((\d\d_\w+)\.ipynb\)", r"(\1.html)", text)
