import numpy as np
import pytest

from sklearn_coopkd._deficiency import correct_rows, deficient_rows, true_class_margin

# one member, four rows, three classes; the true class is the first throughout
PROBA = np.array(
    [[[0.6, 0.3, 0.1], [0.4, 0.35, 0.25], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]]
)
Y_IDX = np.zeros(4, dtype=int)


def test_margin_by_hand():
    assert true_class_margin(PROBA, Y_IDX)[0] == pytest.approx([0.3, 0.05, -0.3, 0.0])


def test_margin_of_a_single_class_is_its_probability():
    assert true_class_margin(np.ones((1, 2, 1)), np.zeros(2, int)).tolist() == [[1, 1]]


def test_margin_leaves_the_probabilities_alone():
    before = PROBA.copy()
    true_class_margin(PROBA, Y_IDX)
    assert np.array_equal(PROBA, before)


def test_error_takes_the_rows_whose_most_probable_class_is_wrong():
    assert deficient_rows(PROBA, Y_IDX, "error")[0].tolist() == [0, 0, 1, 0]
    assert np.array_equal(
        correct_rows(PROBA, Y_IDX), ~deficient_rows(PROBA, Y_IDX, "error")
    )


def test_margin_adds_the_nearly_wrong_rows():
    assert deficient_rows(PROBA, Y_IDX, "margin")[0].tolist() == [0, 1, 1, 1]
