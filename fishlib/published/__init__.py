"""The study's published files: downloaded on demand, verified, and read as plain arrays.

Source: https://github.com/M-Lin-DM/Convolutional-LSTMs-for-Motion-Forcasting at a pinned commit.
Nothing of it is copied into this project; ``registry.txt`` beside this file lists the SHA-256 of
every file that is read. ``FISHLIB_PUBLISHED`` may name a folder that mirrors the repository's
relative paths; its files are verified in the same way.
"""

import os
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pooch

from fishlib.files import cache_folder, flatten, hash_arrays, make_key, nest, only_one, save_arrays
from fishlib.questions import label_bursts, label_onsets, median_recent_motion
from fishlib.splits import by_piece

COMMIT = "17c8329972d281244fdd5a15acef44676b8fe61f"
FILES = pooch.create(
    pooch.os_cache("fishlib") / "published",
    "https://raw.githubusercontent.com/M-Lin-DM/"
    f"Convolutional-LSTMs-for-Motion-Forcasting/{COMMIT}/",
    registry=None,
)
FILES.load_registry(Path(__file__).with_name("registry.txt"))
DOWNLOAD = pooch.HTTPDownloader(timeout=(3, 60))
"""Seconds that a server, or a proxy in between, may be silent before and after it has answered."""
FIRST_FORECAST = 119
"""Frame of the first published forecast: the clips hold 120 frames."""
SPLITS = ("train", "validation", "test")
FITTING_CODE = ("clips.py", "forecasters", "models.py", "motion.py", "published", "questions.py")
FITTING_CODE += ("spans.py", "splits.py", "training.py")
"""Files and folders of the package that decide what a rival forecasts of the study."""
NAMES = {
    "published ConvLSTM": "convlstm",
    "published baseline": "baseline",
    "visionary-serenity": "visionary_serenity",
}
"""What the published forecasts are called in tables, and in :func:`load_series`."""


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
    if relative_path not in FILES.registry:
        raise KeyError(f"The study published no {relative_path!r}; it has: {FILES.registry_files}.")
    mirror = os.environ.get("FISHLIB_PUBLISHED")
    if not mirror:
        try:
            return Path(FILES.fetch(relative_path, downloader=DOWNLOAD))
        except OSError as error:  # as those of requests are
            raise PublishedUnavailable(
                f"The study's {relative_path} could not be downloaded ({type(error).__name__}): "
                "connect to the internet, or set FISHLIB_PUBLISHED to a local mirror of its "
                "repository."
            ) from error
    path = Path(mirror) / relative_path
    if not path.is_file():
        raise PublishedUnavailable(
            f"FISHLIB_PUBLISHED names {mirror}, which has no {relative_path}: point it to a mirror "
            "of the study's repository, or unset it to download."
        )
    if pooch.file_hash(path) != FILES.registry[relative_path]:
        raise ValueError(f"{path} is not the published file (SHA-256 differs): delete it.")
    return path


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
    if split not in SPLITS:
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

    paths = [fetch(name) for name in FILES.registry if name.startswith("sample training images/")]
    return read_frames(paths[0].parent)


@dataclass(frozen=True)
class Study:
    """The published series as one recording without frames.

    Attributes
    ----------
    motion : float64 array (T,)
        Training, validation and test series, one after the other.
    pieces : DataFrame
        ``film`` (train, validation, test), ``start``, ``stop``.
    parts : dict of slice
        The same pieces by name.
    questions : dict of int8 array (T,)
        "burst", the study's label, and "onset", onset from calm with the calm level of the
        training series; -1 where not asked.
    forecasts : dict of float64 array (T,)
        What the study published for its test series, NaN elsewhere.
    reason : str
        Why there is nothing of all this; empty where there is.
    """

    motion: np.ndarray
    pieces: pd.DataFrame
    parts: dict[str, slice]
    questions: dict[str, np.ndarray]
    forecasts: dict[str, np.ndarray]
    reason: str = ""
    fps: float = 30.0
    frames: None = None

    def __str__(self) -> str:
        return self.reason or f"the study's {len(self.motion):,d} frames, verified"


