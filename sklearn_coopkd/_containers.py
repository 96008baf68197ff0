"""Tables: the only module that knows numpy, pandas, polars and CSR.

Members receive rows in the container the user gave; the search for pseudo-samples
needs numbers. `TableCodec` translates between the two: one float per cell, and back
to a container of the same kind, dtypes and column order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array

from sklearn_coopkd._compat import num_samples, safe_indexing

NUMERIC, INTEGER, CATEGORY, FIXED = "numeric", "integer", "category", "fixed"


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
        return X
    if sparse.issparse(X):
        if X.ndim != 2:
            raise ValueError(f"`X` must have 2 dimensions; got shape {X.shape}.")
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
    return np.concatenate(parts, axis=0).astype(first.dtype, copy=False)


def row_keys(X: Any) -> np.ndarray:
    """One hashable key per row: equal rows, and only those, share a key.

    Frames use the 64-bit row hash of their library.
    """
    if is_pandas(X):
        from pandas.util import hash_pandas_object

        return hash_pandas_object(X, index=False).to_numpy()
    if is_polars(X):
        return X.hash_rows(seed=0).to_numpy()
    if sparse.issparse(X):
        X = X.copy()
        X.sum_duplicates()
        X.eliminate_zeros()
        bounds = zip(X.indptr[:-1], X.indptr[1:])
        keys = [X.indices[a:b].tobytes() + X.data[a:b].tobytes() for a, b in bounds]
    elif X.dtype.kind == "O":
        keys = [repr(row) for row in X.tolist()]
    else:
        # + 0 turns -0.0 into 0.0: equal numbers need equal bytes
        flat = np.ascontiguousarray(X + 0 if X.dtype.kind in "iuf" else X)
        keys = [row.tobytes() for row in flat]
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


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
    wanted = np.asarray(columns, dtype=object).ravel()
    if wanted.size and all(isinstance(c, (bool, np.bool_)) for c in wanted):
        if wanted.size != mask.size:
            raise ValueError(
                f"`{parameter}` as a mask must have one entry per column "
                f"({mask.size}); got {wanted.size}."
            )
        return wanted.astype(bool)
    for column in wanted:
        if isinstance(column, (int, np.integer)) and column not in names:
            inside = -mask.size <= column < mask.size
            position = int(column) if inside else None
        else:
            position = names.index(column) if column in names else None
        if position is None:
            shown = ", ".join(map(repr, names[:10])) + (
                ", ..." if mask.size > 10 else ""
            )
            raise ValueError(
                f"`{parameter}` names a column that X does not have: {column!r}. "
                f"The columns are: {shown}."
            )
        mask[position] = True
    return mask


class TableCodec:
    """Translate rows between a container and a float matrix, one column each way.

    Numeric cells are their value; cells of a categorical column are the code of
    their value among the observed ones; missing cells are NaN. A `fixed` column
    (a date, say) is coded like a category and never moved.

    Parameters
    ----------
    X : container of shape (n_rows, n_features)
        Reference rows: they define kinds, observed values and dtypes.

    categorical_features : "from_dtype", None or array-like
        Columns whose values are swapped whole. "from_dtype": every column that
        holds neither numbers nor dates.

    Attributes
    ----------
    Z : ndarray of shape (n_rows, n_features)
        The reference rows, encoded. CSR containers stay CSR.

    kinds : ndarray of shape (n_features,)
        "numeric", "integer", "category" or "fixed".
    """

    def __init__(self, X: Any, categorical_features: Any = "from_dtype"):
        self.reference = X
        if sparse.issparse(X):
            self.Z = X.astype(np.float64)
            self.kinds = np.full(X.shape[1], NUMERIC, dtype=object)
            return
        names = column_names(X)
        forced = resolve_columns(
            X,
            None
            if isinstance(categorical_features, str) or categorical_features is None
            else categorical_features,
            "categorical_features",
        )
        self.kinds = np.empty(len(names), dtype=object)
        self._levels: dict[int, np.ndarray] = {}  # a reference row for each code
        self._missing: dict[int, int] = {}  # a reference row whose cell is missing
        plain = isinstance(X, np.ndarray) and X.dtype.kind in "iuf"
        if plain and not forced.any() and not _exceeds_float(X):
            self.kinds[:] = NUMERIC if X.dtype.kind == "f" else INTEGER
            self.Z = X.astype(np.float64)
            return
        self._is_float_frame = (
            is_pandas(X) and all(d == np.float64 for d in X.dtypes) and not forced.any()
        )
        if self._is_float_frame:
            self.kinds[:] = NUMERIC
            self.Z = X.to_numpy(dtype=np.float64, copy=True)
            return
        self.Z = np.empty((n_rows(X), len(names)))
        for j in range(len(names)):
            column = self._column(X, j)
            self.kinds[j] = CATEGORY if forced[j] else self._kind(column)
            if self.kinds[j] == INTEGER and _exceeds_float(column):
                self.kinds[j] = FIXED
            self.Z[:, j] = self._encode_column(j)

    @staticmethod
    def _column(X: Any, j: int) -> Any:
        if is_pandas(X):
            return X.iloc[:, j]
        if is_polars(X):
            return X.to_series(j)
        return X[:, j]

    @staticmethod
    def _kind(column: Any) -> str:
        dtype = column.dtype
        if isinstance(column, np.ndarray):
            return {"f": NUMERIC, "i": INTEGER, "u": INTEGER, "M": FIXED}.get(
                dtype.kind, CATEGORY
            )
        if hasattr(dtype, "is_float"):  # polars
            if dtype.is_float() or dtype.is_decimal():
                return NUMERIC
            if dtype.is_integer():
                return INTEGER
            return FIXED if dtype.is_temporal() else CATEGORY
        import pandas as pd
        from pandas.api import types

        if types.is_bool_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype):
            return CATEGORY
        if types.is_integer_dtype(dtype):
            return INTEGER
        if types.is_float_dtype(dtype):
            return NUMERIC
        is_date = types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(
            dtype
        )
        return FIXED if is_date else CATEGORY

    def _encode_column(self, j: int) -> np.ndarray:
        column = self._column(self.reference, j)
        if self.kinds[j] in (NUMERIC, INTEGER):
            if hasattr(column, "to_numpy"):
                if is_polars(self.reference):
                    return column.cast(_polars_float()).to_numpy()
                return column.to_numpy(dtype=np.float64, na_value=np.nan)
            return column.astype(np.float64)
        values = column.to_numpy() if is_polars(self.reference) else np.asarray(column)
        return self._factorize(j, values)

    def _factorize(self, j: int, values: np.ndarray) -> np.ndarray:
        codes = np.full(len(values), np.nan)
        seen: dict[Any, int] = {}
        first_rows: list[int] = []
        for row, value in enumerate(values.tolist()):
            if value is None or _is_missing(value):
                self._missing.setdefault(j, row)
                continue
            try:
                code = seen.setdefault(value, len(seen))
            except TypeError as error:
                raise ValueError(
                    "`X` must hold numbers, texts or other hashable values; got "
                    f"{value!r} in column {column_names(self.reference)[j]!r}."
                ) from error
            if code == len(first_rows):
                first_rows.append(row)
            codes[row] = code
        self._levels[j] = np.asarray(first_rows, dtype=np.intp)
        return codes

    def decode(self, Z: Any) -> Any:
        """Rows of floats as a container like the reference."""
        reference = self.reference
        if sparse.issparse(Z):
            Z = type(reference)(Z)
            if reference.dtype.kind != "f":
                Z = Z.copy()
                Z.data = np.rint(Z.data)
            return Z.astype(reference.dtype)
        if isinstance(reference, np.ndarray):
            if not self._levels:
                return self._to_dtype(Z, reference.dtype)
            out = np.empty(Z.shape, dtype=reference.dtype)
            for j in range(Z.shape[1]):
                out[:, j] = self._decode_column(j, Z[:, j])
            return out
        if is_pandas(reference):
            import pandas as pd

            if self._is_float_frame:
                return pd.DataFrame(Z, columns=reference.columns, copy=True)
            out = pd.DataFrame(
                {j: self._decode_column(j, Z[:, j]) for j in range(len(self.kinds))}
            )
            out.columns = reference.columns
            return out
        import polars as pl

        return pl.DataFrame(
            [
                self._decode_column(j, Z[:, j]).alias(name)
                for j, name in enumerate(reference.columns)
            ]
        )

    @staticmethod
    def _to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
        if dtype.kind in "iu":
            return np.rint(values).astype(dtype)
        return values.astype(dtype)

    def _decode_column(self, j: int, values: np.ndarray) -> Any:
        column = self._column(self.reference, j)
        if self.kinds[j] in (CATEGORY, FIXED):
            rows = np.full(len(values), self._missing.get(j, 0), dtype=np.intp)
            known = ~np.isnan(values)
            rows[known] = self._levels[j][values[known].astype(np.intp)]
            if is_pandas(self.reference):
                # a bare array of objects would have its dtype guessed again
                return column.take(rows).reset_index(drop=True)
            return column[rows]
        if self.kinds[j] == INTEGER:
            values = np.rint(values)
        if is_pandas(self.reference):
            import pandas as pd

            return pd.Series(values).astype(column.dtype).array
        if is_polars(self.reference):
            import polars as pl

            out = pl.Series(values)
            if column.null_count():
                out = out.fill_nan(None)
            return out.cast(column.dtype)
        return self._to_dtype(values, column.dtype)


def _is_missing(value: Any) -> bool:
    """Whether a cell of an object column is NaN, NaT or pandas' NA."""
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA refuses to be a boolean
        return True


def _exceeds_float(column: Any) -> bool:
    """Whether a column of integers holds some that a float cannot tell apart."""
    if getattr(column.dtype, "kind", "i") not in "iu" or len(column) == 0:
        return False
    largest, smallest = column.max(), column.min()
    if largest is None or _is_missing(largest):
        return False
    return max(abs(int(largest)), abs(int(smallest))) > 2**53


def _polars_float() -> Any:
    import polars as pl

    return pl.Float64
