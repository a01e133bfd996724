import numpy as np
from sklearn.metrics import roc_auc_score

from fishlib.forecasters.rules import level, published_baseline, time_since_burst
from fishlib.questions import label_bursts


def test_published_baseline_equals_the_published_one(published):
    series = published.load_series("test")
    ours, theirs = published_baseline(series["motion"]), series["baseline"]
    defined = np.isfinite(theirs)
    assert defined.sum() == 5237
    np.testing.assert_allclose(ours[defined], theirs[defined], atol=1e-12)


def test_one_number_beats_the_published_network(published):
    series = published.load_series("test")
    label = label_bursts(series["motion"])
    asked = label >= 0
    one_number = roc_auc_score(label[asked], level(series["motion"])[asked])
    network = roc_auc_score(label[asked], series["convlstm"][asked])
    assert round(one_number, 3) == 0.867
    assert round(network, 4) == 0.8308


def test_time_since_burst_counts_from_the_last_rise():
    motion = np.zeros(100)
    motion[40:45] = 2e-3  # the mean of the last five reaches 1e-3 at frames 43 .. 47
    elapsed = time_since_burst(motion)
    assert np.isnan(elapsed[:43]).all()
    assert elapsed[47] == 0 and elapsed[90] == 43
