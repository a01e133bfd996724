"""A sample of frames spread over a film, and what it tells about light, ground, noise, bodies."""

from dataclasses import dataclass

import cv2
import numpy as np

from fishlib.motion import runs_of
from fishlib.video import Box, Colour, FilmInfo, read_stretches

N_STRETCHES, STRETCH = 48, 6  # 48 stretches of 6 frames
ENOUGH, LONG_ENOUGH = 8, 32  # stretches from which its ground, and fixed places, can be told
DARK, DIM, LIT = 0.3, 0.6, 25.0  # shares of the film's light, grey levels of a lit film
LEAST_LEVEL = 5.0  # grey levels by which a body stands out at least
LEAST_LIGHT = 200.0  # grey levels times pixels of the bodies that move in a frame
UNEVEN, LOUD = 2.0, 4.0  # how much noisier parts of a film must be to count by themselves
TO_999, TO_999_BUSY = 1.88, 4.58  # from the 95th, and 75th, to the 99.9th percentile of noise
FROM_MEDIAN = 2.44  # from the median of absolute normal noise to its 90th percentile
SMALLEST = 6  # pixels of a body at 240x320
REACH = 16.0  # pixels a body may move within a stretch
LEAST_SHIFT = 0.7  # pixels it must have moved to count
OFTEN, ACTIVE, TOGGLING, STRADDLING, FILLED = 0.15, 0.25, 0.3, 0.15, 0.4  # see `fixed_places`
TWO_LIGHTS = 0.5  # share of what differs between stretches that one difference explains
BROAD, SOFT, SHADED = 8, 8.0, 0.05  # pixels in one, ratio, share of the sample, see `find_shade`
RISING = 0.5  # share of the bodies that rise straight up where bubbles do
RESTS = 0.2  # share of the sample in which the ground under a resting animal must be seen


