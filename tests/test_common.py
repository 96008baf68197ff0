"""scikit-learn's own checks, on every way to combine and to validate."""

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_coopkd import (
    CooperativeDistiller,
    CooperativeDistillerRegressor,
    QuintessentialGenerator,
)


def _distiller(**params):
    members = [
        ("logistic", LogisticRegression(max_iter=1000)),
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ]
    return CooperativeDistiller(members, random_state=0, **params)


def _regressor(**params):
    members = [
        ("ridge", Ridge()),
        ("tree", DecisionTreeRegressor(max_depth=3, random_state=0)),
    ]
    return CooperativeDistillerRegressor(members, random_state=0, **params)


@parametrize_with_checks(
    [
        _distiller(),
        _distiller(validation=None),
        _distiller(combine="vote", max_iter=2, peer_selection="all"),
        _distiller(combine="best", validation=None),
        _distiller(combine="best"),
        _distiller(combine="vote", generator=QuintessentialGenerator(method="swap")),
        _regressor(),
        _regressor(validation=None),
        _regressor(combine="vote", max_iter=2, peer_selection="all"),
        _regressor(combine="best"),
    ]
)
def test_sklearn_checks(estimator, check):
    check(estimator)
