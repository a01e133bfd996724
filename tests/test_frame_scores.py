import numpy as np
import pytest

from fishlib.evaluation.scores import (
    choose_thresholds,
    learn_from_validation,
    score_all,
    score_forecast,
)
from fishlib.questions import label_bursts


def test_published_table_on_the_published_frames(published):
    """5237 frames; the last 35 have no label and were scored as 0."""
    series = published.load_series("test")
    label = np.where(np.isfinite(series["convlstm"]), series["label"], -1)
    convlstm = score_forecast(label, series["convlstm"])
    assert convlstm["frames"] == 5237
    assert round(convlstm["auc"], 4) == 0.8300
    assert round(convlstm["max_accuracy"], 4) == 0.8472
    assert round(convlstm["max_accuracy_threshold"], 3) == 0.801
    assert round(convlstm["max_youden"], 4) == 0.5194
    assert round(convlstm["max_youden_threshold"], 3) == 0.308
    assert round(convlstm["max_youden_tpr"], 3) == 0.830
    assert round(convlstm["max_youden_fpr"], 3) == 0.310
    baseline = score_forecast(label, series["baseline"])
    assert round(baseline["auc"], 4) == 0.8378
    assert round(baseline["max_accuracy"], 4) == 0.8543
    assert round(baseline["max_accuracy_threshold"], 3) == 0.988
    assert round(baseline["max_youden"], 4) == 0.5434
    assert round(baseline["max_youden_threshold"], 3) == 0.604
    assert round(baseline["max_youden_tpr"], 3) == 0.832
    assert round(baseline["max_youden_fpr"], 3) == 0.289
    assert round(score_forecast(label, series["visionary_serenity"])["auc"], 4) == 0.7873


def test_published_table_on_the_labelled_frames(published):
    series = published.load_series("test")
    label = label_bursts(series["motion"])
    expected = {  # AUC, max accuracy, max J, TPR, FPR
        "convlstm": (0.8308, 0.8462, 0.5213, 0.830, 0.308),
        "baseline": (0.8381, 0.8533, 0.5441, 0.832, 0.288),
    }
    for name, numbers in expected.items():
        scores = score_forecast(label, series[name])
        assert scores["frames"] == 5202
        ours = [scores[k] for k in ("auc", "max_accuracy", "max_youden")]
        ours += [scores[f"max_youden_{k}"] for k in ("tpr", "fpr")]
        rounded = [round(v, n) for v, n in zip(ours, (4, 4, 4, 3, 3), strict=True)]
        assert tuple(rounded) == numbers
    visionary = score_forecast(label, series["visionary_serenity"])
    assert round(visionary["auc"], 4) == 0.7887
    level = np.append(np.nan, -series["motion"][:-1])
    assert round(score_forecast(label, level)["auc"], 3) == 0.867
    assert round(score_forecast(label, level)["average_precision"], 3) == 0.511
    assert round(score_forecast(label, -series["motion"])["auc"], 3) == 0.901  # the leak
    assert round(score_forecast(label, level)["always_no_accuracy"], 3) == 0.841


def test_thresholds_chosen_elsewhere_score_no_better_than_the_best_here():
    rng = np.random.default_rng(0)
    label = (rng.random(2000) < 0.2).astype(int)
    forecast = rng.normal(label, 1)
    thresholds = choose_thresholds(label[:500], forecast[:500])
    scores = score_forecast(label[500:], forecast[500:], thresholds=thresholds)
    assert scores["chosen_max_youden_youden"] <= scores["max_youden"]
    assert scores["chosen_max_accuracy_accuracy"] <= scores["max_accuracy"]
    called = forecast[500:] >= thresholds["max_youden"]
    assert scores["chosen_max_youden_tpr"] == called[label[500:] == 1].mean()


def test_only_labelled_and_forecast_frames_count():
    label = np.array([-1, 1, 0, 1, 0, 0])
    forecast = np.array([0.9, 0.8, 0.1, np.nan, 0.2, 0.3])
    scores = score_forecast(label, forecast, base_rate=0.5)
    assert (scores["frames"], scores["positives"], scores["auc"]) == (4, 1, 1.0)
    assert scores["brier_skill"] == pytest.approx(
        1 - np.mean([0.2**2, 0.1**2, 0.2**2, 0.3**2]) / 0.25
    )


def test_scores_of_several_are_on_their_common_frames():
    label = np.array([1, 0, 1, 0, 0, 1])
    first = np.array([0.9, 0.2, np.nan, 0.1, 0.3, 0.2])
    second = np.array([np.nan, 0.2, 0.3, 0.1, 0.3, 0.2])
    scores = score_all(label, {"first": first, "second": second}, None, {}, {})
    assert scores["first"]["frames"] == scores["second"]["frames"] == 4
    assert scores["first"]["auc"] == scores["second"]["auc"]


def test_validation_teaches_what_it_holds():
    rng = np.random.default_rng(0)
    label = (rng.random(1000) < 0.2).astype(int)
    known = {"level": rng.normal(label, 1)}
    test = {"level": rng.normal(0, 1, 50), "unseen": rng.random(50)}
    thresholds, calibrated = learn_from_validation((label, known), test)
    assert set(thresholds) == set(calibrated) == {"level"}
    assert set(thresholds["level"]) == {"chosen_max_accuracy", "chosen_max_youden"}
    assert (np.diff(calibrated["level"][np.argsort(test["level"])]) > 0).all()
    assert learn_from_validation(None, test) == ({}, {})
