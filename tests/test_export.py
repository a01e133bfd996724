"""Tables for other tools must say, row by row, what the arrays say."""

import numpy as np
import pandas as pd
import pytest

from fishlib.evaluation.alarms import add_warnings
from fishlib.evaluation.export import BORIS_COLUMNS, film_clock, forecast_table, write_tables
from fishlib.questions import find_onsets

PIECES = pd.DataFrame({"film": ["a", "a", "b"], "start": [0, 150, 200], "stop": [140, 200, 300]})


@pytest.fixture
def found():
    """Motion of 300 frames with one onset, a question, a forecast, the onset's table."""
    motion = np.full(300, 1e-3)
    motion[220:240] += 2e-3
    forecast = np.linspace(0, 1, 300)
    forecast[:119] = np.nan
    question = np.r_[np.full(119, -1), np.zeros(100), np.ones(40), np.full(41, -1)].astype(np.int8)
    events = add_warnings(find_onsets(motion[:-1], 38, fps=25.0), np.array([205]), 38, 25.0)
    assert len(events) == 1
    return motion, {"onset": question}, {"onset": {"video": forecast, "level": forecast}}, events


def write(folder, found, **options):
    motion, questions, forecasts, events = found
    given = {"questions": questions, "forecasts": forecasts, "events": events} | options
    return [pd.read_csv(path) for path in write_tables(folder, motion, 25.0, **given)]


def test_series_come_back_from_the_table(tmp_path, found):
    motion, questions, *_ = found
    table = write(tmp_path, found)[0]
    assert np.allclose(table.motion[:-1], motion[:-1], rtol=1e-8)
    assert np.isnan(table.motion.iloc[-1])  # the last frame has no next one
    assert np.allclose(table.time_s, np.arange(300) / 25)
    assert np.array_equal(table.onset.fillna(-1), questions["onset"])


def test_forecasts_are_rows_where_they_are_defined(tmp_path, found):
    table = write(tmp_path, found)[1]
    assert len(table) == 2 * 181
    video = table[table.forecaster == "video"]
    assert np.allclose(video.probability, found[2]["onset"]["video"][119:], rtol=1e-8)
    assert video.frame.tolist() == list(range(119, 300))


def test_events_are_written_for_spreadsheets_and_boris(tmp_path, found):
    table, event = write(tmp_path, found)[2], found[3].iloc[0]
    assert tuple(table.columns[:5]) == BORIS_COLUMNS
    row = table.iloc[0]
    assert row.time == row.onset_s == event.onset / 25
    assert (row.trough, row.onset, row.peak, row.alarm) == (
        event.trough,
        event.onset,
        event.peak,
        205,
    )
    assert row.comment == f"rise {event.rise:.3g}, warned {event.lead_s:.2f} s before"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "events.csv", "forecasts.csv", "series.csv",
    ]  # fmt: skip


def test_everything_counts_from_the_start_of_its_film(tmp_path, found):
    """Film b begins at frame 200 of the series."""
    series, forecasts, events = write(tmp_path, found, pieces=PIECES)
    event = found[3].iloc[0]
    assert events.film.tolist() == ["b"]
    assert events.onset[0] == event.onset - 200
    assert events.alarm[0] == 5
    assert events.time[0] == events.onset_s[0] == pytest.approx((event.onset - 200) / 25)
    assert series.groupby("film").frame.min().tolist() == [0, 0]
    assert series.frame[145] == 145  # after a cut time runs on from the film's start
    assert series.motion.isna().to_numpy().nonzero()[0].tolist() == [139, 199, 299]
    assert forecasts[forecasts.film == "b"].frame.min() == 0


def test_a_missing_alarm_stays_empty(tmp_path, found):
    events = add_warnings(found[3][["trough", "onset", "peak", "onset_s", "rise"]], np.array([1]))
    table = write(tmp_path, found, events=events)[2]
    assert table.alarm.isna().all()
    assert table.comment[0] == f"rise {events.rise[0]:.3g}"


def test_tables_of_nothing_keep_their_columns(tmp_path, found):
    clock = film_clock(2, 30.0)
    full = forecast_table({"onset": {"a": np.ones(2)}}, clock)
    assert list(forecast_table({}, clock)) == list(full)
    none = write(tmp_path, found, events=found[3].iloc[:0], forecasts={})
    assert [len(table) for table in none] == [300, 0, 0]
    assert tuple(none[2].columns[:5]) == BORIS_COLUMNS
    (series,) = write_tables(tmp_path / "bare", np.ones(3), 30.0)
    assert list(pd.read_csv(series)) == ["film", "frame", "time_s", "motion"]
