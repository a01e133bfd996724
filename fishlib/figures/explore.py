"""Figures to turn by hand: what a label asks, what a threshold costs, a film with its forecast."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import Image, display
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from sklearn.metrics import roc_auc_score, roc_curve

from fishlib.evaluation.alarms import raise_alarms
from fishlib.evaluation.scores import confusion_rates
from fishlib.figures import series, style
from fishlib.figures.frames import ForecastPainter
from fishlib.figures.skill import defined_frames
from fishlib.figures.style import INK, MUTED, styled
from fishlib.motion import runs_of
from fishlib.questions import label_bursts

SECONDS = 30
"""Length of the stretch of motion that is shown."""


@dataclass
class Explorer:
    """A picture that depends on a few controls.

    As the last line of a notebook cell it shows its picture, a PNG that stays in the saved
    notebook. In a live notebook the controls appear below and redraw it; under papermill, nbconvert
    or on a web page they are left out.

    Attributes
    ----------
    draw : callable
        Takes the controls' values by name, returns the picture as PNG bytes.
    controls : mapping of name -> widget
        ipywidgets with a ``value``.
    alt : str
        What the picture shows, for readers who cannot see it.
    players : tuple of widgets
        Play buttons, linked to a control.
    """

    draw: Callable[..., bytes]
    controls: Mapping[str, ipywidgets.Widget]
    alt: str
    players: tuple[ipywidgets.Play, ...] = ()

    @property
    def figure(self) -> "Explorer":
        """Itself: it is saved as a figure is, as it stands, and once more for a phone."""
        return self

    def savefig(self, path: str | Path, **_) -> None:
        """Write the picture."""
        Path(path).write_bytes(self.picture().data)

    def on_phone(self) -> "Explorer":
        """The same, drawn for a phone."""
        with style.page():
            return self.redraw()

    def picture(self) -> Image:
        """The picture for the controls' present values."""
        values = {name: control.value for name, control in self.controls.items()}
        return Image(self.draw(**values), format="png", alt=self.alt)

    def _ipython_display_(self) -> None:
        shown = display(self.picture(), display_id=True)
        if is_live():
            for control in self.controls.values():
                control.observe(lambda change: shown.update(self.picture()), names="value")
            display(ipywidgets.VBox([*self.controls.values(), *self.players]))


