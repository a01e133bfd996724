"""Films as they come: each defect ends in its sentence, or in a repair that is counted."""

import shutil
import struct
from dataclasses import replace
from pathlib import Path

import av
import cv2
import moving_fish
import numpy as np
import pytest

from fishlib import tank
from fishlib.motion import measure_motion
from fishlib.recording import open_recording
from fishlib.recording.repairs import (
    count_animals,
    describe_repairs,
    find_cuts,
    find_rhythm,
    find_still,
    spread_repeats,
)
from fishlib.video import probe, read_frames, read_stretches, shrink, write_video

N_FRAMES = 120


@pytest.fixture(scope="module")
def frames():
    return tank.simulate_film(tank.TankConfig(), 4, N_FRAMES).frames


@pytest.fixture(scope="module")
def films(tmp_path_factory, frames):
    """The same sound film in two containers."""
    folder = tmp_path_factory.mktemp("films")
    return {ending: write_video(folder / f"film.{ending}", frames) for ending in ("avi", "mp4")}


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Open films of a second or more, with a cache in which nothing half-made may remain."""
    monkeypatch.setattr("fishlib.recording.source.LEAST_SECONDS", 1.0)

    def open_it(path):
        fps = 30 if path.is_dir() else None
        return open_recording(path, cache_dir=tmp_path / "cache", progress=False, fps=fps)

    yield open_it
    for folder in (tmp_path / "cache").glob("*"):
        assert folder.suffix in (".part", ".lock") or (folder / "recording.json").exists()


def copy_with(path, target, change):
    data = bytearray(path.read_bytes())
    target.write_bytes(change(data) or data)
    return target


def image_folder(folder, frames, numbers=None):
    folder.mkdir()
    for number, frame in zip(numbers or range(len(frames)), frames, strict=True):
        cv2.imwrite(str(folder / f"{number}.png"), frame)
    return folder


def test_nothing_there(opened, tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist: give the path of a film"):
        opened(tmp_path / "no.mp4")


def test_zero_length(opened, tmp_path):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(ValueError, match=r"empty.mp4 is empty \(0 bytes\)"):
        opened(tmp_path / "empty.mp4")


def test_not_a_video(opened, tmp_path):
    (tmp_path / "notes.mp4").write_text("minutes of the meeting\n" * 100)
    with pytest.raises(ValueError, match=r"notes.mp4 cannot be opened as a film: it is no video"):
        opened(tmp_path / "notes.mp4")


def test_header_missing_because_the_film_is_cut_off(opened, films, tmp_path):
    cut = copy_with(films["mp4"], tmp_path / "cut.mp4", lambda data: data[: len(data) // 2])
    with pytest.raises(ValueError, match="its header is damaged or cut off"):
        opened(cut)


def test_truncated_film_is_used_up_to_where_it_ends(opened, films, frames, tmp_path):
    cut = copy_with(films["avi"], tmp_path / "cut.avi", lambda data: data[: len(data) * 6 // 10])
    recording = opened(cut)
    lost = N_FRAMES - len(recording.frames)
    assert recording.repairs == {"undecoded_frames": lost}
    assert recording.remarks == describe_repairs({"undecoded_frames": lost})
    assert np.array_equal(
        recording.motion[:-1], measure_motion(frames)[: len(recording.motion) - 1]
    )


def test_a_frame_behind_the_end_of_a_cut_film_is_said(films, tmp_path):
    cut = copy_with(films["avi"], tmp_path / "cut.avi", lambda data: data[: len(data) * 6 // 10])
    with pytest.raises(ValueError, match="has no frame from frame 110 on"):
        read_frames(cut, start=110, seek=True)
    stretches = list(read_stretches(replace(probe(cut), n_frames=5000), [0, 30, 2000], 6))
    assert [len(stretch) for stretch in stretches] == [6, 6]


def test_corrupt_film_says_how_much_is_lost(opened, films, tmp_path):
    def damage(data):
        middle = len(data) // 2
        data[middle : middle + 20_000] = np.random.default_rng(0).bytes(20_000)

    recording = opened(copy_with(films["avi"], tmp_path / "damaged.avi", damage))
    assert recording.repairs["undecoded_frames"] == N_FRAMES - len(recording.frames) > 2
    assert "did not come out of the decoder" in " ".join(recording.remarks)


@pytest.mark.parametrize("name", ["film.txt", "film.png", "film"])
def test_wrong_extension_does_not_matter(opened, films, frames, tmp_path, name):
    shutil.copy(films["avi"], tmp_path / name)
    assert np.array_equal(opened(tmp_path / name).motion, measure_motion(frames))


def test_a_single_image_is_too_short(opened, frames, tmp_path):
    cv2.imwrite(str(tmp_path / "still.png"), frames[0])
    with pytest.raises(ValueError, match=r"still.png has 1 frames"):
        opened(tmp_path / "still.png")


def test_shorter_than_window_and_horizon(films, tmp_path):
    with pytest.raises(ValueError, match=r"has 120 frames \(4.0 s at 30 fps\).* need 165"):
        open_recording(films["avi"], cache_dir=tmp_path)


def test_frames_of_different_sizes(opened, frames, tmp_path):
    folder = image_folder(tmp_path / "sizes", frames[:60])
    cv2.imwrite(str(folder / "41.png"), frames[41, :200])
    with pytest.raises(ValueError, match=r"41.png has 200 rows x 320 columns, but 0.png has 240"):
        opened(folder)


def test_a_damaged_image_is_named(opened, frames, tmp_path):
    folder = image_folder(tmp_path / "damaged", frames[:60])
    (folder / "17.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"17.png cannot be read as an image"):
        opened(folder)


def test_images_that_are_no_frames_are_left_out_and_said(opened, frames, tmp_path):
    folder = image_folder(tmp_path / "frames", frames[:60], [f"img_{t}" for t in range(60)])
    (folder / "img_30.png").unlink()
    (folder / "img_30.png").symlink_to(tmp_path / "gone.png")
    cv2.imwrite(str(folder / "background.png"), frames[0])
    cv2.imwrite(str(folder / "thumb.jpg"), frames[0, ::8, ::8])
    (folder / "notes.txt").write_text("lit from below")
    recording = opened(folder)
    assert recording.repairs["missing_images"] == 1
    assert recording.remarks[0].startswith("3 images are left out, such as background.png")
    shown = shrink(frames[[*range(30), 29, *range(31, 60)]], (60, 80), "area")
    assert np.array_equal(recording.frames, shown)


def test_a_folder_without_images(opened, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no image"):
        opened(tmp_path / "empty")


def test_missing_frames_are_held_and_counted(opened, frames, tmp_path):
    numbers = [n for n in range(60) if n not in (20, 21, 40)]
    recording = opened(image_folder(tmp_path / "gaps", frames[numbers], numbers))
    assert recording.repairs["missing_images"] == 3
    standing_in = frames[[n if n in numbers else {20: 19, 21: 19, 40: 39}[n] for n in range(60)]]
    assert np.array_equal(recording.frames, shrink(standing_in, (60, 80), "area"))
    motion = measure_motion(standing_in)  # motion after a gap is shared by the frames it spans
    assert recording.motion[21] == pytest.approx(motion[21] / 3)
    assert recording.motion[19] == recording.motion[20] == motion[18]


def test_a_long_gap_is_missing_time(opened, frames, tmp_path):
    numbers = [*range(40), *range(80, 120)]
    recording = opened(image_folder(tmp_path / "gap", frames[numbers], numbers))
    assert len(recording.frames) == 80
    assert recording.repairs == {"gaps": 1}
    assert recording.pieces.seconds.tolist() == pytest.approx([0, 80 / 30])
    assert recording.pieces.stop.tolist() == [40, 80]
    assert recording.motion[39] == recording.motion[38]


def test_numbers_that_step_by_five_have_no_gap(opened, frames, tmp_path):
    folder = image_folder(tmp_path / "steps", frames[:60], range(0, 300, 5))
    assert opened(folder).repairs == {}


def slow_down(path, target, steps):
    """Rewrite the table of frame durations of an mp4: steps of (number of frames, ticks)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"stts")
    (size,) = struct.unpack_from(">I", data, at - 4)
    table = struct.pack(">II", 0, len(steps)) + b"".join(struct.pack(">II", *s) for s in steps)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        place = data.index(name) - 4
        (length,) = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", data, place, length + 8 + len(table) - size)
    data[at + 4 : at + size - 4] = table
    target.write_bytes(data)
    return target


