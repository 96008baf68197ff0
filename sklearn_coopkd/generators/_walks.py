"""The two black-box searches: along the segment to an anchor, and swap by swap."""

from __future__ import annotations

import numpy as np

from sklearn_coopkd.generators._neighbors import first_of_each, step_between

# Points tried on the way to an anchor: near ones matter most. The anchor itself would
# be a copy of a real row; the points next to it come last, for one in a pocket of its
# own.
WAYPOINTS = np.array(
    [1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 15 / 16, 1 - 2**-7, 1 - 2**-20]
)
CLOSE = 1 - 2**-7
# A row that the teacher is certain of goes this far: less would teach next to nothing.
SATURATED_STEP = 0.5
# A source's points are asked about in turn: so many, and in each further call so many
# times more. A call of few rows costs no less than its overhead, and has all the rest.
FIRST_POINTS = 2
GROWTH = 4
SMALL_CALL = 2000
# Shares of the changed columns that may do alone, those that change most.
LARGEST = (1 / 16, 1 / 4)
# Shares of a numeric change that are tried in its place, all in one call.
FRACTIONS = np.arange(1, 8) / 8


def segment(search, pairs):
    """Ask about points on the way to each anchor; take the nearest that is sure enough.

    Of those next to an anchor only if no other is. Most sources are served by their
    first few points: to ask about all at once finds the same, and is many times the
    rows.
    """
    pair = np.repeat(np.arange(len(pairs.source)), len(WAYPOINTS))
    t = np.tile(WAYPOINTS, len(pairs.source))
    source, distance = pairs.source[pair], t * _length(search, pairs)[pair]
    Z = search.rows.at(pairs.take(pair), t)
    # no copy, and far enough
    usable = search.rows.differs(source, Z)
    usable &= ~search.saturated[source] | (t >= SATURATED_STEP)
    is_close = t >= CLOSE
    order = np.lexsort((distance, is_close, source))
    order = order[usable[order]]
    source, is_close, Z = source[order], is_close[order], Z[order]
    proba = np.full(len(source), np.nan)
    left, n_points = np.arange(len(source)), FIRST_POINTS
    while len(left):
        is_next = _place_in_run(source[left]) < n_points
        now = left if len(left) <= SMALL_CALL else left[is_next]
        proba[now] = search.ask_for(source[now], Z[now])
        taken = search.offer_first(source[now], Z[now], proba[now])
        search.n_close += int(is_close[now[taken]].sum())
        left = np.setdiff1d(left, now, assume_unique=True)
        left = left[~search.solved[source[left]]]
        n_points *= GROWTH
    # what comes closest, in case that nothing reaches the target
    failed = np.flatnonzero(~search.solved[source] & ~is_close)
    best = failed[first_of_each(source[failed], -proba[failed])]
    search.keep_best(source[best], Z[best], proba[best])
    if not search.rows.is_sparse:
        sources = np.unique(pairs.source)
        _thin_out(search, sources[search.solved[sources]])


def _place_in_run(values):
    """Positions within each run of equal values: 0, 1, 2, ..."""
    at = np.arange(len(values))
    starts = np.diff(values, prepend=-1) != 0
    return at - np.maximum.accumulate(np.where(starts, at, 0))


def _thin_out(search, sources):
    """Take the smaller changes back where the larger ones are enough.

    The way to an anchor moves every column a little. Where real rows have values of
    their own, such as the zeros around a picture, a student would tell made rows from
    real ones by that, and learn nothing else.
    """
    rows = search.rows
    sources = sources[~search.saturated[sources]]
    Z, start = search.result()[0][sources], rows.Z[sources]
    cost = rows.by_group(rows.cost(step_between(start, Z)))
    ranked = -np.sort(-cost, axis=1)
    n_changed = (cost > 0).sum(axis=1)
    at, candidates = [], []  # for each share: positions in sources, rows
    for share in LARGEST:
        least = ranked[np.arange(len(Z)), np.ceil(share * n_changed).astype(int) - 1]
        is_large = (cost >= least[:, None]) & (cost > 0)
        tried = np.flatnonzero(is_large.sum(axis=1) < n_changed)
        at.append(tried)
        candidates.append(np.where(is_large[tried], Z[tried], start[tried]))
    # all in one call: a call costs more than its rows
    proba = search.ask_for(sources[np.concatenate(at)], np.concatenate(candidates))
    left = np.ones(len(Z), dtype=bool)
    for tried, candidate, asked in zip(at, candidates, np.split(proba, [len(at[0])])):
        todo = np.flatnonzero(left[tried])
        found = search.offer(sources[tried[todo]], candidate[todo], asked[todo])
        left[tried[todo[found]]] = False


