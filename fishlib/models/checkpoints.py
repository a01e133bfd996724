"""The study's two published networks, as Keras 3 models.

The published SavedModels hold Keras 2 graphs. Only their weights are read here; the network is
rebuilt by :mod:`fishlib.models`. Gates are in the order i, f, c, o in both, so nothing is
transposed or reordered.
"""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fishlib.models import build_upbeat_snowflake, build_visionary_serenity
from fishlib.published import fetch

_PREFIX = "checkpoint_tc-augm-best-validation-retarget-"

FOLDERS = {
    "upbeat-snowflake-91": _PREFIX + "upbeat-snowflake-91",
    "visionary-serenity": _PREFIX + "no-regr-visionary-serenity",
}
"""Published folder of each network."""

_BUILDERS: dict[str, Callable[[], keras.Model]] = {
    "upbeat-snowflake-91": build_upbeat_snowflake,
    "visionary-serenity": build_visionary_serenity,
}

_KEYS = {  # in the order of the rebuilt model's weights
    "upbeat-snowflake-91": (
        "trainable_variables/0",
        "trainable_variables/1",
        "layer_with_weights-1/moving_mean",
        "layer_with_weights-1/moving_variance",
        "layer_with_weights-2/kernel",
        "layer_with_weights-2/bias",
    ),
    "visionary-serenity": (
        *(f"variables/{i}" for i in range(6)),
        "layer_with_weights-3/kernel",
        "layer_with_weights-3/bias",
    ),
}


def load_checkpoint(name: str) -> keras.Model:
    """One of the study's trained networks, ready for forecasts or for further training.

    Parameters
    ----------
    name : {"upbeat-snowflake-91", "visionary-serenity"}

    Returns
    -------
    keras.Model
        (B, 30, 120, 160, 4) in [0, 1] -> probability (B, 1), not compiled. Its outputs equal those
        of the published graph to 1e-6.

    Raises
    ------
    ValueError
        If no network of that name was published.
    fishlib.published.PublishedUnavailable
        If its files can be reached neither in a local mirror nor over the network.
    """
    if name not in FOLDERS:
        raise ValueError(f"No published network is named {name!r}; there are {', '.join(FOLDERS)}.")
    model = _BUILDERS[name]()
    model.set_weights(_read_weights(_fetch_variables(FOLDERS[name]), _KEYS[name]))
    return model


def _fetch_variables(folder: str) -> Path:
    """Path prefix of a checkpoint: both its files, fetched side by side."""
    index = fetch(f"{folder}/variables/variables.index")
    fetch(f"{folder}/variables/variables.data-00000-of-00001")
    return index.with_suffix("")


def _read_weights(prefix: Path, keys: tuple[str, ...]) -> list[np.ndarray]:
    reader = tf.train.load_checkpoint(str(prefix))
    return [reader.get_tensor(f"{key}/.ATTRIBUTES/VARIABLE_VALUE") for key in keys]