def test_variable_frame_rate_is_put_on_a_regular_clock(opened, films, tmp_path):
    tick = 512  # of 15360 a second: one frame at 30 fps
    steps = [(40, tick), (1, 3 * tick), (39, tick), (1, 2 * tick), (39, tick)]
    recording = opened(slow_down(films["mp4"], tmp_path / "variable.mp4", steps))
    assert recording.fps == pytest.approx(30)
    assert recording.repairs["frames_held"] == 3
    constant = shrink(read_frames(films["mp4"]), (60, 80), "area")
    assert np.array_equal(recording.frames[:41], constant[:41])
    assert np.array_equal(recording.frames[43:83], constant[41:81])
    assert "missing on the film's clock" in " ".join(recording.remarks)


def test_duplicate_frames_are_counted_and_their_motion_spread(opened, frames, tmp_path):
    doubled = write_video(tmp_path / "doubled.avi", np.repeat(frames[:60], 2, axis=0))
    recording = opened(doubled)
    assert recording.repairs == {"repeated_frames": 59}  # the first repeat has none before it
    true = measure_motion(frames[:60])
    assert recording.motion[1:-2:2] == pytest.approx(np.r_[true[0], true[1:-1] / 2])


def test_bursts_of_lost_frames_are_no_bursts_of_motion(opened, tmp_path, swimming, sound_motion):
    """A camera loses twelve frames in a row, twice; its time stamps tell."""
    kept = np.ones(300, bool)
    kept[60:72] = kept[180:192] = False
    path = tmp_path / "lossy.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", 30)
        stream.height, stream.width, stream.pix_fmt = 240, 320, "gray"
        for t in np.flatnonzero(kept):
            picture = av.VideoFrame.from_ndarray(swimming[t], "gray")
            picture.pts = int(t)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    recording = opened(path)
    assert recording.repairs == {"frames_held": 24, "repeated_frames": 24}
    assert np.corrcoef(recording.motion[:-1], sound_motion[:-1])[0, 1] > 0.9
    for first in (59, 179):  # no leap where they come back
        around = sound_motion[first - 2 : first + 15]
        assert recording.motion[first : first + 14].max() < 2 * around.max()


