"""Metadata routing, switched on."""

import numpy as np
import pytest
import sklearn
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_coopkd import CooperativeDistiller


@pytest.fixture(autouse=True)
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


class Keeping(GaussianNB):
    """Remembers the metadata of its fit."""

    def fit(self, X, y, sample_weight=None, marks=None):
        self.weight_, self.marks_, self.n_ = sample_weight, marks, len(y)
        return super().fit(X, y, sample_weight)


def test_groups_and_weights_reach_those_who_ask(cancer):
    X, y = cancer
    groups, weight = np.arange(200) // 20, np.linspace(1, 2, 200)
    members = [
        ("asks", Keeping().set_fit_request(sample_weight=True, marks=True)),
        ("declines", Keeping().set_fit_request(sample_weight=False, marks=False)),
    ]
    final = LogisticRegression().set_fit_request(sample_weight=True)
    distiller = CooperativeDistiller(
        members,
        final,
        cv=GroupKFold(3),
        scoring=get_scorer("accuracy").set_score_request(sample_weight=True),
        validation=None,
    ).set_fit_request(sample_weight=True)
    marks = np.arange(200)
    distiller.fit(X, y, sample_weight=weight, groups=groups, marks=marks)
    before = distiller.initial_estimators_
    assert np.array_equal(before[0].weight_, weight)
    assert np.array_equal(before[0].marks_, marks)
    assert before[1].weight_ is None
    assert before[1].marks_ is None


def test_pseudo_samples_inherit_the_metadata_of_their_source(cancer):
    X, y = cancer
    members = [
        ("a", Keeping(var_smoothing=0.5).set_fit_request(marks=True)),
        ("b", LogisticRegression()),
    ]
    distiller = CooperativeDistiller(
        members, soft_targets=False, validation=None, random_state=0
    )
    marks = np.arange(200) * 10
    distiller.fit(X, y, marks=marks)
    student, lesson = distiller.named_estimators_.a, distiller.pseudo_samples_.a
    assert len(lesson.y) > 0
    assert np.array_equal(student.marks_, np.append(marks, lesson.source * 10))
    # a soft target is a row for each label, of the same source
    distiller.set_params(soft_targets=True).fit(X, y, marks=marks)
    own = distiller.soft_labels_.a
    student, lesson = distiller.named_estimators_.a, distiller.pseudo_samples_.a
    n_labels = [(target >= 0.02).sum(axis=1) for target in (own, lesson.target)]
    assert [n.max() for n in n_labels] == [2, 2]
    expected = marks.repeat(n_labels[0]), (lesson.source * 10).repeat(n_labels[1])
    assert np.array_equal(student.marks_, np.concatenate(expected))


def test_unset_requests_are_an_error(members, cancer):
    X, y = cancer
    with pytest.raises(UnsetMetadataPassedError):
        CooperativeDistiller(members).fit(X, y, sample_weight=np.ones(200))
    with pytest.raises(TypeError, match="nonsense"):
        CooperativeDistiller(members).fit(X, y, nonsense=np.ones(200))


def test_through_a_pipeline_and_cross_validation(members, cancer):
    X, y = cancer
    for _, member in members:
        member.set_fit_request(sample_weight=True)
    distiller = CooperativeDistiller(
        members,
        LogisticRegression().set_fit_request(sample_weight=False),
        cv=GroupKFold(3),
        random_state=0,
    )
    distiller.set_fit_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    params = {"sample_weight": np.ones(200), "groups": np.arange(200) // 10}
    found = cross_validate(
        make_pipeline(scaler, distiller),
        X,
        y,
        params=params,
        cv=GroupKFold(2),
        scoring=get_scorer("accuracy").set_score_request(sample_weight=False),
    )
    assert found["test_score"].min() > 0.8


def test_off_again(members, cancer):
    off = sklearn.config_context(enable_metadata_routing=False)
    with off, pytest.raises(ValueError, match="marks"):
        CooperativeDistiller(members).fit(*cancer, marks=np.ones(200))
