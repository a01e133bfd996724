"""Batches of clips: image files opened anew for each clip, beside the memory-mapped film.

Run: ``python tests/benchmarks/bench_loader.py``. The study's way, from its description: a generator
that opens a clip's 120 PNG files of 240 x 320 one by one with Keras's image functions, shrinks to
the nearest pixel, scales and stacks; a ``tf.data`` pipeline that flips its clips in TensorFlow and
sends them through a shuffle buffer (of 16 clips here; of 4 % of all clips there) into batches of 4.
"""

import tempfile
from pathlib import Path

import numpy as np
from compare import Row, compare, difference, one_thread, run, seconds_of
from PIL import Image

BATCH, BATCHES, FILM = 4, 24, 400


def measure(repetitions: int) -> list[Row]:
    """Rows of the loader by itself and through ``fit``; the share of a step as text."""
    one_thread()
    from fishlib.clips import ClipDataset
    from fishlib.tank import simulate_film
    from fishlib.tank.fish import TankConfig
    from fishlib.training import batches_of

    with tempfile.TemporaryDirectory() as folder:
        film = simulate_film(TankConfig(), 0, FILM).frames
        paths = _write_images(Path(folder), film)
        np.save(Path(folder) / "film.npy", film[:, 1::2, 1::2])
        frames = np.load(Path(folder) / "film.npy", mmap_mode="r")
        labels = (np.arange(FILM) % 2).astype(np.int8)
        order = {"shuffle": True, "max_samples": BATCH * BATCHES}
        data = ClipDataset(frames, labels, flips=4, batch_size=BATCH, **order)
        codes = data.order.copy()
        plain = ClipDataset(frames, labels, codes // 4, batch_size=BATCH)  # the same, unflipped
        model = _smallest_network()

        def study_clips(flip=None):
            for code in codes:
                if flip is None or code % 4 == flip:
                    yield _study_clip(paths, code // 4), float(labels[code // 4])

        def by_image():
            return [clip for clip, _ in study_clips()]

        def from_memory():
            return [plain[i] for i in range(len(plain))]

        def fit_theirs():
            model.fit(_study_pipeline(study_clips), verbose=0)

        def fit_ours():
            data.set_epoch(0)
            model.fit(batches_of(data), verbose=0)

        def same(first, second):
            return difference(first, np.concatenate([x for x, _ in second]))

        clips = (BATCH * BATCHES,) * 2
        what = "loader", "a clip with its flip, through fit of a trivial network"
        rows = [
            compare("loader", "a clip", by_image, from_memory, same, repetitions, clips),
            compare(*what, fit_theirs, fit_ours, "same samples", repetitions, clips),
        ]
        _report_share(data)
    return rows


def _write_images(folder: Path, film) -> list[Path]:
    paths = [folder / f"{i:05d}.png" for i in range(len(film))]
    for path, frame in zip(paths, film, strict=True):
        Image.fromarray(frame).save(path)
    return paths


def _study_clip(paths, t) -> np.ndarray:
    """float32 (30, 120, 160, 4), an image at a time."""
    from keras.utils import img_to_array, load_img

    images = []
    for path in paths[t - 119 : t + 1]:
        image = load_img(path, color_mode="grayscale", target_size=(120, 160))
        images.append(img_to_array(image, dtype="uint8").astype(np.float32) / 255)
    film = np.concatenate(images, axis=-1)  # (120, 160, 120)
    return np.stack(np.array_split(film, 30, axis=-1))


def _study_pipeline(clips):
    """The four flips one after the other, mixed by a buffer of 16 clips."""
    import tensorflow as tf

    kinds = (tf.TensorSpec((30, 120, 160, 4), tf.float32), tf.TensorSpec((), tf.float32))
    across, down = tf.image.flip_left_right, tf.image.flip_up_down
    flips = (lambda x: x, across, down, lambda x: down(across(x)))
    whole = None
    for number, flip in enumerate(flips):
        part = tf.data.Dataset.from_generator(
            lambda number=number: clips(number), output_signature=kinds
        )
        part = part.map(lambda x, y, flip=flip: (flip(x), y))
        whole = part if whole is None else whole.concatenate(part)
    return whole.shuffle(16).batch(BATCH)


def _smallest_network():
    """A network that looks at one pixel, so that loading is all that ``fit`` takes."""
    import keras

    clip = keras.Input((30, 120, 160, 4))
    probability = keras.layers.Dense(1, activation="sigmoid")(clip[:, -1, 60, 80])
    model = keras.Model(clip, probability)
    model.compile("sgd", "binary_crossentropy")
    return model


def _report_share(data) -> None:
    """Loading as a share of a training step at the paper size."""
    from fishlib.models import build_upbeat_snowflake

    model = build_upbeat_snowflake()
    model.compile("adam", "binary_crossentropy")
    batch = data[0]
    model.train_on_batch(*batch)
    step = seconds_of(lambda: model.train_on_batch(*batch))
    share = seconds_of(lambda: [data[i] for i in range(len(data))]) / len(data) / step
    print(f"loading is {share:.1%} of a training step of {step:.2f} s at the paper size")


if __name__ == "__main__":
    run(measure, __doc__)
