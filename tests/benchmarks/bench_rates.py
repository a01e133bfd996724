"""What a camera of another rate changes: the same fish, filmed at other rates.

Run: ``python tests/benchmarks/bench_rates.py [FOLDER]``. Forecasters are trained on 45 minutes of a
tank at 30 frames a second. Twelve minutes of another tank are rendered from the same tracks at each
rate (between two frames of the tank the fish move straight), coded without loss, opened as any film
is, and asked with a c and a calm level of its own. "30, half a frame later" shows what the sensor's
noise and the moment of exposure change alone: a rise near c may flip. Writes ``RATES.md``.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from compare import as_markdown

from fishlib import (
    Network,
    Plan,
    fit_all,
    open_film,
    score_forecast,
    suggest_min_range,
    write_video,
)
from fishlib.forecasters.animals import Animals
from fishlib.forecasters.regressions import Regressions
from fishlib.questions import find_onsets, label_onsets, median_recent_motion
from fishlib.recording import open_recording
from fishlib.spans import embargo, frames_in
from fishlib.tank import TankConfig, render_blocks, simulate_tracks

HERE = Path(__file__).resolve().parent
TRAINED, FILMED, MINUTES, C = 70, 71, 12, 1e-3
VIEWS = {"30": (30, 0), "30, half a frame later": (30, 0.5), "60": (60, 0), "50": (50, 0)}
VIEWS |= {"29.97": (29.97, 0), "25": (25, 0), "15": (15, 0)}


def seen_at(tracks, fps: float, delay: float):
    """The tracks as a camera of another rate sees them; every angle is continued past a turn."""
    times = np.arange(0, len(tracks) - 2, 30 / fps) + delay
    before, part = times.astype(int), (times % 1).astype(np.float32)[:, None, None]
    state = tracks.state.copy()
    state[:, 2] = np.unwrap(state[:, 2], axis=0)
    return replace(tracks, state=state[before] * (1 - part) + state[before + 1] * part)


def filmed(tracks, fps: float, delay: float, path: Path, noise: bool = True):
    """The recording of such a film."""
    config = TankConfig() if noise else TankConfig(noise=0.0)
    seed = FILMED + round(100 * delay)
    if not path.exists():
        blocks = render_blocks(seen_at(tracks, fps, delay), config, seed)
        write_video(path, (frame for block in blocks for frame in block), fps)
    return open_recording(path, preparation={"polarity": "bright", "background": False})


def onsets(recording) -> np.ndarray:
    """When events begin, seconds, by a c of the film's own."""
    fps, c = recording.fps, suggest_min_range(recording.motion)
    horizon, pieces = frames_in("horizon", fps), recording.pieces
    return find_onsets(recording.motion, horizon, c, fps, pieces).onset_s.to_numpy()


def agreement(expected: np.ndarray, found: np.ndarray) -> float:
    """Share of the events of either that the other has within 0.1 s, the smaller of the two."""
    apart = np.abs(expected[:, None] - found)
    return min((apart.min(axis=0) < 0.1).mean(), (apart.min(axis=1) < 0.1).mean())


def aucs(fitted, recording) -> dict[str, float]:
    """AUC of onset from calm of every forecaster, by a c and a calm level of the film's own."""
    fps, c = recording.fps, suggest_min_range(recording.motion)
    horizon, past = (frames_in(span, fps) for span in ("horizon", "past"))
    width = frames_in("calm", fps, odd=True)
    calm = median_recent_motion(recording.motion, width=width)
    question = label_onsets(
        recording.motion, horizon, c, calm, past, width=width, pieces=recording.pieces
    )
    told = fitted.forecast(recording, np.flatnonzero(question >= 0))["onset"]
    return {name: score_forecast(question, forecast)["auc"] for name, forecast in told.items()}


def main(folder: str = "data/rates") -> None:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    film = open_film("simulated", seed=TRAINED, minutes=45)
    (parts,) = film.split(1, embargo(30))
    calm = median_recent_motion(film.motion, parts["train"])
    question = {"onset": label_onsets(film.motion, min_rise=C, calm_level=calm)}
    rivals = {
        "past of the motion": Regressions(kinds=("both",)),
        "ConvLSTM": Network(Plan(), "onset"),
        "animals": Animals(C),
    }
    fitted = fit_all(rivals, film, question, parts, folder)
    tracks, rows, expected = simulate_tracks(TankConfig(), FILMED, MINUTES * 1800), {}, {}
    for view, (fps, delay) in VIEWS.items():
        row = rows[view] = {}
        for noise in (False, True):
            kind = "with noise" if noise else "without"
            path = folder / f"{view}, {kind}.avi".replace(", ", "_").replace(" ", "_")
            recording = filmed(tracks, fps, delay, path, noise)
            times = onsets(recording) + delay / 30
            row["kept"] = recording.fps
            row[f"onsets that agree, {kind}"] = agreement(expected.setdefault(noise, times), times)
        row |= aucs(fitted, recording)
        print(view, row, flush=True)
    table = pd.DataFrame(rows).T.rename_axis("frames a second").round(3).reset_index()
    text = f"# Rates\n\n{__doc__.strip()}\n\n{as_markdown(table)}\n"
    (HERE / "RATES.md").write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
