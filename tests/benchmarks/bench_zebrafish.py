"""Do the places of real animals forecast more than the past of their motion?

Run: ``python tests/benchmarks/bench_zebrafish.py [--trials 1 3 4 6 8 9] [--seed 0]``. Six trials of
six zebrafish, each judged by forecasters trained on the others and on trials with a robot among
the fish. The tracks are fetched by commit and SHA-256 from `epfl-mobots/plos_one_experiments`
(no licence: nothing of it is kept here); ``FISHLIB_TRACKS`` may name a mirror of its paths. Where
the tracker lost a fish it is not seen: nothing is filled in, neither for the places nor for the
motion, which is the mean step of the fish that are seen. With ``--drawn`` the places are those that
are found in film drawn from the tracks, 240 px high; question and motion stay the tracker's.
"""

import argparse
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pooch
from compare import as_markdown
from sklearn.metrics import roc_auc_score

from fishlib import open_film
from fishlib.animals import Places, draw_tracks, find_places, read_tracks, with_tracks
from fishlib.animals.places import COLUMNS
from fishlib.evaluation.intervals import cut_blocks, interval
from fishlib.files import save_arrays
from fishlib.forecasters.animals import Animals
from fishlib.forecasters.regressions import Regressions
from fishlib.questions import find_onsets, label_alarms, label_onsets, suggest_min_range
from fishlib.questions import median_recent_motion as median_motion
from fishlib.spans import frames_in

COMMIT = "bfbfa9816117c35ab968b27a824f806c35ed0c3b"
FILES = pooch.create(
    pooch.os_cache("fishlib") / "tracks",
    f"https://raw.githubusercontent.com/epfl-mobots/plos_one_experiments/{COMMIT}/",
    registry=None,
)
FILES.load_registry(Path(__file__).with_name("zebrafish.txt"))
FPS, BODY = 15.0, 20.0  # frames a second; length of a fish, px
LEADS = (0.0, 0.25, 0.5, 1.0)


def fetch(path: str) -> Path:
    """One published file, from the mirror or downloaded, checked against its SHA-256."""
    mirror = os.environ.get("FISHLIB_TRACKS")
    found = Path(mirror) / path if mirror else Path(FILES.fetch(path))
    if pooch.file_hash(found) != FILES.registry[path]:
        raise ValueError(f"{found} is not the published file (SHA-256 differs): delete it.")
    return found


