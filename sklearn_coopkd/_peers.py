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


class SurestPeers(BaseEstimator):
    """The qualified peers that are surest of the true class teach the row.

    Of equally sure ones the first.

    Parameters
    ----------
    n_peers : int
        How many teach a row to a student, at most; 1 or more.
    """

    def __init__(self, n_peers: int):
        self.n_peers = n_peers

    def select(
        self, deficient: np.ndarray, qualified: np.ndarray, confidence: np.ndarray
    ) -> np.ndarray:
        """Assign teachers; see the module's documentation for the shapes."""
        assigned = _candidates(deficient, qualified)
        # first those that are qualified, of them the surest, of these the first
        order = np.lexsort((-confidence, ~qualified), axis=0)
        rank = order.argsort(axis=0)
        for student in range(len(deficient)):
            rank_among_peers = rank - (rank > rank[student])
            assigned[:, student] &= rank_among_peers < self.n_peers
        return assigned


PEER_SELECTIONS = {"best": SurestPeers(1), "all": AllPeers()}
