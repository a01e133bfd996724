"""A forecast a frame: exact, and with the carried state, at the study's size.

Run: ``python tests/benchmarks/bench_streaming.py [--frames 1000] [--every 5]``. Also says how far
streaming is from exact over that film, for both published networks, and how fast our own network
answers in exact mode. Measured with oneDNN's convolutions and with Eigen's, as the ConvLSTM is.
"""

import os
import subprocess
import sys

import numpy as np
from compare import Row, compare, one_thread, run, seconds_of

CLIPS = 8  # exact forecasts a repetition
UNKNOWN = (np.nan, np.nan)  # TensorFlow keeps what it once had: no fair order


def measure(repetitions: int, frames: int, every: int) -> list[Row]:
    """Rows of exact and streaming forecasts, for both libraries when called by hand."""
    if "TF_ENABLE_ONEDNN_OPTS" not in os.environ:
        for choice in "10":
            environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": choice}
            subprocess.run([sys.executable, *sys.argv], env=environment, check=True)
        return []
    library = "oneDNN" if os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1" else "Eigen"
    one_thread()
    from fishlib.forecasters.networks import forecast_film
    from fishlib.models import load_network
    from fishlib.streaming.live import LiveForecaster
    from fishlib.tank import simulate_film
    from fishlib.tank.fish import TankConfig

    film = simulate_film(TankConfig(), 0, frames, (120, 160)).frames
    rows, at = [], np.arange(300, 300 + CLIPS)
    for name in ("upbeat-snowflake-91", "visionary-serenity"):
        model = load_network(name)

        def exact(network=model):
            return forecast_film(network, film, at=at)[at]

        def streamed(network=model):
            live = LiveForecaster(network, "streaming")
            return live.forecast_film(film[:300], progress=False)

        what = f"film ({library})", f"{name}: carried state, a frame"
        said = f"{_streaming_gap(model, film, every)}, {frames} frames"
        how = {"scale": (CLIPS, 300), "memory": UNKNOWN}
        rows.append(compare(*what, exact, streamed, said, repetitions, **how))
    _report_own(film, library)
    return rows


def _streaming_gap(model, film, every: int) -> str:
    """How far streaming is from exact forecasts, at one frame in so many."""
    from fishlib.forecasters.networks import forecast_film
    from fishlib.streaming.live import LiveForecaster

    at = np.arange(119, len(film), every)
    near = LiveForecaster(model, "streaming").forecast_film(film, progress=False)[at]
    exact = forecast_film(model, film, at=at)[at]
    gap, changed = np.abs(near - exact), np.mean((near > 0.5) != (exact > 0.5))
    return (
        f"mean difference {gap.mean():.1e}, max {gap.max():.1e}, {100 * changed:.2g} % of decisions"
    )


def _report_own(film, library: str) -> None:
    from fishlib.clips import motion_channels
    from fishlib.models import build_motion_convlstm
    from fishlib.streaming.live import LiveForecaster
    from fishlib.video import shrink

    small = shrink(film[:300], (60, 80))
    live = LiveForecaster(build_motion_convlstm(), layout=motion_channels())
    for frame in small[:50]:
        live.push(frame)
    rate = 250 / seconds_of(lambda: [live.push(frame) for frame in small[50:]])
    print(f"our motion ConvLSTM with {library}, live, exact, frame by frame: {rate:.0f} frames/s")


if __name__ == "__main__":
    run(measure, __doc__, frames=1000, every=5)