def sample_film(
    info: FilmInfo, roi: Box | None = None, colour: bool = False, frames=None
) -> tuple[np.ndarray, Box]:
    """Read up to 48 stretches of 6 consecutive frames, evenly spread over a film.

    All its ``frames``, uint8 (T, 240, 320), may be given where they were read before.

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
    length = min(STRETCH, info.n_frames)
    count = max(1, min(N_STRETCHES, info.n_frames // length))
    starts = np.linspace(0, info.n_frames - length, count).astype(int)
    if frames is None:
        sample = list(read_stretches(info, starts.tolist(), length, roi, colour))
    else:
        sample = [frames[at : at + length] for at in starts if at + length <= len(frames)]
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
        Level of the ground where light falls, its 95th percentile: a tank may fill little of it.
    darker, brighter : float
        By how much the most outstanding 0.01 % of all pixels fall below and rise above it.
    dark_bodies, bright_bodies : float
        Light of the bodies on either side that move on, see `moving_light`.
    dark_bubbles, bright_bubbles : float
        Bodies on either side that rise in a frame, if most of those that move on do.
    dark : bool
        Whether the animals are darker than the ground: by bodies, else by single pixels.
    flicker : float
        Change of mean brightness from frame to frame, whatever single torn frames do.
    drift : float
        Standard deviation of the stretches' brightness.
    shade : float
        Share of the stretches in which broad places are lighter or darker than usual.
    rows : float
        The same of rows, beyond what noise explains, once frames are evened.
    wrong_side : float
        How far 99.9 % of all pixels stay within on the side where the animals are not, judged by
        the 95th percentile (among bubbles the 75th), which animals that rest do not touch; of the
        noisiest stretches.
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
    dark_bubbles: float
    bright_bubbles: float
    dark: bool
    flicker: float
    drift: float
    shade: float
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
    lit, shade = np.median(film[:, 0]) > LIT, 0.0
    if lit:
        film *= (np.median(mean) / mean).astype(np.float32)[:, :, None, None]
    ground = np.median(film[:, 0], axis=0)
    if lit and (shade := find_shade(film[:, 0] - ground)) > SHADED:
        film = even_shade(film.reshape(-1, *ground.shape), ground).reshape(film.shape)
        ground = np.median(film[:, 0], axis=0)
    change = np.abs(np.diff(film, axis=1))  # (n, k - 1, h, w)
    usual = FROM_MEDIAN * float(np.median(change[:, :, ::2, ::2]))
    level = max(3 * usual, LEAST_LEVEL)
    fixed = np.zeros(ground.shape, bool)
    if len(film) >= LONG_ENOUGH:
        noises = FROM_MEDIAN * np.median(change[:, :, ::2, ::2], axis=(1, 2, 3))  # (n,)
        loud = (noises >= UNEVEN * max(usual, 1.0)) & (noises >= LOUD)
        fixed = fixed_places(film, ground, np.where(loud, 3 * noises, level))
        film[:, :, fixed] = ground[fixed]
    whole = np.zeros(sample.shape[2:], bool)
    whole[y0:y1, x0:x1] = fixed
    excess = film[:, 0] - ground
    change = change[:, :, fixed if fixed.all() else ~fixed]
    noise = np.median(np.quantile(change, 0.9, axis=2), axis=1)  # whatever single torn frames do
    usual, loudest = float(np.median(noise)), float(np.quantile(noise, 0.95))
    uneven = loudest / max(usual, 1.0)
    even = uneven < UNEVEN or loudest < LOUD  # then the floor of all of it
    some = film[:: 1 + len(film) // N_STRETCHES]
    (dark_bodies, dark_bubbles), (bright_bodies, bright_bubbles) = (
        moving_light(some, ground, level, sign) for sign in (-1, 1)
    )
    share, to_999 = (0.25, TO_999_BUSY) if dark_bubbles + bright_bubbles else (0.05, TO_999)
    far_low, low, high, far_high = np.quantile(excess, [0.0001, share, 1 - share, 0.9999])
    darker, brighter = max(-float(far_low), 0.0), max(float(far_high), 0.0)
    dark = darker > brighter
    if max(dark_bodies, bright_bodies) > LEAST_LIGHT:
        dark = dark_bodies > bright_bodies
    low_sides, high_sides = np.quantile(excess, [share, 1 - share], axis=(1, 2))  # (n,)
    wrong, sides = (high, high_sides) if dark else (-low, -low_sides)
    wrong = max(float(wrong), 0.0 if even else float(np.quantile(sides, 0.95)), 0.0)
    return Measures(
        ground=float(np.quantile(ground, 0.95)),
        darker=darker,
        brighter=brighter,
        dark_bodies=dark_bodies,
        bright_bodies=bright_bodies,
        dark_bubbles=dark_bubbles,
        bright_bubbles=bright_bubbles,
        dark=dark,
        flicker=float(flicker),
        drift=float(np.median(mean, axis=1).std()),
        shade=shade,
        rows=_row_flicker(film, ground, usual),
        wrong_side=to_999 * wrong,
        noise=max(float(np.quantile(change, 0.9)), 0.0 if even else loudest),
        uneven_noise=1.0 if even else uneven,
        level=level,
        fixed=whole,
    )


def find_lights(sample: np.ndarray, box: Box) -> np.ndarray:
    """Which of two lights each stretch has, by the main difference of their pictures; bool (n,).

    All False where no single difference outweighs the others: what animals differ by are many.
    """
    y0, y1, x0, x1 = box
    pictures = sample[:, 0, y0:y1:4, x0:x1:4].reshape(len(sample), -1).astype(np.float32)
    first, strength, _ = np.linalg.svd(pictures - pictures.mean(axis=0), full_matrices=False)
    two = strength[0] ** 2 > TWO_LIGHTS * (strength**2).sum()
    return (first[:, 0] * np.sign(first[-1, 0]) > 0) & two


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


def find_shade(excess: np.ndarray) -> float:
    """Share of frames (n, h, w), without their ground, in which light differs over broad places.

    A median over 40x40 pixels knows no small animal. Shadows and lamps have soft edges, so that a
    blur of it changes little there; the edges of a large animal it changes. Frames with such an
    animal count against it.
    """
    shaded = 0
    for one in excess:
        broad = cv2.medianBlur(_shrunk(one), 5)
        if (light := np.abs(broad).mean()) > 1.5:
            soft = light > SOFT * np.abs(broad - cv2.blur(broad, (5, 5))).mean()
            shaded += 1 if soft else -1
    return max(0, shaded) / len(excess)


def even_shade(frames: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Give broad places of each frame, float32 (n, h, w), the light of the ground (h, w).

    Their light is a median over 40x40 pixels, which an animal that fills under half does not touch.
    """
    even, usual = np.empty_like(frames), _shrunk(ground)
    for frame, out in zip(frames, even, strict=True):
        light = usual + cv2.medianBlur(_shrunk(frame) - usual, 5)
        factor = (usual + LEAST_LEVEL) / np.maximum(light + LEAST_LEVEL, 1)
        out[:] = frame * cv2.resize(factor, ground.shape[::-1])
    return even


