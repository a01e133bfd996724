"""Prepare a lab's film: turn it into bright animals on black, as the forecasters expect.

Four steps, each of which can be left out: even out the light in time and place, subtract
the ground (the median over the film), turn dark animals bright, cut off noise. The ground is
taken from the whole film, so that it knows, very faintly, where animals will be; everything
else in a prepared frame comes from that frame alone.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from fishlib.files import save_arrays
from fishlib.preparation.sample import (
    ENOUGH,
    LEAST_LEVEL,
    LEAST_LIGHT,
    LIT,
    SHADED,
    UNEVEN,
    Measures,
    even_shade,
    find_colour,
    find_lights,
    measure_film,
    sample_film,
    see_ground,
)
from fishlib.video import Box, Colour, FilmInfo, probe, weigh
from fishlib.video.frames import to_eight_bits

CHUNK = 8  # frames prepared at once: small enough for the processor's cache
LEAST_FLOOR = 3  # grey levels
WEAK = 10.0  # contrast below which colour is looked at
DAMAGED = 64.0  # grey levels of noise that no camera has
MOST_MASKED = 0.3  # of the picture


def brightness_of(frames: np.ndarray, box: Box) -> np.ndarray:
    """Mean grey level of each frame (n, H, W) inside a box, float64 (n,)."""
    y0, y1, x0, x1 = box
    return frames[:, y0:y1, x0:x1].mean(axis=(1, 2), dtype=np.float64)


def normalise_brightness(frames: np.ndarray, brightness: float, box: Box) -> np.ndarray:
    """Scale each frame (n, H, W) to a mean brightness inside a box; float32 (n, H, W)."""
    present = brightness_of(frames, box)
    factors = np.divide(brightness, present, out=np.ones_like(present), where=present > 0)
    return frames * factors.astype(np.float32)[:, None, None]


def choose_settings(m: Measures) -> dict:
    """Settings of `Preparation` that the measures of a film (`measure_film`) call for."""
    lit = m.ground > LIT
    unsteady = m.flicker > 0.3 or m.drift > 2
    subtract = lit or m.dark or m.wrong_side > 1
    noise = max(m.wrong_side, m.noise, LEAST_FLOOR if lit else 0)
    return {
        "background": bool(subtract),
        "polarity": "dark" if m.dark else "bright",
        "normalise": bool(lit and unsteady),
        "shade": bool(m.shade > SHADED),
        "rows": bool(lit and m.rows > 1),
        "noise_floor": int(np.ceil(noise)) if subtract or noise > 1 else 0,
    }


def explain_preparation(m: Measures) -> dict[str, str]:
    """Say in one sentence for each setting why it is suggested."""
    chosen = choose_settings(m)
    side = "darker" if m.dark else "brighter"
    bodies = m.dark_bodies + m.bright_bodies
    if bodies > LEAST_LIGHT:
        share = (m.dark_bodies if m.dark else m.bright_bodies) / bodies
        why = (
            f"{share:.0%} of the light of what moves from place to place is {side} than the ground"
        )
    else:
        why = (
            f"no body is seen to move on, and what stands out most is {side} than the ground "
            f"({m.darker:.0f} levels darker, {m.brighter:.0f} brighter)"
        )
    return {
        "background": f"{chosen['background']}: the ground has {m.ground:.0f} grey levels and "
        f"wavers by {m.wrong_side:.1f} (above 25 or 1, or under dark animals, it is subtracted)",
        "polarity": f"{chosen['polarity']}: {why}",
        "normalise": f"{chosen['normalise']}: brightness flickers by {m.flicker:.2f} grey "
        f"levels from frame to frame and drifts by {m.drift:.2f} over the film "
        "(above 0.3 or 2 on a lit ground it is evened out)",
        "shade": f"{chosen['shade']}: in {m.shade:.0%} of the film broad places are lighter or "
        f"darker than usual, as in a shadow or under a lamp (above {SHADED:.0%} they are evened "
        "out)",
        "rows": f"{chosen['rows']}: rows waver by {m.rows:.2f} grey levels (above 1 on a lit "
        "ground they are evened out)",
        "noise_floor": f"{chosen['noise_floor']}: noise reaches {m.wrong_side:.1f} grey levels "
        f"on the side where no animal is, and {m.noise:.1f} from frame to frame (at least "
        f"{LEAST_FLOOR} on a lit ground, for what compression leaves now and then)",
    }


def remark_on(m: Measures) -> list[str]:
    """What a reader must know of a film's light before trusting its motion, in sentences."""
    found = []
    if m.doubtful:
        found.append(
            "dark and bright things move about equally: if the wrong ones were taken for the "
            "animals, give polarity: dark or polarity: bright, or a roi without the others."
        )
    if bubbles := m.dark_bubbles if m.dark else m.bright_bubbles:
        found.append(
            f"about {bubbles:.0f} bodies at a time rise straight up, as bubbles do, and their "
            "motion is measured with that of the animals: give a roi without them, or stop the air."
        )
    if m.fixed.any():
        rows, columns = np.nonzero(m.fixed)
        found.append(
            f"{m.fixed.mean():.1%} of the picture (between rows {rows.min()} and {rows.max()}, "
            f"columns {columns.min()} and {columns.max()} of 240x320) changes in its place and "
            "never moves from it: a clock, a lamp or a reflection; it was masked. If animals live "
            "there, give a roi."
        )
    if m.uneven_noise >= UNEVEN:
        found.append(
            f"its noise comes and goes, {m.uneven_noise:.1f} times as much at times: the noise "
            "floor follows the noisiest stretch, and faint motion is lost."
        )
    return found


