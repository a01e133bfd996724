"""Stored films, decoded by PyAV into small gray frames on a regular clock; and films written."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

import av
import numpy as np

from fishlib.video.frames import (
    Account,
    Box,
    content_box,
    keep_every,
    on_clock,
    to_eight_bits,
    white_of,
)

CODECS = {
    ".webm": ("libvpx", "yuv420p", {"crf": "10", "b": "2M", "deadline": "realtime"}),
    ".mp4": ("libx264", "yuv420p", {"crf": "20", "preset": "superfast", "bf": "0"}),
    ".avi": ("ffv1", None, {}),
    ".mkv": ("ffv1", None, {}),
}
"""Encoder, kind of picture (None: as it comes) and options of each ending."""
N_FIRST, N_STAMPS = 30, 300  # frames and time stamps at the start that tell how a film is stored
GRAY = "gray"
NEAR = 120  # frames up to which reading on is faster than jumping


def is_address(source: str | Path) -> bool:
    """Whether this is a network stream's address, such as rtsp://…, and no file of that name."""
    return bool(re.match(r"[a-z][a-z0-9+.-]+://", str(source))) and not Path(source).exists()


def check_readable(path: Path) -> None:
    """Read the first byte of a file, or say in one sentence why that fails (OSError)."""
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes): copy or record the film again.")
    try:
        with path.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise OSError(
            f"{path} cannot be read ({error.strerror or error}): check its permissions and the "
            "disk, or copy it to another one."
        ) from error


def open_film_file(path: str | Path) -> av.container.InputContainer:
    """Open a film whatever is in its name, or say in one sentence why it is none."""
    check_readable(Path(path))
    try:
        container = av.open(f"file:{path}")
        if not container.streams.video:
            container.close()
            raise ValueError(f"{path} holds no picture, only sound or data: choose another file.")
    except av.error.FFmpegError as error:
        raise ValueError(
            f"{path} cannot be opened as a film: it is no video, or its header is damaged or cut "
            "off. Check that it plays, and re-encode or copy it again."
        ) from error
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
        except (StopIteration, av.error.EOFError, av.error.InvalidDataError):
            return  # the end, or where the file is cut off
        with suppress(av.error.InvalidDataError):
            yield from packet.decode()


@dataclass(frozen=True)
class Stored:
    """How a film is stored, from its header and its first frames.

    Attributes
    ----------
    path : Path
    n_ticks : int
        Frames on the film's own clock, as announced or counted.
    fps : float
        Of that clock.
    begins : float
        Time stamp of the first frame, in seconds.
    height, width : int
        Of the picture as it is shown upright, in stored pixels.
    aspect : float
        Width of a pixel divided by its height.
    turned : int
        Degrees counter-clockwise by which the picture must be turned to stand upright.
    interlaced : bool
    white : int or None
        The value that counts as white where gray is stored with more than 8 bits.
    seekable : bool
        Whether frames carry time stamps, by which they can be jumped to.
    n_pictures : int
        Streams of pictures in the file.
    """

    path: Path
    n_ticks: int
    fps: float
    begins: float
    height: int
    width: int
    aspect: float = 1.0
    turned: int = 0
    interlaced: bool = False
    white: int | None = None
    seekable: bool = False
    n_pictures: int = 1


def look_at(path: Path) -> Stored:
    """Look at header, first frames and time stamps of a film.

    Raises
    ------
    ValueError
        It is no film, or not one frame of it can be decoded.
    """
    with open_film_file(path) as container:
        stream = container.streams.best("video")
        stamps = _stamps(container, stream)
        rates = [float(r) for r in (stream.average_rate, stream.guessed_rate) if r]
        fps, begins = choose_clock(rates, stamps, path)
        n_ticks = _count_frames(container, stream, fps, begins) or _count_packets(path)
        n_pictures, aspect = len(container.streams.video), float(stream.sample_aspect_ratio or 1)
    with open_film_file(path) as container:
        first = []
        for frame in decode(container):
            first.append(_Facts.of(frame))
            if len(first) == N_FIRST:
                break
    if not first:
        raise ValueError(
            f"{path} opens as a film but not one frame of it can be decoded: re-encode it."
        )
    one = first[0]
    turned, aspect = one.turned % 360, aspect or 1.0
    height, width = (one.width, one.height) if turned % 180 else (one.height, one.width)
    return Stored(
        path,
        max(n_ticks, len(first)),
        fps,
        begins,
        height,
        width,
        1 / aspect if turned % 180 else aspect,
        turned,
        sum(f.interlaced for f in first) > len(first) / 2,
        _white(path) if one.deep else None,
        one.seconds is not None and len(stamps) > 1,
        n_pictures,
    )


