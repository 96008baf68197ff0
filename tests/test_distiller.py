"""The estimator's contract beyond scikit-learn's common checks."""

import pickle
import warnings
from inspect import signature

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from conftest import needs_polars_columns
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
)
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import CooperativeDistiller, QuintessentialGenerator
from sklearn_coopkd._calibration import fit_calibrator
from sklearn_coopkd._final import PooledLogisticRegression


def assert_works(distiller, X, y, **fit_params):
    """Fit; labels are the original ones, probabilities are probabilities."""
    distiller.fit(X, y, **fit_params)
    labels = np.unique(y)
    assert np.array_equal(distiller.classes_, labels)
    assert set(distiller.predict(X)) <= set(labels)
    proba = distiller.predict_proba(X)
    assert proba.shape == (len(y), len(labels))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    for student in distiller.estimators_:
        assert set(student.predict(X)) <= set(labels)
    return distiller


# --- drop-in for StackingClassifier ---------------------------------------------------


def test_a_stacking_call_works_after_changing_the_name(members, iris):
    call = {
        "estimators": members,
        "final_estimator": LogisticRegression(C=2.0),
        "cv": 3,
        "n_jobs": 1,
        "verbose": 0,
    }
    stacking = StackingClassifier(**call).fit(*iris)
    distiller = assert_works(CooperativeDistiller(**call), *iris)
    assert distiller.transform(iris[0]).shape == stacking.transform(iris[0]).shape
    assert distiller.final_estimator_.C == 2.0
    names = [n.split("_", 1)[1] for n in stacking.get_feature_names_out()]
    mine = [n.split("_", 1)[1] for n in distiller.get_feature_names_out()]
    assert mine == names
    assert set(distiller.named_estimators_) == set(stacking.named_estimators_)


@pytest.mark.parametrize("combine", ["stack", "vote", "best"])
@pytest.mark.parametrize("validation", ["cross-fit", 0.3, None])
def test_all_ways_to_combine_and_validate(members, iris, combine, validation):
    distiller = CooperativeDistiller(
        members, combine=combine, validation=validation, random_state=0
    )
    assert_works(distiller, *iris)
    assert distiller.score(*iris) > 0.9
    np.testing.assert_allclose(
        np.exp(distiller.predict_log_proba(iris[0])), distiller.predict_proba(iris[0])
    )
    assert hasattr(distiller, "decision_function") == (
        combine == "stack"
        or (
            combine == "best"
            and hasattr(
                distiller.estimators_[distiller.best_index_], "decision_function"
            )
        )
    )


def test_binary_transform_has_one_column_per_member(members, cancer):
    distiller = CooperativeDistiller(members, random_state=0).fit(*cancer)
    assert distiller.transform(cancer[0]).shape == (200, 3)
    assert distiller.get_feature_names_out().tolist() == [
        "cooperativedistiller_logistic",
        "cooperativedistiller_tree",
        "cooperativedistiller_bayes",
    ]


@pytest.mark.parametrize("params", [{"max_iter": 0}, {"validation": None}], ids=str)
def test_best_is_the_student_with_the_best_score_of_calibrated_answers(params, cancer):
    """A full tree is right more often than a dull model that is never sure."""
    X, y = cancer
    members = [
        ("dull", GaussianNB(var_smoothing=10)),
        ("tree", DecisionTreeClassifier(random_state=0)),
    ]
    cv = list(StratifiedKFold(4).split(X, y))
    distiller = CooperativeDistiller(members, combine="best", cv=cv, **params)
    distiller.set_params(random_state=0).fit(X, y)
    scores, calibrators = [], []
    for _, member in members:
        held_out = cross_val_predict(member, X, y, cv=cv, method="predict_proba")
        calibrators.append(fit_calibrator(held_out, y))
        proba = calibrators[-1](held_out)
        scores.append(np.mean([log_loss(y[test], proba[test]) for _, test in cv]))
    assert distiller.scores_[1] < distiller.scores_[0]  # the price of certainty
    assert distiller.best_index_ == np.argmin(scores) == 1
    best = distiller.estimators_[1]
    assert np.array_equal(distiller.predict(X), best.predict(X))
    expected = calibrators[1](best.predict_proba(X))
    np.testing.assert_allclose(distiller.predict_proba(X), expected, rtol=1e-6)


