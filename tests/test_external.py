"""Numbers that nobody here wrote: published results on small data of others.

Rain in Niamey, 2016, and its EMOS forecast (to four digits): Vogel, Knippertz, Gneiting, Fink, Klar
and Schlueter (2021), *Statistical forecasts for the occurrence of precipitation outperform global
models over northern tropical Africa*; as ``precip_Niamey_2016`` in the R package reliabilitydiag,
whose README gives the scores. Outcome of aneurysmal subarachnoid haemorrhage and two scores of it:
Turck et al. (2010), *A multiparameter panel method for outcome prediction following aneurysmal
subarachnoid hemorrhage*; as ``aSAH`` in the R package pROC.
"""

import numpy as np
import pytest

from fishlib.evaluation import score_forecast
from fishlib.evaluation.intervals import Blocks, interval

EMOS = """
    .4709 .4472 .4288 .5064 .4893 .5077 .4287 .4513 .4441 .4601 .5769 .7334 .4969 .4847
    .4410 .3277 .4860 .7120 .6158 .8802 .5422 .4472 .5249 .6032 .6319 .4665 .4269 .5075
    .5929 .4283 .5740 .5346 .4635 .6544 .5919 .4581 .4787 .5176 .6564 .7760 .7428 .5884
    .4814 .4572 .4306 .5673 .7346 .6830 .5567 .6253 .4456 .4583 .3282 .4738 .7842 .6264
    .5180 .5775 .9226 .5108 .4672 .4582 .2294 .4506 .4612 .5123 .5697 .4777 .4844 .4991
    .5621 .4812 .5821 .4452 .4528 .5669 .5583 .4441 .4582 .4557 .4903 .4836 .4938 .4852
    .4799 .3155 .4619 .4785 .4860 .4481 .3151 .1962
"""
RAIN = (
    "01101100101010011111101101010110010010111011111111000110111101111011010110100000010110110000"
)
POOR = (
    "000011010010110010111010000000001001101100000000011000100"
    "01010011101101111000110100000010000000000001111110001000"
)
WFNS = (
    "111132541252551252252111121211342145414255112411255212512"
    "22151125214524414121421232421451154221113125225552445111"
)
S100B = """
    0.13 0.14 0.10 0.04 0.13 0.10 0.47 0.16 0.18 0.10 0.12 0.10 0.44 0.71 0.04 0.08 0.49
    0.04 0.07 0.33 0.09 0.09 0.07 0.11 0.07 0.17 0.07 0.11 0.13 0.19 0.05 0.16 0.41 0.14
    0.34 0.35 0.48 0.09 0.96 0.25 0.50 0.46 0.16 0.07 0.43 0.45 0.11 0.08 0.09 0.86 0.52
    0.08 0.06 0.13 2.07 0.10 0.14 0.15 0.07 0.06 0.77 0.05 0.09 0.30 0.03 0.09 0.04 0.23
    0.70 0.09 0.27 0.71 0.08 0.26 0.08 0.16 0.09 0.13 0.10 0.08 0.11 0.33 0.11 0.28 0.07
    0.10 0.32 0.22 0.07 0.05 0.24 0.38 0.10 0.15 0.08 0.14 0.10 0.07 0.04 0.19 0.56 0.14
    0.58 0.32 0.82 0.74 0.15 0.47 0.17 0.44 0.15 0.50 0.48
"""
NDKA = """
    3.01 8.54 8.09 10.42 17.40 12.75 6.00 13.20 15.54 6.01 15.96 17.86 5.18 8.90 13.41 20.75
    11.60 16.11 32.37 54.82 32.41 49.94 40.34 9.47 6.29 12.53 6.54 6.30 80.30 12.80 9.80
    9.81 9.85 18.21 5.03 14.04 21.93 8.02 7.42 8.38 6.59 9.63 13.12 7.96 14.34 41.43 7.63
    7.06 12.59 13.56 3.87 9.44 7.66 12.98 419.19 27.19 22.27 9.95 21.22 11.73 10.40 58.83
    6.39 11.09 12.22 13.67 17.21 22.63 12.90 9.70 21.57 8.23 72.57 15.54 10.51 10.60 14.57
    5.19 9.63 4.61 21.48 17.30 12.71 9.44 11.07 19.46 10.83 5.37 11.97 7.75 9.83 10.55 28.49
    8.53 12.57 12.90 46.83 11.68 12.67 9.01 9.57 34.06 11.72 14.26 47.61 11.67 24.58 10.33
    13.87 15.89 22.43 6.79 13.45
"""


def digits(text):
    return np.array([int(digit) for digit in text])


def numbers(text):
    return np.array([float(word) for word in text.split()])


def test_reliability_of_rain_forecasts_equals_reliabilitydiag():
    scores = score_forecast(digits(RAIN), numbers(EMOS))
    expected = {"brier": 0.232, "miscalibration": 0.0183, "discrimination": 0.0305}
    expected["uncertainty"] = 0.244
    for score, value in expected.items():
        assert float(f"{scores[score]:.3g}") == value, score


def test_auc_of_medical_scores_equals_proc():
    """AUC to the last digit; differences with DeLong's interval, ours with blocks of one row."""
    y = digits(POOR)
    rows = np.arange(len(y))
    blocks = Blocks(rows, rows, np.zeros(len(y), int), len(y))
    wfns, s100b, ndka = (
        blocks.auc(y, score) for score in (digits(WFNS), numbers(S100B), numbers(NDKA))
    )
    assert wfns[0] == pytest.approx(0.823678861788618, abs=1e-15)
    assert ndka[0] == pytest.approx(0.611957994579946, abs=1e-15)
    assert interval(wfns - s100b) == pytest.approx((0.010, 0.174), abs=0.003)
    assert interval(wfns - ndka) == pytest.approx((0.063, 0.360), abs=0.003)
