"""Soft labels: what the members together say of rows that students are fitted with.

Beside its pseudo-samples a student learns how doubtful each of its rows is. Only
answers of models that were not fitted with a row count, or they would repeat its label;
Dao et al., "Knowledge Distillation as Semiparametric Inference", ICLR 2021, call this
cross-fitting and show what is lost without it.
"""

from __future__ import annotations

import numpy as np

from sklearn_coopkd._pool import fit_pool, log_pool

# Share of the members' answer in a soft label; the rest is the label itself.
POOL_SHARE = 0.75


def soft_labels(
    proba: np.ndarray, y_idx: np.ndarray, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Labels mixed with the logarithmic opinion pool of the members.

    Parameters
    ----------
    proba : ndarray of shape (n_members, n_rows, n_classes)
        Out-of-sample probabilities, calibrated.

    y_idx : ndarray of shape (n_rows,)
        Position of the true class.

    sample_weight : ndarray of shape (n_rows,), default=None

    Returns
    -------
    soft_labels : ndarray of shape (n_rows, n_classes)
        ``(1 - POOL_SHARE) * label + POOL_SHARE * pool``, rows summing to 1.
    """
    weights = fit_pool(proba, y_idx, sample_weight)
    mixed = POOL_SHARE * np.exp(log_pool(proba, weights))
    mixed[np.arange(len(y_idx)), y_idx] += 1 - POOL_SHARE
    return mixed
