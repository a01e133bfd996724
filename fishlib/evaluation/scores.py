"""Frame scores: how well a forecast tells burst frames from the others, frame by frame.

A label is int (T,): 1, 0, or -1 = not labelled. A forecast is float (T,), NaN where undefined.
Scores use the labelled frames on which every compared forecast is defined. A forecast whose
values all lie in [0, 1] is a probability; any other is a score, and only its order counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from fishlib.evaluation.intervals import Blocks, NothingToJudge, row_of, tidy

Forecasts = Mapping[object, np.ndarray]
"""Float arrays (T,) by what they are about: the forecaster's name, or several keys."""


def comparable_frames(label: np.ndarray, forecasts: Forecasts) -> np.ndarray:
    """Frames that are labelled and on which all forecasts are defined.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where the frame is not labelled.
    forecasts : mapping of name -> float array (T,)
        NaN where a forecast is not defined.

    Returns
    -------
    bool array (T,)

    Raises
    ------
    NothingToJudge
        If no frame is left, or one class only; ValueError as of :func:`require_aligned`.
    """
    require_aligned(label, forecasts)
    label = np.asarray(label)
    frames = (label >= 0) & np.isfinite(sum(np.asarray(p, float) for p in forecasts.values()))
    asked, names = label[frames], " and ".join(map(repr, forecasts))
    if not asked.size:
        raise NothingToJudge(
            f"No labelled frame has a forecast of {names}: the forecast is NaN, or the label -1, "
            "on every frame."
        )
    if asked.min() == asked.max():
        raise NothingToJudge(
            f"All {asked.size} frames on which {names} can be scored are labelled {asked[0]}: no "
            "score tells classes apart where there is one. Use a longer stretch of film."
        )
    return frames


def require_aligned(label: np.ndarray, forecasts: Forecasts) -> None:
    """Refuse what is no label of 1, 0 and -1, or no forecast of its length without infinities.

    Raises
    ------
    ValueError
        In one sentence that names the forecast; also if there is none.
    """
    label = np.asarray(label)
    if label.ndim != 1 or not np.isin(label, (-1, 0, 1)).all():
        raise ValueError(
            f"A label is one series of 1, 0 and -1 (not labelled), got shape {label.shape} with "
            f"values {np.unique(label)[:5].tolist()}."
        )
    if not forecasts:
        raise ValueError("There is no forecast to score: give at least one.")
    for name, forecast in forecasts.items():
        forecast = np.asarray(forecast, dtype=float)
        if forecast.shape != label.shape:
            raise ValueError(
                f"The forecast {name!r} has shape {forecast.shape} and the label {label.shape}: "
                "align both to the frame index, with NaN where the forecast is not defined."
            )
        if np.isinf(forecast).any():
            raise ValueError(f"The forecast {name!r} holds infinite values: use NaN or a number.")


def is_probability(forecast: np.ndarray) -> bool:
    """Whether all defined values lie in [0, 1]."""
    defined = forecast[np.isfinite(forecast)]
    return bool(defined.size and defined.min() >= 0 and defined.max() <= 1)


