"""Pages of a run: read offline, with the figures of their own run and equations drawn."""

import os
import re
import subprocess
import sys

import nbformat
import pytest

from fishlib.pipeline import NOTEBOOKS, notebook_folder
from fishlib.pipeline.notebook import (
    as_in_run,
    leave_out_study,
    show_on_phones,
    with_phone_figures,
    write_page,
)

TOP = notebook_folder().parent


@pytest.fixture(params=NOTEBOOKS)
def page(request, tmp_path):
    (tmp_path / "figures").mkdir()
    path = tmp_path / f"{request.param}.ipynb"
    nbformat.write(nbformat.read(notebook_folder() / path.name, 4), path)
    return write_page(path, TOP).read_text(encoding="utf-8")


def test_a_page_loads_nothing_from_elsewhere(page):
    assert not re.search(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//', page)


def test_code_scrolls_in_its_box_instead_of_being_cut(page):
    assert re.search(r"\.jp-InputArea-editor \{[^}]*overflow-x: auto !important", page)


def test_no_equation_is_left_as_latex(page):
    text = re.sub(r"<pre.*?</pre>|<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL)
    assert "<mi>&" not in text  # an environment that the converter does not know
    assert "$$" not in text and "\\frac" not in re.sub(r"<annotation.*?</annotation>", "", text)


def test_every_picture_of_a_page_is_in_the_run(page, tmp_path):
    for name in re.findall(r'<img[^>]*src="(figures/[^"]+)"', page):
        assert (tmp_path / name).exists()


def test_equations_become_mathml_and_code_stays(tmp_path):
    text = as_in_run("$$a \\le b$$ and $c$, but `$d$` and\n```\necho $E $F\n```\n", tmp_path, TOP)
    assert text.count("<math") == 2
    assert 'display="block"' in text and "&#x02264;" in text
    assert "`$d$`" in text and "echo $E $F" in text


def test_a_picture_this_run_did_not_make_is_left_out_and_drawings_come_along(tmp_path):
    text = "![a verdict](../figures/verdict.png)![a cell](../figures/convlstm_cell.svg)"
    assert as_in_run(text, tmp_path, TOP) == "![a cell](figures/convlstm_cell.svg)"
    assert (tmp_path / "figures" / "convlstm_cell.svg").exists()
    as_in_run("![A figure.](../figures/sweep.png)", tmp_path, TOP)
    assert (tmp_path / "figures" / "phone" / "sweep.png").exists()
    (tmp_path / "figures" / "verdict.png").touch()
    assert "(figures/verdict.png)" in as_in_run(text, tmp_path, TOP)
    assert as_in_run("[next](02_labeling.ipynb)", tmp_path, TOP) == "[next](02_labeling.html)"
    assert as_in_run("the [README](../README.md) says", tmp_path, TOP) == "the README says"


def test_the_glossary_comes_along(page, tmp_path):
    assert 'href="glossary.html"' in page
    glossary = (tmp_path / "glossary.html").read_text(encoding="utf-8")
    for anchor in set(re.findall(r'href="glossary\.html#([\w-]+)"', page)):
        assert f'id="{anchor}"' in glossary


def test_a_phone_is_shown_the_figure_drawn_for_it(tmp_path):
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "motion.png").write_bytes(b"narrow")
    (tmp_path / "motion.png").write_bytes(b"wide")
    figure = nbformat.v4.new_output("display_data", data={"image/png": "d2lkZQ=="})
    cells = [nbformat.v4.new_code_cell(f'run.save_figure("{n}", axes)') for n in ("motion", "x")]
    for cell in cells:
        cell.outputs = [nbformat.from_dict(figure)]
    show_on_phones(nbformat.v4.new_notebook(cells=cells), tmp_path)
    html = cells[0].outputs[0].data["text/html"]
    assert 'media="(max-width: 600px)" srcset="data:image/png;base64,bmFycm93 2x"' in html
    assert '<img src="data:image/png;base64,d2lkZQ==" alt="motion">' in html
    assert cells[1].outputs == [figure]
    table = nbformat.v4.new_output("display_data", data={"text/html": "<td>0.7 [−0.6, 0.8]</td>"})
    cells[1].outputs = [table]
    show_on_phones(nbformat.v4.new_notebook(cells=cells), tmp_path)
    assert table.data["text/html"] == "<td>0.7 [−0.6,&nbsp;0.8]</td>"
    text = with_phone_figures("![a motion](../figures/motion.png) ![b](figures/x.png)", tmp_path)
    assert 'alt="a motion"></picture> ![b](figures/x.png)' in text


def test_where_the_study_is_not_shown_one_sentence_stands_in_its_place(tmp_path):
    cells = [nbformat.v4.new_markdown_cell(text) for text in ("before", "a", "b", "after")]
    for cell in cells[1:3]:
        cell.metadata["tags"] = ["study"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    questions = tmp_path / "labels.json"
    questions.write_text('{"without_study": ""}')
    leave_out_study(notebook, questions)
    assert [cell.source for cell in notebook.cells] == ["before", "a", "b", "after"]
    questions.write_text('{"without_study": "It is left out."}')
    leave_out_study(notebook, questions)
    assert [cell.source for cell in notebook.cells] == ["before", "*It is left out.*", "after"]


def test_a_file_named_notebook_in_the_users_folder_is_left_alone(tmp_path):
    (tmp_path / "notebook.py").write_text("raise SystemExit('the wrong file is run')")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("read me")])
    nbformat.write(notebook, tmp_path / "01_problem.ipynb")
    code = f"""
import sys
from pathlib import Path
from fishlib.pipeline.notebook import write_page
assert "notebook" not in sys.modules
write_page(Path("01_problem.ipynb"), Path({str(TOP)!r}))
assert "notebook" not in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert "read me" in (tmp_path / "01_problem.html").read_text(encoding="utf-8")
