"""Where each animal is at each frame: known in the tank, or found in the pixels.

What a film shows (how many animals, their size, their light, which end is the head) is told from
its first minutes and then fixed. From there on all is causal: a place at frame t is made of frames
up to t alone.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from fishlib.files import code_version, save_arrays
from fishlib.recording.source import prepared_blocks
from fishlib.side_by_side import film_by_film

MOST = 40
"""More animals than these cannot be told apart in a frame of 240 x 320."""
LEAST_LIGHT = 0.3
"""Share of an animal's light below which a blob is none."""
CLEAR = 0.6
"""Share of the clearest frames that must agree on the number of animals."""
KEPT = 0.95
"""Share of what is known of a head's end that is kept from frame to frame."""


@dataclass(frozen=True)
class Looks:
    """What animals look like in a film, told from its first minutes.

    Attributes
    ----------
    n_animals : int
        How many there are; 0 where that cannot be told.
    threshold : int
        Grey level above which a pixel belongs to an animal.
    light, length, width : float
        Sum of the grey levels of an animal, and its size, px.
    head : int
        Sign of the skew of the light towards the head: -1 where the tail is the longer end.
    reason : str
        Why no number can be told.
    """

    n_animals: int = 0
    threshold: int = 0
    light: float = 0.0
    length: float = 0.0
    width: float = 0.0
    head: int = -1
    reason: str = ""


@dataclass(frozen=True)
class Places:
    """Where the animals of a recording are.

    Attributes
    ----------
    x, y, heading : float32 arrays (T, n)
        Middle of each animal, px of a frame of 240 x 320 (y down), and the direction of its head,
        rad from the x axis towards y. An animal keeps its column from frame to frame.
    apart : bool array (T, n)
        Whether it is seen for itself, not within a blob that it shares.
    body : float
        Length of an animal, px.
    box : (float, float, float, float)
        Least x, greatest x, least y, greatest y that animals reach, px.
    reason : str
        Why there are no animals (n = 0), in a sentence; empty otherwise.
    looks : Looks, optional
        By which they were found in film.
    """

    x: np.ndarray
    y: np.ndarray
    heading: np.ndarray
    apart: np.ndarray
    body: float = 1.0
    box: tuple[float, float, float, float] = (0.0, 320.0, 0.0, 240.0)
    reason: str = ""
    looks: Looks | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_animals(self) -> int:
        """Number of animals."""
        return self.x.shape[1]

    def __str__(self) -> str:
        if self.reason:
            return self.reason
        share = f"all seen apart on {self.apart.all(axis=1).mean():.0%} of frames"
        return f"{self.n_animals} animals, {self.body:.0f} px long, {share}"


def measure_blobs(frames: np.ndarray, threshold: int) -> tuple[np.recarray, np.ndarray]:
    """Find the connected bright pixels of frames uint8 (n, H, W) and measure them.

    Returns
    -------
    blobs : recarray (m,)
        A row a blob, in the order of frames: ``frame``; ``x``, ``y``, ``axis``, the middle weighted
        by light and the direction of the long axis (rad); ``length``, ``width`` (px); ``light``,
        the sum of the grey levels; ``skew`` of the light along the axis; ``first`` and ``stop`` of
        its pixels.
    pixels : float array (p, 3)
        Column, row and grey level of all pixels, those of a blob together.
    """
    bright = frames > threshold
    blob, n_in = [], []
    for mask in bright:
        n, labels = cv2.connectedComponents(mask.view(np.uint8))
        blob.append(labels.ravel()[np.flatnonzero(mask)] - 1 + sum(n_in))
        n_in.append(n - 1)
    n_blobs, blob = sum(n_in), np.concatenate(blob)
    order = np.argsort(blob, kind="stable")
    blob, pixel = blob[order], np.flatnonzero(bright)[order]
    row, column = np.divmod(pixel % bright[0].size, bright.shape[2])
    x, y = column.astype(float), row.astype(float)
    light = frames.ravel()[pixel].astype(float)

    def total(of: np.ndarray) -> np.ndarray:
        return np.bincount(blob, of, n_blobs)

    whole = total(light)
    middle_x, middle_y = total(light * x) / whole, total(light * y) / whole
    right, down = x - middle_x[blob], y - middle_y[blob]
    xx, yy, xy = (total(light * a) / whole for a in (right**2, down**2, right * down))
    axis = 0.5 * np.arctan2(2 * xy, xx - yy)
    along = right * np.cos(axis)[blob] + down * np.sin(axis)[blob]
    spread, half = np.sqrt(((xx - yy) / 2) ** 2 + xy**2), (xx + yy) / 2
    long, short = half + spread + 1 / 12, np.maximum(half - spread, 0) + 1 / 12
    edges = np.searchsorted(blob, np.arange(n_blobs + 1))
    length, width = np.sqrt(12 * long), np.sqrt(12 * short)  # of a rod with that spread
    skew = total(light * along**3) / whole / long**1.5
    frame = np.repeat(np.arange(len(frames)), n_in)
    measured = frame, middle_x, middle_y, axis, length, width, whole, skew, edges[:-1], edges[1:]
    blobs = np.rec.fromarrays(measured, names="frame,x,y,axis,length,width,light,skew,first,stop")
    return blobs, np.stack([x, y, light], axis=1)


