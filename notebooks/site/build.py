"""The executed notebooks as a static web site, built and read without a network.

Run: ``python notebooks/site/build.py [--out DIR] [--notebooks DIR]``.
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from fishlib.pipeline import NOTEBOOKS, notebook_folder
from fishlib.pipeline.notebook import show_on_phones, with_phone_figures

HERE = Path(__file__).resolve().parent
MATHJAX = "static/mathjax/tex-svg.js"


def build_site(
    out: str | Path = "data/site", notebooks: str | Path | None = None
) -> tuple[Path, list[str]]:
    """Build the site with Sphinx and myst-nb; nothing is executed.

    Parameters
    ----------
    out : str or Path
        Folder of the site; replaced as a whole when the new one is built.
    notebooks : str or Path, optional
        Folder with the five executed notebooks, for instance a run folder; None takes those of
        the repository.

    Returns
    -------
    Path
        The page to open, ``index.html``.
    list of str
        Sphinx's warnings: links and pictures that lead nowhere.

    Raises
    ------
    FileNotFoundError
        If a notebook is missing.
    RuntimeError
        If the site's packages are not installed, or Sphinx fails.
    """
    mathjax = _mathjax()
    folder = notebook_folder() if notebooks is None else Path(notebooks)
    missing = [name for name in NOTEBOOKS if not (folder / f"{name}.ipynb").exists()]
    if missing:
        raise FileNotFoundError(
            f"{folder} holds no {', '.join(missing)}: run the notebooks first (make run)."
        )
    out = Path(out).resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site", dir=out.parent) as work:
        source = _gather(Path(work) / "source", folder, mathjax)
        warnings = _run_sphinx(source, Path(work) / "html", Path(work) / "doctrees")
        if out.exists():
            shutil.rmtree(out)
        os.replace(Path(work) / "html", out)
    return out / "index.html", warnings


def _mathjax() -> Path:
    packages = ("sphinx-mathjax-offline", "myst_nb", "sphinx_book_theme", "sphinx_copybutton")
    found = [importlib.util.find_spec(name) for name in packages]
    if None in found:
        raise RuntimeError("The site needs packages of its own: pip install -e '.[site]'.")
    return Path(found[0].origin).parent / MATHJAX


def _gather(source: Path, folder: Path, mathjax: Path) -> Path:
    """Settings, figures and notebooks in one folder, laid out as in the repository."""
    top, ignored = notebook_folder().parent, shutil.ignore_patterns("*.py", "__*", ".*")
    shutil.copytree(HERE, source, ignore=ignored)
    shutil.copy(HERE / "conf.py", source)
    shutil.copy(mathjax, source / "_static")
    shutil.copy(top / "README.md", source)  # for its table of results
    for figures in (top / "figures", folder / "figures"):
        if figures.is_dir():  # a run folder brings figures of its own
            shutil.copytree(figures, source / "figures", dirs_exist_ok=True)
    shutil.copytree(top / "tests/benchmarks", source / "tests/benchmarks", ignore=ignored)
    (source / "notebooks").mkdir()
    shutil.copy(top / "notebooks" / "glossary.md", source / "notebooks")
    for name in NOTEBOOKS:
        notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
        for cell in notebook.cells:  # the site's first page stands for the README
            cell.source = cell.source.replace("](../README.md)", "](../index.md)")
        show_on_phones(describe_figures(notebook), source / "figures")
        nbformat.write(notebook, source / "notebooks" / f"{name}.ipynb")
    for page in (source / "index.md", *(source / "tests/benchmarks").glob("*.md")):
        text = with_phone_figures(page.read_text(encoding="utf-8"), source / "figures")
        page.write_text(text, encoding="utf-8")
    return source


def describe_figures(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Give every figure its caption as alternative text.

    The caption is the emphasised paragraph with which the next markdown cell begins.
    """
    for cell, following in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.cell_type == "code" and following.cell_type == "markdown":
            caption = re.match(r"\*(?!\*)(.+?)\*(?:\n\s*\n|$)", following.source, re.DOTALL)
            if caption:
                text = re.sub(r"[*`$\\]|\[|\]\(.*?\)", "", " ".join(caption[1].split()))
                cell.metadata.setdefault("mystnb", {})["image"] = {"alt": text}
    return notebook


def _run_sphinx(source: Path, out: Path, doctrees: Path) -> list[str]:
    """Run Sphinx in a process of its own: it leaves its registries changed."""
    log = doctrees.with_suffix(".log")
    command = [sys.executable, "-W", "ignore", "-m", "sphinx", "-b", "html", "-q", "--no-color"]
    command += ["-d", str(doctrees), "-w", str(log), str(source), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Sphinx could not build the site:\n{done.stderr.strip()}")
    lines = log.read_text(encoding="utf-8").replace(f"{source}{os.sep}", "").splitlines()
    return [line for line in lines if line.strip()]


def main(arguments: list[str] | None = None) -> int:
    """Build the site; returns the exit code, 1 on warnings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="data/site", help="folder of the site")
    parser.add_argument("--notebooks", help="folder of executed notebooks, such as a run folder")
    chosen = parser.parse_args(arguments)
    page, warnings = build_site(chosen.out, chosen.notebooks)
    print("\n".join(warnings), file=sys.stderr)
    print(f"Done: open {page}")
    return int(bool(warnings))


if __name__ == "__main__":
    sys.exit(main())
