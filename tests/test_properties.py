"""Any members, any table, any options: a fit succeeds, or an error says what to do.

``HYPOTHESIS_PROFILE=nightly`` tries many more.
"""

import os
import re
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import (
    BayesianRidge,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import KFold
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVR, LinearSVC
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
)

import sklearn_coopkd
from sklearn_coopkd import (
    CooperativeDistiller,
    CooperativeDistillerRegressor,
    InterpolationGenerator,
    QuintessentialGenerator,
    RawGenerator,
)

IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
examples = settings(
    max_examples=1000 if IS_NIGHTLY else 50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

CLASSIFIERS = {
    "logistic": LogisticRegression(max_iter=50),
    "tree": DecisionTreeClassifier(),
    "stump": DecisionTreeClassifier(max_depth=1),
    "random_tree": ExtraTreeClassifier(),
    "forest": RandomForestClassifier(4),
    "boosting": HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2),
    "ada": AdaBoostClassifier(n_estimators=3),
    "bayes": GaussianNB(),
    "flags": BernoulliNB(),
    "neighbor": KNeighborsClassifier(1),
    "centroid": NearestCentroid(),
    "ridge": RidgeClassifier(),
    "perceptron": Perceptron(max_iter=20),
    "svm": LinearSVC(max_iter=50),
    "lda": LinearDiscriminantAnalysis(),
    "dummy": DummyClassifier(),
}
REGRESSORS = {
    "ridge": Ridge(),
    "bayes": BayesianRidge(),
    "tree": DecisionTreeRegressor(),
    "stump": DecisionTreeRegressor(max_depth=1),
    "trees": ExtraTreesRegressor(4),
    "boosting": HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=2),
    "neighbor": KNeighborsRegressor(1),
    "svm": SVR(),
    "dummy": DummyRegressor(),
}


def as_numbers(X):
    """What a member makes of any table: moderate numbers, each row by itself."""
    if sparse.issparse(X):
        return X
    if isinstance(X, pd.DataFrame):
        X = X.apply(lambda c: c if c.dtype.kind in "iufb" else c.astype(str).map(ord))
    with np.errstate(over="ignore"):
        return np.clip(np.nan_to_num(np.asarray(X, dtype=np.float64)), -1e6, 1e6)


@st.composite
def tables(draw, y):
    """A table that has something to do with y, in a container, with odd columns."""
    n = len(y)
    rng = np.random.RandomState(draw(st.integers(0, 999)))
    codes = np.unique(y, return_inverse=True)[1]
    columns = {"signal": codes + rng.normal(0, draw(st.sampled_from([0.1, 1, 5])), n)}
    odd = {
        "noise": rng.normal(0, 1, n),
        "constant": np.full(n, 3.0),
        "again": columns["signal"],
        "huge": rng.normal(0, 1, n) * 1e150,
        "tiny": rng.normal(0, 1, n) * 1e-150,
        "few": rng.randint(0, 2, n).astype(float),
        "gaps": np.where(rng.rand(n) < 0.4, np.nan, codes + rng.normal(0, 1, n)),
        "all_gaps": np.full(n, np.nan),
    }
    for name in draw(st.lists(st.sampled_from(sorted(odd)), unique=True, max_size=4)):
        columns[name] = odd[name]
    kind = draw(st.sampled_from(["array", "array", "frame", "csr"]))
    X = pd.DataFrame(columns)
    if kind == "frame":
        X["whole"] = rng.randint(0, 9, n)
        X["kind"] = pd.Categorical(np.array(list("abc"))[rng.randint(0, 3, n)])
        X["text"] = np.array(["u", "v"], dtype=object)[
            (codes + rng.randint(0, 2, n)) % 2
        ]
        X.index = rng.permutation(n) + 10
        return X
    if kind == "csr":
        dense = np.nan_to_num(np.clip(X.to_numpy(), -1e3, 1e3))
        return sparse.csr_array(np.where(np.abs(dense) < 0.3, 0.0, dense))
    return X.to_numpy()


@st.composite
def labels(draw):
    """Two to four classes, some of them rare."""
    counts = draw(st.lists(st.integers(1, 18), min_size=2, max_size=4))
    names = draw(
        st.sampled_from(
            [[0, 1, 2, 3], [-1, 5, 7, 9], ["no", "yes", "so", ""], [False, True]]
        )
    )[: len(counts)]
    y = np.repeat(names, counts[: len(names)])
    return np.random.RandomState(draw(st.integers(0, 99))).permutation(y)


