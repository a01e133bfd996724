"""Curves of ranking skill: ROC and precision–recall.

Each function takes a label (T,) of 1, 0, -1 and forecasts ``{name: p (T,)}``, and draws the frames
that are labelled and on which every forecast is defined.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import precision_recall_curve, roc_curve

from fishlib.evaluation.scores import (
    comparable_frames,
    is_probability,
    rank_scores,
    reliability_curve,
)
from fishlib.figures.style import (
    BURST_COLOR,
    FUTURE_COLOR,
    INK,
    MUTED,
    PAST_COLOR,
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


@styled
def plot_threshold_curves(
    label: np.ndarray, forecast: np.ndarray, name: str = "forecast", ax: Axes | None = None
) -> Axes:
    """Accuracy and Youden's J against the threshold, their best points, and always-no's accuracy.

    Parameters
    ----------
    label : int array (T,)
    forecast : float array (T,)
        A frame is called positive if its forecast is at least the threshold.
    """
    ax = new_axes(ax, height=3.4)
    kept, scored = defined_frames(label, {name: forecast})
    fpr, tpr, threshold = roc_curve(kept, scored[name], drop_intermediate=False)
    share = kept.mean()
    curves = {
        "accuracy": (tpr * share + (1 - fpr) * (1 - share), INK),
        "Youden's J = TPR − FPR": (tpr - fpr, PAST_COLOR),
    }
    for text, (value, color) in curves.items():
        best = int(value[1:].argmax()) + 1
        at = f"{text}: best {value[best]:.3f} at {threshold[best]:.3g}"
        ax.plot(threshold[1:], value[1:], color=color, label=at)
        ax.plot(threshold[best], value[best], "o", color=color, ms=7, mec="white")
    ax.axhline(1 - share, label=f"accuracy of always “no”: {1 - share:.3f}", **CHANCE)
    ax.set(xlabel=f"Threshold on the {name}", ylabel="Score (share of frames; J)", ylim=(0, 1))
    legend_beside(ax)
    return ax


@styled
def plot_forecast_histogram(
    label: np.ndarray,
    forecast: np.ndarray,
    name: str = "forecast",
    threshold: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Forecasts of the 0-frames and of the 1-frames, each as a share of its class."""
    ax = new_axes(ax, height=3.0)
    kept, scored = defined_frames(label, {name: forecast})
    p = scored[name]
    bins = np.linspace(*((0, 1) if is_probability(p) else (p.min(), p.max())), 41)
    for value, color in ((0, MUTED), (1, BURST_COLOR)):
        part = p[kept == value]
        ax.hist(
            part,
            bins,
            weights=np.full(len(part), 100 / len(part)),
            histtype="stepfilled",
            fc=(color, 0.18),
            ec=color,
            lw=1.6,
            label=f"label {value}: {len(part):,} frames",
        )
    if threshold is not None:
        ax.axvline(threshold, color=INK, lw=1.3, ls=(0, (4, 2)), label=f"threshold {threshold:.3g}")
    ax.set(xlabel=f"Value of the {name} (probability or score)", ylabel="Frames of the class (%)")
    legend_beside(ax)
    return ax


@styled
def plot_reliability(label: np.ndarray, forecasts: Mapping[str, np.ndarray]) -> np.ndarray:
    """CORP reliability diagram: isotonic event frequency against the forecast probability.

    Source: Dimitriadis, Gneiting & Jordan (2021), doi:10.1073/pnas.2016191118. Below the curves,
    how often each probability was given.

    Returns
    -------
    array of two Axes
        Reliability, and histogram of the forecasts.
    """
    kept, forecasts = defined_frames(label, forecasts)
    _, axes = new_figure(2, 1, height=5.2, sharex=True, height_ratios=(4, 1))
    styles = forecaster_styles(forecasts)
    for name, p in forecasts.items():
        if not is_probability(p):
            raise ValueError(f"{name} is not a probability: calibrate it into [0, 1] first.")
        bins = reliability_curve(kept, p)
        ends = bins[["lowest", "highest"]].to_numpy().ravel()
        axes[0].plot(ends, bins.frequency.repeat(2), label=name, **line_style(styles[name]))
        axes[1].hist(p, np.linspace(0, 1, 51), histtype="step", **line_style(styles[name]))
    axes[0].plot([0, 1], [0, 1], label="perfectly reliable", **CHANCE)
    axes[0].axhline(kept.mean(), color=MUTED, lw=0.9, ls=(0, (6, 3)), label="base rate", zorder=0)
    axes[0].set(ylabel="Observed frequency of label 1", ylim=(0, 1), xlim=(0, 1))
    axes[1].set(ylabel="Frames", xlabel="Forecast probability of a burst")
    legend_beside(axes[0])
    return axes


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


DASHES = (0, (4, 3))