def tell_looks(blocks: Iterable[np.ndarray], n_animals: int | None = None) -> Looks:
    """Tell from the first minutes of a film what its animals look like.

    Parameters
    ----------
    blocks : iterable of uint8 arrays (n, 240, 320)
        Prepared frames, in order.
    n_animals : int, optional
        How many there are, where it is known.
    """
    threshold, measured, n_frames = None, [], 0
    for frames in blocks:
        if threshold is None:
            lit = frames[frames > 0]
            if not lit.size:
                continue
            otsu, _ = cv2.threshold(lit, 0, 255, cv2.THRESH_OTSU)
            threshold = max(4, round(otsu / 2))
        blobs, _ = measure_blobs(frames, threshold)
        blobs.frame += n_frames
        measured.append(blobs)
        n_frames += len(frames)
    if not sum(map(len, measured)):
        return Looks(reason="No animals are seen: the prepared frames are dark.")
    blobs = np.concatenate(measured).view(np.recarray)
    order = np.sort(blobs.light)
    usual = order[np.searchsorted(np.cumsum(order), order.sum() / 2)]
    usual = np.median(order[(order > LEAST_LIGHT * usual) & (order < 1.5 * usual)])
    one = blobs[blobs.light > LEAST_LIGHT * usual]
    count = np.bincount(one.frame, minlength=n_frames)
    number, reason = (n_animals, "") if n_animals else _tell_number(count)
    alone = one[(one.light < 1.5 * usual) & (count[one.frame] == number)]
    if reason or not len(alone):
        return Looks(reason=reason or f"There are never {number} animals seen apart.")
    size = float(np.median(alone.length)), float(np.median(alone.width))
    return Looks(int(number), int(threshold), float(usual), *size, _tell_head(alone))