def test_standstills_are_no_repeats():
    motion = np.array([0.2, 0, 0, 0, 0, 0.2, 0.1, 0])
    repeats = np.array([0, 1, 1, 1, 1, 0, 0, 0], bool)
    mended, count = spread_repeats(motion, repeats)
    assert np.array_equal(mended, motion)
    assert count == 0


def test_standstills_that_end_in_leaps_are_repeats():
    motion = np.array([0.2, 0, 0, 0, 0, 1.0, 0.2, 0.2])
    repeats = np.array([0, 1, 1, 1, 1, 0, 0, 0], bool)
    assert spread_repeats(motion, repeats, 30)[0] == pytest.approx(np.full(8, 0.2))
    assert np.array_equal(spread_repeats(motion, repeats, 3)[0], motion)


def test_a_cut_in_the_middle_is_found_and_mended(opened, tmp_path):
    long = tank.simulate_film(tank.TankConfig(), 4, 1200).frames
    recording = opened(write_video(tmp_path / "cut.avi", np.concatenate([long[:70], long[-70:]])))
    assert recording.pieces.start.tolist() == [0, 70]
    assert recording.pieces.ends.tolist() == ["a cut", "the film ends"]
    assert recording.repairs == {"cuts": 1}
    assert recording.motion[69] == recording.motion[68]
    raw = measure_motion(np.concatenate([long[69:70], long[-70:-69]]))[0]
    assert raw > 2 * recording.motion[66:73].max()


