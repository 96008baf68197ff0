"""A table for the command line: a CSV file, one column of which is to be predicted."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

# What stands for a missing number in a target; of labels, an empty cell alone.
MISSING = {"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"}

MAX_CODES = 20  # a column with more different numbers is hardly one of codes


@dataclass(frozen=True)
class Format:
    """How a file is written."""

    separator: str  # between cells
    decimal: str  # before the fraction of a number


class InputError(Exception):
    """Something the user can mend; its text is the one line they see."""


def read_table(
    path: str, target: str, task: str | None, drop: list[str], form: Format
) -> tuple[str, Any, np.ndarray]:
    """Read a file; tell on stderr what is left out, or taken as something.

    Parameters
    ----------
    path : str
        Of a file with a header, or a stream.

    target : str
        Name of the column to predict. Labels are taken as they are written.

    task : {"classification", "regression"} or None
        None: found from the target.

    drop : list of str
        Columns to leave out.

    form : Format
        What stands between cells, and before the fraction of a number.

    Returns
    -------
    task : str

    X : pandas frame
        The other columns.

    y : ndarray of shape (n_rows,)
        Labels, or finite numbers.

    Raises
    ------
    InputError
        If the file cannot be read, or does not suit the task.
    """
    X, written = _read_csv(path, target, drop, form)
    numbers = _as_numbers(written, form.decimal)
    task = task or _found_task(numbers)
    y = numbers
    if y is None:
        _tell_of_numbers(target, written[~written.isin(MISSING)], form)
    if task == "classification" and (numbers is None or _are_padded(written)):
        y = written.where(written != "")
        for word in sorted(MISSING.intersection(y)):
            told = f"{(y == word).sum()} rows"
            _tell(f"taken as a class: {word!r}, {told}")
    if y is None:
        raise InputError(
            f"--target {target!r} must hold finite numbers for --task regression; got "
            f"{_first_text(written, form.decimal)!r}."
        )
    is_missing = y.isna()
    if is_missing.any():
        told = f"{is_missing.sum()} of {len(y)} rows"
        _tell(f"left out, without {target!r}: {told}")
    if is_missing.all():
        raise InputError(f"--target {target!r} is missing in every row of {path}.")
    X, y = X[~is_missing].reset_index(drop=True), y[~is_missing]
    read = _labels if task == "classification" else _numbers
    return task, X, read(y, target)


def _read_csv(path: str, target: str, drop: list[str], form: Format) -> tuple[Any, Any]:
    """The other columns, and the target as it is written."""
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError(
            "Reading a CSV needs pandas, which is not installed: pip install pandas"
        ) from error
    try:
        # with a mark before each, lest pandas takes "NA" for none, and "01" for 1
        mark = {target: lambda cell: "=" + cell.strip()}
        table = pd.read_csv(
            path, converters=mark, sep=form.separator, decimal=form.decimal
        )
    except UnicodeDecodeError as error:
        raise InputError(
            f"cannot read {path}: it is not written in UTF-8. Save it so; for one in "
            "Latin-1: iconv -f latin1 -t utf-8 OLD.csv > NEW.csv"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: empty, unreadable, not text
        reason = str(error).strip().splitlines()[0]
        if isinstance(error, pd.errors.ParserError):
            reason += f" Is --sep another than {form.separator!r}, or --decimal?"
        raise InputError(f"cannot read {path}: {reason}") from error
    if target not in table.columns:
        is_whole = len(table.columns) == 1
        other = f" Is --sep another than {form.separator!r}?" if is_whole else ""
        raise InputError(
            f"--target {target!r} is not a column of {path}; its columns are: "
            f"{_listed(table.columns)}.{other}"
        )
    names = list(table.columns)
    written = table.pop(target).str.slice(1)
    for name in drop:
        if name not in table.columns:
            raise InputError(
                f"--drop {name!r} is not a column of {path}, or is the target. The "
                f"columns are: {_listed(names)}."
            )
        del table[name]
    _check_usable(table, path, target)
    _tell_of_columns(table, names, form)
    return table, written


def _check_usable(table: Any, path: str, target: str) -> None:
    """Raise if there is nothing to learn from, or what no member takes."""
    if not len(table):
        raise InputError(f"{path} has a header, but no rows.")
    if (table.nunique(dropna=False) < 2).all():
        raise InputError(
            f"{path} has no column besides {target!r} to learn from: one whose values "
            "differ."
        )
    for name in table.select_dtypes("number"):
        if np.isinf(table[name]).any():
            raise InputError(
                f"column {name!r} of {path} holds infinity. Replace it by a number, or "
                "leave the cell empty."
            )


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")


def _tell_of_columns(table: Any, names: list[str], form: Format) -> None:
    """Say on stderr what is taken as something that may not be meant.

    `names` are those of all columns of the file.
    """
    for name in table:
        first, _, copy = str(name).rpartition(".")
        if copy.isdigit() and first in names:
            _tell(f"{name!r} may be a second column of the name {first!r}")
        _tell_of_cells(str(name), table[name], form)
    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    if len(texts):
        _tell(f"taken as categories: {', '.join(map(repr, texts))}")
    is_empty = table.isna().all()
    if is_empty.any():
        _tell(f"not used, empty: {', '.join(map(repr, table.columns[is_empty]))}")


def _tell_of_cells(name: str, column: Any, form: Format) -> None:
    """Say what should perhaps be left out, or read otherwise."""
    known = column.dropna()
    leave_out = f"leave it out with --drop {shlex.quote(name)}"
    is_text = column.dtype.kind not in "biuf"
    if is_text and _tell_of_numbers(name, known.astype(str), form):
        return
    if _tells_rows_apart(column):
        _tell(f"every row has its own {name!r}: if it only names the row, {leave_out}")
    elif is_text and known.nunique() > max(50, len(known) // 2):
        _tell(
            f"{name!r} has {known.nunique()} different texts: if these are dates or "
            f"free text, make columns of numbers or categories of it, or {leave_out}"
        )


def _tell_of_numbers(name: str, cells: Any, form: Format) -> bool:
    """Say why a column, most of whose cells look like numbers, is none of numbers."""
    if not len(cells):
        return False
    plain = _are_numbers(cells, form.decimal)
    if cells.nunique() > MAX_CODES and 0.5 < plain.mean() < 1:
        word = cells[~plain].iloc[0]
        _tell(f"{name!r} holds numbers and {word!r}: numbers alone are used as such")
        return True
    mark = "," if form.decimal == "." else "."
    way_out = f"use --decimal {mark!r}" if mark == "," else "leave out --decimal"
    is_marked = cells.str.fullmatch(rf"[+-]?\d+[{mark}]\d+").mean() > 0.5
    if cells.str.fullmatch(r"[+-]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?").mean() > 0.5:
        or_else = f"; or, if these are fractions, {way_out}" if is_marked else ""
        _tell(f"{name!r} marks thousands: write its numbers without marks{or_else}")
        return True
    if is_marked:
        _tell(f"{name!r} holds fractions after {mark!r}: {way_out}")
    return is_marked


def _are_numbers(cells: Any, decimal: str) -> Any:
    """Which texts are numbers with this mark before the fraction."""
    mark = re.escape(decimal)
    digits = rf"(\d+({mark}\d*)?|{mark}\d+)([eE][+-]?\d+)?"
    return cells.str.fullmatch(rf"[+-]?({digits}|inf|infinity)", flags=re.I | re.A)


def _tell(message: str) -> None:
    print(message, file=sys.stderr)


def _tells_rows_apart(column: Any) -> bool:
    """Whether all cells differ, and are texts or whole numbers."""
    is_fraction = column.dtype.kind == "f"
    return len(column) > 1 and not is_fraction and bool(column.is_unique)


def _as_numbers(written: Any, decimal: str) -> Any:
    """A target as numbers, NaN where it is missing; None if it is none of numbers."""
    is_missing = written.isin(MISSING)
    if not _are_numbers(written[~is_missing], decimal).all():
        return None
    plain = written.str.replace(decimal, ".", regex=False)
    return plain.where(~is_missing).astype(float)


def _first_text(written: Any, decimal: str) -> str:
    """The first cell that is neither a number nor missing."""
    known = written[~written.isin(MISSING)]
    return str(known[~_are_numbers(known, decimal)].iloc[0])


def _are_padded(written: Any) -> bool:
    """Whether "01" may be another label than "1"."""
    return bool(written.str.match(r"[+-]?0\d").any())


def _found_task(numbers: Any) -> str:
    """Numbers with fractions, or too many to be labels, are to be predicted as such."""
    if numbers is None:
        return "classification"
    numbers = numbers.dropna()
    is_whole = bool((numbers == numbers.round()).all())
    many = numbers.nunique() > max(50, len(numbers) // 10)
    return "regression" if not is_whole or many else "classification"


def _labels(y: Any, target: str) -> np.ndarray:
    """The target as labels."""
    n_classes = y.nunique()
    if n_classes < 2:
        raise InputError(
            f"--target {target!r} must have at least 2 classes; got {n_classes}."
        )
    if n_classes > max(50, len(y) // 10):
        raise InputError(
            f"--target {target!r} must hold class labels; got {n_classes} distinct "
            f"values in {len(y)} rows. Group them into classes, or, if they are "
            "numbers, use --task regression."
        )
    is_whole = y.dtype.kind == "f" and bool((y == y.round()).all())
    return y.to_numpy().astype(int) if is_whole else y.astype(str).to_numpy(dtype=str)


def _numbers(y: Any, target: str) -> np.ndarray:
    """The target as finite numbers."""
    if not np.isfinite(y).all():
        raise InputError(
            f"--target {target!r} must hold finite numbers for --task regression; got "
            "infinity."
        )
    return y.to_numpy()
