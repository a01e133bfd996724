import numpy as np

from fishlib.tank import TankConfig, Tracks, simulate_tracks
from fishlib.tank.pose import pose_features


def test_closest_pair_by_a_loop():
    tracks = simulate_tracks(TankConfig(), 1, 200)
    features = pose_features(tracks)
    assert features.shape == (200, 74)
    for t in (0, 90, 199):
        place, heading = tracks.position[t].astype(float), tracks.heading[t].astype(float)
        gaps = [np.hypot(*(place[j] - place[i])) for i in range(6) for j in range(i)]
        np.testing.assert_allclose(features[t, :6:2], sorted(gaps)[:3])  # both orders of a pair
        towards = [
            tracks.speed[t, i]
            * np.dot([np.cos(heading[i]), np.sin(heading[i])], place[j] - place[i])
            / np.hypot(*(place[j] - place[i]))
            for i in range(6)
            for j in range(6)
            if i != j
        ]
        np.testing.assert_allclose(features[t, 36:42], sorted(towards, reverse=True)[:6])


def test_reads_what_can_be_seen_only():
    tracks = simulate_tracks(TankConfig(), 1, 50)
    hidden = tracks.state.copy()
    hidden[:, 8:] = 0
    seen = Tracks(hidden, 0 * tracks.arousal, 0 * tracks.hazard)
    np.testing.assert_array_equal(pose_features(seen), pose_features(tracks))


def test_fewer_fish():
    tracks = simulate_tracks(TankConfig(n_fish=2), 1, 20)
    assert pose_features(tracks).shape == (20, 3 * 2 * 4 + 2)
