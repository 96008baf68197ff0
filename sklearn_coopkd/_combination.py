"""What the combined predictor sees of the students: calibrated probabilities.

A stack of members and students beats a stack of either, so members that teaching
changed are asked as well; calibration tames those that are always certain, such as a
full tree.
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
    """One temperature for each that is asked, and one for the mean of the students."""

    students: list[float]
    before: dict[int, float]  # members that teaching changed, as they were before
    vote: float

    def apply(
        self,
        student_proba: Callable[[int], np.ndarray],
        initial_proba: Callable[[int], np.ndarray],
    ) -> list[np.ndarray]:
        """Calibrated probabilities: of all students, then of changed members before.

        Parameters
        ----------
        student_proba, initial_proba : callable
            Probabilities (n_rows, n_classes) of a student, and of a member before
            teaching, by position.

        Returns
        -------
        probas : list of ndarray of shape (n_rows, n_classes)
        """
        return [
            *(
                apply_temperature(student_proba(i), t)
                for i, t in enumerate(self.students)
            ),
            *(apply_temperature(initial_proba(i), t) for i, t in self.before.items()),
        ]

    def mean(self, probas: list[np.ndarray]) -> np.ndarray:
        """The vote: the mean of the students' probabilities, calibrated again."""
        students = probas[: len(self.students)]
        return apply_temperature(np.mean(students, axis=0), self.vote)


def fit_calibration(
    result: RoundsResult, problem: Problem
) -> tuple[Calibration, list[np.ndarray]]:
    """Fit the temperatures on out-of-sample answers.

    Parameters
    ----------
    result : RoundsResult

    problem : Problem

    Returns
    -------
    calibration : Calibration

    probas : list of ndarray of shape (n_response_rows, n_classes)
        The answers themselves, calibrated, as `Calibration.apply` returns them.
    """
    y_idx = problem.y_idx[result.response_rows]
    weight = None
    if problem.sample_weight is not None:
        weight = problem.weights(result.response_rows)
    # members that differ from their students, if the answers tell them apart
    pairs = zip(result.students, result.initial)
    changed = [i for i, (a, b) in enumerate(pairs) if a is not b and result.is_current]
    students = [fit_temperature(proba, y_idx, weight) for proba in result.responses]
    before = {
        i: fit_temperature(result.initial_responses[i], y_idx, weight) for i in changed
    }
    calibration = Calibration(students, before, vote=1.0)
    probas = calibration.apply(
        result.responses.__getitem__, result.initial_responses.__getitem__
    )
    mean = np.mean(probas[: len(students)], axis=0)
    return replace(calibration, vote=fit_temperature(mean, y_idx, weight)), probas


def as_columns(probas: list[np.ndarray]) -> np.ndarray:
    """One column per matrix and class; of two classes, the second alone."""
    return np.hstack([p[:, 1:] if p.shape[1] == 2 else p for p in probas])
