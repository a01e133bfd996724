"""Bootstrap of five forecasts: one sort for all resamples, beside scikit-learn on each resample.

Run: ``python tests/benchmarks/bench_scoring.py``. The whole protocol is timed once, after.
"""

from time import perf_counter, process_time

import numpy as np
from arch.bootstrap import MovingBlockBootstrap
from compare import Row, compare, difference, run
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score


def measure(repetitions: int, frames: int, resamples: int) -> list[Row]:
    """Row of the bootstrap; prints the time of the whole protocol."""
    from fishlib.evaluation.verdict import evaluate

    label, forecasts, motion = _make_film(frames)
    row = compare(
        "scoring",
        f"{len(forecasts)} forecasts, {frames} frames, {resamples} resamples",
        lambda: _score_apart(label, forecasts, resamples),
        lambda: _score_together(label, forecasts, resamples),
        difference,
        repetitions,
    )
    clock, work = perf_counter(), process_time()
    parts = {"train": slice(0), "validation": slice(0), "test": slice(None)}
    evaluate(forecasts, label, parts, motion=motion, rivals=["noise 2"], progress=False)
    clock, work = perf_counter() - clock, process_time() - work
    print(
        f"whole protocol, {len(forecasts)} forecasts of {frames} frames, 1000 resamples: "
        f"{clock:.1f} s, {work:.1f} s of the processor"
    )
    return [row]


def _make_film(frames: int) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Labels, five forecasts of falling skill, and a motion proxy with bursts."""
    rng = np.random.default_rng(0)
    hidden = np.convolve(rng.normal(size=frames + 40), np.ones(41) / 6, "valid")
    label = (hidden > 1).astype(np.int8)
    forecasts = {f"noise {k}": expit(hidden + k * rng.normal(size=frames)) for k in range(1, 6)}
    slow = np.convolve(rng.normal(size=frames + 11), np.ones(12) / 4, "valid")
    return label, forecasts, np.abs(1e-3 + 1e-3 * slow)


def _score_apart(label: np.ndarray, forecasts: dict, resamples: int) -> list[list[float]]:
    """Cut the frames of each resample out, and score them anew: AUC and average precision."""
    seed = np.random.default_rng(0)
    drawn = MovingBlockBootstrap(300, np.arange(len(label)), seed=seed).bootstrap(resamples)
    scorers = (roc_auc_score, average_precision_score)
    return [
        [score(label[at], p[at]) for p in forecasts.values() for score in scorers]
        for (at,), _ in drawn
    ]


def _score_together(label: np.ndarray, forecasts: dict, resamples: int) -> list[np.ndarray]:
    """The same numbers, from frames sorted once."""
    from fishlib.evaluation.bootstrap import bootstrap_scores

    samples = bootstrap_scores(label, forecasts, n_resamples=resamples, seed=0).values()
    columns = [of_one[key] for of_one in samples for key in ("auc", "average_precision")]
    return list(np.transpose(columns))


if __name__ == "__main__":
    run(measure, __doc__, frames=54_000, resamples=20)
