"""Films as containers store them: each must come out as a picture that a player would show."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fishlib.video import Account, iter_frames, probe, read_frames
from fishlib.video.stored import choose_clock


def square_at(t, height=48, width=64):
    """A white square on gray that moves a pixel a frame, near the top left; uint8 (h, w)."""
    frame = np.full((height, width), 60, np.uint8)
    frame[4:12, 6 + t % 40 : 14 + t % 40] = 220
    return frame


def encode(path, frames, codec="ffv1", layout="gray", rate=30, change=lambda stream: None, **mux):
    """Write frames; `change` may set up the stream before it is opened."""
    with av.open(str(path), "w", options=mux) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = layout
        change(stream)
        stored = {2: "gray16le"}.get(frames[0].itemsize, "gray")
        for t, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format=stored).reformat(format=layout)
            picture.pts, picture.time_base = t, Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def test_a_film_without_a_length_is_read_to_its_end(tmp_path):
    frames = [square_at(t) for t in range(75)]
    live = encode(tmp_path / "live.mkv", frames, live="1")
    raw = encode(tmp_path / "raw.h264", frames, "libx264", "yuv420p")
    for path in (live, raw):
        assert probe(path).n_frames == 75
        assert len(read_frames(path, size=(48, 64))) == 75
    assert np.array_equal(read_frames(live, size=(48, 64)), frames)


def test_a_film_trimmed_without_coding_begins_where_players_begin(tmp_path):
    """An edit list leaves out the first 40 of 120 frames, which are still stored."""
    frames = [square_at(t) for t in range(120)]
    whole = encode(tmp_path / "whole.mp4", frames, "libx264", "yuv420p")
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(whole)) as source, av.open(str(trimmed), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                late = round(40 / 30 / packet.time_base)
                packet.pts, packet.dts = packet.pts - late, packet.dts - late
                packet.stream = stream
                target.mux(packet)
    account = Account()
    shown = np.concatenate(list(iter_frames(trimmed, size=(48, 64), account=account)))
    assert np.abs(shown.astype(int) - frames[40:]).mean() < 2
    assert (account.borders, account.counts.total()) == ([], 0)


def test_gray_of_twelve_bits_by_its_format_is_not_white(tmp_path):
    frames = [square_at(t).astype(np.uint16) << 4 for t in range(12)]
    path = tmp_path / "deep.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", 30)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "gray12le"
        for frame in frames:
            deep = av.VideoFrame.from_ndarray(frame << 4, "gray16le").reformat(format="gray12le")
            container.mux(stream.encode(deep))
        container.mux(stream.encode(None))
    shown = read_frames(path, size=(48, 64))
    assert np.abs(shown.astype(int) - [square_at(t) for t in range(12)]).max() <= 1


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """A transport stream of 90 frames, as bytes."""
    path = tmp_path_factory.mktemp("stream") / "film.ts"
    grain = np.random.default_rng(0).integers(0, 30, (90, 120, 160), dtype=np.uint8)
    frames = [square_at(t, 120, 160) // 2 + grain[t] for t in range(90)]
    return encode(path, frames, "mpeg2video", "yuv420p").read_bytes()


def test_frames_that_the_decoder_calls_damaged_are_bridged(tmp_path, stream):
    data, path = bytearray(stream), tmp_path / "damaged.ts"
    for at in range(len(data) // 3, len(data) // 2, len(data) // 50):
        data[at : at + 20] = np.random.default_rng(at).bytes(20)
    path.write_bytes(data)
    with av.open(str(path)) as container:
        damaged = [frame.is_corrupt for frame in container.decode(video=0)]
    account = Account()
    assert sum(map(len, iter_frames(path, account=account))) == 90
    assert any(damaged)
    assert account.counts["frames_held"] == 90 - damaged.count(False)


def test_a_stream_that_ends_in_zeros_is_read_up_to_there(tmp_path, stream):
    path, half = tmp_path / "zeros.ts", len(stream) // 2
    path.write_bytes(stream[:half] + bytes(5 * half))
    assert 20 < len(read_frames(path)) < 90


def test_a_header_without_times_is_called_damaged():
    with pytest.raises(ValueError, match=r"damaged or cut short.*ffmpeg -i"):
        choose_clock([], [], Path("film.mp4"))


@pytest.mark.parametrize(("bits", "layout"), [(10, "gray16le"), (12, "gray16le"), (16, "gray16le")])
def test_gray_is_scaled_by_the_bits_that_are_used(tmp_path, bits, layout):
    frames = [square_at(t).astype(np.uint16) << (bits - 8) for t in range(12)]
    path = encode(tmp_path / "deep.mkv", frames, layout=layout)
    shown = read_frames(path, size=(48, 64))
    assert np.abs(shown.astype(int) - [square_at(t) for t in range(12)]).max() <= 1
    assert f"its pixels use {bits} bits" in probe(path).remarks()[0]


def test_ten_bits_of_an_encoder_are_not_dark(tmp_path):
    frames = [square_at(t) for t in range(12)]
    path = encode(tmp_path / "ten.mkv", frames, layout="yuv420p10le")
    assert np.abs(read_frames(path, size=(48, 64)).astype(int) - frames).max() <= 1
    assert probe(path).remarks() == []


def test_pixels_that_are_not_square_are_shown_in_their_shape(tmp_path):
    def widen(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)

    path = encode(tmp_path / "wide.mp4", [square_at(0)] * 5, "mpeg4", "yuv420p", change=widen)
    info = probe(path)
    assert info.opened.shape == (48, 64)
    assert info.box() == (60, 180, 0, 320)  # 128 x 48 as seen
    shown = read_frames(path)[0]
    square = np.argwhere(shown > 150)
    assert np.ptp(square, axis=0) + 1 == pytest.approx([8 * 2.5, 8 * 5], abs=3)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_film_that_is_to_be_turned_stands_upright(tmp_path, turned):
    def turn(stream):
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this version of PyAV writes no rotation")
        stream.set_display_rotation(turned)

    path = encode(tmp_path / "turned.mp4", [square_at(0)] * 5, "mpeg4", "yuv420p", change=turn)
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
    info = probe(path)
    upright = np.rot90(square_at(0), first.rotation // 90)
    assert info.opened.shape == upright.shape
    shown = read_frames(path, size=upright.shape)[0]
    assert np.abs(shown.astype(int) - upright).mean() < 4


def test_pictures_that_begin_after_the_sound_are_all_there(tmp_path):
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000)
        sound.layout = "mono"
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "gray"
        for second in range(60):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
            samples.sample_rate, samples.pts = 8000, 8000 * second
            container.mux(sound.encode(samples))
        for t in range(45):
            picture = av.VideoFrame.from_ndarray(square_at(t), format="gray")
            picture.pts, picture.time_base = 50 * 30 + t, Fraction(1, 30)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert probe(path).n_frames == 45
    assert np.array_equal(read_frames(path, size=(48, 64)), [square_at(t) for t in range(45)])


def test_half_pictures_are_made_whole(tmp_path):
    """A bar that moves fast, its even rows taken half a frame earlier than its odd ones."""
    frames = np.full((35, 576, 720), 60, np.uint8)
    for t, frame in enumerate(frames):
        for half in (0, 1):
            at = 40 + 16 * t + 8 * half
            frame[half::2, at : at + 60] = 220
    path = encode(tmp_path / "tape.dv", frames, "dvvideo", "yuv420p", rate=25)
    info = probe(path)
    assert info.opened.interlaced
    assert "half pictures" in info.remarks()[0]
    shown = read_frames(path, size=(576, 768), stop=20).astype(int)
    combed = np.abs(shown[5:15, 1:-1] - (shown[5:15, :-2] + shown[5:15, 2:]) / 2).mean()
    stored = np.abs(frames[5:15, 1:-1] - (frames[5:15, :-2] / 2 + frames[5:15, 2:] / 2)).mean()
    assert combed < stored / 4
    assert len(read_frames(path)) == 35
