"""How good forecasts are: curves over the frames, tables as rows, learning curves.

Functions of frames take a label (T,) of 1, 0, -1 and forecasts ``{name: p (T,)}``, and draw the
frames that are labelled and on which every forecast is defined. Functions of a table take one with
the columns ``name``, ``value``, ``low`` and ``high``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from sklearn.metrics import roc_auc_score, roc_curve

from fishlib.evaluation import scores
from fishlib.evaluation.beyond import block_length_table
from fishlib.figures import style
from fishlib.figures.style import CHANCE, DASHED, INK, MUTED, legend_beside, new_axes, styled


def defined_frames(
    label: np.ndarray, forecasts: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Label and forecasts on the frames of :func:`fishlib.evaluation.scores.comparable_frames`."""
    frames = scores.comparable_frames(label, forecasts)
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
    kept, forecasts = defined_frames(label, forecasts)
    ax = style.unit_square(ax, "False positive rate (0-frames)", "True positive rate (1-frames)")
    styles = style.forecaster_styles(forecasts)
    for name, (rate, low, high) in (bands or {}).items():
        ax.fill_between(rate, low, high, color=styles[name]["color"], alpha=0.15, lw=0)
    for name, p in forecasts.items():
        text = f"{name}  ({roc_auc_score(kept, p):.3f})"
        ax.plot(*roc_curve(kept, p)[:2], label=text, **style.line_style(styles[name]))
    ax.plot([0, 1], [0, 1], label="chance  (0.500)", **CHANCE)
    legend_beside(ax, title="Forecaster (AUC)", alignment="left")
    return ax


@styled
def plot_warning_curve(curves: Mapping[str, pd.DataFrame], ax: Axes | None = None) -> Axes:
    """Share of onsets warned of against the share of time spent in warning.

    Parameters
    ----------
    curves : mapping of name -> DataFrame
        Columns ``time_in_warning`` and ``sensitivity``, both in [0, 1], a row a threshold, as
        :func:`fishlib.evaluation.alarms.alarm_curve` returns. Random alarms lie on the diagonal.
    """
    columns, styles = ["time_in_warning", "sensitivity"], style.forecaster_styles(curves)
    ax = style.unit_square(ax, "Time in warning (share of the film)", "Onsets warned of (share)")
    for name, curve in curves.items():
        inner = curve[columns].sort_values(columns).to_numpy()
        ax.plot(*np.vstack([[0, 0], inner, [1, 1]]).T, label=name, **style.line_style(styles[name]))
    ax.plot([0, 1], [0, 1], label="alarms at random", **CHANCE)
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
    _, axes = style.new_figure(2, 1, height=5.2, sharex=True, height_ratios=(4, 1))
    styles = style.forecaster_styles(forecasts)
    for name, p in forecasts.items():
        if not scores.is_probability(p):
            raise ValueError(f"{name} is not a probability: calibrate it into [0, 1] first.")
        bins = scores.reliability_curve(kept, p)
        ends = bins[["lowest", "highest"]].to_numpy().ravel()
        axes[0].plot(ends, bins.frequency.repeat(2), label=name, **style.line_style(styles[name]))
        axes[1].hist(p, np.linspace(0, 1, 51), histtype="step", **style.line_style(styles[name]))
    axes[0].plot([0, 1], [0, 1], label="perfectly reliable", **CHANCE)
    axes[0].axhline(kept.mean(), color=MUTED, lw=0.9, ls=DASHED, label="base rate", zorder=0)
    axes[0].set(ylabel="Observed frequency of label 1", ylim=(0, 1), xlim=(0, 1))
    axes[1].set(ylabel="Frames", xlabel="Forecast probability of a burst")
    legend_beside(axes[0])
    return axes


