"""The film of a simulated tank: the points of each fish summed into pixels."""

from collections.abc import Iterator

import numpy as np

from fishlib.swimming import VARIABLES, Tracks
from fishlib.tank_config import TankConfig

CHUNK = 32  # frames drawn at once: small enough for the processor's cache
UNIT = 256.0  # light is counted in 1/256 grey value, so that sums do not depend on their order


def body_points(config: TankConfig, n_along: int, n_across: int) -> tuple[np.ndarray, ...]:
    """The points that make up a straight fish, with the light each carries.

    A fish is a blunt head, widest at a fifth of its length, tapering to the tail; its back end is
    a third darker than its front.

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
    width = config.body_width * np.clip(np.minimum(along / 0.15, (1.25 - along) / 0.8), 0, 1)
    grey = config.brightness * (1.0 - 0.45 * along)
    cell = width * config.body_length / (n_along * n_across)
    across = width[:, None] * side
    light = np.repeat(grey * cell, n_across)
    return tuple(a.astype(np.float32) for a in (np.repeat(along, n_across), across.ravel(), light))


def _midline(along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sideways reach (body lengths) of the bend and of the tail, float32, along the body."""
    front = (along - 0.4) * np.abs(along - 0.4) * 1.5
    back = np.maximum(along - 0.5, 0) ** 2 * 2.0
    return front.astype(np.float32), back.astype(np.float32)


def _specks(config: TankConfig, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place (px) and light (grey value) of the motionless specks of a tank."""
    rng = np.random.default_rng([seed, 1])
    x = rng.integers(2, config.width - 2, config.n_specks).astype(np.float32)
    y = rng.integers(2, config.height - 2, config.n_specks).astype(np.float32)
    light = np.minimum(8 + 24 * rng.exponential(size=config.n_specks), 120).astype(np.float32)
    return x, y, light


class _Painter:
    """All that is fixed while a film is drawn: the body, the specks, the scale, the noise."""

    def __init__(self, config: TankConfig, seed: int, size: tuple[int, int]) -> None:
        self.config, (self.height, self.width) = config, size
        self.scale_x = np.float32(self.width / config.width)
        self.scale_y = np.float32(self.height / config.height)
        finest = max(float(self.scale_x), float(self.scale_y))
        n_along = max(16, int(np.ceil(config.body_length * finest)))
        n_across = max(3, int(np.ceil(config.body_width * finest)))
        along, across, light = body_points(config, n_along, n_across)
        length = np.float32(config.body_length)
        self.forward = (np.float32(0.45) - along) * length
        self.across = across
        self.front, self.back = (length * part for part in _midline(along))
        self.light = light * np.float32(UNIT)
        self.specks = _specks(config, seed)
        spread = np.random.default_rng(0).standard_normal(256)  # 256 steps of sensor noise
        self.gain = (1 + config.noise * (spread - spread.mean()) / spread.std()).astype(np.float32)
        self.rng = np.random.default_rng([seed, 2])

    def points(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points of all fish in image coordinates, float32 (n, n_fish, P) each."""
        x, y, heading, bend, tail = (
            state[:, VARIABLES.index(v), :, None] for v in ("x", "y", "heading", "bend", "tail")
        )
        cos = (np.rint(np.cos(heading.astype(float)) * 16384) / 16384).astype(np.float32)
        sin = (np.rint(np.sin(heading.astype(float)) * 16384) / 16384).astype(np.float32)
        aside = bend * self.front + (tail * self.back + self.across)
        px = (x + cos * self.forward - sin * aside) * self.scale_x
        py = (y + sin * self.forward + cos * aside) * self.scale_y
        return px, py

    def paint(self, state: np.ndarray) -> np.ndarray:
        """Draw n frames, uint8 (n, H, W); advances the sensor noise by n frames."""
        n, n_fish = len(state), state.shape[2]
        px, py = self.points(state)
        n_points, n_specks = n_fish * self.light.size, self.config.n_specks
        n_noise = -(-(n_points + n_specks) // 4) * 4
        noise = self.rng.integers(0, 256, (n, n_noise), dtype=np.uint8)
        gain = self.gain[noise[:, : n_points + n_specks]]
        light = np.tile(self.light, n_fish) * gain[:, :n_points]
        spot_x, spot_y, spot = self.specks
        canvas = np.zeros((n, self.height + 2, self.width + 2), np.int32)
        area = self.scale_x * self.scale_y
        _splat(canvas, px.reshape(n, -1), py.reshape(n, -1), light * area)
        shape = (n, n_specks)
        _splat(
            canvas,
            np.broadcast_to(spot_x * self.scale_x, shape),
            np.broadcast_to(spot_y * self.scale_y, shape),
            spot * gain[:, n_points:] * (area * np.float32(UNIT)),
        )
        canvas >>= int(np.log2(UNIT))
        return np.minimum(canvas[:, 1:-1, 1:-1], 255).astype(np.uint8)


def _splat(canvas: np.ndarray, px: np.ndarray, py: np.ndarray, light: np.ndarray) -> None:
    """Share each point's light among the four pixels around it, in place; `canvas` has a rim."""
    n, height, width = canvas.shape
    px = np.clip(px + np.float32(0.5), 0, np.float32(width - 1.001))
    py = np.clip(py + np.float32(0.5), 0, np.float32(height - 1.001))
    column, row = np.floor(px), np.floor(py)
    fx, fy = px - column, py - row
    index = (row * np.float32(width) + column).astype(np.intp)
    index += np.arange(n)[:, None] * (height * width)
    low, flat = light * fy, canvas.reshape(-1)
    high = light - low
    for offset, weight in ((0, high), (width, low)):
        right = weight * fx
        np.add.at(flat, index + offset, (weight - right).astype(np.int32))
        np.add.at(flat, index + (offset + 1), right.astype(np.int32))


def render_blocks(
    tracks: Tracks,
    config: TankConfig,
    seed: int,
    size: tuple[int, int] = (240, 320),
    block: int = 256,
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

    Yields
    ------
    ndarray, uint8 (n, H, W)
        Frames, bright fish on black.
    """
    painter = _Painter(config, seed, size)
    for start in range(0, len(tracks), block):
        state = tracks.state[start : start + block]
        parts = [painter.paint(state[i : i + CHUNK]) for i in range(0, len(state), CHUNK)]
        yield np.concatenate(parts)
