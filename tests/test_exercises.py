"""The notebooks' exercises: each check knows a right answer from a wrong one, and waits for one."""

import re

import cv2
import keras
import nbformat
import numpy as np
import pytest

from fishlib import label_bursts, measure_motion, models, open_film, score_forecast
from fishlib.clips import motion_channels
from fishlib.exercises import EXERCISES, check, rises_or_falls
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


@pytest.fixture(scope="module")
def context():
    """What the notebooks have computed before an exercise, on three minutes of tank."""
    film = open_film("simulated", minutes=3)
    bursts = label_bursts(film.motion, pieces=film.pieces)
    made = {"film": film, "bursts": bursts, "labelled": bursts >= 0, "calm": level(film.motion)}
    return made | {"horizon": 45, "c": 1e-3, "past": 120}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_check_knows_right_from_wrong(name, context, capsys):
    found = exercises(name)
    assert len(found) >= 2
    scope = {"check": check, "label_bursts": label_bursts} | context
    capsys.readouterr()
    for asked, stub, solution in found:
        assert re.search(r"\*\*Exercise \d\.\d\.\*\*", asked.source)
        assert solution.source.startswith("<details><summary>Solution</summary>")
        number = re.search(r"Exercise (\d\.\d)", asked.source)[1]
        *_, last = stub.source.splitlines()
        assert re.fullmatch(rf'check\("{number}", answer(, [a-z]+)*\)', last), "it tells too much"
        right = re.search(r"`answer = (.+?)`", solution.source)[1]
        for given, said in ((None, "not yet"), (right, "right"), (WRONG[stub.id], "look again")):
            line = f"answer = {given if given is right else repr(given)}"
            exec(stub.source.replace("answer = None", line, 1), scope)
            assert capsys.readouterr().out.startswith(said), (stub.id, given)


def test_every_exercise_is_asked_once():
    texts = [asked.source for name in NOTEBOOKS for asked, _, _ in exercises(name)]
    asked = [number for text in texts for number in re.findall(r"\*\*Exercise (\d\.\d)", text)]
    assert asked == list(EXERCISES)


def third_step_of_the_cell():
    gates = {"recurrent_activation": models.old_hard_sigmoid, "use_bias": False}
    cell = keras.layers.ConvLSTM2D(1, 1, **gates)
    cell.build((1, 3, 1, 1, 1))
    cell.set_weights([np.ones((1, 1, 1, 4)), np.zeros((1, 1, 1, 4))])
    return float(np.squeeze(cell(np.reshape(np.float32([1, 1, 0]), (1, 3, 1, 1, 1)))))


def weights_of_the_study():
    return models.build_upbeat_snowflake().layers[0].count_params()


def who_keeps_the_line():
    line = np.zeros((240, 320), np.uint8)
    line[:, 100] = 255
    rules = {"nearest": cv2.INTER_NEAREST, "nearest-exact": cv2.INTER_NEAREST_EXACT}
    small = {rule: cv2.resize(line, (160, 120), interpolation=how) for rule, how in rules.items()}
    (kept,) = [rule for rule, picture in small.items() if picture.any()]
    return kept


def motion_of_the_moved_pixel():
    return measure_motion(np.array([[[51, 0], [0, 0]], [[0, 0], [51, 0]]], np.uint8))[0]


MEASURED = {
    "1.1": motion_of_the_moved_pixel,
    "1.3": lambda: max(t for t in range(200) if t + 1 <= 100),
    "2.1": lambda: label_bursts(np.array([1.2, 1, 1.1, 3, 1, 1]) * 1e-3, 2, 1e-3, 0.1, 1)[:3],
    "3.1": who_keeps_the_line,
    "3.2": lambda: {100 + int(offset) for offset in np.ravel(motion_channels().offsets)},
    "4.1": third_step_of_the_cell,
    "4.2": weights_of_the_study,
    "5.1": lambda: score_forecast(np.array([0, 0, 1, 1]), np.array([0.2, 0.6, 0.4, 0.9]))["auc"],
    "5.2": lambda: (8 / 10 - 0.6, 10 / 10 - 1),
}


@pytest.mark.parametrize("exercise", MEASURED)
def test_the_right_answer_is_what_the_package_measures(exercise, capsys):
    check(exercise, MEASURED[exercise]())
    assert capsys.readouterr().out == "right\n"


def test_what_depends_on_the_film_is_measured_on_it(context, capsys):
    lit = context["film"].excerpt(0, 90) // 2
    lit[::2] += 40
    check("1.2", np.median(measure_motion(lit)))
    assert capsys.readouterr().out == "right\n"
    few, many = np.array([-1, 0, 0, 1, 0, 1]), np.array([-1, 0, 1, 1, 1, 1])
    assert rises_or_falls(few, many, np.array([9.0, 1, 2, 3, 4, 5])) == "rises rises"
    assert rises_or_falls(many, few, np.array([9.0, 1, 2, 3, 4, 5])) == "falls falls"


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
def test_an_answer_is_compared_by_its_kind(answer, right, told, capsys, monkeypatch):
    monkeypatch.setitem(EXERCISES, "0", (right, "why"))
    check("0", answer)
    assert capsys.readouterr().out == told + "\n"
