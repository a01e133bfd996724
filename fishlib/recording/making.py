"""Make a recording: one pass over a film that prepares, measures motion, shrinks and stores."""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fishlib.motion import speed_proxy
from fishlib.preparation import Preparation
from fishlib.preparation.animals import describe_animals
from fishlib.recording.cache import check_space
from fishlib.recording.partial import PartialRecording, explained
from fishlib.recording.repairs import describe_repairs, mend
from fishlib.recording.source import Source, check_length
from fishlib.video import shrink


def make_recording(
    folder: Path,
    opened: Source,
    size: tuple[int, int],
    method: str,
    min_seconds: float,
    progress: bool,
) -> None:
    """Fill the cache folder of a recording, or leave a partial one to go on from."""
    partial = PartialRecording(folder, size)
    check_space(folder.parent, (opened.n_frames - partial.n_frames) * size[0] * size[1])
    preparation = _prepare(partial, opened)
    repairs = Counter()
    with tqdm(total=opened.n_frames, disable=not progress, unit="frame", desc=opened.name) as bar:
        for raw in _remaining(partial, opened, repairs):
            _append(partial, raw, preparation, method, repairs)
            bar.update(partial.n_frames - bar.n)
    try:
        with explained(partial.work):
            _finish(partial, opened, method, min_seconds, repairs)
    except ValueError:
        partial.discard()
        raise


def _prepare(partial: PartialRecording, opened: Source) -> Preparation:
    path = partial.work / "preparation.npz"
    if path.exists():
        return Preparation.load(path)
    preparation = opened.prepare()
    with explained(partial.work):
        preparation.save(path)
    return preparation


def _remaining(partial: PartialRecording, opened: Source, repairs: Counter) -> Iterator[np.ndarray]:
    """Yield unprepared blocks after the last finished one, exactly where it ended."""
    if not partial.state:
        return opened.blocks(0, repairs, False)
    saved = Counter(json.loads(str(partial.state["repairs"])))
    done = partial.n_frames
    if opened.exact_start:
        repairs.update(saved)
        return opened.blocks(done, repairs, False)
    if not any(saved.values()):  # the clock ran smoothly: seek, and check where that led
        blocks = opened.blocks(done - int(partial.state["n_last"]), repairs, True)
        first = next(blocks, None)
        if first is not None and _digest(first) == str(partial.state["digest"]):
            return blocks
        blocks.close()
        repairs.clear()
    return opened.blocks(done, repairs, False)


def _digest(raw: np.ndarray) -> str:
    """Hash of every 16th frame of a block: enough to tell whether a seek led to it."""
    return sha256(np.ascontiguousarray(raw[::16]).data).hexdigest()


def _append(partial: PartialRecording, raw, preparation, method: str, repairs: Counter) -> None:
    """Prepare a block, measure its motion from the last frame before it on, and store it."""
    prepared = preparation.apply(raw)
    speed, repeats = np.zeros(0), np.zeros(0, bool)
    before, raw_before = prepared[:0], raw[:0]
    if partial.state:
        speed, repeats = partial.state["speed"][:-1], partial.state["repeats"][:-1]
        before, raw_before = partial.state["last"][None], partial.state["last_raw"][None]
    joined = np.concatenate([raw_before, raw])
    same = [np.array_equal(a, b) for a, b in pairwise(joined)]
    partial.append(
        shrink(prepared, partial.shape, method),
        speed=np.append(speed, speed_proxy(np.concatenate([before, prepared]))),
        repeats=np.concatenate([repeats, same, [False]]).astype(bool),
        last=prepared[-1],
        last_raw=raw[-1],
        digest=np.array(_digest(raw)),
        n_last=np.array(len(raw)),
        repairs=np.array(json.dumps(repairs)),
    )


def _finish(
    partial: PartialRecording, opened: Source, method: str, min_seconds: float, repairs: Counter
) -> None:
    """Mend and check the whole, and give it its final name."""
    repairs.update(json.loads(str(partial.state["repairs"])) if not repairs else {})
    missing = opened.n_frames - partial.n_frames
    if missing > max(2, 0.005 * opened.n_frames):
        repairs["undecoded_frames"] = missing
    check_length(opened, partial.n_frames, min_seconds)
    speed, cuts = partial.state["speed"], np.zeros(0, int)
    if opened.path != "simulated":
        speed, cuts = mend(speed, partial.state["repeats"], partial.frames(), repairs)
        _check_motion(speed, opened)
    truth = opened.truth(None)
    if truth is not None:
        truth.save(partial.work / "tracks.npz")
    made = {name: int(count) for name, count in repairs.items() if count}
    facts = {"fps": opened.fps, "method": method, "repairs": made, "cuts": cuts.tolist()}
    facts["remarks"] = describe_repairs(made) + describe_animals(partial.frames())
    partial.finish(facts, speed=speed)


def _check_motion(speed: np.ndarray, opened: Source) -> None:
    if speed.max() == 0:
        raise ValueError(
            f"nothing moves in {opened.path} once it is prepared: no forecast can be made. If "
            "something does move, prepare it with a lower noise_floor or another polarity."
        )
