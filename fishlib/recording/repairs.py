"""What is wrong with a film: what can be mended is, and where time is missing a piece ends."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
import pandas as pd
from scipy.ndimage import (
    binary_opening,
    binary_propagation,
    label,
    maximum_filter,
    percentile_filter,
)

from fishlib.motion import runs_of
from fishlib.preparation.sample import find_darkness
from fishlib.splits import inside
from fishlib.video import Account

COLUMNS = ("change", "skip", "same", "raw", "light", "peak")
"""What is measured of each frame, see `measure_frames`."""
NOISY = 0.95  # of the pixels as they were: in a film with noise fewer are, whatever rests
LONGEST_REPEAT = 3  # frames: a longer standstill is taken for one, unless leaps end them
LONGEST_STILL = 1.0  # seconds of one and the same picture, above which time is missing
WINDOW = 10.0  # seconds in which repeats must keep a rhythm
CUT_RATIO = 2.0  # how far motion at a cut exceeds that of the three frames on either side
ENDS = {
    "gaps": "frames are missing",
    "clock_restarts": "its clock starts anew",
    "parts": "its next file begins",
    "cuts": "a cut",
    "dark_frames": "darkness",
    "still_frames": "the picture stands still",
    "wild_frames": "damaged pictures",
}
"""Why a piece ends, in words."""
TORN_RATIO = 3.0  # how far a torn frame differs from its neighbours, compared with what is usual
AGREEING = 1.5  # and how far compared with what these differ by: motion goes further in two steps
MOST = 6  # places of a kind of border that are told
FLASH = 10.0  # grey levels by which the light of a single frame leaps
WILD = 24.0  # grey levels by which pixels of damaged pictures differ, above any camera's noise
SENTENCES = {
    "frames_held": "{n} frames were missing on the film's clock; the frame before stands in.",
    "frames_dropped": "{n} frames were left out because two fell on one tick of the clock.",
    "clock_restarts": "{n} times the film's time stamps ran backwards; a piece ends there.",
    "gaps": "{n} times the film has no frame for more than a second; a piece ends there.",
    "parts": "{n} borders between its files: time may be missing, and a piece ends there.",
    "cuts": "{n} cuts: a piece ends there, and the jump of the picture is no motion.",
    "dark_frames": "{n} frames are dark; they are outside the pieces, neither asked nor scored.",
    "still_frames": "{n} frames show one and the same picture for a second or more: the camera or "
    "its link stood still, and they are neither asked nor scored.",
    "wild_frames": "{n} frames, several in a row, differ from each other all over: the film is "
    "damaged, and they are neither asked nor scored.",
    "missing_images": "{n} images were missing in the numbering; the image before stands in.",
    "undecoded_frames": "{n} frames announced by the film did not come out of the decoder: it is "
    "cut off, damaged or trimmed.",
    "repeated_frames": "{n} frames repeat the frame before them; the motion after them was "
    "spread over the repeats.",
    "torn_frames": "{n} frames are torn, shifted or flashed: each differs from both its "
    "neighbours, which agree; the frame before stands in.",
}


def measure_frames(raw: np.ndarray, prepared: np.ndarray, n_before: int) -> np.ndarray:
    """Measure frames against the two before them.

    Parameters
    ----------
    raw, prepared : uint8 arrays (n_before + n, H, W)
        Frames as filmed and prepared.
    n_before : int
        Frames at the beginning that were measured before: 0, 1 or 2.

    Returns
    -------
    float64 array (n, 6)
        ``change`` and ``skip``: mean absolute difference of the prepared frame from the one
        before, and from the one before that, as a share of full brightness. ``same``: share of
        the pixels as filmed that are equal to those of the frame before. ``raw``: their mean
        absolute difference. ``light`` and ``peak``: mean and highest grey level as filmed.
    """
    measured, scale = [], 255 * raw[0].size
    for t in range(n_before, len(raw)):
        change = cv2.norm(prepared[t], prepared[t - 1], cv2.NORM_L1) if t else 0.0
        skip = cv2.norm(prepared[t], prepared[t - 2], cv2.NORM_L1) if t > 1 else 0.0
        difference = cv2.absdiff(raw[t], raw[t - 1]) if t else raw[0]
        same = 1 - cv2.countNonZero(difference) / difference.size
        light, peak = cv2.mean(raw[t])[0], cv2.minMaxLoc(raw[t])[1]
        measured.append((change / scale, skip / scale, same, cv2.mean(difference)[0], light, peak))
    return np.array(measured, np.float64).reshape(-1, len(COLUMNS))


@dataclass(frozen=True)
class Survey:
    """What was found in a film.

    Attributes
    ----------
    motion : float64 array (T,)
        Mended motion; 0 outside the pieces.
    pieces : DataFrame
        ``film``, ``start``, ``stop`` (frames, ``stop`` not included), ``seconds`` (of the film,
        at `start`), ``ends`` (why the piece ends).
    torn : int array
        Frames for which the one before stands in.
    repairs : dict of str to int
    remarks : list of str
    """

    motion: np.ndarray
    pieces: pd.DataFrame
    torn: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    repairs: dict = field(default_factory=dict)
    remarks: list = field(default_factory=list)


def survey(
    name: str, measured: np.ndarray, clips: np.ndarray, fps: float, account: Account
) -> Survey:
    """Mend the motion of a film and find the pieces within which time runs on.

    Parameters
    ----------
    name : str
        Of the film, for the table of pieces.
    measured : float64 array (T, 6)
        From `measure_frames`.
    clips : uint8 array (T, h, w)
        The prepared film.
    fps : float
        Frames a second.
    account : Account
        What was amiss while it was read.
    """
    change, skip, same, raw, light, peak = measured.T
    out = {"dark_frames": find_darkness(light, peak), "still_frames": find_still(same, fps)}
    out["still_frames"] &= ~out["dark_frames"]
    out["wild_frames"] = find_wild(raw) & ~out["dark_frames"]
    sound = ~np.logical_or.reduce(list(out.values()))
    motion = np.append(change[1:], 0.0)  # motion[t] leads from frame t to frame t + 1
    flashed = find_torn(*(np.abs(light - np.roll(light, lag)) for lag in (1, 2)), least=FLASH)
    torn = np.union1d(find_torn(change, skip), flashed)
    torn = torn[sound[torn]]
    motion[torn - 1] = motion[torn] = skip[torn + 1] / 2
    repeats = np.append(find_same(same) | find_rhythm(raw, change, fps), False)[1:]
    motion, n_repeats = spread_repeats(motion, repeats & sound, LONGEST_STILL * fps)
    cuts = {t + 1 for t in find_cuts(motion, clips).tolist() if sound[t : t + 2].all()}
    cuts -= {frame for frame, _, _ in account.borders}
    borders = account.borders + [(frame, 0.0, "cuts") for frame in sorted(cuts)]
    pieces, where = find_pieces(name, len(motion), fps, out, borders)
    mended = Counter(torn_frames=len(torn), repeated_frames=n_repeats)
    lost = Counter({why: int(mask.sum()) for why, mask in out.items()})
    made = dict(account.counts + mended + Counter(why for _, _, why in borders) + lost)
    told = describe_repairs(made, where)
    return Survey(_without_borders(motion, pieces), pieces, torn, made, told)


def find_pieces(
    name: str, n_frames: int, fps: float, out: dict[str, np.ndarray], borders: list
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The stretches within which time runs on, and where time does not.

    Parameters
    ----------
    out : dict of bool array (T,)
        Frames outside the pieces, by reason.
    borders : list of (int, float, str)
        The first frame after a border, the seconds missing there, the reason.

    Returns
    -------
    pieces : DataFrame
        ``film``, ``start``, ``stop``, ``seconds``, ``ends``, see `Survey`.
    where : dict of str to str
        For each reason the seconds of the film at which it was found.
    """
    stretches = [(a, b + 1, why) for why, m in out.items() for a, b in runs_of(m).tolist()]
    ends = {frame: (why, 0) for frame, _, why in borders} | {a: (w, b - a) for a, b, w in stretches}
    before: Counter = Counter()  # seconds missing before a frame
    for frame, seconds, _ in borders:
        before[frame] += seconds
    rows, where, missing = [], {}, 0.0
    for start, stop in pairwise(sorted({0, n_frames, *ends, *(b for _, b, _ in stretches)})):
        missing += before[start]
        seconds = start / fps + missing
        why, length = ends.get(start, ("", 0))
        if why:
            lasts = (length / fps) or before[start]
            told = f"at {seconds:.1f} s" + (f" for {lasts:.1f} s" if lasts else "")
            where.setdefault(why, []).append(told)
        if not length:
            why, _ = ends.get(stop, ("the film ends", 0))
            rows.append((name, start, stop, seconds, ENDS.get(why, why)))
    table = pd.DataFrame(rows, columns=["film", "start", "stop", "seconds", "ends"])
    for told in where.values():
        told[MOST:] = [f"and {len(told) - MOST} more"] * (len(told) > MOST)
    return table, {why: ", ".join(told) for why, told in where.items()}


