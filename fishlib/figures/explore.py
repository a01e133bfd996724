"""Figures to turn by hand: what a label asks, what a threshold costs, a film with its forecast."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO

import cv2
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import Image, display
from matplotlib.axes import Axes
from sklearn.metrics import roc_curve

from fishlib.evaluation.alarms import raise_alarms
from fishlib.evaluation.scores import confusion_rates, rank_scores
from fishlib.figures.frames import forecast_painter
from fishlib.figures.series import plot_label_timeline
from fishlib.figures.skill import defined_frames, plot_roc
from fishlib.figures.style import BURST_COLOR, figure_of, forecaster_styles, new_figure, styled
from fishlib.forecasters.rules import level
from fishlib.motion import runs_of
from fishlib.questions import label_bursts


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
    live : bool, optional
        Show the controls; None asks the front end.
    """

    draw: Callable[..., bytes]
    controls: Mapping[str, ipywidgets.Widget]
    alt: str
    live: bool | None = None
    shown: object = field(default=None, repr=False)

    def picture(self) -> Image:
        """The picture for the controls' present values."""
        values = {name: control.value for name, control in self.controls.items()}
        return Image(self.draw(**values), format="png", alt=self.alt)

    def _ipython_display_(self) -> None:
        live = is_live() if self.live is None else self.live
        self.shown = display(self.picture(), display_id=True)
        if live:
            for control in self.controls.values():
                control.observe(lambda change: self.shown.update(self.picture()), names="value")
            display(ipywidgets.VBox([_with_player(c) for c in self.controls.values()]))


def is_live() -> bool:
    """Whether a person sits at the notebook: its front end can be asked for input.

    JupyterLab, Colab and VS Code say so with every cell they send; papermill and nbconvert do not.
    """
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return False
    return bool(shell.kernel.get_parent("shell").get("content", {}).get("allow_stdin", False))


def _with_player(control: ipywidgets.Widget) -> ipywidgets.Widget:
    """Slider over frames, with a play button beside it if it was tagged as one."""
    if "film" not in getattr(control, "tags", ()):
        return control
    play = ipywidgets.Play(min=control.min, max=control.max, step=control.step, interval=100)
    play.value = control.value
    ipywidgets.jslink((play, "value"), (control, "value"))
    return ipywidgets.HBox([play, control])


_WIDE = {"style": {"description_width": "210px"}, "layout": ipywidgets.Layout(width="640px")}


def explore_labels(
    motion: np.ndarray, fps: float = 30.0, start: int = 0, seconds: float = 30.0, **options
) -> Explorer:
    """Sliders on the three numbers of the label: b, c and h.

    The picture: ``seconds`` of the motion with its positive frames. Its title: share of positive
    frames and their runs in the whole series, and the AUC of minus the last motion, all of which
    change with the sliders.

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy.
    start : int
        First frame shown.
    """
    motion = np.asarray(motion, float)
    stop = min(start + int(seconds * fps), len(motion))

    @styled
    def draw(low_fraction: float, min_range: float, horizon: int) -> bytes:
        label = label_bursts(motion, horizon, min_range * 1e-3, low_fraction)
        ax = plot_label_timeline(motion, label, fps, start, stop)
        ax.set_title(_label_summary(label, motion, fps), fontsize=10.5, pad=26)
        return as_png(ax)

    top = max(2 * float(np.ptp(motion[:stop])) * 1e3, 0.1)
    controls = {
        "low_fraction": _slider("b, share of the range called low", 0.1, 0.0, 0.5, 0.02),
        "min_range": _slider("c, smallest range (10⁻³)", min(1.0, top), 0.0, top, top / 50),
        "horizon": _slider("h, frames ahead", 45, 5, 120, 5),
    }
    alt = "Motion against time with the positive frames of the label as dots."
    return Explorer(draw, controls, alt, **options)


def _label_summary(label: np.ndarray, motion: np.ndarray, fps: float) -> str:
    runs = runs_of(label == 1)
    share = np.mean(label[label >= 0])
    if not 0 < share < 1:
        return f"{share:.0%} of frames positive: there is nothing to tell apart"
    kept, scored = defined_frames(label, {"level": level(motion)})
    length = float(np.median(np.diff(runs, axis=1) + 1))
    auc = rank_scores(kept, scored["level"])["auc"]
    text = f"{share:.1%} of frames positive in {len(runs)} runs (median {length / fps:.2f} s)"
    return f"{text}   ·   AUC of −ỹ[t − 1]: {auc:.3f}"


