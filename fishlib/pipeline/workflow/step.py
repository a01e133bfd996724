"""One job of the workflow: a notebook on a film, or the table over all films."""

import argparse
import json
import sys
from pathlib import Path

from fishlib.pipeline.many import run_folders, run_step, write_summary


def main(arguments: list[str] | None = None) -> int:
    """Run one job; returns the exit code, and says in one sentence what failed.

    ``step FILM RUN_DIR NOTEBOOK PARAMETERS`` (parameters as JSON) runs a notebook,
    ``step --summary OUT FILM...`` writes the table, ``step --where`` prints the Snakefile's path.
    """
    parser = argparse.ArgumentParser(
        prog="python -m fishlib.pipeline.workflow.step", description=__doc__
    )
    parser.add_argument("--where", action="store_true", help="print the path of the Snakefile")
    parser.add_argument("--summary", metavar="OUT", help="write OUT/summary.csv of these films")
    parser.add_argument("words", nargs="*")
    chosen = parser.parse_args(arguments)
    if chosen.where:
        print(Path(__file__).with_name("Snakefile"))
        return 0
    if chosen.summary:
        return _summary(Path(chosen.summary), chosen.words)
    film, run_dir, notebook, parameters = chosen.words
    try:
        run_step(film, run_dir, notebook, json.loads(parameters))
    except (ValueError, RuntimeError, OSError) as error:
        print(f"fishlib: {error}", file=sys.stderr)
        return 1
    return 0


def _summary(out: Path, films: list[str]) -> int:
    folders = run_folders(films, out)
    ran = [{"film": film, "run_dir": str(run), "status": "done"} for film, run in folders.items()]
    write_summary(out, ran)
    return 0


if __name__ == "__main__":
    sys.exit(main())
