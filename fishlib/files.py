"""Files that appear whole or not at all, when two things count as the same, and the cache."""

import ast
import hashlib
import json
import os
import re
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
import psutil
from filelock import FileLock, Timeout


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a temporary file beside ``path``, then give it its final name.

    Parameters
    ----------
    path : str or Path
        The final name.
    write : callable
        Gets the temporary path, which has the same ending.

    Returns
    -------
    Path
        The final name.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def save_arrays(path: Path, **arrays: np.ndarray) -> Path:
    """Save named arrays as one ``.npz``."""
    return write_atomically(path, lambda part: np.savez(part, **arrays))


def flatten(forecasts: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Forecasts by question and forecaster as arrays named "question/forecaster"."""
    return {f"{q}/{name}": p for q, of_one in forecasts.items() for name, p in of_one.items()}


def nest(flat: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Undo :func:`flatten`."""
    nested: dict[str, dict] = {}
    for key, forecast in flat.items():
        question, _, forecaster = key.partition("/")
        nested.setdefault(question, {})[forecaster] = forecast
    return nested


def write_text(path: Path, text: str) -> Path:
    """Write a text file in UTF-8."""
    return write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def decode(raw: bytes) -> str:
    """Text in UTF-8, with or without a byte order mark, UTF-16 with one, or in cp1252."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def delimiter_of(line: str) -> str:
    """What separates the cells of a table's header: comma, semicolon or tab."""
    return max(",;\t", key=line.count)


def plain_name(name: str) -> str:
    """A column's name in small letters, without signs."""
    return re.sub(r"[\W_]+", " ", name).strip().lower()


def read_table(path: str | Path, **how: object) -> pd.DataFrame:
    """Read a table whose first line names its columns, whatever program wrote it.

    Parameters
    ----------
    path : str or Path
    **how
        Passed on to ``pandas.read_csv``.

    Returns
    -------
    DataFrame
        Its columns by their plain names, see :func:`plain_name`.

    Raises
    ------
    ValueError
        It is no table.
    """
    text = decode(Path(path).read_bytes())
    mark = delimiter_of(text.partition("\n")[0])
    how |= {"sep": mark, "decimal": "," if mark == ";" else ".", "skipinitialspace": True}
    try:
        return pd.read_csv(StringIO(text), index_col=False, **how).rename(columns=plain_name)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path} is no table: {str(error).strip()}.") from None


CHUNK = 1 << 20
PACKAGE = Path(__file__).resolve().parent
RECORDING_CODE = ("motion.py", "preparation", "recording", "spans.py", "splits.py", "video")
"""Files and folders of the package that decide what a prepared recording contains."""


def cache_folder() -> Path:
    """Folder of the cache: FISHLIB_CACHE, or data/cache of the checkout, or the user's cache."""
    if os.environ.get("FISHLIB_CACHE"):
        return Path(os.environ["FISHLIB_CACHE"])
    data = PACKAGE.parent / "data"
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


def hash_arrays(*arrays: np.ndarray) -> str:
    """A short hash of arrays: a training is resumed on the same data only."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def check_space(
    folder: Path,
    n_bytes: int,
    what: str = "the recording",
    instead: str = "set FISHLIB_CACHE to another disk",
) -> None:
    """Raise OSError if the disk of a folder has no room for so many bytes more."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OSError(
            f"{folder} has {free / 1e6:.0f} MB free, but {what} needs {n_bytes / 1e6:.0f} MB: free "
            f"some space or {instead}."
        )


_ONE_PARSER = threading.Lock()
"""CPython 3.11 counts the depth of all syntax trees in one place: two threads may not parse at once
(https://github.com/python/cpython/issues/106905)."""


def code_version(*parts: str) -> str:
    """Hash of what some files and folders of the package do: comments and docstrings do not count.

    Parameters
    ----------
    *parts : str
        Paths inside the package; of a folder every ``.py`` file counts.

    Raises
    ------
    FileNotFoundError
        A part is no longer there.
    """
    digest = hashlib.sha256()
    for part in map(PACKAGE.joinpath, parts):
        files = sorted(part.rglob("*.py")) if part.is_dir() else [part]
        if not part.exists():
            raise FileNotFoundError(f"{part} is no longer there: correct the list that names it.")
        for file in files:
            code = _what_it_does(file.read_text(encoding="utf-8"))
            digest.update(f"{file.relative_to(PACKAGE).as_posix()}: {code}".encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=128)
def _what_it_does(text: str) -> str:
    """A program without comments and docstrings, as its syntax tree."""
    with _ONE_PARSER:
        return ast.dump(_WithoutTexts().visit(ast.parse(text)))


class _WithoutTexts(ast.NodeTransformer):
    """A syntax tree without docstrings and other bare strings."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Drop a statement that is a text."""
        value = node.value
        return None if isinstance(value, ast.Constant) and isinstance(value.value, str) else node


