"""Schematics of the networks: the ConvLSTM cell, and tensor shapes from clip to forecast."""

from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

from fishlib.figures.schematics import draw_arrow, draw_box, new_canvas
from fishlib.figures.style import BURST_COLOR, FUTURE_COLOR, INK, MUTED, PAST_COLOR, styled

STATE_COLOR = "#3A2699"
# Gate: text, colour, and x of its box.
_GATES = (
    ("f", "forget\nσ", PAST_COLOR, 27),
    ("i", "input\nσ", PAST_COLOR, 42),
    ("c", "candidate\ntanh", BURST_COLOR, 55),
    ("o", "output\nσ", PAST_COLOR, 69),
)


@styled
def plot_convlstm_cell(ax: Axes | None = None) -> Axes:
    """One step of a ConvLSTM: two convolutions make four gates, the gates update the state maps.

    c_t = f ∘ c_{t-1} + i ∘ c̃ and h_t = o ∘ tanh(c_t), where every gate is a convolution of the
    input x_t plus one of the last output h_{t-1}. Source: Shi et al. (2015), arXiv:1506.04214.
    """
    ax = new_canvas(ax, 90, 48)
    draw_box(ax, (46, 24), (62, 46), "", MUTED, zorder=0)
    for name, text, color, x in _GATES:
        draw_box(ax, (x, 18.5), (11, 7), text, color)
        draw_arrow(ax, [(x, 9), (x, 15)])
        ax.text(x + 0.8, 23, {"c": "c̃"}.get(name, name), color=color, style="italic", size=11)
    ax.plot([10.5, 69], [9, 9], color=MUTED, lw=1.5)
    note = {"ha": "center", "size": 9.5, "color": MUTED}
    ax.text(46, 5.4, "each gate: W ∗ x + U ∗ h, two 3 × 3 convolutions", **note)
    ax.text(46, 2.8, "∗ convolution,   × and + pixel by pixel", **note)
    _draw_memory(ax)
    _draw_output(ax)
    for y, text in ((39, "state\n$c_{t-1}$"), (9, "output\n$h_{t-1}$")):
        draw_box(ax, (6, y), (9, 7), text, STATE_COLOR)
    draw_box(ax, (6, 20), (9, 7), "input\n$x_t$", FUTURE_COLOR)
    ax.plot([10.5, 19, 19], [20, 20, 9], color=MUTED, lw=1.5)
    return ax


def _draw_memory(ax: Axes) -> None:
    """The line of the state c: forget, add, and on to the next step."""
    draw_arrow(ax, [(10.5, 39), (25.2, 39)], STATE_COLOR)
    draw_arrow(ax, [(28.8, 39), (46.7, 39)], STATE_COLOR)
    draw_arrow(ax, [(50.3, 39), (79.7, 39)], STATE_COLOR)
    draw_box(ax, (84.2, 39), (9, 7), "state\n$c_t$", STATE_COLOR)
    _circle(ax, (27, 39), "×")
    _circle(ax, (48.5, 39), "+")
    _circle(ax, (48.5, 29), "×")
    draw_arrow(ax, [(27, 22), (27, 37.2)])
    draw_arrow(ax, [(42, 22), (42, 29), (46.7, 29)])
    draw_arrow(ax, [(55, 22), (55, 29), (50.3, 29)])
    draw_arrow(ax, [(48.5, 30.8), (48.5, 37.2)])


def _draw_output(ax: Axes) -> None:
    """The output h: the output gate opens on the squashed state."""
    _circle(ax, (69, 29), "×")
    draw_arrow(ax, [(69, 22), (69, 27.2)])
    draw_box(ax, (69, 34.3), (7, 3.6), "tanh", INK, fontsize=9.5)
    ax.plot([69, 69], [39, 36.1], color=STATE_COLOR, lw=1.5)
    draw_arrow(ax, [(69, 32.5), (69, 30.8)], STATE_COLOR)
    draw_arrow(ax, [(70.8, 29), (75.2, 29), (75.2, 9), (79.7, 9)], STATE_COLOR)
    draw_box(ax, (84.2, 9), (9, 7), "output\n$h_t$", STATE_COLOR)


def _circle(ax: Axes, center: tuple[float, float], sign: str) -> None:
    ax.add_patch(Circle(center, 1.8, fc="white", ec=INK, lw=1.4, zorder=3))
    ax.text(*center, sign, ha="center", va="center", zorder=4, size=12)


# Layer above the arrow, shape, what an entry is, and height, width, depth of the block drawn.
_SHAPES = (
    ("", "30 × 120 × 160 × 4", "clip: 30 steps\nof 4 frames", (13.5, 18, 4)),
    (
        "ConvLSTM,\n30 steps,\n16 filters\n3 × 3",
        "118 × 158 × 16",
        "last output:\n16 maps",
        (13, 17, 9),
    ),
    ("batch norm,\nglobal max", "16", "the peak of\neach map", (9, 1.5, 0)),
    ("dense,\nsigmoid", "1", "forecast p", (1.8, 1.8, 0)),
)


@styled
def plot_tensor_flow(ax: Axes | None = None) -> Axes:
    """Shapes from the clip to the forecast in upbeat-snowflake-91, the study's best network."""
    ax = new_canvas(ax, 90, 32)
    centers = (11.5, 45, 68.5, 84.5)
    ends = []
    for x, (_, shape, meaning, block) in zip(centers, _SHAPES, strict=True):
        ends.append(_draw_block(ax, x, 19, *block))
        ax.text(x, 7.5, shape, ha="center", weight="bold", size=10.5)
        ax.text(x, 6.3, meaning, ha="center", va="top", size=10, color=MUTED)
    for (_, start), (stop, _), (layer, *_) in zip(ends[:-1], ends[1:], _SHAPES[1:], strict=True):
        draw_arrow(ax, [(start + 0.8, 19), (stop - 0.8, 19)], INK)
        ax.text((start + stop) / 2, 20, layer, ha="center", va="bottom", size=9.5)
    return ax


def _draw_block(
    ax: Axes, x: float, y: float, height: float, width: float, depth: int
) -> tuple[float, float]:
    """Stack of sheets around (x, y), the depth as sheets set off; returns its left and right."""
    sheets = max(int(depth), 1)
    step = 0.55
    left = x - (width + step * (sheets - 1)) / 2
    bottom = y - (height + step * (sheets - 1)) / 2
    for k in reversed(range(sheets)):
        at = (left + step * k, bottom + step * k)
        tint = {"fc": "#DCEAF5", "ec": PAST_COLOR, "lw": 1.0}
        ax.add_patch(Rectangle(at, width, height, **tint))
    return left, left + width + step * (sheets - 1)
