"""Exact shortcuts against independent solutions of the same problem."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import logit
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import QuintessentialGenerator
from sklearn_coopkd._responses import class_proba
from sklearn_coopkd.generators import _exact


def make_table(seed, n_features, dtype=np.float64):
    rng = np.random.RandomState(seed)
    y = rng.randint(0, 2, 120)
    X = rng.randn(120, n_features) + 0.8 * y[:, None]
    return (10 * X).astype(dtype) if dtype == np.int64 else X.astype(dtype), y


def least_distance_to_a_leaf(tree, X, y, target, scale, held):
    """Brute force: every leaf, its path followed from the root."""
    structure, best = tree.tree_, np.full(len(X), np.inf)

    def visit(node, low, high):
        left, right = structure.children_left[node], structure.children_right[node]
        if left >= 0:
            j, cut = structure.feature[node], structure.threshold[node]
            visit(left, low, high | {j: min(cut, high.get(j, np.inf))})
            visit(right, low | {j: max(cut, low.get(j, -np.inf))}, high)
            return
        share = structure.value[node, 0]
        for i, x in enumerate(X):
            if share[y[i]] < target[i]:
                continue
            steps = {j: max(low.get(j, -np.inf) - x[j], 0) for j in low}
            for j in high:
                steps[j] = max(steps.get(j, 0), x[j] - high[j])
            if any(steps.get(j, 0) > 0 for j in held):
                continue
            best[i] = min(best[i], sum(s / scale[j] for j, s in steps.items()))

    visit(0, {}, {})
    return best


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_features=st.integers(1, 6),
    depth=st.integers(1, 8),
    alpha=st.sampled_from([0.1, 0.5]),
    hold=st.booleans(),
    first=st.sampled_from([1, 4, 256]),  # leaves looked at before the descent
)
def test_the_nearest_leaf_of_a_tree(seed, n_features, depth, alpha, hold, first):
    X, y = make_table(seed, n_features)
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0, min_samples_leaf=3)
    tree.fit(X[60:], y[60:])
    held = [0] if hold and n_features > 1 else []
    generator = QuintessentialGenerator(
        alpha=alpha, method="swap", immutable_features=held
    )
    with mock.patch.object(_exact, "FIRST_LEAVES", first):
        made = generator.generate(tree, X[:60], y[:60], X[60:], y[60:])
    p = tree.predict_proba(X[:60])[np.arange(60), y[:60]]
    scale = X[60:].std(axis=0)
    best = least_distance_to_a_leaf(
        tree, X[:60], y[:60], p + alpha * (1 - p), scale, held
    )
    moved = np.abs(made.X_pseudo - X[:60]) @ (1 / scale)
    solved = made.success & (p < 1 - 1e-6)
    assert made.success[np.isfinite(best) & (p < 1 - 1e-6)].all()
    np.testing.assert_allclose(moved[solved], best[solved], rtol=1e-5, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_features=st.integers(1, 6),
    model=st.sampled_from([LogisticRegression(), RidgeClassifier()]),
)
def test_the_nearest_half_space_of_a_linear_model(seed, n_features, model):
    X, y = make_table(seed, n_features)
    model.fit(X[60:], y[60:])
    made = QuintessentialGenerator(alpha=0.3, method="swap").generate(
        model, X[:60], y[:60], X[60:], y[60:]
    )
    p = class_proba(model, X[:60], np.array([0, 1]))[np.arange(60), y[:60]]
    target = p + 0.3 * (1 - p)
    scale = X[60:].std(axis=0)
    low, high = X[60:].min(axis=0), X[60:].max(axis=0)
    moved = np.abs(made.X_pseudo - X[:60]) @ (1 / scale)
    weight, bias = np.ravel(model.coef_), np.ravel(model.intercept_)[0]
    for i in range(0, 60, 7):
        sign = 2 * y[i] - 1
        missing = logit(target[i]) - sign * (X[i] @ weight + bias)
        # x' = x + up - down; least sum of (up + down) / scale
        room = np.concatenate([np.maximum(high - X[i], 0), np.maximum(X[i] - low, 0)])
        found = linprog(
            np.tile(1 / scale, 2),
            A_ub=-sign * np.concatenate([weight, -weight])[None, :],
            b_ub=[-missing],
            bounds=list(zip(np.zeros(2 * n_features), room)),
        )
        if found.status == 0:
            assert made.success[i]
            assert moved[i] == pytest.approx(found.fun, rel=1e-5, abs=1e-6)


def test_integers_and_bounds_are_kept():
    X, y = make_table(0, 3, np.int64)
    bounds = {0: (None, 5)}
    for model in (
        DecisionTreeClassifier(max_depth=4, random_state=0),
        LogisticRegression(max_iter=1000),
    ):
        model.fit(X[60:], y[60:])
        made = QuintessentialGenerator(
            alpha=0.3, method="swap", bounds=bounds
        ).generate(model, X[:60], y[:60], X[60:], y[60:])
        assert made.X_pseudo.dtype == X.dtype
        moved = made.X_pseudo[:, 0] != X[:60, 0]
        assert (made.X_pseudo[moved, 0] <= 5).all()
        assert made.success.mean() > 0.8


def test_of_integers_one_step_more_than_the_fraction():
    """At the optimum of numbers one column at most is no integer: it is rounded up."""
    X, y = make_table(1, 3, np.int64)
    model = LogisticRegression(max_iter=1000).fit(X[60:], y[60:])
    made = QuintessentialGenerator(alpha=0.3, method="swap").generate(
        model, X[:60], y[:60], X[60:], y[60:]
    )
    as_floats = QuintessentialGenerator(alpha=0.3, method="swap").generate(
        model,
        X[:60] + 0.0,
        y[:60],
        X[60:] + 1e-7 * np.sin(np.arange(180).reshape(60, 3)),
        y[60:],
    )
    price = 1 / X[60:].std(axis=0)
    moved = np.abs(made.X_pseudo - X[:60]) @ price
    least = np.abs(as_floats.X_pseudo - X[:60]) @ price
    both = made.success & as_floats.success
    assert both.sum() > 40
    assert (moved[both] > least[both] - 1e-4).all()
    assert (moved[both] <= least[both] + price.max() + 1e-4).all()


def test_a_label_that_the_tree_does_not_know_stops_no_other():
    X, y = make_table(0, 3)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X[60:], y[60:] + 1)
    labels = y[:60] + 1
    labels[:20] = 0  # the least one, unknown to the tree
    made = QuintessentialGenerator(alpha=0.3, method="swap").generate(
        tree, X[:60], labels, X[60:], y[60:] + 1
    )
    assert not made.success[:20].any()
    known = QuintessentialGenerator(alpha=0.3, method="swap").generate(
        tree, X[20:60], labels[20:], X[60:], y[60:] + 1
    )
    assert np.array_equal(made.X_pseudo[20:], known.X_pseudo)


def test_a_model_that_does_not_answer_by_the_formula_is_searched():
    X, y = make_table(0, 3)
    model = SGDClassifier(loss="modified_huber", random_state=0).fit(X[60:], y[60:])
    made = QuintessentialGenerator(alpha=0.3, method="swap").generate(
        model, X[:60], y[:60], X[60:], y[60:]
    )
    p_old, p_new = (
        model.predict_proba(Z)[np.arange(60), y[:60]] for Z in (X[:60], made.X_pseudo)
    )
    assert (p_new >= np.minimum(p_old + 0.3 * (1 - p_old), 1 - 1e-6))[
        made.success
    ].all()
    assert made.success.mean() > 0.8


def test_a_missing_cell_leads_to_the_search():
    X, y = make_table(0, 3)
    X[::4, 1] = np.nan
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X[60:], y[60:])
    made = QuintessentialGenerator(alpha=0.3, method="swap").generate(
        tree, X[:60], y[:60], X[60:], y[60:]
    )
    assert np.array_equal(np.isnan(made.X_pseudo), np.isnan(X[:60]))
    assert made.success.mean() > 0.8


def test_a_sparsified_linear_model_is_searched():
    X, y = make_table(0, 3)
    model = SGDClassifier(loss="log_loss", random_state=0).fit(X[60:], y[60:])
    model.sparsify()
    made = QuintessentialGenerator(method="swap", alpha=0.3).generate(
        model, X[:60], y[:60], X[60:], y[60:]
    )
    assert made.success.all()


def test_a_tree_fitted_on_other_rows_than_the_pool():
    """Leaves beyond the range of the pool and the row are no goal."""
    X, y = make_table(1, 2)
    tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0).fit(X, y)
    pool = (np.abs(X) < 1).all(axis=1)
    made = QuintessentialGenerator(method="swap", alpha=0.5).generate(
        tree, X, y, X[pool], y[pool]
    )
    assert made.success.any()
    low = np.minimum(X[pool].min(axis=0), X)[made.success]
    high = np.maximum(X[pool].max(axis=0), X)[made.success]
    cells = made.X_pseudo[made.success]
    assert ((cells >= low) & (cells <= high)).all()
