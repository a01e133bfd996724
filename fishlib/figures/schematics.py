"""Schematics of the task: the pipeline from film to verdict, and the times around a forecast."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from fishlib.figures.style import (
    BURST_COLOR,
    FUTURE_COLOR,
    INK,
    MUTED,
    PAGE_WIDTH,
    PAST_COLOR,
    SPEED_COLOR,
    blank,
    lighten,
    new_axes,
    styled,
)


def new_canvas(ax: Axes | None, width: float, height: float) -> Axes:
    """Empty axes whose units are tenths of an inch at page width, y upwards."""
    ax = blank(new_axes(ax, height=PAGE_WIDTH * height / width))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_aspect("equal")
    return ax


def draw_box(
    ax: Axes,
    center: tuple[float, float],
    size: tuple[float, float],
    text: str,
    color: str = INK,
    zorder: float = 2,
    **font,
) -> None:
    """Rounded box with a text in its middle, tinted in its colour."""
    x, y = center[0] - size[0] / 2, center[1] - size[1] / 2
    style = "round,pad=0,rounding_size=1"
    tint = {"fc": lighten(color, 0.92), "ec": color, "lw": 1.4, "zorder": zorder}
    ax.add_patch(FancyBboxPatch((x, y), *size, boxstyle=style, **tint))
    font = {"fontsize": 10, "color": INK, "ha": "center", "va": "center"} | font
    ax.text(*center, text, **font)


def draw_arrow(ax: Axes, points: list[tuple[float, float]], color: str = MUTED, **kwargs) -> None:
    """Arrow through the points, straight from each to the next, its head at the last."""
    *corners, start, end = points
    for a, b in zip([*corners, start][:-1], [*corners, start][1:], strict=True):
        ax.plot(*zip(a, b, strict=True), color=color, lw=1.5, solid_capstyle="round")
    look = {"arrowstyle": "-|>", "mutation_scale": 13, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, color=color, **(look | kwargs)))


@styled
def plot_pipeline(ax: Axes | None = None) -> Axes:
    """From film to verdict: the future makes the label, the past makes the clip, and they meet."""
    ax = new_canvas(ax, 90, 34)
    draw_box(ax, (9.5, 17), (17, 8), "film\n30 frames a second")
    draw_box(ax, (31, 27), (17, 8), "motion ỹ\none number a frame", SPEED_COLOR)
    draw_box(ax, (54, 27), (17, 8), "label\nfrom the next 1.5 s", BURST_COLOR)
    draw_box(ax, (31, 7), (17, 8), "clip\nthe past 4 s", PAST_COLOR)
    draw_box(ax, (54, 7), (12, 8), "network", FUTURE_COLOR)
    draw_box(ax, (70, 7), (12, 8), "forecast p\nin [0, 1]", FUTURE_COLOR)
    draw_box(ax, (82, 17), (14, 8), "verdict\nagainst rivals")
    draw_arrow(ax, [(9.5, 21), (9.5, 27), (22.5, 27)])
    draw_arrow(ax, [(9.5, 13), (9.5, 7), (22.5, 7)])
    draw_arrow(ax, [(39.5, 27), (45.5, 27)])
    draw_arrow(ax, [(39.5, 7), (48, 7)])
    draw_arrow(ax, [(60, 7), (64, 7)])
    draw_arrow(ax, [(62.5, 27), (82, 27), (82, 21)])
    draw_arrow(ax, [(76, 7), (82, 7), (82, 13)])
    draw_arrow(ax, [(54, 23), (54, 11)], color=BURST_COLOR, linestyle=(0, (4, 2)))
    draw_arrow(ax, [(31, 23), (31, 17), (75, 17)], color=SPEED_COLOR)
    note = {"size": 9.5, "color": MUTED}
    ax.text(55, 13.3, "trains", **note)
    ax.text(32, 17.8, "rivals read the past of ỹ", **note)
    return ax


@styled
def plot_task_timeline(
    history: int = 120, horizon: int = 45, fps: float = 30.0, ax: Axes | None = None
) -> Axes:
    """Past, now and future of one forecast: what is read, and what is asked.

    Parameters
    ----------
    history, horizon : int
        Frames the clip holds, and frames looked ahead.
    """
    ax = blank(new_axes(ax, height=2.3))
    ticks = np.arange(-history + 1, 1)
    ax.vlines(ticks, 0, 1, color=PAST_COLOR, lw=1.6, alpha=0.55)
    ax.vlines(np.arange(1, horizon + 1), 0, 1, color=FUTURE_COLOR, lw=1.6, alpha=0.55)
    ax.vlines(0, -0.15, 1.15, color=INK, lw=2.6)
    ax.text(0, 1.25, "now: frame t", ha="center", weight="bold")
    past, future = f"past: {history} frames = {history / fps:g} s", f"next {horizon} frames = "
    _brace(ax, -history + 1, 0, PAST_COLOR, f"{past}\nthe clip: all a forecast may read")
    _brace(
        ax,
        1,
        horizon,
        FUTURE_COLOR,
        f"{future}{horizon / fps:g} s\nthe label asks:\ndoes a burst come?",
    )
    ax.set(xlim=(-history - 1, horizon + 3), ylim=(-1.5, 1.7))
    return ax


def _brace(ax: Axes, first: float, last: float, color: str, text: str) -> None:
    ax.annotate(
        "",
        (first, -0.35),
        (last, -0.35),
        arrowprops={"arrowstyle": "|-|,widthA=0.3,widthB=0.3", "color": color},
    )
    ax.text((first + last) / 2, -0.5, text, ha="center", va="top", color=color)
