"""Curves hold the right points, tables become rows, learning curves show what training wrote."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from sklearn.metrics import roc_auc_score

from fishlib.evaluation import Verdict
from fishlib.figures.skill import (
    plot_auc_by_lead,
    plot_block_lengths,
    plot_differences,
    plot_films,
    plot_forest,
    plot_reliability,
    plot_roc,
    plot_share_of_limit,
    plot_training_history,
)
from fishlib.figures.style import INK, MUTED, forecaster_styles, page

rng = np.random.default_rng(4)
LABEL = rng.integers(-1, 2, 600)
FORECASTS = {
    "ConvLSTM": np.where(np.arange(600) < 50, np.nan, LABEL + rng.normal(0, 1, 600)),
    "level": LABEL + rng.normal(0, 2, 600),
}
KEPT = (LABEL >= 0) & np.isfinite(FORECASTS["ConvLSTM"])
P = rng.random(800).round(2)
EVENT = (rng.random(800) < P**2).astype(int)
TABLE = pd.DataFrame(
    {
        "name": ["ConvLSTM", "level"],
        "value": [0.831, 0.867],
        "low": [0.806, 0.837],
        "high": [0.853, 0.893],
    }
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_roc_runs_from_corner_to_corner_with_the_area_that_is_written():
    lines = plot_roc(LABEL, FORECASTS).get_lines()
    for line, (name, p) in zip(lines, FORECASTS.items(), strict=False):
        area = roc_auc_score(LABEL[KEPT], p[KEPT])
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(area)
        assert line.get_label() == f"{name}  ({area:.3f})"
    for line in lines:
        np.testing.assert_array_equal(line.get_xydata()[[0, -1]], [[0, 0], [1, 1]])


def test_bands_are_drawn_in_the_color_of_their_line():
    rates = np.linspace(0, 1, 5)
    ax = plot_roc(LABEL, FORECASTS, bands={"level": (rates, rates * 0.9, rates)})
    band, line = ax.collections[0], ax.get_lines()[1]
    np.testing.assert_allclose(band.get_facecolor()[0, :3], to_rgb(line.get_color()))


def test_reliability_of_a_calibrated_forecast_lies_near_the_diagonal():
    p = rng.random(40_000)
    event = (rng.random(40_000) < p).astype(int)
    x, y = plot_reliability(event, {"oracle": p})[0].get_lines()[0].get_data()
    assert np.all(np.diff(y) >= 0)
    inner = (x > 0.05) & (x < 0.95)
    assert np.abs(x - y)[inner].max() < 0.06


def test_reliability_of_a_score_is_refused():
    with pytest.raises(ValueError, match="not a probability"):
        plot_reliability(EVENT, {"level": P - 2})


def test_forecasts_of_another_length_are_refused():
    with pytest.raises(ValueError, match="align both"):
        plot_roc(LABEL, {"level": np.arange(5.0)})


def points_of(ax):
    """The dots of a forest, from top to bottom, and the ends of its bars."""
    dots = [line.get_xydata() for line in ax.get_lines() if line.get_marker() not in ("None", "")]
    dots = np.concatenate(dots)
    dots = dots[np.isfinite(dots).all(axis=1)]
    bars = next(c for c in ax.collections if len(c.get_segments()) == len(ax.get_yticks()))
    ends = [s[:, 0].tolist() if np.ndim(s) == 2 else [] for s in bars.get_segments()]
    return list(map(tuple, dots[dots[:, 1].argsort()].tolist())), ends


@pytest.mark.parametrize("width", [9.0, 3.9])
def test_forest_rows_hold_name_value_and_interval(width):
    with page(width):
        ax = plot_forest(TABLE, highlight="level")
    dots, bars = points_of(ax)
    assert dots == [(0.867, 0), (0.831, 1)]
    assert bars == [[0.837, 0.893], [0.806, 0.853]]
    left, right = ax.get_xlim()
    assert left < 0.806 < 0.893 < right
    names = [t.get_text() for t in (ax.get_yticklabels() if width == 9 else ax.texts)]
    assert [name for name in names if name in ("ConvLSTM", "level")] == ["level", "ConvLSTM"]
    numbers = [t.get_text() for t in ax.texts if "[" in t.get_text()]
    assert numbers == ["0.867  [0.837, 0.893]", "0.831  [0.806, 0.853]"]
    marked = [line for line in ax.get_lines() if list(line.get_xdata()) == [0.867, 0.867]]
    assert len(marked) == 1
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_a_name_may_stand_in_two_rows():
    dots, _ = points_of(plot_forest(pd.concat([TABLE, TABLE])))
    assert [x for x, _ in dots] == [0.867, 0.867, 0.831, 0.831]


def test_differences_that_hold_zero_are_grey_crosses():
    names, values = ["a − b", "c − b"], [-0.007, 0.036]
    table = pd.DataFrame({"name": names, "value": values, "low": [-0.032, 0.022]})
    ax = plot_differences(table.assign(high=[0.007, 0.054]))
    dots = [line for line in ax.get_lines() if line.get_marker() in ("x", "o")]
    assert {(d.get_marker(), to_hex(d.get_markerfacecolor())) for d in dots} == {
        ("x", MUTED.lower()),
        ("o", INK.lower()),
    }
    assert ax.texts[0].get_text() == "−0.007  [−0.032, +0.007]"
    left, right = plot_differences(table.iloc[1:].assign(high=0.054)).get_xlim()
    assert left < 0 < 0.054 < right


def test_a_film_a_row_with_each_forecaster_in_it():
    tables = [
        TABLE.assign(film=film, value=TABLE.value - less) for film, less in (("b", 0), ("a", 1))
    ]
    ax = plot_films(pd.concat(tables))
    assert [text.get_text() for text in ax.get_yticklabels()] == ["b", "a"]
    network, level = (line.get_xydata() for line in ax.get_lines()[:2])
    np.testing.assert_allclose(network, [[0.831, -0.175], [-0.169, 0.825]])
    np.testing.assert_allclose(level[:, 1], [0.175, 1.175])
    assert [s[:, 0].tolist() for s in ax.collections[1].get_segments()] == [[0.837, 0.893]] * 2


def test_intervals_of_each_block_length_are_those_of_the_verdict():
    label, p = np.tile([0, 0, 1], 2000), rng.random(6000)
    folds = {"train": slice(0, 900), "validation": slice(900, 1200), "test": slice(1200, 6000)}
    verdict = Verdict({"CNN": p, "level": -p}, label, folds)
    ax = plot_block_lengths(verdict, ["level"])
    bars = ax.collections[0].get_segments()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "5", "10", "20"]
    for seconds, bar in zip((1, 2, 5, 10, 20), bars, strict=True):
        scores = Verdict({"CNN": p, "level": -p}, label, folds, block=seconds).scores
        row = scores[(scores.name == "level") & (scores.score == "auc")].iloc[0]
        np.testing.assert_array_equal(bar[:, 1], [row.low, row.high])


def test_shares_are_written_in_percent():
    table = pd.DataFrame({"name": ["level", "CNN"], "value": [-0.2, 0.6]})
    ax = plot_share_of_limit(table.assign(low=[-0.3, np.nan], high=[0.1, np.nan]))
    assert [x for (x, _) in points_of(ax)[0]] == [-0.2, 0.6]
    assert [text.get_text() for text in ax.texts] == ["−20%  [−30%, 10%]", "60%"]


def test_lead_lines_run_in_order_of_lead_and_are_named_where_they_end():
    lead, value = [1.0, 0.0, 0.5], np.array([0.6, 0.8, 0.7])
    tables = [
        pd.DataFrame({"name": name, "lead": lead, "value": value - less, "low": value - 0.1})
        for name, less in (("level", 0.0), ("CNN", 0.004))
    ]
    ax = plot_auc_by_lead(pd.concat(tables).assign(high=0.85))
    x, y = ax.get_lines()[0].get_data()
    np.testing.assert_allclose(x, [0, 0.5, 1], atol=0.01)
    np.testing.assert_allclose(y, [0.8, 0.7, 0.6])
    bar = ax.collections[0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 1], [0.7, 0.85])
    assert {text.get_text() for text in ax.texts} == {"level", "CNN"}


def test_few_lines_the_highest():
    names = [f"CNN {i}" for i in range(8)]
    table = pd.DataFrame({"name": names, "lead": 0.0, "value": np.linspace(0.5, 0.8, 8)})
    table = pd.concat([table, table.assign(lead=1.0)]).assign(low=0.4, high=0.9)
    ax = plot_auc_by_lead(table)
    assert {text.get_text() for text in ax.texts} == set(names[3:])
    assert ax.get_title(loc="left") == "5 of 8 forecasters"


HISTORY = pd.DataFrame(
    {
        "epoch": [0, 1, 2],
        "loss": [0.6, 0.5, 0.4],
        "val_loss": [0.55, 0.45, 0.5],
    }
)


def test_learning_curves_and_a_ring_at_the_lowest_validation_loss():
    ax = plot_training_history(HISTORY.assign(name="CNN"))
    training, validation, ring = ax.get_lines()
    np.testing.assert_allclose(training.get_data(), [[1, 2, 3], [0.6, 0.5, 0.4]])
    np.testing.assert_allclose(validation.get_ydata(), [0.55, 0.45, 0.5])
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (2, 0.45)


def test_one_pair_of_lines_a_network():
    table = pd.concat([HISTORY.assign(name="CNN"), HISTORY.assign(name="ConvLSTM")])
    ax = plot_training_history(table)
    colors = [line.get_color() for line in ax.get_lines() if line.get_label() != "x"]
    assert len(ax.get_lines()) == 6
    styles = forecaster_styles(["CNN", "ConvLSTM"])
    assert colors[0] == colors[1] == styles["CNN"]["color"] != colors[3]
    (legend,) = ax.figure.legends
    assert len(legend.get_texts()) == 5
