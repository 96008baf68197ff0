"""The loop: the paper's method by hand, no leaks, the gate, rounds, weights."""

from dataclasses import replace
from itertools import count

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from sklearn_coopkd import (
    CooperativeDistiller,
    GeneratedSamples,
    QuintessentialGenerator,
    RawGenerator,
    _rounds,
)
from sklearn_coopkd._calibration import calibrated, fit_temperature
from sklearn_coopkd._folds import Folds
from sklearn_coopkd._lessons import Lesson, distinct, make_samples, spread
from sklearn_coopkd._pool import SHRINKAGE, fit_pool
from sklearn_coopkd._soft_labels import LabelPool
from sklearn_coopkd._tasks import Classification


class Threshold(ClassifierMixin, BaseEstimator):
    """Class 1 if a column exceeds 0, with a fixed sureness; remembers its rows."""

    def __init__(self, column=0, sureness=0.8):
        self.column = column
        self.sureness = sureness

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.array([0, 1])
        self.X_, self.y_, self.weight_ = X.copy(), y.copy(), sample_weight
        return self

    def predict_proba(self, X):
        check_is_fitted(self)
        p = np.where(X[:, self.column] > 0, self.sureness, 1 - self.sureness)
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Shift(BaseEstimator):
    """Moves each row by 0.01 in the first column: easy to follow."""

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        proba = teacher.predict_proba(X)[np.arange(len(y)), y]
        return GeneratedSamples(X + [[0.01, 0.0]], np.ones(len(y), bool), proba)


# Member "a" looks at the first column, "b" at the second. The label is 1 iff:
X_HAND = np.array(
    [
        [1.0, 1.0],  # both right
        [-1.0, -1.0],  # both right
        [1.0, -1.0],  # label 1: a right, b wrong
        [-1.0, 1.0],  # label 0: a right, b wrong
        [2.0, -2.0],  # label 0: b right, a wrong
        [3.0, 3.0],  # label 0: both wrong
        [4.0, 4.0],  # both right
        [-4.0, -4.0],  # both right
    ]
)
Y_HAND = np.array([1, 0, 1, 0, 0, 0, 1, 0])


def hand_distiller(members=None, **params):
    members = members or [("a", Threshold(0)), ("b", Threshold(1))]
    plain = {"deficiency": "error", "soft_targets": False, "validation": None, "cv": 2}
    params = {"generator": Shift(), "combine": "vote"} | plain | params
    return CooperativeDistiller(members, **params)


def test_soft_targets_by_hand():
    """Each row is one for either label, weighted by its label and both members' answer.

    Calibrated, they are as sure as they are right, on 6 and on 5 of 8 rows. So is each
    sample: it is on the same side of both thresholds as its source.
    """
    distiller = hand_distiller(max_iter=1, soft_targets="auto").fit(X_HAND, Y_HAND)
    to_b = distiller.pseudo_samples_.b
    assert to_b.y.tolist() == [1, 0]
    assert to_b.weight.tolist() == [1, 1]
    odds = np.sign(X_HAND) * np.log([6 / 2, 5 / 3])

    def penalised_loss(weights):
        loss = np.logaddexp(0, -(odds @ weights) * (2 * Y_HAND - 1)).sum()
        return loss + SHRINKAGE * np.sum((weights - 0.5) ** 2)

    weights = minimize(penalised_loss, [0.5, 0.5]).x
    share = 0.25 * Y_HAND + 0.75 * expit(odds @ weights)
    for student in ("a", "b"):
        np.testing.assert_allclose(
            distiller.soft_labels_[student][:, 1], share, atol=1e-5
        )
    b = distiller.named_estimators_.b
    X = np.vstack([X_HAND, to_b.X]).repeat(2, axis=0)
    np.testing.assert_allclose(b.X_, X)
    assert b.y_.tolist() == [0, 1] * 10
    assert to_b.source.tolist() == [2, 3]
    np.testing.assert_allclose(to_b.target[:, 1], share[[2, 3]], atol=1e-5)
    share = np.append(share, share[[2, 3]])
    expected = np.column_stack([1 - share, share])
    np.testing.assert_allclose(b.weight_, expected.ravel(), atol=1 / 256)
    assert (b.weight_.reshape(-1, 2).sum(axis=1) == 1).all()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("frozen", [False, True])
