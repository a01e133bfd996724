"""Files that appear whole or not at all, the cache, and when two things count as the same."""

import ast
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pooch
from filelock import FileLock


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


CHUNK = 1 << 20
PACKAGE = Path(__file__).resolve().parent
RECORDING_CODE = ("motion.py", "preparation", "recording", "spans.py", "splits.py", "video")
"""Files and folders of the package that decide what a prepared recording contains."""


def cache_folder() -> Path:
    """Folder of the cache: FISHLIB_CACHE, or data/cache of the checkout, or the user's cache."""
    if os.environ.get("FISHLIB_CACHE"):
        return Path(os.environ["FISHLIB_CACHE"])
    data = Path(__file__).resolve().parents[1] / "data"
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
            tree = ast.parse(file.read_text(encoding="utf-8"))
            digest.update(f"{file.relative_to(PACKAGE).as_posix()}: {_code_of(tree)}".encode())
    return digest.hexdigest()[:16]


def _code_of(tree: ast.Module) -> str:
    """The syntax tree of a module as text, without docstrings and other bare strings."""
    for node in ast.walk(tree):
        if isinstance(getattr(node, "body", None), list):
            node.body = [one for one in node.body if not _is_text(one)]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


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


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Wait until no other process makes the same cached folder; released even by a kill.

    On a disk without locks a warning says so, and nothing is waited for.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        warnings.warn(
            f"{folder.parent} is on a disk that knows no locks ({error}): do not read one film "
            "from two processes at the same time.",
            stacklevel=3,
        )
    try:
        yield
    finally:
        lock.release()


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
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def plain(value):
    """A value that JSON knows: numpy numbers become plain ones, NaN becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if np.isfinite(value) else None
    return value
