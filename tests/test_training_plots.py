"""Learning curves show the history that training wrote."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fishlib.figures.skill import plot_training_history

HISTORY = pd.DataFrame(
    {
        "epoch": [0, 1, 2],
        "loss": [0.6, 0.5, 0.4],
        "val_loss": [0.55, 0.45, 0.5],
        "auc": [0.6, 0.7, 0.8],
        "val_auc": [0.6, 0.65, 0.66],
    }
)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_curves_from_table_and_from_file_agree(tmp_path):
    HISTORY.to_csv(tmp_path / "history.csv", index=False)
    for history in (HISTORY, tmp_path / "history.csv"):
        loss, auc = plot_training_history(history)
        training, validation, ring = loss.get_lines()
        np.testing.assert_allclose(training.get_data(), [[1, 2, 3], [0.6, 0.5, 0.4]])
        np.testing.assert_allclose(validation.get_ydata(), [0.55, 0.45, 0.5])
        assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (2, 0.45)
        ring = auc.get_lines()[2]
        assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (2, 0.65)


def test_one_pair_of_lines_a_model():
    table = pd.concat([HISTORY.assign(name="CNN"), HISTORY.assign(name="ConvLSTM")])
    (ax,) = plot_training_history(table, metrics=("loss",))
    colors = [line.get_color() for line in ax.get_lines() if line.get_marker() == "o"]
    assert len(ax.get_lines()) == 6
    assert colors[0] == colors[1] != colors[3]


def test_missing_column_is_named():
    with pytest.raises(ValueError, match=r"no column.*mae"):
        plot_training_history(HISTORY, metrics=("mae",))
