import numpy as np
import pandas as pd
import pytest

from fishlib.evaluation.verdict import difference_table, nest, score_table, share_table


@pytest.fixture
def three():
    """Scores and samples of three forecasters; b is always 0.1 better than a."""
    a = np.linspace(0.6, 0.7, 101)
    drawn = {"a": {"auc": a}, "b": {"auc": a + 0.1}, "c": {"auc": a[::-1]}}
    return {name: {"auc": float(s["auc"].mean()), "frames": 9} for name, s in drawn.items()}, drawn


def test_scores_without_samples_have_no_interval(three):
    table = score_table(*three).set_index(["name", "score"])
    assert table.loc[("a", "auc")].tolist() == pytest.approx([0.65, 0.6025, 0.6975])
    assert np.isnan(table.loc[("a", "frames"), "low"])


def test_differences_are_paired(three):
    table = difference_table(*three).set_index("name")
    assert table.loc["a − b", ["difference", "low", "high"]].tolist() == pytest.approx([-0.1] * 3)
    assert table.loc["a − b", "different"]
    assert not table.loc["a − c", "different"]
    assert list(difference_table(*three, pairs=[("c", "b")]).name) == ["c − b"]


def test_shares_without_a_way_have_no_interval(three):
    table = share_table(*three, "a", "b").set_index("name")
    assert table.share.tolist() == pytest.approx([0, 1, 0])
    assert table.loc["c", ["low", "high"]].tolist() == pytest.approx([-0.95, 0.95])
    assert share_table(*three, "a", "c")[["low", "high"]].isna().all(axis=None)


def test_tables_nest_by_name_lead_and_score():
    table = pd.DataFrame(
        {
            "name": ["a", "a", "b"],
            "min_lead_s": [0.0, 0.5, 0.0],
            "score": ["x", "x", "y"],
            "value": [1.0, np.nan, 3],
            "low": [0.5, np.nan, np.nan],
        }
    )
    assert nest(table) == {
        "a": {"0.0": {"x": {"value": 1.0, "low": 0.5}}, "0.5": {"x": None}},
        "b": {"0.0": {"y": 3.0}},
    }
    assert nest(pd.DataFrame({"name": ["a"], "p_value": [0.1], "shifts": [9]})) == {
        "a": {"p_value": 0.1, "shifts": 9}
    }
