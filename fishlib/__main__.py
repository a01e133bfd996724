"""Command line: run the notebooks, watch a film live, put a run on show."""

import argparse
import os
import sys
from pathlib import Path

import yaml


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fishlib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (_add_run, _add_watch, _add_show):
        add(commands)
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # faster, not always the default
    try:
        return chosen.call(chosen)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"fishlib: {error}", file=sys.stderr)
        return 1


def _add_run(commands) -> None:
    run = commands.add_parser("run", help="run the five notebooks on the tank or on films")
    run.add_argument("films", nargs="*", help="films or frame folders; none: the simulated tank")
    run.add_argument("--run-dir", help="where the results land (default: below data/runs)")
    run.add_argument("--set", default="default", dest="named", help="named parameter set")
    run.add_argument("--parameters", type=Path, help="YAML file of notebook parameters")
    run.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), dest="single"
    )
    run.add_argument("--jobs", type=int, default=1, help="films at a time")
    run.set_defaults(call=_run)


def _run(chosen: argparse.Namespace) -> int:
    from fishlib.pipeline import run_notebooks
    from fishlib.pipeline.many import find_films, run_films

    parameters = _parameters(chosen)
    films = find_films(chosen.films) if chosen.films else []
    if len(films) > 1:
        table = run_films(films, chosen.run_dir or "data/runs", parameters, chosen.jobs)
        print(table.to_string())
        return int((table["status"] == "failed").any())
    if films:
        parameters["source"] = films[0]
    name = Path(films[0]).stem if films else chosen.named
    run = run_notebooks(chosen.run_dir or Path("data") / "runs" / name, parameters)
    print(f"\nDone. Open {run / '05_evaluation.html'} first; all results are in {run}.")
    return 0


def _parameters(chosen: argparse.Namespace) -> dict:
    from fishlib.pipeline.parameter_sets import PARAMETER_SETS

    if chosen.named not in PARAMETER_SETS:
        raise ValueError(f"No set {chosen.named!r}; there are: {', '.join(PARAMETER_SETS)}.")
    parameters = dict(PARAMETER_SETS[chosen.named])
    if chosen.parameters:
        parameters |= yaml.safe_load(chosen.parameters.read_text(encoding="utf-8"))
    return parameters | {name: yaml.safe_load(value) for name, value in chosen.single}


def _add_watch(commands) -> None:
    watch = commands.add_parser("watch", help="show a film with its live forecast and alarm")
    watch.add_argument("film", help="a film, a frame folder, or the number of a camera")
    watch.add_argument("--model", default="upbeat-snowflake-91", help="saved network or checkpoint")
    watch.add_argument("--threshold", type=float, default=0.5, help="the alarm goes on from here")
    watch.add_argument("--out", type=Path, help="write a film instead of opening a window")
    watch.set_defaults(call=_watch)


def _watch(chosen: argparse.Namespace) -> int:
    from fishlib.streaming.watch import watch

    written = watch(chosen.film, chosen.model, threshold=chosen.threshold, out=chosen.out)
    print(f"Done. {written}" if written else "Done.")
    return 0


def _add_show(commands) -> None:
    show = commands.add_parser("show", help="copy a run's notebooks and figures into the clone")
    show.add_argument("run_dir", help="folder of a whole run")
    show.set_defaults(call=_show)


def _show(chosen: argparse.Namespace) -> int:
    from fishlib.pipeline.showcase import show_run

    print("\n".join(f"written: {path}" for path in show_run(chosen.run_dir)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
