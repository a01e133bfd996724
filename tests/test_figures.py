"""What holds for every figure on a desk and on a phone: units, legible texts, nothing covered."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from legible import PHONE_SMALLEST, require_legible, texts_of

from fishlib import figures
from fishlib.evaluation import Verdict
from fishlib.figures.style import DESK, PHONE, figure_of, page, redraw
from fishlib.questions import label_bursts

rng = np.random.default_rng(5)
T = 2000
MOTION = 1.5e-3 + 1e-3 * np.sin(np.arange(T) / 20) + 1e-4 * rng.random(T)
LABEL = label_bursts(MOTION)
FORECASTS = {
    "ConvLSTM": np.clip(0.5 * (LABEL == 1) + 0.4 * rng.random(T), 0, 1),
    "published baseline": np.where(np.arange(T) > 0, 1 - MOTION / MOTION.max(), np.nan),
}
FRAMES = rng.integers(0, 255, (30, 24, 32), dtype=np.uint8)
CLIP = rng.random((6, 24, 32, 4), dtype=np.float32)
NAMES = ["level −ỹ[t−1]", "published baseline", "past of the motion: logistic", "CNN", "ConvLSTM"]
TABLE = pd.DataFrame({"name": NAMES, "value": [0.61, 0.62, 0.68, 0.71, 0.74]})
TABLE = TABLE.assign(low=TABLE.value - 0.03, high=TABLE.value + 0.02)
LEADS = pd.concat([TABLE.assign(lead=lead, value=TABLE.value - lead / 9) for lead in (0, 0.5, 1)])
DIFFERENCES = pd.DataFrame(
    {
        "name": [f"ConvLSTM − {name}" for name in NAMES[:3]],
        "value": [0.036, 0.02, -0.007],
        "low": [0.022, 0.01, -0.032],
        "high": [0.054, 0.03, 0.007],
    }
)
HISTORY = pd.DataFrame(
    {"name": "CNN", "epoch": [0, 1], "loss": [0.6, 0.5], "val_loss": [0.55, 0.52]}
)
SHARE = np.linspace(0, 1, 5)
CURVE = pd.DataFrame({"time_in_warning": SHARE, "sensitivity": np.sqrt(SHARE)})
PARTS = {"train": slice(0, 1300), "validation": slice(1345, 1600), "test": slice(1645, T)}
VERDICT = Verdict(FORECASTS, LABEL, PARTS)
FILMS = pd.concat([TABLE.assign(film=f"film {k}", value=TABLE.value - k / 90) for k in range(4)])
PLACES = np.full((8, 3, 2), 9.0)

FOUND = SimpleNamespace(
    x=PLACES[..., 0], y=PLACES[..., 1], heading=np.zeros(PLACES.shape[:2]), reason=""
)
WHO = SimpleNamespace(
    reason="", picture=FRAMES[0], places=PLACES[0] + np.arange(3)[:, None] * 4, pair=(0, 1)
)
CALLS = {
    "plot_alarm_raster": (MOTION, {"CNN": np.array([150, 400])}, 30.0, 0, 900, np.array([160])),
    "plot_auc_by_lead": (LEADS,),
    "plot_autocorrelation": ({"train": MOTION},),
    "plot_block_lengths": (VERDICT, ["ConvLSTM", "published baseline"]),
    "plot_chase_strip": (FRAMES, MOTION[:30], 30.0, 0, 30),
    "plot_clip": (CLIP, (0, 5)),
    "plot_difference": (FRAMES[0], FRAMES[1]),
    "plot_differences": (DIFFERENCES,),
    "plot_films": (FILMS,),
    "plot_forest": (TABLE,),
    "plot_frames": (FRAMES[:5], [f"{t} s" for t in range(5)]),
    "plot_label_anatomy": (MOTION, 500),
    "plot_moments": (FRAMES[:8], np.arange(8), PLACES, (0, 2)),
    "plot_places": (FRAMES[:4], FOUND, np.arange(4)),
    "plot_motion": (MOTION, 30.0, 0, 900, None, FORECASTS["ConvLSTM"]),
    "plot_onset_anatomy": (MOTION, 500, 1.5e-3),
    "plot_reliability": (LABEL, FORECASTS),
    "plot_roc": (LABEL, FORECASTS),
    "plot_run_lengths": (LABEL,),
    "plot_share_of_limit": (TABLE.assign(value=[-0.2, 0, 0.3, 0.5, 0.7]),),
    "plot_split": (MOTION, PARTS),
    "plot_study_comparison": (MOTION, LABEL, FORECASTS, {name: 0.5 for name in FORECASTS}),
    "plot_training_history": (HISTORY,),
    "plot_who": (WHO,),
    "plot_warning_curve": ({name: CURVE for name in NAMES},),
}
PICTURES = {"plot_clip", "plot_difference", "plot_frames", "plot_moments",
            "plot_places", "plot_who"}  # fmt: skip
PURE_NUMBERS = ("Epoch", "ROC-AUC", "Number of", "Frames", "Forecast p", "Observed frequency",
                "Share of", "Difference of ROC-AUC", "slice", "ỹ = mean change")  # fmt: skip


@pytest.fixture(scope="module", params=[DESK, PHONE], ids=["desk", "phone"])
def width(request):
    return request.param


@pytest.fixture(scope="module", params=sorted(CALLS))
def drawn(request, width):
    """A figure, drawn once; its name, and matplotlib's settings before."""
    before = dict(mpl.rcParams)
    with page(width):
        axes = getattr(figures, request.param)(*CALLS[request.param])
    figure = figure_of(axes)
    figure.canvas.draw()
    yield request.param, figure, np.ravel(axes), before
    plt.close("all")


