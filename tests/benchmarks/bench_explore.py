"""A slider that is dragged: its picture drawn anew, and with its moving parts alone.

Run: ``python tests/benchmarks/bench_explore.py``. An hour of film. Asked are at most 120 ms of the
processor for a picture, so that it follows the hand.
"""

from functools import partial

import numpy as np
from compare import Row, compare, run
from scipy.special import expit


def measure(repetitions: int, frames: int) -> list[Row]:
    """A row for each explorer of a series."""
    from fishlib.figures import explore_labels, explore_threshold
    from fishlib.questions import label_bursts

    rng = np.random.default_rng(0)
    motion = 1e-3 + 1e-3 * np.abs(
        np.convolve(rng.normal(size=frames + 29), np.ones(30) / 8, "valid")
    )
    label = label_bursts(motion)
    forecast = expit(label + rng.normal(size=frames))
    ways = {
        "label": (partial(explore_labels, motion), "min_range", (0.5, 1.5)),
        "threshold": (partial(explore_threshold, label, forecast, motion), "threshold", (0.4, 0.6)),
    }
    rows = []
    for name, (explore, control, values) in ways.items():
        opened = explore()
        rows.append(
            compare(
                "explore", f"a picture of the slider of the {name}: a new figure / dragged",
                partial(_pictures, explore, control, values),
                partial(_pictures, lambda opened=opened: opened, control, values),
                lambda first, second: "equal" if first == second else "not equal",
                repetitions, (len(values), len(values)),
            )
        )  # fmt: skip
    return rows


def _pictures(explore, control: str, values: tuple[float, ...]) -> list[bytes]:
    """The picture at each value of a control."""
    pictures = []
    for value in values:
        explorer = explore()
        explorer.controls[control].value = value
        pictures.append(explorer.picture().data)
    return pictures


if __name__ == "__main__":
    run(measure, __doc__, frames=108_000)