def test_only_what_no_model_was_fitted_with_softens_a_label(n_classes, frozen):
    """The answers are those of a cross-validation; what no fold tests is its label.

    What a frozen member has made has its answers, and it softens nothing else.
    """
    X, y = make_classification(
        n_samples=90, n_informative=4, n_classes=n_classes, flip_y=0.3, random_state=0
    )
    weight = 1.0 + np.arange(90) % 3
    members = [
        ("a", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ("b", LogisticRegression()),
    ]
    knows = GaussianNB().fit(X[::2], y[::2])
    splits = list(StratifiedKFold(4).split(X, y))[:3]
    distiller = CooperativeDistiller(
        [*members, ("frozen", FrozenEstimator(knows))] if frozen else members,
        cv=splits, validation=None, combine="vote", peer_selection="all",
        random_state=0,
    )  # fmt: skip
    distiller.fit(X, y, weight)
    tested = np.concatenate([test for _, test in splits])
    fitted = [
        [clone(model).fit(X[train], y[train], weight[train]) for _, model in members]
        for train, _ in splits
    ]
    answers = np.zeros((2, len(y), n_classes))
    for models, (_, test) in zip(fitted, splits):
        answers[:, test] = [model.predict_proba(X[test]) for model in models]
    about = answers[:, tested], y[tested], weight[tested]
    calibrators = [fit_temperature(proba, *about[1:]) for proba in about[0]]
    pool = LabelPool(
        calibrators, fit_pool(calibrated(about[0], calibrators), *about[1:])
    )
    answers = answers[:, tested]
    expected = pool.soft_labels(answers, y[tested])
    for found in (distiller.soft_labels_[name] for name in ("a", "b")):
        np.testing.assert_allclose(found[tested], expected, atol=1e-12)
        never = np.setdiff1d(np.arange(len(y)), tested)
        assert found[never].tolist() == np.eye(n_classes)[y[never]].tolist()
    # of a pseudo-sample it is what models without its source say together
    for lesson in (distiller.pseudo_samples_[name] for name in ("a", "b")):
        is_of_frozen = lesson.teacher == "frozen"
        assert is_of_frozen.any() == frozen
        n_checked = is_of_frozen.sum()
        expected = knows.predict_proba(lesson.X)
        np.testing.assert_allclose(
            lesson.target[is_of_frozen], expected[is_of_frozen], atol=1e-12
        )
        for models, (_, test) in zip(fitted, splits):
            made = np.flatnonzero(np.isin(lesson.source, test) & ~is_of_frozen)
            answers = np.array([m.predict_proba(lesson.X[made]) for m in models])
            expected = pool.soft_labels(answers, y[lesson.source[made]])
            np.testing.assert_allclose(lesson.target[made], expected, atol=1e-12)
            n_checked += len(made)
        assert n_checked == len(lesson.y) > 3


class SilentAboutSamples(GaussianNB):
    """Answers with NaN, or not at all, about rows that are nobody's."""

    known: set = set()

    def __init__(self, raises=False):
        super().__init__()
        self.raises = raises

    def predict_proba(self, X):
        proba = super().predict_proba(X)
        is_sample = np.array([row.tobytes() not in self.known for row in X])
        if self.raises and is_sample.any():
            raise RuntimeError("no")
        proba[is_sample] = np.nan
        return proba


@pytest.mark.parametrize("raises", [False, True])
def test_a_member_that_fails_about_what_others_made(raises):
    X, y = make_classification(n_samples=90, flip_y=0.3, random_state=0)
    SilentAboutSamples.known = {row.tobytes() for row in X}
    members = [
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ("logistic", LogisticRegression()),
        ("silent", SilentAboutSamples(raises)),
    ]
    params = {"validation": None, "combine": "vote", "random_state": 0}
    params["peer_selection"] = FirstTeaches()  # the silent one teaches nobody
    with pytest.raises((ValueError, RuntimeError)) as caught:
        CooperativeDistiller(members, **params).fit(X, y)
    assert "'silent'" in "".join(caught.value.__notes__)
    with pytest.warns(sklearn.exceptions.FitFailedWarning, match="'silent'"):
        found = CooperativeDistiller(members, on_failure="warn", **params).fit(X, y)
    assert list(found.pseudo_samples_) == ["tree", "logistic"]
    assert np.isfinite(found.pseudo_samples_.logistic.target).all()


class FirstTeaches(BaseEstimator):
    """The first member teaches the second."""

    def select(self, deficient, qualified, confidence):
        assigned = np.zeros((len(deficient), *deficient.shape), dtype=bool)
        assigned[0, 1] = qualified[0] & deficient[1]
        return assigned


def test_what_was_taught_stays_in_rounds_that_bring_nothing_new():
    """Soft labels alone are no reason to fit a student once more."""
    once = hand_distiller(max_iter=1, soft_targets=True).fit(X_HAND, Y_HAND)
    distiller = hand_distiller(max_iter=5, soft_targets=True).fit(X_HAND, Y_HAND)
    # the members answer the same, whatever they are fitted with
    assert distiller.termination_condition_ == "nothing_to_teach"
    assert distiller.n_iter_ == 2
    for name in ("a", "b"):
        few, many = once.pseudo_samples_[name], distiller.pseudo_samples_[name]
        assert len(few.y) > 0
        assert many.source.tolist() == few.source.tolist()
        rows = [d.named_estimators_[name].X_.tolist() for d in (once, distiller)]
        assert rows[0] == rows[1]


def test_soft_labels_leave_out_held_rows_weights_of_nothing_and_frozen_members(
    monkeypatch,
):
    monkeypatch.setattr(_rounds, "harmed", lambda *_: np.zeros(1, dtype=bool))
    scores = count()
    X, y = make_classification(n_samples=90, flip_y=0.3, random_state=0)
    weight = np.where(np.arange(90) % 9 == 0, 0.0, 1.0 + np.arange(90) % 3)
    knows_all = DecisionTreeClassifier(random_state=0).fit(X, y)
    members = [
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ("bayes", GaussianNB()),
    ]
    params = {"validation": 0.25, "combine": "vote", "random_state": 0}
    params["scoring"] = lambda *_: float(next(scores))  # everybody is kept
    alone, watched = (
        CooperativeDistiller([*members, *more], **params).fit(X, y, weight)
        for more in ([], [("frozen", FrozenEstimator(knows_all))])
    )
    found = [d.soft_labels_.bayes for d in (alone, watched)]
    assert found[0] is not None
    np.testing.assert_array_equal(*found)
    is_held = np.isnan(found[0]).all(axis=1)
    assert 15 < is_held.sum() < 30
    assert np.isfinite(found[0][~is_held]).all()
    absent = (weight == 0) & ~is_held
    assert absent.any()
    assert found[0][absent].tolist() == np.eye(2)[y[absent]].tolist()
    unweighted = CooperativeDistiller(members, **params).fit(X, y).soft_labels_.bayes
    both = ~is_held & ~np.isnan(unweighted).all(axis=1) & (weight > 0)
    assert abs(found[0] - unweighted)[both].max() > 0.01


def test_between_sites_no_label_is_softened():
    owner = np.array(list("aabababb"))
    distiller = hand_distiller(max_iter=1, soft_targets=True)
    distiller.fit(X_HAND, Y_HAND, sites=owner)
    assert list(distiller.soft_labels_.values()) == [None, None]


class UniqueIndex(GaussianNB):
    """Fails on a frame of which two rows have one name."""

    def fit(self, X, y, sample_weight=None):
        assert X.index.is_unique
        return super().fit(X, y, sample_weight)


def test_rows_of_a_frame_have_one_name_each():
    X, y = load_iris(return_X_y=True, as_frame=True)
    members = [("a", UniqueIndex()), ("b", DecisionTreeClassifier(max_depth=1))]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    assert distiller.fit(X, y).soft_labels_.a is not None


def test_a_wrapper_of_a_model_without_weights_learns_labels(cancer):
    members = [
        ("wrapped", CalibratedClassifierCV(KNeighborsClassifier(), cv=2)),
        ("bayes", GaussianNB()),
    ]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    distiller.fit(*cancer)
    assert distiller.soft_labels_.wrapped is None
    assert distiller.soft_labels_.bayes is not None


def test_a_fold_that_nobody_could_learn_for_refuses_nobody():
    """The first split of a time series leaves nothing to cross-fit on."""
    X, y = make_classification(n_samples=300, flip_y=0.2, random_state=0)
    members = [
        ("tree", DecisionTreeClassifier(random_state=0)),
        ("logistic", LogisticRegression(C=0.01)),
    ]
    distiller = CooperativeDistiller(members, cv=TimeSeriesSplit(4), random_state=0)
    distiller.fit(X, y)
    assert sum(record["requested"] for record in distiller.history_) > 0
    assert np.isfinite([record["score_after"] for record in distiller.history_]).all()


def test_a_small_fold_refuses_nobody_alone(monkeypatch):
    X, y = make_classification(n_samples=120, flip_y=0.2, random_state=0)
    members = [
        ("tree", DecisionTreeClassifier(random_state=0)),
        ("bayes", GaussianNB()),
    ]
    monkeypatch.setattr(_rounds._Loop, "_worse", lambda *_: np.ones(2, dtype=bool))
    for n_folds, n_judged in ((5, 0), (6, 2)):
        distiller = CooperativeDistiller(members, cv=n_folds, random_state=0)
        distiller.fit(X, y)
        scores = [record["score_after"] for record in distiller.history_]
        assert np.isfinite(scores).sum() == n_judged
    # further rounds may mend it
    distiller.set_params(cv=3, max_iter=2).fit(X, y)
    assert np.isfinite([r["score_after"] for r in distiller.history_[:2]]).all()


def test_without_a_gate_the_stack_asks_the_models_that_it_learned_from():
    """Those before teaching: nobody knows how students answer to new rows."""
    X, y = make_classification(n_samples=90, flip_y=0.3, random_state=0)
    members = [
        ("a", DecisionTreeClassifier(random_state=0)),
        ("b", LogisticRegression()),
    ]
    params = {"validation": None, "random_state": 0}
    plain = CooperativeDistiller(members, max_iter=0, **params).fit(X, y)
    taught = CooperativeDistiller(members, **params).fit(X, y)
    assert taught.soft_labels_.a is not None
    assert taught.predict_proba(X).tolist() == plain.predict_proba(X).tolist()
    # with several rounds, too: in a student without a fold models with it have a part
    taught = CooperativeDistiller(members, max_iter=3, **params).fit(X, y)
    assert taught.n_iter_ == 3
    assert taught.predict_proba(X).tolist() == plain.predict_proba(X).tolist()
    assert taught.best_index_ == plain.best_index_
    assert taught.scores_.tolist() == plain.scores_.tolist()


def test_the_stack_also_asks_members_as_they_were():
    X, y = make_classification(n_samples=300, flip_y=0.3, random_state=0)
    members = [
        ("tree", DecisionTreeClassifier(random_state=0)),
        ("logistic", LogisticRegression()),
    ]
    distiller = CooperativeDistiller(members, random_state=0).fit(X, y)
    is_new = [
        student is not member
        for student, member in zip(
            distiller.estimators_, distiller.initial_estimators_, strict=True
        )
    ]
    assert is_new == [True, False]
    assert distiller.final_estimator_.pool_weights_.shape == (3,)
    assert distiller._answering[2] is distiller.initial_estimators_[0]


def test_between_sites_the_label_is_taught_unless_asked_otherwise():
    owner = np.array(list("aabababb"))
    targets = []
    for soft_targets in ("auto", True, False):
        distiller = hand_distiller(max_iter=1, soft_targets=soft_targets)
        distiller.fit(X_HAND, Y_HAND, sites=owner)
        targets += [d.target for d in distiller.pseudo_samples_.values() if len(d.y)]
    kinds = [target is None for target in targets]
    n = len(kinds) // 3
    assert kinds == [True] * n + [False] * n + [True] * n
    assert n > 0


class Unweighted(Threshold):
    """Takes no weights."""

    def fit(self, X, y):
        return super().fit(X, y)


def test_a_member_without_weights_learns_the_label():
    members = [("a", Threshold(0)), ("b", Unweighted(1))]
    distiller = hand_distiller(max_iter=1, soft_targets=True)
    distiller.set_params(estimators=members).fit(X_HAND, Y_HAND)
    b, lesson = distiller.named_estimators_.b, distiller.pseudo_samples_.b
    np.testing.assert_allclose(b.X_, np.vstack([X_HAND, lesson.X]))
    assert b.y_.tolist() == [*Y_HAND, 1, 0]
    assert distiller.soft_labels_.b is None


def targets_of(generator, model, X, y):
    """What a teacher says of the samples that a generator makes for it."""
    task = Classification(np.unique(y))
    teacher = task.responder(model)
    made = make_samples(generator, teacher, X, y, X, y, 0)
    return task.teachers_targets(teacher, made, y, y)


def test_a_teacher_that_is_wrong_about_a_sample_teaches_the_label():
    target = targets_of(Shift(), Threshold(0).fit(X_HAND, Y_HAND), X_HAND, Y_HAND)
    np.testing.assert_allclose(target[:4], [[0.2, 0.8], [0.8, 0.2]] * 2)
    assert target[4:6].tolist() == [[1, 0], [1, 0]]  # it takes both for class 1


class Silent(Shift):
    """Does not say what its teacher answers."""

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        made = super().generate(teacher, X, y, X_pool, y_pool)
        return replace(made, proba=np.full(len(y), np.nan))


def test_a_teacher_is_asked_for_what_the_generator_does_not_say():
    target = targets_of(Silent(), Threshold(0).fit(X_HAND, Y_HAND), X_HAND, Y_HAND)
    np.testing.assert_allclose(target[:4], [[0.2, 0.8], [0.8, 0.2]] * 2)


def test_a_search_learns_the_label(cancer):
    X, y = cancer
    search = GridSearchCV(Threshold(1), {"sureness": [0.7, 0.8]}, cv=2)
    members = [("bayes", GaussianNB()), ("search", search)]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    distiller.fit(X, y)
    lesson = distiller.pseudo_samples_.search
    assert len(lesson.y) > 5
    assert lesson.target is None
    best = distiller.named_estimators_.search.best_estimator_
    assert best.y_.tolist() == [*y, *lesson.y]


@pytest.mark.parametrize("data", ["cancer", "iris"])
def test_a_frozen_teacher_says_what_it_would_answer(data, request):
    X, y = request.getfixturevalue(data)
    frozen = GaussianNB().fit(X[::2], y[::2])
    members = [
        ("frozen", FrozenEstimator(frozen)),
        ("tree", DecisionTreeClassifier(max_depth=1)),
    ]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    lesson = distiller.fit(X, y).pseudo_samples_.tree
    assert len(lesson.y) > 5
    expected = frozen.predict_proba(lesson.X)
    np.testing.assert_allclose(lesson.target, expected, atol=1e-12)


def test_a_frozen_teacher_of_more_classes_says_what_is_left_of_them():
    """What it gives to a class that the table does not have is nobody's."""
    X, y = load_iris(return_X_y=True)
    two = y > 0
    frozen = GaussianNB(var_smoothing=0.5).fit(X, y)
    members = [
        ("frozen", FrozenEstimator(frozen)),
        ("tree", DecisionTreeClassifier(max_depth=1)),
    ]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    lesson = distiller.fit(X[two], y[two]).pseudo_samples_.tree
    assert len(lesson.y) > 0
    expected = frozen.predict_proba(lesson.X)[:, 1:]
    assert expected.sum(axis=1).min() < 0.999
    np.testing.assert_allclose(lesson.target, expected, atol=1e-12)


class Counted(GaussianNB):
    """Counts how often it is asked."""

    n_calls = 0

    def predict_proba(self, X):
        type(self).n_calls += 1
        return super().predict_proba(X)


def test_two_classes_need_no_call_for_the_target():
    X, y = load_iris(return_X_y=True)
    calls = []
    for labels in (y, y > 0):
        task = Classification(np.unique(labels))
        teacher = task.responder(Counted().fit(X, labels))
        made = make_samples(QuintessentialGenerator(), teacher, X, labels, X, labels, 0)
        Counted.n_calls = 0
        task.teachers_targets(teacher, made, labels, labels)
        calls.append(Counted.n_calls)
    assert calls == [1, 0]


def test_small_shares_are_left_out_and_the_label_never():
    nothing = np.zeros(3, dtype=int)
    lesson = Lesson(
        X=np.arange(3.0)[:, None],
        y=np.array(["a", "b", "d"]),
        weight=np.array([1.0, 2.0, 1.0]),
        teacher=nothing,
        source=np.array([7, 8, 9]),
        round=nothing,
        target=np.array(
            [[0.99, 0.01, 0, 0], [0.2, 0.3, 0.01, 0.49], [0, 0.01, 0.98, 0.01]]
        ),
    )
    rows = spread(lesson, np.array(list("abcd")))
    assert rows.target is None
    assert rows.source.tolist() == [7, 8, 8, 8, 9, 9]
    assert rows.y.tolist() == ["a", "a", "b", "d", "c", "d"]
    # cut to 256ths; the label has the rest
    others = [51 / 256, 125 / 256, 250 / 256]
    expected = [1, 2 * others[0], 2 - 2 * others[0] - 2 * others[1], 2 * others[1]]
    expected += [others[2], 1 - others[2]]
    assert rows.weight.tolist() == expected


def test_the_papers_method_by_hand():
    """R_{a->b} are rows 2 and 3, R_{b->a} is row 4; row 5 finds no teacher."""
    distiller = hand_distiller(max_iter=1).fit(X_HAND, Y_HAND)
    assert distiller.transfer_matrix_.tolist() == [[0, 2], [1, 0]]
    to_b, to_a = distiller.pseudo_samples_.b, distiller.pseudo_samples_.a
    assert to_b.source.tolist() == [2, 3]
    assert to_b.teacher.tolist() == ["a", "a"]
    assert to_b.y.tolist() == [1, 0]
    np.testing.assert_allclose(to_b.X, [[1.01, -1.0], [-0.99, 1.0]])
    np.testing.assert_allclose(to_a.X, [[2.01, -2.0]])
    assert to_a.y.tolist() == [0]
    # the students were fitted on all rows and their lesson
    b = distiller.named_estimators_.b
    np.testing.assert_allclose(b.X_, np.vstack([X_HAND, to_b.X]))
    assert b.y_.tolist() == [*Y_HAND, 1, 0]
    assert distiller.initial_estimators_[1].X_.tolist() == X_HAND.tolist()
    record = distiller.history_[1]
    assert (record["student"], record["deficient"], record["taught"]) == ("b", 3, 2)
    assert record["accepted"]
    assert np.isnan(record["score_after"])
    assert distiller.n_iter_ == 1
    assert distiller.termination_condition_ == "max_iter"


def test_a_repeated_lesson_is_not_given_twice():
    """The members never change their mind, so round 2 makes the same samples."""
    distiller = hand_distiller(max_iter=3, cv=3).fit(X_HAND, Y_HAND)
    assert distiller.transfer_matrix_.tolist() == [[0, 2], [1, 0]]
    assert distiller.pseudo_samples_.b.round.tolist() == [1, 1]


def test_nothing_to_teach():
    X, y = X_HAND[[0, 1, 6, 7]], Y_HAND[[0, 1, 6, 7]]
    distiller = hand_distiller(max_iter=5).fit(X, y)
    assert distiller.termination_condition_ == "nothing_to_teach"
    assert distiller.n_iter_ == 1
    assert distiller.transfer_matrix_.sum() == 0
    assert len(distiller.pseudo_samples_.a.y) == 0
    assert distiller.pseudo_samples_.a.X.shape == (0, 2)


def test_frozen_members_alone_are_combined(cancer):
    fitted = [model.fit(*cancer) for model in (GaussianNB(), LogisticRegression())]
    members = [(name, FrozenEstimator(model)) for name, model in zip("ab", fitted)]
    distiller = CooperativeDistiller(members, random_state=0).fit(*cancer)
    assert distiller.termination_condition_ == "nothing_to_teach"
    assert distiller.score(*cancer) > 0.9


def test_the_gate_keeps_students_that_do_not_change():
    """A Threshold learns nothing, so no lesson helps and none is kept."""
    fits = []

    class Counting(Threshold):
        def fit(self, X, y, sample_weight=None):
            fits.append(len(y))
            return super().fit(X, y, sample_weight)

    X, y = np.tile(X_HAND, (3, 1)), np.tile(Y_HAND, 3)
    X = X + np.arange(24)[:, None] * 1e-3  # distinct rows
    members = [("a", Counting(0)), ("b", Counting(1))]
    distiller = CooperativeDistiller(
        members, generator=Shift(), combine="vote", cv=3, max_iter=5
    ).fit(X, y)
    assert distiller.termination_condition_ == "no_improvement"
    assert distiller.n_iter_ == 1
    assert set(fits) - {24, 16, 8}  # some fits had lessons beside the rows
    assert [r["accepted"] for r in distiller.history_] == [False, False]
    assert distiller.transfer_matrix_.sum() == 0
    assert distiller.estimators_ == distiller.initial_estimators_


def test_weights_of_pseudo_samples():
    weight = np.arange(1.0, 9.0)
    distiller = hand_distiller(pseudo_weight=0.5)
    distiller.fit(X_HAND, Y_HAND, sample_weight=weight)
    assert distiller.pseudo_samples_.b.weight.tolist() == [1.5, 2.0]
    fitted = distiller.named_estimators_.b
    assert fitted.weight_.tolist() == [*weight, 1.5, 2.0]


def test_equal_sources_make_a_sample_each():
    X, y = np.vstack([X_HAND, X_HAND[2:3]]), np.append(Y_HAND, 1)
    distiller = hand_distiller().fit(X, y)
    lesson = distiller.pseudo_samples_.b
    assert lesson.source.tolist() == [2, 3, 8]
    assert lesson.weight.tolist() == [1.0, 1.0, 1.0]


class Failing(Shift):
    """Reaches its aim nowhere."""

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        made = super().generate(teacher, X, y, X_pool, y_pool)
        return GeneratedSamples(made.X_pseudo, ~made.success, made.proba)


@pytest.mark.parametrize("soft_targets", [False, True])
def test_failures_are_not_taught(soft_targets):
    distiller = hand_distiller(soft_targets=soft_targets)
    distiller.set_params(generator=Failing()).fit(X_HAND, Y_HAND)
    assert distiller.transfer_matrix_.sum() == 0
    first = distiller.history_[0]
    assert first["requested"] > first["reached"] == first["repeated"] == 0


def test_a_generator_may_hand_over_the_rows_themselves():
    distiller = hand_distiller().set_params(generator=RawGenerator())
    lesson = distiller.fit(X_HAND, Y_HAND).pseudo_samples_.b
    assert np.array_equal(lesson.X, X_HAND[lesson.source])


def test_max_pseudo_caps_the_lesson():
    distiller = hand_distiller(max_pseudo=0.125).fit(X_HAND, Y_HAND)
    assert distiller.transfer_matrix_.tolist() == [[0, 1], [1, 0]]


# --- no leaks -------------------------------------------------------------------------


class Recorder(ClassifierMixin, BaseEstimator):
    """Writes down which rows its fit saw (first column: id); learns from the others."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y, sample_weight=None):
        self.seen_ = {round(float(i)) for i in X[:, 0]}
        self.n_fit_ = len(y)
        self.model_ = LogisticRegression(C=self.C).fit(X[:, 1:], y, sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X):
        ASKED.append((set(X[:, 0].round().astype(int)), self.seen_))
        return self.model_.predict_proba(X[:, 1:])

    def predict(self, X):
        return self.model_.predict(X[:, 1:])


SOURCES = []
ASKED = []


class Tracing(BaseEstimator):
    """Marks a pseudo-sample with its source; notes what the teacher had seen."""

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        seen = teacher.estimator.seen_
        ids, pool = X[:, 0].round(), X_pool[:, 0].round()
        SOURCES.append((set(ids.astype(int)), set(pool.astype(int)), set(seen)))
        moved = X + np.r_[0.0, np.full(X.shape[1] - 1, 0.01)]
        proba = teacher.predict_proba(X)[np.arange(len(y)), y]
        return GeneratedSamples(moved, np.ones(len(y), bool), proba)


def _noisy(n=120):
    rng = np.random.RandomState(0)
    X = rng.randn(n, 3)
    y = (X[:, 0] + X[:, 1] ** 2 + rng.randn(n) > 0.8).astype(int)
    return np.column_stack([np.arange(n), X]), y


@pytest.mark.parametrize("max_iter", [1, 2])
def test_nothing_that_is_judged_on_a_fold_has_seen_a_part_of_it(max_iter):
    X, y = _noisy()
    cv = StratifiedKFold(4)
    judged = []

    def scorer(estimator, X_fold, y_fold):
        judged.append((estimator, set(X_fold[:, 0].astype(int))))
        return -log_loss(y_fold, estimator.predict_proba(X_fold))

    SOURCES.clear()
    ASKED.clear()
    members = [("weak", Recorder(C=1e-3)), ("strong", Recorder(C=10.0))]
    CooperativeDistiller(
        members, generator=Tracing(), cv=cv, max_iter=max_iter, scoring=scorer
    ).fit(X, y)
    # whatever a model is asked about, a row or a pseudo-sample, it was not fitted with
    assert all(not about & seen for about, seen in ASKED)
    assert len(ASKED) > len(SOURCES) > 0
    folds = [set(test) for _, test in cv.split(X, y)]
    everything = set(range(len(y)))
    taught = 0
    for estimator, rows in judged:
        fold = next(f for f in folds if f == rows)
        # pseudo-samples carry the id of their source
        assert estimator.seen_ == everything - fold
        taught += estimator.n_fit_ > len(y) - len(fold)
    assert taught > 0
    assert SOURCES
    for sources, pool, seen in SOURCES:
        assert not sources & seen  # a teacher is out of sample on what it teaches
        assert pool <= seen  # anchors are rows of the teacher


class MarkedByTeacher(Tracing):
    """As `Tracing`; the last column tells how the teacher's rows begin."""

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        made = super().generate(teacher, X, y, X_pool, y_pool)
        made.X_pseudo[:, -1] = sum(sorted(teacher.estimator.seen_)[:20])
        return made


@pytest.mark.parametrize("cv", [StratifiedKFold(4), TimeSeriesSplit(4)])
def test_delivered_students_are_taught_what_the_judged_ones_were(cv, monkeypatch):
    monkeypatch.setattr(_rounds, "harmed", lambda *_: np.zeros(2, dtype=bool))
    scores = count()  # everybody is kept
    X, y = _noisy()
    SOURCES.clear()
    distiller = CooperativeDistiller(
        [("weak", Recorder(C=1e-3)), ("strong", Recorder(C=10.0))],
        generator=MarkedByTeacher(), cv=cv, scoring=lambda *_: float(next(scores)),
        random_state=0,
    )  # fmt: skip
    distiller.fit(X, y)
    splits = [set(test.tolist()) for _, test in cv.split(X, y)]
    everything = set(range(len(y)))
    n_checked = 0
    for lesson in distiller.pseudo_samples_.values():
        # three judged students had each row, this one has it once
        assert len(np.unique(lesson.source)) == len(lesson.source)
        if isinstance(cv, TimeSeriesSplit):
            continue
        for row, mark in zip(lesson.source.tolist(), lesson.X[:, -1]):
            own = next(f for f, test in enumerate(splits) if row in test)
            # as in the student of the next fold
            seen = everything - splits[own] - splits[(own + 1) % 4]
            assert mark == sum(sorted(seen)[:20])
            n_checked += 1
    if isinstance(cv, TimeSeriesSplit):
        # no judged student had rows of the last fold; samples of these are made now
        train, test = list(cv.split(X, y))[-1]
        taught = np.concatenate([d.source for d in distiller.pseudo_samples_.values()])
        assert np.isin(taught, test).any()
        assert max(len(seen) for *_, seen in SOURCES) == len(train)
    else:
        assert n_checked > 20
        # no teacher was asked again that knows three folds of four
        assert max(len(seen) for *_, seen in SOURCES) <= len(y) / 2


def test_hold_out_rows_reach_no_student():
    X, y = _noisy()
    judged = set()

    def scorer(estimator, X_fold, y_fold):
        judged.update(X_fold[:, 0].astype(int))
        return -log_loss(y_fold, estimator.predict_proba(X_fold))

    members = [("weak", Recorder(C=1e-3)), ("strong", Recorder(C=10.0))]
    distiller = CooperativeDistiller(
        members, generator=Tracing(), validation=0.25, scoring=scorer, random_state=0
    ).fit(X, y)
    assert len(judged) == 30
    for student in [*distiller.estimators_, *distiller.initial_estimators_]:
        assert student.seen_ == set(range(120)) - judged


# --- the gate -------------------------------------------------------------------------


def test_accepted_students_improve_by_more_than_tol(cancer, monkeypatch):
    members = [
        ("logistic", LogisticRegression()),
        ("tree", DecisionTreeClassifier(random_state=0)),
        ("bayes", GaussianNB()),
    ]
    # gains here are hundredths: 0.012 accepts some of those above 0
    monkeypatch.setattr(_rounds, "harmed", lambda *_: np.zeros(3, dtype=bool))
    for tol in (0.0, 0.012):
        distiller = CooperativeDistiller(
            members, scoring="accuracy", tol=tol, max_iter=2, random_state=0
        )
        distiller.fit(*cancer)
        for record in distiller.history_:
            gain = record["score_after"] - record["score_before"]
            assert record["accepted"] == (gain > tol)
        assert any(r["accepted"] for r in distiller.history_) == (
            distiller.transfer_matrix_.sum() > 0
        )


def test_the_gate_judges_a_fit_without_the_fold():
    """Its scores and verdicts are those of ungated fits on the other folds' rows.

    Independent of the cache: with folds given as the remaining ones, the method is
    run from scratch on the rows outside fold f and judged on f.
    """
    X, y = make_classification(
        n_samples=200, n_features=6, n_informative=3, flip_y=0.2, random_state=2
    )
    members = [
        ("bayes", GaussianNB()),
        ("logistic", LogisticRegression(C=0.01)),
        ("tree", DecisionTreeClassifier(random_state=0)),
    ]
    splits = list(StratifiedKFold(3).split(X, y))
    gated = CooperativeDistiller(members, cv=splits, random_state=0).fit(X, y)
    score = np.zeros((2, 3))  # before and after, by member
    is_right = np.zeros((2, 3, len(y)))
    first = None
    for f, (train, test) in enumerate(splits):
        others = [g for g in range(3) if g != f]
        position = {row: k for k, row in enumerate(train)}
        inner = [
            (
                [position[r] for r in np.intersect1d(splits[g][0], train)],
                [position[r] for r in np.intersect1d(splits[g][1], train)],
            )
            for g in others
        ]
        ungated = CooperativeDistiller(
            members, cv=inner, validation=None, combine="vote", random_state=0
        ).fit(X[train], y[train])
        pairs = ungated.initial_estimators_, ungated.estimators_
        for k, models in enumerate(pairs):
            for j, model in enumerate(models):
                proba = model.predict_proba(X[test])
                score[k, j] -= log_loss(y[test], proba) * len(test) / len(y)
                is_right[k, j, test] = model.predict(X[test]) == y[test]
        first = score.copy() if first is None else first
    # one that is worse on the first fold is not tried on the others
    is_stopped = first[1] < first[0]
    assert 0 < is_stopped.sum() < 3
    score[1, is_stopped] = np.nan
    for k, key in enumerate(["score_before", "score_after"]):
        found = [record[key] for record in gated.history_]
        np.testing.assert_allclose(found, score[k], rtol=1e-6)
    change = is_right[1] - is_right[0]
    is_harmed = change.sum(axis=1) < np.sqrt((change**2).sum(axis=1))
    rises = score[1] > score[0]
    accepted = [record["accepted"] for record in gated.history_]
    assert accepted == (rises & ~is_harmed).tolist()
    assert (rises & is_harmed).any()
    assert any(accepted)


@pytest.mark.parametrize("last", [1.0, -2.0])
def test_a_refused_student_goes_on_learning(monkeypatch, last):
    """It stays as it was until it is better, with all that it was taught by then."""
    calibrated = [0.0, 0.0]  # of the result
    script = iter([[0.0, 0.0], [-1.0, 1.0], [last, 2.0], calibrated])
    monkeypatch.setattr(_rounds, "mean_scores", lambda *_: np.array(next(script)))
    monkeypatch.setattr(_rounds._Loop, "_worse", lambda *_: np.zeros(2, dtype=bool))
    monkeypatch.setattr(_rounds, "harmed", lambda *_: np.zeros(2, dtype=bool))
    X, y = load_digits(n_class=5, return_X_y=True)
    members = [("tree", DecisionTreeClassifier(max_depth=6)), ("bayes", GaussianNB())]
    distiller = CooperativeDistiller(
        members, deficiency="error", soft_targets=False, max_iter=2, random_state=0
    ).fit(X, y)
    accepted = [record["accepted"] for record in distiller.history_]
    assert accepted == [False, True, last == 1.0, True]
    before = [record["score_before"] for record in distiller.history_]
    assert before == [0.0, 0.0, 0.0, 1.0]
    assert distiller.scores_.tolist() == [max(last, 0.0), 2.0]
    rounds = set(distiller.pseudo_samples_.tree.round)
    assert rounds == ({1, 2} if last == 1.0 else set())
    is_same = distiller.estimators_[0] is distiller.initial_estimators_[0]
    assert is_same == (last != 1.0)


# --- folds ----------------------------------------------------------------------------


def test_exclusions_of_a_partition():
    test = np.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]], bool)
    folds = Folds(~test, test, (0, 1, 2), (), {})
    assert folds.rows(()).tolist() == [0, 1, 2, 3, 4, 5]
    assert folds.rows((0, 2)).tolist() == [2, 3]
    assert folds.children(()) == {0: (0,), 1: (1,), 2: (2,)}
    assert folds.children((1,)) == {0: (0, 1), 2: (1, 2)}
    # nothing would remain to train on
    assert folds.children((0, 1)) == {}


