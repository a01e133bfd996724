"""What matters: one change each against one small network, paired by tank and training seed.

Run: ``python tests/benchmarks/bench_sweep.py [--seeds 0 1 2 3 4 5 6 7]``, about an hour on one
core. Every seed is a tank and a training: 20 minutes of film to train and choose the epoch on, 20
more to be scored on. What was trained is kept in ``--out``: stopped and called again, only the
rest is done, and seeds may be trained side by side. The table goes to ``SWEEP.md`` beside this
file, the figure to ``figures/sweep.png``.
"""

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from compare import as_markdown, one_thread
from scipy import stats
from sklearn.metrics import roc_auc_score

from fishlib.figures import style
from fishlib.figures.skill import plot_differences
from fishlib.files import write_text

HERE = Path(__file__).resolve().parent
BASE = "default in small"
SIZE = (30, 40)
SMALL = {"epochs": 3, "steps_per_epoch": 100}
PLAIN = {"n_slices": 3, "channels": 4}
CHANGES = {
    BASE: ({}, "–"),
    "animals": (None, "where the animals are, found in the film, instead of its pixels"),
    "no recurrence": ({"network": "motion_cnn"}, "a CNN instead of the ConvLSTM"),
    "no flips": ({"flips": 1}, "the film as it is, not its three mirror images"),
    "class weights": ({"class_weighting": True}, "both classes weigh alike, as in the study"),
    "plain frames": (PLAIN, "three slices of four plain frames, no differences"),
    "more moments": ({"n_slices": 12, "channels": 1}, "twelve slices of one plain frame"),
    "study's network": (
        PLAIN | {"network": "visionary_serenity"},
        "the study's second network (two ConvLSTMs), on three slices of four plain frames",
    ),
    "less film": ({}, "the last 5 minutes of the 18 of the training part, as many steps"),
}
"""One change each against the default in small, and what it is in words."""
MINUTES = 40
PARTS = {"train": slice(0, 32_400), "validation": slice(32_565, 36_000)}
TEST = slice(36_165, 72_000)
LESS = slice(32_400 - 9_000, 32_400)


def train_and_score(name: str, seed: int, folder: Path) -> dict[str, float]:
    """Train one set on one tank; its AUC for onset from calm on film apart, and the seconds."""
    from fishlib.forecasters.animals import Animals
    from fishlib.forecasters.networks import Network, Plan
    from fishlib.questions import label_onsets, median_recent_motion
    from fishlib.recording import open_recording

    film = open_recording("simulated", seed=seed, minutes=MINUTES, clip_size=SIZE, progress=False)
    calm = median_recent_motion(film.motion, PARTS["train"])
    onsets = label_onsets(film.motion, calm_level=calm)
    parts = PARTS | ({"train": LESS} if name == "less film" else {})
    began = time.process_time()
    if name == "animals":
        fitted = Animals(seed=seed).fit(film, {"onset": onsets}, parts, folder)
    else:
        plan = Plan(seed=seed, **SMALL | CHANGES[name][0])
        fitted = Network(plan).fit(film, onsets, parts, folder)
    seconds = time.process_time() - began
    scored = np.flatnonzero(onsets[TEST] >= 0) + TEST.start
    forecast = fitted.forecast(film, scored)[scored]
    return {"auc": roc_auc_score(onsets[scored], forecast), "seconds": seconds}


def run_sweep(
    names: Iterable[str], seeds: Iterable[int], out: Path, measure=train_and_score
) -> None:
    """Train every set on every tank, seed by seed; what is there is kept.

    Parameters
    ----------
    names : of :data:`CHANGES`
    seeds : int
    out : path
        A file for each set and seed lands here.
    measure : callable
        Takes name, seed and a folder; returns ``auc`` and ``seconds``.

    Raises
    ------
    ValueError
        If there is no such set.
    """
    names = list(names)
    unknown = [name for name in names if name not in CHANGES]
    if unknown:
        raise ValueError(f"No set {', '.join(unknown)} to sweep; there are: {', '.join(CHANGES)}.")
    for seed in seeds:
        for name in names:
            path = out / f"{name} {seed}.json"
            if not path.exists():
                result = measure(name, seed, out / "training" / f"{name} {seed}")
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, json.dumps({"name": name, "seed": seed, **result}))
                print(f"{name}, seed {seed}: {result['auc']:.3f}", flush=True)


def read_results(out: Path) -> pd.DataFrame:
    """Everything trained so far: ``name``, ``seed``, ``auc``, ``seconds``, a row a training."""
    rows = pd.DataFrame([json.loads(path.read_text()) for path in out.glob("*.json")])
    order = rows["name"].map(list(CHANGES).index)
    return rows.iloc[np.lexsort([rows["seed"], order])].reset_index(drop=True)


