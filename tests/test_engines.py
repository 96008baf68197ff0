"""One seed, one result: whatever engine of joblib runs the fits, in any process."""

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import printed_in_two_processes
from joblib import parallel_config
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_coopkd import CooperativeDistiller, CooperativeDistillerRegressor

MEMBERS = [
    ("forest", RandomForestClassifier(5)),
    ("tree", DecisionTreeClassifier(splitter="random", max_depth=4)),
    ("bayes", GaussianNB()),
    ("logistic", make_pipeline(StandardScaler(), LogisticRegression())),
]
OWNERS = ("forest", "tree")


def fit(whole_cancer, **params):
    """A distiller of members that draw numbers; two rounds with a gate."""
    X, y = whole_cancer
    distiller = CooperativeDistiller(MEMBERS, max_iter=2, random_state=0, **params)
    return distiller.fit(X[:300], y[:300])


def outcome(distiller, X):
    """What must not depend on the engine, as bytes."""
    samples = [one.X.tobytes() for one in distiller.pseudo_samples_.values()]
    assert len(b"".join(samples))
    every = distiller.predict_proba(X).tobytes(), distiller.transform(X).tobytes()
    return joblib.hash([samples, every, distiller.transfer_matrix_])


@pytest.fixture(scope="module")
def in_line(whole_cancer):
    return outcome(fit(whole_cancer), whole_cancer[0])


@pytest.fixture(scope="module")
def whole_cancer():
    return load_breast_cancer(return_X_y=True)


@pytest.mark.parametrize(
    ("backend", "n_jobs"),
    [
        ("multiprocessing", 2),
        *[(engine, n) for engine in ("threading", "loky") for n in (1, 2, -1)],
    ],
)
def test_the_same_on_every_engine_of_joblib(backend, n_jobs, whole_cancer, in_line):
    with parallel_config(backend):
        assert outcome(fit(whole_cancer, n_jobs=n_jobs), whole_cancer[0]) == in_line


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, sparse.csr_array])
@pytest.mark.parametrize("between_sites", [False, True])
def test_the_same_where_workers_read_rows_from_disk(
    container, between_sites, whole_cancer
):
    X, y = container(np.round(whole_cancer[0][:300], 1)), whole_cancer[1][:300]
    members = [(name, member) for name, member in MEMBERS if name in OWNERS]
    sites = np.array(OWNERS)[np.arange(300) % 2] if between_sites else None
    answers = []
    for n_jobs, limit in ((1, None), (2, 100)):  # bytes: all tables are memory maps
        distiller = CooperativeDistiller(members, n_jobs=n_jobs, random_state=0)
        with parallel_config("loky", max_nbytes=limit):
            distiller.fit(X, y, sites=sites)
        answers.append(distiller.predict_proba(X))
        assert sum(record["reached"] for record in distiller.history_) > 0
    assert np.array_equal(*answers)


def test_the_same_in_another_process(whole_cancer):
    printed = printed_in_two_processes(
        "from sklearn.datasets import load_breast_cancer\n"
        f"import sys; sys.path.insert(0, {str(__file__).rpartition('/')[0]!r})\n"
        "from test_engines import fit, outcome\n"
        "whole_cancer = load_breast_cancer(return_X_y=True)\n"
        "print(outcome(fit(whole_cancer), whole_cancer[0]))"
    )
    assert printed == {outcome(fit(whole_cancer), whole_cancer[0]) + "\n"}


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    local = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",  # any free port
    )
    with local, distributed.Client(local):
        yield local


# dask and its event loop leave sockets to the garbage collector
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*large object.*:UserWarning")
class TestDask:
    """Worker processes of dask."""

    def test_a_classifier(self, cluster, whole_cancer):
        here = fit(whole_cancer).predict_proba(whole_cancer[0])
        with parallel_config("dask"):
            there = fit(whole_cancer, n_jobs=-1).predict_proba(whole_cancer[0])
        # what travels may lie elsewhere in memory, which moves the last bit of a sum
        np.testing.assert_allclose(here, there, rtol=1e-12)

    def test_a_regressor(self, cluster):
        X, y = load_diabetes(return_X_y=True)
        members = [("tree", DecisionTreeRegressor(max_depth=4)), ("ridge", Ridge())]
        distiller = CooperativeDistillerRegressor(members, random_state=0, n_jobs=-1)
        here = distiller.fit(X, y).predict(X)
        with parallel_config("dask"):
            there = distiller.fit(X, y).predict(X)
        # what travels may lie elsewhere in memory, which moves the last bit of a sum
        np.testing.assert_allclose(here, there, rtol=1e-12)

    def test_a_member_that_fails_there_is_named_here(self, cluster, whole_cancer):
        X, y = whole_cancer
        members = [*MEMBERS[1:], ("text", DecisionTreeClassifier(criterion="no"))]
        with (
            parallel_config("dask"),
            pytest.raises(ValueError, match="criterion") as caught,
        ):
            CooperativeDistiller(members, n_jobs=-1).fit(X[:80], y[:80])
        assert "Raised by the member 'text'." in caught.value.__notes__
