"""The sources of a recording behind one face: the simulated tank, a film, a frame folder."""

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from fishlib import tank
from fishlib.files import code_version, fingerprint
from fishlib.preparation import Preparation, suggest_preparation
from fishlib.spans import check_rate
from fishlib.tank.rendering import Painter
from fishlib.video import FRAME_SIZE, Account, iter_frames, probe, probe_parts

TANK_FPS, TANK_MINUTES = 30.0, 60.0
BLOCK = 256  # frames


@dataclass(frozen=True)
class Source:
    """Where frames come from.

    Attributes
    ----------
    name : str
        Short name for folders and tables.
    path : str
        "simulated", or the path of the film or frame folder.
    fps : float
        Frames per second.
    n_frames : int
        Frames announced, after `minutes` was applied.
    contents : dict
        All that decides the frames, for the key of the cache.
    blocks : callable
        ``blocks(start, account, seek, colour)`` yields unprepared frames uint8 (n, 240, 320) from
        frame `start` on; with `seek` fast, but to be checked.
    prepare : callable
        ``prepare()`` returns the fitted `Preparation`.
    truth : callable
        ``truth(saved)`` returns the tracks of a simulated tank, or None for a real film;
        ``saved`` is where they were written before, or None to simulate them.
    exact_start : bool
        Whether ``blocks(start)`` is exact and costs nothing, also with ``seek`` off.
    remarks : tuple of str
        What a reader must know of how it is read.
    """

    name: str
    path: str
    fps: float
    n_frames: int
    contents: dict
    blocks: Callable[..., Iterator[np.ndarray]]
    prepare: Callable[[], Preparation]
    truth: Callable[[Path | None], tank.Tracks | None]
    exact_start: bool
    remarks: tuple[str, ...] = ()


def open_source(
    source: str | Path,
    seed: int = 0,
    minutes: float | None = None,
    preparation: Preparation | dict | None = None,
    config: tank.TankConfig | None = None,
    fps: float | None = None,
) -> Source:
    """Open "simulated" or the path of a film or frame folder; see `recording.open_recording`."""
    if str(source) == "simulated":
        return _open_tank(seed, minutes or TANK_MINUTES, config or tank.TankConfig())
    return _open_film(source, minutes, preparation, fps)


def parts_of(source: str | Path) -> list[Path]:
    """The files of a film: one, or several joined by the system's path separator."""
    names = str(source).split(os.pathsep)
    if len(names) > 1 and not Path(source).exists() and all(Path(name).exists() for name in names):
        return [Path(name) for name in names]
    return [Path(source)]


def _open_tank(seed: int, minutes: float, config: tank.TankConfig) -> Source:
    n_frames = round(minutes * 60 * TANK_FPS)
    tracks: list[tank.Tracks] = []

    def truth(saved: Path | None = None) -> tank.Tracks:
        if not tracks:
            made = (
                tank.Tracks.load(saved) if saved else tank.simulate_tracks(config, seed, n_frames)
            )
            tracks.append(made)
        return tracks[0]

    def blocks(start: int, account: Account, seek: bool, colour=None) -> Iterator[np.ndarray]:
        if seek:
            yield from _draw_from(start, truth(), config, seed)
            return
        for number, block in enumerate(tank.render_blocks(truth(), config, seed, block=BLOCK)):
            if (number + 1) * BLOCK > start:
                yield block[max(0, start - number * BLOCK) :]

    contents = {
        "config": asdict(config),
        "seed": seed,
        "n_frames": n_frames,
        "tank": code_version("tank"),
    }
    return Source(
        f"simulated-{seed}", "simulated", TANK_FPS, n_frames, contents, blocks, Preparation, truth,
        exact_start=False,
    )  # fmt: skip


def _draw_from(
    start: int, tracks: tank.Tracks, config: tank.TankConfig, seed: int
) -> Iterator[np.ndarray]:
    """Draw the tank from frame `start` on, passing over the sensor noise before it."""
    painter = Painter(config, seed, FRAME_SIZE)
    n_points = config.n_fish * painter.light.size + config.n_specks
    n_noise = -(-n_points // 4) * 4  # a byte a point, drawn in fours
    for skipped in range(0, start, BLOCK):
        painter.rng.integers(0, 256, (min(BLOCK, start - skipped), n_noise), np.uint8)
    for first in range(start, len(tracks), BLOCK):
        state = tracks.state[first : first + BLOCK]
        frames = np.zeros((len(state), *FRAME_SIZE), np.uint8)
        painter.paint(state, frames)
        yield frames


def _open_film(
    source: str | Path,
    minutes: float | None,
    preparation: Preparation | dict | None,
    fps: float | None,
) -> Source:
    paths = parts_of(source)
    path, several = paths[0], len(paths) > 1
    info = probe_parts(paths, fps) if several else probe(source, fps)
    remarks = [*check_rate(info.rate(), str(path)), *info.remarks()]
    stop = info.n_frames if minutes is None else min(info.n_frames, round(minutes * 60 * info.fps))
    limit = None if minutes is None else stop
    wanted = preparation if isinstance(preparation, dict) else {}
    chosen = preparation if isinstance(preparation, Preparation) else None
    roi = info.region(chosen.roi if chosen else wanted.get("roi"))
    contents = {
        "film": "-".join(fingerprint(one) for one in paths),
        "stop": limit,
        "fps": fps,
        "preparation": chosen.settings() if chosen else wanted,
        "ground": None if chosen is None or chosen.ground is None else _digest(chosen.ground),
    }

    def blocks(start: int, account: Account, seek: bool, colour=None) -> Iterator[np.ndarray]:
        options = {"roi": roi, "account": account, "seek": seek, "colour": colour}
        return iter_frames(info, FRAME_SIZE, BLOCK, start, limit, **options)

    def prepare() -> Preparation:
        if chosen is None:
            return suggest_preparation(info, **wanted)
        if chosen.is_identity or chosen.ground is not None:
            return chosen
        return suggest_preparation(info, **chosen.settings())

    name = path.name if path.is_dir() else path.stem
    return Source(
        name, str(source), info.fps, stop, contents, blocks, prepare, lambda saved: None,
        exact_start=path.is_dir(), remarks=tuple(remarks),
    )  # fmt: skip


def _digest(array: np.ndarray) -> str:
    return sha256(np.ascontiguousarray(array).data).hexdigest()


def check_length(source: Source, n_frames: int, min_seconds: float, where: str = "") -> None:
    """Raise if a film is too short for one forecast and its answer."""
    needed = int(np.ceil(min_seconds * source.fps))
    if n_frames < needed:
        raise ValueError(
            f"{source.path} has {n_frames} frames ({n_frames / source.fps:.1f} s at "
            f"{source.fps:g} fps){where}, but a forecast and its answer need {needed} "
            f"({min_seconds:g} s: the window it looks back on and the horizon it looks ahead): "
            "use a longer film."
        )
