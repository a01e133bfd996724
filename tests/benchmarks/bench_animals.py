"""What animals, found in the pixels, forecast in tanks that nothing was chosen on.

Run: ``python tests/benchmarks/bench_animals.py [--tanks 20 21 22] [--seeds 0 1]``, and with
``--pixels ConvLSTM "long ConvLSTM"`` (see `PIXELS`; the long ones want a GPU) networks of whole
frames beside them, and with ``--oracle`` the alarm of who knows the tank. Each tank is
filmed for 80 minutes: one hour to train (its last six minutes choose the epoch), twenty minutes to
judge. Every forecast is kept in ``--folder``, so that a run that was stopped goes on; the tables
are made of what is there. The places are also compared with the truth.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from compare import as_markdown
from scipy.optimize import linear_sum_assignment

from fishlib import tank
from fishlib.animals import find_places, true_places
from fishlib.animals.places import Linker, tell_looks
from fishlib.evaluation.alarms import alarm_scores, curve_area, curve_thresholds, watch
from fishlib.evaluation.beyond import share_of_the_way
from fishlib.evaluation.intervals import cut_blocks, interval
from fishlib.files import save_arrays
from fishlib.questions import find_onsets, label_alarms, label_bursts, label_onsets
from fishlib.questions import median_recent_motion as median_motion
from fishlib.recording import open_recording
from fishlib.tank.oracle import oracle_forecast

MINUTES = 80
PARTS = {"train": slice(0, 97_200), "validation": slice(97_365, 108_000)}
PARTS["test"] = slice(108_165, 144_000)
LEADS = (0.0, 0.25, 0.5)
RIVALS = ("level", "past of the motion")
WAYS = {"animals found": find_places, "animals known": true_places}
PIXELS = {  # network, epochs, steps an epoch, size of the frames
    "ConvLSTM": ("motion_convlstm", 4, 37, (60, 80)),  # about twice the animals' seconds
    "CNN": ("motion_cnn", 4, 37, (60, 80)),
    "default ConvLSTM": ("motion_convlstm", 4, 125, (60, 80)),
    "default CNN": ("motion_cnn", 4, 125, (60, 80)),
    "long ConvLSTM": ("motion_convlstm", 16, 500, (60, 80)),
    "long CNN": ("motion_cnn", 16, 500, (60, 80)),
    "fine ConvLSTM": ("motion_convlstm", 8, 500, (120, 160)),
}
EVERY = 12
"""The oracle is asked at every twelfth frame, and holds its alarm until the next."""
SCORES = {"onset", "burst", *LEADS}
NAMES = (*RIVALS, *WAYS, *PIXELS, "oracle")


def open_tank(seed: int, clip_size: tuple[int, int] = (12, 16)):
    """A tank's recording; its frames are kept small where only the animals are looked at."""
    return open_recording("simulated", seed=seed, minutes=MINUTES, clip_size=clip_size)


def ask(motion: np.ndarray) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The onset events of a film, and the three questions."""
    events = find_onsets(motion)
    onsets = label_onsets(motion, calm_level=median_motion(motion, PARTS["train"]))
    alarms = label_alarms(len(motion), events)
    return events, {"onset": onsets, "burst": label_bursts(motion), "alarm": alarms}


def forecasts_of(recording, questions, folder, seed: int, ways: list[str]) -> Iterator[tuple]:
    """Yield name, forecasts of each question over the test part, and seconds of the processor."""
    from fishlib.forecasters.animals import Animals
    from fishlib.forecasters.regressions import Regressions
    from fishlib.forecasters.rules import level

    at = PARTS["test"]
    if seed == 0:
        yield "level", dict.fromkeys(questions, level(recording.motion)), 0.0
        began = time.process_time()
        fitted = Regressions().fit(recording, questions["alarm"], PARTS)
        seconds = time.process_time() - began
        yield "past of the motion", {"alarm": fitted.forecast(recording, at)}, seconds
    for name in ways:
        seen = {key: getattr(recording, key) for key in ("motion", "fps", "pieces")}
        seen = SimpleNamespace(**seen, places=WAYS[name](recording))
        began = time.process_time()
        fitted = Animals(seed=seed).fit(seen, questions, PARTS, folder / f"{name} {seed}")
        seconds = time.process_time() - began
        yield name, fitted.forecast_all(seen, at), seconds


def forecasts_of_pixels(recording, questions, folder, seed: int, ways) -> Iterator[tuple]:
    """The same of the networks of whole frames, which learn the onset from calm."""
    from fishlib.forecasters.networks import Network, Plan

    asked = np.flatnonzero(questions["onset"] >= 0)
    at = asked[(asked >= PARTS["test"].start) & (asked < PARTS["test"].stop)]
    for name in ways:
        network, epochs, steps, _ = PIXELS[name]
        plan = Plan(network, epochs=epochs, steps_per_epoch=steps, seed=seed)
        began = time.process_time()
        fitted = Network(plan).fit(recording, questions["onset"], PARTS, folder / f"{name} {seed}")
        seconds = time.process_time() - began
        yield name, {"onset": fitted.forecast(recording, at)}, seconds


def forecasts_of_oracle(recording, questions, folder, seed: int, ways) -> Iterator[tuple]:
    """The alarm of who knows the tank's state and rules, for each lead (3, T)."""
    at, began = PARTS["test"], time.process_time()
    frames, who = np.arange(at.start, at.stop, EVERY), (recording.truth, tank.TankConfig())
    told = oracle_forecast(*who, frames, recording.motion, "alarm", seed=seed)[: len(LEADS)]
    held = pd.DataFrame(told.T).ffill(limit=EVERY - 1).to_numpy().T
    yield "oracle", {"alarm": held}, time.process_time() - began


