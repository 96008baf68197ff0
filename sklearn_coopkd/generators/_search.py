"""The teacher's side of the search: targets, candidates, verification.

The strategies (`_exact`, `_walks`) propose candidates; `Search.offer` alone decides:
it takes a candidate if the teacher, asked about this very row, reaches the target, and
if it is no copy of a real row.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sklearn_coopkd._responses import class_proba
from sklearn_coopkd.generators._neighbors import keep_first

# Bounds the memory: rows in a call of the teacher.
MAX_CALL_ROWS = 20_000
# A teacher with less doubt than this has none that could be reduced.
MIN_DOUBT = 1e-6


class Asked:
    """A teacher, and what it said about the anchors; shared by all blocks of a call."""

    def __init__(self, teacher, anchors):
        self.teacher = teacher
        if not hasattr(teacher, "classes_"):
            raise ValueError(
                "`teacher` must be a fitted classifier with the attribute `classes_`; "
                f"{teacher!r} has none."
            )
        self.classes = np.asarray(teacher.classes_)
        self._position = {label: k for k, label in enumerate(self.classes.tolist())}
        self.pool_idx = self.index(anchors.y)
        # one entry more, for the -1 that stands for "no candidate"; NaN: not asked
        self.pool_proba = np.append(np.full(len(anchors.y), np.nan), -np.inf)
        self.check_kind(anchors.y, "y_pool")

    def check_kind(self, y, name):
        """Raise if the labels are texts and the teacher's numbers, or the reverse."""
        are_texts = [
            np.asarray(labels).dtype.kind in "OUT" for labels in (self.classes, y)
        ]
        if len(y) and are_texts[0] != are_texts[1] and (self.index(y) < 0).all():
            raise ValueError(
                f"`{name}` must hold the teacher's classes; it holds "
                f"{np.unique(y).tolist()}, the teacher knows {self.classes.tolist()}."
            )

    def index(self, labels):
        """Columns of the classes; -1 for one that the teacher does not know."""
        return np.array(
            [self._position.get(label, -1) for label in labels.tolist()], dtype=int
        )


class Search:
    """One block of sources, and the best found so far for each.

    Parameters
    ----------
    asked : Asked

    rows : Neighborhood

    decoder : Decoder
        Of the sources.

    alpha : float

    n_neighbors : int
        Anchors for each source.

    needs_anchors : bool
        Whether all sources will be paired with anchors: then the teacher is asked about
        both in one call, which costs a pipeline less than two.
    """

    def __init__(self, asked, rows, decoder, alpha, n_neighbors, needs_anchors):
        self.asked, self.rows, self.decoder = asked, rows, decoder
        self.n_neighbors = n_neighbors
        asked.check_kind(rows.y, "y")
        self.y_idx = asked.index(rows.y)
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
        """Teacher's probability of the sources' classes at rows made from them."""
        return self._ask(Z, self.y_idx[sources], len(self.rows.y_pool) + sources)

    def ask_anchors(self, anchors):
        """Teacher's probability of their class at rows of the pool, remembered."""
        new = self._not_asked(anchors)
        self.asked.pool_proba[new] = self._ask(
            self.rows.Z_pool[new], self.asked.pool_idx[new], new
        )

    def _ask_with_anchors(self, near):
        """Teacher's probability of the sources' classes; remembered of the anchors."""
        rows = self.rows
        new = self._not_asked(np.unique(near[near >= 0]))
        both = [rows.Z_pool[new], rows.Z]
        proba = self._ask(
            sparse.vstack(both, format="csr") if rows.is_sparse else np.vstack(both),
            np.concatenate([self.asked.pool_idx[new], self.y_idx]),
            np.concatenate([new, len(rows.y_pool) + np.arange(len(rows.y))]),
        )
        self.asked.pool_proba[new] = proba[: len(new)]
        return proba[len(new) :]

    def _not_asked(self, anchors):
        return anchors[np.isnan(self.asked.pool_proba[anchors])]

    def _ask(self, Z, y_idx, base):
        """Probability, at each row of Z, of a class; `base` as in `Decoder.decode`."""
        proba = np.empty(Z.shape[0])
        for begin in range(0, Z.shape[0], MAX_CALL_ROWS):
            part = slice(begin, begin + MAX_CALL_ROWS)
            X = self.decoder.decode(Z[part], base[part])
            answer = class_proba(self.asked.teacher, X, self.asked.classes)
            own = answer[np.arange(len(answer)), y_idx[part]]
            proba[part] = np.where(y_idx[part] >= 0, own, 0.0)
        self.teacher_rows += Z.shape[0]
        return proba

    # candidates

    def offer(self, sources, Z, proba):
        """Take candidates, one for each of the given sources, if they are good.

        Returns which: the teacher's probability reaches the target, and the row is
        neither the source nor a row of the pool.
        """
        good = (proba >= self.target[sources]) & (self.y_idx[sources] >= 0)
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
        pool_proba = self.asked.pool_proba
        target = self.target[sources][:, None]
        reaches = pool_proba[near] >= target
        lost = np.flatnonzero(~reaches.any(axis=1))
        if len(lost):
            labels = self.rows.y[sources[lost]]
            others = np.isin(self.rows.y_pool, labels) & self.rows.anchors.is_anchor
            self.ask_anchors(np.flatnonzero(others))
            near[lost], distance[lost] = self._surest(
                sources[lost], pool_proba, near.shape[1]
            )
            reaches[lost] = pool_proba[near[lost]] >= target[lost]
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

    def _surest(self, sources, pool_proba, k):
        """The k nearest pool rows that reach the target.

        Where none does, those to which the teacher gives the highest probability.
        """
        near = np.full((len(sources), k), -1)
        distance = np.full((len(sources), k), np.inf)
        for pool, rows in self.rows.by_class(sources):
            found = self.rows.squared_distances(sources[rows], pool)
            sure = pool_proba[pool] >= self.target[sources[rows]][:, None]
            sure &= np.isfinite(found)
            hopeless = ~sure.any(axis=1)
            key = np.where(sure, found, np.inf)
            unreached = np.broadcast_to(-pool_proba[pool], found.shape)
            key[hopeless] = np.where(np.isfinite(found), unreached, np.inf)[hopeless]
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
