"""Score against lead: how early does a forecast know?"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from fishlib.evaluation.bootstrap import bootstrap_auc, scored_frames


def auc_by_lead(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    leads: Sequence[float] = (0.0, 0.1, 0.25, 0.5, 1.0, 1.5),
    fps: float = 30.0,
    **resampling,
) -> pd.DataFrame:
    """AUC of forecasts made some time before the frame whose label they meet.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecasts : mapping of name -> float array (T,)
        All leads are scored on the same frames.
    leads : sequence of float
        Seconds; label[t] meets forecast[t - lead].
    fps : float
        Frames a second.
    **resampling
        As in :func:`fishlib.evaluation.resampling.resample_counts`.

    Returns
    -------
    DataFrame
        ``name``, ``lead`` (seconds), ``auc``, ``low``, ``high``.
    """
    held = {
        (name, lead): _hold_back(np.asarray(p, dtype=float), round(lead * fps))
        for name, p in forecasts.items()
        for lead in leads
    }
    return _auc_table(label, held, **resampling)


def auc_before_onset(
    forecasts: Mapping[str, np.ndarray],
    onsets: pd.DataFrame,
    edges: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5),
    horizon: int = 45,
    fps: float = 30.0,
    **resampling,
) -> pd.DataFrame:
    """AUC of telling frames some time before an onset from frames with none ahead.

    For each pair of edges, frames whose next onset comes after more than the first and at most
    the second (seconds) are positive, and frames with none within ``horizon`` frames negative;
    frames between an onset and its peak are left out.

    Parameters
    ----------
    forecasts : mapping of name -> float array (T,)
    onsets : DataFrame
        From :func:`fishlib.evaluation.events.find_onsets`: ``onset`` and ``peak``.
    edges : sequence of float
        Seconds, rising, the last at most the horizon.
    horizon : int
        Frames.
    fps : float
        Frames a second.

    Returns
    -------
    DataFrame
        ``name``, ``lead`` (middle of the edges, seconds), ``auc``, ``low``, ``high``.
    """
    n_frames = len(next(iter(forecasts.values())))
    ahead = frames_to_onset(n_frames, onsets)
    tables = []
    for first, last in pairwise(edges):
        label = np.full(n_frames, -1, np.int8)
        label[ahead > horizon] = 0
        label[(ahead > first * fps) & (ahead <= last * fps)] = 1
        jobs = {(name, (first + last) / 2): p for name, p in forecasts.items()}
        tables.append(_auc_table(label, jobs, **resampling))
    return pd.concat(tables, ignore_index=True)


def frames_to_onset(n_frames: int, onsets: pd.DataFrame) -> np.ndarray:
    """Frames from each frame to the next onset after it, float64 (T,).

    Infinite if none is left; NaN from an onset to its peak.
    """
    onset = onsets.onset.to_numpy()
    following = np.append(onset.astype(float), np.inf)
    frames = np.arange(n_frames)
    ahead = following[np.searchsorted(onset, frames, "right")] - frames
    for first, peak in zip(onset, onsets.peak, strict=True):
        ahead[first : peak + 1] = np.nan
    return ahead


def _hold_back(forecast: np.ndarray, frames: int) -> np.ndarray:
    return np.concatenate([np.full(frames, np.nan), forecast])[: len(forecast)]


def _auc_table(label: np.ndarray, jobs: Mapping[tuple, np.ndarray], **resampling) -> pd.DataFrame:
    """AUC by (name, lead), on the frames where all jobs are defined."""
    table = bootstrap_auc(scored_frames(label, jobs), **resampling)
    names, leads = zip(*table.pop("name"), strict=True)
    table.insert(0, "name", names)
    table.insert(1, "lead", leads)
    return table
