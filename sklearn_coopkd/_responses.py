"""What a fitted member answers: aligned class probabilities, or numbers.

Members differ: some offer `predict_proba`, some only `decision_function`, some only
labels; a member trained on part of the rows may know fewer classes. Everything that
compares members works on one matrix, `(n_rows, n_classes)` in the order of `classes`,
or `(n_rows, 1)` of a regressor.
"""

from __future__ import annotations

from traceback import walk_tb
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    is_regressor,
)
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_coopkd._containers import copy_table, is_pandas, n_rows, take_columns

# Above this many rows a forest's own call costs no more than its trees one by one.
MAX_FOREST_ROWS = 5_000


def response_method(estimator: Any) -> str:
    """The richest of predict_proba, decision_function, predict that exists."""
    for method in ("predict_proba", "decision_function"):
        if hasattr(estimator, method):
            return method
    return "predict"


def class_proba(estimator: Any, X: Any, classes: np.ndarray) -> np.ndarray:
    """Probability of every class, whatever the estimator offers.

    Parameters
    ----------
    estimator : fitted classifier

    X : container of shape (n_rows, n_features)
        Given to the estimator as it is.

    classes : ndarray of shape (n_classes,)
        Sorted labels; the columns of the result. Classes that the estimator never
        saw get probability 0, classes of its own that are not listed are left out.

    Returns
    -------
    proba : ndarray of shape (n_rows, n_classes)
        Without `predict_proba`: the softmax of the decision values; without those
        either: 1 for the predicted class.

    Raises
    ------
    ValueError
        If the estimator answers in another shape.
    """
    if n_rows(X) == 0:
        return np.empty((0, len(classes)))
    method = response_method(estimator)
    known = np.asarray(getattr(estimator, "classes_", classes))
    if len(set(known.tolist())) < len(known):
        raise ValueError(
            f"{type(estimator).__name__}.classes_ must be different labels; got "
            f"{known.tolist()!r:.60}."
        )
    values = None
    if method == "predict_proba":
        values = _forest_mean(estimator, X, method)
    if values is None:
        values = np.asarray(getattr(estimator, method)(X))
    if method == "decision_function":
        if values.ndim == 1:
            values = np.column_stack([np.zeros(len(values)), values])
        if values.shape[1] == len(known):
            values = softmax(values.astype(np.float64), axis=1)
        else:  # one-against-one scores are not one column a class
            method, values = "predict", np.asarray(estimator.predict(X))
    if method == "predict":
        known = classes
        values = values.ravel()[:, None] == classes
    if values.shape != (n_rows(X), len(known)):
        raise ValueError(
            f"{type(estimator).__name__}.{method} must return one row per row of X and "
            f"one column per class, {(n_rows(X), len(known))}; got shape "
            f"{values.shape}."
        )
    if len(known) == len(classes) and np.array_equal(known, classes):
        return values.astype(np.float64, copy=False)
    proba = np.zeros((len(values), len(classes)))
    position = {label: k for k, label in enumerate(classes.tolist())}
    for k, label in enumerate(known.tolist()):
        if label in position:
            proba[:, position[label]] = values[:, k]
    return proba


def predicts_numbers(model: Any) -> bool:
    """Whether a model is a regressor, as it says itself."""
    return hasattr(model, "__sklearn_tags__") and is_regressor(model)


def numbers(estimator: Any, X: Any) -> np.ndarray:
    """What a regressor predicts, as (n_rows, 1).

    Raises
    ------
    ValueError
        If it predicts anything but one number a row.
    """
    if n_rows(X) == 0:
        return np.empty((0, 1))
    values = _forest_mean(estimator, X, "predict")
    if values is None:
        values = np.asarray(estimator.predict(X), dtype=np.float64)
    if values.size != n_rows(X):
        raise ValueError(
            f"{type(estimator).__name__}.predict must return one number per row of X, "
            f"{n_rows(X)}; got shape {values.shape}."
        )
    return values.reshape(-1, 1)


def _forest_mean(estimator: Any, X: Any, method: str) -> np.ndarray | None:
    """What a method of a forest, alone or in a Pipeline, returns for few rows.

    A call of a forest costs several milliseconds whatever the number of rows; its
    trees, asked in the same order, give the same sum in a tenth of that. None for
    other estimators.
    """
    forest = estimator
    if type(estimator) is Pipeline:
        forest = estimator.steps[-1][1]
    if type(forest) not in _FORESTS[method]:
        return None
    if n_rows(X) > MAX_FOREST_ROWS or forest.n_outputs_ != 1:
        return None
    if forest is not estimator and len(estimator.steps) > 1:
        X = estimator[:-1].transform(X)
    cells = _single_precision(forest, X)
    if cells is None:
        return np.asarray(getattr(forest, method)(X))
    width = getattr(forest, "n_classes_", 1)
    total = np.zeros((len(cells), width))
    for tree in forest.estimators_:
        total += tree.tree_.predict(cells)[:, :width]
    return total / len(forest.estimators_)


