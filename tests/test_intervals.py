import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from fishlib.evaluation.intervals import (
    Blocks,
    cut_blocks,
    estimate_table,
    interval,
    nest,
    no_table,
)
from fishlib.evaluation.scores import comparable_frames
from fishlib.questions import label_bursts
from fishlib.splits import whole

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
from bench_coverage import try_once


@pytest.fixture(params=[1, 8], ids=["many ties", "few ties"])
def frames(request):
    rng = np.random.default_rng(request.param)
    label = (rng.random(400) < 0.3).astype(int)
    forecast = np.round(rng.normal(label, 1.5), request.param - 1)
    return label, forecast, cut_blocks(np.ones(400, bool), whole(400), 50)


def without_each(blocks, score, label, forecast):
    """The score of all frames, then without each block, by cutting the frames out."""
    kept = [blocks.of != k for k in range(-1, blocks.count)]
    return [score(label[k], forecast[k]) for k in kept]


def test_scores_without_each_block_equal_scikit_learn_on_the_frames_left(frames):
    label, forecast, blocks = frames
    auc = blocks.auc(label, forecast)
    np.testing.assert_allclose(auc, without_each(blocks, roc_auc_score, label, forecast))
    precision, _ = blocks.ranked(label, forecast)
    expected = without_each(blocks, average_precision_score, label, forecast)
    np.testing.assert_allclose(precision, expected)


def test_means_and_sums_without_each_block(frames):
    label, forecast, blocks = frames
    mean = blocks.mean(forecast)
    np.testing.assert_allclose(mean, without_each(blocks, lambda y, p: p.mean(), label, forecast))
    rate = blocks.mean(forecast > 0, label)
    expected = without_each(blocks, lambda y, p: np.mean(p[y == 1] > 0), label, forecast)
    np.testing.assert_allclose(rate, expected)
    at = np.array([0, 49, 50, 399])
    assert blocks.totals(1.0, at).tolist() == [4, 2, 3, 4, 4, 4, 4, 4, 3]


def test_pairs_are_compared_within_strata_only(frames):
    label, forecast, blocks = frames
    strata = np.random.default_rng(2).integers(0, 4, 400)
    found = blocks.auc(label, forecast, strata)
    for k, auc in zip(range(-1, blocks.count), found, strict=True):
        right = pairs = 0.0
        for stratum in range(4):
            inside = (strata == stratum) & (blocks.of != k)
            y = label[inside]
            count = y.sum() * (1 - y).sum()
            right += roc_auc_score(y, forecast[inside]) * count
            pairs += count
        assert auc == pytest.approx(right / pairs)


def test_the_roc_curve_equals_scikit_learn_at_its_corners():
    rng = np.random.default_rng(4)
    label = (rng.random(300) < 0.3).astype(int)
    forecast = rng.normal(label, 1)
    blocks = cut_blocks(np.ones(300, bool), whole(300), 100)
    for k, kept in enumerate([np.ones(300, bool), blocks.of != 0, blocks.of != 1]):
        fpr, tpr, _ = roc_curve(label[kept], forecast[kept], drop_intermediate=False)
        rates = np.unique(fpr)
        highest = [tpr[fpr == rate].max() for rate in rates]
        np.testing.assert_allclose(blocks.ranked(label, forecast, rates)[1][k], highest)


def test_without_a_class_there_is_no_score():
    label = np.r_[np.ones(50), np.zeros(50)]
    blocks = cut_blocks(np.ones(100, bool), whole(100), 50)
    assert np.isnan(blocks.auc(label, np.arange(100.0))[1:]).all()
    assert np.isnan(blocks.ranked(label, np.arange(100.0))[0][1])


def test_blocks_are_stretches_of_a_piece_between_its_judged_frames():
    judged = np.zeros(1000, bool)
    judged[100:400:2] = judged[500:605] = judged[900] = True
    stop = [450, 800, 1000]
    pieces = pd.DataFrame({"film": ["a", "a", "b"], "start": [0, 450, 800], "stop": stop})
    blocks = cut_blocks(judged, pieces, 100)
    assert blocks.count == 3 + 1 + 1
    assert blocks.frames.tolist() == np.flatnonzero(judged).tolist()
    assert np.bincount(blocks.of).tolist() == [50, 50, 50, 105, 1]
    assert np.bincount(blocks.strata).tolist() == [255, 1]


def test_a_block_without_a_judged_frame_does_not_count():
    judged = np.zeros(1000, bool)
    judged[[0, 50, 950, 999]] = True
    assert cut_blocks(judged, whole(1000), 100).count == 2