@st.composite
def numbers(draw):
    """Numbers of any size, some of them equal, some far away."""
    n = draw(st.integers(2, 40))
    rng = np.random.RandomState(draw(st.integers(0, 99)))
    y = rng.normal(0, 1, n).round(draw(st.integers(0, 3)))
    if draw(st.booleans()):
        y[: n // 10] *= 50
    return y * draw(st.sampled_from([1.0, 1e-6, 1e6])) + draw(st.sampled_from([0, 1e3]))


def generators():
    return st.one_of(
        st.none(),
        st.builds(
            QuintessentialGenerator,
            alpha=st.sampled_from([0.1, 0.5, 1.0]),
            method=st.sampled_from(["segment", "swap"]),
        ),
        st.just(InterpolationGenerator()),
        st.just(RawGenerator()),
    )


@st.composite
def options(draw):
    """Parameters of a distiller."""
    return {
        "combine": draw(st.sampled_from(["stack", "vote", "best"])),
        "deficiency": draw(st.sampled_from(["error", "margin", "auto"])),
        "peer_selection": draw(st.sampled_from(["best", "all", "auto"])),
        "soft_targets": draw(st.sampled_from([True, False, "auto"])),
        "max_iter": draw(st.integers(0, 2)),
        "validation": draw(st.sampled_from(["cross-fit", None, 0.4])),
        "cv": draw(st.sampled_from([2, 3, KFold(2, shuffle=True, random_state=0)])),
        "pseudo_weight": draw(st.sampled_from([0.3, 1.0, 4.0])),
        "max_pseudo": draw(st.sampled_from([None, 0.2, 1.0])),
        "generator": draw(generators()),
        "tol": draw(st.sampled_from([0.0, 0.05])),
    }


def build(draw, kind, pool):
    """A distiller with members out of a pool."""
    names = draw(
        st.lists(st.sampled_from(sorted(pool)), unique=True, min_size=1, max_size=3)
    )
    members = [
        (name, make_pipeline(FunctionTransformer(as_numbers), clone(pool[name])))
        for name in names
    ]
    return kind(members, random_state=draw(st.integers(0, 9)), **draw(options()))


@st.composite
def fits(draw, kind=None):
    """A distiller, a table, y, and what else `fit` is given."""
    is_classifier = draw(st.booleans()) if kind is None else kind == "classifier"
    if is_classifier:
        distiller = build(draw, CooperativeDistiller, CLASSIFIERS)
        y = draw(labels())
    else:
        distiller = build(draw, CooperativeDistillerRegressor, REGRESSORS)
        y = draw(numbers())
    X = draw(tables(y))
    rng = np.random.RandomState(draw(st.integers(0, 99)))
    params = {}
    extra = draw(st.sampled_from(["none", "none", "sites", "views", "weights"]))
    names = [name for name, _ in distiller.estimators]
    if extra == "sites":
        params["sites"] = np.array(names)[rng.randint(0, len(names), len(y))]
    elif extra == "views" and not sparse.issparse(X):
        distiller.set_params(views={names[0]: [0]})
    elif extra == "weights":
        params["sample_weight"] = rng.randint(0, 3, len(y)).astype(float)
    return distiller, X, y, params


# where members are asked: the last line of ours before what a member raises
ASKS_A_MEMBER = re.compile(r"\.(fit|predict\w*)\(|\(estimator, method\)")


def is_ours(error):
    """Whether an error was raised on purpose, or by a member, and says so.

    On purpose: by a `raise` of ours, which is neither in a library nor in C.
    """
    frames = traceback.extract_tb(error.__traceback__)
    package = Path(sklearn_coopkd.__file__).parent
    ours = [k for k, f in enumerate(frames) if Path(f.filename).is_relative_to(package)]
    line = frames[ours[-1]].line if ours else ""
    is_told = isinstance(error, (ValueError, TypeError))
    if is_told and line.startswith("raise") and ours[-1] == len(frames) - 1:
        return True
    notes = getattr(error, "__notes__", [])
    is_named = any("Raised by the member" in note for note in notes)
    return is_named and ASKS_A_MEMBER.search(line) is not None


def fitted(distiller, X, y, params):
    """Fit, or give None after an error of ours; nothing of the caller's is changed."""
    kept = X.copy(), y.copy(), {name: v.copy() for name, v in params.items()}
    raised = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # members' own
            distiller.fit(X, y, **params)
    except Exception as error:
        raised = error
    check_ours(raised)
    same(X, kept[0])
    assert (y == kept[1]).all()
    assert all((params[name] == kept[2][name]).all() for name in params)
    return distiller if raised is None else None


def check_ours(error):
    assert error is None or is_ours(error), "".join(traceback.format_exception(error))


def same(X, other):
    """Two tables are the same."""
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(X, other)
    elif sparse.issparse(X):
        assert (other != X).nnz == 0
    else:
        np.testing.assert_array_equal(X, other)


def ask(method, X):
    """What a method answers; None if a member cannot, and the error says which."""
    raised = answer = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = method(X)
    except Exception as error:
        raised = error
    check_ours(raised)
    return answer


@examples
@given(fits())
def test_a_fit_succeeds_or_says_why(case):
    distiller, X, y, params = case
    if fitted(distiller, X, y, params) is None:
        return
    n = len(y)
    predicted = ask(distiller.predict, X)
    if predicted is None:  # a member gave up, with NaN, on all its rows
        return
    assert predicted.shape == (n,)
    if isinstance(distiller, CooperativeDistiller):
        assert set(predicted.tolist()) <= set(distiller.classes_.tolist())
        if hasattr(distiller, "predict_proba"):
            proba = ask(distiller.predict_proba, X)
            if proba is None:  # the best student has labels, but NaN for probabilities
                return
            assert proba.shape == (n, len(distiller.classes_))
            assert (proba >= 0).all()
            np.testing.assert_allclose(proba.sum(axis=1), 1)
    else:
        assert np.isfinite(predicted).all()
    answers = ask(distiller.transform, X)
    assert answers is None or np.isfinite(answers).all()
    # the gate: who was accepted scored better, by more than `tol`
    for record in distiller.history_:
        if record["accepted"] and distiller.validation is not None:
            assert record["score_after"] > record["score_before"] + distiller.tol
    # what is kept was counted, and nobody taught itself
    kept = [len(samples.y) for samples in distiller.pseudo_samples_.values()]
    assert distiller.transfer_matrix_.sum(axis=0).tolist() == kept
    assert not distiller.transfer_matrix_.diagonal().any()


@examples
@given(fits())
def test_a_fit_repeats_itself(case):
    distiller, X, y, params = case
    again = clone(distiller)
    if fitted(distiller, X, y, params) is None:
        assert fitted(again, X, y, params) is None
        return
    assert fitted(again, X, y, params) is not None
    assert repr(again.history_) == repr(distiller.history_)
    np.testing.assert_array_equal(ask(distiller.transform, X), ask(again.transform, X))
    np.testing.assert_array_equal(ask(distiller.predict, X), ask(again.predict, X))


@examples
@given(fits("classifier"))
def test_names_of_classes_do_not_matter(case):
    distiller, X, y, params = case
    codes = np.unique(y, return_inverse=True)[1]
    renamed = clone(distiller)
    if fitted(distiller, X, y, params) is None:
        return
    fitted(renamed, X, 10 * codes - 7, params)
    assert repr(renamed.history_) == repr(distiller.history_)
    np.testing.assert_array_equal(
        ask(distiller.transform, X), ask(renamed.transform, X)
    )


DETERMINISTIC = ["logistic", "bayes", "flags", "stump", "ridge", "dummy", "centroid"]


@examples
@given(st.data())
def test_the_order_of_members_does_not_matter(data):
    """Members have seeds by position: only those without a seed are compared."""
    pool = {name: CLASSIFIERS[name] for name in DETERMINISTIC}
    pool["stump"] = DecisionTreeClassifier(max_depth=1, random_state=0)
    pool["ridge"] = RidgeClassifier(solver="cholesky")
    pool["logistic"] = LogisticRegression(max_iter=50, random_state=0)
    distiller = build(data.draw, CooperativeDistiller, pool)
    # of equally sure teachers the first one is taken, and a cap draws among samples
    distiller.set_params(peer_selection="all", max_pseudo=None, combine="vote")
    y = data.draw(labels())
    X = data.draw(tables(y))
    turned = clone(distiller).set_params(estimators=distiller.estimators[::-1])
    if fitted(distiller, X, y, {}) is None:
        return
    assert fitted(turned, X, y, {}) is not None
    for name, student in distiller.named_estimators_.items():
        other = turned.named_estimators_[name]
        np.testing.assert_array_equal(ask(student.predict, X), ask(other.predict, X))
        one, two = distiller.pseudo_samples_[name], turned.pseudo_samples_[name]
        assert sorted(one.source) == sorted(two.source)


@examples
@given(st.data())
def test_a_weight_of_two_is_a_row_twice(data):
    """For members that honour weights, without folds that would part the two rows."""
    pool = {"bayes": GaussianNB(), "tree": DecisionTreeClassifier(random_state=0)}
    pool["logistic"] = LogisticRegression(max_iter=2000, tol=1e-8)
    pool = {
        name: make_pipeline(FunctionTransformer(as_numbers), m)
        for name, m in pool.items()
    }
    y = np.repeat([0, 1, 2], data.draw(st.tuples(*[st.integers(6, 12)] * 3)))
    rng = np.random.RandomState(data.draw(st.integers(0, 99)))
    X = y[:, None] + rng.normal(0, 1, (len(y), 2))
    weight = rng.randint(1, 3, len(y))
    fold = rng.permutation(len(y)) % 2
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in (0, 1)]
    rows = np.repeat(np.arange(len(y)), weight)
    twice = [
        (np.flatnonzero(fold[rows] != k), np.flatnonzero(fold[rows] == k))
        for k in (0, 1)
    ]
    # rows as they are: what other generators make depends on how far apart rows are
    params = {"generator": RawGenerator(), "soft_targets": data.draw(st.booleans())}
    params |= {"validation": None, "combine": "vote", "random_state": 0, "max_iter": 1}
    weighted = CooperativeDistiller(list(pool.items()), cv=splits, **params)
    repeated = CooperativeDistiller(list(pool.items()), cv=twice, **params)
    if fitted(weighted, X, y, {"sample_weight": weight.astype(float)}) is None:
        return
    assert fitted(repeated, X[rows], y[rows], {}) is not None
    assert weighted.n_iter_ == repeated.n_iter_
    # soft labels are cut to 256ths
    atol_of_students = 0.02 if params["soft_targets"] else 1e-3
    of_members = ("initial_estimators_", 1e-4)
    for attribute, atol in (of_members, ("estimators_", atol_of_students)):
        for one, two in zip(getattr(weighted, attribute), getattr(repeated, attribute)):
            np.testing.assert_allclose(
                ask(one.predict_proba, X), ask(two.predict_proba, X), atol=atol
            )