_FORESTS = {
    "predict_proba": (RandomForestClassifier, ExtraTreesClassifier),
    "predict": (RandomForestRegressor, ExtraTreesRegressor),
}


def _single_precision(forest: Any, X: Any) -> np.ndarray | None:
    """X as the trees take it; None if the forest should check it, and complain."""
    names = getattr(forest, "feature_names_in_", None)
    if is_pandas(X):
        numeric = all(getattr(dtype, "kind", "") in "iuf" for dtype in X.dtypes)
        if not numeric:
            return None
        if names is None:  # fitted with columns that have numbers for names, or none
            if any(isinstance(name, str) for name in X.columns):
                return None
        elif list(X.columns) != list(names):
            return None
        X = X.to_numpy()
    elif names is not None or type(X) is not np.ndarray or X.dtype.kind not in "iuf":
        return None
    if X.ndim != 2 or X.shape[1] != forest.n_features_in_:
        return None
    with np.errstate(over="ignore"):
        X = np.ascontiguousarray(X, dtype=np.float32)
    return X if np.isfinite(X).all() else None


def correct_rows(proba: np.ndarray, y_idx: np.ndarray) -> np.ndarray:
    """Rows on which each member's most probable class is the true one (`S_i`).

    Ties go to the first class, as in `predict` of scikit-learn's classifiers.

    Parameters
    ----------
    proba : ndarray of shape (n_members, n_rows, n_classes)

    y_idx : ndarray of shape (n_rows,)
        Position of the true class.

    Returns
    -------
    correct : ndarray of shape (n_members, n_rows), dtype=bool
    """
    # all zero: a member that knows none of the classes
    return (proba.argmax(axis=2) == y_idx) & proba.any(axis=2)


class Responder(BaseEstimator):
    """A fitted member as generators and scorers see it; of two kinds, below.

    Each call works on a copy of X, so a member that writes into its input harms nobody.
    """

    def _seen(self, X: Any) -> Any:
        return copy_table(X) if self.columns is None else take_columns(X, self.columns)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class ClassifierResponder(ClassifierMixin, Responder):
    """A fitted classifier through `class_proba`: every class, always probabilities.

    Parameters
    ----------
    estimator : fitted classifier

    classes : ndarray of shape (n_classes,)

    recorded : ndarray of shape (n_rows, n_classes), default=None
        Probabilities already known for the rows that a scorer will ask about.

    columns : ndarray of shape (n_features,), dtype=bool, default=None
        The columns that the member sees; None: all.
    """

    def __init__(
        self,
        estimator: Any,
        classes: np.ndarray,
        recorded: np.ndarray | None = None,
        columns: np.ndarray | None = None,
    ):
        self.estimator = estimator
        self.classes = classes
        self.recorded = recorded
        self.columns = columns

    @property
    def classes_(self) -> np.ndarray:
        return self.classes

    @property
    def is_complete(self) -> bool:
        """Whether the model knows exactly these classes: its answers add up to 1."""
        return np.array_equal(getattr(self.estimator, "classes_", ()), self.classes)

    def predict_proba(self, X: Any) -> np.ndarray:
        if self.recorded is not None:
            return self.recorded
        return class_proba(self.estimator, self._seen(X), self.classes)

    def predict(self, X: Any) -> np.ndarray:
        return self.estimator.predict(self._seen(X))

    answers = predict_proba


class RegressorResponder(RegressorMixin, Responder):
    """A fitted regressor: always one finite number a row.

    Parameters
    ----------
    estimator : fitted regressor

    recorded : ndarray of shape (n_rows, 1), default=None
        Predictions already known for the rows that a scorer will ask about.

    columns : ndarray of shape (n_features,), dtype=bool, default=None
        The columns that the member sees; None: all.
    """

    def __init__(
        self,
        estimator: Any,
        recorded: np.ndarray | None = None,
        columns: np.ndarray | None = None,
    ):
        self.estimator = estimator
        self.recorded = recorded
        self.columns = columns

    def predict(self, X: Any) -> np.ndarray:
        return self.answers(X)[:, 0]

    def answers(self, X: Any) -> np.ndarray:
        """Predictions of shape (n_rows, 1)."""
        if self.recorded is not None:
            return self.recorded
        return numbers(self.estimator, self._seen(X))


def was_asked(error: Exception) -> bool:
    """Whether an exception was raised by a member that a `Responder` has asked."""
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(isinstance(frame.f_locals.get("self"), Responder) for frame in frames)


def unwrapped(estimator: Any) -> Any:
    """The user's own estimator inside a `Responder` or a `FrozenEstimator`."""
    while isinstance(estimator, (Responder, FrozenEstimator)):
        if getattr(estimator, "columns", None) is not None:
            return estimator
        estimator = estimator.estimator
    return estimator
