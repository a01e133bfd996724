"""The fused ConvLSTM against the layer of Keras, in values, gradients, weights and files."""

import os
import platform
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from fishlib.models import convlstm
from fishlib.models.convlstm import FusedConvLSTM2D, old_hard_sigmoid

VARIANTS = {
    "study": {"use_bias": False, "recurrent_activation": old_hard_sigmoid},
    "sequences": {"return_sequences": True, "padding": "same"},
    "even kernel": {"kernel_size": 4, "padding": "same"},
    "strided": {"strides": 2, "recurrent_activation": "hard_sigmoid"},
    "dilated": {"dilation_rate": 2},
    "backwards": {"go_backwards": True, "activation": "relu"},
}


@pytest.fixture(autouse=True, params=["fused", "left to Keras"])
def way(request, monkeypatch):
    """Both ways through the cell, whatever TensorFlow computes with here."""
    monkeypatch.setattr(convlstm, "uses_onednn", lambda: True)
    monkeypatch.setattr(convlstm, "LARGE_GRID", 10**9 if request.param == "fused" else 1)


def _pair(dtype="float64", size=(11, 13), **arguments):
    arguments = {"filters": 5, "kernel_size": 3, "dtype": dtype, **arguments}
    layers = keras.layers.ConvLSTM2D(**arguments), FusedConvLSTM2D(**arguments)
    for layer in layers:
        layer.build((None, 6, *size, 4))
    layers[1].set_weights(layers[0].get_weights())
    return layers


def _clips(dtype="float64", size=(11, 13)):
    return tf.constant(np.random.default_rng(0).normal(size=(2, 6, *size, 4)), dtype)


def _gradients(layer, clips, training):
    with tf.GradientTape() as tape:
        tape.watch(clips)
        out = layer(clips, training=training)
        loss = tf.reduce_sum(tf.sin(out + tf.cast(tf.range(5), out.dtype)))
    return tape.gradient(loss, [clips, *layer.trainable_weights])


def test_old_hard_sigmoid_on_points_worked_by_hand():
    values = old_hard_sigmoid(np.array([-9.0, -2.5, -1.0, 0.0, 1.0, 2.5, 9.0]))
    np.testing.assert_allclose(values, [0, 0, 0.3, 0.5, 0.7, 1, 1])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("training", [False, True])
def test_outputs_equal_those_of_keras(variant, training):
    stock, fused = _pair(**VARIANTS[variant])
    expected = stock(_clips(), training=training)
    np.testing.assert_allclose(fused(_clips(), training=training), expected, rtol=0, atol=1e-12)
    assert fused.compute_output_shape((2, 6, 11, 13, 4)) == expected.shape


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("training", [False, True])
def test_gradients_equal_those_of_keras_in_float64(variant, training):
    stock, fused = _pair(**VARIANTS[variant])
    expected = _gradients(stock, _clips(), training)
    for ours, theirs in zip(_gradients(fused, _clips(), training), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_float32_gradients_stay_near_the_float64_ones():
    _, fused = _pair("float32", **VARIANTS["study"])
    reference, _ = _pair(**VARIANTS["study"])
    reference.set_weights([w.astype(np.float64) for w in fused.get_weights()])
    exact = _gradients(reference, _clips(), True)
    for ours, theirs in zip(_gradients(fused, _clips("float32"), True), exact, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_one_step_by_a_loop_over_pixels():
    _, fused = _pair(size=(5, 6), use_bias=True)
    x = _clips(size=(5, 6)).numpy()[:1, :1]
    kernel, _, bias = fused.get_weights()
    z = np.zeros((3, 4, 20)) + bias
    for row in range(3):
        for column in range(4):
            patch = x[0, 0, row : row + 3, column : column + 3]
            z[row, column] += np.tensordot(patch, kernel, 3)
    i, _, g, o = np.split(z, 4, -1)
    sigmoid = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
    expected = sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(g))
    np.testing.assert_allclose(fused(x)[0], expected, atol=1e-12)


def test_weights_go_both_ways():
    stock, fused = _pair(**VARIANTS["study"])
    fused.set_weights([w + 0.1 for w in fused.get_weights()])
    stock.set_weights(fused.get_weights())
    np.testing.assert_allclose(stock(_clips()), fused(_clips()), atol=1e-12)


@pytest.mark.parametrize("onednn", [True, False])
def test_the_step_is_fused_where_that_is_faster(onednn, monkeypatch):
    monkeypatch.setattr(convlstm, "LARGE_GRID", 64 * 64)
    monkeypatch.setattr(convlstm, "uses_onednn", lambda: onednn)
    cell = _pair()[1].cell
    assert cell.is_fused(15 * 20)
    assert cell.is_fused(118 * 158) is not onednn


@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN is TensorFlow's on x86 only")
@pytest.mark.parametrize(("choice", "said"), [("0", b"False"), ("1", b"True")])
def test_the_library_is_the_one_the_environment_chose(choice, said):
    code = "from fishlib.models.convlstm import uses_onednn; print(uses_onednn())"
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": choice}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert told.stdout.strip() == said


def test_dropout_is_left_to_keras():
    stock, fused = _pair(dropout=0.5, seed=1)
    assert not fused.cell.is_fused(15 * 20)
    np.testing.assert_allclose(fused(_clips()), stock(_clips()), atol=1e-12)


def test_saved_file_gives_the_same_outputs_in_safe_mode(tmp_path):
    clips = _clips("float32")
    model = keras.Sequential(
        [
            keras.Input((6, 11, 13, 4)),
            FusedConvLSTM2D(3, 3, return_sequences=True, **VARIANTS["study"]),
            FusedConvLSTM2D(4, (3, 5), padding="same", dtype="float32", name="second"),
        ]
    )
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert isinstance(again.layers[0], FusedConvLSTM2D)
    assert again.layers[0].recurrent_activation is old_hard_sigmoid
    np.testing.assert_array_equal(again(clips), model(clips))


def test_last_state_can_start_the_next_call():
    _, fused = _pair(return_state=True)
    clips = _clips()
    _, *state = fused(clips[:, :4])
    np.testing.assert_allclose(
        fused(clips[:, 4:], initial_state=state)[0], fused(clips)[0], atol=1e-12
    )