def _without_borders(motion: np.ndarray, pieces: pd.DataFrame) -> np.ndarray:
    """Motion without the leaps at the ends of pieces, and 0 outside them."""
    mended = np.where(inside(pieces, len(motion)), motion, 0.0)
    start, stop = pieces[["start", "stop"]].to_numpy(int).T
    last = stop[(stop - start > 1) & (stop < len(motion))] - 1
    mended[last] = mended[last - 1]
    return mended


def describe_repairs(repairs: dict[str, int], where: dict[str, str] | None = None) -> list[str]:
    """One sentence for each kind of repair that was made, with where it was made."""
    places = {kind: f" ({place})" for kind, place in (where or {}).items()}
    return [SENTENCES[kind].format(n=n) + places.get(kind, "") for kind, n in repairs.items()]


def find_same(same: np.ndarray) -> np.ndarray:
    """Frames that show the picture before them once more, bool (T,).

    In a film with noise that is a picture of which hardly a pixel changes; in one without noise
    every pixel must be the same.
    """
    return (same > 0.995) if np.median(same) < NOISY else (same == 1)


def find_still(same: np.ndarray, fps: float) -> np.ndarray:
    """Frames of a picture that stands still for a second or more, bool (T,).

    The film must not stand still for shorter times as well, which would be animals that rest.
    """
    labels, _ = label(find_same(same))
    lengths = np.bincount(labels)
    lengths[0] = 0
    long = lengths >= LONGEST_STILL * fps
    short = lengths[~long & (lengths > LONGEST_REPEAT)].sum()
    gone = lengths[long].sum()
    return long[labels] & (short <= 0.1 * gone) & (gone < 0.5 * len(same))


