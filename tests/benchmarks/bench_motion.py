"""The motion proxy: an image at a time with Keras and NumPy, beside ``measure_motion``.

Run: ``python tests/benchmarks/bench_motion.py``. The study's way, from its description: for each
frame, open its image and the next one with Keras's image functions (which call PIL), and average
the absolute difference in floating point.
"""

import tempfile
from pathlib import Path

import numpy as np
from compare import Row, compare, difference, one_thread, run, seconds_of
from PIL import Image


def measure(repetitions: int, frames: int) -> list[Row]:
    """Rows in memory and from PNG files, a frame."""
    one_thread()
    from fishlib.motion import measure_motion
    from fishlib.tank import simulate_film
    from fishlib.tank.fish import TankConfig
    from fishlib.video import read_frames

    film = simulate_film(TankConfig(), 0, frames).frames
    few = film[:300]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i, frame in enumerate(few):
            Image.fromarray(frame).save(folder / f"{i:05d}.png")
        paths = sorted(folder.glob("*.png"))

        def in_memory():
            return measure_motion(film)

        def from_png():
            return measure_motion(read_frames(folder))

        def by_loop():
            return _by_pair(few)

        def by_image():
            return _by_pair(_Images(paths))

        def same(a, b):
            return difference(a[:-1], b[: len(a) - 1])

        each, part = (len(few), len(film)), (len(few), len(few))
        _report_bandwidth(film)
        ways = {
            "loop over image files / film in memory": (by_image, in_memory, each),
            "NumPy loop in memory / film in memory": (by_loop, in_memory, each),
            "loop over image files / the same files": (by_image, from_png, part),
        }
        return [
            compare("motion", f"a frame: {what}", theirs, ours, same, repetitions, scale)
            for what, (theirs, ours, scale) in ways.items()
        ]


def _report_bandwidth(film) -> None:
    """How near ``measure_motion`` comes to reading the film from memory at all."""
    from fishlib.motion import measure_motion

    ways = (lambda: film.reshape(-1).view(np.uint64).max(), lambda: measure_motion(film))
    for read in ways:
        read()
    once, ours = (film.nbytes / seconds_of(read) / 1e9 for read in ways)
    print(f"NumPy reads a film once at {once:.0f} GB/s; its motion is measured at {ours:.0f} GB/s")


class _Images:
    """Image files as a sequence of arrays, each opened whenever it is asked for."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        from keras.utils import img_to_array, load_img

        return img_to_array(load_img(self.paths[i], color_mode="grayscale"), dtype="uint8")


def _by_pair(images) -> np.ndarray:
    """One pair of neighbours after the other."""
    series = np.zeros(len(images))
    for t in range(len(images) - 1):
        now, after = images[t].astype(float) / 255, images[t + 1].astype(float) / 255
        series[t] = np.mean(np.abs(after - now))
    return series


if __name__ == "__main__":
    run(measure, __doc__, frames=3000)
