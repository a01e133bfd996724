"""Networks as forecasters: plans, films of another size, the LSTM on the motion."""

import pickle
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fishlib.clips import class_weights, clip_at, motion_channels, time_channels
from fishlib.evaluation.scores import Calibration, calibrate, choose_thresholds
from fishlib.facts import Facts, note_choices, read_facts
from fishlib.forecasters.networks import (
    MotionLSTM,
    Network,
    Plan,
    SavedNetwork,
    forecast_film,
)
from fishlib.models import NETWORKS, moments_of, save_network
from fishlib.questions import label_bursts
from fishlib.recording import open_recording

LAYOUT = motion_channels()


@pytest.mark.parametrize("name", ["motion_convlstm", "motion_cnn"])
def test_our_networks_are_small_and_alike(name):
    assert 45_000 < NETWORKS[name]().count_params() < 56_000


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(1).integers(0, 255, (60, 12, 16), dtype=np.uint8)


def test_a_film_is_forecast_clip_by_clip(frames):
    model = NETWORKS["motion_cnn"]((3, 12, 16, 3))
    forecast = forecast_film(model, frames, LAYOUT, batch_size=16)
    assert np.isnan(forecast[:20]).all()
    one_by_one = [float(model(clip_at(frames, t, LAYOUT)[None])[0, 0]) for t in (20, 59)]
    np.testing.assert_allclose(forecast[[20, 59]], one_by_one, atol=1e-6)
    some = forecast_film(model, frames, LAYOUT, slice(10, 30))
    assert np.flatnonzero(np.isfinite(some)).tolist() == list(range(20, 30))
    np.testing.assert_allclose(some[20:30], forecast[20:30], atol=1e-6)


def test_no_forecast_reaches_across_a_border(frames):
    model = NETWORKS["motion_cnn"]((3, 12, 16, 3))
    pieces = pd.DataFrame({"film": "film", "start": [0, 25], "stop": [25, 60]})
    forecast = forecast_film(model, frames, LAYOUT, pieces=pieces)
    assert np.flatnonzero(np.isfinite(forecast)).tolist() == [*range(20, 25), *range(45, 60)]


def test_frames_come_at_the_size_the_network_reads(tmp_path, monkeypatch):
    film = open_recording("simulated", minutes=0.1, cache_dir=tmp_path, progress=False)
    layout = time_channels(3, 4)
    facts = Facts(30.0, moments_of(layout), (120, 160))
    save_network(NETWORKS["upbeat_snowflake"]((3, 120, 160, 4)), tmp_path / "study.keras", facts)
    saved = SavedNetwork(tmp_path / "study.keras")
    large = film.excerpt(0, len(film.frames))[:, 1::2, 1::2]
    expected = forecast_film(saved.model, large, layout, slice(100, 110))
    np.testing.assert_allclose(saved.forecast(film, slice(100, 110)), expected, atol=1e-6)


def test_a_plan_decides_the_clips(tmp_path):
    """Three slices of three frames are not mistaken for three moments of the motion."""
    rng = np.random.default_rng(0)
    film = SimpleNamespace(
        frames=rng.integers(0, 255, (80, 12, 16), dtype=np.uint8), motion=rng.random(80)
    )
    plan = Plan("upbeat_snowflake", 3, 3, epochs=1, steps_per_epoch=1, batch_size=2)
    question = (np.arange(80) % 2).astype(np.int8)
    parts = {"train": slice(0, 50), "validation": slice(50, 80)}
    network = Network(plan).fit(film, question, parts, tmp_path)
    assert network.history["epoch"].tolist() == [0]
    assert np.isfinite(network.forecast(film)).sum() == 80 - 8


def test_class_weights_are_taken_out_of_the_odds(tmp_path):
    rng = np.random.default_rng(0)
    film = SimpleNamespace(
        frames=rng.integers(0, 255, (400, 12, 16), dtype=np.uint8), motion=np.zeros(400)
    )
    question = (np.arange(400) % 10 == 0).astype(np.int8)
    parts = {"train": slice(0, 250), "validation": slice(250, 400)}
    plan = Plan("motion_cnn", epochs=1, steps_per_epoch=4, class_weighting=True)
    network = Network(plan).fit(film, question, parts, tmp_path)
    weights = class_weights(question[:250])
    inflated = keras.models.load_model(tmp_path / "best.keras")
    inflated = forecast_film(inflated, film.frames, LAYOUT)
    odds = inflated / (1 - inflated) * weights[0] / weights[1]
    np.testing.assert_allclose(network.forecast(film), odds / (1 + odds), atol=1e-6)
    kept = SavedNetwork(tmp_path / "network.keras").forecast(film)
    np.testing.assert_allclose(kept, network.forecast(film), atol=1e-6)
    again = Network(plan).fit(film, question, parts, tmp_path)  # once, however often it is resumed
    np.testing.assert_allclose(again.forecast(film), kept, atol=1e-6)


