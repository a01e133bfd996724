"""Time and memory of each station against the length and the resolution of a film.

Run: ``python tests/benchmarks/bench_chain.py [--figure figures/cost_by_size.png]``. A stretch of
the tank is repeated to 1, 10 and 30 minutes at 60 x 80, and to 1 minute at 2 and 4 times that
resolution, which is 4 and 16 times the pixels. Seconds are of the processor; memory is what is
resident above the start, pages of the mapped film included, which the system takes back at need.
"""

import argparse
import json
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from compare import one_thread, peak_memory

MINUTES, FACTORS = (1, 10, 30), (1, 2, 4)
BASE, FPS = (60, 80), 30
STATIONS = ("decode", "motion", "labels", "clips", "forecast", "scoring")


def measure_size(minutes: float, factor: int, stretch: np.ndarray) -> list[dict]:
    """Seconds and peak MB of every station for one film."""
    from fishlib.video import shrink, write_video

    n_frames = round(minutes * 60 * FPS)
    size = (BASE[0] * factor, BASE[1] * factor)
    small = stretch if size == stretch.shape[1:] else shrink(stretch, size, "area")
    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder) / "film.avi", islice(cycle(small), n_frames))
        frames = _store(Path(folder) / "film.npy", small, n_frames)
        rows = []
        for name, station in _stations(path, frames).items():
            start = time.process_time()
            memory, _ = peak_memory(station)
            seconds = time.process_time() - start
            row = {"station": name, "minutes": minutes, "factor": factor, "seconds": seconds}
            rows.append({**row, "memory": memory})
            print(
                f"{minutes:3} min, x{factor}  {name:9s}{seconds:9.3f} s{memory:9.1f} MB", flush=True
            )
    return rows


def _store(path: Path, stretch: np.ndarray, n_frames: int) -> np.ndarray:
    frames = np.lib.format.open_memmap(path, "w+", np.uint8, (n_frames, *stretch.shape[1:]))
    for start in range(0, n_frames, len(stretch)):
        frames[start : start + len(stretch)] = stretch[: n_frames - start]
    frames.flush()
    return np.load(path, mmap_mode="r")


def _stations(path: Path, frames: np.ndarray) -> dict:
    """The stations as callables without arguments, each on what the one before it made."""
    from fishlib.clips import ClipDataset, motion_channels
    from fishlib.evaluation import Verdict
    from fishlib.forecasters.networks import forecast_film
    from fishlib.models import build_motion_convlstm
    from fishlib.motion import measure_motion
    from fishlib.questions import label_bursts
    from fishlib.video import iter_frames

    layout = motion_channels()
    rng = np.random.default_rng(0)
    label = (rng.random(len(frames)) < 0.15).astype(np.int8)  # every frame asked, both classes
    probability = rng.random(len(frames))
    one_film = {"train": slice(0), "validation": slice(0), "test": slice(None)}
    clip_shape = (3, *frames.shape[1:], 3)
    model = build_motion_convlstm(clip_shape)
    forecast_film(model, frames[:40], layout)  # compile
    data = ClipDataset(frames, label, layout=layout, batch_size=32, flips=4, shuffle=True,
                       max_samples=len(frames))  # fmt: skip

    def gather():
        for i in range(len(data)):
            data[i]

    calls = (
        lambda: sum(len(block) for block in iter_frames(path, frames.shape[1:])),
        lambda: measure_motion(frames),
        lambda: label_bursts(probability),
        gather,
        lambda: forecast_film(model, frames, layout),
        lambda: Verdict({"p": probability}, label, one_film).scores,
    )
    return dict(zip(STATIONS, calls, strict=True))


def draw(rows: list[dict], path: Path) -> None:
    """Four panels: seconds and MB against minutes and against pixels, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    from fishlib.figures.style import new_figure, use_style

    use_style()
    figure, axes = new_figure(2, 2, 6.4, sharey="row")
    rows_of_panels = (("seconds", "processor time (s)"), ("memory", "peak memory (MB)"))
    columns = (("minutes", "length of film (min), at 60 × 80"), ("factor", "pixels a frame, 1 min"))
    for panels, (value, unit) in zip(axes, rows_of_panels, strict=True):
        for ax, (by, name) in zip(panels, columns, strict=True):
            _draw_panel(ax, rows, value, by)
            ax.set(xscale="log", yscale="log", xlabel=name, ylabel=unit)
            ticks = MINUTES if by == "minutes" else [BASE[0] * BASE[1] * f**2 for f in FACTORS]
            ax.set_xticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks])
            ax.set_xticks([], minor=True)
    for ax in axes[:, 1]:
        ax.set_ylabel("")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def _draw_panel(ax, rows: list[dict], value: str, by: str) -> None:
    for name, marker in zip(STATIONS, "osD^vP", strict=True):
        x, y = _curve(rows, name, value, by)
        ax.plot(x, np.maximum(y, 1e-3 if value == "seconds" else 1), marker=marker, label=name)
    x = np.array([x[0], x[-1]])
    low = 3e-3 if value == "seconds" else 2
    ax.plot(x, low * x / x[0], ":", color="0.4", label="linear")


def _curve(rows: list[dict], station: str, value: str, by: str) -> tuple[np.ndarray, np.ndarray]:
    other, first = ("factor", 1) if by == "minutes" else ("minutes", 1)
    chosen = [r for r in rows if r["station"] == station and r[other] == first]
    x = np.array([r[by] for r in chosen], float)
    if by == "factor":
        x = BASE[0] * BASE[1] * x**2
    order = np.argsort(x)
    return x[order], np.array([r[value] for r in chosen])[order]


def print_slopes(rows: list[dict]) -> None:
    """Exponents of growth: 1 is linear."""
    for by in ("minutes", "factor"):
        slopes = []
        for name in STATIONS:
            x, y = _curve(rows, name, "seconds", by)
            slope = np.log(y[-1] / y[-2]) / np.log(x[-1] / x[-2])
            slopes.append(f"{name} {slope:.2f}")
        what = "length, 10 to 30 min" if by == "minutes" else "pixels, x2 to x4"
        print(f"exponent of time in {what}: {', '.join(slopes)}")


def main() -> None:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", type=Path, default=Path("figures/cost_by_size.png"))
    parser.add_argument("--rows", type=Path, help="write the measurements here, as JSON")
    arguments = parser.parse_args()
    one_thread()
    from fishlib.tank import simulate_film
    from fishlib.tank.state import TankConfig

    stretch = simulate_film(TankConfig(), 0, 600).frames
    sizes = [(m, 1) for m in MINUTES] + [(1, f) for f in FACTORS[1:]]
    measure_size(0.6, 1, stretch)  # warms up, not kept
    rows = [row for minutes, factor in sizes for row in measure_size(minutes, factor, stretch)]
    print_slopes(rows)
    draw(rows, arguments.figure)
    if arguments.rows:
        arguments.rows.write_text(json.dumps(rows))


if __name__ == "__main__":
    main()
