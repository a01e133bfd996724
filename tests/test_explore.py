"""Explorers: a still picture without a reader, a picture that follows its sliders with one."""

import cv2
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from legible import PHONE_SMALLEST, require_legible
from nbclient import NotebookClient

from fishlib import open_run
from fishlib.evaluation.alarms import raise_alarms
from fishlib.figures import explore as explorer
from fishlib.figures.explore import _label_summary, explore_film, explore_labels, explore_threshold
from fishlib.figures.style import DESK, MUTED, PHONE, page
from fishlib.questions import label_bursts

rng = np.random.default_rng(6)
MOTION = 1.5e-3 + 1e-3 * np.sin(np.arange(900) / 15) + 1e-4 * rng.random(900)
LABEL = label_bursts(MOTION)
FORECAST = np.clip(0.4 * LABEL + 0.5 * rng.random(900), 0, 1)
FRAMES = rng.integers(0, 255, (900, 12, 16), dtype=np.uint8)


def make(kind, **options):
    return {
        "labels": lambda: explore_labels(MOTION, **options),
        "threshold": lambda: explore_threshold(LABEL, FORECAST, MOTION, **options),
        "film": lambda: explore_film(FRAMES, FORECAST, MOTION, **options),
    }[kind]()


@pytest.fixture(params=["labels", "threshold", "film"])
def kind(request):
    return request.param


@pytest.fixture
def displayed(monkeypatch):
    """Everything shown, and every update of it."""
    seen = []

    class Handle:
        def update(self, thing):
            seen.append(thing)

    def display(thing, display_id=None):
        seen.append(thing)
        return Handle()

    monkeypatch.setattr(explorer, "display", display)
    return seen


def test_every_control_changes_the_picture(kind):
    explored = make(kind)
    for control in explored.controls.values():
        first = explored.picture().data
        assert first.startswith(b"\x89PNG")
        control.value = control.min
        low = explored.picture().data
        control.value = control.max
        assert len({low, explored.picture().data}) == 2


def test_the_picture_equals_one_drawn_anew(kind):
    """Moved artists leave nothing behind."""
    used, anew = make(kind), make(kind)
    name, control = next(iter(used.controls.items()))
    for value in (control.max, control.min):
        control.value = value
        used.picture()
    for one in (used, anew):
        one.controls[name].value = control.max
    assert used.picture().data == anew.picture().data


@pytest.fixture
def drawn(monkeypatch):
    """The figures of the explorers made."""
    figures, real = [], explorer.MovingPicture
    keep = lambda axes, moving: figures.append(axes.figure) or real(axes, moving)  # noqa: E731
    monkeypatch.setattr(explorer, "MovingPicture", keep)
    return figures


def test_threshold_starts_at_the_one_given_and_both_are_named(drawn):
    assert make("threshold", threshold=0.31).controls["threshold"].value == 0.31
    best = make("threshold").controls["threshold"].value
    assert best != 0.31
    texts = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert "where the slider starts: 0.31" in texts
    assert f"best in hindsight: {best:.3g}" in texts
    assert "grey: not labelled" in texts


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("kind", ["labels", "threshold"])
def test_texts_are_legible_wherever_the_slider_stands(kind, width, drawn):
    with page(width):
        explored = make(kind, **({"onsets": np.array([90, 400])} if kind == "threshold" else {}))
    control = next(iter(explored.controls.values()))
    for value in (control.min, control.value, control.max):
        control.value = value
        explored.picture()
        require_legible(drawn[0], 9 if width == DESK else PHONE_SMALLEST)


def test_hits_and_false_alarms_are_those_of_a_slow_loop():
    _, ax = plt.subplots()
    ax.set_ylim(-1, 1)
    onsets = np.array([100, 260, 700])
    marks = explorer._AlarmMarks(ax, "#BF5700", onsets, 45, 30.0)
    alarms = raise_alarms(FORECAST, 0.5)
    words = marks.show(alarms)
    hits = [any(t < onset <= t + 45 for onset in onsets) for t in alarms]
    warned = sum(any(t < onset <= t + 45 for t in alarms) for onset in onsets)
    assert words == f"{warned} of 3 onsets, {hits.count(False)} false alarms"
    np.testing.assert_allclose(marks.squares.get_offsets()[:, 0], alarms / 30)
    grey = plt.matplotlib.colors.to_rgba(MUTED)
    assert [not np.allclose(c, grey) for c in marks.squares.get_facecolor()] == hits
    for bar, t in zip(marks.bars.get_segments(), alarms, strict=True):
        np.testing.assert_allclose(bar[:, 0], [t / 30, (t + 45) / 30])
    plt.close("all")


def test_no_figure_stays_open(kind):
    make(kind).picture()
    assert plt.get_fignums() == []


def test_still_where_nobody_reads(kind, displayed):
    make(kind)._ipython_display_()
    (picture,) = displayed
    assert picture.format == "png"
    assert picture.alt


def test_live_slider_redraws_in_place(kind, displayed, monkeypatch):
    monkeypatch.setattr(explorer, "is_live", lambda: True)
    explored = make(kind)
    explored._ipython_display_()
    assert len(displayed) == 2
    control = next(iter(explored.controls.values()))
    control.value = control.max
    assert displayed[-1].data != displayed[0].data


def test_a_batch_run_keeps_the_picture_and_no_widget():
    code = """import numpy as np
from fishlib.figures.explore import explore_labels
explore_labels(1.5e-3 + 1e-3 * np.sin(np.arange(900) / 15))"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert "image/png" in output.data
    assert "application/vnd.jupyter.widget-view+json" not in output.data
    assert "Motion against time" in output.metadata["image/png"]["alt"]


def test_title_sums_up_the_published_label(published):
    series = published.load_series("test")
    summary = _label_summary(label_bursts(series["motion"]), series["motion"], 30.0)
    assert summary.startswith("15.9% of frames positive in 237 runs (median 0.10 s)")
    assert summary.endswith("AUC of −ỹ[t − 1]: 0.867")


def test_one_class_is_said_and_not_raised():
    assert _label_summary(np.zeros(900, int), MOTION, 30.0).startswith("0% of frames positive")


def test_one_class_is_said_in_the_figure():
    explore_threshold(np.zeros(900, int), FORECAST, MOTION)
    (text,) = plt.gcf().axes[0].texts
    assert text.get_text().endswith(".")
    plt.close("all")


def test_it_is_saved_for_a_desk_and_for_a_phone(tmp_path):
    run = open_run(tmp_path)
    run.save_figure("labels", make("labels"))
    desk, phone = (cv2.imread(f"{run.folder}/figures/{at}labels.png") for at in ("", "phone/"))
    assert (desk.shape[1], phone.shape[1]) == (100 * DESK, 200 * PHONE)