def test_a_network_carries_its_facts(tmp_path):
    """What it reads and from what it learned, in seconds, also from another process."""
    rng = np.random.default_rng(0)
    film = SimpleNamespace(
        frames=rng.integers(0, 255, (200, 12, 16), dtype=np.uint8), motion=rng.random(200) / 1e3,
        fps=15.0, name="pond", method="area", asked={"name": "onset", "horizon": 1.5},
    )  # fmt: skip
    question = (np.arange(200) % 5 == 0).astype(np.int8)
    parts = {"train": slice(0, 120), "validation": slice(120, 200)}
    plan = Plan("motion_cnn", epochs=1, steps_per_epoch=2, class_weighting=True, seed=4)
    network = Network(plan).fit(film, question, parts, tmp_path)
    facts = read_facts(tmp_path / "network.keras")
    assert (facts.fps, facts.size, facts.seed, facts.method) == (15.0, (12, 16), 4, "area")
    assert facts.question == {"name": "onset", "horizon": 1.5}
    assert facts.data["film"] == "pond" and facts.data["rate"] == [15.0] * 3
    np.testing.assert_allclose(facts.moments[0], np.array([20, 17, 16]) / 30, atol=1e-6)
    np.testing.assert_allclose(list(facts.class_weights.values()), [0.2, 0.8])
    assert facts.weights_taken_out
    first = int(np.flatnonzero(np.isfinite(network.forecast(film)))[0])
    assert first == 10  # 20/30 s at 15 frames a second
    there = pickle.loads(pickle.dumps(network))
    np.testing.assert_allclose(there.forecast(film), network.forecast(film), atol=1e-6)
    saved = SavedNetwork(tmp_path / "network.keras").forecast(film)
    np.testing.assert_allclose(saved, network.forecast(film), atol=1e-6)
    of_fold = {("CNN", "onset"): network, ("CNN", "burst"): network}
    fitted = SimpleNamespace(folds=[(parts, of_fold)])
    forecasts = {"onset": {"CNN": network.forecast(film)}}
    note_choices(fitted, forecasts, {"onset": question, "burst": question})
    label, forecast = question[120:], forecasts["onset"]["CNN"][120:]
    noted = read_facts(tmp_path / "network.keras")
    assert noted.threshold == choose_thresholds(label, forecast)["max_youden"]
    calibrated = Calibration(**noted.calibration)(forecast)
    np.testing.assert_allclose(calibrated, calibrate(label, forecast)(forecast), rtol=1e-4)
    assert network.facts.threshold == noted.threshold


def test_the_lstm_learns_and_reads_its_own_piece_only(tmp_path):
    rng = np.random.default_rng(5)
    motion = np.convolve(rng.exponential(1e-3, 2000), np.ones(8) / 8, "same")
    film = SimpleNamespace(motion=motion)
    parts = {"train": slice(0, 1400), "validation": slice(1400, 2000)}
    lstm = MotionLSTM(2, samples_per_epoch=640).fit(film, label_bursts(motion), parts, tmp_path)
    assert lstm.history["epoch"].tolist() == [0, 1]
    assert lstm.scale == pytest.approx((motion[:1400].mean(), motion[:1400].std()))
    whole = lstm.forecast(film)
    assert np.flatnonzero(np.isfinite(whole)).tolist() == list(range(119, 2000))
    slower = lstm.forecast(SimpleNamespace(motion=motion[:400], fps=25.0))
    assert np.flatnonzero(np.isfinite(slower))[0] == 99
    film.pieces = pd.DataFrame({"film": "film", "start": [0, 500], "stop": [500, 2000]})
    cut = lstm.forecast(film, slice(400, 700))
    assert np.flatnonzero(np.isfinite(cut)).tolist() == [*range(400, 500), *range(619, 700)]


def test_the_lstm_is_taught_several_questions_at_once(tmp_path):
    rng = np.random.default_rng(5)
    motion = np.convolve(rng.exponential(1e-3, 3000), np.ones(8) / 8, "same")
    film, parts = SimpleNamespace(motion=motion), {"train": slice(0, 2200)}
    parts["validation"] = slice(2200, 3000)
    high = (motion > np.median(motion)).astype(np.int8)
    before = np.append(-1, high[:-1]).astype(np.int8)  # whether the last value it reads was high
    seldom = np.where(np.arange(3000) % 3, -1, 1 - before)  # asked at every third frame
    asked = {"high": before, "low": seldom}
    lstm = MotionLSTM(4, samples_per_epoch=4096).fit(film, asked, parts, tmp_path)
    told = lstm.forecast_all(film, parts["validation"])
    for question, label in {"high": before, "low": 1 - before}.items():
        assert roc_auc_score(label[2200:], told[question][2200:]) > 0.95
        np.testing.assert_array_equal(lstm.on(question).forecast(film, slice(2200, 3000)),
                                      told[question])  # fmt: skip


def test_what_is_missing_is_said(frames, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no network '.*x.keras'.*upbeat-snowflake-91"):
        SavedNetwork("x.keras")
    with pytest.raises(ValueError, match="No network 'resnet'; there are: motion_convlstm"):
        Plan(network="resnet")
    film = SimpleNamespace(frames=frames, motion=np.zeros(60))
    for forecaster in (Network(), MotionLSTM()):
        with pytest.raises(ValueError, match="too short to be split"):
            forecaster.fit(film, np.zeros(60, np.int8), None, tmp_path)
    with pytest.raises(ValueError, match="shrink the film"):
        forecast_film(NETWORKS["motion_cnn"](), frames, LAYOUT)
