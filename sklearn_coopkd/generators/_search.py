"""The teacher's side of the search: targets, candidates, verification.

The strategies (`_exact`, `_walks`) propose candidates; `Search.offer` alone decides:
it takes a candidate if the teacher, asked about this very row, reaches the target, and
if it is no copy of a real row.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sklearn_coopkd._responses import class_proba, numbers
from sklearn_coopkd.generators._neighbors import keep_first

# Bounds the memory: rows in a call of the teacher.
MAX_CALL_ROWS = 20_000
# A teacher with less doubt than this has none that could be reduced.
MIN_DOUBT = 1e-6


class AskedClassifier:
    """A teacher, and what it said about the anchors; shared by all blocks of a call.

    What it is asked for is the probability of a row's class.
    """

    def __init__(self, teacher, y_pool):
        self.teacher = teacher
        if not hasattr(teacher, "classes_"):
            raise ValueError(
                "`teacher` must be a fitted classifier with the attribute `classes_`, "
                f"or a regressor; {teacher!r} is neither."
            )
        self.classes = np.asarray(teacher.classes_)
        self._position = {label: k for k, label in enumerate(self.classes.tolist())}
        self.pool_truth = self.truth(y_pool, "y_pool")
        # one entry more, for the -1 that stands for "no candidate"; NaN: not asked
        self.pool_values = np.append(np.full(len(y_pool), np.nan), -np.inf)

    def truth(self, y, name):
        """Columns of the classes; -1 for one that the teacher does not know.

        Raises ValueError if the labels are texts and the teacher's numbers, or the
        reverse.
        """
        found = np.array([self._position.get(k, -1) for k in y.tolist()], dtype=int)
        are_texts = [
            np.asarray(labels).dtype.kind in "OUT" for labels in (self.classes, y)
        ]
        if len(y) and are_texts[0] != are_texts[1] and (found < 0).all():
            raise ValueError(
                f"`{name}` must hold the teacher's classes; it holds "
                f"{np.unique(y).tolist()}, the teacher knows {self.classes.tolist()}."
            )
        return found

    def values(self, X, truth):
        """What it answers about rows of these classes."""
        answer = class_proba(self.teacher, X, self.classes)
        own = answer[np.arange(len(answer)), truth]
        return np.where(truth >= 0, own, 0.0)

    def certainty(self, values, truth):
        """How sure it is of the truth, by its answers."""
        return values

    def is_known(self, truth):
        """Whether the teacher can be sure of it at all."""
        return truth >= 0


class AskedRegressor:
    """The same of a regressor: it is the surer, the nearer its prediction is to y.

    The error takes the place of the missing probability. To remove a share alpha of it
    is the target of the paper, ``y' = f(x) + alpha * (y - f(x))``.
    """

    def __init__(self, teacher, y_pool):
        self.teacher = teacher
        self.pool_truth = self.truth(y_pool, "y_pool")
        self.pool_values = np.append(np.full(len(y_pool), np.nan), -np.inf)
        # (of errors that count as none: targets do not depend on it)
        self.scale = float(np.ptp(y_pool)) or 1.0 if len(y_pool) else 1.0

    def truth(self, y, name):
        """The numbers."""
        return y.astype(np.float64)

    def values(self, X, truth):
        """Predictions."""
        return numbers(self.teacher, X)[:, 0]

    def certainty(self, values, truth):
        """1 without an error, less the larger it is."""
        return 1 - np.abs(values - truth) / self.scale

    def is_known(self, truth):
        """Any number is."""
        return np.ones(len(truth), dtype=bool)


class Search:
    """One block of sources, and the best found so far for each.

    Parameters
    ----------
    asked : AskedClassifier or AskedRegressor

    rows : Neighborhood

    y : ndarray of shape (n_sources,)
        True classes or numbers.

    decoder : Decoder
        Of the sources.

    alpha : float

    n_neighbors : int
        Anchors for each source.

    needs_anchors : bool
        Whether all sources will be paired with anchors: then the teacher is asked about
        both in one call, which costs a pipeline less than two.
    """

    def __init__(self, asked, rows, y, decoder, alpha, n_neighbors, needs_anchors):
        self.asked, self.rows, self.decoder = asked, rows, decoder
        self.n_neighbors = n_neighbors
        self.truth = asked.truth(y, "y")
        self.is_known = asked.is_known(self.truth)
        self.teacher_rows = self.n_fallback = self.n_close = self.n_copies = 0
        everyone = np.arange(len(rows.y))
        self.nearest = None
        if needs_anchors:
            self.nearest = rows.nearest(everyone, 2 * n_neighbors)
            self.proba = self._ask_with_anchors(self.nearest[0])
        else:
            self.proba = self.ask_for(everyone, rows.Z)
        self.saturated = 1 - self.proba <= MIN_DOUBT
        target = self.proba + alpha * (1 - self.proba)
        self.target = np.where(self.saturated, 1 - MIN_DOUBT, target)
        self.solved = np.zeros(len(rows.y), dtype=bool)
        self.hopeless = np.zeros(len(rows.y), dtype=bool)  # no anchor is sure enough
        self.made = [(everyone, rows.Z, self.proba)]

    # the teacher

    def ask_for(self, sources, Z):
        """How sure the teacher is of the sources' truth at rows made from them."""
        truth = self.truth[sources]
        values = self._ask(Z, truth, len(self.rows.y_pool) + sources)
        return self.asked.certainty(values, truth)

    def ask_anchors(self, anchors):
        """Ask the teacher about rows of the pool, and remember what it answers."""
        new = self._not_asked(anchors)
        self.asked.pool_values[new] = self._ask(
            self.rows.Z_pool[new], self.asked.pool_truth[new], new
        )

    def sure_at(self, sources, anchors):
        """How sure the teacher is of the sources' truth at anchors it was asked about.

        Anchors of shape (n_sources, n) or (n,); the result is (n_sources, n).
        """
        values = self.asked.pool_values[anchors]
        sure = self.asked.certainty(values, self.truth[sources][:, None])
        return np.broadcast_to(sure, (len(sources), anchors.shape[-1]))

    def _ask_with_anchors(self, near):
        """How sure the teacher is at the sources; remembered of the anchors."""
        rows = self.rows
        new = self._not_asked(np.unique(near[near >= 0]))
        both = [rows.Z_pool[new], rows.Z]
        values = self._ask(
            sparse.vstack(both, format="csr") if rows.is_sparse else np.vstack(both),
            np.concatenate([self.asked.pool_truth[new], self.truth]),
            np.concatenate([new, len(rows.y_pool) + np.arange(len(rows.y))]),
        )
        self.asked.pool_values[new] = values[: len(new)]
        return self.asked.certainty(values[len(new) :], self.truth)

    def _not_asked(self, anchors):
        return anchors[np.isnan(self.asked.pool_values[anchors])]

    def _ask(self, Z, truth, base):
        """Answers at each row of Z; `base` as in `Decoder.decode`."""
        values = np.empty(Z.shape[0])
        for begin in range(0, Z.shape[0], MAX_CALL_ROWS):
            part = slice(begin, begin + MAX_CALL_ROWS)
            X = self.decoder.decode(Z[part], base[part])
            values[part] = self.asked.values(X, truth[part])
        self.teacher_rows += Z.shape[0]
        return values

    # candidates

    def offer(self, sources, Z, proba):
        """Take candidates, one for each of the given sources, if they are good.

        Returns which: the teacher's probability reaches the target, and the row is
        neither the source nor a row of the pool.
        """
        good = (proba >= self.target[sources]) & self.is_known[sources]
        kept = np.flatnonzero(good)
        good[kept] = ~self.rows.is_copy(sources[kept], Z[kept])
        self.n_copies += int(len(kept) - good.sum())
        self.made.append((sources[good], Z[good], proba[good]))
        self.solved[sources[good]] = True
        return good

    def keep_best(self, sources, Z, proba):
        """Remember what comes closest for sources that nothing good was found for."""
        self.made.append((sources, Z, proba))

    def offer_first(self, sources, Z, proba):
        """Offer several candidates for each source, in turn, until one is good.

        Returns the positions of those that are.
        """
        left = np.flatnonzero(proba >= self.target[sources])
        taken = [left[:0]]
        while len(left):
            first = left[np.unique(sources[left], return_index=True)[1]]
            taken.append(first[self.offer(sources[first], Z[first], proba[first])])
            left = left[~self.solved[sources[left]] & ~np.isin(left, first)]
        return np.concatenate(taken)

    # anchors

    def pair_with_anchors(self, sources):
        """The nearest anchors that reach the target; else those that come closest.

        The teacher is asked about the nearest candidates alone; about the whole pool
        only if these do not suffice.
        """
        if self.nearest is None:
            near, distance = self.rows.nearest(sources, 2 * self.n_neighbors)
            self.ask_anchors(np.unique(near[near >= 0]))
        else:
            near, distance = (of_all[sources] for of_all in self.nearest)
        target = self.target[sources][:, None]
        reaches = self.sure_at(sources, near) >= target
        lost = np.flatnonzero(~reaches.any(axis=1))
        if len(lost):
            labels = self.rows.y[sources[lost]]
            others = np.isin(self.rows.y_pool, labels) & self.rows.anchors.is_anchor
            self.ask_anchors(np.flatnonzero(others))
            near[lost], distance[lost] = self._surest(sources[lost], near.shape[1])
            reaches[lost] = self.sure_at(sources[lost], near[lost]) >= target[lost]
        lost = ~reaches.any(axis=1)
        self.hopeless[sources[lost]] = True
        self.n_fallback += int(lost.sum())
        # where no anchor reaches the target, all candidates are tried
        usable = np.where(lost[:, None], near >= 0, reaches)
        rank = np.where(usable, distance, np.inf).argsort(axis=1, kind="stable")
        rank = rank[:, : self.n_neighbors]
        usable = np.take_along_axis(usable, rank, axis=1)
        row, column = np.nonzero(usable)
        anchor = np.take_along_axis(near, rank, axis=1)[row, column]
        return self.rows.pairs(sources[row], anchor)

    def _surest(self, sources, k):
        """The k nearest pool rows that reach the target.

        Where none does, those at which the teacher is surest.
        """
        near = np.full((len(sources), k), -1)
        distance = np.full((len(sources), k), np.inf)
        for pool, rows in self.rows.by_class(sources):
            found = self.rows.squared_distances(sources[rows], pool)
            sure = self.sure_at(sources[rows], pool)
            reaches = sure >= self.target[sources[rows]][:, None]
            reaches &= np.isfinite(found)
            hopeless = ~reaches.any(axis=1)
            key = np.where(reaches, found, np.inf)
            key[hopeless] = np.where(np.isfinite(found), -sure, np.inf)[hopeless]
            keep_first(key, found, pool, rows, near, distance)
        return near, distance

    # the end

    def result(self):
        """The rows found, their probabilities and how far they moved."""
        rows, parts, probas = zip(*self.made)
        last = np.empty(len(self.rows.y), dtype=np.intp)
        offset = 0
        for index in rows:
            last[index] = offset + np.arange(len(index))
            offset += len(index)
        if self.rows.is_sparse:
            Z = sparse.vstack(parts, format="csr")[last]
        else:
            Z = np.concatenate(parts)[last]
        return Z, np.concatenate(probas)[last]
