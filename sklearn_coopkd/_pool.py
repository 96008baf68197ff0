"""The logarithmic opinion pool: the weighted geometric mean of several answers.

``p(k) ~ prod_i p_i(k) ** w_i``, one weight for each member, the same for all classes.
Heskes, "Selecting Weighting Factors in Logarithmic Opinion Pools", NIPS 1997.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from sklearn_coopkd._responses import PROBA_FLOOR

# Penalty that holds a member's weight in the pool at one share, in units of log-loss
# summed over rows: with few rows the pool is the plain geometric mean.
SHRINKAGE = 10.0


def fit_pool(
    proba: np.ndarray, y_idx: np.ndarray, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Weights of the least log-loss on rows that no member was fitted with.

    Parameters
    ----------
    proba : ndarray of shape (n_members, n_rows, n_classes)

    y_idx : ndarray of shape (n_rows,)
        Position of the true class.

    sample_weight : ndarray of shape (n_rows,), default=None

    Returns
    -------
    weights : ndarray of shape (n_members,)
        Not negative.
    """
    log_proba = np.log(np.maximum(proba, PROBA_FLOOR))
    rows = np.arange(len(y_idx))
    weight = np.ones(len(y_idx))
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
    share = 1.0 / len(log_proba)

    def loss(weights):
        pooled = log_softmax(np.tensordot(weights, log_proba, 1), axis=1)
        excess = np.exp(pooled)
        excess[rows, y_idx] -= 1.0
        gradient = np.einsum("mnk,nk->m", log_proba, excess * weight[:, None])
        off = weights - share
        return (
            SHRINKAGE * off @ off - weight @ pooled[rows, y_idx],
            2 * SHRINKAGE * off + gradient,
        )

    start = np.full(len(log_proba), share)
    return minimize(loss, start, jac=True, bounds=[(0.0, None)] * len(start)).x


def log_pool(proba: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Logarithms of the pooled probabilities.

    Parameters
    ----------
    proba : ndarray of shape (n_members, n_rows, n_classes)

    weights : ndarray of shape (n_members,)

    Returns
    -------
    log_proba : ndarray of shape (n_rows, n_classes)
    """
    log_proba = np.log(np.maximum(proba, PROBA_FLOOR))
    return log_softmax(np.tensordot(weights, log_proba, 1), axis=1)
