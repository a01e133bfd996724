"""What is chosen before anything is judged: thresholds, calibration and the best rival, by fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fishlib.evaluation.scores import (
    Calibration,
    calibrate,
    choose_thresholds,
    frame_losses,
    is_probability,
)

BEST = "best of the motion"
"""Name of the rival that is chosen anew in each fold."""
RULES = ("max_accuracy", "max_youden")


@dataclass(frozen=True)
class Choices:
    """All that is chosen on the validation part of each fold, for its test part.

    Parameters
    ----------
    forecasts : dict of name -> float array (T,)
        By which a frame is judged.
    choosing : dict of name -> float array (T,)
        By which a fold is chosen: on the validation part of a fold the forecast of its models.
    question : int8 array (T,)
        1, 0, or -1 where a frame is not asked.
    folds : sequence of dict
        Frames of ``train``, ``validation`` and ``test``.
    rivals : names
    """

    forecasts: dict[str, np.ndarray]
    choosing: dict[str, np.ndarray]
    question: np.ndarray
    folds: Sequence[Mapping]
    rivals: tuple[str, ...] = ()

    def with_best(self) -> "Choices":
        """With folds, the best rival of each as one forecast more, in the same dicts."""
        if len(self.folds) > 1 and len(self.rivals) > 1:
            best = [self._best_of(fold) for fold in self.folds]
            if None not in best:
                for told, part in ((self.forecasts, "test"), (self.choosing, "validation")):
                    own = [told[name] for name in best]
                    told[BEST] = self.join(own, part)
        return self

    def join(self, of_folds: Sequence, part: str = "test") -> float | np.ndarray:
        """What each fold says, a number or (T,): the only one's, or (T,) on a part of each."""
        if len(of_folds) == 1:
            return of_folds[0]
        joined = np.full(len(self.question), np.nan)
        for fold, told in zip(self.folds, of_folds, strict=True):
            joined[fold[part]] = told[fold[part]] if np.ndim(told) else told
        return joined

    @cached_property
    def judging(self) -> np.ndarray:
        """Whether a frame is in the test part of a fold, bool (T,)."""
        found = np.zeros(len(self.question), bool)
        for fold in self.folds:
            found[fold["test"]] = True
        return found

    @cached_property
    def base_rate(self) -> float | np.ndarray | None:
        """Share of positive training frames, with folds (T,); None if in one none is labelled."""
        asked = [self.question[fold["train"]] for fold in self.folds if "train" in fold]
        known = [one[one >= 0] for one in asked]
        if not known or len(known) < len(self.folds) or not all(one.size for one in known):
            return None
        return self.join([float(one.mean()) for one in known])

    def _on_validation(self, fold: Mapping) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The question on a fold's validation part (n,), and what is forecast there."""
        frames = fold.get("validation", slice(0))
        return self.question[frames], {n: p[frames] for n, p in self.choosing.items()}

    @cached_property
    def _learned(self) -> list[dict[str, tuple[dict[str, float], Calibration]]]:
        """Thresholds and calibration of each fold, by forecast."""
        return [
            {
                name: (choose_thresholds(asked, p), calibrate(asked, p))
                for name, p in told.items()
                if len(np.unique(asked[np.isfinite(p) & (asked >= 0)])) == 2
            }
            for asked, told in map(self._on_validation, self.folds)
        ]

    @cached_property
    def thresholds(self) -> dict[str, dict[str, float | np.ndarray]]:
        """Those of the forecasts that can be judged on every validation part; with folds (T,)."""
        return {
            name: {rule: self.join([of[name][0][rule] for of in self._learned]) for rule in RULES}
            for name in self.forecasts
            if self.folds and all(name in of for of in self._learned)
        }

    @cached_property
    def calibrated(self) -> dict[str, np.ndarray]:
        """The same forecasts, made probabilities."""
        return {
            name: self.join([of[name][1](self.forecasts[name]) for of in self._learned])
            for name in self.thresholds
        }

    def _best_of(self, fold: Mapping) -> str | None:
        """The rival of lowest log-loss on a fold's validation part."""
        asked, told = self._on_validation(fold)
        known = {name: told[name] for name in self.rivals}
        frames = (asked >= 0) & np.isfinite(np.sum([*known.values()], axis=0))
        if not frames.any():
            return None
        both, losses = len(np.unique(asked[frames])) == 2, {}
        for name, p in known.items():
            if not is_probability(self.choosing[name]):
                p = calibrate(asked, p)(p) if both else None
            losses[name] = np.inf if p is None else frame_losses(asked[frames], p[frames])[1].mean()
        return min(losses, key=losses.get)

    @cached_property
    def best_rival(self) -> str | None:
        """The best on validation, with folds :data:`BEST`; where nothing is chosen the last."""
        if not self.rivals or not self.folds:
            return None
        if len(self.rivals) == 1 or "validation" not in self.folds[0]:
            return self.rivals[-1]
        if len(self.folds) > 1:
            return BEST if BEST in self.forecasts else None
        return self._best_of(self.folds[0])
