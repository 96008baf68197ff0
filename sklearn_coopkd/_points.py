"""Rows of any container as points, for distances and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sklearn_coopkd._columns import CATEGORY, FIXED

# Of a column of categories the most frequent values have a dimension each, the others a
# direction among these: a column of texts would otherwise need one for each row.
MAX_LEVELS = 50


def as_points(codec: Any, Z_real: Any, Z: Any) -> Any:
    """Rows as points: numbers in standard deviations, 1 between two categories.

    Parameters
    ----------
    codec : TableCodec

    Z_real : ndarray or CSR of shape (n_real, n_features)
        The encoded rows that define scales and categories.

    Z : ndarray or CSR of shape (n_rows, n_features)
        Encoded rows.

    Returns
    -------
    points : ndarray or CSR of shape (n_rows, n_dimensions)
    """
    if sparse.issparse(Z):
        fill, scale = Z.copy(), Z_real.copy()
        fill.data, scale.data = np.nan_to_num(fill.data), np.nan_to_num(scale.data)
        return StandardScaler(with_mean=False).fit(scale).transform(fill)
    parts = []
    for j, kind in enumerate(codec.kinds):
        column, known = Z[:, j], Z_real[:, j][np.isfinite(Z_real[:, j])]
        if kind in (CATEGORY, FIXED):
            parts.append(_one_hot(column, *np.unique(known, return_counts=True)))
        elif len(known):
            typical, width = np.median(known), known.std() or 1.0
            filled = np.where(np.isfinite(column), column, typical)
            parts.append(((filled - typical) / width)[:, None])
    return np.hstack(parts) if parts else np.zeros((len(Z), 1))


def _one_hot(column: np.ndarray, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Categories as points that are 1 apart; unknown and missing ones are 0."""
    if not len(values):
        return np.zeros((len(column), 0))
    frequent = np.argsort(-counts, kind="stable")
    width = min(len(values), MAX_LEVELS)
    place = np.random.RandomState(0).standard_normal((len(values), width))
    place[frequent[:width]] = np.eye(width)
    place /= np.linalg.norm(place, axis=1, keepdims=True) * np.sqrt(2)
    at = np.searchsorted(values, column).clip(max=len(values) - 1)
    is_known = values[at] == column
    return np.where(is_known[:, None], place[at], 0.0)