@pytest.fixture(scope="module")
def swimming():
    """Ten seconds of dark fish on a lit ground, with a camera's noise."""
    return moving_fish.filmed(moving_fish.film(300, (240, 320), seed=3))


@pytest.fixture(scope="module")
def sound_motion(tmp_path_factory, swimming):
    folder = tmp_path_factory.mktemp("sound")
    path = write_video(folder / "sound.avi", swimming)
    return open_recording(path, cache_dir=folder, progress=False).motion


def test_dark_stretches_are_outside_the_pieces(opened, tmp_path, swimming, sound_motion):
    film = swimming.copy()
    film[:45] = 3
    film[120:150] = 3
    recording = opened(write_video(tmp_path / "dark.avi", film))
    assert recording.preparation.polarity == "dark"
    assert recording.pieces.start.tolist() == [45, 150]
    assert recording.pieces.stop.tolist() == [120, 300]
    assert recording.pieces.ends.tolist() == ["darkness", "the film ends"]
    assert recording.pieces.seconds.tolist() == [1.5, 5.0]
    assert recording.repairs == {"dark_frames": 75}
    assert "(at 0.0 s for 1.5 s, at 4.0 s for 1.0 s)" in recording.remarks[0]
    lit = np.r_[45:119, 150:299]
    assert np.corrcoef(recording.motion[lit], sound_motion[lit])[0, 1] > 0.99
    assert recording.motion[lit].mean() == pytest.approx(sound_motion[lit].mean(), rel=0.1)


def test_a_picture_that_stands_still_is_missing_time(opened, tmp_path, swimming):
    film = swimming.copy()
    film[101:160] = film[100]
    recording = opened(write_video(tmp_path / "frozen.avi", film))
    assert recording.repairs["still_frames"] == 59
    assert recording.pieces.start.tolist() == [0, 160]
    assert recording.pieces.stop.tolist() == [101, 300]


def test_animals_that_rest_are_no_still_picture():
    same = np.ones(900)
    same[::40] = 0.999  # in a film without noise they stir now and then
    same[300:400] = 0.99
    assert not find_still(same, 30).any()


def test_torn_and_flashed_frames_are_bridged(opened, tmp_path, swimming, sound_motion):
    film = swimming.copy()
    film[50] = np.roll(film[50], 64, axis=1)
    film[90, 150:] = 128
    film[200] = 255
    recording = opened(write_video(tmp_path / "torn.avi", film))
    assert recording.repairs == {"torn_frames": 3}
    stands_still = (recording.frames[1:] == recording.frames[:-1]).all(axis=(1, 2))
    assert np.flatnonzero(stands_still).tolist() == [49, 89, 199]
    assert np.corrcoef(recording.motion[:-1], sound_motion[:-1])[0, 1] > 0.99
    exact = recording.excerpt(50, 92)
    assert np.array_equal(exact[0], recording.excerpt(49, 50)[0])
    assert np.array_equal(shrink(exact, (60, 80), "area"), recording.frames[50:92])


def test_pictures_damaged_in_a_row_are_outside_the_pieces(opened, tmp_path, swimming, sound_motion):
    film = swimming.copy()
    film[100:106, :120] = np.random.default_rng(0).integers(0, 256, (6, 120, 320))
    recording = opened(write_video(tmp_path / "wild.avi", film))
    assert recording.repairs == {"wild_frames": 6}
    assert recording.pieces.start.tolist() == [0, 106]
    assert recording.pieces.stop.tolist() == [100, 300]
    sound = np.r_[:99, 106:299]
    assert np.corrcoef(recording.motion[sound], sound_motion[sound])[0, 1] > 0.99