def find_torn(change: np.ndarray, skip: np.ndarray, least: float = 0.0) -> np.ndarray:
    """Frames that differ from the frames before and after them, which agree; int array.

    Parameters
    ----------
    change, skip : float64 arrays (T,)
        How far each frame differs from the one before it, and from the one before that.
    least : float
        Smallest difference that counts.
    """
    if len(change) < 8:
        return np.zeros(0, int)
    into, out_of, across = change[1:-1], change[2:], skip[2:]
    leap = np.minimum(into, out_of)
    around = np.array([np.roll(change, lag)[1:-1] for lag in (3, 2, 1, -2, -3, -4)])
    usual = np.median(around, axis=0)
    torn = (leap > AGREEING * across) & (leap > TORN_RATIO * usual) & (leap >= least)
    return np.flatnonzero(torn[2:-3]) + 3


def find_wild(raw: np.ndarray) -> np.ndarray:
    """Two frames or more that differ widely from each other and from those around; bool (T,).

    Parameters
    ----------
    raw : float64 array (T,)
        How far each frame differs from the one before, as filmed, in grey levels.
    """
    leaps = raw > max(FLASH, 4 * np.median(raw))
    wild = leaps & np.append(leaps[1:], False)
    wild[0] = False
    wild = binary_opening(wild, np.ones(2))
    return binary_propagation(wild & (raw > WILD), mask=wild)


def find_rhythm(raw: np.ndarray, change: np.ndarray, fps: float) -> np.ndarray:
    """Frames that repeat the one before at regular intervals, if not to the bit; bool array (T,).

    A converter that doubles or pads a film leaves frames at which picture and motion hardly
    change, always at the same places of a period of 2 to 10 frames. Within 10 s each place must
    be such a dip nearly always or hardly ever.

    Parameters
    ----------
    raw, change : float64 arrays (T,)
        How far each frame differs from the one before, as filmed and prepared.
    """
    dips = _dips(raw) & _dips(change)
    found = np.zeros(len(raw), bool)
    length = max(round(WINDOW * fps), 60)
    for start in range(0, len(raw), length):
        window = dips[start : start + length]
        for period in range(2, 11):
            n_periods = len(window) // period
            if n_periods < 6:
                break
            places = window[: n_periods * period].reshape(n_periods, period).mean(axis=0)
            if places.max() >= 0.8 and np.all((places >= 0.8) | (places <= 0.2)):
                often = np.resize(places >= 0.8, len(window))
                found[start : start + length] = often & window
                break
    return found


