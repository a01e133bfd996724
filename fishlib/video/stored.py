"""Stored films, decoded by PyAV into small gray frames on a regular clock; and films written."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain, islice, takewhile
from pathlib import Path

import av
import cv2
import numpy as np

from fishlib.files import write_atomically
from fishlib.video.frames import (
    Account,
    Box,
    content_box,
    fit_frame,
    keep_every,
    on_clock,
    remark_on_bits,
    to_eight_bits,
    white_of,
)

CODECS = {
    ".webm": ("libvpx", "yuv420p", dict(crf="10", b="2M", deadline="realtime", threads="1")),
    ".mp4": ("libx264", "yuv420p", {"crf": "20", "preset": "superfast", "bf": "0"}),
    ".avi": ("ffv1", None, {}),
    ".mkv": ("ffv1", None, {}),
}
"""Encoder, kind of picture (None: as it comes) and options of each ending. Where cores are busy,
VP8's threads would mostly wait for each other."""
N_FIRST, N_STAMPS = 30, 300  # frames and time stamps at the start that tell how a film is stored
GRAY = "gray"
NEAR = 120  # frames up to which reading on is faster than jumping


def is_address(source: str | Path) -> bool:
    """Whether this is a network stream's address, such as rtsp://…, and no file of that name."""
    return bool(re.match(r"[a-z][a-z0-9+.-]+://", str(source))) and not Path(source).exists()


def open_film_file(path: Path) -> av.container.InputContainer:
    """Open a film whatever is in its name, or say in one sentence why it is none."""
    try:
        with path.open("rb") as opened:
            empty = not opened.read(1)
    except OSError as error:
        raise OSError(
            f"{path} cannot be read ({error.strerror or error}): check its permissions and the "
            "disk, or copy it to another one."
        ) from error
    if empty:
        raise ValueError(f"{path} is empty (0 bytes): copy or record the film again.")
    try:
        container = av.open(f"file:{path}")
    except av.error.FFmpegError as error:
        raise ValueError(
            f"{path} cannot be opened as a film: it is no video, or its header is damaged or cut "
            "off. Check that it plays, and re-encode or copy it again."
        ) from error
    if not container.streams.video:
        container.close()
        raise ValueError(
            f"{path} holds no picture, only sound or data, or its header is damaged: choose "
            "another file, or copy it again."
        )
    container.streams.best("video").thread_type = "AUTO"
    return container


def decode(container) -> Iterator[av.VideoFrame]:
    """Decode the best picture stream from here to its end, passing over damaged packets.

    What does not come out leaves a hole in the time stamps, which the clock fills and counts.
    """
    packets = container.demux(container.streams.best("video"))
    while True:
        try:
            packet = next(packets)
        except (StopIteration, BlockingIOError, av.error.EOFError, av.error.InvalidDataError):
            return  # the end, or where the file is cut off
        with suppress(av.error.InvalidDataError):
            yield from packet.decode()


