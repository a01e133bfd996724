"""What holds for every figure: axes returned, texts and units there, legible, nothing leaked."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fishlib import figures
from fishlib.questions import label_bursts
from fishlib.splits import split_frames

rng = np.random.default_rng(5)
T = 2000
SPEED = 1.5e-3 + 1e-3 * np.sin(np.arange(T) / 20) + 1e-4 * rng.random(T)
LABEL = label_bursts(SPEED)
FORECASTS = {
    "ConvLSTM": np.clip(0.5 * (LABEL == 1) + 0.4 * rng.random(T), 0, 1),
    "level": np.where(np.arange(T) > 0, 1 - SPEED / SPEED.max(), np.nan),
}
FRAMES = rng.integers(0, 255, (30, 24, 32), dtype=np.uint8)
CLIP = rng.random((6, 24, 32, 4), dtype=np.float32)
TABLE = pd.DataFrame(
    {"name": ["level", "ConvLSTM"], "auc": [0.87, 0.83], "low": [0.84, 0.8], "high": [0.9, 0.85]}
)
TIDY = pd.concat([TABLE.assign(lead=lead, level=lead * 1e-3) for lead in (0.0, 0.5, 1.0)])
HISTORY = pd.DataFrame({"epoch": [0, 1], "loss": [0.6, 0.5], "val_loss": [0.55, 0.52]})
SHARE = np.linspace(0, 1, 5)
CURVE = pd.DataFrame({"time_in_warning": SHARE, "sensitivity": np.sqrt(SHARE)})
THRESHOLDS = {"ConvLSTM": 0.5, "level": 0.6}

CALLS = {
    "plot_alarm_raster": (SPEED, {"level": np.array([150, 400])}),
    "plot_auc_by_lead": (TIDY,),
    "plot_augmentation": (CLIP,),
    "plot_autocorrelation": ({"train": SPEED},),
    "plot_chase_strip": (FRAMES, SPEED[:30], 30.0, 0, 30),
    "plot_clip": (CLIP, (0, 5)),
    "plot_convlstm_cell": (),
    "plot_difference": (FRAMES[0], FRAMES[1]),
    "plot_differences": (TABLE.rename(columns={"auc": "difference"}),),
    "plot_equal_level": (TIDY,),
    "plot_flips": (FRAMES[0],),
    "plot_forecast_histogram": (LABEL, FORECASTS["ConvLSTM"]),
    "plot_forest": (TABLE,),
    "plot_frames": (FRAMES[:4],),
    "plot_label_anatomy": (SPEED, 500),
    "plot_label_timeline": (SPEED, LABEL),
    "plot_onset_anatomy": (SPEED, 500, 1.5e-3),
    "plot_pipeline": (),
    "plot_precision_recall": (LABEL, FORECASTS),
    "plot_reliability": (LABEL, FORECASTS),
    "plot_roc": (LABEL, FORECASTS),
    "plot_roc_and_precision": (LABEL, FORECASTS),
    "plot_run_lengths": (LABEL,),
    "plot_share_of_limit": (TABLE.rename(columns={"auc": "share"}),),
    "plot_motion": (SPEED,),
    "plot_motion_distribution": ({"train": SPEED, "test": SPEED * 1.1},),
    "plot_split": (SPEED, split_frames(T, (0.7, 0.15, 0.15), 45)),
    "plot_study_comparison": (SPEED, LABEL, FORECASTS, THRESHOLDS),
    "plot_task_timeline": (),
    "plot_tensor_flow": (),
    "plot_threshold_curves": (LABEL, FORECASTS["ConvLSTM"]),
    "plot_training_history": (HISTORY,),
    "plot_warning_curve": ({"level": CURVE},),
}
PICTURES = {
    "plot_augmentation", "plot_clip", "plot_convlstm_cell", "plot_difference", "plot_flips",
    "plot_frames", "plot_pipeline", "plot_task_timeline", "plot_tensor_flow",
}  # fmt: skip
PURE_NUMBERS = ("Epoch", "ROC-AUC", "Number of", "Frames", "Forecast p", "Observed frequency",
                "Share of", "Threshold", "Difference of ROC-AUC")  # fmt: skip


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(params=sorted(CALLS))
def name(request):
    return request.param


def draw(name):
    return np.ravel(getattr(figures, name)(*CALLS[name]))


def test_every_figure_is_tried():
    assert set(CALLS) == {name for name in figures.__all__ if name.startswith("plot_")}


def test_returns_axes_of_one_figure_of_page_width(name):
    axes = draw(name)
    assert len(axes)
    assert all(isinstance(ax, mpl.axes.Axes) for ax in axes)
    assert len({ax.figure for ax in axes}) == 1 == len(plt.get_fignums())
    assert 6 <= axes[0].figure.get_figwidth() <= 9


def test_leaves_settings_alone(name):
    before = dict(mpl.rcParams)
    draw(name)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", sorted(set(CALLS) - PICTURES))
def test_axes_say_what_they_show_and_in_which_unit(name):
    figure = draw(name)[0].figure
    texts = [text for ax in figure.axes for text in (ax.get_xlabel(), ax.get_ylabel()) if text]
    assert any(ax.get_xlabel() for ax in figure.axes)
    for text in texts:
        assert "(" in text or text.startswith(PURE_NUMBERS), text


def test_text_is_legible_and_inside_the_figure(name):
    figure = draw(name)[0].figure
    figure.canvas.draw()
    texts = [t for t in figure.findobj(mpl.text.Text) if t.get_text().strip() and t.get_visible()]
    assert min((text.get_fontsize() for text in texts), default=9) >= 9
    page, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert page.x0 > -0.06
    assert page.y0 > -0.06
    assert page.x1 < width + 0.06
    assert page.y1 < height + 0.06


def test_legends_do_not_cover_the_data(name):
    for ax in draw(name)[0].figure.axes:
        if ax.get_legend() is not None and ax.get_visible():
            ax.figure.canvas.draw()
            box, frame = ax.get_legend().get_window_extent(), ax.get_window_extent()
            assert box.x0 >= frame.x1 - 1 or box.y0 >= frame.y1 - 1


def test_given_axes_are_used():
    _, ax = plt.subplots()
    assert figures.plot_motion(SPEED, ax=ax) is ax
    assert figures.plot_roc(LABEL, FORECASTS, ax=plt.subplots()[1]).figure is not ax.figure
