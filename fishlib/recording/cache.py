"""Where prepared recordings are kept, and under which key."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pooch

try:
    import fcntl
except ImportError:  # Windows: two processes must not prepare the same film at the same time
    fcntl = None

CHUNK = 1 << 20
PACKAGE = Path(__file__).resolve().parents[1]
CODE = (
    "motion.py", "preparation/__init__.py", "preparation/animals.py", "preparation/ground.py",
    "preparation/sample.py", "preparation/suggestion.py", "recording/making.py",
    "recording/repairs.py", "video/__init__.py", "video/clock.py", "video/folder.py",
    "video/size.py",
)  # fmt: skip


def cache_folder() -> Path:
    """Folder of the cache: FISHLIB_CACHE, or data/cache of the checkout, or the user's cache."""
    if os.environ.get("FISHLIB_CACHE"):
        return Path(os.environ["FISHLIB_CACHE"])
    data = Path(__file__).resolve().parents[2] / "data"
    return data / "cache" if data.is_dir() else Path(pooch.os_cache("fishlib"))


def fingerprint(path: Path) -> str:
    """Hash of a film's content.

    Up to 64 MiB every byte counts. Of a larger film 64 pieces of 1 MiB count, evenly spread, and
    its size and the time of its last change; of a larger folder name, size and time of each image.
    """
    digest = hashlib.sha256()
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    total = sum(file.stat().st_size for file in files)
    for file in files:
        stat = file.stat()
        digest.update(f"{file.name if path.is_dir() else ''}:{stat.st_size}".encode())
        if total <= 64 * CHUNK:
            digest.update(file.read_bytes())
            continue
        digest.update(str(stat.st_mtime_ns).encode())
        if len(files) == 1:
            with file.open("rb") as opened:
                for offset in np.linspace(0, stat.st_size - CHUNK, 64).astype(int):
                    opened.seek(int(offset))
                    digest.update(opened.read(CHUNK))
    return digest.hexdigest()


def check_space(folder: Path, n_bytes: int) -> None:
    """Raise OSError if the disk of a folder has no room for so many bytes more."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OSError(
            f"{folder} has {free / 1e6:.0f} MB free, but the recording needs {n_bytes / 1e6:.0f} "
            "MB: free some space or set FISHLIB_CACHE to another disk."
        )


def code_version() -> str:
    """Hash of the modules that decide what a prepared recording contains."""
    digest = hashlib.sha256()
    for name in CODE:
        digest.update((PACKAGE / name).read_bytes())
    return digest.hexdigest()[:16]


def make_key(name: str, contents: dict) -> str:
    """Folder name of a recording: its name and a hash of all that decides its content."""
    text = json.dumps({**contents, "code": code_version()}, sort_keys=True, default=str)
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:40]
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Wait until no other process prepares the same recording; released even by a kill."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
