"""Questions asked of frames, answered by the future of the motion.

A label is an int8 array, one value a frame: 1 yes, 0 no, -1 not asked.
"""

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from fishlib.motion import ahead, recent_motion
from fishlib.spans import SECONDS
from fishlib.splits import inside, whole

FRAMES = ("trough", "onset", "peak")
"""Columns of an event table that count frames."""
STUDY_C = 1e-3
"""Smallest rise of the study's bursts, in the motion of its film."""
CALM_WIDTH = 5
"""Frames whose mean says whether the motion is calm, and whether it has risen."""
FOOT = 0.1
"""Share of a rise below which it has not begun."""


def is_burst(ahead: np.ndarray, min_range: float, low_fraction: float) -> np.ndarray:
    """The study's rule: the motion of a window ranges widely, and is low where it begins.

    With R = max - min: ``R >= min_range`` and ``first value <= min + low_fraction * R``. Source:
    M-Lin-DM (2021), part 3.

    Parameters
    ----------
    ahead : float array (..., n)
        Motion from now on; False where it holds NaN.
    min_range : float
        Smallest range that counts, in the unit of the motion.
    low_fraction : float
        Share of the range that still counts as low.

    Returns
    -------
    bool array (...)
    """
    low = ahead.min(axis=-1)
    spread = ahead.max(axis=-1) - low
    return (spread >= min_range) & (ahead[..., 0] <= low + low_fraction * spread)


def is_rise(
    ahead: np.ndarray, recent: np.ndarray, min_rise: float, width: int = CALM_WIDTH
) -> np.ndarray:
    """The onset rule: some mean of ``width`` frames of a window exceeds the recent motion enough.

    Parameters
    ----------
    ahead : float array (..., n)
        Motion from now on; False where it holds NaN.
    recent : float array (...)
        Mean motion over the ``width`` frames before, see :func:`fishlib.motion.recent_motion`.
    min_rise : float
        Smallest rise that counts, in the unit of the motion.
    width : int
        Frames averaged.

    Returns
    -------
    bool array (...)
    """
    means = sliding_window_view(ahead, width, axis=-1).mean(axis=-1)
    return means.max(axis=-1) - recent >= min_rise


def label_bursts(
    motion: np.ndarray,
    horizon: int = 45,
    min_range: float = 1e-3,
    low_fraction: float = 0.1,
    past: int = 120,
    pieces: pd.DataFrame | None = None,
) -> np.ndarray:
    """The study's label: motion is low now and will range widely soon.

    With W = motion[t .. t + horizon] and R = max W - min W, frame t is positive if
    ``R >= min_range`` and ``motion[t] <= min W + low_fraction * R``. Source: M-Lin-DM (2021),
    part 3; equal to its 53 916 published labels on every labelled frame.

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy.
    horizon : int
        Frames looked ahead (45 = 1.5 s at 30 fps).
    min_range : float
        Smallest range that counts as a burst, in the unit of ``motion``.
    low_fraction : float
        Share of the range that still counts as low.
    past : int
        Frames a clip needs; the first ``past - 1`` frames are not labelled.
    pieces : DataFrame, optional
        Stretches within which time runs on (:func:`fishlib.splits.whole`); what is read before or
        after a frame does not leave its piece. None takes one.

    Returns
    -------
    int8 array (T,)
        1, 0, or -1 where the past or the future is too short.

    Raises
    ------
    ValueError
        If ``motion`` is not one finite series, or no frame can be labelled.
    """
    motion = _require_series(motion, horizon, past)
    positive = is_burst(ahead(motion, horizon + 1), min_range, low_fraction)
    return _mark_unlabelled(positive, horizon, past, pieces)


