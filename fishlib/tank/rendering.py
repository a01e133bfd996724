"""The film of a simulated tank: the points of each fish summed into pixels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fishlib.tank.fish import VARIABLES, TankConfig, Tracks, simulate_tracks

CHUNK = 16  # frames drawn at once: small enough for the processor's cache
UNIT_BITS = 8  # light is counted in 1/256 grey value, so that sums do not depend on their order
UNIT = 2.0**UNIT_BITS


def body_points(config: TankConfig, n_along: int, n_across: int) -> tuple[np.ndarray, ...]:
    """The points that make up a straight fish, with the light each carries.

    A fish is a blunt head tapering to the tail, which is less than half as bright as the front.

    Parameters
    ----------
    config : TankConfig
        The tank.
    n_along, n_across : int
        Points along and across the body.

    Returns
    -------
    along, across, light : ndarray, float32 (n_along * n_across,)
        Place along the body (0 at the snout, 1 at the tail), distance from the midline (px), and
        light (grey value x px^2).
    """
    along = (np.arange(n_along) + 0.5) / n_along
    side = (np.arange(n_across) + 0.5) / n_across - 0.5
    width = config.body_width * np.clip(np.minimum(along / 0.1, (1.15 - along) / 0.9), 0, 1)
    grey = config.brightness * (1.0 - 0.62 * along)
    cell = width * config.body_length / (n_along * n_across)
    across = width[:, None] * side
    light = np.repeat(grey * cell, n_across)
    return tuple(a.astype(np.float32) for a in (np.repeat(along, n_across), across.ravel(), light))


def _specks(config: TankConfig, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place (px) and light (grey value) of the motionless specks of a tank."""
    rng = np.random.default_rng([seed, 11])
    x = rng.integers(2, config.width - 2, config.n_specks).astype(np.float32)
    y = rng.integers(2, config.height - 2, config.n_specks).astype(np.float32)
    light = np.minimum(2 + 22 * rng.exponential(size=config.n_specks), 120).astype(np.float32)
    return x, y, light


