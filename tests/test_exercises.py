"""The notebooks' exercises: each check knows a right answer from a wrong one, and waits for one."""

import re

import nbformat
import numpy as np
import pytest

from fishlib import label_bursts, open_film
from fishlib.exercises import check
from fishlib.forecasters.rules import level
from fishlib.pipeline import NOTEBOOKS, notebook_folder

WRONG = {
    "a1e10002": 0.2,
    "a1e10004": 0.001,
    "a1e10007": 100,
    "a2e10002": [0, 1, 0],
    "a2e10005": "rises rises",
    "a3e10002": "nearest-exact",
    "a3e10005": [84, 92, 100],
    "a4e10002": 0.0,
    "a4e10005": 11569,
    "a5e10002": 0.5,
    "a5e10005": (0.8, 1.0),
}


def exercises(name):
    """Cells to fill in, each with the text before it and the solution after it."""
    cells = nbformat.read(notebook_folder() / f"{name}.ipynb", 4).cells
    triples = zip(cells, cells[1:], cells[2:], strict=False)
    return [triple for triple in triples if triple[1].source.startswith("answer = None")]


def imports_of(name):
    cells = nbformat.read(notebook_folder() / f"{name}.ipynb", 4).cells
    scope = {}
    exec(next(cell.source for cell in cells if cell.cell_type == "code"), scope)
    return scope


@pytest.fixture(scope="module")
def context():
    """What the notebooks have computed before an exercise, on three minutes of tank."""
    film = open_film("simulated", minutes=3)
    bursts = label_bursts(film.motion, pieces=film.pieces)
    made = {"film": film, "bursts": bursts, "labelled": bursts >= 0, "calm": level(film.motion)}
    return made | {"horizon": 45, "c": 1e-3, "past": 120}


def cell_by_hand(scope):
    scope["cell"] = scope["keras"].layers.ConvLSTM2D(
        1, 1, recurrent_activation=scope["models"].old_hard_sigmoid, use_bias=False
    )
    scope["cell"].build((1, 2, 1, 1, 1))
    scope["cell"].set_weights([np.ones((1, 1, 1, 4)), np.zeros((1, 1, 1, 4))])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_check_knows_right_from_wrong(name, context, capsys):
    found = exercises(name)
    assert len(found) >= 2
    scope = imports_of(name) | context
    if name.startswith("03"):
        scope["layout"] = scope["motion_channels"]()
    if name.startswith("04"):
        cell_by_hand(scope)
    capsys.readouterr()
    for asked, stub, solution in found:
        assert re.search(r"\*\*Exercise \d\.\d\.\*\*", asked.source)
        assert solution.source.startswith("<details><summary>Solution</summary>")
        right = re.search(r"`answer = (.+?)`", solution.source)[1]
        for given, said in ((None, "not yet"), (right, "right"), (WRONG[stub.id], "look again")):
            line = f"answer = {given if given is right else repr(given)}"
            exec(stub.source.replace("answer = None", line, 1), scope)
            assert capsys.readouterr().out.startswith(said), (stub.id, given)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_an_exercise_waits_in_the_committed_notebook(name):
    for _, stub, _ in exercises(name):
        assert [output.text for output in stub.outputs] == ["not yet\n"]


@pytest.mark.parametrize(
    ("answer", "right", "told"),
    [
        (None, 1, "not yet"),
        (1, 1, "right"),
        (1.2, 1, "look again: why"),
        ([0, 1], [0, 1], "right"),
        ([0, 1, 1], [0, 1], "look again: 2 asked for, 3 given; why"),
        ([60, 0], [0.6, 0], "look again: a share is asked for, not per cent; why"),
        ([3, 1, 1], {1, 3}, "right"),
        ("rises,falls", "rises falls", "right"),
        (("Rises", "falls"), "rises falls", "right"),
        (5, "five", "look again: why"),
        ("five", 5, "look again: it is asked for in numbers; why"),
        ({3, 1}, {1, 3}, "right"),
        ([1, None], [1, 2], "look again: why"),
        ([[1], [2, 3]], [1, 2], "look again: it is asked for in numbers; why"),
    ],
)
def test_an_answer_is_compared_by_its_kind(answer, right, told, capsys):
    check(answer, right, "why")
    assert capsys.readouterr().out == told + "\n"
