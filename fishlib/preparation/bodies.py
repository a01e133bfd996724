"""What moves in a sample of a film: bodies that move on, and what only changes in its place."""

import cv2
import numpy as np

SMALLEST = 6  # pixels of a body at 240x320
REACH = 16.0  # pixels a body may move within a stretch
LEAST_SHIFT = 0.7  # pixels it must have moved to count
OFTEN, ACTIVE, TOGGLING, STRADDLING, FILLED = 0.15, 0.25, 0.3, 0.15, 0.4  # see `fixed_places`
RESTS = 0.2  # share of the sample in which the ground under a resting animal must be seen


def moving_light(film: np.ndarray, ground: np.ndarray, level: float, sign: int) -> float:
    """Light of the bodies on one side of the ground that move on from place to place.

    A body is a connected region. It counts if it can be followed through every frame of a
    stretch, with about the same light, in even steps. Glints die before, lamps and clocks stay
    where they are, and the hole that a resting animal left in the ground does not move.

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
    float
        Sum of the light above `level`, mean over the stretches.
    """
    total = 0.0
    for stretch in film:
        bodies = [_bodies(np.maximum(sign * (frame - ground) - level, 0)) for frame in stretch]
        for light, centre in zip(*bodies[0], strict=True):
            total += light * _moves_on(light, centre, bodies[1:])
    return total / len(film)


def _bodies(light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Light and centre of every connected region."""
    _, labels, stats, centres = cv2.connectedComponentsWithStats((light > 0).astype(np.uint8))
    sums = np.bincount(labels.ravel(), light.ravel(), minlength=len(stats))
    large = stats[:, cv2.CC_STAT_AREA] >= SMALLEST
    large[0] = False
    return sums[large], centres[large]


def _moves_on(light: float, centre: np.ndarray, following: list) -> bool:
    path = [centre]
    for lights, centres in following:
        alike = centres[(lights > light / 2) & (lights < 2 * light)]
        if not len(alike):
            return False
        path.append(alike[np.linalg.norm(alike - path[-1], axis=1).argmin()])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    net = np.linalg.norm(path[-1] - path[0])
    even = steps.max(initial=0) <= 0.5 * net + 0.5
    return bool(LEAST_SHIFT <= net <= REACH * 2 and even)


def fixed_places(film: np.ndarray, ground: np.ndarray, level: float) -> np.ndarray:
    """Where the picture changes often without anything ever moving from there; bool (h, w).

    A place is a connected region in which pixels differ from the ground in at least 0.15 of the
    stretches. It is fixed if it is active in a quarter of them, what is active fills much of it and
    hardly reaches out of it, and its pixels come and go: an animal reaches out of such a place,
    and one that rests stays for longer.
    """
    active = np.abs(film[:, 0] - ground) > level  # (n, h, w)
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
    rows, columns = np.nonzero(mask)
    return (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


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
