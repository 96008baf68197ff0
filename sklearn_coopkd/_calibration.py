"""Calibration: a member's probabilities as they turn out on rows that it never saw.

Members differ in over- and underconfidence; calibrated, their answers can be compared,
averaged and scored side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

# Probabilities are floored here before a logarithm, so that it is finite.
PROBA_FLOOR = 1e-6
# Probability that all classes together are given: what a member needs that is sometimes
# certain and wrong, such as nearest neighbours that all agree.
SMOOTHINGS = (0.0, 1e-4, 1e-2, 0.1, 0.3, 1.0)
# Log-loss a row that more smoothing must save: rounding must not decide.
LEAST_GAIN = 1e-6
# Of temperatures, as logarithms.
BOUNDS = (-3.0, 5.0)


@dataclass(frozen=True)
class Calibrator:
    """``p(k) ~ (max(p(k), 1e-6) + smoothing / n_classes) ** (1 / temperature)``.

    The ranking of the classes stays. A temperature above 1 softens, one below
    sharpens: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    Smoothing takes their price from answers of 0 that are wrong: with a temperature
    alone, a few of them ask for one at which all other answers say nothing.
    """

    temperature: float = 1.0
    smoothing: float = 0.0

    def __call__(self, proba: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (n_rows, n_classes), rows summing to 1."""
        return softmax(_log(proba, self.smoothing) / self.temperature, axis=1)


def fit_temperature(
    proba: np.ndarray, y_idx: np.ndarray, sample_weight: np.ndarray | None = None
) -> Calibrator:
    """The temperature of the least log-loss, without smoothing.

    For what students learn, and for the gate between sites: from smoothed answers
    students learn less (`benchmarks/stacking/variants.py`).

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Out-of-sample probabilities.

    y_idx : ndarray of shape (n_rows,)
        Position of the true class.

    sample_weight : ndarray of shape (n_rows,), default=None

    Returns
    -------
    calibrator : Calibrator
        One that changes nothing if there is nothing to learn from.
    """
    if _says_nothing(proba, sample_weight):
        return Calibrator()
    rows = np.arange(len(y_idx))
    log_proba = _log(proba, 0.0)

    def loss(log_temperature):
        scaled = log_softmax(log_proba / np.exp(log_temperature), axis=1)
        return -float(np.average(scaled[rows, y_idx], weights=sample_weight))

    found = minimize_scalar(loss, bounds=BOUNDS, method="bounded")
    return Calibrator(float(np.exp(found.x)))


def fit_calibrator(
    proba: np.ndarray, y_idx: np.ndarray, sample_weight: np.ndarray | None = None
) -> Calibrator:
    """Temperature and smoothing of the least log-loss.

    For what users get. The logarithm of the temperature is held at 0 as by one that is
    drawn from a standard normal distribution: a member without an error on few rows
    would otherwise be sharpened without limit.

    Parameters
    ----------
    proba, y_idx, sample_weight : as in `fit_temperature`

    Returns
    -------
    calibrator : Calibrator
        One that changes nothing if there is nothing to learn from.
    """
    if _says_nothing(proba, sample_weight):
        return Calibrator()
    rows = np.arange(len(y_idx))
    total = len(y_idx) if sample_weight is None else sample_weight.sum()
    least, best = np.inf, Calibrator()
    for smoothing in SMOOTHINGS:
        log_proba = _log(proba, smoothing)
        # at most 14 / exp(-3): no overflow
        excess = log_proba - log_proba[rows, y_idx][:, None]

        def loss(log_temperature, excess=excess):
            of_rows = np.log(np.exp(excess / np.exp(log_temperature)).sum(axis=1))
            mean = np.average(of_rows, weights=sample_weight)
            return float(mean) + 0.5 * log_temperature**2 / total

        found = minimize_scalar(
            loss, bounds=BOUNDS, method="bounded", options={"xatol": 1e-3}
        )
        if found.fun < least - LEAST_GAIN:
            least, best = found.fun, Calibrator(float(np.exp(found.x)), smoothing)
    return best


def calibrated(proba: np.ndarray, calibrators: Sequence[Calibrator]) -> np.ndarray:
    """Probabilities (n_members, n_rows, n_classes), each member's by its own."""
    found = [calibrate(one) for calibrate, one in zip(calibrators, proba)]
    return np.array(found).reshape(proba.shape)


def _says_nothing(proba, sample_weight):
    """Whether there is a single class, or no row with a weight."""
    return (
        not len(proba)
        or proba.shape[1] < 2
        or (sample_weight is not None and not sample_weight.any())
    )


def _log(proba: np.ndarray, smoothing: float) -> np.ndarray:
    return np.log(np.maximum(proba, PROBA_FLOOR) + smoothing / proba.shape[1])
