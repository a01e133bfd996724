from dataclasses import replace

import numpy as np
import pytest

from fishlib.tank.fish import VARIABLES, TankConfig, Tracks
from fishlib.tank.rendering import UNIT, Painter, body_points, render_blocks

BARE = TankConfig(n_fish=1, noise=0.0, n_specks=0, size_spread=0.0)


def still(config, x=160.0, y=120.0, heading=0.0, n=2, **values):
    state = np.zeros((n, len(VARIABLES), config.n_fish), np.float32)
    for name, value in {"x": x, "y": y, "heading": heading, **values}.items():
        state[:, VARIABLES.index(name)] = value
    return Tracks(state, np.zeros(n, np.float32), np.zeros((n, config.n_fish), np.float32))


def draw(tracks, config, size=(240, 320)):
    return np.concatenate(list(render_blocks(tracks, config, 0, size)))


@pytest.mark.parametrize("size", [(240, 320), (120, 160), (60, 80)])
@pytest.mark.parametrize("heading", [0.0, 0.7, 2.0])
def test_light_is_kept_at_every_size_and_heading(size, heading):
    frame = draw(still(BARE, heading=heading), BARE, size)[0]
    _, _, light = body_points(BARE, 320, 50)
    expected = light.sum() * frame.size / (240 * 320)
    assert frame.sum() == pytest.approx(expected, rel=0.05)


def test_equals_a_loop_over_the_points():
    config, size = replace(BARE, brightness=120.0), (60, 80)
    tracks = still(config, x=60.25, y=80.5, heading=1.1, bend=0.2, tail=-0.1)
    painter = Painter(config, 0, size)
    px, py = painter.points(tracks.state[:1])
    canvas = np.zeros(size)
    for x, y, light in zip(px.ravel(), py.ravel(), painter.light / UNIT / 16, strict=True):
        i, j = int(np.floor(y)), int(np.floor(x))
        for di, dj in np.ndindex(2, 2):
            share = (1 - abs(y - i - di)) * (1 - abs(x - j - dj))
            canvas[i + di, j + dj] += share * light
    frame = draw(tracks, config, size)[0].astype(float)
    assert np.abs(frame - canvas).max() <= 1.5  # sums are cut to 1/256 and to whole grey values


def test_a_fish_lies_along_its_heading_head_first():
    frame = draw(still(BARE), BARE)[0].astype(float)
    row, column = np.nonzero(frame > 40)
    assert np.ptp(column) > 5 * np.ptp(row)
    assert frame[:, 165:].sum() > frame[:, :155].sum()  # brighter and broader at the head
    turned = draw(still(BARE, heading=np.pi / 2), BARE)[0].astype(float)
    assert turned[125:].sum() > turned[:115].sum()  # y points down


def test_a_fish_may_leave_the_image():
    frame = draw(still(BARE, x=2.0, heading=np.pi), BARE)[0]
    whole = draw(still(BARE, heading=np.pi), BARE)[0]
    assert 0 < frame.sum() < 0.7 * whole.sum()
    assert frame[:, 200:].sum() == 0


def test_bending_moves_the_tail_sideways():
    straight, bent = (draw(still(BARE, tail=t), BARE)[0].astype(float) for t in (0.0, 0.4))
    rows = np.arange(240)
    tail = slice(144, 150)
    middles = [(f[:, tail].sum(axis=1) @ rows) / f[:, tail].sum() for f in (straight, bent)]
    assert abs(middles[1] - middles[0]) > 1.0


def test_noise_is_in_the_fish_only():
    config = replace(BARE, noise=0.05)
    first, second = draw(still(config), config).astype(int)
    assert (first != second).any()
    assert not (first[:, :100] | second[:, :100]).any()


def test_looks_like_the_published_frames(published):
    """Whole-image mean, area and grey of the animals, against the eleven published frames."""
    import cv2

    from fishlib.tank.fish import simulate_tracks

    def look(frames):
        area, grey = [], []
        for frame in frames:
            n, which, stats, _ = cv2.connectedComponentsWithStats((frame > 25).astype(np.uint8))
            animals = [i for i in range(1, n) if 60 < stats[i, cv2.CC_STAT_AREA] < 180]
            area += [stats[i, cv2.CC_STAT_AREA] for i in animals]
            grey += [frame[which == i].mean() for i in animals]
        return np.median(area), np.median(grey), np.mean(frames) / 255

    config = TankConfig()
    tracks = simulate_tracks(config, 1, 1000)
    ours = look(draw(Tracks(tracks.state[::50], tracks.arousal, tracks.hazard), config))
    np.testing.assert_allclose(ours, look(published.load_frames()), rtol=0.12)
