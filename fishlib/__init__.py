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


def lazy_face(package: str, files: dict[str, str]) -> tuple:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package, from its files' public names.

    A file is loaded when one of its names is first used.
    """
    home = {name: file for file, names in files.items() for name in names.split()}

    def load(name: str) -> object:
        if name not in home:
            raise AttributeError(f"{package} has no {name}; it has: {', '.join(sorted(home))}.")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    return load, lambda: sorted(home), sorted(home)


__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "clips": "ClipDataset",
        "evaluation": "evaluate score_forecast",
        "forecasters": "check_forecaster",
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
        "streaming": "watch",
        "tank": "TankConfig simulate_film",
        "training": "fit_all",
        "video": "read_frames write_video",
    },
)
