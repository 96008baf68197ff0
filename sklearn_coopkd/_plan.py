"""Who teaches which row to whom: deficiency estimation, then peer selection.

And, on one table, what all together say of each row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_coopkd._deficiency import clearly_better, deficient_rows
from sklearn_coopkd._problem import Problem
from sklearn_coopkd._soft_labels import LabelPool, LinearLabelPool


@dataclass(frozen=True)
class Plan:
    """Who teaches which row to whom, and what all say of rows and pseudo-samples."""

    rows: np.ndarray  # (n_rows,) rows with out-of-sample answers
    deficient: np.ndarray  # (n_members, n_rows)
    assigned: np.ndarray  # (n_teachers, n_students, n_rows)
    # None: students learn labels, or, between places, what single teachers say
    label_pool: LabelPool | LinearLabelPool | None
    soft_labels: np.ndarray | None  # (n_rows, n_outputs), of that pool


def make_plan(
    problem: Problem, learners: np.ndarray, rows: np.ndarray, answers: np.ndarray
) -> Plan:
    """Decide from out-of-sample answers.

    Parameters
    ----------
    problem : Problem

    learners : ndarray of shape (n_members,), dtype=bool
        Members that can be taught.

    rows : ndarray of shape (n_rows,)
        The rows that members were asked about.

    answers : ndarray of shape (n_members, n_rows, n_outputs)
        For each row of models that were not fitted with it.

    Returns
    -------
    plan : Plan
        Rows without weight are left out.

    Raises
    ------
    ValueError
        If a `peer_selection` of the user's returns anything but a boolean array of
        shape (n_teachers, n_students, n_rows).
    """
    # a row without weight is as good as absent
    present = problem.weights(rows) > 0
    rows, answers = rows[present], answers[:, present]
    truth, weight = problem.truth[rows], problem.weights(rows)
    task = problem.task
    assessed = task.assess(answers, truth, weight)
    right, confidence = assessed.right, assessed.confidence
    deficient = deficient_rows(right, confidence, problem.deficiency)
    deficient &= learners[:, None]
    pool = soft_labels = None
    if problem.pools_answers and learners.any():
        # a frozen member may have been fitted with these very rows
        pool = task.fit_label_pool(assessed, learners, truth, weight)
        soft_labels = pool.soft_labels(answers[learners], truth)
    assigned = np.asarray(problem.peer_selection.select(deficient, right, confidence))
    expected = (len(answers), *deficient.shape)
    if assigned.shape != expected or assigned.dtype != bool:
        raise ValueError(
            "`peer_selection` must return a boolean array of shape (n_teachers, "
            f"n_students, n_rows) = {expected}; got shape {assigned.shape}, dtype "
            f"{assigned.dtype}."
        )
    # a student learns what it gets right of those alone that know it better; where
    # numbers are predicted all it learns: one may be right by a hair
    if not task.is_classification or problem.deficiency == "margin":
        assigned = assigned.copy()
        for student in range(len(right)):  # all at once: so many times the memory
            teaches = clearly_better(confidence, confidence[student])
            if task.is_classification:
                teaches |= ~right[student]
            assigned[:, student] &= teaches
    return Plan(rows, deficient, assigned, pool, soft_labels)
