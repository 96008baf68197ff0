"""Where the rows of a table are in a picture: along two columns or two components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA

from sklearn_coopkd._codec import TableCodec
from sklearn_coopkd._columns import INTEGER, columns_of
from sklearn_coopkd._containers import (
    column_names,
    evenly,
    n_rows,
    resolve_columns,
    take_rows,
)
from sklearn_coopkd._points import as_points

MISSING = "missing"
# The text of a category has at most so many letters; its rows are spread, in steps from
# one category to the next; what is missing, or at a side, is so much of the range away.
MAX_TEXT, SPREAD, MARGIN = 16, 0.25, 0.12


def component_places(
    codec: TableCodec, tables: list[Any]
) -> tuple[list[np.ndarray], list[Axis]]:
    """Places of encoded tables along the first two principal components of the first.

    Returns the places, and what the two directions are.
    """
    points = [as_points(codec, codec.Z, Z) for Z in tables]
    n_components = min(2, *points[0].shape)
    solver = "auto"
    if sparse.issparse(points[0]):
        if min(points[0].shape) > 2:
            solver = "arpack"  # which needs more columns than components
        else:
            points = [table.toarray() for table in points]
    pca = PCA(n_components, svd_solver=solver, random_state=0).fit(points[0])
    places = [pca.transform(table) for table in points]
    if n_components < 2:
        places = [np.column_stack([p, np.zeros(len(p))]) for p in places]
    shares = [*pca.explained_variance_ratio_, 0.0][:2]
    names = [f"Principal component {k + 1} ({s:.0%})" for k, s in enumerate(shares)]
    return places, [Axis(name) for name in names]


def column_places(
    codec: TableCodec,
    tables: list[Any],
    of_rows: list[np.ndarray],
    features: Any,
    names: list[Any],
) -> tuple[list[np.ndarray], list[Axis]]:
    """Places of encoded tables by two of their columns, and what these are.

    `of_rows` has the row of the pool of each row of each table, `names` those of the
    columns.
    """
    wanted = features if isinstance(features, (list, tuple)) else [features]
    if names != column_names(codec.X):  # of an array
        wanted = [names.index(c) if c in names else c for c in wanted]
    found = [
        np.flatnonzero(resolve_columns(codec.X, column, "features"))
        for column in wanted
    ]
    if [len(positions) for positions in found] != [1, 1]:
        raise ValueError(
            f"`features` must be a list of two columns; got {features!r}. Give two "
            "names, or two positions."
        )
    columns = np.concatenate(found)
    if columns[0] == columns[1]:
        raise ValueError(
            f"`features` must be two columns; got {names[columns[0]]!r} twice."
        )
    cells = [Z[:, columns] for Z in tables]
    if sparse.issparse(cells[0]):
        cells = [Z.toarray() for Z in cells]
    axes = [
        _column_axis(codec, j, str(names[j]), np.concatenate(cells)[:, k])
        for k, j in enumerate(columns.tolist())
    ]
    beside = np.random.RandomState(0).uniform(-1, 1, (n_rows(codec.X), 2))
    places = [
        np.column_stack([axis.places(Z[:, k]) for k, axis in enumerate(axes)])
        + beside[rows] * [axis.spread for axis in axes]
        for Z, rows in zip(cells, of_rows)
    ]
    return places, axes


@dataclass(frozen=True)
class Axis:
    """What a direction of the picture is."""

    name: str
    ticks: dict[float, str] | None = None
    missing: float = 0.0  # where missing cells are drawn
    spread: float = 0.0  # how far rows of one value are spread
    of_code: np.ndarray | None = None  # the place of each category, by its code

    def places(self, values: np.ndarray) -> np.ndarray:
        """Where encoded values are drawn."""
        is_known = np.isfinite(values)
        if self.of_code is None:
            return np.where(is_known, values, self.missing)
        codes = np.where(is_known, values, 0).astype(np.intp)
        return np.where(is_known, self.of_code[codes], self.missing)


def _column_axis(codec: TableCodec, j: int, name: str, values: np.ndarray) -> Axis:
    """The direction of a column, of which some encoded values are given."""
    is_known = np.isfinite(values)
    if not is_known.any():
        return Axis(name, {0.0: MISSING}, 0.0, SPREAD)
    of_code: np.ndarray | None = None
    texts: dict[float, str] = {}
    if j in codec.levels:
        of_code, texts = _category_places(codec, j)
    # dates have places in time, not steps
    spread = SPREAD if texts and codec.held.get(j) != "dates" else 0.0
    places = values[is_known] if of_code is None else of_code
    low, high = float(places.min()), float(places.max())
    missing = low - (1.0 if spread else MARGIN * ((high - low) or 1.0))
    if not is_known.all():
        texts = {missing: MISSING, **texts}
    return Axis(name, texts or None, missing, spread, of_code)


def _category_places(codec: TableCodec, j: int) -> tuple[np.ndarray, dict[float, str]]:
    """A place for each code of a column, in the order of its values; and texts.

    Dates lie as far from each other as in time.
    """
    rows = codec.levels[j]
    codes = np.flatnonzero(rows >= 0)
    cells = list(columns_of(take_rows(codec.X, rows[codes]))[j])
    order: list[int] = list(range(len(cells)))
    if codec.kinds[j] != INTEGER:  # ordered categories are in their order
        try:
            order.sort(key=lambda k: cells[k])
        except TypeError:  # texts and numbers
            order.sort(key=lambda k: str(cells[k]))
    place = np.arange(len(order), dtype=float)
    shown = np.arange(len(order))
    if codec.held.get(j) == "dates":
        shown = evenly(len(order), 4)
        seconds = [_seconds(cells[k]) for k in order]
        if np.isfinite(seconds).all():
            place = np.array(seconds)
    places = np.zeros(max(len(rows), 1))
    places[codes[order]] = place
    texts = [_short(str(cells[k]).removesuffix(" 00:00:00")) for k in order]
    return places, {float(place[k]): texts[k] for k in shown}


def _short(text: str) -> str:
    """A text without its middle: names often differ at their end."""
    half = MAX_TEXT // 2
    return text if len(text) <= MAX_TEXT else f"{text[: half - 1]}…{text[-half:]}"


def _seconds(cell: Any) -> float:
    """A date as a number; NaN of durations, and of whatever else is none."""
    try:
        return float(np.datetime64(cell, "s").astype(np.int64))
    except (TypeError, ValueError):
        return np.nan
