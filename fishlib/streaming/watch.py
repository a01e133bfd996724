"""Watch a film or a camera with a live forecast and alarm: in a window, or into a video file."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import keras
import numpy as np
from tqdm import tqdm

from fishlib.models.trained import layout_of, load_network
from fishlib.preparation import Preparation, suggest_preparation
from fishlib.streaming import LiveForecaster
from fishlib.streaming.pictures import Seen, live_pictures
from fishlib.streaming.window import LiveWindow, has_screen
from fishlib.video import fit_frame, iter_frames, probe, write_video
from fishlib.video.clock import read_gray


def start_forecaster(network: keras.Model, mode: str = "exact") -> LiveForecaster:
    """A live forecaster with the clip layout that fits the network's input."""
    return LiveForecaster(network, mode, layout_of(network))


def watch(
    film: str | Path,
    model: str | Path,
    *,
    out: str | Path | None = None,
    threshold: float = 0.5,
    mode: str = "exact",
    horizon_seconds: float = 1.5,
    minutes: float | None = None,
    preparation: Preparation | str | Path | None = None,
    window: Callable[[np.ndarray], bool] | None = None,
    progress: bool = True,
) -> dict[str, np.ndarray]:
    """Forecast a film frame by frame as if it were live, and show it with forecast and alarm.

    Parameters
    ----------
    film : str or Path
        A film, a frame folder, or the number of a camera.
    model : str or Path
        A saved ``.keras`` network, or the name of a published checkpoint.
    out : str or Path, optional
        Video file to write, ``.mp4`` or ``.webm``. Without it a window opens where there is a
        screen; where there is none, ``<film>-forecast.mp4`` is written in the current folder.
    threshold : float
        An alarm is raised at a forecast of at least this, then none for the horizon.
    mode : str
        "exact" or "streaming", see `streaming.LiveForecaster`.
    horizon_seconds : float
        How far ahead an alarm speaks, in seconds.
    minutes : float, optional
        Stop after so much film.
    preparation : Preparation or path, optional
        How to prepare frames: a saved ``preparation.npz``, by default as suggested from the film.
        A camera is not prepared unless this is given.
    window : callable, optional
        Receives each picture uint8 (h, w, 3) and returns whether to go on.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict of ndarray
        ``forecast``, float64 (T,), NaN where undefined; ``speed``, float64 (T,); ``alarms``, the
        frames at which an alarm was raised.
    """
    fps, frames = _open(film, preparation, minutes)
    network = load_network(model)
    seen = Seen()
    pictures = live_pictures(
        tqdm(frames, "watching", unit="frame", disable=not progress),
        start_forecaster(network, mode), tuple(network.input_shape[2:4]), fps, threshold,
        round(horizon_seconds * fps), seen,
    )  # fmt: skip
    if window is None and out is None and has_screen():
        window = LiveWindow(str(film))
    if window is not None:
        for picture in pictures:
            if not window(picture):
                break
    else:
        target = Path(out) if out is not None else Path(f"{Path(film).stem}-forecast.mp4")
        write_video(target, pictures, fps)
        print(f"{target}: {len(seen.alarms)} alarms in {seen.n_frames / fps:.1f} s")
    return seen.results()


def _open(film, preparation, minutes) -> tuple[float, Iterator[np.ndarray]]:
    """Frame rate, and prepared frames uint8 (240, 320) one by one."""
    if isinstance(preparation, str | Path):
        preparation = Preparation.load(Path(preparation))
    if str(film).isdigit():
        return _open_camera(int(film), preparation or Preparation(), minutes)
    fps = probe(film).fps
    stop = None if minutes is None else round(minutes * 60 * fps)
    prepared = preparation if preparation is not None else suggest_preparation(film)
    blocks = iter_frames(film, block=32, stop=stop, roi=prepared.roi)
    return fps, (frame for block in blocks for frame in prepared.apply(block))


def _open_camera(number: int, preparation: Preparation, minutes):
    capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise OSError(f"camera {number} cannot be opened: is it connected, and free?")
    fps = capture.get(cv2.CAP_PROP_FPS) or 30.0
    n_frames = sys.maxsize if minutes is None else round(minutes * 60 * fps)

    def frames() -> Iterator[np.ndarray]:
        for _ in range(n_frames):
            image = read_gray(capture)
            if image is None:
                return
            yield preparation.apply(fit_frame(image)[None])[0]

    return fps, frames()
