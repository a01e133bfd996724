"""The one visual language: colours, fonts, line styles and page width of every figure.

Colours carry meaning. Cool colours are forecasters that read the motion only, warm colours are
networks that see the video, grey knows nothing, black knows the hidden state. The palette stays
apart under simulated deuteranopia, protanopia and tritanopia, and every family has a line style of
its own besides.
"""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

from fishlib.evaluation.scores import NothingToJudge
from fishlib.files import write_atomically

INK = "#1F2933"
MUTED = "#5F6B7A"
FAINT = "#E4E7EB"
MOTION_COLOR = "#52606D"
BURST_COLOR = "#D1245F"
PAST_COLOR = "#0069A6"
FUTURE_COLOR = "#BF5700"
FORECAST_COLORS: Colormap = LinearSegmentedColormap.from_list(
    "forecast", ["#A9C5DE", "#8C96C6", "#8C6BB1", "#9A2D86", "#B0004E", "#6B0020"]
)
MOTION_LABEL = "Motion ỹ (10⁻³ of grey range)"
TIME_LABEL = "Time (s)"
MOTION_SCALE = 1e3
DASHED, DOTTED, DASHDOT = (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))
CHANCE = {"color": MUTED, "lw": 1, "ls": DOTTED, "zorder": 1}
"""Look of the line that knows nothing."""

DESK, PHONE = 9.0, 3.9
"""Width of a page, inches: 900 and 390 pixels at 100 dots an inch."""
_PAGE = {"width": DESK}