def is_live() -> bool:
    """Whether a person sits at the notebook: its front end can be asked for input.

    JupyterLab, Colab and VS Code say so with every cell they send; papermill and nbconvert do not.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    return bool(kernel and kernel.get_parent("shell").get("content", {}).get("allow_stdin"))


_WIDE = {"style": {"description_width": "210px"}, "layout": ipywidgets.Layout(width="640px")}


@styled
def explore_labels(motion: np.ndarray, fps: float = 30.0, start: int = 0) -> Explorer:
    """Sliders on the three numbers of the label: b, c and h.

    The picture: 30 s of the motion with its positive frames. Its title: share of positive
    frames and their runs in the whole series, and the AUC of minus the last motion, all of which
    change with the sliders.

    Parameters
    ----------
    motion : float array (T,)
    start : int
        First frame shown.
    """
    window = series.frame_window(motion, start, start + int(SECONDS * fps))
    ax = series.plot_motion(motion, fps, window.start, window.stop)
    marks = series.LabelMarks(ax, motion, fps, window)
    style.legend_above(ax, 2)
    title = ax.set_title("two\nlines", fontsize="small")
    picture = MovingPicture(ax, [marks.positive, marks.unknown, marks.dots, title])

    def draw(low_fraction: float, min_range: float, horizon: int) -> bytes:
        label = label_bursts(motion, horizon, min_range * 1e-3, low_fraction)
        marks.show(label)
        title.set_text(_label_summary(label, motion, fps))
        return picture.png()

    top = max(2 * float(np.ptp(motion[: window.stop])) * 1e3, 0.1)
    controls = {
        "low_fraction": _slider("b, share of the range called low", 0.1, 0.0, 0.5, 0.02),
        "min_range": _slider("c, smallest range (10⁻³)", min(1.0, top), 0.0, top, top / 50),
        "horizon": _slider("h, frames ahead", 45, 5, 120, 5),
    }
    alt = "Motion against time with the positive frames of the label as dots."
    return Explorer(draw, controls, alt)


def _label_summary(label: np.ndarray, motion: np.ndarray, fps: float) -> str:
    runs = runs_of(label == 1)
    share = np.mean(label[label >= 0])
    if not 0 < share < 1:
        return f"{share:.0%} of frames positive: there is nothing to tell apart"
    kept, scored = defined_frames(label, {"level": np.append(np.nan, -motion[:-1])})
    auc, length = roc_auc_score(kept, scored["level"]), np.median(np.diff(runs) + 1) / fps
    text = f"{share:.1%} of frames positive in {len(runs)} runs (median {length:.2f} s)"
    return f"{text}\nAUC of −ỹ[t − 1]: {auc:.3f}"


@styled
def explore_threshold(
    label: np.ndarray,
    forecast: np.ndarray,
    motion: np.ndarray,
    fps: float = 30.0,
    name: str = "forecast",
    horizon: int = 45,
    threshold: float | None = None,
    onsets: np.ndarray | None = None,
) -> Explorer:
    """A slider on the threshold: a point moves on the ROC, alarms come and go under the motion.

    The motion is that of the first 30 s.

    Parameters
    ----------
    label, forecast, motion : arrays (T,)
        Label 1, 0, -1; forecast, NaN where not defined; motion ỹ.
    threshold : float, optional
        The one chosen on validation: where the slider starts, marked beside the best one of the
        frames drawn; None starts at that one.
    onsets : int array, optional
        Frames of the onsets: alarms that warn of none are drawn grey, and both are counted.
    """
    kept, scored = defined_frames(label, {name: forecast})
    p, color = scored[name], style.forecaster_styles([name])[name]["color"]
    window = series.frame_window(motion, 0, int(SECONDS * fps))
    shape = (2, 1, 8.6) if style.is_narrow() else (1, 2, 4.3)
    _, (roc, trace) = style.new_figure(*shape, width_ratios=(1, 1.7)[: shape[1]])
    fpr, tpr, cuts = roc_curve(kept, p)
    best = float(cuts[1 + np.argmax((tpr - fpr)[1:])])
    first = best if threshold is None else threshold
    style.unit_square(roc, "False positive rate", "True positive rate").plot(fpr, tpr, color=color)
    roc.plot([0, 1], [0, 1], **style.CHANCE)
    marks = ((first, "P", "where the slider starts"), (best, "X", "best in hindsight"))
    for cut, mark, text in marks:
        rates, look = confusion_rates(kept, p, cut), {"ms": 9, "mec": "white", "ls": ""}
        roc.plot(rates["fpr"], rates["tpr"], mark, color=INK, label=f"{text}: {cut:.3g}", **look)
    ring = {"ms": 13, "mfc": "none", "mew": 2, "mec": color, "ls": "", "zorder": 5}
    (point,) = roc.plot([0], [0], "o", label="threshold of the slider", **ring)
    series.plot_motion(motion, fps, window.start, window.stop, ax=trace)
    series.LabelMarks(trace, motion, fps, window).show(np.asarray(label))
    onsets = None if onsets is None else series.within(onsets, window)
    marks = _AlarmMarks(trace, color, onsets, horizon, fps)
    style.legend_below(roc, trace)
    titles = [ax.set_title(" ") for ax in (roc, trace)]
    picture = MovingPicture(roc, [marks.bars, marks.squares, point, *titles])

    def draw(threshold: float) -> bytes:
        rates = confusion_rates(kept, p, threshold)
        found = marks.show(series.within(raise_alarms(forecast, threshold, horizon), window))
        point.set_data([rates["fpr"]], [rates["tpr"]])
        titles[0].set_text(f"TPR {rates['tpr']:.2f}, FPR {rates['fpr']:.2f}")
        titles[1].set_text(f"p ≥ {threshold:.3g}: {found}")
        return picture.png()

    low, high = np.quantile(np.append(p, first), [0.001, 0.999])
    slider = _slider("threshold", first, low, high, (high - low) / 200, readout_format=".3g")
    alt = "Left: ROC curve with the point of the threshold. Right: motion with the alarms below."
    return Explorer(draw, {"threshold": slider}, alt)


class _AlarmMarks:
    """A row of alarms below a trace: a square each and a bar over what it covers; onsets if known.

    Frames are those of the film; grey alarms are followed by no onset.
    """

    def __init__(self, ax: Axes, color: str, onsets: np.ndarray | None, horizon: int, fps: float):
        self.onsets, self.color, self.horizon, self.fps = onsets, color, horizon, fps
        floor, text = ax.get_ylim()[0], f"alarm, and the {horizon / fps:g} s it covers"
        self.at = 1.5 * floor
        ax.set(ylim=(2.1 * floor, None), yticks=[y for y in ax.get_yticks() if y >= 0])
        self.bars = ax.hlines([], 0, 0, alpha=0.35, lw=11, capstyle="butt")
        if onsets is not None:
            text += " (grey: false)"
            series.mark_onsets(ax, onsets / fps)
        self.squares = ax.scatter([], [], marker="s", color=color, label=text)

    def show(self, alarms: np.ndarray) -> str:
        """Move the marks to the alarms (n,); what they found, in words."""
        hit, found = np.ones(len(alarms), bool), f"{len(alarms)} alarms in this stretch"
        if self.onsets is not None:
            lead = self.onsets - alarms[:, None]  # (alarms, onsets)
            warned = (lead > 0) & (lead <= self.horizon)
            hit, caught = warned.any(axis=1), warned.any(axis=0)
            found = f"{caught.sum()} of {len(caught)} onsets, {(~hit).sum()} false alarms"
        ends = np.stack([alarms, alarms + self.horizon], axis=1)[..., None] / self.fps
        bars = np.concatenate([ends, np.full_like(ends, self.at)], axis=2)  # (alarms, 2 ends, 2)
        self.bars.set_segments(bars)
        self.squares.set_offsets(bars[:, 0])
        for marks in (self.squares, self.bars):
            marks.set_color(np.where(hit, self.color, MUTED))
        return found


@styled
def explore_film(
    frames: np.ndarray,
    forecast: np.ndarray,
    motion: np.ndarray,
    fps: float = 30.0,
    threshold: float = 0.5,
    name: str = "forecast",
) -> Explorer:
    """A slider and a play button over the frames of a film with its forecast drawn below.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
        A stretch of film; the series are aligned to it.
    forecast : float array (T,)
        Probability in [0, 1], NaN where not defined.
    """
    paint = ForecastPainter(frames, fps, motion, {name: forecast}, threshold)

    first = int(np.nanargmax(forecast)) if np.isfinite(forecast).any() else 0
    slider = ipywidgets.IntSlider(first, 0, len(frames) - 1, description="frame", **_WIDE)
    play = ipywidgets.Play(value=first, max=len(frames) - 1, interval=100)
    ipywidgets.jslink((play, "value"), (slider, "value"))
    alt = "A frame of the film; below it the motion so far, the forecast as a bar, an alarm light."
    return Explorer(lambda frame: _as_png(paint(frame)), {"frame": slider}, alt, (play,))


def _slider(text: str, value: float, low: float, high: float, step: float, **format) -> object:
    kind = ipywidgets.IntSlider if isinstance(value, int) else ipywidgets.FloatSlider
    look = {"description": text} | _WIDE | format
    return kind(value=value, min=low, max=high, step=step, **look)


class MovingPicture:
    """A figure of which few artists move: the rest is drawn once, so that a slider can be dragged.

    Parameters
    ----------
    axes : Axes
        One of the figure's; the figure is closed, so that no cell shows it twice.
    moving : sequence of artists
    """

    def __init__(self, axes: Axes, moving: Sequence) -> None:
        figure, self.moving = style.figure_of(axes), moving
        plt.close(figure)
        figure.set_dpi(200 if style.is_narrow() else 100)
        for artist in moving:
            artist.set_animated(True)
        self.canvas = FigureCanvasAgg(figure)
        self.canvas.draw()
        self.still = self.canvas.copy_from_bbox(figure.bbox)

    def png(self) -> bytes:
        """The figure as it is now."""
        self.canvas.restore_region(self.still)
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        return _as_png(np.asarray(self.canvas.buffer_rgba())[..., :3])


def _as_png(picture: np.ndarray) -> bytes:
    """PNG of an RGB picture, uint8 (height, width, 3)."""
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
