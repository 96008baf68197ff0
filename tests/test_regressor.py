"""Regressors that teach each other: what differs from classes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor, StackingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeCV,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_coopkd import (
    CooperativeDistillerRegressor,
    InterpolationGenerator,
    QuintessentialGenerator,
    RawGenerator,
    learn,
    make_lessons,
)
from sklearn_coopkd._pool import SHRINKAGE, _local_error, fit_linear_pool
from sklearn_coopkd._responses import numbers
from sklearn_coopkd._soft_labels import POOL_SHARE
from sklearn_coopkd._tasks import Regression, closeness


def make_regressors():
    return [
        ("ridge", Ridge()),
        ("tree", DecisionTreeRegressor(max_depth=5, random_state=0)),
        ("neighbors", KNeighborsRegressor()),
    ]


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X[:240], y[:240]


def rmse(model, X, y):
    return np.sqrt(np.mean((model.predict(X) - y) ** 2))


# --- what an answer is worth ----------------------------------------------------------


def test_closeness_halves_with_each_typical_error():
    found = closeness(np.array([3.0, 5.0, 1.0, 3.0]), np.array([3.0, 3, 3, 9]), 2.0)
    assert found.tolist() == [1.0, 0.5, 0.5, 0.125]


def test_right_is_an_error_of_at_most_the_median_of_all_members():
    # errors of two members: 0, 2, 4 and 1, 3, 100; the median counts one outlier once
    answers = np.array([[[10.0], [12.0], [14.0]], [[9.0], [7.0], [110.0]]])
    truth = np.full(3, 10.0)
    assessed = Regression().assess(answers, truth, None)
    assert assessed.right.tolist() == [[True, True, False], [True, False, False]]
    np.testing.assert_allclose(assessed.confidence[0], [1.0, 0.5, 0.25])
    # the last row as often as the two others together: the fourth error of six
    assessed = Regression().assess(answers, truth, np.array([1.0, 1.0, 4.0]))
    assert assessed.right[0].all()


def test_errors_of_nothing():
    exact = Regression().assess(np.zeros((2, 4, 1)), np.zeros(4), None)
    assert exact.right.all()
    nobody = Regression().assess(np.zeros((2, 0, 1)), np.zeros(0), None)
    assert nobody.right.shape == (2, 0)


def test_errors_are_compared_among_rows_with_similar_predictions():
    predicted = np.repeat([1.0, 9.0], 4)
    residual = np.array([1.0, -1.0, 1.0, 1.0, 2.0, -4.0, 0.0, 2.0])
    expected = np.repeat([1.0, np.sqrt(6.0)], 4)
    weight = np.ones(8)
    np.testing.assert_allclose(_local_error(predicted, residual, weight), expected)
    # where nothing is left, a tenth of the error of all rows
    residual[:4] = 0.0
    expected = np.repeat([0.1 * np.sqrt(3.0), np.sqrt(6.0)], 4)
    np.testing.assert_allclose(_local_error(predicted, residual, weight), expected)


def test_the_linear_pool_is_the_penalised_optimum():
    """Of rows of two levels, each with the error of its own."""
    rng = np.random.RandomState(0)
    y = np.repeat([100.0, 200.0], 20) + rng.randn(40)
    first = y + np.tile([1.0, -1.0], 20) * np.repeat([1.0, 5.0], 20)
    predictions = np.array([first, y + 2 * rng.randn(40), 150 + rng.randn(40)])
    given = rng.rand(40)

    def best(weight):
        center = np.average(y, weights=weight)
        plain = np.average((y - predictions.mean(axis=0)) ** 2, weights=weight)
        of_three = np.average((y - predictions) ** 2, axis=1, weights=weight)
        drawn_by = min(plain, np.median(of_three))

        def loss(w):
            error = y - center - w @ (predictions - center)
            held = ((w - 1 / 3) ** 2).sum()
            return (weight * error**2).sum() / (2 * drawn_by) + SHRINKAGE * held

        bounds = [(0, None)] * 3
        found = minimize(loss, np.full(3, 1 / 3), bounds=bounds, tol=1e-12).x
        return found, center + found @ (predictions - center)

    _, pooled = best(given)
    error = _local_error(pooled, y - pooled, given)
    assert error.max() > 1.5 * error.min()
    surer = given / error
    expected, pooled = best(surer * given.sum() / surer.sum())
    pool = fit_linear_pool(predictions, y, given)
    np.testing.assert_allclose(pool.weights, expected, atol=1e-4)
    np.testing.assert_allclose(pool(predictions), pooled, atol=1e-2)
    # members that agree with y leave nothing to fit
    assert fit_linear_pool(np.tile(y, (2, 1)), y).weights.tolist() == [0.5, 0.5]


# --- the counterfactual of a regressor ------------------------------------------------


class Linear(RegressorMixin, BaseEstimator):
    """Predicts the first column."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.asarray(X, dtype=float)[:, 0]


