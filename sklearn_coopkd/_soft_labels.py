"""Soft labels: what the members together say of rows that students are fitted with.

A student learns how doubtful each of its rows is, and each of its pseudo-samples. Only
answers of models that were not fitted with a row count, or they would repeat its label;
Dao et al., "Knowledge Distillation as Semiparametric Inference", ICLR 2021, call this
cross-fitting and show what is lost without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_coopkd._calibration import Calibrator, calibrated
from sklearn_coopkd._pool import LinearPool, log_pool

# Share of the members' answer in a soft label; the rest is the label itself.
POOL_SHARE = 0.75


@dataclass(frozen=True)
class LabelPool:
    """The members' logarithmic opinion pool, as labels."""

    calibrators: list[Calibrator]  # of the members
    weights: np.ndarray  # (n_members,)

    def soft_labels(self, proba: np.ndarray, y_idx: np.ndarray) -> np.ndarray:
        """Labels mixed with what the members together say.

        Parameters
        ----------
        proba : ndarray of shape (n_members, n_rows, n_classes)
            Answers of models that were not fitted with the rows.

        y_idx : ndarray of shape (n_rows,)
            Position of the true class.

        Returns
        -------
        soft_labels : ndarray of shape (n_rows, n_classes)
            ``(1 - POOL_SHARE) * label + POOL_SHARE * pool``, rows summing to 1.
        """
        pooled = np.exp(log_pool(calibrated(proba, self.calibrators), self.weights))
        mixed = POOL_SHARE * pooled
        mixed[np.arange(len(y_idx)), y_idx] += 1 - POOL_SHARE
        return mixed


@dataclass(frozen=True)
class LinearLabelPool:
    """The members' linear pool, as numbers to learn.

    Within the range of y: a member may be made for numbers that are not negative.
    """

    pool: LinearPool
    low: float
    high: float

    def soft_labels(self, answers: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Numbers mixed with what the members together say.

        Parameters
        ----------
        answers : ndarray of shape (n_members, n_rows, 1)
            Of models that were not fitted with the rows.

        y : ndarray of shape (n_rows,)

        Returns
        -------
        soft_labels : ndarray of shape (n_rows, 1)
            ``(1 - POOL_SHARE) * y + POOL_SHARE * pool``.
        """
        pooled = np.clip(self.pool(answers[..., 0]), self.low, self.high)
        return ((1 - POOL_SHARE) * y + POOL_SHARE * pooled)[:, None]