def _dips(series: np.ndarray) -> np.ndarray:
    """Where a series is under a third of what is usual in the six values on either side."""
    return series < percentile_filter(series, 75, size=13, mode="nearest") / 3


def spread_repeats(
    motion: np.ndarray, repeats: np.ndarray, longest: float = LONGEST_REPEAT
) -> tuple[np.ndarray, int]:
    """Mend the motion of films in which frames repeat the one before.

    A repeat has no motion, and the motion that follows is that of several frames. Repeats between
    frames that move take the motion before them, and the motion after them is divided by the
    frames it spans: up to three in a row, and up to `longest` where such standstills end in leaps,
    as an animal's rest does not. Only what happened before a frame changes it.

    Parameters
    ----------
    motion : float64 array (T,)
        Motion.
    repeats : bool array (T,)
        ``repeats[t]`` if frame t + 1 is frame t over again, before any preparation.

    Returns
    -------
    motion : float64 array (T,)
        Mended motion.
    n_repeats : int
        Repeats mended.
    """
    mended, n_repeats = motion.copy(), 0
    runs = [(a, b + 1) for a, b in runs_of(repeats) if a > 0 and b + 1 < len(motion)]
    long = [motion[b] - CUT_RATIO * motion[a - 1] for a, b in runs if b - a > LONGEST_REPEAT]
    most = longest if long and np.median(long) > 0 else LONGEST_REPEAT
    for first, after in runs:
        length = after - first
        if length > most or mended[first - 1] == 0:
            continue
        mended[first:after] = mended[first - 1]
        mended[after : after + 1] /= length + 1
        n_repeats += int(length)
    return mended, n_repeats


def find_cuts(motion: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Frames t after which the film was cut: another moment follows at t + 1.

    A cut is a single-frame leap of the motion, twice that of the three frames on either side,
    at which the animals are suddenly elsewhere: the overlap of frames t and t + 1 is under half
    of the overlap just before and just after.

    Parameters
    ----------
    motion : float64 array (T,)
        Motion.
    clips : uint8 array (T, h, w)
        The film, bright animals on black.

    Returns
    -------
    int array (n_cuts,)
    """
    around = [1, 1, 1, 0, 1, 1, 1]
    largest = maximum_filter(motion[:-1], footprint=around, mode="constant", cval=np.inf)
    leaps = np.flatnonzero(motion[:-1] > CUT_RATIO * largest)
    overlaps = ([_overlap(clips, t + lag) for lag in (-1, 0, 1)] for t in leaps)
    cut = [now < 0.5 * min(before, after) for before, now, after in overlaps]
    return leaps[np.array(cut, bool)]


def _overlap(clips: np.ndarray, t: int) -> float:
    """Shared light of frames t and t + 1, from 0 (nothing in the same place) to 1 (the same)."""
    a, b = (cv2.blur(clips[i], (3, 3)).astype(np.float64) for i in (t, t + 1))
    return float(np.minimum(a, b).sum() / max(np.maximum(a, b).sum(), 1.0))


def count_animals(clips: np.ndarray, n_sampled: int = 48, smallest: float = 0.2) -> int:
    """Count bright blobs that are not there all the time, in one of ten frames at least.

    Animals that touch count as one, and those that rest throughout the film as none.

    Parameters
    ----------
    clips : uint8 array (T, h, w)
        A prepared film, bright animals on black.
    n_sampled : int
        Frames looked at.
    smallest : float
        Area of the smallest blob that counts, as a share of the usual one.
    """
    chosen = np.linspace(0, len(clips) - 1, min(n_sampled, len(clips))).astype(int)
    sample = clips[chosen].astype(np.int16)
    moving = np.maximum(sample - np.median(sample, axis=0), 0)
    level = max(float(np.quantile(moving, 0.999)) / 4, 4.0)
    masks = (moving > level).astype(np.uint8)
    areas = [cv2.connectedComponentsWithStats(m)[2][1:, cv2.CC_STAT_AREA] for m in masks]
    found = np.concatenate(areas)
    usual = np.median(found) if found.size else 0.0
    return int(np.quantile([(of_one >= smallest * usual).sum() for of_one in areas], 0.9))
