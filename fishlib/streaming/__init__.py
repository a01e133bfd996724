"""Forecasts frame by frame: live from a camera, or over a whole film.

*Exact* mode gives a network the very clip it was trained on, for any network and clip layout.
*Streaming* mode carries the state of a ConvLSTM network on from frame to frame: one step a frame
instead of one step a slice. It is an approximation, because the state then remembers more than a
clip holds; :func:`streaming_difference` measures how good it is on the film at hand.
"""

import math

import keras
import numpy as np
from tqdm.auto import tqdm

from fishlib.streaming.live import (
    Layout,
    LiveForecaster,
    check_size,
    compile_network,
    default_layout,
)

__all__ = ["LiveForecaster", "forecast_film", "streaming_difference"]

BATCH_BYTES = 10_000_000
"""Clips computed at once by default: more no longer fit the processor's cache."""


def forecast_film(
    model: keras.Model,
    frames: np.ndarray,
    mode: str = "exact",
    layout: Layout | None = None,
    at: np.ndarray | None = None,
    batch_size: int | None = None,
    progress: bool = True,
) -> np.ndarray:
    """Forecast of every frame of a film.

    Parameters
    ----------
    model : keras.Model
    frames : uint8 array (T, H, W)
        May be memory-mapped.
    mode, layout
        As in :class:`LiveForecaster`, which gives the same numbers.
    at : int array, optional
        In exact mode, the frames to forecast; None takes all.
    batch_size : int, optional
        Clips computed at once in exact mode; None takes about 10 MB of them.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    float64 array (T,)
        p[t] uses frames up to t; NaN where the clip would begin before the film, and at frames
        not asked for.

    Raises
    ------
    ValueError
        As in :class:`LiveForecaster`, or if ``at`` is given in streaming mode.
    """
    live = LiveForecaster(model, mode, layout)
    check_size(frames, tuple(model.input_shape[2:4]))
    if mode == "streaming":
        if at is not None:
            raise ValueError("Streaming passes through every frame: leave out at.")
        bar = tqdm(frames, "streaming", unit="frame", disable=not progress)
        return np.array([live.push(frame) for frame in bar], float)
    wanted = np.arange(len(frames)) if at is None else np.asarray(at)
    wanted = wanted[wanted >= live.layout.history - 1]
    forecast = np.full(len(frames), np.nan)
    predict = compile_network(model)
    batch_size = batch_size or max(1, BATCH_BYTES // (4 * math.prod(model.input_shape[1:])))
    with tqdm(total=len(wanted), desc="exact", unit="frame", disable=not progress) as bar:
        for start in range(0, len(wanted), batch_size):
            batch = wanted[start : start + batch_size]
            forecast[batch] = predict(_clips(frames, batch, live.layout))
            bar.update(len(batch))
    return forecast


def _clips(frames: np.ndarray, at: np.ndarray, layout: Layout) -> np.ndarray:
    """Clips (B, slices, H, W, channels) at the frames ``at``."""
    first = at - layout.history + 1
    return np.stack([layout.assemble(frames[a : t + 1]) for a, t in zip(first, at, strict=True)])


def streaming_difference(
    model: keras.Model, frames: np.ndarray, every: int = 1, progress: bool = False
) -> dict[str, float]:
    """How far streaming is from exact forecasts, on this film.

    Parameters
    ----------
    model : keras.Model
    frames : uint8 array (T, H, W)
    every : int
        Compare one frame in so many: exact forecasts are slow.
    progress : bool

    Returns
    -------
    dict
        ``n_frames`` compared, ``mean`` and ``max`` absolute difference of the probabilities, and
        ``decisions_changed``, the share of frames that change sides of 0.5.

    Raises
    ------
    ValueError
        If the film is shorter than a clip, or the network cannot stream.
    """
    history = default_layout(model).history
    if len(frames) < history:
        raise ValueError(f"A clip needs {history} frames; the film has {len(frames)}.")
    at = np.arange(history - 1, len(frames), every)
    streamed = forecast_film(model, frames, "streaming", progress=progress)[at]
    exact = forecast_film(model, frames, "exact", at=at, progress=progress)[at]
    difference = np.abs(streamed - exact)
    return {
        "n_frames": len(at),
        "mean": float(difference.mean()),
        "max": float(difference.max()),
        "decisions_changed": float(np.mean((streamed > 0.5) != (exact > 0.5))),
    }
