"""Regression and boosting on the past of the motion."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fishlib.forecasters.regressions import (
    KINDS,
    Regressions,
    motion_features,
)
from fishlib.questions import label_bursts
from fishlib.spans import frames_in

LOGISTIC = ("logistic",)
N_LAGS = 119
PARTS = {"train": slice(0, 1500), "validation": slice(1500, 2500)}


@pytest.fixture(scope="module")
def film():
    rng = np.random.default_rng(5)
    motion = np.convolve(rng.exponential(1e-3, 4000), np.ones(8) / 8, "same")
    return SimpleNamespace(motion=motion)


@pytest.fixture(scope="module")
def question(film):
    return label_bursts(film.motion)


def pieces(*edges):
    return pd.DataFrame({"film": "film", "start": edges[:-1], "stop": edges[1:]})


def test_features_equal_a_loop(film):
    features = motion_features(film.motion)
    assert np.isnan(features[:N_LAGS]).all()
    for t in (119, 500, 3999):
        past = film.motion[t - 119 : t][::-1]
        np.testing.assert_allclose(features[t, :119], past)
        window = past[:10]
        place = (past[0] - window.min()) / np.ptp(window)
        expected = [window.mean(), window.min(), window.max(), window.std(), place]
        np.testing.assert_allclose(features[t, 119 + 10 : 119 + 15], expected)


def test_spans_are_seconds_whatever_the_rate(film):
    """At 15 frames a second 4 s are 60 frames: every moment twice, the same nine windows."""
    n_lags = frames_in("lags", 15.0)
    features = motion_features(film.motion, fps=15.0)
    assert features.shape[1] == 119 + 5 * 9 + 2 and n_lags in (59, 60)
    assert np.array_equal(features[700, :6], film.motion[[699, 699, 698, 698, 697, 697]])
    assert np.isnan(features[n_lags - 1]).all() and np.isfinite(features[n_lags]).all()
    slow = SimpleNamespace(motion=film.motion, fps=15.0)
    fitted = Regressions(kinds=LOGISTIC).fit(slow, label_bursts(film.motion), PARTS)
    assert np.flatnonzero(np.isfinite(fitted.forecast(slow)))[0] == n_lags


@pytest.mark.parametrize("fps", [25.0, 29.97, 44.0])
def test_what_was_fitted_at_one_rate_reads_another(film, question, fps):
    """The same motion, sampled more or less often: nearly the same forecast."""
    smooth = np.convolve(film.motion, np.ones(9) / 9, "same")
    forecaster = Regressions(kinds=LOGISTIC).fit(SimpleNamespace(motion=smooth), question, PARTS)
    moments = np.arange(int(3900 * fps / 30)) * 30 / fps
    other = SimpleNamespace(motion=np.interp(moments, np.arange(4000), smooth), fps=fps)
    expected = np.interp(
        moments, np.arange(4000), forecaster.forecast(SimpleNamespace(motion=smooth))
    )
    both = np.isfinite(expected) & np.isfinite(found := forecaster.forecast(other))
    assert both.sum() > 3000
    assert np.corrcoef(expected[both], found[both])[0, 1] > 0.9


def test_frames_can_be_asked_for(film, question):
    rows = motion_features(film.motion, slice(100, 300))
    np.testing.assert_array_equal(rows, motion_features(film.motion)[100:300])
    forecaster = Regressions(kinds=LOGISTIC).fit(film, question, PARTS)
    some = forecaster.forecast(film, np.array([50, 700, 900]))
    assert np.flatnonzero(np.isfinite(some)).tolist() == [700, 900]
    np.testing.assert_allclose(some[[700, 900]], forecaster.forecast(film)[[700, 900]])
    assert np.isnan(forecaster.forecast(film, slice(0, 100))).all()


def test_pieces_are_films_of_their_own(film, question):
    """Fitted and forecast on two pieces: as on two films, of which neither knows the other."""
    forecaster = Regressions(kinds=LOGISTIC).fit(film, question, PARTS)
    two = SimpleNamespace(motion=film.motion, pieces=pieces(0, 2000, 4000))
    halves = film.motion[:2000], film.motion[2000:]
    alone = [SimpleNamespace(motion=half) for half in halves]
    expected = np.concatenate([forecaster.forecast(one) for one in alone])
    np.testing.assert_array_equal(forecaster.forecast(two), expected)
    cut = SimpleNamespace(motion=film.motion, pieces=pieces(0, 700, 4000))
    silent = question.copy()
    silent[700 : 700 + N_LAGS] = -1  # the first frames of the second piece have no past
    ours = Regressions(kinds=LOGISTIC).fit(cut, question, PARTS).classifiers["logistic"]
    features = np.concatenate(
        [
            motion_features(film.motion[part])[silent[part] >= 0]
            for part in (slice(0, 700), slice(700, 1500))
        ]
    )
    label = silent[:1500][silent[:1500] >= 0]
    assert ours[0].n_samples_seen_ == len(label)
    np.testing.assert_allclose(ours[0].mean_, features.mean(axis=0))


def test_the_training_part_alone_is_learned_from(film, question):
    fitted = Regressions(kinds=LOGISTIC).fit(film, question, PARTS)
    changed = question.copy()
    changed[1500:] = 1 - changed[1500:]
    again = Regressions(kinds=LOGISTIC).fit(film, changed, PARTS)
    np.testing.assert_array_equal(fitted.forecast(film), again.forecast(film))


def test_all_kinds_at_once_equal_each_fitted_alone(film, question):
    together = Regressions(seed=3).fit(film, question, PARTS).forecasts(film)
    assert list(together) == ["logistic", "boosting", "both"]
    for kind in KINDS:
        alone = Regressions(3, (kind,)).fit(film, question, PARTS)
        np.testing.assert_array_equal(alone.forecast(film), together[kind])


def test_more_frames_than_needed_are_thinned_out_evenly(film, question):
    whole = {"train": slice(None)}
    few = Regressions(kinds=LOGISTIC, max_frames=1000).fit(film, question, whole)
    every = Regressions(kinds=LOGISTIC).fit(film, question, whole)
    step = round((question[N_LAGS:] >= 0).sum() / 1000)
    thinned = np.full(len(question), -1)
    at = np.flatnonzero(question >= 0)[::step]
    thinned[at] = question[at]
    same = Regressions(kinds=LOGISTIC).fit(film, thinned, whole)
    np.testing.assert_array_equal(few.forecast(film), same.forecast(film))
    assert not np.array_equal(few.forecast(film), every.forecast(film), equal_nan=True)


def test_logistic_regression_beats_every_published_forecast(published):
    study = published.study()
    fitted = Regressions(kinds=LOGISTIC).fit(study, study.questions["burst"], study.parts)
    test = study.parts["test"]
    label, forecast = study.questions["burst"][test], fitted.forecast(study)[test]
    asked = label >= 0
    assert roc_auc_score(label[asked], forecast[asked]) >= 0.873
    assert average_precision_score(label[asked], forecast[asked]) > 0.55


def test_bad_input_is_refused(film, question):
    with pytest.raises(ValueError, match="one class only"):
        Regressions().fit(film, np.zeros(len(film.motion), np.int8), PARTS)
    with pytest.raises(ValueError, match="too short to be split"):
        Regressions().fit(film, question, None)
