"""One run: small notebooks stand for the five, each in a kernel of its own."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import nbformat
import numpy as np
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fishlib import pipeline
from fishlib.pipeline import NotebookFailed, run_notebooks
from fishlib.pipeline import notebook as execution
from fishlib.video import write_video

NAME = pipeline.NOTEBOOKS[0]
PARAMETERS = 'source = "simulated"  # a film\nrun_dir = ""  # where\nseed = 0  # of the tank'


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A function that makes all notebooks of a clone of the same few cells."""
    monkeypatch.setattr(pipeline, "CLONE", tmp_path / "clone")
    (tmp_path / "clone" / "notebooks").mkdir(parents=True)

    def make(*sources):
        first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        cells = [new_markdown_cell("# Fish"), first, *map(new_code_cell, sources)]
        path = tmp_path / "clone" / "notebooks" / f"{NAME}.ipynb"
        spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
        for other in pipeline.NOTEBOOKS[1:]:
            shutil.copy(path, path.with_name(f"{other}.ipynb"))

    return make


def outputs(path):
    cells = nbformat.read(path, 4).cells
    return [output for cell in cells for output in cell.get("outputs", [])]


def run(folder, parameters=None, **how):
    return run_notebooks(folder, parameters, [NAME], progress=False, **how)


NOISE = """
import os, sys
from tqdm import tqdm
from tqdm.notebook import tqdm as drawn
for _ in tqdm(range(3)): pass
for _ in drawn(range(3)): pass
os.write(2, b"a library's own words")
print("a result")
"""


def test_what_it_keeps_and_its_page_hold_results_and_no_progress(notebook, tmp_path):
    notebook(NOISE, "sys.stderr.write('more');")
    folder = run(tmp_path / "run")
    kept = outputs(folder / f"{NAME}.ipynb")
    assert [output.get("name") for output in kept] == ["stdout"]
    page = (folder / f"{NAME}.html").read_text(encoding="utf-8")
    assert "a result" in page
    assert 'data-mime-type="application/vnd.jupyter.stderr"' not in page
    assert "3/3" not in page
    assert not list(folder.glob(".*"))


def test_a_notebook_that_fails_is_kept_as_far_as_it_came(notebook, tmp_path):
    notebook("import sys; sys.stderr.write('noise');", "raise ValueError('no fish')", "print(1)")
    with pytest.raises(NotebookFailed, match=rf"{NAME} stopped in cell 5: ValueError: no fish"):
        run(tmp_path / "run", {"seed": 1})
    kept = outputs(tmp_path / "run" / f"{NAME}.failed.ipynb")
    assert [output.output_type for output in kept] == ["error"]
    assert not list((tmp_path / "run").glob(".*"))


@pytest.mark.parametrize("name", ["{run}", "a b [1]*", "-x"])
def test_the_run_folder_may_have_any_name(notebook, tmp_path, name):
    notebook("print(source, seed)")
    film = write_video(tmp_path / "{film}.avi", np.zeros((180, 24, 32), np.uint8), 30)
    folder = run(tmp_path / name, {"source": str(film), "seed": 4}, html=False)
    assert folder == tmp_path / name
    (said,) = outputs(folder / f"{NAME}.ipynb")
    assert said.text == f"{film} 4\n"


def test_an_absurd_parameter_stops_before_any_kernel_starts(tmp_path):
    with pytest.raises(ValueError, match="seed is 'fish'"):
        run_notebooks(tmp_path / "run", {"seed": "fish"})
    assert not (tmp_path / "run").exists()


def test_a_parameter_that_no_notebook_reads_is_not_passed_over(notebook, tmp_path):
    notebook("print(1)")
    with pytest.raises(ValueError, match="None of the notebooks reads epochs yet"):
        run(tmp_path / "run", {"epochs": 3})


def test_the_kernel_is_this_interpreter_whatever_is_installed(notebook, tmp_path, monkeypatch):
    foreign = tmp_path / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["no-such-python"], "display_name": "Python 3", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    notebook("import sys; print(sys.executable)")
    folder = run(tmp_path / "run", html=False)
    assert outputs(folder / f"{NAME}.ipynb")[0].text.strip() == sys.executable


def test_a_kernel_begins_with_its_imports_and_does_not_count_them(notebook, tmp_path):
    notebook("print(ahead, In[1][:10])")
    path = tmp_path / "clone" / "notebooks" / f"{NAME}.ipynb"
    made = nbformat.read(path, 4)
    imports = "import sys; ahead = 'colorsys' in sys.modules; import colorsys"
    made.cells.insert(0, new_code_cell(imports))
    nbformat.write(made, path)
    kept = outputs(run(tmp_path / "run", html=False) / f"{NAME}.ipynb")
    assert kept[0].text == "True import sys\n"


DRAW = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"


@pytest.mark.parametrize("backend", ["Agg", "TkAgg"])
def test_figures_are_drawn_whatever_backend_others_set(notebook, tmp_path, monkeypatch, backend):
    monkeypatch.setenv("MPLBACKEND", backend)
    notebook(DRAW)
    kept = outputs(run(tmp_path / "run", html=False) / f"{NAME}.ipynb")
    assert [output for output in kept if "image/png" in output.get("data", {})]


