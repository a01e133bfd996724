import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fishlib.motion import measure_motion, recent_motion
from fishlib.questions import is_burst, is_rise, label_bursts, label_onsets
from fishlib.tank import simulate_film
from fishlib.tank.fish import simulate_tracks
from fishlib.tank.oracle import (
    oracle_forecast,
    past_motion,
    roll_on,
    rollout_motion,
    size_correction,
)
from fishlib.tank.state import TankConfig, Tracks, calm_shoal

CONFIG = TankConfig()


@pytest.fixture(scope="module")
def film():
    return simulate_film(CONFIG, 7, 1500)


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


def test_futures_are_as_fast_as_films(film):
    motion = measure_motion(film.frames)
    frames = np.arange(100, 1400, 25)
    futures = np.concatenate([s for _, s in rollout_motion(film.tracks, CONFIG, frames, 4, 3, 0)])
    np.testing.assert_allclose(futures[:, :, 0].mean(axis=1), motion[frames], atol=3.5e-4)
    assert futures[:, :, 0].mean() == pytest.approx(motion[frames].mean(), rel=0.03)
    np.testing.assert_allclose(
        past_motion(film.tracks, CONFIG, frames, 0), recent_motion(motion)[frames], rtol=0.03
    )
    slope, intercept = size_correction(CONFIG, 0)
    assert 0.9 < slope < 1.3
    assert 0 <= intercept < 2e-4


@pytest.mark.parametrize("target", ["onset", "burst"])
def test_reads_nothing_after_the_frame(film, target):
    frames = np.array([150, 260, 370])
    tracks = film.tracks
    changed = Tracks(tracks.state.copy(), tracks.arousal.copy(), tracks.hazard)
    changed.state[371:] = changed.state[371:][::-1]
    kwargs = {"frames": frames, "target": target, "n_rollouts": 4}
    forecast = oracle_forecast(tracks, CONFIG, **kwargs)
    assert np.isfinite(forecast).sum() == 3
    np.testing.assert_array_equal(oracle_forecast(changed, CONFIG, **kwargs), forecast)
    assert not np.array_equal(oracle_forecast(tracks, CONFIG, **kwargs, seed=1), forecast)


def test_knows_more_than_chance_and_only_in_calm_frames(film):
    motion = measure_motion(film.frames)
    level = float(np.nanmedian(recent_motion(motion)))
    label = label_onsets(motion, calm_level=level)
    frames = np.nonzero(label >= 0)[0][::10]
    forecast = oracle_forecast(film.tracks, CONFIG, frames, n_rollouts=10, calm_level=level)
    asked = np.isfinite(forecast)
    assert asked[frames].mean() > 0.9
    assert ((forecast[asked] >= 0) & (forecast[asked] <= 1)).all()
    assert roc_auc_score(label[asked & (label >= 0)], forecast[asked & (label >= 0)]) > 0.65
    busy = np.nonzero(label < 0)[0][130:150]
    calm_only = oracle_forecast(film.tracks, CONFIG, busy, n_rollouts=2, calm_level=0.8 * level)
    assert np.isnan(calm_only).all()


def test_foresees_nothing_in_the_control():
    tracks = simulate_tracks(calm_shoal(), 1, 600)
    forecast = oracle_forecast(tracks, calm_shoal(), np.arange(100, 500, 40), n_rollouts=8)
    assert np.nanmax(forecast) <= 0.25


def test_says_what_is_wrong(film):
    with pytest.raises(ValueError, match="'onset' or 'burst'"):
        oracle_forecast(film.tracks, CONFIG, np.array([100]), target="both")
    with pytest.raises(ValueError, match="inside the film"):
        oracle_forecast(film.tracks, CONFIG, np.array([2]))
