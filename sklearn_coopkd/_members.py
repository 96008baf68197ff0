"""Ready-made members for the command line and the benchmarks.

Each is a classifier, or a regressor, behind the same preprocessing, built from
scikit-learn parts, so that it takes any table: numbers, categories, missing cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

MEMBERS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: LogisticRegression(max_iter=1000),
    "tree": lambda: DecisionTreeClassifier(),
    "forest": lambda: RandomForestClassifier(),
    "neighbors": lambda: KNeighborsClassifier(),
    "bayes": lambda: GaussianNB(),
    "boosting": lambda: HistGradientBoostingClassifier(),
    "extra_trees": lambda: ExtraTreesClassifier(),
    "svm": lambda: CalibratedClassifierCV(SVC(), ensemble=False),
    "mlp": lambda: MLPClassifier(max_iter=500, early_stopping=True),
}
DEFAULT_MEMBERS = ("logistic", "tree", "forest", "neighbors", "bayes")
REGRESSORS: dict[str, Callable[[], Any]] = {
    "ridge": lambda: RidgeCV(np.logspace(-3, 3, 7)),
    "tree": lambda: DecisionTreeRegressor(),
    "forest": lambda: RandomForestRegressor(),
    "neighbors": lambda: KNeighborsRegressor(),
    "boosting": lambda: HistGradientBoostingRegressor(),
    "extra_trees": lambda: ExtraTreesRegressor(),
    # of a y of any unit
    "svm": lambda: _scaled(SVR()),
    "mlp": lambda: _scaled(MLPRegressor(max_iter=500, early_stopping=True)),
}
DEFAULT_REGRESSORS = ("ridge", "tree", "forest", "neighbors")


def make_members(
    X: Any,
    names: Sequence[str] = DEFAULT_MEMBERS,
    random_state: int = 0,
    known: dict[str, Callable[[], Any]] = MEMBERS,
) -> list:
    """Named pipelines for the columns of X.

    Parameters
    ----------
    X : ndarray or pandas frame of shape (n_samples, n_features)
        Columns that hold numbers are imputed and scaled, others one-hot encoded; empty
        ones of a frame are not used.

    names : sequence of str
        Keys of `known`.

    random_state : int, default=0
        Seed of each member that takes one.

    known : dict, default=MEMBERS
        `MEMBERS` or `REGRESSORS`.

    Returns
    -------
    estimators : list of (str, Pipeline)

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"`names` has the unknown member {unknown[0]!r}; choose from "
            f"{', '.join(known)}."
        )
    members = []
    for name in names:
        model = known[name]()
        for key in model.get_params():
            if key == "random_state" or key.endswith("__random_state"):
                model.set_params(**{key: random_state})
        members.append((name, make_pipeline(_preprocessor(X), model)))
    return members


def _scaled(regressor: Any) -> Any:
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def _preprocessor(X: Any) -> Any:
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    if isinstance(X, np.ndarray):
        return numeric
    used = X.columns[X.notna().any()]
    numbers = X[used].select_dtypes("number").columns.tolist()
    others = [column for column in used if column not in numbers]
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False
    )
    return make_column_transformer((numeric, numbers), (encoder, others))
