"""A sample of frames spread over a film, and what it tells about light, ground and noise."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fishlib.motion import runs_of
from fishlib.preparation.bodies import fixed_places, moving_light
from fishlib.video import Box, Colour, FilmInfo, probe, read_stretches

N_STRETCHES, STRETCH = 48, 6  # 48 stretches of 6 frames
ENOUGH, LONG_ENOUGH = 8, 32  # stretches from which its ground, and fixed places, can be told
DARK, DIM, LIT = 0.3, 0.6, 25.0  # shares of the film's light, grey levels of a lit film
LEAST_LEVEL = 5.0  # grey levels by which a body stands out at least
LEAST_LIGHT = 200.0  # grey levels times pixels of the bodies that move in a frame
UNEVEN, LOUD = 2.0, 4.0  # how much noisier parts of a film must be to count by themselves
TO_999 = 1.88  # from the 95th to the 99.9th percentile of normal noise
FROM_MEDIAN = 2.44  # from the median of absolute normal noise to its 90th percentile


def sample_film(
    source: str | Path | FilmInfo, roi: Box | None = None, colour: bool = False
) -> tuple[np.ndarray, Box]:
    """Read up to 48 stretches of 6 consecutive frames, evenly spread over a film.

    Returns
    -------
    sample : uint8 array (n, 6, 240, 320), or (n, 6, 240, 320, 3) in colour
        The stretches, in order, without dark ones; a film of 2 to 5 frames gives one shorter
        stretch.
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
    sample = list(read_stretches(info, starts.tolist(), length, roi, colour))
    if length < 2 or not sample:
        raise ValueError(
            f"{info.path}: no stretch of {STRETCH} frames can be decoded: re-encode it, if it is a "
            "film."
        )
    box = y0, y1, x0, x1 = info.box(roi)
    sample = np.array(sample)
    inside = sample[:, 0, y0:y1, x0:x1].reshape(len(sample), -1)
    dark = find_darkness(inside.mean(axis=1), inside.max(axis=1).astype(float))
    return sample[~dark], box


