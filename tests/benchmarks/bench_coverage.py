"""How often 95 % intervals hold the truth, on series whose true scores are known.

Run: ``python tests/benchmarks/bench_coverage.py [--simulations 2000] [--cells blocks]``. A cell is
a memory of the series (frames) and a number of blocks of one film, or a number of films. What a
cell gave is kept in ``--results``: called again, only what is missing is done, and cells may be
run side by side. The table goes to ``COVERAGE.md`` beside this file.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.stats import norm

from fishlib.evaluation.intervals import Blocks, cut_blocks, interval

HERE = Path(__file__).resolve().parent
BLOCK = 300
SKILL = 1.2
"""Distance of the two normals that forecasts of the two classes come from."""
SPREAD = 0.4
"""Standard deviation of the skill between films."""
FILM_BLOCKS = 5
"""Blocks a simulated film is long."""
CELLS = [("blocks", memory, n) for memory in (20, 40) for n in (17, 40, 150)]
CELLS += [("films", memory, n) for memory in (20, 40) for n in (6, 8, 10, 20)]


def simulate(rng: np.random.Generator, n_frames: int, memory: float, skills: tuple[float, ...]):
    """Bursts and forecasts, each an AR(1) of unit variance; forecasts are higher in a burst.

    Returns
    -------
    label int (T,), forecasts float (len(skills), T)
    """
    kept = np.exp(-1 / memory)
    noise = rng.normal(0, np.sqrt(1 - kept**2), (2 + len(skills), n_frames + 10 * int(memory)))
    hidden, common, *own = lfilter([1], [1, -kept], noise)[:, 10 * int(memory) :]
    label = (hidden > 0.8).astype(int)
    both = np.sqrt(0.5) * common
    forecasts = [both + np.sqrt(0.5) * o + s * label for o, s in zip(own, skills, strict=True)]
    return label, np.array(forecasts)


def one_film(rng, memory: float, n_blocks: int) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """One film of so many blocks, with two forecasts of equal skill."""
    label, forecasts = simulate(rng, n_blocks * BLOCK, memory, (SKILL, SKILL))
    pieces = pd.DataFrame({"film": ["film"], "start": [0], "stop": [len(label)]})
    return label, forecasts, pieces


def some_films(rng, memory: float, n_films: int) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Films that differ in the skill of each forecast."""
    length = FILM_BLOCKS * BLOCK
    films = [
        simulate(rng, length, memory, tuple(rng.normal(SKILL, SPREAD, 2))) for _ in range(n_films)
    ]
    start = np.arange(n_films) * length
    pieces = pd.DataFrame({"film": np.arange(n_films), "start": start, "stop": start + length})
    return *(np.concatenate(part, axis=-1) for part in zip(*films, strict=True)), pieces


def truth_of(kind: str) -> float:
    """The expected AUC within a film: Phi(skill / sqrt 2), averaged over films that differ."""
    return float(norm.cdf(SKILL / np.sqrt(2 + (SPREAD**2 if kind == "films" else 0))))


def resample(
    rng: np.random.Generator,
    label: np.ndarray,
    forecasts: np.ndarray,
    blocks: Blocks,
    n_resamples: int,
) -> np.ndarray:
    """AUC of each forecast in each resample (n_resamples, 2): of moving blocks, or of films."""
    n_films = int(blocks.strata.max()) + 1
    if n_films == 1:
        counts = _moving_blocks(rng, len(label), n_resamples)
        return np.transpose([[_weighted_auc(label, p, c) for c in counts] for p in forecasts])
    inside = [blocks.strata == film for film in range(n_films)]
    pairs = np.array([label[one].sum() * (1 - label[one]).sum() for one in inside])
    right = [[_weighted_auc(label[one], p[one], 1.0) for one in inside] for p in forecasts]
    drawn = rng.integers(0, n_films, (n_resamples, n_films))
    return ((np.array(right) * pairs)[:, drawn].sum(axis=2) / pairs[drawn].sum(axis=1)).T


