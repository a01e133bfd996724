"""Watch a film or a camera with a live forecast and alarm: in a window, or into a video file.

What a network forecasts frame by frame is in :mod:`fishlib.streaming.live`.
"""

import signal
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice, takewhile
from pathlib import Path
from signal import SIGINT, SIGTERM
from time import perf_counter
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import get_backend
from matplotlib.backends import BackendFilter, backend_registry
from tqdm import tqdm

from fishlib.figures.frames import ForecastPainter
from fishlib.forecasters.rules import published_baseline
from fishlib.motion import measure_motion
from fishlib.preparation import Preparation, suggest_preparation
from fishlib.questions import STUDY_C, suggest_min_range
from fishlib.spans import USUAL_FPS, frames_in
from fishlib.video import (
    film_to_write,
    is_live,
    iter_frames,
    open_live,
    probe,
    run_ahead,
    shrink,
    write_video,
)

FIRST_LOOK = 5.0
"""Seconds of film after which it is compared with what a network was trained on."""


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


class MotionBaseline:
    """The study's published baseline, live: it reads the motion alone and needs no network.

    Its numbers were made for the study's film, where c is 0.001; the motion is scaled by the c of
    what has been seen so far.

    Parameters
    ----------
    fps : float
        Frames a second.
    seen : Seen
        What has been seen, up to the frame that is pushed.
    """

    threshold, horizon = 0.5, 1.5

    def __init__(self, fps: float, seen: "Seen") -> None:
        self.window, self.seen, self.scale = frames_in("baseline", fps), seen, np.nan
        self.every = round(fps)

    def push(self, frame: np.ndarray) -> float:
        """Forecast at the frame seen last; NaN for the first seconds."""
        motion = self.seen.results()["motion"]  # its last value has no next frame yet
        if len(motion) >= self.window and len(motion) % self.every == 0 and motion.any():
            with suppress(ValueError):  # nothing has moved yet
                self.scale = STUDY_C / suggest_min_range(motion)
        if len(motion) < self.window or np.isnan(self.scale):
            return float("nan")
        recent = motion[-self.window :] * self.scale
        return float(published_baseline(recent, self.window)[-1])


class LiveNetwork:
    """A network, live, that takes frames of full size; threshold and horizon are in its facts.

    If the first seconds look like no film it was trained on, a sentence says so.

    Parameters
    ----------
    model : str or Path
        See :func:`fishlib.models.load_network`; it may also be a network of animals.
    fps : float
        Frames a second.
    seen : Seen
        What has been seen, up to the frame that is pushed.
    facts : path, optional
        JSON file with the facts of a network that carries none.
    """

    def __init__(self, model, fps: float, seen: "Seen", facts=None) -> None:
        from fishlib.models import check_network, read_network
        from fishlib.streaming.live import LiveAnimals, LiveForecaster

        network = read_network(model, facts)
        self.facts, self.fps, self.seen, self.first = network.facts, fps, seen, []
        if self.facts.of_animals:
            from fishlib.forecasters.animals import Animals

            self.live = LiveAnimals(Animals.of(network).on(self.facts.alarmed_by), fps)
        else:
            check_network(model, network)
            self.live = LiveForecaster(network, fps=fps)
        self.threshold = 0.5 if self.facts.threshold is None else self.facts.threshold
        self.horizon = (self.facts.question or {}).get("horizon", 1.5)
        study = self.facts.size == (120, 160)
        self.method = self.facts.method or ("nearest-exact" if study else "area")

    def push(self, frame: np.ndarray) -> float:
        """Forecast at a frame uint8 (h, w); NaN before there is a whole clip."""
        small = shrink(frame[None], self.facts.size, self.method)[0]
        if len(self.first) < round(FIRST_LOOK * self.fps):
            self.first.append(small)
            if len(self.first) == round(FIRST_LOOK * self.fps):
                self._compare()
        return self.live.push(small)

    def _compare(self) -> None:
        from fishlib.facts import remark_unseen

        motion = self.seen.results()["motion"][:-1]
        film = SimpleNamespace(frames=np.stack(self.first), motion=motion, fps=self.fps)
        for remark in remark_unseen(self.facts, film):
            print(remark)


class Seen:
    """Forecast and motion so far."""

    def __init__(self) -> None:
        self.forecasts, self.alarms = array("d"), []
        self.motion_before = array("d")  # that led to each frame
        self.latency = deque(maxlen=9000)  # seconds a forecast took, of the last five minutes

    def results(self) -> dict[str, np.ndarray]:
        """What :func:`watch` returns."""
        motion = np.append(self.motion_before[1:], self.motion_before[:1])  # the first is 0
        alarms = np.array(self.alarms, int)
        return {"forecast": np.array(self.forecasts), "motion": motion, "alarms": alarms}


