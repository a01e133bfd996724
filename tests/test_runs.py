import json

import numpy as np
import pytest

from fishlib import figures, runs
from fishlib.runs import check_parameters, open_run

DECLARED = 'source = "simulated"  # or a film\nseed = 0\nminutes = 5'
SHARED = {"source": "simulated", "seed": 0, "minutes": 0.5}


def test_a_misspelt_parameter_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match=r"no parameter sede.*are: source, seed, minutes"):
        check_parameters(["import x", DECLARED, "# Parameters\nsede = 3\nminutes = 1\n", "y"])


def test_known_parameters_and_plain_notebooks_pass(tmp_path):
    check_parameters(["", "import x", DECLARED, "# Parameters\nseed = 3\n", "y"])
    run = open_run(tmp_path / "a" / "b", ["import x", DECLARED, "now"])
    assert (run.folder / "figures").is_dir()


def test_the_first_notebook_says_what_the_run_is_made_from(tmp_path):
    facts = open_run(tmp_path, **SHARED).load("run.json")
    assert facts["parameters"] == SHARED
    assert facts["format"] == runs.FORMAT
    assert set(facts["versions"]) == {"fishlib", "python", "tensorflow", "numpy"}
    assert facts["processor"]
    assert open_run(tmp_path, **SHARED).load("run.json") == facts


@pytest.mark.parametrize(("name", "value"), [("seed", 1), ("minutes", 0.25), ("source", "x.mp4")])
def test_another_value_of_a_shared_parameter_is_refused(tmp_path, name, value):
    open_run(tmp_path, **SHARED)
    with pytest.raises(ValueError, match=rf"begun with {name} = .*given {value!r}: give the same"):
        open_run(tmp_path, **SHARED | {name: value})


def test_what_a_later_notebook_adds_is_noted_and_then_as_fixed_as_the_rest(tmp_path):
    open_run(tmp_path, **SHARED).save("run.json", {**open_run(tmp_path).load("run.json"), "a": 1})
    facts = open_run(tmp_path, **SHARED, tracks="one.csv").load("run.json")
    assert (facts["parameters"], facts["a"]) == (SHARED | {"tracks": "one.csv"}, 1)
    with pytest.raises(ValueError, match=r"begun with tracks = 'one.csv', .*given '': give the"):
        open_run(tmp_path, **SHARED, tracks="")
    assert open_run(tmp_path, **SHARED).load("run.json") == facts


def test_a_film_that_changed_under_way_is_refused(tmp_path):
    film = tmp_path / "film.avi"
    film.write_bytes(b"one")
    open_run(tmp_path / "run", source=str(film))
    open_run(tmp_path / "run", source=str(film))
    film.write_bytes(b"two")
    with pytest.raises(ValueError, match="film has changed since"):
        open_run(tmp_path / "run", source=str(film))


def test_a_folder_of_another_format_is_refused(tmp_path):
    open_run(tmp_path, **SHARED).save("run.json", {"format": 1, "parameters": SHARED})
    with pytest.raises(ValueError, match="made by another version of fishlib"):
        open_run(tmp_path, **SHARED)


def test_a_missing_file_names_the_notebook_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"onsets.npy is missing.*run 02_labeling"):
        assert open_run(tmp_path).questions


def test_a_notebook_that_needs_answers_is_refused_before_it_opens_a_film(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"labels.json is missing.*run 02_labeling"):
        open_run(
            tmp_path / "run", ["import x", DECLARED, "run = open_run(run_dir, In)\nrun.questions"]
        )
    assert not (tmp_path / "run").exists()


def test_arrays_forecasts_and_metrics_come_back(tmp_path):
    run = open_run(tmp_path)
    run.save("a.npy", np.arange(3))
    assert run.load("a.npy").tolist() == [0, 1, 2]
    forecasts = {"onset": {"level −ỹ[t−1]": np.ones(2), "CNN": np.zeros(2)}, "burst": {}}
    run.save_forecasts(forecasts, "forecasts.npz")
    read = run.load_forecasts("forecasts.npz")
    assert read["onset"]["level −ỹ[t−1]"].tolist() == [1, 1]
    assert list(read["onset"]) == ["level −ỹ[t−1]", "CNN"]
    run.update_metrics("02", {"auc": np.float32(0.5), "bad": np.nan, "n": np.int8(3)})
    run.update_metrics("01", {"list": (1, True)})
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == {"01": {"list": [1, True]}, "02": {"auc": 0.5, "bad": None, "n": 3}}


def test_questions_and_parts_are_those_of_notebook_02(tmp_path):
    run = open_run(tmp_path)
    for name in ("onset", "burst", "alarm"):
        run.save(f"{name}s.npy", np.array([-1, 0, 1], np.int8))
    run.save("labels.json", {"folds": [{"train": [[0, 2]], "test": [[2, 3]]}]})
    assert run.questions["onset"].tolist() == [-1, 0, 1]
    assert run.folds == [{"train": slice(0, 2), "test": slice(2, 3)}]
    run.save("labels.json", {"folds": []})
    assert run.folds == []


def test_what_is_scored_was_sealed_before_and_each_protocol_counts_once(tmp_path):
    run = open_run(tmp_path)
    for name in ("onset", "burst", "alarm"):
        run.save(f"{name}s.npy", np.array([-1, 0, 1], np.int8))
    run.save_forecasts({"onset": {"CNN": np.array([np.nan, 0.2, 0.7])}}, "forecasts.npz")
    sealed = run.seal()
    assert run.open_seal(block=10) == run.open_seal(block=10)
    assert run.open_seal(block=10).startswith(f"{sealed}, fixed before")
    assert "scored 2 times" in run.open_seal(block=1)
    run.save_forecasts({"onset": {"CNN": np.array([np.nan, 0.2, 0.8])}}, "forecasts.npz")
    with pytest.raises(ValueError, match="not those that were sealed"):
        run.open_seal(block=10)
    assert run.seal() != sealed
    assert "scored once" in run.open_seal(block=10)


def test_a_figure_is_saved_for_desk_and_phone(tmp_path):
    import matplotlib.pyplot as plt

    run, shown = open_run(tmp_path), len(plt.get_fignums())
    axes = figures.plot_motion(np.linspace(0, 1e-3, 90), 30)
    run.save_figure("motion", axes)
    widths = [
        plt.imread(tmp_path / "figures" / f).shape[1] for f in ("motion.png", "phone/motion.png")
    ]
    assert widths == [900, 780]
    assert len(plt.get_fignums()) == shown + 1  # the phone's is not shown in a notebook
    plt.close(axes.figure)
