"""Calls side by side: their results, their errors, their cores, and a film that is not copied."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from fishlib.forecasters.networks import MotionLSTM
from fishlib.questions import label_bursts
from fishlib.side_by_side import end_with, film_by_film, side_by_side


def whoami(number):
    """Number, process, and the share of its busiest thread in a large product."""
    import tensorflow as tf

    def busy():
        return {t.id: t.user_time + t.system_time for t in psutil.Process().threads()}

    square = tf.random.normal((2000, 2000))
    before = busy()
    for _ in range(5):
        (square @ square).numpy()
    spent = [seconds - before.get(thread, 0) for thread, seconds in busy().items()]
    return number, os.getpid(), max(spent) / sum(spent)


def refuse():
    raise ValueError("out of fish")


def storage_of(frames):
    return type(frames).__name__, int(frames.sum())


def test_results_come_in_order_from_other_processes():
    named = side_by_side({f"call {i}": partial(whoami, i) for i in range(4)}, n_jobs=2)
    assert list(named) == ["call 0", "call 1", "call 2", "call 3"]
    results = list(named.values())
    assert [number for number, *_ in results] == [0, 1, 2, 3]
    assert os.getpid() not in {pid for _, pid, _ in results}
    assert min(share for *_, share in results) > 0.9
    assert side_by_side({7: partial(whoami, 7)})[7][1] == os.getpid()  # one call: no process for it
    assert side_by_side({}) == {}


def test_an_error_is_raised_here():
    with pytest.raises(ValueError, match="out of fish"):
        side_by_side({1: refuse, 2: refuse}, n_jobs=2)


def never_ends(folder):
    """Leave a note of this process, and work on."""
    (folder / str(os.getpid())).touch()
    while True:
        time.sleep(0.1)


def run_two_that_never_end(folder):
    side_by_side(dict.fromkeys("ab", partial(never_ends, folder)), n_jobs=2)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_workers_end_with_their_parent(tmp_path, name):
    parent = subprocess.Popen([sys.executable, __file__, str(tmp_path)], stderr=subprocess.DEVNULL)
    while len(workers := list(tmp_path.iterdir())) < 2:
        assert parent.poll() is None
        time.sleep(0.1)
    workers = [psutil.Process(int(path.name)) for path in workers]
    parent.send_signal(getattr(signal, name))
    parent.wait(timeout=120)
    _, alive = psutil.wait_procs(workers, timeout=120)
    for one in alive:
        one.kill()
    assert not alive


def test_the_watch_goes_on_while_the_parent_lives(monkeypatch):
    looks, ended, parent = [], [], os.getppid()
    monkeypatch.setattr(time, "sleep", looks.append)
    # after three looks it is the child of another
    monkeypatch.setattr(os, "getppid", lambda: parent + (looks.count(1.0) >= 3))
    end_with(parent, partial(ended.append, "ended")).join()
    assert looks.count(1.0) == 3 and ended == ["ended"]


def test_a_parent_that_was_gone_before_the_watch_began_ends_the_process():
    ended = []
    end_with(os.getpid(), partial(ended.append, "ended")).join()  # it is not its own parent
    assert ended == ["ended"]


def test_a_mapped_film_stays_mapped(tmp_path):
    film = np.full((50, 60, 80), 3, np.uint8)
    np.save(tmp_path / "film.npy", film)
    mapped = np.load(tmp_path / "film.npy", mmap_mode="r")
    told = side_by_side(dict.fromkeys("ab", partial(storage_of, mapped)), n_jobs=2)
    assert told == dict.fromkeys("ab", ("memmap", 3 * film.size))


def test_a_training_gives_the_same_beside_another_as_alone(tmp_path, capsys):
    rng = np.random.default_rng(5)
    film = SimpleNamespace(motion=np.convolve(rng.exponential(1e-3, 2000), np.ones(8) / 8, "same"))
    told = (
        film,
        label_bursts(film.motion),
        {"train": slice(0, 1500), "validation": slice(1500, 2000)},
    )
    folders = [tmp_path / name for name in ("one", "two")]
    lstm = MotionLSTM(2, samples_per_epoch=128)
    calls = {folder: partial(lstm.fit, *told, folder) for folder in folders}
    fitted, twin = side_by_side(calls, 2, rounds=dict.fromkeys(folders, 2)).values()
    assert "4/4" in capsys.readouterr().err
    assert fitted.history["epoch"].tolist() == [0, 1]
    forecast = fitted.forecast(film, slice(100, 400))
    assert np.flatnonzero(np.isfinite(forecast)).tolist() == list(range(119, 400))
    np.testing.assert_array_equal(forecast, twin.forecast(film, slice(100, 400)))
    alone = lstm.fit(*told, tmp_path / "alone")
    np.testing.assert_allclose(alone.forecast(film)[119:400], forecast[119:400], atol=1e-4)


if __name__ == "__main__":
    run_two_that_never_end(Path(sys.argv[1]))


def test_what_takes_no_time_is_left_to_this_process():
    pids = film_by_film(lambda film: (film, os.getpid()), [0, 1, 2, 3], lambda film: film % 2 == 0)
    assert [film for film, _ in pids] == [0, 1, 2, 3]
    assert [pid == os.getpid() for _, pid in pids] == [True, False, True, False]
