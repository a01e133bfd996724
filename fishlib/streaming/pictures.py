"""What is shown of a live forecast: each frame with motion, forecast and alarm drawn on it."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from fishlib.figures.film_overlay import forecast_painter
from fishlib.motion import speed_proxy
from fishlib.video import shrink


class Forecaster(Protocol):
    """What answers each frame with a forecast, such as `streaming.LiveForecaster`."""

    def push(self, frame: np.ndarray) -> float:
        """Take the next frame uint8 (h, w); returns a probability or NaN."""


class _Latest:
    """A film of which only the newest frame is kept: what `forecast_painter` draws at t."""

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
        self.series = np.zeros((2, 4096))  # forecast and speed

    def add(self, forecast: float, speed_before: float) -> None:
        """Note the forecast of a new frame, and the motion that led to it."""
        if self.n_frames == self.series.shape[1]:
            self.series = np.concatenate([self.series, np.zeros_like(self.series)], axis=1)
        self.series[0, self.n_frames] = forecast
        self.series[1, max(self.n_frames - 1, 0)] = speed_before
        self.n_frames += 1

    def results(self) -> dict[str, np.ndarray]:
        """What `watch` returns."""
        forecast, speed = self.series[:, : self.n_frames]
        return {"forecast": forecast, "speed": speed, "alarms": np.array(self.alarms, int)}


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
        seen.add(forecast, 0.0 if before is None else speed_proxy(np.stack([before, frame]))[0])
        if forecast >= threshold and t >= quiet_until:
            seen.alarms.append(t)
            quiet_until = t + horizon
        before = frame
        known = seen.results()
        series = {"forecast": known["forecast"]}
        film = _Latest(frame, t + 1)
        yield forecast_painter(film, fps, known["speed"], series, threshold)(t)
