"""The protocol of generators: what `generate` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class GeneratedSamples:
    """Pseudo-samples, one for each source row.

    A generator is any object with a method
    ``generate(teacher, X, y, X_pool, y_pool, *, random_state=None)`` that returns an
    instance of this class; it is cloned by :class:`CooperativeDistiller`, so it needs
    `get_params` and `set_params` (derive from :class:`sklearn.base.BaseEstimator`).

    Attributes
    ----------
    X_pseudo : container of shape (n_samples, n_features)
        Same kind, columns and dtypes as the source rows; row i was made from row i.

    success : ndarray of shape (n_samples,), dtype=bool
        Whether row i reached what the generator aims at. Only these rows are taught.

    proba : ndarray of shape (n_samples,)
        The teacher's probability of the true class at `X_pseudo`.

    report : dict
        Counts that the generator wants to report.
    """

    X_pseudo: Any
    success: np.ndarray
    proba: np.ndarray
    report: dict[str, float] = field(default_factory=dict)
