"""A long 1080p film: memory, motion, the second opening, and a run that is killed half-way.

Run: ``python tests/benchmarks/bench_long_film.py [--frames 10000]``. The film is made first; each
opening runs in a process of its own, so that its highest memory is its own.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

LIMIT = 512  # MiB
OPEN = """
import resource, sys, time
start = time.perf_counter()
from fishlib.recording import open_recording
recording = open_recording(sys.argv[1], cache_dir=sys.argv[2], progress=False)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(time.perf_counter() - start, peak, len(recording.frames), recording.folder)
"""


def make_film(path: Path, n_frames: int) -> None:
    """Write a 1080p film: half a minute of the tank, enlarged, over and over."""
    from fishlib.tank import simulate_film
    from fishlib.tank.fish import TankConfig

    tank = simulate_film(TankConfig(), 0, min(900, n_frames)).frames
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30, (1920, 1080))
    for t in range(n_frames):
        large = cv2.resize(tank[t % len(tank)], (1440, 1080), interpolation=cv2.INTER_LINEAR)
        frame = cv2.copyMakeBorder(large, 0, 0, 240, 240, cv2.BORDER_CONSTANT, value=0)
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()


def open_in_process(film: Path, cache: Path) -> tuple[float, float, int, Path]:
    """Seconds, highest memory (MiB), number of frames and folder of one opening."""
    command = [sys.executable, "-c", OPEN, str(film), str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak, n_frames, folder = done.stdout.split(maxsplit=3)
    return float(seconds), float(peak), int(n_frames), Path(folder.strip())


def kill_half_way(film: Path, cache: Path, seconds: float) -> None:
    """Start an opening and kill it after so many seconds."""
    process = subprocess.Popen([sys.executable, "-c", OPEN, str(film), str(cache)])
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def same(first: Path, second: Path) -> bool:
    """Whether two cached recordings hold the same frames and the same motion."""
    names = ("frames.npy", "motion.npy")
    return all(
        np.array_equal(np.load(first / n, mmap_mode="r"), np.load(second / n, mmap_mode="r"))
        for n in names
    )


def main() -> None:
    """Make the film, open it, open it again, kill an opening and go on; print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    n_frames = parser.parse_args().frames
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "long.mp4"
        make_film(film, n_frames)
        print(f"{n_frames} frames of 1080p, {film.stat().st_size / 1e6:.0f} MB", flush=True)
        seconds, peak, n_read, whole = open_in_process(film, Path(folder) / "whole")
        print(
            f"first opening: {seconds:.1f} s, {n_read / seconds:.0f} frames/s, peak {peak:.0f} MiB"
        )
        raw = n_read * 1920 * 1080 / 2**20
        print(f"gray frames all in memory would take {raw:.0f} MiB: {raw / peak:.0f} times as much")
        again, peak_again, _, _ = open_in_process(film, Path(folder) / "whole")
        print(f"second opening: {again:.1f} s (of which Python starts), peak {peak_again:.0f} MiB")
        kill_half_way(film, Path(folder) / "killed", seconds / 2)
        rest, _, _, resumed = open_in_process(film, Path(folder) / "killed")
        print(f"killed after {seconds / 2:.1f} s, gone on with: {rest:.1f} s")
        equal = same(whole, resumed)
        print(
            f"result of the killed run equals the other: {equal}; under {LIMIT} MiB: {peak < LIMIT}"
        )
    if not equal or peak >= LIMIT or n_read != n_frames:
        sys.exit("the long film did not come through as it must")


if __name__ == "__main__":
    main()