def explore_threshold(
    label: np.ndarray,
    forecast: np.ndarray,
    motion: np.ndarray,
    fps: float = 30.0,
    start: int = 0,
    seconds: float = 30.0,
    name: str = "forecast",
    horizon: int = 45,
    **options,
) -> Explorer:
    """A slider on the threshold: a point moves on the ROC, alarms come and go under the motion.

    Parameters
    ----------
    label, forecast, motion : arrays (T,)
        Label 1, 0, -1; forecast, NaN where not defined; motion proxy.
    start : int
        First frame of the stretch shown on the right.
    """
    kept, scored = defined_frames(label, {name: forecast})
    defined = scored[name]
    window = slice(start, min(start + int(seconds * fps), len(motion)))
    best = _best_threshold(kept, defined)

    def draw(threshold: float) -> bytes:
        rates = confusion_rates(kept, defined, threshold)
        return as_png(_draw_threshold(label, forecast, motion, fps, window, name, horizon, rates))

    low, high = np.quantile(defined, [0.001, 0.999])
    slider = _slider("threshold", best, low, high, (high - low) / 200, readout_format=".3g")
    alt = "Left: ROC curve with the point of the threshold. Right: motion with the alarms below."
    return Explorer(draw, {"threshold": slider}, alt, **options)


def _best_threshold(label: np.ndarray, forecast: np.ndarray) -> float:
    fpr, tpr, thresholds = roc_curve(label, forecast)
    return float(thresholds[1:][np.argmax((tpr - fpr)[1:])])


@styled
def _draw_threshold(label, forecast, motion, fps, window, name, horizon, rates) -> np.ndarray:
    """ROC with the point on the left; motion, dots and alarms on the right."""
    _, axes = new_figure(1, 2, height=3.9, width_ratios=(1, 1.7))
    plot_roc(label, {name: forecast}, ax=axes[0]).get_legend().remove()
    color = forecaster_styles([name])[name]["color"]
    axes[0].plot(rates["fpr"], rates["tpr"], "o", ms=11, color=color, mec="white", zorder=5)
    axes[0].set_xlabel("False positive rate")
    axes[0].set_ylabel("True positive rate")
    plot_label_timeline(motion, label, fps, window.start, window.stop, ax=axes[1])
    axes[1].get_legend().remove()
    alarms = raise_alarms(forecast, rates["threshold"], horizon)
    alarms = alarms[(alarms >= window.start) & (alarms < window.stop)]
    floor = axes[1].get_ylim()[0] / 2
    at, size = 2.6 * floor, -1.1 * floor
    axes[1].barh(at, horizon / fps, size, alarms / fps, color=color, alpha=0.35, lw=0)
    axes[1].plot(alarms / fps, np.full(len(alarms), at), "s", ms=6, color=color)
    axes[1].set(ylim=(3.5 * floor, None), yticks=[y for y in axes[1].get_yticks() if y >= 0])
    beside = {"xycoords": axes[1].get_yaxis_transform(), "va": "center", "size": 9.5}
    axes[1].annotate("label 1", (1.01, floor), color=BURST_COLOR, **beside)
    axes[1].annotate("alarms", (1.01, at), color=color, **beside)
    per_minute = len(alarms) / (window.stop - window.start) * fps * 60
    axes[0].set_title(f"TPR {rates['tpr']:.2f}, FPR {rates['fpr']:.2f}", fontsize=10.5)
    axes[1].set_title(
        f"p ≥ {rates['threshold']:.3g}: {per_minute:.0f} alarms a minute", fontsize=10.5
    )
    return axes


def explore_film(
    frames: np.ndarray,
    forecast: np.ndarray,
    motion: np.ndarray,
    fps: float = 30.0,
    threshold: float = 0.5,
    label: np.ndarray | None = None,
    name: str = "forecast",
    **options,
) -> Explorer:
    """A slider and a play button over the frames of a film with its forecast drawn below.

    Parameters
    ----------
    frames : uint8 array (T, H, W)
        A stretch of film; the series are aligned to it.
    forecast : float array (T,)
        Probability in [0, 1], NaN where not defined.
    """
    paint = forecast_painter(frames, fps, motion, {name: forecast}, threshold, label)

    def draw(frame: int) -> bytes:
        return cv2.imencode(".png", cv2.cvtColor(paint(frame), cv2.COLOR_RGB2BGR))[1].tobytes()

    first = int(np.nanargmax(forecast)) if np.isfinite(forecast).any() else 0
    slider = ipywidgets.IntSlider(first, 0, len(frames) - 1, description="frame", **_WIDE)
    slider.tags = ("film",)
    alt = "A frame of the film; below it the motion so far, the forecast as a bar, an alarm light."
    return Explorer(draw, {"frame": slider}, alt, **options)


def _slider(text: str, value: float, low: float, high: float, step: float, **format) -> object:
    kind = ipywidgets.IntSlider if isinstance(value, int) else ipywidgets.FloatSlider
    look = {"description": text, "continuous_update": False} | _WIDE | format
    return kind(value=value, min=low, max=high, step=step, **look)


def as_png(axes: Axes | np.ndarray) -> bytes:
    """The figure of the axes as PNG bytes; it is closed, so that no cell shows it twice."""
    file = BytesIO()
    figure = figure_of(axes)
    figure.savefig(file, format="png")
    plt.close(figure)
    return file.getvalue()
