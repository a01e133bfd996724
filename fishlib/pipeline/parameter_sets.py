"""Named sets of notebook parameters, for papermill and ``python -m fishlib run --set NAME``."""

QUICK = {
    "minutes": 8,
    "epochs": 2,
    "steps_per_epoch": 30,
    "lstm_epochs": 1,
    "paper_steps": 0,
    "n_resamples": 100,
    "n_shifts": 99,
    "oracle_frames": 40,
    "n_rollouts": 8,
    "overlay_seconds": 2,
}
"""Every step in small: to see that it runs, not what it finds."""

PAPER = {
    "network": "upbeat_snowflake",
    "n_slices": 30,
    "channels": 4,
    "height": 120,
    "learning_rate": 8e-5,
    "anneal": False,
    "batch_size": 4,
    "epochs": 4,
    "steps_per_epoch": 0,
    "flips": 4,
    "class_weighting": True,
    "learned_label": "bursts",
}
"""The study's own sizes and label: hours an epoch on one GPU."""

SMALL = {
    "height": 30,
    "epochs": 3,
    "steps_per_epoch": 100,
    "lstm_epochs": 0,
    "paper_steps": 0,
    "overlay_seconds": 0,
}
"""The default in small: half the resolution, three fifths of the steps. The base of the sweeps."""

PLAIN_FRAMES = SMALL | {"n_slices": 3, "channels": 4}
SWEEP = {
    "default-in-small": SMALL,
    "no-flips": SMALL | {"flips": 1},
    "class-weights": SMALL | {"class_weighting": True},
    "time-channels": PLAIN_FRAMES,
    "single-channel": SMALL | {"n_slices": 12, "channels": 1},
    "two-layers": PLAIN_FRAMES | {"network": "visionary_serenity"},
    "slow-learning": SMALL | {"learning_rate": 5e-4},
    "a-third-of-the-clips": SMALL | {"steps_per_epoch": 33},
}
"""One change each against the first: the ablations the study did not run."""

PARAMETER_SETS = {"default": {}, "quick": QUICK, "paper": PAPER, **SWEEP}
