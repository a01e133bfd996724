"""Networks of strangers: what is loaded, what is refused, and what is said."""

import json
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from fishlib import models
from fishlib.clips import motion_channels, time_channels
from fishlib.facts import Facts, read_facts, remark_unseen, remarks, what_is_seen, write_facts
from fishlib.models import layout_of, load_network, moments_of, save_network
from fishlib.pipeline import check_inputs

FACTS = Facts(30.0, moments_of(time_channels(3, 2)), (8, 10))
SHAPE = (3, 8, 10, 2)


def network(clip=SHAPE, outputs=1, activation="sigmoid", layers=()):
    stack = [keras.Input(clip), *layers, keras.layers.Flatten()]
    return keras.Sequential([*stack, keras.layers.Dense(outputs, activation=activation)])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.keras"


def test_facts_come_back_and_can_be_added_to(path):
    facts = replace(FACTS, question={"name": "onset"}, class_weights={"0": 0.1, "1": 0.9}, seed=3)
    model = network()
    save_network(model, path, facts)
    assert read_facts(path).question == {"name": "onset"}
    write_facts(path, replace(read_facts(path), threshold=0.25, calibration={"slope": 1.5}))
    again = load_network(path)
    assert (again.facts.threshold, again.facts.calibration) == (0.25, {"slope": 1.5})
    assert again.facts.seed == 3 and again.facts.package.startswith("fishlib")
    clips = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    np.testing.assert_array_equal(again(clips), model(clips))


def test_moments_are_seconds_whatever_the_rate(path):
    layout = motion_channels()
    save_network(network((3, 8, 10, 3)), path, Facts(30.0, moments_of(layout), (8, 10), layout.mix))
    loaded = load_network(path)
    assert layout_of(loaded) == layout
    assert layout_of(loaded, 15.0) == layout.at_rate(15.0)
    assert layout_of(loaded, 15.0).offsets == ((-10, -9, -8), (-6, -5, -4), (-2, -1, 0))
    assert layout_of(loaded, 60.0).offsets[0] == (-40, -34, -32)


def test_facts_can_be_given_beside_a_network(path, tmp_path):
    network().save(path)
    said = r'carries no facts.*facts = "net\.json".*net\.json for net.*"moments"'
    with pytest.raises(ValueError, match=said):
        load_network(path)
    told = tmp_path / "net.json"
    told.write_text(json.dumps({"fps": 30, "moments": FACTS.moments, "size": [8, 10]}))
    assert load_network(path, told).facts.size == load_network(path).facts.size == (8, 10)
    told.write_text(json.dumps({"fps": 30, "size": [8, 10]}))
    with pytest.raises(ValueError, match=r"net.json cannot be read.*moments"):
        load_network(path, told)


def test_a_run_takes_the_facts_of_a_network_by_their_parameter(path, tmp_path):
    network().save(path)
    told = tmp_path / "told.json"
    with pytest.raises(ValueError, match="carries no facts"):
        check_inputs({"model": str(path)})
    told.write_text(json.dumps({"fps": 30, "moments": FACTS.moments, "size": [8, 10]}))
    check_inputs({"model": str(path), "facts": str(told)})
    told.write_text("{}")
    with pytest.raises(ValueError, match=r"told\.json cannot be read"):
        check_inputs({"model": str(path), "facts": str(told)})


UNFIT = {"fps": float("nan"), "moments": [], "threshold": "high", "question": "burst"}


@pytest.mark.parametrize("name", UNFIT)
def test_facts_that_cannot_be_are_refused(path, name):
    network().save(path)
    told = {"fps": 30, "moments": FACTS.moments, "size": [8, 10], name: UNFIT[name]}
    path.with_suffix(".json").write_text(json.dumps(told))
    with pytest.raises(ValueError, match=r"net.json cannot be read"):
        load_network(path)


