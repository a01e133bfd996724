"""The animals of a recording: where they are, and what that says about them."""

from fishlib.animals.features import Swimming
from fishlib.animals.places import Places, find_places, places_of, true_places
from fishlib.animals.tracks import places_from, read_tracks

__all__ = [
    "Places",
    "Swimming",
    "find_places",
    "places_from",
    "places_of",
    "read_tracks",
    "true_places",
]
