import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss, roc_auc_score

from fishlib.evaluation import choose_thresholds, evaluate
from fishlib.evaluation.scores import BEST
from fishlib.evaluation.verdict import PARTS
from fishlib.questions import find_onsets, label_bursts
from fishlib.splits import make_folds, whole

QUICK = {"n_shifts": 99, "progress": False}
SPLIT = {"train": slice(0, 3000), "validation": slice(3000, 6000), "test": slice(6000, 9160)}
COLUMNS = {"name", "score", "value", "low", "high", "blocks"}


@pytest.fixture(scope="module")
def film():
    """A film whose bursts have a known hazard, and forecasts of known order."""
    rng = np.random.default_rng(0)
    hidden = np.convolve(rng.normal(size=9200), np.ones(41) / 6, "valid")
    label = (rng.random(len(hidden)) < expit(2 * hidden - 2)).astype(np.int8)
    label[:100] = -1
    noise = rng.normal(size=(3, len(hidden)))
    forecasts = {
        "past": expit(hidden + noise[0] - 2),
        "coin": rng.random(len(hidden)),
        "network": expit(2 * hidden + 0.5 * noise[1] - 2),
        "oracle": expit(2 * hidden - 2),
        "level": -noise[2],
    }
    motion = np.abs(1e-3 + 1e-3 * np.convolve(rng.normal(size=9171), np.ones(12) / 4, "valid"))
    return forecasts, label, motion


@pytest.fixture(scope="module")
def verdict(film):
    forecasts, label, motion = film
    forecasts = forecasts | {
        "oracle": np.where(np.arange(9160) < 6000, np.nan, forecasts["oracle"])
    }
    return evaluate(
        forecasts,
        label,
        SPLIT,
        rivals=["coin", "past"],
        motion=motion,
        events=find_onsets(motion),
        oracle="oracle",
        **QUICK,
    )


def test_the_verdict_has_every_part(verdict):
    assert not verdict.left_out
    for part in (*PARTS, "thresholds", "reliability"):
        table = getattr(verdict, part)
        assert set(table.columns) >= COLUMNS
        assert len(table)
    assert set(verdict.metrics) == {*PARTS, "setting", "left_out"}


def test_every_interval_holds_its_number(verdict):
    for part in ("scores", "differences", "leads", "stacking", "share_of_the_way"):
        rows = getattr(verdict, part).dropna(subset=["value", "low", "high"])
        inside = (rows.low <= rows.value + 1e-9) & (rows.value <= rows.high + 1e-9)
        assert inside.mean() > 0.9
        assert len(rows)


def test_the_known_order_is_found(verdict):
    row = verdict.differences.set_index(["name", "score"]).loc[("past − network", "auc")]
    assert row.different
    assert row.high < 0
    gain = verdict.stacking.query("score == 'gain'").set_index("name")
    assert gain.loc["network", "low"] > 0
    assert gain.loc["level", "low"] < 5e-3
    assert "oracle" not in gain.index
    shares = verdict.share_of_the_way.set_index(["name", "score"]).value
    assert shares["past", "auc"] == 0
    assert shares["oracle", "auc"] == 1
    assert 0.5 < shares["network", "auc"] < 1
    coin = verdict.share_of_the_way.set_index(["name", "score"]).loc[("coin", "auc")]
    assert coin.low < coin.value < coin.high < 0  # a share is no score in (0, 1)
    assert verdict.metrics["chance"]["network"]["p_value"] == 0.01


def test_all_that_is_chosen_is_chosen_on_validation(film, verdict):
    forecasts, label, _ = film
    part = SPLIT["validation"]
    losses = {name: log_loss(label[part], forecasts[name][part]) for name in ("coin", "past")}
    assert verdict.best_rival == min(losses, key=losses.get) == "past"
    cut = choose_thresholds(label[part], forecasts["network"][part])["max_youden"]
    assert verdict.cuts["network"] == cut
    called = verdict.on()["network"] >= cut
    scores = verdict.metrics["scores"]["network"]
    tpr = called[verdict.label == 1].mean()
    assert scores["chosen_max_youden_tpr"]["value"] == pytest.approx(tpr, abs=1e-6)
    assert verdict.base_rate == label[100:3000].mean()
    assert set(verdict.thresholds.name) == set(forecasts) - {"oracle"}  # unknown on validation


def test_what_happens_in_the_test_part_changes_no_choice(film, verdict):
    forecasts, label, _ = film
    turned = {n: np.where(np.arange(9160) < 6000, p, 1 - p) for n, p in forecasts.items()}
    other = evaluate(turned, label, SPLIT, rivals=["coin", "past"], **QUICK)
    assert other.best_rival == "past"
    assert other.cuts["network"] == verdict.cuts["network"]


