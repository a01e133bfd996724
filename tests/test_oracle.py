from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fishlib.motion import measure_motion, recent_motion
from fishlib.questions import (
    find_onsets,
    is_burst,
    is_rise,
    label_alarms,
    label_bursts,
    label_onsets,
)
from fishlib.tank import simulate_film
from fishlib.tank.fish import TankConfig, Tracks, calm_shoal
from fishlib.tank.oracle import (
    LEADS,
    oracle_forecast,
    oracle_of,
    roll_on,
    rollout_motion,
    size_correction,
)

CONFIG = TankConfig()


@pytest.fixture(scope="module")
def film():
    return simulate_film(CONFIG, 7, 1500)


@pytest.fixture(scope="module")
def motion(film):
    return measure_motion(film.frames)


def test_labels_of_futures_equal_the_labels_of_a_series():
    rng = np.random.default_rng(0)
    motion = 1e-3 * (1 + 0.6 * np.cumsum(rng.normal(size=400)) / 2 + 0.2 * rng.random(400))
    frames = np.arange(120, 340)
    futures = np.stack([motion[t : t + 46] for t in frames])[:, None, :]
    np.testing.assert_array_equal(is_burst(futures, 1e-3, 0.1)[:, 0], label_bursts(motion)[frames])
    onsets = label_onsets(motion, calm_level=np.inf)[frames]
    rises = is_rise(futures, recent_motion(motion)[frames][:, None], 1e-3)[:, 0]
    np.testing.assert_array_equal(rises, onsets)
    assert 0 < onsets.mean() < 1


def test_futures_begin_at_the_truth_and_differ(film):
    frames = np.array([200, 200, 300])
    states = roll_on(film.tracks, CONFIG, frames, 40, np.random.default_rng(1))
    assert states.shape == (41, 11, 3, 6)
    np.testing.assert_array_equal(states[0], film.tracks.state[frames].transpose(1, 0, 2))
    assert not np.array_equal(states[-1, :, 0], states[-1, :, 1])


def test_futures_are_as_fast_as_films(film, motion):
    frames = np.arange(100, 1400, 25)
    futures = np.concatenate([s for _, s in rollout_motion(film.tracks, CONFIG, frames, 4, 3, 0)])
    np.testing.assert_allclose(futures[:, :, 0].mean(axis=1), motion[frames], atol=3.5e-4)
    assert futures[:, :, 0].mean() == pytest.approx(motion[frames].mean(), rel=0.03)
    slope, intercept = size_correction(CONFIG, 0)
    assert 0.9 < slope < 1.3
    assert 0 <= intercept < 2e-4


@pytest.mark.parametrize("question", ["onset", "burst", "alarm"])
def test_reads_nothing_after_the_frame(film, motion, question):
    frames = np.array([150, 260, 370])
    tracks = film.tracks
    changed = Tracks(tracks.state.copy(), tracks.arousal.copy(), tracks.hazard)
    changed.state[371:] = changed.state[371:][::-1]
    other = np.r_[motion[:370], motion[370:][::-1]]
    kwargs = {"frames": frames, "question": question, "n_rollouts": 4}
    forecast = oracle_forecast(tracks, CONFIG, motion=motion, **kwargs)
    assert np.isfinite(np.atleast_2d(forecast)[0]).sum() == 3
    again = oracle_forecast(changed, CONFIG, motion=other, **kwargs)
    np.testing.assert_array_equal(again, forecast)
    if question != "alarm":
        seeded = oracle_forecast(tracks, CONFIG, motion=motion, **kwargs, seed=1)
        assert not np.array_equal(seeded, forecast)


def test_knows_more_than_chance(film, motion):
    label = label_onsets(motion)
    frames = np.nonzero(label >= 0)[0][::10]
    forecast = oracle_forecast(film.tracks, CONFIG, frames, motion, n_rollouts=10)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(forecast)), frames)
    assert ((forecast[frames] >= 0) & (forecast[frames] <= 1)).all()
    assert roc_auc_score(label[frames], forecast[frames]) > 0.65


def test_alarms_equal_a_loop_over_the_futures(film, motion):
    frames = np.array([7, 140, 260, 601, 800, 950, 1111])
    told = oracle_forecast(film.tracks, CONFIG, frames, motion, "alarm", n_rollouts=6, seed=2)
    slow = np.full_like(told, np.nan)
    for batch, futures in rollout_motion(film.tracks, CONFIG, frames, 6, 95, 2):
        for t, of_frame in zip(batch, futures, strict=True):
            whole = [np.r_[motion[:t], future] for future in of_frame]
            onsets = [find_onsets(one).onset for one in whole]
            for i, lead in enumerate((0, 7.5, 15, 30)):
                yes = [any(t + lead < e <= t + 45 for e in onset) for onset in onsets]
                slow[i, t] = np.mean(yes)
    np.testing.assert_array_equal(told, slow)
    assert 0 < np.nanmean(told) < 1 and len(LEADS) == len(told)
    asked = told[:, frames]
    assert (np.diff(asked, axis=0) <= 0).all() and (asked[0] > asked[3]).any()


def test_the_oracle_of_a_recording_answers_for_onsets_and_alarms(film, motion):
    recording = SimpleNamespace(truth=film.tracks, motion=motion)
    asked = label_alarms(1500, find_onsets(motion))
    settings = {"horizon": 45, "min_range": 1e-3}
    for part in (slice(800, 1500), np.r_[200:300, 800:1500]):
        told = oracle_of(recording, {"alarm": asked}, {"test": part}, settings, 6, 5)["alarm"]
        assert list(told) == ["oracle", *(f"oracle, {s} s ahead" for s in (0.25, 0.5, 1))]
        for one in told.values():
            at = np.flatnonzero(np.isfinite(one))
            assert len(at) == 6 and set(at) <= set(np.arange(1500)[part]) and (asked[at] >= 0).all()
    both = {"onset": label_onsets(motion), "alarm": asked}
    told = oracle_of(recording, both, None, settings, 6, 5)  # side by side
    assert list(told["onset"]) == ["oracle"] and np.isfinite(told["onset"]["oracle"]).sum() == 6
    alone = oracle_of(recording, {"alarm": asked}, None, settings, 6, 5)["alarm"]
    np.testing.assert_array_equal(told["alarm"]["oracle"], alone["oracle"])
    unknown = oracle_of(SimpleNamespace(truth=None), both, None, settings)
    assert unknown == {"onset": {}, "alarm": {}}


def test_foresees_nothing_in_the_control():
    film = simulate_film(calm_shoal(), 1, 600)
    at = np.arange(100, 500, 40)
    told = oracle_forecast(film.tracks, calm_shoal(), at, measure_motion(film.frames), n_rollouts=8)
    assert np.nanmax(told) <= 0.25


def test_says_what_is_wrong(film, motion):
    with pytest.raises(ValueError, match="'onset', 'burst' or 'alarm'"):
        oracle_forecast(film.tracks, CONFIG, np.array([100]), motion, "both")
    with pytest.raises(ValueError, match="inside the film"):
        oracle_forecast(film.tracks, CONFIG, np.array([2]), motion)
