"""Resampling for frames that are not independent: blocks for uncertainty, shifts for chance.

The bootstrap draws its blocks with the library ``arch``.
"""

from collections.abc import Iterator

import numpy as np
from arch.bootstrap import MovingBlockBootstrap, StationaryBootstrap
from tqdm.auto import tqdm

from fishlib.evaluation.scores import comparable_frames

BATCH = 2**16
"""Weights drawn at a time: few enough that they stay in the processor's cache."""
BOOTSTRAPS = {"moving": MovingBlockBootstrap, "stationary": StationaryBootstrap}


def resample_counts(
    n_frames: int,
    block: int = 300,
    n_resamples: int = 1000,
    seed: int = 0,
    kind: str = "moving",
    progress: bool = False,
    batch: int | None = None,
) -> Iterator[np.ndarray]:
    """How often each frame occurs in each bootstrap resample, some resamples at a time.

    Parameters
    ----------
    n_frames : int
        Length of the series.
    block : int
        Length of a block, or its mean for the stationary bootstrap, in frames.
    n_resamples : int
    seed : int
    kind : {"moving", "stationary"}
        Moving blocks (Künsch 1989) or the stationary bootstrap (Politis and Romano 1994).
    progress : bool
        Show a progress bar.
    batch : int, optional
        Resamples at a time; None takes as many as stay in the processor's cache.

    Yields
    ------
    float64 arrays (B, n_frames), B resamples at a time

    Raises
    ------
    ValueError
        If the series is shorter than three blocks, or ``kind`` is unknown.
    """
    if kind not in BOOTSTRAPS:
        raise ValueError(f"kind is one of {', '.join(BOOTSTRAPS)}, got {kind!r}.")
    if block < 1 or n_frames < 3 * block:
        raise ValueError(
            f"A stretch of {n_frames} frames is too short for a bootstrap with blocks of {block}: "
            f"it takes at least {3 * block}. Use a longer film, or shorter blocks and say so."
        )
    bootstrap = BOOTSTRAPS[kind](block, np.arange(n_frames), seed=np.random.default_rng(seed))
    with tqdm(total=n_resamples, desc="bootstrap", disable=not progress, leave=False) as bar:
        size = batch or max(1, BATCH // n_frames)
        for start in range(0, n_resamples, size):
            drawn = bootstrap.bootstrap(min(size, n_resamples - start))
            counts = [np.bincount(data[0][0], minlength=n_frames) for data in drawn]
            yield np.array(counts, dtype=float)
            bar.update(len(counts))


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap samples (n,), NaN left out; (NaN, NaN) if all are.

    A little narrow where the series holds few blocks: in simulation the 95 % interval of an AUC
    covers the true one in 90 % of series of 17 blocks, 91 % of 20 and 93 % of 30.
    """
    samples = samples[np.isfinite(samples)]
    if not samples.size:
        return float("nan"), float("nan")
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def shift_test(
    label: np.ndarray,
    forecast: np.ndarray,
    n_shifts: int = 999,
    min_shift: int = 300,
    seed: int = 0,
) -> dict[str, float]:
    """Is the AUC more than chance? Circular shifts of the forecast against the labels.

    A shifted forecast keeps its own rhythm and loses its relation to the labels. Shifts are drawn
    without repetition from ``min_shift`` frames to the length less ``min_shift``.
    p = (1 + #{shifted AUC >= AUC}) / (1 + #shifts).

    Parameters
    ----------
    label, forecast : arrays (T,)
        Label 1, 0, or -1 where not labelled; forecast NaN where not defined.
    n_shifts : int
        All possible shifts are used if there are fewer.
    min_shift : int
        Smallest shift, in frames (300 = 10 s at 30 fps).
    seed : int

    Returns
    -------
    dict
        ``auc``, ``p_value``, ``shifts``, and ``chance_low``, ``chance_high``: the middle 95 % of
        the shifted AUCs.

    Raises
    ------
    ValueError
        If the series is too short for 19 shifts, with which p can reach 0.05.
    """
    frames = comparable_frames(label, {"to shift": forecast})
    defined = np.isfinite(forecast)
    span = slice(np.flatnonzero(frames)[0], np.flatnonzero(frames)[-1] + 1)
    y, where = np.asarray(label)[span], np.flatnonzero(defined[span])
    possible = np.arange(min_shift, len(y) - min_shift + 1)
    if len(possible) < 19:
        raise ValueError(
            f"A stretch of {len(y)} frames is too short to be shifted by {min_shift} frames or "
            "more: use a longer film, or a smaller min_shift."
        )
    drawn = np.random.default_rng(seed).permutation(possible)[:n_shifts]
    observed, *null = _shifted_auc(y, where, np.asarray(forecast)[span][where], [0, *drawn])
    null = np.array(null)[np.isfinite(null)]
    low, high = interval(null)
    return {
        "auc": float(observed),
        "p_value": float((1 + np.sum(null >= observed)) / (1 + len(null))),
        "shifts": len(null),
        "chance_low": low,
        "chance_high": high,
    }


def _shifted_auc(
    y: np.ndarray, where: np.ndarray, forecast: np.ndarray, shifts: list[int]
) -> list[float]:
    """AUC when the forecast of frame t meets the label of frame t + shift, around the end.

    ``y`` int (T,) is 1, 0 or -1; ``forecast`` (n,) is that of the frames ``where`` (n,).
    """
    order = np.argsort(forecast, kind="stable")
    ascending = forecast[order]
    below = np.searchsorted(ascending, ascending, "left")
    up_to = np.searchsorted(ascending, ascending, "right")
    around = np.concatenate([y, y])
    areas = []
    for shift in shifts:
        met = around[where[order] + shift]
        passed = np.concatenate([[0], np.cumsum(met == 0)])  # negatives among the lowest k
        positives = np.flatnonzero(met == 1)
        right = passed[below[positives]] + passed[up_to[positives]]
        pairs = 2 * len(positives) * passed[-1]
        areas.append(right.sum() / pairs if pairs else np.nan)
    return areas
