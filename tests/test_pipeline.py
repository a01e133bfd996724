"""One run: small notebooks stand for the five, each in a kernel of its own."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fishlib import pipeline
from fishlib.pipeline import NotebookFailed, run_notebooks

NAME = pipeline.NOTEBOOKS[0]
PARAMETERS = 'source = "simulated"  # a film\nrun_dir = ""  # where\nseed = 0  # of the tank'


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A function that makes the first notebook of cells, the only one of its clone."""
    monkeypatch.setattr(pipeline, "CLONE", tmp_path / "clone")
    (tmp_path / "clone" / "notebooks").mkdir(parents=True)

    def make(*sources):
        first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        cells = [new_markdown_cell("# Fish"), first, *map(new_code_cell, sources)]
        path = tmp_path / "clone" / "notebooks" / f"{NAME}.ipynb"
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)

    return make


def outputs(path):
    cells = nbformat.read(path, 4).cells
    return [output for cell in cells for output in cell.get("outputs", [])]


def run(folder, parameters=None, **how):
    return run_notebooks(folder, parameters, [NAME], progress=False, **how)


NOISE = """
import os, sys
from tqdm import tqdm
from tqdm.notebook import tqdm as drawn
for _ in tqdm(range(3)): pass
for _ in drawn(range(3)): pass
os.write(2, b"a library's own words")
print("a result")
"""


def test_what_it_keeps_and_its_page_hold_results_and_no_progress(notebook, tmp_path):
    notebook(NOISE, "sys.stderr.write('more');")
    folder = run(tmp_path / "run")
    kept = outputs(folder / f"{NAME}.ipynb")
    assert [output.get("name") for output in kept] == ["stdout"]
    page = (folder / f"{NAME}.html").read_text(encoding="utf-8")
    assert "a result" in page
    assert 'data-mime-type="application/vnd.jupyter.stderr"' not in page
    assert "3/3" not in page
    assert not list(folder.glob(".*"))


def test_a_notebook_that_fails_is_kept_as_far_as_it_came(notebook, tmp_path):
    notebook("import sys; sys.stderr.write('noise');", "raise ValueError('no fish')", "print(1)")
    with pytest.raises(NotebookFailed, match=rf"{NAME} stopped in cell 5: ValueError: no fish"):
        run(tmp_path / "run", {"seed": 1})
    kept = outputs(tmp_path / "run" / f"{NAME}.failed.ipynb")
    assert [output.output_type for output in kept] == ["error"]
    assert not list((tmp_path / "run").glob(".*"))


@pytest.mark.parametrize("name", ["{run}", "a b [1]*", "-x"])
def test_the_run_folder_may_have_any_name(notebook, tmp_path, name):
    notebook("print(source, seed)")
    folder = run(tmp_path / name, {"source": "{film}.avi", "seed": 4}, html=False)
    assert folder == tmp_path / name
    (said,) = outputs(folder / f"{NAME}.ipynb")
    assert said.text == "{film}.avi 4\n"


def test_an_absurd_parameter_stops_before_any_kernel_starts(tmp_path):
    with pytest.raises(ValueError, match="seed is 'fish'"):
        run_notebooks(tmp_path / "run", {"seed": "fish"})
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_first_page_on_a_fresh_machine_carries_no_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path / "cache"))
    folder = run(tmp_path / "run", {"minutes": 1})
    kept = outputs(folder / f"{NAME}.ipynb")
    assert len(kept) > 3
    assert [output for output in kept if output.get("name") == "stderr"] == []
    page = (folder / f"{NAME}.html").read_text(encoding="utf-8")
    assert 'data-mime-type="application/vnd.jupyter.stderr"' not in page
    assert "%|" not in page
