"""A recording on its way: written block by block, and gone on with after a kill."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fishlib.atomic import save_arrays

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
        """Frames finished."""
        return len(self.state["speed"]) if self.state else 0

    def frames(self) -> np.ndarray:
        """The frames finished so far, as a read-only memory map uint8 (T, h, w)."""
        shape = (self.n_frames, *self.shape)
        return np.memmap(self.work / "frames.npy", np.uint8, "r", HEADER_BYTES, shape)

    def append(self, clips: np.ndarray, **state: np.ndarray) -> None:
        """Append frames uint8 (n, h, w), then save the state that belongs to them.

        Raises
        ------
        OSError
            The disk is full or cannot be written.
        """
        frames = self.work / "frames.npy"
        with explained(self.work):
            with frames.open("r+b" if frames.exists() else "w+b") as opened:
                opened.truncate(self._offset(self.n_frames))
                opened.seek(0, os.SEEK_END)
                opened.write(bytes(self._offset(self.n_frames) - opened.tell()))
                opened.write(np.ascontiguousarray(clips).data)
            save_arrays(self.work / "progress.npz", **state)
        self.state = state

    def finish(self, facts: dict, **arrays: np.ndarray) -> None:
        """Write the header and the other files, and give the folder its final name."""
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.n_frames, *self.shape)}
        with (self.work / "frames.npy").open("r+b") as opened:
            opened.truncate(self._offset(self.n_frames))
            np.lib.format.write_array_header_1_0(opened, header)
            if opened.tell() != HEADER_BYTES:
                raise AssertionError(f"an .npy header of {opened.tell()} bytes, not 128")
        for name, array in arrays.items():
            np.save(self.work / f"{name}.npy", array)
        (self.work / "recording.json").write_text(json.dumps(facts, indent=1) + "\n")
        (self.work / "progress.npz").unlink()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        os.replace(self.work, self.folder)

    def discard(self) -> None:
        """Remove what was made so far."""
        shutil.rmtree(self.work, ignore_errors=True)

    def _offset(self, n_frames: int) -> int:
        return HEADER_BYTES + n_frames * self.shape[0] * self.shape[1]
