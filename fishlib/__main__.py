"""Forecast bursts of motion from video: run the notebooks, watch a film live, judge forecasts."""

import argparse
import json
import math
import os
import signal
import sys
from pathlib import Path

SUMMARY = ("film", "status", "minutes", "onsets", "best_rival", "network", "difference", "error")
"""Columns of the table that ``run --each`` prints; ``summary.csv`` holds all numbers."""


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="fishlib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (_add_run, _add_watch, _add_judge, _add_draw, _add_cache, _add_step):
        add(commands)
    given = sys.argv[1:] if arguments is None else arguments
    chosen = parser.parse_args([_as_path(word) for word in given])
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # faster, not always the default
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever else is set up on this machine
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        return chosen.call(chosen) or 0
    except (ValueError, RuntimeError, OSError) as error:
        named = getattr(error, "filename", None)
        told = f"{named}: {error.strerror}" if named else str(error)
        print("\n".join([*getattr(error, "places", ()), f"fishlib: {told}"]), file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        number = signal.Signals(stopped.args[0] if stopped.args else signal.SIGINT)
        print(
            f"fishlib: stopped by {number.name}; the same command goes on from what is done.",
            file=sys.stderr,
        )
        return 128 + number
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame) -> None:
    """End by SIGTERM as by Ctrl-C, in order."""
    raise KeyboardInterrupt(number)


def _as_path(word: str) -> str:
    """A file whose name begins with a dash is no option."""
    return os.path.join(".", word) if word.startswith("-") and os.path.exists(word) else word


def _finite(text: str) -> float:
    """A number that an option takes."""
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


_finite.__name__ = "number"  # what argparse calls it


def _add_run(commands) -> None:
    run = commands.add_parser("run", help="run the five notebooks on the tank or on films")
    run.add_argument("films", nargs="*", help="films, frame folders, a folder or a CSV of films: "
                     "one verdict over all of them; none: the simulated tank")  # fmt: skip
    how = run.add_mutually_exclusive_group()
    how.add_argument("--each", action="store_true", help="a run for each film, and one summary")
    how.add_argument("--parts", action="store_true", help="the files are one film, in this order")
    run.add_argument("--run-dir", help="where the results land (default: below data/runs)")
    run.add_argument("--set", default="default", dest="named", help="named set, or a YAML file")
    run.add_argument("--parameters", type=Path, help="YAML file of further parameters")
    run.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), dest="single"
    )
    run.add_argument("--jobs", type=int, default=1, help="films at a time, with --each")
    run.add_argument("--fold", type=int, metavar="K", help="only train the networks of fold K, "
                     "from 0, for the same run without it: on a cluster each is a job")  # fmt: skip
    run.set_defaults(call=_run)


def _run(chosen: argparse.Namespace) -> int | None:
    from fishlib.parameters import check_values, read_parameters

    single = check_values(dict(chosen.single))
    further = read_parameters(chosen.parameters) if chosen.parameters else {}
    from fishlib.pipeline import NOTEBOOKS, read_set, run_notebooks
    from fishlib.pipeline.many import find_films, prepare_run, run_films

    parameters = read_set(chosen.named) | further | single
    films = find_films(chosen.films) if chosen.films or chosen.each or chosen.parts else []
    if films and "source" in parameters:
        raise ValueError(f"The film is given twice, the second time as {parameters['source']!r}.")
    if chosen.jobs != 1 and not chosen.each:
        raise ValueError("--jobs says how many films run at a time: it goes with --each.")
    if chosen.fold is not None and (chosen.each or chosen.fold < 0):
        raise ValueError("--fold is the number of a fold of one run, from 0: leave out --each.")
    run_dir = chosen.run_dir or parameters.pop("run_dir", None)
    if chosen.each:
        table = run_films(films, run_dir or "data/runs", parameters, chosen.jobs)
        print(table[[c for c in SUMMARY if c in table]].to_string(index=False))
        return int((table["status"] == "failed").any())
    runs = Path("data") / "runs"
    folder = Path(run_dir or runs / Path(chosen.named).stem)
    if films:
        folder, parameters["source"] = prepare_run(films, runs, run_dir, chosen.parts)
    if chosen.fold is not None:
        os.environ["FISHLIB_FOLD"] = str(chosen.fold)  # see fishlib.training.fit_all
        run_notebooks(folder / f"fold_{chosen.fold}", parameters, NOTEBOOKS[:4])
        print("\nDone. When all folds are, give the same command without --fold.")
        return
    run = run_notebooks(folder, parameters)
    print(f"\nDone. Open {run / '05_evaluation.html'} first; all results are in {run}.")


def _add_watch(commands) -> None:
    watch = commands.add_parser("watch", help="show a film with its live forecast and alarm")
    watch.add_argument("film", help="a film, a frame folder, or the number of a camera")
    watch.add_argument("--model", help="saved network or checkpoint (default: the motion alone)")
    watch.add_argument("--facts", type=Path, help="JSON with the facts of a network without any")
    watch.add_argument("--threshold", type=_finite, help="the alarm goes on from here")
    watch.add_argument("--out", type=Path, help="a film or folder to write, instead of a window")
    watch.set_defaults(call=_watch)


