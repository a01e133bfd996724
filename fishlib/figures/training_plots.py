"""Learning curves."""

from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.figures.style import FUTURE_COLOR, INK, MUTED, forecaster_styles, new_figure, styled

_NAMES = {"loss": "Loss (cross-entropy, nats)", "auc": "ROC-AUC", "accuracy": "Accuracy"}


@styled
def plot_training_history(
    history: pd.DataFrame | str | Path, metrics: tuple[str, ...] | None = None
) -> np.ndarray:
    """Training (solid) and validation (dashed) against the epoch, a panel a metric.

    Parameters
    ----------
    history : DataFrame, or path of a CSV file
        Columns as keras' CSVLogger writes them: ``epoch`` (from 0; else the row number), ``loss``,
        ``val_loss``, ... A column ``seed`` or ``name`` draws one pair of lines each.
    metrics : tuple of str, optional
        Panels; None draws loss and, if there, auc.

    Returns
    -------
    array of Axes
    """
    table = history if isinstance(history, pd.DataFrame) else pd.read_csv(history)
    metrics = metrics or tuple(m for m in ("loss", "auc") if m in table)
    missing = [m for m in metrics if m not in table]
    if missing or not metrics:
        raise ValueError(f"The history has no column {missing or 'loss'}, only {list(table)}.")
    fig, axes = new_figure(1, len(metrics), height=3.3)
    group = next((g for g in ("name", "seed") if g in table), None)
    runs = table.groupby(group, sort=False) if group else [("", table)]
    styles = forecaster_styles([str(name) for name, _ in runs])
    for ax, metric in zip(np.ravel(axes), metrics, strict=True):
        for name, run in runs:
            color = styles[str(name)]["color"] if group == "name" else INK
            _draw_metric(ax, run, metric, f"{name} ".lstrip(), color)
        ax.set(xlabel="Epoch", ylabel=_NAMES.get(metric, metric))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(True, axis="y")
    entries = dict(zip(*np.ravel(axes)[0].get_legend_handles_labels()[::-1], strict=True))
    fig.legend(entries.values(), entries.keys(), loc="outside upper left", ncols=3)
    return np.ravel(axes)


def _draw_metric(ax, run: pd.DataFrame, metric: str, name: str, color: str) -> None:
    """Both lines of one metric, and a ring around the epoch with the lowest validation loss."""
    epochs = (run["epoch"] if "epoch" in run else pd.Series(range(len(run)))).to_numpy() + 1
    ax.plot(epochs, run[metric], color=color, marker="o", ms=4, label=f"{name}training")
    validation = run.get(f"val_{metric}")
    if validation is None:
        return
    dashed = {"color": FUTURE_COLOR if color == INK else color, "ls": (0, (5, 2))}
    ax.plot(epochs, validation, marker="o", ms=4, label=f"{name}validation", **dashed)
    best = int(np.argmin(run.get("val_loss", validation)))
    ring = {"mfc": "none", "mec": MUTED, "mew": 1.4, "ms": 11}
    ax.plot(epochs[best], validation.iloc[best], "o", label="lowest validation loss", **ring)
