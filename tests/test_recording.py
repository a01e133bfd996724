"""One path from every source to a prepared recording, cached, resumed, and the same each time."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import cv2
import moving_fish
import numpy as np
import pytest

from fishlib import splits, tank
from fishlib.motion import measure_motion
from fishlib.questions import find_onsets, suggest_min_range
from fishlib.recording import making as recording_making
from fishlib.recording import open_recording
from fishlib.recording.making import Making
from fishlib.spans import frames_in
from fishlib.tank.rendering import Painter
from fishlib.video import read_frames, shrink, write_video
from fishlib.video.frames import keep_every
from fishlib.video.stored import Stored

SETTINGS = {"progress": False}


@pytest.fixture(scope="module")
def film_frames():
    return tank.simulate_film(tank.TankConfig(), 3, 560).frames


@pytest.fixture(scope="module")
def film(tmp_path_factory, film_frames):
    """A lossless film of 560 frames, longer than two blocks."""
    return write_video(tmp_path_factory.mktemp("film") / "tank.avi", film_frames, 30)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, film):
    """The film's recording, made in one go."""
    return open_recording(film, cache_dir=tmp_path_factory.mktemp("whole"), **SETTINGS)


def test_a_simulated_recording_is_the_simulated_film(tmp_path):
    recording = open_recording(
        "simulated", cache_dir=tmp_path, seed=5, minutes=0.2, clip_size=(120, 160), **SETTINGS
    )
    expected = tank.simulate_film(tank.TankConfig(), 5, 360)
    assert np.array_equal(recording.frames, expected.frames[:, 1::2, 1::2])
    assert np.array_equal(recording.motion, measure_motion(expected.frames))
    assert np.array_equal(recording.truth.state, expected.tracks.state)
    assert np.array_equal(recording.excerpt(300, 310), expected.frames[300:310])
    assert (recording.fps, recording.repairs, recording.remarks) == (30.0, {}, [])


def test_a_late_stretch_of_the_tank_is_drawn_without_what_precedes_it(tmp_path, monkeypatch):
    recording = open_recording("simulated", cache_dir=tmp_path, seed=5, minutes=0.4, **SETTINGS)
    late = tank.simulate_film(tank.TankConfig(), 5, 720).frames[611:700]
    real, drawn = Painter.paint, []
    monkeypatch.setattr(Painter, "paint", lambda *given: (drawn.append(1), real(*given)))
    assert np.array_equal(recording.excerpt(611, 700), late)
    assert len(drawn) == 1
    monkeypatch.setattr(tank, "simulate_tracks", None)  # opened again, the tank is not simulated
    again = open_recording("simulated", cache_dir=tmp_path, seed=5, minutes=0.4, **SETTINGS)
    assert np.array_equal(again.excerpt(611, 700), late)


def test_a_film_file_gives_the_same_as_its_frames(whole, film_frames):
    assert np.array_equal(whole.frames, shrink(film_frames, (60, 80), "area"))
    assert np.array_equal(whole.motion, measure_motion(film_frames))
    assert np.array_equal(whole.excerpt(255, 260), film_frames[255:260])
    assert np.array_equal(whole.excerpt(550, 900), film_frames[550:])
    with pytest.raises(ValueError, match="has frames 0 to 559: frames 1000 to 560 are no stretch"):
        whole.excerpt(1000, 1002)
    assert whole.preparation.is_identity
    assert whole.truth is None
    assert not whole.frames.flags.writeable


def test_the_second_opening_reads_the_cache(film, whole, monkeypatch):
    monkeypatch.setattr("fishlib.recording.make_recording", None)
    again = open_recording(film, cache_dir=whole.folder.parent, **SETTINGS)
    assert again.folder == whole.folder
    assert np.array_equal(again.frames, whole.frames)


