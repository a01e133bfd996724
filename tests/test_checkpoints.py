"""The rebuilt published networks against the published graphs, run as they are."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from moving_fish import film

from fishlib.models import PUBLISHED, load_network


@pytest.fixture(scope="module")
def clips():
    """float32 (6, 30, 120, 160, 4) of moving fish, some of them dim or still."""
    films = [film(120, seed=seed, n_fish=n) for seed, n in enumerate((6, 3, 9, 6))]
    films.append(films[0] // 2)
    films.append(np.repeat(films[1][:1], 120, axis=0))
    slices = np.stack(films).reshape(6, 30, 4, 120, 160)
    return np.moveaxis(slices, 2, -1).astype(np.float32) / 255


def _published_graph(folder, clips):
    """Outputs (B,) of the SavedModel, by TensorFlow 1's loader, one clip at a time."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        signature = loaded.signature_def["serving_default"]
        (given,), (made,) = signature.inputs.values(), signature.outputs.values()
        runs = [session.run(made.name, {given.name: clip[None]}) for clip in clips]
    return np.concatenate(runs).ravel()


def _logit(p):
    p = p.astype(np.float64)
    return np.log(p) - np.log1p(-p)


@pytest.mark.parametrize("name", PUBLISHED)
def test_outputs_and_logits_equal_the_published_graph(name, clips, published):
    published.fetch(f"{PUBLISHED[name]}/variables/variables.data-00000-of-00001")
    published.fetch(f"{PUBLISHED[name]}/variables/variables.index")
    folder = published.fetch(f"{PUBLISHED[name]}/saved_model.pb").parent
    expected = _published_graph(folder, clips)
    ours = load_network(name).predict(clips, batch_size=2, verbose=0).ravel()
    assert np.ptp(_logit(expected)) > 1  # the clips reach different outputs
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(_logit(ours), _logit(expected), rtol=0, atol=2e-5)


def test_the_hard_sigmoid_of_keras_3_would_be_noticed(clips, published):
    model = load_network("upbeat-snowflake-91")
    right = np.asarray(model(clips[:2]))
    model.layers[0].cell.recurrent_activation = keras.activations.hard_sigmoid
    assert np.abs(np.asarray(model(clips[:2])) - right).max() > 1e-3


def test_unknown_name_is_refused():
    with pytest.raises(FileNotFoundError, match="upbeat-snowflake-91, visionary-serenity"):
        load_network("upbeat")


def test_missing_files_are_reported(tmp_path, monkeypatch):
    from fishlib.published import PublishedUnavailable

    monkeypatch.setitem(os.environ, "FISHLIB_PUBLISHED", str(tmp_path))
    with pytest.raises(PublishedUnavailable):
        load_network("visionary-serenity")
