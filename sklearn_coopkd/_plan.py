"""Who teaches which row to whom: deficiency estimation, then peer selection.

And, on one table, what all together say of each row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_coopkd._deficiency import clearly_better, deficient_rows
from sklearn_coopkd._problem import Problem
from sklearn_coopkd._responses import calibrated, correct_rows, fit_temperatures
from sklearn_coopkd._soft_labels import LabelPool, fit_label_pool


@dataclass(frozen=True)
class Plan:
    """Who teaches which row to whom, and what all say of rows and pseudo-samples."""

    rows: np.ndarray  # (n_rows,) rows with out-of-sample answers
    deficient: np.ndarray  # (n_members, n_rows)
    assigned: np.ndarray  # (n_teachers, n_students, n_rows)
    # None: students learn labels, or, between places, what single teachers say
    label_pool: LabelPool | None
    soft_labels: np.ndarray | None  # (n_rows, n_classes), of that pool


def make_plan(
    problem: Problem, learners: np.ndarray, rows: np.ndarray, proba: np.ndarray
) -> Plan:
    """Decide from out-of-sample answers.

    Parameters
    ----------
    problem : Problem

    learners : ndarray of shape (n_members,), dtype=bool
        Members that can be taught.

    rows : ndarray of shape (n_rows,)
        The rows that members were asked about.

    proba : ndarray of shape (n_members, n_rows, n_classes)
        Their answers, for each row of models that were not fitted with it.

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
    rows, proba = rows[present], proba[:, present]
    y_idx, weight = problem.y_idx[rows], problem.weights(rows)
    temperatures = fit_temperatures(proba, y_idx, weight)
    comparable = calibrated(proba, temperatures)
    confidence = comparable[:, np.arange(len(rows)), y_idx]
    deficient = deficient_rows(proba, confidence, y_idx, problem.deficiency)
    deficient &= learners[:, None]
    pool = soft_labels = None
    if problem.pools_answers and learners.any():
        # a frozen member may have been fitted with these very rows
        pool = fit_label_pool(
            comparable[learners], temperatures[learners], y_idx, weight
        )
        soft_labels = pool.soft_labels(proba[learners], y_idx)
    qualified = correct_rows(proba, y_idx)
    assigned = np.asarray(
        problem.peer_selection.select(deficient, qualified, confidence)
    )
    expected = (len(proba), *deficient.shape)
    if assigned.shape != expected or assigned.dtype != bool:
        raise ValueError(
            "`peer_selection` must return a boolean array of shape (n_teachers, "
            f"n_students, n_rows) = {expected}; got shape {assigned.shape}, dtype "
            f"{assigned.dtype}."
        )
    if problem.deficiency == "margin":
        # what a student gets right it learns of those alone that know it better
        is_better = clearly_better(confidence[:, None], confidence[None])
        assigned = assigned & (is_better | ~qualified[None])
    return Plan(rows, deficient, assigned, pool, soft_labels)
