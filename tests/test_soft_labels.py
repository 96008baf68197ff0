"""Soft labels, against a pool found by brute force."""

import numpy as np

from sklearn_coopkd._calibration import Calibrator, calibrated
from sklearn_coopkd._pool import SHRINKAGE, fit_pool
from sklearn_coopkd._soft_labels import POOL_SHARE, LabelPool


def _answers(n_rows=60, n_classes=3):
    rng = np.random.RandomState(0)
    y_idx = rng.randint(n_classes, size=n_rows)
    helpful = rng.dirichlet(np.ones(n_classes), size=n_rows)
    helpful[np.arange(n_rows), y_idx] += 1
    useless = rng.dirichlet(np.ones(n_classes), size=n_rows)
    proba = np.stack([helpful / 2, useless])
    return proba, y_idx, rng.randint(1, 4, size=n_rows)


def _pooled(proba, weights):
    product = (proba ** np.reshape(weights, (-1, 1, 1))).prod(axis=0)
    return product / product.sum(axis=1, keepdims=True)


def test_a_soft_label_is_label_and_pool_of_all_members():
    proba, y_idx, _ = _answers()
    rows = np.arange(len(y_idx))
    grid = np.linspace(0, 4, 161)

    def penalised_loss(weights):
        loss = -np.log(_pooled(proba, weights)[rows, y_idx]).sum()
        return loss + SHRINKAGE * np.sum((np.array(weights) - 0.5) ** 2)

    best = min(((a, b) for a in grid for b in grid), key=penalised_loss)
    assert best[0] > best[1] + 0.5  # the pool knows whom to believe
    expected = POOL_SHARE * _pooled(proba, best)
    expected[rows, y_idx] += 1 - POOL_SHARE
    # answers twice as sure, at a temperature of two, are the same
    sure = proba**2 / (proba**2).sum(axis=2, keepdims=True)
    for answers, temperature in ((proba, 1.0), (sure, 2.0)):
        calibrators = [Calibrator(temperature)] * 2
        weights = fit_pool(calibrated(answers, calibrators), y_idx)
        pool = LabelPool(calibrators, weights)
        found = pool.soft_labels(answers, y_idx)
        np.testing.assert_allclose(found, expected, atol=0.02)
        again = pool.soft_labels(answers[:, :3], y_idx[:3])  # of some rows, or others
        np.testing.assert_allclose(again, found[:3])


def test_a_weight_of_two_is_the_row_twice():
    proba, y_idx, weight = _answers()
    again = np.repeat(np.arange(len(y_idx)), weight)
    expected = fit_pool(proba[:, again], y_idx[again])
    np.testing.assert_allclose(fit_pool(proba, y_idx, weight), expected, rtol=1e-4)
    assert abs(fit_pool(proba, y_idx) - expected).max() > 0.05
