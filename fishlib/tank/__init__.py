"""The simulated tank: a film made here, and the truth behind it, which no real film has."""

from fishlib import lazy_face

__getattr__, __dir__, __all__ = lazy_face(
    __name__,
    {
        "fish": "TankConfig Tracks calm_shoal simulate_tanks simulate_tracks",
        "oracle": "oracle_forecast oracle_of",
        "rendering": "Film render_blocks simulate_film",
    },
)
