import numpy as np

from sklearn_coopkd._peers import AllPeers, SurestPeers

# three members, four rows
DEFICIENT = np.array([[1, 1, 0, 1], [0, 1, 0, 0], [0, 0, 1, 1]], dtype=bool)
QUALIFIED = ~DEFICIENT
CONFIDENCE = np.array(
    [[0.1, 0.2, 0.9, 0.3], [0.6, 0.1, 0.7, 0.8], [0.9, 0.8, 0.2, 0.1]]
)


def _pairs(assigned):
    """(teacher, student, row) of each assignment."""
    return {tuple(map(int, triple)) for triple in np.argwhere(assigned)}


def test_all_qualified_peers_by_hand():
    assigned = AllPeers().select(DEFICIENT, QUALIFIED, CONFIDENCE)
    assert _pairs(assigned) == {
        (1, 0, 0), (2, 0, 0), (2, 0, 1), (1, 0, 3), (2, 1, 1),
        (0, 2, 2), (1, 2, 2), (1, 2, 3),
    }  # fmt: skip


def test_the_surest_qualified_peer_by_hand():
    assigned = SurestPeers(1).select(DEFICIENT, QUALIFIED, CONFIDENCE)
    assert _pairs(assigned) == {
        (2, 0, 0), (2, 0, 1), (1, 0, 3), (2, 1, 1), (0, 2, 2), (1, 2, 3),
    }  # fmt: skip


def test_of_equally_sure_peers_the_first_teaches():
    every = np.ones((4, 1), dtype=bool)
    confidence = np.array([[0.4], [0.9], [0.9], [0.9]])
    assigned = SurestPeers(1).select(every, every, confidence)
    assert _pairs(assigned) == {(1, 0, 0), (2, 1, 0), (1, 2, 0), (1, 3, 0)}


def test_nobody_teaches_itself_and_only_the_qualified_teach():
    rng = np.random.RandomState(0)
    deficient = rng.rand(5, 200) < 0.4
    qualified = rng.rand(5, 200) < 0.5  # with margins, a deficient model may qualify
    confidence = rng.rand(5, 200)
    every = AllPeers().select(deficient, qualified, confidence)
    some = {n: SurestPeers(n).select(deficient, qualified, confidence) for n in (1, 2)}
    for i in range(5):
        assert not every[i, i].any()
        assert not every[i][:, ~qualified[i]].any()
        assert not every[:, i][:, ~deficient[i]].any()
    for n_peers, assigned in some.items():
        assert not (assigned & ~every).any()
        n_teachers = np.minimum(every.sum(axis=0), n_peers)
        assert np.array_equal(assigned.sum(axis=0), n_teachers)
        for student, row in np.argwhere(every.any(axis=0)):
            those = confidence[assigned[:, student, row], row]
            others = (every & ~assigned)[:, student, row]
            assert those.min() > confidence[others, row].max(initial=-1)
    few = SurestPeers(4).select(deficient, qualified, confidence)
    assert np.array_equal(few, every)


def test_a_qualified_peer_comes_first_whatever_its_confidence():
    qualified = np.array([[True], [False], [True]])
    confidence = np.array([[-np.inf], [0.9], [np.nan]])
    assigned = SurestPeers(2).select(~qualified, qualified, confidence)
    assert _pairs(assigned) == {(0, 1, 0), (2, 1, 0)}


def test_no_rows():
    none = np.zeros((2, 0), dtype=bool)
    assert SurestPeers(1).select(none, none, np.zeros((2, 0))).shape == (2, 2, 0)
