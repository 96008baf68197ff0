"""The source row itself: the ablation that makes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_coopkd._containers import copy_table
from sklearn_coopkd.generators._base import GeneratedSamples, check_call


class RawGenerator(BaseEstimator):
    """Hand over the row that the student fails, as it is.

    An ablation: on one table the student sees its failures twice; between owners of
    rows this is what :class:`QuintessentialGenerator` avoids, sending real rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_coopkd import RawGenerator
    >>> X, y = np.array([[1.0], [2.0]]), np.array([0, 1])
    >>> RawGenerator().generate(None, X, y, X, y).X_pseudo.tolist()
    [[1.0], [2.0]]
    """

    hands_over_rows = True

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
        """Return the rows of X.

        Parameters
        ----------
        teacher : object
            Not used.

        X : container of shape (n_samples, n_features)
            Source rows.

        y : array-like of shape (n_samples,)
            Their true classes.

        X_pool : container of shape (n_pool, n_features)
            Not used.

        y_pool : array-like of shape (n_pool,)
            Not used.

        random_state : int, RandomState instance or None, default=None
            Not used.

        Returns
        -------
        samples : GeneratedSamples
            Every row a success; `proba` is NaN: nobody was asked.

        Raises
        ------
        ValueError
            If rows and classes differ in number.
        """
        X, y, _, _ = check_call(X, y, X_pool, y_pool)
        return GeneratedSamples(
            X_pseudo=copy_table(X),
            success=np.ones(len(y), dtype=bool),
            proba=np.full(len(y), np.nan),
            report={"n_sources": len(y), "n_success": len(y)},
        )
