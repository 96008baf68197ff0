"""Containers: rows and columns of numpy, pandas, polars and CSR.

What needs to know the kind of a table goes here; single cells are in `_columns`, tables
as numbers in `_codec`, tables in files in `_files`.
"""

from __future__ import annotations

from hashlib import blake2b
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_array

from sklearn_coopkd._compat import check_sample_weight, num_samples, safe_indexing


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
    if type(X).__name__ == "LazyFrame":
        raise TypeError("`X` must hold its rows; got a LazyFrame. Use X.collect().")
    if is_pandas(X) or is_polars(X):
        if is_pandas(X) and any(getattr(t, "kind", "") == "c" for t in X.dtypes):
            raise ValueError(f"Complex data not supported\n{X}\n")
        _check_any_columns(X)
        return X
    if sparse.issparse(X):
        if X.ndim != 2:
            raise ValueError(f"`X` must have 2 dimensions; got shape {X.shape}.")
        if np.iscomplexobj(X):
            raise ValueError(f"Complex data not supported\n{X}\n")
        _check_any_columns(X)
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
                "vectorizer before the distiller, in a Pipeline; or are `X` and `y` "
                "exchanged?"
            )
        if hasattr(X, "to_frame"):  # a Series
            raise ValueError(
                f"`X` must have 2 dimensions; got a {type(X).__name__}. For one column "
                "take X.to_frame(); or are `X` and `y` exchanged?"
            )
    # `check_array` also words the errors: 1-D input, no rows, no columns, complex.
    return check_array(X, dtype=None, ensure_all_finite=False)


def check_any_rows(X: Any) -> None:
    """Raise as scikit-learn does for an array without rows."""
    if not X.shape[0]:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )


def _check_any_columns(X: Any) -> None:
    """Raise as scikit-learn does for an array without columns."""
    if not X.shape[1]:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
            "required."
        )


def check_no_missing(y: Any) -> None:
    """Raise if labels have a missing one, or infinity."""
    if hasattr(y, "is_null"):  # polars
        missing = np.flatnonzero(y.is_null().to_numpy())
    elif hasattr(y, "isna"):
        missing = np.flatnonzero(np.asarray(y.isna()))
    elif getattr(y, "dtype", np.dtype(object)).kind == "O":
        cells = enumerate(y if hasattr(y, "__iter__") else [])
        missing = np.array([k for k, c in cells if c is None or is_missing(c)])
    else:
        missing = np.empty(0, dtype=np.intp)
    if len(missing):
        raise ValueError(
            f"`y` must have a label in every row; row {missing[0]} has none. Leave out "
            "the rows without one."
        )
    if np.asarray(y).dtype.kind == "f":
        check_finite_y(y)


# Numbers of more than this have squares that overflow when they are added up.
LARGEST = 1e140


def check_finite_y(y: Any) -> None:
    """Raise if numbers hold NaN, infinity or what is as good; name the row."""
    numbers = np.asarray(y, dtype=np.float64)
    try:
        assert_all_finite(numbers, input_name="y")
    except ValueError as error:
        is_bad = ~np.isfinite(numbers.ravel())
        raise ValueError(
            f"{error} Row {is_bad.argmax()} has {numbers.ravel()[is_bad.argmax()]}: "
            "leave such rows out."
        ) from error
    is_huge = np.abs(numbers.ravel()) > LARGEST
    if is_huge.any():
        row = is_huge.argmax()
        raise ValueError(
            f"`y` must hold numbers up to {LARGEST:g} in size, whose squares can be "
            f"added up; row {row} has {numbers.ravel()[row]}. Rescale it."
        )


def checked_weights(sample_weight: Any, X: Any) -> np.ndarray:
    """Weights of the rows as floats; raises ValueError unless some are positive."""
    given = np.asarray(sample_weight)
    texts = [cell for cell in given.ravel()[:1].tolist() if isinstance(cell, str)]
    if texts:
        raise ValueError(f"`sample_weight` must hold numbers; got {texts[0]!r}.")
    if not given.any():
        raise ValueError(
            "`sample_weight` must have at least one non-zero value; got only zeros."
        )
    checked = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    with np.errstate(over="ignore"):
        if not np.isfinite(checked.sum()):
            raise ValueError(
                "`sample_weight` must have a finite sum; got numbers up to "
                f"{checked.max():g}. Divide them by their mean."
            )
    return checked


def listed(names: list[Any]) -> str:
    """Names for an error, ten at most."""
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")


