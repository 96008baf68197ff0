"""Interpolation toward neighbours of the same class: the baseline without a teacher."""

from __future__ import annotations

from hashlib import blake2b
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from sklearn_coopkd._codec import Decoder, TableCodec
from sklearn_coopkd._compat import Interval, StrOptions
from sklearn_coopkd._containers import (
    concat_rows,
    resolve_columns,
    row_bytes,
    take_rows,
)
from sklearn_coopkd._reports import join_reports
from sklearn_coopkd._responses import predicts_numbers
from sklearn_coopkd.generators._base import GeneratedSamples, check_call
from sklearn_coopkd.generators._neighbors import (
    Anchors,
    Neighborhood,
    choose_anchors,
    classes_of_numbers,
)

# Source rows at a time: bounds the memory.
BLOCK = 10_000


class InterpolationGenerator(BaseEstimator):
    """A random point between a row and one of its neighbours of the same class.

    What SMOTE does for a rare class, done for the rows that a student fails. The
    teacher has chosen the rows and is not asked for more: what it adds to them is the
    difference to :class:`QuintessentialGenerator`.

    Parameters
    ----------
    n_neighbors : int, default=5
        One of this many nearest rows of the same class is drawn.

    max_pool : int, default=2000
        At most this many rows of the pool, an equal share of each class, are
        considered as neighbours.

    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        As in :class:`QuintessentialGenerator`.

    immutable_features : array-like, default=None
        Columns (names, positions or a mask) that never move.

    Notes
    -----
    Columns move as in :class:`QuintessentialGenerator`; whole values change one after
    the other along the way.

    References
    ----------
    Chawla, Bowyer, Hall, Kegelmeyer, "SMOTE: Synthetic Minority Over-sampling
    Technique", JAIR 16, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_coopkd import InterpolationGenerator
    >>> made = InterpolationGenerator().generate(
    ...     None, np.array([[0.0]]), [1], np.array([[4.0]]), [1], random_state=0
    ... )
    >>> bool(0 < made.X_pseudo[0, 0] < 4)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "max_pool": [Interval(Integral, 1, None, closed="left")],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "immutable_features": ["array-like", None],
    }

    def __init__(
        self,
        n_neighbors: int = 5,
        max_pool: int = 2000,
        categorical_features: Any = "from_dtype",
        immutable_features: Any = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.max_pool = max_pool
        self.categorical_features = categorical_features
        self.immutable_features = immutable_features

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
        teacher : object
            Not used.

        X : container of shape (n_samples, n_features)
            Source rows.

        y : array-like of shape (n_samples,)
            Their true classes.

        X_pool : container of shape (n_pool, n_features)
            Rows that may serve as neighbours; same kind of container as X.

        y_pool : array-like of shape (n_pool,)
            Their classes.

        random_state : int, RandomState instance or None, default=None
            Draws the neighbours and the points between.

        Returns
        -------
        samples : GeneratedSamples
            A row without a neighbour, or whose point copies a real row, is no
            success. `proba` is NaN: nobody was asked. The `report` has the keys
            "n_sources", "n_success", "n_copies", "mean_distance" and "mean_changed".

        Raises
        ------
        ValueError
            If a parameter does not fit the table.
        """
        self._validate_params()
        X, y, X_pool, y_pool = check_call(X, y, X_pool, y_pool)
        rng = check_random_state(random_state)
        if predicts_numbers(teacher):
            y, y_pool = classes_of_numbers(y, y_pool)
        chosen = choose_anchors(y_pool, self.max_pool, rng)
        seed = int(rng.randint(2**31 - 1)).to_bytes(8, "little")
        codec = TableCodec(X_pool, self.categorical_features, chosen)
        movable = ~resolve_columns(X, self.immutable_features, "immutable_features")
        anchors = Anchors(codec, y_pool[chosen], movable)
        parts = [
            self._generate_block(anchors, take_rows(X, rows), y[rows], seed)
            for rows in np.split(np.arange(len(y)), range(BLOCK, len(y), BLOCK))
        ]
        return GeneratedSamples(
            X_pseudo=concat_rows([part.X_pseudo for part in parts]),
            success=np.concatenate([part.success for part in parts]),
            proba=np.concatenate([part.proba for part in parts]),
            report=join_reports((p.report, int(p.report["n_success"])) for p in parts),
        )

    def _generate_block(
        self, anchors: Anchors, X: Any, y: np.ndarray, seed: bytes
    ) -> GeneratedSamples:
        decoder = Decoder(anchors.codec, X)
        rows = Neighborhood(anchors, decoder.Z, y)
        near, distance = rows.nearest(np.arange(len(y)), self.n_neighbors)
        n_near = np.isfinite(distance).sum(axis=1)
        order = np.argsort(distance, axis=1, kind="stable")
        # drawn from the row itself: its company must not matter
        which, t = _uniform(row_bytes(decoder.Z), seed)
        drawn = (which * n_near).astype(np.intp)
        source = np.flatnonzero(n_near)
        Z = decoder.Z
        if len(source):
            pairs = rows.pairs(source, near[source, order[source, drawn[source]]])
            Z = rows.replaced(source, rows.at(pairs, t[source]))
        success = n_near > 0
        copies = rows.is_copy(np.arange(len(y)), Z) & success
        success &= ~copies
        moved, changed = rows.moves(Z)
        return GeneratedSamples(
            X_pseudo=decoder.decode(Z, len(anchors.y) + np.arange(len(y))),
            success=success,
            proba=np.full(len(y), np.nan),
            report={
                "n_sources": len(y),
                "n_success": int(success.sum()),
                "n_copies": int(copies.sum()),
                "mean_distance": float(moved[success].mean()) if success.any() else 0.0,
                "mean_changed": float(changed[success].mean())
                if success.any()
                else 0.0,
            },
        )


def _uniform(keys: list[bytes], seed: bytes) -> np.ndarray:
    """Two numbers in [0, 1) for each key, always the same for the same seed."""
    words = [blake2b(key, digest_size=16, key=seed).digest() for key in keys]
    drawn = np.frombuffer(b"".join(words), dtype="<u8").reshape(-1, 2)
    return (drawn >> np.uint64(11)).astype(np.float64).T / 2**53
