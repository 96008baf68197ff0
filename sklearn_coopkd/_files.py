"""Tables in a file that anybody can read and nobody can hide a program in.

A file is a zip archive: `table.json` describes the columns, arrays are `.npy` members,
polars frames an Arrow IPC member. Nothing in it is pickled, and nothing that is
read is run.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_coopkd._containers import is_pandas, is_polars

PLAIN = "biufMmUS"  # kinds of dtypes that `.npy` holds without pickle
JSON_CELLS = (str, int, float, bool, type(None))


def write_table(file: zipfile.ZipFile, name: str, X: Any) -> None:
    """Write a table into an archive.

    Raises
    ------
    TypeError
        If a column holds something else than the format has: texts, numbers,
        booleans, numpy's dates and durations, and categories of these.
    """
    if sparse.issparse(X):
        kind = "csr_array" if isinstance(X, sparse.sparray) else "csr_matrix"
        about: dict[str, Any] = {"kind": kind, "shape": list(X.shape)}
        for part in ("data", "indices", "indptr"):
            write_array(file, f"{name}/{part}", getattr(X, part))
    elif is_polars(X):
        about = {"kind": "polars"}
        odd = [name for name, dtype in X.schema.items() if str(dtype) == "Object"]
        if odd:
            raise TypeError(
                f"Lessons cannot hold Python objects; column {odd[0]!r} has "
                "the dtype Object. Leave the column out or convert it."
            )
        buffer = io.BytesIO()
        X.write_ipc(buffer)
        file.writestr(f"{name}/frame.arrow", buffer.getvalue())
    elif is_pandas(X):
        columns = [
            _write_column(file, f"{name}/{j}", X.iloc[:, j]) for j in range(X.shape[1])
        ]
        about = {"kind": "pandas", "n_rows": len(X), "columns": columns}
        about["levels"] = [_plain_name(name) for name in X.columns.names]
    else:
        about = {"kind": "array", **_write_column(file, f"{name}/array", X)}
        about["shape"] = list(X.shape)
    file.writestr(f"{name}/table.json", json.dumps(about))


def read_table(file: zipfile.ZipFile, name: str) -> Any:
    """The table that `write_table` wrote."""
    about = json.loads(file.read(f"{name}/table.json"))
    kind = about["kind"]
    if kind in ("csr_array", "csr_matrix"):
        parts = [read_array(file, f"{name}/{p}") for p in ("data", "indices", "indptr")]
        if any(part.dtype.kind != "i" for part in parts[1:]):
            raise ValueError("indices are no integers")
        X = getattr(sparse, kind)(tuple(parts), shape=tuple(about["shape"]))
        X.check_format(full_check=True)  # bad indices would read foreign memory
        return X
    if kind == "polars":
        import polars as pl

        content = io.BytesIO(file.read(f"{name}/frame.arrow"))
        try:
            return pl.read_ipc(content)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of polars is no Exception
            raise ValueError(f"polars cannot read the frame: {error}") from error
    if kind == "array":
        cells = _read_column(file, f"{name}/array", about)
        return np.asarray(cells).reshape(about["shape"])
    import pandas as pd

    columns = {
        j: _read_column(file, f"{name}/{j}", column)
        for j, column in enumerate(about["columns"])
    }
    if any(len(column) != about["n_rows"] for column in columns.values()):
        raise ValueError("a column is shorter or longer than the table")
    frame = pd.DataFrame(columns, index=range(about["n_rows"]))
    frame.columns = pd.Index([_name_back(c["name"]) for c in about["columns"]])
    frame.columns.names = about["levels"]
    return frame


def write_array(file: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Write an array; raises ValueError if only a pickle could hold it."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    file.writestr(f"{name}.npy", buffer.getvalue())


def read_array(file: zipfile.ZipFile, name: str) -> np.ndarray:
    """The array that `write_array` wrote."""
    buffer = io.BytesIO(file.read(f"{name}.npy"))
    return np.lib.format.read_array(buffer, allow_pickle=False)


def _write_column(file, name, column):
    """Write the cells of a column, or of a whole array; returns what they are."""
    title = getattr(column, "name", None)
    about = {"name": _plain_name(title)}
    dtype = column.dtype
    about["dtype"] = str(dtype)
    if isinstance(dtype, np.dtype) and dtype.kind in PLAIN:
        write_array(file, name, np.asarray(column))
        return about | {"cells": "npy"}
    if hasattr(dtype, "categories") and hasattr(dtype, "ordered"):
        write_array(file, name, np.asarray(column.cat.codes))
        import pandas as pd

        values = pd.Series(dtype.categories, name=title)
        inside = _write_column(file, f"{name}/categories", values)
        return about | {
            "cells": "codes",
            "ordered": bool(dtype.ordered),
            "categories": inside,
        }
    cells = np.asarray(column, dtype=object).ravel().tolist()
    if not isinstance(dtype, np.dtype):  # of objects, NaN and None stay what they are
        missing = column.isna().to_numpy()
        cells = [None if gone else cell for cell, gone in zip(cells, missing)]
    cells = [cell.item() if isinstance(cell, np.generic) else cell for cell in cells]
    for cell in cells:
        if not isinstance(cell, JSON_CELLS):
            raise TypeError(
                "Lessons can hold texts, numbers, booleans, numpy dates and durations "
                f"(no time zone) and categories of these; column {title!r} of dtype "
                f"{dtype} holds {cell!r}. Leave the column out or convert it."
            )
    file.writestr(f"{name}.json", json.dumps(cells))
    return about | {"cells": "json"}


def _read_column(file, name, about):
    if about["cells"] == "npy":
        return read_array(file, name)
    if about["cells"] == "codes":
        import pandas as pd

        levels = _read_column(file, f"{name}/categories", about["categories"])
        dtype = pd.CategoricalDtype(
            pd.Index(levels, dtype=about["categories"]["dtype"]), about["ordered"]
        )
        return pd.Categorical.from_codes(read_array(file, name), dtype=dtype)
    cells = json.loads(file.read(f"{name}.json"))
    if "shape" in about:  # an array of objects
        out = np.empty(len(cells), dtype=object)
        out[:] = cells
        return out
    import pandas as pd

    return pd.Series(cells, dtype=about["dtype"])


def _plain_name(name):
    """A column name as JSON has it; what is no text or number becomes its text."""
    if isinstance(name, tuple):
        return [_plain_name(part) for part in name]
    name = name.item() if isinstance(name, np.generic) else name
    return name if isinstance(name, JSON_CELLS) else str(name)


def _name_back(name):
    return tuple(name) if isinstance(name, list) else name