def label_onsets(
    motion: np.ndarray,
    horizon: int = 45,
    min_rise: float = 1e-3,
    calm_level: float | None = None,
    past: int = 120,
    width: int = CALM_WIDTH,
    pieces: pd.DataFrame | None = None,
) -> np.ndarray:
    """Onset from calm: the frame is calm, and motion will rise above it soon.

    With s[t] = mean motion[t - 5 .. t - 1], only frames with ``s[t] <= calm_level`` are asked. Such
    a frame is positive if the largest 5-frame mean of motion inside [t, t + horizon] exceeds s[t]
    by at least ``min_rise``. Which frames are asked depends on nothing after t.

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy.
    horizon, past : int
        As in :func:`label_bursts`.
    min_rise : float
        Smallest rise that counts, in the unit of ``motion``.
    calm_level : float, optional
        Largest s that counts as calm: the median of s over the *training* frames
        (:func:`median_recent_motion`). None takes the median over this series.
    width : int
        Frames averaged.
    pieces : DataFrame, optional
        As in :func:`label_bursts`.

    Returns
    -------
    int8 array (T,)
        1, 0, or -1 where the frame is not calm or cannot be labelled.

    Raises
    ------
    ValueError
        If ``motion`` is not one finite series, or no frame can be labelled.
    """
    motion = _require_series(motion, horizon, past)
    recent = recent_motion(motion, width)
    level = median_recent_motion(motion, width=width) if calm_level is None else calm_level
    rises = is_rise(ahead(motion, horizon + 1), recent, min_rise, width)
    label = _mark_unlabelled(rises, horizon, past, pieces)
    return np.where(recent <= level, label, -1).astype(np.int8)


def label_alarms(
    n_frames: int,
    events: pd.DataFrame,
    horizon: int = 45,
    past: int = 120,
    pieces: pd.DataFrame | None = None,
) -> np.ndarray:
    """The alarm's question, asked of every frame: does an onset begin within (t, t + horizon]?

    The onset label asks calm frames whether motion rises above its recent mean; an event is one
    rise with one beginning (:func:`find_onsets`), whatever the fish did before.

    Parameters
    ----------
    n_frames : int
        Length of the film, T.
    events : DataFrame
        With ``onset``, the frame at which each begins.
    horizon : int
        Frames looked ahead.
    past : int
        Frames a clip needs; the first ``past - 1`` frames are not labelled.
    pieces : DataFrame, optional
        As in :func:`label_bursts`.

    Returns
    -------
    int8 array (T,)
        1, 0, or -1 where the past or the future is too short.

    Raises
    ------
    ValueError
        If an event lies outside the film.
    """
    onset = events.onset.to_numpy()
    require_within(onset, n_frames, "The events", "the film")
    happens = np.zeros(n_frames, bool)
    happens[onset] = True
    so_far = np.cumsum(np.append(happens, np.zeros(horizon, bool)))
    begins = so_far[horizon:] > so_far[:n_frames]
    return _mark_unlabelled(begins, horizon, past, pieces)


def require_within(frames: np.ndarray, n_frames: int, what: str, where: str) -> None:
    """Refuse frame numbers (n,) that do not lie in a series; in a sentence about what and where.

    Raises
    ------
    ValueError
        If one is below 0, or not below ``n_frames``.
    """
    if len(frames) and not 0 <= np.min(frames) <= np.max(frames) < n_frames:
        raise ValueError(
            f"{what} run from frame {np.min(frames)} to {np.max(frames)} and {where} has "
            f"{n_frames} frames: count both from the same frame."
        )


def median_recent_motion(
    motion: np.ndarray, frames: slice | np.ndarray | None = None, width: int = 5
) -> float:
    """Median of the recent motion over some frames: the level below which a frame is calm.

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy.
    frames : slice or index array, optional
        The training frames; None takes all.
    width : int
        Frames averaged.
    """
    recent = recent_motion(motion, width)
    return float(np.nanmedian(recent if frames is None else recent[frames]))


def _require_series(motion: np.ndarray, horizon: int, past: int) -> np.ndarray:
    motion = np.asarray(motion, dtype=float)
    if motion.ndim != 1 or not np.isfinite(motion).all():
        raise ValueError(
            f"The motion proxy must be one finite series, got shape {motion.shape} with "
            f"{int((~np.isfinite(motion)).sum())} values that are not finite."
        )
    if horizon < 1 or past < 1:
        raise ValueError(f"horizon and past are at least 1 frame, got {horizon} and {past}.")
    if len(motion) < past + horizon + 1:
        raise ValueError(
            f"A film of {len(motion)} frames is too short to label: the past {past} and next "
            f"{horizon} frames need at least {past + horizon + 1}. Use a longer film, or a "
            "shorter past or horizon."
        )
    return motion


