"""Sizes of frames: fit a film into the box all films share, and shrink frames to clips."""

import cv2
import numpy as np

FRAME_SIZE = (240, 320)
SHRINK_METHODS = {"nearest-exact": cv2.INTER_NEAREST_EXACT, "area": cv2.INTER_AREA}


def content_box(
    height: int, width: int, size: tuple[int, int] = FRAME_SIZE
) -> tuple[int, int, int, int]:
    """Where a film of this shape lies in the box: rows y0:y1, columns x0:x1, centred.

    The film keeps its shape; what it does not cover of the box stays black.
    """
    scale = min(size[0] / height, size[1] / width)
    rows = min(size[0], max(1, round(height * scale)))
    columns = min(size[1], max(1, round(width * scale)))
    y0, x0 = (size[0] - rows) // 2, (size[1] - columns) // 2
    return y0, y0 + rows, x0, x0 + columns


def fit_frame(image: np.ndarray, size: tuple[int, int] = FRAME_SIZE) -> np.ndarray:
    """Fit one image uint8 (h, w) into a box uint8 (H, W), undistorted, padded with black.

    Shrinking averages areas, enlarging interpolates linearly; an image of the box's own size
    is returned as it is, bit for bit.
    """
    if image.shape == tuple(size):
        return image
    y0, y1, x0, x1 = content_box(*image.shape, size)
    smaller = y1 - y0 <= image.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    box = np.zeros(size, np.uint8)
    box[y0:y1, x0:x1] = cv2.resize(image, (x1 - x0, y1 - y0), interpolation=method)
    return box


def shrink(
    frames: np.ndarray, size: tuple[int, int] = (120, 160), method: str = "nearest-exact"
) -> np.ndarray:
    """Shrink frames uint8 (T, H, W) to uint8 (T, *size).

    ``"nearest-exact"`` is the study's rule, which from 240x320 to 120x160 picks
    ``frames[:, 1::2, 1::2]``: use it for the published models. ``"area"`` averages, which lowers
    the motion but loses no animal: use it for smaller sizes.
    """
    if method not in SHRINK_METHODS:
        raise ValueError(f"method is {method!r}: choose one of {sorted(SHRINK_METHODS)}.")
    if frames.shape[1:] == tuple(size):
        return frames
    small = np.empty((len(frames), *size), np.uint8)
    for frame, target in zip(frames, small, strict=True):
        cv2.resize(frame, size[::-1], dst=target, interpolation=SHRINK_METHODS[method])
    return small