STYLE = sns.axes_style("ticks") | {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.family": ["DejaVu Sans"],
    "font.size": 11,
    "text.color": INK,
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": FAINT,
    "legend.fontsize": "small",
    "legend.title_fontsize": "small",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
"""Seaborn's theme of ticks in our colours; every text is "small", "medium" or the like."""

# Family: colour, line style, marker, words. The first family with one of its words inside the
# forecaster's name (lower case) gives the style.
_FAMILIES = (
    ("oracle", "#111111", (0, (3, 1.5)), "*", ("oracle",)),
    ("base rate", "#8C8C8C", DOTTED, ".", ("base rate", "chance", "always", "climatology")),
    ("stacked ConvLSTM", "#86005C", DASHDOT, "h", ("visionary", "serenity", "stacked")),
    ("ConvLSTM", "#BF5700", "-", "D", ("convlstm", "snowflake", "fast-snow")),
    ("LSTM on the motion", "#00491C", DASHED, "P", ("lstm",)),
    ("animals", "#9900CC", "-", "P", ("animal",)),
    ("CNN", "#EBA200", DASHED, "X", ("cnn", "conv", "video", "network")),
    ("published baseline", "#3D9CF2", DASHED, "s", ("baseline",)),
    ("boosting", "#3A2699", DASHDOT, "v", ("boost",)),
    ("logistic", "#3DC07A", "-", "^", ("logistic", "logit", "past of")),
    ("level", "#0069A6", "-", "o", ("level", "ỹ", "calm", "time since")),
)
FAMILIES = {
    family: {"color": color, "linestyle": line, "marker": marker}
    for family, color, line, marker, _ in _FAMILIES
}


def forecaster_family(name: str) -> str | None:
    """Family of a forecaster, recognised by its name; None if it belongs to no known one."""
    lowered = name.lower()
    return next((row[0] for row in _FAMILIES if any(word in lowered for word in row[-1])), None)


def forecaster_styles(names: Iterable[str]) -> dict[str, dict]:
    """Line style of each forecaster, the same in every figure.

    Parameters
    ----------
    names : iterable of str
        Names as they stand in the table of forecasts.

    Returns
    -------
    dict of name -> {"color", "linestyle", "marker"}
        A second member of one family, by the alphabet, keeps the colour, lightened, and is dotted;
        a name of no family is grey.
    """
    styles: dict[str, dict] = {name: {} for name in names}  # in the order given
    seen = set()
    for name in sorted(styles):
        family = forecaster_family(name)
        styles[name] = dict(FAMILIES.get(family, {"color": MUTED, "linestyle": "-", "marker": "d"}))
        if family and family in seen:
            color = lighten(styles[name]["color"], 0.3)
            styles[name] |= {"color": color, "linestyle": ":"}
        seen.add(family)
    return styles


def line_style(style: Mapping) -> dict:
    """Keyword arguments of ``Axes.plot`` for one of :func:`forecaster_styles`, without marker."""
    return {"color": style["color"], "ls": style["linestyle"], "lw": 1.9}


def lighten(color: str, share: float) -> str:
    """The colour moved by ``share`` in [-1, 1] towards white, or, below 0, towards black."""
    rgb = np.array(mpl.colors.to_rgb(color))
    return mpl.colors.to_hex(rgb + (1 - rgb) * share if share > 0 else rgb * (1 + share))


@contextmanager
def page(width: float = PHONE) -> Iterator[None]:
    """Draw every figure inside for a page ``width`` inches wide.

    On a page below 6 inches, such as a phone's, what stands side by side is stacked, legends move
    below, and text is 9.7 pixels high or more at 100 dots an inch.
    """
    before, _PAGE["width"] = _PAGE["width"], width
    try:
        yield
    finally:
        _PAGE["width"] = before


def page_width() -> float:
    """Width of the page figures are drawn for, inches."""
    return _PAGE["width"]


def is_narrow() -> bool:
    """Whether figures are drawn for a phone."""
    return _PAGE["width"] < 6


def styled(plot: Callable) -> Callable:
    """Decorator: run a plot function under ``STYLE`` and leave matplotlib's settings untouched.

    Where one of its first two arguments, or of what the first maps to, is an empty table, mapping
    or array, or the function raises ``NothingToJudge``, the reason is drawn instead.
    """

    @wraps(plot)
    def run(*args, **kwargs):
        kept = {key: mpl.rcParams[key] for key in STYLE}  # rc_context would also reset what a
        mpl.rcParams.update(STYLE)  # notebook's backend sets when the first figure is made
        mpl.rcParams["font.size"] = 8.4 if is_narrow() else STYLE["font.size"]
        try:
            drawn = _draw_or_say_why(plot, args, kwargs)
            if isinstance(drawn, Axes | np.ndarray):
                again = {name: value for name, value in kwargs.items() if name != "ax"}
                figure_of(drawn).redraw = partial(run, *args, **again)
                figure_of(drawn).on_phone = partial(_on_phone, drawn)
                if is_narrow():
                    _wrap_texts(figure_of(drawn))
            elif hasattr(drawn, "on_phone"):
                drawn.redraw = partial(run, *args, **kwargs)
            return drawn
        finally:
            mpl.rcParams.update(kept)

    return run


def _draw_or_say_why(plot: Callable, args: tuple, kwargs: Mapping) -> object:
    parts = args[0].values() if args and isinstance(args[0], Mapping) else ()
    for data in (*args[:2], *parts):
        if isinstance(data, pd.DataFrame | Mapping | np.ndarray) and not len(data):
            return draw_reason(kwargs.get("ax"), data)
    try:
        return plot(*args, **kwargs)
    except NothingToJudge as reason:
        return draw_reason(kwargs.get("ax"), str(reason))


def redraw(axes: Axes | np.ndarray, width: float = PHONE) -> Axes | np.ndarray:
    """Draw the figure of a plot function's axes again, for a page of another width.

    Parameters
    ----------
    axes : Axes or array of Axes
        What a ``plot_*`` returned.
    width : float
        Inches.

    Returns
    -------
    Axes or array of Axes
        Of a new figure.
    """
    with page(width):
        return figure_of(axes).redraw()


def _on_phone(axes: Axes | np.ndarray) -> Figure:
    """The figure drawn for a phone, out of pyplot's hands, which would show it."""
    figure = figure_of(redraw(axes))
    plt.close(figure)
    return figure


def _wrap_texts(figure: Figure) -> None:
    """Break lines of text that are longer than a narrow page has room for."""
    for text in figure.findobj(mpl.text.Text):
        room = 30 if text.get_rotation() == 90 else 46
        lines = text.get_text().split("\n")
        if max(map(len, lines)) > room:
            text.set_text("\n".join(textwrap.fill(line, room) for line in lines))


NOTHING_JUDGED = "No forecast is judged here; who is left out, and why, is said above."


def draw_reason(ax: Axes | None, table: object) -> Axes:
    """Write on the axes why there is nothing to draw.

    Parameters
    ----------
    ax : Axes, or None for a new figure
    table : DataFrame, str or anything empty
        A table's ``attrs["reason"]``, or the sentence itself.
    """
    ax = blank(new_axes(ax, 1.3))
    reason = table if isinstance(table, str) else getattr(table, "attrs", {}).get("reason")
    text = textwrap.fill(reason or NOTHING_JUDGED, 44 if is_narrow() else 88)
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=MUTED)
    return ax


