"""Bad input: a clear message that names the parameter, the value and the way out."""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_coopkd import (
    CooperativeDistiller,
    CooperativeDistillerRegressor,
    QuintessentialGenerator,
)
from sklearn_coopkd._peers import AllPeers

X, Y = np.random.RandomState(0).randn(30, 2), np.arange(30) % 2
TWO = [("a", GaussianNB()), ("b", LogisticRegression())]


@pytest.mark.parametrize(
    ("estimators", "message"),
    [
        ([], "`estimators` must be a non-empty list"),
        ([GaussianNB()], r"list of \(string, estimator\) tuples"),
        ([("a", GaussianNB()), ("a", GaussianNB())], "not unique"),
        ([("a__b", GaussianNB())], "must not contain __"),
        ([("cv", GaussianNB())], "conflict with constructor arguments"),
        ([("a", "drop")], "Keep at least one"),
        (
            [("line", LinearRegression())],
            "member 'line'.*must be a classifier; got Lin",
        ),
        ([("scale", StandardScaler())], "member 'scale'.*must be a classifier"),
    ],
)
def test_estimators(estimators, message):
    with pytest.raises(ValueError, match=message):
        CooperativeDistiller(estimators).fit(X, Y)


def test_something_without_fit():
    with pytest.raises(TypeError, match=r"member 'x'.*must have a `fit` method; got 3"):
        CooperativeDistiller([("x", 3)]).fit(X, Y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"combine": "mean"}, "'combine' parameter"),
        ({"n_jobs": 0}, "'n_jobs' parameter.*Got 0"),
        ({"deficiency": "loss"}, "'deficiency' parameter"),
        ({"peer_selection": "worst"}, "'peer_selection' parameter"),
        ({"generator": 3}, "'generator' parameter"),
        ({"pseudo_weight": 0}, "'pseudo_weight' parameter"),
        ({"max_pseudo": -1}, "'max_pseudo' parameter"),
        ({"max_iter": -1}, "'max_iter' parameter"),
        ({"tol": -0.1}, "'tol' parameter"),
        ({"validation": 1.5}, "'validation' parameter"),
        ({"validation": "holdout"}, "'validation' parameter"),
        ({"on_failure": "ignore"}, "'on_failure' parameter"),
        ({"cv": "prefit"}, "`cv` must be.*got 'prefit'.*FrozenEstimator"),
        ({"cv": 1}, "`cv` must be at least 2, with the gate 3; got 1"),
        ({"cv": 20}, "`cv` must not exceed the size of the largest class; got 20"),
        ({"cv": []}, "`cv` must yield at least one split"),
        ({"cv": [1, 2, 3]}, "`cv` must yield pairs of positions.*cannot do that"),
        ({"cv": [([0, 1], [9000])]}, "`cv` must yield pairs of positions.*9000"),
        ({"cv": GroupKFold(2)}, "GroupKFold.*'groups' parameter should not be None"),
        ({"scoring": lambda _, X, y: np.nan}, "`scoring` must return a number; got n"),
        ({"scoring": "no such"}, "`scoring` must be a.*got 'no such'"),
        ({"scoring": lambda estimator, X, y: "high"}, "`scoring` must return a number"),
        ({"scoring": "r2_score"}, "r2_score"),
        ({"final_estimator": LinearRegression()}, "`final_estimator` must be a class"),
        (
            {"generator": QuintessentialGenerator(immutable_features=["age"])},
            "`immutable_features` names a column that X does not have: 'age'",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        CooperativeDistiller(TWO, **params).fit(X, Y)


class NeverFitted(GaussianNB):
    def fit(self, *args, **kwargs):
        pytest.fail("fitted")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("final_estimator", LogisticRegression),
        ("peer_selection", AllPeers),
        ("generator", QuintessentialGenerator),
        ("cv", StratifiedKFold),
    ],
)
def test_a_class_in_place_of_an_object_is_told_before_any_fit(name, value):
    distiller = CooperativeDistiller([("a", NeverFitted())], **{name: value})
    with pytest.raises(
        TypeError, match=f"`{name}` must be an object.*{value.__name__}"
    ):
        distiller.fit(X, Y)
    with pytest.raises(TypeError, match=r"member 'b'.*Use GaussianNB\(\)"):
        CooperativeDistiller([("a", NeverFitted()), ("b", GaussianNB)]).fit(X, Y)


