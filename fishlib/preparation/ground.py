"""The steps of a preparation: even brightness, no ground, bright animals, no noise."""

import numpy as np

Box = tuple[int, int, int, int]


def mean_brightness(frame: np.ndarray, box: Box) -> float:
    """Mean grey level of a frame (H, W) inside a box."""
    y0, y1, x0, x1 = box
    return float(frame[y0:y1, x0:x1].mean(dtype=np.float64))


def normalise_brightness(frame: np.ndarray, brightness: float, box: Box) -> np.ndarray:
    """Scale a frame (H, W) to a mean brightness inside a box; float32 (H, W)."""
    present = mean_brightness(frame, box)
    return frame * np.float32(brightness / present if present > 0 else 1.0)


def subtract_ground(frames: np.ndarray, ground: np.ndarray, polarity: str) -> np.ndarray:
    """How much brighter (or, with polarity "dark", darker) than the ground; float32, >= 0."""
    difference = ground - frames if polarity == "dark" else frames - ground
    return np.maximum(difference, 0, dtype=np.float32)


def invert(frames: np.ndarray, box: Box) -> np.ndarray:
    """255 minus the frames (n, H, W) inside a box, black outside; float32."""
    y0, y1, x0, x1 = box
    inverted = np.zeros(frames.shape, np.float32)
    inverted[:, y0:y1, x0:x1] = 255 - frames[:, y0:y1, x0:x1]
    return inverted


def cut_noise(frames: np.ndarray, noise_floor: float) -> np.ndarray:
    """Take the noise floor off every pixel, down to 0: no jump where a pixel crosses it."""
    return np.maximum(frames - np.float32(noise_floor), 0)


def to_grey(frames: np.ndarray) -> np.ndarray:
    """Round float frames to uint8, between 0 and 255."""
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)
