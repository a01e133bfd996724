"""Training on several devices gives the network that one device gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EPOCHS = 2


def a_film():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 60, (240, 6, 8), dtype=np.uint8)
    label = np.full(240, -1, np.int8)
    label[10:] = rng.random(230) < 0.4
    frames[label == 1, 2:4, 2:4] = 200
    return frames, label


def on_two_devices(folder: Path) -> dict:
    """Train on two devices, on one, and on two with a kill between; what came out."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)  # before anything touches the devices
    from test_training import Killed, fit, kill_after

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    model, history = fit(a_film(), folder / "two", EPOCHS, strategy=strategy)
    single, _ = fit(a_film(), folder / "one", EPOCHS)
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 1)
        with pytest.raises(Killed):
            fit(a_film(), folder / "parts", EPOCHS, strategy=strategy)
    resumed, _ = fit(a_film(), folder / "parts", EPOCHS, strategy=strategy)
    locals_of = strategy.experimental_local_results
    copies = [[x.numpy().tolist() for x in locals_of(v.value)] for v in model.trainable_variables]
    trained = {"two": model, "one": single, "resumed": resumed}
    weights = {key: [w.tolist() for w in m.get_weights()] for key, m in trained.items()}
    return {"copies": copies, "weights": weights, "losses": history[["loss", "val_loss"]].to_dict()}


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "result.json").read_text())


def test_losses_on_two_devices_are_finite(two_devices):
    losses = [list(column.values()) for column in two_devices["losses"].values()]
    assert np.shape(losses) == (2, EPOCHS)
    assert np.isfinite(losses).all()


def test_both_devices_hold_the_same_weights(two_devices):
    assert len(two_devices["copies"]) == 4  # kernels and biases of two layers
    for first, second in two_devices["copies"]:
        np.testing.assert_array_equal(first, second)


def test_two_devices_give_the_network_of_one(two_devices):
    weights = two_devices["weights"]
    for two, one in zip(weights["two"], weights["one"], strict=True):
        np.testing.assert_allclose(two, one, atol=1e-6)


def test_a_killed_training_goes_on_on_two_devices(two_devices):
    weights = two_devices["weights"]
    for resumed, whole in zip(weights["resumed"], weights["two"], strict=True):
        np.testing.assert_allclose(resumed, whole, atol=1e-6)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "result.json").write_text(json.dumps(on_two_devices(folder)))
