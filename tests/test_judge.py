import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from fishlib.__main__ import main
from fishlib.evaluation import judge as judging
from fishlib.evaluation.export import read_sheet
from fishlib.evaluation.judge import judge, question_of, read_case, read_events
from fishlib.evaluation.verdict import Verdict

FPS, HORIZON, N_FRAMES = 25, 2.0, 3000  # 50 frames ahead
ONSETS = np.arange(90, 2990, 97)

BORIS = """Observation id,fish 1
Media file(s)
,Player #1,C:\\films\\fish 1.mp4

Observation date,2024-05-01 10:00:00
Description,

Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status
"""


@pytest.fixture(scope="module")
def known():
    """A forecast, the label by a slow loop, and the scores they have."""
    rng = np.random.default_rng(0)
    label = np.array([int(((t < ONSETS) & (t + 50 >= ONSETS)).any()) for t in range(N_FRAMES)])
    p = np.round(1 / (1 + np.exp(-rng.normal(1.5 * label - 1))), 4)
    y, asked = label[: N_FRAMES - 51], p[: N_FRAMES - 51]  # as the notebooks ask it
    scores = {
        "auc": roc_auc_score(y, asked),
        "average_precision": average_precision_score(y, asked),
        "brier": brier_score_loss(y, asked),
    }
    return p, scores


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def forecast_in(folder, p, kind="seconds"):
    """A table of forecasts, as one of three tools would write it."""
    if kind == "seconds":
        rows = "".join(f"{t / FPS:.3f},{v}\n" for t, v in enumerate(p))
        return write(folder / "mine.csv", f"time_s,probability\n{rows}")
    if kind == "frames":
        rows = "".join(f"{t}\t{v}\n" for t, v in enumerate(p))
        return write(folder / "mine.tsv", f"Frame\tprobability\n{rows}")
    rows = "".join(f"{t / FPS:.3f};{v}\r\n".replace(".", ",") for t, v in enumerate(p))
    return write(folder / "mine.csv", f"Time (s);Größe\r\n{rows}", "utf-8-sig")


def events_in(folder, kind="seconds"):
    if kind == "boris":
        states = "".join(
            f"{t / FPS:.3f},C:\\films\\fish 1.mp4,120,25,six,burst,,,START\n"
            f"{(t + 10) / FPS:.3f},C:\\films\\fish 1.mp4,120,25,six,burst,,,STOP\n"
            for t in ONSETS
        )
        return write(folder / "events.csv", BORIS + states)
    if kind == "frames":
        return write(folder / "events.csv", "frame\n" + "".join(f"{t}\n" for t in ONSETS))
    rows = "".join(f"{t / FPS:.2f};{(t + 10) / FPS:.2f}\r\n".replace(".", ",") for t in ONSETS)
    return write(folder / "events.csv", f"Start;Stop\r\n{rows}", "utf-8-sig")


def judged(folder, *paths, **options):
    page = judge(*paths, out=folder / "out", n_shifts=99, **({"horizon": HORIZON} | options))
    return page.read_text(encoding="utf-8"), json.loads((folder / "out/metrics.json").read_text())


@pytest.mark.parametrize(
    ("forecasts", "events", "name"),
    [("seconds", "boris", "mine"), ("windows", "windows", "Größe"), ("frames", "frames", "mine")],
)
def test_three_tools_tables_give_the_scores_worked_by_hand(
    tmp_path, known, forecasts, events, name
):
    p, expected = known
    paths = [forecast_in(tmp_path, p, forecasts)], events_in(tmp_path, events)
    page, found = judged(tmp_path, *paths, fps=FPS if forecasts == "frames" else None)
    assert found["fps"] == FPS
    assert found["events"] == len(ONSETS)
    for score, value in expected.items():
        numbers = found["scores"][name][score]
        assert numbers["value"] == pytest.approx(value, abs=1e-6)
        assert numbers["low"] < value < numbers["high"]
    assert found["scores"]["base rate"]["auc"]["value"] == 0.5
    assert found["differences"][f"{name} − base rate"]["auc"]["different"]
    assert found["chance"][name]["p_value"] == 0.01
    assert f"<td>{name}</td><td>{expected['auc']:.3f} [" in page
    assert "http" not in page.replace('<html lang="en">', "")


