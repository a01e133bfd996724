"""The five notebooks, run by papermill one after the other, on small real inputs."""

import json
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest

from fishlib import published
from fishlib.pipeline import (
    NOTEBOOKS,
    NotebookFailed,
    notebook_folder,
    notebook_parameters,
    read_set,
    run_notebooks,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
QUICK = read_set("quick")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A run folder of the whole chain on eight minutes of the tank."""
    return run_notebooks(tmp_path_factory.mktemp("runs") / "tank", QUICK)


def trained_network(run):
    """The ConvLSTM of a run."""
    return str(run / "convlstm" / "network.keras")


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


def test_the_chain_leaves_all_it_promises(simulated):
    for name in NOTEBOOKS:
        assert (simulated / f"{name}.ipynb").exists()
        assert (simulated / f"{name}.html").stat().st_size > 100_000
    for name in ("metrics.json", "model_card.md", "forecast.webm", "forecasts.npz"):
        assert (simulated / name).stat().st_size > 0
    assert len(list((simulated / "figures").glob("*.png"))) > 10
    assert (simulated / "figures" / "sweep.png").exists()  # of the repository, for the page
    assert not list(simulated.glob(".*"))
    assert (simulated / "run.json").exists()
    assert (simulated / "convlstm" / "network.keras").exists()


def test_its_numbers_make_sense(simulated):
    metrics = metrics_of(simulated)
    labeling = metrics["02_labeling"]
    assert labeling["min_range"] == 0.001
    assert 0.7 < labeling["auc_of_level"] < 0.9
    verdict = metrics["05_evaluation"]["onset"]["scores"]
    assert {"ConvLSTM", "CNN", "LSTM on the motion", "level +ỹ[t−1]"} <= set(verdict)
    assert all(0 <= scores["auc"]["value"] <= 1 for scores in verdict.values())
    limit = metrics["05_evaluation"]["limit onset"]["scores"]
    assert limit["oracle"]["auc"]["value"] > limit["ConvLSTM"]["auc"]["value"]
    assert metrics["04_convlstm_training"]["parameters"]["upbeat_snowflake"] == 11_569


def test_the_study_is_reproduced(simulated):
    if published.study().reason:
        pytest.skip("the study's published files are neither mirrored nor downloadable here")
    metrics = metrics_of(simulated)
    study = metrics["05_evaluation"]["study burst"]
    aucs = {name: scores["auc"]["value"] for name, scores in study["scores"].items()}
    assert aucs["published ConvLSTM"] == pytest.approx(0.8308, abs=5e-5)
    assert aucs["published baseline"] == pytest.approx(0.8381, abs=5e-5)
    assert aucs["level −ỹ[t−1]"] == pytest.approx(0.867, abs=5e-4)
    assert aucs["past of the motion: both"] > 0.873
    onset = metrics["05_evaluation"]["study onset"]["scores"]
    assert onset["published ConvLSTM"]["auc"]["value"] == pytest.approx(0.509, abs=5e-4)
    assert not study["differences"]["published ConvLSTM − published baseline"]["auc"]["different"]
    assert study["differences"]["published ConvLSTM − level −ỹ[t−1]"]["auc"]["high"] < 0


def test_the_same_seed_gives_the_same_metrics(simulated, tmp_path):
    made = ("motion", "bursts", "onsets", "alarms")
    for name in (*(f"{one}.npy" for one in made), "events.csv", "labels.json", "run.json"):
        shutil.copy(simulated / name, tmp_path)
    run_notebooks(tmp_path, QUICK, NOTEBOOKS[3:], html=False, progress=False)
    again, first = metrics_of(tmp_path), metrics_of(simulated)
    assert again["04_convlstm_training"] == first["04_convlstm_training"]
    assert again["05_evaluation"] == first["05_evaluation"]


def test_a_real_film_goes_through_with_a_network_from_elsewhere(simulated, footage, tmp_path):
    model = trained_network(simulated)
    parameters = QUICK | {"source": str(footage / "flies_2.mp4"), "minutes": 0, "model": model}
    run = run_notebooks(tmp_path / "flies", parameters, html=False, progress=False)
    metrics = metrics_of(run)
    assert metrics["01_problem"]["n_frames"] == 3000
    assert metrics["01_problem"]["fps"] == 25
    assert 0.02 < np.mean(np.load(run / "bursts.npy") == 1) < 0.5
    folds = json.loads((run / "labels.json").read_text())["folds"]
    assert [set(fold) for fold in folds] == [{"train", "test"}] * 5  # too short to choose on
    scores = metrics["05_evaluation"]["onset"]["scores"]
    assert scores["given network"]["frames"] == scores["past of the motion: both"]["frames"]
    assert metrics["05_evaluation"]["onset"]["setting"]["best_rival"] == "past of the motion: both"


def test_a_short_lab_film_is_prepared_and_forecast(simulated, footage, tmp_path):
    model = trained_network(simulated)
    parameters = QUICK | {"source": str(footage / "zebrafish_8.avi"), "minutes": 0, "model": model}
    run = run_notebooks(tmp_path / "zebrafish", parameters, html=False, progress=False)
    preparation = metrics_of(run)["03_data_preparation"]["preparation"]
    assert preparation["polarity"] == "dark"
    assert preparation["background"]
    forecasts = np.load(run / "forecasts.npz")
    assert np.isfinite(forecasts[forecasts.files[0]]).sum() > 400


def test_the_chain_goes_on_without_the_published_files(simulated, tmp_path, monkeypatch):
    monkeypatch.setenv("FISHLIB_PUBLISHED", str(tmp_path / "nothing"))
    run = tmp_path / "run"
    small = QUICK | {
        "epochs": 1,
        "steps_per_epoch": 5,
        "oracle_frames": 10,
    }
    names = [NOTEBOOKS[1], *NOTEBOOKS[3:]]
    run_notebooks(run, small, names, html=False, progress=False)
    metrics = metrics_of(run)
    assert "study burst" not in metrics["05_evaluation"]
    assert metrics["05_evaluation"]["onset"]["scores"]["ConvLSTM"]["auc"]["value"] > 0
    assert "which has no targets" in (run / "02_labeling.ipynb").read_text(encoding="utf-8")


def test_a_film_too_short_to_train_on_ends_in_a_page_that_says_so(footage, tmp_path):
    parameters = QUICK | {"source": str(footage / "zebrafish_8.avi"), "minutes": 0}
    run = run_notebooks(tmp_path, parameters, progress=False)
    page = (run / "05_evaluation.html").read_text(encoding="utf-8")
    assert "too short to be split" in page


def test_a_notebook_without_its_predecessor_names_it(tmp_path):
    with pytest.raises(NotebookFailed, match="run 02_labeling with the same run_dir first"):
        run_notebooks(tmp_path, QUICK, NOTEBOOKS[2:3], html=False, progress=False)


def test_a_misspelt_parameter_fails_at_once_and_names_the_known_ones(tmp_path):
    known = r"no_such.* There are: .*epochs.*seed, show_study, source"
    with pytest.raises(ValueError, match=known):
        run_notebooks(tmp_path, {"no_such": 1})
    notebook = notebook_folder() / "02_labeling.ipynb"
    command = [sys.executable, "-m", "papermill", str(notebook), str(tmp_path / "out.ipynb")]
    options = ["-p", "hozizon_seconds", "2", "-p", "run_dir", str(tmp_path / "run")]
    done = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "no parameter hozizon_seconds. Its parameters are: source, run_dir" in done.stderr


def test_the_default_parameters_are_declared_by_the_notebooks():
    known = {key for name in NOTEBOOKS for key in notebook_parameters(name)}
    assert set(QUICK) <= known


def test_executed_notebooks_keep_their_order(simulated):
    for name in NOTEBOOKS:
        cells = nbformat.read(simulated / f"{name}.ipynb", 4).cells
        counts = [cell.execution_count for cell in cells if cell.cell_type == "code"]
        assert counts == sorted(counts)
