"""The labels of a 30-minute film: a loop over frames, beside ``label_bursts``.

Run: ``python tests/benchmarks/bench_labels.py``.
"""

import numpy as np
from compare import Row, compare, run


def measure(repetitions: int, frames: int) -> list[Row]:
    """Row of all labels of a film."""
    from fishlib.questions import label_bursts

    rng = np.random.default_rng(0)
    motion = np.abs(np.convolve(rng.gamma(0.5, 2e-3, frames), np.ones(9) / 9, "same"))
    motion[-1] = 0
    return [
        compare(
            "labels",
            f"{frames} frames",
            lambda: _by_frame(motion),
            lambda: label_bursts(motion),
            lambda a, b: "equal" if np.array_equal(a, b) else "DIFFERENT",
            repetitions,
        )
    ]


def _by_frame(motion, horizon=45, min_range=1e-3, low_fraction=0.1, history=120) -> np.ndarray:
    """The definition, a window at a time."""
    label = np.full(len(motion), -1, np.int8)
    for t in range(history - 1, len(motion) - 1 - horizon):
        window = motion[t : t + horizon + 1]
        low, span = np.min(window), np.max(window) - np.min(window)
        label[t] = span >= min_range and motion[t] <= low + low_fraction * span
    return label


if __name__ == "__main__":
    run(measure, __doc__, frames=54_000)