class Stored:
    """How a film is stored, from its header, its time stamps and its first frames.

    Parameters
    ----------
    path : Path
    fps : float, optional
        Its frames a second, given by hand: its time stamps are then not looked at.

    Attributes
    ----------
    n_frames : int
        Frames on the film's own clock, as announced or counted.
    fps : float
        Of the clock that is believed.
    own_fps, begins : float
        Of the film's time stamps: their rate, and the first one in seconds.
    shape : (int, int)
        Rows and columns of the picture as it is shown upright, in stored pixels.
    aspect : float
        Width of a pixel divided by its height.
    turned : int
        Degrees counter-clockwise by which the picture must be turned to stand upright.
    interlaced : bool
    white : int or None
        The value that counts as white where gray is stored with more than 8 bits.
    seekable : bool
        Whether frames carry time stamps, by which they can be jumped to.
    near : float
        Frames up to which reading on is faster than jumping.
    remarks : list of str
        What a reader must know of how it is stored.

    Raises
    ------
    ValueError
        It is no film, or not one frame of it can be decoded.
    """

    def __init__(self, path: Path, fps: float | None = None) -> None:
        self.path, self.by_hand = path, fps is not None
        with open_film_file(path) as container:
            stream = container.streams.best("video")
            stamps = _stamps(container, stream)
            rates = [float(r) for r in (stream.average_rate, stream.guessed_rate, fps) if r]
            self.own_fps, self.begins = choose_clock(rates, stamps, path)
            n_frames = _count_frames(container, stream, self.own_fps, self.begins)
            n_pictures, aspect = (
                len(container.streams.video),
                float(stream.sample_aspect_ratio or 1),
            )
        self.fps = fps or self.own_fps
        with open_film_file(path) as container:
            frames = decode(container)
            first = next(frames, None)
            if first is None:
                raise ValueError(
                    f"{path} opens as a film but not one frame of it can be decoded: it is damaged "
                    "or cut short. Copy it again from where it was recorded."
                )
            following = islice(frames, N_FIRST - 1)
            interlaced = [frame.interlaced_frame for frame in chain([first], following)]
        self.n_frames = max(n_frames or _count_packets(path), len(interlaced))
        self.seekable = stamp_of(first) is not None and len(stamps) > 1
        self.near = NEAR if self.seekable else np.inf
        self.interlaced = sum(interlaced) > len(interlaced) / 2
        self.turned, across = first.rotation % 360, first.rotation % 180 != 0
        self.shape = (first.width, first.height) if across else (first.height, first.width)
        self.aspect = 1 / aspect if across else aspect
        deep = first.format.name.startswith(GRAY) and first.format.components[0].bits == 16
        self.white = _white(path) if deep else None
        self.remarks = remark_on_bits(self.white)
        if self.interlaced:
            self.remarks.append("it is interlaced; whole pictures were made of its half pictures.")
        if n_pictures > 1:
            self.remarks.append(
                f"it holds {n_pictures} streams of pictures; the one that players show is read."
            )

    def read(
        self, size, region: Box, start: int, account: Account, seek: bool, colour: bool
    ) -> Iterator[np.ndarray]:
        """Yield the frames kept from `start` on, counted in these; see `iter_frames`."""
        shaper, step, first = Shaper(self, size, region, colour), keep_every(self.fps), 0
        with open_film_file(self.path) as container:
            timed = _enter(container, self, start * step) if seek else None
            if timed is None:
                timed = _timed(container, self, self.by_hand)
            else:
                first = start
            kept = on_clock(timed, self.fps, account, step, first)
            yield from map(shaper, islice(kept, start - first, None))


def stamp_of(frame: av.VideoFrame) -> float | None:
    """Seconds at which a frame is shown, as stored; None if the film does not say."""
    ticks = frame.pts if frame.pts is not None else frame.dts
    return None if ticks is None or frame.time_base is None else float(ticks * frame.time_base)


def _stamps(container, stream) -> list[float]:
    """Time stamps of the first frames, in order, from the packets alone."""
    packets, stamps = takewhile(lambda packet: packet.size, container.demux(stream)), []
    with suppress(av.error.FFmpegError):  # what comes before the damage must do
        shown = (one for one in packets if one.pts is not None and not one.is_discard)
        for packet in islice(shown, N_STAMPS):
            stamps.append(float(packet.pts * packet.time_base))
    return sorted(stamps)


def _count_frames(container, stream, fps: float, begins: float) -> int:
    """Frames announced by the stream's header or its last time stamp; 0 if there is neither."""
    if container.format.name == "avi" and stream.frames:  # its frames are all of one length
        return stream.frames
    alone = len(container.streams) == 1  # or the length may be that of the sound
    if stream.duration and (stream.frames or alone):
        return round(float(stream.duration * stream.time_base) * fps)
    if container.duration:
        with suppress(av.error.FFmpegError, ValueError):
            end = int(container.duration / av.time_base / stream.time_base)
            container.seek(end, stream=stream)
            last = max(packet.pts for packet in container.demux(stream) if packet.pts is not None)
            return round((float(last * stream.time_base) - begins) * fps) + 1
    return 0


def _white(path: Path) -> int:
    """The value that counts as white in gray of more than 8 bits, from the first frames."""
    with open_film_file(path) as container:
        frames = islice(decode(container), N_STAMPS)
        return white_of(max(int(frame.to_ndarray().max()) for frame in frames))


