import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from fishlib.evaluation.bootstrap import (
    rank_frames,
    weighted_auc,
    weighted_rank_scores,
    weighted_roc,
)


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
