"""Kill a run at random moments; each time the same command must end in the same numbers.

Run: ``python tests/benchmarks/bench_kills.py [--kills 5] [--seed 0]``. Takes about a quarter of an
hour on two cores. Says for each kill when it came, in which notebook, and whether anything was
left: a process, a half-written file, another number.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from fishlib.pipeline import HALF_WRITTEN, NOTEBOOKS


def command(run: Path) -> list[str]:
    """The run that is killed: every step in small."""
    return [sys.executable, "-m", "fishlib", "run", "--set", "quick", "--run-dir", str(run)]


def fresh(run: Path) -> dict[str, str]:
    """The environment of a run whose cache is its own, so that making the film is killed too."""
    return os.environ | {"FISHLIB_CACHE": f"{run}-cache"}


def run_whole(run: Path) -> float:
    """Run to the end; returns the seconds it took."""
    start = time.monotonic()
    subprocess.run(command(run), check=True, stdout=subprocess.DEVNULL, env=fresh(run))
    return time.monotonic() - start


def kill_after(run: Path, seconds: float) -> list[psutil.Process] | None:
    """Kill a run after some seconds; returns its processes that are left after ten more.

    None if it had ended by then, as on a machine that has become less busy.
    """
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command(run), env=fresh(run), **quiet) as it:
        time.sleep(seconds)
        if it.poll() is not None:
            return None
        started = psutil.Process(it.pid).children(recursive=True)
        it.kill()
    return psutil.wait_procs(started, timeout=10)[1]


def half_written(run: Path) -> list[str]:
    """Files of the folder that were begun and not finished."""
    return [path.name for path in run.rglob(".*") if HALF_WRITTEN.fullmatch(path.name)]


def main() -> int:
    """Run once undisturbed and then with kills; returns 1 if anything differs or is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    moments, failed = random.Random(chosen.seed), False
    with tempfile.TemporaryDirectory() as folder:
        seconds = run_whole(Path(folder) / "whole")
        expected = (Path(folder) / "whole" / "metrics.json").read_bytes()
        print(f"undisturbed: {seconds:.0f} s", flush=True)
        for number in range(chosen.kills):
            run, moment = Path(folder) / f"killed{number}", moments.uniform(0.02, 0.98) * seconds
            left = kill_after(run, moment)
            if left is None:
                print(f"killed after {moment:.0f} s: too late, the run had ended", flush=True)
                continue
            done = sum((run / f"{name}.ipynb").exists() for name in NOTEBOOKS)
            run_whole(run)
            same = (run / "metrics.json").read_bytes() == expected
            print(
                f"killed after {moment:.0f} s with {done} notebooks done: {len(left)} processes "
                f"left, numbers {'the same' if same else 'DIFFERENT'}, half-written files: "
                f"{', '.join(half_written(run)) or 'none'}",
                flush=True,
            )
            failed |= bool(left) or not same or bool(half_written(run))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