def live_pictures(
    frames: Iterator[np.ndarray],
    push: Callable[[np.ndarray], float],
    fps: float,
    threshold: float,
    horizon: int,
    seen: Seen,
) -> Iterator[np.ndarray]:
    """Push each frame, note forecast, motion and alarm, and yield what is shown of it."""
    before = None
    for t, frame in enumerate(frames):
        pair = np.stack([frame if before is None else before, frame])
        before = frame
        seen.motion_before.append(measure_motion(pair)[0] * (fps / USUAL_FPS))
        start = perf_counter()
        forecast = push(frame)
        seen.latency.append(perf_counter() - start)
        seen.forecasts.append(forecast)
        if forecast >= threshold and (not seen.alarms or t >= seen.alarms[-1] + horizon):
            seen.alarms.append(t)
        known = seen.results()
        series = {"forecast": known["forecast"]}
        film = np.broadcast_to(frame, (t + 1, *frame.shape))  # of which only frame t is drawn
        yield ForecastPainter(film, fps, known["motion"], series, threshold)(t)


def watch(
    film: str | Path,
    model: str | Path | None = None,
    *,
    out: str | Path | None = None,
    threshold: float | None = None,
    minutes: float | None = None,
    fps: float | None = None,
    preparation: Preparation | str | Path | None = None,
    window: Callable[[np.ndarray], bool] | None = None,
    progress: bool = True,
    facts: str | Path | None = None,
) -> dict[str, np.ndarray]:
    """Forecast a film frame by frame as if it were live, and show it with forecast and alarm.

    Parameters
    ----------
    film : str or Path
        A film, a frame folder, the number of a camera, or the address of a stream (rtsp://…).
        Ctrl-C ends a camera's film, and keeps it.
    model : str or Path, optional
        A saved ``.keras`` network, or the name of a published checkpoint. Without one the study's
        published baseline forecasts from the motion alone, scaled to the film's own burst
        threshold c.
    out : str or Path, optional
        Video file to write, ``.mp4`` or ``.webm``, or a folder for ``<film>-forecast.mp4``. Without
        it a window opens where there is a screen; where there is none, the film is written in the
        current folder.
    threshold : float, optional
        An alarm is raised at a forecast of at least this, then none for the network's horizon;
        None takes what the network's facts say, else 0.5.
    minutes : float, optional
        Stop after so much film.
    fps : float, optional
        Frames a second of a film, replacing what it states; images need it.
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
    target = film_to_write(film, out)
    fps, frames = _open(film, preparation, minutes, fps)
    seen = Seen()
    if model is None:
        live = MotionBaseline(fps, seen)
        print("Without a network the study's published baseline forecasts, from the motion alone.")
    else:
        live = LiveNetwork(model, fps, seen, facts)
    threshold = live.threshold if threshold is None else threshold
    with until_stopped(frames) as going:
        shown = tqdm(going, "watching", unit="frame", disable=not progress)
        quiet = round(live.horizon * fps)
        pictures = live_pictures(shown, live.push, fps, threshold, quiet, seen)
        on_screen = backend_registry.list_builtin(BackendFilter.INTERACTIVE)
        if window is None and out is None and get_backend().lower() in on_screen:
            window = LiveWindow(str(film))
        if window is not None:
            all(map(window, pictures))  # until it is closed
        else:
            ahead = pictures if is_live(film) else run_ahead(pictures)  # drawn while one is encoded
            write_video(target, ahead, fps)
            print(f"{target}: {len(seen.alarms)} alarms in {len(seen.forecasts) / fps:.1f} s")
        if seen.latency:
            usual, slow = 1e3 * np.quantile(seen.latency, [0.5, 0.95])
            print(f"a forecast took {usual:.1f} ms, one in twenty {slow:.1f} ms or more")
    return seen.results()


@contextmanager
def until_stopped(frames: Iterator[np.ndarray]) -> Iterator[Iterator[np.ndarray]]:
    """The frames up to a first Ctrl-C, after which what was made is finished; a second one ends."""
    stopped: list[int] = []

    def stop(number: int, _) -> None:
        if stopped:
            raise KeyboardInterrupt(number)
        stopped.append(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (SIGINT, SIGTERM)}
    try:
        yield takewhile(lambda _: not stopped, frames)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open(film, preparation, minutes, fps) -> tuple[float, Iterator[np.ndarray]]:
    """Frame rate, and prepared frames uint8 (240, 320) one by one."""
    if isinstance(preparation, str | Path):
        preparation = Preparation.load(Path(preparation))
    if is_live(film):
        prepared = preparation or Preparation()
        rate, frames = open_live(film)
        frames = (prepared.apply(frame[None])[0] for frame in _told(film, frames, rate))
    else:
        info = probe(film, fps)
        rate, prepared = info.rate(), preparation or suggest_preparation(info)
        blocks = iter_frames(info, block=32, roi=prepared.roi, colour=prepared.colour)
        frames = (frame for block in blocks for frame in prepared.apply(block))
    return rate, islice(frames, None if minutes is None else round(minutes * 60 * rate))


def _told(name, frames: Iterator[np.ndarray], fps: float) -> Iterator[np.ndarray]:
    """A camera's frames; a sentence names it where they end."""
    n_frames = 0
    for frame in frames:
        n_frames += 1
        yield frame
    print(f"camera {name} sent no more pictures after {n_frames / fps:.1f} s; all is kept.")
