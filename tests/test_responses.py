import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_coopkd import _responses
from sklearn_coopkd._responses import (
    ClassifierResponder,
    _forest_mean,
    _single_precision,
    class_proba,
    unwrapped,
)


def _frame(X):
    return pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])])


@pytest.mark.parametrize("make", [np.asarray, _frame])
@pytest.mark.parametrize(
    "forest",
    [
        RandomForestClassifier(15, random_state=0),
        ExtraTreesClassifier(15, random_state=0),
        make_pipeline(RandomForestClassifier(15, random_state=0)),
        make_pipeline(StandardScaler(), RandomForestClassifier(15, random_state=0)),
    ],
)
def test_forests_answer_the_same_bit_by_bit(forest, make, iris):
    X, y = make(iris[0]), np.array(["a", "b", "c"])[iris[1]]
    forest.fit(X, y)
    fast = _forest_mean(forest, X, "predict_proba")
    assert fast is not None
    assert np.array_equal(fast, forest.predict_proba(X))


def test_what_a_forest_must_check_itself(iris, monkeypatch):
    X, y = iris
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    gaps = X.copy()
    gaps[0, 0] = np.nan
    named = RandomForestClassifier(5, random_state=0).fit(_frame(X), y)
    for model, table in [
        (forest, gaps),
        (forest, X[:, :3]),
        (forest, X.tolist()),
        (forest, _frame(X)),
        (named, X),
        (named, _frame(X).iloc[:, ::-1]),
    ]:
        assert _single_precision(model, table) is None
    with pytest.raises(ValueError, match="3 features"):
        class_proba(forest, X[:, :3], np.arange(3))
    monkeypatch.setattr(_responses, "MAX_FOREST_ROWS", 10)
    assert _forest_mean(forest, X, "predict_proba") is None
    assert np.array_equal(class_proba(forest, X, np.arange(3)), forest.predict_proba(X))


def test_a_pipeline_transforms_once(iris):
    calls = []

    def to_csr(X):
        calls.append(len(X))
        return sparse.csr_matrix(X)

    X, y = iris
    model = make_pipeline(
        FunctionTransformer(to_csr), RandomForestClassifier(5, random_state=0)
    ).fit(X, y)
    calls.clear()
    proba = class_proba(model, X, np.arange(3))
    assert calls == [150]
    assert np.array_equal(proba, model.predict_proba(X))


def test_unwrapped(iris):
    forest = RandomForestClassifier(5, random_state=0).fit(*iris)
    assert (
        unwrapped(ClassifierResponder(FrozenEstimator(forest), np.arange(3))) is forest
    )


def test_a_forest_of_columns_without_names_is_asked_tree_by_tree():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.rand(60, 3))
    forest = RandomForestClassifier(5, random_state=0).fit(X, X[0] > 0.5)
    assert _single_precision(forest, X) is not None
    np.testing.assert_array_equal(
        _forest_mean(forest, X, "predict_proba"), forest.predict_proba(X)
    )
    assert _single_precision(forest, X.rename(columns=str)) is None
