import re
from pathlib import Path

import nbformat
import pytest
from showcase import clean_notebook, source_hash, tell_results

import fishlib
from fishlib.pipeline import notebook_folder

TABLE = "| asked | forecaster | ROC-AUC [95 %] |\n|---|---|---|\n| x | a | 0.700 [0.600, 0.800] |"


def executed():
    first = nbformat.v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]})
    injected = nbformat.v4.new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]})
    last = nbformat.v4.new_code_cell("draw()", execution_count=7, metadata={"papermill": {}})
    last.outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="99 %"),
        nbformat.v4.new_output("display_data", data={"text/markdown": TABLE}),
    ]
    return nbformat.v4.new_notebook(cells=[first, injected, last])


def test_what_differs_from_run_to_run_is_dropped():
    clean = clean_notebook(executed())
    assert [cell.source for cell in clean.cells] == ["seed = 0", "draw()"]
    assert [cell.execution_count for cell in clean.cells] == [1, 2]
    assert clean.cells[0].metadata["tags"] == ["parameters"]
    assert clean.cells[1].metadata == {}
    assert [output.output_type for output in clean.cells[1].outputs] == ["display_data"]
    assert clean.metadata["fishlib"]["executed_source"] == source_hash(clean)


def test_the_hash_follows_the_code_not_the_prose():
    notebook = clean_notebook(executed())
    before = source_hash(notebook)
    notebook.cells.append(nbformat.v4.new_markdown_cell("more"))
    assert source_hash(notebook) == before
    notebook.cells[0].source += "  # changed"
    assert source_hash(notebook) != before


def test_the_results_go_between_the_marks(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("top\n<!-- results -->\nold\n<!-- results -->\nend\n")
    for _ in range(2):
        tell_results(page, executed())
        parts = page.read_text().split("<!-- results -->")
        assert [part.strip() for part in parts] == ["top", TABLE, "end"]
    page.write_text("no marks")
    with pytest.raises(ValueError, match="needs two marks"):
        tell_results(page, executed())


def test_readme_and_citation_name_this_version():
    top = Path(notebook_folder()).parent
    assert f"version: {fishlib.__version__}" in (top / "CITATION.cff").read_text("utf-8")
    assert f"version = {{{fishlib.__version__}}}" in (top / "README.md").read_text("utf-8")


def test_the_links_of_the_readme_lead_somewhere():
    top = Path(notebook_folder()).parent
    text = (top / "README.md").read_text(encoding="utf-8")
    for path, anchor in re.findall(r"\]\(((?!http)[^)#]+)(?:#([\w-]+))?\)", text):
        assert (top / path).exists(), path
        titles = re.findall(r"^#+ (.+)$", (top / path).read_text("utf-8"), re.M) if anchor else []
        slugs = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
        assert not anchor or anchor in slugs, anchor


def test_the_readme_says_what_the_notebook_and_the_benchmarks_found():
    top = Path(notebook_folder()).parent
    readme = (top / "README.md").read_text(encoding="utf-8")
    verdict = nbformat.read(notebook_folder() / "05_evaluation.ipynb", 4)
    outputs = [output for cell in verdict.cells for output in cell.get("outputs", [])]
    told = [output.get("data", {}) for output in outputs]
    shown = "\n".join(one.get(kind, "") for one in told for kind in ("text/markdown", "text/html"))
    for page in (top / "tests" / "benchmarks").glob("*.md"):
        shown += page.read_text(encoding="utf-8").replace("+", "")
    numbers = re.findall(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", readme)
    assert len(numbers) > 6
    assert [number for number in numbers if number not in shown] == []
