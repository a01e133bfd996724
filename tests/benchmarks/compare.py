"""How a benchmark measures: two ways of one thing, in turn, in one process, and their equality."""

import argparse
import contextlib
import ctypes
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

MIRROR = Path(__file__).resolve().parents[3] / "shared" / "published"
"""Where a mirror of the study's files may lie, beside the repository."""


@dataclass(frozen=True)
class Row:
    """One line of the table: median times in seconds, ratios as median, lowest, highest."""

    station: str
    what: str
    theirs: float
    ours: float
    ratio: float
    low: float
    high: float
    memory_theirs: float
    memory_ours: float
    check: str


def compare(
    station, what, theirs, ours, check, repetitions=5, scale=(1.0, 1.0), clock=time.process_time,
    memory=None,
) -> Row:  # fmt: skip
    """Time two callables in alternation, after one run of each that is not counted.

    Parameters
    ----------
    station, what : str
    theirs, ours : callable
        Without arguments.
    check : callable or str
        Takes the two results of the first runs and says in words how far they agree.
    repetitions : int
        Counted runs of each.
    scale : pair of float
        Work units of one run of theirs and of ours; times are divided by them.
    clock : callable
        Seconds of the processor, which other processes on the same cores disturb least; for what
        runs in several threads, ``time.perf_counter``.
    memory : pair of float, optional
        Peak MB of theirs and ours, if measured apart; TensorFlow keeps what it once had.
    """
    memory_theirs, first = peak_memory(theirs)
    memory_ours, second = peak_memory(ours)
    said = check if isinstance(check, str) else check(first, second)
    del first, second
    memory_theirs, memory_ours = memory or (memory_theirs, memory_ours)
    times = np.array(
        [[seconds_of(run, clock) for run in (theirs, ours)] for _ in range(repetitions)]
    )
    times /= scale
    ratios = times[:, 0] / times[:, 1]
    theirs_s, ours_s = np.median(times, axis=0)
    row = Row(
        station, what, theirs_s, ours_s, float(np.median(ratios)), ratios.min(), ratios.max(),
        memory_theirs, memory_ours, said,
    )  # fmt: skip
    print(format_row(row), flush=True)
    return row


def seconds_of(run: Callable, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds that a call takes, by default of the processor."""
    start = clock()
    run()
    return clock() - start


def peak_memory(run: Callable) -> tuple[float, object]:
    """Highest resident memory above the start (MB, NaN where it cannot be told), and the result."""
    with contextlib.suppress(OSError):
        ctypes.CDLL(None).malloc_trim(0)
    before = _reset_high_water()
    result = run()
    return _status("VmHWM") - before, result


def _reset_high_water() -> float:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    return _status("VmRSS")


def _status(key: str) -> float:
    status = Path("/proc/self/status")
    if not status.is_file():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


def difference(first, second) -> str:
    """Largest absolute difference of two arrays, in words."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    gap = float(np.nanmax(np.abs(first - second)))
    return "equal" if gap == 0 else f"max difference {gap:.0e}"


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def format_row(row: Row) -> str:
    """One line of a Markdown table."""
    memory = " / ".join(
        "–" if np.isnan(m) else f"{max(m, 0):.0f}" for m in (row.memory_theirs, row.memory_ours)
    )
    return (
        f"| {row.station} | {row.what} | {duration(row.theirs)} | {duration(row.ours)} | "
        f"**×{row.ratio:.3g}** ({row.low:.3g}–{row.high:.3g}) | {memory} | {row.check} |"
    )


def as_markdown(table) -> str:
    """A data frame as a Markdown table, its words and numbers as they stand."""
    lines = [table.columns, ["---"] * len(table.columns), *table.to_numpy()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


HEADER = """| station | what | the study's or stock way | here | ratio (range) | peak MB | check |
|---|---|---|---|---|---|---|"""


def one_thread() -> None:
    """TensorFlow without chatter and on one thread; call before it is imported elsewhere."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import cv2
    import tensorflow as tf

    cv2.setNumThreads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def run(measure: Callable[..., list[Row]], description: str, **options) -> None:
    """Command line of a benchmark: ``--repetitions``, its own options, ``--json`` for the rows."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", type=Path, help="append the rows to this file")
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    arguments = vars(parser.parse_args())
    target = arguments.pop("json")
    if "FISHLIB_PUBLISHED" not in os.environ and MIRROR.is_dir():
        os.environ["FISHLIB_PUBLISHED"] = str(MIRROR)
    print(HEADER, flush=True)
    rows = measure(**arguments)
    if target is not None:
        known = json.loads(target.read_text()) if target.is_file() else []
        target.write_text(json.dumps(known + [asdict(row) for row in rows]))