def test_alarms_are_curves_and_scores_only_at_a_threshold_that_was_given(tmp_path, known):
    paths = [forecast_in(tmp_path, known[0])], events_in(tmp_path)
    _, found = judged(tmp_path, *paths)
    assert {score for lead in found["alarms"]["mine"].values() for score in lead} == {"area"}
    page, found = judged(tmp_path, *paths, threshold=0.6)
    assert 0 < found["alarms"]["mine"]["0.5"]["sensitivity"]["value"] < 1
    assert set(found["alarms"]["base rate"]["0.0"]) == {"area"}
    assert "at 0.6" in page
    assert "max_youden" not in found["scores"]["mine"]


def test_several_forecasts_may_be_columns_and_files(tmp_path, known):
    table = pd.DataFrame({"frame": np.arange(N_FRAMES), "a": known[0], "b": 1 - known[0]})
    table.to_csv(tmp_path / "both.csv", index=False)
    table[["frame", "a"]].to_csv(tmp_path / "again.csv", index=False)
    paths = [tmp_path / "both.csv", tmp_path / "again.csv"]
    _, found = judged(tmp_path, paths, events_in(tmp_path), fps=FPS)
    assert found["forecasts"] == ["a", "b", "again: a"]
    assert found["differences"]["a − b"]["auc"]["value"] > 0
    assert found["differences"]["a − again: a"]["auc"]["value"] == 0


def test_pairs_are_counted_within_films(tmp_path, known):
    tables, times = [], []
    for film in range(7):
        tables.append(pd.DataFrame({"film": f"{film}.mp4", "frame": range(1000), "p": film / 10}))
        onsets = np.arange(60, 1000, 60 + 30 * (7 - film))
        times.append(pd.DataFrame({"video": f"D:\\x\\{film}.avi", "time": onsets / FPS}))
    pd.concat(tables).to_csv(tmp_path / "by_film.csv", index=False)
    pd.concat(times).to_csv(tmp_path / "events.csv", index=False)
    page, found = judged(tmp_path, [tmp_path / "by_film.csv"], tmp_path / "events.csv", fps=FPS)
    scores = found["scores"]["by_film"]
    assert scores["auc"] == {"value": 0.5, "low": 0.5, "high": 0.5, "blocks": 7}
    assert scores["auc_pooled"]["value"] > 0.6
    assert "leaving out each of 7 films" in page


def test_the_question_stops_a_horizon_before_each_film_ends(tmp_path):
    pd.DataFrame(
        {"film": ["a"] * 20 + ["b"] * 10, "frame": [*range(20), *range(10)], "p": 0.5}
    ).to_csv(tmp_path / "p.csv", index=False)
    write(tmp_path / "events.csv", "film,frame\na,8\nb,1\n")
    case = read_case([tmp_path / "p.csv"], tmp_path / "events.csv", fps=10)
    expected = [0] * 5 + [1] * 3 + [0] * 8 + [-1] * 4 + [1] + [0] * 5 + [-1] * 4
    assert question_of(case, 3).tolist() == expected


def test_few_events_and_no_events_are_answers(tmp_path, known):
    forecast = forecast_in(tmp_path, known[0])
    few = write(tmp_path / "few.csv", "time\n20\n60\n500\n")
    page, found = judged(tmp_path, [forecast], few)
    assert "2 events are too few to conclude" in page
    assert "1 events lie where there is no forecast" in page
    none = write(tmp_path / "none.csv", "time\n500\n")
    page, found = judged(tmp_path, [forecast], none)
    assert "labelled 0" in found["left_out"]["scores"]
    assert "Nothing was scored" in page


def test_a_film_too_short_for_anything_is_an_answer(tmp_path):
    forecast = forecast_in(tmp_path, np.full(40, 0.5))
    page, found = judged(tmp_path, [forecast], write(tmp_path / "e.csv", "time\n1\n"))
    assert "scores" in found["left_out"]
    assert "Not computed" in page


@pytest.fixture(scope="module")
def with_motion(tmp_path_factory):
    """A film of three minutes whose motion grows before an event."""
    folder = tmp_path_factory.mktemp("motion")
    rng = np.random.default_rng(1)
    onsets = np.cumsum(rng.integers(60, 220, 40))
    frames = np.arange(onsets[-1] + 100)
    ahead = np.append(onsets, 10**9)[np.searchsorted(onsets, frames, "right")] - frames
    motion = 1e-3 + 1e-3 * (ahead < 40) + 2e-4 * rng.random(len(frames))
    pd.DataFrame({"frame": frames, "p": rng.random(len(frames))}).to_csv(
        folder / "mine.csv", index=False
    )
    pd.DataFrame({"frame": frames, "motion": motion}).to_csv(folder / "motion.csv", index=False)
    pd.DataFrame({"frame": onsets}).to_csv(folder / "events.csv", index=False)
    return folder


