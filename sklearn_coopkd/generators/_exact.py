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

# Cells of a block of distances between sources and leaves; larger trees are searched.
MAX_BOX_CELLS = 4_000_000
MAX_LEAVES = 4_096


def offer_exact(search, teacher):
    """Offer the nearest sufficient row for each source, if the teacher is readable."""
    rows = np.flatnonzero(~search.saturated & (search.y_idx >= 0))
    if search.rows.is_sparse or search.rows.whole.any() or not len(rows):
        return
    if isinstance(teacher, DecisionTreeClassifier):
        find = _nearest_boxes
    elif isinstance(teacher, LinearClassifierMixin) and len(teacher.classes_) == 2:
        if sparse.issparse(teacher.coef_):
            return
        find = _nearest_half_space
    else:
        return
    if getattr(teacher, "n_features_in_", None) != search.rows.Z.shape[1]:
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


def _leaf_boxes(tree):
    """Least and largest single-precision value of each column, for each leaf."""
    left, right = tree.children_left, tree.children_right
    low = np.full((tree.node_count, tree.n_features), -np.inf)
    high = np.full((tree.node_count, tree.n_features), np.inf)
    for node in range(tree.node_count):  # parents come before their children
        if left[node] < 0:
            continue
        j, threshold = tree.feature[node], tree.threshold[node]
        for child in (left[node], right[node]):
            low[child], high[child] = low[node], high[node]
        # the tree compares single-precision values: the last below, the first above
        single = np.float32(threshold)
        below = (
            single if single <= threshold else np.nextafter(single, -np.float32(np.inf))
        )
        high[left[node], j] = below
        low[right[node], j] = np.nextafter(below, np.float32(np.inf))
    leaves = np.flatnonzero(left < 0)
    return leaves, low[leaves], high[leaves]


def _nearest_boxes(search, teacher, sources):
    """Clip each source to the nearest leaf in which the teacher is sure enough."""
    rows, tree = search.rows, teacher.tree_
    if tree.n_leaves > MAX_LEAVES:
        return sources[:0], None
    least, largest = _limits(rows)
    leaves, low, high = _leaf_boxes(tree)
    low[:, rows.integer] = np.ceil(low[:, rows.integer])
    high[:, rows.integer] = np.floor(high[:, rows.integer])
    proba = tree.value[leaves, 0, :]
    position = {label: k for k, label in enumerate(teacher.classes_.tolist())}
    found, made = [], []
    for label in np.unique(rows.y[sources]):
        if label not in position:
            continue
        own = sources[rows.y[sources] == label]
        p = proba[:, position[label]]
        useful = (low <= high).all(axis=1) & (p >= search.target[own].min())
        if not useful.any():
            continue
        step = max(1, MAX_BOX_CELLS // useful.sum())
        for part in np.split(own, range(step, len(own), step)):
            distance = _box_distances(rows, part, low[useful], high[useful])
            # leaves that are not sure enough for this source are no goal
            distance[p[useful] < search.target[part][:, None]] = np.inf
            best = distance.argmin(axis=1)
            reached = np.isfinite(distance[np.arange(len(part)), best])
            part, best = part[reached], best[reached]
            Z, single = rows.Z[part], rows.Z[part].astype(np.float32)
            below, above = low[useful][best], high[useful][best]
            Z = np.where(single < below, np.maximum(below, least), Z)
            found.append(part)
            made.append(np.where(single > above, np.minimum(above, largest), Z))
    if not found:
        return sources[:0], None
    return np.concatenate(found), np.concatenate(made)


def _box_distances(rows, sources, low, high):
    """Scaled Manhattan distance of each source to each box; infinite: not allowed."""
    least, largest = _limits(rows)
    distance = np.zeros((len(sources), len(low)))
    for j in np.flatnonzero((np.isfinite(low) | np.isfinite(high)).any(axis=0)):
        x = rows.Z[sources, j][:, None]
        single = x.astype(np.float32)  # what the tree compares
        # values stay inside what was observed and allowed
        up = np.maximum(low[:, j], least[j])
        up = np.where(up > np.minimum(high[:, j], largest[j]), np.inf, up)
        down = np.minimum(high[:, j], largest[j])
        down = np.where(down < np.maximum(low[:, j], least[j]), -np.inf, down)
        with np.errstate(invalid="ignore"):  # infinite cells
            short = np.where(single < low[:, j], up - x, 0.0)
            short = np.where(single > high[:, j], x - down, short)
        stays = (x < rows.bounds[0, j]) | (x > rows.bounds[1, j])
        if not rows.movable[j]:
            stays[:] = True
        short = np.where(stays & (short > 0), np.inf, short)
        distance += np.nan_to_num(short, nan=0.0, posinf=np.inf) / rows.scale[j]
    return distance


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
