"""The simulated tank beside the published series: motion, look and speed.

Run: ``python tests/benchmarks/bench_tank.py [--seeds 0 1 2] [--minutes 30]``. Needs the study's
published files. What can be foreseen in the tank is measured by ``bench_oracle.py``.
"""

import argparse
import time

import numpy as np
from sklearn.metrics import roc_auc_score
from tank_figures import measure_animals

from fishlib.motion import autocorrelation, measure_motion, runs_of
from fishlib.published import load_frames, load_series
from fishlib.questions import label_bursts
from fishlib.tank.fish import TankConfig, simulate_tanks, simulate_tracks
from fishlib.tank.rendering import render_blocks

SIZES = ((240, 320), (120, 160), (60, 80))
PERCENTILES = (5, 25, 50, 75, 95, 99)
LAGS = (1, 2, 5, 10, 20, 30, 60)
BANDS = {  # quantity: (kind, lower, upper); "share" is relative to the real value
    "mean": ("share", 0.95, 1.05),
    "sd": ("share", 0.9, 1.1),
    **{f"percentile {p}": ("share", 0.92, 1.08) for p in PERCENTILES},
    **{f"autocorrelation {lag}": ("difference", -0.08, 0.08) for lag in LAGS},
    "positive labels (%)": ("value", 11, 16),
    "median run (frames)": ("value", 3, 4),
    "runs per 1000 frames": ("value", 28, 42),
    "P(range >= c)": ("value", 0.62, 0.78),
    "AUC of -speed[t-1]": ("value", 0.78, 0.85),
}


def describe_motion(speed: np.ndarray) -> dict[str, float]:
    """The quantities of the calibration table, of one series (T,)."""
    known = speed[:-1]
    label = label_bursts(speed)
    asked = np.nonzero(label >= 0)[0]
    runs = runs_of(label == 1)
    windows = np.lib.stride_tricks.sliding_window_view(known, 46)
    correlation = autocorrelation(known, max(LAGS))
    return {
        "mean": 1e3 * known.mean(),
        "sd": 1e3 * known.std(),
        **{f"percentile {p}": 1e3 * np.percentile(known, p) for p in PERCENTILES},
        **{f"autocorrelation {lag}": correlation[lag] for lag in LAGS},
        "positive labels (%)": 100 * label[asked].mean(),
        "median run (frames)": float(np.median(runs[:, 1] - runs[:, 0] + 1)),
        "runs per 1000 frames": 1e3 * len(runs) / asked.size,
        "P(range >= c)": np.mean(np.ptp(windows, axis=1) >= 1e-3),
        "AUC of -speed[t-1]": roc_auc_score(label[asked], -speed[asked - 1]),
    }


def within_band(name: str, value: float, real: float) -> bool:
    """Whether a simulated quantity lies in its band."""
    kind, low, high = BANDS[name]
    compared = {"share": value / real, "difference": value - real, "value": value}[kind]
    return low <= compared <= high


def measure(tracks, config: TankConfig, seed: int, size: tuple[int, int]) -> np.ndarray:
    """Motion proxy of a film that is never in memory, float64 (T,)."""
    parts, last = [], None
    for block in render_blocks(tracks, config, seed, size):
        film = block if last is None else np.concatenate([last, block])
        parts.append(measure_motion(film)[:-1])
        last = block[-1:]
    return np.append(np.concatenate(parts), 0.0)


def print_table(seeds: list[int], minutes: float) -> None:
    """The calibration table: real, then one column a seed; a star marks what is out of band."""
    config = TankConfig()
    real = describe_motion(load_series("train")["speed"])
    simulated = []
    for seed in seeds:
        tracks = simulate_tracks(config, seed, round(minutes * 1800))
        simulated.append(describe_motion(measure(tracks, config, seed, (240, 320))))
        print(f"seed {seed}: {1e3 * len(tracks.chases) / len(tracks):.1f} chases / 1000 frames")
    for name, value in real.items():
        marks = ["" if within_band(name, s[name], value) else "*" for s in simulated]
        cells = [f"{s[name]:8.3f}{mark}" for s, mark in zip(simulated, marks, strict=True)]
        print(f"{name:24s}{value:8.3f}  ", *cells)


def describe_look(frames: np.ndarray) -> dict[str, float]:
    """Numbers of how frames look: light, animals above two thresholds, and the histogram."""
    look = {"whole-image mean": frames.mean() / 255}
    for threshold in (25, 76):
        area, grey = measure_animals(frames, threshold).T
        for what, values in (("area (px)", area), ("mean grey", grey)):
            for p in (5, 50, 95):
                look[f"{what} > {threshold}, {p} %"] = np.percentile(values, p)
    for grey in (8, 25, 50, 100, 150, 200):
        look[f"pixels above {grey} (1e-3)"] = 1e3 * np.mean(frames > grey)
    return look


def print_look() -> None:
    """Published frames beside simulated ones, in numbers."""
    config = TankConfig()
    tracks = simulate_tanks(config, 0, 300, 8)
    frames = [next(render_blocks(t, config, k, block=300))[::20] for k, t in enumerate(tracks)]
    real, simulated = describe_look(load_frames()), describe_look(np.concatenate(frames))
    print(f"{'look':28s}{'real':>10s}{'tank':>10s}")
    for name, value in real.items():
        print(f"{name:28s}{value:10.4g}{simulated[name]:10.4g}")


def print_motion(n_frames: int = 5400) -> None:
    """CPU seconds for 54 000 frames, from a tenth of them, and the speed seen at smaller sizes."""
    config = TankConfig()
    start = time.process_time()
    tracks = simulate_tracks(config, 1, n_frames)
    simulate = (time.process_time() - start) / n_frames
    full = None
    for size in SIZES:
        start = time.process_time()
        for _ in render_blocks(tracks, config, 1, size):
            pass
        render = (time.process_time() - start) / n_frames
        speed = measure(tracks, config, 1, size)[:-1]
        full = speed if full is None else full
        print(
            f"{size[0]} x {size[1]}: simulated {1 / simulate:.0f} and drawn {1 / render:.0f} "
            f"frames/s, 54 000 frames in {54000 * (simulate + render):.1f} s; "
            f"speed x {speed.mean() / full.mean():.3f}, r = {np.corrcoef(speed, full)[0, 1]:.4f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=30.0)
    arguments = parser.parse_args()
    print_look()
    print_motion()
    print_table(arguments.seeds, arguments.minutes)
