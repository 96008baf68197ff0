"""Source rows among their possible anchors: what may move, what is near, the way there.

Nothing here knows a teacher. All rows are those of a `TableCodec`: floats, one column
each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.extmath import row_norms

from sklearn_coopkd._codec import NothingToMove
from sklearn_coopkd._columns import CATEGORY, FIXED, INTEGER
from sklearn_coopkd._containers import column_names, row_hashes

# Bounds the memory: cells of a distance matrix.
MAX_DISTANCE_CELLS = 4_000_000
# Of numbers: at most this many classes, of at least so many distinct ones.
MAX_PARTS, MIN_PART = 10, 20


@dataclass
class Pairs:
    """Source rows side by side with what they would be at their anchors."""

    source: np.ndarray  # (n_pairs,) position of the source row
    start: Any  # (n_pairs, n_features) encoded source rows
    step: Any  # (n_pairs, n_features) the way to the anchor; 0 where a cell stays
    end: Any  # (n_pairs, n_features) start + step free of rounding; None for CSR
    # (n_pairs, n_features) fraction of the way at which a whole value changes; None if
    # there are none. For CSR: one per stored cell of `step`, -1 for numbers.
    flip_at: Any

    def take(self, rows: np.ndarray) -> Pairs:
        parts = (self.start, self.step, self.end, self.flip_at)
        return Pairs(self.source[rows], *(p if p is None else p[rows] for p in parts))


def choose_anchors(y_pool, max_pool, rng):
    """At most `max_pool` rows, an equal share of each class, in their order.

    Does not depend on the sources: what is made of a row must not change with its
    company in the call.
    """
    labels, codes = np.unique(y_pool, return_inverse=True)
    share = max(1, max_pool // max(1, len(labels)))
    drawn = [np.empty(0, dtype=np.intp)]
    for code in range(len(labels)):
        rows = np.flatnonzero(codes == code)
        if len(rows) > share:
            rows = rng.choice(rows, share, replace=False)
        drawn.append(rows)
    return np.sort(np.concatenate(drawn))


def classes_of_numbers(y, y_pool):
    """Numbers as classes: rows between the same quantiles of the pool's distinct ones.

    An anchor has about the outcome of its source, as in classification the same class.

    Returns
    -------
    classes, pool_classes : ndarray of int
    """
    values = np.unique(y_pool)  # a row that is there twice changes nothing
    n_parts = int(np.clip(len(values) // MIN_PART, 1, MAX_PARTS))
    edges = np.quantile(values, np.arange(1, n_parts) / n_parts) if len(values) else []
    return np.searchsorted(edges, y), np.searchsorted(edges, y_pool)


class Anchors:
    """The pool of rows that sources may move toward; the same for all sources.

    Parameters
    ----------
    codec : TableCodec
        Of the pool.

    y : ndarray of shape (n_pool,)

    movable : ndarray of shape (n_features,), dtype=bool
        Columns that the caller allows to change.

    bounds : ndarray of shape (2, n_features), default=None
        Least and largest value that a cell may be moved to.

    Raises
    ------
    NothingToMove
        If no column can.
    """

    def __init__(self, codec, y, movable, bounds=None):
        self.codec, self.Z, self.y = codec, codec.Z, y
        self.is_sparse = sparse.issparse(codec.Z)
        groups = codec.groups
        self.movable = movable & (codec.kinds != FIXED)
        # a group moves if all its columns may
        self.movable &= ~np.isin(groups, groups[~self.movable])
        if not self.movable.any():
            raise NothingToMove(_what_holds(codec, movable))
        self.whole = codec.kinds == CATEGORY
        self.integer = codec.kinds == INTEGER
        if bounds is None:
            bounds = np.tile([[-np.inf], [np.inf]], (1, len(movable)))
        self.bounds = codec.inside(bounds)
        cells = row_hashes(self.Z).tolist()
        # a repeated row must not fill all places among the nearest anchors
        first: dict[tuple, int] = {}
        for row, key in enumerate(zip(cells, y.tolist())):
            first.setdefault(key, row)
        self.is_anchor = np.zeros(len(y), dtype=bool)
        self.is_anchor[list(first.values())] = True
        self.labels, self.class_ = np.unique(y, return_inverse=True)
        self._evidence: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        if not self.is_sparse:
            self._fit_scale()
        self.points = self.embed(self.Z)

    def _fit_scale(self):
        """Mean, standard deviation and median of each column; 1 for categories."""
        known = np.isfinite(self.Z)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, self.Z, 0).sum(axis=0) / count
        square = (np.where(known, self.Z, mean) - mean) ** 2
        std = np.sqrt(square.sum(axis=0) / count)
        self.center = mean
        self.scale = np.where(self.whole | (std == 0), 1.0, std)
        self.typical = np.nan_to_num(_column_medians(self.Z))

    def embed(self, Z):
        """Numeric columns in units of their scale; a missing cell counts as typical."""
        if self.is_sparse:
            if not np.isfinite(Z.data).all():
                Z = Z.copy()
                Z.data = np.where(np.isfinite(Z.data), Z.data, 0.0)
            return Z
        numeric = self.movable & ~self.whole
        Z = Z[:, numeric]
        missing = ~np.isfinite(Z)
        if missing.any():
            Z = np.where(missing, self.typical[numeric], Z)
        # centred: the distances of large numbers would be lost to rounding
        return (Z - self.center[numeric]) / self.scale[numeric]

    def evidence(self, j):
        """Values of a column, and the log-probability of each class given the value."""
        if j not in self._evidence:
            known = np.isfinite(self.Z[:, j])
            values, at = np.unique(self.Z[known, j], return_inverse=True)
            count = np.ones((len(values), len(self.labels)))
            np.add.at(count, (at, self.class_[known]), 1)
            table = np.log(count / count.sum(axis=1, keepdims=True))
            self._evidence[j] = (values, table)
        return self._evidence[j]

    def sparse_evidence(self):
        """For CSR: how much a stored cell speaks for each class, (n_classes, d)."""
        if -1 not in self._evidence:
            n = len(self.class_)
            member = sparse.csr_array(
                (np.ones(n), (self.class_, np.arange(n))), shape=(len(self.labels), n)
            )
            stored = self.Z.copy()
            stored.data = (stored.data != 0).astype(np.float64)
            ones = np.asarray((member @ stored).todense()) + 1.0
            zeros = np.bincount(self.class_)[:, None] + 2.0 - ones
            gain = np.log(ones / ones.sum(axis=0)) - np.log(zeros / zeros.sum(axis=0))
            self._evidence[-1] = (gain, gain)
        return self._evidence[-1][0]


class Neighborhood:
    """One block of sources among the anchors.

    Parameters
    ----------
    anchors : Anchors

    Z : ndarray of shape (n_sources, n_features)
        Encoded sources.

    y : ndarray of shape (n_sources,)
    """

    def __init__(self, anchors, Z, y):
        self.anchors = anchors
        self.Z, self.y = Z, y
        self.codec, self.Z_pool, self.y_pool = anchors.codec, anchors.Z, anchors.y
        self.is_sparse, self.bounds = anchors.is_sparse, anchors.bounds
        self.movable, self.whole = anchors.movable, anchors.whole
        self.integer = anchors.integer
        self.scale = None if self.is_sparse else anchors.scale
        self.points = anchors.embed(Z)
        # one-hot groups that a source does not keep to stay as they are
        row, group = self.codec.contradictions(Z)
        self.torn = np.unique(row * len(self.movable) + group)

    def is_copy(self, sources, Z):
        """Whether rows made from the sources copy them, or a real row."""
        made = row_hashes(Z)
        is_real = np.array([key in self.codec.keys for key in made.tolist()], bool)
        return is_real | (made == row_hashes(self.Z[sources]))

    def differs(self, sources, Z):
        """Whether rows made from the sources differ from them."""
        return _differ(self.Z[sources], Z)

    def by_group(self, cells, combine=np.add):
        """Cells (n, n_features) of whole columns joined to those of their groups."""
        groups, position = np.unique(self.codec.groups, return_inverse=True)
        if len(groups) == len(position):
            return cells
        joined = np.zeros((len(cells), len(groups)), dtype=cells.dtype)
        for j, group in enumerate(position):
            combine(joined[:, group], cells[:, j], out=joined[:, group])
        return joined[:, position]

    def cost(self, step):
        """Scaled length of each change; a group counts once, at its first column."""
        moved = step != 0
        if not self.whole.any():
            return np.abs(step) / self.scale
        changed = self.by_group(moved, np.logical_or)
        first = self.codec.groups == np.arange(len(self.whole))
        return np.where(self.whole, changed & first, np.abs(step) / self.scale)

    def at(self, pairs, t):
        """The points at fractions t of the way; whole values change at once."""
        if self.is_sparse:
            change = pairs.step.copy()
            t = np.repeat(t, np.diff(change.indptr))
            flip_at = pairs.flip_at.data
            change.data = change.data * np.where(flip_at < 0, t, t >= flip_at)
            return self.codec.settle((pairs.start + change).tocsr(), pairs.start)
        t = t[:, None]
        moved = self.codec.settle(pairs.start + t * pairs.step, pairs.start)
        if self.whole.any():
            flipped = np.where(t >= pairs.flip_at, pairs.end, pairs.start)
            moved = np.where(self.whole, flipped, moved)
        return moved

    def replaced(self, sources, points):
        """The source rows with `points` in place of the given ones."""
        if self.is_sparse:
            index = np.arange(self.Z.shape[0])
            index[sources] = self.Z.shape[0] + np.arange(len(sources))
            return sparse.vstack([self.Z, points], format="csr")[index]
        Z = self.Z.copy()
        Z[sources] = points
        return Z

    def moves(self, Z):
        """Scaled Manhattan distance from the sources, and features changed."""
        if self.is_sparse:
            change = (Z - self.Z).tocsr()
            change.eliminate_zeros()
            return np.abs(change).sum(axis=1), np.diff(change.indptr)
        cost = self.cost(step_between(self.Z, Z))
        return cost.sum(axis=1), (cost > 0).sum(axis=1)

    # anchors

    def pairs(self, source, anchor):
        """Sources with their anchors; cells that may not move stay."""
        start, end = self.Z[source], self.Z_pool[anchor]
        low, high = self.bounds
        if self.is_sparse:
            step = (end - start).tocsr()
            step.sort_indices()
            stays = ~self.movable[step.indices] | ~np.isfinite(step.data)
            if np.isfinite(self.bounds).any():
                row = np.repeat(np.arange(len(source)), np.diff(step.indptr))
                for point in (start, end):
                    cells = np.asarray(point[row, step.indices]).ravel()
                    stays |= (cells < low[step.indices]) | (cells > high[step.indices])
            # the columns of a group stay together
            row = np.repeat(source, np.diff(step.indptr))
            group = row * step.shape[1] + self.codec.groups[step.indices]
            stays |= np.isin(group, self.torn)
            stays |= np.isin(group, group[stays])
            step.data[stays] = 0
            step.eliminate_zeros()
            return Pairs(source, start, step, None, self._sparse_flips(source, step))
        stays = ~self.movable | ~np.isfinite(start) | ~np.isfinite(end)
        stays |= (start < low) | (start > high)
        stays |= self.whole & ((end < low) | (end > high))
        if len(self.torn):
            group = source[:, None] * len(self.movable) + self.codec.groups
            stays |= np.isin(group, self.torn)
        stays = self.by_group(stays, np.logical_or)
        end = np.where(stays, start, np.where(self.whole, end, np.clip(end, low, high)))
        step = step_between(start, end)
        return Pairs(source, start, step, end, self._flips(source, start, end, step))

    def _flips(self, source, start, end, step):
        """When whole values change: first those most typical of the class."""
        if not self.whole.any():
            return None
        gain = np.zeros(start.shape)
        class_ = np.searchsorted(self.anchors.labels, self.y[source])
        for j in np.flatnonzero(self.whole & self.movable):
            values, table = self.anchors.evidence(j)
            if not len(values):
                continue
            for sign, point in ((1, end), (-1, start)):
                known = np.isfinite(point[:, j])
                at = np.searchsorted(values, point[known, j]).clip(0, len(values) - 1)
                seen = values[at] == point[known, j]
                gain[known, j] += sign * np.where(seen, table[at, class_[known]], 0.0)
        gain = self.by_group(gain)
        groups = self.codec.groups
        differs = self.by_group(step != 0, np.logical_or) & self.whole
        # one place in the order for each group: that of its first column
        first = groups == np.arange(len(groups))
        key = np.where(differs & first, -gain, np.inf)
        order = np.argsort(key, axis=1, kind="stable")
        rank = np.empty(order.shape)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :] + 0.5, axis=1)
        rank /= np.maximum((differs & first).sum(axis=1), 1)[:, None]
        return rank[:, groups]

    def _sparse_flips(self, source, step):
        """The same for CSR, where a whole cell appears or vanishes."""
        flip_at = np.full(step.nnz, -1.0)
        cells = np.flatnonzero(self.whole[step.indices])
        if len(cells):
            row = np.repeat(np.arange(len(source)), np.diff(step.indptr))[cells]
            class_ = np.searchsorted(self.anchors.labels, self.y[source])[row]
            evidence = self.anchors.sparse_evidence()
            value = np.sign(step.data[cells]) * evidence[class_, step.indices[cells]]
            # cells of a group change together: one place in the order for each
            group = self.codec.groups[step.indices[cells]].astype(np.int64)
            unit, of_unit = np.unique(row * step.shape[1] + group, return_inverse=True)
            unit_value = np.bincount(of_unit, value)
            unit_row = unit // step.shape[1]
            order = np.lexsort((-unit_value, unit_row))
            count = np.bincount(unit_row, minlength=len(source))
            begin = np.repeat(np.cumsum(count) - count, count)
            rank = np.empty(len(unit))
            rank[order] = np.arange(len(unit)) - begin + 0.5
            flip_at[cells] = (rank / count[unit_row])[of_unit]
        return sparse.csr_array((flip_at, step.indices, step.indptr), shape=step.shape)

    def by_class(self, sources):
        """Positions of sources, and pool rows, of each class; in bounded batches."""
        for label in np.unique(self.y[sources]):
            pool = np.flatnonzero((self.y_pool == label) & self.anchors.is_anchor)
            if not len(pool):
                continue
            rows = np.flatnonzero(self.y[sources] == label)
            step = max(1, MAX_DISTANCE_CELLS // len(pool))
            for begin in range(0, len(rows), step):
                yield pool, rows[begin : begin + step]

    def nearest(self, sources, k):
        """The k nearest pool rows of a class: positions (-1: none), distances."""
        k = max(1, min(k, len(self.y_pool)))
        near = np.full((len(sources), k), -1)
        distance = np.full((len(sources), k), np.inf)
        for pool, rows in self.by_class(sources):
            found = self.squared_distances(sources[rows], pool)
            keep_first(found, found, pool, rows, near, distance)
        return near, distance

    def squared_distances(self, rows, pool):
        """Between sources and pool rows; infinite to a copy of the source."""
        distance = np.zeros((len(rows), len(pool)))
        pool_points, points = self.anchors.points, self.points
        if points.shape[1]:
            distance += euclidean_distances(
                points[rows], pool_points[pool], squared=True
            )
        if not self.is_sparse:
            groups, index = np.unique(
                self.codec.groups[self.movable & self.whole], return_inverse=True
            )
            columns = np.flatnonzero(self.movable & self.whole)
            for group in range(len(groups)):
                differs = np.zeros(distance.shape, dtype=bool)
                for j in columns[index == group]:
                    own, other = self.Z[rows, j][:, None], self.Z_pool[pool, j]
                    of_column = own != other
                    if np.isnan(own).any() or np.isnan(other).any():
                        of_column &= ~np.isnan(own) & ~np.isnan(other)
                    differs |= of_column
                distance += differs
        # the row itself is no anchor; rounding hides it, so near ones are compared
        size = row_norms(points[rows], squared=True)[:, None]
        size = size + row_norms(pool_points[pool], squared=True)
        row, other = np.nonzero(distance <= 1e-9 * size)
        movable = np.flatnonzero(self.movable)
        step = max(1, MAX_DISTANCE_CELLS // max(1, len(movable)))
        for begin in range(0, len(row), step):
            part = slice(begin, begin + step)
            start = self.Z[rows[row[part]]][:, movable]
            end = self.Z_pool[pool[other[part]]][:, movable]
            same = ~_differ(start, end)
            distance[row[part][same], other[part][same]] = np.inf
        return _without_noise(distance)


def keep_first(key, found, pool, rows, near, distance):
    """Write the pool rows with the smallest finite keys, and their distances."""
    width = min(near.shape[1], len(pool))
    order = np.argpartition(key, width - 1, axis=1)[:, :width]
    finite = np.isfinite(np.take_along_axis(key, order, axis=1))
    near[rows, :width] = np.where(finite, pool[order], -1)
    distance[rows, :width] = np.take_along_axis(found, order, axis=1)


def _without_noise(distance):
    """Distances to nine digits: equal ones come out equal.

    The last digits of a matrix product depend on how many rows are in it; an anchor
    must not.
    """
    mantissa, exponent = np.frexp(distance)
    return np.ldexp(np.round(mantissa * 2**30), exponent - 30)


def _column_medians(Z):
    """Median of the known cells of each column; NaN where none is known."""
    known = [column[np.isfinite(column)] for column in Z.T]
    return np.array([np.median(column) if len(column) else np.nan for column in known])


def step_between(start, end):
    """The way from start to end; 0 for cells that are missing or infinite."""
    known = np.isfinite(start) & np.isfinite(end)
    return np.subtract(end, start, where=known, out=np.zeros(start.shape))


def _differ(start, end):
    """Rows with a known cell that is another at the end; dense or CSR."""
    if not sparse.issparse(start):
        return step_between(start, end).any(axis=1)
    with np.errstate(invalid="ignore"):  # infinite cells
        change = (end - start).tocoo()
    moves = np.isfinite(change.data) & (change.data != 0)
    return np.bincount(change.row[moves], minlength=start.shape[0]) > 0


def first_of_each(source, keys):
    """For each distinct source, the position of its smallest key."""
    order = np.lexsort((keys, source))
    return order[np.unique(source[order], return_index=True)[1]]


def _what_holds(codec, movable):
    """Why no column can move, in words."""
    names = column_names(codec.X)
    held = [f"{names[j]!r} holds {what}" for j, what in codec.held.items()]
    immutable = np.flatnonzero(~movable)
    held += [f"{names[j]!r} is immutable" for j in immutable]
    rest = movable & (codec.kinds != FIXED)
    held += [f"{names[j]!r} is in a group with these" for j in np.flatnonzero(rest)]
    ways = []
    if len(immutable):
        ways.append(
            "Take columns out of `immutable_features`, or give the teacher others by "
            "`views`."
        )
    if codec.held:
        ways.append(
            "Put what turns texts and dates into numbers before the distiller, in a "
            "Pipeline, or list the columns in `categorical_features` to have their "
            "values swapped whole."
        )
    return (
        "`X` has no column that a pseudo-sample could change: "
        + ", ".join(held[:10])
        + (", ..." if len(held) > 10 else "")
        + f". {' '.join(ways)}"
    )
