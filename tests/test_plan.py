"""Who teaches what, worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_coopkd._peers import AllPeers
from sklearn_coopkd._plan import make_plan
from sklearn_coopkd._tasks import Classification

# probability of the true class, the second of two
STUDENT = [0.65, 0.4, 0.65, 0.65]
SURE = [0.95, 0.95, 0.6, 0.4]
UNSURE = [0.6, 0.6, 0.6, 0.6]


def _problem(n_rows, **settings):
    """All rows of the second class, everybody may teach."""
    return SimpleNamespace(
        task=Classification(np.arange(2)),
        truth=np.ones(n_rows, dtype=int),
        weights=lambda rows: np.ones(len(rows)),
        peer_selection=AllPeers(),
        **settings,
    )


def _two_classes(of_true_class):
    return np.stack([1 - of_true_class, of_true_class], axis=2)


@pytest.mark.parametrize(
    ("deficiency", "sure_teaches", "unsure_teaches"),
    [
        ("error", [0, 1, 0, 0], [0, 1, 0, 0]),
        # the first row too, which the student gets right, by the one that knows better
        ("margin", [1, 1, 0, 0], [0, 1, 0, 0]),
    ],
)
def test_what_a_student_gets_right_it_learns_of_those_that_know_better(
    deficiency, sure_teaches, unsure_teaches, monkeypatch
):
    monkeypatch.setattr(
        "sklearn_coopkd._tasks.calibrated", lambda proba, calibrators: proba
    )
    own = np.array([STUDENT, SURE, UNSURE])
    problem = _problem(len(STUDENT), deficiency=deficiency, pools_answers=False)
    plan = make_plan(problem, np.ones(3, dtype=bool), np.arange(4), _two_classes(own))
    assert plan.assigned[1, 0].tolist() == sure_teaches
    assert plan.assigned[2, 0].tolist() == unsure_teaches


class ReadOnly:
    """Everybody that is right teaches; the answer may not be written to."""

    def select(self, deficient, qualified, confidence):
        return np.broadcast_to(qualified[:, None], (2, *deficient.shape))


def test_what_a_strategy_returns_is_not_changed():
    problem = _problem(3, deficiency="margin", pools_answers=False)
    problem.peer_selection = ReadOnly()
    own = np.array([[0.3, 0.6, 0.6], [0.6, 0.4, 0.6]])
    plan = make_plan(problem, np.ones(2, dtype=bool), np.arange(3), _two_classes(own))
    assert plan.assigned[1, 0].tolist() == [True, False, False]