def test_every_figure_is_tried():
    assert set(CALLS) == {name for name in figures.__all__ if name.startswith("plot_")}


def test_a_figure_is_whole_and_says_what_it_shows(drawn, width):
    name, figure, axes, before = drawn
    assert all(isinstance(ax, mpl.axes.Axes) and ax.figure is figure for ax in axes)
    assert dict(mpl.rcParams) == before
    assert width * 0.8 <= figure.get_figwidth() <= width
    texts = [text for ax in figure.axes for text in (ax.get_xlabel(), ax.get_ylabel()) if text]
    assert name in PICTURES or any(ax.get_xlabel() for ax in figure.axes)
    for text in texts:
        assert "(" in text or text.startswith(PURE_NUMBERS), text
    page_box, size = figure.get_tightbbox(), figure.get_size_inches()
    assert page_box.x0 > -0.06
    assert page_box.y0 > -0.06
    assert page_box.x1 < size[0] + 0.06
    assert page_box.y1 < size[1] + 0.06


def test_texts_are_legible_and_do_not_overlap(drawn, width):
    require_legible(drawn[1], 9 if width == DESK else PHONE_SMALLEST)


def test_legends_do_not_cover_the_data(drawn):
    _, figure, _, _ = drawn
    frames = [ax.get_window_extent() for ax in figure.axes]
    for legend in [ax.get_legend() for ax in figure.axes if ax.get_legend()] + figure.legends:
        box = legend.get_window_extent().padded(-1)
        assert not any(box.overlaps(frame) for frame in frames)


