"""Live pictures: a camera of this machine by its number, a network camera by its address."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np

from fishlib.spans import USUAL_FPS
from fishlib.video.frames import FRAME_SIZE, fit_frame, keep_every
from fishlib.video.stored import Shaper, Stored, decode, is_address

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
    return _open_stream(str(source)) if is_address(source) else _open_camera(int(str(source)))


def _open_camera(number: int) -> tuple[float, Iterator[np.ndarray]]:
    capture = cv2.VideoCapture(number)
    decoded, image = capture.read() if capture.isOpened() else (False, None)
    if not decoded:
        raise OSError(f"camera {number} gives no picture: is it connected, and free?")
    fps = capture.get(cv2.CAP_PROP_FPS)
    fps = fps if 1 <= fps <= 1000 else USUAL_FPS
    step = keep_every(fps)

    def frames(image: np.ndarray) -> Iterator[np.ndarray]:
        decoded, index = True, 0
        while decoded:
            if index % step == 0:
                gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
                yield fit_frame(gray)
            decoded, image = capture.read()
            index += 1
        capture.release()

    return fps / step, frames(image)


def _open_stream(address: str) -> tuple[float, Iterator[np.ndarray]]:
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
    stream = container.streams.best("video")
    fps = float(stream.guessed_rate or stream.average_rate or USUAL_FPS)
    fps = fps if 1 <= fps <= 1000 else USUAL_FPS
    height, width, step = first.height, first.width, keep_every(fps)
    stored = Stored(Path(address), 0, fps, (height, width))
    shaper = Shaper(stored, FRAME_SIZE, (0, height, 0, width))

    def frames() -> Iterator[np.ndarray]:
        try:
            for index, picture in enumerate(chain([first], pictures)):
                if index % step == 0:
                    yield shaper(picture)
        except (av.error.FFmpegError, OSError):
            return  # the camera is gone: what came before it counts
        finally:
            container.close()

    return fps / step, frames()
