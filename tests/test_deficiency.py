import numpy as np
import pytest

from sklearn_coopkd._deficiency import clearly_better, deficient_rows
from sklearn_coopkd._responses import correct_rows

# one member, four rows, three classes; the true class is the first throughout
PROBA = np.array(
    [[[0.6, 0.3, 0.1], [0.4, 0.35, 0.25], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]]
)
Y_IDX = np.zeros(4, dtype=int)


def test_error_takes_the_rows_whose_most_probable_class_is_wrong():
    nobody_knows = np.zeros((1, 4))
    deficient = deficient_rows(correct_rows(PROBA, Y_IDX), nobody_knows, "error")
    assert deficient[0].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("peer", "expected", "of_peer"),
    [
        # wrong on the third, and where the other leads by 0.25 or more
        ([0.84, 0.66, 0.0, 0.4], [0, 1, 1, 0], [0, 0, 1, 0]),
        ([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 1], [0, 0, 1, 0]),
        ([0.0, 0.0, 0.0, 0.0], [0, 0, 1, 0], [1, 1, 1, 1]),
    ],
)
def test_margin_adds_the_rows_that_a_peer_knows_better(peer, expected, of_peer):
    proba = np.concatenate([PROBA, PROBA])
    confidence = np.array([PROBA[0, :, 0], peer])
    right = correct_rows(proba, Y_IDX)
    student, teacher = deficient_rows(right, confidence, "margin")
    assert student.tolist() == expected
    assert teacher.tolist() == of_peer


def test_a_peer_knows_a_row_better_from_a_quarter_on():
    confidence = np.array([0.5, 0.5, 0.5])
    of_peer = np.array([np.nextafter(0.75, 0), 0.75, 0.8])
    assert clearly_better(of_peer, confidence).tolist() == [False, True, True]
