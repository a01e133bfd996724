import gc
import weakref
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from fishlib import training
from fishlib.clips import ClipDataset, motion_channels
from fishlib.forecasters.networks import MotionLSTM, Network, Plan
from fishlib.questions import label_bursts
from fishlib.splits import make_folds, whole
from fishlib.training import CHOOSE_EVERY, fit_all, train, warmup_cosine

LAYOUT = motion_channels((-2, 0), (1,))


@pytest.fixture(scope="module")
def film():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 60, (240, 6, 8), dtype=np.uint8)
    label = np.full(240, -1, np.int8)
    label[10:] = rng.random(230) < 0.4
    frames[label == 1, 2:4, 2:4] = 200
    return frames, label


def datasets(film, seed=0):
    frames, label = film
    return (
        ClipDataset(frames, label, slice(0, 160), LAYOUT, 16, flips=4, shuffle=True, seed=seed),
        ClipDataset(frames, label, slice(160, 240), LAYOUT, 64),
    )


def build():
    clip = keras.Input((2, 6, 8, 2))
    x = keras.layers.Conv3D(4, (1, 3, 3), activation="relu")(clip)
    x = keras.layers.GlobalMaxPooling3D()(x)
    return keras.Model(clip, keras.layers.Dense(1, activation="sigmoid")(x))


def adam():
    return keras.optimizers.Adam(warmup_cosine(5e-3, 200))


def fit(film, folder, epochs, **kwargs):
    return train(build, *datasets(film), folder, epochs, optimizer=adam, **kwargs)


def test_a_training_lets_go_of_its_samples(film, tmp_path):
    both = datasets(film)
    held = [weakref.ref(one) for one in both]
    model, _ = train(build, *both, tmp_path, 2, optimizer=adam)
    del both
    gc.collect()
    assert [one() for one in held] == [None, None]
    assert model.count_params()


def test_a_visible_event_is_learned_and_the_best_epoch_returned(film, tmp_path):
    model, history = fit(film, tmp_path, 5)
    assert len(history) == 5
    assert history["val_loss"].iloc[-1] < history["val_loss"].iloc[0]
    validation = datasets(film)[1]
    batches = [validation[i] for i in range(len(validation))]
    clips, truth = (np.concatenate([batch[k] for batch in batches]) for k in (0, 1))
    p = np.clip(model.predict(clips, verbose=0)[:, 0], 1e-7, 1 - 1e-7)
    loss = -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))
    assert loss == pytest.approx(history["val_loss"].min(), abs=1e-4)


class Killed(Exception):
    pass


def kill_after(monkeypatch, epochs):
    """Let the process die when it is about to write the history of a later epoch."""
    write = training.EpochKeeper.on_epoch_end

    def dying(keeper, epoch, logs=None):
        if epoch >= epochs:
            raise Killed
        write(keeper, epoch, logs)

    monkeypatch.setattr(training.EpochKeeper, "on_epoch_end", dying)


def test_resumed_equals_uninterrupted(film, tmp_path, monkeypatch):
    whole, table = fit(film, tmp_path / "whole", 4)
    with monkeypatch.context() as patch:
        kill_after(patch, 2)
        with pytest.raises(Killed):
            fit(film, tmp_path / "parts", 4)
    resumed, again = fit(film, tmp_path / "parts", 4)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(table["val_loss"], again["val_loss"])


def test_an_epoch_noted_but_not_saved_is_done_again(film, tmp_path):
    _, table = fit(film, tmp_path, 3)
    keeper = training.EpochKeeper(tmp_path)
    keeper.resume(iterations=int(table["iterations"][1]))  # last.keras is that of the second epoch
    assert keeper.frame()["epoch"].tolist() == [0, 1]


def test_a_first_epoch_noted_but_not_saved_is_done_again(film, tmp_path):
    model, _ = fit(film, tmp_path, 2)
    (tmp_path / "last.keras").unlink()
    again, noted = fit(film, tmp_path, 2)
    assert noted["epoch"].tolist() == [0, 1]
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_with_other_settings_is_not_resumed(film, tmp_path):
    fit(film, tmp_path, 2, settings={"data": "one"})
    model, table = fit(film, tmp_path, 2, settings={"data": "two"})
    assert table["epoch"].tolist() == [0, 1]
    again, _ = fit(film, tmp_path, 2, settings={"data": "two"})
    np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])


def test_a_loss_that_is_no_number_stops_at_once(film, tmp_path):
    def absurd():
        return keras.optimizers.SGD(float("inf"))

    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        train(build, *datasets(film), tmp_path, 2, optimizer=absurd)
    assert not (tmp_path / "best.keras").exists()


