"""What a run found, in Markdown: the headline table, and the model card."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fishlib.files import write_atomically

LIMITS = (
    "Intervals say how far the numbers would move on other stretches of the *same* film; another "
    "group of fish, tank, camera or light is not covered.",
    "With fewer than about 20 blocks in the test film the 95 % intervals are a little narrow "
    "(about 90 % coverage in simulation at 17 blocks).",
    "A high AUC on the published label mostly says that the fish are calm now; the onset label and "
    "the alarms ask what is about to happen.",
    "That a forecast holds does not say what makes the fish burst.",
)
"""What no number on the card shows, whatever the run."""


def model_card(
    verdicts: Mapping[str, Mapping],
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
    verdicts : mapping of target -> metrics
        ``Evaluation.metrics`` of each label, as returned or as read back from JSON.
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
    seeds_line = f"- training seeds: {', '.join(map(str, seeds)) or 'nothing was trained'}"
    lines = [f"# Model card: {title}", "", "## Data and splits", ""]
    lines += [f"- {key}: {value}" for key, value in {**data, **splits}.items()]
    lines += ["", "## Forecasters", ""]
    lines += [f"- **{name}**: {text}" for name, text in models.items()] + [seeds_line]
    for target, metrics in verdicts.items():
        lines += ["", f"## {target}", "", *_verdict_lines(metrics)]
    lines += ["", "## What this does not show", ""]
    few_seeds = len(seeds) in (1, 2)
    own = [*limits, *(["Fewer than three training seeds: training luck is not known."] * few_seeds)]
    return "\n".join([*lines, *(f"- {limit}" for limit in (*own, *LIMITS))]) + "\n"


def write_model_card(path: str | Path, verdicts: Mapping[str, Mapping], **about) -> Path:
    """Write :func:`model_card` to a file, which appears when it is whole."""
    text = model_card(verdicts, **about)
    return write_atomically(Path(path), lambda whole: whole.write_text(text, encoding="utf-8"))


def _verdict_lines(metrics: Mapping) -> list[str]:
    scores, setting = metrics["scores"], metrics["setting"]
    first = next(iter(scores.values()))
    base = setting["base_rate"]
    rate = "their own share" if base is None else f"a training base rate of {base:.3f}"
    lines = [
        f"{first['frames']:.0f} test frames, {first['positives']:.0f} positive; always saying no "
        f"is right on {first['always_no_accuracy']:.1%}. Brier skill is against {rate}. "
        f"Intervals: 95 %, {setting['kind']} blocks of {setting['block']} frames, "
        f"{setting['n_resamples']} resamples.",
        "",
        "| forecaster | ROC-AUC | average precision | Brier skill | TPR / FPR | p (chance) |",
        "|---|---|---|---|---|---|",
    ]
    chance = metrics.get("chance", {})
    lines += [_score_row(name, of_one, chance.get(name)) for name, of_one in scores.items()]
    lines += ["", "TPR and FPR at the threshold chosen on validation (\\* on these frames), at "
              "highest Youden's J; Brier skill after calibration on validation (\\* as issued).",
              ""]  # fmt: skip
    lines += _further_rows(metrics) + _difference_lines(metrics)
    return lines + [f"- not computed, {k}: {why}" for k, why in metrics["left_out"].items()]


def _score_row(name: str, scores: Mapping, chance: Mapping | None) -> str:
    chosen = "chosen_max_youden_tpr" in scores
    rates = [scores[f"{'chosen_' * chosen}max_youden_{key}"] for key in ("tpr", "fpr")]
    skill = scores.get("calibrated_brier_skill")
    skill = _number(skill) if skill else _number(scores.get("brier_skill")) + "\\*"
    cells = [
        _number(scores["auc"]),
        _number(scores["average_precision"]),
        skill.replace("–\\*", "–"),
        " / ".join(map(_number, rates)) + "\\*" * (not chosen),
        "–" if chance is None else f"{chance['p_value']:.3f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _further_rows(metrics: Mapping) -> list[str]:
    """A table of what each forecaster adds, warns of, and reaches; columns that were computed."""
    columns = {
        "log-loss gain (10⁻³ nat a frame)": ("stacking", (), "gain", "+.2f", 1e3),
        "AUC at equal motion": ("equal_level", (), "auc", ".3f", 1),
        "alarm area": ("alarms", ("0.0", "area"), "value", ".3f", 1),
        "excess at 0.5 s": ("alarms", ("0.5", "excess"), "value", "+.3f", 1),
        "false alarms a minute": ("alarms", ("0.0", "false_alarms_per_minute"), "value", ".1f", 1),
        "share of the way": ("share_of_the_way", ("auc",), "share", ".0%", 1),
    }
    columns = {head: where for head, where in columns.items() if metrics.get(where[0])}
    if not columns:
        return []
    lines = [f"| forecaster | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for name in metrics["scores"]:
        cells = [_look_up(metrics, name, *where) for where in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    history = metrics["setting"]["history"]
    legend = (
        f"Gain: from stacking the forecaster on {history or 'the best history model'}; below 0 is "
        "none. Equal motion: among frames of equal present motion. Alarm area: 0.5 for alarms at "
        "random. Excess: onsets caught at least 0.5 s ahead, less those that random alarms with "
        "the same time in warning catch. Share of the way: in AUC, from the best history model to "
        "the oracle."
    )
    return [*lines, "", legend, ""]


def _look_up(
    metrics: Mapping, name: str, part: str, path: Sequence[str], key: str, form: str, factor: float
) -> str:
    found = metrics[part].get(name)
    for step in path:
        found = (found or {}).get(step)
    if not isinstance(found, Mapping):
        return _number(found, key, form)
    scaled = {k: found[k] * factor for k in (key, "low", "high") if found.get(k) is not None}
    return _number(scaled, key, form)


def _difference_lines(metrics: Mapping) -> list[str]:
    """Paired differences of AUC: from the best history model, or of all pairs without one."""
    history = metrics["setting"]["history"]
    lines = []
    for name, scores in metrics["differences"].items():
        if "auc" in scores and (history is None or history in name.split(" − ")):
            found = scores["auc"]
            verdict = "a difference" if found["different"] else "not told apart"
            lines.append(f"- AUC, {name}: {_number(found, 'difference', '+.3f')}: {verdict}")
    return lines


def _value(found: object, key: str = "value", form: str = ".3f") -> str:
    number = found.get(key) if isinstance(found, Mapping) else found
    return "–" if number is None else format(number, form).replace("-", "−")


def _number(found: object, key: str = "value", form: str = ".3f") -> str:
    """A number with its interval, or a dash where there is none."""
    text = _value(found, key, form)
    if not isinstance(found, Mapping) or found.get("low") is None:
        return text
    return f"{text} [{_value(found, 'low', form)}, {_value(found, 'high', form)}]"


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
                lines.append(f"| {question} | {name} | {_auc(metrics['scores'][name]['auc'])} |")
                question = ""
    return "\n".join(lines)


def _auc(auc: Mapping | float) -> str:
    """A score with its interval, or alone where too few frames were scored for one."""
    if not isinstance(auc, Mapping):
        return f"{auc:.3f}"
    return f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]"
