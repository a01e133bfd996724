"""All figures in one place: ``from fishlib import figures``, then ``figures.plot_*``.

Every ``plot_*`` takes arrays or tables, draws in one style, and returns its axes; an empty table
becomes the sentence that says why it is empty. Every ``explore_*`` returns a picture with sliders.
A file is loaded when one of its names is first used.
"""

from fishlib import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "explore": "explore_film explore_labels explore_threshold",
        "frames": "plot_chase_strip plot_clip plot_difference plot_frames plot_moments plot_places "
        "plot_who render_forecast_film",
        "series": "plot_alarm_raster plot_autocorrelation plot_label_anatomy plot_motion "
        "plot_onset_anatomy plot_run_lengths plot_split plot_study_comparison",
        "skill": "plot_auc_by_lead plot_block_lengths plot_differences plot_films plot_forest "
        "plot_reliability plot_roc plot_share_of_limit plot_training_history plot_warning_curve",
        "style": "forecaster_styles page redraw",
    },
)
