"""How near made rows come to real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from sklearn_coopkd._codec import TableCodec
from sklearn_coopkd._columns import cells_of, columns_of
from sklearn_coopkd._containers import column_names, row_bytes
from sklearn_coopkd._points import as_points

# A value that at most this many rows have may point to a person.
RARE = 3
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
        points = as_points(codec, Z_real, Z_real)
        near = NearestNeighbors(n_neighbors=2).fit(points)
        among = near.kneighbors(points)[0][:, 1]
        report["distance_among_rows"] = np.quantile(among, QUARTILES).tolist()
        if Z_made.shape[0]:
            points_made = as_points(codec, Z_real, Z_made)
            to_real = near.kneighbors(points_made, n_neighbors=1)[0][:, 0]
            report["distance"] = np.quantile(to_real, QUARTILES).tolist()
            is_closer = to_real < np.quantile(among, 0.05)
            report["share_closer"] = float(is_closer.mean())
    report["rare_values"] = _rare_values(codec, Z, Z_made)
    return report


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
