"""Tracks as places: read from a CSV, causal, without what a tracker guessed or mistook."""

import numpy as np
import pandas as pd
import pytest

from fishlib.animals.tracks import places_from, read_tracks

FPS, BODY = 15.0, 20.0


def written(tmp_path, table):
    table.to_csv(tmp_path / "tracks.csv", index=False)
    return tmp_path / "tracks.csv"


def test_a_table_of_places_is_read_by_frame_or_second(tmp_path):
    rows = [(t, k, 10.0 * t + k, 50.0 + 100 * k) for t in range(4) for k in (0, 1)]
    table = pd.DataFrame(rows, columns=["frame", "animal", "x", "y"])
    places = read_tracks(written(tmp_path, table), FPS, BODY)
    np.testing.assert_array_equal(places.x, [[10 * t, 10 * t + 1] for t in range(4)])
    np.testing.assert_array_equal(places.heading, 0)  # to the right
    assert places.apart.all() and places.body == BODY
    table["seconds"] = table.pop("frame") / FPS
    again = read_tracks(written(tmp_path, table), FPS, BODY)
    np.testing.assert_array_equal(again.x, places.x)


def test_who_is_not_seen_stays_and_a_step_that_no_animal_makes_is_not_believed():
    x = np.array([[10.0], [12.0], [np.nan], [14.0], [400.0], [16.0]])
    places = places_from(x, np.full_like(x, 5.0), FPS, BODY)
    assert places.apart.ravel().tolist() == [True, True, False, True, False, True]
    assert places.x.ravel().tolist() == [10, 12, 12, 14, 14, 16]


def test_an_animal_that_really_went_far_is_believed_again():
    x = np.array([10.0] + [300.0] * 20)[:, None]
    seen = places_from(x, np.zeros_like(x), FPS, BODY).apart.ravel()
    assert not seen[1] and seen[-1]


def test_places_of_tracks_do_not_know_the_future():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 3, (2, 200, 3)).cumsum(axis=1)
    x[rng.random(x.shape) < 0.1] = np.nan
    one = places_from(x, y, FPS, BODY)
    later = x.copy()
    later[120:] += 15
    other = places_from(later, y, FPS, BODY)
    for name in ("x", "y", "heading", "apart"):
        np.testing.assert_array_equal(getattr(one, name)[:120], getattr(other, name)[:120])


def test_what_is_no_table_of_tracks_is_refused(tmp_path):
    table = pd.DataFrame({"frame": [0, 0], "animal": [1, 1], "x": [1, 2], "y": [3, 4]})
    with pytest.raises(ValueError, match="animal 1 twice at frame 0"):
        read_tracks(written(tmp_path, table.astype(object)), FPS, BODY)
    with pytest.raises(ValueError, match="no column animal"):
        read_tracks(written(tmp_path, table.drop(columns="animal")), FPS, BODY)
