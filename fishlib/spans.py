"""Spans of time: stated once in seconds, turned into frames of the film at hand in one place."""

import math
from collections.abc import Iterable

import numpy as np

USUAL_FPS = 30.0
"""Frames a second of the study: spans of whole frames there are exact."""
SECONDS = {
    "past": 4.0,  # a clip, the current frame included
    "horizon": 1.5,  # how far ahead a question looks, and an alarm speaks
    "calm": 1 / 6,  # whose mean says whether the motion is calm, and whether it has risen
    "block": 10.0,  # of the bootstrap, and the smallest circular shift
    "rule": 1.5,  # window of the study's hard rule
    "baseline": 3.0,  # window of the study's published baseline
    "lags": 119 / 30,  # past motion that regressions and the LSTM read
    "test": 1000 / 30,  # shortest part a forecast is judged on
}
"""Every span of the package, by name."""
WINDOWS = tuple(n / USUAL_FPS for n in (3, 5, 10, 20, 30, 45, 60, 90, 119))
"""Seconds over which regressions take statistics of the past motion."""
LEADS = (0.0, 0.25, 0.5, 1.0)
"""Seconds by which an alarm is asked to come before its event, at least."""
LEAST_FPS, SLOW_FPS = 6.0, 12.0


def frames_in(span: str | float, fps: float, odd: bool = False) -> int:
    """Frames in a span of time, at least one.

    Parameters
    ----------
    span : str or float
        A name in `SECONDS`, or seconds.
    fps : float
        Frames a second of the film.
    odd : bool
        For a window centred on a frame: the nearest odd number.
    """
    exact = SECONDS.get(span, span) * fps
    return 2 * round((exact - 1) / 2) + 1 if odd else max(1, round(exact))


def embargo(fps: float) -> int:
    """Frames between two parts of a film over which no clip or question may reach."""
    return frames_in("past", fps) + frames_in("horizon", fps)


def frames_back(moments: Iterable[float], fps: float) -> np.ndarray:
    """How many frames ago each moment was, int array: the nearest frame that is not later.

    Parameters
    ----------
    moments : iterable of float
        In frames of the study before the current one, 1/30 s each: 0 is the current frame.
    fps : float
        Frames a second of the film.
    """
    return np.array([math.ceil(moment * fps / USUAL_FPS - 1e-6) for moment in moments], int)


def lags(fps: float) -> np.ndarray:
    """How many frames ago each of the 119 past values of the motion was, int array (119,).

    At 30 frames a second 1 to 119. At another rate values of the same moments, some of them twice
    or not at all, so that what was fitted at one rate reads another.
    """
    return np.minimum(frames_back(range(1, 120), fps), frames_in("lags", fps))


def check_rate(fps: float, name: str) -> list[str]:
    """A remark if a film is too slow for networks; refuse one that is too slow for any forecast.

    Raises
    ------
    ValueError
        Below 6 frames a second the shortest windows hold no frame.
    """
    if fps < LEAST_FPS:
        raise ValueError(
            f"{name} has {fps:.3g} frames a second, of which at least {LEAST_FPS:g} are needed: a "
            "burst lasts under a second and would fall between two frames. If it was filmed "
            "faster, give its true rate as fps."
        )
    if fps >= SLOW_FPS:
        return []
    return [
        f"it has {fps:.3g} frames a second: below {SLOW_FPS:g} the moments that networks read fall "
        "together, and forecasts lose much of what faster film holds."
    ]