def test_column_names_must_differ():
    frame = pd.DataFrame(X, columns=["age", "age"])
    with pytest.raises(ValueError, match="distinct column names; got 'age' more"):
        CooperativeDistiller(TWO).fit(frame, Y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.linspace(0, 1, 30), "Unknown label type: continuous"),
        (np.eye(30)[:, :3], "multilabel-indicator|1d array"),
        (Y[:-1], "inconsistent numbers of samples"),
        (np.where(Y, np.nan, 1.0), "NaN"),
    ],
)
def test_labels(y, message):
    with pytest.raises(ValueError, match=message):
        CooperativeDistiller(TWO).fit(X, y)


def test_weights():
    with pytest.raises(ValueError, match=r"sample_weight.shape"):
        CooperativeDistiller(TWO).fit(X, Y, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="at least one non-zero"):
        CooperativeDistiller(TWO).fit(X, Y, sample_weight=np.zeros(30))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        CooperativeDistiller(TWO).fit(X, Y, sample_weight=-np.ones(30))


def test_unfitted():
    for method in ("predict", "predict_proba", "transform", "get_feature_names_out"):
        argument = () if method == "get_feature_names_out" else (X,)
        with pytest.raises(NotFittedError):
            getattr(CooperativeDistiller(TWO), method)(*argument)


class Short(BaseEstimator):
    """A generator that breaks the protocol."""

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        return X


def test_a_generator_that_returns_something_else():
    noise = np.random.RandomState(1).randint(0, 2, 30)
    distiller = CooperativeDistiller(TWO, generator=Short(), validation=None)
    told = "`generator` must return GeneratedSamples"
    with pytest.raises(TypeError, match=told) as caught:
        distiller.fit(X, noise)
    (note,) = caught.value.__notes__
    assert note.startswith("Raised by the generator, with the teacher '")


class Odd(BaseEstimator):
    def select(self, deficient, qualified, confidence):
        return deficient


def test_a_peer_selection_that_returns_something_else():
    with pytest.raises(ValueError, match=r"`peer_selection` must return.*got shape"):
        CooperativeDistiller(TWO, peer_selection=Odd()).fit(X, Y)


def test_predict_parameters_without_a_final_estimator():
    distiller = CooperativeDistiller(TWO, combine="vote").fit(X, Y)
    with pytest.raises(TypeError, match="takes no parameters with combine='vote'"):
        distiller.predict(X, return_std=True)


class Unsure(GaussianNB):
    """Answers with NaN."""

    def predict_proba(self, X):
        return np.full((len(X), 2), np.nan)


def test_answers_that_are_no_numbers():
    members = [("bayes", GaussianNB()), ("odd", Unsure())]
    with pytest.raises(ValueError, match="Unsure must answer with finite") as caught:
        CooperativeDistiller(members).fit(X, Y)
    assert "'odd'" in caught.value.__notes__[0]
    with pytest.warns(FitFailedWarning, match="'odd'"):
        distiller = CooperativeDistiller(members, on_failure="warn").fit(X, Y)
    assert len(distiller.estimators_) == 1


class GivesUp(GaussianNB):
    """Knows nothing of rows with a cell above 100: NaN, or an error."""

    def __init__(self, raises=False):
        super().__init__()
        self.raises = raises

    def predict_proba(self, X):
        proba = super().predict_proba(X)
        if self.raises and (X > 100).any():
            raise RuntimeError("too large")
        proba[(X > 100).any(axis=1)] = np.nan
        return proba


