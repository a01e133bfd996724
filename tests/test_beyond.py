import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.special import expit
from scipy.stats import kstest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fishlib.evaluation.beyond import (
    LEADS,
    equal_level_table,
    film_table,
    lead_table,
    share_of_the_way,
    share_table,
    shift_table,
    stacking_table,
)
from fishlib.motion import behind
from fishlib.questions import label_bursts
from fishlib.splits import whole


def two_causes(n_frames=4000, second=1.0, seed=0):
    """Labels with two independent causes, of which each forecast knows one."""
    rng = np.random.default_rng(seed)
    first, other = rng.normal(size=(2, n_frames))
    label = (rng.random(n_frames) < expit(-1 + first + second * other)).astype(int)
    return label, expit(-1 + first), expit(other)


def test_stacking_gain_equals_the_same_fits_by_hand():
    label, history, added = two_causes(1000)
    label[:10] = -1
    halves = [
        (np.arange(10, 455), np.arange(505, 1000)),
        (np.arange(555, 1000), np.arange(10, 505)),
    ]
    losses = {1: 0.0, 2: 0.0}
    x = np.column_stack([np.log(p / (1 - p)) for p in (history, added)])
    for fit, test in halves:
        for k in losses:
            model = LogisticRegression(C=1e6).fit(x[fit, :k], label[fit])
            p = model.predict_proba(x[test, :k])[:, 1]
            losses[k] += log_loss(label[test], p, normalize=False) / 990
    gain = gains(label, history, added, embargo=50, block=50)
    assert gain.value["without"] == pytest.approx(losses[1])
    assert gain.value["with"] == pytest.approx(losses[2])
    assert gain.value["gain"] == pytest.approx(losses[1] - losses[2])


def gains(label, rival, added, **options):
    return stacking_table(label, rival, {"added": added}, **options).set_index("score")


def test_a_second_cause_is_a_gain_and_noise_is_none():
    label, history, added = two_causes()
    gain = gains(label, history, added, block=100).loc["gain"]
    assert 0 < gain.low < gain.value < gain.high
    noise = np.random.default_rng(9).normal(size=len(label))
    none = gains(label, history, noise, block=100).loc["gain"]
    assert none.low < 0
    assert abs(none.value) < gain.value / 20


def test_halves_without_both_classes_are_refused():
    label, history, added = two_causes(1000)
    with pytest.raises(ValueError, match="one class"):
        gains(label, history, added, embargo=500, block=50)


def test_equal_level_counts_pairs_within_bins():
    label, history, added = two_causes(600)
    level = np.round(-history, 1)
    table = equal_level_table(label, {"p": added}, level, 4, block=50)
    edges = np.quantile(level, [0.25, 0.5, 0.75])
    right = pairs = 0
    for k in range(4):
        inside = np.searchsorted(edges, level, "right") == k
        if not inside.any():
            continue
        y, p = label[inside], added[inside]
        count = y.sum() * (1 - y).sum()
        right, pairs = right + roc_auc_score(y, p) * count, pairs + count
    assert table.value[0] == pytest.approx(right / pairs)
    assert table.low[0] < table.value[0] < table.high[0]


def test_a_copy_of_the_level_knows_nothing_beyond_it():
    label, history, _ = two_causes()
    forecasts = {"level": history, "a little later": 1.0 * np.round(history, 1)}
    table = equal_level_table(label, forecasts, np.round(history, 2), 200, block=50)
    assert table.value.tolist() == pytest.approx([0.5, 0.5], abs=0.03)


def test_share_of_the_way_is_linear_between_history_and_oracle():
    assert share_of_the_way(0.8, 0.7, 0.9) == pytest.approx(0.5)
    shares = share_of_the_way(np.array([0.7, 0.9, 0.6, 0.8]), 0.7, np.array([0.9, 0.9, 0.9, 0.7]))
    np.testing.assert_allclose(shares, [0, 1, -0.5, np.nan])


def test_the_published_network_adds_nothing_to_the_motion_proxy(published):
    """Reference: gain -0.3 milli-nats [-0.95, 0.08], AUC at equal level 0.53."""
    train, test = published.load_series("train"), published.load_series("test")
    label, known = label_bursts(train["motion"]), behind(train["motion"], 119)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    asked = label >= 0
    model.fit(known[asked][::4], label[asked][::4])
    label, known = label_bursts(test["motion"]), behind(test["motion"], 119)
    rival = np.full(len(label), np.nan)
    rival[label >= 0] = model.predict_proba(known[label >= 0])[:, 1]
    gain = gains(label, rival, test["convlstm"]).loc["gain"]
    assert gain.low < 0
    assert abs(gain.value) < 2e-3
    level = np.append(np.nan, test["motion"][:-1])
    table = equal_level_table(label, {"convlstm": test["convlstm"]}, level)
    assert table.value[0] == pytest.approx(0.53, abs=0.005)


