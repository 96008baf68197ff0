"""How near made rows come to real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from sklearn_coopkd._codec import TableCodec
from sklearn_coopkd._columns import CATEGORY, FIXED, cells_of, take_column
from sklearn_coopkd._containers import column_names, row_bytes

# A value that at most this many rows have may point to a person.
RARE = 3


def privacy_report(made: Any, X: Any) -> dict[str, Any]:
    """Compare made rows with the rows of X; see `Lessons.privacy_report`."""
    codec = TableCodec(X)
    Z, Z_made = codec.Z, codec.encode(made)
    real = set(row_bytes(Z))
    report: dict[str, Any] = {
        "n_samples": Z_made.shape[0],
        "n_copies": sum(row in real for row in row_bytes(Z_made)),
    }
    quartiles = (0.25, 0.5, 0.75)
    if Z_made.shape[0] and Z.shape[0] > 1:
        points, points_made = _points(codec, Z, Z), _points(codec, Z, Z_made)
        near = NearestNeighbors(n_neighbors=2).fit(points)
        among = near.kneighbors(points)[0][:, 1]
        to_real = near.kneighbors(points_made, n_neighbors=1)[0][:, 0]
        report["distance"] = np.quantile(to_real, quartiles).tolist()
        report["distance_among_rows"] = np.quantile(among, quartiles).tolist()
        report["share_closer"] = float((to_real < np.quantile(among, 0.05)).mean())
    report["rare_values"] = _rare_values(codec, Z, Z_made)
    return report


def _points(codec, Z_pool, Z):
    """Rows as points: numbers in standard deviations, 1 between two categories."""
    if sparse.issparse(Z):
        return Z
    parts = []
    for j, kind in enumerate(codec.kinds):
        column, known = Z[:, j], Z_pool[:, j][np.isfinite(Z_pool[:, j])]
        if kind in (CATEGORY, FIXED):
            values = np.unique(known)
            parts.append((column[:, None] == values) / np.sqrt(2))
        elif len(known):
            typical, width = np.median(known), known.std() or 1.0
            filled = np.where(np.isfinite(column), column, typical)
            parts.append(((filled - typical) / width)[:, None])
    return np.hstack(parts) if parts else np.zeros((len(Z), 1))


def _rare_values(codec, Z, Z_made):
    """Column -> values of made rows that few real rows have."""
    if sparse.issparse(Z):
        return {}
    rare = {}
    for j, name in enumerate(column_names(codec.X)):
        if j not in codec.levels:
            continue
        codes, count = np.unique(Z[:, j][~np.isnan(Z[:, j])], return_counts=True)
        few = codes[(count <= RARE) & np.isin(codes, Z_made[:, j])].astype(int)
        if len(few):
            cells = cells_of(take_column(codec.X, j))
            rare[name] = list(cells[codec.levels[j][few]])
    return rare
