"""Watching a film must show what a forecast over the whole film says, frame by frame."""

import json
import signal

import cv2
import numpy as np
import pytest

from fishlib import tank
from fishlib.__main__ import main
from fishlib.clips import motion_channels
from fishlib.facts import Facts
from fishlib.forecasters.networks import forecast_film
from fishlib.forecasters.rules import published_baseline
from fishlib.models import build_motion_convlstm, load_network, moments_of, save_network
from fishlib.motion import measure_motion
from fishlib.questions import suggest_min_range
from fishlib.streaming import LiveWindow, Seen, live_pictures, watch
from fishlib.streaming.live import LiveForecaster
from fishlib.video import probe, read_frames, shrink, write_video

N_FRAMES = 60


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A film, a small network with random weights, and what watching one with the other gives."""
    folder = tmp_path_factory.mktemp("watch")
    frames = tank.simulate_film(tank.TankConfig(), 1, N_FRAMES).frames
    film = write_video(folder / "film.avi", frames)
    network = build_motion_convlstm((3, 60, 80, 3))
    facts = Facts(30.0, moments_of(motion_channels()), (60, 80), motion_channels().mix)
    save_network(network, folder / "network.keras", facts)
    out = folder / "seen.mp4"
    result = watch(film, folder / "network.keras", out=out, threshold=0.0, progress=False)
    return folder, frames, network, result


def test_the_forecast_is_that_of_the_whole_film(watched):
    _, frames, network, result = watched
    clips = shrink(frames, (60, 80), "area")
    expected = forecast_film(network, clips, motion_channels())
    assert np.isfinite(expected).sum() > 20
    assert np.allclose(result["forecast"], expected, atol=1e-5, equal_nan=True)


def test_the_motion_is_that_of_the_film(watched):
    _, frames, _, result = watched
    assert np.array_equal(result["motion"], measure_motion(frames))


def test_an_alarm_is_followed_by_silence(watched):
    first = int(np.flatnonzero(np.isfinite(watched[3]["forecast"]))[0])
    assert watched[3]["alarms"].tolist() == [first]  # threshold 0; the horizon is 45 frames


def test_the_film_that_was_written_has_every_frame(watched):
    folder, frames, _, _ = watched
    info = probe(folder / "seen.mp4")
    assert info.n_frames == N_FRAMES
    shown = read_frames(folder / "seen.mp4", size=info.opened.shape)[30, :360, :480]
    enlarged = np.kron(frames[30], np.ones((3, 3)))[::2, ::2]  # 240x320 at one and a half
    assert np.corrcoef(shown.ravel(), enlarged.ravel())[0, 1] > 0.8


def test_an_ending_that_is_no_film_is_refused_before_anything_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("fishlib.streaming.probe", None)
    with pytest.raises(ValueError, match=r"w\.csv must end in one of"):
        watch("film.mp4", out=tmp_path / "w.csv")


def test_a_window_that_is_closed_ends_the_watch(watched):
    folder, _, _, whole = watched
    pictures = []

    def window(picture):
        pictures.append(picture)
        return len(pictures) < 40

    model = folder / "network.keras"
    result = watch(folder / "film.avi", model, window=window, progress=False)
    assert len(result["forecast"]) == len(pictures) == 40
    assert np.array_equal(result["forecast"], whole["forecast"][:40], equal_nan=True)


def test_nothing_shown_knows_the_future():
    """Pictures up to frame t are the same whatever comes after."""

    rng = np.random.default_rng(0)
    film = rng.integers(0, 80, (30, 240, 320), np.uint8)
    other = film.copy()
    other[20:] = 255
    shown = [
        list(live_pictures(iter(f), lambda one: one.mean() / 255, 30.0, 0.5, 45, Seen()))
        for f in (film, other)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(shown[0][:20], shown[1][:20], strict=True))
    assert not np.array_equal(shown[0][20], shown[1][20])


def test_the_motion_seen_is_that_which_follows_a_frame():
    seen = Seen()
    for motion in (0.0, 1.0, 2.0):
        seen.motion_before.append(motion)
    assert seen.results()["motion"].tolist() == [1.0, 2.0, 0.0]
    assert len(Seen().results()["motion"]) == 0


def test_a_window_shows_pictures_one_after_the_other():
    window = LiveWindow("test")
    assert window(np.zeros((40, 60, 3), np.uint8))
    assert window(np.full((40, 60, 3), 200, np.uint8))
    assert (window.image.get_array() == 200).all()


def test_networks_are_found_or_missed_with_a_sentence(tmp_path, published):
    with pytest.raises(FileNotFoundError, match=r"no network .*no.keras"):
        load_network(tmp_path / "no.keras")
    with pytest.raises(FileNotFoundError, match="or one of the published checkpoints"):
        load_network("no-such-network")
    live = LiveForecaster(load_network("upbeat-snowflake-91"), "streaming")
    assert live.layout.past == 120


class Camera:
    """A stand-in for a USB camera that plays the tank and then goes away."""

    def __init__(self, frames, at=None, do=None):
        self.frames, self.at, self.do = iter(frames), at, do
        self.n_read = 0

    def isOpened(self):
        return True

    def get(self, what):
        return 30.0

    def release(self):
        pass

    def read(self):
        if self.n_read == self.at:
            self.do()
        self.n_read += 1
        frame = next(self.frames, None)
        return frame is not None, frame


@pytest.fixture
def calls_camera(monkeypatch):
    def plug_in(camera):
        real = cv2.VideoCapture

        def open_it(what, *more):
            return camera if isinstance(what, int) else real(what, *more)

        monkeypatch.setattr(cv2, "VideoCapture", open_it)

    return plug_in


def test_ctrl_c_ends_the_watch_and_keeps_a_film_that_plays(watched, calls_camera, tmp_path):
    folder, frames, _, _ = watched
    calls_camera(Camera(frames, 40, lambda: signal.raise_signal(signal.SIGINT)))
    result = watch("0", folder / "network.keras", out=tmp_path / "kept.mp4", progress=False)
    assert 40 <= len(result["forecast"]) <= 41
    assert len(read_frames(tmp_path / "kept.mp4")) == len(result["forecast"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_camera_that_goes_away_is_named_and_its_film_kept(
    watched, calls_camera, tmp_path, capsys
):
    folder, frames, _, _ = watched
    calls_camera(Camera(frames[:45]))
    result = watch("0", folder / "network.keras", out=tmp_path / "kept.mp4", progress=False)
    assert "camera 0 sent no more pictures after 1.5 s" in capsys.readouterr().out
    assert len(read_frames(tmp_path / "kept.mp4")) == len(result["forecast"]) == 45


def test_a_camera_without_a_picture_is_refused(calls_camera):
    calls_camera(Camera([]))
    with pytest.raises(OSError, match="camera 3 gives no picture"):
        watch("3", "upbeat-snowflake-91", progress=False)


def test_a_network_camera_that_does_not_answer_is_named():
    address = "rtsp://127.0.0.1:9/cam1"
    with pytest.raises(OSError, match=f"{address} does not answer .*is the camera switched on"):
        watch(address, "upbeat-snowflake-91", progress=False)
    with pytest.raises(ValueError, match="is a stream's address and no film"):
        probe(address)


def test_a_file_is_that_film_whatever_its_name(watched, tmp_path, monkeypatch):
    folder, _, _, whole = watched
    monkeypatch.chdir(tmp_path)
    for name in ("0", "2023-05-11T10:30:00.avi", "a [1] {b} *.avi"):
        (tmp_path / name).write_bytes((folder / "film.avi").read_bytes())
        result = watch(name, folder / "network.keras", out="seen.mp4", minutes=0.02, progress=False)
        assert np.array_equal(result["motion"][:-1], whole["motion"][:35])


def test_without_a_network_the_published_baseline_forecasts_from_the_motion(tmp_path, capsys):
    film = write_video(tmp_path / "film.avi", tank.simulate_film(tank.TankConfig(), 1, 150).frames)
    result = watch(film, out=tmp_path / "new", progress=False)
    assert "published baseline forecasts, from the motion alone" in capsys.readouterr().out
    assert len(read_frames(tmp_path / "new" / "film-forecast.mp4")) == 150
    assert np.isnan(result["forecast"][:89]).all()
    c = suggest_min_range(result["motion"][:120])
    expected = published_baseline(result["motion"] / c * 1e-3)
    assert result["forecast"][125:149] == pytest.approx(expected[125:149], abs=1e-9)


def test_threshold_and_horizon_are_the_network_s_own(watched, tmp_path, capsys):
    folder = watched[0]
    facts = {"fps": 30, "size": [60, 80], "mix": motion_channels().mix, "threshold": 0.0}
    facts |= {"moments": moments_of(motion_channels()), "question": {"horizon": 0.2}}
    facts |= {"data": {"light": [1, 2, 3], "rate": [30, 30, 30]}}
    (tmp_path / "net.json").write_text(json.dumps(facts))
    arguments = ["--model", folder / "network.keras", "--facts", tmp_path / "net.json"]
    film = write_video(tmp_path / "film.avi", tank.simulate_film(tank.TankConfig(), 1, 160).frames)
    assert main(["watch", str(film), "--out", str(tmp_path), *map(str, arguments)]) == 0
    said = capsys.readouterr().out
    assert "24 alarms in 5.3 s" in said  # from frame 20 on, every 6 frames
    assert said.count("has seen no film like this: light ") == 1
