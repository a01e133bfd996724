"""Make a recording: one pass over a film that prepares, measures motion, shrinks and stores."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fishlib.files import check_space, hash_arrays, save_arrays
from fishlib.preparation import Preparation
from fishlib.recording.packed import BLOCK, Packed
from fishlib.recording.repairs import COLUMNS, Survey, count_animals, measure_frames, survey
from fishlib.recording.source import Source
from fishlib.spans import USUAL_FPS
from fishlib.splits import whole
from fishlib.video import Account, shrink

ALONE = "only one animal is seen to move: its bursts can be forecast, but none of them is a chase."
HEADER_BYTES = 128  # of an .npy file with a three-axis shape
SHORT = 4000  # frames that are kept in memory, 0.3 GB, rather than decoded twice


def make_recording(folder: Path, opened: Source, size: tuple[int, int], progress: bool) -> None:
    """Fill the cache folder of a recording, or leave a partial one to go on from."""
    making = Making(folder, opened, size)
    with tqdm(total=opened.n_frames, disable=not progress, unit="frame", desc=opened.name) as bar:
        for raw in making.remaining():
            making.append(raw)
            bar.update(making.n_frames - bar.n)
    try:
        with explained(making.work):
            making.finish()
    except ValueError:
        shutil.rmtree(making.work)
        raise


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


class Making:
    """A recording on its way: frames appended block by block, and how far it has come.

    All lies in ``<folder>.part`` until `finish` renames it. After a kill, a new object on the same
    folder goes on from the last block that was finished.

    Parameters
    ----------
    folder : Path
        The final name.
    opened : Source
        Where frames come from.
    size : (int, int)
        Height and width of the frames kept.

    Attributes
    ----------
    work : Path
        Where it is being made.
    state : dict of ndarray
        What was saved with the last finished block; empty at the start.
    packed : Packed
        The frames of full size. Those of the tank are drawn anew as fast, and not kept.
    account : Account
        What was amiss while the film was read.
    kept : uint8 array (T, 240, 320) or None
        The unprepared frames of a film that was read whole.
    """

    def __init__(self, folder: Path, opened: Source, size: tuple[int, int]) -> None:
        self.folder, self.opened, self.size = folder, opened, size
        self.method = "nearest-exact" if size == (120, 160) else "area"
        self.work, self.account, self.state = folder.with_name(f"{folder.name}.part"), Account(), {}
        self.work.mkdir(parents=True, exist_ok=True)
        progress, prepared = self.work / "progress.npz", self.work / "preparation.npz"
        if progress.exists():
            with np.load(progress) as saved:
                self.state = dict(saved)
        self.packed = Packed(self.work / "packed.bin", self.state.get("packed"))
        check_space(folder.parent, (opened.n_frames - self.n_frames) * size[0] * size[1])
        self.kept = None
        self.preparation = Preparation.load(prepared) if prepared.exists() else self._look()
        with explained(self.work):
            self.preparation.save(prepared)

    def _look(self) -> Preparation:
        """How to prepare the film. A short one is read whole for it, and not read again."""
        opened = self.opened
        if opened.n_frames > SHORT or opened.contents.get("stop", 0) is not None:
            return opened.prepare()
        self.kept = np.concatenate(list(opened.blocks(start=0, account=self.account)))
        preparation = opened.prepare(frames=self.kept)
        if preparation.colour is not None:
            self.kept, self.account = None, Account()
        return preparation

    @property
    def n_frames(self) -> int:
        """Frames finished."""
        return int(self.state.get("n_frames", 0))

    def remaining(self) -> Iterator[np.ndarray]:
        """Unprepared blocks after the last finished one, exactly where it ended."""
        if self.kept is not None:
            return (self.kept[at : at + BLOCK] for at in range(0, len(self.kept), BLOCK))
        read, colour = self.opened.blocks, self.preparation.colour
        if self.state.get("smooth"):  # nothing was amiss so far: seek, and check
            last = self.n_frames - int(self.state["n_last"])
            blocks = read(start=last, account=self.account, seek=True, colour=colour)
            first = next(blocks, None)
            if first is not None and hash_arrays(first[::16]) == str(self.state["digest"]):
                return blocks
            blocks.close()
            self.account = Account()
        return read(start=self.n_frames, account=self.account, colour=colour)

    def append(self, raw: np.ndarray) -> None:
        """Prepare a block, measure it against the frames before it, and store it.

        Raises
        ------
        OSError
            The disk is full or cannot be written.
        """
        prepared = self.preparation.apply(raw)
        last, last_raw = (self.state.get(name, raw[:0]) for name in ("last", "last_raw"))
        joined, raws = np.concatenate([last, prepared]), np.concatenate([last_raw, raw])
        state = {
            "n_frames": np.array(self.n_frames + len(raw)),
            "n_last": np.array(len(raw)),
            "last": joined[-2:],
            "last_raw": raws[-2:],
            "digest": np.array(hash_arrays(raw[::16])),  # enough to tell whether a seek led to it
            "smooth": np.array(not self.account.counts.total() and not self.account.borders),
        }
        with explained(self.work):
            self._write("frames.npy", HEADER_BYTES, shrink(prepared, self.size, self.method))
            self._write("measured.bin", 0, measure_frames(raws, joined, len(last)))
            if self.opened.path != "simulated":
                self.packed.append(prepared)
                state["packed"] = self.packed.where
            save_arrays(self.work / "progress.npz", **state)
        self.state = state

    def _write(self, name: str, header: int, rows: np.ndarray) -> None:
        """Write rows behind those of the frames finished; what a kill left there is overwritten."""
        with (self.work / name).open("ab") as opened:
            opened.truncate(header + self.n_frames * rows[0].nbytes)
            opened.write(np.ascontiguousarray(rows).data)

    def _bridge(self, torn: np.ndarray) -> None:
        """Let the frame before stand in for each torn one, int (n,) in order."""
        for k in np.unique(torn // BLOCK):
            frames = self.packed[k].copy()
            for t in torn[torn // BLOCK == k] - k * BLOCK:
                frames[t] = frames[t - 1] if t else self.packed[k - 1][-1]
            self.packed.replace(k, frames)

    def finish(self) -> None:
        """Mend and check the whole, and give it its final name."""
        opened, n_frames, account = self.opened, self.n_frames, self.account
        missing = opened.n_frames - n_frames
        missing -= round(sum(seconds for _, seconds, _ in account.borders) * opened.fps)
        if missing > max(2, 0.005 * opened.n_frames):
            account.counts["undecoded_frames"] = missing
        opened.check_length(n_frames, f" of {opened.n_frames} announced" if missing > 2 else "")
        path, shape = self.work / "frames.npy", (n_frames, *self.size)
        frames = np.memmap(path, np.uint8, "r+", HEADER_BYTES, shape)
        measured = np.fromfile(self.work / "measured.bin").reshape(-1, len(COLUMNS))[:n_frames]
        truth = opened.truth(None)
        if truth is not None:
            truth.save(self.work / "tracks.npz")
            found = Survey(np.append(measured[1:, 0], 0.0), whole(n_frames, opened.name))
        else:
            found = survey(opened.name, measured, frames, opened.fps, account)
            if found.motion.max() == 0:
                raise ValueError(
                    f"nothing moves in {opened.path} once it is prepared: no forecast can be made. "
                    "If something does move, prepare it with a lower noise_floor or another "
                    "polarity."
                )
            longest = max(found.pieces.stop - found.pieces.start, default=0)
            opened.check_length(longest, " in its longest piece")
            for t in found.torn:  # in order: two torn frames in a row are both bridged
                frames[t] = frames[t - 1]
            frames.flush()
            self._bridge(found.torn)
            np.save(self.work / "packed.npy", self.packed.where)
        remarks = [*opened.remarks, *self.preparation.remarks, *found.remarks]
        facts = {
            "fps": opened.fps,
            "method": self.method,
            "repairs": found.repairs,
            "remarks": remarks + [ALONE] * (count_animals(frames) <= 1),
            "pieces": found.pieces.to_dict("list"),
        }
        with path.open("r+b") as written:
            written.truncate(HEADER_BYTES + frames.size)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(written, header)
        per_thirtieth = opened.fps / USUAL_FPS  # the unit of motion, whatever the rate
        np.save(self.work / "motion.npy", found.motion * per_thirtieth)
        (self.work / "recording.json").write_text(json.dumps(facts, indent=1) + "\n")
        for name in ("progress.npz", "measured.bin"):
            (self.work / name).unlink()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        os.replace(self.work, self.folder)
