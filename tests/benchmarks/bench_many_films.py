"""The verdict over forty films of an hour: seconds and memory, of forecasts drawn at random."""

import resource
import time

import numpy as np
import pandas as pd
from scipy.special import expit

from fishlib.evaluation import evaluate
from fishlib.questions import find_onsets, label_onsets
from fishlib.splits import make_folds

FPS, N_FILMS, HOUR = 30, 40, 108_000


def main(n_films: int = N_FILMS, length: int = HOUR) -> dict[str, float]:
    """Judge as many films, and say what it took."""
    rng = np.random.default_rng(0)
    kernel = np.exp(-np.arange(60) / 12)
    motion = np.convolve(rng.exponential(1e-4, n_films * length + 59), kernel, "valid")
    starts = np.arange(n_films) * length
    names = [f"film {k}" for k in range(n_films)]
    pieces = pd.DataFrame({"film": names, "start": starts, "stop": starts + length})
    question = label_onsets(motion, pieces=pieces)
    events = find_onsets(motion, pieces=pieces)
    folds = make_folds(pieces, 5)
    hidden = question - 0.5
    forecasts = {
        name: expit(hidden * skill + rng.normal(size=len(question)))
        for name, skill in {"logistic": 0.3, "boosting": 0.5, "both": 0.6, "network": 1.0}.items()
    }
    before, started = time.process_time(), time.perf_counter()
    verdict = evaluate(
        forecasts, question, folds, rivals=["logistic", "boosting", "both"], motion=motion,
        events=events, pieces=pieces, progress=True,
    )  # fmt: skip
    took = {
        "frames": len(question),
        "seconds": time.perf_counter() - started,
        "processor": time.process_time() - before,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    auc = verdict.scores.query("score == 'auc'").set_index("name")
    print(auc[["value", "low", "high", "blocks"]].round(4).to_string())
    return took


if __name__ == "__main__":
    print({name: round(value, 2) for name, value in main().items()})
