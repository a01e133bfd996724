"""The ConvLSTM of this package beside ``keras.layers.ConvLSTM2D``: training steps, whole clips.

Run: ``python tests/benchmarks/bench_convlstm.py``. Measured with oneDNN's convolutions
(TensorFlow's default on x86 with vector neural-network instructions), with Eigen's (the default
elsewhere), and across: the stock layer with Eigen beside ours with oneDNN, which the package turns
on, each in a process of its own.
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from compare import Row, compare, difference, duration, one_thread, peak_memory, run

SIZES = {  # batch, slices, height, width, channels
    "paper size, batch 4": (4, 30, 120, 160, 4),
    "48 x 64, batch 4": (4, 30, 48, 64, 4),
    "our network's 15 x 20 x 16, 3 steps, batch 32": (32, 3, 15, 20, 16),
}
FILTERS = {16: 12}
"""Filters by channels of the clip where they are not the study's 16: our network has 12."""


def measure(repetitions: int, memory: str, serve: str) -> list[Row]:
    """Both libraries and across when called by hand; one when the environment chose it."""
    if memory:
        size, kind, side = memory.split(":")
        _print_memory(SIZES[size], kind, int(side))
        return []
    if serve:
        size, kind, side = serve.split(":")
        _serve(SIZES[size], kind, int(side))
        return []
    if "TF_ENABLE_ONEDNN_OPTS" in os.environ:
        return _measure(repetitions)
    target = ["--json", sys.argv[sys.argv.index("--json") + 1]] if "--json" in sys.argv else []
    for choice in "10":
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": choice}
        command = [sys.executable, __file__, "--repetitions", str(repetitions), *target]
        subprocess.run(command, env=environment, check=True)
    return _measure_across(repetitions)


def _measure_across(repetitions: int) -> list[Row]:
    """The stock layer where TensorFlow takes Eigen, beside ours with oneDNN turned on."""
    rows = []
    for name in SIZES:
        for what in KINDS:
            with (
                _Elsewhere(f"{name}:{what}:0", "0") as theirs,
                _Elsewhere(f"{name}:{what}:1", "1") as ours,
            ):
                rows.append(
                    compare(
                        "ConvLSTM (Eigen / oneDNN)",
                        f"{what}, {name}",
                        theirs.step,
                        ours.step,
                        _agreement,
                        repetitions,
                        clock=time.perf_counter,
                        memory=(float("nan"),) * 2,
                    )
                )
    return rows


class _Elsewhere:
    """A network in a process of its own, which makes a step whenever it is asked to."""

    def __init__(self, what: str, onednn: str):
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn}
        command = [sys.executable, __file__, "--serve", what]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=environment, **pipes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def step(self) -> list:
        """Let it make a step; what came out."""
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).endswith(".npz\n"):
            assert line, "the process has ended"
        with np.load(line.strip()) as found:
            return [found[key] for key in found.files]


def _serve(shape, kind: str, side: int) -> None:
    """Make a step for each line that comes in; answer with the file of what came out."""
    one_thread()
    import tensorflow as tf

    run_once = KINDS[kind](_networks(shape[1:])[side])
    clips = tf.constant(_clips(shape))
    targets = tf.cast(tf.range(shape[0])[:, None] % 2, tf.float32)
    with tempfile.TemporaryDirectory() as folder:
        for _ in sys.stdin:
            np.savez(f"{folder}/found.npz", *run_once(clips, targets))
            print(f"{folder}/found.npz", flush=True)


def _measure(repetitions: int) -> list[Row]:
    one_thread()
    import tensorflow as tf

    library = "oneDNN" if os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1" else "Eigen"
    rows = []
    for name, shape in SIZES.items():
        stock, fused = _networks(shape[1:])
        clips = tf.constant(_clips(shape))
        targets = tf.cast(tf.range(shape[0])[:, None] % 2, tf.float32)
        for what, make in KINDS.items():
            theirs, ours = make(stock), make(fused)
            rows.append(
                compare(
                    f"ConvLSTM ({library})",
                    f"{what}, {name}",
                    lambda run=theirs, x=clips, y=targets: run(x, y),
                    lambda run=ours, x=clips, y=targets: run(x, y),
                    _agreement,
                    repetitions,
                    memory=_memories(name, what),
                )
            )
    stock_step = rows[1].theirs
    _report_peak(library, stock_step, SIZES["paper size, batch 4"])
    cost = step_cost(repetitions)
    print(
        f"a training step of the set paper with {library}: {duration(cost['seconds'])} of the "
        f"processor, {cost['megabytes']:.0f} MB"
    )
    return rows


