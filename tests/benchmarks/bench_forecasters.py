"""What the default networks reach: their rivals and the limit, on tanks of their own.

Run: ``python tests/benchmarks/bench_forecasters.py [--seeds 0 1 2] [--quick]``. For each seed a
film of an hour to train on and another of 20 minutes to be scored on; everything is scored on
every third frame. The table goes to ``FORECASTERS.md`` beside this file. What a seed gave is kept
in ``--results``: called again, only what is missing is done, and seeds may be run side by side.
"""

import argparse
import json
import os
import time
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from compare import one_thread

from fishlib.files import write_text

HERE = Path(__file__).resolve().parent
KINDS = {"logistic": "logistic regression", "boosting": "boosting", "both": "both, averaged"}
ONE_FILM = {"train": slice(0), "validation": slice(0), "test": slice(None)}
"""A film that is only scored: nothing is chosen on it."""
STEP = 3  # every third frame of the test film is scored


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="to see that it runs; no table")
    parser.add_argument("--results", type=Path, default=Path("data/runs/bench_forecasters"))
    chosen = parser.parse_args()
    size = {"minutes": 60, "test_minutes": 20, "steps": 200, "epochs": 4, "oracle_frames": 400}
    folder = chosen.results
    if chosen.quick:
        folder = folder.with_name(folder.name + "_quick")
        size |= {"minutes": 8, "test_minutes": 5, "steps": 10, "epochs": 2, "oracle_frames": 40}
    one_thread()
    for seed in chosen.seeds:
        _once(folder / f"seed{seed}.json", partial(measure_seed, seed, folder, **size))
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("seed*.json"))]
    size |= {"seeds": chosen.seeds}
    table = as_markdown(found, os.cpu_count(), date.today(), size)
    print(table)
    if not chosen.quick:
        (HERE / "FORECASTERS.md").write_text(table, encoding="utf-8")


def _once(path: Path, measure) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(measure(), indent=1))


def measure_seed(seed: int, folder: Path, minutes, test_minutes, steps, epochs, oracle_frames):
    """Everything about one tank; plain numbers, intervals as [value, low, high]."""
    from fishlib.questions import label_bursts, label_onsets, median_recent_motion
    from fishlib.recording import open_recording
    from fishlib.splits import split_frames

    film = open_recording("simulated", seed=seed, minutes=minutes, progress=False)
    test = open_recording("simulated", seed=100 + seed, minutes=test_minutes, progress=False)
    parts = split_frames(len(film.motion))
    calm = median_recent_motion(film.motion, parts["train"])
    labels = {
        "onset": [label_onsets(motion, calm_level=calm) for motion in (film.motion, test.motion)],
        "burst": [label_bursts(motion) for motion in (film.motion, test.motion)],
    }
    scored = np.zeros(len(test.motion), bool)
    scored[119::STEP] = True
    labels = {k: (train, np.where(scored, asked, -1)) for k, (train, asked) in labels.items()}
    forecasts, seconds = {"onset": {}, "burst": {}}, {}
    for target, (train, _) in labels.items():
        forecasts[target] |= _past(film, train, parts, test)
        print(f"seed {seed}: models of the past fitted for {target}", flush=True)
    for name, target, network, asked in (
        ("ConvLSTM", "onset", "motion_convlstm", ("onset", "burst")),
        ("CNN", "onset", "motion_cnn", ("onset",)),
        ("ConvLSTM trained on bursts", "burst", "motion_convlstm", ("burst",)),
    ):
        own = folder / f"seed{seed}_{target}_{network}"
        plan = network, film, labels[target][0], parts, own, seed, epochs, steps
        fitted, seconds[name] = _train(*plan)
        frames = np.any([labels[other][1] >= 0 for other in asked], axis=0)
        p = fitted.forecast(test, np.flatnonzero(frames))
        for other in asked:
            forecasts[other][name] = p
        print(f"seed {seed}: {name} trained in {seconds[name]} s", flush=True)
    verdicts = {k: _verdict(labels[k][1], forecasts[k]) for k in forecasts}
    verdicts["onset"]["limit"] = _limit(
        test, labels["onset"][1], forecasts["onset"], verdicts["onset"]["best"], oracle_frames
    )
    return {"seed": seed, "seconds": seconds, **verdicts}


def _past(film, label, parts, test) -> dict[str, np.ndarray]:
    """The three models of the past, fitted on the training part, on the test film."""
    from fishlib.forecasters.regressions import Regressions

    forecasts = Regressions().fit(film, label, parts).forecasts(test)
    return {KINDS[kind]: forecast for kind, forecast in forecasts.items()}


def _train(network, film, label, parts, folder, seed, epochs, steps):
    from fishlib.forecasters.networks import Network, Plan

    plan = Plan(network, epochs=epochs, steps_per_epoch=steps, seed=seed)
    start = time.process_time()
    fitted = Network(plan).fit(film, label, parts, folder)
    clock = float(fitted.history["seconds"].sum())
    return fitted, {"processor": time.process_time() - start, "clock": clock}