def test_motion_adds_its_rivals_by_folds(with_motion):
    paths = [with_motion / "mine.csv"], with_motion / "events.csv"
    page, found = judged(with_motion, *paths, motion=with_motion / "motion.csv", fps=30)
    both = found["scores"]["past of the motion: both"]["auc"]
    assert both["value"] > 0.8
    assert found["scores"]["level +ỹ[t−1]"]["auc"]["value"] > 0.7
    assert found["differences"]["mine − past of the motion: both"]["auc"]["high"] < 0
    assert found["stacking"]["mine"]["gain"]["low"] < 0
    assert "LSTM on the motion" in found["left_out"]
    assert "pairs of frames of the same fold" in page
    assert both["value"] != found["scores"]["past of the motion: both"]["auc_pooled"]["value"]
    assert "judging loads no network" in page


def test_the_motion_may_end_before_the_last_frame_and_a_short_film_has_no_models(tmp_path):
    forecast = forecast_in(tmp_path, np.linspace(0, 1, 400))
    rows = "".join(f"{t},{t % 7}\n" for t in range(399))
    motion = write(tmp_path / "motion.csv", f"frame,motion\n{rows}399,\n500,1\n")
    _, found = judged(tmp_path, [forecast], events_in(tmp_path), motion=motion)
    assert "too short: a fold leaves no frame" in found["left_out"]["past of the motion"]
    assert "level +ỹ[t−1]" in found["scores"]


def test_no_model_of_the_motion_saw_a_neighbour_of_what_it_forecasts(with_motion, monkeypatch):
    from fishlib.forecasters import regressions

    asked = []

    class Spy:
        def fit(self, case, question, fold):
            self.trained = np.zeros(case.length, bool)
            self.trained[fold["train"]] = True
            return self

        def forecasts(self, case, at):
            asked.append((self.trained, at))
            return {"both": np.ones(case.length)}

    monkeypatch.setattr(regressions, "Regressions", Spy)
    paths = [with_motion / "mine.csv"], with_motion / "events.csv", with_motion / "motion.csv"
    case = read_case(*paths, fps=30)
    spied = []
    verdict = lambda *a, **k: spied.append((a, k)) or Verdict(*a, **k)  # noqa: E731
    monkeypatch.setattr(judging, "Verdict", verdict)
    judging.judge_case(case, n_shifts=19)
    forecasts, _, folds = spied[0][0]
    assert np.isfinite(forecasts["past of the motion: both"]).all()
    assert len(asked) == len(folds) == 5
    for trained, at in asked:
        assert not trained[max(at[0] - 644, 0) : at[-1] + 644].any()
        assert trained.mean() > 0.5