def read_trial(path: str) -> tuple[Places, np.ndarray]:
    """Places of a trial, and the motion: the mean step of the fish seen, bodies a 1/30 s."""
    places = read_tracks(fetch(path), FPS, BODY)
    steps = np.hypot(np.diff(places.x, axis=0), np.diff(places.y, axis=0)) / BODY * FPS / 30
    seen = places.apart[1:] & places.apart[:-1]
    mean = np.where(seen, steps, 0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    known = pd.Series(mean).where(seen.any(axis=1)).ffill().fillna(0)  # none seen: as before
    return places, np.append(known, 0.0)


def draw_trial(path: str, folder: Path) -> Places:
    """The places that are found in a film drawn from the tracks of a trial."""
    films = folder / "films.csv"
    if not films.exists():
        draw_tracks(fetch(path), folder, FPS, BODY)
    film = open_film(str(films), clip_size=(12, 16))
    found, scale = find_places(film.members[0], 6), BODY / with_tracks(film, "").places.body
    box = tuple(scale * edge for edge in found.box)
    return replace(found, x=scale * found.x, y=scale * found.y, body=BODY, box=box)


def join(paths: list[str], drawn: Path | None = None) -> SimpleNamespace:
    """Trials as one recording, each a piece and a film."""
    trials = [read_trial(path) for path in paths]
    whole = np.concatenate([places.apart.all(axis=1) for places, _ in trials])
    if drawn:
        found = [draw_trial(path, drawn / path.split("/")[1]) for path in paths]
        trials = [(places, motion) for places, (_, motion) in zip(found, trials, strict=True)]
    stop = np.cumsum([len(motion) for _, motion in trials])
    start = np.append(0, stop[:-1])
    of_trials = ([getattr(places, name) for places, _ in trials] for name in COLUMNS)
    columns = dict(zip(COLUMNS, map(np.concatenate, of_trials), strict=True))
    boxes = np.array([places.box for places, _ in trials])
    return SimpleNamespace(
        motion=np.concatenate([motion for _, motion in trials]), fps=FPS, whole=whole, name="fish",
        places=Places(**columns, body=BODY, box=tuple(np.median(boxes, axis=0))),
        pieces=pd.DataFrame({"film": paths, "start": start, "stop": stop}),
    )  # fmt: skip


def forecast_trial(
    trial: str, others: list[str], folder: Path, seed: int, drawn: Path | None = None
) -> dict:
    """Questions and forecasts of one trial, learned on others (the last of them chooses)."""
    film = join([*others, trial], drawn)
    limits = [0, *film.pieces.start.tolist()[-2:], len(film.motion)]
    names = ("train", "validation", "test")
    parts = {k: slice(a, b) for k, (a, b) in zip(names, pairwise(limits), strict=True)}
    rise = suggest_min_range(film.motion[parts["train"]])
    width = frames_in("calm", FPS, odd=True)
    told = {"horizon": frames_in("horizon", FPS), "pieces": film.pieces}
    events = find_onsets(film.motion, min_rise=rise, width=width, **told)
    calm = median_motion(film.motion, parts["train"], width)
    told["past"] = frames_in("past", FPS)
    onsets = label_onsets(film.motion, min_rise=rise, calm_level=calm, width=width, **told)
    questions = {"onset": onsets, "alarm": label_alarms(len(film.motion), events, **told)}
    at = parts["test"]
    animals = Animals(rise, seed=seed).fit(film, questions, parts, folder / f"{seed}")
    made = {"places, onset": animals.forecast_all(film, at)["onset"]}
    made["motion, onset"] = Regressions().fit(film, onsets, parts).forecast(film, at)
    made |= questions | {"whole": film.whole}
    return {name: one[at] for name, one in made.items()}


def compare(made: list[dict], trials: list[str], whole: bool) -> list[list]:
    """A row a lead: the AUC of the past of the motion, and what places add, in all and by trial.

    Pairs of frames are of one trial, and each trial is a block of the interval.
    """
    length = [len(one["onset"]) for one in made]
    stop = np.cumsum(length)
    pieces = pd.DataFrame({"film": trials, "start": stop - length, "stop": stop})
    rows = []
    for lead in LEADS:
        held = [_hold(one, round(lead * FPS)) for one in made]
        joined = {k: np.concatenate([one[k] for one in held]) for k in held[0]}
        blocks = cut_blocks(_judged(joined, whole), pieces)
        motion, places = (
            blocks.auc(joined["onset"][blocks.frames], joined[name][blocks.frames])
            for name in ("motion", "places")
        )
        low, high = interval(places - motion)
        value = f"{(places - motion)[0]:+.3f} [{low:+.3f}, {high:+.3f}]"
        each = ", ".join(f"{_gain(one, whole):+.3f}" for one in held)
        frames = "seen whole" if whole else "all"
        rows.append([frames, lead, len(blocks.frames), f"{motion[0]:.3f}", value, each])
    return rows


def _judged(held: dict, whole: bool) -> np.ndarray:
    """Frames that are asked, forecast in both ways and, with ``whole``, seen whole."""
    forecast = np.isfinite(held["places"] + held["motion"])
    return (held["onset"] >= 0) & forecast & (held["whole"] | (not whole))


def _gain(held: dict, whole: bool) -> float:
    """What places add to the AUC of the past of the motion in one trial."""
    at = _judged(held, whole)
    places, motion = (roc_auc_score(held["onset"][at], held[k][at]) for k in ("places", "motion"))
    return places - motion


def _hold(made: dict, frames: int) -> dict:
    """The forecasts made so many frames before, each judged on the question of now.

    Seen whole are frames on which all fish were seen, then and now.
    """

    def then(one: np.ndarray, unknown) -> np.ndarray:
        return np.append(np.full(frames, unknown), one[: len(one) - frames])

    held = {name: then(made[f"{name}, onset"], np.nan) for name in ("places", "motion")}
    held |= {"onset": made["onset"], "whole": made["whole"] & then(made["whole"], False)}
    return held


def main() -> None:
    """Forecast the trials that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[1, 3, 4, 6, 8, 9])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("data/benchmarks/zebrafish"))
    parser.add_argument("--drawn", action="store_true", help="places found in film drawn of them")
    parser.add_argument("--fish-only", action="store_true", help="train on no trial with a robot")
    chosen = parser.parse_args()
    drawn = chosen.folder / "drawn" if chosen.drawn else None
    fish = sorted(path for path in FILES.registry if path.startswith("fish_only"))
    robots = [] if chosen.fish_only else sorted(set(FILES.registry) - set(fish))
    tested = [f"fish_only/{n}_fish_only/trajectories.txt" for n in chosen.trials]
    made = []
    for trial in tested:
        folder = (drawn or chosen.folder) / trial.split("/")[1]
        path = folder / f"forecasts {chosen.seed}.npz"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            others = robots + [one for one in fish if one != trial]
            save_arrays(path, **forecast_trial(trial, others, folder, chosen.seed, drawn))
        with np.load(path) as saved:
            made.append(dict(saved))
    columns = ["frames", "lead, s", "n", "past of the motion, AUC", "places and motion, minus it"]
    rows = [row for whole in (True, False) for row in compare(made, tested, whole)]
    print(as_markdown(pd.DataFrame(rows, columns=[*columns, "by trial"])))


if __name__ == "__main__":
    main()
