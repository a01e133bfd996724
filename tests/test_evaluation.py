import json

import numpy as np
import pytest
from scipy.special import expit

from fishlib.evaluation.report import model_card
from fishlib.evaluation.verdict import compare_forecasts, evaluate
from fishlib.forecasters.rules import level_forecast, published_baseline
from fishlib.questions import label_bursts

QUICK = {"n_resamples": 40, "n_shifts": 99, "progress": False}


@pytest.fixture(scope="module")
def film():
    """A film whose bursts have a known hazard, and forecasts of known order."""
    rng = np.random.default_rng(0)
    hidden = np.convolve(rng.normal(size=3200), np.ones(41) / 6, "valid")
    label = (rng.random(len(hidden)) < expit(2 * hidden - 2)).astype(np.int8)
    label[:100] = -1
    noise = rng.normal(size=(3, len(hidden)))
    forecasts = {
        "history": expit(hidden + noise[0] - 2),
        "network": expit(2 * hidden + 0.5 * noise[1] - 2),
        "oracle": expit(2 * hidden - 2),
        "level": -noise[2],
    }
    motion = np.abs(1e-3 + 1e-3 * np.convolve(rng.normal(size=3171), np.ones(12) / 4, "valid"))
    return label, forecasts, motion


@pytest.fixture(scope="module")
def verdict(film):
    label, forecasts, motion = film
    known = {name: p for name, p in forecasts.items() if name != "oracle"}
    return evaluate(
        label,
        forecasts,
        base_rate=0.2,
        validation=(label, known),
        motion=motion,
        history="history",
        oracle="oracle",
        **QUICK,
    )


def test_the_verdict_has_every_part(verdict):
    assert not verdict.left_out
    assert set(verdict.tables) == {
        "scores", "differences", "chance", "leads", "equal_level", "alarms", "stacking",
        "share_of_the_way",
    }  # fmt: skip
    for table in verdict.tables.values():
        assert "name" in table
        assert len(table)


def test_every_interval_holds_its_number(verdict):
    for name, value in {"scores": "value", "differences": "difference", "leads": "auc",
                        "stacking": "gain", "share_of_the_way": "share"}.items():  # fmt: skip
        rows = verdict.tables[name].dropna(subset=[value, "low", "high"])
        inside = (rows.low <= rows[value] + 1e-9) & (rows[value] <= rows.high + 1e-9)
        assert inside.mean() > 0.9
        assert len(rows)


def test_the_known_order_is_found(verdict):
    differences = verdict.tables["differences"].set_index(["name", "score"])
    row = differences.loc[("history − network", "auc")]
    assert row.different
    assert row.high < 0
    stacking = verdict.tables["stacking"].set_index("name")
    assert stacking.loc["network", "low"] > 0
    assert stacking.loc["level", "low"] < 5e-3
    shares = verdict.tables["share_of_the_way"].set_index(["name", "score"]).share
    assert shares["history", "auc"] == 0
    assert shares["oracle", "auc"] == 1
    assert 0.5 < shares["network", "auc"] < 1
    chance = verdict.tables["chance"].set_index("name").p_value
    assert chance["network"] == 0.01


def test_probability_scores_follow_calibration(verdict):
    scores = verdict.metrics["scores"]
    assert scores["level"]["brier_skill"] is None
    assert scores["level"]["calibrated_brier_skill"]["low"] is not None
    assert "calibrated_brier" not in scores["oracle"]
    assert scores["network"]["chosen_max_youden_tpr"]["value"] == pytest.approx(
        scores["network"]["max_youden_tpr"]  # validation and test are the same here
    )


def test_metrics_are_json_and_make_the_same_card(verdict):
    about = {"title": "t", "data": {}, "splits": {}, "models": {}, "seeds": [1, 2, 3]}
    read = json.loads(json.dumps(verdict.metrics, allow_nan=False))
    card = model_card({"bursts": read}, **about)
    assert card == model_card({"bursts": verdict.metrics}, **about)


def test_the_comparison_alone_equals_the_one_in_the_verdict(film, verdict):
    label, forecasts, _ = film
    pairs = [("history", "network")]
    table = compare_forecasts(label, forecasts, pairs=pairs, base_rate=0.2, n_resamples=40)
    whole = verdict.tables["differences"].set_index(["name", "score"])
    for row in table.itertuples():
        same = whole.loc[(row.name, row.score)]
        assert (row.difference, row.low, row.high) == (same.difference, same.low, same.high)
    assert set(table.score) == {"auc", "average_precision", "brier_skill", "log_loss"}


def test_parts_the_film_cannot_answer_are_left_out_with_a_reason(film):
    label, forecasts, _ = film
    quiet = np.full(len(label), 1e-3)
    short = slice(0, 1050)
    found = evaluate(
        label[short], {k: p[short] for k, p in forecasts.items()}, motion=quiet[short], **QUICK
    )
    assert set(found.left_out) == {"alarms"}
    assert "no onset among" in found.metrics["left_out"]["alarms"]
    assert "stacking" not in found.tables


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, p: (y, p * np.nan), "No labelled frame"),
        (lambda y, p: (np.minimum(y, 0), p), "labelled 0"),
        (lambda y, p: (y, p[:-1]), "align both to the frame index"),
        (lambda y, p: (y[:899], p[:899]), "too short for a bootstrap"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(film, change, message):
    label, forecasts, _ = film
    label, forecast = change(label, forecasts["network"])
    with pytest.raises(ValueError, match=message):
        evaluate(label, {"network": forecast}, **QUICK)


def test_an_unknown_name_is_refused(film):
    label, forecasts, _ = film
    with pytest.raises(ValueError, match="'best'"):
        evaluate(label, forecasts, history="best", **QUICK)


def test_the_verdict_on_the_published_network(published):
    """Not better than its own baseline, worse than one number, and silent on what comes."""
    validation, test = published.load_series("validation"), published.load_series("test")

    def rivals(motion):
        return {"baseline": published_baseline(motion), "level": level_forecast(motion)}

    found = evaluate(
        label_bursts(test["motion"]),
        {"convlstm": test["convlstm"], **rivals(test["motion"])},
        base_rate=0.134,
        validation=(label_bursts(validation["motion"]), rivals(validation["motion"])),
        motion=test["motion"],
        n_resamples=300,
        progress=False,
    )
    assert not found.left_out
    differences = found.tables["differences"].query("score == 'auc'").set_index("name")
    assert not differences.loc["convlstm − baseline", "different"]
    behind = differences.loc["convlstm − level"]
    assert behind.difference == pytest.approx(-0.036, abs=0.001)
    assert (behind.low, behind.high) == pytest.approx((-0.054, -0.022), abs=0.006)
    assert found.metrics["equal_level"]["convlstm"]["auc"] == pytest.approx(0.53, abs=0.005)
    assert found.metrics["alarms"]["convlstm"]["0.5"]["excess"]["low"] < 0
    assert found.metrics["chance"]["convlstm"]["p_value"] == 0.001
