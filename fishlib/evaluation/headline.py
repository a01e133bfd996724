"""The result in one table: who forecasts what how well, in Markdown."""

from collections.abc import Mapping, Sequence


def headline_table(rows: Sequence[tuple[str, Mapping, Sequence[str]]]) -> str:
    """A Markdown table of ROC-AUCs with their intervals.

    Parameters
    ----------
    rows : sequence of (question, metrics, names)
        What was asked, the ``metrics`` of its :class:`fishlib.evaluation.Evaluation`, and the
        forecasters to list, in order; a name that was not scored is left out.

    Returns
    -------
    str
        Three columns: question, forecaster, ROC-AUC with its 95 % interval.
    """
    lines = ["| asked | forecaster | ROC-AUC [95 %] |", "|---|---|---|"]
    for question, metrics, names in rows:
        for name in names:
            if name in metrics["scores"]:
                lines.append(f"| {question} | {name} | {_number(metrics['scores'][name]['auc'])} |")
                question = ""
    return "\n".join(lines)


def _number(auc: Mapping | float) -> str:
    """A score with its interval, or alone where too few frames were scored for one."""
    if not isinstance(auc, Mapping):
        return f"{auc:.3f}"
    return f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]"
