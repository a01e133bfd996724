"""Files that appear under their name whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a temporary file beside ``path``, then give it its final name.

    Parameters
    ----------
    path : str or Path
        The final name.
    write : callable
        Gets the temporary path, which has the same ending.

    Returns
    -------
    Path
        The final name.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def save_arrays(path: Path, **arrays: np.ndarray) -> Path:
    """Save named arrays as one ``.npz``."""
    return write_atomically(path, lambda part: np.savez(part, **arrays))


def write_text(path: Path, text: str) -> Path:
    """Write a text file in UTF-8."""
    return write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
