from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fishlib.evaluation.intervals import no_table
from fishlib.evaluation.report import (
    describe_models,
    headline_table,
    model_card,
    readable,
    summary_of,
    write_report,
)
from fishlib.evaluation.verdict import evaluate

ABOUT = {
    "title": "a tank",
    "data": {"film": "simulated, 30 fps"},
    "splits": {"test": "frames 900 to 1800"},
    "models": {"network": "A ConvLSTM."},
    "seeds": [3],
}


def told(metrics):
    """A verdict of these numbers."""
    return SimpleNamespace(metrics=metrics)


def number(value, low, high):
    return {"value": value, "low": low, "high": high}


@pytest.fixture
def metrics():
    network = {
        "frames": 900,
        "positives": 90,
        "always_no_accuracy": 0.9,
        "auc": number(0.8, 0.7, 0.9) | {"blocks": 17},
        "average_precision": number(0.5, 0.4, 0.6),
        "brier_skill": number(-0.1, -0.2, 0.05),
        "max_youden_tpr": 0.81,
        "max_youden_fpr": 0.31,
    }
    level = network | {
        "brier_skill": None,
        "calibrated_brier_skill": number(0.2, 0.1, 0.3),
        "chosen_max_youden_tpr": number(0.71, 0.6, 0.8),
        "chosen_max_youden_fpr": number(0.21, 0.1, 0.3),
    }
    alarm = {
        "sensitivity": number(0.6, 0.5, 0.7),
        "time_in_warning": number(0.4, 0.3, 0.5),
        "excess": number(0.2, 0.1, 0.3),
        "area": number(0.55, 0.5, 0.6),
        "false_alarms_per_minute": number(7, 6, 8),
    }
    difference = {"value": 0.1, "low": 0.05, "high": 0.15, "different": True}
    return {
        "scores": {"network": network, "level": level},
        "differences": {"network − level": {"auc": difference}},
        "chance": {"network": {"p_value": 0.001}},
        "alarms": {"network": {"0.0": alarm, "0.5": alarm}},
        "stacking": {"network": {"gain": number(-3e-4, -9.5e-4, 8e-5)}},
        "share_of_the_way": {"network": {"auc": number(0.4, 0.2, 0.6)}},
        "setting": {
            "block": 10.0,
            "base_rate": 0.134,
            "best_rival": None,
        },
        "left_out": {"leads": "too short"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "# Model card: a tank",
        "- film: simulated, 30 fps",
        "- test: frames 900 to 1800",
        "- **network**: A ConvLSTM.",
        "training seeds: 3",
        "900 test frames, 90 positive; always saying no is right on 90.0%",
        "| network | 0.800 [0.700, 0.900] | 0.500 [0.400, 0.600] | −0.100 [−0.200, 0.050]\\* "
        "| 0.810 / 0.310\\* | 0.001 |",
        "| 0.200 [0.100, 0.300] | 0.710 [0.600, 0.800] / 0.210 [0.100, 0.300] | – |",
        "AUC, network − level: +0.100 [+0.050, +0.150]: a difference",
        "| network | −0.30 [−0.95, +0.08] | 0.550 [0.500, 0.600] | +0.200 [+0.100, +0.300] "
        "| 7.0 [6.0, 8.0] | 40% [20%, 60%] |",
        "| level | – | – | – | – | – |",
        "not computed, leads: too short",
        "Intervals: 95 %, leaving out each of 17 blocks.",
        "Fewer than three training seeds",
        "another group of fish",
    ],
)
def test_the_card_says(metrics, text):
    assert text in model_card({"Onset from calm": told(metrics)}, **ABOUT)


def test_the_card_is_one_page_for_two_targets(metrics):
    card = model_card({"Published label": told(metrics), "Onset from calm": told(metrics)}, **ABOUT)
    assert len(card.splitlines()) <= 65


def test_differences_are_from_the_best_rival(metrics):
    metrics["differences"]["level − other"] = metrics["differences"]["network − level"]
    metrics["setting"]["best_rival"] = "level"
    assert "level − other" in model_card({"Onset": told(metrics)}, **ABOUT)
    metrics["setting"]["best_rival"] = "network"
    assert "level − other" not in model_card({"Onset": told(metrics)}, **ABOUT)


def test_the_card_needs_a_verdict():
    with pytest.raises(ValueError, match="run evaluate first"):
        model_card({}, **ABOUT)


