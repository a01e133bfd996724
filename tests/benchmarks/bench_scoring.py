"""Labels of half an hour, a frame at a time and at once; intervals of five forecasts.

Run: ``python tests/benchmarks/bench_scoring.py``. The intervals leave all blocks out at once,
beside scikit-learn on what is left. The whole protocol is timed once, after.
"""

from functools import partial
from time import perf_counter, process_time

import numpy as np
from compare import Row, compare, difference, run
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score


def measure(repetitions: int, frames: int) -> list[Row]:
    """Rows of labels and intervals; prints the time of the whole protocol."""
    from fishlib.evaluation import evaluate
    from fishlib.evaluation.intervals import cut_blocks
    from fishlib.questions import label_bursts
    from fishlib.splits import whole

    label, forecasts, motion = _make_film(frames)
    blocks = cut_blocks(np.ones(frames, bool), whole(frames), 300)
    films = f"{len(forecasts)} forecasts, {frames} frames, {blocks.count} blocks"
    ways = {
        ("labels", f"{frames} frames"): (_by_frame, label_bursts, motion),
        ("scoring", films): (_score_apart, _score_together, label, forecasts, blocks),
    }
    rows = [
        compare(*what, partial(theirs, *given), partial(ours, *given), difference, repetitions)
        for what, (theirs, ours, *given) in ways.items()
    ]
    clock, work = perf_counter(), process_time()
    parts = {"train": slice(0), "validation": slice(0), "test": slice(None)}
    evaluate(forecasts, label, parts, motion=motion, rivals=["noise 2"], progress=False)
    clock, work = perf_counter() - clock, process_time() - work
    print(
        f"whole protocol, {len(forecasts)} forecasts of {frames} frames: "
        f"{clock:.1f} s, {work:.1f} s of the processor"
    )
    return rows


def _make_film(frames: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Labels, five forecasts of falling skill, and a motion proxy with bursts."""
    rng = np.random.default_rng(0)
    hidden = np.convolve(rng.normal(size=frames + 40), np.ones(41) / 6, "valid")
    label = (hidden > 1).astype(np.int8)
    forecasts = {f"noise {k}": expit(hidden + k * rng.normal(size=frames)) for k in range(1, 6)}
    slow = np.convolve(rng.normal(size=frames + 11), np.ones(12) / 4, "valid")
    return label, forecasts, np.abs(1e-3 + 1e-3 * slow)


def _by_frame(motion, horizon=45, min_range=1e-3, low_fraction=0.1, history=120) -> np.ndarray:
    """The definition, a window at a time."""
    label = np.full(len(motion), -1, np.int8)
    for t in range(history - 1, len(motion) - 1 - horizon):
        window = motion[t : t + horizon + 1]
        low, span = np.min(window), np.max(window) - np.min(window)
        label[t] = span >= min_range and motion[t] <= low + low_fraction * span
    return label


def _score_apart(label: np.ndarray, forecasts: dict, blocks) -> list[np.ndarray]:
    """Cut the frames of each block out, and score the others anew: AUC and average precision."""
    kept = [blocks.of != k for k in range(-1, blocks.count)]
    scorers = (roc_auc_score, average_precision_score)
    return [
        np.array([score(label[frames], p[frames]) for frames in kept])
        for p in forecasts.values()
        for score in scorers
    ]


def _score_together(label: np.ndarray, forecasts: dict, blocks) -> list[np.ndarray]:
    """The same numbers, from frames sorted once."""
    scores = [(blocks.auc(label, p), blocks.ranked(label, p)[0]) for p in forecasts.values()]
    return [estimate for of_one in scores for estimate in of_one]


if __name__ == "__main__":
    run(measure, __doc__, frames=54_000)