@dataclass(frozen=True)
class _Facts:
    """What one decoded frame says about itself."""

    seconds: float | None
    height: int
    width: int
    turned: int
    interlaced: bool
    deep: bool

    @classmethod
    def of(cls, frame: av.VideoFrame) -> "_Facts":
        deep = frame.format.name.startswith(GRAY) and frame.format.components[0].bits > 8
        turned, flagged = frame.rotation, frame.interlaced_frame
        return cls(stamp_of(frame), frame.height, frame.width, turned, flagged, deep)


def stamp_of(frame: av.VideoFrame) -> float | None:
    """Seconds at which a frame is shown, as stored; None if the film does not say."""
    ticks = frame.pts if frame.pts is not None else frame.dts
    return None if ticks is None or frame.time_base is None else float(ticks * frame.time_base)


def _stamps(container, stream) -> list[float]:
    """Time stamps of the first frames, in order, from the packets alone."""
    stamps = []
    try:
        for packet in container.demux(stream):
            if packet.pts is not None and packet.size:
                stamps.append(float(packet.pts * packet.time_base))
            if len(stamps) == N_STAMPS or packet.size == 0:
                break
    except av.error.FFmpegError:
        pass  # what comes before the damage must do
    return sorted(stamps)


def _count_frames(container, stream, fps: float, begins: float) -> int:
    """Frames announced by the stream's header or its last time stamp; 0 if there is neither."""
    if container.format.name == "avi" and stream.frames:  # its frames are all of one length
        return stream.frames
    alone = len(container.streams) == 1  # or the length may be that of the sound
    if stream.duration and (stream.frames or alone):
        return round(float(stream.duration * stream.time_base) * fps)
    if not container.duration:
        return 0
    try:
        end = int(container.duration / av.time_base / stream.time_base)
        container.seek(end, stream=stream)
        last = max(packet.pts for packet in container.demux(stream) if packet.pts is not None)
    except (av.error.FFmpegError, ValueError):
        return 0
    return round((float(last * stream.time_base) - begins) * fps) + 1


def _white(path: Path) -> int:
    """The value that counts as white in gray of more than 8 bits, from frames over the film."""
    brightest = 0
    with open_film_file(path) as container:
        for number, frame in enumerate(decode(container)):
            brightest = max(brightest, int(frame.to_ndarray().max()))
            if number == N_STAMPS:
                break
    return white_of(brightest)


def _count_packets(path: Path) -> int:
    with open_film_file(path) as container:
        packets = container.demux(container.streams.best("video"))
        try:
            return sum(packet.size > 0 for packet in packets)
        except av.error.FFmpegError:
            return 0


def choose_clock(rates: list[float], stamps: list[float], path: Path) -> tuple[float, float]:
    """Frames per second and the time of tick 0: as stated, unless the time stamps contradict it.

    Time stamps are steady when four steps in five are equal: then a stated rate that is within
    2 % of them is believed, else theirs is taken. Uneven time stamps give the rate of the line
    through them, unless they leave out ticks of a stated one.

    Raises
    ------
    ValueError
        Neither the header nor the time stamps give a rate.
    """
    plausible = [rate for rate in rates if 0.1 <= rate <= 2000]
    steps = np.diff(stamps)
    if len(steps) < 2 or np.median(steps) <= 0:
        if not plausible:
            raise ValueError(f"{path} states no frame rate: give fps, its frames a second.")
        return plausible[-1], stamps[0] if stamps else 0.0
    usual = np.abs(steps - np.median(steps)) <= 0.0025
    if usual.mean() >= 0.8:
        measured = float(1 / steps[usual].mean())
        stated = next((r for r in plausible if abs(r / measured - 1) <= 0.02), measured)
        return stated, stamps[0]
    ticks = np.maximum(1, np.round(steps / np.median(steps)))
    slope, begins = np.polyfit(np.cumsum(np.r_[0, ticks]), stamps, 1)
    return float(1 / slope), float(begins)


