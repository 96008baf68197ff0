"""Calibration, against brute force and answers whose truth is known."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from sklearn_coopkd._calibration import (
    SMOOTHINGS,
    Calibrator,
    fit_calibrator,
    fit_temperature,
)


def _neighbors(n_rows=2000, n_neighbors=5, seed=0):
    """Shares among a few neighbours: sometimes all agree, and are wrong."""
    rng = np.random.RandomState(seed)
    of_second = rng.uniform(0.1, 0.9, size=n_rows)
    share = rng.binomial(n_neighbors, of_second) / n_neighbors
    y_idx = (rng.uniform(size=n_rows) < of_second).astype(int)
    return np.column_stack([1 - share, share]), y_idx


def _confident(n_rows=400, n_classes=3, factor=3.0, seed=0):
    """Logarithms of true probabilities, times a factor."""
    rng = np.random.RandomState(seed)
    scores = rng.normal(size=(n_rows, n_classes))
    true = softmax(scores, axis=1)
    y_idx = np.array([rng.choice(n_classes, p=p) for p in true])
    return softmax(factor * scores, axis=1), true, y_idx


def _loss(calibrator, proba, y_idx, weight=None):
    labels = np.arange(proba.shape[1])
    return log_loss(y_idx, calibrator(proba), labels=labels, sample_weight=weight)


@pytest.mark.parametrize("case", ["neighbors", "confident"])
def test_no_temperature_and_smoothing_has_less_loss(case):
    proba, *_, y_idx = _neighbors() if case == "neighbors" else _confident()
    found = fit_calibrator(proba, y_idx)
    least = min(
        _loss(Calibrator(temperature, smoothing), proba, y_idx)
        for temperature in np.exp(np.linspace(-2, 4, 121))
        for smoothing in SMOOTHINGS
    )
    assert _loss(found, proba, y_idx) == pytest.approx(least, abs=2e-4)
    assert (found(proba).argmax(axis=1) == proba.argmax(axis=1)).all()


def test_a_temperature_alone_is_found_again():
    proba, true, y_idx = _confident(n_rows=20_000)
    found = fit_calibrator(proba, y_idx)
    assert found.temperature == pytest.approx(3.0, rel=0.1)
    np.testing.assert_allclose(found(proba), true, atol=0.03)


def test_certain_and_wrong_answers_do_not_silence_the_others():
    """Each answer of nearest neighbours means its share of the second class."""
    proba, y_idx = _neighbors()
    found = fit_calibrator(proba, y_idx)(proba)[:, 1]
    meant = np.zeros(len(proba))
    for share in np.unique(proba[:, 1]):
        rows = proba[:, 1] == share
        meant[rows] = y_idx[rows].mean()
    np.testing.assert_allclose(found, meant, atol=0.07)
    # a temperature without smoothing makes all of them alike
    flat = [Calibrator(t)(proba)[:, 1] for t in np.exp(np.linspace(-3, 5, 161))]
    least = min(log_loss(y_idx, p) for p in flat)
    ideal = log_loss(y_idx, meant)
    assert log_loss(y_idx, found) - ideal < 0.1 * (least - ideal)


def test_answers_that_are_all_certain_get_the_share_of_those_that_are_right():
    rng = np.random.RandomState(0)
    y_idx = rng.randint(3, size=500)
    said = np.where(rng.uniform(size=500) < 0.8, y_idx, rng.randint(3, size=500))
    for fit in (fit_calibrator, fit_temperature):
        right = fit(np.eye(3)[said], y_idx)(np.eye(3)[said])[np.arange(500), said]
        assert right == pytest.approx((said == y_idx).mean(), abs=0.02)


def test_few_rows_without_an_error_do_not_sharpen_without_limit():
    """Two heaps that lie apart: the member is as sure as it should be."""
    rng = np.random.RandomState(0)
    held_out, new = rng.randint(2, size=60), rng.randint(2, size=20_000)
    far = 6.0  # the classes' log-odds at x are far * x

    def answers(y_idx):
        x = rng.normal(np.where(y_idx == 1, far / 2, -far / 2))
        return softmax(np.column_stack([np.zeros(len(x)), far * x]), axis=1)

    proba = answers(held_out)
    found = fit_calibrator(proba, held_out)
    assert fit_temperature(proba, held_out).temperature < 0.6
    assert found.temperature > 0.6
    proba = answers(new)
    assert _loss(found, proba, new) < 1.15 * _loss(Calibrator(), proba, new)


def test_a_weight_of_two_is_the_row_twice():
    proba, y_idx = _neighbors(n_rows=300)
    weight = np.random.RandomState(0).randint(0, 3, size=300)
    again = np.repeat(np.arange(300), weight)
    weighted = fit_calibrator(proba, y_idx, weight)
    repeated = fit_calibrator(proba[again], y_idx[again])
    assert weighted.smoothing == repeated.smoothing
    assert weighted.temperature == pytest.approx(repeated.temperature, rel=1e-3)
    assert weighted != fit_calibrator(proba, y_idx)


@pytest.mark.parametrize("weight", [None, np.zeros(3)])
def test_with_nothing_to_learn_from_answers_stay_as_they_are(weight):
    proba = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]])
    if weight is None:
        calibrator = fit_calibrator(proba[:0], np.array([], dtype=int))
    else:
        calibrator = fit_calibrator(proba, np.array([0, 1, 0]), weight)
    np.testing.assert_allclose(calibrator(proba), proba, atol=1e-6)
