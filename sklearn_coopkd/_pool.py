"""Opinion pools: what several members say together, one weight for each.

Of probabilities the logarithmic pool, a weighted geometric mean,
``p(k) ~ prod_i p_i(k) ** w_i``, with the same weights for all classes: Heskes,
"Selecting Weighting Factors in Logarithmic Opinion Pools", NIPS 1997. Of numbers the
linear one, with weights that are not negative: Breiman, "Stacked Regressions", Machine
Learning 24, 1996.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize, nnls
from scipy.special import log_softmax

from sklearn_coopkd._calibration import PROBA_FLOOR

# Penalty that holds a member's weight in the pool at one share, in units of log-loss
# summed over rows (of numbers: of a normal distribution): with few rows the pool is the
# plain mean.
SHRINKAGE = 10.0

# Errors of numbers are compared among rows with similar predictions: a Gaussian window
# of so much of all rows, on a grid of so many cells, and no variance below so much of
# that of all rows.
WINDOW, RANKS, LEAST_SHARE = 0.03, 200, 0.01


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


@dataclass(frozen=True)
class LinearPool:
    """A weighted sum of the members' predictions, as distances from a center."""

    weights: np.ndarray  # (n_members,)
    center: float

    def __call__(self, predictions: np.ndarray) -> np.ndarray:
        """Pooled predictions (n_rows,), of (n_members, n_rows)."""
        return self.center + self.weights @ (predictions - self.center)


def fit_linear_pool(
    predictions: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
) -> LinearPool:
    """Fit weights of the least squared error on rows that no member was fitted with.

    Targets that vary more where they are large would let a few rows decide. So rows
    count by one over the typical error of those with similar predictions, which is
    between least squares (all alike) and weighting by one over the variance.

    Parameters
    ----------
    predictions : ndarray of shape (n_members, n_rows)

    y : ndarray of shape (n_rows,)

    sample_weight : ndarray of shape (n_rows,), default=None

    Returns
    -------
    pool : LinearPool
        Its center is the mean of y; its weights are not negative. Without rows that
        have a weight it is the plain mean.
    """
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
    if not weight.any():
        return LinearPool(np.full(len(predictions), 1.0 / len(predictions)), 0.0)
    pool = _least_squares(predictions, y, weight)
    pooled = pool(predictions)
    surer = weight / _local_error(pooled, y - pooled, weight)
    return _least_squares(predictions, y, surer * (weight.sum() / surer.sum()))


def _least_squares(predictions, y, weight):
    """The pool of the least weighted squared error, drawn toward the plain mean.

    Drawn by the mean's error: by the typical member's if that is less, lest one that is
    far off makes all errors seem small against being drawn, and keeps its share.
    """
    share = np.full(len(predictions), 1.0 / len(predictions))
    center = float(np.average(y, weights=weight))
    of_member = np.average((y - predictions) ** 2, axis=1, weights=weight)
    typical = np.sort(of_member)[(len(of_member) - 1) // 2]  # of two the lesser
    of_mean = np.average((y - share @ predictions) ** 2, weights=weight)
    error = min(of_mean, typical)
    if not error > np.finfo(np.float64).tiny:
        return LinearPool(share, center)
    scale = np.sqrt(weight / (2 * error))
    held = np.sqrt(SHRINKAGE) * np.eye(len(share))
    found, _ = nnls(
        np.vstack([(scale * (predictions - center)).T, held]),
        np.concatenate([scale * (y - center), held @ share]),
    )
    return LinearPool(found, center)


def _local_error(predicted, residual, weight):
    """Root mean squared residual among rows with similar predictions, (n_rows,).

    A Gaussian window over the share of all weight that is predicted less: a row that
    is there twice counts as one of twice the weight.
    """
    # equal predictions may differ in their last digits
    scale = np.abs(predicted).max() or 1.0
    level, position = np.unique(np.round(predicted / scale, 9), return_inverse=True)
    at_level = np.bincount(position, weight, len(level))
    rank = (np.cumsum(at_level) - at_level / 2) / at_level.sum()
    place = np.clip(rank * RANKS - 0.5, 0, RANKS - 1)[position]
    cell = np.minimum(place.astype(np.intp), RANKS - 2)
    part = place - cell  # that of the next cell
    around = []
    for of_row in (weight * residual**2, weight):
        total = np.bincount(cell, of_row * (1 - part), RANKS)
        total += np.bincount(cell + 1, of_row * part, RANKS)
        total = gaussian_filter1d(total, WINDOW * RANKS, mode="constant")
        around.append(np.interp(place, np.arange(RANKS), total))
    variance = around[0] / np.maximum(around[1], np.finfo(np.float64).tiny)
    overall = np.average(residual**2, weights=weight)
    # where nearly nothing is left to explain, a weight must not become huge
    floor = max(LEAST_SHARE * overall, np.finfo(np.float64).tiny)
    return np.sqrt(np.maximum(variance, floor))
