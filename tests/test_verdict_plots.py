"""Tables become rows: values, intervals and their order."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fishlib.figures.skill import (
    plot_auc_by_lead,
    plot_differences,
    plot_equal_level,
    plot_forest,
    plot_share_of_limit,
)
from fishlib.figures.style import MUTED

TABLE = pd.DataFrame(
    {"auc": [0.831, 0.867], "low": [0.806, 0.837], "high": [0.853, 0.893]},
    index=pd.Index(["ConvLSTM", "level"], name="name"),
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("table", [TABLE, TABLE.reset_index()], ids=["index", "column"])
def test_forest_rows_hold_value_and_interval(table):
    ax = plot_forest(table, highlight="level")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["ConvLSTM", "level"]
    assert [t.get_text() for t in ax.texts] == [
        "0.831  [0.806, 0.853]",
        "0.867  [0.837, 0.893]",
    ]
    bar, dot, *_ = ax.get_lines()
    assert list(bar.get_xdata()) == [0.806, 0.853]
    assert list(dot.get_xdata()) == [0.831]
    marked = [line for line in ax.get_lines() if list(line.get_xdata()) == [0.867, 0.867]]
    assert len(marked) == 1


def test_first_row_is_on_top():
    low, high = plot_forest(TABLE).get_ylim()
    assert low > high


def test_differences_that_hold_zero_are_grey_and_hollow():
    table = pd.DataFrame(
        {
            "name": ["a − b", "c − b"],
            "difference": [-0.007, 0.036],
            "low": [-0.032, 0.022],
            "high": [0.007, 0.054],
        }
    )
    ax = plot_differences(table)
    dots = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert [dot.get_markeredgecolor() == MUTED for dot in dots] == [True, False]
    assert ax.texts[0].get_text() == "−0.007  [−0.032, +0.007]"
    left, right = ax.get_xlim()
    assert left == -right


def test_lead_lines_run_in_order_of_lead():
    table = pd.DataFrame({"name": ["level"] * 3, "lead": [1.0, 0.0, 0.5], "auc": [0.6, 0.8, 0.7]})
    x, y = plot_auc_by_lead(table).get_lines()[0].get_data()
    np.testing.assert_allclose(x, [0, 0.5, 1])
    np.testing.assert_allclose(y, [0.8, 0.7, 0.6])


def test_equal_level_is_in_thousandths():
    table = pd.DataFrame({"name": ["CNN"] * 2, "level": [1e-3, 2e-3], "auc": [0.5, 0.6]})
    x, _ = plot_equal_level(table).get_lines()[0].get_data()
    np.testing.assert_allclose(x, [1, 2])


def test_shares_are_bars_from_zero():
    table = pd.DataFrame({"name": ["level", "oracle"], "share": [-0.2, 1.0]})
    ax = plot_share_of_limit(table)
    assert [patch.get_width() for patch in ax.patches] == [-0.2, 1.0]
    assert [text.get_text() for text in ax.texts] == ["−20%", "100%"]