def frame_losses(label: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared error and log-loss (in nats) of each frame.

    Probabilities of 0 and 1 are moved by the machine epsilon (2e-16), as scikit-learn does, so
    that a certain and wrong forecast costs 36 nats and not infinity.

    Parameters
    ----------
    label : int array (n,)
        1 or 0.
    probability : float array (n,)

    Returns
    -------
    tuple of float arrays (n,)
    """
    tiny = np.finfo(float).eps
    p = np.clip(probability, tiny, 1 - tiny)
    return (probability - label) ** 2, -np.where(label == 1, np.log(p), np.log1p(-p))


def confusion_rates(label: np.ndarray, forecast: np.ndarray, threshold: float) -> dict[str, float]:
    """Accuracy, Youden's J and error rates of calling ``forecast >= threshold`` positive.

    Parameters
    ----------
    label : int array (n,)
        1 or 0, both present.
    forecast : float array (n,)
    threshold : float

    Returns
    -------
    dict
        ``threshold``, ``accuracy``, ``youden`` = TPR - FPR, ``tpr``, ``fpr``.
    """
    rates = _call_rates(label, forecast, threshold, Blocks.one(np.arange(len(label))))
    return {"threshold": threshold} | {rate: float(of[0]) for rate, of in rates.items()}


def _call_rates(
    y: np.ndarray, p: np.ndarray, threshold: float, blocks: Blocks
) -> dict[str, np.ndarray]:
    called = (p >= threshold).astype(float)
    tpr, fpr = blocks.mean(called, y), blocks.mean(called, 1 - y)
    return {"accuracy": blocks.mean(called == y), "youden": tpr - fpr, "tpr": tpr, "fpr": fpr}


def choose_thresholds(label: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    """Thresholds of highest accuracy and highest Youden's J, to be chosen on validation frames.

    Every value of the forecast is tried, and one above them all, which calls nothing; of equally
    good ones the highest is taken. A frame is called if its forecast is at least the threshold.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecast : float array (T,)
        NaN where not defined.

    Returns
    -------
    dict
        Keys ``max_accuracy`` and ``max_youden``.

    Raises
    ------
    NothingToJudge
        If the frames that can be used are none or of one class.
    """
    from sklearn.metrics import roc_curve  # loads slowly

    frames = comparable_frames(label, {"to threshold": forecast})
    label, forecast = np.asarray(label)[frames], np.asarray(forecast, float)[frames]
    fpr, tpr, thresholds = roc_curve(label, forecast, drop_intermediate=False)
    thresholds[0] = np.nextafter(np.max(forecast), np.inf)
    share = np.mean(label)
    accuracy = tpr * share + (1 - fpr) * (1 - share)
    return {
        "max_accuracy": float(thresholds[np.argmax(accuracy)]),
        "max_youden": float(thresholds[np.argmax(tpr - fpr)]),
    }


@dataclass(frozen=True)
class Calibration:
    """A Platt calibration: ``expit(intercept + slope * x)``.

    x is the log-odds of a forecast that was a probability when the calibration was fitted, and
    (forecast - centre) / scale of any other score. Strictly monotone, so the order of the
    forecasts, and with it AUC and average precision, stays as it is; a slope below 0, met only
    when the forecast is worse than chance on the frames of the fit, turns the order around.
    """

    slope: float
    intercept: float
    of_probability: bool
    centre: float = 0.0
    scale: float = 1.0

    def __call__(self, forecast: np.ndarray) -> np.ndarray:
        """Probability of each frame, float64 (T,), NaN where the forecast is."""
        forecast = np.asarray(forecast, dtype=float)
        x = log_odds(forecast) if self.of_probability else (forecast - self.centre) / self.scale
        return expit(self.intercept + self.slope * x)


def calibrate(label: np.ndarray, forecast: np.ndarray) -> Calibration:
    """Fit a Platt calibration on validation frames, to be applied to test frames.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecast : float array (T,)
        A probability or any score, NaN where not defined.

    Returns
    -------
    Calibration
        Callable: ``calibrate(label_val, p_val)(p_test)``.

    Raises
    ------
    ValueError
        If the frames that can be used hold one class only.
    """
    from sklearn.linear_model import LogisticRegression  # loads slowly

    frames = comparable_frames(label, {"to calibrate": forecast})
    x = np.asarray(forecast, dtype=float)[frames]
    of_probability = is_probability(x)
    centre, scale = (0.0, 1.0) if of_probability else (float(x.mean()), float(x.std()) or 1.0)
    x = log_odds(x) if of_probability else (x - centre) / scale
    fit = LogisticRegression(C=1e6).fit(x[:, None], np.asarray(label)[frames])
    return Calibration(
        float(fit.coef_[0, 0]), float(fit.intercept_[0]), of_probability, centre, scale
    )


def log_odds(probability: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), of p kept within 1e-6 of 0 and 1, so that it stays finite."""
    return logit(np.clip(np.asarray(probability, dtype=float), 1e-6, 1 - 1e-6))


def corp_decomposition(label: np.ndarray, forecast: np.ndarray) -> dict[str, float]:
    """The Brier score as miscalibration - discrimination + uncertainty (CORP).

    The forecast is recalibrated on the same frames by isotonic regression; miscalibration is what
    that gains over the forecast, discrimination what it gains over the share of positives, and
    uncertainty the Brier score of that share. Source: Dimitriadis, Gneiting and Jordan, PNAS 118
    (2021) e2016191118.

    Parameters
    ----------
    label : int array (n,)
        1 or 0.
    forecast : float array (n,)
        Without gaps. Miscalibration is NaN if it is not a probability.
    """
    uncertainty = float(np.var(label))
    recalibrated = np.mean((_recalibrate(label, forecast) - label) ** 2)
    brier = np.mean((forecast - label) ** 2) if is_probability(forecast) else np.nan
    return {
        "miscalibration": float(brier - recalibrated),
        "discrimination": float(uncertainty - recalibrated),
        "uncertainty": uncertainty,
    }


def reliability_curve(
    label: np.ndarray, forecast: np.ndarray, blocks: Blocks | None = None
) -> pd.DataFrame:
    """The CORP reliability diagram as a table: one row a bin found by isotonic regression.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecast : float array (T,)
        NaN where not defined.
    blocks : Blocks, optional
        For the intervals of the frequencies.

    Returns
    -------
    DataFrame
        ``frequency`` of positives with ``low``, ``high`` and ``blocks``, ``forecast`` (mean),
        ``lowest`` and ``highest`` forecast, and number of ``frames``; in rising order.
    """
    frames = np.flatnonzero(comparable_frames(label, {"to calibrate": forecast}))
    blocks = blocks or Blocks.one(frames)
    y, p = (np.asarray(one, float)[blocks.frames] for one in (label, forecast))
    frequency = _recalibrate(y, p)
    rows = []
    for level in np.unique(frequency):
        inside = frequency == level
        estimate = blocks.only(inside).mean(y[inside])
        of_bin = (p[inside].mean(), p[inside].min(), p[inside].max(), int(inside.sum()))
        rows.append((*row_of(estimate, True), *of_bin))
    columns = ["frequency", "low", "high", "blocks", "forecast", "lowest", "highest", "frames"]
    return tidy(rows, columns)


def _recalibrate(label: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    from sklearn.isotonic import IsotonicRegression  # loads slowly

    return IsotonicRegression().fit_transform(forecast, label)


def score_forecast(label: np.ndarray, forecast: np.ndarray, **chosen) -> dict[str, float]:
    """All frame scores of one forecast, without intervals.

    Parameters
    ----------
    label : int array (T,)
        1, 0, or -1 where not labelled.
    forecast : float array (T,)
        A probability, or any score of which more means a burst; NaN where not defined.
    **chosen
        As for :func:`estimate_scores`.

    Returns
    -------
    dict of float
        Keys as of :func:`estimate_scores`.

    Raises
    ------
    ValueError
        If lengths differ, no frame is both labelled and forecast, or they hold one class only.
    """
    frames = np.flatnonzero(comparable_frames(label, {"to score": forecast}))
    estimates = estimate_scores(label, forecast, Blocks.one(frames), **chosen)
    return {score: float(np.atleast_1d(estimate)[0]) for score, estimate in estimates.items()}


def _at(value: float | np.ndarray, blocks: Blocks) -> float | np.ndarray:
    """What is one number, or one for each frame of the series, at the judged frames."""
    return value[blocks.frames] if np.ndim(value) else value


def estimate_scores(
    label: np.ndarray,
    forecast: np.ndarray,
    blocks: Blocks,
    *,
    base_rate: float | np.ndarray | None = None,
    thresholds: Mapping[str, float | np.ndarray] | None = None,
    calibrated: np.ndarray | None = None,
) -> dict[str, np.ndarray | float]:
    """All frame scores of one forecast on the judged frames, as estimates.

    Parameters
    ----------
    label, forecast : arrays (T,)
        Label 1 or 0 and forecast finite on the judged frames, both classes present.
    blocks : Blocks
    base_rate : float or array (T,), optional
        Share of positive training frames, the constant forecast of the Brier skill
        1 - Brier(forecast) / Brier(base rate); None takes the share of the judged frames.
    thresholds : mapping of rule -> float or array (T,), optional
        Chosen elsewhere, by :func:`choose_thresholds` on validation; with folds one a frame.
    calibrated : float array (T,), optional
        The forecast made a probability, by a calibration fitted on validation.

    Returns
    -------
    dict of estimate or float
        ``frames``, ``positives``, ``always_no_accuracy``; ``auc`` (pairs within a film and fold,
        and where there are several ``auc_pooled``), ``average_precision``; ``brier``,
        ``brier_skill``, ``log_loss`` and ``miscalibration`` (NaN unless all forecasts lie in
        [0, 1]), ``discrimination``, ``uncertainty``; ``max_accuracy`` and ``max_youden`` with
        ``_threshold``, ``_tpr`` and ``_fpr``, the best on *these* frames; for each given rule
        ``chosen_{rule}_threshold``, ``_accuracy``, ``_youden``, ``_tpr``, ``_fpr``; and of the
        calibrated forecast ``calibrated_brier``, ``_brier_skill``, ``_log_loss``. Those chosen on
        the judged frames are bare numbers, without an interval.
    """
    y, p = (np.asarray(one, float)[blocks.frames] for one in (label, forecast))
    share = float(y.mean())
    reference = blocks.mean(((share if base_rate is None else _at(base_rate, blocks)) - y) ** 2)
    scores = {"frames": y.size, "positives": int(y.sum()), "always_no_accuracy": 1 - share}
    scores["auc"] = blocks.auc(y, p)
    if len(np.unique(blocks.strata)) > 1:
        scores["auc_pooled"] = blocks.auc(y, p, np.zeros(len(y), int))
    scores["average_precision"] = blocks.ranked(y, p)[0]
    scores |= dict.fromkeys(("brier", "brier_skill", "log_loss"), float("nan"))
    issued = {"": p} if is_probability(p) else {}
    issued |= {} if calibrated is None else {"calibrated_": calibrated[blocks.frames]}
    for prefix, probability in issued.items():
        brier, log_loss = map(blocks.mean, frame_losses(y, probability))
        skill = 1 - brier / reference
        scores |= {f"{prefix}brier": brier, f"{prefix}brier_skill": skill}
        scores[f"{prefix}log_loss"] = log_loss
    scores |= corp_decomposition(y, p)
    for rule, threshold in choose_thresholds(y, p).items():
        rates = confusion_rates(y, p, threshold)
        scores[rule] = rates[rule.removeprefix("max_")]
        scores |= {f"{rule}_{key}": rates[key] for key in ("threshold", "tpr", "fpr")}
    for rule, threshold in (thresholds or {}).items():
        rates = _call_rates(y, p, _at(threshold, blocks), blocks)
        scores[f"chosen_{rule}_threshold"] = float(np.mean(_at(threshold, blocks)))
        scores |= {f"chosen_{rule}_{rate}": estimate for rate, estimate in rates.items()}
    return scores


BEST = "best of the motion"
"""Name of the rival that is chosen anew in each fold."""
RULES = ("max_accuracy", "max_youden")


@dataclass(eq=False)
class Choices:
    """All that is chosen on the validation part of each fold, for its test part.

    Parameters
    ----------
    forecasts : dict of name -> float array (T,)
        By which a frame is judged.
    question : int8 array (T,)
        1, 0, or -1 where a frame is not asked.
    folds : sequence of dict
        Frames of ``train``, ``validation`` and ``test``.
    rivals : names
    choosing : dict of name -> float array (T,)
        By which a fold is chosen: on the validation part of a fold the forecast of its models.
    """

    forecasts: Forecasts
    question: np.ndarray
    folds: Sequence[Mapping] | Mapping | None
    _: KW_ONLY
    rivals: Sequence[str] = ()
    choosing: Forecasts | None = None

    def _add_best(self) -> None:
        """With folds, the best rival of each as one forecast more."""
        if len(self.folds) > 1 and len(self.rivals) > 1:
            best = [self._best_of(fold) for fold in self.folds]
            if None not in best:
                for told, part in ((self.forecasts, "test"), (self.choosing, "validation")):
                    told[BEST] = self._join([told[name] for name in best], part)

    def _join(self, of_folds: Sequence, part: str = "test") -> float | np.ndarray:
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
        asked = [self.question[fold.get("train", slice(0))] for fold in self.folds]
        known = [one[one >= 0] for one in asked]
        if not known or not all(one.size for one in known):
            return None
        return self._join([float(one.mean()) for one in known])

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
    def chosen(self) -> dict[str, dict[str, float | np.ndarray]]:
        """Thresholds by rule of forecasts that every validation part can judge; with folds (T,)."""
        return {
            name: {rule: self._join([of[name][0][rule] for of in self._learned]) for rule in RULES}
            for name in self.forecasts
            if self.folds and all(name in of for of in self._learned)
        }

    @cached_property
    def calibrated(self) -> dict[str, np.ndarray]:
        """The same forecasts, made probabilities on the test part."""
        made = {name: np.full(len(self.question), np.nan) for name in self.chosen}
        for fold, of in zip(self.folds, self._learned, strict=True):
            for name, joined in made.items():
                joined[fold["test"]] = of[name][1](self.forecasts[name][fold["test"]])
        return made

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
        """The rival of lowest log-loss on validation, with folds :data:`BEST`; where nothing is
        chosen the last; None without rivals to choose from."""
        if not self.rivals or not self.folds:
            return None
        if len(self.rivals) == 1 or "validation" not in self.folds[0]:
            return self.rivals[-1]
        if len(self.folds) > 1:
            return BEST if BEST in self.forecasts else None
        return self._best_of(self.folds[0])