def check_contrast(m: Measures, source: object) -> None:
    """Raise ValueError if nothing stands out from the ground by three times the noise."""
    if m.noise > DAMAGED:
        raise ValueError(
            f"the pictures of {source} change by {m.noise:.0f} grey levels from frame to frame: it "
            "is damaged. Copy it again from where it was recorded."
        )
    if m.fixed.mean() > MOST_MASKED:
        raise ValueError(
            f"{m.fixed.mean():.0%} of the picture of {source} changes in its place without moving "
            "from it, and animals cannot be told from it: give a roi, [y0, y1, x0, x1], that "
            "leaves the clock, the water's surface or the reflection out."
        )
    if m.contrast < 3:
        raise ValueError(
            f"nothing moves in {source}: what stands out most from the still ground does so by "
            f"{max(m.darker, m.brighter):.1f} grey levels, under three times the noise of "
            f"{max(m.noise, 1.0):.1f}. Use a film "
            "in which animals move, or choose the settings of its preparation by hand."
        )


def check_lights(sample: np.ndarray, box: Box, info: FilmInfo) -> None:
    """Raise ValueError if animals are dark in one light of a film and bright in another."""
    late = find_lights(sample, box)
    if min(late.sum(), (~late).sum()) < ENOUGH // 2:
        return
    kinds = [measure_film(sample[part], box) for part in (~late, late)]
    seen = [max(m.dark_bodies, m.bright_bodies) > LEAST_LIGHT and not m.doubtful for m in kinds]
    if all(seen) and kinds[0].dark != kinds[1].dark:
        seconds = info.n_frames / info.rate() / len(late)
        switches = ", ".join(f"{k * seconds:.0f}" for k in np.flatnonzero(np.diff(late)) + 1)
        raise ValueError(
            f"{info.path} has two lights, such as day and infrared: animals are darker than the "
            f"ground in one and brighter in the other. Cut it where the light changes (at about "
            f"{switches} s) and give the parts as films of one table."
        )