def _mark_unlabelled(
    positive: np.ndarray, horizon: int, past: int, pieces: pd.DataFrame | None
) -> np.ndarray:
    n_frames = len(positive)
    pieces = whole(n_frames) if pieces is None else pieces
    return np.where(inside(pieces, n_frames, past - 1, horizon + 1), positive, -1).astype(np.int8)


SPREADS = 5 / 3  # on the study's training series 5/3 interquartile ranges are its c = 0.001
MEDIANS = 0.8
EMPTY = 0.03  # of the film's strongest motion: less is a picture without animals


def choose_min_range(recording, training: slice | np.ndarray) -> float:
    """c of a recording: the study's on the tank, which was fitted to its film; else suggested.

    Parameters
    ----------
    recording : Recording
    training : slice or index array
        Frames whose motion is read, see :func:`fishlib.splits.training_frames`.
    """
    return STUDY_C if recording.truth is not None else suggest_min_range(recording.motion[training])


def suggest_min_range(motion: np.ndarray) -> float:
    """Suggest the smallest range of motion that counts as a burst, from the motion itself.

    The study's c = 0.001 is a share of full brightness, so it depends on how many animals there
    are, how large and how bright. Here a burst is a rise out of what is usual in the same film:
    5/3 of the interquartile range of the motion, and at least 0.8 of its median, over the times at
    which animals are seen. On the study's training series that is 0.0010, the study's own c.

    Parameters
    ----------
    motion : float64 array (T,)
        Motion of the film; its last value, which has no next frame, is not used.

    Returns
    -------
    float
        The threshold, in units of `motion`.

    Raises
    ------
    ValueError
        The film is shorter than 30 frames, or nothing moves in it.
    """
    known = np.asarray(motion, float)[:-1]
    known = known[np.isfinite(known)]
    if len(known):  # with nobody in the picture there is noise, which says nothing of bursts
        known = known[known >= EMPTY * np.quantile(known, 0.99)]
    if len(known) < 30:
        raise ValueError(f"{len(known)} values of motion are too few to tell what is usual.")
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    threshold = max(SPREADS * (high - low), MEDIANS * middle)
    if threshold <= 0:
        raise ValueError("nothing moves in most of the film: no burst threshold can be suggested.")
    return float(threshold)


def find_onsets(
    motion: np.ndarray,
    horizon: int = 45,
    min_rise: float = 1e-3,
    fps: float = 30.0,
    pieces: pd.DataFrame | None = None,
    width: float | None = None,
) -> pd.DataFrame:
    """Find the onsets of bursts.

    With m the centred mean of ``motion`` over 1/6 s: a rise leads from a trough of m to
    its highest value within ``horizon`` frames, before m falls below the trough again, and is at
    least ``min_rise``. Its onset is the last frame before the peak with
    ``m <= trough + 0.1 * rise``. The next trough is looked for once m has turned down.

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy, without gaps.
    horizon : int
        Longest rise, in frames (45 = 1.5 s at 30 fps).
    min_rise : float
        Smallest rise, in the unit of ``motion``.
    fps : float
        Frames a second.
    pieces : DataFrame, optional
        Stretches within which time runs on; a rise lies in one of them, whose last motion, which
        leads out of it, is not read. None takes the whole series.
    width : float, optional
        Frames averaged, where it is not 1/6 s: parts of frames count in part.

    Returns
    -------
    DataFrame
        One row an event, in the order of time: ``trough``, ``onset``, ``peak`` (frames, int64),
        ``onset_s`` (seconds), ``rise`` (unit of ``motion``).

    Raises
    ------
    ValueError
        If ``motion`` is not one finite series longer than ``width``.
    """
    width = width or SECONDS["calm"] * fps
    stretches = [(0, len(motion))]
    if pieces is not None:  # a piece shorter than the mean holds no rise
        ends = zip(pieces.start, pieces.stop - 1, strict=True)
        stretches = [(start, stop) for start, stop in ends if stop - start > 2 * _side(width) + 1]
    events = []
    for start, stop in stretches:
        found = _rises(_centred_mean(motion[start:stop], width), horizon, min_rise)
        events += [{**one, **{k: one[k] + start for k in FRAMES}} for one in found]
    columns = {**dict.fromkeys(FRAMES, int), "rise": float}
    table = pd.DataFrame(events, columns=list(columns)).astype(columns)
    table.insert(3, "onset_s", table.onset / fps)
    return table