# --- labels, containers, cells --------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["setosa", "versicolor", "virginica"]),
        np.array(["x", "yy", "zzz"], dtype=object),
        np.array([-5, 0, 1000]),
        np.array([1.0, 2.0, 3.0]),
    ],
    ids=["str", "object", "int", "float"],
)
def test_labels(members, iris, labels):
    assert_works(CooperativeDistiller(members), iris[0], labels[iris[1]])


def test_boolean_labels_and_a_series(members, cancer):
    y = pd.Series(cancer[1].astype(bool))
    distiller = assert_works(CooperativeDistiller(members), cancer[0], y)
    assert distiller.predict(cancer[0]).dtype == bool


def mixed_table(n=240):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(
        {
            "amount": rng.rand(n) * 100,
            "age": rng.randint(18, 80, n),
            "home": pd.Categorical(rng.choice(["own", "rent", "other"], n)),
            "job": rng.choice(["a", "b", "c", "d"], n),
        }
    )
    noise = rng.randn(n)
    y = frame["amount"] / 50 + frame["age"] / 40 + (frame["home"] == "own") + noise > 3
    return frame, np.where(y, "yes", "no")


def column_members():
    def encode():
        return make_column_transformer(
            (StandardScaler(), ["amount", "age"]),
            (OneHotEncoder(sparse_output=False), ["home", "job"]),
        )

    return [
        ("logistic", make_pipeline(encode(), LogisticRegression())),
        ("tree", make_pipeline(encode(), DecisionTreeClassifier(random_state=0))),
        ("bayes", make_pipeline(encode(), GaussianNB())),
    ]


@pytest.mark.parametrize("method", ["segment", "swap"])
@pytest.mark.parametrize(
    "container", ["pandas", pytest.param("polars", marks=needs_polars_columns)]
)
def test_frames_reach_members_by_name(container, method):
    frame, y = mixed_table()
    X = pl.from_pandas(frame) if container == "polars" else frame
    before = X.clone() if container == "polars" else X.copy()
    distiller = CooperativeDistiller(
        column_members(), generator=QuintessentialGenerator(method=method)
    )
    assert_works(distiller, X, y)
    assert distiller.feature_names_in_.tolist() == list(frame.columns)
    assert distiller.n_features_in_ == 4
    assert X.equals(before)
    taught = distiller.pseudo_samples_.logistic.X
    assert type(taught) is type(X)
    assert list(taught.dtypes) == list(X.dtypes)
    with pytest.raises(ValueError, match="feature names"):
        distiller.predict(X[["age", "amount", "home", "job"]])


def test_polars_numbers(members, cancer):
    names = list("abcdef")
    X = pl.DataFrame(cancer[0], schema=names)
    distiller = assert_works(
        CooperativeDistiller(members, random_state=0), X, cancer[1]
    )
    as_array = CooperativeDistiller(members, random_state=0).fit(*cancer)
    np.testing.assert_allclose(
        distiller.predict_proba(X), as_array.predict_proba(cancer[0])
    )
    assert distiller.pseudo_samples_.tree.X.columns == names


def test_missing_cells(cancer):
    X = cancer[0].copy()
    X[::5, 2] = np.nan
    members = [
        ("boosting", HistGradientBoostingClassifier(max_iter=10)),
        ("tree", DecisionTreeClassifier(max_depth=3)),
    ]
    distiller = assert_works(CooperativeDistiller(members), X, cancer[1])
    assert distiller.__sklearn_tags__().input_tags.allow_nan
    for lesson in distiller.pseudo_samples_.values():
        assert np.array_equal(np.isnan(lesson.X), np.isnan(X[lesson.source]))


@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
def test_sparse(format):
    rng = np.random.RandomState(0)
    X = sparse.random(150, 20, 0.3, format="csr", random_state=0)
    y = (X @ rng.randn(20) + rng.randn(150) * 0.3 > 0).astype(int)
    members = [
        ("logistic", LogisticRegression()),
        ("tree", DecisionTreeClassifier(max_depth=4, random_state=0)),
    ]
    distiller = CooperativeDistiller(members, validation=None)
    assert_works(distiller, X.asformat(format), y)
    assert distiller.transfer_matrix_.sum() > 0
    assert sparse.issparse(distiller.pseudo_samples_.tree.X)


def test_lists(members, iris):
    assert_works(CooperativeDistiller(members), iris[0].tolist(), iris[1].tolist())


