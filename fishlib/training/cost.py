"""What a training step costs, in time and memory, on the machine at hand."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

import keras
import numpy as np
import psutil

from fishlib.clips import ClipDataset, ClipLayout, time_channels


def step_cost(
    build: Callable[[tuple[int, int, int, int]], keras.Model],
    layout: ClipLayout | None = None,
    size: tuple[int, int] = (120, 160),
    batch_size: int = 4,
    n_steps: int = 3,
) -> dict[str, float]:
    """Train a few steps on noise, without a GPU, and measure them.

    Parameters
    ----------
    build : callable
        Clip shape (slices, H, W, channels) -> network, such as ``models.build_upbeat_snowflake``.
    layout : ClipLayout, optional
        None takes the study's time-channels.
    size : (int, int)
        Height and width of the clips.
    batch_size : int
        Clips a step.
    n_steps : int
        Steps measured, after one that also compiles.

    Returns
    -------
    dict
        ``seconds`` of the processor a step (median), summed over its cores, and ``megabytes``, the
        highest memory of the process above the start.
    """
    layout = time_channels() if layout is None else layout
    rng = np.random.default_rng(0)
    n_frames = layout.history + batch_size
    frames = rng.integers(0, 256, (n_frames, *size), dtype=np.uint8)
    data = ClipDataset(frames, np.arange(n_frames) % 2, None, layout, batch_size, flips=4)
    seconds = []
    with keras.device("cpu:0"), _highest_memory() as highest:
        model = build((layout.shape[0], *size, layout.shape[1]))
        model.compile(keras.optimizers.Adam(8e-5), "binary_crossentropy")
        for _ in range(1 + n_steps):
            start = time.process_time()
            model.train_on_batch(*data[0])
            seconds.append(time.process_time() - start)
    return {"seconds": float(np.median(seconds[1:])), "megabytes": highest[0] / 1e6}


@contextmanager
def _highest_memory(every: float = 0.01):
    """Yield a list that holds, at the end, the highest memory above the start, in bytes."""
    process, ended = psutil.Process(), threading.Event()
    before, highest = process.memory_info().rss, [0]

    def look() -> None:
        while not ended.wait(every):
            highest[0] = max(highest[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield highest
    finally:
        ended.set()
        watcher.join()
