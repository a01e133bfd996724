import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fishlib.evaluation.beyond import auc_before_onset, auc_by_lead, frames_to_onset
from fishlib.forecasters.rules import level_forecast
from fishlib.questions import find_onsets, label_bursts


def test_a_lead_scores_an_earlier_forecast():
    rng = np.random.default_rng(0)
    label = (rng.random(900) < 0.3).astype(np.int8)
    forecast = np.r_[label[3:], 0, 0, 0] + rng.normal(size=900)  # knows the label 3 frames ahead
    table = auc_by_lead(label, {"p": forecast}, (0.0, 0.1, 0.2), block=100, n_resamples=50)
    expected = [roc_auc_score(label[6:], forecast[6 - k : 900 - k]) for k in (0, 3, 6)]
    assert table.auc.tolist() == pytest.approx(expected)
    assert table.lead[table.auc.argmax()] == 0.1
    assert table.low[1] > 0.6
    assert table.low[0] < 0.5 < table.high[0]


def test_frames_to_onset_of_a_hand_worked_film():
    onsets = pd.DataFrame({"onset": [3, 8], "peak": [5, 9]})
    expected = [3, 2, 1, np.nan, np.nan, np.nan, 2, 1, np.nan, np.nan, np.inf]
    np.testing.assert_array_equal(frames_to_onset(11, onsets), expected)


def test_frames_before_onsets_are_told_from_frames_with_none_ahead():
    onsets = pd.DataFrame({"onset": np.arange(100, 2000, 200), "peak": np.arange(110, 2010, 200)})
    ahead = frames_to_onset(2000, onsets)
    soon = np.nan_to_num((ahead <= 15).astype(float))
    forecast = soon + np.random.default_rng(0).normal(0, 1, 2000)
    table = auc_before_onset({"p": forecast}, onsets, (0.0, 0.5, 1.0), block=100, n_resamples=50)
    for row, (first, last) in zip(table.itertuples(), [(0, 15), (15, 30)], strict=True):
        positive = (ahead > first) & (ahead <= last)
        asked = positive | (ahead > 45)
        assert row.auc == pytest.approx(roc_auc_score(positive[asked], forecast[asked]))
    assert table.lead.tolist() == [0.25, 0.75]
    assert table.low[0] > 0.65
    assert table.auc[1] < 0.6


def test_published_forecasts_fade_with_the_lead(published):
    """Reference: motion itself fades from 0.83 at a short lead to chance at 1.5 s."""
    series = published.load_series("test")
    forecasts = {"convlstm": series["convlstm"], "level": level_forecast(series["motion"])}
    label = label_bursts(series["motion"])
    table = auc_by_lead(label, forecasts, n_resamples=100).set_index(["name", "lead"]).auc
    assert table["convlstm", 0.0] == pytest.approx(0.83, abs=0.01)
    for name in forecasts:
        assert table[name, 0.5] < 0.66
        assert table[name, 1.0] == pytest.approx(0.5, abs=0.04)
    before = auc_before_onset(forecasts, find_onsets(series["motion"]), n_resamples=100)
    late = before[before.lead > 0.7]
    assert (late.low < 0.5).all()
