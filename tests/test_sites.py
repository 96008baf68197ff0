"""Members that own different rows, and members that see different columns."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import (
    CooperativeDistiller,
    GeneratedSamples,
    QuintessentialGenerator,
    RawGenerator,
)
from sklearn_coopkd._folds import make_folds, place_folds
from sklearn_coopkd._sites import make_sites


@pytest.fixture(scope="module")
def semi_experts():
    """Three sites; site k has no row of class k."""
    X, y = load_digits(return_X_y=True)
    rows = np.flatnonzero(y < 3)
    X, y = X[rows], y[rows]
    rng = np.random.RandomState(0)
    site = (y + rng.randint(1, 3, len(y))) % 3
    train = rng.rand(len(y)) < 0.6
    names = np.array(["a", "b", "c"])
    return X[train], y[train], names[site[train]], X[~train], y[~train]


def make_sites_members(estimator=None):
    estimator = GaussianNB(var_smoothing=0.01) if estimator is None else estimator
    return [(name, estimator) for name in "abc"]


# --- who owns what --------------------------------------------------------------------


def test_ownership_by_name_and_by_mask():
    by_name = make_sites(["a", "b", "b"], ["a", "b"], [False, False], 3)
    mask = np.array([[True, False], [False, True], [False, True]])
    by_mask = make_sites(mask, ["a", "b"], [False, False], 3)
    assert by_name.owns.tolist() == [[True, False, False], [False, True, True]]
    assert by_mask.owns.tolist() == by_name.owns.tolist()
    assert by_name.place[1] == by_name.place[2] != by_name.place[0]
    frame = pd.DataFrame(mask, columns=["a", "b"])[["b", "a"]]
    by_column = make_sites(frame, ["a", "b"], [False, False], 3)
    assert by_column.owns.tolist() == by_name.owns.tolist()
    nullable = frame.astype("boolean")
    assert (make_sites(nullable, ["a", "b"], [False] * 2, 3).owns == by_name.owns).all()
    alone = make_sites(np.ones((3, 1), dtype=bool), ["a"], [False], 3)
    by_frame = make_sites(pd.DataFrame({"a": [True] * 3}), ["a"], [False], 3)
    assert alone.owns.tolist() == by_frame.owns.tolist() == [[True] * 3]
    one_column = make_sites(
        pd.DataFrame({"who": list("abb")}), ["a", "b"], [False] * 2, 3
    )
    assert one_column.owns.tolist() == by_name.owns.tolist()
    with pytest.raises(ValueError, match="a column for each member: 'a', 'b'; got"):
        make_sites(frame.rename(columns={"a": "c"}), ["a", "b"], [False, False], 3)
    shared = make_sites([[True, True], [False, True]], ["a", "b"], [False] * 2, 2)
    assert shared.n_places == 2


@pytest.mark.parametrize(
    ("sites", "match"),
    [
        (["a", "b"], "2 entries for 3 rows"),
        (["a", "b", "x"], "'x', which is no member"),
        (["a", "a", "a"], "gives the member 'b' no rows"),
        ([[1, 0]] * 3, "boolean array of shape"),
        ([[True, False], [False, True], [False, False]], "1 rows no owner, row 2"),
    ],
)
def test_ownership_that_cannot_be(sites, match):
    with pytest.raises(ValueError, match=match):
        make_sites(sites, ["a", "b"], [False, False], 3)


def test_folds_of_a_place_are_stratified():
    y = np.array([1, 0, 0, 1, 1, 0, 2, 0])
    fold = place_folds(y, 3)
    for label in (0, 1):
        counts = np.bincount(fold[y == label], minlength=3)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("validation", ["cross-fit", 0.3])
def test_folds_and_hold_out_of_a_site_do_not_know_of_other_sites(validation):
    rng = np.random.RandomState(0)
    sites = make_sites(rng.choice(["a", "b"], 60), ["a", "b"], [False, False], 60)
    mine, y = sites.owns[0], rng.randint(2, size=60)
    given = {"cv": 3, "sites": sites, "split_params": {}, "seed": 0}
    given["is_classification"] = True
    one, two = (
        make_folds(np.zeros((60, 1)), labels, validation=validation, **given)
        for labels in (y, np.where(mine, y, rng.randint(2, size=60)))
    )
    np.testing.assert_array_equal(one.test[:, mine], two.test[:, mine])
    assert (one.test[:, ~mine] != two.test[:, ~mine]).any()


def test_groups_that_no_splitter_would_use_are_refused(semi_experts):
    X, y, site, _, _ = semi_experts
    with pytest.raises(ValueError, match="`groups` would not be used"):
        CooperativeDistiller(make_sites_members()).fit(X, y, sites=site, groups=y)


def test_a_site_that_cannot_spare_a_row_holds_none_out():
    sites = make_sites(["a"] * 20 + ["b"], ["a", "b"], [False, False], 21)
    y = np.arange(21) % 2
    given = {"cv": 3, "sites": sites, "split_params": {}, "seed": 0}
    given["is_classification"] = True
    folds = make_folds(np.zeros((21, 1)), y, validation=0.3, **given)
    assert folds.test[-1].sum() == 6
    assert not folds.test[-1, 20]


# --- what is read where ---------------------------------------------------------------


class Watched(QuintessentialGenerator):
    """Notes the rows of each call, by the number in the first column."""

    calls = []

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        self.calls.append((set(X[:, 0].tolist()), set(X_pool[:, 0].tolist())))
        return super().generate(
            teacher, X, y, X_pool, y_pool, random_state=random_state
        )


class Reader(GaussianNB):
    """Notes the rows that it is fitted with and asked about, call by call."""

    fits, asked = [], []

    def __init__(self, site=None):
        super().__init__(var_smoothing=0.01)
        self.site = site

    def fit(self, X, y, sample_weight=None):
        self.fits.append((self.site, [row.tobytes() for row in X]))
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        if X.shape[1] > 1:
            self.asked.append(set(X[:, 0].tolist()))
        return super().predict_proba(X)


@pytest.mark.parametrize("validation", ["cross-fit", None, 0.3])
def test_nothing_is_computed_from_rows_of_two_sites(semi_experts, validation):
    X, y, site, _, _ = semi_experts
    X = np.column_stack([np.arange(len(y)) + 0.0, X])
    owner = dict(zip(X[:, 0].tolist(), site.tolist()))
    Watched.calls, Reader.fits, Reader.asked = [], [], []
    CooperativeDistiller(
        [(name, Reader(name)) for name in "abc"],
        combine="vote",
        generator=Watched(immutable_features=[0]),
        validation=validation,
        random_state=0,
    ).fit(X, y, sites=site)
    assert Watched.calls
    for sources, pool in Watched.calls:
        assert len({owner[row] for row in sources | pool}) == 1
    for rows in Reader.asked:
        assert len({owner[row] for row in rows}) == 1
    # real rows are its own, once each; all others are made for it
    owner_of_row = dict(zip([row.tobytes() for row in X], site))
    n_made = 0
    for name, rows in Reader.fits:
        real = [row for row in rows if row in owner_of_row]
        assert {owner_of_row[row] for row in real} == {name}
        assert len(set(real)) == len(real)
        n_made += len(rows) - len(real)
    assert n_made


def test_delivered_models_are_fitted_with_their_rows_and_their_lesson(semi_experts):
    X, y, site, _, _ = semi_experts
    distiller = CooperativeDistiller(
        make_sites_members(), validation=None, combine="vote", random_state=0
    ).fit(X, y, sites=site)
    for name, model in distiller.named_estimators_.items():
        lesson = distiller.pseudo_samples_[name]
        twin = GaussianNB(var_smoothing=0.01).fit(
            np.concatenate([X[site == name], lesson.X]),
            np.concatenate([y[site == name], lesson.y]),
            sample_weight=np.concatenate(
                [np.ones((site == name).sum()), lesson.weight]
            ),
        )
        np.testing.assert_allclose(model.theta_, twin.theta_)
        real = {row.tobytes() for row in X}
        assert not real & {row.tobytes() for row in np.asarray(lesson.X)}


# --- what comes of it -----------------------------------------------------------------


@pytest.mark.parametrize("validation", ["cross-fit", None, 0.3])
@pytest.mark.parametrize(
    "estimator",
    [
        GaussianNB(var_smoothing=0.01),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        DecisionTreeClassifier(min_samples_leaf=3, random_state=0),
    ],
    ids=["bayes", "logistic", "tree"],
)
def test_a_student_learns_the_class_it_never_saw(semi_experts, estimator, validation):
    X, y, site, X_test, y_test = semi_experts
    distiller = CooperativeDistiller(
        make_sites_members(estimator), validation=validation, random_state=0
    ).fit(X, y, sites=site)
    missing = {"a": 0, "b": 1, "c": 2}
    for name, before in zip("abc", distiller.initial_estimators_):
        after = distiller.named_estimators_[name]
        lacked = missing[name]
        assert lacked not in before.classes_
        assert lacked in after.classes_
        rows = y_test == lacked
        assert (after.predict(X_test[rows]) == lacked).mean() > 0.6
        assert after.score(X_test, y_test) > before.score(X_test, y_test) + 0.15
    assert distiller.score(X_test, y_test) > 0.9


def test_the_gate_takes_a_new_class_even_if_it_costs_at_home(semi_experts):
    X, y, site, X_test, y_test = semi_experts
    distiller = CooperativeDistiller(make_sites_members(), random_state=0)
    distiller.fit(X, y, sites=site)
    assert all(record["accepted"] for record in distiller.history_[:3])
    cost_at_home = [
        before.score(X_test[y_test != k], y_test[y_test != k])
        - after.score(X_test[y_test != k], y_test[y_test != k])
        for k, (before, after) in enumerate(
            zip(distiller.initial_estimators_, distiller.estimators_)
        )
    ]
    assert max(cost_at_home) > 0


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("shares", "told"),
    [
        pytest.param([0.3, 0.3, 0.4], lambda y: (y + 1) % 3, id="contradicts"),
        pytest.param([0.35, 0.35, 0.3], lambda y: y + 3, id="renames"),
    ],
)
def test_the_gate_refuses_a_site_that_labels_otherwise(
    semi_experts, seed, shares, told
):
    X, y, _, X_test, y_test = semi_experts
    site = np.random.RandomState(seed).choice(list("abc"), len(y), p=shares)
    labels = np.where(site == "c", told(y), y)
    gated, free = (
        CooperativeDistiller(
            make_sites_members(), validation=validation, random_state=0
        ).fit(X, labels, sites=site)
        for validation in ("cross-fit", None)
    )
    for k in range(2):
        before = gated.initial_estimators_[k].score(X_test, y_test)
        assert gated.estimators_[k].score(X_test, y_test) > before - 0.02
        assert free.estimators_[k].score(X_test, y_test) < before - 0.1


def test_a_new_class_may_cost_more_at_home_than_a_hundredth(semi_experts):
    # the new class looks like one at home: part of that is taken for it
    X, y, *_ = semi_experts
    rng = np.random.RandomState(0)
    halves = rng.permutation(len(y)) % 2
    y = np.where((y == 0) & (halves == 1), 3, y)
    site = np.where(y == 3, "b", rng.choice(list("aab"), len(y)))
    members = make_sites_members()[:2]
    distiller = CooperativeDistiller(members, random_state=0).fit(X, y, sites=site)
    at_home = np.flatnonzero(site == "a")
    before, after = (
        found[0].score(X[at_home], y[at_home])
        for found in (distiller.initial_estimators_, distiller.estimators_)
    )
    assert distiller.history_[0]["accepted"]
    assert after < before - 0.02


def test_a_split_that_leaves_a_site_no_rows_is_told(semi_experts):
    X, y, site, *_ = semi_experts
    distiller = CooperativeDistiller(
        make_sites_members(), cv=LeaveOneGroupOut(), combine="vote", random_state=0
    )
    with pytest.warns(UserWarning, match="leaves the member 'a' no rows of its own"):
        distiller.fit(X, y, sites=site, groups=site)


def test_a_hold_out_of_whole_sites_cannot_be(semi_experts):
    X, y, site, *_ = semi_experts
    distiller = CooperativeDistiller(
        make_sites_members(), cv=LeaveOneGroupOut(), validation=0.2, combine="vote"
    )
    with pytest.raises(ValueError, match=r"`validation`=0.2 finds no site"):
        distiller.fit(X, y, sites=site, groups=site)


def test_between_sites_auto_means_three_rounds_of_labels_for_errors(semi_experts):
    X, y, site, _, _ = semi_experts
    params = {"validation": None, "combine": "vote", "random_state": 0}
    auto, named = (
        CooperativeDistiller(make_sites_members(), **params, **more).fit(
            X, y, sites=site
        )
        for more in (
            {},
            {"deficiency": "error", "max_iter": 3, "soft_targets": False},
        )
    )
    for a, b in zip(auto.estimators_, named.estimators_):
        np.testing.assert_array_equal(a.theta_, b.theta_)


def test_one_site_for_all_is_no_sites(iris):
    X, y = iris
    members = [("tree", DecisionTreeClassifier(max_depth=2)), ("bayes", GaussianNB())]
    params = {"deficiency": "margin", "soft_targets": True, "max_iter": 1, "cv": 3}
    params["random_state"] = 0
    both = np.ones((len(y), 2), dtype=bool)
    shared, plain = (
        CooperativeDistiller(members, **params).fit(X, y, sites=sites)
        for sites in (both, None)
    )
    np.testing.assert_array_equal(shared.predict_proba(X), plain.predict_proba(X))


def test_the_order_of_rows_and_jobs_does_not_matter(semi_experts):
    X, y, site, X_test, _ = semi_experts
    one, two = (
        CooperativeDistiller(
            make_sites_members(), combine="vote", n_jobs=n_jobs, random_state=0
        ).fit(X, y, sites=site)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.predict_proba(X_test), two.predict_proba(X_test))


# --- sites of every size --------------------------------------------------------------


def test_a_site_of_one_class_and_a_tiny_site(semi_experts):
    X, y, _, X_test, y_test = semi_experts
    site = np.full(len(y), "a", dtype=object)
    site[np.flatnonzero(y == 2)[:40]] = "b"  # one class
    site[[np.flatnonzero(y == k)[-1] for k in (0, 1)]] = "c"  # two rows
    distiller = CooperativeDistiller(make_sites_members(), random_state=0).fit(
        X, y, sites=site
    )
    assert isinstance(distiller.initial_estimators_[1], DummyClassifier)
    for name in "bc":
        after = distiller.named_estimators_[name]
        assert after.score(X_test, y_test) > 0.8


def test_a_frozen_model_teaches_without_rows(semi_experts):
    X, y, site, _X_test, _y_test = semi_experts
    rows = site == "c"
    teacher = FrozenEstimator(GaussianNB(var_smoothing=0.01).fit(X[rows], y[rows]))
    members = [*make_sites_members()[:2], ("guest", teacher)]
    distiller = CooperativeDistiller(members, random_state=0).fit(
        X[~rows], y[~rows], sites=site[~rows]
    )
    # site b has no row of class 1; the guest and site a know it, and a has rows of it
    assert distiller.transfer_matrix_[2].sum() > 0
    assert 1 in distiller.named_estimators_["b"].classes_
    assert distiller.named_estimators_["guest"] is members[2][1]


class Failing(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        raise ValueError("no")


def test_a_member_that_fails_leaves_its_rows_to_be_asked_about(semi_experts):
    X, y, site, _, _ = semi_experts
    members = [*make_sites_members()[:2], ("c", Failing())]
    with pytest.warns(sklearn.exceptions.FitFailedWarning, match="'c'"):
        distiller = CooperativeDistiller(
            members, on_failure="warn", combine="vote", random_state=0
        ).fit(X, y, sites=site)
    sources = np.concatenate([d.source for d in distiller.pseudo_samples_.values()])
    assert set(site[sources]) == {"a", "b", "c"}


def test_no_sample_is_a_row_of_a_site_whose_member_failed():
    rng = np.random.RandomState(0)
    X = rng.randint(5, size=(300, 4))
    y = (X.sum(axis=1) + rng.randint(-1, 2, 300) > 8).astype(int)
    site = rng.choice(["a", "b", "c"], 300)
    members = [("a", GaussianNB()), ("b", DecisionTreeClassifier(max_depth=3))]
    views = {"a": [0, 2], "b": [0, 1, 3]}
    with pytest.warns(sklearn.exceptions.FitFailedWarning, match="'c'"):
        distiller = CooperativeDistiller(
            [*members, ("c", Failing())],
            views=views,
            validation=None,
            on_failure="warn",
            combine="vote",
            random_state=0,
        ).fit(X, y, sites=site)
    for name, columns in views.items():
        lesson = distiller.pseudo_samples_[name]
        made = lesson.X[site[lesson.source] == "c"][:, columns]
        real = {tuple(row) for row in X[site == "c"][:, columns].tolist()}
        assert not real & {tuple(row) for row in made.tolist()}


class Careless(BaseEstimator):
    """Moves every second row only."""

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        X = X.copy()
        X[::2] += 0.25
        success = np.ones(len(y), dtype=bool)
        return GeneratedSamples(X, success, np.ones(len(y)))


def test_rows_that_a_generator_left_as_they_were_are_dropped(semi_experts):
    X, y, site, _, _ = semi_experts
    distiller = CooperativeDistiller(
        make_sites_members(), generator=Careless(), validation=None, combine="vote"
    ).fit(X, y, sites=site)
    real = {row.tobytes() for row in X}
    assert distiller.transfer_matrix_.sum() > 0
    for lesson in distiller.pseudo_samples_.values():
        assert not real & {row.tobytes() for row in lesson.X}


class Sloppy(BaseEstimator):
    """Returns something that is not like its source rows."""

    def __init__(self, change):
        self.change = change

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        success = np.ones(len(y), dtype=bool)
        return GeneratedSamples(self.change(X), success, np.ones(len(y)))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X: X + 0.3, "must have the dtype of the source rows, int64; got float"),
        (lambda X: np.vstack([X[:1], X]), "a row for each of the"),
        (lambda X: X[:, :2], "must have the 3 columns"),
        (pd.DataFrame, "container of the kind of the source rows"),
        (lambda X: None, "container of the kind of the source rows"),
    ],
)
def test_samples_unlike_their_rows_are_refused(change, match):
    X = np.random.RandomState(0).randint(5, size=(90, 3))
    members = [("a", DecisionTreeClassifier(max_depth=1)), ("b", GaussianNB())]
    distiller = CooperativeDistiller(members, generator=Sloppy(change))
    with pytest.raises(TypeError, match=match):
        distiller.fit(X, (X.sum(axis=1) > 6).astype(int))


@pytest.mark.parametrize("kind", ["pandas", "polars", "csr"])
def test_containers(semi_experts, kind):
    X, y, site, X_test, y_test = semi_experts
    names = [f"p{j}" for j in range(X.shape[1])]
    make = {
        "pandas": lambda Z: pd.DataFrame(Z, columns=names),
        "polars": lambda Z: pl.DataFrame(Z, schema=names),
        "csr": sparse.csr_array,
    }[kind]
    members = make_sites_members(
        make_pipeline(StandardScaler(with_mean=False), LogisticRegression(max_iter=500))
    )
    views = {"a": list(range(10, 64))}
    distiller = CooperativeDistiller(
        members, validation=None, views=views, random_state=0
    ).fit(make(X), y, sites=site)
    assert distiller.score(make(X_test), y_test) > 0.85
    assert distiller.named_estimators_["a"].n_features_in_ == 54


@pytest.mark.parametrize("validation", [None, 0.3, "cross-fit"])
def test_no_sample_is_any_row_of_the_place_where_it_was_made(validation):
    # few values: samples meet rows of the fold of their sources, which are no anchors
    rng = np.random.RandomState(0)
    X = rng.randint(7, size=(300, 3))
    y = (X.sum(axis=1) + rng.randint(-1, 2, 300) > 9).astype(int)
    site = rng.choice(["a", "b"], 300)
    members = [("a", GaussianNB()), ("b", DecisionTreeClassifier(max_depth=3))]
    distiller = CooperativeDistiller(
        members, validation=validation, combine="vote", random_state=0
    ).fit(X, y, sites=site)
    n_made = 0
    for lesson in distiller.pseudo_samples_.values():
        for place in "ab":
            rows = {tuple(row) for row in X[site == place].tolist()}
            made = lesson.X[site[lesson.source] == place].tolist()
            assert not rows & {tuple(row) for row in made}
            n_made += len(made)
    assert n_made > 0


# --- views ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns",
    [
        ["x0", "x2"],
        [0, 2],
        np.array([True, False, True, False]),
        slice(0, 3, 2),
        slice("x0", "x2", 2),
        lambda X: ["x0", "x2"],
    ],
    ids=["names", "positions", "mask", "slice", "slice of names", "callable"],
)
def test_a_view_by_any_name(iris, columns):
    X, y = iris
    frame = pd.DataFrame(X, columns=["x0", "x1", "x2", "x3"])
    members = [("tree", DecisionTreeClassifier(max_depth=2)), ("bayes", GaussianNB())]
    distiller = CooperativeDistiller(
        members, views={"tree": columns}, validation=None, random_state=0
    ).fit(frame, y)
    tree = distiller.named_estimators_["tree"]
    assert tree.feature_names_in_.tolist() == ["x0", "x2"]
    assert distiller.predict(frame).shape == y.shape
    # what the tree made keeps the columns that it does not see
    for lesson in distiller.pseudo_samples_.values():
        made = lesson.teacher == "tree"
        source = frame.iloc[lesson.source[made]]
        unseen = lesson.X[made][["x1", "x3"]].to_numpy()
        np.testing.assert_array_equal(unseen, source[["x1", "x3"]].to_numpy())


class Blind(QuintessentialGenerator):
    """A generator that cannot be told which columns must stay."""

    def get_params(self, deep=True):
        params = super().get_params(deep)
        return {key: value for key, value in params.items() if key == "alpha"}


def test_a_generator_that_moves_unseen_columns_is_put_right(iris):
    X, y = iris
    members = [("tree", DecisionTreeClassifier(max_depth=2)), ("bayes", GaussianNB())]
    distiller = CooperativeDistiller(
        members,
        views={"tree": [0, 2]},
        generator=Blind(),
        validation=None,
        random_state=0,
    ).fit(X, y)
    lesson = distiller.pseudo_samples_["bayes"]
    assert len(lesson.y)
    np.testing.assert_array_equal(lesson.X[:, [1, 3]], X[lesson.source][:, [1, 3]])


def test_no_sample_is_a_row_in_the_columns_that_its_student_sees(iris):
    X, y = np.round(iris[0]), iris[1]  # many rows agree in three columns of four
    members = [("tree", DecisionTreeClassifier(max_depth=2)), ("bayes", GaussianNB())]
    views = {"tree": [0, 2], "bayes": [0, 1, 3]}
    fitted = [
        CooperativeDistiller(
            members, views=views, validation=None, generator=generator, random_state=0
        ).fit(X, y)
        for generator in (None, RawGenerator())
    ]
    for name, columns in views.items():
        known = {tuple(row) for row in X[:, columns].tolist()}
        made, raw = (one.pseudo_samples_[name].X[:, columns] for one in fitted)
        assert not known & {tuple(row) for row in made.tolist()}
        # a generator that hands over rows means to
        assert len(raw)
        assert known >= {tuple(row) for row in raw.tolist()}
    assert any(len(lesson.y) for lesson in fitted[0].pseudo_samples_.values())


@pytest.mark.parametrize(
    ("views", "match"),
    [
        ({"forest": [0]}, "'forest', which is no member"),
        ({"tree": ["none"]}, r"`views\['tree'\]` names a column"),
        ({"tree": slice("none")}, r"`views\['tree'\]` names a column"),
        ({"tree": []}, "gives the member 'tree' no columns"),
        ({"tree": None}, "gives the member 'tree' no columns"),
    ],
)
def test_views_that_cannot_be(iris, views, match):
    members = [("tree", DecisionTreeClassifier()), ("bayes", GaussianNB())]
    with pytest.raises(ValueError, match=match):
        CooperativeDistiller(members, views=views).fit(*iris)


def test_a_member_that_sees_nothing_that_could_move_makes_no_samples(iris):
    X, y = iris
    X = pd.DataFrame(X).assign(text=[f"row {k}" for k in range(len(y))])
    X.columns = X.columns.astype(str)
    text = make_pipeline(CountVectorizer(), LogisticRegression())
    members = [("text", text), ("one", DecisionTreeClassifier(max_depth=1))]
    members += [("bayes", GaussianNB())]
    views = {"text": ["text"], "one": ["0"], "bayes": slice("0", "3")}
    # a vectorizer takes a column, not a table of one
    text.steps.insert(0, ("column", FunctionTransformer(lambda X: X["text"])))
    distiller = CooperativeDistiller(members, views=views, validation=None).fit(X, y)
    assert distiller.transfer_matrix_[0].sum() == 0
    assert distiller.transfer_matrix_[2].sum() > 0


class Nudge(QuintessentialGenerator):
    """Moves the last column alone, whatever the teacher sees."""

    def get_params(self, deep=True):
        return {}

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        X = X.copy()
        X[:, -1] += 0.01
        return GeneratedSamples(X, np.ones(len(y), dtype=bool), np.ones(len(y)))


def test_a_sample_that_was_put_back_to_its_source_is_none(iris):
    members = [("tree", DecisionTreeClassifier(max_depth=2)), ("bayes", GaussianNB())]
    members += [("stump", DecisionTreeClassifier(max_depth=1))]
    distiller = CooperativeDistiller(
        members, views={"tree": [0, 2]}, generator=Nudge(), validation=None
    ).fit(*iris)
    assert distiller.transfer_matrix_[0].sum() == 0
    assert distiller.transfer_matrix_[1].sum() > 0


def test_a_column_that_a_site_lacks_is_missing(semi_experts):
    X, y, site, X_test, y_test = semi_experts
    X = X.copy()
    X[np.ix_(site == "b", np.arange(8))] = np.nan
    member = make_pipeline(
        SimpleImputer(keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    distiller = CooperativeDistiller(
        make_sites_members(member), random_state=0, validation=None
    ).fit(X, y, sites=site)
    assert distiller.named_estimators_["b"].score(X_test, y_test) > 0.85
    # a cell that was missing still is
    lesson = distiller.pseudo_samples_["a"]
    of_b = site[lesson.source] == "b"
    assert of_b.any()
    assert np.isnan(lesson.X[of_b][:, :8]).all()


# --- metadata -------------------------------------------------------------------------


class Secretive(GaussianNB):
    def fit(self, X, y, sample_weight=None, secret=None):
        return super().fit(X, y, sample_weight)


def test_metadata_of_rows_does_not_reach_another_site(semi_experts):
    X, y, site, _, _ = semi_experts
    with sklearn.config_context(enable_metadata_routing=True):
        members = [(name, Secretive().set_fit_request(secret=True)) for name in "abc"]
        distiller = CooperativeDistiller(members)
        with pytest.raises(ValueError, match="'a' requests the metadata 'secret'"):
            distiller.fit(X, y, sites=site, secret=y)


def test_sites_are_metadata(semi_experts):
    X, y, site, _, _ = semi_experts
    with sklearn.config_context(enable_metadata_routing=True):
        distiller = CooperativeDistiller(
            make_sites_members(), combine="vote", validation=None, random_state=0
        ).set_fit_request(sites=True)
        pipeline = make_pipeline(StandardScaler(), distiller)
        found = cross_validate(
            pipeline, X, y, cv=3, params={"sites": site}, return_estimator=True
        )
    for fitted in found["estimator"]:
        assert 0 not in fitted[-1].initial_estimators_[0].classes_
    assert found["test_score"].min() > 0.8


def test_a_grid_search_over_a_pipeline_hands_on_sites(semi_experts):
    X, y, site, X_test, _ = semi_experts
    with sklearn.config_context(enable_metadata_routing=True):
        distiller = CooperativeDistiller(
            make_sites_members(), combine="best", validation=None, random_state=0
        ).set_fit_request(sites=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("distil", distiller)])
        search = GridSearchCV(
            pipeline,
            {"distil__max_iter": [0, 1], "distil__a__var_smoothing": [1e-3]},
            cv=3,
        ).fit(X, y, sites=site)
        by_hand = clone(pipeline).set_params(**search.best_params_)
        by_hand.fit(X, y, sites=site)
    assert search.best_params_["distil__max_iter"] == 1  # alone, each lacks a class
    np.testing.assert_array_equal(
        search.predict_proba(X_test), by_hand.predict_proba(X_test)
    )


def test_a_site_without_weight_is_named(semi_experts):
    X, y, site, *_ = semi_experts
    weight = (site != "a").astype(float)
    with pytest.raises(ValueError, match="only zeros for the rows of 'a'"):
        CooperativeDistiller(make_sites_members()).fit(
            X, y, sample_weight=weight, sites=site
        )
