"""Tables for other tools must say, row by row, what the arrays of the run say."""

import numpy as np
import pandas as pd
import pytest

from fishlib.evaluation.export import export_run, forecast_table, series_table
from fishlib.questions import find_onsets
from fishlib.runs import save_array, save_arrays, save_json


@pytest.fixture
def run(tmp_path):
    motion = np.full(300, 1e-3)
    motion[100:120] += 2e-3
    motion[-1] = 0
    forecast = np.linspace(0, 1, 300)
    forecast[:119] = np.nan
    labels = np.r_[np.full(119, -1), np.zeros(100), np.ones(40), np.full(41, -1)].astype(np.int8)
    save_array(tmp_path, "motion.npy", motion)
    save_array(tmp_path, "bursts.npy", labels)
    save_array(tmp_path, "onsets.npy", labels)
    save_arrays(tmp_path, "forecasts.npz", {"bursts/level": forecast, "onsets/video": forecast})
    save_json(tmp_path, "labels.json", {"fps": 25.0, "horizon": 38, "min_range": 1e-3})
    return tmp_path, motion, labels, forecast


def test_series_come_back_from_the_table(run):
    folder, motion, labels, _ = run
    export_run(folder)
    table = pd.read_csv(folder / "export" / "series.csv")
    assert np.allclose(table["motion"][:-1], motion[:-1], rtol=1e-8)
    assert np.isnan(table["motion"].iloc[-1])  # the last frame has no next one
    assert np.allclose(table["time_s"], np.arange(300) / 25)
    assert np.array_equal(table["bursts"].fillna(-1), labels)


def test_forecasts_are_rows_where_they_are_defined(run):
    folder, _, _, forecast = run
    export_run(folder)
    table = pd.read_csv(folder / "export" / "forecasts.csv")
    assert len(table) == 2 * 181
    video = table[(table["target"] == "onsets") & (table["forecaster"] == "video")]
    assert np.allclose(video["probability"], forecast[119:], rtol=1e-8)
    assert video["frame"].tolist() == list(range(119, 300))


def test_onsets_are_written_for_spreadsheets_and_boris(run, tmp_path):
    folder, motion, _, _ = run
    written = export_run(folder, tmp_path / "elsewhere")
    expected = find_onsets(motion[:-1], 38, 1e-3, fps=25.0)
    table = pd.read_csv(tmp_path / "elsewhere" / "onsets.csv")
    assert table["onset"].tolist() == expected["onset"].tolist()
    assert len(expected) == 1
    names = ["series.csv", "onsets.csv", "onsets.boris", "forecasts.csv"]
    assert [path.name for path in written] == names


def test_a_run_without_its_files_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="run 02_labeling"):
        export_run(tmp_path)


def test_tables_of_nothing_keep_their_columns():
    assert list(forecast_table({}, 30.0)) == list(forecast_table({"a": np.ones(2)}, 30.0))
    assert list(series_table(np.ones(3), 30.0)) == ["frame", "time_s", "motion"]
