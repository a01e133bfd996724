"""The committed notebooks: their habits, and that they are executed, whole and not stale."""

import json
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from showcase import source_hash

import fishlib
from fishlib.parameters import PARAMETERS, read_parameters
from fishlib.pipeline import NOTEBOOKS, notebook_folder, notebook_parameters, read_set

COMMON = {"source", "run_dir", "seed", "minutes", "preparation"}
SETS = sorted((notebook_folder() / "sets").glob("*.yaml"))
MACHINE = re.compile(r"/(?:home|root|Users|work|tmp|mnt|usr|opt|var)/")


@pytest.fixture(scope="module", params=NOTEBOOKS)
def notebook(request):
    found = nbformat.read(notebook_folder() / f"{request.param}.ipynb", 4)
    found.name = request.param
    return found


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def n_lines(cell):
    return len([line for line in cell.source.splitlines() if line.strip()])


def problems(notebook) -> list[str]:
    """What a reader of the committed notebook would trip over."""
    cells, found = code_cells(notebook), []
    counts = [cell.execution_count for cell in cells]
    if None in counts or counts != sorted(counts):
        found.append("cells were not executed in order")
    if any(o.output_type == "error" for cell in cells for o in cell.outputs):
        found.append("a cell carries an error")
    executed = notebook.metadata.get("fishlib", {})
    if executed.get("executed_source") != source_hash(notebook):
        found.append("the code changed since it was executed: run make notebooks")
    if executed.get("versions", {}).get("fishlib") != fishlib.__version__:
        found.append("the package's version changed since execution: run make notebooks")
    if MACHINE.search(json.dumps([cell.get("outputs", []) for cell in cells])):
        found.append("an output holds a machine path")
    return found


def test_it_is_executed_whole_and_fresh(notebook):
    assert problems(notebook) == []


def test_the_checks_find_a_broken_notebook(notebook):
    broken = nbformat.from_dict(notebook)
    first, second = code_cells(broken)[:2]
    first.execution_count, second.source = 99, second.source + "\nchanged = 1"
    second.outputs = [
        nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=[]),
        nbformat.v4.new_output("stream", text="written to /home/someone/data"),
    ]
    broken.metadata["fishlib"]["versions"]["fishlib"] = "0"
    assert len(problems(broken)) == 5


def test_cells_are_small_and_prose_prevails(notebook):
    code = [c for c in code_cells(notebook) if "parameters" not in c.metadata.get("tags", [])]
    lengths = [n_lines(cell) for cell in code]
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    assert max(lengths) <= 20
    assert len(prose) >= len(lengths)


def test_imports_stand_in_one_cell(notebook):
    importing = [
        c for c in code_cells(notebook) if re.search(r"^\s*(import|from) ", c.source, re.M)
    ]
    assert len(importing) == 1
    assert importing[0] is code_cells(notebook)[0]


def test_nothing_is_defined_that_the_package_should_own(notebook):
    sources = "\n".join(cell.source for cell in code_cells(notebook))
    assert not re.search(r"^\s*(def|class) |sys\.path|!pip|%pip", sources, re.M)


def test_the_chapter_has_its_parts(notebook):
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    for part in ("Where this ends", "You will learn", "Time", "## Limits", "## Summary"):
        assert part in text
    for part in ("## Exercises", "Solutions", "What's next"):
        assert part in text
    assert re.match(r"# \d · [A-Z][a-z]+ ", notebook.cells[0].source)
    assert "](glossary.md)" in notebook.cells[0].source


def test_the_pictures_it_shows_have_alt_text_and_exist(notebook):
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    shown = re.findall(r"!\[(.*?)\]\((.*?)\)", text)
    assert shown
    for alt, path in shown:
        assert len(alt) > 40
        assert (notebook_folder() / path).exists()


def test_every_figure_is_followed_by_a_caption(notebook):
    for cell, following in zip(notebook.cells[:-1], notebook.cells[1:], strict=True):
        outputs = cell.get("outputs", [])
        if any("image/png" in output.get("data", {}) for output in outputs):
            is_caption = following.source.startswith("*") or "explore_" in cell.source
            assert is_caption, cell.source


def test_parameters_are_plain_literals_with_a_comment(notebook):
    (cell,) = [c for c in code_cells(notebook) if "parameters" in c.metadata.get("tags", [])]
    for line in cell.source.splitlines():
        assert re.match(r"\w+ = (-?[\d.]+|\"[^\"=]*\"|True|False)  # .+", line), line
    assert set(notebook_parameters(notebook.name)) >= COMMON


def test_it_is_small_enough_for_a_page(notebook):
    path = Path(notebook_folder() / f"{notebook.name}.ipynb")
    assert path.stat().st_size < 3_000_000


def test_links_lead_somewhere(notebook):
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    for path in re.findall(r"\]\(((?!http)[^)#]+)(?:#[\w-]+)?\)", text):
        assert (notebook_folder() / path).exists(), path


def test_the_glossary_has_the_words_signs_and_sources():
    text = (notebook_folder() / "glossary.md").read_text(encoding="utf-8")
    words = {word.lower() for word in re.findall(r"^\| \*\*(.+?)\*\*", text, re.M)}
    asked = "roc-auc|adam|batch|epoch|batch normalisation|stem|log-odds|isotonic regression"
    asked += "|moving blocks|excess|area|onset label|onset event"
    assert set(asked.split("|")) <= words
    for sign in ("ỹ[t]", "| h |", "| c |", "| b |", "| W |", "| R |", "s[t]"):
        assert sign in text
    sources = ["Shi", "Künsch", "Politis", "DeLong", "Molchan", "Dimitriadis", "Elkan"]
    for source in [*sources, *(f"ConvLSTM_Fish_{part}" for part in range(1, 6))]:
        assert source in text


def test_every_parameter_is_declared_and_its_default_allowed(notebook):
    for name, default in notebook_parameters(notebook.name).items():
        value = yaml.safe_load(default.replace("True", "true").replace("False", "false"))
        assert PARAMETERS[name].read(value) == value, name


def test_no_parameter_is_declared_that_no_notebook_has():
    known = {name for notebook in NOTEBOOKS for name in notebook_parameters(notebook)}
    assert set(PARAMETERS) <= known


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_a_set_names_parameters_its_notebooks_have(path):
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, values in sections.items():
        notebooks = NOTEBOOKS if section == "all" else [section]
        for notebook in notebooks:
            assert set(values) <= set(notebook_parameters(notebook))
    assert read_set(path.stem) == read_parameters(path)
    assert read_set(path) == read_set(path.stem)
