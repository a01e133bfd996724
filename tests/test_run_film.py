import numpy as np
import pytest

from fishlib.recording import open_film
from fishlib.video import write_video


@pytest.fixture
def film(tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path / "cache"))
    frames = np.zeros((200, 60, 80), np.uint8)
    for t in range(200):
        at = abs(t % 140 - 70)  # there and back
        frames[t, 20:26, at : at + 6] = 180
    return str(write_video(tmp_path / "film.avi", frames, 30.0))


def test_settings_replace_the_suggested_ones(film):
    changed = open_film(film, preparation="noise_floor: 7, polarity: bright")
    assert changed.preparation.noise_floor == 7
    assert open_film(film, preparation={"noise_floor": 5}).preparation.noise_floor == 5


def test_zero_minutes_is_the_whole_film(film):
    assert len(open_film(film).frames) == 200
    assert len(open_film(film, minutes=0.1).frames) == 180


def test_a_setting_without_a_value_is_refused(film):
    with pytest.raises(ValueError, match="write settings as name: value"):
        open_film(film, preparation="dark")
