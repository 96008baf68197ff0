"""What the combined predictor sees of the students: calibrated answers.

Numbers are taken as they are. Of probabilities, calibration tames those that are always
certain, such as a full tree. Without a gate nobody knows what students answer to rows
that they have not seen: the stack asks the members as they were before teaching.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklearn_coopkd._problem import Problem
from sklearn_coopkd._rounds import RoundsResult

Calibrate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Calibration:
    """One calibrator for each model that is asked, and one for the vote."""

    models: list[Calibrate]  # the students', or those in their place, come first
    vote: Calibrate
    n_students: int

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
        return self._first(len(self.models), answers)

    def mean(self, answers: Callable[[int], np.ndarray]) -> np.ndarray:
        """The vote: the mean of students' calibrated answers, calibrated again."""
        return self.vote(np.mean(self._first(self.n_students, answers), axis=0))

    def _first(self, n, answers):
        return [self.models[i](answers(i)) for i in range(n)]


def fit_calibration(result: RoundsResult, problem: Problem) -> Calibration:
    """Fit the calibrator of the vote, on calibrated out-of-sample answers.

    Without a gate those of the members before teaching stand in for the students.
    """
    rows, n_students = result.response_rows, len(result.students)
    pairs = list(zip(result.calibrators, result.responses))[:n_students]
    mean = np.mean([calibrate(one) for calibrate, one in pairs], axis=0)
    about = problem.truth[rows], problem.weights(rows)
    vote = problem.task.fit_calibrator(mean, *about)
    return Calibration(result.calibrators, vote, n_students)


def as_columns(answers: list[np.ndarray]) -> np.ndarray:
    """One column per matrix and output; of two classes, the second alone."""
    return np.hstack([a[:, 1:] if a.shape[1] == 2 else a for a in answers])