def test_the_key_follows_content_and_parameters_not_names(tmp_path, film):
    copy = tmp_path / film.name
    copy.write_bytes(film.read_bytes())
    options = {"cache_dir": tmp_path / "cache", "minutes": 0.1, **SETTINGS}
    first = open_recording(film, **options)
    assert open_recording(copy, **options).folder == first.folder
    assert len(first.frames) == 180
    larger = open_recording(film, clip_size=(120, 160), **options)
    assert larger.folder != first.folder
    assert np.array_equal(larger.frames, read_frames(film, stop=180)[:, 1::2, 1::2])
    inverted = open_recording(film, preparation={"polarity": "dark"}, **options)
    assert inverted.folder != first.folder


def test_a_preparation_made_by_hand_is_used(tmp_path, film, film_frames):
    by_hand = {"background": False, "noise_floor": 40}
    recording = open_recording(film, cache_dir=tmp_path, preparation=by_hand, **SETTINGS)
    cut = np.maximum(film_frames.astype(int) - 40, 0).astype(np.uint8)
    assert np.array_equal(recording.motion, measure_motion(cut))


def test_a_film_in_several_files_is_one_with_borders(tmp_path, film_frames, whole):
    ends = (0, 200, 330, 560)
    paths = [
        write_video(tmp_path / f"part {k}.avi", film_frames[a:b])
        for k, (a, b) in enumerate(pairwise(ends))
    ]
    source = os.pathsep.join(map(str, paths))
    options = {"cache_dir": tmp_path / "cache", "preparation": {"noise_floor": 0}, **SETTINGS}
    recording = open_recording(source, **options)
    assert np.array_equal(recording.frames, whole.frames)
    assert recording.pieces.stop.tolist() == [200, 330, 560]
    assert recording.pieces.ends.tolist()[:2] == ["its next file begins"] * 2
    assert recording.repairs == {"parts": 2}
    assert np.array_equal(recording.excerpt(320, 340), film_frames[320:340])
    assert recording.fingerprint != open_recording(paths[0], **options).fingerprint
    other = write_video(tmp_path / "other.avi", film_frames[:60, ::2, ::2])
    with pytest.raises(ValueError, match="are no parts of one film"):
        open_recording(os.pathsep.join(map(str, [paths[0], other])), **options)


def test_a_short_film_is_decoded_once_and_ends_as_a_longer_one(tmp_path, monkeypatch):
    seen = moving_fish.filmed(moving_fish.film(400, (60, 80), n_fish=3))
    path = write_video(tmp_path / "film.avi", seen, 30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])  # cut off
    real, reads = Stored.read, []
    monkeypatch.setattr(Stored, "read", lambda *given: (reads.append(1), real(*given))[1])
    once = open_recording(path, cache_dir=tmp_path / "once", **SETTINGS)
    assert len(reads) == 1
    monkeypatch.setattr(recording_making, "SHORT", 0)
    twice = open_recording(path, cache_dir=tmp_path / "twice", **SETTINGS)
    assert len(reads) == 3
    assert np.array_equal(once.frames, twice.frames) and np.array_equal(once.motion, twice.motion)
    assert once.repairs == twice.repairs != {}
    assert once.preparation.settings() == twice.preparation.settings()
    assert once.preparation.background and not once.preparation.is_identity


class Stop(Exception):
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("when", [1, 2])
def test_a_run_that_failed_goes_on_where_it_was(tmp_path, film, whole, monkeypatch, when):
    appended = []

    def failing(partial, *arguments):
        if len(appended) == when:
            raise Stop
        appended.append(1)
        real(partial, *arguments)

    real = Making.append
    monkeypatch.setattr(Making, "append", failing)
    with pytest.raises(Stop):
        open_recording(film, cache_dir=tmp_path / "cache", **SETTINGS)
    assert not list((tmp_path / "cache").glob("*/recording.json"))
    monkeypatch.setattr(Making, "append", real)
    resumed = open_recording(film, cache_dir=tmp_path / "cache", **SETTINGS)
    assert np.array_equal(resumed.frames, whole.frames)
    assert np.array_equal(resumed.motion, whole.motion)


