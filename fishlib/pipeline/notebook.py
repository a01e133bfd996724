"""One notebook: executed in a kernel of this interpreter, and shown as a page of its own.

The kernel has an environment of our own. The page has figures of its own run, and loads nothing
from elsewhere.
"""

import json
import logging
import os
import re
import shutil
import signal
import sys
from base64 import b64encode
from contextlib import suppress
from html import escape
from pathlib import Path

import nbformat
import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from latex2mathml.converter import convert
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_markdown_cell, new_notebook
from papermill import execute_notebook
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from fishlib.files import cache_folder, write_text
from fishlib.pipeline import NotebookFailed


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
    """A kernel of this interpreter: kernels that are installed somewhere do not count.

    It begins with the imports of a notebook, its first cell with code, and those of figures, so
    that one that is started while another notebook runs is ready when it is wanted.

    Parameters
    ----------
    source : Path
        The notebook.
    log_file : Path
        Gets what the process writes to its error stream.

    Attributes
    ----------
    exit_code : int or None
        Of the process, if it had ended before :meth:`end`; below 0 the signal that ended it.
    """

    def __init__(self, source: Path, log_file: Path) -> None:
        super().__init__(config=Config({"KernelManager": {"transport_encryption": "auto"}}))
        self.source, self.log_file, self.exit_code, self.group = source, log_file, None, None
        self.begun, self.channels = False, None

    @property
    def kernel_spec(self) -> KernelSpec:
        """How the kernel is started."""
        spec = KernelSpec(**get_kernel_dict(), env=kernel_environment())
        cells = nbformat.read(self.source, 4).cells
        first = next((cell.source for cell in cells if cell.cell_type == "code"), "")
        if first.startswith(("import ", "from ")):
            spec.argv.append(f"--IPKernelApp.exec_lines={first}\nimport fishlib.figures.skill")
        return spec

    def begin(self) -> None:
        """Start the process, and do not wait until it is ready."""
        self.log_file.unlink(missing_ok=True)
        with self.log_file.open("a", encoding="utf-8") as log:
            run_sync(self.start_kernel)(stderr=log)
        self.begun = True
        self.group = getattr(self.provisioner, "pgid", None)

    def client(self, **how):
        """What talks to the kernel."""
        self.channels = super().client(**how)
        return self.channels

    def end(self, now: bool = True) -> None:
        """End the process, and what it has started and left; keep its log if it says something."""
        if self.channels is not None:
            self.channels.stop_channels()
            self.channels = None
        if not self.begun:
            return
        self.begun = False
        self.exit_code = run_sync(self.provisioner.poll)()
        if self.exit_code is None:
            run_sync(self.shutdown_kernel)(now=now)
        else:
            run_sync(self.cleanup_resources)()
        told = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        if not any(line.strip() and not line.startswith("[IPKernelApp]") for line in told):
            self.log_file.unlink()  # it only says how the kernel was ended

    async def cleanup_resources(self, restart: bool = False) -> None:
        """End also what the kernel has started and left."""
        await super().cleanup_resources(restart=restart)
        if getattr(self, "group", None) and hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, signal.SIGKILL)


class SavedOnce(NBClientEngine):
    """Saves a notebook when it ends, however that is, not before and after each of its cells."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, **how):
        """Execute the cells."""
        path, nb_man.output_path = nb_man.output_path, None
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **how)
        finally:
            nb_man.output_path = path


papermill_engines.register("saved once", SavedOnce)


def execute(kernel: OwnKernel, run: Path, parameters: dict, progress: bool) -> None:
    """Execute a notebook with papermill and put it into the run folder.

    Parameters
    ----------
    kernel : OwnKernel
        Begun with the notebook as its source; it goes on, unless the notebook failed.
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
    name, log = kernel.source.stem, kernel.log_file
    partial, failed = run / f".{name}.partial.ipynb", run / f"{name}.failed.ipynb"
    failed.unlink(missing_ok=True)
    try:
        _execute(kernel, partial, parameters, progress)
        save_result(partial, run / f"{name}.ipynb")
    except (PapermillExecutionError, DeadKernelError, RuntimeError, OSError) as error:
        kernel.end()
        with suppress(OSError, nbformat.reader.NotJSONError):  # a full disk, or none was written
            save_result(partial, failed)
        told = {"As far as it came": failed, "Its error stream": log}
        places = [f"{what}: {path}" for what, path in told.items() if path.exists()]
        raise NotebookFailed(_explain(kernel, error, partial, run), *places) from error
    except KeyboardInterrupt:
        logging.getLogger("asyncio").disabled = True  # it would tell of the cell left behind
        raise
    finally:
        partial.unlink(missing_ok=True)


