"""Who owns which rows: one table shared by all members, or sites that keep theirs.

A member is fitted with rows of its own. Every model may be asked about every row:
models travel, rows stay. Rows with the same owners are at the same *place*; a member
with rows at several places is fitted with all of them. Beyond that rows of two places
never meet, only answers and labels do: in scores, in what calibrates answers and in
what `combine="stack"` learns. (A splitter object given as `cv` sees the whole table.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sites:
    """Ownership of rows.

    `owns[i, r]`: member i is fitted with row r. `place[r]`: number of the place where
    row r is.
    """

    owns: np.ndarray  # (n_members, n_rows) bool
    place: np.ndarray  # (n_rows,) int

    @property
    def n_places(self) -> int:
        return int(self.place.max(initial=-1)) + 1

    def by_place(self, rows: np.ndarray) -> dict[int, np.ndarray]:
        """The given rows at each place that has some of them."""
        if self.n_places == 1:
            return {0: rows} if len(rows) else {}
        at = self.place[rows]
        return {int(place): rows[at == place] for place in np.unique(at)}

    def without(self, gone: list[int]) -> Sites:
        """The same for fewer members; places stay apart."""
        kept = np.setdiff1d(np.arange(len(self.owns)), gone)
        return Sites(self.owns[kept], self.place)


def one_table(n_members: int, n_rows: int) -> Sites:
    """All rows belong to all members."""
    return Sites(
        np.ones((n_members, n_rows), dtype=bool), np.zeros(n_rows, dtype=np.intp)
    )


def make_sites(sites: Any, names: list[str], frozen: list[bool], n_rows: int) -> Sites:
    """Ownership from the parameter `sites` of `fit`.

    Parameters
    ----------
    sites : array-like of shape (n_rows,) of str, or (n_rows, n_members) of bool
        The member that owns each row; or all members that own it.

    names : list of str

    frozen : list of bool
        Members that are never fitted and may own no rows.

    n_rows : int

    Raises
    ------
    ValueError
        If a row has no owner, a member that learns has no rows, or a name is unknown.
    """
    if hasattr(sites, "columns"):  # a frame: columns by name, whatever their order
        found = list(sites.columns)
        if len(found) > 1 and sorted(found, key=str) != sorted(names):
            raise ValueError(
                "`sites` as a frame must have a column for each member: "
                f"{', '.join(map(repr, names))}; got {', '.join(map(repr, found))}."
            )
        sites = sites[names] if len(found) > 1 else sites[found[0]]
    table = np.asarray(sites)
    if table.dtype == object and {type(cell) for cell in table.flat} == {bool}:
        table = table.astype(bool)  # a frame of pandas' "boolean"
    if table.dtype == bool and table.shape == (n_rows,) and len(names) == 1:
        table = table[:, None]
    if table.ndim == 1:
        if len(table) != n_rows:
            raise ValueError(
                "`sites` must name the owner of each row of `X`; got "
                f"{len(table)} entries for {n_rows} rows. Take both from one table."
            )
        unknown = sorted(set(table.tolist()) - set(names), key=str)
        if unknown:
            raise ValueError(
                f"`sites` names {unknown[0]!r}, which is no member of `estimators`, or "
                f"dropped. The members are: {', '.join(map(repr, names))}. Leave its "
                "rows out, or give them to another."
            )
        owns = np.array([table == name for name in names])
    elif table.shape == (n_rows, len(names)) and table.dtype == bool:
        owns = table.T.copy()
    else:
        raise ValueError(
            "`sites` must be names of shape (n_samples,) or a boolean array of shape "
            f"(n_samples, n_estimators) = {(n_rows, len(names))}; got dtype "
            f"{table.dtype}, shape {table.shape}. Name the member that owns each row, "
            "or set True for all that do."
        )
    nobody = np.flatnonzero(~owns.any(axis=0))
    if len(nobody):
        raise ValueError(
            f"`sites` gives {len(nobody)} rows no owner, row {nobody[0]} first. Leave "
            "these rows out, or name an owner."
        )
    for name, is_frozen, rows in zip(names, frozen, owns):
        if not is_frozen and not rows.any():
            raise ValueError(
                f"`sites` gives the member {name!r} no rows. Give it some, set it to "
                "'drop', or wrap a fitted one in FrozenEstimator to let it teach only."
            )
    _, place = np.unique(owns, axis=1, return_inverse=True)
    return Sites(owns, np.ravel(place))
