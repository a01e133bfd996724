"""Places of animals: found in the pixels of the tank and of made-up films, linked causally."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from fishlib import tank
from fishlib.animals.places import (
    Linker,
    _tell_number,
    find_places,
    measure_blobs,
    tell_looks,
    true_places,
)
from fishlib.recording import open_recording

SEED, N_FRAMES = 3, 1500


@pytest.fixture(scope="module")
def film():
    return tank.simulate_film(tank.TankConfig(), SEED, N_FRAMES)


@pytest.fixture(scope="module")
def looks(film):
    return tell_looks(np.array_split(film.frames, 6))


def test_blobs_are_measured_as_by_a_slow_loop():
    rng = np.random.default_rng(0)
    frames = np.zeros((3, 30, 40), np.uint8)
    frames[:, 5:8, 4:20] = rng.integers(60, 250, (3, 3, 16))
    frames[1, 20:28, 30:33] = 100
    blobs, pixels = measure_blobs(frames, 50)
    assert blobs.frame.tolist() == [0, 1, 1, 2]
    rows, columns = np.nonzero(frames[2] > 50)
    light = frames[2][rows, columns].astype(float)
    assert blobs.light[3] == light.sum()
    assert blobs.x[3] == pytest.approx((light * columns).sum() / light.sum())
    assert blobs.y[3] == pytest.approx((light * rows).sum() / light.sum())
    assert (blobs.x[2], blobs.y[2]) == (31, 23.5)
    assert abs(np.sin(blobs.axis[2])) == pytest.approx(1)
    assert (blobs.length[2], blobs.width[2]) == (pytest.approx(8), pytest.approx(3))
    pixels = pixels[blobs.first[2] : blobs.stop[2]]
    assert len(pixels) == 24 and (pixels[:, 2] == 100).all()


def test_the_number_of_animals_and_the_head_are_told_from_the_film(looks):
    assert looks.n_animals == 6 and looks.reason == ""
    assert looks.head == -1  # the tail is long and faint


def test_animals_of_the_tank_are_found_where_they_are(film, looks):
    x, y, heading, _ = Linker(looks).follow(film.frames)
    where, true_heading = film.tracks.position, film.tracks.heading
    near, turned = [], []
    for t in range(0, N_FRAMES, 5):
        far = np.hypot(where[t, :, None, 0] - x[t], where[t, :, None, 1] - y[t])
        fish, found = linear_sum_assignment(far)
        near += (far[fish, found] <= 8).tolist()
        turned += (np.cos(true_heading[t, fish] - heading[t, found]) < 0).tolist()
    assert np.mean(near) > 0.99 and np.mean(turned) < 0.01


def test_animals_keep_their_places_in_the_table(film, looks):
    x, y, _, _ = Linker(looks).follow(film.frames)
    steps = np.hypot(np.diff(x, axis=0), np.diff(y, axis=0))
    assert (steps < 12).mean() > 0.999


def test_places_do_not_depend_on_the_blocks_nor_on_the_future(film, looks):
    once = Linker(looks).follow(film.frames[:200])
    linker = Linker(looks)
    parts = [linker.follow(part) for part in (film.frames[:77], film.frames[77:130])]
    for whole, one, other in zip(once, *parts, strict=True):
        np.testing.assert_array_equal(whole[:130], np.concatenate([one, other]))


def test_two_animals_in_one_blob_are_both_kept():
    frames = np.zeros((40, 240, 320), np.uint8)
    for t, frame in enumerate(frames):  # two rods pass each other and touch
        frame[100:104, 20 + 4 * t : 50 + 4 * t] = 200
        frame[103:107, 180 - 4 * t : 210 - 4 * t] = 200
    looks = tell_looks([frames], n_animals=2)
    x, _, _, apart = Linker(looks).follow(frames)
    assert not apart.all() and apart[[0, -1]].all()
    left, right = np.sort(x, axis=1).T
    truth = np.sort([34.5 + 4 * np.arange(40), 194.5 - 4 * np.arange(40)], axis=0)
    assert np.abs(left - truth[0]).max() < 8 and np.abs(right - truth[1]).max() < 8


def test_who_has_no_blob_takes_one_that_has_nobody_however_far(looks):
    frames = np.zeros((30, 240, 320), np.uint8)
    frames[:, 100:105, 100:130] = 150
    frames[:15, 100:105, 140:170] = 150
    frames[20:, 200:205, 280:310] = 150  # gone for a while, and seen elsewhere
    linker = Linker(tell_looks([frames[:15]], n_animals=2))
    x, _, _, apart = linker.follow(frames)
    assert sorted(x[-1].round()) == [114, 294]
    assert not apart[17].any() and apart[-1].all()


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (np.zeros(600, int), "most frames show none"),
        (np.full(600, 95), "too many"),
        (np.random.default_rng(0).integers(2, 9, 600), "wanders"),
    ],
)
def test_where_animals_cannot_be_counted_a_sentence_says_so(count, words):
    number, reason = _tell_number(count)
    assert number == 0 and words in reason


def test_a_dark_film_has_no_animals():
    assert "dark" in tell_looks([np.zeros((5, 24, 32), np.uint8)]).reason


def test_places_are_found_once_for_a_recording(tmp_path, monkeypatch):
    recording = open_recording("simulated", seed=SEED, minutes=0.5, cache_dir=tmp_path)
    places = find_places(recording)
    assert places.n_animals == 6 and len(places) == 900
    assert "6 animals" in str(places) and 20 < places.body < 32
    monkeypatch.setattr("fishlib.animals.places.tell_looks", None)  # what is cached needs nothing
    again = find_places(recording)
    np.testing.assert_array_equal(again.x, places.x)
    assert again.box == places.box
    true = true_places(recording)
    assert true.apart.all() and true.x.shape == places.x.shape
