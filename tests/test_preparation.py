"""Real films must come out as bright animals on black, and clean films as they went in."""

import cv2
import moving_fish
import numpy as np
import pytest
from scipy.signal import find_peaks

from fishlib import tank
from fishlib.motion import measure_motion
from fishlib.preparation import (
    Preparation,
    choose_settings,
    explain_preparation,
    preparation_steps,
    suggest_preparation,
)
from fishlib.preparation.sample import find_shade, measure_film, sample_film
from fishlib.questions import suggest_min_range
from fishlib.video import content_box, iter_frames, probe, read_frames, write_video


@pytest.fixture(scope="module")
def zebrafish(footage):
    path = footage / "zebrafish_8.avi"
    return path, read_frames(path), suggest_preparation(path)


def find_bursts(motion, min_range):
    smooth = np.convolve(motion[:-1], np.ones(5) / 5, "valid")
    return find_peaks(smooth, prominence=min_range)[0] + 2


def moving_disc(n_frames=60, level=120, ground=0, noise=0.0, flicker=0.0, uneven=0.0, seed=0):
    """A film uint8 (T, 60, 80) of a disc of radius 4 that goes round, made by plain loops."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:60, :80]
    light = 1 + uneven * (x / 40 - 1)
    film = np.empty((n_frames, 60, 80), np.uint8)
    for t in range(n_frames):
        cy, cx = 30 + 18 * np.sin(t / 9), 40 + 25 * np.cos(t / 9)
        frame = np.where((y - cy) ** 2 + (x - cx) ** 2 < 16, float(level), float(ground))
        frame = frame * light * (1 + flicker * (-1) ** t) + rng.normal(0, noise, frame.shape)
        film[t] = np.clip(np.rint(frame), 0, 255)
    return film


def test_flicker_hides_the_bursts_of_the_raw_zebrafish_film(zebrafish):
    raw = measure_motion(zebrafish[1])
    assert len(find_bursts(raw, suggest_min_range(raw))) == 0


def test_preparation_brings_out_the_two_bursts_of_the_zebrafish_film(zebrafish):
    _, frames, preparation = zebrafish
    assert preparation.polarity == "dark"
    assert preparation.background
    assert preparation.normalise
    motion = measure_motion(preparation.apply(frames))
    bursts = find_bursts(motion, suggest_min_range(motion))
    assert np.abs(bursts - [22, 195]).max() <= 3
    assert motion[18:28].max() > 4 * np.median(motion)


def test_prepared_zebrafish_are_bright_and_few(zebrafish):
    _, frames, preparation = zebrafish
    prepared = preparation.apply(frames[100:101])[0]
    assert 0.002 < (prepared > 20).mean() < 0.02  # eight fish of about 50 pixels
    assert (prepared[:, :11] == 0).all()  # what the film does not cover stays black


def test_the_flies_show_about_24_bursts(footage):
    frames = read_frames(footage / "flies_2.mp4")
    box = content_box(1024, 1024)
    measures = measure_film(frames.reshape(500, 6, 240, 320)[::10], box)
    preparation = Preparation(**choose_settings(measures)).fit(frames[::60], box)
    motion = measure_motion(preparation.apply(frames))
    bursts = find_bursts(motion, suggest_min_range(motion))
    assert 20 <= len(bursts) <= 28
    key_frames = np.arange(249, 2999, 250)  # H.264 redraws the ground there: no motion
    assert np.median(motion[key_frames]) < 2 * np.median(motion)


def test_the_threshold_of_the_study_is_found_from_its_series(published):
    motion = published.load_series("train")["motion"]
    assert suggest_min_range(motion) == pytest.approx(1e-3, rel=0.02)


def test_a_threshold_needs_motion_and_enough_of_it():
    with pytest.raises(ValueError, match="nothing moves"):
        suggest_min_range(np.zeros(200))
    with pytest.raises(ValueError, match="too few"):
        suggest_min_range(np.ones(11))


def test_the_threshold_is_that_of_the_times_with_animals(published):
    motion = published.load_series("test")["motion"]
    away = np.random.default_rng(0).gamma(4, 1e-6, 4 * len(motion))
    visits = np.concatenate([away, motion])
    assert suggest_min_range(visits) == pytest.approx(suggest_min_range(motion), rel=0.02)


def test_the_threshold_scales_with_the_motion():
    motion = np.random.default_rng(0).gamma(4, 1e-4, 3000)
    assert suggest_min_range(7 * motion) == pytest.approx(7 * suggest_min_range(motion))


def test_the_tank_is_left_as_it_is():
    film = tank.simulate_film(tank.TankConfig(), 0, 240).frames
    sample = film.reshape(40, 6, 240, 320)
    preparation = Preparation(**choose_settings(measure_film(sample, (0, 240, 0, 320))))
    assert preparation.is_identity
    assert preparation.apply(film) is film


def test_the_published_frames_are_left_as_they_are(published):
    folder = published.fetch("sample training images/00000.png").parent
    sample, box = sample_film(probe(folder))
    assert Preparation(**choose_settings(measure_film(sample, box))).is_identity


@pytest.mark.parametrize("polarity", ["bright", "dark"])
def test_any_polarity_uneven_light_flicker_and_noise_end_as_bright_on_black(tmp_path, polarity):
    """The prepared film must show the disc where a noise-free film on black shows it."""
    ground = 100
    level = ground + 80 if polarity == "bright" else ground - 80
    film = moving_disc(level=level, ground=ground, noise=2.0, flicker=0.03, uneven=0.3)
    clean = moving_disc(level=80) > 40
    path = write_video(tmp_path / "disc.avi", film)
    preparation = suggest_preparation(path)
    frames = preparation.apply(read_frames(path))[:, ::4, ::4]
    assert preparation.polarity == polarity
    assert preparation.normalise
    seen = np.stack([frame > 35 for frame in frames])
    assert (seen != clean).mean() < 0.005
    assert frames[~clean].mean() < 1


def test_settings_made_by_hand_win_over_the_suggestion(tmp_path):
    path = write_video(tmp_path / "disc.avi", moving_disc(level=20, ground=100))
    preparation = suggest_preparation(path, roi=(0, 40, 0, 60), noise_floor=9)
    assert (preparation.noise_floor, preparation.roi) == (9, (0, 40, 0, 60))
    assert preparation.polarity == "dark"
    assert preparation.reasons["noise_floor"] == "chosen by hand"
    assert preparation.reasons["polarity"].startswith("dark: ")


def test_steps_are_those_switched_on_and_end_in_what_apply_gives():
    film = moving_disc(level=20, ground=100, flicker=0.05)
    everything = Preparation(True, "dark", True, 3).fit(film)
    pictures = preparation_steps(everything, film)
    assert list(pictures) == ["film", "brightness", "background", "noise floor"]
    assert np.array_equal(pictures["noise floor"], everything.apply(film))
    assert list(preparation_steps(Preparation(), film)) == ["film"]
    inverted = Preparation(polarity="dark").fit(film)
    assert np.array_equal(inverted.apply(film), 255 - film)


def test_frames_are_prepared_one_by_one():
    film = moving_disc(level=20, ground=100, noise=2.0, flicker=0.05)
    preparation = Preparation(True, "dark", True, 3).fit(film[::3])
    whole = preparation.apply(film)
    assert np.array_equal(np.concatenate([preparation.apply(f[None]) for f in film]), whole)


def test_a_preparation_survives_saving(tmp_path):
    film = moving_disc(level=20, ground=100)
    reasons = {"polarity": "dark: because"}
    preparation = Preparation(True, "dark", True, 3, (1, 9, 2, 8), reasons=reasons).fit(film)
    preparation.save(tmp_path / "preparation.npz")
    loaded = Preparation.load(tmp_path / "preparation.npz")
    assert loaded == preparation
    assert loaded.reasons == reasons
    assert np.array_equal(loaded.apply(film), preparation.apply(film))


def test_reasons_are_given_for_every_suggestion():
    sample = moving_disc(level=20, ground=100, flicker=0.05).reshape(10, 6, 60, 80)
    measures = measure_film(sample, (0, 60, 0, 80))
    reasons = explain_preparation(measures)
    assert list(reasons) == list(choose_settings(measures))
    assert "100 grey levels" in reasons["background"]
    assert reasons["polarity"].startswith("dark")


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="'bright' or 'dark'"):
        Preparation(polarity="black")
    with pytest.raises(ValueError, match="0 to 254"):
        Preparation(noise_floor=255)
    with pytest.raises(ValueError, match="fit this preparation"):
        Preparation(background=True).apply(moving_disc(3))


@pytest.fixture(scope="module")
def fish():
    """Bright fish on black, uint8 (300, 240, 320), in which bursts are seen."""
    return moving_fish.film(300, (240, 320), seed=3)


def prepared_motion(tmp_path, film):
    path = write_video(tmp_path / "film.avi", film)
    preparation = suggest_preparation(path)
    return preparation, measure_motion(preparation.apply(film))[:-1]


def alike(motion, fish):
    return np.corrcoef(motion, measure_motion(fish)[:-1])[0, 1]


def test_a_running_clock_is_masked_and_flips_nothing(tmp_path, fish):
    film = moving_fish.filmed(fish)
    for t, frame in enumerate(film):
        text = f"{t // 1800:02d}:{t // 30 % 60:02d}.{t % 30:02d}"
        cv2.putText(frame, text, (8, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1)
    preparation, motion = prepared_motion(tmp_path, film)
    assert preparation.polarity == "dark"
    assert preparation.mask[4:17, 40:70].mean() > 0.5
    assert not preparation.mask[24:].any()
    assert "changes in its place" in preparation.remarks[0]
    assert alike(motion, fish) > 0.95


def test_a_lamp_and_a_rippling_surface_are_masked(tmp_path, fish):
    rng = np.random.default_rng(0)
    film = moving_fish.filmed(fish).astype(np.int16)
    film[rng.random(300) < 0.4, 200:212, 300:312] = 250  # blinks
    film[:, :12] += (60 * rng.standard_normal((300, 12, 80)).repeat(4, axis=2)).astype(np.int16)
    preparation, motion = prepared_motion(tmp_path, film.clip(0, 255).astype(np.uint8))
    assert preparation.polarity == "dark"
    assert preparation.mask[203:209, 303:309].all()
    assert preparation.mask[2:10].mean() > 0.8
    assert preparation.mask[30:190].mean() < 0.01
    assert alike(motion, fish) > 0.95


def test_a_picture_that_changes_everywhere_in_place_is_refused(tmp_path, fish):
    rng = np.random.default_rng(0)
    film = moving_fish.filmed(fish).astype(np.int16)
    waves = 60 * rng.standard_normal((300, 12, 40)).repeat(10, axis=1).repeat(8, axis=2)
    film[:, :120] += waves.astype(np.int16)
    path = write_video(tmp_path / "film.avi", film.clip(0, 255).astype(np.uint8))
    with pytest.raises(ValueError, match=r"animals cannot be told from it: give a roi"):
        suggest_preparation(path)


def test_glints_do_not_decide_what_the_animals_are(tmp_path, fish):
    rng = np.random.default_rng(0)
    film = moving_fish.filmed(fish, ground=110, animal=50)
    for t in range(300):
        for _ in range(6):
            y, x, life = rng.integers(4, 236), rng.integers(4, 316), rng.integers(1, 8)
            film[t : t + life, y - 2 : y + 2, x - 2 : x + 2] = 250
    preparation, motion = prepared_motion(tmp_path, film)
    assert preparation.polarity == "dark"
    assert preparation.mask is None
    assert preparation.remarks == []
    assert alike(motion, fish) > 0.95


def with_bubbles(film, n):
    """Bright discs that rise straight up, each at its own pace, and come in again at the bottom."""
    rng = np.random.default_rng(2)
    row, column, pace = rng.uniform(0, 236, n), rng.integers(4, 316, n), rng.uniform(1.5, 4, n)
    lit = film.copy()
    for t, frame in enumerate(lit):
        for y, x in zip(((row - pace * t) % 236).astype(int), column, strict=True):
            cv2.circle(frame, (int(x), y), 2, 230, -1)
    return lit


@pytest.mark.parametrize("n", [30, 150])
def test_bubbles_do_not_decide_what_the_animals_are(tmp_path, fish, n):
    film = with_bubbles(moving_fish.filmed(fish, ground=110, animal=50), n)
    preparation, motion = prepared_motion(tmp_path, film)
    assert preparation.polarity == "dark"
    assert preparation.remarks == []
    assert alike(motion, fish) > 0.9


def test_bubbles_as_bright_as_the_animals_are_remarked(tmp_path, fish):
    film = with_bubbles(moving_fish.filmed(fish, ground=110, animal=200), 40)
    remark = prepared_motion(tmp_path, film)[0].remarks[0]
    assert "bodies at a time rise straight up, as bubbles do" in remark
    assert "give a roi" in remark


@pytest.mark.parametrize("animal", [60, 230])
@pytest.mark.parametrize("kind", ["shadow", "lamp", "sun"])
def test_light_that_changes_in_broad_places_is_evened_out(tmp_path, fish, kind, animal):
    down, right = np.mgrid[:240, :320].astype(np.float32)
    film = moving_fish.filmed(fish, animal=animal).astype(np.float32)
    for frame, gone in zip(film, np.linspace(0, 1, len(film)), strict=True):
        if kind == "shadow":  # of a hand that comes at once and leaves slowly
            depth = 0.4 * np.clip((gone - 0.25) / 0.02, 0, 1) * np.clip((0.6 - gone) / 0.25, 0, 1)
            frame *= 1 - depth / (1 + np.exp((right - 110) / 25))
        elif kind == "lamp":
            frame *= 1 - 0.4 * gone / (1 + np.exp((160 - right) / 60))
        else:
            far = (right + 50 - 400 * gone) ** 2 + (down - 120) ** 2
            frame *= 1 + 0.3 * np.exp(-far / (2 * 50**2))
    preparation, motion = prepared_motion(tmp_path, film.clip(0, 255).astype(np.uint8))
    assert preparation.shade
    assert preparation.polarity == ("dark" if animal == 60 else "bright")
    assert alike(motion, fish) > 0.95


@pytest.mark.parametrize("size", [(15, 6), (45, 18), (70, 35)])
def test_an_animal_however_large_is_no_shade(size):
    excess = np.zeros((20, 240, 320), np.float32)
    for t, frame in enumerate(excess):
        cv2.ellipse(frame, (60 + 10 * t, 120), size, 9.0 * t, 0, 360, -90.0, -1)
    assert find_shade(excess) == 0


@pytest.mark.parametrize("polarity", ["dark", "bright"])
def test_animals_that_rest_for_most_of_the_film_are_not_its_ground(tmp_path, fish, polarity):
    resting = np.maximum(np.where(np.arange(300)[:, None, None] < 210, fish[0], fish), 0)
    swimmer = moving_fish.film(300, (240, 320), n_fish=1, seed=8)
    seen = np.maximum(resting, swimmer)
    level = {"dark": 60, "bright": 240}[polarity]
    preparation, motion = prepared_motion(tmp_path, moving_fish.filmed(seen, 150, level, noise=0.5))
    assert preparation.polarity == polarity
    expected = measure_motion(seen)[:-1] * abs(level - 150) / 230
    assert alike(motion, seen) > 0.95
    for part in (slice(0, 209), slice(211, None)):  # what is more is noise on the bodies
        assert 0.8 < motion[part].mean() / expected[part].mean() < 1.6


def test_both_polarities_at_once_are_remarked(tmp_path, fish):
    other = moving_fish.film(300, (240, 320), seed=9)
    film = moving_fish.filmed(fish, 130, 40).astype(np.int16) + (other * 0.4).astype(np.int16)
    preparation, _ = prepared_motion(tmp_path, film.clip(0, 255).astype(np.uint8))
    assert "give polarity: dark or polarity: bright" in preparation.remarks[0]


@pytest.mark.parametrize("night", [0.5, 0.25])
def test_day_and_infrared_in_one_film_are_refused(tmp_path, fish, night):
    """One ground and one polarity cannot serve both: the motion was wrong in silence."""
    day = np.arange(300) < 300 * (1 - night)
    film = moving_fish.filmed(fish, 160, 60)
    film[~day] = moving_fish.filmed(fish[~day], 50, 140)
    path = write_video(tmp_path / "film.avi", film)
    with pytest.raises(ValueError, match=rf"two lights.*about {day.sum() / 30:.0f} s"):
        suggest_preparation(path)
    for half in (day, ~day):
        preparation = suggest_preparation(write_video(tmp_path / "half.avi", film[half]))
        assert preparation.polarity == ("dark" if half[0] else "bright")


def test_a_tank_in_a_dark_surround_is_a_lit_one(tmp_path, fish):
    """Its noise is that of the lit part, though most of the picture is black."""
    film = np.full((300, 240, 320), 8.0, np.float32)
    film[:, 90:150, 120:200] = moving_fish.filmed(fish[:, ::4, ::4], noise=0)
    film += np.random.default_rng(0).normal(0, 1.5, film.shape).astype(np.float32)
    path = write_video(tmp_path / "film.mp4", film.clip(0, 255).astype(np.uint8))
    preparation = suggest_preparation(path)
    assert preparation.noise_floor >= 3
    assert preparation.polarity == "dark"


def test_a_light_that_only_dims_is_one_light(tmp_path, fish):
    film = moving_fish.filmed(fish, 160, 60) * np.where(np.arange(300) < 150, 1, 0.6)[:, None, None]
    preparation, motion = prepared_motion(tmp_path, film.astype(np.uint8))
    assert preparation.polarity == "dark"
    assert alike(motion, fish) > 0.95


@pytest.mark.parametrize(
    "quiet", [1.5, 0.0], ids=["noisy", "quiet parts lost their grain to a codec"]
)
def test_the_floor_follows_the_noisiest_stretch(tmp_path, fish, quiet):
    rng = np.random.default_rng(0)
    film = moving_fish.filmed(fish, noise=0).astype(np.float32)
    gain = quiet + 7 * np.maximum(0, np.sin(2 * np.pi * np.arange(300) / 200))
    film += gain[:, None, None] * rng.standard_normal(film.shape, np.float32)
    preparation, motion = prepared_motion(tmp_path, film.clip(0, 255).astype(np.uint8))
    assert preparation.noise_floor > 15
    assert "noise comes and goes" in preparation.remarks[0]
    assert alike(motion, fish) > 0.8
    assert abs(np.corrcoef(motion, gain[:-1])[0, 1]) < 0.5  # as filmed: 0.999


def test_rolling_bands_are_evened_out(tmp_path, fish):
    film = moving_fish.filmed(fish).astype(np.float32)
    phase = np.arange(240)[None] / 60 + np.arange(300)[:, None] * 0.37
    film += 8 * np.sin(2 * np.pi * phase)[:, :, None]
    preparation, motion = prepared_motion(tmp_path, film.clip(0, 255).astype(np.uint8))
    assert preparation.rows
    assert alike(motion, fish) > 0.95


def test_the_mask_and_the_remarks_survive_saving(tmp_path):
    film = moving_disc(level=20, ground=100)
    mask = np.zeros((60, 80), bool)
    mask[:5] = True
    preparation = Preparation(True, "dark", mask=mask, remarks=["a clock"]).fit(film)
    preparation.save(tmp_path / "preparation.npz")
    loaded = Preparation.load(tmp_path / "preparation.npz")
    assert loaded.remarks == ["a clock"]
    assert np.array_equal(loaded.mask, mask)
    assert not loaded.apply(film)[:, :5].any()


def test_animals_that_differ_in_colour_only_are_seen(tmp_path, fish):
    """Reddish fish on a greenish ground of the very same gray."""
    rng = np.random.default_rng(0)
    share = (fish / 230)[..., None].astype(np.float32)
    ground, animal = np.float32([100, 130, 110]), np.float32([176, 93, 95])
    film = ground + share * (animal - ground) + rng.normal(0, 2, (*fish.shape, 1))
    path = write_video(tmp_path / "film.avi", film.clip(0, 255).astype(np.uint8))
    preparation = suggest_preparation(path)
    assert preparation.colour is not None
    assert "red" in preparation.reasons["colour"]
    read = np.concatenate(list(iter_frames(path, colour=preparation.colour)))
    assert alike(measure_motion(preparation.apply(read))[:-1], fish) > 0.95
    assert suggest_preparation(write_video(tmp_path / "gray.avi", fish)).colour is None