# --- members of every kind ------------------------------------------------------------

ALL_CLASSIFIERS = [
    (name, kind)
    for name, kind in sklearn.utils.all_estimators(type_filter="classifier")
    if all(
        p.default is not p.empty or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        for n, p in signature(kind.__init__).parameters.items()
        if n != "self"
    )
]


# meta-estimators whose default is no estimator, or one for several targets
MAY_FAIL_ALONE = ("SelfTrainingClassifier", "ClassifierChain")


def works(estimator, X, y):
    try:
        estimator.fit(X, y).predict(X)
    except (TypeError, ValueError, AttributeError, IndexError):
        return False
    return True


@pytest.mark.parametrize(("name", "kind"), ALL_CLASSIFIERS, ids=lambda v: str(v)[:40])
def test_every_classifier_of_scikit_learn_is_a_member(name, kind):
    X, y = load_iris(return_X_y=True)
    if name == "RadiusNeighborsClassifier":  # every row needs a neighbour within 1
        X = X / 3
    if name == "CategoricalNB":  # its categories are small integers, all seen
        X = (np.median(X, axis=0) < X).astype(int)
    with warnings.catch_warnings():
        # those of the member itself: convergence, deprecation, collinearity
        warnings.simplefilter("ignore")
        if name in MAY_FAIL_ALONE and not works(kind(), X, y):
            pytest.skip("does not work alone with its defaults")
        members = [("logistic", LogisticRegression(max_iter=1000)), ("other", kind())]
        distiller = CooperativeDistiller(members, random_state=0).fit(X, y)
        assert distiller.score(X, y) > 0.6
        assert len(distiller.estimators_) == 2
        np.testing.assert_allclose(distiller.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("combine", ["stack", "vote", "best"])
def test_members_without_probabilities(cancer, combine):
    members = [
        ("svc", LinearSVC()),
        ("ridge", RidgeClassifier()),
        ("perceptron", Perceptron()),
    ]
    distiller = CooperativeDistiller(members, combine=combine, random_state=0)
    assert_works(distiller, *cancer)
    proba = distiller.predict_proba(cancer[0])
    agree = distiller.classes_[proba.argmax(axis=1)] == distiller.predict(cancer[0])
    assert agree.all()


def test_probabilities_of_decision_values_are_calibrated(cancer):
    """A member that only scores votes as well as its calibrated self."""
    distiller = CooperativeDistiller(
        [("ridge", RidgeClassifier()), ("again", RidgeClassifier())],
        combine="vote",
        random_state=0,
    ).fit(*cancer)
    raw = distiller.named_estimators_.ridge.decision_function(cancer[0])
    raw = 1 / (1 + np.exp(-raw))
    loss = log_loss(cancer[1], distiller.predict_proba(cancer[0]))
    assert loss < log_loss(cancer[1], raw)


def test_drop_and_set_params(members, iris):
    distiller = CooperativeDistiller(members, random_state=0)
    distiller.set_params(tree="drop", logistic__C=3.0)
    assert_works(distiller, *iris)
    assert len(distiller.estimators_) == 2
    assert distiller.transfer_matrix_.shape == (2, 2)
    assert distiller.named_estimators_.tree == "drop"
    assert distiller.named_estimators_.logistic.C == 3.0
    assert [n for n in distiller.get_feature_names_out() if "tree" in n] == []


def test_frozen_members_teach_and_are_never_refitted(cancer):
    X, y = cancer
    teacher = RandomForestClassifier(20, random_state=0).fit(X, y)
    trees = list(teacher.estimators_)
    members = [("frozen", FrozenEstimator(teacher)), ("bayes", GaussianNB())]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    assert_works(distiller, X, y)
    assert distiller.named_estimators_.frozen.estimator is teacher
    assert teacher.estimators_ == trees
    assert distiller.transfer_matrix_[0, 1] > 0
    assert distiller.transfer_matrix_[:, 0].sum() == 0
    assert {r["student"] for r in distiller.history_} == {"bayes"}
    again = clone(distiller).fit(X, y)
    assert again.named_estimators_.frozen.estimator is teacher


def test_an_unfitted_frozen_member_is_refused(cancer):
    members = [("frozen", FrozenEstimator(GaussianNB())), ("bayes", GaussianNB())]
    with pytest.raises(sklearn.exceptions.NotFittedError):
        CooperativeDistiller(members).fit(*cancer)


def test_nested_distiller_and_pipeline_members(members, cancer):
    inner = CooperativeDistiller(members, cv=3)
    outer = [("inner", inner), ("scaled", make_pipeline(StandardScaler(), LinearSVC()))]
    assert_works(CooperativeDistiller(outer, cv=3, random_state=0), *cancer)


def test_a_single_member_has_nobody_to_learn_from(iris):
    distiller = CooperativeDistiller([("bayes", GaussianNB())])
    with pytest.warns(UserWarning, match="has one member, 'bayes': nobody can teach"):
        assert_works(distiller, *iris)
    assert distiller.termination_condition_ == "nothing_to_teach"


# --- weights --------------------------------------------------------------------------


def test_members_that_take_no_weights_are_told_apart(cancer):
    """Weighted members see the weights, the others are fitted without."""
    X, y = cancer
    weight = np.where(y == 1, 10.0, 1.0)
    members = [
        ("logistic", LogisticRegression()),
        ("neighbors", KNeighborsClassifier()),
        ("scaled", make_pipeline(StandardScaler(), GaussianNB())),
        ("search", GridSearchCV(LogisticRegression(), {"C": [0.1]}, cv=2)),
        ("calibrated", CalibratedClassifierCV(GaussianNB(), cv=2)),
    ]
    plain = CooperativeDistiller(members, random_state=0).fit(X, y)
    weighted = CooperativeDistiller(members, random_state=0).fit(X, y, weight)
    for name in ("logistic", "scaled", "search", "calibrated"):
        k = [n for n, _ in members].index(name)
        a, b = plain.initial_estimators_[k], weighted.initial_estimators_[k]
        assert a.predict_proba(X)[:, 1].mean() < b.predict_proba(X)[:, 1].mean()
    a, b = plain.initial_estimators_[1], weighted.initial_estimators_[1]
    assert np.array_equal(a.predict_proba(X), b.predict_proba(X))


def test_rows_without_weight_are_no_rows(cancer):
    """Zero weight equals removal, for members that honour weights."""
    X, y = cancer
    rng = np.random.RandomState(0)
    extra, labels = rng.randn(40, X.shape[1]) * 3, rng.randint(0, 2, 40)
    splits = list(StratifiedKFold(3).split(X, y))
    wide = [(np.append(a, np.arange(200, 240)), b) for a, b in splits]
    members = [("logistic", LogisticRegression()), ("bayes", GaussianNB())]
    short = CooperativeDistiller(members, cv=splits, random_state=0).fit(
        X, y, np.ones(200)
    )
    long = CooperativeDistiller(members, cv=wide, random_state=0).fit(
        np.vstack([X, extra]), np.append(y, labels), np.repeat([1.0, 0.0], [200, 40])
    )
    np.testing.assert_allclose(
        short.predict_proba(X), long.predict_proba(X), rtol=1e-4, atol=1e-6
    )
    assert np.array_equal(short.transfer_matrix_, long.transfer_matrix_)


# --- splitters, tiny and lopsided data ------------------------------------------------


@pytest.mark.parametrize(
    "cv",
    [
        3,
        StratifiedKFold(3, shuffle=True),  # not repeatable
        RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
        ShuffleSplit(3, test_size=0.3, random_state=0),
        TimeSeriesSplit(4),
        list(StratifiedKFold(3).split(np.zeros(200), np.arange(200) % 2)),
    ],
    ids=["int", "shuffled", "repeated", "shuffle-split", "time-series", "iterable"],
)
@pytest.mark.parametrize("validation", ["cross-fit", 0.25, None])
def test_splitters(members, cancer, cv, validation):
    distiller = CooperativeDistiller(
        members, cv=cv, validation=validation, max_iter=2, random_state=0
    )
    assert_works(distiller, *cancer)


def test_leave_one_out(members, iris):
    rows = np.r_[0:8, 50:58, 100:108]
    distiller = CooperativeDistiller(members, cv=LeaveOneOut(), validation=None)
    assert_works(distiller, iris[0][rows], iris[1][rows])


@pytest.mark.parametrize("validation", ["cross-fit", 0.4])
def test_groups_reach_the_splitter(members, cancer, validation):
    X, y = cancer
    groups = np.arange(200) // 20
    seen = []

    class Spy(GroupKFold):
        def split(self, X, y=None, groups=None):
            seen.append(groups)
            return super().split(X, y, groups)

    distiller = CooperativeDistiller(
        members, cv=Spy(4), validation=validation, random_state=0
    )
    distiller.fit(X, y, groups=groups)
    assert np.array_equal(seen[0], groups)
    with pytest.raises(ValueError, match="groups"):
        clone(distiller).fit(X, y)


def test_hold_out_of_a_time_series_is_its_end(members, cancer):
    seen = []

    def scorer(estimator, X, y):
        seen.append(X)
        return 0.0

    distiller = CooperativeDistiller(
        members, cv=TimeSeriesSplit(3), validation=0.2, scoring=scorer
    ).fit(*cancer)
    assert all(np.array_equal(X, cancer[0][160:]) for X in seen)
    assert distiller.termination_condition_ == "no_improvement"


def test_a_class_missing_from_folds(members, iris):
    X = np.vstack([iris[0], iris[0][:1] + 0.1])
    y = np.append(iris[1], 9)
    with pytest.warns(UserWarning, match="least populated class"):
        distiller = CooperativeDistiller(members, random_state=0).fit(X, y)
    assert distiller.predict_proba(X).shape == (151, 4)
    assert 9 in distiller.named_estimators_.tree.classes_


def test_a_fold_that_leaves_one_class():
    rng = np.random.RandomState(0)
    X = rng.randn(40, 2)
    y = np.r_[np.ones(3, int), np.zeros(37, int)]
    members = [("logistic", LogisticRegression()), ("bayes", GaussianNB())]
    assert_works(CooperativeDistiller(members, cv=3, random_state=0), X, y)


def test_tiny_data(members):
    X = np.array([[0.0], [0.2], [0.1], [1.0], [1.2], [1.1]])
    y = np.array([0, 0, 0, 1, 1, 1])
    for validation in ("cross-fit", 0.4, None):
        distiller = CooperativeDistiller(
            members, cv=3, validation=validation, random_state=0
        )
        assert_works(distiller, X, y)


# --- the caller's data and seeds ------------------------------------------------------


class Vandal(ClassifierMixin, BaseEstimator):
    """Writes into everything it is given."""

    def fit(self, X, y, sample_weight=None):
        self.model_ = GaussianNB().fit(X, y, sample_weight)
        self.classes_ = self.model_.classes_
        X[:] = -1e6
        y[:] = y[0]
        if sample_weight is not None:
            sample_weight[:] = 0
        return self

    def predict_proba(self, X):
        proba = self.model_.predict_proba(X)
        X[:] = -1e6
        return proba

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_members_that_write_harm_nobody(cancer, n_jobs):
    X, y = cancer[0].copy(), cancer[1].copy()
    weight = np.ones(200)
    good = ("logistic", LogisticRegression())
    alone = CooperativeDistiller([("vandal", GaussianNB()), good], random_state=0)
    alone.fit(*cancer, sample_weight=np.ones(200))
    beside = CooperativeDistiller([("vandal", Vandal()), good], random_state=0)
    beside.set_params(n_jobs=n_jobs).fit(X, y, sample_weight=weight)
    proba = beside.predict_proba(X)
    assert np.array_equal(X, cancer[0])
    assert np.array_equal(y, cancer[1])
    assert (weight == 1).all()
    np.testing.assert_allclose(proba, alone.predict_proba(cancer[0]))


def test_one_seed_one_result(cancer):
    members = [
        ("forest", RandomForestClassifier(10)),
        ("tree", DecisionTreeClassifier(splitter="random")),
        ("seeded", DecisionTreeClassifier(random_state=3)),
    ]
    results = []
    for n_jobs in (None, 1, 2):
        distiller = CooperativeDistiller(members, random_state=7, n_jobs=n_jobs)
        results.append(distiller.fit(*cancer).predict_proba(cancer[0]))
        assert distiller.estimators[0][1].random_state is None
        assert distiller.named_estimators_.seeded.random_state == 3
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
    other = CooperativeDistiller(members, random_state=8).fit(*cancer)
    assert not np.array_equal(results[0], other.predict_proba(cancer[0]))


def test_pickle_and_clone(members, cancer):
    distiller = CooperativeDistiller(members, random_state=0).fit(*cancer)
    loaded = pickle.loads(pickle.dumps(distiller))
    for method in ("predict", "predict_proba", "transform", "decision_function"):
        expected = getattr(distiller, method)(cancer[0])
        assert np.array_equal(getattr(loaded, method)(cancer[0]), expected)
    again = clone(distiller).fit(*cancer)
    assert np.array_equal(
        again.predict_proba(cancer[0]), loaded.predict_proba(cancer[0])
    )


def test_html_and_repr(members, cancer):
    distiller = CooperativeDistiller(members)
    for fitted in (distiller, clone(distiller).fit(*cancer)):
        html = fitted._repr_html_()
        for text in ("logistic", "tree", "bayes", "final_estimator"):
            assert text in html
    # the label of the block that combines; absent where nothing is fitted on top
    label = "<label>final_estimator"
    assert label in distiller._repr_html_()
    assert label not in clone(distiller).set_params(combine="vote")._repr_html_()


def test_verbose_reports_phases(members, cancer, capsys):
    CooperativeDistiller(members, verbose=1, random_state=0).fit(*cancer)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[CooperativeDistiller] fitting 3 members")
    assert any("generating" in line for line in lines)
    CooperativeDistiller(members, random_state=0).fit(*cancer)
    assert capsys.readouterr().out == ""


def test_grid_search_in_a_pipeline_under_cross_validation():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, y = X.iloc[:180, :6], y.iloc[:180]
    distiller = CooperativeDistiller(
        [
            ("logistic", LogisticRegression(max_iter=1000)),
            ("tree", DecisionTreeClassifier()),
        ],
        generator=QuintessentialGenerator(),
        random_state=0,
        cv=3,
    )
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, distiller)
    prefix = "cooperativedistiller__"
    grid = {
        prefix + "tree__max_depth": [2, None],
        prefix + "generator__alpha": [0.1, 0.5],
        prefix + "max_iter": [1, 2],
    }
    search = GridSearchCV(pipeline, grid, cv=2, scoring="neg_log_loss")
    first = cross_validate(search, X, y, cv=2, return_estimator=True)
    second = cross_validate(search, X, y, cv=2)
    assert np.array_equal(first["test_score"], second["test_score"])
    best = first["estimator"][0].best_estimator_[-1]
    assert best.feature_names_in_.tolist() == list(X.columns)
    assert len(set(search.fit(X, y).cv_results_["mean_test_score"])) > 2


