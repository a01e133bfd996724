"""Spans in seconds must be the study's frames at 30 fps, and the same times at any other rate."""

import numpy as np
import pytest

from fishlib.spans import SECONDS, WINDOWS, check_rate, embargo, frames_back, frames_in, lags


def test_at_thirty_frames_a_second_all_spans_are_the_studys():
    expected = {"past": 120, "horizon": 45, "calm": 5, "block": 300, "rule": 45, "baseline": 90}
    expected |= {"lags": 119, "test": 1000}
    assert {name: frames_in(name, 30) for name in SECONDS} == expected
    assert frames_in("calm", 30, odd=True) == 5
    assert embargo(30) == 165
    assert [frames_in(window, 30) for window in WINDOWS] == [3, 5, 10, 20, 30, 45, 60, 90, 119]
    assert frames_back(range(120), 30).tolist() == list(range(120))
    assert lags(30).tolist() == list(range(1, 120))


@pytest.mark.parametrize("fps", [12.0, 24.0, 25.0, 29.97, 30.0, 44.0])
def test_spans_last_the_same_at_every_rate(fps):
    for name, seconds in SECONDS.items():
        assert abs(frames_in(name, fps) / fps - seconds) <= 0.501 / fps
        odd = frames_in(name, fps, odd=True)
        assert odd % 2 == 1 and abs(odd / fps - seconds) <= 1.01 / fps


@pytest.mark.parametrize("fps", [12.0, 25.0, 29.97, 44.0])
def test_moments_are_read_at_the_nearest_frame_that_is_not_later(fps):
    moments = np.arange(120)
    back = frames_back(moments, fps)
    late = back / fps - moments / 30
    assert (late > -1e-6).all() and (late < 1 / fps).all()
    assert len(lags(fps)) == 119 and lags(fps).max() == frames_in("lags", fps)


def test_slow_films_are_remarked_or_refused():
    assert check_rate(25, "film") == []
    assert "10 frames a second" in check_rate(10, "film")[0]
    with pytest.raises(ValueError, match="lapse has 2 frames a second"):
        check_rate(2, "lapse")
