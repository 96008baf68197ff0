"""The protocol of generators: what `generate` takes and returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sklearn_coopkd._containers import as_table, check_alike, n_rows


@dataclass(frozen=True)
class GeneratedSamples:
    """Pseudo-samples, one for each source row.

    A generator is any object with a method
    ``generate(teacher, X, y, X_pool, y_pool, *, random_state=None)`` that returns an
    instance of this class; it is cloned by :class:`CooperativeDistiller`, so it needs
    `get_params` and `set_params` (derive from :class:`sklearn.base.BaseEstimator`).
    Row i may depend on row i of X, the teacher and the pool, not on other rows of X.
    Copies of real rows are dropped unless the generator has an attribute
    ``hands_over_rows = True``.

    Attributes
    ----------
    X_pseudo : container of shape (n_samples, n_features)
        Same kind, columns and dtypes as the source rows; row i was made from row i.

    success : ndarray of shape (n_samples,), dtype=bool
        Whether row i reached what the generator aims at. Only these rows are taught.

    proba : ndarray of shape (n_samples,)
        The teacher's probability of the true class at `X_pseudo`; NaN if it was not
        asked, or is a regressor. Where students learn what the teacher answers (of
        frozen teachers, or between sites, with soft targets) and there are two classes
        it is what is taught; otherwise, and where one is NaN, the teacher is asked.

    report : dict
        Numbers that the generator wants to report. Where several calls are reported
        as one (in `CooperativeDistiller.history_`), keys that begin with ``"mean_"``
        are averaged over the successful samples, all others are added.
    """

    X_pseudo: Any
    success: np.ndarray
    proba: np.ndarray
    report: dict[str, float] = field(default_factory=dict)


def check_call(
    X: Any, y: Any, X_pool: Any, y_pool: Any
) -> tuple[Any, np.ndarray, Any, np.ndarray]:
    """Validate the four arguments of `generate`.

    Parameters
    ----------
    X : container of shape (n_samples, n_features)

    y : array-like of shape (n_samples,)

    X_pool : container of shape (n_pool, n_features)

    y_pool : array-like of shape (n_pool,)

    Returns
    -------
    X, y, X_pool, y_pool : container, ndarray, container, ndarray

    Raises
    ------
    ValueError
        If rows and classes differ in number, tables in columns, or classes in kind.
    """
    X, X_pool = _as_rows(X), _as_rows(X_pool)
    y, y_pool = _as_labels(y, "y"), _as_labels(y_pool, "y_pool")
    if len(y) != n_rows(X) or len(y_pool) != n_rows(X_pool):
        raise ValueError(
            "`y` and `y_pool` must have one entry per row of `X` and `X_pool`; got "
            f"{len(y)} for {n_rows(X)} and {len(y_pool)} for {n_rows(X_pool)} rows."
        )
    check_alike(X, X_pool, "`X`", "`X_pool`")
    return X, y, X_pool, y_pool


def _as_rows(X: Any) -> Any:
    """X as a table; without rows it is one, too."""
    is_empty = isinstance(X, np.ndarray) and X.ndim == 2 and not len(X)
    return X if is_empty else as_table(X)


def _as_labels(y: Any, name: str) -> np.ndarray:
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y.ravel()
    if y.ndim != 1:
        raise ValueError(f"`{name}` must have shape (n_samples,); got {y.shape}.")
    try:
        np.unique(y)
    except TypeError as error:
        raise ValueError(
            f"`{name}` must hold labels of one kind, numbers or texts; {error}."
        ) from error
    return y
