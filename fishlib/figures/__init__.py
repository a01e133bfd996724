"""All figures in one place: ``from fishlib import figures``, then ``figures.plot_*``.

Every ``plot_*`` takes arrays or tables, draws in one style, and returns its axes; every
``explore_*`` returns a picture with sliders. The functions live in files of their own, one a
subject.
"""

from fishlib.figures.alarm_plots import plot_alarm_raster, plot_study_comparison, plot_warning_curve
from fishlib.figures.clip_plots import plot_augmentation, plot_clip, plot_flips
from fishlib.figures.distribution_plots import (
    plot_autocorrelation,
    plot_run_lengths,
    plot_speed_distribution,
)
from fishlib.figures.explore import explore_film, explore_labels, explore_threshold
from fishlib.figures.film_overlay import render_forecast_film
from fishlib.figures.frame_plots import plot_chase_strip, plot_difference, plot_frames
from fishlib.figures.label_plots import plot_label_anatomy, plot_onset_anatomy
from fishlib.figures.network_schematics import plot_convlstm_cell, plot_tensor_flow
from fishlib.figures.probability_plots import (
    plot_forecast_histogram,
    plot_reliability,
    plot_threshold_curves,
)
from fishlib.figures.schematics import plot_pipeline, plot_task_timeline
from fishlib.figures.score_plots import plot_precision_recall, plot_roc, plot_roc_and_precision
from fishlib.figures.series_plots import plot_label_timeline, plot_speed, plot_split
from fishlib.figures.style import forecaster_styles, use_style
from fishlib.figures.training_plots import plot_training_history
from fishlib.figures.verdict_plots import (
    plot_auc_by_lead,
    plot_differences,
    plot_equal_level,
    plot_forest,
    plot_share_of_limit,
)

__all__ = [
    "explore_film",
    "explore_labels",
    "explore_threshold",
    "forecaster_styles",
    "plot_alarm_raster",
    "plot_auc_by_lead",
    "plot_augmentation",
    "plot_autocorrelation",
    "plot_chase_strip",
    "plot_clip",
    "plot_convlstm_cell",
    "plot_difference",
    "plot_differences",
    "plot_equal_level",
    "plot_flips",
    "plot_forecast_histogram",
    "plot_forest",
    "plot_frames",
    "plot_label_anatomy",
    "plot_label_timeline",
    "plot_onset_anatomy",
    "plot_pipeline",
    "plot_precision_recall",
    "plot_reliability",
    "plot_roc",
    "plot_roc_and_precision",
    "plot_run_lengths",
    "plot_share_of_limit",
    "plot_speed",
    "plot_speed_distribution",
    "plot_split",
    "plot_study_comparison",
    "plot_task_timeline",
    "plot_tensor_flow",
    "plot_threshold_curves",
    "plot_training_history",
    "plot_warning_curve",
    "render_forecast_film",
    "use_style",
]
