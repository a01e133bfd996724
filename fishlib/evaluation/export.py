"""Tidy tables of a run for other tools: motion and labels, forecasts, onset events."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.files import write_atomically
from fishlib.questions import find_onsets
from fishlib.runs import load_array, load_arrays, load_json, save_json

BORIS_COLUMNS = ("time", "subject", "code", "modifier", "comment")
"""Columns BORIS asks of a spreadsheet of events; it ignores further ones."""


def write_events(path: str | Path, onsets: pd.DataFrame, subject: str = "group") -> Path:
    """Write onset events as CSV, for a spreadsheet and for BORIS.

    The first columns are those BORIS imports (Observations > Import observations, once the sheet
    is saved as XLSX or ODS): time in seconds, subject, code ``onset``, modifier, comment. The
    table's own columns follow. The file appears under its name when it is whole.

    Parameters
    ----------
    path : str or Path
    onsets : DataFrame
        From ``find_onsets`` or ``add_warnings`` of :mod:`fishlib.evaluation.events`.
    subject : str
        Name of the animal or group.
    """
    table = pd.concat([_boris_events(onsets, subject), onsets.reset_index(drop=True)], axis=1)
    return write_atomically(
        Path(path), lambda whole: table.to_csv(whole, index=False, float_format="%.6g")
    )


def write_boris_project(
    path: str | Path, onsets: pd.DataFrame, name: str, subject: str = "group"
) -> Path:
    """Write onset events as a BORIS project, which BORIS opens directly.

    It holds one observation without a film, whose point events are the onsets.

    Parameters
    ----------
    path : str or Path
        Ends in ``.boris``.
    onsets : DataFrame
        As for :func:`write_events`.
    name : str
        Of the observation, such as the film's.
    subject : str
        Name of the animal or group.

    Raises
    ------
    ValueError
        If the path does not end in ``.boris``.
    """
    path = Path(path)
    if path.suffix != ".boris":
        raise ValueError(f"BORIS opens projects that end in .boris, got {path.name}.")
    events = _boris_events(onsets, subject).to_numpy(dtype=object).tolist()
    return save_json(path.parent, path.name, _boris_project(events, name, subject))


def _boris_project(events: list[list], name: str, subject: str) -> dict:
    behaviour = {
        "type": "Point event",
        "key": "O",
        "code": "onset",
        "description": "Motion leaves a trough and rises",
        **dict.fromkeys(("color", "category", "excluded", "coding map"), ""),
        "modifiers": {},
    }
    observation = {
        "type": "LIVE",
        "file": {},
        "date": "2000-01-01T00:00:00",
        "description": "Onsets of bursts, found in the motion proxy of the film",
        "time offset": 0.0,
        "observation time interval": [0, 0],
        "independent_variables": {},
        "events": events,
    }
    return {
        "project_format_version": "7.0",
        "project_name": name,
        "project_date": "2000-01-01T00:00:00",
        "project_description": "",
        "time_format": "hh:mm:ss",
        "subjects_conf": {"0": {"key": "", "name": subject, "description": ""}},
        "behaviors_conf": {"0": behaviour},
        "observations": {name: observation},
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "behaviors_coding_map": [],
        **{key: {} for key in ("independent_variables", "coding_map", "converters")},
    }


def _boris_events(onsets: pd.DataFrame, subject: str) -> pd.DataFrame:
    lead = onsets.get("lead_s", pd.Series(np.nan, onsets.index))
    comment = [
        f"rise {rise:.3g}" + ("" if np.isnan(s) else f", warned {s:.2f} s before")
        for rise, s in zip(onsets.rise, lead, strict=True)
    ]
    columns = (onsets.onset_s.round(3).to_numpy(), subject, "onset", "", comment)
    table = pd.DataFrame(dict(zip(BORIS_COLUMNS, columns, strict=True)), range(len(onsets)))
    return table


def series_table(
    motion: np.ndarray, fps: float, labels: Mapping[str, np.ndarray] | None = None
) -> pd.DataFrame:
    """A row for each frame: ``frame``, ``time_s``, ``motion``, and a column for each label.

    Parameters
    ----------
    motion : float64 array (T,)
        Motion; the last value, which has no next frame, is left empty.
    fps : float
        Frames per second.
    labels : mapping of str to int array (T,), optional
        1, 0, or -1 where not labelled, which is left empty.
    """
    frame = np.arange(len(motion))
    table = pd.DataFrame({"frame": frame, "time_s": frame / fps, "motion": motion})
    table.loc[len(motion) - 1, "motion"] = np.nan
    for name, label in (labels or {}).items():
        table[name] = pd.array(label, dtype="Int8")
        table.loc[np.asarray(label) < 0, name] = pd.NA
    return table


def forecast_table(forecasts: Mapping[str, np.ndarray], fps: float) -> pd.DataFrame:
    """A row for each frame and forecaster at which a forecast is defined.

    Parameters
    ----------
    forecasts : mapping of str to float array (T,)
        By ``"target/forecaster"`` or ``"forecaster"``; NaN where not defined.
    fps : float
        Frames per second.

    Returns
    -------
    DataFrame
        ``frame``, ``time_s``, ``target``, ``forecaster``, ``probability``.
    """
    parts = []
    for name, forecast in forecasts.items():
        target, _, forecaster = name.rpartition("/")
        frame = np.flatnonzero(np.isfinite(forecast))
        part = {"frame": frame, "time_s": frame / fps, "target": target, "forecaster": forecaster}
        parts.append(pd.DataFrame({**part, "probability": np.asarray(forecast)[frame]}))
    columns = ["frame", "time_s", "target", "forecaster", "probability"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def write_table(path: str | Path, table: pd.DataFrame) -> Path:
    """Write a table as CSV, which appears under its name when it is whole."""
    return write_atomically(
        Path(path), lambda part: table.to_csv(part, index=False, float_format="%.9g")
    )


def export_run(run_dir: str | Path, out_dir: str | Path | None = None) -> list[Path]:
    """Write what a run found as tables that other tools read.

    Parameters
    ----------
    run_dir : str or Path
        Run folder in which notebook 02 (and for forecasts 04) ran.
    out_dir : str or Path, optional
        Where the tables land; ``export`` in the run folder by default.

    Returns
    -------
    list of Path
        ``series.csv``, ``onsets.csv`` and ``onsets.boris``, and ``forecasts.csv`` if there are
        forecasts.

    Raises
    ------
    FileNotFoundError
        An earlier notebook did not run; the sentence names it.
    """
    run = Path(run_dir)
    out = run / "export" if out_dir is None else Path(out_dir)
    settings, motion = load_json(run, "labels.json"), load_array(run, "motion.npy")
    fps, horizon, rise = settings["fps"], settings["horizon"], settings["min_range"]
    labels = {name: load_array(run, f"{name}.npy") for name in ("bursts", "onsets")}
    out.mkdir(parents=True, exist_ok=True)
    written = [write_table(out / "series.csv", series_table(motion, fps, labels))]
    onsets = find_onsets(motion[:-1], horizon, rise, fps=fps)
    written.append(write_events(out / "onsets.csv", onsets))
    written.append(write_boris_project(out / "onsets.boris", onsets, run.resolve().name))
    if (run / "forecasts.npz").exists():
        forecasts = load_arrays(run, "forecasts.npz")
        written.append(write_table(out / "forecasts.csv", forecast_table(forecasts, fps)))
    return written