# --- scoring --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scoring",
    [
        "accuracy",
        "balanced_accuracy",
        "roc_auc",
        "neg_brier_score",
        "f1",
        make_scorer(lambda y, p: -np.abs(y - p).mean()),
        lambda estimator, X, y: estimator.score(X, y),
    ],
    ids=lambda scoring: scoring if isinstance(scoring, str) else type(scoring).__name__,
)
def test_scoring(members, cancer, scoring):
    distiller = CooperativeDistiller(members, scoring=scoring, random_state=0)
    assert_works(distiller, *cancer)


def test_scores_are_those_of_the_scorer(cancer):
    """Without teaching, the gate's accuracy is that of cross-validation."""
    members = [("bayes", GaussianNB()), ("logistic", LogisticRegression())]
    cv = StratifiedKFold(4)
    distiller = CooperativeDistiller(members, cv=cv, scoring="accuracy", max_iter=0)
    distiller.fit(*cancer)
    for score, (_, member) in zip(distiller.scores_, members):
        reference = cross_validate(member, *cancer, cv=cv, scoring="accuracy")
        assert score == pytest.approx(reference["test_score"].mean())


def test_without_rounds_it_is_stacking_of_calibrated_members(members, iris):
    """max_iter=0 against cross_val_predict, calibration and the final estimator."""
    X, y = iris
    stacking = StackingClassifier(members, cv=4).fit(X, y)
    distiller = CooperativeDistiller(members, cv=4, max_iter=0).fit(X, y)
    np.testing.assert_allclose(distiller.transform(X), stacking.transform(X))
    train, test = [], []
    for name, member in members:
        held_out = cross_val_predict(member, X, y, cv=4, method="predict_proba")
        calibrate = fit_calibrator(held_out, y)
        train.append(calibrate(held_out))
        answers = stacking.named_estimators_[name].predict_proba(X)
        test.append(calibrate(answers))
    final = PooledLogisticRegression().fit(np.hstack(train), y)
    np.testing.assert_allclose(
        distiller.predict_proba(X), final.predict_proba(np.hstack(test)), atol=1e-6
    )