def n_rows(X: Any) -> int:
    """Number of rows of a container."""
    return int(num_samples(X))


def column_names(X: Any) -> list[Any]:
    """Column names of a frame; positions for arrays and CSR."""
    if is_pandas(X) or is_polars(X):
        return list(X.columns)
    return list(range(X.shape[1]))


def check_distinct_names(X: Any) -> None:
    """Raise if two columns have the same name: scikit-learn could not check them."""
    if is_pandas(X) and not X.columns.is_unique:
        twice = X.columns[X.columns.duplicated()][0]
        raise ValueError(
            f"`X` must have distinct column names; got {twice!r} more than once. "
            "Rename the columns."
        )


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
        both = sparse.hstack([X, original], format="csc", dtype=X.dtype)
        columns = np.arange(len(mask)) + len(mask) * mask
        return type(X)(both[:, columns].tocsr())
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
        return first.reset_index(drop=True) if is_pandas(first) else first
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


def row_hashes(X: Any) -> np.ndarray:
    """A 64-bit key for each row of a numeric array or CSR."""
    return _digests(row_bytes(X))


def _digests(rows: list[bytes]) -> np.ndarray:
    digests = [blake2b(row, digest_size=8).digest() for row in rows]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)


def row_keys(X: Any) -> np.ndarray:
    """A 64-bit key for each row: equal rows, and only those, share a key.

    In columns of objects 1, 1.0 and True are equal, and missing cells of any kind;
    what is neither number nor text is compared by its `repr`. Keys compare between
    containers of the same kind and dtypes, in any process (polars: of its version).
    """
    if is_pandas(X):
        from pandas.util import hash_pandas_object

        dtypes = set(X.dtypes)
        only = dtypes.pop() if len(dtypes) == 1 else None
        if isinstance(only, np.dtype) and only.kind in "iuf":
            return row_hashes(X.to_numpy())  # as good, and fast for many columns
        return hash_pandas_object(_with_object_keys(X), index=False).to_numpy()
    if is_polars(X):
        import polars as pl

        # (codes of categories mean something else in every frame)
        texts = pl.col(pl.Categorical, pl.Enum).cast(pl.String)
        return X.with_columns(texts).hash_rows(seed=0).to_numpy()
    if not sparse.issparse(X) and X.dtype.kind in "OUS":
        rows = [[_object_key(cell) for cell in row] for row in X.tolist()]
        return _digests([repr(row).encode(errors="surrogatepass") for row in rows])
    return row_hashes(X)


def _with_object_keys(X: Any) -> Any:
    """A pandas frame with texts in place of Python objects (pandas: by `str`)."""
    import pandas as pd

    columns = {}
    for j, dtype in enumerate(X.dtypes):
        cells = X.iloc[:, j]
        if isinstance(dtype, np.dtype) and dtype.kind == "O":
            keys = [_object_key(cell) for cell in cells.tolist()]
            columns[j] = np.array(keys, dtype=object)
        else:
            columns[j] = cells.array
    return pd.DataFrame(columns, index=X.index)


def _object_key(cell: Any) -> str:
    """A text that is the same for equal cells, and another for others."""
    if cell is None or is_missing(cell):
        return ""
    if isinstance(cell, Integral) and abs(int(cell)) > 2**53:
        return str(int(cell))
    if isinstance(cell, (Real, np.bool_)):
        return (float(cell) + 0.0).hex()
    return repr(str(cell) if isinstance(cell, str) else cell)


def evenly(n: int, at_most: int) -> np.ndarray:
    """Positions of at most so many of n things, evenly spaced."""
    if n <= at_most:
        return np.arange(n)
    return np.linspace(0, n - 1, at_most).round().astype(np.intp)


def fingerprint(X: Any, max_rows: int = 64, max_columns: int = 256) -> str:
    """A text that tells a table from another, and from its own rows in another order.

    Made of some rows and columns. Unlike in `row_keys`, numbers count with five digits:
    what a transformer computes again, elsewhere too, is the same.
    """
    chosen = np.zeros(X.shape[1], dtype=bool)
    chosen[evenly(len(chosen), max_columns)] = True
    some = take_columns(take_rows(X, evenly(n_rows(X), max_rows)), chosen)
    cells = some.toarray() if sparse.issparse(some) else np.asarray(some, dtype=object)
    texts = [_as_text(cell) for cell in cells.ravel().tolist()]
    return blake2b(repr((X.shape, texts)).encode(), digest_size=16).hexdigest()


