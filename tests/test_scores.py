import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from fishlib.evaluation.intervals import cut_blocks
from fishlib.evaluation.scores import (
    calibrate,
    choose_thresholds,
    comparable_frames,
    confusion_rates,
    corp_decomposition,
    estimate_scores,
    is_probability,
    reliability_curve,
    score_forecast,
)
from fishlib.questions import label_bursts
from fishlib.splits import whole


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


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    label = (rng.random(300) < 0.3).astype(int)
    return label, np.round(np.clip(0.3 * label + rng.random(300) * 0.7, 0, 1), 2)


def test_frames_are_kept_where_everything_is_defined():
    label = np.array([1, 0, -1, 1, 0, 0])
    first = np.array([0.1, np.nan, 0.2, 0.3, 0.4, 0.5])
    second = np.array([0.1, 0.2, 0.3, 0.4, np.nan, 0.5])
    kept = comparable_frames(label, {"first": first, "second": second})
    assert kept.tolist() == [True, False, False, True, False, True]


@pytest.mark.parametrize(
    ("label", "forecast", "message"),
    [
        ([1, 0, 1], [0.1, 0.2], "shape"),
        ([1, 0, 1], [np.nan] * 3, "No labelled frame"),
        ([1, 1, -1], [0.1, 0.2, 0.3], "labelled 1"),
        ([1, 0, 2], [0.1, 0.2, 0.3], "1, 0 and -1"),
        ([1, 0, 1], [0.1, np.inf, 0.3], "infinite"),
    ],
)
def test_unusable_input_is_refused_by_name(label, forecast, message):
    with pytest.raises(ValueError, match=message):
        comparable_frames(np.array(label), {"p": np.array(forecast)})


def test_no_forecast_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        comparable_frames(np.array([1, 0]), {})


def test_probability_scores_equal_scikit_learn(frames):
    label, forecast = frames
    ours = score_forecast(label, forecast, base_rate=0.2)
    assert ours["auc"] == pytest.approx(roc_auc_score(label, forecast))
    assert ours["average_precision"] == pytest.approx(average_precision_score(label, forecast))
    assert ours["brier"] == pytest.approx(brier_score_loss(label, forecast))
    assert ours["log_loss"] == pytest.approx(log_loss(label, forecast))
    constant = brier_score_loss(label, np.full(300, 0.2))
    assert ours["brier_skill"] == pytest.approx(1 - ours["brier"] / constant)


def test_a_score_outside_0_1_gets_no_probability_score(frames):
    label, forecast = frames
    scores = score_forecast(label, -forecast)
    assert not is_probability(-forecast)
    assert np.isnan([scores[key] for key in ("brier", "brier_skill", "log_loss")]).all()


def test_every_score_without_a_block_is_the_score_of_the_frames_left(frames):
    label, forecast = frames
    chosen = {"base_rate": 0.2, "thresholds": {"rule": 0.4}}
    blocks = cut_blocks(np.ones(300, bool), whole(300), 50)
    found = estimate_scores(label, forecast, blocks, **chosen, calibrated=forecast**2)
    kept = blocks.of != 2
    left = score_forecast(label[kept], forecast[kept], **chosen, calibrated=forecast[kept] ** 2)
    estimates = {score: one[3] for score, one in found.items() if np.ndim(one)}
    assert estimates == pytest.approx({score: left[score] for score in estimates})
    assert set(estimates) == {
        "auc", "average_precision", "brier", "brier_skill", "log_loss", "calibrated_brier",
        "calibrated_brier_skill", "calibrated_log_loss", "chosen_rule_accuracy",
        "chosen_rule_youden", "chosen_rule_tpr", "chosen_rule_fpr",
    }  # fmt: skip


def test_with_several_films_the_headline_counts_pairs_within_films():
    """A film with more bursts and a higher forecast lifts the pooled AUC alone."""
    rng = np.random.default_rng(0)
    label = (rng.random(4000) < np.repeat([0.1, 0.6], 2000)).astype(int)
    forecast = rng.random(4000) + np.repeat([0, 1], 2000)
    pieces = pd.DataFrame({"film": ["a", "b"], "start": [0, 2000], "stop": [2000, 4000]})
    scores = estimate_scores(label, forecast, cut_blocks(np.ones(4000, bool), pieces))
    assert scores["auc"][0] == pytest.approx(0.5, abs=0.03)
    assert scores["auc_pooled"][0] == pytest.approx(roc_auc_score(label, forecast))
    assert scores["auc_pooled"][0] > 0.7