def test_exclusions_of_a_time_series_never_train_on_the_future():
    splits = list(TimeSeriesSplit(3).split(np.zeros(8)))
    train, test = np.zeros((3, 8), bool), np.zeros((3, 8), bool)
    for k, (a, b) in enumerate(splits):
        train[k, a], test[k, b] = True, True
    folds = Folds(train, test, (0, 1, 2), (), {})
    for exclusion in [(0,), (1,), (0, 1), (1, 2)]:
        left_out = np.flatnonzero(test[list(exclusion)].any(axis=0))
        assert folds.rows(exclusion).max() < left_out.min()


def test_a_later_round_can_be_accepted_with_the_default_folds():
    """Every round has folds enough to be judged, and may improve on the one before."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:400], y[:400]
    members = [
        ("tree", DecisionTreeClassifier(random_state=0)),
        ("bayes", GaussianNB()),
        ("neighbors", KNeighborsClassifier()),
    ]
    distiller = CooperativeDistiller(
        members,
        deficiency="error",
        peer_selection="all",
        soft_targets=False,
        max_iter=3,
        random_state=0,
    )
    distiller.fit(X, y)
    accepted = {r["round"] for r in distiller.history_ if r["accepted"]}
    assert 2 in accepted
    rounds = np.concatenate([d.round for d in distiller.pseudo_samples_.values()])
    assert set(rounds) == accepted


def test_who_teaches_by_default(iris):
    """On one table the surest peer that is right, between few sites all that are."""
    X, y = iris
    weak = LogisticRegression(C=1e-4)
    members = [
        ("weak", weak),
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ("bayes", GaussianNB()),
    ]
    sites = np.array(["weak", "tree", "bayes"])[np.arange(len(y)) % 3]
    n_teachers = {}
    for name, params, owners in (
        ("one table", {}, None),
        ("all", {"peer_selection": "all"}, None),
        ("sites", {}, sites),
        ("best", {"peer_selection": "best"}, sites),
    ):
        distiller = CooperativeDistiller(
            members, deficiency="error", max_iter=1, validation=None, combine="vote",
            random_state=0, **params,
        ).fit(X, y, sites=owners)  # fmt: skip
        lesson = distiller.pseudo_samples_["weak"]
        _, count = np.unique(lesson.source, return_counts=True)
        n_teachers[name] = count.max()
    assert n_teachers == {"one table": 1, "all": 2, "sites": 2, "best": 1}


def test_between_many_sites_ten_teach_a_row(iris):
    X, y = iris
    weak = [("weak", LogisticRegression(C=1e-4))]
    members = weak + [(f"s{k}", GaussianNB()) for k in range(12)]
    sites = np.array([name for name, _ in members])[np.arange(len(y)) % 13]
    most = {}
    for choice in ("auto", "all"):
        distiller = CooperativeDistiller(
            members, peer_selection=choice, max_iter=1, validation=None,
            combine="vote", generator=RawGenerator(), random_state=0,
        ).fit(X, y, sites=sites)  # fmt: skip
        # a request for each teacher of a row
        taught = [record for record in distiller.history_ if record["taught"]]
        most[choice] = max(record["requested"] / record["taught"] for record in taught)
    assert distiller.transfer_matrix_.dtype.kind == "i"
    assert 9 < most["auto"] <= 10 < most["all"] <= 12


def test_what_was_made_of_a_row_twice_counts_once():
    for make in (np.asarray, pd.DataFrame):
        lesson = Lesson(
            X=make([[0.5], [0.5], [0.5], [0.7], [0.5]]),
            y=np.array([0, 1, 1, 1, 1]),
            weight=np.array([1.0, 2.0, 4.0, 8.0, 2.0]),
            teacher=np.arange(5),
            source=np.array([0, 0, 1, 0, 0]),
            round=np.ones(5, int),
        )
        kept = distinct(lesson)
        assert kept.teacher.tolist() == [0, 1, 2, 3]
        assert kept.weight.tolist() == [1.0, 2.0, 4.0, 8.0]


class Nothing(Shift):
    """Succeeds nowhere, in integers: not a mask."""

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        made = super().generate(teacher, X, y, X_pool, y_pool)
        return GeneratedSamples(made.X_pseudo, np.zeros(len(y), int), made.proba)


def test_success_must_be_a_mask():
    with pytest.raises(TypeError, match="boolean `success`"):
        hand_distiller().set_params(generator=Nothing()).fit(X_HAND, Y_HAND)


class Says(Shift):
    """Says something else than probabilities, one for each row."""

    def __init__(self, proba=0.8):
        self.proba = proba

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        return replace(
            super().generate(teacher, X, y, X_pool, y_pool), proba=self.proba
        )


@pytest.mark.parametrize("proba", [0.8, "sure", None, [7.0], [-0.1]])
def test_there_must_be_a_proba_for_each_row(proba):
    X, y = X_HAND[:1], Y_HAND[:1]
    teacher = Threshold(0).fit(X_HAND, Y_HAND)
    with pytest.raises(TypeError, match=r"`generator` must return as `proba`.*Says"):
        make_samples(Says(proba), teacher, X, y, X_HAND, Y_HAND, 0)


def test_ungated_rounds_end_when_nothing_is_new():
    distiller = hand_distiller(max_iter=5, cv=3).set_params(generator=Failing())
    distiller.fit(X_HAND, Y_HAND)
    assert distiller.termination_condition_ == "nothing_to_teach"
    assert distiller.n_iter_ == 1
    assert not any(record["accepted"] for record in distiller.history_)


def test_a_member_that_declines_weights_gets_lessons_of_relative_weight():
    with sklearn.config_context(enable_metadata_routing=True):
        members = [
            ("a", Threshold(0).set_fit_request(sample_weight=False)),
            ("b", Threshold(1).set_fit_request(sample_weight=True)),
        ]
        distiller = hand_distiller(members, pseudo_weight=0.5)
        distiller.fit(X_HAND, Y_HAND, sample_weight=np.full(8, 1000.0))
    assert distiller.pseudo_samples_.a.weight.tolist() == [0.5]
    assert distiller.pseudo_samples_.b.weight.tolist() == [500.0, 500.0]