@pytest.mark.parametrize("method", ["segment", "swap"])
@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_a_share_alpha_of_the_error_is_removed(alpha, method):
    """``|y - f(x')| <= (1 - alpha) |y - f(x)|``, as the paper's target says."""
    rng = np.random.RandomState(0)
    X = rng.randn(60, 2)
    y = X[:, 0] + rng.randn(60)
    made = QuintessentialGenerator(alpha=alpha, method=method).generate(
        Linear(), X[:20], y[:20], X[20:], y[20:], random_state=0
    )
    before = np.abs(y[:20] - X[:20, 0])
    after = np.abs(y[:20] - made.X_pseudo[:, 0])
    reached = after <= (1 - alpha) * before + 1e-12
    assert made.success.sum() > 5
    assert reached[made.success].all()
    assert np.isnan(made.proba).all()
    pool = {row.tobytes() for row in X}
    assert not any(row.tobytes() in pool for row in made.X_pseudo[made.success])


def test_the_way_of_a_counterfactual_by_hand():
    # the error is 2 at 0 and 0 at the anchor: half of it is gone half the way
    made = QuintessentialGenerator(alpha=0.5).generate(
        Linear(), np.array([[0.0]]), np.array([2.0]), np.array([[2.0]]), np.array([2.0])
    )
    assert made.X_pseudo.tolist() == [[1.0]]
    # an anchor of another outcome is none: the teacher is as wrong there
    made = QuintessentialGenerator(alpha=0.5).generate(
        Linear(), np.array([[0.0]]), np.array([2.0]), np.array([[4.5]]), np.array([4.0])
    )
    assert made.success.tolist() == [True]  # on the way there it is right
    assert made.X_pseudo[0, 0] == pytest.approx(4.5 / 4)


@pytest.mark.parametrize(
    "container",
    [
        np.asarray,
        lambda X: pd.DataFrame(X, columns=list("abcdefghij")),
        lambda X: pl.DataFrame(X, schema=list("abcdefghij"), orient="row"),
        sparse.csr_array,
    ],
    ids=["array", "pandas", "polars", "csr"],
)
@pytest.mark.parametrize(
    "generator",
    [None, QuintessentialGenerator(method="swap"), InterpolationGenerator(),
     RawGenerator()],
    ids=["segment", "swap", "interpolation", "raw"],
)  # fmt: skip
def test_containers_and_generators(container, generator, diabetes):
    X, y = diabetes
    X = container(X)
    before = X.copy() if hasattr(X, "copy") else X.clone()
    distiller = CooperativeDistillerRegressor(
        make_regressors(), generator=generator, validation=None, random_state=0
    ).fit(X, y)
    assert distiller.predict(X).shape == (240,)
    assert distiller.transform(X).shape == (240, 3)
    assert distiller.transfer_matrix_.sum() > 10
    lesson = distiller.pseudo_samples_.tree
    assert type(lesson.X) is type(X)
    same = (before != X).nnz == 0 if sparse.issparse(X) else np.array_equal(X, before)
    assert same


# --- the estimator --------------------------------------------------------------------


def test_a_stacking_call_works_after_changing_the_name(diabetes):
    X, y = diabetes
    call = {"estimators": make_regressors(), "final_estimator": Ridge(), "cv": 3}
    call |= {"n_jobs": 1, "verbose": 0}
    theirs = StackingRegressor(**call).fit(X, y)
    ours = CooperativeDistillerRegressor(**call, random_state=0).fit(X, y)
    assert ours.predict(X).shape == theirs.predict(X).shape
    assert ours.transform(X).shape == theirs.transform(X).shape
    names = ours.get_feature_names_out().tolist()
    assert names == [
        "cooperativedistillerregressor_ridge",
        "cooperativedistillerregressor_tree",
        "cooperativedistillerregressor_neighbors",
    ]
    assert not hasattr(ours, "predict_proba")
    assert not hasattr(ours, "classes_")