def test_judging_imports_no_network_no_film_and_no_notebook(tmp_path):
    tables = map(str, (forecast_in(tmp_path, np.linspace(0, 1, 400)), events_in(tmp_path)))
    code = f"""
import sys
from fishlib.evaluation.judge import judge
mine, events = {tuple(tables)}
judge([mine], events, motion=mine, out={str(tmp_path / "apart")!r}, n_shifts=19)
assert "fishlib.forecasters.regressions" in sys.modules
heavy = ("tensorflow", "keras", "cv2", "av", "IPython", "jupyterlab", "matplotlib")
print([name for name in heavy if name in sys.modules])
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_command_judges_and_says_what_is_wrong(tmp_path, known, capsys):
    forecast, events = forecast_in(tmp_path, known[0][:500]), events_in(tmp_path)
    words = ["judge", str(forecast), "--events", str(events), "--out", str(tmp_path / "page")]
    assert main([*words, "--horizon", "1"]) == 0
    assert "judged.html" in capsys.readouterr().out
    assert json.loads((tmp_path / "page/metrics.json").read_text())["horizon_s"] == 1
    assert main([*words, "--event", "bite"]) == 1
    assert "fishlib: events.csv has no event 'bite'" in capsys.readouterr().err


GOOD = "time,p\n0,0.1\n0.04,0.2\n0.08,0.3\n"
WRONG = {
    "no number": ("time,p\n0,0.1\n0.04,high\n", "time\n1\n", "f.csv, line 3: 'high' in column 'p'"),
    "infinite": ("time,p\n0,0.1\n0.04,inf\n", "time\n1\n", "f.csv, line 3: 'inf'"),
    "twice": ("time,p\n0,0.1\n0.04,0.2\n0.041,1\n0.08,1\n", "time\n1\n", "f.csv, line 4: a second"),
    "no time": ("time,p\n0,0.1\n0.04,0\n,0.2\n", "time\n1\n", "f.csv, line 4: no time"),
    "no clock": ("p,q\n0,0.1\n", "time\n1\n", "f.csv: no line names a column of time"),
    "wide": ("time,p\n0,1\n0,5,0,3\n", "time\n1\n", "f.csv, line 3: more cells than the header"),
    "no rows": ("time,p\n", "time\n1\n", "f.csv: no row follows the header in line 1"),
    "no forecast": ("time\n0\n0.04\n", "time\n1\n", "f.csv has no column of forecasts"),
    "no rate": ("frame,p\n0,0.1\n1,0.2\n", "time\n1\n", "give --fps"),
    "early event": (GOOD, "time\n1\n-2\n", "e.csv, line 3: a time before the film"),
    "empty event": (GOOD, "code,time\nx,1\nx,\n", "e.csv, line 3: no time"),
    "two behaviours": (GOOD, "code,time\nx,1\ny,2\n", "several behaviours, x, y"),
    "other films": (
        "film,time,p\na,0,1\na,0.04,1\nb,0,1\n",
        "film,time\nx,1\n",
        "events of x, and no film",
    ),
    "no film": ("film,time,p\na,0,1\na,0.04,1\nb,0,1\n", "time\n1\n", "e.csv names no film"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_names_file_and_line(tmp_path, case):
    forecast, events, message = WRONG[case]
    paths = [write(tmp_path / "f.csv", forecast)], write(tmp_path / "e.csv", events)
    with pytest.raises(ValueError, match=message):
        judge(*paths, out=tmp_path / "out")


def test_one_behaviour_of_several_can_be_chosen(tmp_path):
    paths = [write(tmp_path / "f.csv", GOOD)]
    events = write(tmp_path / "e.csv", "code,time\nx,0.04\ny,0.08\n")
    assert read_case(paths, events, event="y").onsets.tolist() == [2]
    with pytest.raises(ValueError, match="no event 'z': there are x, y"):
        read_case(paths, events, event="z")


def test_lines_are_counted_where_cells_are_empty_quoted_or_of_several_lines(tmp_path):
    path = write(tmp_path / "t.csv", 'x\n"a, b",time,\n"1\n2", 0.5,\n\n3\n', "utf-8")
    sheet = read_sheet(path)
    assert sheet.table.to_dict("list") == {"a, b": ["1\n2", "3"], "time": ["0.5", ""]}
    assert [sheet.where(row) for row in (0, 1)] == ["t.csv, line 3", "t.csv, line 6"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_tables_are_read_in_the_encodings_of_spreadsheets(tmp_path, encoding):
    path = write(tmp_path / "t.csv", "Größe\tTime [s]\n0,5\t1:02:03.5\nNA\t3600\n", encoding)
    sheet = read_sheet(path)
    assert sheet.find(["größe"]) == "Größe"
    np.testing.assert_array_equal(sheet.numbers("Größe"), [0.5, np.nan])
    assert sheet.where(1) == "t.csv, line 3"


def test_marked_events_become_frames_of_a_recording_of_several_films(tmp_path):
    path = write(tmp_path / "e.csv", "film,time\nb,0.5\na,1.0\nb,9\n")
    pieces = pd.DataFrame({"film": ["a", "a", "b"], "start": [0, 40, 100], "stop": [30, 90, 150]})
    events = read_events(path, pieces, fps=20)
    assert events.onset.tolist() == [20, 110]
    assert events.onset_s.tolist() == [1.0, 5.5]


def test_rows_may_stand_in_any_order(tmp_path):
    head, *rows = GOOD.splitlines()
    paths = [write(tmp_path / "f.csv", "\n".join([head, *rows[::-1]]))]
    case = read_case(paths, write(tmp_path / "e.csv", "time\n0.04\n"))
    assert case.fps == 25
    assert case.forecasts["f"].tolist() == [0.1, 0.2, 0.3]


def test_seconds_that_look_like_frames_are_remarked_on(tmp_path):
    events = write(tmp_path / "e.csv", "time\n2\n")
    paths = [write(tmp_path / "f.csv", "time,p\n0,0.1\n1,0.2\n2,0.3\n")]
    assert "name it frame" in read_case(paths, events).notes[0]


@pytest.mark.parametrize("wrong", [{"fps": 0}, {"fps": -3}, {"horizon": 0}, {"horizon": np.nan}])
def test_a_rate_or_a_horizon_that_cannot_be_is_refused(tmp_path, wrong):
    events = write(tmp_path / "e.csv", "time\n2\n")
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*: give a number above 0"):
        judge([write(tmp_path / "f.csv", GOOD)], events, out=tmp_path, **wrong)
