"""The generators for comparison: rows between rows of a class, and rows as they are."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge

from sklearn_coopkd import (
    InterpolationGenerator,
    QuintessentialGenerator,
    RawGenerator,
)

GENERATORS = [InterpolationGenerator, QuintessentialGenerator, RawGenerator]
# one class on a line, the other far away
X_POOL = np.array([[0.0, 0.0], [10.0, 0.0], [100.0, 0.0], [50.0, 7.0]])
Y_POOL = np.array([0, 0, 0, 1])
X, Y = np.array([[4.0, 0.0], [49.0, 7.0]]), np.array([0, 1])
TEACHER = LogisticRegression().fit(X_POOL, Y_POOL)


def made(generator, X=X, y=Y, X_pool=X_POOL, y_pool=Y_POOL, seed=0, teacher=TEACHER):
    return generator.generate(teacher, X, y, X_pool, y_pool, random_state=seed)


def test_a_sample_lies_between_a_row_and_its_nearest_neighbour():
    generator = InterpolationGenerator(n_neighbors=1)
    for seed in range(20):
        samples = made(generator, seed=seed)
        assert samples.success.tolist() == [True, True]
        assert np.isnan(samples.proba).all()
        (first, second), (third, fourth) = samples.X_pseudo
        assert 0 <= first <= 4  # towards (0, 0), its nearest
        assert second == 0
        assert 49 <= third <= 50  # of the other class there is one row alone
        assert fourth == 7


def test_neighbours_are_drawn_among_the_nearest():
    generator = InterpolationGenerator(n_neighbors=2)
    firsts = np.array([made(generator, seed=s).X_pseudo[0, 0] for s in range(200)])
    assert ((firsts >= 0) & (firsts <= 10)).all()  # never towards 100
    assert 60 < (firsts > 4).sum() < 140  # towards 10 as often as towards 0
    below = firsts[firsts < 4]
    assert abs(below.mean() - 2) < 0.4  # anywhere between


def test_a_row_is_moved_the_same_way_in_any_company():
    generator = InterpolationGenerator(n_neighbors=2)
    alone = made(generator, X=X[1:], y=Y[1:])
    both = made(generator)
    np.testing.assert_array_equal(alone.X_pseudo[0], both.X_pseudo[1])


def test_distances_and_counts_by_hand():
    samples = made(InterpolationGenerator(n_neighbors=1))
    moved = np.abs(samples.X_pseudo - X) / X_POOL.std(axis=0)
    assert samples.report == {
        "n_sources": 2,
        "n_success": 2,
        "n_copies": 0,
        "mean_distance": pytest.approx(moved.sum(axis=1).mean()),
        "mean_changed": 1.0,
    }


def test_a_row_without_a_neighbour_and_a_copy_are_no_success():
    y = np.array([0, 2])  # nobody in the pool is of class 2
    samples = made(InterpolationGenerator(), y=y)
    assert samples.success.tolist() == [True, False]
    np.testing.assert_array_equal(samples.X_pseudo[1], X[1])
    assert samples.report["n_success"] == 1
    twin = made(InterpolationGenerator(), X=X_POOL[3:], y=Y_POOL[3:])
    assert samples.report["n_copies"] == 0
    assert twin.success.tolist() == [False]  # its only neighbour is itself
    nobody = made(InterpolationGenerator(), X=X[1:], y=y[1:])
    assert nobody.report["mean_distance"] == nobody.report["mean_changed"] == 0.0


def test_sparse_rows_move_as_dense_ones():
    rng = np.random.RandomState(0)
    dense = np.where(rng.rand(60, 6) < 0.5, 0.0, rng.randn(60, 6))
    y = rng.randint(0, 2, 60)
    samples = {
        kind: made(
            InterpolationGenerator(), kind(dense[:20]), y[:20], kind(dense[20:]), y[20:]
        )
        for kind in (np.asarray, sparse.csr_array)
    }
    of_sparse = samples[sparse.csr_array]
    assert of_sparse.X_pseudo.format == "csr"
    assert of_sparse.success.all()
    between = of_sparse.X_pseudo.toarray()
    # each cell between that of the row and that of some row of its class
    for row, source, label in zip(between, dense[:20], y[:20]):
        of_class = dense[20:][y[20:] == label]
        low = np.minimum(source, of_class.min(axis=0))
        high = np.maximum(source, of_class.max(axis=0))
        assert ((low <= row) & (row <= high)).all()
        assert (row != source).any()
    assert of_sparse.report["n_success"] == samples[np.asarray].report["n_success"]


def test_columns_that_may_not_move_stay():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"a": rng.randn(50), "b": rng.randn(50), "c": rng.randn(50)})
    y = rng.randint(0, 2, 50)
    generator = InterpolationGenerator(immutable_features=["b"])
    samples = made(generator, frame[:10], y[:10], frame[10:], y[10:])
    np.testing.assert_array_equal(samples.X_pseudo["b"], frame["b"][:10])
    assert (samples.X_pseudo["a"].to_numpy() != frame["a"][:10].to_numpy()).all()


def test_numbers_to_predict_have_neighbours_of_about_their_outcome():
    rng = np.random.RandomState(0)
    X_pool = rng.randn(400, 2)
    y_pool = 100.0 * X_pool[:, 0]
    teacher = Ridge().fit(X_pool, y_pool)
    samples = made(
        InterpolationGenerator(),
        X_pool[:40],
        y_pool[:40],
        X_pool[40:],
        y_pool[40:],
        teacher=teacher,
    )
    moved = samples.X_pseudo[:, 0] - X_pool[:40, 0]
    assert samples.success.all()
    assert np.abs(moved).max() < 2  # within the quantiles that are one class
    assert np.median(np.abs(moved)) < 0.2


def test_rows_as_they_are():
    samples = made(RawGenerator())
    np.testing.assert_array_equal(samples.X_pseudo, X)
    assert not np.shares_memory(samples.X_pseudo, X)
    assert samples.success.all()
    assert np.isnan(samples.proba).all()
    assert samples.report == {"n_sources": 2, "n_success": 2}


@pytest.mark.parametrize("kind", GENERATORS)
def test_what_does_not_fit_together_is_refused(kind):
    with pytest.raises(ValueError, match="got 1 for 2 and 4 for 4 rows"):
        made(kind(), y=Y[:1])
    with pytest.raises(ValueError, match="got 2 for 2 and 3 for 4 rows"):
        made(kind(), y_pool=Y_POOL[:3])
    with pytest.raises(ValueError, match="`X_pool` must have the 2 columns of `X`"):
        made(kind(), X_pool=X_POOL[:, :1])
    with pytest.raises(ValueError, match="must be a container of the kind of `X`"):
        made(kind(), X_pool=pd.DataFrame(X_POOL))


def test_defaults():
    """As the docstrings say."""
    assert InterpolationGenerator().get_params() == {
        "n_neighbors": 5,
        "categorical_features": "from_dtype",
        "immutable_features": None,
        "max_pool": 2000,
    }
    assert RawGenerator().get_params() == {}