def test_a_score_that_is_no_probability_can_be_the_best_rival(film):
    forecasts, label, _ = film
    forecasts = forecasts | {"odds": 5 + 3 * forecasts["network"]}
    found = evaluate(forecasts, label, SPLIT, rivals=["odds", "coin"], **QUICK)
    assert found.best_rival == "odds"


def test_probability_scores_follow_calibration(verdict):
    scores = verdict.metrics["scores"]
    assert scores["level"]["brier_skill"] is None
    assert scores["level"]["calibrated_brier_skill"]["low"] is not None
    assert "calibrated_brier" not in scores["oracle"]


def test_metrics_are_json(verdict):
    assert json.loads(json.dumps(verdict.metrics, allow_nan=False)) == verdict.metrics


def test_compared_pairs_equal_those_of_all(verdict):
    table = verdict.compare(["network", "level"], verdict.best_rival)
    assert table.name.unique().tolist() == ["network − past", "level − past"]
    row = table.set_index(["name", "score"]).loc[("network − past", "auc")]
    whole = verdict.differences.set_index(["name", "score"]).loc[("past − network", "auc")]
    turned = (-whole.value, -whole.high, -whole.low)
    assert (row.value, row.low, row.high) == pytest.approx(turned)
    with pytest.raises(ValueError, match="'nobody'"):
        verdict.compare("nobody", "past")


def test_alarms_and_events_count_in_frames_of_the_series(film, verdict):
    _, _, motion = film
    events = find_onsets(motion)
    inside = events.onset[(events.onset >= 6000)].tolist()
    assert verdict.test_events.onset.tolist() == inside
    raised = verdict.raised("network")
    assert raised.min() >= 6000
    assert verdict.forecasts["network"][raised].min() >= verdict.cuts["network"]
    warned = verdict.warned("network")
    told = warned.dropna(subset="alarm")
    assert ((told.onset - told.alarm).between(1, 45)).all()
    curve = verdict.warning_curve("network")
    assert curve.sensitivity.iloc[-1] == curve.time_in_warning.iloc[-1] == 1


def test_reliability_and_bands_are_of_the_test_part(verdict):
    rows = verdict.reliability.query("name == 'network'")
    judged = verdict.label >= 0
    assert rows.frames.sum() == judged.sum()
    assert np.average(rows.value, weights=rows.frames) == pytest.approx(verdict.label.mean())
    rates, low, high = verdict.roc_bands(["network"])["network"]
    area = roc_auc_score(verdict.label, verdict.on()["network"])
    assert np.trapezoid(low, rates) < area < np.trapezoid(high, rates)


def hurt(film, change):
    forecasts, label, motion = film
    given = {"forecasts": forecasts, "question": label, "folds": SPLIT, "motion": motion}
    given |= {"events": find_onsets(motion), "rivals": ["past", "coin"], "oracle": "oracle"}
    return evaluate(**(given | change), **QUICK)


POOR = {
    "a film too short to be split": ({"folds": None}, set(PARTS), "too short to be split"),
    "a test part of one class": (
        {"question": np.r_[np.arange(6000) % 2, np.zeros(3160, int)]},
        {*PARTS} - {"alarms"},
        "labelled 0",
    ),
    "a test part that is not asked": (
        {"question": np.r_[np.arange(6000) % 2, np.full(3160, -1)]},
        {*PARTS} - {"alarms"},
        "No labelled frame",
    ),
    "a quiet film": (
        {"motion": np.full(9160, 1e-3), "events": find_onsets(np.full(9160, 1e-3))},
        {"alarms"},
        "no onset among",
    ),
    "no motion and no events": ({"motion": None, "events": None}, {"alarms", "equal_level"}, "No "),
    "no rivals": ({"rivals": ()}, {"stacking", "share_of_the_way"}, "No rival"),
    "a film that is no simulation": ({"oracle": None}, {"share_of_the_way"}, "simulated"),
    "a test part of 20 s": (
        {"folds": SPLIT | {"test": slice(6000, 6600)}},
        {"chance", "intervals"},
        "too ",
    ),
    "a validation part of one class": (
        {"question": np.r_[np.arange(3000) % 2, np.zeros(3000, int), np.arange(3160) % 2]},
        set(),
        "",
    ),
}


@pytest.mark.parametrize("case", POOR)
def test_what_a_film_cannot_answer_is_an_empty_table_with_a_sentence(film, case):
    change, empty, sentence = POOR[case]
    found = hurt(film, change)
    assert set(found.left_out) == empty
    for part in empty - {"intervals"}:
        table = getattr(found, part)
        assert table.empty
        assert set(table.columns) >= COLUMNS
        assert table.attrs["reason"].endswith(".")
    assert sum(sentence in reason for reason in found.left_out.values()) or not sentence.isalpha()
    assert json.dumps(found.metrics, allow_nan=False)
    for name in ("network", "past"):
        found.compare(name, found.best_rival)
        found.warned(name)
        found.warning_curve(name)
    assert isinstance(found.roc_bands(["network"]), dict)
    assert len(found.thresholds) or found.thresholds.attrs["reason"]
    assert len(found.reliability) or found.reliability.attrs["reason"]


