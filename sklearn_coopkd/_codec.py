"""Tables as numbers, and back: what the search for pseudo-samples works on.

Members receive rows in the container the user gave; the search needs numbers.
`TableCodec` learns from a pool of rows which columns move how, and encodes rows: one
float per cell. `Decoder` turns rows made from given sources back into a container of
the same kind, dtypes and column order. What the codec knows comes from the pool alone:
the encoding of a source row does not depend on other source rows.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_coopkd._containers import (
    column_names,
    concat_rows,
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
    """Translate rows of a container to a float matrix, one column each.

    Numeric cells are their value; cells of a categorical column are the code of
    their value among those of the pool, or a negative number of their own; missing
    cells are NaN.

    Parameters
    ----------
    X : container of shape (n_rows, n_features)
        The pool: it defines kinds and the values that a cell may take.

    categorical_features : "from_dtype", None or array-like
        Columns whose values are swapped whole; a list within the list is a group of
        columns that change together (one-hot). Columns that hold no numbers are
        swapped whole in any case. "from_dtype": also columns of zeros and ones;
        neighbours among them of which exactly one is 1 in every row are a group.

    Attributes
    ----------
    Z : ndarray of shape (n_rows, n_features)
        The pool, encoded. CSR containers stay CSR.

    kinds : ndarray of shape (n_features,)
        "numeric"; "integer" (also the ranks of an ordered category); "category"; or
        "fixed": never moved, for the reason in `held`.

    groups : ndarray of shape (n_features,)
        Columns with the same number, the first of them, change together.

    held : dict
        Position of each fixed column and what it holds.

    levels : dict
        Position of each column of values -> a row of the pool for each code.
    """

    def __init__(self, X: Any, categorical_features: Any = "from_dtype"):
        self.X = X
        names = column_names(X)
        self.groups = np.arange(len(names))
        self.held: dict[int, str] = {}
        self.levels: dict[int, np.ndarray] = {}
        self._codes: dict[int, dict[Any, int]] = {}  # value -> code
        self._ranks: dict[int, np.ndarray] = {}  # observed codes of ordered categories
        self.coarse: dict[int, Any] = {}  # floats of less than double precision
        from_values = isinstance(categorical_features, str)
        forced = np.zeros(len(names), dtype=bool)
        if not from_values and categorical_features is not None:
            forced = self._force(categorical_features)
        self.is_plain = self._has_plain_cells()
        if self.is_plain:
            dtype = np.dtype(np.float64) if is_pandas(X) else X.dtype
            kind = NUMERIC if dtype.kind == "f" else INTEGER
            self.kinds = np.where(forced, CATEGORY, kind).astype(object)
            if kind == NUMERIC and dtype != np.float64:
                self.coarse = dict.fromkeys(range(len(names)), dtype)
        else:
            self.kinds = np.empty(len(names), dtype=object)
            for j in range(len(names)):
                self._fit_column(j, forced[j])
        self.Z = self.encode(X)
        for j in [*self._codes, *self._ranks]:
            known = np.flatnonzero(~np.isnan(self.Z[:, j]))
            _, first = np.unique(self.Z[known, j], return_index=True)
            self.levels[j] = known[first]
        if from_values:
            self._find_flags()

    def _has_plain_cells(self) -> bool:
        """Whether all cells are plain numbers that a float can hold."""
        if is_pandas(self.X):
            return all(dtype == np.float64 for dtype in self.X.dtypes)
        if sparse.issparse(self.X):
            return True
        if not isinstance(self.X, np.ndarray) or self.X.dtype.kind not in "iuf":
            return False
        return not _exceeds_float(self.X)

    def _force(self, columns: Any) -> np.ndarray:
        """Mask of the columns that a list names; groups within it are noted."""
        forced = np.zeros(len(self.groups), dtype=bool)
        for group in _column_groups(self.X, columns):
            if forced[group].any():
                name = column_names(self.X)[group[forced[group]][0]]
                raise ValueError(
                    f"`categorical_features` names column {name!r} twice. List each "
                    "column once, alone or in one group."
                )
            forced[group] = True
            self.groups[group] = group[0]
        return forced

    def _fit_column(self, j: int, forced: bool) -> None:
        column = take_column(self.X, j)
        kind, held = _column_kind(column)
        if kind == INTEGER and _exceeds_float(column):
            kind, held = FIXED, "integers beyond the precision of a float"
        if getattr(column.dtype, "ordered", False) and not forced:
            kind = INTEGER
            codes = column.cat.codes.to_numpy()
            self._ranks[j] = np.unique(codes[codes >= 0])
        elif kind in (CATEGORY, FIXED):
            inverse, values = self._factorize(j, column)
            self._codes[j] = {value: code for code, value in enumerate(values)}
            n_known = int((inverse >= 0).sum())
            if kind == CATEGORY and _is_text(column):
                rare = 2 * len(values) > n_known
                if len(values) > MAX_TEXT_LEVELS and rare:
                    kind, held = FIXED, "free text"
        elif kind == NUMERIC:
            dtype = getattr(column.dtype, "numpy_dtype", column.dtype)
            for single in (np.float16, np.float32):
                if str(dtype).lower() == single.__name__:
                    self.coarse[j] = single
        if forced:
            kind, held = CATEGORY, ""
        if held:
            self.held[j] = held
        self.kinds[j] = kind

    def _factorize(self, j: int, column: Any) -> tuple[np.ndarray, list[Any]]:
        """Position of each cell's value (-1: missing) in a list of distinct values."""
        try:
            if hasattr(column, "iloc"):
                import pandas as pd

                inverse, values = pd.factorize(column)
                return inverse, list(values)
            return _first_come(
                column.to_list() if hasattr(column, "to_list") else column.tolist()
            )
        except TypeError as error:
            raise ValueError(
                "`X` must hold numbers, texts or other hashable values; column "
                f"{column_names(self.X)[j]!r} holds others ({error}). Turn it into "
                "columns of numbers before the distiller, in a Pipeline."
            ) from error

    def encode(self, X: Any) -> Any:
        """Rows of a container like the pool as floats."""
        if sparse.issparse(X):
            return X.astype(np.float64)
        if self.is_plain:
            if is_pandas(X):
                return X.to_numpy(dtype=np.float64, copy=True)
            return X.astype(np.float64)
        Z = np.empty((n_rows(X), len(self.kinds)))
        for j in range(len(self.kinds)):
            column = take_column(X, j)
            if j in self._ranks:
                Z[:, j] = self._rank(j, column)
            elif j in self._codes:
                inverse, values = self._factorize(j, column)
                known = self._codes[j]
                # a value that the pool does not have: a number of its own
                codes = [
                    known[v] if v in known else -1 - (hash(v) & (2**51 - 1))
                    for v in values
                ]
                Z[:, j] = np.array([*codes, np.nan])[inverse]
            else:
                Z[:, j] = _to_float(column, column_names(self.X)[j])
        return Z

    def _rank(self, j: int, column: Any) -> np.ndarray:
        """Ranks among the ordered categories of the pool; others lie between."""
        codes = column.cat.codes.to_numpy().astype(np.float64)
        observed = self._ranks[j]
        if len(observed):
            ranks = np.interp(codes, observed, np.arange(len(observed)))
            ranks += np.minimum(codes - observed[0], 0)
            ranks += np.maximum(codes - observed[-1], 0)
        else:
            ranks = codes.copy()
        return np.where(codes < 0, np.nan, ranks)

    def settle(self, Z: Any, start: Any) -> Any:
        """Moved cells as they will be after decoding: whole, or of less precision."""
        if sparse.issparse(Z):
            if self.kinds.size and self.X.dtype.kind != "f":
                Z.data = np.rint(Z.data)
            elif self.X.dtype != np.float64:
                Z.data = Z.data.astype(self.X.dtype).astype(np.float64)
            return Z
        integer = np.flatnonzero(self.kinds == INTEGER)
        if len(integer):
            cells = np.rint(Z[:, integer])
            Z[:, integer] = np.where(
                Z[:, integer] != start[:, integer], cells, Z[:, integer]
            )
        for j, observed in self._ranks.items():
            moved = Z[:, j] != start[:, j]
            Z[moved, j] = np.clip(Z[moved, j], 0, max(len(observed) - 1, 0))
        for j, dtype in self.coarse.items():
            Z[:, j] = Z[:, j].astype(dtype)
        return Z

    def _find_flags(self) -> None:
        """Mark columns of zeros and ones as categories, and one-hot groups."""
        Z = self.Z
        if sparse.issparse(Z):
            columns = Z.tocsc()
            columns.eliminate_zeros()
            n_stored = np.diff(columns.indptr)
            column_of = np.repeat(np.arange(Z.shape[1]), n_stored)
            n_ones = np.bincount(column_of, columns.data == 1, minlength=Z.shape[1])
            flags = (n_ones > 0) & (n_ones == n_stored)
            ones = np.split(columns.indices, columns.indptr[1:-1])
            self.kinds[flags] = CATEGORY
        else:
            is_zero, is_one = Z == 0, Z == 1
            flags = (is_zero | is_one | np.isnan(Z)).all(axis=0)
            flags &= is_zero.any(axis=0) | is_one.any(axis=0)
            numbers = np.isin(self.kinds, (NUMERIC, INTEGER))
            numbers[list(self._ranks)] = False
            self.kinds[flags & numbers] = CATEGORY
            true = {
                j: codes[True] for j, codes in self._codes.items() if _are_bools(codes)
            }
            flags &= numbers
            flags[list(true)] = True
            none = np.empty(0, dtype=np.intp)
            ones = [
                np.flatnonzero(Z[:, j] == true.get(j, 1)) if flags[j] else none
                for j in range(Z.shape[1])
            ]
        for begin, end in _one_hot_windows(flags, ones, Z.shape[0]):
            self.groups[begin:end] = begin


