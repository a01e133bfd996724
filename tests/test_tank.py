import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fishlib.motion import measure_motion
from fishlib.questions import label_onsets
from fishlib.tank import simulate_film
from fishlib.tank.fish import (
    APPROACH,
    CHASE,
    FLEE,
    REST,
    TankConfig,
    calm_shoal,
    simulate_tanks,
    simulate_tracks,
)
from fishlib.tank.rendering import render_blocks

CONFIG = TankConfig()


@pytest.fixture(scope="module")
def tanks():
    return simulate_tanks(CONFIG, seed=3, n_frames=1500, n_tanks=12)


def closest_distance(tracks):
    gaps = tracks.position[:, :, None] - tracks.position[:, None]
    apart = np.hypot(gaps[..., 0], gaps[..., 1]) + 1e3 * np.eye(gaps.shape[1])
    return apart.min(axis=(1, 2))


def same(a, b, n=None):
    return all(
        np.array_equal(getattr(a, name)[:n], getattr(b, name)[:n])
        for name in ("state", "arousal", "hazard")
    )


def test_a_seed_gives_one_film():
    first, again = (simulate_film(CONFIG, 5, 60, size=(60, 80)) for _ in range(2))
    assert first.frames.shape == (60, 60, 80)
    assert first.frames.dtype == np.uint8
    np.testing.assert_array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames, simulate_film(CONFIG, 6, 60, size=(60, 80)).frames)


def test_the_future_does_not_change_the_past():
    short, long = simulate_film(CONFIG, 5, 40, (60, 80)), simulate_film(CONFIG, 5, 700, (60, 80))
    np.testing.assert_array_equal(short.frames, long.frames[:40])
    assert same(short.tracks, long.tracks, 40)


def test_a_tank_does_not_depend_on_its_neighbours(tanks):
    fewer = simulate_tanks(CONFIG, seed=3, n_frames=600, n_tanks=3)
    assert all(same(fewer[k], tanks[k], 600) for k in range(3))
    assert same(simulate_tracks(CONFIG, seed=3, n_frames=600), tanks[0], 600)
    assert not same(tanks[0], tanks[1])


def test_states_survive_single_precision(tanks):
    scaled = tanks[0].state[:, :8].astype(float) * 4096
    np.testing.assert_array_equal(scaled, np.rint(scaled))


@pytest.mark.parametrize("block", [1, 7, 100])
def test_the_film_does_not_depend_on_the_block(block):
    tracks = simulate_tracks(CONFIG, 2, 50)
    blocks = list(render_blocks(tracks, CONFIG, 2, (60, 80), block=block))
    assert max(len(b) for b in blocks) == min(block, 50)
    np.testing.assert_array_equal(
        np.concatenate(blocks), simulate_film(CONFIG, 2, 50, (60, 80)).frames
    )


def test_six_fish_stay_in_the_tank(tanks):
    for tracks in tanks:
        place = tracks.position
        assert place.shape == (1500, 6, 2)
        assert np.isfinite(tracks.state).all()
        low, high = np.array(CONFIG.wall), np.array([CONFIG.width, CONFIG.height]) - CONFIG.wall
        assert (place >= low).all()
        assert (place <= high).all()


def test_fish_swim_where_they_head(tanks):
    tracks = tanks[0]
    moved = np.diff(tracks.position.astype(float), axis=0)
    heading, speed = (tracks.variable(one)[1:].astype(float) for one in ("heading", "speed"))
    expected = speed[..., None] * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    x, y = tracks.position[1:].transpose(2, 0, 1)
    free = (x > 23) & (x < 297) & (y > 37) & (y < 203)
    np.testing.assert_allclose(moved[free], expected[free], atol=0.01)


def test_chases_agree_with_the_states(tanks):
    for tracks in tanks[:4]:
        mode, partner = tracks.behaviour, tracks.partner
        begun = [
            (t, i)
            for t in range(1, len(tracks))
            for i in range(6)
            if mode[t, i] == CHASE and mode[t - 1, i] != CHASE
        ]
        table = tracks.chases
        assert list(zip(table["start"], table["chaser"], strict=True)) == begun
        for start, end, chaser, victim in table.to_numpy():
            assert chaser != victim
            assert (mode[start:end, chaser] == CHASE).all()
            assert (mode[start:end, victim] == FLEE).all()
            assert (partner[start:end, chaser] == victim).all()
            assert (partner[start:end, victim] == chaser).all()
            assert mode[start - 1, chaser] <= APPROACH
            if end < len(tracks):
                assert mode[end, chaser] == mode[end, victim] == REST


def test_chases_come_as_often_as_the_hazard_says(tanks):
    any_attack = 1 - np.prod([1 - t.hazard[:-1].astype(float) for t in tanks], axis=2)
    expected, spread = any_attack.sum(), np.sqrt((any_attack * (1 - any_attack)).sum())
    assert abs(sum(len(t.chases) for t in tanks) - expected) < 4 * spread


def onsets_and_closeness(config):
    """Onset labels of calm frames, and how close the closest two fish are at each (-px)."""
    labels, closeness = [], []
    for k, tracks in enumerate(simulate_tanks(config, 8, 1500, 12)):
        speed = measure_motion(np.concatenate(list(render_blocks(tracks, config, k, (60, 80)))))
        label = label_onsets(speed, min_rise=6e-4)  # motion is smaller at 60 x 80
        labels.append(label[label >= 0])
        closeness.append(-closest_distance(tracks)[label >= 0])
    return np.concatenate(labels), np.concatenate(closeness)


def test_the_control_has_no_chases_and_closeness_foretells_nothing():
    control = calm_shoal()
    tracks = simulate_tracks(control, 1, 1500)
    assert tracks.chases.empty
    assert not tracks.hazard.any()
    label, closeness = onsets_and_closeness(CONFIG)
    assert label.mean() > 0.3
    assert roc_auc_score(label, closeness) > 0.7
    label, closeness = onsets_and_closeness(control)
    assert 0.03 < label.mean() < 0.15
    assert abs(roc_auc_score(label, closeness) - 0.5) < 0.1


def test_says_what_is_wrong():
    with pytest.raises(ValueError, match="at least 2 frames"):
        simulate_tracks(CONFIG, 0, 1)
    with pytest.raises(ValueError, match="at least one fish"):
        TankConfig(n_fish=0)
    with pytest.raises(ValueError, match="too small"):
        TankConfig(width=50)
    with pytest.raises(ValueError, match="shortest, longest"):
        TankConfig(chase_frames=(9, 3))


@pytest.mark.parametrize("n_fish", [1, 2])
def test_few_fish(n_fish):
    tracks = simulate_tracks(TankConfig(n_fish=n_fish, approach_rate=0.05), 1, 400)
    assert len(tracks.chases) == 0 if n_fish == 1 else len(tracks.chases) > 0