def test_a_folder_with_gaps_goes_on_with_all_that_was_missing(tmp_path, film_frames, monkeypatch):
    numbers = [t for t in range(560) if t not in (20, 21) and not 100 <= t < 160]
    (tmp_path / "film").mkdir()
    for t in numbers:
        cv2.imwrite(str(tmp_path / "film" / f"{t}.png"), film_frames[t])
    options = {"fps": 30, **SETTINGS}
    sound = open_recording(tmp_path / "film", cache_dir=tmp_path / "sound", **options)
    real, appended = Making.append, []

    def failing(*given):
        if appended:
            raise Stop
        appended.append(1)
        real(*given)

    monkeypatch.setattr(Making, "append", failing)
    with pytest.raises(Stop):
        open_recording(tmp_path / "film", cache_dir=tmp_path / "cache", **options)
    monkeypatch.setattr(Making, "append", real)
    resumed = open_recording(tmp_path / "film", cache_dir=tmp_path / "cache", **options)
    assert resumed.repairs == sound.repairs
    assert (sound.repairs["missing_images"], sound.repairs["gaps"]) == (2, 1)
    assert resumed.pieces.equals(sound.pieces)
    assert np.array_equal(resumed.motion, sound.motion)


def test_an_unfinished_tank_goes_on_too(tmp_path, monkeypatch):
    options = {"seed": 5, "minutes": 0.4, **SETTINGS}
    sound = open_recording("simulated", cache_dir=tmp_path / "sound", **options)
    real, appended = Making.append, []

    def failing(partial, *arguments):
        if appended:
            raise Stop
        appended.append(1)
        real(partial, *arguments)

    monkeypatch.setattr(Making, "append", failing)
    with pytest.raises(Stop):
        open_recording("simulated", cache_dir=tmp_path / "cache", **options)
    monkeypatch.setattr(Making, "append", real)
    resumed = open_recording("simulated", cache_dir=tmp_path / "cache", **options)
    assert np.array_equal(resumed.frames, sound.frames)
    assert np.array_equal(resumed.motion, sound.motion)


def test_two_at_a_time_make_it_once(tmp_path, film, whole, monkeypatch):
    real, made = recording_making.make_recording, []

    def counting(*arguments):
        made.append(1)
        real(*arguments)

    monkeypatch.setattr("fishlib.recording.make_recording", counting)
    with ThreadPoolExecutor(2) as pool:
        opening = [
            pool.submit(open_recording, film, cache_dir=tmp_path, **SETTINGS) for _ in range(2)
        ]
    assert all(np.array_equal(o.result().frames, whole.frames) for o in opening)
    assert len(made) == 1