def _length(search, pairs):
    """Euclidean length of the way to each anchor, in units of the columns' scales."""
    if search.rows.is_sparse:
        return np.sqrt(np.asarray(pairs.step.power(2).sum(axis=1)).ravel())
    return np.sqrt((search.rows.cost(pairs.step) ** 2).sum(axis=1))


def swap(search, pairs):
    """Take over single values of the anchor until the teacher is sure enough."""
    pairs = pairs.take(np.flatnonzero(~search.saturated[pairs.source]))
    source, end = pairs.source, pairs.end
    if not len(source):
        return
    target = search.target[source]
    current = pairs.start.copy()
    cost = search.rows.cost(pairs.step)
    groups = search.rows.codec.groups
    has_groups = (groups != np.arange(len(groups))).any()
    todo = cost > 0
    spent = np.zeros(len(source))
    proba = search.proba[source]
    done = np.zeros(len(source), dtype=bool)
    alive = np.ones(len(source), dtype=bool)
    while True:
        best = np.full(len(search.solved), np.inf)
        np.minimum.at(best, source[done], spent[done])
        alive &= ~done & todo.any(axis=1) & (spent < best[source])
        # a swap that costs more than a finished pair cannot win
        pair, column = np.nonzero(
            todo & alive[:, None] & (spent[:, None] + cost < best[source][:, None])
        )
        if not len(pair):
            break
        Z = current[pair]
        if has_groups:
            Z = np.where(groups == groups[column][:, None], end[pair], Z)
        else:
            Z[np.arange(len(pair)), column] = end[pair, column]
        asked = search.ask_for(source[pair], Z)
        reaches = asked >= target[pair]
        price = cost[pair, column]
        # the cheapest swap that reaches the target, else the best gain per distance
        gain = (asked - proba[pair]) / np.maximum(price, 1e-12)
        order = np.lexsort((np.where(reaches, price, -gain), ~reaches, pair))
        pick = order[np.unique(pair[order], return_index=True)[1]]
        chosen, at = pair[pick], column[pick]
        current[chosen] = Z[pick]
        todo[chosen, at] = False
        spent[chosen] += price[pick]
        proba[chosen] = asked[pick]
        done[chosen] = reaches[pick]
        alive[np.setdiff1d(np.flatnonzero(alive), chosen)] = False
    finished = np.flatnonzero(done)
    if not len(finished):
        return
    winner = finished[first_of_each(source[finished], spent[finished])]
    sources, Z = source[winner], current[winner]
    _shrink(search, Z, sources)
    search.offer(sources, Z, search.ask_for(sources, Z))


def _shrink(search, Z, sources):
    """Revert what was not needed, then scale the rest of the numeric change down."""
    rows = search.rows
    start = rows.Z[sources]
    groups = rows.codec.groups
    open_ = np.ones(len(Z), dtype=bool)
    while True:
        cost = rows.cost(step_between(start, Z))
        # a single change is needed by construction
        open_ &= (cost > 0).sum(axis=1) > 1
        tried, column = np.nonzero((cost > 0) & open_[:, None])
        if not len(tried):
            break
        reverted = groups == groups[column][:, None]
        candidate = np.where(reverted, start[tried], Z[tried])
        asked = search.ask_for(sources[tried], candidate)
        spare = np.flatnonzero(asked >= search.target[sources[tried]])
        # the most expensive change that can be spared
        best = spare[first_of_each(tried[spare], -cost[tried, column][spare])]
        Z[tried[best]] = candidate[best]
        open_[:] = False
        open_[tried[best]] = True
    step = step_between(start, Z)
    step[:, rows.whole] = 0.0
    moved = np.flatnonzero(step.any(axis=1))
    if not len(moved):
        return
    row = np.repeat(moved, len(FRACTIONS))
    fraction = np.tile(FRACTIONS, len(moved))
    # from the far end: whole values and cells that did not move stay as they are
    candidate = rows.codec.settle(
        Z[row] - (1 - fraction)[:, None] * step[row], start[row]
    )
    asked = search.ask_for(sources[row], candidate)
    enough = np.flatnonzero(asked >= search.target[sources[row]])
    best = enough[first_of_each(row[enough], fraction[enough])]
    Z[row[best]] = candidate[best]