def find_darkness(light: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Frames without a picture, bool (T,): a lit film gone dark, or nothing seen on black.

    Dark is what has less than 0.3 of the film's light, together with the dim frames around it; on
    a black ground, what has nothing brighter than 0.3 of its brightest.

    Parameters
    ----------
    light, peak : float arrays (T,)
        Mean and highest grey level of each frame.
    """
    level = light if np.quantile(light, 0.9) > LIT else peak
    usual = np.quantile(level, 0.9)
    dark = np.zeros(len(level), bool)
    if usual > LIT:
        for first, last in runs_of(level < DIM * usual):
            dark[first : last + 1] = level[first : last + 1].min() < DARK * usual
    return dark


@dataclass(frozen=True)
class Measures:
    """Light, contrast and noise of a film, in grey levels.

    Attributes
    ----------
    ground : float
        Median level of the ground.
    darker, brighter : float
        By how much the most outstanding 0.01 % of all pixels fall below and rise above it.
    dark_bodies, bright_bodies : float
        Light of the bodies on either side that move on, see `bodies.moving_light`.
    flicker : float
        Change of mean brightness from frame to frame, whatever single torn frames do.
    drift : float
        Standard deviation of the stretches' brightness.
    rows : float
        The same of rows, beyond what noise explains, once frames are evened.
    wrong_side : float
        How far 99.9 % of all pixels stay within on the side where the animals are not, judged by
        the 95th percentile, which animals that rest do not touch; of the noisiest stretches.
    noise : float
        90th percentile of the change of a pixel from frame to frame; of the noisiest stretches.
    uneven_noise : float
        How much noisier these are than the film is on the whole.
    level : float
        Grey levels above which a pixel stands out.
    fixed : bool array (H, W)
        Where the picture only changes in place.
    """

    ground: float
    darker: float
    brighter: float
    dark_bodies: float
    bright_bodies: float
    flicker: float
    drift: float
    rows: float
    wrong_side: float
    noise: float
    uneven_noise: float
    level: float
    fixed: np.ndarray

    @property
    def contrast(self) -> float:
        """How many times the noise, or a grey level, what stands out most does so."""
        return max(self.darker, self.brighter) / max(self.noise, 1.0)

    @property
    def dark(self) -> bool:
        """Whether the animals are darker than the ground: by bodies, else by single pixels."""
        if max(self.dark_bodies, self.bright_bodies) > LEAST_LIGHT:
            return self.dark_bodies > self.bright_bodies
        return self.darker > self.brighter

    @property
    def doubtful(self) -> bool:
        """Whether dark and bright bodies move about equally."""
        less, more = sorted((self.dark_bodies, self.bright_bodies))
        return more > LEAST_LIGHT and less > 0.5 * more


def measure_film(sample: np.ndarray, box: Box) -> Measures:
    """Measure sample stretches uint8 (n, k, H, W), of which the film covers a box."""
    y0, y1, x0, x1 = box
    film = sample[:, :, y0:y1, x0:x1].astype(np.float32)
    mean = film.mean(axis=(2, 3), dtype=np.float64)
    steps = np.abs(np.diff(mean, axis=1))
    flicker = 1.48 * np.median(steps) / np.sqrt(2)
    if np.median(film[:, 0]) > LIT:
        film *= (np.median(mean) / mean).astype(np.float32)[:, :, None, None]
    ground = np.median(film[:, 0], axis=0)
    change = np.abs(np.diff(film, axis=1))  # (n, k - 1, h, w)
    usual = FROM_MEDIAN * float(np.median(change[:, :, ::2, ::2]))
    level = max(3 * usual, LEAST_LEVEL)
    fixed = np.zeros(ground.shape, bool)
    if len(film) >= LONG_ENOUGH:
        fixed = fixed_places(film, ground, level)
        film[:, :, fixed] = ground[fixed]
    excess, change = film[:, 0] - ground, change[:, :, ~fixed]
    noise = np.median(np.quantile(change, 0.9, axis=2), axis=1)  # whatever single torn frames do
    dark_bodies, bright_bodies = (
        moving_light(film[:: 1 + len(film) // N_STRETCHES], ground, level, sign) for sign in (-1, 1)
    )
    far_low, low, high, far_high = np.quantile(excess, [0.0001, 0.05, 0.95, 0.9999])
    sides = np.quantile(excess, [0.05, 0.95], axis=(1, 2))  # (2, n)
    whole = np.zeros(sample.shape[2:], bool)
    whole[y0:y1, x0:x1] = fixed
    found = Measures(
        ground=float(np.median(ground)),
        darker=max(-float(far_low), 0.0),
        brighter=max(float(far_high), 0.0),
        dark_bodies=dark_bodies,
        bright_bodies=bright_bodies,
        flicker=float(flicker),
        drift=float(np.median(mean, axis=1).std()),
        rows=_row_flicker(film, ground, float(np.median(noise))),
        wrong_side=0.0,
        noise=float(np.quantile(change, 0.9)),
        uneven_noise=1.0,
        level=level,
        fixed=whole,
    )
    pooled = max(TO_999 * float(high if found.dark else -low), 0.0)
    noisiest = TO_999 * np.quantile(sides[1] if found.dark else -sides[0], 0.95)
    loudest = float(np.quantile(noise, 0.95))
    uneven = loudest / max(float(np.median(noise)), 1.0)
    if uneven < UNEVEN or loudest < LOUD:  # an even film: the floor of all of it
        return replace(found, wrong_side=pooled)
    loudest = max(found.noise, loudest)
    return replace(
        found, wrong_side=max(pooled, float(noisiest)), noise=loudest, uneven_noise=uneven
    )


def _row_flicker(film: np.ndarray, ground: np.ndarray, noise: float) -> float:
    """Spread of the rows' medians about the ground, beyond what noise explains."""
    rows = np.median(film[:, 0] - ground, axis=2)  # (n, h)
    by_noise = 1.25 * (noise / 2.33) / np.sqrt(film.shape[3])  # of a median, from a change's P90
    spread = 1.48 * float(np.median(np.abs(rows)))  # whatever single torn frames do
    return float(np.sqrt(max(spread**2 - by_noise**2, 0.0)))


def find_colour(sample: np.ndarray, box: Box) -> Colour | None:
    """The mixture of red, green and blue in which animals stand out most from noise.

    The noise of the three is made equal and independent; then the direction is taken in which the
    pixels lie that differ most from the ground.

    Parameters
    ----------
    sample : uint8 array (n, k, H, W, 3)
        Stretches in colour.

    Returns
    -------
    (red, green, blue, added) or None
        The ground becomes 128 grey levels. None for a film without colour.
    """
    y0, y1, x0, x1 = box
    film = sample[:, :, y0:y1, x0:x1].astype(np.float32)
    if np.quantile(np.ptp(film[:, 0], axis=3), 0.999) < LEAST_LEVEL:
        return None
    ground = np.median(film[:, 0], axis=0)
    change = np.diff(film[:, :, ::4, ::4], axis=1).reshape(-1, 3)
    quiet = np.abs(change).max(axis=1) <= np.quantile(np.abs(change).max(axis=1), 0.95)
    noise = np.cov(change[quiet].T) + 0.25 * np.eye(3)
    whiten = np.linalg.inv(np.linalg.cholesky(noise))
    apart = (film[:, 0] - ground).reshape(-1, 3) @ whiten.T
    strength = np.linalg.norm(apart, axis=1)
    most = apart[strength >= np.quantile(strength, 0.999)]
    weights = np.linalg.svd(most, full_matrices=False)[2][0] @ whiten
    weights = weights / np.abs(weights).sum() * 2
    added = 128 - float(np.median(ground.reshape(-1, 3) @ weights))
    return (*(float(w) for w in weights), added)
