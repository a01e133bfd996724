"""Watch a film or a camera with a live forecast and alarm: in a window, or into a video file."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends import BackendFilter, backend_registry
from tqdm import tqdm

from fishlib.figures.frames import ForecastPainter
from fishlib.models import load_network
from fishlib.motion import measure_motion
from fishlib.preparation import Preparation, suggest_preparation
from fishlib.spans import USUAL_FPS
from fishlib.streaming import LiveForecaster
from fishlib.video import fit_frame, iter_frames, probe, shrink, write_video


def has_screen() -> bool:
    """Whether matplotlib can open a window here."""
    plt.figure(num="fishlib-probe")  # the backend is only chosen with the first figure
    plt.close("fishlib-probe")
    interactive = backend_registry.list_builtin(BackendFilter.INTERACTIVE)
    return matplotlib.get_backend().lower() in interactive


class LiveWindow:
    """A window that shows one picture after the other, until it is closed.

    Parameters
    ----------
    title : str
        Title of the window.
    """

    def __init__(self, title: str) -> None:
        self.title, self.figure, self.image = title, None, None

    def __call__(self, picture: np.ndarray) -> bool:
        """Show a picture uint8 (h, w, 3); returns whether the window is still open."""
        if self.figure is None:
            height, width = picture.shape[:2]
            self.figure = plt.figure(self.title, figsize=(width / 100, height / 100), dpi=100)
            axes = self.figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            self.image = axes.imshow(picture)
            plt.show(block=False)
        self.image.set_data(picture)
        plt.pause(0.001)
        return plt.fignum_exists(self.figure.number)


class Forecaster(Protocol):
    """What answers each frame with a forecast, such as `streaming.LiveForecaster`."""

    def push(self, frame: np.ndarray) -> float:
        """Take the next frame uint8 (h, w); returns a probability or NaN."""


class _Latest:
    """A film of which only the newest frame is kept: what `ForecastPainter` draws at t."""

    def __init__(self, frame: np.ndarray, n_frames: int) -> None:
        self.frame, self.shape = frame, (n_frames, *frame.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, t: int) -> np.ndarray:
        return self.frame


class Seen:
    """Forecast and motion so far, in arrays that double when they are full."""

    def __init__(self) -> None:
        self.n_frames, self.alarms = 0, []
        self.series = np.zeros((2, 4096))  # forecast and motion

    def add(self, forecast: float, motion_before: float) -> None:
        """Note the forecast of a new frame, and the motion that led to it."""
        if self.n_frames == self.series.shape[1]:
            self.series = np.concatenate([self.series, np.zeros_like(self.series)], axis=1)
        self.series[0, self.n_frames] = forecast
        self.series[1, max(self.n_frames - 1, 0)] = motion_before
        self.n_frames += 1

    def results(self) -> dict[str, np.ndarray]:
        """What `watch` returns."""
        forecast, motion = self.series[:, : self.n_frames]
        return {"forecast": forecast, "motion": motion, "alarms": np.array(self.alarms, int)}


def live_pictures(
    frames: Iterator[np.ndarray],
    live: Forecaster,
    size: tuple[int, int],
    fps: float,
    threshold: float,
    horizon: int,
    seen: Seen,
) -> Iterator[np.ndarray]:
    """Push each frame, note forecast, motion and alarm, and yield what is shown of it."""
    before, quiet_until = None, 0
    method = "nearest-exact" if size == (120, 160) else "area"
    for t, frame in enumerate(frames):
        forecast = live.push(shrink(frame[None], size, method)[0])
        pair = np.stack([frame if before is None else before, frame])
        seen.add(forecast, measure_motion(pair)[0] * (fps / USUAL_FPS))
        if forecast >= threshold and t >= quiet_until:
            seen.alarms.append(t)
            quiet_until = t + horizon
        before = frame
        known = seen.results()
        series = {"forecast": known["forecast"]}
        film = _Latest(frame, t + 1)
        yield ForecastPainter(film, fps, known["motion"], series, threshold)(t)


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
    facts: str | Path | None = None,
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
    facts : path, optional
        JSON file with the facts of a network that carries none, see :mod:`fishlib.facts`.

    Returns
    -------
    dict of ndarray
        ``forecast``, float64 (T,), NaN where undefined; ``motion``, float64 (T,); ``alarms``, the
        frames at which an alarm was raised.
    """
    fps, frames = _open(film, preparation, minutes)
    network = load_network(model, facts)
    seen = Seen()
    pictures = live_pictures(
        tqdm(frames, "watching", unit="frame", disable=not progress),
        LiveForecaster(network, mode, fps=fps), tuple(network.input_shape[2:4]), fps, threshold,
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
    info = probe(film)
    fps = info.rate()
    stop = None if minutes is None else round(minutes * 60 * fps)
    prepared = preparation if preparation is not None else suggest_preparation(info)
    blocks = iter_frames(info, block=32, stop=stop, roi=prepared.roi)
    return fps, (frame for block in blocks for frame in prepared.apply(block))


def _open_camera(number: int, preparation: Preparation, minutes):
    capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise OSError(f"camera {number} cannot be opened: is it connected, and free?")
    fps = capture.get(cv2.CAP_PROP_FPS) or 30.0
    n_frames = sys.maxsize if minutes is None else round(minutes * 60 * fps)

    def frames() -> Iterator[np.ndarray]:
        for _ in range(n_frames):
            decoded, image = capture.read()
            if not decoded:
                return
            gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            yield preparation.apply(fit_frame(gray)[None])[0]

    return fps, frames()
