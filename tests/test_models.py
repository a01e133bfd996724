"""The study's networks: sizes, what they compute, how they are saved and that they learn."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

import fishlib
from fishlib.models import (
    build_fast_snow,
    build_motion_lstm,
    build_upbeat_snowflake,
    build_visionary_serenity,
    old_hard_sigmoid,
)

PACKAGE = Path(fishlib.__file__).parent
SMALL = (5, 24, 32, 4)
VIDEO = (build_upbeat_snowflake, build_visionary_serenity, build_fast_snow)


def _clips(n=4, shape=SMALL, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((n, *shape)) * (rng.random((n, *shape)) < 0.2)).astype(np.float32)


def test_parameter_counts_as_published():
    assert build_upbeat_snowflake().count_params() == 11_569
    assert build_visionary_serenity().count_params() == 66_881


def test_old_hard_sigmoid_on_points_worked_by_hand():
    values = old_hard_sigmoid(np.array([-9.0, -2.5, -1.0, 0.0, 1.0, 2.5, 9.0]))
    np.testing.assert_allclose(values, [0, 0, 0.3, 0.5, 0.7, 1, 1])


def test_two_steps_of_the_study_s_convlstm_by_a_loop_over_pixels():
    layer = build_upbeat_snowflake((2, 5, 6, 4), filters=3).layers[0]
    x = np.random.default_rng(0).normal(size=(1, 2, 5, 6, 4)).astype(np.float32)
    kernel, recurrent = layer.get_weights()
    h, c = np.zeros((2, 3, 4, 3))
    for step in range(2):
        padded = np.pad(h, ((1, 1), (1, 1), (0, 0)))
        z = np.zeros((3, 4, 12))
        for row in range(3):
            for column in range(4):
                here = slice(row, row + 3), slice(column, column + 3)
                z[row, column] = np.tensordot(x[0, step][here], kernel, 3)
                z[row, column] += np.tensordot(padded[here], recurrent, 3)
        i, f, g, o = np.split(z, 4, -1)
        gate = lambda v: np.clip(0.2 * v + 0.5, 0, 1)  # noqa: E731
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
    np.testing.assert_allclose(layer(x)[0], h, atol=1e-6)


def test_nothing_private_of_another_library_is_imported():
    texts = {path.name: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert len(texts) > 30
    private = re.compile(r"keras\.src|tensorflow\.python|import _(?!_)")
    assert [name for name, text in texts.items() if private.search(text)] == []


def test_fast_snow_has_two_convlstms_of_twice_the_filters_and_three_dense_layers():
    layers = build_fast_snow().layers
    filters = [x.filters for x in layers if isinstance(x, keras.layers.ConvLSTM2D)]
    assert filters == [2 * 16, 2 * 32]
    assert sum(isinstance(layer, keras.layers.Dense) for layer in layers) == 3


@pytest.mark.parametrize("build", VIDEO)
def test_any_clip_size_and_a_probability_a_clip(build):
    for shape in (SMALL, (3, 17, 21, 1)):
        p = np.asarray(build(shape)(_clips(2, shape)))
        assert p.shape == (2, 1)
        assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize("build", VIDEO)
def test_saved_file_gives_the_same_outputs_in_safe_mode(build, tmp_path):
    model = build(SMALL)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(again(_clips()), model(_clips()))


@pytest.mark.parametrize("build", VIDEO)
def test_clips_too_small_are_refused(build):
    with pytest.raises(ValueError, match="at least"):
        build((5, 2, 32, 4))
    with pytest.raises(ValueError, match="four numbers"):
        build((24, 32, 4))


@pytest.mark.parametrize("build", VIDEO[:2])
def test_learns_to_tell_moving_from_still(build):
    keras.utils.set_random_seed(0)
    still = np.repeat(_clips(16)[:, :1], SMALL[0], axis=1)
    still[..., 1:] = still[..., :1]
    clips = np.concatenate([_clips(16, seed=1), still])
    labels = np.repeat([1.0, 0.0], 16)
    model = build(SMALL)
    model.compile(keras.optimizers.Adam(2e-2), "binary_crossentropy")
    history = model.fit(clips, labels, epochs=8, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]


def test_motion_lstm_reads_order_and_is_saved(tmp_path):
    model = build_motion_lstm(20, units=8)
    motion = np.random.default_rng(0).random((3, 20, 1)).astype(np.float32)
    p = np.asarray(model(motion))
    assert p.shape == (3, 1)
    assert np.abs(p - model(motion[:, ::-1])).min() > 1e-6
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(again(motion), p)