def test_without_rounds_it_is_stacking(diabetes):
    X, y = diabetes
    folds = KFold(4, shuffle=True, random_state=0)
    ours = CooperativeDistillerRegressor(
        make_regressors(), RidgeCV(), cv=folds, max_iter=0
    )
    theirs = StackingRegressor(make_regressors(), cv=folds)
    np.testing.assert_allclose(ours.fit(X, y).predict(X), theirs.fit(X, y).predict(X))


@pytest.mark.parametrize("combine", ["vote", "best"])
def test_other_combinations(combine, diabetes):
    X, y = diabetes
    distiller = CooperativeDistillerRegressor(
        make_regressors(), combine=combine, random_state=0
    ).fit(X, y)
    answers = np.array([student.predict(X) for student in distiller.estimators_])
    expected = answers.mean(axis=0)
    if combine == "best":
        expected = answers[np.argmax(distiller.scores_)]
    np.testing.assert_allclose(distiller.predict(X), expected)


def test_students_learn_what_members_without_their_rows_predict(diabetes):
    """A quarter of y and three quarters of the pooled cross-validated predictions."""
    X, y = diabetes
    weight = 1.0 + np.arange(len(y)) % 3
    members = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=4))]
    members[1][1].set_params(random_state=0)
    distiller = CooperativeDistillerRegressor(
        members, cv=KFold(3), validation=None, random_state=0
    ).fit(X, y, weight)
    held_out = np.zeros((2, len(y)))
    for train, test in KFold(3).split(X):
        for k, (_, model) in enumerate(members):
            fitted = clone(model).fit(X[train], y[train], weight[train])
            held_out[k, test] = fitted.predict(X[test])
    pool = fit_linear_pool(held_out, y, weight)
    expected = (1 - POOL_SHARE) * y + POOL_SHARE * pool(held_out)
    np.testing.assert_allclose(distiller.soft_labels_.ridge[:, 0], expected)
    # and of a pseudo-sample the same, by models without its source
    lesson = distiller.pseudo_samples_.tree
    assert len(lesson.y) > 3
    for train, test in KFold(3).split(X):
        made = np.isin(lesson.source, test)
        answers = [
            clone(model).fit(X[train], y[train], weight[train]).predict(lesson.X[made])
            for _, model in members
        ]
        label = (1 - POOL_SHARE) * lesson.y[made] + POOL_SHARE * pool(np.array(answers))
        np.testing.assert_allclose(lesson.target[made, 0], label)
    # the student is a model of exactly this
    student = clone(members[1][1]).fit(
        np.vstack([X, lesson.X]),
        np.concatenate([expected, lesson.target[:, 0]]),
        np.concatenate([weight, lesson.weight]),
    )
    np.testing.assert_allclose(
        distiller.named_estimators_.tree.predict(X), student.predict(X)
    )


def test_only_peers_that_are_clearly_closer_teach(diabetes):
    X, y = diabetes
    members = make_regressors()
    distiller = CooperativeDistillerRegressor(
        members, cv=KFold(3), validation=None, peer_selection="all", random_state=0
    ).fit(X, y)
    held_out = np.array([cross_val_predict(m, X, y, cv=KFold(3)) for _, m in members])
    error = np.abs(held_out - y)
    close = 2.0 ** (-error / np.median(error))
    names = [name for name, _ in members]
    n_lessons = 0
    for j, name in enumerate(names):
        lesson = distiller.pseudo_samples_[name]
        for teacher, source in zip(lesson.teacher, lesson.source):
            i = names.index(teacher)
            assert close[i, source] >= 0.5
            assert close[i, source] - close[j, source] >= 0.25 - 1e-9
            n_lessons += 1
    assert n_lessons > 50


def test_students_come_out_better_on_rows_that_nobody_saw():
    X, y = load_diabetes(return_X_y=True)
    gains = []
    for train, test in KFold(3, shuffle=True, random_state=0).split(X):
        distiller = CooperativeDistillerRegressor(make_regressors(), random_state=0)
        distiller.fit(X[train], y[train])
        pairs = zip(distiller.initial_estimators_, distiller.estimators_)
        gains.append(
            [rmse(a, X[test], y[test]) / rmse(b, X[test], y[test]) for b, a in pairs]
        )
    of_member = np.mean(gains, axis=0)
    assert (of_member < 1.01).all()
    assert of_member[1] < 0.95  # the tree


class Kept(RegressorMixin, BaseEstimator):
    """A final estimator that remembers what it was fitted with; predicts the mean."""

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        return self

    def predict(self, X):
        self.asked_ = X
        return X.mean(axis=1)


