"""Exact shortcuts: the nearest sufficient row for teachers that can be read.

For a single decision tree the rows of a class that are sure enough fill boxes; for a
binary linear model they fill a half-space. The nearest point, in scaled Manhattan
distance, is computed and then verified like any other candidate. Only plain numbers
are handled here; every other table and teacher goes to the search.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd._compat import LinearClassifierMixin
from sklearn_coopkd.generators._neighbors import first_of_each

# Bounds the memory: cells of a block of sources and the leaves they start with.
MAX_BOX_CELLS = 4_000_000
FIRST_LEAVES = 256


def exact_finder(rows, teacher):
    """What finds the nearest sufficient rows; None if the teacher cannot be read."""
    if rows.is_sparse or rows.whole.any():
        return None
    if getattr(teacher, "n_features_in_", None) != rows.Z.shape[1]:
        return None
    if isinstance(teacher, DecisionTreeClassifier):
        return _nearest_boxes
    if isinstance(teacher, LinearClassifierMixin) and len(teacher.classes_) == 2:
        return None if sparse.issparse(teacher.coef_) else _nearest_half_space
    return None


def offer_exact(search, teacher, find):
    """Offer what a finder finds for each source that can gain."""
    rows = np.flatnonzero(~search.saturated & search.is_known)
    if not len(rows):
        return
    found, Z = find(search, teacher, rows)
    if len(found):
        Z = search.rows.codec.settle(Z, search.rows.Z[found])
        search.offer(found, Z, search.ask_for(found, Z))


def _limits(rows):
    """Least and largest value of each column: what was observed, within the bounds."""
    known = np.where(np.isfinite(rows.Z_pool), rows.Z_pool, np.nan)
    low, high = np.fmin.reduce(known, axis=0), np.fmax.reduce(known, axis=0)
    return np.fmax(low, rows.bounds[0]), np.fmin(high, rows.bounds[1])


# --- trees ----------------------------------------------------------------------------


class _Leaves:
    """A tree's leaves as boxes, and how sure of one class the tree is in them."""

    def __init__(self, tree, class_, integer):
        self.left, self.right = tree.children_left, tree.children_right
        self.feature = tree.feature
        # the tree compares single-precision values: the last below, the first above
        single = tree.threshold.astype(np.float32)
        lower = np.nextafter(single, -np.float32(np.inf))
        self.below = np.where(single <= tree.threshold, single, lower)
        self.above = np.nextafter(self.below, np.float32(np.inf))
        self.size = tree.n_node_samples
        self.proba = tree.value[:, 0, class_].copy()
        self.low = np.full((tree.node_count, tree.n_features), -np.inf)
        self.high = np.full((tree.node_count, tree.n_features), np.inf)
        levels, nodes = [], np.zeros(1, dtype=np.intp)
        while len(nodes):
            inner = nodes[self.left[nodes] >= 0]
            levels.append(inner)
            left, right, j = self.left[inner], self.right[inner], self.feature[inner]
            for children in (left, right):
                self.low[children], self.high[children] = (
                    self.low[inner],
                    self.high[inner],
                )
            self.high[left, j], self.low[right, j] = (
                self.below[inner],
                self.above[inner],
            )
            nodes = np.concatenate([left, right])
        self.low[:, integer] = np.ceil(self.low[:, integer])
        self.high[:, integer] = np.floor(self.high[:, integer])
        # of a node: the surest leaf under it
        for inner in reversed(levels):
            under = self.proba[self.left[inner]], self.proba[self.right[inner]]
            self.proba[inner] = np.maximum(*under)