def summarise(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Mean over seeds of each set, and of its difference from the first, with t-intervals.

    Returns
    -------
    DataFrame
        A row for each set: ``name``, ``seeds``, ``auc``, ``low``, ``high``; ``difference``,
        ``difference_low``, ``difference_high``, paired by seed; ``said``: *better* or *worse* if
        the interval of the difference leaves out 0, else *not resolved*; ``seconds``, the median
        of the processor for a training. Intervals are NaN where fewer than two seeds are there.
    """
    wide = table.pivot(index="name", columns="seed", values="auc").reindex(table["name"].unique())
    seconds = table.groupby("name")["seconds"].median()
    rows = []
    for name, of_set in wide.iterrows():
        auc, gain = of_set.dropna().to_numpy(), (of_set - wide.iloc[0]).dropna().to_numpy()
        told = _t_interval(gain, level)
        said = "better" if told[1] > 0 else "worse" if told[2] < 0 else "not resolved"
        rows.append((name, len(auc), *_t_interval(auc, level), *told, said, seconds[name]))
    ends = ["difference", "difference_low", "difference_high", "said", "seconds"]
    return pd.DataFrame(rows, columns=["name", "seeds", "auc", "low", "high", *ends])


def _t_interval(values: np.ndarray, level: float) -> tuple[float, float, float]:
    """Mean of a few values (n,) and its interval by Student's t."""
    mean = values.mean() if len(values) else np.nan
    if len(values) < 2:
        return mean, np.nan, np.nan
    reach = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return mean, mean - reach, mean + reach


def page_of(sets: pd.DataFrame) -> str:
    """The page in Markdown: what was run, and a row for each set."""
    rows = []
    for row in sets.itertuples():
        difference = [row.difference, row.difference_low, row.difference_high]
        told = ("–", "–") if row.name == BASE else (_told(*difference, sign="+"), row.said)
        auc = _told(row.auc, row.low, row.high)
        rows.append([row.name, CHANGES[row.name][1], row.seeds, auc, *told, f"{row.seconds:.0f}"])
    columns = ["set", "what is changed", "seeds", "AUC", "difference", "in a word", "s"]
    table = as_markdown(pd.DataFrame(rows, columns=columns))
    steps = SMALL["epochs"] * SMALL["steps_per_epoch"]
    size = f"{SIZE[0]} × {SIZE[1]}"
    return f"""# What matters: the ablations the study did not run

Written by `python tests/benchmarks/bench_sweep.py`. Each set is trained on 18 minutes of simulated
tank (2 more choose the epoch) and scored on 20 minutes that follow: ROC-AUC of onset from calm. A
seed is a tank *and* a training. The first row is this project's ConvLSTM in small: {size} pixels,
{steps} steps. Every other row changes one thing; *animals* is notebook 04's network of animals.
(The study's own settings took five hours an epoch on a GPU: changing *them* could tell nothing in
minutes.) Differences from the first row are paired by seed; in brackets 95 % intervals by Student's
t over seeds, not corrected for {len(sets) - 1} comparisons. *Not resolved*: the interval
holds 0, so more seeds would be needed to say. *s*: seconds of the processor for a training, the
median; for the animals most of it goes into finding them, in all forty minutes.

{table}

![The same as a figure](../../figures/sweep.png)
"""


def _told(value: float, low: float, high: float, sign: str = "") -> str:
    if np.isnan(low):
        return f"{value:{sign}.3f}"
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def save_figure(sets: pd.DataFrame, path: Path) -> None:
    """Draw the differences from the first set."""
    columns = {"difference": "value", "difference_low": "low", "difference_high": "high"}
    gains = sets.loc[sets["name"] != BASE, ["name", *columns]].rename(columns=columns)
    axes = plot_differences(gains.sort_values("value", ascending=False))
    style.save_figure(axes, path)
    plt.close(axes.figure)


def main(arguments: list[str] | None = None, measure=train_and_score) -> None:
    """Train what is missing, write the page and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(CHANGES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(8)))
    parser.add_argument("--out", type=Path, default=Path("data/benchmarks/sweep"))
    parser.add_argument("--page", type=Path, default=HERE / "SWEEP.md")
    parser.add_argument("--figure", type=Path, default=HERE.parents[1] / "figures" / "sweep.png")
    chosen = parser.parse_args(arguments)
    run_sweep(chosen.sets, chosen.seeds, chosen.out, measure)
    sets = summarise(read_results(chosen.out))
    save_figure(sets, chosen.figure)
    write_text(chosen.page, page_of(sets))


if __name__ == "__main__":
    one_thread()
    main()
