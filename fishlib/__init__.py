"""Forecast bursts of motion from video, and judge whether the forecast is worth anything.

The modules follow the data: ``tank``, ``video`` and ``published`` give frames, ``preparation`` and
``recording`` make them one kind; ``motion`` measures, ``questions`` asks what comes, ``splits``
says where; ``clips``, ``models`` and ``training`` make networks, ``forecasters`` gives everything
that forecasts one contract; ``evaluation`` gives the verdict and ``figures`` draws it. What a
scientist needs is listed by ``dir(fishlib)`` and loaded when it is first used: importing this
package loads no TensorFlow.
"""

from importlib import import_module

__version__ = "0.1.0"

_FILES = {
    "clips": "ClipDataset",
    "evaluation": "evaluate score_forecast",
    "forecasters.check": "check_forecaster",
    "forecasters.networks": "MotionLSTM Network Plan",
    "forecasters.regressions": "Regressions",
    "forecasters.rules": "rules",
    "models": "load_network",
    "motion": "measure_motion",
    "pipeline": "run_notebooks",
    "preparation": "Preparation",
    "questions": "find_onsets label_bursts label_onsets suggest_min_range",
    "recording": "open_film",
    "runs": "open_run",
    "splits": "split_film",
    "streaming.live": "LiveForecaster",
    "streaming.watch": "watch",
    "tank": "TankConfig simulate_film",
    "training": "fit_all",
    "video": "read_frames write_video",
}
_HOME = {name: file for file, names in _FILES.items() for name in names.split()}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"fishlib has no {name}; it has: {', '.join(__all__)}.")
    return getattr(import_module(f"fishlib.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
