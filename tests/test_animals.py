"""The forecaster of animals: its contract, any number of animals, and what it is taught."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from fishlib import tank, watch, write_video
from fishlib.animals import read_tracks
from fishlib.animals.features import MIRROR, Swimming
from fishlib.animals.places import Linker, Places, nowhere, tell_looks, true_places
from fishlib.forecasters import check_forecaster
from fishlib.forecasters.animals import (
    Animals,
    Moments,
    build_animals,
    coming_speed,
    hazard_bins,
)
from fishlib.forecasters.feared import whom_it_fears
from fishlib.models import load_network, save_network
from fishlib.motion import measure_motion
from fishlib.questions import find_onsets, label_alarms, label_onsets
from fishlib.splits import whole
from fishlib.streaming.live import LiveAnimals
from fishlib.training import fit_all

N_FRAMES = 6000
PARTS = {"train": slice(0, 4000), "validation": slice(4165, N_FRAMES)}


def tank_film(n_frames=N_FRAMES, n_fish=4):
    tracks = tank.simulate_tracks(tank.TankConfig(n_fish=n_fish), 1, n_frames)
    speed = tracks.variable("speed").mean(axis=1)
    film = SimpleNamespace(
        motion=np.append(np.abs(speed[1:]) * 1e-3, 0.0), fps=30.0, truth=tracks,
        pieces=whole(n_frames), frames=None,
    )  # fmt: skip
    film.places = true_places(film)
    return film


@pytest.fixture(scope="module")
def film():
    return tank_film()


@pytest.fixture(scope="module")
def questions(film):
    events = find_onsets(film.motion)
    return {"onset": label_onsets(film.motion), "alarm": label_alarms(N_FRAMES, events)}


@pytest.fixture(scope="module")
def fitted(film, questions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("animals")
    animals = Animals(epochs=2, steps_per_epoch=12, batch_size=64)
    return animals.fit(film, questions, PARTS, folder), folder


def test_it_keeps_to_the_contract(film, fitted):
    for question in ("onset", "alarm"):
        check_forecaster(fitted[0].on(question), film, slice(4165, 5165))


class Found:
    """A network of animals, whose places are found in the frames at every forecast."""

    def __init__(self, animals, looks, body):
        self.animals, self.looks, self.body = animals, looks, body

    def forecast(self, film, at=None):
        told = []
        for start, stop in zip(film.pieces.start, film.pieces.stop, strict=True):
            told.append(Linker(self.looks).follow(film.frames[start:stop]))
        columns = (np.concatenate(one) for one in zip(*told, strict=True))
        seen = SimpleNamespace(motion=film.motion, fps=film.fps, pieces=film.pieces)
        seen.places = Places(*columns, body=self.body, box=(0, 80, 0, 60))
        return self.animals.forecast(seen, at)


def test_it_keeps_to_the_contract_with_found_places(fitted):
    frames = tank.simulate_film(tank.TankConfig(), 2, 420, (60, 80)).frames
    film = SimpleNamespace(
        frames=frames, motion=measure_motion(frames), fps=30.0, pieces=whole(420)
    )
    looks = tell_looks([frames[:300]], 6)
    check_forecaster(Found(fitted[0], looks, 8.0), film, slice(0, None, 5))


def test_it_keeps_to_the_contract_with_read_tracks(film, fitted, tmp_path):
    rows = [
        (t, k, film.places.x[t, k], film.places.y[t, k])
        for t in range(500) for k in range(4) if (t + k) % 7
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["frame", "animal", "x", "y"])
    table.to_csv(tmp_path / "tracks.csv", index=False)
    short = SimpleNamespace(motion=film.motion[:500], fps=30.0, pieces=whole(500))
    short.places = read_tracks(tmp_path / "tracks.csv", 30.0, 32.0)
    check_forecaster(fitted[0], short, slice(0, None, 3))


def test_a_forecaster_that_reads_places_to_come_is_noticed(film):
    def forecast(film, at=None):
        told = np.full(len(film.motion), np.nan)
        frames = np.arange(len(told))[slice(None) if at is None else at]
        told[frames] = film.places.x[np.minimum(frames + 1, len(told) - 1), 0]
        return told

    with pytest.raises(AssertionError, match="comes after frame"):
        check_forecaster(SimpleNamespace(forecast=forecast), film, slice(200, 400))


def test_live_it_forecasts_what_it_does_for_the_whole_film(film, questions, tmp_path):
    frames = tank.simulate_film(tank.TankConfig(), 2, 350).frames
    looks = tell_looks([frames[:300]])
    columns = Linker(looks).follow(frames)
    places = Places(*columns, looks.length, (20, 300, 30, 210), looks=looks)
    whole_film = SimpleNamespace(motion=measure_motion(frames), fps=30.0, places=places)
    animals = Animals(epochs=1, steps_per_epoch=4, batch_size=16)
    animals.fit(film, questions, PARTS, tmp_path)
    with pytest.raises(ValueError, match="trained on tracks"):
        LiveAnimals(animals, 30.0)
    animals.facts = animals._facts(whole_film)
    live = LiveAnimals(animals.on("alarm"), 30.0)
    told = np.array([live.push(frame) for frame in frames])
    expected = animals.on("alarm").forecast(whole_film)
    np.testing.assert_array_equal(np.isnan(told), np.isnan(expected))
    np.testing.assert_allclose(told, expected, rtol=1e-4)
    assert np.isfinite(told).sum() == 350 - 119
    facts = replace(animals.facts, threshold=0.0, question={"names": ["onset", "alarm"]})
    save_network(animals.model, tmp_path / "given.keras", facts)
    path = write_video(tmp_path / "film.avi", frames)
    seen = watch(path, tmp_path / "given.keras", out=tmp_path / "seen.mp4", progress=False)
    np.testing.assert_allclose(seen["forecast"], told, rtol=1e-4)
    assert seen["alarms"].tolist() == list(range(119, 350, 45))
    with pytest.raises(ValueError, match="reads places of animals, not clips"):
        load_network(tmp_path / "given.keras")


def test_one_training_answers_every_question(film, fitted):
    animals, _ = fitted
    at = slice(4200, 4300)
    onset, alarm = (animals.on(name).forecast(film, at) for name in ("onset", "alarm"))
    assert np.isfinite(onset[at]).all() and np.isnan(onset[:4200]).all()
    assert not np.array_equal(onset[at], alarm[at])


def test_it_serves_another_number_of_animals_in_any_order(film, fitted):
    animals, at = fitted[0], np.array([200, 300])
    three = tank_film(400, n_fish=3)
    forecast = animals.forecast(three, at)[at]
    for name in ("x", "y", "heading", "apart"):
        object.__setattr__(three.places, name, getattr(three.places, name)[:, [2, 0, 1]])
    np.testing.assert_allclose(animals.forecast(three, at)[at], forecast, rtol=1e-4)


def test_it_says_whom_it_fears(film, fitted):
    feared = fitted[0].who(film, np.array([4200, 4300]))
    assert feared.shape == (2, 4, 4)
    np.testing.assert_array_equal(feared, feared.transpose(0, 2, 1))
    pair = SimpleNamespace(**vars(film))
    columns = {k: getattr(film.places, k)[:, [1, 3]] for k in ("x", "y", "heading", "apart")}
    pair.places = type(film.places)(**columns, body=film.places.body, box=film.places.box)
    alone = fitted[0].forecast(pair, np.array([4200]))[4200]
    assert feared[0, 1, 3] == pytest.approx(alone, rel=1e-4)
    i, j = fitted[0].feared_pair(film, np.array([4200, 4300]))[0]
    assert feared[0, i, j] == np.nanmax(feared[0])


def test_before_an_onset_it_says_whom_it_fears_or_why_not(film, questions, fitted, tmp_path):
    (animals, folder), alarm = fitted, questions["alarm"]
    (tmp_path / "animals").mkdir()
    (tmp_path / "animals" / "network.keras").write_bytes((folder / "network.keras").read_bytes())
    seen = SimpleNamespace(**vars(film))
    seen.excerpt = lambda start, stop: np.full((stop - start, 6, 8), start % 256, np.uint8)
    folds, onsets = [{"test": slice(4165, None)}], np.array([4000, 4300, 4600])
    feared = whom_it_fears(tmp_path, seen, folds, onsets, alarm)
    t = 4300 - 15
    assert feared.reason == "" and feared.picture[0, 0] == t % 256
    np.testing.assert_array_equal(feared.places[:, 0], film.places.x[t])
    pair = animals.on("alarm").feared_pair(film, np.array([t]))[0]
    assert sorted(feared.pair) == sorted(pair)
    named = ["forecast", "nearest two", "forecast − nearest two", "chance"]
    assert list(pd.unique(feared.named.name)) == named
    pd.testing.assert_frame_equal(
        feared.falls, animals.on("alarm").falls(film, alarm, folds[0]["test"])
    )
    seen.truth = None
    nobody = whom_it_fears(tmp_path, seen, folds, onsets, alarm).named
    assert nobody.empty and nobody.attrs["reason"] == "Nobody knows who attacked whom."
    assert "No onset" in whom_it_fears(tmp_path, seen, folds, onsets[:1], alarm).reason
    assert "No network" in whom_it_fears(folder / "none", seen, folds, onsets, alarm).reason


class Oracle(Animals):
    """Fears the pair of which one will attack the other; fish k is found as animal found[k]."""

    def who(self, recording, at):
        chases = recording.truth.chases
        coming = chases.iloc[np.searchsorted(chases.start, at, side="right")]
        feared = np.zeros((len(at), 4, 4))
        feared[np.arange(len(at)), self.found[coming.chaser], self.found[coming.victim]] = 1
        return feared


def test_who_knows_is_always_right_about_the_coming_attacker(film):
    shuffled = SimpleNamespace(**vars(film))
    columns = {k: getattr(film.places, k)[:, [2, 0, 3, 1]] for k in ("x", "y", "heading", "apart")}
    shuffled.places = type(film.places)(**columns, body=film.places.body, box=film.places.box)
    for seen, found in ((film, np.arange(4)), (shuffled, np.array([1, 3, 0, 2]))):
        oracle = Oracle()
        oracle.found = found
        table = oracle.names_attackers(seen, slice(200, 5000), (0.1, 0.03))
        shares = table.pivot(index="score", columns="name", values="value")
        assert (shares["forecast"] == 1).all() and (shares["chance"] == 1 / 6).all()
        assert (shares["nearest two"] > 0.5).all()


def test_the_share_of_named_pairs_has_an_interval_over_blocks(film):
    class Lucky(Oracle):
        def who(self, recording, at):
            feared = super().who(recording, at)
            feared[::3] = np.roll(feared[::3], 1, axis=(1, 2))  # another pair at each third chase
            return feared

    lucky, at, wait = Lucky(), np.arange(200, 5000), 3
    lucky.found = np.arange(4)
    table = lucky.names_attackers(film, at, (wait / 30,)).set_index("name")
    starts = film.truth.chases.start.to_numpy()
    starts = starts[np.isin(starts - wait, at)]
    right = np.arange(len(starts)) % 3 > 0
    block = np.minimum((starts - at[0]) // 300, 15)
    without = np.array([right[block != k].mean() for k in range(16)])
    spread = np.sqrt(15 / 16 * np.sum((logit(without) - logit(without).mean()) ** 2))
    ends = expit(logit(right.mean()) + np.array([-1, 1]) * 2.13145 * spread)  # t of 15 degrees
    row = table.loc["forecast"]
    assert row.score == f"0.1 s before {len(starts)} chases"
    np.testing.assert_allclose([row.value, row.low, row.high], [right.mean(), *ends], rtol=1e-5)
    gain = table.value["forecast"] - table.value["nearest two"]
    assert table.value["forecast − nearest two"] == pytest.approx(gain)
    assert np.isnan(table.low["chance"])


def test_the_score_falls_where_something_was_read(film, questions, fitted):
    falls = fitted[0].falls(film, questions["onset"], slice(4165, None)).set_index("name")
    assert set(falls.index) == {"animals", "pairs", "motion"} and falls.value.max() > 0
    assert (falls.low < falls.value).all() and (falls.value < falls.high).all()
    deaf = Animals(questions=("onset",), answers="onset")
    deaf._answer = lambda described: described["motion"][:, :1].astype(float)
    falls = deaf.falls(film, questions["onset"], slice(4165, None)).set_index("name").value
    assert falls["animals"] == falls["pairs"] == 0 != falls["motion"]


def test_its_file_is_small_and_comes_back(film, fitted):
    animals, folder = fitted
    assert (folder / "best.keras").stat().st_size < 300_000
    again = Animals.load(folder / "network.keras")
    assert again.questions == ("onset", "alarm") and again.answers == "onset"
    at = np.array([4200])
    for question in again.questions:
        told = again.on(question).forecast(film, at)[4200]
        assert told == pytest.approx(animals.on(question).forecast(film, at)[4200])


def test_a_training_that_is_done_is_taken_from_its_folder(film, questions, fitted, tmp_path):
    shutil.copytree(fitted[1], tmp_path / "again")
    again = Animals(epochs=2, steps_per_epoch=12, batch_size=64)
    again.fit(film, questions, PARTS, tmp_path / "again")  # nothing is left to do
    at = np.array([4200])
    assert again.forecast(film, at)[4200] == fitted[0].forecast(film, at)[4200]
    assert again.history.equals(fitted[0].history)


def test_hazards_are_asked_bin_by_bin(film):
    hazards = hazard_bins(film)
    onset = find_onsets(film.motion).onset.to_numpy()
    for t in range(0, 3000, 37):
        wait = (onset[onset > t][0] - t) / 30 if (onset > t).any() else np.inf
        slow = [np.nan if wait <= a else wait <= b
                for a, b in ((0, 0.25), (0.25, 0.5), (0.5, 1), (1, 1.5))]  # fmt: skip
        np.testing.assert_array_equal(hazards[t], np.array(slow, float))
    assert np.isnan(hazards[-40:]).all()


def test_the_coming_speed_is_that_of_the_next_half_second():
    film = tank_film(200)
    film.pieces = pd.DataFrame({"film": "film", "start": [0, 100], "stop": [100, 200]})
    swim = Swimming(film.places, film.motion, film.pieces, 30.0)
    coming = coming_speed(swim)
    np.testing.assert_allclose(coming[20], np.log1p(swim.speed[21:36].mean(axis=0)), rtol=1e-5)
    assert np.isnan(coming[85:100]).all() and np.isnan(coming[-15:]).all()
    assert np.isfinite(coming[:85]).all()


def test_moments_are_mixed_and_mirrored_by_the_epoch_alone(film):
    swim = Swimming(film.places, film.motion, film.pieces, 30.0)
    targets = {"answers": np.zeros((N_FRAMES, 1)), "speeds": np.zeros((N_FRAMES, 4))}
    data = Moments(swim, targets, np.arange(200, 300), batch_size=50, shuffle=True, seed=3)
    first, _ = data[0]
    data.set_epoch(1)
    other, _ = data[0]
    data.set_epoch(0)
    again, _ = data[0]
    assert not np.array_equal(first["pairs"], other["pairs"])
    np.testing.assert_array_equal(first["pairs"], again["pairs"])
    plain = swim.gather(data.order[:50])
    for name, one in plain.items():
        expected = np.where(data.mirrored[:50].reshape(-1, *(1,) * (one.ndim - 1)), MIRROR[name], 1)
        np.testing.assert_array_equal(first[name], one * expected)


def test_frames_without_an_event_can_be_learned_from_if_another_question_is_answered(film):
    swim = Swimming(film.places, film.motion, film.pieces, 30.0)
    answers = np.zeros((N_FRAMES, 5))
    answers[250, 0], answers[:, -1] = 1, np.nan  # one yes, and no hazard known
    targets = {"answers": answers, "speeds": np.zeros((N_FRAMES, 4))}
    data = Moments(swim, targets, np.arange(200, 300))
    assert data.used_labels.sum() == 1


def test_the_network_is_small():
    usual = {name: (np.zeros(len(one)), np.ones(len(one))) for name, one in MIRROR.items()}
    model = build_animals(usual, 3)
    assert model.count_params() < 20_000


def test_where_there_are_no_animals_the_reason_is_said(film, questions, tmp_path):
    empty = SimpleNamespace(**vars(film))
    empty.places = nowhere(N_FRAMES, "No animals are found: most frames show none.")
    with pytest.raises(ValueError, match="most frames show none"):
        Animals().fit(empty, questions, PARTS, tmp_path)
    with pytest.raises(ValueError, match="too short"):
        Animals().fit(film, questions, None, tmp_path)


def test_it_is_taught_all_questions_among_its_rivals(film, questions, tmp_path):
    rivals = {"animals": Animals(epochs=1, steps_per_epoch=2, batch_size=16)}
    fitted = fit_all(rivals, film, questions, PARTS, tmp_path, progress=False)
    at = slice(4200, 4210)
    told = fitted.forecast(film, at)
    assert not np.array_equal(told["onset"]["animals"][at], told["alarm"]["animals"][at])
    assert fitted.parameters.keys() == {"animals"} == set(fitted.histories.name)
    film = SimpleNamespace(**vars(film))
    film.places = nowhere(N_FRAMES, "the count wanders")
    without = fit_all(rivals, film, questions, PARTS, tmp_path, progress=False)
    assert without.left_out == {"animals": "the count wanders"}
    assert Animals().why_not(SimpleNamespace(frames=None)).startswith("there is no film")
