"""Functions called at the same time, each in a process of its own.

Each process has one core: two small trainings, one to a core, are done sooner than the same two in
turn on both cores, since a small network leaves most of a second core idle.
"""

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import psutil
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import get_reusable_executor
from tqdm.auto import tqdm

TF_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def side_by_side(calls: Mapping[Hashable, Callable], n_jobs=None, rounds=None) -> dict:
    """Call functions at the same time and wait for all of them.

    Parameters
    ----------
    calls : mapping of name to callable
        Without arguments, such as ``functools.partial(fit, ...)``, begun in this order: put the
        longest first. A memory-mapped film among their arguments is opened by each process, not
        copied.
    n_jobs : int, optional
        Calls at a time: by default as many as there are cores, but one, in this process, where a
        GPU is to be shared.
    rounds : mapping of path to int, optional
        Folders in which :func:`fishlib.training.train` works, and the epochs it will do there: a
        bar counts them and shows the time left.

    Returns
    -------
    dict
        What each call returned, by its name. What one raises is raised here.
    """
    n_jobs = min(n_jobs or _usual_jobs(), len(calls))
    with _counting(rounds) if rounds else nullcontext():
        if n_jobs <= 1:
            return {name: call() for name, call in calls.items()}
        return dict(zip(calls, _in_processes(calls.values(), n_jobs), strict=True))


MOST_FILMS = 4
"""Films read at a time at most: each takes half a gigabyte, and they share a disk."""


def film_by_film(
    call: Callable, films: Sequence, is_quick: Callable[..., bool] = lambda film: False
) -> list:
    """What a function returns for each of several films, a few at a time: see `side_by_side`.

    Those of which ``is_quick`` says that it takes no time are left to this process.
    """
    calls = {k: partial(call, film) for k, film in enumerate(films) if not is_quick(film)}
    done = side_by_side(calls, min(MOST_FILMS, cpu_count()))
    return [done[k] if k in done else call(film) for k, film in enumerate(films)]


def _usual_jobs() -> int:
    import keras  # here, for a process without a network to do without

    return 1 if keras.distribution.list_devices("gpu") else cpu_count()


def _in_processes(calls: Iterable[Callable[[], object]], n_jobs: int) -> list:
    with warnings.catch_warnings():
        # joblib replaces a process that has grown, as one with a TensorFlow does, and says so
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
        try:
            pool = Parallel(n_jobs, backend="loky", initializer=partial(_settle, os.getpid()))
            results = pool(delayed(call)() for call in calls)
        except BaseException:  # also Ctrl-C: what still runs is of no use any more
            get_reusable_executor().shutdown(wait=True, kill_workers=True)
            raise
        get_reusable_executor().shutdown(wait=True)
        return results


def _settle(parent: int) -> None:
    """Keep a new process to one core, and what is written below Python to itself.

    It ends soon after its parent does, however that was ended.
    """
    end_with(parent, partial(os._exit, 1))
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", **dict.fromkeys(TF_THREADS, "1")})
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)  # Python's own warnings still appear
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def end_with(parent: int, end: Callable[[], object]) -> threading.Thread:
    """Watch the parent of this process, beside all else, and end this one when it is gone.

    Parameters
    ----------
    parent : int
        Its id, as it was when it began this process.
    end : callable
        Ends it.
    """

    def watch() -> None:
        while os.getppid() == parent and psutil.pid_exists(parent):
            time.sleep(1.0)
        end()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    return watcher


@contextmanager
def _counting(rounds: Mapping[Path, int]):
    """A bar over the epochs that the histories in some folders tell of."""
    ended, written = threading.Event(), {folder: _written(folder) for folder in rounds}
    with tqdm(total=sum(rounds.values()), desc="training", unit="round") as bar:

        def keep_looking() -> None:  # at times of change only: a file that is open cannot be
            while not ended.wait(0.5):  # replaced on Windows
                for folder, last in written.items():
                    written[folder] = _written(folder)
                    bar.update(written[folder] not in (None, last))

        watcher = threading.Thread(target=keep_looking, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            bar.update(sum(min(_epochs(folder), n) for folder, n in rounds.items()) - bar.n)


def _written(folder: Path) -> int | None:
    """When a training's history was last written; None before that."""
    history = Path(folder) / "history.csv"
    return history.stat().st_mtime_ns if history.exists() else None


def _epochs(folder: Path) -> int:
    history = Path(folder) / "history.csv"
    return len(history.read_text().splitlines()) - 1 if history.exists() else 0
