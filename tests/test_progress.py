"""Progress: what callbacks and readers are told, and that it changes nothing."""

import pytest
import sklearn
from conftest import make_members
from joblib import parallel_config
from packaging.version import parse as parse_version
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import CooperativeDistiller

HAS_CALLBACKS = parse_version(sklearn.__version__) >= parse_version("1.9")
needs_callbacks = pytest.mark.skipif(
    not HAS_CALLBACKS, reason="scikit-learn has callbacks from 1.9 on"
)


class Recorder:
    """Notes what begins and ends; asks to stop at the end of tasks of one name."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.n_setup = self.n_teardown = 0

    def setup(self, estimator, context):
        self.n_setup += 1

    def teardown(self, estimator, context):
        self.n_teardown += 1

    @staticmethod
    def path(context):
        names = []
        while context is not None:
            names.append(context.task_name)
            context = context.parent
        return tuple(names[::-1])

    def on_fit_task_begin(self, estimator, context):
        assert isinstance(estimator, CooperativeDistiller)
        self.events.append(("begin", self.path(context)))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", self.path(context)))
        return context.task_name == self.stop_after

    def begun(self, depth):
        return [p for kind, p in self.events if kind == "begin" and len(p) == depth]


def check_balance(events):
    """Every task that began ends, after all of its parts."""
    running = []
    for kind, path in events:
        if kind == "begin":
            running.append(path)
        else:
            assert not any(p[: len(path)] == path and p != path for p in running)
            running.remove(path)
    assert running == []


def make(**params):
    return CooperativeDistiller(make_members(), random_state=0, **params)


def test_versions_without_callbacks_have_none():
    assert hasattr(make(), "set_callbacks") == HAS_CALLBACKS


@needs_callbacks
def test_the_tasks_of_a_fit(cancer):
    recorder = Recorder()
    distiller = make(max_iter=2).set_callbacks(recorder).fit(*cancer)
    assert (recorder.n_setup, recorder.n_teardown) == (1, 1)
    assert recorder.events[0] == ("begin", ("fit",))
    assert recorder.events[-1] == ("end", ("fit",))
    phases = [path[1] for path in recorder.begun(2)]
    # without a fold, and without two of three: 1 + 3 + 3 fits of each member
    rounds = [f"round {k + 1}" for k in range(distiller.n_iter_)]
    assert phases == ["fitting 3 members, 21 fits", *rounds, "combining"]
    members = [path[-1] for path in recorder.begun(3) if path[1] == phases[0]]
    assert members == ["logistic", "tree", "bayes"]
    fits = [path[2] for path in recorder.begun(4) if path[1] == phases[0]]
    assert fits == 7 * members
    of_round = [path[2] for path in recorder.begun(3) if path[1] == "round 1"]
    assert of_round[0].startswith("generating ")
    assert any(phase.startswith("fitting students, ") for phase in of_round)
    check_balance(recorder.events)


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_being_watched_changes_nothing(n_jobs, cancer):
    alone = make(max_iter=2).fit(*cancer)
    watched = make(max_iter=2, n_jobs=n_jobs).set_callbacks(Recorder()).fit(*cancer)
    assert repr(watched.history_) == repr(alone.history_)  # NaN is not equal to itself
    X, _ = cancer
    assert (watched.predict_proba(X) == alone.predict_proba(X)).all()
    assert not any("callback" in name for name in vars(watched) if "_skl" not in name)


@needs_callbacks
def test_a_callback_stops_after_a_round(cancer):
    X, y = cancer
    # without a gate rounds go on as long as there is something to teach
    one = make(max_iter=1, validation=None, combine="vote").fit(X, y)
    three = make(max_iter=3, validation=None, combine="vote").fit(X, y)
    assert three.n_iter_ > 1
    stopped = make(max_iter=3, validation=None, combine="vote")
    stopped.set_callbacks(Recorder(stop_after="round 1")).fit(X, y)
    assert stopped.n_iter_ == 1
    assert stopped.termination_condition_ == "callback"
    assert (stopped.transfer_matrix_ == one.transfer_matrix_).all()
    assert (stopped.predict_proba(X) == one.predict_proba(X)).all()


@needs_callbacks
def test_a_callback_stops_before_the_first_round(cancer):
    X, y = cancer
    stopped = make().set_callbacks(Recorder(stop_after="fitting 3 members, 21 fits"))
    stopped.fit(X, y)
    untaught = make(max_iter=0).fit(X, y)
    assert (stopped.n_iter_, stopped.termination_condition_) == (0, "callback")
    assert (stopped.predict_proba(X) == untaught.predict_proba(X)).all()


class Fails(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise RuntimeError("no")


@needs_callbacks
def test_callbacks_end_when_a_fit_fails(cancer):
    members = [*make_members(), ("fails", Fails())]
    recorder = Recorder()
    distiller = CooperativeDistiller(members).set_callbacks(recorder)
    with pytest.raises(RuntimeError, match="no"):
        distiller.fit(*cancer)
    assert (recorder.n_setup, recorder.n_teardown) == (1, 1)
    distiller.set_params(on_failure="warn")
    with pytest.warns(FitFailedWarning, match="'fails' could not be fitted"):
        distiller.fit(*cancer)
    assert recorder.n_teardown == 2
    names = [path[1] for path in recorder.begun(2)]
    assert "fitting 4 members, 28 fits" in names
    assert "fitting 3 members, 21 fits" in names


class FailsAtLessons(DecisionTreeClassifier):
    """Cannot be fitted with more rows than a table has."""

    def fit(self, X, y, sample_weight=None):
        if sample_weight is not None:
            raise RuntimeError("no lessons")
        return super().fit(X, y)


@needs_callbacks
def test_tasks_end_when_a_member_fails_in_a_round(cancer):
    members = [*make_members(), ("stubborn", FailsAtLessons(max_depth=2))]
    recorder = Recorder()
    distiller = CooperativeDistiller(members, on_failure="warn", random_state=0)
    with pytest.warns(FitFailedWarning, match="'stubborn' could not be fitted"):
        distiller.set_callbacks(recorder).fit(*cancer)
    check_balance(recorder.events)
    assert sum(path[1] == "round 1" for path in recorder.begun(2)) == 2


@needs_callbacks
@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_other_backends_are_watched(backend, cancer):
    """Not all of them give results one by one."""
    recorder = Recorder()
    with parallel_config(backend):
        make(n_jobs=2).set_callbacks(recorder).fit(*cancer)
    check_balance(recorder.events)


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_progress_bar_around_everything(n_jobs, cancer, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    search = GridSearchCV(
        make_pipeline(StandardScaler(), make()),
        {"cooperativedistiller__combine": ["vote"]},
        cv=2,
        n_jobs=n_jobs,
    )
    search.set_callbacks(ProgressBar(max_propagation_depth=2)).fit(*cancer)
    printed = capsys.readouterr().out
    for task in ("GridSearchCV", "Pipeline", "CooperativeDistiller", "round 1"):
        assert task in printed
    for task in ("fitting students", "logistic", "tree", "bayes"):
        assert task in printed


@needs_callbacks
def test_a_fit_is_scored_by_a_callback(cancer):
    from sklearn.callback import ScoringMonitor

    X, y = cancer
    monitor = ScoringMonitor(scoring="accuracy")
    distiller = make().set_callbacks(monitor).fit(X, y)
    found = [entry["accuracy"] for entry in monitor.get_logs().data]
    assert found == [distiller.score(X, y)]


def test_verbose_tells_every_phase(cancer, capsys):
    make(verbose=1, max_iter=1).fit(*cancer)
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("[CooperativeDistiller] ") for line in lines)
    told = [line.removeprefix("[CooperativeDistiller] ") for line in lines]
    assert told[0] == "fitting 3 members, 21 fits"
    assert told[1].startswith("round 1: generating ")
    assert any(line.startswith("round 1: fitting students, ") for line in told)
    make().fit(*cancer)
    assert capsys.readouterr().out == ""
