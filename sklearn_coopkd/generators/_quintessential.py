"""Quintessential counterfactuals by a batched black-box search.

For a row x of class y and a teacher that gives y the probability p, find a near row
x' with probability at least p + alpha (1 - p). The search walks from x toward
*anchors*: real rows of class y of which the teacher is sure enough. All rows of a
call advance together, so that the teacher is asked few times with many rows.

This file: parameters, blocks of bounded size, the report. `_neighbors`: what may
move, and anchors. `_search`: targets and verification. `_walks`, `_exact`: where
candidates come from.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from sklearn_coopkd._codec import Decoder, TableCodec
from sklearn_coopkd._compat import Interval, StrOptions
from sklearn_coopkd._containers import (
    concat_rows,
    resolve_columns,
    row_hashes,
    take_rows,
)
from sklearn_coopkd._reports import join_reports
from sklearn_coopkd._responses import predicts_numbers, unwrapped
from sklearn_coopkd.generators._base import GeneratedSamples, check_call
from sklearn_coopkd.generators._exact import exact_finder, offer_exact
from sklearn_coopkd.generators._neighbors import (
    Anchors,
    Neighborhood,
    choose_anchors,
    classes_of_numbers,
)
from sklearn_coopkd.generators._search import (
    AskedClassifier,
    AskedRegressor,
    Search,
)
from sklearn_coopkd.generators._walks import WAYPOINTS, segment, swap

# Bounds the memory: cells of all candidates of a block of sources.
MAX_SEARCH_CELLS = 4_000_000


class QuintessentialGenerator(BaseEstimator):
    """Near versions of rows that a teacher is surer about.

    For each row the generator looks for the smallest change after which the
    teacher's probability of the true class is at least ``p + alpha * (1 - p)``,
    where p is its probability at the row itself. Of a regressor the error takes the
    place of the doubt ``1 - p``: ``|y - f(x')| <= (1 - alpha) * |y - f(x)|``.

    Parameters
    ----------
    alpha : float in (0, 1], default=0.1
        Share of the teacher's remaining doubt, or error, that the change must remove.
        All of a regressor's error is hardly ever removed: stay below 1 there.

    method : {"segment", "swap"}, default="segment"
        "segment" walks straight toward an anchor and stops as soon as the target is
        reached: all columns move a little (small Euclidean distance, few calls).
        Then the smaller changes are taken back where the larger ones are enough:
        those of a sixteenth, or else a quarter, of the columns that changed.
        "swap" takes over single values of an anchor, as few and as near as possible
        (small Manhattan distance, sparse changes); for a bare decision tree or a bare
        binary linear model on columns of numbers the least distance is computed
        exactly. Its cost grows with the square of the number of columns. CSR input
        always uses "segment".

    n_neighbors : int, default=5
        Anchors tried for each row.

    max_pool : int, default=2000
        At most this many rows of the pool, an equal share of each class, are
        considered as anchors.

    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Columns (names, positions or a mask) whose values are swapped whole, never
        interpolated; a list within the list is a group of columns that change
        together, such as a one-hot encoding. Columns that hold no numbers are swapped
        whole in any case. "from_dtype": also columns of zeros and ones, and
        neighbours among these of which exactly one is 1 in every row are a group.

    immutable_features : array-like, default=None
        Columns (names, positions or a mask) that never move.

    bounds : dict, default=None
        Column (name or position) -> (least, largest), None for open: a cell is moved
        to a value within, and stays if it lies outside.

    Notes
    -----
    Anchors are the nearest rows of the same class, in standard deviations of the
    pool, that reach the target; the result lies between the row and one of them, or,
    by an exact shortcut, within the range of the pool. Integers stay integers, ordered
    categories move through observed ones; missing and infinite cells, dates and free
    text (more than 50 distinct texts, most of them rare) stay.

    A success was asked about as it is returned, and is neither a copy of its source
    nor of a row of the pool. A row of which the teacher is certain (doubt below 1e-6)
    cannot gain: it is moved halfway to an anchor, where the teacher must still be
    certain.

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

    _parameter_constraints: dict[str, list[Any]] = {
        "alpha": [Interval(Real, 0, 1, closed="right")],
        "method": [StrOptions({"segment", "swap"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "max_pool": [Interval(Integral, 1, None, closed="left")],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "immutable_features": ["array-like", None],
        "bounds": [dict, None],
    }

    def __init__(
        self,
        alpha: float = 0.1,
        method: str = "segment",
        n_neighbors: int = 5,
        max_pool: int = 2000,
        categorical_features: Any = "from_dtype",
        immutable_features: Any = None,
        bounds: dict[Any, tuple[float, float]] | None = None,
    ) -> None:
        self.alpha = alpha
        self.method = method
        self.n_neighbors = n_neighbors
        self.max_pool = max_pool
        self.categorical_features = categorical_features
        self.immutable_features = immutable_features
        self.bounds = bounds

    def generate(
        self,
        teacher: Any,
        X: Any,
        y: Any,
        X_pool: Any,
        y_pool: Any,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> GeneratedSamples:
        """Make one pseudo-sample for each row of X.

        Parameters
        ----------
        teacher : fitted classifier or regressor
            Asked through `predict_proba`, else `decision_function` (softmax), else
            `predict` (votes, or numbers).

        X : container of shape (n_samples, n_features)
            Source rows.

        y : array-like of shape (n_samples,)
            Their true classes, or numbers.

        X_pool : container of shape (n_pool, n_features)
            Rows that may serve as anchors; same kind of container as X.

        y_pool : array-like of shape (n_pool,)
            Their classes, or numbers: anchors of a row are then between the same
            quantiles (at most 10 parts, of 20 distinct numbers or more).

        random_state : int, RandomState instance or None, default=None
            Draws the rows that are considered if the pool exceeds `max_pool`.

        Returns
        -------
        samples : GeneratedSamples
            Where `success` is False, `X_pseudo` is what came closest. Of a regressor
            `proba` is NaN. The `report` has the keys

            - "n_sources", "n_success": rows given, and rows that reached the target;
            - "n_fallback": rows for which no anchor reaches the target;
            - "n_saturated": rows that the teacher is certain of;
            - "n_close": successes next to their anchor, in the last 1/128 of the way;
            - "n_copies": candidates refused because they copy a real row;
            - "n_duplicates": successes equal to an earlier one, class included
              (integers beyond the precision of a float are not compared);
            - "teacher_rows": rows that the teacher was asked about;
            - "mean_distance": Manhattan distance of a success from its source, in
              standard deviations of the pool (CSR: in units of the columns), 1 for
              each category that changed;
            - "mean_changed": columns that changed, a one-hot group counting once.

        Raises
        ------
        ValueError
            If a parameter does not fit the table, or no column can move.
        """
        self._validate_params()
        X, y, X_pool, y_pool = check_call(X, y, X_pool, y_pool)
        return self._generate(
            teacher, X, y, X_pool, y_pool, check_random_state(random_state)
        )

    def _generate(
        self,
        teacher: Any,
        X: Any,
        y: np.ndarray,
        X_pool: Any,
        y_pool: np.ndarray,
        rng: np.random.RandomState,
    ) -> GeneratedSamples:
        """Compute `generate` for validated input."""
        of_numbers = predicts_numbers(teacher)
        classes, pool_classes = (y, y_pool)
        if of_numbers:
            classes, pool_classes = classes_of_numbers(y, y_pool)
        chosen = choose_anchors(pool_classes, self.max_pool, rng)
        codec = TableCodec(X_pool, self.categorical_features, chosen)
        movable = ~resolve_columns(X, self.immutable_features, "immutable_features")
        bounds = _bounds(X, self.bounds, codec)
        anchors = Anchors(codec, pool_classes[chosen], movable, bounds)
        kind = AskedRegressor if of_numbers else AskedClassifier
        asked = kind(teacher, y_pool[chosen])
        # what becomes of a row does not depend on others: blocks bound the memory
        width = X.shape[1]
        if anchors.is_sparse:
            width = 1 + codec.Z.nnz // max(1, len(chosen))
        per_anchor = len(WAYPOINTS)  # of "swap" too, for what it leaves
        if self.method == "swap":
            per_anchor = max(width, per_anchor)
        step = max(1, MAX_SEARCH_CELLS // (self.n_neighbors * width * per_anchor))
        parts = []
        distinct: set[tuple[Any, ...]] = set()
        for rows in np.split(np.arange(len(y)), range(step, len(y), step)):
            made, Z = self._generate_block(
                asked, anchors, take_rows(X, rows), y[rows], classes[rows]
            )
            parts.append(made)
            distinct.update(zip(row_hashes(Z).tolist(), y[rows][made.success].tolist()))
        made = parts[0] if len(parts) == 1 else _joined(parts)
        made.report["n_duplicates"] = made.report["n_success"] - len(distinct)
        return made

    def _generate_block(
        self,
        asked: AskedClassifier | AskedRegressor,
        anchors: Anchors,
        X: Any,
        y: np.ndarray,
        classes: np.ndarray,
    ) -> tuple[GeneratedSamples, Any]:
        """The samples of some sources, and the successes, encoded."""
        decoder = Decoder(anchors.codec, X)
        rows = Neighborhood(anchors, decoder.Z, classes)
        model = unwrapped(asked.teacher)
        find = exact_finder(rows, model) if self.method == "swap" else None
        search = Search(
            asked, rows, y, decoder, self.alpha, self.n_neighbors, find is None
        )
        if find is not None:
            offer_exact(search, model, find)
        pairs = search.pair_with_anchors(np.flatnonzero(~search.solved))
        # each method serves what the other leaves: a teacher with steps may be sure at
        # the very values of an anchor alone, or between them alone
        walks = [segment, swap] if self.method == "segment" else [swap, segment]
        for walk in walks:
            unsolved = ~search.solved
            if self.method == "segment" and walk is swap:
                unsolved &= ~search.hopeless
            left = np.flatnonzero(unsolved[pairs.source])
            if len(left) and not (walk is swap and rows.is_sparse):
                walk(search, pairs.take(left))
        Z, proba = search.result()
        success = search.solved
        distance, changed = rows.moves(Z)
        n_success = int(success.sum())
        made = GeneratedSamples(
            X_pseudo=decoder.decode(Z, len(anchors.y) + np.arange(len(y))),
            success=success,
            # (of a regressor it says nothing that is to be taught)
            proba=np.full(len(y), np.nan) if predicts_numbers(asked.teacher) else proba,
            report={
                "n_sources": len(y),
                "n_success": n_success,
                "n_fallback": search.n_fallback,
                "n_saturated": int(search.saturated.sum()),
                "n_close": search.n_close,
                "n_copies": search.n_copies,
                "teacher_rows": search.teacher_rows,
                "mean_distance": float(distance[success].mean()) if n_success else 0.0,
                "mean_changed": float(changed[success].mean()) if n_success else 0.0,
            },
        )
        return made, Z[np.flatnonzero(success)]


def _joined(parts: list[GeneratedSamples]) -> GeneratedSamples:
    """The samples of several blocks as one."""
    return GeneratedSamples(
        X_pseudo=concat_rows([part.X_pseudo for part in parts]),
        success=np.concatenate([part.success for part in parts]),
        proba=np.concatenate([part.proba for part in parts]),
        report=join_reports((p.report, int(p.report["n_success"])) for p in parts),
    )


def _bounds(X: Any, bounds: dict[Any, Any] | None, codec: TableCodec) -> np.ndarray:
    """Least and largest value of each column, infinite where none is given."""
    limits = np.tile([[-np.inf], [np.inf]], (1, X.shape[1]))
    for column, pair in (bounds or {}).items():
        at = resolve_columns(X, [column], "bounds")
        if any(j in codec.levels for j in np.flatnonzero(at)):
            raise ValueError(
                f"`bounds` names column {column!r}, which does not hold numbers. Use "
                "`immutable_features` to keep it as it is."
            )
        is_pair = isinstance(pair, (tuple, list, np.ndarray)) and len(pair) == 2
        if not is_pair or not all(v is None or isinstance(v, Real) for v in pair):
            low = high = np.nan
        else:
            low = -np.inf if pair[0] is None else float(pair[0])
            high = np.inf if pair[1] is None else float(pair[1])
        if not low <= high:
            raise ValueError(
                f"`bounds` of column {column!r} must be (least, largest), numbers "
                f"or None; got {pair!r}."
            )
        limits[0, at], limits[1, at] = low, high
    return limits
