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
# Students learn less from smoothed answers (`benchmarks/stacking/variants.py`).
TEMPERATURE_ALONE = (0.0,)
# Log-loss that more smoothing must save: of a full tree, all are equally good.
LEAST_GAIN = 1e-6


@dataclass(frozen=True)
class Calibrator:
    """``p(k) ~ (p(k) + smoothing / n_classes) ** (1 / temperature)``.

    The ranking of the classes stays. Above 1 the temperature softens, below it
    sharpens: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    Without smoothing a few answers of exactly 0 that are wrong would ask for a
    temperature at which all others say nothing.
    """

    temperature: float = 1.0
    smoothing: float = 0.0

    def __call__(self, proba: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (n_rows, n_classes), rows summing to 1."""
        return softmax(_log(proba, self.smoothing) / self.temperature, axis=1)


def fit_calibrator(
    proba: np.ndarray,
    y_idx: np.ndarray,
    sample_weight: np.ndarray | None = None,
    smoothings: Sequence[float] = SMOOTHINGS,
) -> Calibrator:
    """Fit temperature and smoothing of the least log-loss.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Out-of-sample probabilities.

    y_idx : ndarray of shape (n_rows,)
        Position of the true class.

    sample_weight : ndarray of shape (n_rows,), default=None

    smoothings : sequence of float, default=SMOOTHINGS
        To choose from, ascending.

    Returns
    -------
    calibrator : Calibrator
        One that changes nothing if there is nothing to learn from.
    """
    if not len(y_idx) or proba.shape[1] < 2:
        return Calibrator()
    if sample_weight is not None and not sample_weight.any():
        return Calibrator()
    rows = np.arange(len(y_idx))
    least, best = np.inf, Calibrator()
    for smoothing in smoothings:
        log_proba = _log(proba, smoothing)

        def loss(log_temperature, log_proba=log_proba):
            scaled = log_softmax(log_proba / np.exp(log_temperature), axis=1)
            return -float(np.average(scaled[rows, y_idx], weights=sample_weight))

        found = minimize_scalar(loss, bounds=(-3.0, 5.0), method="bounded")
        if found.fun < least - LEAST_GAIN:
            least = found.fun
            best = Calibrator(float(np.exp(found.x)), smoothing)
    return best


def fit_calibrators(
    proba: np.ndarray,
    y_idx: np.ndarray,
    sample_weight: np.ndarray | None = None,
    smoothings: Sequence[float] = SMOOTHINGS,
) -> list[Calibrator]:
    """Fit one for each member of (n_members, n_rows, n_classes)."""
    return [fit_calibrator(one, y_idx, sample_weight, smoothings) for one in proba]


def calibrated(proba: np.ndarray, calibrators: Sequence[Calibrator]) -> np.ndarray:
    """Probabilities (n_members, n_rows, n_classes), each member's by its own."""
    found = [calibrate(one) for calibrate, one in zip(calibrators, proba)]
    return np.array(found).reshape(proba.shape)


def _log(proba: np.ndarray, smoothing: float) -> np.ndarray:
    return np.log(np.maximum(proba, PROBA_FLOOR) + smoothing / proba.shape[1])
