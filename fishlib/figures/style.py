"""The one visual language: colours, fonts, line styles and axis texts of every figure.

Colours carry meaning. Cool colours are forecasters that read the motion proxy only, warm colours
are networks that see the video, grey knows nothing, black knows the hidden state. The palette
stays apart under simulated deuteranopia, protanopia and tritanopia, and every family has a line
style of its own besides.
"""

from collections.abc import Callable, Iterable
from functools import wraps

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

INK = "#1F2933"
MUTED = "#5F6B7A"
FAINT = "#E4E7EB"
SPEED_COLOR = "#52606D"
BURST_COLOR = "#D1245F"
PAST_COLOR = "#0069A6"
FUTURE_COLOR = "#BF5700"
FORECAST_COLORS: Colormap = LinearSegmentedColormap.from_list(
    "forecast", ["#A9C5DE", "#8C96C6", "#8C6BB1", "#9A2D86", "#B0004E", "#6B0020"]
)
SPEED_LABEL = "Motion ỹ (10⁻³ of grey range)"
TIME_LABEL = "Time (s)"
SPEED_SCALE = 1e3
PAGE_WIDTH = 9.0

STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.color": INK,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.labelsize": 10.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "image.cmap": "gray",
}

DASHED, DOTTED, DASHDOT = (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))
FAMILIES: dict[str, dict] = {
    "base rate": {"color": "#A0A0A0", "linestyle": DOTTED, "marker": "."},
    "level": {"color": "#0069A6", "linestyle": "-", "marker": "o"},
    "published baseline": {"color": "#3D9CF2", "linestyle": DASHED, "marker": "s"},
    "history logistic": {"color": "#3DC07A", "linestyle": "-", "marker": "^"},
    "history boosting": {"color": "#3A2699", "linestyle": DASHDOT, "marker": "v"},
    "history LSTM": {"color": "#00491C", "linestyle": DASHED, "marker": "P"},
    "CNN": {"color": "#EBA200", "linestyle": DASHED, "marker": "X"},
    "ConvLSTM": {"color": "#BF5700", "linestyle": "-", "marker": "D"},
    "stacked ConvLSTM": {"color": "#86005C", "linestyle": DASHDOT, "marker": "h"},
    "oracle": {"color": "#111111", "linestyle": (0, (3, 1.5)), "marker": "*"},
}
# The first family with a word of its row inside the forecaster's name (lower case) gives the style.
_WORDS = (
    ("oracle", ("oracle",)),
    ("base rate", ("base rate", "base_rate", "chance", "always", "climatology")),
    ("stacked ConvLSTM", ("visionary", "serenity", "stacked", "2-layer convlstm")),
    ("ConvLSTM", ("convlstm", "snowflake", "fast-snow", "fast_snow")),
    ("history LSTM", ("lstm",)),
    ("CNN", ("cnn", "convnet", "conv", "video", "network")),
    ("published baseline", ("baseline",)),
    ("history boosting", ("boost",)),
    ("history logistic", ("logistic", "logit", "history")),
    ("level", ("level", "ỹ", "calm", "time since")),
)


def forecaster_family(name: str) -> str | None:
    """Family of a forecaster, recognised by its name; None if it belongs to no known one."""
    lowered = name.lower()
    return next((family for family, words in _WORDS if any(w in lowered for w in words)), None)


def forecaster_styles(names: Iterable[str]) -> dict[str, dict]:
    """Line style of each forecaster, the same in every figure.

    Parameters
    ----------
    names : iterable of str
        Names as they stand in the table of forecasts.

    Returns
    -------
    dict of name -> {"color", "linestyle", "marker"}
        A second member of one family keeps the colour, lightened, and is dotted; a name of no
        family gets a shade of brown-grey.
    """
    styles: dict[str, dict] = {}
    seen: dict[str | None, int] = {}
    for name in names:
        family = forecaster_family(name)
        rank = seen.get(family, 0)
        seen[family] = rank + 1
        own = FAMILIES.get(family, {"color": "#7A6A58", "linestyle": "-", "marker": "d"})
        styles[name] = dict(own)
        if rank:
            styles[name] |= {"color": lighten(own["color"], 0.3 * min(rank, 2)), "linestyle": ":"}
    return styles


def lighten(color: str, share: float) -> str:
    """The colour moved towards white by ``share`` in [0, 1], as a hex string."""
    rgb = np.array(mpl.colors.to_rgb(color))
    return mpl.colors.to_hex(rgb + (1 - rgb) * share)


def use_style() -> None:
    """Give a notebook's own matplotlib figures the look of this package."""
    mpl.rcParams.update(STYLE)


def styled(plot: Callable) -> Callable:
    """Decorator: run a plot function under ``STYLE`` and leave matplotlib's settings untouched."""

    @wraps(plot)
    def run(*args, **kwargs):
        kept = {key: mpl.rcParams[key] for key in STYLE}  # rc_context would also reset what a
        mpl.rcParams.update(STYLE)  # notebook's backend sets when the first figure is made
        try:
            return plot(*args, **kwargs)
        finally:
            mpl.rcParams.update(kept)

    return run


def new_axes(ax: Axes | None, height: float = 3.4, width: float = PAGE_WIDTH) -> Axes:
    """The given axes, or those of a new figure of page width; dressed in the style."""
    if ax is None:
        ax = plt.subplots(figsize=(width, height))[1]
    return dress(ax)


def new_figure(rows: int = 1, columns: int = 1, height: float = 3.4, **kwargs):
    """Figure of page width and its axes, as ``plt.subplots``, dressed in the style."""
    fig, axes = plt.subplots(rows, columns, figsize=(PAGE_WIDTH, height), **kwargs)
    for ax in np.ravel(axes):
        dress(ax)
    return fig, axes


def dress(ax: Axes) -> Axes:
    """Fix tick and spine looks on the axes, so that ticks made later keep them."""
    ax.tick_params(colors=MUTED, labelcolor=INK, labelsize=9.5, width=0.8, length=3.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set(color=MUTED, linewidth=0.8)
    return ax


def blank(ax: Axes) -> Axes:
    """Axes without frame and ticks, for pictures and schematics."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def legend_beside(ax: Axes, **kwargs) -> None:
    """Legend to the right of the axes, never over the data."""
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), borderaxespad=0, **kwargs)


def figure_of(ax: Axes | np.ndarray) -> Figure:
    """The figure that holds the axes a plot function returned."""
    return np.ravel(ax)[0].figure