def test_a_film_of_nothing_but_damage_says_so(opened, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 120, 160), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"change by \d+ grey levels .*: it is damaged"):
        opened(write_video(tmp_path / "noise.avi", noise))


@pytest.mark.parametrize(("every", "n_repeats"), [(2, 150), (6, 50)])
def test_frames_doubled_before_lossy_coding_are_found_by_their_rhythm(every, n_repeats):
    rng = np.random.default_rng(0)
    change = rng.gamma(4, 1e-4, 300)
    raw = 1 + 1000 * change
    places = np.arange(300) % every == every - 1
    change[places] *= 0.01  # not 0: compression leaves a trace
    raw[places] *= 0.1
    found = find_rhythm(raw, change, 30)
    assert abs(found.sum() - n_repeats) <= n_repeats // 10
    assert not (found & ~places).any()
    assert not find_rhythm(raw, rng.gamma(4, 1e-4, 300), 30).any()


def test_bursts_and_jumps_are_no_cuts(footage):
    frames = read_frames(footage / "flies_2.mp4", stop=900)
    assert find_cuts(measure_motion(frames), shrink(frames, (60, 80), "area")).size == 0
    film = tank.simulate_film(tank.TankConfig(), 6, 1500).frames
    assert find_cuts(measure_motion(film), shrink(film, (60, 80), "area")).size == 0


def test_no_motion_at_all(opened, frames, tmp_path):
    still = write_video(tmp_path / "still.avi", np.repeat(frames[:1], 100, axis=0))
    with pytest.raises(ValueError, match=r"nothing moves in .*still.avi"):
        opened(still)


def test_noise_is_no_motion(opened, tmp_path):
    rng = np.random.default_rng(0)
    noise = np.clip(np.rint(100 + 2 * rng.standard_normal((100, 240, 320))), 0, 255)
    path = write_video(tmp_path / "noise.avi", noise.astype(np.uint8))
    with pytest.raises(ValueError, match=r"nothing moves in .*noise.avi.* times the noise"):
        opened(path)


def test_a_single_animal_is_said(opened, tmp_path):
    alone = tank.simulate_film(tank.TankConfig(n_fish=1), 0, 300).frames
    recording = opened(write_video(tmp_path / "alone.avi", alone))
    assert recording.remarks == [
        "only one animal is seen to move: its bursts can be forecast, but none of them is a chase."
    ]


@pytest.mark.parametrize("n_fish", [1, 2, 6])
def test_animals_are_counted(n_fish):
    film = tank.simulate_film(tank.TankConfig(n_fish=n_fish), 1, 600).frames
    clips = shrink(film, (60, 80), "area")
    assert count_animals(clips) == n_fish
    resting = np.repeat(clips[:1], 2000, axis=0)  # for most of the film
    assert count_animals(np.concatenate([resting, clips])) == n_fish


def test_a_full_disk_is_said_and_what_is_done_is_kept(opened, films, frames, monkeypatch):
    resource = pytest.importorskip("resource", reason="no file size limits on this system")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"cannot be written .* free some space"):
            opened(films["avi"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert np.array_equal(opened(films["avi"]).motion, measure_motion(frames))


def test_too_little_space_is_said_at_once(opened, films, monkeypatch):
    usage = shutil._ntuple_diskusage(1000, 1000, 0)
    monkeypatch.setattr("fishlib.files.shutil.disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="0 MB free, but the recording needs 1 MB"):
        opened(films["avi"])


def test_an_unreadable_disk_is_said(opened, films, monkeypatch):
    real = Path.open

    def failing(path, *arguments, **options):
        if path.name == "film.avi":
            raise OSError(5, "Input/output error")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(OSError, match=r"film.avi cannot be read \(Input/output error\): check"):
        opened(films["avi"])


def test_a_full_disk_leaves_no_half_written_video(frames, tmp_path):
    resource = pytest.importorskip("resource", reason="no file size limits on this system")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OSError, match="could not be written"):
            write_video(tmp_path / "full.avi", frames)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
