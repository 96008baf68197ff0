import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import needs_polars_columns
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit, logit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import QuintessentialGenerator
from sklearn_coopkd._containers import take_rows
from sklearn_coopkd._responses import class_proba
from sklearn_coopkd.generators import _quintessential, _walks


class Sigmoid:
    """A teacher whose probability of class 1 is known: expit of the first column."""

    classes_ = np.array([0, 1])

    def predict_proba(self, X):
        p = expit(np.asarray(X)[:, 0])
        return np.column_stack([1 - p, p])


METHODS = pytest.mark.parametrize("method", ["segment", "swap"])


@METHODS
def test_target_by_hand(method):
    # p = 0.5 at 0, so alpha = 0.5 asks for 0.75, reached at logit(0.75) = 1.0986.
    X, y = np.array([[0.0, 7.0]]), np.array([1])
    pool = np.array([[4.0, 7.0], [-4.0, 7.0]])
    made = QuintessentialGenerator(alpha=0.5, method=method).generate(
        Sigmoid(), X, y, pool, np.array([1, 0])
    )
    assert made.success.tolist() == [True]
    x, unmoved = made.X_pseudo[0]
    assert unmoved == 7.0
    # the target is reached, and not overshot by more than a step of 1/4 of the way
    assert logit(0.75) <= x <= logit(0.75) + 1.0
    assert made.proba[0] == pytest.approx(expit(x))
    assert X.tolist() == [[0.0, 7.0]]


@METHODS
def test_the_nearest_sufficient_anchor_is_taken(method):
    # 0.5 is too weak an anchor for a target of 0.75, 1.2 suffices, 50 is far away
    pool = np.array([[0.5], [1.2], [50.0]])
    made = QuintessentialGenerator(alpha=0.5, method=method).generate(
        Sigmoid(), np.array([[0.0]]), np.array([1]), pool, np.ones(3, int)
    )
    assert logit(0.75) <= made.X_pseudo[0, 0] <= 1.2


@METHODS
def test_without_a_sufficient_anchor_the_best_is_given_and_counted(method):
    made = QuintessentialGenerator(alpha=0.9, method=method).generate(
        Sigmoid(), np.array([[0.0]]), np.array([1]), np.array([[0.3]]), np.array([1])
    )
    assert made.success.tolist() == [False]
    # the last of the points on the way that are not next to the anchor
    assert made.X_pseudo[0, 0] == pytest.approx(0.3 * 15 / 16)
    assert made.report["n_fallback"] == 1
    assert made.report["n_success"] == 0


@METHODS
def test_without_any_anchor_the_row_stays(method):
    made = QuintessentialGenerator(method=method).generate(
        Sigmoid(), np.array([[0.0]]), np.array([1]), np.array([[9.0]]), np.array([0])
    )
    assert made.success.tolist() == [False]
    assert made.X_pseudo.tolist() == [[0.0]]


@METHODS
def test_missing_and_infinite_cells_stay(method):
    class Sum(Sigmoid):
        def predict_proba(self, X):
            p = expit(np.where(np.isfinite(X), X, 0).sum(axis=1))
            return np.column_stack([1 - p, p])

    X = np.array([[0.0, np.nan, 0.0], [0.0, np.inf, 0.0], [0.0, 0.0, 0.0]])
    pool = np.array([[2.0, 1.0, np.inf], [2.0, 1.0, np.nan], [2.0, 1.0, -np.inf]])
    made = QuintessentialGenerator(alpha=0.5, method=method).generate(
        Sum(), X, np.ones(3, int), pool, np.ones(3, int)
    )
    assert made.success.all()
    assert np.array_equal(np.isnan(made.X_pseudo), np.isnan(X))
    assert np.array_equal(np.isinf(made.X_pseudo), np.isinf(X))
    assert (made.X_pseudo[:, 2] == 0).all()


