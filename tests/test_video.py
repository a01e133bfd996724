"""The way in for films: published frames, sizes, clocks, and films written here losslessly."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fishlib.motion import measure_motion
from fishlib.video import iter_frames, probe, read_frames, shrink, write_video
from fishlib.video.frames import Account, content_box, fit_frame, natural_key, on_clock
from fishlib.video.stored import choose_clock

SHARED = Path(__file__).parents[2] / "shared"
SAMPLE = SHARED / "published" / "sample training images"
FOOTAGE = SHARED / "footage"
needs_sample = pytest.mark.skipif(not SAMPLE.exists(), reason="no published sample frames here")
needs_footage = pytest.mark.skipif(not FOOTAGE.exists(), reason="no real footage here")


def noise_film(n_frames, height=48, width=64, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n_frames, height, width), np.uint8)


@needs_sample
def test_published_frames_give_the_published_series():
    published = np.load(SHARED / "published/targets/train/Y_tilde.npy")
    frames = read_frames(SAMPLE)
    assert frames.shape == (11, 240, 320)
    assert np.abs(measure_motion(frames)[:10] - published[:10]).max() < 1e-9


@needs_sample
def test_frames_of_the_stored_size_are_left_alone():
    stored = cv2.imread(str(SAMPLE / "00007.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(read_frames(SAMPLE, start=7, stop=8)[0], stored)


def test_shrink_picks_the_pixels_the_study_picked():
    frames = noise_film(3, 240, 320)
    assert np.array_equal(shrink(frames, (120, 160)), frames[:, 1::2, 1::2])


def test_shrink_by_area_averages_blocks():
    frames = noise_film(3, 240, 320)
    means = frames.reshape(3, 60, 4, 80, 4).mean(axis=(2, 4))
    assert np.abs(shrink(frames, (60, 80), "area") - means).max() <= 0.51


def test_shrink_names_the_methods_it_knows():
    with pytest.raises(ValueError, match="nearest-exact"):
        shrink(noise_film(1), (24, 32), "cubic")


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [
        (1080, 1920, (30, 210, 0, 320)),
        (1024, 1024, (0, 240, 40, 280)),
        (480, 640, (0, 240, 0, 320)),
    ],
)
def test_a_film_of_another_shape_keeps_its_shape(height, width, box):
    assert content_box(height, width) == box
    y0, y1, x0, x1 = box
    framed = fit_frame(np.full((height, width), 200, np.uint8))
    assert (framed[y0:y1, x0:x1] == 200).all()
    assert framed.sum() == 200 * (y1 - y0) * (x1 - x0)


@pytest.mark.parametrize("name", ["film.avi", "film.mkv"])
def test_a_lossless_film_comes_back_bit_for_bit(tmp_path, name):
    film = noise_film(23)
    info = probe(write_video(tmp_path / name, film, fps=25))
    assert (info.n_frames, info.opened.shape, round(info.fps)) == (23, (48, 64), 25)
    assert np.array_equal(read_frames(tmp_path / name, size=(48, 64)), film)


@pytest.mark.parametrize("name", ["film.webm", "film.mp4"])
def test_films_for_browsers_are_close(tmp_path, name):
    film = np.zeros((20, 48, 64), np.uint8)
    for t, frame in enumerate(film):
        cv2.circle(frame, (20 + t, 24), 6, 200, -1)
    write_video(tmp_path / name, film)
    assert np.abs(read_frames(tmp_path / name, size=(48, 64)).astype(int) - film).mean() < 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_blocks_make_up_the_film(tmp_path):
    film = noise_film(23)
    path = write_video(tmp_path / "film.avi", film)
    blocks = list(iter_frames(path, size=(48, 64), block=10))
    assert [len(block) for block in blocks] == [10, 10, 3]
    assert np.array_equal(np.concatenate(blocks), film)
    for seek in (False, True):
        stretch = read_frames(path, size=(48, 64), start=7, stop=16, seek=seek)
        assert np.array_equal(stretch, film[7:16])


def test_a_region_of_interest_is_cut_out_of_the_stored_pixels(tmp_path):
    film = noise_film(4)
    path = write_video(tmp_path / "film.avi", film)
    inside = read_frames(path, size=(10, 20), roi=(5, 15, 30, 50))
    assert np.array_equal(inside, film[:, 5:15, 30:50])
    with pytest.raises(ValueError, match="is no region of"):
        read_frames(path, roi=(0, 100, 0, 10))


def test_a_reader_that_stops_early_stops_the_decoder(tmp_path):
    path = write_video(tmp_path / "film.avi", noise_film(50))
    blocks = iter_frames(path, block=2)
    next(blocks)
    blocks.close()  # would hang if the background thread went on waiting
    assert len(list(iter_frames(path, block=2))) == 25


def test_names_are_ordered_as_numbers():
    names = ["f10.png", "f9.png", "F1.png", "f02.png", "a_3_b12.png", "a_3_b2.png"]
    ordered = ["a_3_b2.png", "a_3_b12.png", "F1.png", "f02.png", "f9.png", "f10.png"]
    assert sorted(names, key=natural_key) == ordered


def test_a_folder_is_a_film_in_natural_order(tmp_path):
    film = noise_film(12)
    for t, frame in enumerate(film):
        cv2.imwrite(str(tmp_path / f"shot {t}.png"), frame)
    (tmp_path / "notes.txt").write_text("not a frame")
    assert np.array_equal(read_frames(tmp_path, size=(48, 64)), film)
    assert np.array_equal(read_frames(tmp_path, size=(48, 64), start=9, stop=40), film[9:])


def test_colour_becomes_gray_and_16_bits_become_8(tmp_path):
    deep = np.arange(0, 65536, 32, dtype=np.uint16)[:1536].reshape(24, 64)
    cv2.imwrite(str(tmp_path / "1.png"), deep)
    assert np.abs(read_frames(tmp_path, size=(24, 64))[0] - deep / 257).max() < 1


def ticks(times, fps, step=1):
    account = Account()
    timed = ((np.full((1, 1), k, np.uint8), t) for k, t in enumerate(times))
    shown = [int(image[0, 0]) for image in on_clock(timed, fps, account, step)]
    return shown, dict(account.counts), account.borders


def test_a_regular_film_needs_no_repair():
    rounded = np.round(np.arange(200) / 29.97, 3)  # a container with whole milliseconds
    assert ticks(rounded, 29.97) == (list(range(200)), {}, [])


def test_a_variable_frame_rate_is_put_on_a_regular_clock():
    times = [0.0, 0.1, 0.4, 0.5, 0.52, 0.6]  # at 10 fps: two frames missing, one too many
    assert ticks(times, 10) == ([0, 1, 1, 1, 2, 3, 5], {"frames_held": 2, "frames_dropped": 1}, [])


def test_every_kth_frame_is_kept_also_over_a_gap():
    times = np.delete(np.arange(12) / 60, [4, 5])
    assert ticks(times, 60, step=2) == ([0, 2, 3, 4, 6, 8], {"frames_held": 1}, [])


def test_a_second_without_frames_is_missing_time():
    times = np.r_[np.arange(5), np.arange(20, 24)] / 10
    assert ticks(times, 10) == (list(range(9)), {}, [(5, 1.5, "gaps")])


def test_a_clock_that_runs_backwards_is_set_anew():
    assert ticks([5.0, 5.1, 5.2, 0.0, 0.1], 10)[0] == [0, 1, 2, 3, 4]
    assert ticks([0, 0.1, 0.2, 0.0, 0.1], 10)[1:] == ({}, [(3, 0.0, "clock_restarts")])


def test_the_frame_rate_is_the_stated_one_unless_the_clock_contradicts():
    regular = list(np.arange(30) / 25)
    assert choose_clock([25.0], regular, "film") == (25.0, 0.0)
    assert choose_clock([1000.0, 25.1], regular, "film")[0] == 25.1
    assert choose_clock([1000.0], regular, "film")[0] == pytest.approx(25)
    assert choose_clock([], regular, "film")[0] == pytest.approx(25)
    assert choose_clock([60.0, 24.0], [], "film") == (24.0, 0.0)
    with pytest.raises(ValueError, match="give fps"):
        choose_clock([0.0], [0.0, 0.0], "film")


def test_uneven_time_stamps_give_the_rate_of_the_line_through_them():
    jitter = np.random.default_rng(0).uniform(-0.007, 0.007, 300)
    stamps = 120 + np.arange(300) / 30 + jitter
    fps, begins = choose_clock([1000.0], list(stamps), "film")
    assert fps == pytest.approx(30, rel=1e-3)
    assert begins == pytest.approx(120, abs=2e-3)
    assert choose_clock([1000.0], list(np.delete(stamps, [7, 80])), "film")[0] == pytest.approx(
        30, rel=1e-3
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_webcam_whose_time_stamps_wander_keeps_its_rate(seed):
    jitter = np.random.default_rng(seed).normal(0, 0.006, 300)
    stamps = np.round(np.sort(np.arange(300) / 30 + jitter), 3)
    fps, begins = choose_clock([1000.0], list(stamps), "film")
    assert fps == pytest.approx(30, rel=1e-3)
    assert begins == pytest.approx(0, abs=3e-3)
    held = ticks(stamps[:250], fps)[1]
    assert held.get("frames_held", 0) <= 6  # with the rate 8 % off: 39


@needs_footage
def test_seeking_in_a_real_film_lands_on_the_frame():
    path = FOOTAGE / "flies_2.mp4"
    frames = read_frames(path, stop=260)
    assert np.array_equal(read_frames(path, start=251, stop=255, seek=True), frames[251:255])
    assert (frames[:, :, :40] == 0).all()  # a square film leaves black columns
