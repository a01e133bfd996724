"""Tidy tables of a run for other tools: motion and labels, forecasts, onset events."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.atomic import write_atomically
from fishlib.evaluation.event_files import write_boris_project, write_events
from fishlib.evaluation.events import find_onsets
from fishlib.runs import load_array, load_arrays, load_json


def series_table(
    speed: np.ndarray, fps: float, labels: Mapping[str, np.ndarray] | None = None
) -> pd.DataFrame:
    """A row for each frame: ``frame``, ``time_s``, ``speed``, and a column for each label.

    Parameters
    ----------
    speed : float64 array (T,)
        Motion; the last value, which has no next frame, is left empty.
    fps : float
        Frames per second.
    labels : mapping of str to int array (T,), optional
        1, 0, or -1 where not labelled, which is left empty.
    """
    frame = np.arange(len(speed))
    table = pd.DataFrame({"frame": frame, "time_s": frame / fps, "speed": speed})
    table.loc[len(speed) - 1, "speed"] = np.nan
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
    settings, speed = load_json(run, "labels.json"), load_array(run, "speed.npy")
    fps, horizon, rise = settings["fps"], settings["horizon"], settings["min_range"]
    labels = {name: load_array(run, f"{name}.npy") for name in ("bursts", "onsets")}
    out.mkdir(parents=True, exist_ok=True)
    written = [write_table(out / "series.csv", series_table(speed, fps, labels))]
    onsets = find_onsets(speed[:-1], horizon, rise, fps=fps)
    written.append(write_events(out / "onsets.csv", onsets))
    written.append(write_boris_project(out / "onsets.boris", onsets, run.resolve().name))
    if (run / "forecasts.npz").exists():
        forecasts = load_arrays(run, "forecasts.npz")
        written.append(write_table(out / "forecasts.csv", forecast_table(forecasts, fps)))
    return written