@dataclass(frozen=True)
class Preparation:
    """How the frames of a film are prepared. The default changes nothing.

    Attributes
    ----------
    background : bool
        Subtract the ground, the median over the film.
    polarity : str
        "bright" or "dark": what the animals are, compared with the ground. Dark ones come out
        bright.
    normalise : bool
        Give every frame the same mean brightness, by a factor, against flicker and drift.
    shade : bool
        Even out broad places as well, against shadows, lamps and sunlight that come and go.
    rows : bool
        Even out every row as well, against bands that roll through the picture.
    noise_floor : int
        Grey levels taken off every pixel at the end; what is fainter becomes 0.
    roi : (y0, y1, x0, x1), optional
        Region of interest in pixels of the stored film, cut out while it is read.
    colour : (red, green, blue, added), optional
        Weights by which colours become gray while the film is read, for animals that differ from
        the ground in colour only.
    ground : float32 array (H, W), optional
        The ground, filled in by `fit`.
    brightness : float, optional
        Mean brightness all frames are given, filled in by `fit`.
    box : (y0, y1, x0, x1), optional
        Part of the frame that the film covers; outside it all stays black.
    mask : bool array (H, W), optional
        Pixels that come out black: a clock, a lamp, a reflection; filled in when suggested.
    remarks : list of str
        What a reader must know of the film's light.
    reasons : dict of str to str
        Why each setting was suggested, in a sentence; empty if nothing was.
    """

    background: bool = False
    polarity: str = "bright"
    normalise: bool = False
    noise_floor: int = 0
    roi: Box | None = None
    rows: bool = False
    shade: bool = False
    colour: Colour | None = None
    ground: np.ndarray | None = field(default=None, repr=False, compare=False)
    brightness: float | None = field(default=None, repr=False, compare=False)
    box: Box | None = field(default=None, repr=False, compare=False)
    mask: np.ndarray | None = field(default=None, repr=False, compare=False)
    remarks: list = field(default_factory=list, repr=False, compare=False)
    reasons: dict = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.polarity not in ("bright", "dark"):
            raise ValueError(f"polarity is {self.polarity!r}: the animals are 'bright' or 'dark'.")
        if not 0 <= self.noise_floor < 255:
            raise ValueError(f"noise_floor is {self.noise_floor}: give 0 to 254 grey levels.")

    @property
    def is_identity(self) -> bool:
        """Whether frames are left as they are, bit for bit."""
        bright = self.polarity == "bright"
        even = self.normalise or self.shade or self.rows
        return bright and not (even or self.background or self.noise_floor or self.mask is not None)

    def settings(self) -> dict:
        """The parameters by name, without what was fitted."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.compare}

    def save(self, path: Path) -> None:
        """Write settings, ground and brightness to an .npz file."""
        images = {name: getattr(self, name) for name in ("ground", "mask")}
        text = json.dumps({name: told for name, told in vars(self).items() if name not in images})
        present = {name: image for name, image in images.items() if image is not None}
        save_arrays(path, settings=np.array(text), **present)

    @classmethod
    def load(cls, path: Path) -> "Preparation":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as saved:
            settings = json.loads(str(saved["settings"]))
            images = {name: saved[name] for name in ("ground", "mask") if name in saved}
        for name in ("roi", "box", "colour"):
            settings[name] = None if settings[name] is None else tuple(settings[name])
        return cls(**settings, **images)

    def fit(
        self, frames: np.ndarray, box: Box | None = None, level: float = LEAST_LEVEL
    ) -> "Preparation":
        """Take ground and brightness from sample frames uint8 (n, H, W) spread over the film.

        Where an animal rested, the ground is what was seen when it was elsewhere: what differs by
        more than `level` grey levels.
        """
        box = box or (0, frames.shape[1], 0, frames.shape[2])
        brightness = float(np.median(brightness_of(frames, box)))
        even = frames.astype(np.float32)
        if self.normalise:
            even = normalise_brightness(even, brightness, box)
        if self.shade:
            even = _even_within(box, even, np.median(even, axis=0))
        ground = see_ground(even, level, -1 if self.polarity == "dark" else 1)
        return replace(self, ground=ground, brightness=brightness, box=box)

    def steps(self, frames: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
        """Yield (name, frames float32 (n, H, W)) after every step that is switched on.

        Raises
        ------
        ValueError
            The preparation was not fitted to a film.
        """
        fitted = self.ground is not None and self.brightness is not None
        if not (self.is_identity or fitted):
            raise ValueError("fit this preparation to frames of the film before applying it.")
        work = frames.astype(np.float32)
        if self.normalise:
            work = normalise_brightness(work, self.brightness, self.box)
            yield "brightness", work
        if self.shade:
            work = _even_within(self.box, work, self.ground)
            yield "shade", work
        if self.rows:  # take off each row what most of it differs by from the ground
            work = work - np.median(work - self.ground, axis=2, keepdims=True)
            yield "rows", work
        if self.background:
            work = np.maximum((work - self.ground) * (-1 if self.polarity == "dark" else 1), 0)
            yield "background", work
        elif self.polarity == "dark":
            y0, y1, x0, x1 = self.box
            work[:, y0:y1, x0:x1] = 255 - work[:, y0:y1, x0:x1]  # black outside
            yield "polarity", work
        if self.noise_floor:  # no jump where a pixel crosses it
            work = np.maximum(work - np.float32(self.noise_floor), 0)
            yield "noise floor", work
        if self.mask is not None:
            work = np.where(self.mask, np.float32(0), work)
            yield "mask", work

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Prepare frames: uint8 (n, H, W) to uint8 (n, H, W), bright animals on black."""
        if self.is_identity:
            return frames
        prepared = np.empty_like(frames)
        for i in range(0, len(frames), CHUNK):
            *_, (_, work) = self.steps(frames[i : i + CHUNK])
            prepared[i : i + CHUNK] = to_eight_bits(work)
        return prepared


