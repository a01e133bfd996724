"""What a run found, in Markdown: the headline table, and the model card."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader

from fishlib.evaluation.verdict import Verdict
from fishlib.files import write_text

LIMITS = (
    "Intervals say how far the numbers would move on other stretches of the *same* film; another "
    "group of fish, tank, camera or light is not covered.",
    "An interval rests on as many blocks of film as are named, or with six films or more on films, "
    "and only then speaks for the next one. Under six blocks there is none.",
    "A high AUC on the published label mostly says that the fish are calm now; the onset label and "
    "the alarms ask what is about to happen.",
    "That a forecast holds does not say what makes the fish burst.",
)
"""What no number on the card shows, whatever the run."""
COLUMNS = {
    "log-loss gain (10⁻³ nat a frame)": ("stacking", ("gain",), "+.2f", 1e3),
    "AUC at equal motion": ("equal_level", ("auc",), ".3f", 1),
    "alarm area": ("alarms", ("0.0", "area"), ".3f", 1),
    "excess at 0.5 s": ("alarms", ("0.5", "excess"), "+.3f", 1),
    "false alarms a minute": ("alarms", ("0.0", "false_alarms_per_minute"), ".1f", 1),
    "share of the way": ("share_of_the_way", ("auc",), ".0%", 1),
}
"""Columns of the card's second table: part, way to the number within it, format, factor."""

KINDS = {
    "level": "the last known motion with a sign; nothing is fitted",
    "time since burst": "how long ago the motion last stood high; nothing is fitted",
    "published baseline": "the study's rule of thumb on three seconds of motion; nothing is fitted",
    "past of the motion": "logistic regression, boosted trees or both on four seconds of motion",
    "best of the motion": "in each fold the model of the motion that was best on validation",
    "LSTM on the motion": "two LSTM layers on four seconds of motion",
    "ConvLSTM": "a network that reads clips, with a memory at each place of the picture",
    "CNN": "a network that reads clips, without a memory",
    "animals": "a network that reads the places of the animals, pair by pair, and the motion",
    "given network": "a network that was trained elsewhere",
}
"""What the forecasters of the notebooks are, by how their names begin."""
COUNTS = ("frames", "positives", "alarms", "onsets", "shifts")
"""Scores that are whole numbers."""


def model_card(
    verdicts: Mapping[str, Verdict],
    *,
    title: str,
    data: Mapping[str, object],
    splits: Mapping[str, object],
    models: Mapping[str, str],
    seeds: Sequence[int],
    limits: Sequence[str] = (),
) -> str:
    """Write the card.

    Parameters
    ----------
    verdicts : mapping of question -> Verdict
    title : str
    data, splits : mappings
        Facts to list, such as ``{"film": ..., "frames": ...}`` and ``{"train": "0 to 44 955"}``.
    models : mapping of name -> description
        One sentence a forecaster.
    seeds : sequence of int
        Of the training runs.
    limits : sequence of str
        What this run does not show, before what no run shows.

    Returns
    -------
    str
        Markdown; every headline number with its 95 % interval.

    Raises
    ------
    ValueError
        If there is no verdict to report.
    """
    if not verdicts:
        raise ValueError("A model card needs at least one verdict: run evaluate first.")
    few_seeds = len(seeds) in (1, 2)
    luck = ["Fewer than three training seeds: training luck is not known."] * few_seeds
    return render(
        "model_card.md.jinja",
        title=title,
        facts={**data, **splits},
        models=models,
        seeds=seeds,
        verdicts={question: verdict.metrics for question, verdict in verdicts.items()},
        limits=[*limits, *luck, *LIMITS],
    )


def describe_models(names: Iterable[str], n_weights: Mapping[str, int]) -> dict[str, str]:
    """A sentence for each forecaster of the notebooks.

    Parameters
    ----------
    names : iterable of str
    n_weights : mapping of name -> int
        Of the networks; one that is trained for each question is named "name, question".
    """
    told = {}
    for name in names:
        sizes = {n for key, n in n_weights.items() if key.split(",")[0] == name}
        kind = next((text for start, text in KINDS.items() if name.startswith(start)), "unknown")
        told[name] = kind + "".join(f"; {n:,d} weights" for n in sorted(sizes))
    return told


def write_report(folder: str | Path, verdicts: Mapping[str, Verdict], **about) -> Path:
    """Write :func:`model_card` as ``model_card.md`` of a folder; the file appears whole."""
    return write_text(Path(folder) / "model_card.md", model_card(verdicts, **about))


