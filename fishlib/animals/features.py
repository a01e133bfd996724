"""What the places of animals say at a frame: each animal, each pair of them, and the motion.

In seconds and body lengths, so that film of another rate or size reads alike. All is causal: at
frame t places up to t and ``motion[:t]``, and nothing from before the piece that t lies in.
Everything is seen from an animal (ahead and to its right), so that it does not depend on which way
the tank lies; `MIRROR` says which features change their sign in a mirror.
"""

import numpy as np

from fishlib.animals.places import Places
from fishlib.motion import behind
from fishlib.spans import WINDOWS, frames_in

STRIDE = 0.1
"""Seconds over which a speed is measured."""
SPEED_WINDOWS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 10.0)
TURN_WINDOWS = (0.1, 0.3, 1.0)
MOMENTS = (0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Seconds ago at which a pair is looked at."""
FAR = 6.0
"""Body lengths beyond which all distances are alike."""
LAST = 5
"""Single values of the motion that are read."""

MIRROR = {
    "animals": np.array([1] * len(SPEED_WINDOWS) + [1, -1] + [-1] * 3 + [1, 1, 1, 1, -1, 1, 1, 1]),
    "pairs": np.array([1, 1, -1, 1, -1] * len(MOMENTS) + [1, 1, 1, -1, 1, 1]),
    "motion": np.ones(LAST + 3 * len(WINDOWS), int),
}
"""1, or -1 where a feature changes its sign in a mirror."""


class Swimming:
    """Series made of places, from which features are gathered: float32, body lengths, seconds.

    Parameters
    ----------
    places : Places
        With two animals or more.
    motion : float array (T,)
    pieces : DataFrame
        ``start``, ``stop``: nothing is read across.
    fps : float

    Attributes
    ----------
    x, y, cos, sin, heading, speed, ahead, aside, apart : arrays (T, n)
        Places; heading; speed over the last stride, its part ahead and to the right; seen apart.
    travelled, turned, seen : arrays (T + 1, n), float64
        Running sums of speed, amount of turning and ``apart``.
    start : int array (T,)
        First frame of the piece of each frame.
    box : array (4,)
    motion : array (T, LAST + 3 windows)
        Roots of the last values, and of mean, least and greatest over windows before each frame.
    """

    def __init__(self, places: Places, motion: np.ndarray, pieces, fps: float) -> None:
        n_frames, body = len(motion), np.float32(places.body)
        self.fps, self.start = fps, np.zeros(n_frames, int)
        self.motion = np.full((n_frames, LAST + 3 * len(WINDOWS)), np.nan, np.float32)
        for a, b in zip(pieces.start, pieces.stop, strict=True):
            self.start[a:b] = a
            self.motion[a:b] = _past_motion(motion[a:b], fps)
        self.box = np.array(places.box, np.float32) / body
        self.x, self.y, self.heading = places.x / body, places.y / body, places.heading
        self.cos, self.sin = np.cos(self.heading), np.sin(self.heading)
        self.apart = places.apart.astype(np.float32)
        frames = np.arange(n_frames)
        before = np.maximum(frames - frames_in(STRIDE, fps), self.start)
        seconds = (np.maximum(frames - before, 1) / fps).astype(np.float32)[:, None]
        vx, vy = ((place - place[before]) / seconds for place in (self.x, self.y))
        self.speed = np.hypot(vx, vy)
        self.ahead = vx * self.cos + vy * self.sin
        self.aside = vy * self.cos - vx * self.sin
        turn = np.abs(np.sin(self.heading - self.heading[before]))
        self.travelled, self.turned = _sums(self.speed), _sums(turn)
        self.seen = _sums(places.apart)

    def gather(self, at: np.ndarray) -> dict[str, np.ndarray]:
        """Features at frames ``at`` (k,).

        Returns
        -------
        dict of float32 arrays
            ``animals`` (k, n, 20), ``pairs`` (k, n, n - 1, 46), ``motion`` (k, 32).
        """
        return {"animals": self._animals(at), "pairs": self._pairs(at), "motion": self.motion[at]}

    def _back(self, at: np.ndarray, seconds: float) -> np.ndarray:
        return np.maximum(at - round(seconds * self.fps), self.start[at])

    def _mean(self, sums: np.ndarray, at: np.ndarray, seconds: float) -> np.ndarray:
        """Mean over the frames (t - seconds, t]."""
        first = np.maximum(at + 1 - frames_in(seconds, self.fps), self.start[at])
        return (sums[at + 1] - sums[first]) / (at + 1 - first)[:, None]

    def _animals(self, at: np.ndarray) -> np.ndarray:
        speeds = [np.log1p(self._mean(self.travelled, at, window)) for window in SPEED_WINDOWS]
        now = self.heading[at]
        turns = [np.sin(now - self.heading[self._back(at, window)]) for window in TURN_WINDOWS]
        left, right, top, bottom = self.box
        x, y, cos, sin = self.x[at], self.y[at], self.cos[at], self.sin[at]
        ahead, behind_, to_right, to_left = (
            np.minimum(_free(x, y, a, b, self.box), FAR)
            for a, b in ((cos, sin), (-cos, -sin), (-sin, cos), (sin, -cos))
        )
        wall = np.min([x - left, right - x, y - top, bottom - y], axis=0)
        told = [
            *speeds, np.clip(self.ahead[at], -9, 9), np.clip(self.aside[at], -9, 9), *turns,
            self._mean(self.turned, at, 1.0), ahead, behind_,
            to_right + to_left, to_right - to_left, np.minimum(wall, FAR),
            self.apart[at], self._mean(self.seen, at, 1.0),
        ]  # fmt: skip
        return np.stack(told, axis=-1).astype(np.float32)

    def _pairs(self, at: np.ndarray) -> np.ndarray:
        n = self.x.shape[1]
        others = np.array([[j for j in range(n) if j != i] for i in range(n)], int).reshape(n, -1)
        told = []
        for moment in MOMENTS:
            back = self._back(at, moment)
            x, y, cos, sin = (one[back] for one in (self.x, self.y, self.cos, self.sin))
            dx, dy = x[:, others] - x[..., None], y[:, others] - y[..., None]
            far = np.hypot(dx, dy)
            dx, dy = dx / np.maximum(far, 1e-3), dy / np.maximum(far, 1e-3)
            cos, sin, cos_j, sin_j = cos[..., None], sin[..., None], cos[:, others], sin[:, others]
            told += [
                np.minimum(far, FAR),
                dx * cos + dy * sin,  # the other is ahead
                dy * cos - dx * sin,  # to the right
                cos_j * cos + sin_j * sin,  # heads the same way
                sin_j * cos - cos_j * sin,
            ]
            if moment == 0:
                seen_back = [-(dx * cos_j + dy * sin_j), np.exp(-far), np.exp(-0.5 * far**2)]
                seen_back += [dx * sin_j - dy * cos_j]
        speeds = (self._mean(self.travelled, at, window) for window in (0.1, 1.0))
        told += [*seen_back, *(np.log1p(one)[:, others] for one in speeds)]
        return np.stack(told, axis=-1).astype(np.float32)


def _free(x, y, right, down, box) -> np.ndarray:
    """Way to the wall from places (x, y) in the direction (right, down)."""
    left, far_right, top, bottom = box
    aside = np.maximum(np.where(right > 0, far_right - x, x - left), 0)
    along = np.maximum(np.where(down > 0, bottom - y, y - top), 0)
    aside, along = aside / np.maximum(np.abs(right), 1e-3), along / np.maximum(np.abs(down), 1e-3)
    return np.minimum(aside, along)


def _sums(series: np.ndarray) -> np.ndarray:
    """Running sums, float64 (T + 1, n), beginning with 0."""
    return np.concatenate([np.zeros((1, series.shape[1])), np.cumsum(series, axis=0, dtype=float)])


def _past_motion(motion: np.ndarray, fps: float) -> np.ndarray:
    """Roots of the last values of the motion, and over windows of mean, least and greatest."""
    widths = [frames_in(seconds, fps) for seconds in WINDOWS]
    past = behind(motion, max(widths))[:, ::-1]  # newest first
    windows = [past[:, :width] for width in widths]
    told = [of for one in windows for of in (one.mean(1), one.min(1), one.max(1))]
    return np.sqrt(np.column_stack([past[:, :LAST], *told]))
