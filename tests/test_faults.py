"""What goes wrong in code that is not ours: what happens, and that nothing is lost."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from contextlib import suppress

import numpy as np
import pytest
from conftest import make_members
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from sklearn_coopkd import CooperativeDistiller


class Faulty(ClassifierMixin, BaseEstimator):
    """A small tree with one fault."""

    def __init__(self, fault="none", n_rows=0):
        self.fault = fault
        self.n_rows = n_rows

    def fit(self, X, y, sample_weight=None):
        if self.fault == "raises in fit" and len(y) > self.n_rows:
            raise RuntimeError("no fit")
        if self.fault == "prints":
            print("fitting")
        if self.fault == "sleeps":
            time.sleep(0.01)
        if self.fault == "seeds numpy":
            np.random.seed(0)
        if self.fault == "draws from numpy":
            np.random.rand(7)
        self.tree_ = DecisionTreeClassifier(max_depth=2, random_state=0)
        self.tree_.fit(X, y, sample_weight)
        self.classes_ = self.tree_.classes_
        if self.fault == "forgets a class":
            self.classes_ = self.classes_[:-1]
        if self.fault == "writes into X":
            X[:] = 0
        if self.fault == "cannot be pickled":
            self.lock_ = threading.Lock()
        if self.fault == "knows a class twice":
            self.classes_ = self.classes_[[0, 0]]
        if self.fault == "knows other classes":
            self.classes_ = np.array(["no", "yes"])
        return self

    def predict_proba(self, X):
        proba = self.tree_.predict_proba(X)
        if self.fault == "raises in predict":
            raise RuntimeError("no answer")
        if self.fault == "answers NaN":
            proba[0] = np.nan
        if self.fault == "answers below 0":
            proba[0] = [1.5, -0.5]
        if self.fault == "answers zeros":
            proba[:] = 0
        if self.fault == "answers too few rows":
            proba = proba[:-1]
        if self.fault == "answers too few classes":
            proba = proba[:, :1]
        if self.fault == "answers text":
            proba = np.full(proba.shape, "yes")
        if self.fault == "answers nothing":
            return None
        if self.fault == "writes into X":
            X[:] = 0
        return proba

    def predict(self, X):
        return self.tree_.predict(X)


SHAPE = "must return one row per row of X and one column per class"
FAILS = {
    "raises in fit": (RuntimeError, "no fit"),
    "raises in predict": (RuntimeError, "no answer"),
    "answers NaN": (ValueError, "must answer with finite numbers"),
    "answers below 0": (ValueError, "probabilities that add up to 1"),
    "answers zeros": (ValueError, "probabilities that add up to 1"),
    "knows a class twice": (ValueError, "classes_ must be different labels"),
    "knows other classes": (ValueError, "classes_ must be labels of `y`"),
    "answers too few rows": (ValueError, SHAPE),
    "answers too few classes": (ValueError, SHAPE),
    "answers nothing": (ValueError, SHAPE),
    "answers text": (ValueError, "could not convert string to float"),
    "forgets a class": (ValueError, SHAPE),
}
HARMLESS = ["prints", "sleeps", "seeds numpy", "draws from numpy", "writes into X"]


def make(fault, **params):
    members = [*make_members(), ("faulty", Faulty(fault))]
    return CooperativeDistiller(members, random_state=0, **params)


@pytest.mark.parametrize("fault", FAILS)
def test_a_fault_names_the_member(fault, cancer):
    error, message = FAILS[fault]
    distiller = make(fault)
    with pytest.raises(error, match=message) as raised:
        distiller.fit(*cancer)
    assert "Raised by the member 'faulty'." in raised.value.__notes__
    with pytest.raises(NotFittedError):
        check_is_fitted(distiller)


@pytest.mark.parametrize("fault", FAILS)
def test_the_others_go_on_without_it(fault, cancer):
    X, y = cancer
    with pytest.warns(FitFailedWarning, match="'faulty' could not be fitted") as told:
        distiller = make(fault, on_failure="warn").fit(X, y)
    assert len(told) == 1
    members = [*make_members(), ("faulty", "drop")]
    without = CooperativeDistiller(members, random_state=0).fit(X, y)
    assert (distiller.predict_proba(X) == without.predict_proba(X)).all()
    assert repr(distiller.history_) == repr(without.history_)


@pytest.mark.parametrize("n_rows", [100, 150, 200])
def test_a_fault_in_a_later_fit(n_rows, cancer):
    """Of 200 rows: in fits without one fold, in that with all rows, or when taught."""
    members = [*make_members(), ("faulty", Faulty("raises in fit", n_rows))]
    distiller = CooperativeDistiller(members, random_state=0)
    with pytest.raises(RuntimeError, match="no fit"):
        distiller.fit(*cancer)
    distiller.set_params(on_failure="warn")
    with pytest.warns(FitFailedWarning, match="'faulty' could not be fitted"):
        distiller.fit(*cancer)
    assert distiller.named_estimators_.faulty == "drop"


@pytest.mark.parametrize("fault", HARMLESS)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_a_member_does_besides_harms_nobody(fault, n_jobs, cancer):
    X, y = cancer
    kept = X.copy(), y.copy()
    np.random.seed(3)
    distiller = make(fault, n_jobs=n_jobs).fit(X, y)
    np.random.seed(4)
    clean = make("none").fit(X, y)
    assert (kept[0] == X).all()
    assert (y == kept[1]).all()
    # (a member that zeroes what it is fitted with has learned before)
    assert (distiller.predict_proba(X) == clean.predict_proba(X)).all()
    assert repr(distiller.history_) == repr(clean.history_)


def test_a_member_that_cannot_be_pickled(cancer):
    """It can be fitted in one process; between two it cannot travel."""
    X, y = cancer
    alone = make("cannot be pickled").fit(X, y)
    threads = make("cannot be pickled", n_jobs=2)
    from joblib import parallel_config

    with parallel_config("threading"):
        threads.fit(X, y)
    assert (alone.predict_proba(X) == threads.predict_proba(X)).all()
    with pytest.raises(Exception, match="pickle") as caught:
        make("cannot be pickled", n_jobs=2).fit(X, y)
    (note,) = caught.value.__notes__
    assert "'faulty'" in note
    assert "may work with n_jobs=1 or in `joblib.parallel_config('threading')`" in note


def test_a_failed_fit_leaves_the_earlier_one(cancer):
    X, y = cancer
    distiller = make("none").fit(X, y)
    before, kept = distiller.predict_proba(X), dict(vars(distiller))
    distiller.estimators = make("raises in predict").estimators
    with pytest.raises(RuntimeError, match="no answer"):
        distiller.fit(X[:, :3], np.where(y == 1, "yes", "no"))
    assert (distiller.predict_proba(X) == before).all()
    assert {k: v for k, v in vars(distiller).items() if k != "estimators"} == {
        k: v for k, v in kept.items() if k != "estimators"
    }


@pytest.fixture
def run():
    """Starts programs that are given a table; nothing of them is left behind."""
    head = """
    import os, signal, sys, time
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.datasets import load_iris
    from sklearn.naive_bayes import GaussianNB
    from sklearn.tree import DecisionTreeClassifier
    from sklearn_coopkd import CooperativeDistiller
    X, y = load_iris(return_X_y=True)
    """
    started = []

    def start(code, *arguments):
        program = textwrap.dedent(head) + textwrap.dedent(code)
        one = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(one)
        return one

    yield start
    for one in started:
        with suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        with one:  # closes its pipes and waits for it
            pass


def descendants(group):
    """Processes of a process group that are running."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as stat:
                    state, _, pgid = stat.read().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(pgid) == group and state != "Z":
                found.append(int(name))
    return found


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at processes in /proc")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_leaves_nothing_half_done(n_jobs, run):
    program = run(
        """
        class Slow(GaussianNB):
            def fit(self, X, y, sample_weight=None):
                time.sleep(0.3)
                return super().fit(X, y, sample_weight)

        members = [("slow", Slow()), ("tree", DecisionTreeClassifier(max_depth=2))]
        distiller = CooperativeDistiller(members, n_jobs=int(sys.argv[1]), verbose=1)
        before = dict(vars(distiller))
        # (a program that was started in the background ignores it otherwise)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            distiller.fit(X, y)
        except KeyboardInterrupt:
            print("interrupted", vars(distiller) == before, flush=True)
            raise SystemExit
        print("too late")
        """,
        str(n_jobs),
    )
    assert "fitting 2 members" in program.stdout.readline()
    time.sleep(1.0)
    os.kill(program.pid, signal.SIGINT)
    out, _ = program.communicate(timeout=60)
    assert out.splitlines()[-1] == "interrupted True"
    deadline = time.monotonic() + 20
    while descendants(program.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert descendants(program.pid) == []


def test_a_worker_that_is_killed(run):
    program = run(
        """
        class Dies(GaussianNB):
            def fit(self, X, y, sample_weight=None):
                if os.getpid() != int(os.environ["MAIN"]):
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().fit(X, y, sample_weight)

        os.environ["MAIN"] = str(os.getpid())
        members = [("dies", Dies()), ("tree", DecisionTreeClassifier(max_depth=2))]
        distiller = CooperativeDistiller(members, n_jobs=2)
        before = dict(vars(distiller))
        try:
            distiller.fit(X, y)
        except Exception as error:
            print(type(error).__name__, vars(distiller) == before)
        distiller.set_params(n_jobs=1).fit(X, y)
        print("and in one process it works")
        """
    )
    out, err = program.communicate(timeout=120)
    assert out.splitlines() == [
        "TerminatedWorkerError True",
        "and in one process it works",
    ], err


def test_warnings_of_members_are_theirs(cancer):
    """What a member warns of reaches the user, from each of its fits."""

    class Warns(DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None):
            warnings.warn("of my own", UserWarning, stacklevel=2)
            return super().fit(X, y, sample_weight)

    members = [*make_members(), ("warns", Warns(max_depth=2))]
    with pytest.warns(UserWarning, match="of my own") as told:
        CooperativeDistiller(members, random_state=0, max_iter=0).fit(*cancer)
    assert len(told) == 7  # with all rows, without each of three folds, without two


def test_our_warnings_point_at_the_users_line(cancer):
    with pytest.warns(FitFailedWarning) as told:
        make("raises in fit", on_failure="warn").fit(*cancer)
    with pytest.warns(UserWarning, match="Use at least 3 folds") as of_folds:
        make("none", cv=2).fit(*cancer)
    assert {one.filename for one in [*told, *of_folds]} == {__file__}


class FailsAtNewRows(DecisionTreeClassifier):
    """Answers only about rows of a table that it knows."""

    known = None

    def predict_proba(self, X):
        if not set(map(bytes, np.ascontiguousarray(X))) <= self.known:
            raise RuntimeError("what is this row?")
        return super().predict_proba(X)


def test_a_teacher_that_fails_while_it_teaches(cancer):
    X, y = cancer
    FailsAtNewRows.known = set(map(bytes, np.ascontiguousarray(X)))
    members = [*make_members(), ("narrow", FailsAtNewRows(max_depth=2))]
    distiller = CooperativeDistiller(members, random_state=0)
    with pytest.raises(RuntimeError, match="what is this row") as raised:
        distiller.fit(X, y)
    assert "Raised by the member 'narrow'." in raised.value.__notes__
    distiller.set_params(on_failure="warn")
    with pytest.warns(FitFailedWarning, match="'narrow' could not be fitted"):
        distiller.fit(X, y)
    without = CooperativeDistiller(
        [*make_members(), ("narrow", "drop")], random_state=0
    ).fit(X, y)
    assert (distiller.predict_proba(X) == without.predict_proba(X)).all()