def test_one_class_is_refused(film, tmp_path):
    frames, label = film
    with pytest.raises(ValueError, match=r"validation frames hold one class only \(no burst\)"):
        fit((frames, np.where(np.arange(240) >= 160, 0, label)), tmp_path, 1)


def test_two_devices_train_as_one_network(film, tmp_path):
    with tf.device("CPU"):
        strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    model, history = fit(film, tmp_path, 1, strategy=strategy)
    plain, _ = fit(film, tmp_path / "plain", 1)
    assert history["loss"].notna().all()
    np.testing.assert_allclose(model.get_weights()[0], plain.get_weights()[0], atol=1e-6)


class Counted:
    """A rival that forecasts the share of positives among the frames it was trained on."""

    def __init__(self, learns=None, epochs=None):
        self.learns, self.epochs, self.share, self.folder = learns, epochs, None, None

    def fit(self, recording, question, parts, folder):
        assert recording.frames is None
        self.share, self.folder = float(np.mean(question[parts["train"]] == 1)), folder
        return self

    def forecast(self, recording, at=None):
        return np.full(len(recording.motion), self.share)


class Family(Counted):
    def forecasts(self, recording, at=None):
        return {"low": self.forecast(recording) / 2, "high": self.forecast(recording)}


class Ready(Counted):
    trained = True

    def forecast(self, recording, at=None):
        return np.zeros(len(recording.motion))


RECORDING = SimpleNamespace(frames=None, motion=np.zeros(100))
QUESTIONS = {"onset": np.repeat([1, 0], 50), "burst": np.repeat([1, 0], [10, 90])}
PARTS = {"train": slice(0, 80), "validation": slice(80, 100)}


def test_every_rival_is_fitted_on_every_question(tmp_path):
    rivals = {"a b": Counted(), "kinds": Family(), "once": Counted("onset"), "ready": Ready()}
    fitted = fit_all(rivals, RECORDING, QUESTIONS, PARTS, tmp_path)
    told = fitted.forecast(RECORDING)
    said = {q: {name: p[0] for name, p in family.items()} for q, family in told.items()}
    ready = {"once": 0.625, "ready": 0.0}
    assert said["onset"] == {"a b": 0.625, "kinds: low": 0.3125, "kinds: high": 0.625, **ready}
    assert said["burst"] == {"a b": 0.125, "kinds: low": 0.0625, "kinds: high": 0.125, **ready}
    assert fitted.left_out == {} and fitted.parameters == {} and fitted.histories.empty
    folders = {one.folder.name for one in fitted.forecasters.values() if one.folder}
    assert folders == {"a_b_onset", "a_b_burst", "kinds_onset", "kinds_burst", "once"}
    assert rivals["a b"].share is None  # what the user holds is not changed


def test_a_film_too_short_leaves_out_what_has_to_be_trained(tmp_path):
    rivals = {"rival": Counted(), "ready": Ready(), "no epochs": Counted(epochs=0)}
    fitted = fit_all(rivals, RECORDING, QUESTIONS, None, tmp_path)
    assert {name for family in fitted.forecast(RECORDING).values() for name in family} == {"ready"}
    assert "too short" in fitted.left_out["rival"]
    assert "no epochs" in fitted.left_out["no epochs"]