def new_axes(ax: Axes | None, height: float = 3.4, width: float = DESK) -> Axes:
    """The given axes, or those of a new figure as wide as the page; dressed in the style."""
    if ax is None:
        ax = plt.subplots(figsize=(min(width, page_width()), height))[1]
    return dress(ax)


def new_figure(rows: int = 1, columns: int = 1, height: float = 3.4, **kwargs):
    """Figure of page width and its axes, as ``plt.subplots``, dressed in the style."""
    fig, axes = plt.subplots(rows, columns, figsize=(page_width(), height), **kwargs)
    for ax in np.ravel(axes):
        dress(ax)
    return fig, axes


def dress(ax: Axes) -> Axes:
    """Fix tick and spine looks on the axes, so that ticks made later keep them."""
    size = mpl.font_manager.font_scalings["small"] * mpl.rcParams["font.size"]
    ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=size, width=0.8, length=3.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(color=MUTED, linewidth=0.8)
    return ax


def blank(ax: Axes) -> Axes:
    """Axes without frame and ticks, for pictures."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def unit_square(ax: Axes | None, xlabel: str, ylabel: str) -> Axes:
    """Square axes from 0 to 1 both ways, with a grid."""
    ax, ticks = new_axes(ax, height=4.2, width=7.6), np.linspace(0, 1, 6)
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1.01), xticks=ticks, yticks=ticks)
    ax.set_aspect("equal", anchor="W")
    ax.grid(True)
    return ax


def color_bar(colors: ScalarMappable, axes: Axes | np.ndarray, label: str) -> None:
    """Colour bar at the right of the axes, below them on a narrow page."""
    place = {"location": "bottom", "aspect": 40} if is_narrow() else {"aspect": 20}
    bar = figure_of(axes).colorbar(colors, ax=axes, pad=0.015, label=label, **place)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize="small")


def legend_beside(ax: Axes, **kwargs) -> None:
    """Legend to the right of the axes, below them on a narrow page; never over the data."""
    if is_narrow():
        return legend_below(ax, **kwargs)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), borderaxespad=0, **kwargs)


def legend_above(ax: Axes, columns: int) -> None:
    """Legend in one row over the axes; below them on a narrow page, or where it is long."""
    if is_narrow() or columns > 3:
        return legend_below(ax)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=columns, borderaxespad=0.2)


def legend_below(*axes: Axes, **kwargs) -> None:
    """One legend of all the axes below their figure."""
    entries = {
        text: h for ax in axes for h, text in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    columns = 1 if is_narrow() else 3
    figure = figure_of(axes[0])
    figure.legend(entries.values(), entries, loc="outside lower left", ncols=columns, **kwargs)


def save_figure(axes: Axes | np.ndarray, path: Path) -> None:
    """Save a figure, and one of this package once more for a phone: in ``phone`` beside it."""
    figure = figure_of(axes)
    write_atomically(path, lambda part: figure.savefig(part, dpi=100))
    if hasattr(figure, "on_phone"):
        narrow, path = figure.on_phone(), path.parent / "phone" / path.name
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, lambda part: narrow.savefig(part, dpi=200))


def figure_of(ax: Axes | np.ndarray) -> Figure:
    """The figure that holds the axes a plot function returned."""
    return np.ravel(ax)[0].figure