def test_the_stack_asks_students(diabetes):
    X, y = diabetes
    distiller = CooperativeDistillerRegressor(
        make_regressors(), Kept(), cv=KFold(3), max_iter=2, random_state=0
    ).fit(X, y)
    assert distiller.transfer_matrix_.any()
    distiller.predict(X)
    after = [model.predict(X) for model in distiller.estimators_]
    np.testing.assert_allclose(distiller.final_estimator_.asked_, np.transpose(after))
    # the vote is that of the students, too
    mean = distiller.set_params(combine="vote").predict(X)
    np.testing.assert_allclose(mean, np.mean(after, axis=0))


def test_the_result_does_not_depend_on_how_rows_are_sorted(diabetes):
    X, y = diabetes
    X, y = X[np.unique(y, return_index=True)[1]], np.unique(y)  # sorted by y
    shuffled = np.random.RandomState(0).permutation(len(y))
    members = [("ridge", Ridge()), ("neighbors", KNeighborsRegressor())]
    found = [
        CooperativeDistillerRegressor(members, max_iter=0).fit(X[rows], y[rows])
        for rows in (np.arange(len(y)), shuffled)
    ]
    np.testing.assert_allclose(found[0].scores_, found[1].scores_, rtol=0.02)
    np.testing.assert_allclose(found[0].predict(X), found[1].predict(X), rtol=0.02)
    # folds of neighbours in y would leave the range to guess
    split = CooperativeDistillerRegressor(members, max_iter=0, cv=KFold(3)).fit(X, y)
    assert (split.scores_ < 1.2 * found[0].scores_).all()


@pytest.mark.parametrize("validation", ["cross-fit", None])
@pytest.mark.parametrize("case", ["time series", "no weight"])
def test_folds_without_rows_to_learn_from(case, validation, diabetes):
    X, y = diabetes
    weight, cv = None, TimeSeriesSplit(3)
    if case == "no weight":  # in all that the first two folds leave
        weight, cv = np.where(np.arange(len(y)) < 160, 1.0, 0.0), KFold(3)
    distiller = CooperativeDistillerRegressor(
        make_regressors(), cv=cv, validation=validation, random_state=0
    ).fit(X, y, weight)
    assert np.isfinite(distiller.predict(X)).all()
    assert rmse(distiller, X[:80], y[:80]) < y[:80].std()


@pytest.mark.parametrize("validation", ["cross-fit", 0.25])
def test_the_gate_keeps_no_student_with_a_worse_score(validation, diabetes):
    X, y = diabetes
    distiller = CooperativeDistillerRegressor(
        make_regressors(), validation=validation, max_iter=2, random_state=0
    ).fit(X, y)
    kept = [record for record in distiller.history_ if record["accepted"]]
    assert all(record["score_after"] > record["score_before"] for record in kept)
    left = [record for record in distiller.history_ if not record["accepted"]]
    assert left
    assert kept or validation == 0.25  # 60 rows are few to be sure of it


def test_rows_without_weight_are_no_rows(diabetes):
    X, y = diabetes
    log = TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp)
    tree = DecisionTreeRegressor(max_depth=3)
    members = [("ridge", Ridge()), ("tree", tree), ("log", make_pipeline(log))]
    rows = np.arange(len(y)) % 5 > 0
    splits = [
        (
            np.flatnonzero(np.arange(len(y)) % 3 != k),
            np.flatnonzero(np.arange(len(y)) % 3 == k),
        )
        for k in range(3)
    ]
    whole = CooperativeDistillerRegressor(members, cv=splits, random_state=0)
    whole.fit(X, y, rows.astype(float))
    position = np.cumsum(rows) - 1
    kept = [tuple(position[part[rows[part]]] for part in pair) for pair in splits]
    part = CooperativeDistillerRegressor(members, cv=kept, random_state=0)
    part.fit(X[rows], y[rows], np.ones(rows.sum()))
    assert whole.transfer_matrix_.tolist() == part.transfer_matrix_.tolist()
    np.testing.assert_allclose(whole.predict(X), part.predict(X))


def test_frozen_members_teach_and_are_never_refitted(diabetes):
    X, y = diabetes
    forest = RandomForestRegressor(20, random_state=0).fit(
        *load_diabetes(return_X_y=True)
    )
    members = [*make_regressors(), ("frozen", FrozenEstimator(forest))]
    distiller = CooperativeDistillerRegressor(
        members, validation=None, random_state=0
    ).fit(X, y)
    assert distiller.named_estimators_.frozen.estimator is forest
    assert distiller.transfer_matrix_[3].sum() > 0
    lesson = distiller.pseudo_samples_.ridge
    of_frozen = lesson.teacher == "frozen"
    assert of_frozen.any()
    np.testing.assert_allclose(
        lesson.target[of_frozen, 0], forest.predict(lesson.X[of_frozen])
    )