@pytest.mark.parametrize(
    ("raises", "error"), [(False, ValueError), (True, RuntimeError)]
)
@pytest.mark.parametrize("combine", ["stack", "vote", "best"])
def test_what_a_member_does_in_predict_names_it(raises, error, combine):
    sure = GaussianNB() if combine != "best" else DummyClassifier()  # worse
    members = [("sure", sure), ("moody", GivesUp(raises))]
    y = X[:, 0] > 0
    fitted = CooperativeDistiller(members, combine=combine, random_state=0).fit(X, y)
    assert np.isfinite(fitted.predict_proba(X)).all()
    with pytest.raises(error) as raised:
        fitted.predict_proba(X + 1000)
    assert raised.value.__notes__ == ["Raised by the member 'moody'."]


def test_rows_are_not_trained_on_and_tested():
    splits = [(np.arange(30), np.arange(k, 30, 3)) for k in range(3)]
    with pytest.raises(
        ValueError, match=r"`cv` must not train on rows.*split 0 does wi"
    ):
        CooperativeDistiller(TWO, cv=splits).fit(X, Y)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("container", [list, pd.Series, lambda y: np.array(y, object)])
def test_a_label_is_missing(container, missing):
    y = ["no", "yes"] * 15
    y[3] = missing
    with pytest.raises(
        ValueError, match="`y` must have a label in every row; row 3 ha"
    ):
        CooperativeDistiller(TWO).fit(X, container(y))


def test_what_holds_no_rows_is_refused():
    import polars as pl

    frame = pd.DataFrame(X, columns=["a", "b"])
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        CooperativeDistiller(TWO).fit(frame[:0], Y[:0])
    fitted = CooperativeDistiller(TWO).fit(frame, Y)
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        fitted.predict(frame[:0])
    with pytest.raises(TypeError, match=r"got a LazyFrame. Use X.collect()"):
        CooperativeDistiller(TWO).fit(pl.DataFrame({"a": X[:, 0]}).lazy(), Y)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("kind", [CooperativeDistiller, CooperativeDistillerRegressor])
def test_numbers_that_are_none_are_told_by_row(kind, value):
    y = Y.astype(float)
    y[4] = value
    members = TWO if kind is CooperativeDistiller else [("a", Ridge()), ("b", Ridge())]
    with pytest.raises(ValueError, match=rf"Row 4 has {value}: leave such rows out"):
        kind(members).fit(X, y)


def test_numbers_for_a_classifier_point_to_the_regressor():
    with pytest.raises(ValueError, match="Unknown label type: continuous") as caught:
        CooperativeDistiller(TWO).fit(X, X[:, 0])
    assert "take CooperativeDistillerRegressor" in caught.value.__notes__[0]


def test_a_part_that_is_none_has_no_parameters():
    distiller = CooperativeDistiller(TWO)
    for key in ("generator__alpha", "final_estimator__C", "cv__n_splits"):
        part = key.split("__")[0]
        with pytest.raises(
            ValueError, match=f"`{key}` cannot be set: `{part}` is None, which"
        ):
            distiller.set_params(**{key: 1})
    distiller.set_params(generator=QuintessentialGenerator(), generator__alpha=0.5)
    distiller.set_params(generator__alpha=0.7)
    assert distiller.generator.alpha == 0.7
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        distiller.set_params(nothing__at_all=1)


def test_columns_of_texts_are_named_for_a_member_that_takes_numbers():
    frame = pd.DataFrame(
        {"x": X[:, 0], "town": list("abc") * 10, "job": list("de") * 15}
    )
    with pytest.raises((TypeError, ValueError)) as caught:
        CooperativeDistiller(TWO).fit(frame, Y)
    assert "no numbers in 'town', 'job'." in " ".join(caught.value.__notes__)
    with pytest.raises((TypeError, ValueError)) as caught:
        CooperativeDistiller(TWO, views={"a": ["x"], "b": ["x", "job"]}).fit(frame, Y)
    assert "no numbers in 'job'." in " ".join(caught.value.__notes__)
    many = frame.set_axis([("a", "x"), ("a", "town"), ("b", "job")], axis=1)
    many.columns = pd.MultiIndex.from_tuples(many.columns)
    with pytest.raises((TypeError, ValueError)) as caught:
        CooperativeDistiller(TWO).fit(many, Y)
    assert "no numbers in ('a', 'town'), ('b', 'job')." in " ".join(
        caught.value.__notes__
    )
    with pytest.raises((TypeError, ValueError)) as caught_of_polars:
        CooperativeDistiller(TWO).fit(pl.DataFrame(frame), Y)
    assert "in 'town', 'job'." in " ".join(caught_of_polars.value.__notes__)
    frame["flag"] = frame["x"] > 0
    array = frame.to_numpy()
    with pytest.raises((TypeError, ValueError)) as caught:
        CooperativeDistiller(TWO).fit(array, Y)
    assert "no numbers in 1, 2." in " ".join(caught.value.__notes__)


