"""The default final estimator against its formula."""

import numpy as np
import pytest
from scipy.optimize import brute
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from sklearn_coopkd._final import LinearPoolRegressor, PooledLogisticRegression
from sklearn_coopkd._pool import SHRINKAGE


def pool(probas, weights):
    """Weighted geometric mean, normalised."""
    product = np.prod([p**w for p, w in zip(probas, weights)], axis=0)
    return product / product.sum(axis=1, keepdims=True)


def drawn(n_rows, n_classes, weights, seed=0):
    """Probabilities of as many members as weights, and labels drawn from their pool."""
    rng = np.random.RandomState(seed)
    probas = rng.dirichlet(np.ones(n_classes), size=(len(weights), n_rows))
    chance = pool(probas, weights).cumsum(axis=1)
    return probas, (rng.uniform(size=n_rows)[:, None] > chance).sum(axis=1)


def columns(probas):
    return np.hstack([p[:, 1:] if p.shape[1] == 2 else p for p in probas])


@pytest.mark.parametrize("n_classes", [2, 4])
def test_weights_are_those_that_the_labels_were_drawn_with(n_classes):
    probas, y = drawn(20_000, n_classes, [0.9, 0.4, 0.0])
    model = PooledLogisticRegression().fit(columns(probas), y)
    np.testing.assert_allclose(model.pool_weights_, [0.9, 0.4, 0.0], atol=0.04)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_minimise_the_penalised_loss(n_classes):
    probas, y = drawn(60, n_classes, [1.0, 0.2])
    sample_weight = np.linspace(0, 2, 60)

    def loss(weights):
        chosen = pool(probas, weights)[np.arange(60), y]
        penalty = SHRINKAGE * np.sum((np.asarray(weights) - 0.5) ** 2)
        return penalty - sample_weight @ np.log(chosen)

    expected = brute(loss, ((0, 2), (0, 2)), Ns=40)
    model = PooledLogisticRegression().fit(columns(probas), y, sample_weight)
    np.testing.assert_allclose(model.pool_weights_, expected, atol=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_answers_are_the_geometric_mean_of_three(n_classes):
    probas, y = drawn(100, n_classes, [1.0, 0.2])
    probas[0, ::10] = 1e-5  # below the floor
    probas[0, ::10, 1] = 1 - (n_classes - 1) * 1e-5
    X = columns(probas)
    model = PooledLogisticRegression().fit(X, y)
    logs = np.log(probas.clip(1e-3))
    if n_classes == 2:
        Z = np.column_stack([log[:, 1] - log[:, 0] for log in logs])
    else:
        Z = np.hstack([log - log.mean(axis=1)[:, None] for log in logs])
    logistic = [
        LogisticRegression(max_iter=1000).fit(of, y).predict_proba(of) for of in (X, Z)
    ]
    expected = pool([*logistic, pool(probas, model.pool_weights_)], [1 / 3] * 3)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-5)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(expected), atol=1e-4)
    assert np.array_equal(model.predict(X), expected.argmax(axis=1))
    decision = model.decision_function(X)
    if n_classes == 2:
        assert np.array_equal(model.predict(X), decision > 0)
    else:
        assert np.array_equal(model.predict(X), decision.argmax(axis=1))


def test_two_rows_pool_nearly_evenly():
    probas, y = drawn(2, 2, [1.0, 0.2])
    y[:] = [0, 1]
    model = PooledLogisticRegression().fit(columns(probas), y)
    assert model.pool_weights_ == pytest.approx([0.5, 0.5], abs=0.1)


def test_weights_may_be_a_list_and_answers_need_a_fit():
    probas, y = drawn(100, 3, [1.0, 0.2])
    X, times = columns(probas), np.arange(100) % 3
    listed = PooledLogisticRegression().fit(X, y, times.tolist())
    array = PooledLogisticRegression().fit(X, y, times)
    assert np.array_equal(listed.predict_proba(X), array.predict_proba(X))
    with pytest.raises(NotFittedError):
        PooledLogisticRegression().predict(X)


def test_a_class_that_no_row_has():
    probas, y = drawn(100, 3, [1.0, 0.2])
    X, kept = columns(probas), y != 1
    model = PooledLogisticRegression(np.arange(3)).fit(X[kept], y[kept])
    assert model.classes_.tolist() == [0, 2]
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1.0)
    assert set(model.predict(X)) == {0, 2}
    assert np.array_equal(clone(model).classes, np.arange(3))


def test_weights_count_as_repetitions():
    probas, y = drawn(100, 3, [1.0, 0.2])
    X, times = columns(probas), np.arange(100) % 3
    weighted = PooledLogisticRegression().fit(X, y, times)
    repeated = PooledLogisticRegression().fit(X.repeat(times, axis=0), y.repeat(times))
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4
    )


def test_certain_members_that_are_wrong():
    """Probabilities of 0 and 1 leave finite answers."""
    X = np.tile([[0.0, 1.0], [1.0, 1.0]], (10, 1))
    y = np.arange(20) % 2
    proba = PooledLogisticRegression().fit(X, 1 - y).predict_log_proba(X)
    assert np.isfinite(proba).all()


def test_weights_of_numbers_are_those_that_the_target_was_made_with():
    rng = np.random.RandomState(0)
    X = 5 + rng.randn(20_000, 3)
    y = 5 + (X - 5) @ [0.7, 0.4, -0.2] + 0.1 * rng.randn(20_000)
    model = LinearPoolRegressor().fit(X, y)
    # a member that predicts the opposite gets no weight, and not a negative one
    np.testing.assert_allclose(model.weights_, [0.7, 0.4, 0.0], atol=0.02)
    # rows count by one over their error, which differs by chance alone here
    assert model.center_ == pytest.approx(y.mean(), abs=0.01)
    expected = model.center_ + (X - model.center_) @ model.weights_
    np.testing.assert_allclose(model.predict(X), expected)


@pytest.mark.parametrize("size", [10, 1e4, 1e12])
def test_a_member_that_is_far_off_has_no_say(size):
    rng = np.random.RandomState(0)
    y = rng.randn(300)
    sane = y[:, None] + 0.5 * rng.randn(300, 2)
    far = size * rng.randn(300, 1)
    without = LinearPoolRegressor().fit(sane, y)
    pool = LinearPoolRegressor().fit(np.hstack([sane, far]), y)
    np.testing.assert_allclose(pool.weights_[:2], without.weights_, atol=0.05)
    assert np.std(pool.weights_[2] * far) < 0.1


def test_of_few_rows_the_sum_is_the_mean():
    X, y = [[0.0, 2.0], [1.0, 1.0]], [0.0, 1.0]
    model = LinearPoolRegressor().fit(X, y)
    np.testing.assert_allclose(model.weights_, [0.5, 0.5], atol=0.2)
    with pytest.raises(NotFittedError):
        LinearPoolRegressor().predict(X)


def test_a_weight_of_two_is_the_row_twice_for_numbers():
    rng = np.random.RandomState(0)
    X = rng.randn(40, 2)
    y = X.mean(axis=1) + rng.randn(40)
    weight = rng.randint(3, size=40)
    repeated = np.repeat(np.arange(40), weight)
    np.testing.assert_allclose(
        LinearPoolRegressor().fit(X, y, weight).predict(X),
        LinearPoolRegressor().fit(X[repeated], y[repeated]).predict(X),
    )