def test_the_stack_asks_no_model_twice(members, cancer):
    distiller = CooperativeDistiller(members, random_state=0).fit(*cancer)
    pairs = zip(distiller.estimators_, distiller.initial_estimators_)
    n_changed = sum(a is not b for a, b in pairs)
    assert 0 < n_changed < 3
    assert len(distiller.final_estimator_.pool_weights_) == 3 + n_changed
    before = distiller.predict_proba(cancer[0])
    distiller.initial_estimators_ = [None] * 3  # what is asked is kept apart
    assert distiller.predict_proba(cancer[0]).tolist() == before.tolist()


# --- found in review ------------------------------------------------------------------


def test_two_folds_cannot_be_judged(members, cancer):
    with pytest.warns(UserWarning, match="Use at least 3 folds"):
        distiller = CooperativeDistiller(members, cv=2).fit(*cancer)
    assert distiller.transfer_matrix_.sum() == 0


def test_labels_in_a_polars_series(members, cancer):
    X, y = pl.DataFrame(cancer[0]), pl.Series(cancer[1])
    assert_works(CooperativeDistiller(members), X, y)


@pytest.mark.parametrize(
    "member",
    [
        OneVsRestClassifier(GaussianNB()),
        TunedThresholdClassifierCV(LogisticRegression(), cv=2),
        BaggingClassifier(GaussianNB(), 3),
        VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]),
        VotingClassifier([("a", GaussianNB()), ("b", KNeighborsClassifier())]),
        StackingClassifier([("a", GaussianNB())], cv=2),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
    ],
    ids=lambda member: type(member).__name__,
)
def test_weights_and_meta_estimators(cancer, member):
    X, y = cancer
    members = [("meta", member), ("logistic", LogisticRegression())]
    distiller = CooperativeDistiller(members, pseudo_weight=2.0, random_state=0)
    distiller.fit(X, y, sample_weight=np.linspace(1, 2, 200))
    assert distiller.score(X, y) > 0.7