def _moving_blocks(rng: np.random.Generator, n: int, n_resamples: int) -> np.ndarray:
    """How often each frame is drawn, by blocks that may overlap, float (n_resamples, n)."""
    starts = rng.integers(0, n - BLOCK + 1, (n_resamples, -(-n // BLOCK)))
    edges = np.zeros((n_resamples, n + 1))
    rows = np.arange(n_resamples)[:, None]
    np.add.at(edges, (rows, starts), 1)
    np.add.at(edges, (rows, starts + BLOCK), -1)
    return np.cumsum(edges, axis=1)[:, :n]


def _weighted_auc(label: np.ndarray, forecast: np.ndarray, weights: np.ndarray | float) -> float:
    """AUC of a forecast without ties."""
    order = np.argsort(forecast)
    positive = label[order] == 1
    w = np.broadcast_to(weights, label.shape)[order]
    passed = np.cumsum(np.where(positive, 0, w))
    return np.dot(w[positive], passed[positive]) / (w[positive].sum() * passed[-1])


def try_once(kind: str, memory: float, n: int, seed: int, n_resamples: int) -> dict[str, bool]:
    """Whether each interval of one simulation holds the truth."""
    rng = np.random.default_rng([seed, n, int(memory), kind == "films"])
    make = one_film if kind == "blocks" else some_films
    label, forecasts, pieces = make(rng, memory, n)
    blocks = cut_blocks(np.ones(len(label), bool), pieces, BLOCK)
    truth = truth_of(kind)
    one, other = (blocks.auc(label, p) for p in forecasts)
    found = {
        "jackknife": interval(one, bounded=True),
        "jackknife, plain": interval(one),
        "jackknife of the difference": interval(one - other),
    }
    if n_resamples and (kind, n) == ("blocks", 17):
        frames = Blocks(blocks.frames, np.arange(len(label)), blocks.strata, len(label))
        found["frames as if independent"] = interval(frames.auc(label, forecasts[0]), bounded=True)
    if n_resamples:
        drawn = resample(rng, label, forecasts, blocks, n_resamples)
        found["bootstrap"] = tuple(np.quantile(drawn[:, 0], [0.025, 0.975]))
        found["bootstrap of the difference"] = tuple(
            np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975])
        )
    of_difference = {name for name in found if name.endswith("difference")}
    truths = {name: 0.0 if name in of_difference else truth for name in found}
    return {name: bool(low <= truths[name] <= high) for name, (low, high) in found.items()}


def measure(
    cell: tuple, n_simulations: int, n_bootstrapped: int, n_resamples: int, path: Path
) -> dict[str, list[int]]:
    """How often each interval held and was tried; what was simulated before is in the file."""
    found = json.loads(path.read_text()) if path.exists() else {"simulations": 0, "held": {}}
    held = found["held"]
    for seed in range(found["simulations"], n_simulations):
        resamples = n_resamples if seed < n_bootstrapped else 0
        for name, inside in try_once(*cell, seed, resamples).items():
            before = held.get(name, [0, 0])
            held[name] = [before[0] + inside, before[1] + 1]
        if (seed + 1) % 100 == 0 or seed + 1 == n_simulations:
            found["simulations"] = seed + 1
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found))
    return held


def as_markdown(found: dict[tuple, dict[str, list[int]]], n_resamples: int) -> str:
    """The table, one row a cell."""
    names = list(dict.fromkeys(name for held in found.values() for name in held))
    lines = [
        "# How often 95 % intervals hold the truth",
        "",
        __doc__.split("\n\n")[1].replace("Run: ", "Made by "),
        "",
        f"Two forecasts of AUC {truth_of('blocks'):.3f} that share half their noise, on bursts "
        f"in a fifth of the frames; bursts and forecasts forget within *memory* frames. "
        f"Blocks are {BLOCK} frames; a film is {FILM_BLOCKS} blocks, and the skill d' = {SKILL} "
        f"differs between films with a standard deviation of {SPREAD}. *jackknife* is what the "
        "verdict gives (delete one block, Student's t, logit scale), *plain* the same without the "
        f"logit; *bootstrap* is the percentile interval of {n_resamples} resamples of moving "
        "blocks, or of films; *frames as if independent* is the jackknife of blocks of one frame, "
        "which is DeLong's variance. A fair interval holds the truth in 92 to 98 % of simulations.",
        "",
        "| cell | memory | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for (kind, memory, n), held in found.items():
        shares = [
            f"{held[name][0] / held[name][1]:.1%} of {held[name][1]}" if name in held else "–"
            for name in names
        ]
        lines.append(f"| {n} {kind} | {memory} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--bootstrapped", type=int, default=500, help="simulations, the first ones")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--cells", choices=["blocks", "films", "all"], default="all")
    parser.add_argument("--results", type=Path, default=Path("data/runs/bench_coverage"))
    chosen = parser.parse_args()
    found = {}
    for cell in CELLS:
        path = chosen.results / f"{'_'.join(map(str, cell))}.json"
        if chosen.cells in ("all", cell[0]):
            found[cell] = measure(
                cell, chosen.simulations, chosen.bootstrapped, chosen.resamples, path
            )
        elif path.exists():
            found[cell] = json.loads(path.read_text())["held"]
    table = as_markdown(found, chosen.resamples)
    print(table)
    (HERE / "COVERAGE.md").write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