@METHODS
def test_a_certain_teacher_moves_the_row_halfway(method):
    X, y = np.array([[1.0], [2.0], [11.0], [12.0]]), np.array([0, 0, 1, 1])
    tree = DecisionTreeClassifier().fit(X, y)
    made = QuintessentialGenerator(method=method).generate(
        tree, np.array([[1.0]]), np.array([0]), X[1:], y[1:]
    )
    assert made.report["n_saturated"] == 1
    assert made.success.all()
    assert made.X_pseudo[0, 0] == pytest.approx(1.5)


@METHODS
def test_far_anchors_are_found_if_the_near_ones_fail(method):
    pool = np.concatenate([np.full((30, 1), 0.01) * np.arange(1, 31)[:, None], [[5.0]]])
    made = QuintessentialGenerator(alpha=0.5, method=method).generate(
        Sigmoid(), np.array([[0.0]]), np.array([1]), pool, np.ones(31, int)
    )
    assert made.success.all()


def _frame():
    rng = np.random.RandomState(0)
    n = 300
    frame = pd.DataFrame(
        {
            "a": rng.randn(n),
            "b": rng.randint(0, 20, n),
            "c": pd.Categorical(rng.choice(list("xyz"), n), categories=list("wxyz")),
            "d": rng.randn(n),
            "e": rng.rand(n) < 0.5,
            "f": pd.date_range("2020-01-01", periods=n),
        }
    )
    y = (
        frame["a"] + frame["b"] / 10 + (frame["c"] == "x") + rng.randn(n) > 1
    ).to_numpy()
    frame.loc[::7, "a"] = np.nan
    return frame, y.astype(int)


def _teacher(frame, y):
    forest = RandomForestClassifier(20, min_samples_leaf=3, random_state=0)
    keep = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["c"]),
        ("passthrough", ["a", "b", "d", "e"]),
    )
    return make_pipeline(keep, forest).fit(frame, y)


@METHODS
@pytest.mark.parametrize(
    "container", ["pandas", pytest.param("polars", marks=needs_polars_columns)]
)
def test_promises_about_columns(method, container):
    frame, y = _frame()
    if container == "polars":
        frame = pl.from_pandas(frame)
    teacher = _teacher(frame, y)
    source, pool = np.arange(100), np.arange(100, 300)
    X = take_rows(frame, source)
    made = QuintessentialGenerator(
        alpha=0.3, method=method, immutable_features=["d"]
    ).generate(teacher, X, y[source], take_rows(frame, pool), y[pool])
    new = made.X_pseudo
    assert type(new) is type(X)
    assert list(new.columns) == list(X.columns)
    assert [str(t) for t in new.dtypes] == [str(t) for t in X.dtypes]
    as_pandas = (lambda t: t) if container == "pandas" else (lambda t: t.to_pandas())
    old, new, seen = (
        as_pandas(X),
        as_pandas(new),
        as_pandas(take_rows(frame, np.arange(300))),
    )
    assert np.array_equal(new["d"], old["d"])
    assert np.array_equal(new["f"], old["f"])
    assert np.array_equal(new["a"].isna(), old["a"].isna())
    assert set(new["c"]) <= set("xyz")
    for column in "abd":
        assert new[column].min() >= seen[column].min()
        assert new[column].max() <= seen[column].max()
    assert (new[made.success] != old[made.success].set_axis(new[made.success].index))[
        ["a", "b", "c", "e"]
    ].any(axis=1).mean() > 0.9
    # what is called a success is one when asked again
    before = class_proba(teacher, X, teacher.classes_)[source, y[source]]
    after = class_proba(teacher, made.X_pseudo, teacher.classes_)[source, y[source]]
    np.testing.assert_allclose(after, made.proba)
    target = before + 0.3 * (1 - before)
    assert np.array_equal(made.success, after >= target - 1e-12)
    assert made.success.mean() > 0.6  # cells that may not move cost some


