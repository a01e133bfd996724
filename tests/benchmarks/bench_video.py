"""Reading a film, beside OpenCV, decord and ``ffmpeg`` itself.

Run: ``python tests/benchmarks/bench_video.py``; some minutes. The two real films beside the
repository are read where they are there, else a film of the tank. All threads of the machine are
used, by all, and their seconds of the processor are compared, those of ``ffmpeg`` too: other work
on the machine disturbs these least. decord is measured where it is installed (Linux on x86 only,
not maintained since 2021: it is none of our dependencies).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from compare import Row, compare, run

STOP = 200  # frames of each film that are read
FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "footage"
CHAIN = "scale=320:240:flags=area,format=gray,tblend=all_mode=difference,signalstats"


def measure(repetitions: int, minutes: float) -> list[Row]:
    """Rows of each film; then how long the first forecasts of a film of so many minutes take."""
    with tempfile.TemporaryDirectory() as folder:
        tank = write_tank(Path(folder) / "tank.mp4", minutes)
        films = sorted(FOOTAGE.glob("*.[am]*[i4]")) or [tank]
        rows = [row for path in films for row in _measure(path, repetitions)]
        started, processor = time.perf_counter(), _processor()
        command = [sys.executable, "-m", "fishlib", "watch", str(tank), "--out", f"{folder}/out"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        passed, processor = time.perf_counter() - started, _processor() - processor
    print(
        f"`watch --out` of a film of {minutes:g} minutes, the whole file, imports included: "
        f"{passed:.3g} s, {processor:.3g} s of the processor"
    )
    return rows


def write_tank(path: Path, minutes: float) -> Path:
    """A film of the tank, drawn a block at a time."""
    from fishlib.tank import TankConfig, render_blocks, simulate_tracks
    from fishlib.video import write_video

    config = TankConfig()
    tracks = simulate_tracks(config, 0, round(minutes * 1800))
    blocks = render_blocks(tracks, config, 0)
    return write_video(path, (frame for block in blocks for frame in block))


def _processor() -> float:
    """Seconds of the processor so far, of this process and of those it has waited for."""
    return sum(os.times()[:4])


def _measure(path: Path, repetitions: int) -> list[Row]:
    from fishlib.motion import measure_motion
    from fishlib.video import iter_frames, probe, shrink

    size = " x ".join(map(str, probe(path).opened.shape))

    def blocks():
        return iter_frames(path, stop=STOP)

    def count(frames):
        return lambda: sum(len(block) for block in frames())

    def work(frames):
        return lambda: sum(
            len(shrink(block, (60, 80), "area")) for block in frames() if len(measure_motion(block))
        )

    def with_ffmpeg():
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", str(STOP), "-vf", CHAIN]
        subprocess.run([*command, "-f", "null", "-"], check=True)
        return STOP

    def row(what, theirs, mine):
        what, scale = f"{path.name}, {size}: {what}", (STOP, STOP)
        said = "{} and {} frames".format
        return compare("video", what, theirs, mine, said, repetitions, scale, _processor)

    rows = []
    for name, reader in (("OpenCV", with_opencv), ("decord", with_decord)):
        if name == "decord" and find_spec("decord") is None:
            continue

        def theirs(reader=reader):
            return iter([np.stack(list(islice(reader(path), STOP)))])

        rows.append(row(f"decode, gray, size, against {name}", count(theirs), count(blocks)))
        rows.append(row(f"film to motion and clips, against {name}", work(theirs), work(blocks)))
    if shutil.which("ffmpeg"):
        what = "film to motion and clips, against ffmpeg with tblend and signalstats"
        rows.append(row(what, with_ffmpeg, work(blocks)))
    return rows


def with_opencv(path: Path):
    """Gray frames (240, 320) by OpenCV."""
    capture = cv2.VideoCapture(str(path))
    while (frame := capture.read())[0]:
        gray = cv2.cvtColor(frame[1], cv2.COLOR_BGR2GRAY)
        yield cv2.resize(gray, (320, 240), interpolation=cv2.INTER_AREA)
    capture.release()


def with_decord(path: Path):
    """Gray frames (240, 320) by decord, which shrinks while it decodes."""
    from decord import VideoReader

    for frame in VideoReader(str(path), width=320, height=240):
        yield cv2.cvtColor(frame.asnumpy(), cv2.COLOR_RGB2GRAY)


if __name__ == "__main__":
    run(measure, __doc__, minutes=2.0)
