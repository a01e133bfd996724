"""Forecasters learned from the past of the motion: logistic regression and boosting."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from fishlib.forecasters import frames_asked, pieces_of, rate_of, stretches_of
from fishlib.forecasters.rules import published_baseline, time_since_burst
from fishlib.motion import behind
from fishlib.spans import USUAL_FPS, WINDOWS, frames_in, lags

KINDS = {"logistic": ("logistic",), "boosting": ("boosting",), "both": ("logistic", "boosting")}
"""Kinds of forecaster, and the classifiers whose log-odds each averages."""


def motion_features(
    motion: np.ndarray, at: slice | np.ndarray | None = None, fps: float = USUAL_FPS
) -> np.ndarray:
    """What the past of the motion says at each frame.

    The last 119 values (newest first), and over nine windows of them the mean, minimum, maximum,
    standard deviation and the place of the last value between minimum and maximum; then the
    published baseline and the time since the last burst (at most 600 frames). So many frames at 30
    a second; in a film of another rate, the same moments and spans of time.

    Parameters
    ----------
    motion : float array (T,)
    at : slice or index array, optional
        Frames to describe; None takes all.
    fps : float
        Frames a second.

    Returns
    -------
    float64 array (n, 166)
        The row of frame t reads ``motion[t - 119 : t]``; it is NaN for the first 119 frames.
    """
    frames = np.arange(len(motion))[slice(None) if at is None else at]
    n_lags, longest = frames_in("lags", fps), frames_in(20.0, fps)
    past = behind(motion, n_lags)[frames][:, ::-1]  # newest first
    widths = (frames_in(window, fps) for window in WINDOWS)
    statistics = [_window_statistics(past[:, :width]) for width in widths]
    elapsed = np.nan_to_num(time_since_burst(motion, fps=fps), nan=longest)
    baseline = published_baseline(motion, frames_in("baseline", fps))
    elapsed = np.minimum(elapsed, longest) * USUAL_FPS / fps
    known = np.stack([baseline, elapsed], axis=1)[frames]
    features = np.concatenate([past[:, lags(fps) - 1], *statistics, known], axis=1)
    features[frames < n_lags] = np.nan
    return features


def _window_statistics(window: np.ndarray) -> np.ndarray:
    low, high = window.min(axis=1), window.max(axis=1)
    place = (window[:, 0] - low) / np.maximum(high - low, 1e-9)
    return np.stack([window.mean(axis=1), low, high, window.std(axis=1), place], axis=1)


@dataclass
class Regressions:
    """Classifiers that read the past of the motion, and the mean of their log-odds.

    Parameters
    ----------
    seed : int
        Of the boosting.
    kinds : tuple of str
        Of `KINDS`; the last one is what `forecast` answers.
    max_frames : int
        Of more labelled frames than these, about so many are used, evenly spread: neighbours are
        nearly copies of each other.
    """

    seed: int = 0
    kinds: tuple[str, ...] = tuple(KINDS)
    max_frames: int = 45_000
    classifiers: dict = field(default_factory=dict, repr=False)

    def fit(self, recording, question: np.ndarray, parts: dict, folder=None) -> "Regressions":
        """Learn from the labelled frames of the training part; see ``fishlib.forecasters``.

        Raises
        ------
        ValueError
            If there is no training part, or its labels hold one class only.
        """
        stretches, fps = stretches_of(recording, parts, "train"), rate_of(recording)
        n_lags = frames_in("lags", fps)
        asked = [np.flatnonzero(question[one][n_lags:] >= 0) + n_lags for one in stretches]
        every = max(1, round(sum(map(len, asked)) / self.max_frames))
        told = [(one, frames[::every]) for one, frames in zip(stretches, asked, strict=True)]
        label = np.concatenate([question[one][frames] for one, frames in told])
        if len(np.unique(label)) < 2:
            raise ValueError("The training labels hold one class only: nothing can be learned.")
        features = [motion_features(recording.motion[one], frames, fps) for one, frames in told]
        features = np.concatenate(features)
        wanted = {name for kind in self.kinds for name in KINDS[kind]}
        with threadpool_limits(1):  # boosting's threads slow each other down when cores are busy
            made = {name: make(self.seed) for name, make in _MAKERS.items() if name in wanted}
            self.classifiers = {name: one.fit(features, label) for name, one in made.items()}
        return self

    def forecast(self, recording, at: slice | np.ndarray | None = None) -> np.ndarray:
        """Probability at each frame, float64 (T,); see ``fishlib.forecasters``."""
        return self.forecasts(recording, at)[self.kinds[-1]]

    def forecasts(self, recording, at: slice | np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Forecast of each kind, float64 (T,)."""
        pieces, fps = pieces_of(recording), rate_of(recording)
        asked = np.zeros(len(recording.motion), bool)
        asked[frames_asked(recording, at)] = True
        odds = {name: np.full(len(asked), np.nan) for name in self.classifiers}
        for start, stop in zip(pieces.start, pieces.stop, strict=True):
            frames = np.flatnonzero(asked[start:stop])
            if frames.size:
                features = motion_features(recording.motion[start:stop], frames, fps)
                with threadpool_limits(1):
                    for name, one in self.classifiers.items():
                        sure = one.predict_proba(features)[:, 1]
                        odds[name][start + frames] = logit(np.clip(sure, 1e-6, 1 - 1e-6))
        return {
            kind: expit(np.mean([odds[name] for name in KINDS[kind]], axis=0))
            for kind in self.kinds
        }


_MAKERS = {
    "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "boosting": lambda seed: HistGradientBoostingClassifier(
        learning_rate=0.03, max_leaf_nodes=8, max_iter=250, min_samples_leaf=200,
        l2_regularization=10.0, max_features=0.3, random_state=seed,
    ),
}  # fmt: skip
