"""The table of ``bench_forecasters.py``: each figure, seed by seed, and whether it is reached."""

MISSED = "**no**"


def as_markdown(seeds: list[dict], paper: dict, cores: int, day, size: dict) -> str:
    """The whole page, from what each seed gave; a seed that is not done is named."""
    from fishlib.forecasters.networks import Plan  # imports TensorFlow: after its threads are set

    plan = Plan()
    done = [found["seed"] for found in seeds]
    missing = [str(seed) for seed in size["seeds"] if seed not in done]
    names = [f"seed {found['seed']}" for found in seeds]
    lines = [
        "# What the default networks reach",
        "",
        f"Made by `bench_forecasters.py` on {day:%d %B %Y}, {cores} cores of which a training uses "
        "one, with other work on the machine: what counts are seconds of the processor, which an "
        "idle core takes. "
        f"A column is a simulated tank: {size['minutes']} minutes of film to train and choose on, "
        f"another film of {size['test_minutes']} minutes to be scored on (every third frame). "
        f"Networks: {size['epochs']} × {size['steps']} steps of {plan.batch_size} clips "
        f"(the notebooks: {plan.epochs} × {plan.steps_per_epoch} steps). "
        "In brackets: 95 % intervals of the moving-block bootstrap, blocks of 300 frames. "
        "The *best ỹ model* is the one of three with the highest AUC **on the test film**, which "
        "favours it.",
        "",
    ]
    if missing:
        lines += [f"**Not measured yet: seed {', '.join(missing)}.**", ""]
    if seeds:
        lines += _table(["", *names, "asked", "reached"], [*_onset(seeds), *_burst(seeds)])
    return "\n".join([*lines, "", *_paper(paper), ""])


def _onset(seeds: list[dict]) -> list[list[str]]:
    onset = [found["onset"] for found in seeds]
    best = "ConvLSTM − best ỹ"
    auc = {name: [o["auc"][name] for o in onset] for name in onset[0]["auc"]}
    gap = [o["differences"][best] for o in onset]
    slowest = max(found["seconds"]["ConvLSTM"]["processor"] for found in seeds)
    video = min(a[0] for a in auc["ConvLSTM"])
    rows = [_row("**Onset from calm**: frames scored", [f"{o['frames']}" for o in onset])]
    rows += [_row("share of positives", [f"{o['base_rate']:.2f}" for o in onset])]
    rows += [_row(f"AUC, {name}", map(_score, values)) for name, values in auc.items()]
    rows += [
        *(_row(f"training of the {name}", [_time(s["seconds"][name]) for s in seeds])
          for name in ("ConvLSTM", "CNN")),
        _row(
            "ConvLSTM: AUC after a short training", [f"{a[0]:.3f}" for a in auc["ConvLSTM"]],
            "≥ 0.75 in ≤ 180 s",
            _said(video >= 0.75 and slowest <= 180, f"{video:.3f} in {slowest:.0f} s at worst"),
        ),
        _row(
            "ConvLSTM: AUC after a longer one", ["the same"] * len(seeds),
            "≥ 0.79 in ≤ 900 s",
            _said(video >= 0.79 and slowest <= 900, f"{video:.3f} in {slowest:.0f} s at worst"),
        ),
        _row(
            best, map(_gain, gap), "≥ 0.10, interval above 0",
            _said(all(g[0] >= 0.1 and g[1] > 0 for g in gap), f"{_gain(min(gap))} at worst"),
        ),
        _row("ConvLSTM − CNN", [_gain(o["differences"]["ConvLSTM − CNN"]) for o in onset], "–"),
    ]  # fmt: skip
    limit = [o["limit"] for o in onset]
    rows.append(_row("frames with an oracle", [str(part["frames"]) for part in limit]))
    rows.append(_row("AUC there, oracle", [_score(part["auc"]["oracle"]) for part in limit]))
    for name in ("ConvLSTM", "CNN"):
        rows.append(_row(f"AUC there, {name}", [_score(part["auc"][name]) for part in limit]))
        rows.append(
            _row(f"{name}: share of the way", [_share(part["share"][name]) for part in limit], "–")
        )
    return rows


def _burst(seeds: list[dict]) -> list[list[str]]:
    burst = [found["burst"] for found in seeds]
    rows = [_row("**The published label**: frames scored", [f"{b['frames']}" for b in burst])]
    rows += [_row("share of positives", [f"{b['base_rate']:.2f}" for b in burst])]
    for name in burst[0]["auc"]:
        said = "ConvLSTM trained on onsets" if name == "ConvLSTM" else name
        rows.append(_row(f"AUC, {said}", [_score(b["auc"][name]) for b in burst]))
    name = "ConvLSTM trained on bursts"
    gap = [b["differences"][f"{name} − best ỹ"] for b in burst]
    rows.append(
        _row(
            f"{name} − best ỹ", map(_gain, gap), "≥ −0.01",
            _said(all(g[0] >= -0.01 for g in gap), f"{_gain(min(gap))} at worst"),
        )
    )  # fmt: skip
    for name, said in (("ConvLSTM trained on bursts", "bursts"), ("ConvLSTM", "onsets")):
        gains = [b["stacking"][name] for b in burst]
        rows.append(
            _row(
                f"log-loss gained by stacking, trained on {said}", [_gain(g, 4) for g in gains],
                "interval above 0",
                _said(all(g[1] > 0 for g in gains), f"{_gain(min(gains), 4)} at worst"),
            )
        )  # fmt: skip
    return rows


def _paper(paper: dict) -> list[str]:
    return [
        "## The set `paper`",
        "",
        "`upbeat_snowflake`, clips of 30 slices of 4 frames at 120 × 160, batch 4, Adam at 8e-5, "
        f"on one thread of this CPU: **{paper['seconds']:.2f} s of the processor a step** "
        f"(median of {paper['steps']}), "
        f"**{paper['peak_mb']:.0f} MB** at the peak above the start. An epoch of the study "
        "(44 956 clips and their flips, 44 956 steps) would take this CPU "
        f"**{paper['days_an_epoch']:.1f} days** (projected, not measured); the study gives 5 h "
        "16 min an epoch on one RTX 2080 Ti.",
    ]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _row(what: str, cells, asked: str = "", reached: str = "") -> list[str]:
    return [what, *cells, asked, reached]


def _said(reached: bool, why: str) -> str:
    return "yes" if reached else f"{MISSED}: {why}"


def _score(numbers: list[float]) -> str:
    value, low, high = numbers
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _time(seconds: dict[str, float]) -> str:
    return f"{seconds['processor']:.0f} s"


def _gain(numbers: list[float], digits: int = 3) -> str:
    value, low, high = (f"{number:+.{digits}f}".replace("-", "−") for number in numbers)
    return f"{value} [{low}, {high}]"


def _share(numbers: list[float]) -> str:
    value, low, high = (f"{number:.0%}".replace("-", "−") for number in numbers)
    return f"{value} [{low}, {high}]"
