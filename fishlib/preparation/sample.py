"""A sample of frames spread over a film, and what it tells about light, ground and noise."""

from pathlib import Path

import numpy as np

from fishlib.video import FilmInfo, probe, read_stretches

N_STRETCHES, STRETCH = 48, 6  # 48 stretches of 6 frames
TO_999 = 1.88  # from the 95th to the 99.9th percentile of normal noise


def sample_film(
    source: str | Path | FilmInfo, roi: tuple[int, int, int, int] | None = None
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Read up to 48 stretches of 6 consecutive frames, evenly spread over a film.

    Returns
    -------
    sample : uint8 array (n, 6, 240, 320)
        The stretches, in order; a film of under 6 frames gives one shorter stretch.
    box : (y0, y1, x0, x1)
        The part of the frame that the film covers.

    Raises
    ------
    ValueError
        No stretch can be decoded.
    """
    info = source if isinstance(source, FilmInfo) else probe(source)
    length = min(STRETCH, info.n_frames)
    count = max(1, min(N_STRETCHES, info.n_frames // length))
    starts = np.linspace(0, info.n_frames - length, count).astype(int)
    sample = list(read_stretches(info, starts.tolist(), length, roi))
    if not sample:
        raise ValueError(
            f"{info.path}: no stretch of {length} frames can be decoded: re-encode it."
        )
    return np.array(sample), info.box(roi)


def measure_film(sample: np.ndarray, box: tuple[int, int, int, int]) -> dict[str, float]:
    """Measure light, contrast and noise of sample stretches uint8 (n, k, H, W), in grey levels.

    Returns
    -------
    dict
        ``ground``: median level of the ground. ``darker``, ``brighter``: by how much the most
        outstanding 0.01 % of all pixels fall below and rise above the ground. ``flicker``: change
        of mean brightness from frame to frame (standard deviation). ``drift``: the same of the
        stretches' means. ``wrong_side``: how far 99.9 % of all pixels stay within on the side
        where the animals are not, judged by the 95th percentile, which animals that rest do not
        touch. ``noise``: 90th percentile of the change of a pixel from
        frame to frame. The last two after brightness is evened out.
    """
    y0, y1, x0, x1 = box
    film = sample[:, :, y0:y1, x0:x1].astype(np.float32)
    mean = film.mean(axis=(2, 3), dtype=np.float64)
    flicker = np.diff(mean, axis=1).std() / np.sqrt(2) if film.shape[1] > 1 else 0.0
    lit = np.median(film[:, 0]) > 25
    if lit:
        film *= (np.median(mean) / mean).astype(np.float32)[:, :, None, None]
    ground = np.median(film[:, 0], axis=0)
    excess = film[:, 0] - ground
    far_low, low, high, far_high = np.quantile(excess, [0.0001, 0.05, 0.95, 0.9999])
    dark = far_low + far_high < 0
    change = np.abs(np.diff(film, axis=1))
    return {
        "ground": float(np.median(ground)),
        "darker": max(-float(far_low), 0.0),
        "brighter": max(float(far_high), 0.0),
        "flicker": float(flicker),
        "drift": float(mean.mean(axis=1).std()),
        "wrong_side": max(TO_999 * float(high if dark else -low), 0.0),
        "noise": float(np.quantile(change, 0.9)) if change.size else 0.0,
    }
