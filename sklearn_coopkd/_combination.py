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

from sklearn_coopkd._calibration import Calibrator, fit_calibrator, fit_calibrators
from sklearn_coopkd._problem import Problem
from sklearn_coopkd._rounds import RoundsResult


@dataclass(frozen=True)
class Calibration:
    """One calibrator for each model that is asked, and one for the mean of all.

    None: answers are numbers, and are not calibrated.
    """

    models: list[Calibrator] | list[None]
    vote: Calibrator | None

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
        return [_by(one, answers(i)) for i, one in enumerate(self.models)]

    def mean(self, answers: Callable[[int], np.ndarray]) -> np.ndarray:
        """The vote: the mean of calibrated answers, calibrated again."""
        return _by(self.vote, np.mean(self.apply(answers), axis=0))


def _by(calibrator: Calibrator | None, answers: np.ndarray) -> np.ndarray:
    return answers if calibrator is None else calibrator(answers)


def fit_calibration(result: RoundsResult, problem: Problem) -> Calibration:
    """Fit the calibrators on out-of-sample answers.

    Of students whose answers nobody knows (the last round's, without a gate) they are
    those of the models that answer in their place.
    """
    if not problem.task.is_classification:
        return Calibration([None] * len(result.students), None)
    y_idx = problem.truth[result.response_rows]
    weight = None
    if problem.sample_weight is not None:
        weight = problem.weights(result.response_rows)
    of_models = fit_calibrators(result.responses, y_idx, weight)
    calibration = Calibration(of_models, vote=None)
    mean = calibration.mean(result.responses.__getitem__)
    return replace(calibration, vote=fit_calibrator(mean, y_idx, weight))


def as_columns(answers: list[np.ndarray]) -> np.ndarray:
    """One column per matrix and output; of two classes, the second alone."""
    return np.hstack([a[:, 1:] if a.shape[1] == 2 else a for a in answers])
