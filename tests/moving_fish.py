"""Films of tapered ellipses that swim: bright on dark ground, or as a camera would see them."""

import numpy as np


def film(n_frames: int, size: tuple[int, int] = (120, 160), n_fish: int = 6, seed: int = 0):
    """uint8 (T, H, W): calm fish that turn slowly and dart forward now and then."""
    rng = np.random.default_rng(seed)
    height, width = size
    where = rng.uniform(0.1, 0.9, (n_fish, 2)) * size
    heading = rng.uniform(0, 2 * np.pi, n_fish)
    length = width * rng.uniform(0.03, 0.05, n_fish)
    motion = np.full(n_fish, 0.3)
    frames = np.zeros((n_frames, height, width), np.uint8)
    for frame in frames:
        motion = np.where(rng.random(n_fish) < 0.01, 5.0, 0.3 + 0.93 * (motion - 0.3))
        heading = heading + rng.normal(0, 0.05, n_fish)
        step = np.stack([np.sin(heading), np.cos(heading)], 1) * motion[:, None] * width / 160
        where = (where + step) % size
        for (row, column), angle, half in zip(where, heading, length, strict=True):
            top, left = max(0, int(row - 2 * half)), max(0, int(column - 2 * half))
            window = frame[top : int(row + 2 * half), left : int(column + 2 * half)]
            down, right = np.indices(window.shape, np.float32)
            down, right = down + top - row, right + left - column
            along = right * np.cos(angle) + down * np.sin(angle)
            across = down * np.cos(angle) - right * np.sin(angle)
            breadth = half * 0.3 * np.clip(1.2 + along / half, 0.2, 2.0)
            body = np.exp(-((along / half) ** 4) - (across / breadth) ** 2)
            np.maximum(window, (230 * body).astype(np.uint8), out=window)
    return frames


def filmed(
    fish: np.ndarray, ground: float = 150, animal: float = 60, noise: float = 2.0, seed: int = 1
) -> np.ndarray:
    """The fish of `film` before a lit ground, with a camera's noise; uint8 (T, H, W)."""
    rng = np.random.default_rng(seed)
    frames = np.empty_like(fish)
    for frame, bodies in zip(frames, fish, strict=True):
        seen = ground + (animal - ground) / 230 * bodies + rng.normal(0, noise, bodies.shape)
        frame[:] = seen.clip(0, 255)
    return frames