def _execute(kernel: OwnKernel, partial: Path, parameters: dict, progress: bool) -> None:
    log = kernel.log_file
    with log.open("a", encoding="utf-8", errors="replace") as opened:
        execute_notebook(
            _unformatted(kernel.source),
            _unformatted(partial),
            parameters,
            engine_name="saved once",
            kernel_name="python3",
            progress_bar={"desc": kernel.source.stem} if progress else False,
            log_output=False,
            stderr_file=_Stream(opened, progress),
            start_timeout=300,
            execution_timeout=24 * 3600,
            km=kernel,
            cwd=str(Path.cwd()),
        )


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


def _explain(kernel: OwnKernel, error: Exception, partial: Path, run: Path) -> str:
    name = kernel.source.stem
    if "No space left on device" in str(error):
        return (
            f"{name} stopped because a disk is full: {_free(run)} and, in the cache, "
            f"{_free(cache_folder())}. Free some (fishlib cache shows what can go), then give the "
            "same command again."
        )
    if isinstance(error, PapermillExecutionError):
        value = " ".join(str(error.evalue).split())
        return f"{name} stopped in cell {error.cell_index + 1}: {error.ename}: {value}"
    if isinstance(error, OSError):
        return f"{name} stopped: {run} cannot be written ({error})."
    return (
        f"{name} stopped in cell {_cell_reached(partial)} because its Python process ended"
        f"{_how_it_ended(kernel.exit_code)}: the same command goes on from what is done."
    )


def _cell_reached(partial: Path) -> int:
    """Number of the first cell that is not done, counted from 1."""
    cells = nbformat.read(partial, 4).cells if partial.exists() else []
    done = [cell.metadata.get("papermill", {}).get("status") == "completed" for cell in cells]
    return done.index(False) + 1 if False in done else len(done)


def _how_it_ended(code: int | None) -> str:
    memory = psutil.virtual_memory()
    if code is None or code >= 0:
        return "" if code is None else f" with exit code {code}"
    cause = (
        f", probably for want of memory (this machine has {memory.total / 1e9:.1f} GB, "
        f"{memory.available / 1e9:.1f} GB of them free now)"
    )
    return f", killed by signal {-code}" + cause * (code == -9)


def _free(folder: Path) -> str:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return f"{shutil.disk_usage(existing).free / 1e6:.0f} MB free in {folder}"


BENCHMARK_FIGURES = ("sweep.png", "tank_motion.png", "between_films.png")
"""Figures of the repository, besides its drawings, that the notebooks show and no run makes."""
STYLE = """<style>
main { max-width: 62rem; margin: auto; color: #1f2933 }
main a { color: #0069a6 !important }
.jp-InputArea-editor { border-left: 3px solid #0069a6 !important; overflow-x: auto !important }
.jp-OutputArea-output pre { word-break: normal !important; overflow-wrap: anywhere }
main img, main video { max-width: 100%; height: auto; background: white }
</style></head>"""
"""The look of the site; on a phone code scrolls in its box."""
MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<!\$)\$(?P<inline>[^$\n]+)\$(?!\$)", re.DOTALL)


def write_page(path: Path, repository: Path) -> Path:
    """Write an executed notebook as a page that can be read offline.

    Equations become MathML, which browsers draw by themselves; links lead to the other pages of
    the run.

    Parameters
    ----------
    path : Path
        The executed notebook.
    repository : Path
        Folder with the ``figures`` that no run makes, drawings and benchmarks, and the glossary.

    Returns
    -------
    Path
        The page, beside the notebook.
    """
    words, glossary = repository / "notebooks" / "glossary.md", path.with_name("glossary.html")
    if words.exists() and not glossary.exists():  # every notebook links to it
        cell = new_markdown_cell(words.read_text(encoding="utf-8"))
        _write_html(new_notebook(cells=[cell]), glossary, repository)
    notebook = without_progress(nbformat.read(path, 4))
    leave_out_study(notebook, path.with_name("labels.json"))
    return _write_html(notebook, path.with_suffix(".html"), repository)


