"""Curves of ranking skill: ROC and precision–recall.

Each function takes a label (T,) of 1, 0, -1 and forecasts ``{name: p (T,)}``, and draws the frames
that are labelled and on which every forecast is defined.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from sklearn.metrics import precision_recall_curve, roc_curve

from fishlib.evaluation.scores import comparable_frames, rank_scores
from fishlib.figures.style import (
    forecaster_styles,
    legend_beside,
    new_axes,
    new_figure,
    styled,
)

CHANCE = {"color": "#A0A0A0", "lw": 1, "ls": (0, (1, 1.5)), "zorder": 1}


def defined_frames(
    label: np.ndarray, forecasts: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Label and forecasts on the frames of :func:`fishlib.evaluation.scores.comparable_frames`."""
    frames = comparable_frames(label, forecasts)
    return np.asarray(label)[frames], {k: np.asarray(p)[frames] for k, p in forecasts.items()}


@styled
def plot_roc(
    label: np.ndarray,
    forecasts: Mapping[str, np.ndarray],
    bands: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """ROC curves with the diagonal of chance; the area under each stands in the legend.

    Parameters
    ----------
    label : int array (T,)
    forecasts : mapping of name -> float array (T,)
    bands : mapping of name -> (false positive rates, lowest, highest true positive rate), optional
        Bootstrap bands, shaded.
    """
    ax = new_axes(ax, height=4.2, width=7.6)
    kept, forecasts = defined_frames(label, forecasts)
    styles = forecaster_styles(forecasts)
    for name, (rate, low, high) in (bands or {}).items():
        ax.fill_between(rate, low, high, color=styles[name]["color"], alpha=0.15, lw=0)
    for name, p in forecasts.items():
        fpr, tpr, _ = roc_curve(kept, p)
        text = f"{name}  ({rank_scores(kept, p)['auc']:.3f})"
        ax.plot(fpr, tpr, label=text, **line_style(styles[name]))
    ax.plot([0, 1], [0, 1], label="chance  (0.500)", **CHANCE)
    _unit_square(ax, "False positive rate (share of 0-frames)", "True positive rate (of 1-frames)")
    legend_beside(ax, title="Forecaster (AUC)", alignment="left")
    return ax


@styled
def plot_precision_recall(
    label: np.ndarray, forecasts: Mapping[str, np.ndarray], ax: Axes | None = None
) -> Axes:
    """Precision against recall, with the base rate; average precision stands in the legend."""
    ax = new_axes(ax, height=4.2, width=7.6)
    kept, forecasts = defined_frames(label, forecasts)
    styles = forecaster_styles(forecasts)
    for name, p in forecasts.items():
        precision, recall, _ = precision_recall_curve(kept, p)
        text = f"{name}  ({rank_scores(kept, p)['average_precision']:.3f})"
        ax.plot(recall, precision, label=text, **line_style(styles[name]))
    ax.axhline(kept.mean(), label=f"base rate  ({kept.mean():.3f})", **CHANCE)
    _unit_square(ax, "Recall (share of 1-frames found)", "Precision (share of calls right)")
    legend_beside(ax, title="Forecaster (average precision)", alignment="left")
    return ax


def line_style(style: Mapping) -> dict:
    """Keyword arguments of ``Axes.plot`` for one of :func:`forecaster_styles`."""
    return {"color": style["color"], "ls": style["linestyle"], "lw": 1.9}


def _unit_square(ax: Axes, xlabel: str, ylabel: str) -> None:
    ticks = np.linspace(0, 1, 6)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1.01), xticks=ticks, yticks=ticks)
    ax.set_aspect("equal", anchor="W")
    ax.grid(True)


@styled
def plot_roc_and_precision(label: np.ndarray, forecasts: Mapping[str, np.ndarray]) -> np.ndarray:
    """ROC and precision–recall side by side, with one legend below.

    Returns
    -------
    array of two Axes
    """
    fig, axes = new_figure(1, 2, height=5.7)
    plot_roc(label, forecasts, ax=axes[0])
    plot_precision_recall(label, forecasts, ax=axes[1])
    kept, defined = defined_frames(label, forecasts)
    lines = axes[0].get_lines()
    texts = [f"{n}: {_scores_text(kept, p)}" for n, p in defined.items()]
    texts.append(f"chance: AUC 0.500, average precision {kept.mean():.3f}")
    for ax in axes:
        ax.get_legend().remove()
    fig.legend(lines, texts, loc="outside lower center", ncols=2)
    return axes


def _scores_text(label: np.ndarray, p: np.ndarray) -> str:
    scores = rank_scores(label, p)
    return f"AUC {scores['auc']:.3f}, average precision {scores['average_precision']:.3f}"