def judge(forecasts: dict[str, np.ndarray], questions: dict, events, pieces) -> dict:
    """Scores of one forecaster on the test part, as estimates over blocks of film."""
    at, scores = PARTS["test"], {}
    for question in ("onset", "burst"):
        if question in forecasts:
            asked = np.zeros(len(questions[question]), bool)
            asked[at] = questions[question][at] >= 0
            label, forecast = questions[question][asked], forecasts[question][asked]
            scores[question] = cut_blocks(asked, pieces).auc(label, forecast)
    if "alarm" not in forecasts:
        return scores
    alarms = np.full((len(LEADS), len(questions["alarm"])), np.nan)
    alarms[:, at] = forecasts["alarm"][..., at]  # one for all leads, or one for each
    seen = watch(alarms[0], events.onset, pieces=pieces)
    blocks = cut_blocks(seen.watched, pieces)
    for alarm, lead in zip(alarms, LEADS, strict=True):
        told = [alarm_scores(alarm, t, seen, lead, blocks) for t in curve_thresholds(alarm)]
        columns = ("time_in_warning", "sensitivity")
        warned, caught = (np.stack([one[k] for one in told], axis=-1) for k in columns)
        scores[lead] = curve_area(warned, caught)
        if lead == 0:
            scores["at 20 %"] = np.interp(0.2, np.append(0, warned[0]), np.append(0, caught[0]))
    return scores


def measure_places(seed: int, n_frames: int = 3000) -> dict[str, float]:
    """How well animals are found in a tank, against the truth, and what that costs."""
    film = tank.simulate_film(tank.TankConfig(), seed, n_frames)
    looks = tell_looks(np.array_split(film.frames, 12))
    began = time.process_time()
    x, y, heading, apart = Linker(looks).follow(film.frames)
    seconds = time.process_time() - began
    where, headed, near, turned = film.tracks.position, film.tracks.heading, [], []
    for t in range(n_frames):
        far = np.hypot(where[t, :, None, 0] - x[t], where[t, :, None, 1] - y[t])
        fish, found = linear_sum_assignment(far)
        near.append(far[fish, found])
        turned.append(np.cos(headed[t, fish] - heading[t, found]) < 0)
    quarter = tank.TankConfig().body_length / 4
    return {
        "within a quarter of a body": np.mean(np.array(near) <= quarter),
        "median error, px": np.median(near),
        "heading turned round": np.mean(turned),
        "all seen apart": apart.all(axis=1).mean(),
        "ms a frame": 1e3 * seconds / n_frames,
    }


def run_tank(seed, seeds, folder: Path, ways, make=forecasts_of, size=(12, 16)) -> None:
    """Make the forecasts of one tank that are not there yet, from frames of a size."""
    recording = open_tank(seed, size)
    _, questions = ask(recording.motion)
    for training in seeds:
        wanted = [*RIVALS, *ways] if training == 0 and make is forecasts_of else ways
        if all((folder / f"{seed} {name} {training}.npz").exists() for name in wanted):
            continue
        made = make(recording, questions, folder / str(seed), training, ways)
        for name, forecasts, seconds in made:
            path = folder / f"{seed} {name} {training}.npz"
            save_arrays(path, seconds=np.array(seconds), **forecasts)
            print(f"{path.stem}: {seconds:.0f} s", flush=True)


