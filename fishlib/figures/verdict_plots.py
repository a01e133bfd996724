"""Plots of the verdict's tables: one row a forecaster, a value and its interval.

The tables are pandas DataFrames; the names of their columns are arguments. A table without the
``name`` column is read by its index.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from fishlib.figures.style import INK, MUTED, forecaster_styles, legend_beside, new_axes, styled

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
