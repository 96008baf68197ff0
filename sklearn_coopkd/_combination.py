"""What the combined predictor sees of the students: calibrated probabilities.

Calibration tames those that are always certain, such as a full tree. Without a gate
nobody knows what the last round's students answer to rows that they have not seen: the
stack asks the models of the round before, which its final estimator has learned from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sklearn_coopkd._problem import Problem
from sklearn_coopkd._responses import apply_temperature, fit_temperature
from sklearn_coopkd._rounds import RoundsResult


@dataclass(frozen=True)
class Calibration:
    """One temperature for each model that is asked, and one for the mean of all."""

    models: list[float]
    vote: float

    def apply(self, proba: Callable[[int], np.ndarray]) -> list[np.ndarray]:
        """Calibrated probabilities.

        Parameters
        ----------
        proba : callable
            Probabilities (n_rows, n_classes) of a model, by position.

        Returns
        -------
        probas : list of ndarray of shape (n_rows, n_classes)
        """
        return [apply_temperature(proba(i), t) for i, t in enumerate(self.models)]

    def mean(self, proba: Callable[[int], np.ndarray]) -> np.ndarray:
        """The vote: the mean of calibrated probabilities, calibrated again."""
        return apply_temperature(np.mean(self.apply(proba), axis=0), self.vote)


def fit_calibration(result: RoundsResult, problem: Problem) -> Calibration:
    """Fit the temperatures on out-of-sample answers.

    Of students whose answers nobody knows (the last round's, without a gate) they are
    those of the models that answer in their place.
    """
    y_idx = problem.y_idx[result.response_rows]
    weight = None
    if problem.sample_weight is not None:
        weight = problem.weights(result.response_rows)
    temperatures = [fit_temperature(proba, y_idx, weight) for proba in result.responses]
    calibration = Calibration(temperatures, vote=1.0)
    mean = calibration.mean(result.responses.__getitem__)
    return replace(calibration, vote=fit_temperature(mean, y_idx, weight))


def as_columns(probas: list[np.ndarray]) -> np.ndarray:
    """One column per matrix and class; of two classes, the second alone."""
    return np.hstack([p[:, 1:] if p.shape[1] == 2 else p for p in probas])