@pytest.mark.parametrize(
    "cells",
    [
        pd.date_range("2020-01-01", periods=30),
        pd.date_range("2020-01-01", periods=30, tz="UTC"),
        pd.timedelta_range("1h", periods=30),
        [date(2020, 1, 1)] * 30,
        [[1, 2]] * 30,
    ],
)
def test_cells_that_are_no_numbers_are_named(cells):
    frame = pd.DataFrame({"x": X[:, 0], "odd": cells, "flag": [True, False] * 15})
    with pytest.raises((TypeError, ValueError)) as caught:
        CooperativeDistiller(TWO).fit(frame, Y)
    assert "that are no numbers in 'odd'. Put" in " ".join(caught.value.__notes__)


def test_the_way_out_is_that_of_the_setting():
    bad = LogisticRegression(C=-1)
    with pytest.raises(ValueError, match="'C'") as caught:
        CooperativeDistiller([TWO[0], ("bad", bad)]).fit(X, Y)
    assert caught.value.__notes__ == [
        "Raised by the member 'bad'.",
        "With on_failure='warn' the others go on without it.",
    ]
    every = [("one", bad), ("two", bad)]
    with pytest.raises(ValueError, match="'C'") as caught:
        CooperativeDistiller(every, on_failure="warn").fit(X, Y)
    assert caught.value.__notes__ == ["Raised by the member 'one'."]


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (None, "target y is None: give a label"),
        (
            np.array(["a", 1, 2.5], object)[np.arange(30) % 3],
            "one kind; got float, int",
        ),
        ((Y == 0).astype(object), "Unknown label type"),
    ],
)
def test_labels_that_are_none(y, told):
    with pytest.raises(ValueError, match=told):
        CooperativeDistiller(TWO).fit(X, y)


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        (np.full(30, 1e308), "must have a finite sum; got numbers up to 1e"),
        (["a"] * 30, "`sample_weight` must hold numbers; got"),
    ],
)
def test_weights_that_cannot_be_added(weight, told):
    with pytest.raises(ValueError, match=told):
        CooperativeDistiller(TWO).fit(X, Y, sample_weight=weight)


def test_weights_of_any_kind_of_integers():
    given = 1 + np.arange(30) % 3
    fitted = [
        CooperativeDistiller(TWO, random_state=0).fit(X, Y, sample_weight=weight)
        for weight in (given, pd.Series(given, dtype="Int64"), given.astype(object))
    ]
    expected, *others = (one.predict_proba(X) for one in fitted)
    assert all(np.array_equal(expected, other) for other in others)


def test_numbers_that_are_too_large_to_square():
    members = [("tree", DecisionTreeRegressor()), ("ridge", Ridge())]
    with pytest.raises(ValueError, match=r"row 0 has 1.*Rescale it"):
        CooperativeDistillerRegressor(members).fit(X, 1e160 * (1 + np.arange(30)))


def test_columns_that_are_all_immutable_point_to_them():
    frame = pd.DataFrame({"x": X[:, 0], "z": X[:, 1]})
    generator = QuintessentialGenerator(immutable_features=["x", "z"])
    with pytest.raises(ValueError, match="Take columns out of `imm") as caught:
        CooperativeDistiller(TWO, generator=generator).fit(frame, Y)
    assert "categorical_features" not in str(caught.value)


def test_rows_and_labels_exchanged():
    for container in (pd.Series(Y), pd.Series(["a", "b"] * 15)):
        with pytest.raises(ValueError, match=r"`X` must have 2.*`X` and `y` exchanged"):
            CooperativeDistiller(TWO).fit(container, X)