def _tell_number(count: np.ndarray, stretch: int = 60) -> tuple[int, str]:
    """The most frequent count over the half of the stretches where it changes least."""
    parts = np.array_split(count, max(1, len(count) // stretch))
    changes = np.array([np.mean(part != np.bincount(part).argmax()) for part in parts])
    clearest = np.argsort(changes, kind="stable")[: (len(parts) + 1) // 2]
    clear = np.concatenate([parts[i] for i in clearest])
    number = int(np.bincount(clear).argmax())
    share = float(np.mean(clear == number))
    if number == 0:
        return 0, "No animals are found: most frames show none."
    if number > MOST:
        return 0, f"About {number} animals are too many to be told apart (at most {MOST})."
    if share < CLEAR:
        return 0, (
            f"How many animals there are cannot be told: the count wanders, and its most frequent "
            f"value, {number}, is seen on {share:.0%} of the clearest frames."
        )
    return number, ""


def _tell_head(blobs: np.recarray) -> int:
    """Sign of the skew towards the way that animals move: blobs against the nearest a frame ago."""
    votes = 0.0
    frames = np.split(blobs, np.flatnonzero(np.diff(blobs.frame)) + 1)
    for before, now in pairwise(frames):
        if before.frame[0] != now.frame[0] - 1:
            continue
        dx, dy = now.x[:, None] - before.x, now.y[:, None] - before.y
        nearest = np.hypot(dx, dy).argmin(axis=1)
        dx, dy = (d[np.arange(len(now)), nearest] for d in (dx, dy))
        forward = dx * np.cos(now.axis) + dy * np.sin(now.axis)
        votes += np.sum(np.where(np.abs(forward) > 0.5, np.sign(forward) * now.skew, 0))
    return 1 if votes > 0 else -1


class Linker:
    """Follow the animals of a film from frame to frame, block by block.

    Each animal is expected where its last step leads, and takes the blob that makes all steps
    together shortest (`scipy.optimize.linear_sum_assignment`), without a gate: no blob stays
    without an animal while an animal is without a blob. Where there are fewer blobs than animals,
    those that are left share the nearest one, whose pixels are divided among them.

    Parameters
    ----------
    looks : Looks
    """

    def __init__(self, looks: Looks) -> None:
        self.looks = looks
        self.place: np.ndarray | None = None  # (n, 2)
        self.step = np.zeros((looks.n_animals, 2))
        self.heading = np.zeros(looks.n_animals)
        self.evidence = np.zeros(looks.n_animals)  # that the head is at the head's end

    def follow(self, frames: np.ndarray) -> tuple[np.ndarray, ...]:
        """Places in the next frames uint8 (n, H, W): x, y, heading, apart, each (n, animals)."""
        blobs, pixels = measure_blobs(frames, self.looks.threshold)
        large = blobs[blobs.light > LEAST_LIGHT * self.looks.light]
        found = np.empty((3, len(frames), self.looks.n_animals), np.float32)
        apart = np.empty(found.shape[1:], bool)
        edges = np.searchsorted(large.frame, np.arange(len(frames) + 1))
        for t, (start, stop) in enumerate(pairwise(edges)):
            apart[t] = self._link(large[start:stop], pixels)
            found[:, t] = *self.place.T, self.heading
        return *found, apart

    def _link(self, blobs: np.recarray, pixels: np.ndarray) -> np.ndarray:
        """One frame on, whose blobs these are; returns which animals are seen apart."""
        n = self.looks.n_animals
        if not len(blobs):
            if self.place is None:
                self.place = np.tile([160.0, 120.0], (n, 1))
            self.step *= 0
            return np.zeros(n, bool)
        seen = np.stack([blobs.x, blobs.y], axis=1)
        if self.place is None:
            brightest = np.argsort(-blobs.light, kind="stable")
            self.place = seen[np.resize(brightest, n)].copy()
        expected = self.place + 0.8 * self.step
        far = np.hypot(*(expected[:, None] - seen).transpose(2, 0, 1))
        taken = far.argmin(axis=1)
        animals, columns = linear_sum_assignment(far)
        taken[animals] = columns
        apart = np.bincount(taken, minlength=len(blobs))[taken] == 1
        place, axis, skew = seen[taken], blobs.axis[taken], blobs.skew[taken]
        for blob in np.unique(taken[~apart]):
            sharing = np.flatnonzero(taken == blob)
            shared = pixels[blobs.first[blob] : blobs.stop[blob]]
            place[sharing], axis[sharing] = self._divide(shared, expected[sharing], sharing)
        self._turn(place, axis, np.where(apart, skew, 0))
        return apart

    def _turn(self, place: np.ndarray, axis: np.ndarray, skew: np.ndarray) -> None:
        """Take new places, and head the way that is nearer to before, until evidence says not."""
        self.step = 0.5 * self.step + 0.5 * (place - self.place)
        self.place = place
        same = np.cos(axis - self.heading) >= 0
        self.heading = np.where(same, axis, axis + np.pi)
        ahead = self.step[:, 0] * np.cos(self.heading) + self.step[:, 1] * np.sin(self.heading)
        told = self.looks.head * np.where(same, skew, -skew) + np.clip(ahead, -1, 1) / 3
        self.evidence = KEPT * self.evidence + told
        wrong = self.evidence < 0
        self.heading = (self.heading + np.pi * wrong + np.pi) % (2 * np.pi) - np.pi
        self.evidence = np.abs(self.evidence)

    def _divide(self, pixels: np.ndarray, expected: np.ndarray, who: np.ndarray):
        """Divide a shared blob: bodies of the usual size, moved and turned to fit its light."""
        place, axis = expected.copy(), self.heading[who].copy()
        long, short = self.looks.length**2 / 12, self.looks.width**2 / 12 + 1
        for _ in range(3):
            right, down = (pixels[:, k] - place[:, k : k + 1] for k in (0, 1))  # (k, pixels)
            cos, sin = np.cos(axis)[:, None], np.sin(axis)[:, None]
            off = (right * cos + down * sin) ** 2 / long + (down * cos - right * sin) ** 2 / short
            near = np.exp(-0.5 * (off - off.min(axis=0)))
            share = near * pixels[:, 2] / near.sum(axis=0)
            whole = share.sum(axis=1) + 1e-9
            place = (share @ pixels[:, :2]) / whole[:, None]
            right, down = (pixels[:, k] - place[:, k : k + 1] for k in (0, 1))
            xx, yy, xy = ((share * a).sum(axis=1) for a in (right**2, down**2, right * down))
            axis = 0.5 * np.arctan2(2 * xy, xx - yy)
            axis = np.where(np.cos(axis - self.heading[who]) >= 0, axis, axis + np.pi)
        return place, axis


LEARNING_SECONDS = 300.0
LEARNING_SHARE = 0.8
"""From so much of the beginning of a film its animals' looks are told: of its training part."""
FILE = "places.npz"
COLUMNS = ("x", "y", "heading", "apart")


def true_places(recording) -> Places:
    """The places that the simulated tank knows: an upper bound for what can be found."""
    truth = recording.truth
    if truth is None:
        return nowhere(len(recording.motion), "Only the simulated tank knows where its fish are.")
    x, y = truth.variable("x"), truth.variable("y")
    return Places(x, y, truth.heading, np.ones(x.shape, bool), 32.0, _box(x, y))


def nowhere(n_frames: int, reason: str) -> Places:
    """No places, and why."""
    none = np.zeros((n_frames, 0), np.float32)
    return Places(none, none, none, none.astype(bool), reason=reason)


def places_of(recording) -> Places:
    """The places that a recording brings with it, or else those found in its pixels."""
    places = getattr(recording, "places", None)
    return find_places(recording) if places is None else places


def find_places(recording, n_animals: int | None = None) -> Places:
    """Find the animals of a recording in its prepared frames, once: they are cached beside it.

    Parameters
    ----------
    recording : Recording
    n_animals : int, optional
        How many there are, where that is known; None tells it from the first five minutes.

    Returns
    -------
    Places
        With no animals and a reason where they cannot be found.

    Raises
    ------
    ValueError
        If they were not found before, and the recording has no film any more.
    """
    path, code = recording.folder / FILE, code_version("animals/places.py")
    if path.exists():
        with np.load(path, allow_pickle=False) as saved:
            about = json.loads(str(saved["about"])) if "about" in saved else {}
            if about.pop("code", None) == code and n_animals in (None, about.pop("given")):
                return _load(saved, about)
    if getattr(recording, "opened", None) is None:
        raise ValueError("The animals were not found yet: call find_places(film) before.")
    if members := getattr(recording, "members", ()):
        found = film_by_film(partial(find_places, n_animals=n_animals), members)
        places = join_places(found, recording.index)
    else:
        n_frames = len(recording.motion)
        learned = min(round(LEARNING_SHARE * n_frames), round(LEARNING_SECONDS * recording.fps))
        looks = tell_looks(prepared_blocks(recording, learned), n_animals)
        why = looks.reason
        places = nowhere(n_frames, why) if why else _follow(recording, looks, learned)
    about = asdict(places)
    arrays = {name: about.pop(name) for name in COLUMNS}
    about |= {"code": code, "given": n_animals}
    save_arrays(path, about=np.array(json.dumps(about)), **arrays)
    return places


def join_places(members: Sequence[Places], index: Sequence[np.ndarray]) -> Places:
    """The places of several films as one table, in the body lengths of the first.

    Parameters
    ----------
    members : sequence of Places
    index : sequence of int arrays
        The frames taken of each.

    Returns
    -------
    Places
        With no animals and a reason where a film shows none, or another number of them.
    """
    counts = sorted({one.n_animals for one in members})
    if len(counts) > 1:
        numbers = " and ".join(map(str, counts))
        why = next((f" ({one.reason})" for one in members if one.reason), "")
        reason = f"The films show {numbers} animals{why}: a network of animals takes one number."
        return nowhere(sum(map(len, index)), reason)
    first = members[0]
    told = {
        name: np.concatenate([
            getattr(one, name)[i] * (first.body / one.body if name in "xy" else 1)
            for one, i in zip(members, index, strict=True)
        ])
        for name in COLUMNS
    }  # fmt: skip
    left, right, top, bottom = zip(
        *(np.array(one.box) * first.body / one.body for one in members), strict=True
    )
    told["apart"] = told["apart"].astype(bool)
    box = (min(left), max(right), min(top), max(bottom))
    return replace(first, **told, box=tuple(map(float, box)))


def _follow(recording, looks: Looks, learned: int) -> Places:
    """Link the animals, anew in each piece, within which time runs on."""
    begins, linker, told, start = sorted(recording.pieces.start), Linker(looks), [], 0
    for frames in prepared_blocks(recording):
        stop = start + len(frames)
        for a, b in pairwise([start, *(t for t in begins if start < t < stop), stop]):
            linker = Linker(looks) if a in begins else linker
            told.append(linker.follow(frames[a - start : b - start]))
        start = stop
    x, y, *others = (np.concatenate(one) for one in zip(*told, strict=True))
    return Places(x, y, *others, looks.length, _box(x[:learned], y[:learned]), looks=looks)


def _box(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, float]:
    return tuple(float(np.quantile(one, q)) for one in (x, y) for q in (0.002, 0.998))


def _load(saved, about: dict) -> Places:
    about["box"] = tuple(about["box"])
    about["looks"] = about["looks"] and Looks(**about["looks"])
    return Places(*(saved[name] for name in COLUMNS), **about)