class Decoder:
    """Turn rows made from given rows back into a container.

    Parameters
    ----------
    codec : TableCodec

    X : container of shape (n_sources, n_features)
        Rows, other than the pool's, that rows are made from.

    Attributes
    ----------
    Z : ndarray of shape (n_sources, n_features)
        X, encoded.
    """

    def __init__(self, codec: TableCodec, X: Any):
        self.codec = codec
        self.Z = codec.encode(X)
        self._is_plain = codec.is_plain and not (
            isinstance(X, np.ndarray) and _exceeds_float(X)
        )
        self._dtype: Any = getattr(X, "dtype", None)
        self._columns: Any = getattr(X, "columns", None)
        self._kind = type(X)
        if not self._is_plain:
            self._reference = concat_rows([codec.X, X])
            self._Z_reference = np.concatenate([codec.Z, self.Z])
            # objects, and integers that a float cannot hold: never by way of a float
            self._by_cell = {
                j
                for j in range(len(codec.kinds))
                if codec.kinds[j] in (NUMERIC, INTEGER)
                if _is_object(take_column(X, j)) or _exceeds_float(take_column(X, j))
            }

    def decode(self, Z: Any, base: np.ndarray) -> Any:
        """Rows of floats as a container.

        `base` is the position of the row that each was made from, in the pool
        followed by X: cells that equal its cells are taken from there.
        """
        if sparse.issparse(Z):
            Z = self._kind(Z)
            if self._dtype.kind != "f":
                Z = Z.copy()
                Z.data = np.rint(Z.data)
            return Z.astype(self._dtype)
        if self._is_plain:
            if self._columns is not None:
                import pandas as pd

                return pd.DataFrame(Z, columns=self._columns, copy=True)
            return _to_dtype(Z, self._dtype)
        old = self._Z_reference[base]
        changed = (old != Z) & ~np.isnan(Z)
        columns = [
            self._decode_column(j, Z[:, j], base, changed[:, j])
            for j in range(Z.shape[1])
        ]
        if is_pandas(self._reference):
            import pandas as pd

            out = pd.DataFrame(dict(enumerate(columns)))
            out.columns = self._columns
            return out
        if is_polars(self._reference):
            import polars as pl

            names = self._columns
            return pl.DataFrame([c.alias(name) for c, name in zip(columns, names)])
        out = np.empty(Z.shape, dtype=self._dtype)
        for j, column in enumerate(columns):
            out[:, j] = column
        return out

    def _decode_column(self, j, values, base, changed):
        column = take_column(self._reference, j)
        if j in self.codec.levels:
            rows = base.copy()
            codes = np.rint(values[changed]).astype(np.intp)
            rows[changed] = self.codec.levels[j][codes]
            return take_cells(column, rows)
        if not changed.any():
            return take_cells(column, base)
        if self.codec.kinds[j] == INTEGER:
            values = np.rint(values)
        if j in self._by_cell:
            # cells that stay are taken as they are: objects, or large integers
            cells = np.asarray(column, dtype=object)[base]
            kind = int if self.codec.kinds[j] == INTEGER else float
            cells[changed] = [kind(value) for value in values[changed]]
            if is_pandas(self._reference):
                import pandas as pd

                return pd.Series(cells, dtype=object).astype(column.dtype)
            return cells.astype(column.dtype)
        if is_pandas(self._reference):
            import pandas as pd

            return pd.Series(values).astype(column.dtype).array
        if is_polars(self._reference):
            import polars as pl

            out = pl.Series(values)
            if column.null_count():
                out = out.fill_nan(None)
            return out.cast(column.dtype)
        return _to_dtype(values, column.dtype)