def _nearest_boxes(search, teacher, sources):
    """Clip each source to the nearest leaf in which the teacher is sure enough."""
    rows, tree = search.rows, teacher.tree_
    position = {label: k for k, label in enumerate(teacher.classes_.tolist())}
    found, made = [sources[:0]], [rows.Z[:0]]
    for label in np.unique(rows.y[sources]):
        if label not in position:
            continue
        leaves = _Leaves(tree, position[label], rows.integer)
        own = sources[rows.y[sources] == label]
        step = max(1, MAX_BOX_CELLS // (FIRST_LEAVES * rows.Z.shape[1]))
        for part in np.split(own, range(step, len(own), step)):
            distance, best = _nearest_leaves(rows, leaves, part, search.target[part])
            reached = np.isfinite(distance)
            found.append(part[reached])
            made.append(_clipped(rows, leaves, part[reached], best[reached]))
    return np.concatenate(found), np.concatenate(made)


def _nearest_leaves(rows, leaves, sources, target):
    """Distance to the nearest leaf that is sure enough (infinite: none), and the leaf.

    A few large leaves first. What they cost bounds the search from the root down:
    a subtree is left out if it is farther away, or nowhere sure enough.
    """
    n = len(sources)
    is_leaf = leaves.left < 0
    useful = np.flatnonzero(is_leaf & (leaves.proba >= target.min()))
    first = useful[np.argsort(-leaves.size[useful], kind="stable")[:FIRST_LEAVES]]
    source, node = np.repeat(np.arange(n), len(first)), np.tile(first, n)
    best = np.full(n, np.inf), np.full(n, -1)
    _keep_nearest(rows, leaves, sources, target, source, node, best)
    if len(first) == len(useful):
        return best
    least, largest = _limits(rows)
    source, node = np.arange(n), np.zeros(n, dtype=np.intp)
    gap = np.zeros((n, rows.Z.shape[1]))
    while len(source):
        end = is_leaf[node]
        _keep_nearest(rows, leaves, sources, target, source[end], node[end], best)
        source, node, gap = source[~end], node[~end], gap[~end]
        j, x = leaves.feature[node], rows.Z[sources[source], leaves.feature[node]]
        single = x.astype(np.float32)  # what the tree compares
        below, above = leaves.below[node], leaves.above[node]
        down = np.where(single > below, x - np.minimum(below, largest[j]), 0.0)
        up = np.where(single < above, np.maximum(above, least[j]) - x, 0.0)
        parts = []
        for short, child in ((down, leaves.left[node]), (up, leaves.right[node])):
            longer = gap.copy()
            at = np.arange(len(source)), j
            short = np.where(rows.movable[j] | (short <= 0), short, np.inf)
            longer[at] = np.fmax(longer[at], short / rows.scale[j])
            near = longer.sum(axis=1) < best[0][source]
            near &= leaves.proba[child] >= target[source]
            parts.append((source[near], child[near], longer[near]))
        source, node, gap = (np.concatenate(pair) for pair in zip(*parts))
    return best


def _keep_nearest(rows, leaves, sources, target, source, node, best):
    """Write what is nearer than `best`: pairs of a source and a leaf."""
    sure = leaves.proba[node] >= target[source]
    source, node = source[sure], node[sure]
    if not len(source):
        return
    distance = _box_distances(
        rows, sources[source], leaves.low[node], leaves.high[node]
    )
    nearest = first_of_each(source, distance)
    source, node, distance = source[nearest], node[nearest], distance[nearest]
    nearer = distance < best[0][source]
    best[0][source[nearer]], best[1][source[nearer]] = distance[nearer], node[nearer]


def _clipped(rows, leaves, sources, nodes):
    """The sources, moved just into the given leaves."""
    least, largest = _limits(rows)
    Z, single = rows.Z[sources], rows.Z[sources].astype(np.float32)
    below, above = leaves.low[nodes], leaves.high[nodes]
    Z = np.where(single < below, np.maximum(below, least), Z)
    return np.where(single > above, np.minimum(above, largest), Z)


def _box_distances(rows, sources, low, high):
    """Scaled Manhattan distance of each source to its box; infinite: not allowed."""
    least, largest = _limits(rows)
    x = rows.Z[sources]
    single = x.astype(np.float32)
    # values stay inside what was observed and allowed
    up, down = np.maximum(low, least), np.minimum(high, largest)
    with np.errstate(invalid="ignore"):  # infinite cells
        short = np.where(single < low, np.where(up > down, np.inf, up - x), 0.0)
        above = single > high
        short = np.where(above, np.where(up > down, np.inf, x - down), short)
    stays = (x < rows.bounds[0]) | (x > rows.bounds[1]) | ~rows.movable
    short = np.where(stays & (short > 0), np.inf, short)
    short = np.nan_to_num(short, nan=0.0, posinf=np.inf) / rows.scale
    empty = (low > high).any(axis=1)
    return np.where(empty, np.inf, short.sum(axis=1))


# --- linear models --------------------------------------------------------------------


def _nearest_half_space(search, teacher, rows):
    """Spend the missing score on the columns that buy most of it per distance.

    The decision value must grow by a known amount; column j offers at most
    ``|w_j| * room_j`` of it at the price of ``1 / (|w_j| * scale_j)`` a unit: the
    fractional knapsack, which taking the cheapest first solves exactly (integers are
    rounded away from the source).
    """
    if hasattr(teacher, "predict_proba") and not isinstance(
        teacher, LogisticRegression
    ):
        return rows[:0], None
    weight = np.ravel(teacher.coef_)
    Z = search.rows.Z[rows]
    usable = np.isfinite(Z).all(axis=1) & (search.target[rows] < 1)
    rows, Z = rows[usable], Z[usable]
    label = np.asarray(teacher.classes_)[1]
    sign = np.where(search.rows.y[rows] == label, 1.0, -1.0)
    value = sign * (Z @ weight + np.ravel(teacher.intercept_)[0])
    # a hair more than needed, against rounding
    missing = logit(search.target[rows]) - value
    # (a model fitted on floats of less precision may answer with as little)
    margin = 1e-5 if search.rows.codec.coarse else 1e-9
    missing = missing + margin * (1 + np.abs(missing))
    low, high = _limits(search.rows)
    up = sign[:, None] * weight > 0
    room = np.where(up, high - Z, Z - low)
    inside = (search.rows.bounds[0] <= Z) & (search.rows.bounds[1] >= Z)
    allowed = search.rows.movable & (weight != 0) & inside
    room = np.where(allowed, np.maximum(room, 0.0), 0.0)
    gain = np.abs(weight) * room
    order = np.argsort(-np.abs(weight) * search.rows.scale, kind="stable")
    before = np.cumsum(gain[:, order], axis=1) - gain[:, order]
    spent = np.clip(missing[:, None] - before, 0.0, gain[:, order])
    step = np.zeros(Z.shape)
    slope = np.where(weight == 0, 1.0, np.abs(weight))
    step[:, order] = spent / slope[order]
    step = np.where(search.rows.integer, np.ceil(step - 1e-12), step)
    enough = gain.sum(axis=1) >= missing
    # (rounding may step over a limit)
    moved = Z + np.where(up, step, -step)
    moved = np.where(step > 0, np.clip(moved, np.fmin(low, Z), np.fmax(high, Z)), Z)
    return rows[enough], moved[enough]
