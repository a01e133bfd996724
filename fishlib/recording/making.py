"""Make a recording: one pass over a film that prepares, measures motion, shrinks and stores."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fishlib.files import check_space, hash_arrays, save_arrays
from fishlib.preparation import Preparation
from fishlib.recording.repairs import COLUMNS, Survey, count_animals, measure_frames, survey
from fishlib.recording.source import Source, check_length
from fishlib.spans import USUAL_FPS
from fishlib.splits import whole
from fishlib.video import Account, Colour, shrink

ALONE = "only one animal is seen to move: its bursts can be forecast, but none of them is a chase."
HEADER_BYTES = 128  # of an .npy file with a three-axis shape


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the failure of a write into a sentence that says what to do (OSError)."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"{folder} cannot be written ({error.strerror or error}): free some space or set "
            "FISHLIB_CACHE to another disk, then start again; what is done is kept."
        ) from error


class PartialRecording:
    """A recording on its way: frames appended block by block, and how far it has come.

    All lies in ``<folder>.part`` until `finish` renames it. After a kill, a new object on the same
    folder goes on from the last block that was finished.

    Attributes
    ----------
    folder : Path
        The final name.
    work : Path
        Where it is being made.
    state : dict of ndarray
        What was saved with the last finished block; empty at the start.
    n_frames : int
        Frames finished.
    """

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        self.folder, self.shape = folder, shape
        self.work = folder.with_name(folder.name + ".part")
        self.work.mkdir(parents=True, exist_ok=True)
        self.state: dict[str, np.ndarray] = {}
        progress = self.work / "progress.npz"
        if progress.exists():
            with np.load(progress, allow_pickle=False) as saved:
                self.state = dict(saved)

    @property
    def n_frames(self) -> int:
        return int(self.state.get("n_frames", 0))

    def account(self) -> Account:
        """What was amiss up to the last block that was finished."""
        told = json.loads(str(self.state.get("account", "{}")))
        return Account(Counter(told.get("counts")), told.get("borders", []))

    def frames(self) -> np.ndarray:
        """The frames finished so far, as a memory map uint8 (T, h, w)."""
        shape = (self.n_frames, *self.shape)
        return np.memmap(self.work / "frames.npy", np.uint8, "r+", HEADER_BYTES, shape)

    def measured(self) -> np.ndarray:
        """What was measured of the frames finished so far, float64 (T, 6)."""
        return np.fromfile(self.work / "measured.bin").reshape(-1, len(COLUMNS))[: self.n_frames]

    def append(self, clips: np.ndarray, measured: np.ndarray, **state: np.ndarray) -> None:
        """Append frames uint8 (n, h, w) and measures (n, 6), then the state that belongs to them.

        Raises
        ------
        OSError
            The disk is full or cannot be written.
        """
        with explained(self.work):
            self._write("frames.npy", HEADER_BYTES, clips)
            self._write("measured.bin", 0, measured)
            state["n_frames"] = np.array(self.n_frames + len(clips))
            save_arrays(self.work / "progress.npz", **state)
        self.state = state

    def _write(self, name: str, header: int, rows: np.ndarray) -> None:
        """Write rows behind those of the frames finished; what a kill left there is overwritten."""
        path, offset = self.work / name, header + self.n_frames * rows[0].nbytes
        with path.open("r+b" if path.exists() else "w+b") as opened:
            opened.truncate(offset)
            opened.seek(0, os.SEEK_END)
            opened.write(bytes(offset - opened.tell()))
            opened.write(np.ascontiguousarray(rows).data)

    def finish(self, facts: dict, motion: np.ndarray) -> None:
        """Write the header and the other files, and give the folder its final name."""
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.n_frames, *self.shape)}
        with (self.work / "frames.npy").open("r+b") as opened:
            opened.truncate(HEADER_BYTES + self.n_frames * self.shape[0] * self.shape[1])
            np.lib.format.write_array_header_1_0(opened, header)
        np.save(self.work / "motion.npy", motion)
        (self.work / "recording.json").write_text(json.dumps(facts, indent=1) + "\n")
        for name in ("progress.npz", "measured.bin"):
            (self.work / name).unlink()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        os.replace(self.work, self.folder)


def make_recording(folder: Path, opened: Source, size: tuple[int, int], progress: bool) -> None:
    """Fill the cache folder of a recording, or leave a partial one to go on from."""
    partial = PartialRecording(folder, size)
    check_space(folder.parent, (opened.n_frames - partial.n_frames) * size[0] * size[1])
    preparation = _prepare(partial, opened)
    method = "nearest-exact" if size == (120, 160) else "area"
    blocks, account = _remaining(partial, opened, preparation.colour)
    with tqdm(total=opened.n_frames, disable=not progress, unit="frame", desc=opened.name) as bar:
        for raw in blocks:
            _append(partial, raw, preparation, method, account)
            bar.update(partial.n_frames - bar.n)
    try:
        with explained(partial.work):
            _finish(partial, opened, preparation, method, account)
    except ValueError:
        shutil.rmtree(partial.work)
        raise


def _prepare(partial: PartialRecording, opened: Source) -> Preparation:
    path = partial.work / "preparation.npz"
    if path.exists():
        return Preparation.load(path)
    preparation = opened.prepare()
    with explained(partial.work):
        preparation.save(path)
    return preparation


def _remaining(
    partial: PartialRecording, opened: Source, colour: Colour | None
) -> tuple[Iterator[np.ndarray], Account]:
    """Unprepared blocks after the last finished one, exactly where it ended, and their account."""
    saved, account = partial.account(), Account()
    if partial.state and not saved.counts.total() and not saved.borders:  # smooth: seek, and check
        last = partial.n_frames - int(partial.state["n_last"])
        blocks = opened.blocks(start=last, account=account, seek=True, colour=colour)
        first = next(blocks, None)
        if first is not None and hash_arrays(first[::16]) == str(partial.state["digest"]):
            return blocks, account
        blocks.close()
        account = Account()
    return opened.blocks(start=partial.n_frames, account=account, colour=colour), account


def _append(partial: PartialRecording, raw, preparation, method: str, account: Account) -> None:
    """Prepare a block, measure it against the frames before it, and store it."""
    prepared = preparation.apply(raw)
    last, last_raw = (partial.state.get(name, raw[:0]) for name in ("last", "last_raw"))
    joined, raws = np.concatenate([last, prepared]), np.concatenate([last_raw, raw])
    partial.append(
        shrink(prepared, partial.shape, method),
        measure_frames(raws, joined, len(last)),
        last=joined[-2:],
        last_raw=raws[-2:],
        digest=np.array(hash_arrays(raw[::16])),  # enough to tell whether a seek led to it
        n_last=np.array(len(raw)),
        account=np.array(json.dumps(vars(account))),
    )


def _finish(
    partial: PartialRecording,
    opened: Source,
    preparation: Preparation,
    method: str,
    account: Account,
) -> None:
    """Mend and check the whole, and give it its final name."""
    if not account.counts and not account.borders:  # a resumed run that had nothing left to read
        account = partial.account()
    missing = opened.n_frames - partial.n_frames
    missing -= round(sum(seconds for _, seconds, _ in account.borders) * opened.fps)
    if missing > max(2, 0.005 * opened.n_frames):
        account.counts["undecoded_frames"] = missing
    check_length(opened, partial.n_frames)
    frames, measured, truth = partial.frames(), partial.measured(), opened.truth(None)
    if truth is not None:
        truth.save(partial.work / "tracks.npz")
        found = Survey(np.append(measured[1:, 0], 0.0), whole(len(measured), opened.name))
    else:
        found = survey(opened.name, measured, frames, opened.fps, account)
        if found.motion.max() == 0:
            raise ValueError(
                f"nothing moves in {opened.path} once it is prepared: no forecast can be made. If "
                "something does move, prepare it with a lower noise_floor or another polarity."
            )
        longest = max(found.pieces.stop - found.pieces.start, default=0)
        check_length(opened, longest, " in its longest piece")
        for t in found.torn:  # in order: two torn frames in a row are both bridged
            frames[t] = frames[t - 1]
        frames.flush()
    alone = count_animals(frames) <= 1
    facts = {
        "fps": opened.fps,
        "method": method,
        "repairs": found.repairs,
        "remarks": [*opened.remarks, *preparation.remarks, *found.remarks, *[ALONE] * alone],
        "torn": found.torn.tolist(),
        "pieces": found.pieces.to_dict("list"),
    }
    per_thirtieth = opened.fps / USUAL_FPS  # the unit of motion, whatever the rate
    partial.finish(facts, found.motion * per_thirtieth)
