"""Files of onset events: CSV for a spreadsheet, and a project for the event logger BORIS.

BORIS: Friard and Gamba, *Methods in Ecology and Evolution* 7 (2016) 1325; columns and project
format as read by its versions 8 and 9.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.atomic import write_atomically
from fishlib.runs import save_json

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
