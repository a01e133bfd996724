"""Run the five notebooks, in order, into one run folder."""

import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from fishlib.files import check_space, only_one, project_path
from fishlib.parameters import check_values, read_parameters

NOTEBOOKS = (
    "01_problem",
    "02_labeling",
    "03_data_preparation",
    "04_convlstm_training",
    "05_evaluation",
)
CLONE = Path(__file__).resolve().parents[2]
HALF_WRITTEN = re.compile(r"\..+\.(partial\.ipynb|\d+(\.\w+)?)")
"""Names of what was not finished, as `files.write_atomically` and the kernels give them."""


class NotebookFailed(RuntimeError):
    """A notebook stopped; what it did until then is in the run folder.

    Attributes
    ----------
    places : tuple of str
        Lines that name the notebook as far as it came, and the log of its error stream.
    """

    def __init__(self, sentence: str, *places: str) -> None:
        super().__init__(sentence)
        self.places = places


def notebook_folder() -> Path:
    """The folder of the five notebooks, beside the package or below the current folder."""
    for folder in (CLONE / "notebooks", Path("notebooks").resolve()):
        if (folder / f"{NOTEBOOKS[0]}.ipynb").exists():
            return folder
    raise FileNotFoundError(
        "The notebooks folder was not found beside fishlib or in the current folder: run this from "
        "a clone of the repository."
    )


def read_set(name: str | Path) -> dict:
    """A named set of notebook parameters, of ``notebooks/sets`` or of a YAML file.

    Parameters
    ----------
    name : str or Path
        "quick" and the like, or a path; "default" is the empty set.

    Raises
    ------
    ValueError
        There is no such set, or it is no table of parameters.
    """
    if name == "default":
        return {}
    sets = notebook_folder() / "sets"
    found = [path for path in (sets / f"{name}.yaml", Path(name)) if path.is_file()]
    if not found:
        names = ", ".join(["default", *sorted(path.stem for path in sets.glob("*.yaml"))])
        raise ValueError(f"No set {str(name)!r}; there are: {names}, or give a YAML file.")
    return read_parameters(found[0])


def notebook_parameters(name: str) -> dict[str, str]:
    """Names and defaults (as written) of a notebook's papermill parameters."""
    from papermill import inspect_notebook

    found = inspect_notebook(str(notebook_folder() / f"{name}.ipynb"))
    return {key: parameter["default"] for key, parameter in found.items()}


def run_notebooks(
    run_dir: str | Path,
    parameters: dict | None = None,
    notebooks: Sequence[str] = NOTEBOOKS,
    html: bool = True,
    progress: bool = True,
) -> Path:
    """Execute notebooks with papermill; each gets the parameters it has.

    Parameters
    ----------
    run_dir : str or Path
        Where the executed notebooks, their HTML and all results land.
    parameters : dict, optional
        Papermill parameters, such as ``source``, ``seed`` and ``minutes``.
    notebooks : sequence of str
        Names without ending, in order.
    html : bool
        Also write each executed notebook as a page.
    progress : bool
        Show a bar over the cells and a line a notebook.

    Returns
    -------
    Path
        The run folder.

    Raises
    ------
    ValueError
        If none of the five notebooks has one of the parameters, or a value cannot be.
    RuntimeError
        If another process runs into the folder.
    OSError
        If the folder cannot be made, or its disk is full.
    NotebookFailed
        If a cell stopped with an error, or the kernel died.
    """
    parameters = check_values(parameters or {})
    check_inputs(parameters)
    run = Path(run_dir).resolve()
    run.mkdir(parents=True, exist_ok=True)
    check_space(run, 100_000_000, "a run", "give another run_dir")  # films are not kept here
    sys.modules.setdefault("rfc3987_syntax", None)  # jsonschema can do without, and a second sooner
    from fishlib.pipeline.notebook import OwnKernel, execute, write_page  # loads slowly

    known = {name: notebook_parameters(name) for name in NOTEBOOKS}
    unread = sorted(set(parameters).difference(*known.values()))
    if unread:
        raise ValueError(f"None of the notebooks reads {', '.join(unread)} yet: leave it out.")
    written, top = [], notebook_folder().parent
    with hold(run), ThreadPoolExecutor(2) as beside, ExitStack() as kernels:
        waiting = []
        for name in notebooks:
            waiting.append(OwnKernel(top / "notebooks" / f"{name}.ipynb", run / f"{name}.log"))
            kernels.callback(waiting[-1].end)
        for begun, name in enumerate(notebooks):  # beside it the next begins, the last is finished
            started = time.monotonic()
            for kernel in waiting[begun + (begun > 0) : begun + 2]:
                kernel.begin()
            chosen = {key: value for key, value in parameters.items() if key in known[name]}
            execute(waiting[begun], run, {**chosen, "run_dir": str(run)}, progress)
            written.append(beside.submit(waiting[begun].end, now=False))
            if html:
                written.append(beside.submit(write_page, run / f"{name}.ipynb", top))
            if progress:
                print(f"{name}: done in {time.monotonic() - started:.0f} s", flush=True)
        for one in written:
            one.result()
    return run


def check_inputs(parameters: dict) -> None:
    """Refuse a film, or a file of events, tracks or a network, that a run could not use.

    Raises
    ------
    ValueError, OSError
        The sentence names it. Nothing was made yet, and little is read.
    """
    from fishlib.facts import PUBLISHED, check_file, read_facts
    from fishlib.recording import check_film
    from fishlib.recording.films import OWN, list_films

    of_film = ("source", "minutes", "preparation", "fps")
    given = {"source": "simulated"} | {n: parameters[n] for n in of_film if n in parameters}
    film, films = check_film(**given), list_films(given["source"])
    named = {name: [parameters[name]] for name in OWN if parameters.get(name)}
    if "tracks" in named and film is None:
        told = named["tracks"][0]
        raise ValueError(f"{told} has the tracks of one film: give that film, and it alone.")
    for name in [] if films is None else films.columns.intersection(OWN):
        if name in named:
            raise ValueError(f"The {name} are given twice: in {given['source']}, and by -p {name}.")
        named[name] = films[name].dropna()
    if "events" in named:
        from fishlib.evaluation.export import read_sheet

        for path in named["events"]:
            read_sheet(project_path(path))
    if "tracks" in named:
        from fishlib.animals import load_tracks

        for path in named["tracks"]:
            load_tracks(path, film.fps * film.every if film else 1000.0)
    model = parameters.get("model", "train")
    if model not in ("train", *PUBLISHED):
        check_file(project_path(model))
        read_facts(project_path(parameters.get("facts") or model))


@contextmanager
def hold(run: Path) -> Iterator[None]:
    """Keep a run folder to this process, and clear what a killed one left half written.

    The lock ends with the process, however that ends. On a disk without locks a warning says so.

    Raises
    ------
    RuntimeError
        Another process runs into the folder.
    """
    owner = run.with_name(f".{run.name}.pid")
    with ExitStack() as kept:
        try:
            kept.enter_context(only_one(run, wait=False))
        except Timeout:
            holder = "unknown"
            with suppress(OSError):
                holder = owner.read_text()
            raise RuntimeError(
                f"{run} is in use by process {holder}: wait for its end, or give another run_dir."
            ) from None
        with suppress(OSError):  # it is only there to be told
            owner.write_text(f"{os.getpid()} on {socket.gethostname()}")
        kept.callback(owner.unlink, missing_ok=True)
        for path in run.rglob(".*"):
            if HALF_WRITTEN.fullmatch(path.name):
                path.unlink(missing_ok=True)
        yield
