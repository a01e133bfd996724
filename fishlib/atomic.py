"""Files that appear under their name whole or not at all."""

import os
from pathlib import Path

import numpy as np


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Save arrays as one .npz: written beside its place, then renamed."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as opened:
        np.savez(opened, **arrays)
    os.replace(part, path)


def write_text(path: Path, text: str) -> None:
    """Write a text file: beside its place, then renamed."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
