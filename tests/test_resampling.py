import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

from fishlib.evaluation.bootstrap import interval, resample_counts, shift_test


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
    assert result["auc"] == pytest.approx(observed)
    assert result["shifts"] == 51
    assert result["p_value"] == pytest.approx((1 + sum(a >= observed for a in null)) / 52)
    assert result["chance_high"] == pytest.approx(np.quantile(null, 0.975))


def test_a_random_forecaster_gets_uniform_p_values():
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label = (smooth_noise(rng, 2000) > 1).astype(int)
        p_values.append(shift_test(label, smooth_noise(rng, 2000), 199, 100, seed)["p_value"])
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_a_skilled_forecaster_is_told_from_chance():
    rng = np.random.default_rng(0)
    hidden = smooth_noise(rng, 3000)
    forecast = hidden + rng.normal(0, 1, 3000)
    forecast[:100] = np.nan
    result = shift_test((hidden > 1).astype(int), forecast)
    assert result["p_value"] == 1 / (1 + result["shifts"])
    assert result["chance_low"] < 0.5 < result["chance_high"] < result["auc"]


def test_a_series_too_short_to_shift_is_refused():
    with pytest.raises(ValueError, match="too short to be shifted"):
        shift_test(np.arange(600) % 2, np.arange(600.0))
