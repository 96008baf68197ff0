"""Quintessential counterfactuals by a batched black-box search.

For a row x of class y and a teacher that gives y the probability p, find a near row
x' with probability at least p + alpha (1 - p). The search walks from x toward
*anchors*: real rows of class y of which the teacher is sure enough. All rows of a
call advance together, so that the teacher is asked few times with many rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_random_state

from sklearn_coopkd._compat import Interval, StrOptions
from sklearn_coopkd._containers import (
    CATEGORY,
    FIXED,
    INTEGER,
    TableCodec,
    as_table,
    concat_rows,
    n_rows,
    resolve_columns,
    row_keys,
    take_rows,
)
from sklearn_coopkd._responses import class_proba
from sklearn_coopkd.generators._base import GeneratedSamples

# Bounds of the memory: rows in a call of the teacher, cells of a distance matrix, and
# cells of all candidates of a block of sources.
MAX_CALL_ROWS = 20_000
MAX_SEARCH_CELLS = 10_000_000
MAX_DISTANCE_CELLS = 4_000_000
# Points tried on the way to an anchor, all in one call: near ones matter most, and
# a call costs more than its rows.
WAYPOINTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)
BISECTION_STEPS = 3


class QuintessentialGenerator(BaseEstimator):
    """Near versions of rows that a teacher is surer about.

    For each row the generator looks for the smallest change after which the
    teacher's probability of the true class is at least ``p + alpha * (1 - p)``,
    where p is its probability at the row itself.

    Parameters
    ----------
    alpha : float in (0, 1], default=0.1
        Share of the teacher's remaining doubt that the change must remove.

    method : {"segment", "swap"}, default="segment"
        "segment" walks straight toward an anchor and stops as soon as the target is
        reached: all columns move a little (small Euclidean distance, few calls).
        "swap" takes over single values of the anchor, as few and as near as possible
        (small Manhattan distance, sparse changes). CSR input always uses "segment".

    n_neighbors : int, default=5
        Anchors tried for each row.

    max_pool : int, default=2000
        At most this many rows of the pool, an equal share of each class, are
        considered as anchors.

    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Columns (names, positions or a mask) whose values are swapped whole, never
        interpolated. "from_dtype": those that hold neither numbers nor dates.

    immutable_features : array-like, default=None
        Columns (names, positions or a mask) that never move.

    Notes
    -----
    Missing and infinite cells stay and are no part of distances. Integers stay
    integers. Dates never move. A row that the teacher is already certain of (no
    probability is left to gain) is moved halfway to an anchor, if the teacher stays
    certain there.

    References
    ----------
    Livanos, Davidson, Wong, "Cooperative Knowledge Distillation: A Learner Agnostic
    Approach", AAAI 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_coopkd import QuintessentialGenerator
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> y = np.array([0, 0, 1, 1])
    >>> teacher = LogisticRegression().fit(X, y)
    >>> made = QuintessentialGenerator(alpha=0.3).generate(
    ...     teacher, np.array([[1.6]]), np.array([1]), X, y
    ... )
    >>> bool(made.success[0]), bool(1.6 < made.X_pseudo[0, 0] < 3.0)
    (True, True)
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, 1, closed="right")],
        "method": [StrOptions({"segment", "swap"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "max_pool": [Interval(Integral, 1, None, closed="left")],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "immutable_features": ["array-like", None],
    }

    def __init__(
        self,
        alpha=0.1,
        method="segment",
        n_neighbors=5,
        max_pool=2000,
        categorical_features="from_dtype",
        immutable_features=None,
    ):
        self.alpha = alpha
        self.method = method
        self.n_neighbors = n_neighbors
        self.max_pool = max_pool
        self.categorical_features = categorical_features
        self.immutable_features = immutable_features

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        """Make one pseudo-sample for each row of X.

        Parameters
        ----------
        teacher : fitted classifier
            Asked through `predict_proba`, else `decision_function` (softmax), else
            `predict` (votes).

        X : container of shape (n_samples, n_features)
            Source rows.

        y : array-like of shape (n_samples,)
            Their true classes.

        X_pool : container of shape (n_pool, n_features)
            Rows that may serve as anchors; same kind of container as X.

        y_pool : array-like of shape (n_pool,)
            Their classes.

        random_state : int, RandomState instance or None, default=None
            Draws the rows that are considered if the pool exceeds `max_pool`.

        Returns
        -------
        samples : GeneratedSamples
            Its `report` counts "n_sources", "n_success", "n_fallback" (no anchor
            reached the target), "n_saturated" and "teacher_rows".
        """
        self._validate_params()
        X, X_pool = as_table(X), as_table(X_pool)
        if len(y) != n_rows(X) or len(y_pool) != n_rows(X_pool):
            raise ValueError(
                "`y` and `y_pool` must have one entry per row of `X` and `X_pool`; got "
                f"{len(y)} for {n_rows(X)} and {len(y_pool)} for {n_rows(X_pool)} rows."
            )
        return self._generate(
            teacher,
            X,
            np.asarray(y),
            X_pool,
            np.asarray(y_pool),
            check_random_state(random_state),
        )

    def _generate(self, teacher, X, y, X_pool, y_pool, rng):
        """Compute `generate` for validated input."""
        chosen = _anchor_rows(X_pool, y_pool, self.max_pool, rng)
        X_pool, y_pool = take_rows(X_pool, chosen), y_pool[chosen]
        # results do not depend on the company of a row, so blocks bound the memory
        cells = (
            self.n_neighbors
            * X.shape[1]
            * (X.shape[1] if self.method == "swap" else len(WAYPOINTS))
        )
        step = max(1, MAX_SEARCH_CELLS // cells)
        parts = [
            self._generate_block(teacher, take_rows(X, rows), y[rows], X_pool, y_pool)
            for rows in np.split(np.arange(len(y)), range(step, len(y), step))
        ]
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _generate_block(self, teacher, X, y, X_pool, y_pool):
        codec = TableCodec(concat_rows([X_pool, X]), self.categorical_features)
        immutable = resolve_columns(X, self.immutable_features, "immutable_features")
        search = _Search(teacher, codec, y_pool, y, immutable, self.alpha)
        pairs = search.pair_with_anchors(self.n_neighbors)
        walk = _swap if self.method == "swap" and not search.is_sparse else _segment
        return search.result(*walk(search, pairs))


def _joined(parts):
    """The samples of several blocks as one."""
    return GeneratedSamples(
        X_pseudo=concat_rows([part.X_pseudo for part in parts]),
        success=np.concatenate([part.success for part in parts]),
        proba=np.concatenate([part.proba for part in parts]),
        report={key: sum(p.report[key] for p in parts) for key in parts[0].report},
    )


def _anchor_rows(X_pool, y_pool, max_pool, rng):
    """Distinct rows, at most `max_pool`, an equal share of each class.

    Does not depend on the sources: what is made of a row must not change with its
    company in the call.
    """
    labels, codes = np.unique(y_pool, return_inverse=True)
    share = max(1, max_pool // max(1, len(labels)))
    drawn = [np.empty(0, dtype=np.intp)]
    for code in range(len(labels)):
        rows = np.flatnonzero(codes == code)
        if len(rows) > share:
            rows = np.sort(rng.choice(rows, share, replace=False))
        drawn.append(rows)
    rows = np.concatenate(drawn)
    # a repeated row must not fill all places among the nearest anchors
    _, keys = np.unique(row_keys(take_rows(X_pool, rows)), return_inverse=True)
    _, first = np.unique(keys * len(labels) + codes[rows], return_index=True)
    return rows[np.sort(first)]


@dataclass
class _Pairs:
    """Source rows side by side with their anchors, `n_pairs` rows each."""

    source: np.ndarray  # (n_pairs,) position of the source row
    start: Any  # (n_pairs, n_features) encoded source rows
    end: Any  # (n_pairs, n_features) encoded anchors, cells that may not move as start
    proba_end: np.ndarray  # (n_pairs,) teacher's probability at `end`; NaN: not asked


class _Search:
    """What both walks need to know: the teacher, the rows, the targets, the columns."""

    def __init__(self, teacher, codec, y_pool, y, immutable, alpha):
        n_pool = len(y_pool)
        self.teacher = teacher
        self.codec = codec
        self.Z_pool, self.Z = codec.Z[:n_pool], codec.Z[n_pool:]
        self.is_sparse = sparse.issparse(codec.Z)
        self.classes = np.asarray(teacher.classes_)
        self.y, self.y_pool = y, y_pool
        position = {label: k for k, label in enumerate(self.classes.tolist())}
        # -1: a class that the teacher does not know; it gets probability 0
        both = np.array(
            [position.get(c, -1) for c in [*y_pool.tolist(), *y.tolist()]], dtype=int
        )
        self.y_idx = both[n_pool:]
        self.movable = ~immutable & (codec.kinds != FIXED)
        self.whole = codec.kinds == CATEGORY
        self.integer = codec.kinds == INTEGER
        self.teacher_rows = 0
        self.n_fallback = 0
        self.center, self.scale = self._center_and_scale()
        self.embedding = self._embedding()
        self.pool_idx = both[:n_pool]
        self.alpha = alpha

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

    def reaches(self, Z, source):
        """Whether rows made from the sources reach their targets."""
        return self.ask(Z, self.y_idx[source]) >= self.target[source]

    def pair_with_anchors(self, n_neighbors):
        """The nearest anchors that reach the target; else those that come closest.

        The teacher is asked about the sources and their nearest candidates alone; about
        the whole pool only if these do not suffice.
        """
        near, distance = self._candidates(2 * n_neighbors)
        asked = np.unique(near[near >= 0])
        Z = self._stack(self.Z, self.Z_pool[asked])
        proba = self.ask(Z, np.concatenate([self.y_idx, self.pool_idx[asked]]))
        n = len(self.y)
        self.proba = proba[:n]
        self.target = self.proba + self.alpha * (1 - self.proba)
        self.saturated = self.proba >= self.target
        # one entry more, for the -1 that stands for "no candidate"
        pool_proba = np.full(len(self.y_pool) + 1, -np.inf)
        pool_proba[asked] = proba[n:]
        reaches = pool_proba[near] >= self.target[:, None]
        lost = np.flatnonzero(~reaches.any(axis=1))
        if len(lost):
            unasked = np.isinf(pool_proba[:-1]) & np.isin(self.y_pool, self.y[lost])
            rows = np.flatnonzero(unasked)
            pool_proba[rows] = self.ask(self.Z_pool[rows], self.pool_idx[rows])
            self._surest(lost, pool_proba, near, distance)
            reaches[lost] = pool_proba[near[lost]] >= self.target[lost][:, None]
        lost = ~reaches.any(axis=1)
        self.n_fallback = int(lost.sum())
        # where no anchor reaches the target, all candidates are tried
        usable = np.where(lost[:, None], near >= 0, reaches)
        rank = np.where(usable, distance, np.inf).argsort(axis=1, kind="stable")
        rank = rank[:, :n_neighbors]
        usable = np.take_along_axis(usable, rank, axis=1)
        source, column = np.nonzero(usable)
        anchor = np.take_along_axis(near, rank, axis=1)[source, column]
        return self._pairs(source, anchor, pool_proba[anchor])

    def _pairs(self, source, anchor, proba_end):
        """Pairs whose ends keep the cells that may not move."""
        start, end = self.Z[source], self.Z_pool[anchor]
        if self.is_sparse:
            changed = np.full(len(source), not self.movable.all())
            if changed.any():
                moving = end.multiply(self.movable[None, :])
                end = (moving + start.multiply(~self.movable[None, :])).tocsr()
        else:
            held = ~self.movable | ~np.isfinite(start) | ~np.isfinite(end)
            end = np.where(held, start, end)
            changed = held.any(axis=1)
        proba_end[changed] = np.nan
        return _Pairs(source, start, end, proba_end)

    def _stack(self, first, second):
        if self.is_sparse:
            return sparse.vstack([first, second], format="csr")
        return np.concatenate([first, second])

    def _by_class(self, sources):
        """Pool rows and sources of each class that has both, in bounded batches."""
        for label in np.unique(self.y[sources]):
            pool = np.flatnonzero(self.y_pool == label)
            if not len(pool):
                continue
            rows = sources[self.y[sources] == label]
            step = max(1, MAX_DISTANCE_CELLS // len(pool))
            for begin in range(0, len(rows), step):
                yield pool, rows[begin : begin + step]

    def _candidates(self, k):
        """The k nearest pool rows of a class: positions (-1: none), distances."""
        near = np.full((len(self.y), k), -1)
        distance = np.full((len(self.y), k), np.inf)
        for pool, rows in self._by_class(np.arange(len(self.y))):
            found = self._squared_distances(rows, pool)
            self._keep_first(found, found, pool, rows, near, distance)
        return near, distance

    def _surest(self, sources, pool_proba, near, distance):
        """Fill in, for the given sources, the nearest that reach the target.

        Where none does, those to which the teacher gives the highest probability.
        """
        near[sources], distance[sources] = -1, np.inf
        for pool, rows in self._by_class(sources):
            found = self._squared_distances(rows, pool)
            sure = (pool_proba[pool] >= self.target[rows][:, None]) & np.isfinite(found)
            hopeless = ~sure.any(axis=1)
            key = np.where(sure, found, np.inf)
            unreached = np.broadcast_to(-pool_proba[pool], found.shape)
            key[hopeless] = np.where(np.isfinite(found), unreached, np.inf)[hopeless]
            self._keep_first(key, found, pool, rows, near, distance)

    @staticmethod
    def _keep_first(key, found, pool, rows, near, distance):
        """Write the pool rows with the smallest finite keys, and their distances."""
        width = min(near.shape[1], len(pool))
        order = np.argpartition(key, width - 1, axis=1)[:, :width]
        finite = np.isfinite(np.take_along_axis(key, order, axis=1))
        near[rows, :width] = np.where(finite, pool[order], -1)
        distance[rows, :width] = np.take_along_axis(found, order, axis=1)

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

    def _squared_distances(self, rows, pool):
        """Between sources and pool rows; infinite to a copy of the source."""
        distance = np.zeros((len(rows), len(pool)))
        pool_points, points = self.embedding
        if points.shape[1]:
            distance += euclidean_distances(
                points[rows], pool_points[pool], squared=True
            )
        for j in np.flatnonzero(self.movable & self.whole):
            own, other = self.Z[rows, j][:, None], self.Z_pool[pool, j]
            distance += (own != other) & ~np.isnan(own) & ~np.isnan(other)
        # the row itself is no anchor; rounding hides it, so near ones are compared
        row, other = np.nonzero(distance <= 1e-9)
        if self.is_sparse:
            distance[row, other] = np.inf
        else:
            start, end = self.Z[rows[row]], self.Z_pool[pool[other]]
            same = ((_step(start, end) == 0) | ~self.movable).all(axis=1)
            distance[row[same], other[same]] = np.inf
        return distance

    def at(self, start, end, t):
        """The points at fractions t of the way; whole values change at one half."""
        if self.is_sparse:
            t = t[:, None]
            return (start.multiply(1 - t) + end.multiply(t)).tocsr()
        t = t[:, None]
        # the whole way is the anchor itself, free of rounding
        moved = np.where(t == 1, end, start + t * _step(start, end))
        moved[:, self.integer] = np.rint(moved[:, self.integer])
        return np.where(self.whole, np.where(t >= 0.5, end, start), moved)

    def replaced(self, rows, points):
        """The source rows with `points` in place of the given ones."""
        if self.is_sparse:
            index = np.arange(self.Z.shape[0])
            index[rows] = self.Z.shape[0] + np.arange(len(rows))
            return sparse.vstack([self.Z, points], format="csr")[index]
        Z = self.Z.copy()
        Z[rows] = points
        return Z

    def result(self, Z, proba):
        """The final rows, at each of which the teacher was asked for `proba`."""
        success = (proba >= self.target) & (self.y_idx >= 0)
        return GeneratedSamples(
            X_pseudo=self.codec.decode(Z),
            success=success,
            proba=proba,
            report={
                "n_sources": len(self.y),
                "n_success": int(success.sum()),
                "n_fallback": self.n_fallback,
                "n_saturated": int(self.saturated.sum()),
                "teacher_rows": self.teacher_rows,
            },
        )


def _column_medians(Z):
    """Median of the known cells of each column; NaN where none is known."""
    known = [column[np.isfinite(column)] for column in Z.T]
    return np.array([np.median(column) if len(column) else np.nan for column in known])


def _step(start, end):
    """The way from start to end; 0 for cells that stay, whatever they hold."""
    moves = np.isfinite(start) & np.isfinite(end)
    return np.subtract(end, start, where=moves, out=np.zeros(start.shape))


def _first_of_each(source, keys):
    """For each distinct source, the position of its smallest key."""
    order = np.lexsort((keys, source))
    return order[np.unique(source[order], return_index=True)[1]]


def _segment(search, pairs):
    """Try points on the way to each anchor; keep the nearest that is sure enough."""
    source = pairs.source
    target = search.target[source]
    if search.is_sparse:
        length = np.sqrt(np.asarray((pairs.end - pairs.start).power(2).sum(axis=1)))
        length = length.ravel()
    else:
        step = _step(pairs.start, pairs.end)
        step = np.where(search.whole, step != 0, step / search.scale)
        length = np.sqrt((step**2).sum(axis=1))
    ways = np.append(WAYPOINTS, 1.0)
    proba = np.column_stack(
        [np.full((len(source), len(WAYPOINTS)), np.nan), pairs.proba_end]
    )
    pair, at = np.nonzero(np.isnan(proba))
    Z = search.at(pairs.start[pair], pairs.end[pair], ways[at])
    proba[pair, at] = search.ask(Z, search.y_idx[source[pair]])
    # a row that the teacher is certain of goes halfway at least: a nearer point would
    # teach next to nothing
    allowed = ~search.saturated[source][:, None] | (ways >= 0.5)
    reaches = (proba >= target[:, None]) & allowed
    # unreachable: the point that comes closest, whatever its distance
    key = np.where(reaches, ways * length[:, None], 1e300 * (2 - proba))
    at = key.argmin(axis=1)
    winner = _first_of_each(source, key[np.arange(len(source)), at])
    points = search.at(pairs.start[winner], pairs.end[winner], ways[at[winner]])
    reached = search.proba.copy()
    reached[source[winner]] = proba[winner, at[winner]]
    return search.replaced(source[winner], points), reached


def _move_saturated(search, pairs, high):
    """Halve the way of rows that the teacher is certain of, while it stays certain."""
    rows = np.flatnonzero(search.saturated[pairs.source])
    if len(rows):
        half = np.full(len(rows), 0.5)
        Z = search.at(pairs.start[rows], pairs.end[rows], half)
        stays = search.reaches(Z, pairs.source[rows])
        high[rows[stays]] = 0.5


def _swap(search, pairs):
    """Take over single values of the anchor until the teacher is sure enough."""
    n_pairs, source = len(pairs.source), pairs.source
    target = search.target[source]
    current = pairs.start.copy()
    step = np.abs(_step(pairs.start, pairs.end))
    cost = np.where(search.whole, 1.0, step / search.scale)
    todo = step > 0
    spent = np.zeros(n_pairs)
    proba = search.proba[source]
    done = np.zeros(n_pairs, dtype=bool)
    alive = ~search.saturated[source]
    while True:
        best = np.full(len(search.y), np.inf)
        np.minimum.at(best, source[done], spent[done])
        alive &= ~done & todo.any(axis=1) & (spent < best[source])
        pair, column = np.nonzero(todo & alive[:, None])
        if not len(pair):
            break
        Z = current[pair]
        Z[np.arange(len(pair)), column] = pairs.end[pair, column]
        asked = search.ask(Z, search.y_idx[source[pair]])
        reaches = asked >= target[pair]
        price = cost[pair, column]
        # the cheapest swap that reaches the target, else the best gain per distance
        gain = (asked - proba[pair]) / np.maximum(price, 1e-12)
        order = np.lexsort((np.where(reaches, price, -gain), ~reaches, pair))
        pick = order[np.unique(pair[order], return_index=True)[1]]
        chosen, at = pair[pick], column[pick]
        current[chosen, at] = pairs.end[chosen, at]
        todo[chosen, at] = False
        spent[chosen] += price[pick]
        proba[chosen] = asked[pick]
        done[chosen] = reaches[pick]
    rows = np.flatnonzero(search.saturated[source])
    if len(rows):
        high = np.ones(n_pairs)
        _move_saturated(search, pairs, high)
        current[rows] = search.at(pairs.start[rows], pairs.end[rows], high[rows])
    winner = _first_of_each(source, np.where(done, spent, 1e300 * (2 - proba)))
    Z = search.replaced(source[winner], current[winner])
    _shrink(search, Z, source[winner][done[winner]])
    return Z, search.ask(Z, search.y_idx)


def _shrink(search, Z, rows):
    """Revert what was not needed, then scale the rest of the numeric change down."""
    if not len(rows):
        return
    start = search.Z[rows]
    step = np.abs(_step(start, Z[rows]))
    cost = np.where(search.whole, (step > 0).astype(float), step / search.scale)
    order = np.argsort(-cost, axis=1, kind="stable")
    ranks = np.arange(len(rows))
    # a single change is needed by construction
    n_changed = (cost > 0).sum(axis=1)
    for rank in range(int(n_changed.max())):
        several = (n_changed > 1) & (np.take_along_axis(cost, order, 1)[:, rank] > 0)
        tried = ranks[several]
        if not len(tried):
            continue
        column = order[tried, rank]
        candidate = Z[rows[tried]]
        candidate[np.arange(len(tried)), column] = start[tried, column]
        kept = search.reaches(candidate, rows[tried])
        Z[rows[tried[kept]]] = candidate[kept]
        n_changed[tried[kept]] -= 1
    end = Z[rows]
    low, high = np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(BISECTION_STEPS):
        middle = (low + high) / 2
        candidate = np.where(search.whole, end, search.at(start, end, middle))
        sure = search.reaches(candidate, rows)
        high, low = np.where(sure, middle, high), np.where(sure, low, middle)
    Z[rows] = np.where(search.whole, end, search.at(start, end, high))
