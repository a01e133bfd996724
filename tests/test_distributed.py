"""Training on several devices or machines gives the network that one device gives."""

import json
import os
import socket
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


def build_normalised():
    """A network whose moving averages every worker has to agree upon."""
    import keras

    clip = keras.Input((2, 6, 8, 2))
    x = keras.layers.BatchNormalization()(keras.layers.Flatten()(clip))
    return keras.Model(clip, keras.layers.Dense(1, activation="sigmoid")(x))


def as_a_worker(folder: Path) -> dict:
    """Train as one of the workers that TF_CONFIG names: in one go, and with a kill between."""
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    from test_training import Killed, datasets, fit, kill_after

    from fishlib.training import train

    shared = folder.parent
    model, history = fit(a_film(), shared / "whole", EPOCHS, strategy=strategy)
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 1)
        with pytest.raises(Killed):
            fit(a_film(), shared / "parts", EPOCHS, strategy=strategy)
    resumed, _ = fit(a_film(), shared / "parts", EPOCHS, strategy=strategy)
    with pytest.raises(FileNotFoundError, match="give a folder on a disk they share"):
        fit(a_film(), folder / "own", 1, strategy=strategy)
    _, normalised = train(
        build_normalised, *datasets(a_film()), shared / "normalised", 1, strategy=strategy
    )
    return {
        "replicas": strategy.num_replicas_in_sync,
        "normalised": normalised["val_loss"].tolist(),
        "weights": [w.tolist() for w in model.get_weights()],
        "resumed": [w.tolist() for w in resumed.get_weights()],
        "history": history[["loss", "val_loss"]].to_dict("list"),
    }


def start(role: str, folder: Path, **environment) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    command = [sys.executable, __file__, role, str(folder)]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE)


def result_of(process: subprocess.Popen, folder: Path) -> dict:
    try:
        _, errors = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, errors[-3000:]
    return json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    return result_of(start("devices", folder), folder)


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


def free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    shared = tmp_path_factory.mktemp("workers")
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    folders = [shared / "worker0", shared / "worker1"]
    processes = []
    try:
        for index, folder in enumerate(folders):
            task = {"cluster": cluster, "task": {"type": "worker", "index": index}}
            processes.append(start("worker", folder, TF_CONFIG=json.dumps(task)))
        return shared, [result_of(*pair) for pair in zip(processes, folders, strict=True)]
    finally:
        for process in processes:
            process.kill()


def test_two_workers_give_the_network_of_one_machine(two_workers, two_devices):
    _, results = two_workers
    for result in results:
        assert result["replicas"] == 2  # they did find each other
        for ours, one in zip(result["weights"], two_devices["weights"]["one"], strict=True):
            np.testing.assert_allclose(ours, one, atol=1e-6)
    assert results[0]["history"] == results[1]["history"]
    assert np.isfinite(results[0]["normalised"]).all()
    np.testing.assert_allclose(results[0]["normalised"], results[1]["normalised"], atol=1e-6)
    for key, losses in two_devices["losses"].items():
        np.testing.assert_allclose(results[0]["history"][key], list(losses.values()), atol=1e-6)


def test_a_killed_training_goes_on_on_two_workers(two_workers):
    for result in two_workers[1]:
        for resumed, whole in zip(result["resumed"], result["weights"], strict=True):
            np.testing.assert_allclose(resumed, whole, atol=1e-6)


def test_the_first_worker_alone_writes(two_workers):
    shared, _ = two_workers
    written = sorted(path.name for path in (shared / "whole").iterdir())
    assert written == ["best.keras", "history.csv", "last.keras", "settings.json"]
    assert not list((shared / "worker1" / "own").iterdir())


if __name__ == "__main__":
    role, folder = sys.argv[1], Path(sys.argv[2])
    result = {"devices": on_two_devices, "worker": as_a_worker}[role](folder)
    (folder / "result.json").write_text(json.dumps(result))