def _shrunk(image: np.ndarray) -> np.ndarray:
    rows, columns = (max(1, n // BROAD) for n in image.shape)
    return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)


def moving_light(
    film: np.ndarray, ground: np.ndarray, level: float, sign: int
) -> tuple[float, float]:
    """Light of the bodies on one side of the ground that move on from place to place.

    A body is a connected region. It counts if it can be followed through every frame of a
    stretch, with about the same light, in even steps. Glints die before, lamps and clocks stay
    where they are, and the hole that a resting animal left in the ground does not move. Where most
    bodies rise straight up, these are bubbles and do not count.

    Parameters
    ----------
    film : float32 array (n, k, h, w)
        Stretches of consecutive frames, their brightness evened.
    ground : float32 array (h, w)
    level : float
        Grey levels above which a pixel stands out.
    sign : int
        1 for bodies brighter than the ground, -1 for darker ones.

    Returns
    -------
    light, bubbles : float
        Sum of the light above `level`, and number of bubbles, mean over the stretches.
    """
    lights, shifts = [], []
    for stretch in film:
        first, *following = (_bodies(sign * (frame - ground) - level) for frame in stretch)
        for light, centre in zip(*first, strict=True):
            if (shift := _moves_on(light, centre, following)) is not None:
                lights.append(light)
                shifts.append(shift)
    right, down = np.reshape(shifts, (-1, 2)).T
    rising = down < -2 * np.abs(right)
    rising &= rising.sum() > max(RISING * len(rising), len(film))
    return float(np.sum(lights, where=~rising)) / len(film), rising.sum() / len(film)


def _bodies(light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Light and centre of every connected region."""
    _, labels, stats, centres = cv2.connectedComponentsWithStats((light > 0).astype(np.uint8))
    sums = np.bincount(labels.ravel(), light.ravel(), minlength=len(stats))
    large = stats[:, cv2.CC_STAT_AREA] >= SMALLEST
    large[0] = False
    return sums[large], centres[large]


def _moves_on(light: float, centre: np.ndarray, following: list) -> np.ndarray | None:
    """How far, (right, down), a body moves on through all frames that follow, if it does."""
    path = [centre]
    for lights, centres in following:
        alike = centres[(lights > light / 2) & (lights < 2 * light)]
        if not len(alike):
            return None
        path.append(alike[np.linalg.norm(alike - path[-1], axis=1).argmin()])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    shift = path[-1] - path[0]
    net = np.linalg.norm(shift)
    even = steps.max(initial=0) <= 0.5 * net + 0.5
    return shift if LEAST_SHIFT <= net <= REACH * 2 and even else None


def fixed_places(film: np.ndarray, ground: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Where the picture changes often without anything ever moving from there; bool (h, w).

    A pixel is active where it differs from the ground by more than the level (n,) of its stretch.

    A place is a connected region in which pixels differ from the ground in at least 0.15 of the
    stretches. It is fixed if it is active in a quarter of them, what is active fills much of it and
    hardly reaches out of it, and its pixels come and go: an animal reaches out of such a place,
    and one that rests stays for longer.
    """
    active = np.abs(film[:, 0] - ground) > levels[:, None, None]  # (n, h, w)
    often = (active.mean(axis=0) >= OFTEN).astype(np.uint8)
    often = cv2.morphologyEx(often, cv2.MORPH_CLOSE, np.ones((5, 9), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(often)
    found = np.zeros(often.shape, bool)
    regions = np.array([cv2.connectedComponents(mask.astype(np.uint8))[1] for mask in active])
    for place in np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= 2 * SMALLEST) + 1:
        inside = labels == place
        grown = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if _is_fixed(active, regions, inside, grown):
            found |= grown
    return found


def _is_fixed(
    active: np.ndarray, regions: np.ndarray, inside: np.ndarray, grown: np.ndarray
) -> bool:
    present = active[:, grown].sum(axis=1) > 0.1 * inside.sum()
    if present.mean() < ACTIVE:
        return False
    frame, filled, outside = _extent(inside), [], []
    for mask, region in zip(active[present], regions[present], strict=True):
        part = mask & grown
        filled.append(_extent(part) / frame)
        whole = np.isin(region, np.unique(region[part])) & mask
        outside.append(1 - part.sum() / whole.sum())
    states = active[:, inside]
    share = states.mean(axis=0)
    toggles = np.abs(np.diff(states.astype(np.int8), axis=0)).mean(axis=0).sum()
    by_chance = (2 * share * (1 - share)).sum()
    return bool(
        np.median(filled) >= FILLED
        and np.mean(outside) <= STRADDLING
        and toggles >= TOGGLING * by_chance
    )


def _extent(mask: np.ndarray) -> int:
    """Pixels of the upright rectangle around a region."""
    return np.prod(cv2.boundingRect(mask.astype(np.uint8))[2:])


def see_ground(first: np.ndarray, level: float, sign: int) -> np.ndarray:
    """The ground, without the animals that rest: float32 (h, w).

    The median over the film, but where a pixel was free of animals in a fifth of the sample and
    differs then by more than `level`, what it showed in those frames.

    Parameters
    ----------
    first : float32 array (n, h, w)
        Frames spread over the film, their brightness evened.
    level : float
        Grey levels above which a pixel stands out.
    sign : int
        1 for animals brighter than the ground, -1 for darker ones.
    """
    ground = np.median(first, axis=0)
    free = np.quantile(first, RESTS if sign > 0 else 1 - RESTS, axis=0).astype(np.float32)
    hidden = sign * (ground - free) > level
    if hidden.any():
        values, middle = first[:, hidden], ((ground + free) / 2)[hidden]
        empty = np.where(sign * (middle - values) > 0, values, np.nan)
        ground[hidden] = np.nanmedian(empty, axis=0)
    return ground
