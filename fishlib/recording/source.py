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
from fishlib.video import FRAME_SIZE, Account, iter_frames, probe_parts

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
        if not tracks and saved:
            tracks.append(tank.Tracks.load(saved))
        elif not tracks:
            tracks.append(tank.simulate_tracks(config, seed, n_frames))
        return tracks[0]

    def blocks(start: int, account: Account, seek: bool, colour=None) -> Iterator[np.ndarray]:
        return tank.render_blocks(truth(), config, seed, block=BLOCK, start=start)

    contents = {
        "config": asdict(config),
        "seed": seed,
        "n_frames": n_frames,
        "tank": code_version("tank"),
    }
    return Source(
        f"simulated-{seed}", "simulated", TANK_FPS, n_frames, contents, blocks, Preparation, truth,
    )  # fmt: skip


def _open_film(
    source: str | Path,
    minutes: float | None,
    preparation: Preparation | dict | None,
    fps: float | None,
) -> Source:
    paths = parts_of(source)
    path, info = paths[0], probe_parts(paths, fps)
    remarks = [*check_rate(info.rate(), str(path)), *info.remarks()]
    stop = info.n_frames if minutes is None else min(info.n_frames, round(minutes * 60 * info.fps))
    limit = None if minutes is None else stop
    chosen = preparation if isinstance(preparation, Preparation) else None
    wanted = chosen.settings() if chosen else preparation or {}
    roi = info.region(wanted.get("roi"))
    contents = {
        "film": "-".join(fingerprint(one) for one in paths),
        "stop": limit,
        "fps": fps,
        "preparation": wanted,
        "ground": None if chosen is None or chosen.ground is None else _digest(chosen.ground),
    }

    def blocks(start: int, account: Account, seek: bool, colour=None) -> Iterator[np.ndarray]:
        options = {"roi": roi, "account": account, "seek": seek, "colour": colour}
        return iter_frames(info, FRAME_SIZE, BLOCK, start, limit, **options)

    def prepare() -> Preparation:
        fitted = chosen and (chosen.is_identity or chosen.ground is not None)
        return chosen if fitted else suggest_preparation(info, **wanted)

    name = path.name if path.is_dir() else path.stem
    return Source(
        name, str(source), info.fps, stop, contents, blocks, prepare, lambda saved: None,
        tuple(remarks),
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
