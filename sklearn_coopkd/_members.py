"""Ready-made members for the command line and the benchmarks.

Each is a classifier behind the same preprocessing, built from scikit-learn parts, so
that it takes any table: numbers, categories, missing cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

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


def make_members(
    X: Any, names: Sequence[str] = DEFAULT_MEMBERS, random_state: int = 0
) -> list:
    """Named pipelines for the columns of X.

    Parameters
    ----------
    X : ndarray or pandas frame of shape (n_samples, n_features)
        Columns that hold numbers are imputed and scaled, others one-hot encoded.

    names : sequence of str
        Keys of `MEMBERS`.

    random_state : int, default=0
        Seed of each member that takes one.

    Returns
    -------
    estimators : list of (str, Pipeline)

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    unknown = [name for name in names if name not in MEMBERS]
    if unknown:
        raise ValueError(
            f"`names` has the unknown member {unknown[0]!r}; choose from "
            f"{', '.join(MEMBERS)}."
        )
    members = []
    for name in names:
        classifier = MEMBERS[name]()
        if "random_state" in classifier.get_params():
            classifier.set_params(random_state=random_state)
        members.append((name, make_pipeline(_preprocessor(X), classifier)))
    return members


def _preprocessor(X: Any) -> Any:
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    if isinstance(X, np.ndarray):
        return numeric
    numbers = X.select_dtypes("number").columns.tolist()
    others = [column for column in X.columns if column not in numbers]
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False
    )
    return make_column_transformer((numeric, numbers), (encoder, others))