def headline_table(rows: Sequence[tuple[str, Verdict, Sequence[str]]]) -> str:
    """A Markdown table of ROC-AUCs with their intervals.

    Parameters
    ----------
    rows : sequence of (question, verdict, names)
        What was asked, its :class:`fishlib.evaluation.Verdict`, and the forecasters to list, in
        order; a name that was not scored is left out. A verdict without scores is one row with
        its reason.

    Returns
    -------
    str
        Three columns: question, forecaster, ROC-AUC with its 95 % interval.
    """
    lines = ["| asked | forecaster | ROC-AUC [95 %] |", "|---|---|---|"]
    for question, verdict, names in rows:
        table = verdict.scores
        if table.empty:
            lines.append(f"| {question} | – | {table.attrs['reason']} |")
        auc = table[table.score == "auc"].set_index("name")
        for name in [name for name in names if name in auc.index]:
            lines.append(f"| {question} | {name} | {_number(auc.loc[name].to_dict())} |")
            question = ""
    return "\n".join(lines)


def summary_of(verdict: Verdict, network: str) -> dict[str, object]:
    """A verdict in one row, for a table of many runs.

    Parameters
    ----------
    verdict : Verdict
    network : str
        The forecast that is compared with the best rival.

    Returns
    -------
    dict
        ``minutes`` judged, ``onsets``, ``best_rival`` and ``network`` with their AUC, and the
        ``difference`` with its interval, where there are any; else ``why_not``.
    """
    told = {"minutes": len(verdict.frames) / verdict.fps / 60, "onsets": len(verdict.test_events)}
    auc = verdict.scores.query("score == 'auc'").set_index("name")
    for role, name in (("best_rival", verdict.best_rival), ("network", network)):
        if name in auc.index:
            told[role] = f"{name} {_number(auc.loc[name].to_dict())}"
    if {"best_rival", "network"} <= told.keys() and network != verdict.best_rival:
        row = verdict.compare(network, None).query("score == 'auc'").iloc[0]
        told["difference"] = _number(row.to_dict())
    if "reason" in verdict.scores.attrs:
        told["why_not"] = verdict.scores.attrs["reason"]
    return told


def render(template: str, **values) -> str:
    """Fill one of the templates beside this file."""
    environment = Environment(
        loader=PackageLoader("fishlib.evaluation", "."),
        autoescape=lambda name: ".html" in name,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": _number, "look": _row}
    environment.globals["columns"] = _columns
    return environment.get_template(template).render(**values)


def _row(table: pd.DataFrame, name: str, score: str, lead: float | None = None) -> dict:
    """The row of a verdict's table about a forecaster and a score; empty if there is none."""
    if table.empty:
        return {}
    found = table[(table["name"] == name) & (table["score"] == score)]
    if lead is not None:
        found = found[found.filter(["lead", "min_lead_s"]).iloc[:, 0] == lead]
    return found.iloc[0].to_dict() if len(found) else {}


def _columns(metrics: Mapping) -> dict[str, dict[str, str]]:
    """Cells by heading and forecaster, of the parts that were computed."""
    return {
        heading: {
            name: _number(_look_up(metrics[part].get(name), way), form, factor)
            for name in metrics["scores"]
        }
        for heading, (part, way, form, factor) in COLUMNS.items()
        if metrics.get(part)
    }


def _look_up(found: object, way: Sequence[str]) -> object:
    for step in way:
        found = (found or {}).get(step)
    return found


def _number(found: object, form: str = ".3f", factor: float = 1) -> str:
    """A number with its interval where it has one, or a dash where there is none."""
    numbers = found if isinstance(found, Mapping) else {"value": found}
    texts = {
        key: format(number * factor, form).replace("-", "−")
        for key, number in numbers.items()
        if key in ("value", "low", "high") and isinstance(number, int | float) and number == number
    }
    if "value" not in texts:
        return "–"
    return "{value} [{low}, {high}]".format(**texts) if "low" in texts else texts["value"]


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """A table of a verdict for reading: a row a forecaster, a column a score.

    Parameters
    ----------
    table : DataFrame
        ``name``, ``score``, ``value``, ``low``, ``high``.

    Returns
    -------
    DataFrame of str
        Each value with its interval, where it has one; of an empty table its reason. Its rows are
        headed by the table's ``attrs["of"]``, if that says of what they are.
    """
    if table.empty:
        return pd.DataFrame({"not computed": [table.attrs.get("reason", "no such row")]})
    texts = [_text(row) for row in table.to_dict("records")]
    names, scores = table.name.to_numpy(), table.score.str.replace("_", " ").to_numpy()
    cells = pd.DataFrame({"name": names, "score": scores, "text": texts})
    shown = cells.pivot(index="name", columns="score", values="text").fillna("–")
    shown = shown.loc[pd.unique(names), pd.unique(scores)]
    return shown.rename_axis(index=table.attrs.get("of", "forecaster"), columns=None)


def _text(row: Mapping) -> str:
    if row["score"] in COUNTS:
        return f"{row['value']:,.0f}".replace(",", " ")
    size = abs(row["value"])
    return _number(row, ".4f" if size < 0.05 else ".3f" if size < 10 else ".1f")