def over_trainings(tanks: list[list[np.ndarray]]) -> tuple[float, float, float]:
    """Mean over tanks and their trainings, and a 95 % interval that holds film and training.

    A tank's variance is that over blocks of film of the mean of its trainings, and that between
    the trainings over their number, which one training alone does not tell; the tanks are those
    they are.

    Parameters
    ----------
    tanks : for each tank, the estimate (1 + K,) of each training
    """
    mean, variance = [], []
    for trainings in tanks:
        told = np.mean(trainings, axis=0)
        film = (len(told) - 2) * np.var(told[1:])
        mean.append(told[0])
        between = np.var([one[0] for one in trainings], ddof=1) if len(trainings) > 1 else 0
        variance.append(film + between / len(trainings))
    reach = 1.96 * np.sqrt(np.sum(variance)) / len(tanks)
    return np.mean(mean), np.mean(mean) - reach, np.mean(mean) + reach


def table(tanks: list[int], folder: Path, motions: dict[int, tuple]) -> list[str]:
    """The tables of all forecasts that are there, in Markdown."""
    rows, differences, whole = [], [], {}

    def keep(name, score, seed, estimate):
        whole.setdefault((name, score), {}).setdefault(seed, []).append(estimate)

    for seed in tanks:
        motion, pieces = motions[seed]
        events, questions = ask(motion)
        n_events = int(events.onset.between(PARTS["test"].start + 45, len(motion)).sum())
        told = {}
        for name in NAMES:
            for path in sorted(folder.glob(f"{seed} {name} ?.npz")):
                with np.load(path) as saved:
                    made = dict(saved)
                seconds, training = float(made.pop("seconds")), path.stem.split()[-1]
                told[name, training] = scores = judge(made, questions, events, pieces)
                if name == "level":
                    del scores["onset"]  # one number is no model of both
                for score in SCORES.intersection(scores):
                    keep(name, score, seed, scores[score])
                shown = [f"{scores[q][0]:.3f}" if q in scores else "–" for q in ("onset", "burst")]
                areas = " / ".join(f"{scores[lead][0]:.3f}" for lead in LEADS if lead in scores)
                caught = f"{scores['at 20 %']:.2f}" if "at 20 %" in scores else "–"
                shown += [areas or "–", caught, f"{seconds:.0f}"]
                training = training if name not in RIVALS else "–"
                rows.append([seed, n_events, name, training, *shown])
        for (name, training), scores in told.items():
            past = told.get(("past of the motion", "0"))
            if name in WAYS and past:
                gain = scores[0.0] - past[0.0]
                keep(name, "area at lead 0, minus the past of the motion", seed, gain)
                if limit := told.get(("oracle", "0")):
                    way = share_of_the_way(scores[0.0], past[0.0], limit[0.0])
                    keep(name, "share of the way from there to the oracle", seed, way)
                ends = "{:+.3f}, {:+.3f}".format(*interval(gain))
                differences.append([seed, name, training, f"{gain[0]:+.3f}", ends])
            if name in PIXELS and ("animals found", training) in told:
                gain = told["animals found", training]["onset"] - scores["onset"]
                keep("animals found", f"onset, minus the {name}", seed, gain)
    means = [
        [name, score, "{:.3f} [{:.3f}, {:.3f}]".format(*over_trainings(list(of_tanks.values())))]
        for (name, score), of_tanks in whole.items()
        if name not in RIVALS
    ]
    columns = ["tank", "events", "forecaster", "training seed", "onset, AUC", "burst, AUC"]
    columns += ["alarm area at a lead of 0 / 0.25 / 0.5 s", "sensitivity at 20 % in warning", "s"]
    gains = ["tank", "forecaster", "training seed", "area, lead 0, minus the past of the motion"]
    tables = (rows, columns), (differences, [*gains, "95 %"])
    tables += ((means, ["forecaster", "score, or area by lead", "mean [95 %]"]),)
    return [as_markdown(pd.DataFrame(told, columns=names)) for told, names in tables]


def main() -> None:
    """Make what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tanks", type=int, nargs="+", default=[20, 21, 22])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--known", action="store_true", help="also from the tank's own places")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmarks/animals"))
    parser.add_argument("--pixels", nargs="+", choices=PIXELS, default=[], metavar="NAME")
    parser.add_argument("--oracle", action="store_true", help="also the oracle's own alarm")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    motions, ways = {}, list(WAYS)[: 1 + chosen.known]
    for seed in chosen.tanks:
        run_tank(seed, chosen.seeds, chosen.folder, ways)
        for name in chosen.pixels:
            own = [name], forecasts_of_pixels, PIXELS[name][-1]
            run_tank(seed, chosen.seeds, chosen.folder, *own)
        if chosen.oracle:
            run_tank(seed, [0], chosen.folder, ["oracle"], forecasts_of_oracle)
        recording = open_tank(seed)
        motions[seed] = recording.motion, recording.pieces
    print(*table(chosen.tanks, chosen.folder, motions), sep="\n\n")
    places = [{"tank": seed, **measure_places(seed)} for seed in chosen.tanks]
    print("\n" + as_markdown(pd.DataFrame(places).round(4)))


if __name__ == "__main__":
    main()
