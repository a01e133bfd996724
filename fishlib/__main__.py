"""Command line: ``python -m fishlib run`` executes the notebooks, ``watch`` forecasts a film."""

import argparse
import sys

import yaml


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fishlib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_run(commands)
    chosen = parser.parse_args(arguments)
    try:
        return chosen.call(chosen)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"fishlib: {error}", file=sys.stderr)
        return 1


def _add_run(commands) -> None:
    run = commands.add_parser("run", help="run the five notebooks on the tank or on films")
    run.add_argument("films", nargs="*", help="films or frame folders; none: the simulated tank")
    run.add_argument("--run-dir", default="data/runs/default", help="where the results land")
    run.add_argument("--set", default="default", dest="named", help="named parameter set")
    run.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    run.set_defaults(call=_run)


def _run(chosen: argparse.Namespace) -> int:
    from fishlib.parameter_sets import PARAMETER_SETS
    from fishlib.pipeline import run_notebooks

    if chosen.named not in PARAMETER_SETS:
        raise ValueError(f"No set {chosen.named!r}; there are: {', '.join(PARAMETER_SETS)}.")
    parameters = dict(PARAMETER_SETS[chosen.named])
    parameters |= {name: yaml.safe_load(value) for name, value in chosen.p}
    if chosen.films:
        parameters["source"] = chosen.films[0]
    run = run_notebooks(chosen.run_dir, parameters)
    print(f"\nDone. Read {run / '05_evaluation.html'} first; all results are in {run}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