class Shaper:
    """Turns, crops, shrinks and grays decoded frames, each in one pass of FFmpeg's filters.

    Parameters
    ----------
    stored : Stored
    size : (int, int)
        Of the frames delivered; what the picture does not cover stays black.
    roi : (y0, y1, x0, x1), optional
        In stored pixels of the upright picture.
    colour : bool
        Deliver red, green and blue, uint8 (H, W, 3), instead of gray.
    """

    def __init__(self, stored: Stored, size, roi: Box | None, colour: bool = False) -> None:
        self.stored, self.size, self.roi, self.colour = stored, size, roi, colour
        y0, y1, x0, x1 = roi or (0, stored.height, 0, stored.width)
        self.box = content_box(y1 - y0, (x1 - x0) * stored.aspect, size)
        self.kind, self.graph, self.last = None, None, (None, None)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """A decoded frame as uint8 (H, W) or (H, W, 3); the same frame again costs nothing."""
        if self.last[0] is frame:
            return self.last[1]
        kind = frame.format.name, frame.height, frame.width
        if kind != self.kind:
            self._check_size(frame)
            self.kind, self.graph = kind, build_graph(frame, self._chain())
        self.graph.push(frame)
        image = to_eight_bits(self.graph.pull().to_ndarray(), self.stored.white or 65535)
        y0, y1, x0, x1 = self.box
        if image.shape[:2] != tuple(self.size):
            inside, image = image, np.zeros((*self.size, *image.shape[2:]), np.uint8)
            image[y0:y1, x0:x1] = inside
        self.last = frame, image
        return image

    def _check_size(self, frame: av.VideoFrame) -> None:
        if self.kind is not None and (frame.height, frame.width) != self.kind[1:]:
            raise ValueError(
                f"{self.stored.path} changes its frame size from {self.kind[1]} x {self.kind[2]} "
                f"to {frame.height} x {frame.width}: cut the film there or re-encode it at one "
                "size."
            )

    def _chain(self) -> list[tuple[str, str]]:
        y0, y1, x0, x1 = self.box
        rows, columns = y1 - y0, x1 - x0
        turns = {90: [("transpose", "cclock")], 180: [("hflip", ""), ("vflip", "")]}
        turns[270] = [("transpose", "clock")]
        steps = turns.get(self.stored.turned, [])
        height, width = self.stored.height, self.stored.width
        if self.roi is not None:
            top, bottom, left, right = self.roi
            height, width = bottom - top, right - left
            steps.append(("crop", f"{width}:{height}:{left}:{top}:exact=1"))
        how = "area" if rows <= height else "bilinear"
        scale = f"{columns}:{rows}:flags={how}+accurate_rnd:sws_dither=none:out_range=full"
        kind = "rgb24" if self.colour else GRAY if self.stored.white is None else "gray16le"
        return [*steps, ("scale", scale), ("format", kind)]


def build_graph(frame: av.VideoFrame, steps: list[tuple[str, str]]) -> av.filter.Graph:
    """A chain of FFmpeg's filters for frames like this one."""
    graph = av.filter.Graph()
    ends = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base,
        )
    ]
    ends += [graph.add(name, given) if given else graph.add(name) for name, given in steps]
    ends.append(graph.add("buffersink"))
    for one, following in pairwise(ends):
        one.link_to(following)
    graph.configure()
    return graph