def _write_html(notebook, page: Path, repository: Path) -> Path:
    hidden = sys.modules.setdefault("notebook", None)  # nbconvert would run a user's notebook.py
    from nbconvert import HTMLExporter

    if hidden is None:
        sys.modules.pop("notebook", None)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = as_in_run(cell.source, page.parent, repository)
    show_on_phones(notebook, page.parent / "figures")
    urls = ("mathjax_url", "require_js_url", "jquery_url", "mermaid_js_url", "widget_renderer_url")
    exporter = HTMLExporter(**dict.fromkeys(urls, ""))
    html, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": page.stem}})
    html = re.sub(r'<script[^>]*src="[^"]*"[^>]*>\s*</script>', "", html)
    return write_text(page, html.replace("</head>", STYLE, 1))


def leave_out_study(notebook, questions: Path) -> None:
    """Put a sentence in the place of the cells about the study, where a run does not show it."""
    told = json.loads(questions.read_text(encoding="utf-8")) if questions.exists() else {}
    if not (reason := told.get("without_study")):
        return
    kept: list = []
    for cell in notebook.cells:
        if "study" not in cell.metadata.get("tags", []):
            kept.append(cell)
        elif not kept or kept[-1].source != f"*{reason}*":
            kept.append(new_markdown_cell(f"*{reason}*"))
    notebook.cells = kept


def show_on_phones(notebook, figures: Path) -> None:
    """Give the figures of a notebook, in text and outputs, their variants drawn for a phone; and
    keep the ends of an interval in its tables together."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if table := output.get("data", {}).get("text/html"):
                output.data["text/html"] = re.sub(r"(\[[−\d.]+), ", "\\1,&nbsp;", table)
        saved = re.search(r'save_figure\("(\w+)"', cell.source)
        if cell.cell_type == "markdown":
            cell.source = with_phone_figures(cell.source, figures)
        elif saved and (figures / "phone" / f"{saved[1]}.png").exists():
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", saved[1])
            for output in cell.outputs:
                if wide := output.get("data", {}).pop("image/png", None):
                    output.data["text/html"] = _picture(figures, saved[1], wide.strip(), alt)


def with_phone_figures(text: str, figures: Path) -> str:
    """Markdown whose pictures become those of a phone on a phone, where there are such."""

    def both(image: re.Match) -> str:
        wide = figures / f"{image[2]}.png"
        if not (figures / "phone" / wide.name).exists() or not wide.exists():
            return image[0]
        return _picture(figures, image[2], b64encode(wide.read_bytes()).decode(), image[1])

    return re.sub(r"!\[([^\]]*)\]\((?:\.\./)*figures/(\w+)\.png\)", both, text)


def _picture(figures: Path, name: str, wide: str, alt: str) -> str:
    png = "data:image/png;base64,"
    narrow = b64encode((figures / "phone" / f"{name}.png").read_bytes()).decode()
    return (
        f'<picture><source media="(max-width: 600px)" srcset="{png}{narrow} 2x">'
        f'<img src="{png}{wide}" alt="{escape(alt)}"></picture>'
    )


def as_in_run(text: str, run: Path, repository: Path) -> str:
    """Markdown as it is in a run folder; a picture that this run did not make is left out."""

    def picture(match: re.Match) -> str:
        name, made = Path(match[1]).name, run / match[1]
        if name.endswith(".svg") or name in BENCHMARK_FIGURES:
            for drawn in (repository / "figures").rglob(name):  # for a phone too
                copy = made.parent / drawn.relative_to(repository / "figures")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(drawn, copy)
        return match[0].replace("../figures/", "figures/") if made.exists() else ""

    text = re.sub(r"!\[[^\]]*\]\(\.\./(figures/\w+\.(?:png|svg))\)", picture, text)
    text = re.sub(r"\((\d\d_\w+)\.ipynb\)", r"(\1.html)", text)
    text = re.sub(r"(?<!!)\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", text)  # it is not in the run
    text = re.sub(r"\(glossary\.md(#\w+)?\)", lambda link: f"(glossary.html{link[1] or ''})", text)
    code = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.DOTALL)
    return "".join(part if part.startswith("`") else MATH.sub(_mathml, part) for part in code)


def _mathml(match: re.Match) -> str:
    if match["block"]:
        return convert(" ".join(match["block"].split()), display="block")
    return convert(match["inline"])