def test_six_films_are_six_blocks():
    start = np.arange(6) * 600
    pieces = pd.DataFrame({"film": list("abcdef"), "start": start, "stop": start + 600})
    blocks = cut_blocks(np.ones(3600, bool), pieces, 100)
    assert blocks.count == 6
    np.testing.assert_array_equal(blocks.of, blocks.strata)
    five = cut_blocks(np.arange(3600) < 3000, pieces, 100)
    assert five.count == 30


def test_the_interval_of_a_mean_is_that_of_the_textbook():
    """Without a block of equal size the jackknife of a mean is its standard error."""
    means = np.random.default_rng(0).normal(5, 1, 12)
    blocks = Blocks(np.arange(12), np.arange(12), np.zeros(12, int), 12)
    half = student.ppf(0.975, 11) * means.std(ddof=1) / np.sqrt(12)
    expected = (means.mean() - half, means.mean() + half)
    assert interval(blocks.mean(means)) == pytest.approx(expected)


def test_a_score_within_0_and_1_keeps_its_interval_there():
    blocks = Blocks(np.arange(10), np.arange(10), np.zeros(10, int), 10)
    rare = blocks.mean(np.r_[0.001, 0.2, np.full(8, 0.002)])
    assert interval(rare)[0] < 0
    low, high = interval(rare, bounded=True)
    assert 0 < low < rare[0] < high < 1
    assert interval(blocks.mean(np.ones(10)), bounded=True) == (1, 1)
    assert interval(blocks.mean(np.r_[0, np.ones(9)]), bounded=True)[1] == 1


def test_fewer_than_six_blocks_give_no_interval_and_say_so():
    blocks = Blocks(np.arange(5), np.arange(5), np.zeros(5, int), 5)
    table = estimate_table({"a": {"auc": blocks.mean(np.linspace(0.4, 0.6, 5)), "frames": 9}})
    assert table[["low", "high"]].isna().all(axis=None)
    assert table.blocks.tolist() == [5, pd.NA]
    assert "5 blocks of film are too few" in table.attrs["note"]
    blocks = Blocks(np.arange(6), np.arange(6), np.zeros(6, int), 6)
    table = estimate_table({"a": {"auc": blocks.mean(np.linspace(0.4, 0.6, 6))}})
    assert table[["low", "high"]].notna().all(axis=None)
    assert "note" not in table.attrs


def test_an_empty_table_gives_its_reason():
    assert no_table(ValueError("too short.")).attrs["reason"] == "too short."


def test_intervals_hold_the_known_auc_of_autocorrelated_series():
    """150 simulations of 17 blocks: a true 95 % gives 90 to 99 % but once in 100 times."""
    held = [try_once("blocks", 20, 17, seed, 1) for seed in range(150)]
    for name in ("jackknife", "jackknife of the difference"):
        assert 0.90 <= np.mean([one[name] for one in held]) <= 0.99
    assert np.mean([one["frames as if independent"] for one in held]) < 0.6


def test_intervals_on_the_published_series(published):
    """The separate computation by moving blocks, which a jackknife may widen but not move."""
    series = published.load_series("test")
    label = label_bursts(series["motion"])
    level = np.append(np.nan, -series["motion"][:-1])
    forecasts = {"convlstm": series["convlstm"], "baseline": series["baseline"], "level": level}
    blocks = cut_blocks(comparable_frames(label, forecasts), whole(len(label)))
    assert blocks.count == 17
    y = label[blocks.frames]
    aucs = {name: blocks.auc(y, p[blocks.frames]) for name, p in forecasts.items()}
    expected = {"convlstm": (0.806, 0.853), "baseline": (0.814, 0.869), "level": (0.837, 0.893)}
    for name, ends in expected.items():
        assert interval(aucs[name], bounded=True) == pytest.approx(ends, abs=0.010), name
    low, high = interval(aucs["convlstm"] - aucs["baseline"])
    assert low < 0 < high
    assert interval(aucs["level"] - aucs["convlstm"]) == pytest.approx((0.022, 0.054), abs=0.010)
    alone = Blocks(blocks.frames, np.arange(len(y)), blocks.strata, len(y))
    frame_by_frame = interval(alone.auc(y, forecasts["convlstm"][blocks.frames]), bounded=True)
    assert np.diff(frame_by_frame) < 0.75 * np.diff(interval(aucs["convlstm"], bounded=True))


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


def test_an_empty_table_can_be_asked_as_a_full_one():
    table = no_table("too short")
    assert table.query("min_lead_s == 0 and score == 'area'").empty
    assert (
        table.query("lead == 0 and first == 'a' and second == 'b'").attrs["reason"] == "too short"
    )
