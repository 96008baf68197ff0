"""Peer selection: which peer teaches which row to which student.

A strategy is an object with

``select(deficient, qualified, confidence) -> assigned``

where `deficient` (n_students, n_rows) marks the rows a student needs help with,
`qualified` (n_teachers, n_rows) the rows a teacher gets right, `confidence`
(n_teachers, n_rows) the teacher's calibrated probability of the true class, or the
closeness of its prediction to the number, all out of sample, and `assigned`
(n_teachers, n_students, n_rows) says who teaches what to whom. A model never teaches
itself.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator


def _candidates(deficient: np.ndarray, qualified: np.ndarray) -> np.ndarray:
    """Every qualified peer of every deficient row: `R_{i->j}` of the paper."""
    assigned = qualified[:, None, :] & deficient[None, :, :]
    own = np.arange(len(deficient))
    assigned[own, own] = False
    return assigned


class AllPeers(BaseEstimator):
    """Every qualified peer teaches the row, as in the paper."""

    def select(
        self, deficient: np.ndarray, qualified: np.ndarray, confidence: np.ndarray
    ) -> np.ndarray:
        """Assign teachers; see the module's documentation for the shapes."""
        return _candidates(deficient, qualified)


class BestPeer(BaseEstimator):
    """The qualified peer that is surest of the true class teaches the row.

    Of equally sure ones the first.
    """

    def select(
        self, deficient: np.ndarray, qualified: np.ndarray, confidence: np.ndarray
    ) -> np.ndarray:
        """Assign teachers; see the module's documentation for the shapes."""
        assigned = _candidates(deficient, qualified)
        offers = np.where(assigned, confidence[:, None], -np.inf)
        everyone = np.arange(len(assigned))[:, None, None]
        return assigned & (offers.argmax(axis=0) == everyone)


PEER_SELECTIONS = {"best": BestPeer(), "all": AllPeers()}
