import json
import os

import numpy as np
import pytest

from fishlib import files, runs
from fishlib.files import write_atomically

DECLARED = 'source = "simulated"  # or a film\nseed = 0\nminutes = 5'


def test_a_misspelt_parameter_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match=r"no parameter sede.*are: source, seed, minutes"):
        runs.check_parameters(["import x", DECLARED, "# Parameters\nsede = 3\nminutes = 1\n", "y"])


def test_known_parameters_and_plain_notebooks_pass(tmp_path):
    runs.check_parameters(["", "import x", DECLARED, "# Parameters\nseed = 3\n", "y"])
    run = runs.open_run(tmp_path / "a" / "b", ["import x", DECLARED, "now"])
    assert (run / "figures").is_dir()


def test_a_relative_run_folder_is_the_same_from_notebooks(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_problem.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    above = files.project_path("data/runs/x")
    monkeypatch.chdir(tmp_path / "notebooks")
    assert files.project_path("data/runs/x") == above == tmp_path / "data" / "runs" / "x"


def test_a_missing_file_names_the_notebook_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"bursts.npy is missing.*run 02_labeling"):
        runs.load_array(tmp_path, "bursts.npy")


def test_nothing_half_written_is_left(tmp_path):
    def fail(path):
        path.write_text("half")
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "whole.txt", fail)
    assert list(tmp_path.iterdir()) == []


def test_arrays_and_metrics_come_back(tmp_path):
    runs.save_array(tmp_path, "a.npy", np.arange(3))
    assert runs.load_array(tmp_path, "a.npy").tolist() == [0, 1, 2]
    runs.save_arrays(tmp_path, "b.npz", {"x": np.ones(2)})
    assert runs.load_arrays(tmp_path, "b.npz")["x"].tolist() == [1, 1]
    runs.update_metrics(tmp_path, "02", {"auc": np.float32(0.5), "bad": np.nan, "n": np.int8(3)})
    runs.update_metrics(tmp_path, "01", {"list": (1, True)})
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == {"01": {"list": [1, True]}, "02": {"auc": 0.5, "bad": None, "n": 3}}


def test_what_is_written_below_python_is_silenced_and_onednn_turned_on(capfd, monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # so that it is put back at the end
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    with files.quietly():
        os.write(2, b"a greeting\n")
        assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
    os.write(2, b"an error\n")
    assert capfd.readouterr().err == "an error\n"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    with files.quietly():
        assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
