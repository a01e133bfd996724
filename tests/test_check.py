"""Every forecaster keeps the contract, and the check fails for those that do not."""

from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from fishlib.clips import motion_channels
from fishlib.facts import Facts
from fishlib.forecasters import check_forecaster
from fishlib.forecasters.networks import MotionLSTM, Network, Plan, SavedNetwork
from fishlib.forecasters.regressions import Regressions
from fishlib.forecasters.rules import level, rules
from fishlib.models import NETWORKS, moments_of, save_network
from fishlib.questions import label_bursts

PARTS = {"train": slice(0, 900), "validation": slice(900, 1400)}
RULES = ("level −ỹ[t−1]", "level +ỹ[t−1]", "time since burst", "published baseline")
SMALL = {"epochs": 1, "steps_per_epoch": 2, "batch_size": 4}
PLANS = {
    "motion ConvLSTM": Plan(**SMALL),
    "motion CNN": Plan("motion_cnn", **SMALL),
    "one ConvLSTM": Plan("upbeat_snowflake", 3, 3, **SMALL),
    "two ConvLSTMs": Plan("visionary_serenity", 3, 4, class_weighting=True, **SMALL),
}


@pytest.fixture(scope="module")
def recording():
    """Motion of bursts, and frames as bright as it, in two pieces."""
    rng = np.random.default_rng(5)
    motion = np.convolve(rng.exponential(1e-3, 1400), np.ones(8) / 8, "same")
    frames = rng.integers(0, 60, (1400, 12, 16), dtype=np.uint8)
    frames[:, 2:6, 2:6] = np.clip(4e4 * motion, 0, 255).astype(np.uint8)[:, None, None]
    pieces = pd.DataFrame({"film": ["a", "b"], "start": [0, 700], "stop": [700, 1400]})
    return SimpleNamespace(frames=frames, motion=motion, fps=30.0, pieces=pieces)


class Rule:
    """A rule with the face of a forecaster."""

    def __init__(self, rule):
        self.rule = rule

    def forecast(self, recording, at=None):
        told = self.rule(recording)
        forecast = np.full(len(told), np.nan)
        chosen = slice(None) if at is None else at
        forecast[chosen] = told[chosen]
        return forecast


@pytest.mark.parametrize("name", RULES)
def test_rules_keep_the_contract(recording, name):
    assert tuple(rules(recording)) == RULES
    check_forecaster(Rule(lambda film: rules(film)[name]), recording)


@pytest.mark.parametrize("kind", ["logistic", "boosting", "both"])
def test_models_of_the_past_keep_the_contract(recording, kind):
    fitted = Regressions(kinds=(kind,)).fit(recording, label_bursts(recording.motion), PARTS)
    check_forecaster(fitted, recording, slice(0, None, 7))


def test_the_lstm_keeps_the_contract(recording, tmp_path):
    lstm = MotionLSTM(1, samples_per_epoch=128)
    fitted = lstm.fit(recording, label_bursts(recording.motion), PARTS, tmp_path)
    check_forecaster(fitted, recording, slice(0, None, 7))


@pytest.mark.parametrize("name", PLANS)
def test_networks_keep_the_contract(recording, name, tmp_path):
    fitted = Network(PLANS[name]).fit(recording, label_bursts(recording.motion), PARTS, tmp_path)
    check_forecaster(fitted, recording, slice(0, None, 7))


def test_a_saved_network_keeps_the_contract(recording, tmp_path):
    keras.utils.set_random_seed(0)
    layout = motion_channels()
    facts = Facts(30.0, moments_of(layout), (12, 16), layout.mix)
    save_network(NETWORKS["motion_cnn"]((3, 12, 16, 3)), tmp_path / "net.keras", facts)
    saved = SavedNetwork(tmp_path / "net.keras")
    assert saved.fit(recording, None, None, tmp_path) is saved
    check_forecaster(saved, recording, slice(0, None, 7))


def leak(recording):
    return -recording.motion  # motion[t] already holds frame t + 1


def across(recording):
    return level(recording.motion)  # takes the two pieces for one


def constant(recording):
    return np.full(len(recording.motion), 0.5)


CHEATS = {
    "comes after frame": leak,
    "across the border": across,
    "are frames and motion read": constant,
    "shape": lambda recording: rules(recording)[RULES[0]][:-1],
    "float64": lambda recording: rules(recording)[RULES[0]].astype(np.float32),
    "never infinite": lambda recording: np.log(np.maximum(0, level(recording.motion))),
    "no forecast at all": lambda recording: np.full(len(recording.motion), np.nan),
}


@pytest.mark.parametrize("sentence", CHEATS)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_check_fails_for_a_forecaster_that_cheats(recording, sentence):
    def rule(film):
        return CHEATS[sentence](film)

    cheat = SimpleNamespace(forecast=lambda film, at=None: rule(film))
    with pytest.raises(AssertionError, match=sentence):
        check_forecaster(cheat, recording)


def test_frames_that_were_not_asked_for_are_noticed(recording):
    deaf = SimpleNamespace(forecast=lambda film, at=None: rules(film)[RULES[0]])
    with pytest.raises(AssertionError, match="not asked for"):
        check_forecaster(deaf, recording, slice(200, 300))


def test_a_forecast_that_depends_on_its_company_is_noticed(recording):
    def forecast(film, at=None):
        told = Rule(partial(lambda film: rules(film)[RULES[0]])).forecast(film, at)
        return told - np.nanmean(told)

    with pytest.raises(AssertionError, match="other frames are asked for"):
        check_forecaster(SimpleNamespace(forecast=forecast), recording)