def _watch(chosen: argparse.Namespace) -> None:
    from fishlib.facts import PUBLISHED, check_file
    from fishlib.files import project_path
    from fishlib.video import film_to_write

    film_to_write(chosen.film, chosen.out)  # refused before slow libraries are loaded
    if chosen.model not in (None, *PUBLISHED):
        check_file(project_path(chosen.model))
    from fishlib.streaming import watch

    watch(**_given(chosen))


def _given(chosen: argparse.Namespace) -> dict:
    return {name: value for name, value in vars(chosen).items() if name not in ("command", "call")}


def _add_judge(commands) -> None:
    judge = commands.add_parser("judge", help="judge anybody's forecasts of anybody's events")
    judge.add_argument("forecasts", nargs="+", help="tables with a row a frame")
    events = "table with a row an event, as of BORIS; in seconds, or in frames in a column frame"
    judge.add_argument("--events", required=True, help=events)
    judge.add_argument("--motion", help="table of the motion, for the rivals that read it")
    judge.add_argument("--out", default="judged", help="folder of the page (default: judged)")
    judge.add_argument("--fps", type=float, help="frames a second, where no table says so")
    judge.add_argument("--horizon", type=float, default=1.5, help="seconds ahead (default: 1.5)")
    judge.add_argument("--threshold", type=_finite, help="raise alarms at it")
    judge.add_argument("--event", help="the behaviour, where the table holds several")
    judge.add_argument("--time", help="the forecasts' column of time, if it has no usual name")
    judge.set_defaults(call=_judge)


def _judge(chosen: argparse.Namespace) -> None:
    from fishlib.evaluation.judge import judge

    print(f"Done. {judge(**_given(chosen))}")


def _add_draw(commands) -> None:
    draw = commands.add_parser("draw", help="draw a film from a tracker's file that has none")
    draw.add_argument("path", metavar="tracks", help="file of tracks, as of the parameter tracks")
    draw.add_argument("--fps", type=_finite, required=True, help="frames a second")
    draw.add_argument("--body", type=_finite, help="length of an animal, in the unit of the tracks")
    draw.add_argument("--out", required=True, dest="folder", help="folder of the film")
    draw.set_defaults(call=_draw)


def _draw(chosen: argparse.Namespace) -> None:
    from fishlib.animals import draw_tracks

    print(f"Done. Now: fishlib run {draw_tracks(**_given(chosen))}")


def _add_cache(commands) -> None:
    cache = commands.add_parser("cache", help="show the prepared films kept, or clear them")
    cache.add_argument("--clear", action="store_true", help="remove them, oldest first")
    cache.add_argument("--keep", type=_finite, default=0.0, metavar="GB", help="but keep so much")
    cache.set_defaults(call=_cache)


def _cache(chosen: argparse.Namespace) -> None:
    from fishlib.files import cache_folder, clear_cache, list_cache

    table = clear_cache(chosen.keep) if chosen.clear else list_cache()
    for row in table.itertuples():
        busy = "  in use" if row.in_use else ""
        print(f"{row.megabytes:9.1f} MB  {row.last_used:%Y-%m-%d %H:%M}  {row.name}{busy}")
    done = "removed from" if chosen.clear else "in"
    size = f"{table['megabytes'].sum():.1f} MB"
    print(f"{len(table)} prepared films and trainings, {size}, {done} {cache_folder()}")


def _add_step(commands) -> None:
    step = commands.add_parser("step", help="one job of the Snakemake workflow")
    step.add_argument("--where", action="store_true", help="print the path of the Snakefile")
    step.add_argument("--summary", metavar="OUT", help="write OUT/summary.csv of these films")
    step.add_argument("words", nargs="*", help="FILM [RUN_DIR NOTEBOOK] PARAMETERS (JSON); FILM…")
    step.set_defaults(call=_step)


def _step(chosen: argparse.Namespace) -> None:
    from fishlib.pipeline.many import SNAKEFILE, read_film, run_folders, run_step, write_summary

    if chosen.where:
        print(SNAKEFILE)
    elif chosen.summary:
        folders = run_folders(chosen.words, chosen.summary).items()
        ran = [{"film": film, "run_dir": str(run), "status": "done"} for film, run in folders]
        write_summary(Path(chosen.summary), ran)
    elif len(chosen.words) == 2:
        read_film(chosen.words[0], json.loads(chosen.words[1]))
    elif len(chosen.words) == 4:
        film, run_dir, notebook, parameters = chosen.words
        run_step(film, run_dir, notebook, json.loads(parameters))
    else:
        raise ValueError("A step takes FILM RUN_DIR NOTEBOOK PARAMETERS, or FILM PARAMETERS.")


if __name__ == "__main__":
    sys.exit(main())
