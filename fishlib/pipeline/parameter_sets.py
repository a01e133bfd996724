"""Named sets of notebook parameters, for papermill and ``python -m fishlib run --set NAME``."""

QUICK = {
    "minutes": 8,
    "epochs": 2,
    "steps_per_epoch": 30,
    "lstm_epochs": 1,
    "n_resamples": 100,
    "n_shifts": 99,
    "oracle_frames": 40,
    "n_rollouts": 8,
    "overlay_seconds": 2,
}
"""Every step in small: to see that it runs, not what it finds."""

PAPER = {
    "network": "upbeat_snowflake",
    "rival": "",
    "n_slices": 30,
    "channels": 4,
    "height": 120,
    "width": 160,
    "learning_rate": 8e-5,
    "anneal": False,
    "batch_size": 4,
    "epochs": 4,
    "steps_per_epoch": 0,
    "flips": 4,
    "class_weighting": True,
}
"""The study's own sizes: hours an epoch on one GPU."""

SMALL_STUDY = PAPER | {
    "height": 30,
    "width": 40,
    "learning_rate": 1e-3,
    "batch_size": 16,
    "epochs": 3,
    "steps_per_epoch": 100,
    "lstm_epochs": 0,
    "overlay_seconds": 0,
}
"""The study's network and clips at a quarter of the resolution: the base of the sweeps."""

SWEEP = {
    "as-in-the-study": SMALL_STUDY,
    "no-flips": SMALL_STUDY | {"flips": 1},
    "no-class-weights": SMALL_STUDY | {"class_weighting": False},
    "single-channel": SMALL_STUDY | {"n_slices": 120, "channels": 1},
    "two-layers": SMALL_STUDY | {"network": "visionary_serenity"},
    "slow-learning": SMALL_STUDY | {"learning_rate": 1e-4},
    "fast-learning": SMALL_STUDY | {"learning_rate": 5e-3},
    "a-third-of-the-clips": SMALL_STUDY | {"steps_per_epoch": 33},
    "annealed": SMALL_STUDY | {"anneal": True},
}
"""One change each against the first: the ablations the study did not run."""

PARAMETER_SETS = {"default": {}, "quick": QUICK, "paper": PAPER, **SWEEP}