def _count_packets(path: Path) -> int:
    with open_film_file(path) as container, suppress(av.error.FFmpegError):
        return sum(packet.size > 0 for packet in container.demux(container.streams.best("video")))
    return 0


def choose_clock(rates: list[float], stamps: list[float], path: Path) -> tuple[float, float]:
    """Frames per second and the time of tick 0: as stated, unless the time stamps contradict it.

    Time stamps are steady when four steps in five are equal: then a stated rate that is within
    2 % of them is believed, else theirs is taken. Uneven time stamps give the clock whose ticks
    they keep closest to.

    Raises
    ------
    ValueError
        Neither the header nor the time stamps give a rate.
    """
    plausible = [rate for rate in rates if 0.1 <= rate <= 2000]
    steps = np.diff(stamps)
    if len(steps) < 2 or np.median(steps) <= 0:
        if not plausible:
            raise ValueError(
                f"{path} states no frame rate and no time stamps: it is damaged or cut short. "
                "Copy it again, repair it with ffmpeg -i FILM -c copy NEW, or give fps, its "
                "frames a second."
            )
        return plausible[-1], stamps[0] if stamps else 0.0
    usual = np.abs(steps - np.median(steps)) <= 0.0025
    if usual.mean() >= 0.8:
        measured = float(1 / steps[usual].mean())
        stated = next((r for r in plausible if abs(r / measured - 1) <= 0.02), measured)
        return stated, stamps[0]
    since = np.array(stamps) - stamps[0]
    clocks = np.linspace(0.8, 1.25, 4501) / np.median(steps)
    turns = np.exp(2j * np.pi * clocks[:, None] * since).mean(axis=1)
    best = np.abs(turns).argmax()
    late = np.angle(turns[best]) / (2 * np.pi * clocks[best])
    return float(clocks[best]), float(stamps[0] + late)


