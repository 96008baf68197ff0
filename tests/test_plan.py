"""Who teaches what, worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_coopkd._peers import AllPeers
from sklearn_coopkd._plan import make_plan

# probability of the true class, the second of two
STUDENT = [0.65, 0.4, 0.65, 0.65]
SURE = [0.95, 0.95, 0.6, 0.4]
UNSURE = [0.6, 0.6, 0.6, 0.6]


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
        "sklearn_coopkd._plan.calibrated", lambda proba, temperatures: proba
    )
    own = np.array([STUDENT, SURE, UNSURE])
    problem = SimpleNamespace(
        y_idx=np.ones(4, dtype=int),
        weights=lambda rows: np.ones(len(rows)),
        deficiency=deficiency,
        pools_answers=False,
        peer_selection=AllPeers(),
    )
    proba = np.stack([1 - own, own], axis=2)
    plan = make_plan(problem, np.array([True, True, True]), np.arange(4), proba)
    assert plan.assigned[1, 0].tolist() == sure_teaches
    assert plan.assigned[2, 0].tolist() == unsure_teaches