@styled
def plot_training_history(history: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Loss on training clips (solid) and validation clips (dashed) against the epoch; a ring
    around the lowest validation loss.

    Parameters
    ----------
    history : DataFrame
        ``name``, ``epoch`` (from 0), ``loss`` and ``val_loss``: a pair of lines a name.
    """
    ax, styles = new_axes(ax, height=3.6), style.forecaster_styles(pd.unique(history["name"]))
    for name, run in history.groupby("name", sort=False):
        epochs, losses = run["epoch"].to_numpy() + 1, run["val_loss"].to_numpy()
        look, best = {"color": styles[name]["color"], "marker": "o", "ms": 4}, losses.argmin()
        ax.plot(epochs, run["loss"], label=f"{name} training", **look)
        ax.plot(epochs, losses, label=f"{name} validation", ls=DASHED, **look)
        ring = {"mfc": "none", "mec": MUTED, "mew": 1.4, "ms": 11, "ls": "", "marker": "o"}
        ax.plot(epochs[best], losses[best], label="lowest validation loss", **ring)
    ax.set(xlabel="Epoch", ylabel="Loss (cross-entropy, nats)")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(True, axis="y")
    style.legend_below(ax)
    return ax


@styled
def plot_forest(
    table: pd.DataFrame,
    xlabel: str = "ROC-AUC, with its 95 % interval (0.5 = chance, 1 = perfect)",
    highlight: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Forest plot: a row a forecaster, a dot for its score, a bar for its interval.

    Parameters
    ----------
    table : DataFrame
        ``name``, ``value``, ``low``, ``high``; the highest value is drawn on top.
    highlight : str, optional
        Name of the row whose value is drawn through the whole figure, as the mark to beat.
    """
    table = table.sort_values("value", ascending=False)
    styles = style.forecaster_styles(table["name"])
    ax = _draw_rows(ax, table, [styles[name] for name in table["name"]], ".3f", xlabel)
    for value in table.loc[table["name"] == highlight, "value"]:
        ax.axvline(value, color=styles[highlight]["color"], lw=1, ls=DASHED, zorder=0)
    ax.axvline(0.5, **CHANCE)
    return ax


@styled
def plot_differences(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Paired differences with their intervals around the line of no difference.

    Rows whose interval holds 0 are grey and marked by a cross: no difference was shown.

    Parameters
    ----------
    table : DataFrame
        ``name``, ``value``, ``low``, ``high``.
    """
    held = (table["low"] <= 0) & (table["high"] >= 0)
    looks = [{"color": MUTED, "marker": "x"} if h else {"color": INK, "marker": "o"} for h in held]
    xlabel = "Difference of ROC-AUC, with its paired 95 % interval"
    ax = _draw_rows(ax, table, looks, "+.3f", xlabel)
    ax.axvline(0, color=INK, lw=1, zorder=1)
    return ax


@styled
def plot_share_of_limit(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """How far each forecaster is on the way from the best rival (0 %) to the oracle (100 %).

    Parameters
    ----------
    table : DataFrame
        ``name``, ``value`` (the share), ``low``, ``high``.
    """
    looks = list(style.forecaster_styles(table["name"]).values())
    xlabel = "Share of the way from the best model of the motion to the oracle"
    ax = _draw_rows(ax, table, looks, ".0%", xlabel)
    ax.axvline(0, color=INK, lw=1)
    ax.axvline(1, color=INK, lw=1, ls=DASHED)
    ax.xaxis.set_major_formatter("{x:.0%}")
    return ax


@styled
def plot_films(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Forest of films: a row a film, in it a dot and an interval for each forecaster.

    Parameters
    ----------
    table : DataFrame
        ``name``, ``film``, ``value``, ``low``, ``high``, such as ``verdict.by_film``.
    """
    films, styles = pd.unique(table["film"]), style.forecaster_styles(pd.unique(table["name"]))
    apart = 0.7 / len(styles)
    ax = new_axes(ax, height=1.2 + len(films) * max(0.35, 0.2 * len(styles)))
    for i, (name, rows) in enumerate(table.groupby("name", sort=False)):
        y = pd.Index(films).get_indexer(rows["film"]) + apart * (i - (len(styles) - 1) / 2)
        look = {"color": styles[name]["color"], "zorder": 3}
        ax.hlines(y, rows["low"], rows["high"], lw=2.5, alpha=0.45, **look)
        ax.plot(rows["value"], y, styles[name]["marker"], label=name, ms=7, mec="white", **look)
    ax.axvline(0.5, **CHANCE)
    ax.set(yticks=range(len(films)), yticklabels=films, ylim=(len(films) - 0.5, -0.5))
    ax.set_xlabel("ROC-AUC within each film (0.5 = chance)")
    style.legend_beside(ax)
    return ax


@styled
def plot_block_lengths(verdict, names: Sequence[str], ax: Axes | None = None) -> Axes:
    """How far the interval of the AUC depends on the length of the blocks that make it.

    Parameters
    ----------
    verdict : fishlib.evaluation.Verdict
    names : sequence of str
        Its forecasts to show, few.
    """
    table = block_length_table(verdict, names)
    if table.empty:
        return style.draw_reason(ax, table)
    ax, lengths = new_axes(ax), pd.unique(table["seconds"])
    table["position"] = np.searchsorted(lengths, table["seconds"])
    _draw_lines(ax, table, "position", names, 0.08)
    ax.set(xticks=range(len(lengths)), xticklabels=[f"{length:g}" for length in lengths])
    ax.set(xlabel="Length of a block (s)", ylabel="ROC-AUC (0.5 = chance)")
    style.legend_beside(ax)
    return ax


def _draw_lines(
    ax: Axes, table: pd.DataFrame, across: str, names: Sequence[str], apart: float
) -> None:
    """A line a forecaster against a column of the table, its intervals as bars, side by side."""
    styles = style.forecaster_styles(names)
    for i, (name, look) in enumerate(styles.items()):
        rows = table[table["name"] == name].sort_values(across)
        x, line = rows[across] + apart * (i - (len(names) - 1) / 2), style.line_style(look)
        ax.vlines(x, rows["low"], rows["high"], color=look["color"], lw=1.2, alpha=0.6)
        ax.plot(x, rows["value"], marker=look["marker"], ms=6, label=name, **line)
    ax.grid(True, axis="y")


def _draw_rows(
    ax: Axes | None, table: pd.DataFrame, looks: Sequence[Mapping], form: str, xlabel: str
) -> Axes:
    """A row a line of the table: its interval, its value, its name, and its numbers at the right.

    On a narrow page name and numbers stand above the row's bar.
    """
    narrow, n = style.is_narrow(), len(table)
    ax = new_axes(ax, height=1.1 + 0.42 * n)
    rows, colors = [f"row {i}" for i in range(n)], [look["color"] for look in looks]
    points = {"palette": colors, "markers": [look["marker"] for look in looks], "legend": False}
    sns.pointplot(x=table["value"], y=rows, hue=rows, errorbar=None, ls="", ax=ax, **points)
    ax.hlines(range(n), table["low"], table["high"], colors=colors, lw=3, alpha=0.45)
    ax.set(yticks=range(n), yticklabels=[] if narrow else table["name"], ylim=(n - 0.4, -0.6))
    ax.set(xlabel=xlabel, ylabel="")
    paper = {"fc": "white", "ec": "none", "pad": 0.5}
    at = {"xycoords": ax.get_yaxis_transform(), "fontsize": "small", "va": "center", "bbox": paper}
    for y, row in enumerate(table.itertuples()):
        value, low, high = (f"{x:{form}}".replace("-", "−") for x in (row.value, row.low, row.high))
        text = f"{value}  [{low}, {high}]" if np.isfinite(row.low) else value
        place = {"xy": (1, y - 0.38), "ha": "right"} if narrow else {"xy": (1.02, y)}
        ax.annotate(text, **place, **at)
        if narrow:
            ax.annotate(row.name, (0, y - 0.38), **at)
    style.dress(ax).tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=4 if narrow else 7)
    ax.grid(True, axis="x")
    return ax


@styled
def plot_auc_by_lead(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Score against the time of warning, one line for each of the five forecasters that score
    highest at the shortest lead, named where it ends.

    Parameters
    ----------
    table : DataFrame
        ``name``, ``lead`` (s), ``value``, and its interval ``low``, ``high`` as bars.
    """
    first = table[table["lead"] == table["lead"].min()].sort_values("value", ascending=False)
    names = list(first["name"][:5])
    ax, reach = new_axes(ax, height=3.8), float(np.ptp(table["lead"]))
    _draw_lines(ax, table, "lead", names, 0.008 * reach)
    ax.set(xlabel="Lead of the warning (s)", ylabel="ROC-AUC (0.5 = chance)")
    _name_lines(ax)
    ax.axhline(0.5, **CHANCE)
    if len(names) < len(first):
        ax.set_title(f"{len(names)} of {len(first)} forecasters", weight="normal")
    return ax


def _name_lines(ax: Axes) -> None:
    """Write the label of each line at its right end, moved apart where lines end close together."""
    if style.is_narrow():
        return style.legend_below(ax)
    lines = sorted(ax.get_lines(), key=lambda line: line.get_ydata()[-1])
    ends = np.array([line.get_ydata()[-1] for line in lines])
    step = np.ptp(ax.get_ylim()) * 0.19 / (ax.figure.get_figheight() - 0.9) * np.arange(len(ends))
    at = {"xycoords": ax.get_yaxis_transform(), "va": "center", "fontsize": "small"}
    for line, y in zip(lines, np.maximum.accumulate(ends - step) + step, strict=True):
        ax.annotate(
            line.get_label(), (1.015, y), color=style.lighten(line.get_color(), -0.35), **at
        )
