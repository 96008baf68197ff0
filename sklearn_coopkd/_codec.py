"""Tables as numbers, and back: what the search for pseudo-samples works on.

Members receive rows in the container the user gave; the search needs numbers.
`TableCodec` learns from a pool of rows which columns move how, and encodes rows: one
float per cell. `Decoder` turns rows made from given sources back into a container of
the same kind, dtypes and column order. What the codec knows comes from the pool alone:
the encoding of a source row does not depend on other source rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sklearn_coopkd._columns import (
    CATEGORY,
    FIXED,
    INTEGER,
    NUMERIC,
    are_bools,
    cells_of,
    column_kind,
    columns_of,
    exceeds_float,
    factorize,
    hold_large,
    holds_plain_numbers,
    is_free_text,
    next_value,
    own_code,
    patch_cells,
    precision,
    rounded,
    to_float,
)
from sklearn_coopkd._containers import (
    column_names,
    concat_rows,
    is_pandas,
    is_polars,
    n_rows,
    resolve_columns,
    row_hashes,
    take_rows,
)

# Bounds the memory: cells of the rows of a large pool that are encoded at a time.
MAX_BLOCK_CELLS = 4_000_000


class NothingToMove(ValueError):
    """No column of a table may change."""


class TableCodec:
    """Translate rows of a container to a float matrix, one column each.

    Numeric cells are their value; cells of a categorical column are the code of
    their value among those of the pool, or a negative number of their own; missing
    cells are NaN.

    Parameters
    ----------
    X : container of shape (n_pool, n_features)
        The whole pool: what is zero or one in all of it is a flag, and nothing made
        may copy a row of it.

    categorical_features : "from_dtype", None or array-like
        Columns whose values are swapped whole; a list within the list is a group of
        columns that change together (one-hot). Columns that hold no numbers are
        swapped whole in any case. "from_dtype": also columns of zeros and ones;
        neighbours among them of which exactly one is 1 in every row are a group.

    rows : ndarray of shape (n_rows,), default=None
        The rows of the pool that define the values a cell may take; None: all.

    Attributes
    ----------
    X, Z : container, ndarray of shape (n_rows, n_features)
        Those rows, and encoded. CSR containers stay CSR.

    kinds : ndarray of shape (n_features,)
        "numeric"; "integer" (also the ranks of an ordered category); "category"; or
        "fixed": never moved, for the reason in `held`.

    groups : ndarray of shape (n_features,)
        Columns with the same number, the first of them, change together.

    held : dict
        Position of each fixed column and what it holds.

    levels : dict
        Position of each column of values -> a row of X for each code; -1: none.

    coarse : dict
        Position of each column of floats of less than double precision -> its
        `precision`.

    keys : set
        Hashes of all rows of the pool, encoded.
    """

    def __init__(
        self,
        X: Any,
        categorical_features: Any = "from_dtype",
        rows: np.ndarray | None = None,
    ):
        if rows is not None and len(rows) == n_rows(X):
            rows = None
        self.X = X if rows is None else take_rows(X, rows)
        names = column_names(X)
        self.groups = np.arange(len(names))
        self.held: dict[int, str] = {}
        self.levels: dict[int, np.ndarray] = {}
        self.coarse: dict[int, Any] = {}
        self._codes: dict[int, dict[Any, int]] = {}  # value -> code
        self._ranks: dict[int, np.ndarray] = {}  # observed codes of ordered categories
        self._windows: list[tuple[int, int]] = []  # one-hot columns: (begin, end)
        from_values = isinstance(categorical_features, str)
        forced = np.zeros(len(names), dtype=bool)
        if not from_values and categorical_features is not None:
            forced = self._force(categorical_features)
        self.is_plain = self._has_plain_cells()
        if self.is_plain:
            dtype = np.dtype(np.float64) if is_pandas(X) else X.dtype
            kind = NUMERIC if dtype.kind == "f" else INTEGER
            self.kinds = np.where(forced, CATEGORY, kind).astype(object)
            if kind == NUMERIC and dtype.itemsize < 8:
                self.coarse = dict.fromkeys(range(len(names)), dtype.type)
        else:
            self.kinds = np.empty(len(names), dtype=object)
            columns, of_all = columns_of(self.X), columns_of(X)
            for j, name in enumerate(names):
                self._fit_column(j, name, forced[j], columns[j], of_all[j])
        self.Z = self.encode(self.X)
        for j in [*self._codes, *self._ranks]:
            known = np.flatnonzero(~np.isnan(self.Z[:, j]))
            codes, first = np.unique(self.Z[known, j].astype(int), return_index=True)
            self.levels[j] = np.full(codes.max(initial=-1) + 1, -1)
            self.levels[j][codes] = known[first]
        self._survey(X, rows, from_values)

    def _has_plain_cells(self) -> bool:
        """Whether all cells are plain numbers that a float can hold."""
        if is_pandas(self.X):
            return all(dtype == np.float64 for dtype in self.X.dtypes)
        if sparse.issparse(self.X):
            return True
        return isinstance(self.X, np.ndarray) and holds_plain_numbers(self.X)

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

    def _fit_column(
        self, j: int, name: Any, forced: bool, column: Any, of_all: Any
    ) -> None:
        kind, held = column_kind(of_all)  # all rows will be encoded
        if getattr(column.dtype, "ordered", False) and not forced:
            kind, held = INTEGER, ""
            codes = column.cat.codes.to_numpy()
            self._ranks[j] = np.unique(codes[codes >= 0])
        elif kind in (CATEGORY, FIXED) or forced:
            inverse, values = factorize(column, name)
            # true is 1 even if the pool does not have it
            known = [False, True] if are_bools(values) else values
            self._codes[j] = {value: code for code, value in enumerate(known)}
            n_known = int((inverse >= 0).sum())
            if kind == CATEGORY and is_free_text(column, values, n_known):
                kind, held = FIXED, "free text"
        elif kind == NUMERIC and precision(column) is not None:
            self.coarse[j] = precision(column)
        if forced:
            kind, held = CATEGORY, ""
        if held:
            self.held[j] = held
        self.kinds[j] = kind

    def _survey(self, X: Any, rows: np.ndarray | None, find_flags: bool) -> None:
        """Look at all rows of the pool: their keys, columns of zeros and ones."""
        d = len(self.kinds)
        self.keys: set[int] = set()
        flags = np.isin(self.kinds, (NUMERIC, INTEGER))
        flags[list(self._ranks)] = False
        for j, codes in self._codes.items():
            flags[j] = are_bools(list(codes))
        flags &= find_flags
        is_known = np.zeros(d, dtype=bool)
        ones: list[list[np.ndarray]] = [[] for _ in range(d)]
        step = n_rows(X) if rows is None else max(1, MAX_BLOCK_CELLS // max(1, d))
        for begin in range(0, n_rows(X), max(1, step)):
            part = np.arange(begin, min(begin + step, n_rows(X)))
            Z = self.Z if rows is None else self.encode(take_rows(X, part))
            self.keys.update(row_hashes(Z).tolist())
            if not flags.any():
                continue
            if sparse.issparse(Z):
                columns = Z.tocsc()
                columns.eliminate_zeros()
                column_of = np.repeat(np.arange(d), np.diff(columns.indptr))
                flags[column_of[columns.data != 1]] = False
                is_known[:] = True
                for j in np.unique(column_of[flags[column_of]]).tolist():
                    stored = slice(columns.indptr[j], columns.indptr[j + 1])
                    ones[j].append(begin + columns.indices[stored])
                continue
            is_zero, is_one = Z == 0, Z == 1
            flags &= (is_zero | is_one | np.isnan(Z)).all(axis=0)
            is_known |= (is_zero | is_one).any(axis=0)
            for j in np.flatnonzero(flags).tolist():
                ones[j].append(begin + np.flatnonzero(is_one[:, j]))
        flags &= is_known
        self.kinds[flags & (self.kinds != FIXED)] = CATEGORY
        for begin, end in _one_hot_windows(flags, ones, n_rows(X)):
            if self._windows and self._windows[-1][0] == begin:
                self._windows.pop()  # the same, without columns that have no 1
            self._windows.append((begin, end))
            # windows that overlap (a repeated column) are one group
            self.groups[begin:end] = self.groups[begin]

    def encode(self, X: Any) -> Any:
        """Rows of a container like the pool as floats."""
        if sparse.issparse(X):
            X = X.copy()
            X.sum_duplicates()  # in its own dtype: true and true is true
            return X.astype(np.float64)
        if self.is_plain:
            if is_pandas(X):
                return X.to_numpy(dtype=np.float64, copy=True)
            Z = X.astype(np.float64)
            return hold_large(Z) if exceeds_float(X) else Z
        names = column_names(X)
        Z = np.empty((n_rows(X), len(self.kinds)))
        for j, column in enumerate(columns_of(X)):
            if j in self._ranks:
                Z[:, j] = self._rank(j, column)
            elif j in self._codes:
                inverse, values = factorize(column, names[j])
                known = self._codes[j]
                codes = [known[v] if v in known else own_code(v) for v in values]
                Z[:, j] = np.array([*codes, np.nan])[inverse]
            else:
                Z[:, j] = to_float(column, names[j])
                if self.kinds[j] == INTEGER:
                    Z[:, j] = hold_large(Z[:, j])
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
        for j, coarse in self.coarse.items():
            Z[:, j] = rounded(Z[:, j], coarse)
        return Z

    def inside(self, bounds: np.ndarray) -> np.ndarray:
        """Bounds (2, n_features) moved inward to values that a cell can have."""
        bounds = bounds.copy()
        whole = self.kinds == INTEGER
        bounds[0, whole], bounds[1, whole] = (
            np.ceil(bounds[0, whole]),
            np.floor(bounds[1, whole]),
        )
        for j, coarse in self.coarse.items():
            for k, inward in enumerate((np.inf, -np.inf)):
                limit = rounded(bounds[k, j : j + 1], coarse)[0]
                if (limit < bounds[0, j]) if k == 0 else (limit > bounds[1, j]):
                    limit = next_value(limit, inward, coarse)
                bounds[k, j] = limit
        return bounds

    def contradictions(self, Z: Any) -> tuple[np.ndarray, np.ndarray]:
        """One-hot groups that rows do not keep to: row, group of each.

        To move such a group would not make it one-hot: the row knows a category that
        has no column, or more.
        """
        if not self._windows:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
        rows, groups = [], []
        for begin, end in self._windows:
            cells = Z[:, begin:end]
            if sparse.issparse(Z):
                count = np.bincount(cells.nonzero()[0], minlength=Z.shape[0])
                total = np.asarray(cells.sum(axis=1)).ravel()
                wrong = np.flatnonzero((count != 1) | (total != 1))
            else:
                is_one = cells == 1
                kept = (is_one.sum(axis=1) == 1) & (is_one | (cells == 0)).all(axis=1)
                wrong = np.flatnonzero(~kept)
            rows.append(wrong)
            groups.append(np.full(len(wrong), self.groups[begin]))
        return np.concatenate(rows), np.concatenate(groups)


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
        self._kind = type(X)
        self._dtype: Any = getattr(X, "dtype", None)
        self._columns: Any = getattr(X, "columns", None)
        self._is_plain = codec.is_plain and not (
            isinstance(X, np.ndarray) and exceeds_float(X)
        )
        if not self._is_plain:
            # cells that stay are taken from here: objects, large integers, NA or NaN
            reference = concat_rows([codec.X, X])
            self._cells = [cells_of(column) for column in columns_of(reference)]
            # sparse columns of a frame take no single cells
            self._sparse = {
                j: column.dtype
                for j, column in enumerate(columns_of(X))
                if hasattr(column.dtype, "fill_value")
            }
            self._is_number = [holds_plain_numbers(cells) for cells in self._cells]
            self._Z_cells = np.concatenate([codec.Z, self.Z])

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
        changed = (self._Z_cells[base] != Z) & ~np.isnan(Z)
        columns = [
            self._decode_column(j, Z[:, j], base, changed[:, j])
            for j in range(Z.shape[1])
        ]
        if self._columns is None:
            if self._dtype.kind in "US":
                return np.column_stack(columns)
            out = np.empty(Z.shape, dtype=self._dtype)
            for j, column in enumerate(columns):
                out[:, j] = column
            return out
        if is_polars(self.codec.X):
            import polars as pl

            return pl.DataFrame(
                [c.alias(name) for c, name in zip(columns, self._columns)]
            )
        import pandas as pd

        # a bare array of objects would have its dtype guessed again
        frame = pd.DataFrame(
            {
                j: pd.Series(c, dtype=object) if c.dtype == object else c
                for j, c in enumerate(columns)
            }
        )
        for j, dtype in self._sparse.items():
            frame[j] = frame[j].astype(dtype)
        frame.columns = self._columns
        return frame

    def _decode_column(self, j, values, base, changed):
        cells = self._cells[j]
        if j in self.codec.levels:
            rows = base.copy()
            codes = np.rint(values[changed]).astype(np.intp)
            rows[changed] = self.codec.levels[j][codes]
            return cells[rows]
        if not changed.any():
            return cells[base]
        if self._is_number[j]:
            return _to_dtype(values, cells.dtype)
        new = values[changed]
        if self.codec.kinds[j] == INTEGER:
            new = np.rint(new).astype(np.int64)
        return patch_cells(cells, base, changed, new)


def _one_hot_windows(flags, ones, n_rows):
    """Neighbouring flags of which exactly one is 1 in every row: (begin, end).

    `ones[j]` are the rows in which column j is 1, in parts. A window is moved over
    the columns in which no row has two of them; whenever it covers all rows it is
    given. Columns without a 1 are in the window that they follow.
    """
    begin, covered, total = 0, 0, np.zeros(n_rows, dtype=np.int8)
    rows = [np.concatenate(parts) if parts else _NONE for parts in ones]
    for j in range(len(flags)):
        if not flags[j]:
            for k in range(begin, j):
                total[rows[k]] = 0
            begin, covered = j + 1, 0
            continue
        if total[rows[j]].any():
            while begin < j and (total[rows[j]].any() or not len(rows[begin])):
                total[rows[begin]] = 0
                covered -= len(rows[begin])
                begin += 1
        total[rows[j]] = 1
        covered += len(rows[j])
        if covered == n_rows and sum(len(rows[k]) > 0 for k in range(begin, j + 1)) > 1:
            yield begin, j + 1


_NONE = np.empty(0, dtype=np.intp)


def _column_groups(X: Any, columns: Any) -> list[np.ndarray]:
    """Positions of the columns that a list names, one array per group."""
    names = column_names(X)
    single, groups = [], []
    for column in columns:
        is_group = hasattr(column, "__iter__") and not isinstance(column, (str, bytes))
        if is_group and not (isinstance(column, tuple) and column in names):
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


def _to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind in "iu":
        return np.rint(values).astype(dtype)
    return values.astype(dtype)