def study(show: str = "yes", recording=None) -> Study:
    """Join the published series, and ask both questions of them.

    Where the files can be reached neither in a mirror nor over the network, the study is empty
    (no frames, no parts, no forecasts) and says why.

    Parameters
    ----------
    show : {"yes", "no", "auto"}
        "no" leaves the study empty, "auto" does so beside a film of one's own.
    recording : Recording, optional
        That film, or the tank.
    """
    own_film = recording is not None and recording.truth is None
    if show == "no" or (show == "auto" and own_film):
        return _empty(
            "The study is left out beside a film of one's own: show_study = yes shows it."
        )
    try:
        series = [load_series(split) for split in SPLITS]
    except PublishedUnavailable as error:
        return _empty(str(error))
    stop = np.cumsum([len(one["motion"]) for one in series])
    start = np.array([0, *stop[:-1]])
    pieces = pd.DataFrame({"film": SPLITS, "start": start, "stop": stop})
    motion = np.concatenate([one["motion"] for one in series])
    calm = median_recent_motion(series[0]["motion"])
    rules = {"burst": label_bursts, "onset": partial(label_onsets, calm_level=calm)}
    questions = {k: by_piece(rule, pieces, motion).astype(np.int8) for k, rule in rules.items()}
    none = np.full(start[2], np.nan)
    forecasts = {name: np.concatenate([none, series[2][key]]) for name, key in NAMES.items()}
    parts = {k: slice(int(a), int(b)) for k, a, b in zip(SPLITS, start, stop, strict=True)}
    return Study(motion, pieces, parts, questions, forecasts)


def _empty(reason: str) -> Study:
    pieces = pd.DataFrame({"film": [], "start": [], "stop": []}, dtype=int)
    none = np.empty(0, np.int8)
    return Study(np.empty(0), pieces, {}, {"burst": none, "onset": none}, {}, reason)


def fit_study(
    rivals: dict[str, object], study: Study, progress: bool = True
) -> dict[str, dict[str, np.ndarray]]:
    """What rivals forecast of the study they are fitted on, once for all runs.

    What was forecast is kept in the cache, under what decides it: the rivals' settings, the series
    and labels, the code, and the libraries that compute.

    Parameters
    ----------
    rivals : dict of name -> forecaster
        Not yet fitted.
    study : Study
    progress : bool
        Show a bar over the epochs, where something is to be trained.

    Returns
    -------
    dict of question -> dict of name -> float64 array (T,)
        Empty where the study is.
    """
    if not study.parts:
        return {}
    contents = {name: version(name) for name in ("numpy", "scikit-learn", "tensorflow")}
    contents |= {"rivals": {name: repr(rival) for name, rival in rivals.items()}}
    contents |= {"study": hash_arrays(study.motion, *study.questions.values())}
    contents |= {"parts": study.parts}
    folder = cache_folder() / make_key("study", contents, FITTING_CODE)
    with only_one(folder):
        if not (folder / "forecasts.npz").exists():
            from fishlib.training import fit_all

            folder.mkdir(exist_ok=True)
            fitted = fit_all(rivals, study, study.questions, study.parts, folder, progress)
            save_arrays(folder / "forecasts.npz", **flatten(fitted.forecast(study)))
    with np.load(folder / "forecasts.npz", allow_pickle=False) as stored:
        return nest(stored)


def _load(relative_path: str) -> np.ndarray:
    return np.load(fetch(relative_path), allow_pickle=False)


def _align(forecast: np.ndarray, n_frames: int) -> np.ndarray:
    aligned = np.full(n_frames, np.nan)
    aligned[FIRST_FORECAST : FIRST_FORECAST + forecast.size] = forecast.ravel()
    return aligned
