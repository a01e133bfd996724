"""Folds let nothing through: labels permuted before training leave nothing to learn, and a leak
that is planted on purpose is caught by the same measure."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fishlib.evaluation import evaluate
from fishlib.forecasters.regressions import Regressions
from fishlib.questions import label_bursts
from fishlib.splits import make_folds
from fishlib.training import fit_all

N_FILMS, LENGTH = 8, 3000


@pytest.fixture(scope="module")
def films():
    """Eight films of motion, each slow, with a label that its past tells."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(N_FILMS, LENGTH + 60))
    kernel = np.exp(-np.arange(61) / 15)
    motion = np.stack([np.abs(np.convolve(one, kernel, "valid")) for one in noise]) * 1e-3
    starts = np.arange(N_FILMS) * LENGTH
    names = [f"film {k}" for k in range(N_FILMS)]
    pieces = pd.DataFrame({"film": names, "start": starts, "stop": starts + LENGTH})
    return SimpleNamespace(motion=motion.ravel(), pieces=pieces, fps=30.0, frames=None)


@pytest.fixture(scope="module")
def label(films):
    return label_bursts(films.motion, pieces=films.pieces)


def auc(films, label, folds, tmp_path):
    """AUC within films of a rival that is fitted on the folds, with its interval."""
    rivals = {"past of the motion": Regressions(kinds=("boosting",), max_frames=6000)}
    fitted = fit_all(rivals, films, {"burst": label}, folds, tmp_path, progress=False)
    forecasts = fitted.forecast(films)["burst"]
    verdict = evaluate(forecasts, label, folds, pieces=films.pieces, n_shifts=19, progress=False)
    return verdict.scores.set_index("score").loc["auc"]


def permuted(label):
    """The labels of whole films, each given to another film."""
    return np.roll(label.reshape(N_FILMS, LENGTH), 1, axis=0).ravel()


def test_what_the_past_tells_is_found(films, label, tmp_path):
    assert auc(films, label, make_folds(films.pieces, 4), tmp_path).low > 0.7


def test_labels_of_other_films_leave_nothing_to_learn(films, label, tmp_path):
    score = auc(films, permuted(label), make_folds(films.pieces, 4), tmp_path)
    assert score.low < 0.5 < score.high


def test_a_fold_that_trains_on_its_own_test_film_is_caught(films, label, tmp_path):
    folds = make_folds(films.pieces, 4)
    leaking = [{**fold, "train": np.sort(np.append(fold["train"], fold["test"]))} for fold in folds]
    assert auc(films, permuted(label), leaking, tmp_path).low > 0.5