def test_the_file_holds_the_card(tmp_path, metrics):
    path = write_report(tmp_path, {"Onset": told(metrics)}, **ABOUT)
    assert path.read_text(encoding="utf-8") == model_card({"Onset": told(metrics)}, **ABOUT)
    assert [p.name for p in tmp_path.iterdir()] == ["model_card.md"]


def test_a_verdict_without_scores_says_why_on_the_card(metrics):
    reason = "0.6 minutes of film are too short."
    nothing = {"setting": metrics["setting"], "left_out": {"scores": reason, "alarms": reason}}
    card = model_card({"Onset": told(nothing)}, **ABOUT)
    assert f"- not computed, scores: {reason}\n" in card
    assert "- **network**: A ConvLSTM." in card


def test_the_card_of_a_verdict_names_every_forecaster(verdict):
    card = model_card({"Onset": verdict}, **ABOUT)
    for name in verdict.forecasts:
        assert f"| {name} | 0." in card
    assert "not computed, alarms: No events were given" in card
    assert "{" not in card


@pytest.fixture(scope="module")
def verdict():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 4800)
    forecasts = {"good": label + rng.normal(0, 1, 4800), "coin": rng.random(4800)}
    parts = {"train": slice(0, 1400), "validation": slice(1400, 2800), "test": slice(2800, 4800)}
    return evaluate(forecasts, label, parts, n_shifts=99, progress=False)


def test_the_headline_holds_the_scores_that_were_computed(verdict):
    table = headline_table([("which?", verdict, ["coin", "absent", "good"])]).splitlines()
    assert len(table) == 4
    auc = verdict.scores.query("score == 'auc' and name == 'good'").iloc[0]
    assert table[3] == f"|  | good | {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}] |"
    assert table[2].startswith("| which? | coin | 0.")


def test_a_score_without_an_interval_stands_alone(verdict):
    short = evaluate(
        verdict.forecasts, verdict.question, {**verdict.folds[0], "test": slice(2800, 3400)},
        n_shifts=99, progress=False,
    )  # fmt: skip
    value = short.scores.query("score == 'auc' and name == 'good'").iloc[0].value
    assert headline_table([("q", short, ["good"])]).endswith(f"| q | good | {value:.3f} |")


def test_a_run_in_one_row_names_who_is_compared_with_whom(verdict):
    told = summary_of(replace(verdict, rivals=["coin"]), "good")
    assert told["best_rival"].startswith("coin 0.")
    assert told["minutes"] == pytest.approx(len(verdict.label) / 1800)
    assert told["network"].startswith("good 0.")
    row = verdict.compare("good", "coin").query("score == 'auc'").iloc[0]
    assert told["difference"].startswith(f"{row.value:.3f} [".replace("-", "−"))
    nothing = evaluate(verdict.forecasts, verdict.question, None, progress=False)
    assert "too short" in summary_of(nothing, "good")["why_not"]


def test_a_headline_without_scores_gives_the_reason(verdict):
    nothing = evaluate(verdict.forecasts, verdict.question, None, progress=False)
    assert "| q | – | 2.7 minutes of film are too short" in headline_table([("q", nothing, ["a"])])


def test_a_table_for_reading_has_a_row_a_forecaster_and_says_why_it_is_empty():
    rows = [("CNN", "frames", 5237, None, None), ("CNN", "auc", 0.75, 0.7, 0.8)]
    rows += [("level", "auc", 0.5, None, None), ("level", "log_loss_gain", -0.0012, None, None)]
    columns = ["name", "score", "value", "low", "high"]
    shown = readable(pd.DataFrame(rows, columns=columns))
    assert shown.loc["CNN"].tolist() == ["5 237", "0.750 [0.700, 0.800]", "–"]
    assert shown.loc["level", "log loss gain"] == "−0.0012"
    often = pd.DataFrame(
        [("level", "false_alarms_per_minute", 28.176, 25.5, 30.8)], columns=columns
    )
    assert readable(often).iloc[0, 0] == "28.2 [25.5, 30.8]"
    assert readable(no_table("too short"))["not computed"].tolist() == ["too short"]


def test_each_forecaster_has_a_sentence_and_its_weights():
    sizes = {"CNN": 53641, "LSTM on the motion, alarm": 127, "LSTM on the motion, onset": 127}
    told = describe_models(["level −ỹ[t−1]", "CNN", "LSTM on the motion", "tea leaves"], sizes)
    assert told["CNN"].endswith("without a memory; 53,641 weights")
    assert told["LSTM on the motion"].endswith("of motion; 127 weights")
    assert told["level −ỹ[t−1]"].endswith("nothing is fitted")
    assert told["tea leaves"] == "unknown"