def _even_within(box: Box, frames: np.ndarray, ground: np.ndarray) -> np.ndarray:
    y0, y1, x0, x1 = box
    frames = frames.copy()
    frames[:, y0:y1, x0:x1] = even_shade(frames[:, y0:y1, x0:x1], ground[y0:y1, x0:x1])
    return frames


def preparation_steps(preparation: Preparation, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Before and after: the frames as filmed and after each step, all uint8 (n, H, W)."""
    pictures = {"film": frames}
    pictures.update((name, to_eight_bits(work)) for name, work in preparation.steps(frames))
    return pictures


def suggest_preparation(
    source: str | Path | FilmInfo, roi: Box | None = None, frames=None, **settings
) -> Preparation:
    """Look at frames spread over a film and suggest its preparation, fitted and ready to apply.

    Parameters
    ----------
    source : str, Path or FilmInfo
        A video file, frame folder or stack, or what `fishlib.video.probe` said of it.
    roi : (y0, y1, x0, x1), optional
        Region of interest in pixels of the stored film.
    frames : uint8 array (T, 240, 320), optional
        All of the film, where it was read before.
    **settings
        Parameters of `Preparation` decided by hand; the others are suggested.

    Returns
    -------
    Preparation
        The identity for clean film of bright animals on black.

    Raises
    ------
    ValueError
        Nothing stands out from the ground, and no setting was decided by hand.
    """
    info = source if isinstance(source, FilmInfo) else probe(source)
    sample, box = sample_film(info, roi, frames=frames)
    measures = measure_film(sample, box)
    given, colour = settings.pop("colour", None), None
    by_hand = bool(settings) or given is not None
    if given is not None or measures.contrast < WEAK:
        colours, _ = sample_film(info, roi, colour=True)
        mixture = find_colour(colours, box) if given is None else tuple(given)
        if mixture is not None:
            weighed = weigh(colours, mixture)
            found = measure_film(weighed, box)
            if given is not None or found.contrast >= 2 * measures.contrast:
                sample, measures, colour = weighed, found, mixture
    if len(sample) >= ENOUGH and not by_hand:
        check_contrast(measures, info.path)
        check_lights(sample, box, info)
    reasons = explain_preparation(measures) | dict.fromkeys(settings, "chosen by hand")
    if colour is not None:
        told = "{:+.2f} red, {:+.2f} green, {:+.2f} blue".format(*colour)
        reasons["colour"] = f"{told}: in this mixture animals stand out most, in gray hardly"
    preparation = Preparation(
        roi=roi,
        colour=colour,
        mask=measures.fixed if measures.fixed.any() else None,
        remarks=remark_on(measures),
        reasons=reasons,
        **{**choose_settings(measures), **settings},
    )
    return preparation.fit(sample[:, 0], box, measures.level)
