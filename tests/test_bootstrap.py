import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import kstest, norm
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from fishlib.evaluation.bootstrap import (
    bootstrap_scores,
    interval,
    rank_frames,
    resample_counts,
    roc_bands,
    shift_test,
    weighted_auc,
    weighted_rank_scores,
    weighted_roc,
)
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


@pytest.fixture(params=[1, 8], ids=["many ties", "few ties"])
def frames(request):
    rng = np.random.default_rng(request.param)
    label = (rng.random(200) < 0.3).astype(int)
    forecast = np.round(rng.normal(label, 1.5), request.param - 1)
    return label, forecast, rng.integers(0, 4, (5, 200)).astype(float)


def test_weighted_scores_equal_scikit_learn_on_repeated_frames(frames):
    label, forecast, counts = frames
    ours = weighted_rank_scores(rank_frames(label, forecast), counts)
    for row, times in enumerate(counts.astype(int)):
        y, p = np.repeat(label, times), np.repeat(forecast, times)
        assert ours["auc"][row] == pytest.approx(roc_auc_score(y, p))
        assert ours["average_precision"][row] == pytest.approx(average_precision_score(y, p))


def test_strata_compare_frames_of_the_same_stratum_only(frames):
    label, forecast, counts = frames
    stratum = np.random.default_rng(2).integers(0, 4, 200)
    ours = weighted_auc(rank_frames(label, forecast, stratum), counts)
    for row, weight in enumerate(counts):
        right = pairs = 0.0
        for i in np.flatnonzero(label == 1):
            for j in np.flatnonzero((label == 0) & (stratum == stratum[i])):
                order = (forecast[i] > forecast[j]) + 0.5 * (forecast[i] == forecast[j])
                right += weight[i] * weight[j] * order
                pairs += weight[i] * weight[j]
        assert ours[row] == pytest.approx(right / pairs)


def test_weighted_roc_equals_scikit_learn_at_its_corners():
    rng = np.random.default_rng(4)
    label = (rng.random(200) < 0.3).astype(int)
    forecast = rng.normal(label, 1)
    ranking = rank_frames(label, forecast)
    fpr, tpr, _ = roc_curve(label, forecast, drop_intermediate=False)
    rates = np.unique(fpr)
    highest = [tpr[fpr == rate].max() for rate in rates]
    np.testing.assert_allclose(weighted_roc(ranking, np.ones((1, 200)), rates)[0], highest)


def test_a_resample_of_one_class_has_no_score(frames):
    label, forecast, _ = frames
    scores = weighted_rank_scores(rank_frames(label, forecast), np.array([label == 0], float))
    assert np.isnan(scores["auc"]).all()
    assert np.isnan(scores["average_precision"]).all()


def smooth_noise(rng, n_frames, memory=0.9):
    """A stationary autoregressive series of unit variance."""
    noise = rng.normal(0, np.sqrt(1 - memory**2), n_frames + 200)
    return lfilter([1], [1, -memory], noise)[200:]


@pytest.mark.parametrize("kind", ["moving", "stationary"])
def test_a_resample_holds_as_many_frames_as_the_series(kind):
    counts = np.vstack(list(resample_counts(1000, 100, 40, seed=0, kind=kind)))
    assert counts.shape == (40, 1000)
    assert (counts.sum(axis=1) == 1000).all()
    assert counts.mean() == 1


def test_moving_blocks_keep_neighbours_together():
    """A block of 100 has 99 joints that stay: a frame and its successor come together."""
    counts = np.vstack(list(resample_counts(3000, 100, 50, seed=0)))
    alone = np.abs(np.diff(counts, axis=1)).sum() / counts.sum()
    assert alone < 0.03  # two ends a block of 100; resampling single frames gives 1.1


def test_resamples_depend_on_the_seed_alone():
    one, two, other = (next(resample_counts(900, 300, 5, seed=s)) for s in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_unusable_resampling_is_refused():
    with pytest.raises(ValueError, match="too short for a bootstrap"):
        next(resample_counts(899, 300))
    with pytest.raises(ValueError, match="moving, stationary"):
        next(resample_counts(900, 300, kind="iid"))


def test_interval_is_the_middle_of_the_samples():
    assert interval(np.r_[np.arange(101.0), np.nan], 0.9) == pytest.approx((5, 95))
    assert np.isnan(interval(np.array([np.nan]))).all()


def test_shifted_scores_equal_scikit_learn_on_rolled_series():
    rng = np.random.default_rng(1)
    label = rng.integers(-1, 2, 60)
    label[[0, -1]] = 0, 1
    forecast = np.round(rng.normal(label, 1), 1)
    result = shift_test(label, forecast, n_shifts=10_000, min_shift=5)
    null = []
    for shift in range(5, 56):
        met = np.roll(label, -shift)
        null.append(roc_auc_score(met[met >= 0], forecast[met >= 0]))
    observed = roc_auc_score(label[label >= 0], forecast[label >= 0])
    assert result["auc"][0] == pytest.approx(observed)
    assert result["shifts"][0] == 51
    assert result["p_value"][0] == pytest.approx((1 + sum(a >= observed for a in null)) / 52)
    assert interval(result["auc_by_chance"][1])[1] == pytest.approx(np.quantile(null, 0.975))


def test_a_random_forecaster_gets_uniform_p_values():
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label = (smooth_noise(rng, 2000) > 1).astype(int)
        p_values.append(shift_test(label, smooth_noise(rng, 2000), 199, 100, seed)["p_value"][0])
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_a_skilled_forecaster_is_told_from_chance():
    rng = np.random.default_rng(0)
    hidden = smooth_noise(rng, 3000)
    forecast = hidden + rng.normal(0, 1, 3000)
    forecast[:100] = np.nan
    result = shift_test((hidden > 1).astype(int), forecast)
    assert result["p_value"][0] == 1 / (1 + result["shifts"][0])
    low, high = interval(result["auc_by_chance"][1])
    assert low < 0.5 < high < result["auc"][0]


def test_a_series_too_short_to_shift_is_refused():
    with pytest.raises(ValueError, match="too short to be shifted"):
        shift_test(np.arange(600) % 2, np.arange(600.0))
