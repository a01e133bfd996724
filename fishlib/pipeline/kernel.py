"""One notebook, executed in a kernel of this interpreter and in an environment of our own."""

import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill import execute_notebook
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from fishlib.files import cache_folder, write_text
from fishlib.pipeline import NotebookFailed

CELL_TIMEOUT = 24 * 3600
NO_SPACE = "No space left on device"


def kernel_environment() -> dict[str, str]:
    """What a kernel's environment must say, whatever other programs' settings are."""
    private = cache_folder()
    with suppress(OSError):  # IPython takes a folder for itself where this cannot be made
        private.mkdir(parents=True, exist_ok=True)
    return {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(private / "keras"),
        "IPYTHONDIR": str(private / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # older kernels write a page about it
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
    }


class OwnKernel(AsyncKernelManager):
    """A kernel of this interpreter: kernels that are installed somewhere do not count."""

    log_file: int | None = None
    """Descriptor that gets what the process writes to its error stream."""
    exit_code: int | None = None
    """Of the kernel last found dead; below 0 the signal that ended it."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """How the kernel is started."""
        return KernelSpec(**get_kernel_dict(), env=kernel_environment())

    async def start_kernel(self, **how) -> None:
        """Start the process, its error stream in the log."""
        type(self).exit_code = None
        await super().start_kernel(**how, stderr=self.log_file)
        self.group = getattr(self.provisioner, "pgid", None)

    async def is_alive(self) -> bool:
        """Whether the process runs; notes how it ended."""
        alive = await super().is_alive()
        if not alive and self.provisioner is not None:
            type(self).exit_code = await self.provisioner.poll()
        return alive

    async def cleanup_resources(self, restart: bool = False) -> None:
        """End also what the kernel has started and left."""
        await super().cleanup_resources(restart=restart)
        if getattr(self, "group", None) and hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, signal.SIGKILL)


def execute(source: Path, run: Path, parameters: dict, progress: bool) -> Path:
    """Execute a notebook with papermill and put it into the run folder.

    Parameters
    ----------
    source : Path
        The notebook.
    run : Path
        An existing folder. Gets the executed notebook under its own name, or as
        ``NAME.failed.ipynb``; what libraries wrote to the error stream is in ``NAME.log``.
    parameters : dict
        Papermill parameters.
    progress : bool
        Show bars in the terminal.

    Raises
    ------
    NotebookFailed
        A cell stopped with an error, or the kernel died.
    """
    name, log = source.stem, run / f"{source.stem}.log"
    partial, failed = run / f".{name}.partial.ipynb", run / f"{name}.failed.ipynb"
    for old in (log, failed):
        old.unlink(missing_ok=True)
    try:
        _execute(source, partial, parameters, progress, log)
        save_result(partial, run / f"{name}.ipynb")
    except (PapermillExecutionError, DeadKernelError, RuntimeError, OSError) as error:
        sentence = _explain(name, error, partial, run)
        places = [f"As far as it came: {failed}"] if _save_failed(partial, failed) else []
        if log.exists():
            places.append(f"Its error stream: {log}")
        raise NotebookFailed(sentence, *places) from error
    except KeyboardInterrupt:
        logging.getLogger("asyncio").disabled = True  # it would tell of the cell left behind
        raise
    finally:
        partial.unlink(missing_ok=True)
    return run / f"{name}.ipynb"


def _execute(source: Path, partial: Path, parameters: dict, progress: bool, log: Path) -> None:
    with log.open("w", encoding="utf-8", errors="replace") as opened:
        OwnKernel.log_file = opened.fileno()
        execute_notebook(
            _unformatted(source),
            _unformatted(partial),
            parameters,
            kernel_name="python3",
            progress_bar={"desc": source.stem} if progress else False,
            log_output=False,
            stderr_file=_Stream(opened, progress),
            start_timeout=300,
            execution_timeout=CELL_TIMEOUT,
            kernel_manager_class=OwnKernel,
            config=Config({"KernelManager": {"transport_encryption": "auto"}}),
            cwd=str(Path.cwd()),
        )
    told = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in told if line.strip() and not line.startswith("[IPKernelApp]")]
    if not told:  # but how it was ended
        log.unlink()


class _Stream:
    """Where a kernel's error stream goes: bars to the terminal, all else to the log."""

    def __init__(self, log, progress: bool) -> None:
        self.log, self.progress = log, progress

    def write(self, text: str) -> None:
        if "%|" not in text and "\r" not in text:
            self.log.write(text)
        elif self.progress:
            sys.stderr.write(text)

    def flush(self) -> None:
        self.log.flush()
        sys.stderr.flush()


def _unformatted(path: Path) -> str:
    """A path that papermill, which formats paths, leaves as it is."""
    return str(path).replace("{", "{{").replace("}", "}}")


def save_result(partial: Path, target: Path) -> None:
    """Give an executed notebook its final name, without the progress of its run."""
    notebook = without_progress(nbformat.read(partial, 4))
    write_text(target, nbformat.writes(notebook) + "\n")


def _save_failed(partial: Path, failed: Path) -> bool:
    with suppress(OSError, nbformat.reader.NotJSONError):  # of a full disk, or none was written
        save_result(partial, failed)
        return True
    return False


def without_progress(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook without error streams and progress bars, which belong to the terminal."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]
    return notebook


def _is_progress(output) -> bool:
    data = output.get("data", {})
    is_bar = any("widget-view" in mime for mime in data) and "%|" in data.get("text/plain", "")
    return output.get("name") == "stderr" or is_bar


def _explain(name: str, error: Exception, partial: Path, run: Path) -> str:
    if NO_SPACE in str(error):
        return (
            f"{name} stopped because a disk is full: {_free(run)} in {run} and {_free()} in the "
            f"cache {cache_folder()}. Free some (fishlib cache shows what can go), then give the "
            "same command again."
        )
    if isinstance(error, PapermillExecutionError):
        value = " ".join(str(error.evalue).split())
        return f"{name} stopped in cell {error.cell_index + 1}: {error.ename}: {value}"
    if isinstance(error, OSError):
        return f"{name} stopped: {run} cannot be written ({error})."
    return (
        f"{name} stopped in cell {_cell_reached(partial)} because its Python process ended"
        f"{_how_it_ended()}: the same command goes on from what is done."
    )


def _cell_reached(partial: Path) -> int:
    """Number of the first cell that is not done, counted from 1."""
    cells = nbformat.read(partial, 4).cells if partial.exists() else []
    done = [cell.metadata.get("papermill", {}).get("status") == "completed" for cell in cells]
    return done.index(False) + 1 if False in done else len(done)


def _how_it_ended() -> str:
    code = OwnKernel.exit_code
    if code == -9:
        memory = psutil.virtual_memory()
        return (
            f", killed by signal 9, probably for want of memory (this machine has "
            f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB of them free now)"
        )
    if code is not None and code < 0:
        return f", killed by signal {-code}"
    return "" if code is None else f" with exit code {code}"


def _free(folder: Path | None = None) -> str:
    folder = cache_folder() if folder is None else folder
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return f"{psutil.disk_usage(str(existing)).free / 1e6:.0f} MB free"