@styled
def plot_forest(
    table: pd.DataFrame,
    value: str = "auc",
    low: str = "low",
    high: str = "high",
    name: str = "name",
    xlabel: str = "ROC-AUC, with its 95 % interval (0.5 = chance, 1 = perfect)",
    reference: float | None = 0.5,
    highlight: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Forest plot: a row a forecaster, a dot for its score, a bar for its interval.

    Parameters
    ----------
    table : DataFrame
        Drawn from top to bottom in its own order.
    reference : float, optional
        Marked by a vertical line (chance).
    highlight : str, optional
        Name of the row whose value is drawn through the whole figure, as the mark to beat.
    """
    names = _names(table, name)
    ax = new_axes(ax, height=1.1 + 0.42 * len(table))
    styles = forecaster_styles(names)
    rows = list(zip(names, table[value], table[low], table[high], strict=True))
    for y, (row, middle, left, right) in enumerate(rows):
        color = styles[row]["color"]
        ax.plot([left, right], [y, y], color=color, lw=3, alpha=0.45, solid_capstyle="butt")
        ax.plot(middle, y, styles[row]["marker"], color=color, ms=8)
        text = f"{middle:.3f}  [{left:.3f}, {right:.3f}]"
        ax.annotate(text, (1.02, y), **_right_of(ax))
        if row == highlight:
            ax.axvline(middle, color=color, lw=1, ls=DASHES, zorder=0)
    if reference is not None:
        ax.axvline(reference, color=MUTED, lw=1, ls=(0, (1, 1.5)), zorder=0)
    _finish_rows(ax, names, xlabel)
    return ax


@styled
def plot_differences(
    table: pd.DataFrame,
    value: str = "difference",
    low: str = "low",
    high: str = "high",
    name: str = "name",
    xlabel: str = "Difference of ROC-AUC, with its paired 95 % interval",
    ax: Axes | None = None,
) -> Axes:
    """Paired differences with their intervals around the line of no difference.

    Rows whose interval holds 0 are grey: no difference was shown.
    """
    names = _names(table, name)
    ax = new_axes(ax, height=1.1 + 0.42 * len(table))
    for y, (middle, left, right) in enumerate(table[[value, low, high]].to_numpy(float)):
        color = MUTED if left <= 0 <= right else INK
        ax.plot([left, right], [y, y], color=color, lw=2.4, alpha=0.6, solid_capstyle="butt")
        ax.plot(middle, y, "o", ms=7.5, mew=1.6, mec=color, mfc="white" if color == MUTED else INK)
        text = f"{middle:+.3f}  [{left:+.3f}, {right:+.3f}]".replace("-", "−")
        ax.annotate(text, (1.02, y), **_right_of(ax))
    ax.axvline(0, color=INK, lw=1, zorder=1)
    reach = 1.08 * max(abs(v) for v in ax.get_xlim())
    ax.set_xlim(-reach, reach)
    _finish_rows(ax, names, xlabel)
    return ax


def _names(table: pd.DataFrame, name: str) -> list[str]:
    return [str(n) for n in table.get(name, table.index)]


def _right_of(ax: Axes) -> dict:
    """Where a row's number stands: just outside the axes, at the row's height."""
    return {"xycoords": ax.get_yaxis_transform(), "va": "center", "size": 9.5}


def _finish_rows(ax: Axes, names: list[str], xlabel: str) -> None:
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))
    ax.set_xlabel(xlabel)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(True, axis="x")


@styled
def plot_auc_by_lead(
    table: pd.DataFrame,
    lead: str = "lead",
    value: str = "auc",
    low: str = "low",
    high: str = "high",
    name: str = "name",
    ax: Axes | None = None,
) -> Axes:
    """Score against the time of warning, one line a forecaster, with its interval if given.

    Parameters
    ----------
    table : DataFrame
        Tidy: a row for each forecaster and lead, the lead in seconds.
    """
    ax = new_axes(ax, height=3.6)
    styles = forecaster_styles(table[name].unique())
    for who, rows in table.sort_values(lead).groupby(name, sort=False):
        style = styles[who]
        line = {"color": style["color"], "ls": style["linestyle"], "marker": style["marker"]}
        ax.plot(rows[lead], rows[value], label=who, ms=6, **line)
        if low in rows and high in rows:
            ax.fill_between(rows[lead], rows[low], rows[high], fc=style["color"], alpha=0.1, lw=0)
    ax.axhline(0.5, color=MUTED, lw=1, ls=(0, (1, 1.5)), label="chance")
    ax.set(xlabel="Lead of the warning (s)", ylabel="ROC-AUC (0.5 = chance)")
    ax.grid(True, axis="y")
    legend_beside(ax)
    return ax


@styled
def plot_share_of_limit(
    table: pd.DataFrame,
    value: str = "share",
    low: str = "low",
    high: str = "high",
    name: str = "name",
    ax: Axes | None = None,
) -> Axes:
    """How far each forecaster is on the way from the best ỹ model (0 %) to the oracle (100 %)."""
    names = _names(table, name)
    ax = new_axes(ax, height=1.2 + 0.42 * len(table))
    styles = forecaster_styles(names)
    for y, (row, share) in enumerate(zip(names, table[value], strict=True)):
        ax.barh(y, share, height=0.55, color=styles[row]["color"], alpha=0.85)
    if low in table and high in table:
        ends = table[[low, high]].to_numpy(float)
        ax.hlines(np.arange(len(table)), *ends.T, color=INK, lw=1.4)
    for y, share in enumerate(table[value]):
        ax.annotate(f"{share:.0%}".replace("-", "−"), (1.02, y), **_right_of(ax))
    ax.axvline(0, color=INK, lw=1)
    ax.axvline(1, color=INK, lw=1, ls=DASHES)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    _finish_rows(ax, names, "Share of the way from the best ỹ model to the oracle")
    return ax


@styled
def plot_equal_level(
    table: pd.DataFrame,
    level: str = "level",
    value: str = "auc",
    low: str = "low",
    high: str = "high",
    name: str = "name",
    ax: Axes | None = None,
) -> Axes:
    """Score among frames of equal present motion: what is left once the level is known.

    Parameters
    ----------
    table : DataFrame
        Tidy: a row for each forecaster and bin; ``level`` is the bin's ỹ[t − 1], as a share of
        the grey range.
    """
    scaled = table.assign(**{level: table[level] * 1e3})
    ax = plot_auc_by_lead(scaled, level, value, low, high, name, ax=ax)
    ax.set(xlabel="Motion just before, ỹ[t − 1] (10⁻³ of grey range)", xlim=(0, None))
    return ax