def test_swap_changes_fewer_columns():
    frame, y = _frame()
    teacher = _teacher(frame, y)
    changed = {}
    for method in ("segment", "swap"):
        made = QuintessentialGenerator(alpha=0.5, method=method).generate(
            teacher, frame[:100], y[:100], frame[100:], y[100:]
        )
        old, new = frame[:100].astype(object), made.X_pseudo.astype(object)
        differs = (old != new) & old.notna()
        changed[method] = differs.to_numpy().sum(axis=1).mean()
    assert changed["swap"] < changed["segment"]


def test_csr_stays_csr_and_equals_dense():
    rng = np.random.RandomState(0)
    X = rng.rand(200, 8) * (rng.rand(200, 8) < 0.4)
    y = (X[:, 0] > X[:, 1]).astype(int)
    teacher = LogisticRegression().fit(X, y)
    generator = QuintessentialGenerator(alpha=0.5, immutable_features=[7])
    made = generator.generate(
        teacher, sparse.csr_array(X[:50]), y[:50], sparse.csr_array(X[50:]), y[50:]
    )
    assert sparse.issparse(made.X_pseudo)
    assert made.X_pseudo.format == "csr"
    assert made.success.mean() > 0.6  # cells that may not move cost some
    assert np.array_equal(made.X_pseudo.toarray()[:, 7], X[:50, 7])
    again = class_proba(teacher, made.X_pseudo, teacher.classes_)
    np.testing.assert_allclose(again[np.arange(50), y[:50]], made.proba)


TEACHERS = [
    LogisticRegression(max_iter=1000),
    DecisionTreeClassifier(random_state=0),
    DecisionTreeClassifier(max_depth=2, random_state=0),
    RandomForestClassifier(10, random_state=0),
    GaussianNB(),
    KNeighborsClassifier(3),
    LinearSVC(),
    RidgeClassifier(),
    NearestCentroid(),
]


@settings(max_examples=100, deadline=None)
@given(
    teacher=st.sampled_from(TEACHERS),
    seed=st.integers(0, 10_000),
    n_features=st.integers(1, 6),
    n_classes=st.integers(2, 4),
    alpha=st.sampled_from([0.05, 0.3, 0.9, 1.0]),
    method=st.sampled_from(["segment", "swap"]),
)
def test_success_means_success(teacher, seed, n_features, n_classes, alpha, method):
    rng = np.random.RandomState(seed)
    y = np.arange(60) % n_classes
    X = rng.randn(60, n_features) + y[:, None]
    fitted = teacher.fit(X[30:], y[30:])
    before = X.copy()
    generator = QuintessentialGenerator(alpha=alpha, method=method)
    made = generator.generate(fitted, X[:30], y[:30], X[30:], y[30:], random_state=0)
    assert np.array_equal(X, before)
    rows = np.arange(30)
    start = class_proba(fitted, X[:30], fitted.classes_)[rows, y[:30]]
    end = class_proba(fitted, made.X_pseudo, fitted.classes_)[rows, y[:30]]
    np.testing.assert_allclose(end, made.proba, atol=1e-9)
    certain = 1 - start <= 1e-6
    target = np.where(certain, 1 - 1e-6, start + alpha * (1 - start)) - 1e-9
    assert (end >= target)[made.success].all()
    # wherever the pool holds a row that reaches the target, a row is found
    pool = class_proba(fitted, X[30:], fitted.classes_)
    for i in rows:
        sure = pool[y[30:] == y[i], y[i]]
        if (sure >= target[i] + 1e-9).any():
            assert made.success[i]
    assert np.isfinite(made.X_pseudo).all()
    again = generator.generate(fitted, X[:30], y[:30], X[30:], y[30:], random_state=0)
    assert np.array_equal(made.X_pseudo, again.X_pseudo)