def _is_object(column: Any) -> bool:
    return getattr(column.dtype, "kind", "") == "O" and isinstance(
        column.dtype, np.dtype
    )


def _are_bools(codes: dict[Any, int]) -> bool:
    """Whether the values are booleans, and true occurs."""
    return True in codes and all(isinstance(v, (bool, np.bool_)) for v in codes)


def _one_hot_windows(flags, ones, n_rows):
    """Neighbouring flags of which exactly one is 1 in every row: (begin, end).

    `ones[j]` are the rows in which column j is 1. A window is moved over the columns
    in which no row has two of them; it is a group if it covers all rows.
    """
    begin, covered, total = 0, 0, np.zeros(n_rows, dtype=np.int8)
    for j in range(len(flags)):
        if not flags[j]:
            for k in range(begin, j):
                total[ones[k]] = 0
            begin, covered = j + 1, 0
            continue
        while (total[ones[j]] > 0).any():
            total[ones[begin]] = 0
            covered -= len(ones[begin])
            begin += 1
        total[ones[j]] = 1
        covered += len(ones[j])
        if covered == n_rows and begin < j:
            yield begin, j + 1
            total[:] = 0
            begin, covered = j + 1, 0


def take_column(X: Any, j: int) -> Any:
    """One column of a frame or an array."""
    if is_pandas(X):
        return X.iloc[:, j]
    if is_polars(X):
        return X.to_series(j)
    return X[:, j]