def read_stored(
    stored: Stored,
    shaper: Shaper,
    account: Account,
    start: int = 0,
    fps: float | None = None,
    seek: bool = False,
) -> Iterator[np.ndarray]:
    """Yield the frames kept of a film from frame `start` on, shaped.

    Parameters
    ----------
    start : int
        Counted in frames kept.
    fps : float, optional
        Ticks a second given by hand; the film's time stamps are then not looked at.
    seek : bool
        Jump to `start` by its time stamp instead of decoding all that precedes it.
    """
    step, first = keep_every(fps or stored.fps), 0
    with open_film_file(stored.path) as container:
        timed = None
        if seek and start and fps is None:
            timed = _enter(container, stored, start * step)
        if timed is None:
            timed = _timed(container, stored, fps)
        else:
            first = start
        kept = on_clock(timed, fps or stored.fps, account, step, first)
        for index, frame in enumerate(kept, first):
            if index >= start:
                yield shaper(frame)


def stretches_of(
    stored: Stored, shaper: Shaper, starts: list[int], length: int
) -> Iterator[list[np.ndarray]]:
    """Yield stretches of `length` frames kept, shaped; one that cannot be decoded is left out."""
    step, tick, timed = keep_every(stored.fps), 0, None
    with open_film_file(stored.path) as container:
        for start in starts:
            wanted, images = start * step, []
            if timed is None or wanted - tick > NEAR:
                timed = _enter(container, stored, wanted) or timed
            timed = timed or _timed(container, stored, None)
            for frame, seconds in timed:
                tick = round(seconds * stored.fps)
                if tick >= wanted + step * len(images):
                    images.append(shaper(frame))
                if len(images) == length:
                    yield images
                    break


def _enter(container, stored: Stored, tick: int) -> Iterator[tuple[av.VideoFrame, float]] | None:
    """Jump to a tick by its time stamp; None if the film cannot be entered there."""
    if not stored.seekable or tick == 0:
        return None
    stream, lead = container.streams.best("video"), 2  # ticks before it, for the deinterlacer
    try:
        wanted = stored.begins + (tick - lead) / stored.fps
        container.seek(max(0, int(wanted / stream.time_base)), stream=stream)
        timed = _timed(container, stored, None)
        first = next(timed, (None, np.inf))
    except av.error.FFmpegError:
        first = None, np.inf
    if round(first[1] * stored.fps) > tick:
        container.seek(0)
        return None
    return (one for one in chain([first], timed) if round(one[1] * stored.fps) >= tick)


def _timed(container, stored: Stored, fps: float | None) -> Iterator[tuple[av.VideoFrame, float]]:
    """Decode frames, with their seconds since the film's first tick."""
    frames = decode(container)
    for number, frame in enumerate(_deinterlaced(frames) if stored.interlaced else frames):
        stamp = None if fps else stamp_of(frame)
        yield frame, number / (fps or stored.fps) if stamp is None else stamp - stored.begins


def _deinterlaced(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """Whole pictures of frames that hold two fields each, as many as before."""
    graph = None
    for frame in frames:
        graph = graph or build_graph(frame, [("bwdif", "mode=send_frame:deint=all")])
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _pulled(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


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
    path = Path(path)
    if path.suffix.lower() not in CODECS:
        raise ValueError(f"{path} must end in one of {', '.join(CODECS)}: rename it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.absolute().with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        if not _encode(part, frames, fps):
            raise ValueError(f"no frame to write into {path}.")
        os.replace(part, path)
    except av.error.FFmpegError as error:
        raise OSError(
            f"{path} could not be written ({error.strerror}): is the disk full, or the folder "
            "read-only?"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _encode(part: Path, frames: Iterable[np.ndarray], fps: float) -> int:
    codec, kind, options = CODECS[part.suffix.lower()]
    rate, stream, n_written = Fraction(fps).limit_denominator(100_000), None, 0
    with av.open(str(part), "w") as container:
        for frame in frames:
            coloured = frame.ndim == 3
            if stream is None:
                stream = container.add_stream(codec, rate, options=options)
                height, width = frame.shape[:2]
                if kind == "yuv420p":  # colours for four pixels each: H.264 wants an even size
                    height, width = height - height % 2, width - width % 2
                stream.height, stream.width = height, width
                stream.pix_fmt = kind or ("bgr0" if coloured else "gray")
            kinds = "rgb24" if coloured else "gray"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), kinds)
            container.mux(stream.encode(picture))
            n_written += 1
        if stream is not None:
            container.mux(stream.encode(None))
    return n_written
