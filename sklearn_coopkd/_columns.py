"""Single columns of any table: what they hold, as floats, and cells put back.

A column here is a pandas or polars Series, or a column of an array. `_codec` puts
them together; nothing else needs to know that there is more than one kind.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from hashlib import blake2b
from numbers import Integral, Number, Real
from typing import Any

import numpy as np

from sklearn_coopkd._containers import is_missing, is_pandas, is_polars

NUMERIC, INTEGER, CATEGORY, FIXED = "numeric", "integer", "category", "fixed"
# A column of texts with more distinct values than this, most of them seen once or
# twice, is free text, not a category.
MAX_TEXT_LEVELS = 50

_DATES = (date, time, timedelta, np.datetime64, np.timedelta64)
_TOO_LARGE = "integers beyond the precision of a float"


def columns_of(X: Any) -> list[Any]:
    """The columns of a frame or an array."""
    if is_pandas(X):
        return [column for _, column in X.items()]  # a tenth of the cost of `iloc`
    if is_polars(X):
        return X.get_columns()
    return list(X.T)


# --- what a column holds --------------------------------------------------------------


def column_kind(column: Any) -> tuple[str, str]:
    """Kind of a column by its dtype (objects: its cells); what a fixed one holds."""
    dtype = column.dtype
    if _is_polars(column):
        if dtype.is_float() or dtype.is_decimal():
            return NUMERIC, ""
        if dtype.is_integer():
            return (FIXED, _TOO_LARGE) if exceeds_float(column) else (INTEGER, "")
        return (FIXED, "dates") if dtype.is_temporal() else (CATEGORY, "")
    if isinstance(dtype, np.dtype):
        if dtype.kind == "O":
            return _object_kind(column)
        if dtype.kind in "mM":
            return FIXED, "dates"
        if dtype.kind in "iu" and exceeds_float(column):
            return FIXED, _TOO_LARGE
        return {"f": NUMERIC, "i": INTEGER, "u": INTEGER}.get(dtype.kind, CATEGORY), ""
    from pandas.api import types

    if hasattr(dtype, "categories"):
        of_dates = column_kind(dtype.categories)[1] == "dates"
        return (FIXED, "dates") if of_dates else (CATEGORY, "")
    if types.is_bool_dtype(dtype):
        return CATEGORY, ""
    if types.is_integer_dtype(dtype):
        return (FIXED, _TOO_LARGE) if exceeds_float(column) else (INTEGER, "")
    if types.is_float_dtype(dtype):
        return NUMERIC, ""
    cell = dtype.type
    is_date = isinstance(cell, type) and (
        issubclass(cell, _DATES) or cell.__name__ == "Period"
    )
    return (FIXED, "dates") if is_date else (CATEGORY, "")


def _object_kind(column: Any) -> tuple[str, str]:
    """Kind of a column of Python objects, by its cells."""
    cells = [c for c in column.tolist() if c is not None and not is_missing(c)]
    if any(isinstance(c, _DATES) or type(c).__name__ == "Period" for c in cells):
        return FIXED, "dates"
    # (numpy booleans are no numbers.Real, Python's are)
    if cells and all(isinstance(c, Real) and not isinstance(c, bool) for c in cells):
        if not all(isinstance(c, Integral) for c in cells):
            return NUMERIC, ""
        large = max(abs(int(c)) for c in cells) > 2**53
        return (FIXED, _TOO_LARGE) if large else (INTEGER, "")
    return CATEGORY, ""


def exceeds_float(column: Any) -> bool:
    """Whether an array or column of integers holds some that a float rounds."""
    dtype = column.dtype
    if _is_polars(column):
        whole = dtype.is_integer()
    elif hasattr(dtype, "categories"):
        return False
    else:
        whole = getattr(dtype, "kind", "O") in "iu"
    if not whole or not len(column):
        return False
    largest, smallest = column.max(), column.min()
    if largest is None or is_missing(largest):
        return False
    return max(abs(int(largest)), abs(int(smallest))) > 2**53


def is_free_text(column: Any, values: list[Any], n_known: int) -> bool:
    """Whether a column, given its distinct values, holds texts rather than categories.

    What was declared as categories never is.
    """
    dtype = column.dtype
    if len(values) <= MAX_TEXT_LEVELS or 2 * len(values) <= n_known:
        return False
    if _is_polars(column):
        return str(dtype) == "String"
    if hasattr(dtype, "categories"):
        return False
    return any(isinstance(value, str) for value in values)


def precision(column: Any) -> Any:
    """How exact a column of floats is: a dtype, decimal places, or None: as a float."""
    dtype = column.dtype
    if _is_polars(column) and dtype.is_decimal():
        return int(dtype.scale)
    dtype = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
    for coarse in (np.float16, np.float32):
        if str(dtype).lower() == coarse.__name__:
            return coarse
    return None


# --- cells as numbers -----------------------------------------------------------------


def to_float(column: Any, name: Any) -> np.ndarray:
    """Cells of a column of numbers; NaN where one is missing."""
    if _is_polars(column):
        import polars as pl

        return column.cast(pl.Float64).to_numpy()
    if getattr(column.dtype, "kind", "") == "O":
        cells = column.tolist()
        try:
            return np.array(
                [np.nan if c is None or is_missing(c) else float(c) for c in cells],
                dtype=np.float64,
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"Column {name!r} of `X` must hold numbers, as it does in `X_pool`; "
                f"{error}."
            ) from error
    if isinstance(column.dtype, np.dtype):
        return np.array(column, dtype=np.float64)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def hold_large(cells: np.ndarray) -> np.ndarray:
    """Integers that a float rounds as infinite: such a cell stays as it is."""
    return np.where(np.abs(cells) > 2.0**53, np.copysign(np.inf, cells), cells)


def rounded(cells: np.ndarray, coarse: Any) -> np.ndarray:
    """Cells as a column of this `precision` holds them."""
    if isinstance(coarse, int):
        return np.round(cells, coarse)
    with np.errstate(over="ignore"):
        return cells.astype(coarse).astype(np.float64)


def next_value(cell: float, toward: float, coarse: Any) -> float:
    """The next value that a column of this `precision` can hold."""
    if isinstance(coarse, int):
        return float(np.round(cell + np.copysign(10.0**-coarse, toward), coarse))
    return float(np.nextafter(coarse(cell), coarse(toward)))


def factorize(column: Any, name: Any) -> tuple[np.ndarray, list[Any]]:
    """Position of each cell's value (-1: missing) in a list of distinct values.

    Raises
    ------
    ValueError
        If a value cannot be hashed.
    """
    try:
        if hasattr(column, "iloc"):
            import pandas as pd

            if not hasattr(column.dtype, "categories"):
                inverse, values = pd.factorize(column)
                return inverse, list(values)
            # by the codes: few categories are looked up, and no cells
            codes = column.cat.codes.to_numpy()
            inverse = np.full(len(codes), -1)
            inverse[codes >= 0], values = pd.factorize(codes[codes >= 0])
            return inverse, column.cat.categories[values].tolist()
        cells = column.to_list() if hasattr(column, "to_list") else column.tolist()
        seen: dict[Any, int] = {}
        inverse = [
            -1 if v is None or is_missing(v) else seen.setdefault(v, len(seen))
            for v in cells
        ]
        return np.array(inverse, dtype=np.intp), list(seen)
    except (TypeError, NotImplementedError) as error:
        raise ValueError(
            "`X` must hold numbers, texts or other hashable values; column "
            f"{name!r} holds others ({error}). Turn it into columns of numbers before "
            "the distiller, in a Pipeline."
        ) from error


def holds_numbers(column: Any) -> bool:
    """Whether the cells of a column are numbers, booleans or missing."""
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iufbcmM":
        return kind not in "mM"
    cells = column.to_list() if hasattr(column, "to_list") else column.tolist()
    return all(
        cell is None or isinstance(cell, (Number, np.bool_)) or is_missing(cell)
        for cell in cells
    )


def are_bools(values: list[Any]) -> bool:
    """Whether the distinct values of a column are booleans."""
    return len(values) > 0 and all(isinstance(v, (bool, np.bool_)) for v in values)


def own_code(value: Any) -> int:
    """A negative number for a value that the pool does not have.

    Equal values have equal numbers, in every process: Python's hash of a text
    changes from one to the next.
    """
    if isinstance(value, Real):
        key = hash(value)
    else:
        digest = blake2b(repr(value).encode("utf-8", "replace"), digest_size=8).digest()
        key = int.from_bytes(digest, "little")
    return -1 - (key & (2**51 - 1))


# --- cells put back -------------------------------------------------------------------


def cells_of(column: Any) -> Any:
    """The cells of a column: an array, an array of pandas' own, or a polars Series."""
    if hasattr(column, "iloc"):
        dense = isinstance(column.dtype, np.dtype) or hasattr(
            column.dtype, "fill_value"
        )
        return column.to_numpy() if dense else column.array
    return column


def holds_plain_numbers(cells: Any) -> bool:
    """Whether numbers can be written back without a look at the cells they replace."""
    if not isinstance(cells, np.ndarray) or cells.dtype.kind not in "iuf":
        return False
    return cells.dtype.itemsize <= 8 and not exceeds_float(cells)


def patch_cells(cells: Any, base: np.ndarray, changed: np.ndarray, new: np.ndarray):
    """The cells at positions `base`, with numbers in place of the changed ones."""
    if _is_polars(cells):
        import polars as pl

        added = pl.Series(cells.name, new).cast(cells.dtype)
        at = base.copy()
        at[changed] = len(cells) + np.arange(len(new))
        return pl.concat([cells, added])[at]
    out = cells[base]
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind == "O":
            out[changed] = new.tolist()
        else:
            out[changed] = new.astype(cells.dtype)
        return out
    import pandas as pd

    out[changed] = pd.Series(new).astype(cells.dtype).array
    return out


def _is_polars(column: Any) -> bool:
    return type(column).__module__.split(".")[0] == "polars"
