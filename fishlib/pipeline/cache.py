"""What the cache holds, and making room in it."""

import re
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pandas as pd
import psutil
from filelock import FileLock, Timeout

from fishlib.files import cache_folder

RECORDING = re.compile(r"(.+-[0-9a-f]{16})(\.part)?")
"""Names of the folders that `files.make_key` gives, done or on their way."""


def list_cache() -> pd.DataFrame:
    """The recordings in the cache, the one longest out of use first.

    Returns
    -------
    DataFrame
        ``name``, ``megabytes``, ``last_used`` and ``in_use``: whether a process prepares or
        reads it, as far as this system can tell.
    """
    cache, busy_folders, rows = cache_folder(), _open_folders(), []
    for folder in cache.iterdir() if cache.is_dir() else ():
        if folder.is_dir() and RECORDING.fullmatch(folder.name):
            stats = [path.stat() for path in folder.rglob("*") if path.is_file()]
            size = sum(stat.st_size for stat in stats) / 1e6
            used = max((max(stat.st_mtime, stat.st_atime) for stat in stats), default=0.0)
            busy = folder.resolve() in busy_folders or _is_locked(folder)
            rows.append((folder.name, size, datetime.fromtimestamp(used), busy))
    table = pd.DataFrame(rows, columns=["name", "megabytes", "last_used", "in_use"])
    return table.sort_values("last_used", ignore_index=True)


def clear_cache(keep_gigabytes: float = 0.0) -> pd.DataFrame:
    """Remove recordings, oldest first and none in use, until no more than so much is left.

    A recording that is needed again is made again.

    Returns
    -------
    DataFrame
        The rows of `list_cache` that were removed.
    """
    table, removed = list_cache(), []
    left = table["megabytes"].sum()
    for row in table.itertuples():
        if left <= keep_gigabytes * 1e3:
            break
        if not row.in_use and _remove(cache_folder() / row.name):
            removed.append(row.Index)
            left -= row.megabytes
    return table.loc[removed]


def _lock(folder: Path) -> FileLock:
    """The lock under which a recording is made, see `files.only_one`."""
    name = RECORDING.fullmatch(folder.name)[1]
    return FileLock(folder.with_name(f".{name}.lock"))


def _is_locked(folder: Path) -> bool:
    lock = _lock(folder)
    if not Path(lock.lock_file).exists():
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except (Timeout, OSError, NotImplementedError):
        return True


def _remove(folder: Path) -> bool:
    """Remove a folder under its lock; False where a process has it."""
    with suppress(Timeout, OSError, NotImplementedError), _lock(folder).acquire(timeout=0):
        shutil.rmtree(folder)  # an open file cannot be removed on Windows
        return True
    return False


def _open_folders() -> set[Path]:
    """Folders of the files that processes hold open; a file mapped into memory is one."""
    folders = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # ended by now, or of another user
            folders |= {Path(file.path).parent for file in process.open_files()}
    return folders