def test_a_short_test_part_still_has_its_scores(film):
    found = hurt(film, {"folds": SPLIT | {"test": slice(6000, 6600)}})
    auc = found.scores.query("score == 'auc'")
    assert len(auc) == 5
    assert auc[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"forecasts": {"network": np.zeros(9159)}}, "align both to the frame index"),
        ({"forecasts": {"network": np.full(9160, np.inf)}}, "infinite"),
        ({"forecasts": {}}, "at least one"),
        ({"question": np.full(9160, 2)}, "1, 0 and -1"),
        ({"rivals": ["best"]}, "'best'"),
        ({"oracle": "delphi"}, "'delphi'"),
        ({"motion": np.zeros(9159)}, "one value a frame"),
        ({"events": pd.DataFrame({"onset": [9160]})}, "count both from the same frame"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(film, change, message):
    with pytest.raises(ValueError, match=message):
        hurt(film, change)


def test_judging_imports_neither_film_nor_network():
    apart = ("runs", "recording", "video", "tank", "models", "forecasters", "training", "pipeline")
    loaded = [f"fishlib.{name}" for name in apart] + ["tensorflow", "keras", "IPython"]
    code = f"""
import pkgutil, sys
import fishlib.evaluation as judged
for module in pkgutil.iter_modules(judged.__path__, "fishlib.evaluation."):
    __import__(module.name)
print([name for name in {loaded} if name in sys.modules])
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_verdict_on_the_published_network(published):
    """Not better than its own baseline, worse than one number, and silent on what comes."""
    series = {part: published.load_series(part) for part in ("train", "validation", "test")}
    lengths = [len(one["motion"]) for one in series.values()]
    edges = np.cumsum([0, *lengths]).tolist()
    parts = dict(zip(series, map(slice, edges, edges[1:]), strict=False))
    forecasts = {
        "convlstm": [np.full(n, np.nan) for n in lengths[:2]] + [series["test"]["convlstm"]],
        "baseline": [one["baseline"] for one in series.values() if "baseline" in one],
        "level": [np.append(np.nan, -one["motion"][:-1]) for one in series.values()],
    }
    missing = 3 - len(forecasts["baseline"])
    forecasts["baseline"] = [np.full(n, np.nan) for n in lengths[:missing]] + forecasts["baseline"]
    onsets = find_onsets(series["test"]["motion"])
    found = evaluate(
        {name: np.concatenate(p) for name, p in forecasts.items()},
        np.concatenate([label_bursts(one["motion"]) for one in series.values()]),
        parts,
        motion=np.concatenate([one["motion"] for one in series.values()]),
        events=onsets.assign(onset=onsets.onset + edges[2]),
        pieces=pd.DataFrame({"film": [*series], "start": edges[:3], "stop": edges[1:]}),
        progress=False,
    )
    assert set(found.left_out) == {"stacking", "share_of_the_way"}
    differences = found.differences.query("score == 'auc'").set_index("name")
    assert not differences.loc["convlstm − baseline", "different"]
    behind = differences.loc["convlstm − level"]
    assert behind.value == pytest.approx(-0.036, abs=0.001)
    assert (behind.low, behind.high) == pytest.approx((-0.054, -0.022), abs=0.010)
    equal = found.metrics["equal_level"]["convlstm"]["auc"]["value"]
    assert equal == pytest.approx(0.53, abs=0.005)
    assert found.metrics["alarms"]["convlstm"]["0.5"]["excess"]["low"] < 0
    assert found.metrics["chance"]["convlstm"]["p_value"] == 0.001


def folded(film, n_folds=5, **change):
    """A verdict over folds: each model's forecast is right, on a scale of its own."""
    forecasts, label, motion = film
    folds = make_folds(whole(len(label)), n_folds)
    told = {}
    for name in ("coin", "past", "network"):
        rows = np.full((2, len(label)), np.nan)
        for k, fold in enumerate(folds):
            own = expit(logit(forecasts[name]) * (1 + k / 2) + k - 2)
            for row, part in enumerate(("test", "validation")):
                rows[row, fold[part]] = own[fold[part]]
        told[name] = rows
    setting = {"rivals": ["coin", "past"], "motion": motion, "events": find_onsets(motion)} | QUICK
    return evaluate(told, label, folds, **setting | change), folds, told


def test_with_folds_pairs_are_counted_within_a_fold_and_every_frame_is_judged(film):
    verdict, folds, told = folded(film)
    assert not verdict.left_out.keys() - {"share_of_the_way"}
    scores = verdict.scores.set_index(["name", "score"]).value
    label = film[1]
    right = pairs = 0
    for fold in folds:
        at = fold["test"][label[fold["test"]] >= 0]
        positive = label[at] == 1
        n_pairs = positive.sum() * (~positive).sum()
        right += roc_auc_score(positive, told["network"][0, at]) * n_pairs
        pairs += n_pairs
    assert scores["network", "auc"] == pytest.approx(right / pairs)
    assert scores["network", "auc_pooled"] < scores["network", "auc"]
    assert scores["network", "frames"] == np.sum(label >= 0)


def test_with_folds_each_is_chosen_on_the_one_before_it(film):
    verdict, folds, told = folded(film)
    label = film[1]
    scores = verdict.scores.set_index(["name", "score"]).value
    called = np.zeros(len(label))
    for fold in folds:
        at = fold["validation"]
        cut = choose_thresholds(label[at], told["network"][1, at])["max_accuracy"]
        called[fold["test"]] = told["network"][0, fold["test"]] >= cut
    asked = label >= 0
    accuracy = np.mean(called[asked] == label[asked])
    assert scores["network", "chosen_max_accuracy_accuracy"] == pytest.approx(accuracy)
    assert verdict.best_rival == BEST
    np.testing.assert_array_equal(verdict.forecasts[BEST], verdict.forecasts["past"])


def test_without_a_part_to_choose_on_nothing_is_chosen(film):
    forecasts, label, motion = film
    folds = make_folds(whole(len(label)), choose=False)
    told = {name: forecasts[name] for name in ("coin", "past")}
    events = find_onsets(motion)
    verdict = evaluate(told, label, folds, rivals=["coin", "past"], events=events, **QUICK)
    assert verdict.best_rival == "past"
    assert not verdict.cuts
    assert not any("chosen" in score for score in verdict.scores.score)
    assert set(verdict.alarms.score) == {"area"}


def test_films_are_told_apart_and_another_base_rate_does_not_help():
    rng = np.random.default_rng(5)
    label = np.concatenate([rng.random(3000) < rate for rate in (0.1, 0.5, 0.9, 0.5)]).astype(int)
    films = pd.DataFrame({"film": list("abcd"), "start": np.arange(4) * 3000})
    films["stop"] = films.start + 3000
    of_film = np.repeat([0.1, 0.5, 0.9, 0.5], 3000) + 0.01 * rng.random(12_000)
    folds = make_folds(films, 4)
    verdict = evaluate({"base rate": of_film}, label, folds, pieces=films, **QUICK)
    scores = verdict.scores.set_index("score")
    assert scores.value["auc_pooled"] > 0.75
    assert scores.low["auc"] < 0.5 < scores.high["auc"]
    rows = verdict.by_film.set_index("film").value
    for k, film in enumerate("abcd"):
        at = slice(k * 3000, (k + 1) * 3000)
        assert rows[film] == pytest.approx(roc_auc_score(label[at], of_film[at]))


def test_the_limit_is_asked_where_the_oracle_is(film, verdict):
    forecasts, label, _ = film
    few = np.where(np.arange(9160) % 7, np.nan, forecasts["oracle"])
    limit = verdict.limited_by({"oracle": few, "oracle, later": few}, ["network"])
    assert list(limit.forecasts) == ["network", "past", "oracle"]
    asked = np.flatnonzero(np.isfinite(few[6000:]) & (label[6000:] >= 0)) + 6000
    expected = roc_auc_score(label[asked], forecasts["network"][asked])
    auc = limit.scores.query("score == 'auc'").set_index("name").value
    assert auc["network"] == pytest.approx(expected)
    way = limit.share_of_the_way.query("score == 'auc'").set_index("name").value
    assert way["past"] == 0 and 0 < way["network"] < way["oracle"] == 1
    without = verdict.limited_by({}, ["network"])
    assert without.scores.empty and "No oracle" in without.scores.attrs["reason"]


def test_what_is_shown_is_never_empty(film, verdict):
    forecasts, label, _ = film
    assert verdict.shown(["network"]) == ["network", "past"]
    short = evaluate({"level": forecasts["level"]}, label, None, **QUICK)
    assert short.shown([]) == ["level"]
    assert short.opening == 0
    assert verdict.opening == verdict.test_events.onset[0] - 120
    paired = verdict.compare("network", "coin")
    assert len(verdict.compare("network", [None, "coin"])) == len(paired)
    by_name = verdict.compare(firsts=[None, "network"], seconds=["coin", "network"])
    assert len(by_name) == len(paired)
    both = verdict.compare(["network", "coin"], ["network", "coin"])
    assert len(both) == len(paired)  # a pair once, not also the other way round
