"""How near made rows come to real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from sklearn_coopkd._codec import TableCodec
from sklearn_coopkd._columns import CATEGORY, FIXED, cells_of, columns_of
from sklearn_coopkd._containers import column_names, row_bytes

# A value that at most this many rows have may point to a person.
RARE = 3
# Of a column of categories the most frequent values have a dimension each, the others a
# direction among these: a column of texts would otherwise need one for each row.
MAX_LEVELS = 50
QUARTILES = (0.25, 0.5, 0.75)


def privacy_report(made: Any, X: Any) -> dict[str, Any]:
    """Compare made rows with the rows of X; see `Lessons.privacy_report`."""
    codec = TableCodec(X)
    Z, Z_made = codec.Z, codec.encode(made)
    distinct = {key: row for row, key in enumerate(row_bytes(Z))}
    report: dict[str, Any] = {
        "n_samples": Z_made.shape[0],
        "n_copies": sum(key in distinct for key in row_bytes(Z_made)),
        "distance": [np.nan] * 3,
        "distance_among_rows": [np.nan] * 3,
        "share_closer": np.nan,
    }
    Z_real = Z[np.array(sorted(distinct.values()), dtype=np.intp)]
    if Z_real.shape[0] > 1:
        points = _points(codec, Z_real, Z_real)
        near = NearestNeighbors(n_neighbors=2).fit(points)
        among = near.kneighbors(points)[0][:, 1]
        report["distance_among_rows"] = np.quantile(among, QUARTILES).tolist()
        if Z_made.shape[0]:
            points_made = _points(codec, Z_real, Z_made)
            to_real = near.kneighbors(points_made, n_neighbors=1)[0][:, 0]
            report["distance"] = np.quantile(to_real, QUARTILES).tolist()
            is_closer = to_real < np.quantile(among, 0.05)
            report["share_closer"] = float(is_closer.mean())
    report["rare_values"] = _rare_values(codec, Z, Z_made)
    return report


def _points(codec, Z_real, Z):
    """Rows as points: numbers in standard deviations, 1 between two categories."""
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


def _one_hot(column, values, counts):
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


def _rare_values(codec, Z, Z_made):
    """Column -> values of made rows that few real rows have."""
    rare: dict[Any, list[Any]] = {}
    if sparse.issparse(Z):
        Z, Z_made = Z.tocsc(), Z_made.tocsc()
    columns = None if sparse.issparse(Z) else columns_of(codec.X)
    for j, name in enumerate(column_names(codec.X)):
        column, made = (
            table.data[table.indptr[j] : table.indptr[j + 1]]
            if sparse.issparse(table)
            else table[:, j]
            for table in (Z, Z_made)
        )
        codes, count = np.unique(column[~np.isnan(column)], return_counts=True)
        few = codes[(count <= RARE) & np.isin(codes, made)]
        if not len(few):
            continue
        if columns is None:
            values = few.tolist()
        else:  # (as the table has them: the encoding of a category is its code)
            _, first = np.unique(column, return_index=True)
            first = first[np.isin(column[first], few)]
            cells = cells_of(columns[j])[first]
            values = [c.item() if isinstance(c, np.generic) else c for c in cells]
        # frames may repeat a name
        rare.setdefault(name, []).extend(values)
    return rare
