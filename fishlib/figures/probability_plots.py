"""What a forecast says, value by value: thresholds, histograms by class, reliability.

Conventions of label and forecasts as in :mod:`fishlib.figures.score_plots`.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from sklearn.metrics import roc_curve

from fishlib.evaluation.calibration import reliability_curve
from fishlib.evaluation.scores import is_probability
from fishlib.figures.score_plots import CHANCE, defined_frames, line_style
from fishlib.figures.style import (
    BURST_COLOR,
    INK,
    MUTED,
    PAST_COLOR,
    forecaster_styles,
    legend_beside,
    new_axes,
    new_figure,
    styled,
)


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