def _verdict(label, forecasts) -> dict:
    """AUCs, differences from the best model of the past on this very film, gain of stacking."""
    from fishlib.evaluation import evaluate
    from fishlib.evaluation.beyond import stacking_table

    verdict = evaluate(forecasts, label, ONE_FILM, progress=False)
    table = verdict.scores.query("score == 'auc'").set_index("name")
    best = table.loc[list(KINDS.values()), "value"].idxmax()
    videos = [name for name in forecasts if name not in KINDS.values()]
    pairs = verdict.compare(videos, best)
    if "CNN" in forecasts:
        pairs = pd.concat([pairs, verdict.compare("ConvLSTM", "CNN")])
    differences = pairs.query("score == 'auc'")
    gains = stacking_table(label, forecasts[best], {name: forecasts[name] for name in videos})
    gains = gains.query("score == 'gain'").set_index("name")
    names = {best: "best ỹ"}
    return {
        "best": best,
        "frames": int(np.sum(label >= 0)),
        "base_rate": float(np.mean(label[label >= 0])),
        "auc": {name: _numbers(row) for name, row in table.iterrows()},
        "differences": {
            f"{row['first']} − {names.get(row['second'], row['second'])}": _numbers(row)
            for _, row in differences.iterrows()
        },
        "stacking": {name: _numbers(row) for name, row in gains.iterrows()},
    }


def _limit(test, label, forecasts, best, n_frames) -> dict:
    """The oracle on evenly spread frames, and the way to it from the best model of the past."""
    from fishlib.evaluation import evaluate
    from fishlib.tank import oracle_of

    settings = {"horizon": 45, "min_range": 1e-3}
    oracle = oracle_of(test, {"onset": label}, None, settings, n_frames)["onset"]
    contest = {name: forecasts[name] for name in (best, "ConvLSTM", "CNN")} | oracle
    verdict = evaluate(
        contest, label, ONE_FILM, rivals=[best], oracle="oracle", n_shifts=99, progress=False
    )
    scores = verdict.scores.query("score == 'auc'").set_index("name")
    share = verdict.share_of_the_way.query("score == 'auc'").set_index("name")
    return {
        "frames": int(np.isfinite(oracle["oracle"]).sum()),
        "auc": {name: _numbers(row) for name, row in scores.iterrows()},
        "share": {name: _numbers(share.loc[name]) for name in ("ConvLSTM", "CNN")},
    }


def _numbers(row) -> list[float]:
    return [float(row[key]) for key in ("value", "low", "high")]


def as_markdown(seeds: list[dict], cores: int, day: date, size: dict) -> str:
    """The whole page, from what each seed gave; a seed that is not done is named."""
    from fishlib.forecasters.networks import Plan  # imports TensorFlow: after its threads are set

    plan = Plan()
    done = [found["seed"] for found in seeds]
    missing = [str(seed) for seed in size["seeds"] if seed not in done]
    lines = [
        "# What the default networks reach",
        "",
        f"Made by `bench_forecasters.py` on {day:%d %B %Y}, {cores} cores of which a training uses "
        "one, with other work on the machine: what counts are seconds of the processor, which an "
        "idle core takes. "
        f"A column is a simulated tank: {size['minutes']} minutes of film to train and choose on, "
        f"another film of {size['test_minutes']} minutes to be scored on (every third frame). "
        f"Networks: {size['epochs']} × {size['steps']} steps of {plan.batch_size} clips "
        f"(the notebooks: {plan.epochs} × {plan.steps_per_epoch} steps), trained on onsets unless "
        "they say otherwise. In brackets: 95 % intervals of the jackknife, blocks of 300 frames. "
        "The *best ỹ model* is the one of three with the highest AUC **on the test film**, which "
        "favours it.",
        "",
        *([f"**Not measured yet: seed {', '.join(missing)}.**", ""] if missing else []),
        f"|  | {' | '.join(f'seed {seed}' for seed in done)} |",
        "|" + " --- |" * (1 + len(done)),
        *(f"| {' | '.join(row)} |" for row in (_rows(seeds) if seeds else [])),
        "",
    ]
    return "\n".join(lines)


PARTS = (
    ("auc", "AUC, {}", ".3f"),
    ("differences", "{}", "+.3f"),
    ("stacking", "log-loss gained by stacking, {}", "+.4f"),
)
LIMIT_PARTS = (
    ("auc", "AUC on the oracle's frames, {}", ".3f"),
    ("share", "{}: share of the way", ".0%"),
)


def _rows(seeds: list[dict]) -> list[list[str]]:
    """A row a figure, a column a seed."""
    rows = []
    for question, title in (("onset", "Onset from calm"), ("burst", "The published label")):
        found = [seed[question] for seed in seeds]
        rows.append([f"**{title}**: frames scored", *(str(one["frames"]) for one in found)])
        rows.append(["share of positives", *(f"{one['base_rate']:.2f}" for one in found)])
        rows += _part_rows(found, PARTS)
        if question == "onset":
            rows += _part_rows([one["limit"] for one in found], LIMIT_PARTS)
    for name in seeds[0]["seconds"]:
        cost = [f"{seed['seconds'][name]['processor']:.0f} s" for seed in seeds]
        rows.append([f"training of the {name}", *cost])
    return rows


def _part_rows(found: list[dict], parts: tuple) -> list[list[str]]:
    return [
        [words.format(name), *(_told(one[part][name], form) for one in found)]
        for part, words, form in parts
        for name in found[0][part]
    ]


def _told(numbers: list[float], form: str) -> str:
    value, low, high = (f"{number:{form}}".replace("-", "−") for number in numbers)
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    main()