class Dropper(GaussianNB):
    """Takes a column out of the frame that it is asked about."""

    def predict_proba(self, X):
        proba = super().predict_proba(X)
        if hasattr(X, "drop_in_place"):
            X.drop_in_place(X.columns[0])
        else:
            X.pop(X.columns[0])
        return proba


@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame])
def test_members_that_change_frames_harm_nobody(cancer, frame):
    X = frame(dict(zip("abcdef", cancer[0].T)))
    members = [("dropper", Dropper()), ("logistic", LogisticRegression())]
    distiller = CooperativeDistiller(members, random_state=0).fit(X, cancer[1])
    distiller.predict(X)
    assert list(X.columns) == list("abcdef")


def test_ids_that_a_float_cannot_hold_stay(cancer):
    frame = pd.DataFrame(cancer[0], columns=list("abcdef"))
    frame["id"] = np.arange(200) + 2**60
    keep = make_column_transformer(("passthrough", list("abcdef")))
    members = [
        ("logistic", make_pipeline(keep, LogisticRegression())),
        ("bayes", make_pipeline(keep, GaussianNB())),
    ]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    distiller.fit(frame, cancer[1])
    for lesson in distiller.pseudo_samples_.values():
        assert len(lesson.y) > 0
        assert np.array_equal(lesson.X["id"], frame["id"].iloc[lesson.source])


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_matrix_or_array_as_given(cancer, kind):
    X = kind(cancer[0] * (cancer[0] > 0))
    members = [
        ("logistic", LogisticRegression()),
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    distiller.fit(X, cancer[1])
    assert len(distiller.pseudo_samples_.tree.y) > 0
    assert type(distiller.pseudo_samples_.tree.X) is kind


@pytest.mark.skipif(
    sklearn.__version__.startswith("1.8."),
    reason="scikit-learn 1.8 copies the whole estimator when it routes",
)
def test_a_generator_of_splits_with_routing(members, cancer):
    X, y = cancer
    with sklearn.config_context(enable_metadata_routing=True):
        for _, member in members:
            member.set_fit_request(sample_weight=True)
        splits = StratifiedKFold(3).split(X, y)
        distiller = CooperativeDistiller(members, cv=splits)
        assert distiller.fit(X, y, sample_weight=np.ones(200)).score(X, y) > 0.7


def test_a_fold_without_weight_is_not_judged(members, cancer):
    X, y = cancer
    splits = list(StratifiedKFold(4).split(X, y))
    weight = np.ones(200)
    weight[splits[0][1]] = 0
    distiller = CooperativeDistiller(members, cv=splits, random_state=0)
    assert_works(distiller, X, y, sample_weight=weight)
    assert np.isfinite(distiller.scores_).all()


def test_a_frozen_member_of_other_labels_teaches_nobody(cancer):
    X, y = cancer
    foreign = GaussianNB().fit(X, np.where(y, "yes", "no"))
    members = [("foreign", FrozenEstimator(foreign)), ("bayes", GaussianNB())]
    distiller = CooperativeDistiller(members, validation=None)
    with pytest.warns(UserWarning, match="'foreign' knows none of the labels in `y`"):
        distiller.fit(X, y)
    assert distiller.transfer_matrix_.sum() == 0


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(one)


class RaisesUnpicklable(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        raise Unpicklable(1, 2)


def test_an_exception_that_cannot_travel(cancer):
    members = [("bad", RaisesUnpicklable()), ("bayes", GaussianNB())]
    distiller = CooperativeDistiller(members, on_failure="warn", n_jobs=2)
    with pytest.warns(sklearn.exceptions.FitFailedWarning, match="Unpicklable: 1"):
        distiller.fit(*cancer)


def test_stack_after_a_fit_without_it(members, cancer):
    distiller = CooperativeDistiller(members, combine="vote").fit(*cancer)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        distiller.set_params(combine="stack").predict(cancer[0])


# --- found by users -------------------------------------------------------------------


def test_another_combination_forgets_the_final_estimator(members, iris):
    distiller = CooperativeDistiller(members, random_state=0).fit(*iris)
    distiller.set_params(combine="vote").fit(*iris)
    assert not hasattr(distiller, "final_estimator_")


def test_decision_values_of_a_final_estimator_that_lacks_a_class(members, iris):
    X, y = (part[:104] for part in iris)  # four rows of class 2
    distiller = CooperativeDistiller(members, validation=0.05, random_state=0).fit(X, y)
    assert distiller.final_estimator_.classes_.tolist() == [0, 1]
    decision = distiller.decision_function(iris[0])
    assert decision.shape == (150, 3)
    assert np.array_equal(decision.argmax(axis=1), distiller.predict(iris[0]))


def test_a_hold_out_of_one_class_names_the_parameter(members, cancer):
    X, y = cancer
    rows = np.concatenate([np.flatnonzero(y == 1)[:80], np.flatnonzero(y == 0)[:4]])
    distiller = CooperativeDistiller(members, validation=0.05, random_state=0)
    with pytest.raises(ValueError, match=r"`validation`=0.05 .* one class only"):
        distiller.fit(X[rows], y[rows])


def test_labels_of_one_class(members, iris):
    with pytest.raises(
        ValueError, match="`y` must have at least 2 classes; got 1 class: 0"
    ):
        CooperativeDistiller(members).fit(iris[0][:50], iris[1][:50])


class Doubled(GaussianNB):
    """Gives twice the probabilities."""

    def predict_proba(self, X):
        return 2 * super().predict_proba(X)


def test_probabilities_that_are_none_name_the_member(iris):
    members = [("good", GaussianNB()), ("doubled", Doubled())]
    with pytest.raises(ValueError, match="Doubled must answer with prob") as found:
        CooperativeDistiller(members).fit(*iris)
    assert "Raised by the member 'doubled'." in found.value.__notes__


@pytest.mark.parametrize(
    ("member", "learns"),
    [
        (DecisionTreeClassifier(), True),
        (make_pipeline(StandardScaler(), DecisionTreeClassifier()), True),
        (DecisionTreeClassifier(class_weight={0: 1.0, 1: 2.0}), True),
        (DecisionTreeClassifier(class_weight="balanced"), False),
        (RandomForestClassifier(5, class_weight="balanced_subsample"), False),
        (make_pipeline(StandardScaler(), KNeighborsClassifier()), False),
    ],
)
def test_who_learns_shares_of_labels(cancer, member, learns):
    members = [("bayes", GaussianNB()), ("member", member)]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    lesson = distiller.fit(*cancer).pseudo_samples_.member
    assert len(lesson.y) > 0
    assert (lesson.target is not None) == learns