REFUSED = {
    "ten numbers": keras.Sequential([keras.Input((10,)), keras.layers.Dense(1, "sigmoid")]),
    "three outputs": network(outputs=3),
    "no sigmoid": network(activation="linear"),
    "another size": network((3, 9, 10, 2)),
    "no fixed size": keras.Sequential(
        [keras.Input((3, None, None, 2)), keras.layers.GlobalMaxPooling3D(),
         keras.layers.Dense(1, "sigmoid")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_for_clips_is_refused(path, name):
    save_network(REFUSED[name], path, FACTS)
    with pytest.raises(ValueError, match="is no network for clips: by its facts it reads"):
        load_network(path)


def test_layers_that_run_code_or_read_files_are_refused_unbuilt(path, monkeypatch):
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("was built"))
    inner = keras.Sequential([keras.layers.Lambda(lambda x: x + 1)])
    save_network(network(layers=[inner]), path, FACTS)
    with pytest.raises(ValueError, match="holds a layer Lambda, which runs code or reads files"):
        load_network(path)


def test_files_that_are_no_networks_are_told_apart(tmp_path):
    text = tmp_path / "text.keras"
    text.write_text("no network")
    with pytest.raises(ValueError, match="no zip archive"):
        load_network(text)
    network().save(tmp_path / "net.h5")
    with pytest.raises(ValueError, match=r"no .keras file"):
        load_network(tmp_path / "net.h5")
    with pytest.raises(FileNotFoundError, match=r"no network .*upbeat-snowflake-91"):
        load_network(tmp_path / "nowhere.keras")
    np.savez(tmp_path / "arrays.npz", a=1)
    (tmp_path / "arrays.npz").rename(tmp_path / "arrays.keras")
    with pytest.raises(ValueError, match="holds no Keras network"):
        load_network(tmp_path / "arrays.keras")


def test_a_network_cut_short_is_refused(path):
    save_network(network(), path, FACTS)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match="no zip archive"):
        load_network(path)


def test_published_networks_have_their_facts_in_the_package():
    for facts in models.PUBLISHED_FACTS.values():
        assert layout_of(SimpleNamespace(facts=facts)) == time_channels()
        assert facts.question["min_range"] == 1e-3 and not facts.weights_taken_out


def film(size, motion, fps=30.0, light=200):
    frames = np.zeros((60, 40, 50), np.uint8)
    frames[:, 5 : 5 + size, 5:10] = frames[:, 20 : 20 + size, 30:35] = light
    return SimpleNamespace(frames=frames, motion=np.linspace(motion, 2 * motion, 60), fps=fps)


def test_a_film_unlike_those_of_the_training_is_one_remark_with_numbers():
    seen = what_is_seen(film(4, 1e-3))
    assert seen["animal"] == [20 / 2000] * 3  # two animals of 4 x 5 pixels
    assert seen["light"] == [200] * 3
    facts = replace(FACTS, data=seen)
    assert remark_unseen(facts, film(4, 1e-3, 29.97)) == []
    (remark,) = remark_unseen(facts, film(8, 5e-3, 25.0, 90))
    for said in ("motion 0.0075 (0.00105 to 0.00195", "animal 0.02 (0.01", "light 90", "rate 25"):
        assert said in remark
    assert remark_unseen(FACTS, film(4, 1e-3)) == []  # nothing is known
    one, other = SimpleNamespace(facts=facts), SimpleNamespace(facts=FACTS)
    known = {("ConvLSTM", "onset"): one, ("ConvLSTM", "burst"): one, ("CNN", "onset"): other}
    known["LSTM", "onset"] = SimpleNamespace()
    fitted = SimpleNamespace(forecasters=known)
    assert remarks(fitted, film(8, 5e-3, 25.0, 90)) == [f"ConvLSTM: {remark}"]


def test_facts_are_replaced_not_doubled(path):
    network().save(path)
    write_facts(path, FACTS)
    write_facts(path, replace(FACTS, seed=1))
    assert read_facts(path).seed == 1
