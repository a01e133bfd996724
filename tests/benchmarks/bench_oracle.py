"""What can be foreseen in the tank: by the oracle, and from the motion alone.

Run: ``python tests/benchmarks/bench_oracle.py [--tanks 10] [--minutes 4]``. The first 60 % of the
tanks train the forecasters; AUCs are of the rest, over calm frames.
"""

import argparse
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
from bench_tank import measure
from sklearn.metrics import roc_auc_score

from fishlib.forecasters.regressions import Regressions
from fishlib.motion import recent_motion
from fishlib.questions import label_bursts, label_onsets
from fishlib.tank.fish import TankConfig, simulate_tanks
from fishlib.tank.oracle import oracle_forecast

FRAMES_ASKED = 100  # oracle forecasts a tank
N_ROLLOUTS = 30


def auc(labels: list[np.ndarray], forecasts: list[np.ndarray]) -> float:
    """AUC over the labelled frames with a forecast, all tanks together."""
    label, forecast = np.concatenate(labels), np.concatenate(forecasts)
    asked = (label >= 0) & np.isfinite(forecast)
    return roc_auc_score(label[asked], forecast[asked])


def oracle_forecasts(config, test, motions, labels, question: str) -> list[np.ndarray]:
    """The oracle at FRAMES_ASKED labelled frames of each tank, NaN elsewhere."""
    forecasts = []
    for k, (tracks, motion, label) in enumerate(zip(test, motions, labels, strict=True)):
        frames = np.nonzero(label >= 0)[0]
        frames = frames[:: max(1, frames.size // FRAMES_ASKED)]
        told = oracle_forecast(tracks, config, frames, motion, question, N_ROLLOUTS, 100 + k)
        forecasts.append(told)
    return forecasts


def main(n_tanks: int, minutes: float) -> None:
    """Print the AUC of every forecaster on both targets, and the cost of the oracle."""
    config = TankConfig()
    tracks = simulate_tanks(config, 1000, round(1800 * minutes), n_tanks)
    motions = [measure(t, config, 1000 + k, (240, 320)) for k, t in enumerate(tracks)]
    first = round(0.6 * n_tanks)
    calm = float(np.nanmedian(np.concatenate([recent_motion(s) for s in motions[:first]])))
    targets = {
        "onset": [label_onsets(s, calm_level=calm) for s in motions],
        "burst": [label_bursts(s) for s in motions],
    }
    for target, labels in targets.items():
        asked = np.concatenate(labels[first:])
        print(f"{target}: {100 * (asked == 1).sum() / (asked >= 0).sum():.1f} % positive")
        level = [np.r_[np.nan, -s[:-1]] for s in motions[first:]]
        print(f"  level -motion[t-1]       {auc(labels[first:], level):.3f}")
        stops = np.cumsum([len(s) for s in motions])
        pieces = pd.DataFrame({"film": "tank", "start": [0, *stops[:-1]], "stop": stops})
        film = SimpleNamespace(motion=np.concatenate(motions), pieces=pieces)
        parts = {"train": slice(0, int(stops[first - 1]))}
        past = Regressions().fit(film, np.concatenate(labels), parts).forecasts(film)
        for kind, forecast in past.items():
            forecasts = np.split(forecast, stops[:-1])[first:]
            print(f"  past {kind:18s} {auc(labels[first:], forecasts):.3f}")
        start = time.process_time()
        judged = (tracks[first:], motions[first:], labels[first:])
        forecasts = oracle_forecasts(config, *judged, target)
        n = sum(np.isfinite(f).sum() for f in forecasts)
        seconds = time.process_time() - start
        print(f"  oracle                  {auc(labels[first:], forecasts):.3f}")
        print(f"  ({n} frames x {N_ROLLOUTS} rollouts in {seconds:.1f} s of CPU)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tanks", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=4.0)
    arguments = parser.parse_args()
    main(arguments.tanks, arguments.minutes)
