"""Deficiency estimation: which rows a student needs help with."""

from __future__ import annotations

import numpy as np

# By margin a row is deficient if a peer gives its class this much more probability.
# Less brings more lessons, and a longer fit, and teaches no more.
MARGIN = 0.25


def deficient_rows(
    right: np.ndarray, confidence: np.ndarray, deficiency: str
) -> np.ndarray:
    """Rows that each student gets wrong out of sample, or that a peer knows better.

    Parameters
    ----------
    right : ndarray of shape (n_members, n_rows), dtype=bool

    confidence : ndarray of shape (n_members, n_rows)
        Calibrated probabilities of the true class, or closeness to the true number.

    deficiency : {"error", "margin"}
        "error": those that it does not get right. "margin": also where a peer has at
        least 0.25 more confidence.

    Returns
    -------
    deficient : ndarray of shape (n_members, n_rows), dtype=bool
    """
    if deficiency == "margin":
        return ~right | clearly_better(confidence.max(axis=0), confidence)
    return ~right


def clearly_better(confidence: np.ndarray, of_student: np.ndarray) -> np.ndarray:
    """Where a peer has so much more confidence in the truth than a student."""
    return confidence - of_student >= MARGIN