def test_max_pool_bounds_what_the_teacher_is_asked():
    rng = np.random.RandomState(0)
    X, y = rng.randn(5000, 3), np.arange(5000) % 2
    asked = QuintessentialGenerator(alpha=1.0, max_pool=50).generate(
        Sigmoid(), X[:10], y[:10], X[10:], y[10:], random_state=0
    )
    # sources, pool, points on the ways
    n_most = 10 + 50 + 10 * 5 * len(_walks.WAYPOINTS)
    assert asked.report["teacher_rows"] <= n_most


@pytest.mark.parametrize(
    "params",
    [
        {"alpha": 0},
        {"alpha": 1.1},
        {"method": "walk"},
        {"n_neighbors": 0},
        {"max_pool": 0},
    ],
)
def test_bad_parameters(params):
    generator = QuintessentialGenerator(**params)
    with pytest.raises(ValueError, match=next(iter(params))):
        generator.generate(Sigmoid(), np.ones((1, 1)), [1], np.ones((1, 1)), [1])


def test_unknown_columns_and_lengths_are_refused():
    X, y = np.zeros((2, 1)), np.array([0, 1])
    with pytest.raises(ValueError, match="`immutable_features` names a column"):
        QuintessentialGenerator(immutable_features=["z"]).generate(
            Sigmoid(), X, y, X, y
        )
    with pytest.raises(ValueError, match="one entry per row"):
        QuintessentialGenerator().generate(Sigmoid(), X, y[:1], X, y)


class Step:
    """Sure of class 1 from a threshold on: the least slip below it is a failure."""

    classes_ = np.array([0, 1])

    def __init__(self, threshold):
        self.threshold = threshold

    def predict_proba(self, X):
        p = np.where(np.asarray(X)[:, 0] >= self.threshold, 0.9, 0.2)
        return np.column_stack([1 - p, p])


@pytest.mark.parametrize("small_call", [0, 2000])
def test_points_next_to_an_anchor_come_last_and_are_counted(small_call, monkeypatch):
    monkeypatch.setattr(_walks, "SMALL_CALL", small_call)

    def made(threshold, pool):
        return QuintessentialGenerator(alpha=0.5).generate(
            Step(threshold), np.zeros((1, 1)), [1], np.array(pool), [1] * len(pool)
        )

    assert made(1.0, [[2.0]]).report["n_close"] == 0
    last = made(1.995, [[2.0]])
    assert last.report["n_close"] == last.report["n_success"] == 1
    assert 1.995 <= last.X_pseudo[0, 0] < 2.0
    # all others of the far anchor before: half its way would copy the near one
    both = made(1.995, [[2.0], [4.0]])
    assert both.report["n_close"] == 0
    assert both.X_pseudo[0, 0] == pytest.approx(3.0)


@METHODS
def test_successes_hold_when_asked_again_to_the_last_bit(method):
    rng = np.random.RandomState(0)
    for _ in range(200):
        low, anchor = np.sort(rng.randn(2) * 10.0 ** rng.randint(-8, 9))
        threshold = low + rng.rand() ** 0.1 * (anchor - low)
        made = QuintessentialGenerator(alpha=0.5, method=method).generate(
            Step(threshold), np.array([[low]]), np.array([1]), np.array([[anchor]]), [1]
        )
        assert made.success.all()
        assert threshold <= made.X_pseudo[0, 0] < anchor


@METHODS
def test_blocks_do_not_change_the_result(method, monkeypatch):
    rng = np.random.RandomState(0)
    X, y = rng.randn(80, 3), np.arange(80) % 2
    teacher = LogisticRegression().fit(X, y)
    call = (teacher, X[:40], y[:40], X[40:], y[40:])
    whole = QuintessentialGenerator(method=method).generate(*call)
    monkeypatch.setattr(_quintessential, "MAX_SEARCH_CELLS", 100)
    blocks = QuintessentialGenerator(method=method).generate(*call)
    np.testing.assert_allclose(blocks.X_pseudo, whole.X_pseudo)
    assert np.array_equal(blocks.success, whole.success)
    assert blocks.report["n_sources"] == 40