class Painter:
    """All that is fixed while a film is drawn: the body, the specks, the scale, the noise."""

    def __init__(self, config: TankConfig, seed: int, size: tuple[int, int]) -> None:
        self.config, self.size = config, size
        self.scale_x = np.float32(size[1] / config.width)
        self.scale_y = np.float32(size[0] / config.height)
        finest = max(float(self.scale_x), float(self.scale_y))
        n_along = max(16, int(np.ceil(config.body_length * finest)))
        n_across = max(3, int(np.ceil(config.body_width * finest)))
        along, across, light = body_points(config, n_along, n_across)
        length = np.float32(config.body_length)
        self.forward = (np.float32(0.45) - along) * length
        self.across = across
        self.front = length * ((along - 0.4) * np.abs(along - 0.4) * 1.5)  # sideways reach of the
        self.back = length * (np.maximum(along - 0.5, 0) ** 2 * 2.0)  # bend, and of the tail
        self.light = light * np.float32(UNIT)
        n = config.n_fish
        spread = config.size_spread * (2 * np.arange(n) + 1 - n) / max(n - 1, 1)
        self.sizes = (1 + spread).astype(np.float32)[:, None]  # (n_fish, 1); long fish are bright
        self.specks = _specks(config, seed)
        spread = np.random.default_rng(0).standard_normal(256)  # 256 steps of sensor noise
        self.gain = (1 + config.noise * (spread - spread.mean()) / spread.std()).astype(np.float32)
        self.rng = np.random.default_rng([seed, 12])
        self.canvas = np.zeros((CHUNK, *size), np.int32)

    def points(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points of all fish in image coordinates, float32 (n, n_fish, P) each."""
        x, y, heading, bend, tail = (
            state[:, VARIABLES.index(v), :, None] for v in ("x", "y", "heading", "bend", "tail")
        )
        cos = (np.rint(np.cos(heading.astype(float)) * 16384) / 16384).astype(np.float32)
        sin = (np.rint(np.sin(heading.astype(float)) * 16384) / 16384).astype(np.float32)
        forward = self.sizes * self.forward  # (n_fish, P)
        aside = bend * (self.sizes * self.front) + (tail * (self.sizes * self.back) + self.across)
        px = (x + cos * forward - sin * aside) * self.scale_x
        py = (y + sin * forward + cos * aside) * self.scale_y
        return px, py

    def draw_noise(self, n: int) -> np.ndarray:
        """Sensor noise of the next n frames: a byte for each point."""
        n_points = self.config.n_fish * self.light.size + self.config.n_specks
        n_bytes = -(-n_points // 4) * 4  # whole draws of four bytes
        return self.rng.integers(0, 256, (n, n_bytes), dtype=np.uint8)

    def paint(self, state: np.ndarray, out: np.ndarray) -> None:
        """Draw n frames into `out`, zeros (n, H, W), and advance the sensor noise by n frames."""
        for i in range(0, len(state), CHUNK):
            self._paint_chunk(state[i : i + CHUNK], out[i : i + CHUNK])

    def _paint_chunk(self, state: np.ndarray, out: np.ndarray) -> None:
        """Draw at most CHUNK frames: points, light, noise, sum."""
        n = len(state)
        gain = self.gain[self.draw_noise(n)]
        px, py = (p.reshape(n, -1) for p in self.points(state))
        spot_x, spot_y, spot = self.specks
        shape = (n, spot.size)
        px = np.concatenate([px, np.broadcast_to(spot_x * self.scale_x, shape)], axis=1)
        py = np.concatenate([py, np.broadcast_to(spot_y * self.scale_y, shape)], axis=1)
        light = np.concatenate([(self.light * self.sizes**2).ravel(), spot * np.float32(UNIT)])
        light = light * (self.scale_x * self.scale_y) * gain[:, : light.size]
        self._sum(px, py, light, out)

    def _sum(self, px: np.ndarray, py: np.ndarray, light: np.ndarray, out: np.ndarray) -> None:
        """Share each point's light among the four pixels around it; all pixels of `out` are 0."""
        n, height, width = out.shape
        column = np.clip(np.floor(px), 0, width - 2)
        row = np.clip(np.floor(py), 0, height - 2)
        fx, fy = px - column, py - row
        light = light * ((fx >= 0) & (fx <= 1) & (fy >= 0) & (fy <= 1))  # outside: not seen
        index = (row * np.float32(width) + column).astype(np.intp)
        index += np.arange(n)[:, None] * (height * width)
        low, pixels = light * fy, self.canvas.reshape(-1)
        high = light - low
        corners = np.stack([index, index + 1, index + width, index + width + 1]).reshape(-1)
        right, low_right = high * fx, low * fx
        shares = np.stack([high - right, right, low - low_right, low_right]).reshape(-1)
        np.add.at(pixels, corners, shares.astype(np.int32))  # far faster in one dimension
        out.reshape(-1)[corners] = np.minimum(pixels[corners] >> UNIT_BITS, 255)
        pixels[corners] = 0


def render_blocks(
    tracks: Tracks,
    config: TankConfig,
    seed: int,
    size: tuple[int, int] = (240, 320),
    block: int = 256,
    start: int = 0,
) -> Iterator[np.ndarray]:
    """Draw a film a block at a time, so that an hour is never in memory.

    Parameters
    ----------
    tracks : Tracks
        What the fish did.
    config : TankConfig
        The tank.
    seed : int
        Seed of the sensor noise and of the specks.
    size : tuple of int
        Height and width of the frames.
    block : int
        Frames in a block; the last one may be shorter. The film does not depend on it.
    start : int
        First frame drawn; of those before it only the sensor noise is passed over.

    Yields
    ------
    ndarray, uint8 (n, H, W)
        Frames, bright fish on black.
    """
    painter = Painter(config, seed, size)
    for skipped in range(0, start, block):
        painter.draw_noise(min(block, start - skipped))
    for first in range(start, len(tracks), block):
        state = tracks.state[first : first + block]
        frames = np.zeros((len(state), *size), np.uint8)
        painter.paint(state, frames)
        yield frames


@dataclass(frozen=True)
class Film:
    """A simulated film with its truth.

    Attributes
    ----------
    frames : ndarray, uint8 (T, H, W)
        Bright fish on black.
    tracks : Tracks
        Position, heading, motion, behaviour, chases and hazard, and all it takes to go on.
    config : TankConfig
        The tank.
    seed : int
        The seed it was made with.
    """

    frames: np.ndarray
    tracks: Tracks
    config: TankConfig
    seed: int


def simulate_film(
    config: TankConfig, seed: int, n_frames: int, size: tuple[int, int] = (240, 320)
) -> Film:
    """Simulate a tank and film it.

    Parameters
    ----------
    config : TankConfig
        The tank.
    seed : int
        Seed of all random numbers; the same seed gives the same film.
    n_frames : int
        Number of frames, 30 of them a second; all are kept in memory (`render_blocks` does not).
    size : tuple of int
        Height and width of the frames.

    Returns
    -------
    Film
        Frames and truth.

    Raises
    ------
    ValueError
        If there are fewer than two frames.
    """
    tracks = simulate_tracks(config, seed, n_frames)
    frames = np.zeros((n_frames, *size), np.uint8)
    Painter(config, seed, size).paint(tracks.state, frames)
    return Film(frames, tracks, config, seed)
