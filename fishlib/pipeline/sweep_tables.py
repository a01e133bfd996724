"""What a sweep found: a row for each parameter set, with intervals over the seeds, and a figure."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from fishlib.figures.skill import plot_forest
from fishlib.figures.style import figure_of
from fishlib.files import write_atomically


def summarise(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Mean over seeds of each set, and of its difference from the first, with t-intervals.

    Parameters
    ----------
    table : DataFrame
        From :func:`fishlib.pipeline.sweep.run_sweep`.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        A row for each set: ``name``, ``seeds`` (runs that gave an AUC), ``auc``, ``low``,
        ``high``; ``difference``, ``difference_low``, ``difference_high``, paired by seed.
        Intervals are NaN where fewer than two seeds are there.
    """
    wide = table.pivot(index="name", columns="seed", values="auc").reindex(table["name"].unique())
    rows = []
    for name, of_set in wide.iterrows():
        auc, difference = of_set.dropna().to_numpy(), (of_set - wide.iloc[0]).dropna().to_numpy()
        rows.append((name, len(auc), *_t_interval(auc, level), *_t_interval(difference, level)))
    ends = ["difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, columns=["name", "seeds", "auc", "low", "high", *ends])


def _t_interval(values: np.ndarray, level: float) -> tuple[float, float, float]:
    """Mean of a few values (n,) and its interval by Student's t."""
    if not len(values):
        return (np.nan,) * 3
    mean = float(values.mean())
    if len(values) < 2:
        return mean, np.nan, np.nan
    reach = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return mean, mean - reach, mean + reach


def write_tables(table: pd.DataFrame, out: Path) -> None:
    """Write ``runs.csv``, ``sets.csv`` and ``sweep.png`` of the runs done so far."""
    out.mkdir(parents=True, exist_ok=True)
    sets = summarise(table)
    write_atomically(out / "runs.csv", lambda path: table.to_csv(path, index=False))
    write_atomically(out / "sets.csv", lambda path: sets.to_csv(path, index=False))
    words = "ROC-AUC of onset from calm: mean over seeds, 95 % t-interval (0.5 = chance)"
    figure = figure_of(plot_forest(sets, xlabel=words))
    write_atomically(out / "sweep.png", figure.savefig)
    plt.close(figure)
