"""Run every motion benchmark, one after the other, and write ``tests/benchmarks/RESULTS.md``.

Run: ``python tests/benchmarks/run_all.py [--repetitions 5] [--only motion scoring]``. Takes about
15 minutes on two idle cores. Nothing else should run beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from compare import HEADER, Row, format_row

FOLDER = Path(__file__).resolve().parent
BENCHMARKS = ("motion", "video", "loader", "convlstm", "streaming", "scoring", "explore")
TOP = """# Speed of every station

Written by `python tests/benchmarks/run_all.py`. Each line compares two ways to the same result on
the same input, run in turn in one process: the study's way (written anew from its description) or
the stock way, and this package's. Times are medians, ratios the median, lowest and highest over
{repetitions} alternating repetitions, memory the highest above the start. One thread, except
video: all threads. Seconds of the processor. Ratios carry over to another machine better than
times.

"""
NOTES = """
TensorFlow takes oneDNN's convolutions by default on x86 with vector neural-network instructions,
and Eigen's elsewhere. The package turns oneDNN on where TensorFlow would not; the rows *Eigen /
oneDNN* are what that gains. A step there is measured by the clock, each side in a process of its
own. A ConvLSTM layer of our own, with one convolution for all gates, gained 1.3 in a training step
of the default network where oneDNN is off, and little where it is on: the layer is Keras' own.

The motion of a film in memory is measured at about half the rate at which the film can be read at
all (below); the study's way costs what its image files take to decode. A decoder's own threads use
the second core too, so decoding cannot get faster than the sum of the work on two cores.
"""


def run_benchmark(name: str, repetitions: int, rows: Path) -> list[str]:
    """Run one benchmark; its rows land in a file, its remarks are returned."""
    command = [sys.executable, f"{FOLDER}/bench_{name}.py", "--json", str(rows)]
    command += ["--repetitions", str(repetitions)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    done = subprocess.run(command, env=environment, text=True, stdout=subprocess.PIPE, check=True)
    print(done.stdout, flush=True)
    return [line for line in done.stdout.splitlines() if line and not line.startswith("|")]


def main() -> None:
    """Run, collect, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=BENCHMARKS)
    parser.add_argument("--output", type=Path, default=FOLDER / "RESULTS.md")
    arguments = parser.parse_args()
    chosen = arguments.only or BENCHMARKS
    remarks = []
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        for name in chosen:
            remarks += run_benchmark(name, arguments.repetitions, rows)
        table = [Row(**row) for row in json.loads(rows.read_text())] if rows.is_file() else []
    lines = [HEADER, *map(format_row, table)]
    text = TOP.format(repetitions=arguments.repetitions) + "\n".join(lines) + "\n" + NOTES
    text += "".join(f"\n- {remark}" for remark in remarks) + "\n"
    partial = arguments.output.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(arguments.output)


if __name__ == "__main__":
    main()
