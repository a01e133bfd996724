import numpy as np
import pytest

from fishlib.motion import ahead, behind, measure_motion, recent_motion


def test_hand_worked_example():
    frames = np.zeros((3, 2, 2), np.uint8)
    frames[1, 0, 0] = 255
    frames[2, 0, 0] = 155
    np.testing.assert_allclose(measure_motion(frames), [1 / 4, 100 / 255 / 4, 0])


def test_equals_the_definition_in_floating_point():
    frames = np.random.default_rng(0).integers(0, 256, (6, 12, 16), dtype=np.uint8)
    slow = [np.abs(frames[t + 1].astype(float) - frames[t]).mean() / 255 for t in range(5)]
    np.testing.assert_allclose(measure_motion(frames), [*slow, 0], atol=1e-12)


def test_a_flip_leaves_it_unchanged():
    frames = np.random.default_rng(1).integers(0, 256, (5, 12, 16), dtype=np.uint8)
    np.testing.assert_array_equal(measure_motion(frames), measure_motion(frames[:, ::-1, ::-1]))


def test_equals_the_published_series_on_the_published_frames(published):
    frames = published.load_frames()
    assert frames.shape == (11, 240, 320)
    expected = published.load_series("train")["motion"][:10]
    np.testing.assert_allclose(measure_motion(frames)[:10], expected, atol=1e-9)
    assert expected[0] == 0 and expected[1] > 0


@pytest.mark.parametrize("bad", [np.zeros((2, 3, 3)), np.zeros((3, 3), np.uint8)])
def test_says_what_a_film_is(bad):
    with pytest.raises(ValueError, match="A film is a uint8 array"):
        measure_motion(bad)


def test_recent_motion_reads_the_past_only():
    recent = recent_motion(np.arange(10.0), width=3)
    assert np.isnan(recent[:3]).all()
    np.testing.assert_allclose(recent[3:], np.arange(1.0, 8.0))


def test_windows_ahead_and_behind_equal_slices():
    series = np.arange(7.0)
    np.testing.assert_array_equal(ahead(series, 3)[:5], [series[t : t + 3] for t in range(5)])
    np.testing.assert_array_equal(ahead(series, 3)[6], [6, np.nan, np.nan])
    np.testing.assert_array_equal(behind(series, 3)[3:], [series[t - 3 : t] for t in range(3, 7)])
    np.testing.assert_array_equal(behind(series, 3)[1], [np.nan, np.nan, 0])
    assert len(behind(series, 9)) == len(ahead(series, 9)) == 7
