"""The gate's rule on wrong answers, worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_coopkd._fitting import Fitted
from sklearn_coopkd._folds import Folds
from sklearn_coopkd._gate import HARM_BETWEEN_SITES, harmed
from sklearn_coopkd._sites import make_sites, one_table
from sklearn_coopkd._tasks import Classification, Regression

# two sites, "a" without class 2; rows 0-3 are of "a", rows 4-9 of "b"
SITE = np.array(list("aaaabbbbbb"))
Y = np.array([0, 0, 1, 1, 0, 0, 1, 1, 2, 2])
RIGHT_BUT_2 = [0, 0, 1, 1, 0, 0, 1, 1, 0, 0]


SITES = make_sites(SITE, ["a", "b"], [False, False], len(Y))


def is_harmed(before, after, weight=None, sharpness=1.0, sites=SITES, n_folds=1):
    """Verdict on a student of site "a" that answers with these labels."""
    test = np.ones((n_folds, len(Y)), dtype=bool)
    problem = SimpleNamespace(
        sites=sites,
        folds=Folds(~test, test, (0,), (), {(f,): f for f in range(n_folds)}),
        task=Classification(np.arange(3)),
        truth=Y,
        weights=lambda rows: np.ones(len(Y))[rows] if weight is None else weight[rows],
    )
    found = []
    for labels in (before, after):
        proba = np.full((len(Y), 3), (1 - sharpness) / 3)
        proba[np.arange(len(Y)), labels] += sharpness
        fitted = Fitted(None, np.arange(len(Y)), proba)
        found.append({(f,): [fitted, fitted] for f in range(n_folds)})
    return bool(harmed(problem, *found)[0])


@pytest.mark.parametrize("sharpness", [1.0, 0.3])
@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (RIGHT_BUT_2, False),
        # learns class 2: one row at home is taken for it, two are gained elsewhere
        ([0, 2, 1, 1, 0, 0, 1, 1, 2, 2], False),
        # learns class 2, and takes more rows for it than it gains
        ([2, 2, 2, 1, 0, 0, 1, 1, 2, 2], True),
        # confuses its own classes: -1/4 at home, +1/6 elsewhere
        ([0, 1, 1, 1, 0, 0, 1, 1, 2, 0], True),
        # the same, but +2/6 elsewhere
        ([0, 1, 1, 1, 0, 0, 1, 1, 2, 2], False),
        # loses elsewhere
        ([0, 0, 1, 1, 1, 0, 1, 1, 0, 0], True),
    ],
)
def test_who_is_harmed(after, expected, sharpness):
    # sure answers and doubtful ones with the same labels get the same verdict
    assert is_harmed(RIGHT_BUT_2, after, sharpness=sharpness) == expected


def test_rows_count_by_their_weight():
    after = [0, 1, 1, 1, 0, 0, 1, 1, 2, 0]  # one lost at home, one gained elsewhere
    assert is_harmed(RIGHT_BUT_2, after)
    weight = np.ones(len(Y))
    weight[1] = HARM_BETWEEN_SITES / 10
    assert not is_harmed(RIGHT_BUT_2, after, weight)


@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0])
@pytest.mark.parametrize(
    ("n_gained", "n_lost", "expected"),
    [
        (0, 0, False),
        (0, 1, True),
        (1, 0, False),
        (1, 1, True),
        (2, 1, True),  # 1 of 3: a standard error is 1.7
        (3, 1, False),  # 2 of 4: just one
        (4, 2, True),  # 2 of 6: 2.4
        (5, 2, False),  # 3 of 7: 2.6
    ],
)
def test_on_one_table_right_answers_rise_by_a_standard_error(
    n_gained, n_lost, expected, scale
):
    before, after = Y.copy(), Y.copy()
    before[:n_gained] = (Y[:n_gained] + 1) % 3
    after[len(Y) - n_lost :] = 0
    weight = np.full(len(Y), scale)
    found = is_harmed(before, after, weight, sites=one_table(2, len(Y)))
    assert found == expected


def test_a_row_that_several_folds_judge_is_one_observation():
    before, after = Y.copy(), Y.copy()
    before[:2], after[9] = (Y[:2] + 1) % 3, 0  # two gained, one lost
    sites = one_table(2, len(Y))
    assert is_harmed(before, after, sites=sites)
    # nine answers, six gained and three lost, of the same three rows
    assert is_harmed(before, after, sites=sites, n_folds=3)
    after[9] = Y[9]
    assert not is_harmed(before, after, sites=sites, n_folds=3)


def test_on_one_table_a_heavy_row_counts_more():
    weight = np.ones(len(Y))
    after = [1, 0, 1, 1, 0, 0, 1, 1, 2, 2]  # one lost, two gained
    sites = one_table(2, len(Y))
    assert is_harmed(RIGHT_BUT_2, after, weight, sites=sites)
    weight[0] = 0.4  # 1.6, and a standard error of 1.47
    assert not is_harmed(RIGHT_BUT_2, after, weight, sites=sites)
    weight[0] = 0.6  # 1.4, and 1.54
    assert is_harmed(RIGHT_BUT_2, after, weight, sites=sites)


@pytest.mark.parametrize("n_lost", [0, 1, 2])
def test_between_sites_a_hundredth_may_be_lost(n_lost):
    # of a weight of 100, all elsewhere: a row is a hundredth, which is allowed
    weight = np.array([0, 0, 0, 0, 1, 1, 98 / 4, 98 / 4, 98 / 4, 98 / 4])
    after = np.array(RIGHT_BUT_2)
    after[4 : 4 + n_lost] = 1
    # elsewhere counts half: what is lost on all rows decides
    assert is_harmed(RIGHT_BUT_2, after, weight) == (n_lost == 2)


@pytest.mark.parametrize("worse_by", [0.5, 3.0])
def test_errors_of_all_folds_are_of_one_unit(worse_by):
    """A fold that is predicted to rounding has no say over one that is not."""
    y = np.concatenate([np.zeros(6), np.arange(6.0)])
    test = np.repeat(np.eye(2, dtype=bool), 6, axis=1)
    problem = SimpleNamespace(
        sites=one_table(1, 12),
        folds=Folds(~test, test, (0, 1), (), {(0,): 0, (1,): 1}),
        task=Regression(),
        truth=y,
        weights=lambda rows: np.ones(len(rows)),
    )

    def models(errors):
        fitted = Fitted(None, np.arange(12), (y + errors)[:, None])
        return {(0,): [fitted], (1,): [fitted]}

    # the zeros a little better, relatively by much; all others clearly worse, or better
    before = models(np.repeat([1e-9, 1.0], 6))
    after = models(np.repeat([1e-10, worse_by], 6))
    assert harmed(problem, before, after).tolist() == [worse_by > 1]


@pytest.mark.parametrize(
    ("row", "answer", "expected"),
    [
        (3, 5.0, False),  # taken for one of another range: what learning that costs
        (1, 3.0, True),  # as large an error among its own numbers
    ],
)
def test_numbers_outside_the_range_of_a_site_do_not_count_at_home(
    row, answer, expected
):
    y = np.array([0, 1, 2, 3, 10, 11, 12, 13, 14, 15.0])
    test = np.ones((1, 10), dtype=bool)
    problem = SimpleNamespace(
        sites=SITES,
        folds=Folds(~test, test, (0,), (), {(0,): 0}),
        task=Regression(),
        truth=y,
        weights=lambda rows: np.ones(len(rows)),
    )
    before = y + [1, 1, -1, -1, -4, -4, -4, -4, -4, -4]  # the median error is 4
    after = y + [1, 1, -1, -1, -3.88, -3.88, -3.88, -3.88, -3.88, -3.88]
    after[row] = answer  # an error of 2: a quarter of a typical one more
    fitted = [Fitted(None, np.arange(10), one[:, None]) for one in (before, after)]
    verdict = harmed(problem, *({(0,): [one, one]} for one in fitted))
    assert verdict[0] == expected
