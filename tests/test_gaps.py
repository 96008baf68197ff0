"""What StackingClassifier and VotingClassifier cannot do, and the distiller can.

Each test shows the failure of scikit-learn's ensemble first, so that it says when
scikit-learn has caught up.
"""

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from sklearn_coopkd import CooperativeDistiller


def test_weights_with_a_member_that_takes_none(cancer):
    X, y = cancer
    members = [("logistic", LogisticRegression()), ("knn", KNeighborsClassifier())]
    weight = np.linspace(0.5, 2, len(y))
    with pytest.raises(TypeError, match="does not support sample weights"):
        StackingClassifier(members).fit(X, y, sample_weight=weight)
    distiller = CooperativeDistiller(members).fit(X, y, sample_weight=weight)
    assert distiller.score(X, y) > 0.7


class Plain(ClassifierMixin, BaseEstimator):
    """A final estimator whose `fit` takes nothing else."""

    def fit(self, X, y):
        self.model_ = LogisticRegression().fit(X, y)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def predict_proba(self, X):
        return self.model_.predict_proba(X)


class Tagged(GaussianNB):
    """A member that wants a piece of metadata of its own."""

    def fit(self, X, y, sample_weight=None, tag=None):
        self.tag_ = tag
        return super().fit(X, y, sample_weight)


def test_the_final_estimator_gets_only_what_it_requests(cancer):
    X, y = cancer
    with sklearn.config_context(enable_metadata_routing=True):
        member = Tagged().set_fit_request(sample_weight=False, tag=True)
        members = [("tagged", member), ("other", GaussianNB())]
        members[1][1].set_fit_request(sample_weight=False)
        with pytest.raises(TypeError, match="tag"):
            StackingClassifier(members, Plain()).fit(X, y, tag="blue")
        distiller = CooperativeDistiller(members, Plain()).fit(X, y, tag="blue")
        assert distiller.named_estimators_.tagged.tag_ == "blue"
        assert distiller.predict(X).shape == y.shape


def test_soft_voting_of_members_without_probabilities(cancer):
    X, y = cancer
    members = [("svc", LinearSVC()), ("bayes", GaussianNB())]
    voting = VotingClassifier(members, voting="soft").fit(X, y)
    with pytest.raises(AttributeError, match="predict_proba"):
        voting.predict(X)
    distiller = CooperativeDistiller(members, combine="vote").fit(X, y)
    assert distiller.score(X, y) > 0.7
    np.testing.assert_allclose(distiller.predict_proba(X).sum(axis=1), 1)


class Writer(LogisticRegression):
    """Overwrites what it is fitted on."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        X[:] = 0
        return self


def test_a_member_that_writes_into_x(cancer):
    members = [("writer", Writer()), ("logistic", LogisticRegression())]
    X, y = cancer[0].copy(), cancer[1]
    StackingClassifier(members, cv=3).fit(X, y)
    assert (X == 0).all()  # the caller's table is gone, and the second member saw zeros
    X = cancer[0].copy()
    distiller = CooperativeDistiller(members).fit(X, y)
    assert np.array_equal(X, cancer[0])
    assert distiller.named_estimators_.logistic.coef_.any()


class Broken(GaussianNB):
    """Cannot be fitted on fewer than 60 rows."""

    def fit(self, X, y, sample_weight=None):
        if len(y) < self.get_n_rows():
            raise RuntimeError(f"only {len(y)} rows")
        return super().fit(X, y, sample_weight)

    def get_n_rows(self):
        return 1000


class BrokenInSmallFolds(Broken):
    """Fails deep in the cross-fitting only."""

    def get_n_rows(self):
        return 100


class BrokenPredict(GaussianNB):
    """Can be fitted, and fails when asked."""

    def predict_proba(self, X):
        raise RuntimeError("no answer")


@pytest.mark.parametrize("broken", [Broken(), BrokenInSmallFolds(), BrokenPredict()])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_member_that_fails(cancer, broken, n_jobs):
    X, y = cancer
    members = [
        ("logistic", LogisticRegression()),
        ("broken", broken),
        ("bayes", GaussianNB()),
    ]
    if not isinstance(broken, BrokenInSmallFolds):
        with pytest.raises(RuntimeError):
            StackingClassifier(members).fit(X, y)
    distiller = CooperativeDistiller(members, n_jobs=n_jobs, random_state=0)
    with pytest.raises(RuntimeError) as raised:
        distiller.fit(X, y)
    assert "Raised by the member 'broken'." in raised.value.__notes__
    distiller.set_params(on_failure="warn")
    with pytest.warns(FitFailedWarning, match="'broken' could not be fitted.*Runtime"):
        distiller.fit(X, y)
    assert list(distiller.named_estimators_) == ["logistic", "broken", "bayes"]
    assert distiller.named_estimators_.broken == "drop"
    assert len(distiller.estimators_) == 2
    assert distiller.transfer_matrix_.shape == (2, 2)
    without = clone(distiller).set_params(broken="drop").fit(X, y)
    assert np.array_equal(distiller.predict_proba(X), without.predict_proba(X))


def test_all_members_fail(cancer):
    members = [("a", Broken()), ("b", Broken())]
    with pytest.raises(RuntimeError, match="only"):
        CooperativeDistiller(members, on_failure="warn").fit(*cancer)
