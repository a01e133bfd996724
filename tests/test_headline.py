import numpy as np

from fishlib.evaluation.report import headline_table
from fishlib.evaluation.verdict import evaluate


def test_the_table_holds_the_scores_that_were_computed():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 1200)
    forecasts = {"good": label + rng.normal(0, 1, 1200), "coin": rng.random(1200)}
    found = evaluate(label, forecasts, n_resamples=50, n_shifts=99, progress=False)
    table = headline_table([("which?", found.metrics, ["coin", "absent", "good"])]).splitlines()
    assert len(table) == 4
    auc = found.tables["scores"].query("score == 'auc' and name == 'good'").iloc[0]
    assert table[3] == f"|  | good | {auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}] |"
    assert table[2].startswith("| which? | coin | 0.")


def test_a_score_without_an_interval_stands_alone():
    metrics = {"scores": {"oracle": {"auc": 0.75}}}
    assert headline_table([("q", metrics, ["oracle"])]).endswith("| q | oracle | 0.750 |")
