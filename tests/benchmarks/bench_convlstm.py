"""Training steps and forecasts of the ConvLSTM networks, with Eigen's and oneDNN's convolutions.

Run: ``python tests/benchmarks/bench_convlstm.py``. TensorFlow takes oneDNN's by default on x86 with
vector neural-network instructions and Eigen's elsewhere; the package turns oneDNN on wherever it is
there. Each side runs in a process of its own. Also what a training step of the set ``paper`` costs.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import numpy as np
from compare import Row, compare, difference, duration, one_thread, peak_memory, run, seconds_of

SIZES = {  # network; batch, slices, height, width, channels
    "paper size, batch 4": ("upbeat_snowflake", (4, 30, 120, 160, 4)),
    "48 x 64, batch 4": ("upbeat_snowflake", (4, 30, 48, 64, 4)),
    "our network, batch 32": ("motion_convlstm", (32, 3, 60, 80, 3)),
}
KINDS = ("training step", "forecast")
STUDY_STEPS = 44_956  # an epoch: as many clips and their flips, four a step


def measure(repetitions: int, serve: str) -> list[Row]:
    """A row for each size and kind; with ``serve``, make steps for another process."""
    if serve:
        _serve(*serve.split(":"))
        return []
    rows = []
    for size in SIZES:
        for kind in KINDS:
            what = "ConvLSTM (Eigen / oneDNN)", f"{kind}, {size}"
            how = {"clock": time.perf_counter, "memory": (float("nan"),) * 2}
            with _elsewhere(size, kind, "0") as eigen, _elsewhere(size, kind, "1") as onednn:
                rows.append(compare(*what, eigen, onednn, difference, repetitions, **how))
    one_thread()
    model, clips, targets = _network("paper size, batch 4")

    def step():
        return model.train_on_batch(clips, targets)

    megabytes, _ = peak_memory(step)  # also compiles
    seconds = float(np.median([seconds_of(step) for _ in range(repetitions)]))
    print(
        f"a training step of the set paper: {duration(seconds)} of the processor, "
        f"{megabytes:.0f} MB; an epoch of the study, {STUDY_STEPS} steps, would take this "
        f"processor {seconds * STUDY_STEPS / 86400:.1f} days (projected)"
    )
    return rows


@contextmanager
def _elsewhere(size: str, kind: str, onednn: str):
    """What lets a network in a process of its own make a step, and gives what came out."""
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn}
    command = [sys.executable, __file__, "--serve", f"{size}:{kind}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:

        def step() -> np.ndarray:
            print("step", file=process.stdin, flush=True)
            while not (line := process.stdout.readline()).endswith(".npy\n"):
                assert line, "the process has ended"
            return np.load(line.strip())

        yield step


def _serve(size: str, kind: str) -> None:
    """Make a step for each line that comes in; answer with the file of what came out."""
    one_thread()
    model, clips, targets = _network(size)
    with tempfile.TemporaryDirectory() as folder:
        for _ in sys.stdin:
            if kind == "forecast":
                found = model.predict_on_batch(clips)
            else:
                found = model.train_on_batch(clips, targets)
            np.save(f"{folder}/found.npy", found)
            print(f"{folder}/found.npy", flush=True)


def _network(size: str):
    """A compiled network, a batch of clips, and its targets."""
    import keras

    from fishlib.models import NETWORKS

    name, shape = SIZES[size]
    keras.utils.set_random_seed(0)
    model = NETWORKS[name](shape[1:])
    model.compile(keras.optimizers.Adam(8e-5), "binary_crossentropy")
    rng = np.random.default_rng(0)
    clips = (rng.random(shape) * (rng.random(shape) < 0.1)).astype(np.float32)
    return model, clips, np.arange(shape[0]) % 2


if __name__ == "__main__":
    run(measure, __doc__, serve="")