def test_a_lead_scores_an_earlier_forecast():
    rng = np.random.default_rng(0)
    label = (rng.random(900) < 0.3).astype(np.int8)
    forecast = np.r_[label[3:], 0, 0, 0] + rng.normal(size=900)  # knows the label 3 frames ahead
    table = lead_table(label, {"p": forecast}, whole(900), block=100)
    late = [roc_auc_score(label[45:], forecast[45 - round(30 * s) :][:855]) for s in LEADS]
    assert table.value.tolist() == pytest.approx(late)
    assert table.lead[table.value.argmax()] == 0.1
    assert table.low[1] > 0.6
    assert table.low[0] < 0.5 < table.high[0]


def test_published_forecasts_fade_with_the_lead(published):
    """Reference: motion itself fades from 0.83 at a short lead to chance at 1.5 s."""
    series = published.load_series("test")
    forecasts = {"convlstm": series["convlstm"], "level": np.append(np.nan, -series["motion"][:-1])}
    label = label_bursts(series["motion"])
    table = lead_table(label, forecasts, whole(len(label))).set_index(["name", "lead"]).value
    assert table["convlstm", 0.0] == pytest.approx(0.83, abs=0.01)
    for name in forecasts:
        assert table[name, 0.5] < 0.66
        assert table[name, 1.0] == pytest.approx(0.5, abs=0.04)


def test_no_forecast_is_held_back_across_a_border_of_pieces():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 900)
    forecast = rng.random(900)
    pieces = pd.DataFrame({"film": ["a", "a"], "start": [0, 450], "stop": [450, 900]})
    found = lead_table(label, {"p": forecast}, pieces, block=100).set_index("lead")
    met = np.r_[45:450, 495:900]
    for lead in (0, 0.1, 1.5):
        expected = roc_auc_score(label[met], forecast[met - round(30 * lead)])
        assert found.value[lead] == pytest.approx(expected)


def test_a_film_on_which_nothing_can_be_told_is_left_out_alone():
    label, p = np.tile([0, 1], 90), np.random.default_rng(0).random(180)
    p[61:120:2] = np.nan  # no forecast of a positive frame of the second film
    pieces = pd.DataFrame({"film": list("abc"), "start": [0, 60, 120], "stop": [60, 120, 180]})
    table = film_table(label, {"p": p}, pieces, block=10)
    assert table.film.tolist() == ["a", "c"] and (table.blocks == 6).all()
    for film, value in zip((slice(60), slice(120, 180)), table.value, strict=True):
        assert value == pytest.approx(roc_auc_score(label[film], p[film]))


def test_shares_without_a_way_have_no_interval():
    a = np.linspace(0.6, 0.7, 11)
    auc = {"a": a, "b": a + 0.1, "c": a[::-1], "level": np.nan}
    estimates = {name: {"auc": one, "frames": 9} for name, one in auc.items()}
    table = share_table(estimates, "a", "b").set_index("name")
    assert table.value.tolist() == pytest.approx([0, 1, 1])
    assert table.loc[["a", "b"], "low"].tolist() == pytest.approx([0, 1])
    none = share_table(estimates, "b", "a")
    assert none[["value", "low", "high"]].isna().all(axis=None)


def smooth_noise(rng, n_frames, memory=0.9):
    """A stationary autoregressive series of unit variance."""
    noise = rng.normal(0, np.sqrt(1 - memory**2), n_frames + 200)
    return lfilter([1], [1, -memory], noise)[200:]


def shifted(label, forecast, n_shifts=999, min_shift=300, seed=0):
    table = shift_table(label, {"p": forecast}, n_shifts, min_shift, seed).set_index("score")
    return table.value, table.loc["auc_by_chance"]


def test_shifted_scores_equal_scikit_learn_on_rolled_series():
    rng = np.random.default_rng(1)
    label = rng.integers(-1, 2, 60)
    label[[0, -1]] = 0, 1
    forecast = np.round(rng.normal(label, 1), 1)
    found, chance = shifted(label, forecast, 10_000, 5)
    null = []
    for shift in range(5, 56):
        met = np.roll(label, -shift)
        null.append(roc_auc_score(met[met >= 0], forecast[met >= 0]))
    observed = roc_auc_score(label[label >= 0], forecast[label >= 0])
    assert found["auc"] == pytest.approx(observed)
    assert found["shifts"] == 51
    assert found["p_value"] == pytest.approx((1 + sum(a >= observed for a in null)) / 52)
    assert chance.high == pytest.approx(np.quantile(null, 0.975))


def test_a_random_forecaster_gets_uniform_p_values():
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label = (smooth_noise(rng, 2000) > 1).astype(int)
        p_values.append(shifted(label, smooth_noise(rng, 2000), 199, 100, seed)[0]["p_value"])
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_a_skilled_forecaster_is_told_from_chance():
    rng = np.random.default_rng(0)
    hidden = smooth_noise(rng, 3000)
    forecast = hidden + rng.normal(0, 1, 3000)
    forecast[:100] = np.nan
    found, chance = shifted((hidden > 1).astype(int), forecast)
    assert found["p_value"] == 1 / (1 + found["shifts"])
    assert chance.low < 0.5 < chance.high < found["auc"]


def test_a_series_too_short_to_shift_is_refused():
    with pytest.raises(ValueError, match="too short to be shifted"):
        shifted(np.arange(600) % 2, np.arange(600.0))
