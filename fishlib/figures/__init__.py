"""All figures in one place: ``from fishlib import figures``, then ``figures.plot_*``.

Every ``plot_*`` takes arrays or tables, draws in one style, and returns its axes; an empty table
becomes the sentence that says why it is empty. Every ``explore_*`` returns a picture with sliders.
A file is loaded when one of its names is first used.
"""

from importlib import import_module

_FILES = {
    "alarms": "plot_alarm_raster plot_study_comparison plot_warning_curve",
    "explore": "explore_film explore_labels explore_threshold",
    "frames": "plot_chase_strip plot_clip plot_difference plot_flips plot_frames plot_moments "
    "plot_places render_forecast_film",
    "series": "plot_autocorrelation plot_label_anatomy plot_label_timeline plot_motion "
    "plot_onset_anatomy plot_run_lengths plot_split",
    "skill": "plot_auc_by_lead plot_differences plot_forecast_histogram plot_forest "
    "plot_reliability plot_roc plot_share_of_limit plot_training_history",
    "style": "forecaster_styles page redraw use_style",
}
_HOME = {name: file for file, names in _FILES.items() for name in names.split()}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"fishlib.figures has no {name}; it has: {', '.join(__all__)}.")
    return getattr(import_module(f"fishlib.figures.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