def _rises(mean: np.ndarray, horizon: int, min_rise: float) -> list[dict]:
    """The rises of one smoothed series, in the order of time."""
    highest = np.fmax.reduce(ahead(mean, horizon + 1), axis=1)  # of m[t .. t + horizon]
    before_rise = np.flatnonzero(highest - mean >= min_rise)
    events, start = [], 0
    while (i := np.searchsorted(before_rise, start)) < len(before_rise):
        events.append(_follow_rise(mean, int(before_rise[i]), horizon))
        start = events[-1]["peak"]
        while start + 1 < len(mean) and mean[start + 1] > mean[start]:
            start += 1
    return events


def _follow_rise(mean: np.ndarray, frame: int, horizon: int) -> dict:
    """The first rise at or after a frame that has one ahead of it."""
    peak = frame + int(np.nanargmax(mean[frame : frame + horizon + 1]))
    trough = _last(mean[frame : peak + 1] <= mean[frame : peak + 1].min()) + frame
    ahead = mean[trough : trough + horizon + 1]
    lower = np.flatnonzero(ahead < mean[trough])
    peak = trough + int(np.nanargmax(ahead[: lower[0]] if lower.size else ahead))
    rise = float(mean[peak] - mean[trough])
    onset = trough + _last(mean[trough : peak + 1] <= mean[trough] + FOOT * rise)
    return {"trough": trough, "onset": onset, "peak": peak, "rise": rise}


def _last(where: np.ndarray) -> int:
    return int(np.flatnonzero(where)[-1])


def _side(width: float) -> int:
    """Frames on either side of a frame that a mean of so many frames about it reads."""
    return int(np.ceil((width - 1) / 2))


def _centred_mean(motion: np.ndarray, width: float) -> np.ndarray:
    """Mean of the frames about each, those at the ends in part; NaN at the ends of the series."""
    motion = np.asarray(motion, dtype=float)
    side = _side(width)
    if motion.ndim != 1 or len(motion) <= 2 * side + 1 or not np.isfinite(motion).all():
        raise ValueError(
            f"Onsets are found in one finite series of more than {2 * side + 1} frames, got shape "
            f"{motion.shape} with {int((~np.isfinite(motion)).sum())} values that are not finite."
        )
    weights = np.clip((width + 1) / 2 - np.abs(np.arange(-side, side + 1)), 0, 1)
    windows = sliding_window_view(motion, len(weights))
    means = windows.mean(axis=1) if weights.min() == 1 else windows @ weights / width
    mean = np.full(len(motion), np.nan)
    mean[side : len(motion) - side] = means
    return mean


def remark_own_rise(
    motion: np.ndarray, folds: list[dict], onsets: np.ndarray, **clock
) -> list[str]:
    """How many labels would change if each fold had a c of its own; nothing for one split.

    Parameters
    ----------
    motion : float64 array (T,)
    folds : list of dict
        From :func:`fishlib.splits.split_film`.
    onsets : int array (T,)
        From :func:`label_onsets`, which ``clock`` is for.
    """
    if len(folds) < 2:
        return []
    try:
        own = [suggest_min_range(motion[fold["train"]]) for fold in folds]
    except ValueError as error:
        return [f"no c can be suggested for one of the folds: {error}"]
    labels = [label_onsets(motion, min_rise=c, **clock)[onsets >= 0] for c in own]
    changed = np.mean([label != onsets[onsets >= 0] for label in labels])
    return [f"with a c of its own, each fold would change {changed:.1%} of the labels"]
