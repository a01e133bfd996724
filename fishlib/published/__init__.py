"""The study's published files: downloaded on demand, verified, and read as plain arrays.

Source: https://github.com/M-Lin-DM/Convolutional-LSTMs-for-Motion-Forcasting at a pinned commit.
Nothing of it is copied into this project. ``FISHLIB_PUBLISHED`` may name a folder that mirrors the
repository's relative paths; its files are verified in the same way.
"""

import os
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pooch
import requests

from fishlib.published.registry import SHA256

COMMIT = "17c8329972d281244fdd5a15acef44676b8fe61f"
URL = (
    "https://raw.githubusercontent.com/M-Lin-DM/"
    f"Convolutional-LSTMs-for-Motion-Forcasting/{COMMIT}/"
)
FIRST_FORECAST = 119
"""Frame of the first published forecast: the clips hold 120 frames."""


class PublishedUnavailable(RuntimeError):
    """The study's files can be reached neither in a local mirror nor over the network."""


def fetch(relative_path: str) -> Path:
    """Path of one published file, downloaded if need be and checked against its SHA-256.

    Parameters
    ----------
    relative_path : str
        Path inside the study's repository, such as ``"targets/test/Y_tilde.npy"``.

    Returns
    -------
    Path

    Raises
    ------
    KeyError
        If the study published no such file.
    PublishedUnavailable
        If neither the mirror nor the network has it.
    ValueError
        If the file found is not the published one.
    """
    if relative_path not in SHA256:
        raise KeyError(f"The study published no {relative_path!r}; it has: {', '.join(SHA256)}.")
    mirror = os.environ.get("FISHLIB_PUBLISHED")
    path = _from_mirror(Path(mirror), relative_path) if mirror else _download(relative_path)
    if pooch.file_hash(path) != SHA256[relative_path]:
        raise ValueError(f"{path} is not the published file (SHA-256 differs): delete it.")
    return path


def _from_mirror(mirror: Path, relative_path: str) -> Path:
    path = mirror / relative_path
    if not path.is_file():
        raise PublishedUnavailable(
            f"FISHLIB_PUBLISHED names {mirror}, which has no {relative_path}: point it to a mirror "
            "of the study's repository, or unset it to download."
        )
    return path


def _download(relative_path: str) -> Path:
    folder = pooch.os_cache("fishlib") / "published"
    try:
        found = pooch.retrieve(
            url=URL + quote(relative_path),
            known_hash=SHA256[relative_path],
            fname=Path(relative_path).name,
            path=folder / Path(relative_path).parent,
        )
    except (requests.RequestException, OSError) as error:
        raise PublishedUnavailable(
            f"The study's {relative_path} could not be downloaded ({type(error).__name__}): "
            "connect to the internet, or set FISHLIB_PUBLISHED to a local mirror of its repository."
        ) from error
    return Path(found)


def is_available() -> bool:
    """Whether the published series can be had here and now."""
    try:
        fetch("targets/test/Y_tilde.npy")
    except PublishedUnavailable:
        return False
    return True


def load_series(split: str) -> dict[str, np.ndarray]:
    """Motion proxy, labels and (on test) forecasts of one published split.

    Parameters
    ----------
    split : {"train", "validation", "test"}

    Returns
    -------
    dict of arrays (T,)
        ``motion`` float64; ``label`` int8 as published, where 0 also stands for "not labelled";
        on test also the forecasts ``convlstm``, ``visionary_serenity`` and ``baseline``, float64
        with NaN where none was published.
    """
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split is train, validation or test, got {split!r}.")
    series = {
        "motion": _load(f"targets/{split}/Y_tilde.npy").astype(float),
        "label": _load(f"targets/{split}/Y_label.npy").astype(np.int8),
    }
    if split == "test":
        n_frames = len(series["motion"])
        networks = {"convlstm": "Y_pred", "visionary_serenity": "Y_pred_visionary_serenity"}
        for name, stem in networks.items():
            series[name] = _align(_load(f"targets/test/{stem}.npy"), n_frames)
        series["baseline"] = np.full(n_frames, np.nan)
        filled = slice(FIRST_FORECAST, n_frames - 11)  # elsewhere the file holds padding
        series["baseline"][filled] = _load("targets/test/Y_pred_baseline.npy").ravel()[filled]
    return series


def load_frames() -> np.ndarray:
    """The eleven published sample frames, uint8 (11, 240, 320)."""
    from fishlib.video import read_frames

    paths = [fetch(name) for name in SHA256 if name.startswith("sample training images/")]
    return read_frames(paths[0].parent)


def load_checkpoint(name: str):
    """A published network as a Keras model, see ``fishlib.models.checkpoints``."""
    from fishlib.models import load_checkpoint as load

    return load(name)


def _load(relative_path: str) -> np.ndarray:
    return np.load(fetch(relative_path), allow_pickle=False)


def _align(forecast: np.ndarray, n_frames: int) -> np.ndarray:
    aligned = np.full(n_frames, np.nan)
    aligned[FIRST_FORECAST : FIRST_FORECAST + forecast.size] = forecast.ravel()
    return aligned