def test_members_of_all_kinds(diabetes):
    X, y = diabetes
    members = [
        ("pipeline", make_pipeline(StandardScaler(), Ridge())),
        ("search", GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2)),
        (
            "scaled",
            TransformedTargetRegressor(
                KNeighborsRegressor(), transformer=StandardScaler()
            ),
        ),
        ("nested", CooperativeDistillerRegressor(make_regressors(), random_state=0)),
    ]
    distiller = CooperativeDistillerRegressor(members, validation=None, random_state=0)
    distiller.fit(X, y)
    assert all(lesson is not None for lesson in distiller.soft_labels_.values())


def test_grid_search_groups_and_one_result_for_any_n_jobs(diabetes):
    X, y = diabetes
    search = GridSearchCV(
        make_pipeline(
            StandardScaler(),
            CooperativeDistillerRegressor(make_regressors(), random_state=0),
        ),
        {"cooperativedistillerregressor__validation": ["cross-fit", None]},
        cv=2,
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    groups = np.arange(len(y)) // 10
    answers = [
        CooperativeDistillerRegressor(
            make_regressors(), cv=GroupKFold(3), n_jobs=n_jobs, random_state=0
        ).fit(X, y, groups=groups).predict(X)
        for n_jobs in (1, 2)
    ]  # fmt: skip
    assert np.array_equal(*answers)
    with pytest.raises(ValueError, match="`groups` would not be used: `cv`=None"):
        CooperativeDistillerRegressor(make_regressors()).fit(X, y, groups=groups)


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ({"estimators": [("a", "drop")]}, None, "are 'drop'"),
        ({}, [np.nan] * 240, "NaN"),
        ({}, [1.0] * 239, "same number of rows"),
        (
            {},
            ["a"] * 240,
            "`y` must hold numbers; got 'a'. For labels take classifiers",
        ),
        ({}, ["2026-01-01"] * 240, "`y` must hold numbers; got '2026-01-01'"),
        ({}, np.arange(240).astype("M8[D]"), r"`y` must hold numbers; got .*1970"),
        ({}, [1, None] * 120, "NaN"),
        ({"scoring": "roc_auc"}, None, "`scoring`='roc_auc' cannot score"),
        ({"scoring": lambda *_: np.nan}, None, "`scoring` must return a number; got n"),
        ({"cv": 500}, None, "must not exceed the number of rows; got 500 folds of 240"),
    ],
)
def test_bad_input(params, y, message, diabetes):
    X, target = diabetes
    distiller = CooperativeDistillerRegressor(make_regressors()).set_params(**params)
    with pytest.raises(ValueError, match=message):
        distiller.fit(X, target if y is None else y)


def test_members_must_be_regressors(diabetes):
    members = [("ridge", Ridge()), ("logistic", LogisticRegression())]
    with pytest.raises(ValueError, match=r"'logistic'.*must be a regressor"):
        CooperativeDistillerRegressor(members).fit(*diabetes)
    distiller = CooperativeDistillerRegressor(make_regressors(), LogisticRegression())
    with pytest.raises(ValueError, match="`final_estimator` must be a regressor"):
        distiller.fit(*diabetes)


class Strange(LinearRegression):
    """Predicts what it should not."""

    def __init__(self, answer=np.nan):
        super().__init__()
        self.answer = answer

    def predict(self, X):
        found = super().predict(X)
        return found[:-1] if self.answer is None else found * self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [(np.nan, "finite numbers; got"), (None, "one number per row")],
)
def test_what_a_member_predicts_is_checked(answer, message, diabetes):
    members = [("ridge", Ridge()), ("strange", Strange(answer))]
    with pytest.raises(ValueError, match=message) as info:
        CooperativeDistillerRegressor(members).fit(*diabetes)
    assert "'strange'" in info.value.__notes__[0]


def test_a_forest_is_asked_tree_by_tree_with_the_same_answer(diabetes, monkeypatch):
    X, y = diabetes
    forest = make_pipeline(StandardScaler(), RandomForestRegressor(10, random_state=0))
    expected = forest.fit(X, y).predict(X)
    monkeypatch.setattr(RandomForestRegressor, "predict", None)
    assert np.array_equal(numbers(forest, X)[:, 0], expected)
    assert numbers(RidgeCV().fit(X, y[:, None]), X).shape == (240, 1)


