"""Live pictures: a camera of this machine by its number, a network camera by its address."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np

from fishlib.spans import USUAL_FPS
from fishlib.video.frames import FRAME_SIZE, fit_frame, keep_every
from fishlib.video.stored import Shaper, decode, is_address

PATIENCE = 10.0  # seconds a network camera may take to answer


def is_live(source: str | Path) -> bool:
    """Whether this is a camera's number or a stream's address, and no file of that name."""
    return is_address(source) or (str(source).isdigit() and not Path(source).exists())


def open_live(source: str | Path) -> tuple[float, Iterator[np.ndarray]]:
    """Frames a second, and gray frames uint8 (240, 320) as they come.

    The frames end where the camera stops sending.

    Raises
    ------
    OSError
        No picture comes; the sentence names the camera.
    """
    fps, images, shape = (_open_stream if is_address(source) else _open_camera)(str(source))
    fps = fps if 1 <= fps <= 1000 else USUAL_FPS
    step = keep_every(fps)
    return fps / step, map(shape, islice(images, 0, None, step))


def _open_camera(number: str) -> tuple[float, Iterator, Callable]:
    """The rate that a camera states, its images, and what makes a frame of one."""
    capture = cv2.VideoCapture(int(number))

    def grab() -> Iterator[np.ndarray]:
        while capture.isOpened() and (image := capture.read()[1]) is not None:
            yield image
        capture.release()

    images = grab()
    first = next(images, None)
    if first is None:
        raise OSError(f"camera {number} gives no picture: is it connected, and free?")

    def shape(image: np.ndarray) -> np.ndarray:
        return fit_frame(image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))

    return capture.get(cv2.CAP_PROP_FPS), chain([first], images), shape


def _open_stream(address: str) -> tuple[float, Iterator, Callable]:
    """The same of a network camera."""
    options = {"rtsp_transport": "tcp"} if address.startswith("rtsp") else {}
    try:
        container = av.open(address, options=options, timeout=PATIENCE)
        pictures = decode(container)
        first = next(pictures, None)
    except (av.error.FFmpegError, OSError) as error:
        raise OSError(
            f"{address} does not answer ({error.strerror or error}): is the camera switched on and "
            "its address right? Try whether a player shows the stream."
        ) from error
    if first is None:
        raise OSError(f"{address} answers, but its stream holds no picture: check the address.")

    def images() -> Iterator[av.VideoFrame]:
        with container, suppress(av.error.FFmpegError, OSError):  # gone: what came before counts
            yield from chain([first], pictures)

    shape = first.height, first.width
    seen = SimpleNamespace(path=address, shape=shape, aspect=1.0, turned=0, white=None)
    stream = container.streams.best("video")
    fps = float(stream.guessed_rate or stream.average_rate or 0)
    return fps, images(), Shaper(seen, FRAME_SIZE, (0, shape[0], 0, shape[1]))
