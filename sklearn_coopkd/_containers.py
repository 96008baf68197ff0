"""Containers: rows and columns of numpy, pandas, polars and CSR.

Only this module and `_codec` know that there is more than one kind of table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array

from sklearn_coopkd._compat import num_samples, safe_indexing


def is_pandas(X: Any) -> bool:
    """Whether X is a pandas frame (told without importing pandas)."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def is_polars(X: Any) -> bool:
    """Whether X is a polars frame (told without importing polars)."""
    return type(X).__module__.split(".")[0] == "polars" and hasattr(X, "columns")


def as_table(X: Any) -> Any:
    """X as a 2-D container that this module can index.

    Frames, 2-D arrays and CSR matrices pass through untouched; other sparse formats
    become CSR; anything else (lists, array-likes) becomes an array.
    """
    if is_pandas(X) or is_polars(X):
        if is_pandas(X) and any(getattr(t, "kind", "") == "c" for t in X.dtypes):
            raise ValueError(f"Complex data not supported\n{X}\n")
        return X
    if sparse.issparse(X):
        if X.ndim != 2:
            raise ValueError(f"`X` must have 2 dimensions; got shape {X.shape}.")
        if np.iscomplexobj(X):
            raise ValueError(f"Complex data not supported\n{X}\n")
        return X.tocsr()
    if type(X) is np.ndarray and X.ndim == 2 and X.shape[0] > 0 and X.shape[1] > 0:
        if np.iscomplexobj(X):
            raise ValueError(f"Complex data not supported\n{X}\n")
        return X
    if not isinstance(X, np.ndarray) or X.ndim == 1:
        first = next(iter(X), None) if hasattr(X, "__iter__") else None
        if isinstance(first, str):
            raise ValueError(
                "`X` must have 2 dimensions; got a sequence of texts. Put the "
                "vectorizer before the distiller, in a Pipeline."
            )
    # `check_array` also words the errors: 1-D input, no rows, no columns, complex.
    return check_array(X, dtype=None, ensure_all_finite=False)


def n_rows(X: Any) -> int:
    """Number of rows of a container."""
    return int(num_samples(X))


def column_names(X: Any) -> list[Any]:
    """Column names of a frame; positions for arrays and CSR."""
    if is_pandas(X) or is_polars(X):
        return list(X.columns)
    return list(range(X.shape[1]))


def take_rows(X: Any, rows: np.ndarray) -> Any:
    """The given rows as a new container that shares no memory with X."""
    return safe_indexing(X, rows)


def take_columns(X: Any, mask: np.ndarray) -> Any:
    """The columns of a mask as a new container that shares no memory with X."""
    columns = np.flatnonzero(mask)
    if is_pandas(X):
        return X.iloc[:, columns].copy()
    if is_polars(X):
        return X[:, columns.tolist()]
    return X[:, columns]


def restore_columns(X: Any, original: Any, mask: np.ndarray) -> Any:
    """X with the columns of a mask as they are in `original`, row by row."""
    if is_pandas(X):
        columns = {
            j: (original if mask[j] else X).iloc[:, j].array for j in range(len(mask))
        }
        import pandas as pd

        out = pd.DataFrame(columns, index=X.index)
        out.columns = X.columns
        return out
    if is_polars(X):
        kept = [name for name, is_kept in zip(X.columns, mask) if is_kept]
        return X.with_columns(original[kept]) if kept else X
    if sparse.issparse(X):
        kept, moved = original.multiply(mask), X.multiply(~mask)
        return type(X)((kept + moved).astype(X.dtype).tocsr())
    return np.where(mask, original, X)


def copy_table(X: Any) -> Any:
    """A copy that a member may write into without harm to X."""
    return X.clone() if is_polars(X) else X.copy()


def concat_rows(parts: list[Any]) -> Any:
    """Stack containers of the same kind; dtypes are those of the first.

    A pandas result has a fresh index: a pseudo-sample has no row label of its own.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    if is_pandas(first):
        import pandas as pd

        joined = pd.concat(parts, ignore_index=True)
        if list(joined.dtypes) != list(first.dtypes):
            joined = joined.astype(first.dtypes.to_dict())
        return joined
    if is_polars(first):
        import polars as pl

        return pl.concat(parts)
    if sparse.issparse(first):
        # older scipy turns arrays into matrices
        return type(first)(sparse.vstack(parts, format="csr", dtype=first.dtype))
    joined = np.concatenate(parts, axis=0)
    if first.dtype.kind in "US":  # the longest text decides
        return joined
    return joined.astype(first.dtype, copy=False)


def row_bytes(X: Any) -> list[bytes]:
    """The cells of each row of a numeric array or CSR; equal rows, equal bytes."""
    if sparse.issparse(X):
        X = X.copy()
        X.sum_duplicates()
        X.eliminate_zeros()
        bounds = zip(X.indptr[:-1], X.indptr[1:])
        indices = X.indices.astype(np.int64)
        return [indices[a:b].tobytes() + X.data[a:b].tobytes() for a, b in bounds]
    # + 0 turns -0.0 into 0.0: equal numbers need equal bytes
    flat = np.ascontiguousarray(X + 0 if X.dtype.kind in "iuf" else X)
    if flat.dtype.kind == "f":
        flat[np.isnan(flat)] = np.nan  # of one sign and payload
    return [row.tobytes() for row in flat]


def row_hashes(X: Any) -> list[int]:
    """A 64-bit key for each row of a numeric array or CSR; valid in this process."""
    return [hash(key) for key in row_bytes(X)]


def row_keys(X: Any) -> np.ndarray:
    """One hashable key per row: equal rows, and only those, share a key.

    Frames use the 64-bit row hash of their library. Keys of different calls compare
    within one process, for containers of the same kind and dtypes.
    """
    if is_pandas(X):
        from pandas.util import hash_pandas_object

        return hash_pandas_object(X, index=False).to_numpy()
    if is_polars(X):
        return X.hash_rows(seed=0).to_numpy()
    if not sparse.issparse(X) and X.dtype.kind == "O":
        return np.array([hash(repr(row)) for row in X.tolist()], dtype=np.int64)
    return np.array(row_hashes(X), dtype=np.int64)


def resolve_columns(X: Any, columns: Any, parameter: str) -> np.ndarray:
    """Boolean mask over the columns of X chosen by name, position or mask.

    Raises
    ------
    ValueError
        If a name, a position or the mask's length does not fit X.
    """
    names = column_names(X)
    mask = np.zeros(len(names), dtype=bool)
    if columns is None:
        return mask
    # (a name may be a tuple: columns of several levels)
    is_one_name = isinstance(columns, str) or (
        isinstance(columns, tuple) and columns in names
    )
    wanted = [columns] if is_one_name else list(columns)
    if wanted and all(isinstance(c, (bool, np.bool_)) for c in wanted):
        if len(wanted) != mask.size:
            raise ValueError(
                f"`{parameter}` as a mask must have one entry per column "
                f"({mask.size}); got {len(wanted)}."
            )
        return np.array(wanted, dtype=bool)
    for column in wanted:
        if isinstance(column, (int, np.integer)) and column not in names:
            inside = -mask.size <= column < mask.size
            position = [int(column)] if inside else []
        else:
            # frames may repeat a name
            position = [k for k, name in enumerate(names) if name == column]
        if not position:
            shown = ", ".join(map(repr, names[:10])) + (
                ", ..." if mask.size > 10 else ""
            )
            raise ValueError(
                f"`{parameter}` names a column that X does not have: {column!r}. "
                f"The columns are: {shown}."
            )
        mask[position] = True
    return mask
