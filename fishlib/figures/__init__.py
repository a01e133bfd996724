"""All figures in one place: ``from fishlib import figures``, then ``figures.plot_*``.

Every ``plot_*`` takes arrays or tables, draws in one style, and returns its axes; every
``explore_*`` returns a picture with sliders. The functions live in files of their own, one a
subject.
"""

from fishlib.figures.alarms import plot_alarm_raster, plot_study_comparison, plot_warning_curve
from fishlib.figures.explore import explore_film, explore_labels, explore_threshold
from fishlib.figures.frames import (
    plot_augmentation,
    plot_chase_strip,
    plot_clip,
    plot_difference,
    plot_flips,
    plot_frames,
    render_forecast_film,
)
from fishlib.figures.network_schematics import plot_convlstm_cell, plot_tensor_flow
from fishlib.figures.schematics import plot_pipeline, plot_task_timeline
from fishlib.figures.series import (
    plot_autocorrelation,
    plot_label_anatomy,
    plot_label_timeline,
    plot_motion,
    plot_motion_distribution,
    plot_onset_anatomy,
    plot_run_lengths,
    plot_split,
)
from fishlib.figures.skill import (
    plot_auc_by_lead,
    plot_differences,
    plot_equal_level,
    plot_forecast_histogram,
    plot_forest,
    plot_precision_recall,
    plot_reliability,
    plot_roc,
    plot_roc_and_precision,
    plot_share_of_limit,
    plot_threshold_curves,
    plot_training_history,
)
from fishlib.figures.style import forecaster_styles, use_style

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
    "plot_motion",
    "plot_motion_distribution",
    "plot_onset_anatomy",
    "plot_pipeline",
    "plot_precision_recall",
    "plot_reliability",
    "plot_roc",
    "plot_roc_and_precision",
    "plot_run_lengths",
    "plot_share_of_limit",
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