def test_thresholds_are_the_best_of_all(frames):
    label, forecast = frames
    tried = {t: confusion_rates(label, forecast, t) for t in [*np.unique(forecast), 1.01]}
    for rule, score in {"max_accuracy": "accuracy", "max_youden": "youden"}.items():
        chosen = confusion_rates(label, forecast, choose_thresholds(label, forecast)[rule])
        assert chosen[score] == pytest.approx(max(rates[score] for rates in tried.values()))


def test_never_calling_is_among_the_thresholds():
    label = np.array([0, 0, 0, 1])
    forecast = np.array([0.9, 0.8, 0.7, 0.1])
    threshold = choose_thresholds(label, forecast)["max_accuracy"]
    assert confusion_rates(label, forecast, threshold)["accuracy"] == 0.75
    assert np.isfinite(threshold)


def test_confusion_rates_equal_scikit_learn(frames):
    label, forecast = frames
    rates = confusion_rates(label, forecast, 0.4)
    called = forecast >= 0.4
    assert rates["accuracy"] == pytest.approx(accuracy_score(label, called))
    assert rates["tpr"] == pytest.approx(sum(called & (label == 1)) / sum(label))
    assert rates["fpr"] == pytest.approx(sum(called & (label == 0)) / sum(1 - label))


def overconfident(n_frames, seed=0):
    """Labels drawn from a known probability, and a forecast that doubles its log-odds."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1, n_frames)
    return (rng.random(n_frames) < expit(odds)).astype(int), expit(odds), expit(2 * odds + 0.5)


def test_calibration_recovers_the_known_probability():
    label, _, forecast = overconfident(40_000)
    calibration = calibrate(label, forecast)
    assert calibration.slope == pytest.approx(0.5, abs=0.03)
    label, truth, forecast = overconfident(2_000, seed=1)
    np.testing.assert_allclose(calibration(forecast), truth, atol=0.03)


@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
def test_calibrating_a_score_keeps_its_order_at_any_scale(scale):
    label, _, forecast = overconfident(3_000)
    score = -1 + scale * np.log(forecast)
    calibrated = calibrate(label, score)(score)
    assert roc_auc_score(label, calibrated) == roc_auc_score(label, forecast)
    assert calibrated.mean() == pytest.approx(label.mean(), abs=1e-3)


def test_calibration_leaves_gaps_as_gaps():
    label, _, forecast = overconfident(200)
    forecast[:5] = np.nan
    assert np.isnan(calibrate(label, forecast)(forecast)).sum() == 5


def test_corp_terms_add_up_to_the_brier_score():
    label, _, forecast = overconfident(2_000)
    terms = corp_decomposition(label, forecast)
    brier = np.mean((forecast - label) ** 2)
    total = terms["miscalibration"] - terms["discrimination"] + terms["uncertainty"]
    assert total == pytest.approx(brier)


def test_corp_terms_of_a_hand_worked_forecast():
    """Forecasts 0.2 (1 of 4 true) and 0.9 (3 of 4): recalibrated to 1/4 and 3/4."""
    label = np.array([1, 0, 0, 0, 1, 1, 1, 0])
    forecast = np.array([0.2] * 4 + [0.9] * 4)
    terms = corp_decomposition(label, forecast)
    assert terms["uncertainty"] == pytest.approx(0.25)
    assert terms["discrimination"] == pytest.approx(0.25 - 3 / 16)
    assert terms["miscalibration"] == pytest.approx((0.05**2 + 0.15**2) / 2)
    table = reliability_curve(label, forecast)
    assert table.frequency.tolist() == [0.25, 0.75]
    assert table.forecast.tolist() == pytest.approx([0.2, 0.9])
    assert table.frames.tolist() == [4, 4]


def test_miscalibration_needs_a_probability():
    label, _, forecast = overconfident(100)
    terms = corp_decomposition(label, np.log(forecast))
    assert np.isnan(terms["miscalibration"])
    assert terms["discrimination"] == corp_decomposition(label, forecast)["discrimination"]


def test_reliability_frequencies_rise_and_average_to_the_base_rate():
    label, _, forecast = overconfident(2_000)
    table = reliability_curve(np.r_[label, -1], np.r_[forecast, 0.5])
    assert (np.diff(table.frequency) > 0).all()
    assert table.frames.sum() == 2_000
    assert np.average(table.frequency, weights=table.frames) == pytest.approx(label.mean())
