"""Decoding: loops over ``cv2.VideoCapture``, and ``ffmpeg`` itself, beside ``iter_frames``.

Run: ``python tests/benchmarks/bench_video.py``. The real footage beside the
repository is measured too where it is there. All threads of the machine are used, by both.
"""

import shutil
import subprocess
import tempfile
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from compare import Row, compare, run

STOP = 400  # frames of each film that are read
FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "footage"


def measure(repetitions: int, frames: int) -> list[Row]:
    """Rows of decoding, and of decoding while each block is worked on."""
    from fishlib.tank import simulate_film
    from fishlib.tank.fish import TankConfig
    from fishlib.video import write_video

    film = simulate_film(TankConfig(), 0, frames).frames
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        films = [write_video(Path(folder) / name, film) for name in ("tank.mp4", "tank.avi")]
        for path in [*films, *sorted(FOOTAGE.glob("*.[am]*[i4]"))]:
            rows += _measure(path, repetitions)
    return rows


def _measure(path: Path, repetitions: int) -> list[Row]:
    from fishlib.motion import measure_motion
    from fishlib.video import iter_frames, probe

    n_frames = sum(len(block) for block in iter_frames(path, stop=STOP))
    size = " x ".join(map(str, probe(path).opened.shape))

    def opencv():
        return sum(1 for _ in islice(_decode_gray(path), STOP))

    def ours():
        return sum(len(block) for block in iter_frames(path, stop=STOP))

    def opencv_motion():
        return len(measure_motion(np.stack(list(islice(_decode_gray(path), STOP)))))

    def ours_motion():
        return sum(len(measure_motion(block)) for block in iter_frames(path, stop=STOP))

    def ffmpeg_motion():
        chain = "scale=320:240:flags=area,format=gray,tblend=all_mode=difference,signalstats"
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", str(STOP), "-vf", chain]
        subprocess.run([*command, "-f", "null", "-"], check=True)
        return n_frames

    def row(what, theirs, mine, clock):
        def same(a, b):
            return f"{a} and {b} frames"

        what = f"{path.name}, {size}: {what}"
        scale = (n_frames, n_frames)
        return compare("video", what, theirs, mine, same, repetitions, scale, clock)

    rows = [
        row("decode, gray, size, against OpenCV, processor", opencv, ours, time.process_time),
        row("film to motion against OpenCV", opencv_motion, ours_motion, time.perf_counter),
    ]
    if shutil.which("ffmpeg"):
        what = "film to motion against ffmpeg with tblend and signalstats"
        rows.append(row(what, ffmpeg_motion, ours_motion, time.perf_counter))
    return rows


def _decode(path: Path):
    capture = cv2.VideoCapture(str(path))
    while (frame := capture.read())[0]:
        yield frame[1]
    capture.release()


def _decode_gray(path: Path):
    for frame in _decode(path):
        gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        yield cv2.resize(gray, (320, 240), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    run(measure, __doc__, frames=600)