def take_cells(column: Any, rows: np.ndarray) -> Any:
    """The given cells of a column, with a fresh index."""
    if hasattr(column, "iloc"):
        # a bare array of objects would have its dtype guessed again
        return column.take(rows).reset_index(drop=True)
    return column[rows]


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


def _to_float(column: Any, name: Any) -> np.ndarray:
    if hasattr(column.dtype, "is_float"):  # polars
        import polars as pl

        return column.cast(pl.Float64).to_numpy()
    if getattr(column.dtype, "kind", "") == "O":
        cells = column.tolist()
        try:
            return np.array(
                [np.nan if c is None or _is_missing(c) else float(c) for c in cells]
            )
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Column {name!r} of `X` must hold numbers, as it does in `X_pool`; "
                f"{error}."
            ) from error
    if hasattr(column, "to_numpy"):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.astype(np.float64)


def _to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "iu":
        return np.rint(values).astype(dtype)
    return values.astype(dtype)


def _first_come(cells: list[Any]) -> tuple[np.ndarray, list[Any]]:
    """Position of each cell's value (-1: missing) among the distinct ones."""
    seen: dict[Any, int] = {}
    inverse = [
        -1 if v is None or _is_missing(v) else seen.setdefault(v, len(seen))
        for v in cells
    ]
    return np.array(inverse, dtype=np.intp), list(seen)


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