def _as_text(cell: Any) -> str:
    if cell is None or is_missing(cell):
        return ""
    try:
        return f"{float(cell):.5g}" if isinstance(cell, Real) else str(cell)
    except OverflowError:  # an integer that is no float
        return str(cell)


def is_missing(value: Any) -> bool:
    """Whether a cell of an object column is NaN, NaT or pandas' NA."""
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA refuses to be a boolean
        return True
    except ValueError:  # an array in a cell
        return False


def check_alike(X: Any, other: Any, name: str, other_name: str) -> None:
    """Raise unless two tables have the same kind, columns and dtypes.

    Raises
    ------
    ValueError
        Names the first column that differs, and both dtypes.
    """
    if type(X) is not type(other):
        raise ValueError(
            f"{other_name} must be a container of the kind of {name}, "
            f"{_kind(X)}; got {_kind(other)}. Convert one of them."
        )
    if X.shape[1] != other.shape[1] and not hasattr(X, "columns"):
        raise ValueError(
            f"{other_name} must have the {X.shape[1]} columns of {name}; got "
            f"{other.shape[1]}. Give both tables the same columns."
        )
    names, others = column_names(X), column_names(other)
    if names != others:
        raise ValueError(
            f"{other_name} must have the columns of {name}, in their order; "
            f"{_difference(names, others)}. Give both tables the same columns."
        )
    if hasattr(X, "dtypes"):
        for column, one, two in zip(names, X.dtypes, other.dtypes):
            if one != two:
                raise ValueError(
                    f"{other_name} must have the dtypes of {name}; column {column!r} "
                    f"is {two!r}, not {one!r}. Give the column one dtype everywhere, "
                    "of categories the same ones (ordered ones in the same order)."
                )
    elif X.dtype != other.dtype and not X.dtype.kind == other.dtype.kind in ("U", "S"):
        raise ValueError(
            f"{other_name} must have the dtype of {name}, {X.dtype}; got "
            f"{other.dtype}. Convert one of them with `astype`."
        )


def _difference(names: list[Any], others: list[Any]) -> str:
    """What distinguishes two lists of column names."""
    absent = [name for name in names if name not in others]
    added = [name for name in others if name not in names]
    if absent and added:
        return f"it lacks {_few(absent)} and has {_few(added)} instead"
    if absent:
        return f"it lacks {_few(absent)}"
    if added:
        return f"{_few(added)} should not be there"
    repeated = {n for n in names if names.count(n) != others.count(n)}
    if repeated:
        name = min(repeated, key=str)
        return f"{name!r} is there {others.count(name)} times, not {names.count(name)}"
    k = next(k for k, (one, two) in enumerate(zip(names, others)) if one != two)
    return f"column {k} is {others[k]!r}, not {names[k]!r}"


def _kind(X: Any) -> str:
    """Name of a type with its library: there are two called DataFrame."""
    return f"{type(X).__module__.split('.')[0]}.{type(X).__name__}"


def _few(names: list[Any]) -> str:
    """A list of names, cut short."""
    shown = ", ".join(repr(name) for name in names[:5])
    return f"{shown}, ... ({len(names)} columns)" if len(names) > 5 else shown


def resolve_columns(X: Any, columns: Any, parameter: str) -> np.ndarray:
    """Boolean mask over the columns of X chosen by name, position, slice or mask.

    As in `ColumnTransformer`, a slice of names includes its end. None chooses nothing.

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
    if isinstance(columns, slice):
        columns = _sliced(names, columns, parameter)
    is_one = is_one_name or isinstance(columns, Integral)
    wanted = [columns] if is_one else list(columns)
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
            raise ValueError(
                f"`{parameter}` names a column that X does not have: {column!r}. "
                f"The columns are: {listed(names)}."
            )
        mask[position] = True
    return mask


def _sliced(names: list[Any], columns: slice, parameter: str) -> np.ndarray:
    """Positions of a slice by names or positions."""
    start, stop = columns.start, columns.stop
    for bound in (start, stop):
        if isinstance(bound, str) and bound not in names:
            raise ValueError(
                f"`{parameter}` names a column that X does not have: {bound!r}."
            )
    if isinstance(start, str):
        start = names.index(start)
    if isinstance(stop, str):
        stop = names.index(stop) + 1
    return np.arange(len(names))[start : stop : columns.step]