# --- sites ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lacking():
    """Two sites of one law; the first has no row of the upper half of the target."""
    rng = np.random.RandomState(0)
    X = rng.rand(400, 2) * 4
    y = X[:, 0] ** 2 + X[:, 1] + 0.3 * rng.randn(400)
    site = np.where((y < np.median(y)) & (rng.rand(400) < 0.7), "low", "all")
    X_test = rng.rand(500, 2) * 4
    return X, y, site, X_test, X_test[:, 0] ** 2 + X_test[:, 1]


def _site_members():
    return [
        ("low", DecisionTreeRegressor(min_samples_leaf=5, random_state=0)),
        ("all", KNeighborsRegressor(5)),
    ]


def test_a_site_learns_a_range_that_it_never_saw(lacking):
    X, y, site, X_test, y_test = lacking
    distiller = CooperativeDistillerRegressor(
        _site_members(), combine="vote", random_state=0
    ).fit(X, y, sites=site)
    before, after = (
        rmse(models[0], X_test, y_test)
        for models in (distiller.initial_estimators_, distiller.estimators_)
    )
    pooled = rmse(clone(_site_members()[0][1]).fit(X, y), X_test, y_test)
    assert (before - after) / (before - pooled) > 0.7  # of the gap to pooled rows
    limit = y[site == "low"].max()
    assert distiller.initial_estimators_[0].predict(X_test).max() <= limit
    assert distiller.estimators_[0].predict(X_test).max() > limit


def test_no_row_of_another_site_reaches_a_student(lacking):
    X, y, site, _, _ = lacking
    distiller = CooperativeDistillerRegressor(
        _site_members(), combine="vote", random_state=0
    ).fit(X, y, sites=site)
    rows = {row.tobytes() for row in X}
    for lesson in distiller.pseudo_samples_.values():
        assert len(lesson.y) > 5
        assert not any(row.tobytes() in rows for row in lesson.X)


def test_lessons_between_machines(lacking):
    X, y, site, X_test, y_test = lacking
    here, there = site == "all", site == "low"
    student = DecisionTreeRegressor(min_samples_leaf=5, random_state=0)
    student.fit(X[there], y[there])
    lessons = make_lessons(
        KNeighborsRegressor(5), student, X[here], y[here], random_state=0
    )
    assert len(lessons) > 20
    better = learn(student, X[there], y[there], lessons, random_state=0)
    assert rmse(better, X_test, y_test) < 0.8 * rmse(student, X_test, y_test)
    with pytest.raises(ValueError, match="`student` must be a classifier, or a regr"):
        make_lessons(LogisticRegression(), student, X[here], y[here])


def test_views(diabetes):
    X, y = diabetes
    distiller = CooperativeDistillerRegressor(
        make_regressors(), views={"tree": [0, 2, 3]}, validation=None, random_state=0
    ).fit(X, y)
    assert distiller.named_estimators_.tree.n_features_in_ == 3
    lesson = distiller.pseudo_samples_.ridge
    of_tree = np.flatnonzero(lesson.teacher == "tree")
    assert len(of_tree) > 5
    others = [1, 4, 5, 6, 7, 8, 9]
    assert np.array_equal(
        lesson.X[of_tree][:, others], X[lesson.source[of_tree]][:, others]
    )


@pytest.mark.parametrize("between_sites", [False, True])
def test_targets_stay_within_the_range_of_y(between_sites, diabetes):
    """A member made for numbers that are not negative learns none that are."""
    X, y = diabetes
    y = np.maximum(y - 150, 0)
    members = [
        ("poisson", make_pipeline(StandardScaler(), PoissonRegressor(alpha=1))),
        ("linear", Ridge(0.01)),
        ("frozen", FrozenEstimator(Ridge(0.01).fit(X, y))),
    ]
    distiller = CooperativeDistillerRegressor(
        members, soft_targets=True, validation=None, random_state=0
    )
    owner = np.where(np.arange(len(y)) % 2, "poisson", "linear")
    distiller.fit(X, y, sites=owner if between_sites else None)
    assert distiller.initial_estimators_[1].predict(X).min() < 0
    learned = [lesson.target for lesson in distiller.pseudo_samples_.values()]
    if not between_sites:
        learned.append(distiller.soft_labels_.poisson)
    every = np.concatenate([target for target in learned if target is not None])
    assert every.min() == 0
    assert every.max() <= y.max()
