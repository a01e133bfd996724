"""Forecasters learned from the history of the motion proxy: logistic regression and boosting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from fishlib.forecasters.rules import published_baseline, time_since_burst

N_LAGS = 119
"""Past values of the motion proxy known to a clip of 120 frames."""
WINDOWS = (3, 5, 10, 20, 30, 45, 60, 90, 119)
KINDS = {"logistic": "logistic", "boosting": "boosting", "both": "logistic + boosting"}
"""Kinds of forecaster, and how they are named in tables."""


def history_features(motion: np.ndarray, at: slice | np.ndarray | None = None) -> np.ndarray:
    """What the past of the motion proxy says at each frame.

    The last 119 values (newest first), and over nine windows of them the mean, minimum, maximum,
    standard deviation and the place of the last value between minimum and maximum; then the
    published baseline and the time since the last burst (at most 600 frames).

    Parameters
    ----------
    motion : float array (T,)
        Motion proxy.
    at : slice or index array, optional
        Frames to describe; None takes all.

    Returns
    -------
    float64 array (n, 166)
        The row of frame t reads ``motion[t - 119 : t]``; it is NaN for the first 119 frames.

    Raises
    ------
    ValueError
        If the series is shorter than 120 frames.
    """
    motion = np.asarray(motion, float)
    if len(motion) <= N_LAGS:
        raise ValueError(f"{len(motion)} frames hold no history of {N_LAGS}: use a longer film.")
    frames = np.arange(len(motion))[slice(None) if at is None else at]
    told = frames >= N_LAGS
    reach = np.lib.stride_tricks.sliding_window_view(motion, N_LAGS)
    windows = reach[frames[told] - N_LAGS][:, ::-1]  # (n, 119), newest first
    statistics = [_window_statistics(windows[:, :width]) for width in WINDOWS]
    elapsed = np.minimum(np.nan_to_num(time_since_burst(motion), nan=600), 600)
    known = np.stack([published_baseline(motion), elapsed], axis=1)[frames[told]]
    features = np.full((len(frames), N_LAGS + 5 * len(WINDOWS) + 2), np.nan)
    features[told] = np.concatenate([windows, *statistics, known], axis=1)
    return features


def _window_statistics(window: np.ndarray) -> np.ndarray:
    low, high = window.min(axis=1), window.max(axis=1)
    place = (window[:, 0] - low) / np.maximum(high - low, 1e-9)
    return np.stack([window.mean(axis=1), low, high, window.std(axis=1), place], axis=1)


@dataclass(frozen=True)
class HistoryForecaster:
    """A fitted forecaster: one or two classifiers whose log-odds are averaged."""

    classifiers: tuple

    def forecast(self, motion: np.ndarray, at: slice | np.ndarray | None = None) -> np.ndarray:
        """Probability of a positive label at each frame.

        Parameters
        ----------
        motion : float array (T,)
        at : slice or index array, optional
            Frames to forecast; None takes all.

        Returns
        -------
        float64 array (T,)
            NaN without history, and at frames not asked for.
        """
        frames = np.arange(len(motion))[slice(None) if at is None else at]
        frames = frames[frames >= N_LAGS]
        forecast = np.full(len(motion), np.nan)
        if len(frames):
            known = history_features(motion, frames)
            with threadpool_limits(1):
                odds = [logit(_clip(c.predict_proba(known)[:, 1])) for c in self.classifiers]
            forecast[frames] = expit(np.mean(odds, axis=0))
        return forecast


def fit_history_forecaster(
    motions: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    kind: str = "logistic",
    seed: int = 0,
    max_frames: int = 45_000,
) -> HistoryForecaster:
    """Fit a forecaster on one or more series.

    Parameters
    ----------
    motions, labels : sequences of arrays (T,)
        Motion proxies and labels of the training films; label -1 leaves a frame out.
    kind : {"logistic", "boosting", "both"}
        Logistic regression, histogram gradient boosting, or the mean of their log-odds.
    seed : int
        Seed of the boosting.
    max_frames : int
        Of more labelled frames than these, about so many are used, evenly spread: neighbours are
        nearly copies of each other.

    Returns
    -------
    HistoryForecaster

    Raises
    ------
    ValueError
        If ``kind`` is unknown or the labels hold one class only.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}, got {kind!r}.")
    asked = [np.flatnonzero(label[N_LAGS:] >= 0) + N_LAGS for label in labels]
    every = max(1, round(sum(map(len, asked)) / max_frames))
    asked = [frames[::every] for frames in asked]
    label = np.concatenate([label[frames] for label, frames in zip(labels, asked, strict=True)])
    if len(np.unique(label)) < 2:
        raise ValueError("The training labels hold one class only: nothing can be learned.")
    told = zip(motions, asked, strict=True)
    features = np.concatenate([history_features(motion, frames) for motion, frames in told])
    made = {"logistic": [_logistic], "boosting": [_boosting], "both": [_logistic, _boosting]}[kind]
    with threadpool_limits(1):  # boosting's threads slow each other down when cores are busy
        fitted = tuple(make(seed).fit(features, label) for make in made)
    return HistoryForecaster(fitted)


def fit_history_forecasters(
    motions: Sequence[np.ndarray], labels: Sequence[np.ndarray], **options
) -> dict[str, HistoryForecaster]:
    """All kinds of :func:`fit_history_forecaster` at the cost of one fit each.

    Returns
    -------
    dict of name -> HistoryForecaster
        Keys as the values of :data:`KINDS`.
    """
    both = fit_history_forecaster(motions, labels, "both", **options)
    single = {
        kind: HistoryForecaster((one,)) for kind, one in zip(KINDS, both.classifiers, strict=False)
    }
    return {name: single.get(kind, both) for kind, name in KINDS.items()}


def _logistic(seed: int):
    return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))


def _boosting(seed: int):
    return HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_leaf_nodes=8,
        max_iter=250,
        min_samples_leaf=200,
        l2_regularization=10.0,
        max_features=0.3,
        random_state=seed,
    )


def _clip(probability: np.ndarray) -> np.ndarray:
    return np.clip(probability, 1e-6, 1 - 1e-6)
