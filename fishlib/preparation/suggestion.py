"""Which preparation a film calls for, from what was measured on it, and why."""

import numpy as np


def choose_settings(measures: dict[str, float]) -> dict:
    """Settings of `Preparation` that the measures of a film (`measure_film`) call for."""
    lit = measures["ground"] > 25
    dark = measures["darker"] > measures["brighter"]
    unsteady = measures["flicker"] > 0.3 or measures["drift"] > 2
    subtract = lit or dark or measures["wrong_side"] > 1
    noise = max(measures["wrong_side"], measures["noise"])
    return {
        "background": bool(subtract),
        "polarity": "dark" if dark else "bright",
        "normalise": bool(lit and unsteady),
        "noise_floor": int(np.ceil(noise)) if subtract or noise > 1 else 0,
    }


def explain_preparation(measures: dict[str, float]) -> dict[str, str]:
    """Say in one sentence for each setting why it is suggested."""
    chosen = choose_settings(measures)
    m = measures
    side = "darker" if chosen["polarity"] == "dark" else "brighter"
    return {
        "background": f"{chosen['background']}: the ground has {m['ground']:.0f} grey levels and "
        f"wavers by {m['wrong_side']:.1f} (above 25 or 1, or under dark animals, it is subtracted)",
        "polarity": f"{chosen['polarity']}: what stands out most is {side} than the ground "
        f"({m['darker']:.0f} levels darker, {m['brighter']:.0f} brighter)",
        "normalise": f"{chosen['normalise']}: brightness flickers by {m['flicker']:.2f} grey "
        f"levels from frame to frame and drifts by {m['drift']:.2f} over the film "
        "(above 0.3 or 2 on a lit ground it is evened out)",
        "noise_floor": f"{chosen['noise_floor']}: noise reaches {m['wrong_side']:.1f} grey levels "
        f"on the side where no animal is, and {m['noise']:.1f} from frame to frame",
    }


def check_contrast(measures: dict[str, float], source: object) -> None:
    """Raise ValueError if nothing stands out from the ground by three times the noise."""
    contrast = max(measures["darker"], measures["brighter"])
    noise = max(measures["noise"], 1.0)
    if contrast < 3 * noise:
        raise ValueError(
            f"nothing moves in {source}: what stands out most from the still ground does so by "
            f"{contrast:.1f} grey levels, under three times the noise of {noise:.1f}. Use a film "
            "in which animals move, or choose the settings of its preparation by hand."
        )
