"""Deficiency estimation: which rows a student needs help with."""

from __future__ import annotations

import numpy as np

from sklearn_coopkd._responses import correct_rows

# By margin a row is deficient if a peer gives its class this much more probability.
# Less brings more lessons, and a longer fit, and teaches no more.
MARGIN = 0.25


def deficient_rows(
    proba: np.ndarray, confidence: np.ndarray, y_idx: np.ndarray, deficiency: str
) -> np.ndarray:
    """Rows that each student gets wrong out of sample, or that a peer knows better.

    Parameters
    ----------
    proba : ndarray of shape (n_members, n_rows, n_classes)
        Out-of-sample probabilities.

    confidence : ndarray of shape (n_members, n_rows)
        Calibrated probabilities of the true class.

    y_idx : ndarray of shape (n_rows,)
        Position of the true class.

    deficiency : {"error", "margin"}
        "error": the most probable class is not the true one. "margin": also where
        a peer gives the true class at least 0.25 more probability.

    Returns
    -------
    deficient : ndarray of shape (n_members, n_rows), dtype=bool
    """
    deficient = ~correct_rows(proba, y_idx)
    if deficiency == "margin":
        deficient |= clearly_better(confidence.max(axis=0), confidence)
    return deficient


def clearly_better(confidence: np.ndarray, of_student: np.ndarray) -> np.ndarray:
    """Where a peer is so much surer of the true class than a student."""
    return confidence - of_student >= MARGIN