EMPTY = TABLE.iloc[:0].copy()
EMPTY.attrs["reason"] = "2.0 minutes of film are too short to be split."
NOTHING = {
    "plot_forest": (EMPTY,),
    "plot_differences": (EMPTY,),
    "plot_auc_by_lead": (EMPTY,),
    "plot_block_lengths": (Verdict(FORECASTS, LABEL, None), ["ConvLSTM"]),
    "plot_films": (EMPTY,),
    "plot_share_of_limit": (EMPTY,),
    "plot_training_history": (EMPTY,),
    "plot_roc": (np.array([], int), {}),
    "plot_reliability": (np.zeros(9, int), {"CNN": np.zeros(9)}),
    "plot_split": (MOTION, None),
    "plot_warning_curve": ({"CNN": EMPTY},),
    "plot_alarm_raster": (MOTION, {}),
    "plot_run_lengths": (np.zeros(9, int),),
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_cannot_be_drawn_is_said(name):
    ax = getattr(figures, name)(*NOTHING[name])
    (text,) = texts_of(ax.figure)
    assert text.get_text().endswith(".")
    if isinstance(NOTHING[name][0], pd.DataFrame | dict):
        assert text.get_text() == EMPTY.attrs["reason"]
    if any(isinstance(one, dict) and not one for one in NOTHING[name]):
        assert "why, is said above" in text.get_text()
    plt.close("all")


def test_a_figure_can_be_drawn_again_for_a_phone():
    wide = figures.plot_study_comparison(*CALLS["plot_study_comparison"])
    narrow = redraw(wide)
    assert figure_of(narrow).get_figwidth() == PHONE
    assert figure_of(wide).get_figwidth() == DESK
    for one, other in zip(wide.ravel(), narrow.ravel(), strict=True):
        for a, b in zip(one.get_lines(), other.get_lines(), strict=True):
            np.testing.assert_array_equal(a.get_xydata(), b.get_xydata())
    plt.close("all")


def test_what_was_drawn_into_given_axes_is_drawn_again_into_its_own():
    _, ax = plt.subplots()
    figures.plot_motion(MOTION, ax=ax)
    again = redraw(ax, DESK)
    assert again.figure is not ax.figure
    assert redraw(figures.plot_forest(EMPTY)).texts[0].get_text().startswith("2.0 minutes")
    plt.close("all")


def test_given_axes_are_used():
    _, (left, right) = plt.subplots(1, 2)
    assert figures.plot_motion(MOTION, ax=left) is left
    assert figures.plot_forest(EMPTY, ax=right) is right
    plt.close("all")


def test_names_are_loaded_when_used_and_unknown_ones_are_told():
    assert "plot_forest" in dir(figures)
    with pytest.raises(AttributeError, match=r"no plot_nonsense; it has: .*plot_forest"):
        figures.plot_nonsense  # noqa: B018


def test_a_figure_of_a_table_loads_neither_opencv_nor_tensorflow():
    heavy = "{'cv2', 'keras', 'tensorflow'}"
    code = f"import sys; from fishlib.figures import plot_forest; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


DRAWINGS = sorted((Path(__file__).resolve().parents[1] / "figures").glob("*.svg"))


def test_the_drawings_are_there():
    names = [path.stem for path in DRAWINGS]
    assert names == ["convlstm_cell", "pipeline", "task_timeline", "tensor_flow"]


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_drawings_are_legible_on_a_phone_and_load_nothing(path):
    root = ElementTree.parse(path).getroot()
    _, _, across, down = map(float, root.get("viewBox").split())
    tags = [element.tag.split("}")[1] for element in root]
    assert tags[:2] == ["title", "desc"]
    assert all(root[i].text.strip() for i in range(2))
    ground = next(e for e in root if e.tag.endswith("rect"))
    assert (ground.get("width"), ground.get("height")) == (f"{across:g}", f"{down:g}")
    sizes = [float(e.get("font-size")) for e in root.iter() if e.get("font-size")]
    assert min(sizes) * 358 / across >= 9  # a page of 390 pixels with its margins
    assert "http" not in path.read_text().replace("http://www.w3.org/2000/svg", "")
    for element in root.iter():
        if element.tag.endswith("}text"):
            width = 0.56 * float(element.get("font-size", sizes[0])) * len(element.text)
            anchor = {"middle": width / 2, "end": width}.get(_anchor(root, element), 0)
            left = float(element.get("x")) - anchor
            assert left > -2, element.text
            assert left + width < across + 2, element.text


def _anchor(root, element):
    parent = next(p for p in root.iter() if element in list(p))
    return element.get("text-anchor") or parent.get("text-anchor")
