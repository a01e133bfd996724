"""Put an executed run on show: the notebooks and figures that the repository carries.

Run: ``python notebooks/site/showcase.py RUN_DIR``.
"""

import hashlib
import re
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import nbformat

import fishlib
from fishlib.files import write_text
from fishlib.pipeline import NOTEBOOKS, notebook_folder
from fishlib.pipeline.notebook import without_progress

SHOWN_VERSIONS = ("numpy", "scikit-learn", "tensorflow", "matplotlib")


def source_hash(notebook: nbformat.NotebookNode) -> str:
    """Hash of the code a notebook holds, whatever its outputs and its prose."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def clean_notebook(executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An executed notebook without what differs from run to run.

    The injected parameters cell, the error stream (bars and times) and all metadata but the
    kernel and the parameters tag are dropped; what it was executed with is noted.
    """
    notebook = without_progress(nbformat.from_dict(executed))
    injected = "injected-parameters"
    notebook.cells = [c for c in notebook.cells if injected not in c.metadata.get("tags", [])]
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        _clean_outputs(cell, count)
    versions = {"fishlib": fishlib.__version__} | {name: version(name) for name in SHOWN_VERSIONS}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "fishlib": {"executed_source": source_hash(notebook), "versions": versions},
    }
    return notebook


def _clean_outputs(cell, count: int) -> None:
    cell.execution_count = count
    for output in cell.outputs:
        if "execution_count" in output:
            output["execution_count"] = count
        if "metadata" in output:
            output["metadata"] = {}
        if data := output.get("data"):
            output["data"] = {mime: data[mime] for mime in data if "widget" not in mime}


def show_run(run: str | Path) -> list[Path]:
    """Copy a run's notebooks, cleaned, and the figures the pages show, into the repository.

    Parameters
    ----------
    run : str or Path
        Folder of a whole run of the five notebooks.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    FileNotFoundError
        If the run lacks a notebook or a figure.
    """
    run, folder = Path(run), notebook_folder()
    executed = {name: nbformat.read(run / f"{name}.ipynb", 4) for name in NOTEBOOKS}
    clean = {name: nbformat.writes(clean_notebook(one)) for name, one in executed.items()}
    written = [write_text(folder / f"{name}.ipynb", text) for name, text in clean.items()]
    tell_results(folder.parent / "README.md", executed[NOTEBOOKS[-1]])
    pages = [*folder.glob("*.ipynb"), folder.parent / "README.md", folder / "site" / "index.md"]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    names = {name for text in texts for name in re.findall(r"figures/(\w+\.png)", text)}
    for name in sorted(names):
        if (run / "figures" / name).exists() or not (folder.parent / "figures" / name).exists():
            written.append(Path(shutil.copy(run / "figures" / name, folder.parent / "figures")))
    phone = folder.parent / "figures" / "phone"
    phone.mkdir(exist_ok=True)
    written += [Path(shutil.copy(path, phone)) for path in (run / "figures/phone").glob("*.png")]
    return written


def tell_results(page: Path, verdict: nbformat.NotebookNode) -> None:
    """Put the result table of an executed notebook 05 between the marks of a Markdown page.

    Raises
    ------
    ValueError
        If the notebook holds no table, or the page no marks.
    """
    outputs = [output for cell in verdict.cells for output in cell.get("outputs", [])]
    texts = [output.get("data", {}).get("text/markdown", "") for output in outputs]
    tables = [text for text in texts if text.startswith("| asked |")]
    text = page.read_text(encoding="utf-8")
    if not tables or text.count("<!-- results -->") != 2:
        raise ValueError(f"{page.name} needs two marks <!-- results -->, notebook 05 its table.")
    before, _, after = text.split("<!-- results -->")
    marked = f"<!-- results -->\n\n{tables[-1]}\n\n<!-- results -->"
    write_text(page, before + marked + after)


if __name__ == "__main__":
    print("\n".join(f"written: {path}" for path in show_run(sys.argv[1])))
