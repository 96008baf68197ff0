"""Tables as numbers, and back: what the search for pseudo-samples works on.

Members receive rows in the container the user gave; the search needs numbers.
`TableCodec` translates: one float per cell, and back to a container of the same kind,
dtypes and column order. It also tells which columns move how.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_coopkd._containers import (
    column_names,
    is_pandas,
    is_polars,
    n_rows,
    resolve_columns,
)

NUMERIC, INTEGER, CATEGORY, FIXED = "numeric", "integer", "category", "fixed"
# A column of texts with more distinct values than this, most of them seen once or
# twice, is free text, not a category.
MAX_TEXT_LEVELS = 50


class TableCodec:
    """Translate rows between a container and a float matrix, one column each way.

    Numeric cells are their value; cells of a categorical column are the code of
    their value among the observed ones; missing cells are NaN.

    Parameters
    ----------
    X : container of shape (n_rows, n_features)
        Reference rows: they define observed values and dtypes.

    categorical_features : "from_dtype", None or array-like
        Columns whose values are swapped whole; a list within the list is a group of
        columns that change together (one-hot). Columns that hold no numbers are
        swapped whole in any case. "from_dtype": also columns of zeros and ones;
        neighbours among them of which exactly one is 1 in every row are a group.

    n_known : int, default=None
        The first rows, from whose values kinds are told; None: all.

    Attributes
    ----------
    Z : ndarray of shape (n_rows, n_features)
        The reference rows, encoded. CSR containers stay CSR.

    kinds : ndarray of shape (n_features,)
        "numeric"; "integer" (also the ranks of an ordered category); "category"; or
        "fixed": never moved, for the reason in `held`.

    groups : ndarray of shape (n_features,)
        Columns with the same number change together.

    held : dict
        Position of each fixed column and what it holds.
    """

    def __init__(
        self,
        X: Any,
        categorical_features: Any = "from_dtype",
        n_known: int | None = None,
    ):
        self.reference = X
        self.n_known = n_rows(X) if n_known is None else n_known
        names = column_names(X)
        self.groups = np.arange(len(names))
        self.held: dict[int, str] = {}
        self._levels: dict[int, np.ndarray] = {}  # a reference row for each code
        self._missing: dict[int, int] = {}  # a reference row whose cell is missing
        self._is_float_frame = is_pandas(X) and all(d == np.float64 for d in X.dtypes)
        from_values = isinstance(categorical_features, str)
        forced = np.zeros(len(names), dtype=bool)
        if not from_values and categorical_features is not None:
            for group in _column_groups(X, categorical_features):
                forced[group] = True
                self.groups[group] = group[0]
        if sparse.issparse(X):
            self.Z = X.astype(np.float64)
            kind = NUMERIC if X.dtype.kind == "f" else INTEGER
            self.kinds = np.where(forced, CATEGORY, kind).astype(object)
        elif isinstance(X, np.ndarray) and X.dtype.kind in "iuf" and self._fits(X):
            kind = NUMERIC if X.dtype.kind == "f" else INTEGER
            self.kinds = np.where(forced, CATEGORY, kind).astype(object)
            self.Z = X.astype(np.float64)
        elif self._is_float_frame:
            self.kinds = np.where(forced, CATEGORY, NUMERIC).astype(object)
            self.Z = X.to_numpy(dtype=np.float64, copy=True)
        else:
            self.kinds = np.empty(len(names), dtype=object)
            self.Z = np.empty((n_rows(X), len(names)))
            for j in range(len(names)):
                self._encode_column(j, forced[j])
        self._coarse: dict[int, Any] = {}
        if not sparse.issparse(X) and not self._is_float_frame:
            self._coarse = self._find_coarse()
        if from_values:
            self._find_flags()

    @staticmethod
    def _fits(X: np.ndarray) -> bool:
        """Whether every cell is told apart as a float."""
        return not _exceeds_float(X)

    def _column(self, j: int) -> Any:
        X = self.reference
        if is_pandas(X):
            return X.iloc[:, j]
        if is_polars(X):
            return X.to_series(j)
        return X[:, j]

    def _encode_column(self, j: int, forced: bool) -> None:
        column = self._column(j)
        kind, held = _column_kind(column)
        if kind == INTEGER and _exceeds_float(column):
            kind, held = FIXED, "integers beyond the precision of a float"
        if getattr(column.dtype, "ordered", False) and not forced:
            kind, codes = INTEGER, self._rank(j, column)
        elif kind in (NUMERIC, INTEGER):
            codes = _to_float(column)
            if getattr(column.dtype, "kind", "") == "O" and np.isnan(codes).any():
                self._missing[j] = int(np.isnan(codes).argmax())
        else:
            codes = self._factorize(j, column)
            if kind == CATEGORY and _is_text(column):
                known = codes[: self.n_known]
                known = known[~np.isnan(known)]
                n_levels = len(np.unique(known))
                if n_levels > MAX_TEXT_LEVELS and 2 * n_levels > len(known):
                    kind, held = FIXED, "free text"
        if forced:
            kind, held = CATEGORY, ""
        if held:
            self.held[j] = held
        self.kinds[j] = kind
        self.Z[:, j] = codes

    def _factorize(self, j: int, column: Any) -> np.ndarray:
        """Codes of the values in order of appearance; NaN for missing ones."""
        try:
            if is_pandas(self.reference):
                import pandas as pd

                codes = pd.factorize(column)[0].astype(np.float64)
                codes[codes < 0] = np.nan
            else:
                codes = _first_come(
                    column.to_list() if is_polars(self.reference) else column.tolist()
                )
        except TypeError as error:
            name = column_names(self.reference)[j]
            raise ValueError(
                "`X` must hold numbers, texts or other hashable values; column "
                f"{name!r} holds others ({error}). Turn it into columns of numbers "
                "before the distiller, in a Pipeline."
            ) from error
        self._keep_levels(j, codes)
        return codes

    def _rank(self, j: int, column: Any) -> np.ndarray:
        """Ranks of ordered categories among the observed ones."""
        codes = column.cat.codes.to_numpy()
        ranks = np.searchsorted(np.unique(codes[codes >= 0]), codes).astype(np.float64)
        ranks[codes < 0] = np.nan
        self._keep_levels(j, ranks)
        return ranks

    def _keep_levels(self, j: int, codes: np.ndarray) -> None:
        missing = np.isnan(codes)
        if missing.any():
            self._missing[j] = int(missing.argmax())
        known = np.flatnonzero(~missing)
        _, first = np.unique(codes[known], return_index=True)
        self._levels[j] = known[first]

    def _find_coarse(self) -> dict[int, Any]:
        """Columns of floats with less than double precision, and their type."""
        found = {}
        for j in range(len(self.kinds)):
            if self.kinds[j] != NUMERIC:
                continue
            name = str(self._column(j).dtype).lower()
            for single in (np.float16, np.float32):
                if name.startswith(single.__name__):
                    found[j] = single
        return found

    def _find_flags(self) -> None:
        """Mark columns of zeros and ones as categories, and one-hot groups."""
        Z = self.Z[: self.n_known]
        if sparse.issparse(Z):
            n_ones, n_others = (
                np.bincount(Z.indices, weights=chosen, minlength=Z.shape[1])
                for chosen in (Z.data == 1, (Z.data != 1) & (Z.data != 0))
            )
            self.kinds[(n_ones > 0) & (n_others == 0)] = CATEGORY
            return
        is_zero, is_one = Z == 0, Z == 1
        flags = (is_zero | is_one | np.isnan(Z)).all(axis=0)
        flags &= is_zero.any(axis=0) | is_one.any(axis=0)
        flags &= np.isin(self.kinds, (NUMERIC, INTEGER))
        flags[list(self._levels)] = False
        self.kinds[flags] = CATEGORY
        # a window over neighbours that never are 1 together
        begin, total = 0, np.zeros(len(Z))
        for j in range(Z.shape[1]):
            if not flags[j]:
                begin, total = j + 1, np.zeros(len(Z))
                continue
            total = total + is_one[:, j]
            while (total > 1).any():
                total -= is_one[:, begin]
                begin += 1
            if begin < j and (total == 1).all():
                self.groups[begin : j + 1] = begin
                begin, total = j + 1, np.zeros(len(Z))

    def settle(self, Z: Any) -> Any:
        """Cells as they will be after `decode`: whole, or of their own precision."""
        if sparse.issparse(Z):
            if self.reference.dtype.kind != "f":
                Z.data = np.rint(Z.data)
            elif self.reference.dtype != np.float64:
                Z.data = Z.data.astype(self.reference.dtype).astype(np.float64)
            return Z
        integer = self.kinds == INTEGER
        if integer.any():
            Z[:, integer] = np.rint(Z[:, integer])
        for j, dtype in self._coarse.items():
            Z[:, j] = Z[:, j].astype(dtype)
        return Z

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
            if not self._levels and reference.dtype.kind != "O":
                return _to_dtype(Z, reference.dtype)
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

    def _decode_column(self, j: int, values: np.ndarray) -> Any:
        column = self._column(j)
        if j in self._levels:
            rows = np.full(len(values), self._missing.get(j, 0), dtype=np.intp)
            known = ~np.isnan(values)
            rows[known] = self._levels[j][np.rint(values[known]).astype(np.intp)]
            if is_pandas(self.reference):
                # a bare array of objects would have its dtype guessed again
                return column.take(rows).reset_index(drop=True)
            return column[rows]
        if self.kinds[j] == INTEGER:
            values = np.rint(values)
        if getattr(column.dtype, "kind", "") == "O":
            return self._to_objects(j, column, values)
        if is_pandas(self.reference):
            import pandas as pd

            return pd.Series(values).astype(column.dtype).array
        if is_polars(self.reference):
            import polars as pl

            out = pl.Series(values)
            if column.null_count():
                out = out.fill_nan(None)
            return out.cast(column.dtype)
        return _to_dtype(values, column.dtype)

    def _to_objects(self, j: int, column: Any, values: np.ndarray) -> Any:
        """Numbers as Python objects, missing ones as the reference has them."""
        whole = values.astype(np.int64) if self.kinds[j] == INTEGER else values
        out = np.array(whole.tolist(), dtype=object)
        missing = np.isnan(values)
        if missing.any():
            out[missing] = np.asarray(column)[self._missing[j]]
        if is_pandas(self.reference):
            import pandas as pd

            return pd.Series(out, dtype=object)
        return out


def _column_groups(X: Any, columns: Any) -> list[np.ndarray]:
    """Positions of the columns that a list names, one array per group."""
    single, groups = [], []
    for column in columns:
        if isinstance(column, (list, tuple, np.ndarray)) and not np.isscalar(column):
            groups.append(column)
        else:
            single.append(column)
    found = [
        resolve_columns(X, group, "categorical_features").nonzero()[0]
        for group in groups
    ]
    alone = resolve_columns(X, single, "categorical_features").nonzero()[0]
    return [group for group in found if len(group)] + [
        alone[k : k + 1] for k in range(len(alone))
    ]


def _column_kind(column: Any) -> tuple[str, str]:
    """Kind of a column by its dtype, and for a fixed one what it holds."""
    dtype = column.dtype
    if hasattr(dtype, "is_float"):  # polars
        if dtype.is_float() or dtype.is_decimal():
            return NUMERIC, ""
        if dtype.is_integer():
            return INTEGER, ""
        return (FIXED, "dates") if dtype.is_temporal() else (CATEGORY, "")
    kind = getattr(dtype, "kind", "O")
    if isinstance(dtype, np.dtype):
        if kind == "O":
            return _object_kind(column)
        by_letter = {"f": NUMERIC, "i": INTEGER, "u": INTEGER, "M": FIXED, "m": FIXED}
        found = by_letter.get(kind, CATEGORY)
        return found, "dates" if found == FIXED else ""
    import pandas as pd
    from pandas.api import types

    if types.is_bool_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype):
        return CATEGORY, ""
    if types.is_integer_dtype(dtype):
        return INTEGER, ""
    if types.is_float_dtype(dtype):
        return NUMERIC, ""
    is_date = (
        types.is_datetime64_any_dtype(dtype)
        or types.is_timedelta64_dtype(dtype)
        or isinstance(dtype, pd.PeriodDtype)
    )
    return (FIXED, "dates") if is_date else (CATEGORY, "")


def _object_kind(column: Any) -> tuple[str, str]:
    """Kind of a column of Python objects, by its cells."""
    cells = [c for c in column.tolist() if c is not None and not _is_missing(c)]
    if cells and isinstance(cells[0], (date, time, timedelta)):
        return FIXED, "dates"
    # (numpy booleans are no numbers.Real, Python's are)
    if cells and all(isinstance(c, Real) and not isinstance(c, bool) for c in cells):
        whole = all(isinstance(c, Integral) for c in cells)
        if whole and max(abs(int(c)) for c in cells) > 2**53:
            return FIXED, "integers beyond the precision of a float"
        return (INTEGER if whole else NUMERIC), ""
    return CATEGORY, ""


def _is_text(column: Any) -> bool:
    """Whether a column of categories holds texts that are not declared categories."""
    dtype = column.dtype
    if hasattr(dtype, "is_float"):  # polars
        return str(dtype) == "String"
    if hasattr(dtype, "categories"):
        return False
    if getattr(dtype, "kind", "O") == "O":
        return any(isinstance(value, str) for value in column[:100].tolist())
    return getattr(dtype, "kind", "") in "TU"


def _to_float(column: Any) -> np.ndarray:
    if hasattr(column.dtype, "is_float"):  # polars
        import polars as pl

        return column.cast(pl.Float64).to_numpy()
    if getattr(column.dtype, "kind", "") == "O":
        cells = column.tolist()
        return np.array(
            [np.nan if c is None or _is_missing(c) else float(c) for c in cells]
        )
    if hasattr(column, "to_numpy"):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.astype(np.float64)


def _to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "iu":
        return np.rint(values).astype(dtype)
    return values.astype(dtype)


def _first_come(values: list[Any]) -> np.ndarray:
    """Codes of hashable values in order of appearance; NaN for missing ones."""
    seen: dict[Any, int] = {}
    return np.array(
        [
            np.nan if v is None or _is_missing(v) else seen.setdefault(v, len(seen))
            for v in values
        ],
        dtype=np.float64,
    )


def _is_missing(value: Any) -> bool:
    """Whether a cell of an object column is NaN, NaT or pandas' NA."""
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA refuses to be a boolean
        return True
    except ValueError:  # an array in a cell
        return False


def _exceeds_float(column: Any) -> bool:
    """Whether a column of integers holds some that a float cannot tell apart."""
    if getattr(column.dtype, "kind", "i") not in "iu" or len(column) == 0:
        return False
    largest, smallest = column.max(), column.min()
    if largest is None or _is_missing(largest):
        return False
    return max(abs(int(largest)), abs(int(smallest))) > 2**53