def _networks(clip_shape):
    """Stock and fused networks with the same weights."""
    import keras

    from fishlib.models.convlstm import FusedConvLSTM2D, old_hard_sigmoid

    keras.utils.set_random_seed(0)
    built = []
    for layer in (keras.layers.ConvLSTM2D, FusedConvLSTM2D):
        built.append(
            keras.Sequential(
                [
                    keras.Input(clip_shape),
                    layer(
                        FILTERS.get(clip_shape[-1], 16),
                        3,
                        use_bias=False,
                        recurrent_activation=old_hard_sigmoid,
                    ),
                    keras.layers.GlobalMaxPooling2D(),
                    keras.layers.Dense(1, activation="sigmoid"),
                ]
            )
        )
    built[1].set_weights(built[0].get_weights())
    return built


def _step(model):
    import keras
    import tensorflow as tf

    @tf.function(autograph=False)
    def gradients(clips, targets):
        with tf.GradientTape() as tape:
            probability = model(clips, training=True)
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(targets, probability))
        return tape.gradient(loss, model.trainable_weights)

    return lambda clips, targets: [gradient.numpy() for gradient in gradients(clips, targets)]


def _inference(model):
    import tensorflow as tf

    predict = tf.function(lambda clips: model(clips, training=False), autograph=False)
    return lambda clips, _: [predict(clips).numpy()]


KINDS = {"training step": _step, "inference": _inference}


def _memories(size: str, kind: str) -> tuple[float, ...]:
    """Peak MB of stock and of ours at the paper's size; small clips take little either way."""
    told = size.startswith("paper")
    return tuple(_memory_apart(size, kind, side) if told else float("nan") for side in (0, 1))


def _memory_apart(size: str, kind: str, side: int) -> float:
    """Peak MB of stock (0) or fused (1), in a process of its own."""
    command = [sys.executable, __file__, "--memory", f"{size}:{kind}:{side}"]
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    return float(done.stdout.split()[-1])


def _print_memory(shape, kind: str, side: int) -> None:
    one_thread()
    import tensorflow as tf

    run = KINDS[kind](_networks(shape[1:])[side])
    clips, targets = tf.constant(_clips(shape)), tf.zeros((shape[0], 1))
    print(peak_memory(lambda: run(clips, targets))[0])


def _agreement(first, second) -> str:
    """Largest difference of any array, relative to its largest value."""
    pairs = zip(first, second, strict=True)
    gaps = [difference(a / abs(a).max(), b / abs(a).max()) for a, b in pairs]
    return "relative: " + max(gaps, key=lambda gap: float(gap.split()[-1]) if " " in gap else 0)


def _clips(shape):
    rng = np.random.default_rng(0)
    return (rng.random(shape) * (rng.random(shape) < 0.1)).astype(np.float32)


def step_cost(n_steps: int) -> dict[str, float]:
    """Seconds of the processor and peak MB of a training step at the study's own size."""
    import keras

    from fishlib.models import build_upbeat_snowflake

    shape = SIZES["paper size, batch 4"]
    clips, targets = _clips(shape), np.arange(shape[0]) % 2
    model = build_upbeat_snowflake(shape[1:])
    model.compile(keras.optimizers.Adam(8e-5), "binary_crossentropy")
    megabytes, _ = peak_memory(lambda: model.train_on_batch(clips, targets))  # also compiles
    seconds = []
    for _ in range(n_steps):
        start = time.process_time()
        model.train_on_batch(clips, targets)
        seconds.append(time.process_time() - start)
    return {"seconds": float(np.median(seconds)), "megabytes": megabytes}


def _report_peak(library: str, seconds: float, shape) -> None:
    """How near the stock layer comes to the arithmetic this core can do at all."""
    import tensorflow as tf

    a = tf.random.normal((2048, 2048))
    multiply = tf.function(lambda: tf.reduce_sum(a @ a))
    multiply()
    start = time.process_time()
    for _ in range(3):
        multiply().numpy()
    peak = 3 * 2 * 2048**3 / (time.process_time() - start) / 1e9
    batch, steps, height, width, channels = shape
    flops = batch * steps * (height - 2) * (width - 2) * 9 * (channels + 16) * 64 * 2
    rate = flops / seconds / 1e9
    print(
        f"stock inference with {library} at {rate:.0f} GFLOP/s ({duration(seconds)}); "
        f"a large matrix product at {peak:.0f} GFLOP/s",
        flush=True,
    )


if __name__ == "__main__":
    run(measure, __doc__, memory="", serve="")
