"""Whom a network of animals fears: what it says before an onset, shown in the picture."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.animals.places import places_of
from fishlib.evaluation.intervals import no_table
from fishlib.files import quietly
from fishlib.forecasters import frames_asked


@dataclass(frozen=True)
class Feared:
    """Whom a network of animals fears half a second before an event.

    Attributes
    ----------
    reason : str
        Why nothing of this is known; empty where it is.
    picture : uint8 array (H, W)
    places : float array (n, 2)
        Of the animals (x, y) in pixels of the picture; NaN where one is not seen.
    pair : int array (2,)
        The two rows of ``places`` from which the forecast comes.
    named : DataFrame
        From :meth:`fishlib.forecasters.animals.Animals.names_attackers`; empty with a reason for a
        film of which nobody knows who attacked.
    falls : DataFrame
        From :meth:`fishlib.forecasters.animals.Animals.falls`, of the alarm's question.
    """

    reason: str
    picture: np.ndarray | None = None
    places: np.ndarray | None = None
    pair: np.ndarray | None = None
    named: pd.DataFrame = field(default_factory=lambda: no_table("Nobody knows who attacked whom."))
    falls: pd.DataFrame = field(default_factory=lambda: no_table("No animals were asked."))


def whom_it_fears(
    folder: str | Path, recording, folds: list[dict], onsets: np.ndarray, alarm: np.ndarray
) -> Feared:
    """Ask the network of animals in a run folder before the first onset that its fold judges.

    Parameters
    ----------
    folder : path
        With ``network.keras`` below a folder "animals..." for each fold.
    recording : Recording
    folds : list of dict
        The network of the first was fitted without its ``test`` frames.
    onsets : int array (n,)
        Frames at which events begin.
    alarm : int8 array (T,)
        The alarm's question.
    """
    networks = sorted(Path(folder).glob("animals*/network.keras"))
    if not networks or not folds:
        return Feared("No network of animals was trained on this film.")
    before = np.asarray(onsets, int) - round(recording.fps / 2)
    before = before[np.isin(before, frames_asked(recording, folds[0]["test"]))]
    if not before.size:
        return Feared("No onset was judged before which the animals could be asked.")
    with quietly():  # loaded for nothing where there is no network
        from fishlib.forecasters.animals import Animals
    animals, places, t = Animals.load(networks[0]).on("alarm"), places_of(recording), before[0]
    (pair,) = animals.feared_pair(recording, before[:1])
    seen = recording.excerpt(t, t + 1)[0], np.stack([places.x[t], places.y[t]], axis=1), pair
    falls = animals.falls(recording, alarm, folds[0]["test"])
    if recording.truth is None:
        return Feared("", *seen, falls=falls)
    return Feared("", *seen, animals.names_attackers(recording, folds[0]["test"]), falls)