class Shaper:
    """Turns, crops, shrinks and grays decoded frames, each in one pass of FFmpeg's filters.

    Parameters
    ----------
    stored : Stored
    size : (int, int)
        Of the frames delivered; what the picture does not cover stays black.
    region : (y0, y1, x0, x1)
        What to show, in stored pixels of the upright picture.
    colour : bool
        Deliver red, green and blue, uint8 (H, W, 3), instead of gray.
    """

    def __init__(self, stored: Stored, size, region: Box, colour: bool = False) -> None:
        self.stored, self.size, self.region, self.colour = stored, size, region, colour
        self.kind, self.graph = None, None

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """A decoded frame as uint8 (H, W) or (H, W, 3)."""
        kind = frame.height, frame.width, frame.format.name
        if kind != self.kind:
            if self.kind is not None and kind[:2] != self.kind[:2]:
                raise ValueError(
                    f"{self.stored.path} changes its frame size from {self.kind[0]} x "
                    f"{self.kind[1]} to {kind[0]} x {kind[1]}: cut the film there or re-encode it "
                    "at one size."
                )
            self.kind, self.graph = kind, build_graph(frame, self._chain())
        self.graph.push(frame)
        image = to_eight_bits(self.graph.pull().to_ndarray(), self.stored.white or 65535)
        return fit_frame(image, self.size)

    def _chain(self) -> list[tuple[str, str | None]]:
        y0, y1, x0, x1 = self.region
        height, width = y1 - y0, x1 - x0
        top, bottom, left, right = content_box(height, width * self.stored.aspect, self.size)
        rows, columns = bottom - top, right - left
        steps = [("transpose", "cclock")] * (self.stored.turned // 90)
        if (height, width) != self.stored.shape:
            steps.append(("crop", f"{width}:{height}:{x0}:{y0}:exact=1"))
        how = "area" if rows <= height else "bilinear"
        scale = f"{columns}:{rows}:flags={how}+accurate_rnd:sws_dither=none:out_range=full"
        kind = "rgb24" if self.colour else GRAY if self.stored.white is None else "gray16le"
        return [*steps, ("scale", scale), ("format", kind)]


def build_graph(frame: av.VideoFrame, steps: list[tuple[str, str | None]]) -> av.filter.Graph:
    """A chain of FFmpeg's filters for frames like this one."""
    graph = av.filter.Graph()
    nodes = [graph.add_buffer(template=frame), *(graph.add(*step) for step in steps)]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph


def _enter(container, stored: Stored, tick: int) -> Iterator[tuple[av.VideoFrame, float]] | None:
    """Jump to a tick by its time stamp; None if the film cannot be entered there."""
    if not stored.seekable or tick == 0:
        return None
    stream, lead = container.streams.best("video"), 2  # ticks before it, for the deinterlacer
    wanted = stored.begins + (tick - lead) / stored.own_fps
    timed, first = _timed(container, stored, False), None
    with suppress(av.error.FFmpegError):
        container.seek(max(0, int(wanted / stream.time_base)), stream=stream)
        first = next(timed, None)
    if first is None or round(first[1] * stored.fps) > tick:
        container.seek(0)
        return None
    return (one for one in chain([first], timed) if round(one[1] * stored.fps) >= tick)


def _timed(container, stored: Stored, by_number: bool) -> Iterator[tuple[av.VideoFrame, float]]:
    """Decode frames, with their seconds since the first on the clock that is believed.

    Those that the decoder calls damaged leave a hole.
    """
    frames = decode(container)
    for number, frame in enumerate(_deinterlaced(frames) if stored.interlaced else frames):
        stamp = None if by_number else stamp_of(frame)
        tick = number if stamp is None else (stamp - stored.begins) * stored.own_fps
        if not frame.is_corrupt:
            yield frame, tick / stored.fps


def _deinterlaced(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Whole pictures of frames that hold two fields each, as many as before."""
    first = next(frames, None)
    if first is None:
        return
    graph = build_graph(first, [("bwdif", "mode=send_frame:deint=all")])
    for frame in chain([first], frames, [None]):  # None: the end
        graph.push(frame)
        with suppress(av.error.BlockingIOError, av.error.EOFError):
            while True:
                yield graph.pull()


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float = 30.0) -> Path:
    """Write frames to a video file, which appears under its name only when it is complete.

    Parameters
    ----------
    path : str or Path
        Its ending chooses the codec: ``.webm`` VP8 and ``.mp4`` H.264, both played by browsers;
        ``.avi`` and ``.mkv`` FFV1, lossless.
    frames : iterable of ndarray
        uint8 (T, H, W), gray, or (T, H, W, 3), red green blue; any iterable of such images.
    fps : float
        Frames per second.

    Raises
    ------
    ValueError
        There is no frame, or the ending is not one of those.
    OSError
        The file could not be written whole, for instance because the disk is full.
    """
    path, frames = check_ending(Path(path)), iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"no frame to write into {path}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_atomically(path.absolute(), lambda part: _encode(part, first, frames, fps))
    except av.error.FFmpegError as error:
        raise OSError(
            f"{path} could not be written ({error.strerror}): is the disk full, or the folder "
            "read-only?"
        ) from error
    return path


def check_ending(path: Path) -> Path:
    """The path of a film to be written; a ValueError if its ending chooses no codec."""
    if path.suffix.lower() not in CODECS:
        raise ValueError(f"{path} must end in one of {', '.join(CODECS)}: rename it.")
    return path


def _encode(part: Path, first: np.ndarray, frames: Iterator[np.ndarray], fps: float) -> None:
    codec, kind, options = CODECS[part.suffix.lower()]
    rate, coloured = Fraction(fps).limit_denominator(100_000), first.ndim == 3
    even = 2 if kind == "yuv420p" else 1  # colours for four pixels each: H.264 wants an even size
    with av.open(str(part), "w") as container:
        stream = container.add_stream(codec, rate, options=options)
        stream.height, stream.width = (n - n % even for n in first.shape[:2])
        stream.pix_fmt = kind or ("bgr0" if coloured else GRAY)
        form = "rgb24" if coloured else GRAY
        for frame in chain([first], frames):
            image = np.ascontiguousarray(frame[: stream.height, : stream.width])
            if coloured and kind == "yuv420p":  # OpenCV is quicker at it than the encoder
                image, form = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), kind
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, form)))
        container.mux(stream.encode(None))