class Peak:
    """Surest of 1 at 0.5; NaN from 0.55 to 0.78."""

    classes_ = np.array([0, 1])

    def predict_proba(self, X):
        x = np.asarray(X)[:, 0]
        p = np.where((x > 0.55) & (x < 0.78), np.nan, 0.7 - abs(x - 0.5))
        return np.column_stack([1 - p, p])


@pytest.mark.parametrize("small_call", [0, 2000])
def test_a_failure_is_what_came_closest_and_nan_is_a_failure(small_call, monkeypatch):
    monkeypatch.setattr(_walks, "SMALL_CALL", small_call)
    made = QuintessentialGenerator(alpha=0.9).generate(
        Peak(), np.array([[0.0]]), np.array([1]), np.array([[1.0], [0.8]]), [1, 1]
    )
    assert made.success.tolist() == [False]
    # of a sixteenth, an eighth, ... of the ways to either anchor
    assert made.X_pseudo.tolist() == [[0.5]]
    assert made.proba.tolist() == [0.7]


def _mixed(rng):
    """Numbers, integers and a category."""
    numbers = rng.randn(400, 4)
    numbers[:, 1] = np.rint(3 * numbers[:, 1])
    numbers[:, 3] = rng.randint(5, size=400)
    return numbers


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize(
    "teacher",
    [LogisticRegression(), DecisionTreeClassifier(max_depth=4), KNeighborsClassifier()],
)
def test_points_asked_about_in_turn_are_those_of_one_call(
    teacher, container, monkeypatch
):
    rng = np.random.RandomState(0)
    X = _mixed(rng)
    y = (X[:, 0] + X[:, 1] / 3 + (X[:, 3] == 2) + 0.5 * rng.randn(400) > 0).astype(int)
    X = container(X)
    teacher.fit(X[200:], y[200:])
    categories = [3] if container is np.asarray else None
    generator = QuintessentialGenerator(categorical_features=categories)
    call = (teacher, X[:200], y[:200], X[200:], y[200:])
    made = []
    for small_call in (np.inf, 0):
        monkeypatch.setattr(_walks, "SMALL_CALL", small_call)
        made.append(generator.generate(*call))
    at_once, in_turn = made
    assert at_once.success.mean() > 0.5
    assert np.array_equal(at_once.success, in_turn.success)
    assert (at_once.X_pseudo != in_turn.X_pseudo).sum() == 0
    # sums of another number of rows may be rounded in another way
    np.testing.assert_allclose(at_once.proba, in_turn.proba, rtol=1e-12)
    asked = [one.report.pop("teacher_rows") for one in made]
    assert asked[1] < 0.9 * asked[0]
    copies = [one.report.pop("n_copies") for one in made]
    assert copies[1] <= copies[0]
    assert at_once.report == in_turn.report


class AtTheAnchor:
    """Sure of 1 only where column 0 has a value that rows of the pool have."""

    classes_ = np.array([0, 1])

    def predict_proba(self, X):
        p = np.where(np.isin(X[:, 0], [5.0, 6.0]), 0.9, 0.3)
        return np.column_stack([1 - p, p])


@pytest.mark.parametrize("method", ["segment", "swap"])
def test_a_teacher_that_is_sure_at_single_values_alone(method):
    pool = np.array([[5.0, 3.0], [6.0, 4.0]])
    made = QuintessentialGenerator(alpha=0.5, method=method).generate(
        AtTheAnchor(), np.array([[0.0, 0.0], [9.0, 1.0]]), [1, 1], pool, [1, 1]
    )
    assert made.success.all()
    assert np.isin(made.X_pseudo[:, 0], [5.0, 6.0]).all()
    assert (made.X_pseudo[:, 1] < 3.0).all()