def test_with_folds_each_frame_is_forecast_by_what_has_not_seen_it(tmp_path):
    folds = make_folds(whole(100), 5, embargo=5)
    rivals = {"rival": Counted(), "once": Counted("onset"), "ready": Ready()}
    questions = QUESTIONS | {"burst": np.arange(100) % 7 == 0}
    fitted = fit_all(rivals, RECORDING, questions, folds, tmp_path)
    told = fitted.forecast(RECORDING)
    for name, question in (("rival", "burst"), ("once", "onset")):
        judged, chosen = told["burst"][name]
        for fold in folds:
            share = np.mean(questions[question][fold["train"]])
            np.testing.assert_array_equal(judged[fold["test"]], share)
            np.testing.assert_array_equal(chosen[fold["validation"]][::CHOOSE_EVERY], share)
        assert np.isfinite(chosen).sum() == sum(-(-len(f["validation"]) // 3) for f in folds)
    assert told["burst"]["ready"].shape == (2, 100)
    folders = {one.folder.name for _, of in fitted.folds for one in of.values() if one.folder}
    assert {f"once_{k}" for k in range(5)} < folders


def test_without_a_part_to_choose_on_no_network_is_trained(tmp_path):
    folds = make_folds(whole(100), 5, embargo=5, choose=False)
    rivals = {"rival": Counted(), "network": Counted(epochs=2)}
    fitted = fit_all(rivals, RECORDING, QUESTIONS, folds, tmp_path)
    assert fitted.left_out == {"network": "0.1 minutes of film; training needs 7"}
    assert set(fitted.forecast(RECORDING)["onset"]) == {"rival"}


def test_what_has_one_answer_only_is_not_learned_and_said(tmp_path):
    rare = {"onset": np.arange(100) % 9 == 0, "burst": np.arange(100) < 10}
    folds = make_folds(whole(100), 5, embargo=5)  # the bursts are all in the first
    rivals = {"rival": Counted(), "burst's": Counted("burst"), "ready": Ready()}
    fitted = fit_all(rivals, RECORDING, rare, folds, tmp_path)
    assert fitted.left_out == {
        "burst's": "the film holds too few events: a part of it has one answer only"
    }
    told = fitted.forecast(RECORDING)
    assert {question: set(family) for question, family in told.items()} == {
        "onset": {"rival", "ready"},
        "burst": {"ready"},
    }
    seldom = {"onset": np.arange(100) < 80}  # learned, but with nothing to choose the epoch by
    fitted = fit_all({"network": Counted(epochs=2)}, RECORDING, seldom, PARTS, tmp_path)
    assert "too few events" in fitted.left_out["network"]


def test_trainings_side_by_side_are_resumed_and_tell_their_losses(tmp_path):
    rng = np.random.default_rng(5)
    motion = np.convolve(rng.exponential(1e-3, 1000), np.ones(8) / 8, "same")
    film = SimpleNamespace(motion=motion, frames=rng.integers(0, 255, (1000, 12, 16), np.uint8))
    label = label_bursts(motion)
    plan = Plan("motion_cnn", epochs=1, steps_per_epoch=1, batch_size=2)
    rivals = {"CNN": Network(plan, learns="onset"), "LSTM": MotionLSTM(1, samples_per_epoch=64)}
    told = (rivals, film, {"onset": label, "burst": label}, {"train": slice(0, 700),
            "validation": slice(700, 1000)}, tmp_path)  # fmt: skip
    fitted = fit_all(*told)
    assert sorted(fitted.histories.name) == ["CNN", "LSTM"]
    assert fitted.parameters["CNN"] == fitted.forecasters["CNN", "burst"].model.count_params()
    assert fitted.forecasters["CNN", "burst"] is fitted.forecasters["CNN", "onset"]
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/last.keras")}
    assert {path.parent.name for path in written} == {"cnn", "lstm"}
    again = fit_all(*told)
    assert {path: path.stat().st_mtime_ns for path in written} == written
    for question, family in fitted.forecast(film, slice(300, 320)).items():
        for name, forecast in again.forecast(film, slice(300, 320))[question].items():
            np.testing.assert_allclose(forecast, family[name], atol=1e-6)


def test_folds_forecast_side_by_side_what_they_do_one_by_one(tmp_path):
    rng = np.random.default_rng(5)
    motion = np.convolve(rng.exponential(1e-3, 1200), np.ones(8) / 8, "same")
    film, folds = SimpleNamespace(motion=motion), make_folds(whole(1200), 3, embargo=5)
    rivals = {"LSTM": MotionLSTM(1, samples_per_epoch=64)}
    fitted = fit_all(rivals, film, {"burst": label_bursts(motion)}, folds, tmp_path)
    told = fitted.forecast(film)["burst"]["LSTM"]
    for fold, own in fitted.folds:
        for row, frames in enumerate((fold["test"], fold["validation"][::CHOOSE_EVERY])):
            alone = own["LSTM", "burst"].forecast(film, frames)[frames]
            np.testing.assert_allclose(told[row, frames], alone, atol=1e-6)
            assert np.isfinite(alone).sum() > 200 / (1 + 2 * row)


def test_a_fold_trained_alone_is_taken_by_the_run_that_follows(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    motion = np.convolve(rng.exponential(1e-3, 1200), np.ones(8) / 8, "same")
    film, folds = SimpleNamespace(motion=motion), make_folds(whole(1200), 3, embargo=5)
    told = {"LSTM": MotionLSTM(1, samples_per_epoch=64), "one": Counted()}, film
    told += {"burst": label_bursts(motion)}, folds
    with monkeypatch.context() as patch:
        patch.setenv("FISHLIB_FOLD", "1")
        with pytest.raises(SystemExit):
            fit_all(*told, tmp_path / "run" / "fold_1")
    (alone,) = (tmp_path / "run" / "fold_1").iterdir()
    trained = (alone / "last.keras").stat().st_mtime_ns
    (tmp_path / "run" / alone.name).mkdir()  # of an earlier run
    expected = fit_all(*told, tmp_path / "whole").forecast(film)["burst"]
    taken = fit_all(*told, tmp_path / "run").forecast(film)["burst"]
    assert (tmp_path / "run" / "lstm_1" / "last.keras").stat().st_mtime_ns == trained
    np.testing.assert_array_equal(taken["LSTM"], expected["LSTM"])
