"""Does it hold for the next tank? Trained on one film, judged on it, on like and unlike ones.

Run: ``python tests/benchmarks/bench_between_films.py``. Trained on half an hour of one tank; judged
on its last quarter of an hour, on six tanks of the same kind, and on six of another kind: fish a
third longer, dimmer, in noisier film. Each film is asked with a c and a calm level of its own, as a
film of one's own is. Writes ``BETWEEN.md`` and ``figures/between_films.png``.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from compare import as_markdown

from fishlib import Network, Plan, Regressions, figures, fit_all, open_film, suggest_min_range
from fishlib.evaluation.beyond import blocks_of
from fishlib.evaluation.intervals import estimate_table
from fishlib.figures.style import save_figure
from fishlib.forecasters.animals import Animals
from fishlib.questions import find_onsets, label_alarms, label_onsets, median_recent_motion
from fishlib.recording import open_recording
from fishlib.recording.films import join_films
from fishlib.splits import split_frames
from fishlib.tank import TankConfig

HERE = Path(__file__).resolve().parent
TRAINED, LIKE, UNLIKE = 40, range(41, 47), range(51, 57)
OTHER = TankConfig(body_length=42.0, body_width=6.5, brightness=120.0, noise=0.06)
EVERY = 3  # frames judged: every third


def ask(film, told: slice) -> tuple[float, dict[str, np.ndarray]]:
    """The smallest burst of a film, told from some of its frames, and its questions."""
    c = suggest_min_range(film.motion[told])
    calm = median_recent_motion(film.motion, told)
    onset = label_onsets(film.motion, min_rise=c, calm_level=calm, pieces=film.pieces)
    events = find_onsets(film.motion, min_rise=c, pieces=film.pieces)
    return c, {"onset": onset, "alarm": label_alarms(len(onset), events, pieces=film.pieces)}


def judge(fitted, film, question: np.ndarray, at: np.ndarray) -> pd.DataFrame:
    """AUC of every forecaster at some frames of a film, or of several."""
    forecasts = fitted.forecast(film, at)["onset"]
    asked = np.full(len(question), -1)
    asked[at] = question[at]
    blocks = blocks_of(asked, forecasts, film.pieces)
    y = question[blocks.frames]
    aucs = {name: {"auc": blocks.auc(y, p[blocks.frames])} for name, p in forecasts.items()}
    return estimate_table(aucs)


def main(folder: str = "data/between_films") -> None:
    film = open_film("simulated", seed=TRAINED, minutes=45)
    parts = split_frames(len(film.motion), (28, 3, 14))
    c, questions = ask(film, parts["train"])
    rivals = {
        "past of the motion": Regressions(kinds=("both",)),
        "CNN": Network(Plan("motion_cnn"), "onset"),
        "ConvLSTM": Network(Plan(), "onset"),
        "animals": Animals(c),
    }
    fitted = fit_all(rivals, film, questions, parts, folder)
    test = np.arange(parts["test"].start, parts["test"].stop)[::EVERY]
    tables = {"the same tank, later": judge(fitted, film, questions["onset"], test)}
    for name, seeds, config in (("like tanks", LIKE, None), ("unlike tanks", UNLIKE, OTHER)):
        films = [open_recording("simulated", seed=seed, minutes=8, config=config) for seed in seeds]
        joined = join_films(films, name, films[0].folder.parent)
        asked = np.concatenate([ask(one, slice(None))[1]["onset"] for one in films])
        tables[name] = judge(fitted, joined, asked, np.arange(len(asked))[::EVERY])
    table = pd.concat([one.assign(film=name) for name, one in tables.items()], ignore_index=True)
    table["name"] = table.name.str.replace(": both", "")
    shown = table[["film", "name", "value", "low", "high", "blocks"]].round(3)
    told = "AUC of onset from calm, pairs within a film; blocks of 10 s, or six films."
    text = f"# Between films\n\n{__doc__.strip()}\n\n{told}\n\n{as_markdown(shown)}\n"
    (HERE / "BETWEEN.md").write_text(text)
    save_figure(figures.plot_films(table), HERE.parents[1] / "figures" / "between_films.png")


if __name__ == "__main__":
    main()