def test_the_judge_of_errors_sees_a_foreign_one(monkeypatch):
    def bug(*_):
        return np.zeros(3).reshape(2, 2)

    X, y = np.arange(4.0)[:, None] ** 2, np.array([0, 1, 0, 1])
    members = [("a", GaussianNB()), ("b", LogisticRegression())]
    distiller = CooperativeDistiller(members, cv=2, validation=None)
    with pytest.raises(ValueError, match="at least 2 classes") as found:
        distiller.fit(X, np.zeros(4))
    assert is_ours(found.value)
    # one of ours that is no member's fault, in Python and in C
    for name in ("_fitting.take_rows", "_rounds.make_plan", "_fitting.index_params"):
        with monkeypatch.context() as patched:
            patched.setattr(f"sklearn_coopkd.{name}", bug)
            with pytest.raises(ValueError, match="cannot reshape") as foreign:
                distiller.fit(X, y)
            assert not is_ours(foreign.value), name
    in_c = compile("bug(3).reshape(2, 2)", sklearn_coopkd.__file__, "exec")
    with pytest.raises(ValueError, match="cannot reshape") as foreign:
        exec(in_c, {"bug": np.zeros})
    assert not is_ours(foreign.value)
    members[1] = ("b", LogisticRegression(C=-1))
    with pytest.raises(ValueError, match="'C'") as of_member:
        CooperativeDistiller(members, cv=2, validation=None).fit(X, y)
    assert is_ours(of_member.value)