def test_the_networks_are_tensorflow_s_whatever_keras_is_set_to(notebook, tmp_path, monkeypatch):
    settings = {"backend": "torch", "floatx": "float16", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    notebook("import keras; print(keras.backend.backend(), keras.config.floatx())")
    kept = outputs(run(tmp_path / "run", html=False) / f"{NAME}.ipynb")
    assert kept[0].text.strip() == "tensorflow float32"


def test_a_killed_kernel_is_told_with_its_probable_cause(notebook, tmp_path):
    notebook("print('before')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(NotebookFailed, match=r"cell 5 .*killed by signal 9.*memory.*goes on") as it:
        run(tmp_path / "run")
    failed = tmp_path / "run" / f"{NAME}.failed.ipynb"
    assert it.value.places[0] == f"As far as it came: {failed}"
    assert [output.text for output in outputs(failed)] == ["before\n"]
    assert not list((tmp_path / "run").glob(".*"))


def test_a_failure_names_the_log_of_the_error_stream(notebook, tmp_path):
    notebook("import os; os.write(2, b'a codec complains\\n');", "raise ValueError('no fish')")
    with pytest.raises(NotebookFailed, match="no fish") as it:
        run(tmp_path / "run")
    log = tmp_path / "run" / f"{NAME}.log"
    assert it.value.places[1] == f"Its error stream: {log}"
    assert "a codec complains" in log.read_text()


def test_a_quiet_run_leaves_no_log(notebook, tmp_path):
    notebook("print(1)")
    assert not list(run(tmp_path / "run", html=False).glob("*.log"))


def test_a_full_disk_is_told_and_nothing_half_written_is_left(notebook, tmp_path, monkeypatch):
    notebook("raise OSError(28, 'No space left on device')")
    with pytest.raises(
        NotebookFailed, match=r"a disk is full: .* MB free in .*fishlib cache shows"
    ):
        run(tmp_path / "run")

    def fill(source, partial, *_):
        partial.write_text('{"cells": [')
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(execution, "_execute", fill)
    with pytest.raises(NotebookFailed, match=r"a disk is full") as it:
        run(tmp_path / "other")
    assert it.value.places == ()
    assert list((tmp_path / "other").iterdir()) == []


def test_a_disk_with_little_room_is_told_before_anything_runs(notebook, tmp_path, monkeypatch):
    notebook("print(1)")
    usage = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        OSError, match="has 3 MB free, but a run needs 100 MB: free some space or give another"
    ):
        run(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_of_two_runs_on_one_folder_the_second_names_the_first(notebook, tmp_path):
    notebook("print(1)")
    code = "from fishlib.pipeline import hold; from pathlib import Path\n"
    code += f"with hold(Path({str(tmp_path / 'run')!r})): print('held', flush=True); input()"
    (tmp_path / "run").mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(RuntimeError, match=f"run is in use by process {first.pid} on .*: wait"):
            run(tmp_path / "run")
        first.kill()
    assert run(tmp_path / "run", html=False)


def test_a_disk_without_locks_is_only_warned_of(notebook, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    notebook("print(1)")
    with pytest.warns(UserWarning, match="knows no locks"):
        run(tmp_path / "run", html=False)


def test_what_a_killed_run_left_half_written_is_cleared(notebook, tmp_path):
    notebook("print(1)")
    left = [".metrics.4711.json", f".{NAME}.partial.ipynb", "figures/.motion.4711.png"]
    kept = ["metrics.json", ".hidden", "figures/motion.png"]
    for name in [*left, *kept]:
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    run(tmp_path / "run", html=False)
    assert [name for name in left if (tmp_path / "run" / name).exists()] == []
    assert all((tmp_path / "run" / name).exists() for name in kept)


STUCK = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
with open({pipe!r}, "w") as pipe:
    pipe.write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(3600)
"""
RUN = """
import sys
from pathlib import Path
from fishlib import pipeline
pipeline.CLONE = Path({clone!r})
from fishlib.__main__ import main
sys.exit(main(["run", "--run-dir", {folder!r}]))
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and signals of Unix")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_a_stopped_run_says_so_and_leaves_no_process(notebook, tmp_path, name):
    number, pipe, folder = signal.Signals[name], str(tmp_path / "pipe"), tmp_path / "run"
    os.mkfifo(pipe)
    notebook(STUCK.format(pipe=pipe))
    code = RUN.format(clone=str(tmp_path / "clone"), folder=str(folder))
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as started:
        with open(pipe) as opened:  # waits until the cell runs
            processes = [psutil.Process(int(pid)) for pid in opened.read().split()]
        started.send_signal(number)
        _, said = started.communicate()
    psutil.wait_procs(processes[:1])
    if name == "SIGKILL":
        processes[1].kill()  # what a cell starts is its own to watch
        return
    psutil.wait_procs(processes)
    assert started.returncode == 128 + number, said
    assert said.endswith(
        f"\nfishlib: stopped by {name}; the same command goes on from what is done.\n"
    )
    assert "Traceback" not in said
    assert not list(folder.glob(".*"))


@pytest.mark.slow
def test_the_first_page_on_a_fresh_machine_carries_no_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_CACHE", str(tmp_path / "cache"))
    folder = run(tmp_path / "run", {"minutes": 1})
    kept = outputs(folder / f"{NAME}.ipynb")
    assert len(kept) > 3
    assert [output for output in kept if output.get("name") == "stderr"] == []
    page = (folder / f"{NAME}.html").read_text(encoding="utf-8")
    assert 'data-mime-type="application/vnd.jupyter.stderr"' not in page
    assert "%|" not in page
