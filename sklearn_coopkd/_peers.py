"""Peer selection: which peer teaches which row to which student.

A strategy is an object with

``select(deficient, qualified, confidence) -> assigned``

where `deficient` (n_students, n_rows) marks the rows a student needs help with,
`qualified` (n_teachers, n_rows) the rows a teacher gets right, `confidence`
(n_teachers, n_rows) the teacher's calibrated probability of the true class, all out
of sample, and `assigned` (n_teachers, n_students, n_rows) says who teaches what to
whom. A model never teaches itself.
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

    def select(self, deficient, qualified, confidence):
        """Assign teachers; see the module's documentation for the shapes."""
        return _candidates(deficient, qualified)


class SurestPeers(BaseEstimator):
    """The qualified peers that are surest of the true class teach the row.

    Parameters
    ----------
    n_peers : int
        At most this many; of equally sure ones the first.
    """

    def __init__(self, n_peers):
        self.n_peers = n_peers

    def select(self, deficient, qualified, confidence):
        """Assign teachers; see the module's documentation for the shapes."""
        assigned = _candidates(deficient, qualified)
        for student in range(len(deficient)):
            offers = np.where(assigned[:, student], confidence, -np.inf)
            order = np.argsort(-offers, axis=0, kind="stable")
            assigned[:, student] &= np.argsort(order, axis=0) < self.n_peers
        return assigned


PEER_SELECTIONS = {"best": SurestPeers(1), "all": AllPeers()}
