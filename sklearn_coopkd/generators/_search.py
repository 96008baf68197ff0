"""What every search for pseudo-samples shares: teacher, targets, anchors, verification.

`Search` holds one block of source rows as a float matrix. The strategies (`_exact`,
`_walks`) propose candidates; `Search.offer` alone decides: it takes a candidate if
the teacher, asked about this very row, reaches the target, and if it is no copy of a
real row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import euclidean_distances

from sklearn_coopkd._codec import CATEGORY, FIXED, INTEGER
from sklearn_coopkd._containers import row_bytes
from sklearn_coopkd._responses import class_proba

# Bounds of the memory: rows in a call of the teacher, cells of a distance matrix.
MAX_CALL_ROWS = 20_000
MAX_DISTANCE_CELLS = 4_000_000
# A teacher with less doubt than this has none that could be reduced.
MIN_DOUBT = 1e-6


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


class Search:
    """One teacher, one block of sources, and the best found so far for each.

    Parameters
    ----------
    teacher : fitted classifier

    codec : TableCodec
        Of the anchors' rows followed by the sources' rows.

    y_pool, y : ndarray of shape (n_pool,) and (n_sources,)

    movable : ndarray of shape (n_features,)
        Columns that may change.

    bounds : ndarray of shape (2, n_features)
        Least and largest value that a cell may be moved to.

    alpha : float
    """

    def __init__(self, teacher, codec, y_pool, y, movable, bounds, alpha):
        self.teacher, self.codec = teacher, codec
        n_pool = len(y_pool)
        self.Z_pool, self.Z = codec.Z[:n_pool], codec.Z[n_pool:]
        self.is_sparse = sparse.issparse(codec.Z)
        self.y, self.y_pool = y, y_pool
        self.classes = np.asarray(teacher.classes_)
        position = {label: k for k, label in enumerate(self.classes.tolist())}
        # -1: a class that the teacher does not know; it gets probability 0
        self.y_idx, self.pool_idx = (
            np.array([position.get(label, -1) for label in labels.tolist()], dtype=int)
            for labels in (y, y_pool)
        )
        groups = codec.groups
        self.movable = movable & (codec.kinds != FIXED)
        # a group moves if all its columns may
        self.movable &= ~np.isin(groups, groups[~self.movable])
        self.whole = codec.kinds == CATEGORY
        self.integer = codec.kinds == INTEGER
        self.bounds = bounds
        self.center, self.scale = self._center_and_scale()
        self.embedding = self._embedding()
        cells = row_bytes(self.Z_pool)
        self.taboo = set(cells)
        # a repeated row must not fill all places among the nearest anchors
        first: dict[tuple, int] = {}
        for row, key in enumerate(zip(cells, self.pool_idx.tolist())):
            first.setdefault(key, row)
        self.is_anchor = np.zeros(n_pool, dtype=bool)
        self.is_anchor[list(first.values())] = True
        self.teacher_rows = self.n_fallback = self.n_close = self.n_copies = 0
        self.proba = self.ask(self.Z, self.y_idx)
        self.saturated = 1 - self.proba <= MIN_DOUBT
        target = self.proba + alpha * (1 - self.proba)
        self.target = np.where(self.saturated, 1 - MIN_DOUBT, target)
        self.solved = np.zeros(len(y), dtype=bool)
        self.made = [(np.arange(len(y)), self.Z, self.proba)]

    # columns

    def _center_and_scale(self):
        """Mean and standard deviation of each column of the pool; 1 for categories."""
        if self.is_sparse:
            return None, None
        known = np.isfinite(self.Z_pool)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, self.Z_pool, 0).sum(axis=0) / count
        square = (np.where(known, self.Z_pool, mean) - mean) ** 2
        std = np.sqrt(square.sum(axis=0) / count)
        return mean, np.where(self.whole | (std == 0), 1.0, std)

    def _embedding(self):
        """Numeric columns in units of their scale; a missing cell counts as typical."""
        if self.is_sparse:
            return self.Z_pool, self.Z
        numeric = self.movable & ~self.whole
        Z = self.codec.Z[:, numeric]
        missing = ~np.isfinite(Z)
        if missing.any():
            typical = np.nan_to_num(_column_medians(self.Z_pool[:, numeric]))
            Z = np.where(missing, typical, Z)
        # centred: the distances of large numbers would be lost to rounding
        Z = (Z - self.center[numeric]) / self.scale[numeric]
        return Z[: len(self.y_pool)], Z[len(self.y_pool) :]

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

    # the teacher

    def ask(self, Z, y_idx):
        """Teacher's probability, at each row of Z, of the class `y_idx`."""
        proba = np.empty(Z.shape[0])
        for begin in range(0, Z.shape[0], MAX_CALL_ROWS):
            part = slice(begin, begin + MAX_CALL_ROWS)
            answer = class_proba(self.teacher, self.codec.decode(Z[part]), self.classes)
            own = answer[np.arange(len(answer)), y_idx[part]]
            proba[part] = np.where(y_idx[part] >= 0, own, 0.0)
        self.teacher_rows += Z.shape[0]
        return proba

    def ask_for(self, sources, Z):
        """Teacher's probability of the sources' classes at rows made from them."""
        return self.ask(Z, self.y_idx[sources])

    # candidates

    def offer(self, sources, Z, proba):
        """Take candidates, one for each of the given sources, if they are good.

        Returns which: the teacher's probability reaches the target, and the row is
        neither the source nor a row of the pool.
        """
        good = (proba >= self.target[sources]) & (self.y_idx[sources] >= 0)
        kept = np.flatnonzero(good)
        made, own = row_bytes(Z[kept]), row_bytes(self.Z[sources[kept]])
        for row, new, old in zip(kept, made, own):
            good[row] = new != old and new not in self.taboo
        self.n_copies += int(len(kept) - good.sum())
        self.made.append((sources[good], Z[good], proba[good]))
        self.solved[sources[good]] = True
        return good

    def keep_best(self, sources, Z, proba):
        """Remember what comes closest for sources that nothing good was found for."""
        self.made.append((sources, Z, proba))

    def offer_nearest(self, pairs, pair, t, key, proba):
        """Offer points `t` on the way of `pair`, those with the smallest keys first.

        `key` is infinite where a point is out of the question.
        """
        left = np.flatnonzero(np.isfinite(key))
        while len(left):
            source = pairs.source[pair[left]]
            first = left[first_of_each(source, key[left])]
            Z = self.at(pairs.take(pair[first]), t[first])
            self.offer(pairs.source[pair[first]], Z, proba[first])
            left = left[~self.solved[source] & ~np.isin(left, first)]

    def at(self, pairs, t):
        """The points at fractions t of the way; whole values change at once."""
        if self.is_sparse:
            change = pairs.step.copy()
            t = np.repeat(t, np.diff(change.indptr))
            flip_at = pairs.flip_at.data
            change.data = change.data * np.where(flip_at < 0, t, t >= flip_at)
            moved = (pairs.start + change).tocsr()
            if self.integer.any():
                moved.data = np.rint(moved.data)
            return moved
        t = t[:, None]
        moved = pairs.start + t * pairs.step
        if self.integer.any():
            moved[:, self.integer] = np.rint(moved[:, self.integer])
        if self.whole.any():
            flipped = np.where(t >= pairs.flip_at, pairs.end, pairs.start)
            moved = np.where(self.whole, flipped, moved)
        return moved

    # anchors

    def pair_with_anchors(self, sources, n_neighbors):
        """The nearest anchors that reach the target; else those that come closest.

        The teacher is asked about the nearest candidates alone; about the whole pool
        only if these do not suffice.
        """
        near, distance = self._candidates(sources, 2 * n_neighbors)
        asked = np.unique(near[near >= 0])
        # one entry more, for the -1 that stands for "no candidate"
        pool_proba = np.full(len(self.y_pool) + 1, -np.inf)
        pool_proba[asked] = self.ask(self.Z_pool[asked], self.pool_idx[asked])
        target = self.target[sources][:, None]
        reaches = pool_proba[near] >= target
        lost = np.flatnonzero(~reaches.any(axis=1))
        if len(lost):
            labels = self.y[sources[lost]]
            unasked = np.isinf(pool_proba[:-1]) & np.isin(self.y_pool, labels)
            rows = np.flatnonzero(unasked)
            pool_proba[rows] = self.ask(self.Z_pool[rows], self.pool_idx[rows])
            near[lost], distance[lost] = self._surest(
                sources[lost], pool_proba, near.shape[1]
            )
            reaches[lost] = pool_proba[near[lost]] >= target[lost]
        lost = ~reaches.any(axis=1)
        self.n_fallback += int(lost.sum())
        # where no anchor reaches the target, all candidates are tried
        usable = np.where(lost[:, None], near >= 0, reaches)
        rank = np.where(usable, distance, np.inf).argsort(axis=1, kind="stable")
        rank = rank[:, :n_neighbors]
        usable = np.take_along_axis(usable, rank, axis=1)
        row, column = np.nonzero(usable)
        anchor = np.take_along_axis(near, rank, axis=1)[row, column]
        return self._pairs(sources[row], anchor)

    def _pairs(self, source, anchor):
        start, end = self.Z[source], self.Z_pool[anchor]
        if self.is_sparse:
            step = (end - start).tocsr()
            step.sort_indices()
            stays = ~self.movable[step.indices]
            if np.isfinite(self.bounds).any():
                for point in (start, start + step):
                    there = np.asarray(
                        point[
                            np.repeat(np.arange(len(source)), np.diff(step.indptr)),
                            step.indices,
                        ]
                    ).ravel()
                    stays |= there < self.bounds[0][step.indices]
                    stays |= there > self.bounds[1][step.indices]
            step.data[stays] = 0
            step.eliminate_zeros()
            return Pairs(source, start, step, None, self._sparse_flips(source, step))
        low, high = self.bounds
        stays = ~self.movable | ~np.isfinite(start) | ~np.isfinite(end)
        stays |= (start < low) | (start > high)
        stays = self.by_group(stays, np.logical_or)
        end = np.where(stays, start, np.where(self.whole, end, np.clip(end, low, high)))
        step = step_between(start, end)
        return Pairs(source, start, step, end, self._flips(source, start, end, step))

    def _flips(self, source, start, end, step):
        """When whole values change: first those most typical of the class."""
        if not self.whole.any():
            return None
        gain = np.zeros(start.shape)
        for j in np.flatnonzero(self.whole & self.movable):
            values, table = self._evidence(j)
            class_ = np.searchsorted(self._pool_labels(), self.y[source])
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

    def _pool_labels(self):
        return np.unique(self.y_pool)

    def _evidence(self, j):
        """Values of a column, and the log-probability of each class given the value."""
        column = self.Z_pool[:, j]
        known = np.isfinite(column)
        values, at = np.unique(column[known], return_inverse=True)
        labels, class_ = np.unique(self.y_pool, return_inverse=True)
        count = np.ones((len(values), len(labels)))
        np.add.at(count, (at, class_[known]), 1)
        return values, np.log(count / count.sum(axis=1, keepdims=True))

    def _sparse_flips(self, source, step):
        """The same for CSR, where a whole cell appears or vanishes."""
        flip_at = np.full(step.nnz, -1.0)
        cells = np.flatnonzero(self.whole[step.indices])
        if len(cells):
            labels, class_ = np.unique(self.y_pool, return_inverse=True)
            member = sparse.csr_array(
                (np.ones(len(class_)), (class_, np.arange(len(class_)))),
                shape=(len(labels), len(class_)),
            )
            ones = np.asarray((member @ (self.Z_pool != 0)).todense()) + 1.0
            zeros = np.bincount(class_)[:, None] + 2.0 - ones
            gain = np.log(ones / ones.sum(axis=0)) - np.log(zeros / zeros.sum(axis=0))
            row = np.repeat(np.arange(len(source)), np.diff(step.indptr))[cells]
            class_ = np.searchsorted(labels, self.y[source])[row]
            value = np.sign(step.data[cells]) * gain[class_, step.indices[cells]]
            order = np.lexsort((-value, row))
            count = np.bincount(row, minlength=len(source))
            begin = np.repeat(np.cumsum(count) - count, count)
            rank = np.empty(len(cells))
            rank[order] = np.arange(len(cells)) - begin + 0.5
            flip_at[cells] = rank / count[row]
        return sparse.csr_array((flip_at, step.indices, step.indptr), shape=step.shape)

    def _by_class(self, sources):
        """Positions of sources, and pool rows, of each class; in bounded batches."""
        for label in np.unique(self.y[sources]):
            pool = np.flatnonzero((self.y_pool == label) & self.is_anchor)
            if not len(pool):
                continue
            rows = np.flatnonzero(self.y[sources] == label)
            step = max(1, MAX_DISTANCE_CELLS // len(pool))
            for begin in range(0, len(rows), step):
                yield pool, rows[begin : begin + step]

    def _candidates(self, sources, k):
        """The k nearest pool rows of a class: positions (-1: none), distances."""
        near = np.full((len(sources), k), -1)
        distance = np.full((len(sources), k), np.inf)
        for pool, rows in self._by_class(sources):
            found = self._squared_distances(sources[rows], pool)
            _keep_first(found, found, pool, rows, near, distance)
        return near, distance

    def _surest(self, sources, pool_proba, k):
        """The k nearest pool rows that reach the target.

        Where none does, those to which the teacher gives the highest probability.
        """
        near = np.full((len(sources), k), -1)
        distance = np.full((len(sources), k), np.inf)
        for pool, rows in self._by_class(sources):
            found = self._squared_distances(sources[rows], pool)
            sure = pool_proba[pool] >= self.target[sources[rows]][:, None]
            sure &= np.isfinite(found)
            hopeless = ~sure.any(axis=1)
            key = np.where(sure, found, np.inf)
            unreached = np.broadcast_to(-pool_proba[pool], found.shape)
            key[hopeless] = np.where(np.isfinite(found), unreached, np.inf)[hopeless]
            _keep_first(key, found, pool, rows, near, distance)
        return near, distance

    def _squared_distances(self, rows, pool):
        """Between sources and pool rows; infinite to a copy of the source."""
        distance = np.zeros((len(rows), len(pool)))
        pool_points, points = self.embedding
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
                    differs |= (own != other) & ~np.isnan(own) & ~np.isnan(other)
                distance += differs
        # the row itself is no anchor; rounding hides it, so near ones are compared
        row, other = np.nonzero(distance <= 1e-9)
        if self.is_sparse:
            distance[row, other] = np.inf
        else:
            start, end = self.Z[rows[row]], self.Z_pool[pool[other]]
            moves = np.isfinite(start) & np.isfinite(end) & self.movable
            same = ~(moves & (start != end)).any(axis=1)
            distance[row[same], other[same]] = np.inf
        return distance

    # the end

    def result(self):
        """The rows found, their probabilities and how far they moved."""
        rows, parts, probas = zip(*self.made)
        last = np.empty(len(self.y), dtype=np.intp)
        offset = 0
        for index in rows:
            last[index] = offset + np.arange(len(index))
            offset += len(index)
        if self.is_sparse:
            Z = sparse.vstack(parts, format="csr")[last]
        else:
            Z = np.concatenate(parts)[last]
        return Z, np.concatenate(probas)[last]

    def moves(self, Z):
        """Scaled Manhattan distance from the sources, and features changed."""
        if self.is_sparse:
            change = (Z - self.Z).tocsr()
            change.eliminate_zeros()
            return np.abs(change).sum(axis=1), np.diff(change.indptr)
        cost = self.cost(step_between(self.Z, Z))
        return cost.sum(axis=1), (cost > 0).sum(axis=1)


def _keep_first(key, found, pool, rows, near, distance):
    """Write the pool rows with the smallest finite keys, and their distances."""
    width = min(near.shape[1], len(pool))
    order = np.argpartition(key, width - 1, axis=1)[:, :width]
    finite = np.isfinite(np.take_along_axis(key, order, axis=1))
    near[rows, :width] = np.where(finite, pool[order], -1)
    distance[rows, :width] = np.take_along_axis(found, order, axis=1)


def _column_medians(Z):
    """Median of the known cells of each column; NaN where none is known."""
    known = [column[np.isfinite(column)] for column in Z.T]
    return np.array([np.median(column) if len(column) else np.nan for column in known])


def step_between(start, end):
    """The way from start to end; 0 for cells that are missing or infinite."""
    known = np.isfinite(start) & np.isfinite(end)
    return np.subtract(end, start, where=known, out=np.zeros(start.shape))


def first_of_each(source, keys):
    """For each distinct source, the position of its smallest key."""
    order = np.lexsort((keys, source))
    return order[np.unique(source[order], return_index=True)[1]]