def make_key(name: str, contents: dict, code: Sequence[str] = RECORDING_CODE) -> str:
    """Folder name of what is cached: its name, and a hash of all that decides its content.

    Parameters
    ----------
    name : str
    contents : dict
        What it was made from.
    code : sequence of str
        What made it, see :func:`code_version`.
    """
    told = {**contents, "code": code_version(*code)}
    text = json.dumps(told, sort_keys=True, default=str)
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:40]
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


CANNOT_BE_HAD = (Timeout, OSError, NotImplementedError)
"""What a lock raises that another process has, or that the disk does not know."""


@contextmanager
def only_one(folder: Path, wait: bool = True) -> Iterator[None]:
    """Keep a folder to this process; released even by a kill.

    On a disk without locks a warning says so, and nothing is waited for.

    Parameters
    ----------
    folder : Path
    wait : bool
        Wait until no other process has it.

    Raises
    ------
    Timeout
        Another process has it, and is not waited for.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock_beside(folder)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except CANNOT_BE_HAD as error:
        if not wait and _knows_locks(folder):
            raise Timeout(lock.lock_file) from None
        warnings.warn(
            f"{folder.parent} is on a disk that knows no locks ({error}): do not make one thing "
            "there in two processes at the same time.",
            stacklevel=3,
        )
    try:
        yield
    finally:
        lock.release()


def _lock_beside(folder: Path) -> FileLock:
    return FileLock(folder.with_name(f".{folder.name}.lock"), is_singleton=True)


def _is_free(lock: FileLock) -> bool:
    try:
        with lock.acquire(timeout=0):
            return True
    except CANNOT_BE_HAD:
        return False


def _knows_locks(folder: Path) -> bool:
    """Whether a lock of its own can be had beside a folder."""
    probe = FileLock(folder.with_name(f".{folder.name}.{os.getpid()}.lock"))
    free = _is_free(probe)
    Path(probe.lock_file).unlink(missing_ok=True)
    return free


RECORDING = re.compile(r"(.+-[0-9a-f]{16})(\.part)?")
"""Names of the folders that :func:`make_key` gives, done or on their way."""


def list_cache() -> pd.DataFrame:
    """The recordings in the cache, the one longest out of use first.

    Returns
    -------
    DataFrame
        ``name``, ``megabytes``, ``last_used`` and ``in_use``: whether a process prepares or
        reads it, as far as this system can tell.
    """
    cache, busy, rows = cache_folder(), _open_folders(), []
    for folder in cache.iterdir() if cache.is_dir() else ():
        if folder.is_dir() and (known := RECORDING.fullmatch(folder.name)):
            stats = [path.stat() for path in folder.rglob("*") if path.is_file()]
            size = sum(stat.st_size for stat in stats) / 1e6
            used = max((max(stat.st_mtime, stat.st_atime) for stat in stats), default=0.0)
            lock = FileLock(_lock_beside(folder.with_name(known[1])).lock_file)  # not this one's
            is_made = Path(lock.lock_file).exists() and not _is_free(lock)
            in_use = is_made or folder.resolve() in busy
            rows.append((folder.name, size, datetime.fromtimestamp(used), in_use))
    table = pd.DataFrame(rows, columns=["name", "megabytes", "last_used", "in_use"])
    return table.sort_values("last_used", ignore_index=True)


def clear_cache(keep_gigabytes: float = 0.0) -> pd.DataFrame:
    """Remove recordings, oldest first and none in use, until no more than so much is left.

    A recording that is needed again is made again.

    Returns
    -------
    DataFrame
        The rows of :func:`list_cache` that were removed.
    """
    table, removed = list_cache(), []
    left = table["megabytes"].sum()
    for row in table[~table["in_use"].astype(bool)].itertuples():
        if left <= keep_gigabytes * 1e3:
            break
        folder = cache_folder() / row.name
        lock = _lock_beside(folder.with_name(RECORDING.fullmatch(row.name)[1]))
        with suppress(*CANNOT_BE_HAD), lock.acquire(timeout=0):
            shutil.rmtree(folder)  # an open file cannot be removed on Windows
            removed.append(row.Index)
            left -= row.megabytes
    return table.loc[removed]


def _open_folders() -> set[Path]:
    """Folders of the files that processes hold open; a file mapped into memory is one."""
    folders = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # ended by now, or of another user
            folders |= {Path(file.path).parent for file in process.open_files()}
    return folders


def project_path(path: str | Path) -> Path:
    """A path as seen from the project's top, also from inside its ``notebooks`` folder."""
    here = Path.cwd()
    top = here.parent if here.name == "notebooks" and (here / "01_problem.ipynb").exists() else here
    return Path(os.path.abspath(top / Path(path).expanduser()))


@contextmanager
def quietly() -> Iterator[None]:
    """Silence what libraries write to the error stream below Python, as TensorFlow's import does.

    Python's own warnings and errors still appear: they do not pass through the file descriptor.
    A TensorFlow imported here computes with oneDNN unless ``TF_ENABLE_ONEDNN_OPTS`` says
    otherwise: on older processors that is faster, but not its own choice.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def plain(value):
    """A value that JSON knows: numpy numbers become plain ones, NaN becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value
