"""What the combined predictor sees of the students: calibrated probabilities.

A stack of members and students beats a stack of either, so members that teaching
changed are asked as well; calibration tames those that are always certain, such as a
full tree. Without a gate nobody knows what the last round's students answer to rows
that they have not seen: the stack asks the models of the round before, which its final
estimator has learned from.
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
    """Temperatures of all that is asked, and of the mean of the students."""

    students: list[float]
    answering: list[float]  # of `RoundsResult.answering`
    before: dict[int, float]  # members that teaching changed, as they were before
    vote: float

    def stacked(
        self,
        answering_proba: Callable[[int], np.ndarray],
        initial_proba: Callable[[int], np.ndarray],
    ) -> list[np.ndarray]:
        """What the final estimator sees: calibrated probabilities.

        Parameters
        ----------
        answering_proba, initial_proba : callable
            Probabilities (n_rows, n_classes) of a model that answers, and of a member
            before teaching, by position.

        Returns
        -------
        probas : list of ndarray of shape (n_rows, n_classes)
            Of all that answer, then of changed members before.
        """
        now = enumerate(self.answering)
        return [
            *(apply_temperature(answering_proba(i), t) for i, t in now),
            *(apply_temperature(initial_proba(i), t) for i, t in self.before.items()),
        ]

    def mean(self, student_proba: Callable[[int], np.ndarray]) -> np.ndarray:
        """The vote: the mean of the students' probabilities, calibrated again."""
        students = enumerate(self.students)
        probas = [apply_temperature(student_proba(i), t) for i, t in students]
        return apply_temperature(np.mean(probas, axis=0), self.vote)


def fit_calibration(
    result: RoundsResult, problem: Problem
) -> tuple[Calibration, list[np.ndarray]]:
    """Fit the temperatures on out-of-sample answers.

    A student whose answers nobody knows (without a gate) has the temperature of the
    model that answers in its place; one that has learned how doubtful rows are since
    then, none.

    Parameters
    ----------
    result : RoundsResult

    problem : Problem

    Returns
    -------
    calibration : Calibration

    probas : list of ndarray of shape (n_response_rows, n_classes)
        The answers themselves, as `Calibration.stacked` returns them.
    """
    y_idx = problem.y_idx[result.response_rows]
    weight = None
    if problem.sample_weight is not None:
        weight = problem.weights(result.response_rows)
    # members that differ from their students, if the answers tell them apart
    is_current = [a is b for a, b in zip(result.answering, result.students)]
    pairs = zip(result.answering, result.initial)
    changed = [i for i, (a, b) in enumerate(pairs) if a is not b and all(is_current)]
    answering = [fit_temperature(proba, y_idx, weight) for proba in result.responses]
    before = {
        i: fit_temperature(result.initial_responses[i], y_idx, weight) for i in changed
    }
    students = [
        t if current or soft is None else 1.0
        for t, current, soft in zip(answering, is_current, result.soft_labels)
    ]
    calibration = Calibration(students, answering, before, vote=1.0)
    vote = 1.0
    if all(is_current):
        mean = calibration.mean(result.responses.__getitem__)
        vote = fit_temperature(mean, y_idx, weight)
    probas = calibration.stacked(
        result.responses.__getitem__, result.initial_responses.__getitem__
    )
    return replace(calibration, vote=vote), probas


def as_columns(probas: list[np.ndarray]) -> np.ndarray:
    """One column per matrix and class; of two classes, the second alone."""
    return np.hstack([p[:, 1:] if p.shape[1] == 2 else p for p in probas])
