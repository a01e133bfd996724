"""ROC and precision–recall curves hold the right points and the right numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fishlib.figures.skill import plot_precision_recall, plot_roc, plot_roc_and_precision

rng = np.random.default_rng(4)
LABEL = rng.integers(-1, 2, 600)
FORECASTS = {
    "ConvLSTM": np.where(np.arange(600) < 50, np.nan, LABEL + rng.normal(0, 1, 600)),
    "level": LABEL + rng.normal(0, 2, 600),
}
KEPT = (LABEL >= 0) & np.isfinite(FORECASTS["ConvLSTM"])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_roc_runs_from_corner_to_corner():
    for line in plot_roc(LABEL, FORECASTS).get_lines():
        x, y = line.get_data()
        assert (x[0], y[0]) == (0, 0)
        assert (x[-1], y[-1]) == (1, 1)


def test_area_drawn_and_area_written_are_the_area_under_the_common_frames():
    ax = plot_roc(LABEL, FORECASTS)
    for line, (name, p) in zip(ax.get_lines(), FORECASTS.items(), strict=False):
        area = roc_auc_score(LABEL[KEPT], p[KEPT])
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(area)
        assert line.get_label() == f"{name}  ({area:.3f})"


def test_published_numbers_are_written(published):
    series = published.load_series("test")
    from fishlib.questions import label_bursts

    ax = plot_roc(label_bursts(series["motion"]), {"ConvLSTM": series["convlstm"]})
    assert ax.get_lines()[0].get_label() == "ConvLSTM  (0.831)"


def test_precision_ends_at_the_base_rate():
    ax = plot_precision_recall(LABEL, FORECASTS)
    x, y = ax.get_lines()[0].get_data()
    assert x[0] == 1
    assert y[0] == pytest.approx(LABEL[KEPT].mean())
    average = average_precision_score(LABEL[KEPT], FORECASTS["ConvLSTM"][KEPT])
    assert f"({average:.3f})" in ax.get_lines()[0].get_label()


def test_bands_are_drawn_in_the_color_of_their_line():
    rates = np.linspace(0, 1, 5)
    ax = plot_roc(LABEL, FORECASTS, bands={"level": (rates, rates * 0.9, rates)})
    band, line = ax.collections[0], ax.get_lines()[1]
    np.testing.assert_allclose(
        band.get_facecolor()[0, :3], plt.matplotlib.colors.to_rgb(line.get_color())
    )


def test_one_legend_for_both_curves():
    axes = plot_roc_and_precision(LABEL, FORECASTS)
    assert [ax.get_legend() for ax in axes] == [None, None]
    (legend,) = axes[0].figure.legends
    assert len(legend.get_texts()) == 3


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="labelled 1"):
        plot_roc(np.ones(5, int), {"level": np.arange(5.0)})
