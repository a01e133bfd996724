import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from fishlib.evaluation.bootstrap import bootstrap_scores, interval, resample_counts, roc_bands
from fishlib.evaluation.scores import confusion_rates, probability_scores, rank_scores
from fishlib.questions import label_bursts


def simulate(seed, n_frames=3000, skill=1.2, memory=0.95):
    """Bursts of about 20 frames; the forecast is normal, shifted by ``skill`` in a burst.

    Both are autocorrelated. The AUC of two unit normals ``skill`` apart is Phi(skill / sqrt 2).
    """
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, np.sqrt(1 - memory**2), (2, n_frames + 200))
    hidden, score = lfilter([1], [1, -memory], noise)[:, 200:]
    label = (hidden > 0.8).astype(int)
    return label, score + skill * label


def test_intervals_cover_the_known_auc_of_autocorrelated_series():
    truth = norm.cdf(1.2 / np.sqrt(2))
    covered = 0
    for seed in range(200):
        label, score = simulate(seed)
        samples = bootstrap_scores(
            label, {"p": score}, block=150, n_resamples=200, seed=seed, kind="moving"
        )
        low, high = interval(samples["p"]["auc"])
        covered += low <= truth <= high
    assert 0.90 <= covered / 200 <= 0.98


def test_every_bootstrap_score_equals_the_score_of_the_repeated_frames():
    label, score = simulate(0, 600)
    forecast = norm.cdf(score)
    label[:40] = -1
    forecast[100:120] = np.nan
    scores = bootstrap_scores(
        label,
        {"p": forecast},
        base_rate=0.2,
        thresholds={"p": {"rule": 0.6}},
        block=50,
        n_resamples=4,
    )["p"]
    counts = np.vstack(list(resample_counts(560, 50, 4))).astype(int)
    for row, times in enumerate(counts):
        times = np.r_[np.zeros(40, int), times] * np.isfinite(forecast)
        y, p = np.repeat(label, times), np.repeat(forecast, times)
        rates = confusion_rates(y, p, 0.6)
        expected = rank_scores(y, p) | probability_scores(y, p, 0.2)
        expected |= {f"rule_{k}": rates[k] for k in ("accuracy", "youden", "tpr", "fpr")}
        assert {k: v[row] for k, v in scores.items()} == pytest.approx(expected)


def test_a_score_gets_rank_scores_only():
    label, score = simulate(0, 600)
    samples = bootstrap_scores(label, {"p": score}, block=50, n_resamples=2)
    assert set(samples["p"]) == {"auc", "average_precision"}


def test_forecasts_meet_the_same_resamples():
    label, score = simulate(3, 900)
    samples = bootstrap_scores(label, {"a": score, "b": 2 * score + 1}, block=100, n_resamples=30)
    np.testing.assert_array_equal(samples["a"]["auc"], samples["b"]["auc"])
    assert samples["a"]["auc"].std() > 0


def test_intervals_on_the_published_series(published):
    """Moving blocks of 300 frames, as in a separate computation with scikit-learn and arch."""
    series = published.load_series("test")
    label = label_bursts(series["motion"])
    level = np.append(np.nan, -series["motion"][:-1])
    forecasts = {"convlstm": series["convlstm"], "baseline": series["baseline"], "level": level}
    samples = {k: v["auc"] for k, v in bootstrap_scores(label, forecasts).items()}
    samples["baseline is better by"] = samples["convlstm"] - samples["baseline"]
    samples["level is better by"] = samples["level"] - samples["convlstm"]
    expected = {
        "convlstm": (0.806, 0.853),
        "baseline": (0.814, 0.869),
        "level": (0.837, 0.893),
        "baseline is better by": (-0.032, 0.007),
        "level is better by": (0.022, 0.054),
    }
    for name, ends in expected.items():
        assert interval(samples[name]) == pytest.approx(ends, abs=0.006), name


def test_frames_taken_one_by_one_would_halve_the_interval(published):
    series = published.load_series("test")
    label = label_bursts(series["motion"])
    width = []
    for block in (1, 300):
        scores = bootstrap_scores(
            label, {"p": series["convlstm"]}, block=block, n_resamples=300, kind="moving"
        )
        width.append(np.subtract(*interval(scores["p"]["auc"])))
    assert width[0] / width[1] < 0.75


def test_roc_bands_hold_the_curve_and_its_area():
    label, score = simulate(1, 2000)
    rates, low, high = roc_bands(label, {"p": score}, block=100, n_resamples=100)["p"]
    negatives = np.sort(score[label == 0])[::-1]
    thresholds = [negatives[int(np.ceil(rate * len(negatives)))] for rate in rates[:-1]]
    curve = np.array([np.mean(score[label == 1] > t) for t in thresholds])
    assert (low[:-1] <= curve + 1e-9).all()
    assert (curve <= high[:-1] + 1e-9).all()
    assert np.trapezoid(low, rates) < roc_auc_score(label, score) < np.trapezoid(high, rates)
