"""What the combined predictor sees of the students: calibrated answers.

Numbers are taken as they are. Of probabilities, calibration tames those that are always
certain, such as a full tree. Without a gate nobody knows what the last round's students
answer to rows that they have not seen: the stack asks the models of the round before,
which its final estimator has learned from.
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
    """One temperature for each model that is asked, and one for the mean of all.

    None: answers are numbers, and are not calibrated.
    """

    models: list[float | None]
    vote: float | None

    def apply(self, answers: Callable[[int], np.ndarray]) -> list[np.ndarray]:
        """Calibrated answers.

        Parameters
        ----------
        answers : callable
            Answers (n_rows, n_outputs) of a model, by position.

        Returns
        -------
        calibrated : list of ndarray of shape (n_rows, n_outputs)
        """
        return [_at(answers(i), t) for i, t in enumerate(self.models)]

    def mean(self, answers: Callable[[int], np.ndarray]) -> np.ndarray:
        """The vote: the mean of calibrated answers, calibrated again."""
        return _at(np.mean(self.apply(answers), axis=0), self.vote)


def _at(answers: np.ndarray, temperature: float | None) -> np.ndarray:
    return answers if temperature is None else apply_temperature(answers, temperature)


def fit_calibration(result: RoundsResult, problem: Problem) -> Calibration:
    """Fit the temperatures on out-of-sample answers.

    Of students whose answers nobody knows (the last round's, without a gate) they are
    those of the models that answer in their place.
    """
    if not problem.task.is_classification:
        return Calibration([None] * len(result.students), None)
    y_idx = problem.truth[result.response_rows]
    weight = None
    if problem.sample_weight is not None:
        weight = problem.weights(result.response_rows)
    temperatures: list[float | None] = [
        fit_temperature(proba, y_idx, weight) for proba in result.responses
    ]
    calibration = Calibration(temperatures, vote=1.0)
    mean = calibration.mean(result.responses.__getitem__)
    return replace(calibration, vote=fit_temperature(mean, y_idx, weight))


def as_columns(answers: list[np.ndarray]) -> np.ndarray:
    """One column per matrix and output; of two classes, the second alone."""
    return np.hstack([a[:, 1:] if a.shape[1] == 2 else a for a in answers])