KILLED = """
import sys, time
from fishlib.recording import open_recording
from fishlib.recording.making import Making
real = Making.append
def slow(*arguments):
    real(*arguments)
    print("block", flush=True)
    time.sleep(0.3)
Making.append = slow
open_recording(sys.argv[1], cache_dir=sys.argv[2], progress=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="no kill signal on Windows")
@pytest.mark.parametrize("n_blocks", [0, 1, 2])
def test_a_killed_run_ends_like_one_that_was_not(tmp_path, film, whole, n_blocks):
    command = [sys.executable, "-c", KILLED, str(film), str(tmp_path / "cache")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(n_blocks):
            assert process.stdout.readline() == "block\n"
        if n_blocks == 0:
            time.sleep(0.5)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not list((tmp_path / "cache").glob("*/recording.json"))
    again = open_recording(film, cache_dir=tmp_path / "cache", **SETTINGS)
    assert np.array_equal(again.frames, whole.frames)
    assert np.array_equal(again.motion, whole.motion)
    left = sorted(path.name for path in again.folder.iterdir())
    assert left == sorted(path.name for path in whole.folder.iterdir())


def swim(fps, seconds=40, delay=0.0):
    """Four discs that swim slowly and dash now and then, seen at any rate; uint8 (T, 240, 320)."""
    rng = np.random.default_rng(5)
    fine = np.arange(int((seconds + 1) * 240)) / 240
    dashes = rng.uniform(2, seconds, (4, 6 * seconds // 40))
    speed = 18 + 250 * sum(np.exp(-(((fine - d[:, None]) / 0.25) ** 2)) for d in dashes.T)
    turn = np.cumsum(rng.normal(0, 0.05, speed.shape), axis=1)
    step = speed / 240 * np.stack([np.sin(turn), np.cos(turn)])
    path = np.abs((np.cumsum(step, axis=2) + rng.uniform(50, 200, (2, 4, 1))) % 400 - 200)
    rows, columns = np.mgrid[:240, :320]
    film = np.zeros((int(seconds * fps), 240, 320), np.uint8)
    for t, frame in enumerate(film):
        for y, x in np.add(path[:, :, round((t / fps + delay) * 240)].T, (20, 40)):
            near = slice(int(y) - 12, int(y) + 13), slice(int(x) - 12, int(x) + 13)
            squared = (rows[near] - y) ** 2 + (columns[near] - x) ** 2
            frame[near] = np.maximum(frame[near], 200 * np.exp(-((squared / 50) ** 2)))
    return film


@pytest.fixture(scope="module")
def at_thirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thirty")
    return open_recording(write_video(folder / "film.avi", swim(30)), cache_dir=folder, **SETTINGS)


def onset_times(motion, fps, min_rise):
    horizon = frames_in("horizon", fps)
    return find_onsets(motion, horizon, min_rise, fps).onset_s.to_numpy()


@pytest.mark.parametrize(("fps", "kept"), [(25, 25), (29.97, 29.97), (50, 25), (60, 30)])
def test_the_same_fish_have_the_same_onsets_at_any_rate(tmp_path, at_thirty, fps, kept):
    path = write_video(tmp_path / "film.avi", swim(fps), fps)
    recording = open_recording(path, cache_dir=tmp_path, **SETTINGS)
    assert recording.fps == pytest.approx(kept, rel=1e-3)
    assert len(recording.frames) == pytest.approx(40 * kept, abs=1)
    assert recording.motion.mean() == pytest.approx(at_thirty.motion.mean(), rel=0.03)
    min_rise = suggest_min_range(at_thirty.motion)
    expected = onset_times(at_thirty.motion, at_thirty.fps, min_rise)
    found = onset_times(recording.motion, recording.fps, min_rise)
    apart = np.abs(expected[:, None] - found)
    matched = (apart.min(axis=0) < 0.1).mean(), (apart.min(axis=1) < 0.1).mean()
    assert len(expected) > 10
    assert min(matched) >= 0.95
    assert any("is kept" in remark for remark in recording.remarks) == (fps > 45)


@pytest.fixture(scope="module")
def events_at_thirty():
    motion = measure_motion(swim(30, 120))
    return onset_times(motion, 30, suggest_min_range(motion)), suggest_min_range(motion)


@pytest.mark.parametrize(("fps", "delay"), [(30, 1 / 60), (25, 0), (29.97, 0), (50, 0), (60, 0)])
def test_nineteen_onsets_in_twenty_are_the_same_within_a_tenth_of_a_second(
    events_at_thirty, fps, delay
):
    expected, min_rise = events_at_thirty
    kept = fps / keep_every(fps)
    motion = measure_motion(swim(fps, 120, delay)[:: keep_every(fps)]) * kept / 30
    found = onset_times(motion, kept, min_rise) + delay
    assert len(expected) > 40
    apart = np.abs(expected[:, None] - found)
    for axis in (0, 1):
        assert (apart.min(axis=axis) < 0.1).mean() >= 0.95


def test_real_films_keep_their_own_clock(tmp_path, footage):
    recording = open_recording(footage / "zebrafish_8.avi", cache_dir=tmp_path, progress=False)
    assert recording.frames.shape == (501, 60, 80)
    assert recording.fps == pytest.approx(28.07)
    assert recording.preparation.polarity == "dark"
    assert recording.repairs == {}


def test_the_tank_is_split_once_and_a_film_in_five(whole, tmp_path):
    assert whole.truth is None
    assert whole.split(1) == splits.split_film(whole.pieces, len(whole.motion), whole.fps, 1)
    long = replace(whole, motion=np.zeros(18_000), pieces=splits.whole(18_000))
    assert len(long.split()) == 5
    assert len(replace(long, truth=object()).split()) == 1
