"""Deficiency estimation: which rows a student needs help with."""

from __future__ import annotations

import numpy as np

from sklearn_coopkd._responses import correct_rows

# A row is deficient by margin if the student is wrong, or right by less than this.
MARGIN = 0.2


def true_class_margin(proba: np.ndarray, y_idx: np.ndarray) -> np.ndarray:
    """Probability of the true class minus that of the strongest other class.

    Parameters
    ----------
    proba : ndarray of shape (n_members, n_rows, n_classes)

    y_idx : ndarray of shape (n_rows,)
        Position of the true class.

    Returns
    -------
    margin : ndarray of shape (n_members, n_rows)
        In [-1, 1]; negative where the member is wrong.
    """
    rows = np.arange(proba.shape[1])
    own = proba[:, rows, y_idx]
    others = proba.copy()
    others[:, rows, y_idx] = -np.inf
    strongest = others.max(axis=2)
    # one class only: nothing to confuse it with
    return own - np.where(np.isfinite(strongest), strongest, 0.0)


def deficient_rows(proba: np.ndarray, y_idx: np.ndarray, deficiency: str) -> np.ndarray:
    """Rows that each student gets wrong, or nearly wrong, out of sample.

    Parameters
    ----------
    proba : ndarray of shape (n_members, n_rows, n_classes)
        Out-of-sample probabilities.

    y_idx : ndarray of shape (n_rows,)
        Position of the true class.

    deficiency : {"error", "margin"}
        "error": the most probable class is not the true one. "margin": also where
        the true class leads by less than 0.2.

    Returns
    -------
    deficient : ndarray of shape (n_members, n_rows), dtype=bool
    """
    deficient = ~correct_rows(proba, y_idx)
    if deficiency == "margin":
        deficient |= true_class_margin(proba, y_idx) < MARGIN
    return deficient
