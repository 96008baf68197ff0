"""Lessons that travel between sites."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_coopkd import (
    CooperativeDistiller,
    Lessons,
    RawGenerator,
    learn,
    make_lessons,
)


@pytest.fixture(scope="module")
def sites():
    """Rows of three sites, of which site k has no row of class k."""
    X, y = load_digits(return_X_y=True)
    rows = np.flatnonzero(y < 3)
    X, y = X[rows], y[rows]
    owner = (y + np.random.RandomState(0).randint(1, 3, len(y))) % 3
    return {"abc"[k]: (X[owner == k], y[owner == k]) for k in range(3)}


def bayes():
    return GaussianNB(var_smoothing=0.01)


# --- the exchange ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "member",
    [
        bayes(),
        LogisticRegression(max_iter=2000),
        DecisionTreeClassifier(random_state=0),
    ],
    ids=["bayes", "logistic", "tree"],
)
@pytest.mark.parametrize("n_rounds", [1, 3])
@pytest.mark.parametrize("is_coarse", [False, True])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_same_students_as_with_all_rows_on_one_machine(
    sites, member, n_rounds, is_coarse
):
    if is_coarse:  # rows and samples repeat
        rng = np.random.RandomState(0)
        X = rng.randint(7, size=(240, 3))
        y = (X.sum(axis=1) + rng.randint(-1, 2, 240)) // 7
        at = rng.randint(3, size=240)
        sites = {"abc"[k]: (X[at == k], y[at == k]) for k in range(3)}
    names = list(sites)

    models = {k: clone(member).fit(*sites[k]) for k in names}
    given = {k: [] for k in names}
    for _ in range(n_rounds):
        # each site makes lessons from its rows alone, with every model as teacher
        made = {student: [] for student in names}
        for student in names:
            for teacher in names:
                # a teacher's own rows first, then the other places
                for place in sorted(names, key=lambda k: k != teacher):
                    if teacher == student:
                        continue
                    at_home = {teacher, student} & {place}
                    lessons = make_lessons(
                        member
                        if teacher in at_home
                        else FrozenEstimator(models[teacher]),
                        member if student in at_home else models[student],
                        *sites[place],
                        lessons=given[place] if at_home else None,
                        random_state=0,
                    )
                    made[student].append(lessons)
        for name in names:
            given[name] = [*given[name], *made[name]]
        models = {k: learn(member, *sites[k], given[k]) for k in names}

    together = CooperativeDistiller(
        [(name, member) for name in names],
        validation=None,
        max_iter=n_rounds,
        combine="vote",
        random_state=0,
    ).fit(
        np.concatenate([X for X, _ in sites.values()]),
        np.concatenate([y for _, y in sites.values()]),
        sites=np.repeat(names, [len(y) for _, y in sites.values()]),
    )
    X = np.concatenate([X for X, _ in sites.values()])
    for name in names:
        one, two = models[name], together.named_estimators_[name]
        np.testing.assert_array_equal(one.classes_, two.classes_)
        np.testing.assert_allclose(
            one.predict_proba(X), two.predict_proba(X), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("seed", range(5))
def test_no_sample_is_any_row_of_the_site(seed):
    # few values: samples meet rows of their source's part, which are no anchors
    rng = np.random.RandomState(seed)
    X = rng.randint(7, size=(300, 3))
    y = (X.sum(axis=1) + rng.randint(-1, 2, 300) > 9).astype(int)
    student = DecisionTreeClassifier(max_depth=1).fit(X, y)
    lessons = make_lessons(bayes(), FrozenEstimator(student), X, y, random_state=0)
    assert len(lessons)
    assert lessons.privacy_report(X)["n_copies"] == 0


def test_a_student_learns_a_class_from_a_lesson(sites):
    student = bayes().fit(*sites["a"])
    lessons = make_lessons(bayes(), student, *sites["b"], random_state=0)
    assert 0 in lessons.y
    assert lessons.report["n_deficient"] >= lessons.report["n_sources"]
    better = learn(student, *sites["a"], lessons)
    X, y = sites["c"]
    assert better.score(X[y == 0], y[y == 0]) > 0.9
    assert student.classes_.tolist() == [1, 2]  # not changed


def test_no_row_travels(sites):
    X, y = sites["b"]
    student = bayes().fit(*sites["a"])
    lessons = make_lessons(bayes(), student, X, y, random_state=0)
    assert not {r.tobytes() for r in X} & {r.tobytes() for r in lessons.X}
    report = lessons.privacy_report(X)
    assert report["n_copies"] == 0
    assert report["n_samples"] == len(lessons)
    raw = make_lessons(bayes(), student, X, y, generator=RawGenerator())
    assert raw.privacy_report(X)["n_copies"] == len(raw)
    assert raw.privacy_report(X)["share_closer"] == 1


class Spy(GaussianNB):
    """Notes the rows that it is fitted with."""

    seen = []

    def fit(self, X, y, sample_weight=None):
        self.seen.append({row.tobytes() for row in X})
        return super().fit(X, y, sample_weight)


def test_a_teacher_has_not_seen_what_it_teaches(sites):
    X, y = sites["b"]
    student = bayes().fit(*sites["a"])
    Spy.seen = []
    make_lessons(Spy(var_smoothing=0.01), student, X, y, cv=4)
    assert len(Spy.seen) == 4
    for row in X:
        assert sum(row.tobytes() in rows for rows in Spy.seen) == 3


def test_what_was_made_of_a_part_does_not_tell_about_it(sites):
    """A second round: the student's own lesson, without the part it is asked about."""
    X, y = sites["a"]
    guest = FrozenEstimator(bayes().fit(*sites["b"]))
    own = make_lessons(guest, bayes(), X, y, random_state=0)
    other = make_lessons(bayes(), bayes().fit(X, y), *sites["b"], random_state=0)
    Spy.seen = []
    make_lessons(
        guest, Spy(var_smoothing=0.01), X, y, lessons=[own, other], random_state=0
    )
    assert len(Spy.seen) == 3
    for row in own.X:  # one row of three parts
        assert sum(row.tobytes() in seen for seen in Spy.seen) == 2
    for seen in Spy.seen:
        assert {row.tobytes() for row in other.X} <= seen


def test_weights(sites):
    student = bayes().fit(*sites["a"])
    X, y = sites["b"]
    weight = np.where(np.arange(len(y)) % 2, 2.0, 0.0)
    lessons = make_lessons(bayes(), student, X, y, sample_weight=weight, random_state=0)
    assert len(lessons)
    assert set(lessons.weight) <= {2.0, 4.0}
    assert lessons.report["n_sources"] <= (weight > 0).sum()
    weighted = learn(student, *sites["a"], lessons, pseudo_weight=0.5)
    twin = bayes().fit(
        np.concatenate([sites["a"][0], lessons.X]),
        np.concatenate([sites["a"][1], lessons.y]),
        np.concatenate([np.ones(len(sites["a"][1])), lessons.weight / 2]),
    )
    np.testing.assert_allclose(weighted.theta_, twin.theta_)


def test_nothing_to_teach(sites):
    X, y = sites["a"]
    model = bayes().fit(X, y)
    lessons = make_lessons(FrozenEstimator(model), FrozenEstimator(model), X, y)
    assert len(lessons) == 0
    assert lessons.X.shape == (0, X.shape[1])
    learned = learn(model, X, y, [lessons])
    np.testing.assert_array_equal(learned.theta_, model.theta_)


def test_three_processes_that_never_read_each_others_rows(tmp_path):
    script = Path(__file__).parents[1] / "docs" / "examples" / "three_sites.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path / "sites"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["north", "south", "west"]
    assert all(line.endswith("as with sites=: True") for line in lines)


# --- lessons --------------------------------------------------------------------------


def make(X, y=None, source=None):
    n = X.shape[0]
    y = np.arange(n) % 2 if y is None else np.asarray(y)
    return Lessons(
        X, y, np.ones(n), np.arange(n) if source is None else source, {"n_success": n}
    )


FRAME = pd.DataFrame(
    {
        "number": [1.5, np.nan, -0.0],
        "int": np.array([1, 2, 2**60 + 1]),
        "single": np.array([1, 2, 3], dtype=np.float32),
        "bool": [True, False, True],
        "category": pd.Categorical(["u", None, "v"], ["v", "w", "u"], ordered=True),
        "numbers": pd.Categorical([3, 1, None], [1, 2, 3]),
        "string": pd.array(["a", None, "b"], dtype="string"),
        "object": np.array(["a", None, 3], dtype=object),
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "boolean": pd.array([True, None, False], dtype="boolean"),
        "date": pd.date_range("2020", periods=3),
    }
)


@pytest.mark.parametrize("labels", [[0, 1, 0], ["no", "yes", "no"]])
def test_a_frame_survives_the_file(tmp_path, labels):
    lessons = make(FRAME, labels)
    lessons.save(tmp_path / "lessons.zip")
    back = Lessons.load(tmp_path / "lessons.zip")
    pd.testing.assert_frame_equal(back.X, FRAME)
    np.testing.assert_array_equal(back.y, labels)
    assert back.report == {"n_success": 3}
    assert back.source.tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["lessons.zip"]


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1.0, np.nan], [2.0, 3.0]]),
        np.array([[1, 2], [3, 4]], dtype=np.int16),
        np.array([["a", "b"], ["c", "d"]]),
        np.array([["a", 1.5], [None, 2]], dtype=object),
        pd.DataFrame(
            [[1.0, 2.0]] * 2, columns=pd.MultiIndex.from_tuples([(1, "a"), (1, "b")])
        ),
        pd.DataFrame([[1.0, 2.0]] * 2),
        pl.DataFrame({"a": [1.5, None], "b": ["x", None]}).with_columns(
            c=pl.Series(["u", "v"], dtype=pl.Enum(["v", "u"]))
        ),
        sparse.csr_array([[0, 1.5], [2, 0]]),
        sparse.csr_matrix([[0, 1], [2, 0]]),
    ],
    ids=[
        "float",
        "int16",
        "text",
        "object",
        "levels",
        "numbers",
        "polars",
        "csr",
        "old",
    ],
)
def test_every_container_survives_the_file(tmp_path, X):
    make(X).save(tmp_path / "x")
    back = Lessons.load(tmp_path / "x").X
    assert type(back) is type(X)
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(back, X)
    elif isinstance(X, pl.DataFrame):
        assert back.equals(X)
        assert back.schema == X.schema
    elif sparse.issparse(X):
        assert back.dtype == X.dtype
        np.testing.assert_array_equal(back.toarray(), X.toarray())
    else:
        assert back.dtype == X.dtype
        np.testing.assert_array_equal(back, X)


def test_a_file_holds_no_pickle(tmp_path):
    make(FRAME).save(tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "x") as file:
        for name in file.namelist():
            assert name.endswith((".json", ".npy"))
            if name.endswith(".npy"):
                np.load(io.BytesIO(file.read(name)), allow_pickle=False)


def test_objects_that_only_a_pickle_could_hold(tmp_path):
    frame = pd.DataFrame({"ok": [1.0], "odd": np.array([{1}], dtype=object)})
    with pytest.raises(TypeError, match="column 'odd'"):
        make(frame).save(tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"weight": np.array([1.0, np.nan])}, "`weight` must hold finite numbers"),
        ({"weight": np.ones(3)}, "`weight` must have shape"),
        ({"y": np.array([0.0, np.nan])}, "`y` must not miss"),
        ({"X": np.ones((2, 2, 2))}, "`X` must have two dimensions"),
        ({"report": {"note": "text"}}, "`report` must hold finite numbers"),
        ({"report": {"n_success": np.nan}}, "`report` must hold finite numbers"),
        ({"report": {"n_success": -23}}, "`report` must hold finite numbers"),
    ],
)
def test_lessons_that_could_not_be_loaded_are_not_saved(tmp_path, change, match):
    with pytest.raises(ValueError, match=match):
        replace(make(np.eye(2)), **change).save(tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_weights_may_be_integers(tmp_path):
    replace(make(np.eye(2)), weight=np.array([1, 2])).save(tmp_path / "x")
    assert Lessons.load(tmp_path / "x").weight.tolist() == [1, 2]


def test_names_of_levels_survive_the_file(tmp_path):
    columns = pd.MultiIndex.from_tuples([(1, "a"), (1, "b")], names=["level", "part"])
    make(pd.DataFrame([[1.0, 2.0]] * 2, columns=columns)).save(tmp_path / "x")
    assert Lessons.load(tmp_path / "x").X.columns.names == ["level", "part"]


def test_row_labels_do_not_travel(sites):
    X, y = sites["b"]
    patients = pd.DataFrame(X, index=[f"patient {k}" for k in range(len(y))])
    patients.columns = patients.columns.astype(str)
    student = bayes().fit(sites["a"][0], sites["a"][1])
    for generator in (None, RawGenerator()):
        lessons = make_lessons(
            make_pipeline(StandardScaler(), LogisticRegression()),
            DummyClassifier().fit(patients, np.full(len(y), student.classes_[0])),
            patients,
            y,
            generator=generator,
            random_state=0,
        )
        assert len(lessons)
        assert lessons.X.index.tolist() == list(range(len(lessons)))


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame([[1.0]], columns=[pd.Timestamp("2020-01-01")]),
        pd.DataFrame({"a": pd.period_range("2020", periods=2, freq="D")}),
        pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}),
    ],
    ids=["date as a name", "periods", "objects"],
)
def test_what_the_file_could_not_give_back_is_refused(tmp_path, X):
    (tmp_path / "x").write_text("earlier")
    with pytest.raises(TypeError, match=r"[Cc]onvert"):
        make(X).save(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "earlier"


def test_missing_objects_survive_the_file(tmp_path):
    frame = pd.DataFrame({"a": pd.Series(["x", np.nan, None], dtype=object)})
    make(frame).save(tmp_path / "x")
    back = Lessons.load(tmp_path / "x").X["a"]
    assert np.isnan(back[1])
    assert back[2] is None


@pytest.fixture
def saved(tmp_path):
    """A file of lessons, and a function that changes one member of it."""
    make(sparse.csr_array(np.eye(4)), ["a", "b", "a", "b"]).save(tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "x") as file:
        parts = {name: file.read(name) for name in file.namelist()}

    def change(name, content):
        with zipfile.ZipFile(tmp_path / "y", "w") as file:
            for key, value in (parts | {name: content}).items():
                if value is not None:
                    file.writestr(key, value)
        return tmp_path / "y"

    assert len(Lessons.load(change("more", b""))) == 4
    return change


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("X/indices.npy", as_npy(np.array([0, 1, 2, 99]))),
        ("X/indices.npy", as_npy(np.array([0.0, 1, 2, 3]))),
        ("X/indptr.npy", as_npy(np.array([0, 9, 2, 3, 4]))),
        ("X/data.npy", b"\x93NUMPY"),
        ("X/table.json", b"[]"),
        ("X/table.json", b'{"kind": "csr_array", "shape": [4]}'),
        ("X/table.json", None),
        ("weight.npy", as_npy(np.array([1.0, np.nan, 1, 1]))),
        ("weight.npy", as_npy(np.array([1.0, -1, 1, 1]))),
        ("weight.npy", as_npy(np.ones((4, 1)))),
        ("weight.npy", as_npy(np.ones(3))),
        ("weight.npy", as_npy(np.array([{}] * 4, dtype=object))),
        ("source.npy", as_npy(np.ones(4))),
        ("report.json", b"[1]"),
        ("report.json", b'{"n_success": "many"}'),
        ("report.json", b"{"),
    ],
)
def test_every_damage_is_told_as_such(saved, name, content):
    with pytest.raises(ValueError, match="no lessons that this version"):
        Lessons.load(saved(name, content))


def test_a_file_that_is_cut_off(tmp_path):
    make(np.eye(50)).save(tmp_path / "x")
    whole = (tmp_path / "x").read_bytes()
    for size in range(0, len(whole), 97):
        (tmp_path / "y").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="no lessons that this version"):
            Lessons.load(tmp_path / "y")
    with pytest.raises(FileNotFoundError):
        Lessons.load(tmp_path / "z")


def test_files_that_are_no_lessons(tmp_path):
    (tmp_path / "text").write_text("no")
    with zipfile.ZipFile(tmp_path / "other", "w") as file:
        file.writestr("format.json", json.dumps("something else"))
    for name in ("text", "other"):
        with pytest.raises(ValueError, match="no lessons that this version"):
            Lessons.load(tmp_path / name)


def test_merging_leaves_out_what_was_made_of_a_row_twice():
    X = np.array([[1.0], [2.0], [1.0]])
    one, other = make(X[:2], [0, 1]), make(X[2:], [0], np.array([9]))
    merged = Lessons.merge([one, other, other])  # (the same row, by two teachers)
    assert merged.X.ravel().tolist() == [1, 2, 1]
    assert merged.source.tolist() == [0, 1, 9]
    assert merged.report == {"n_success": 4}
    with pytest.raises(ValueError, match="non-empty"):
        Lessons.merge([])


def test_one_lesson_is_not_merged_into_another(sites):
    """As a method it would lose the lesson that it is called on."""
    student = bayes().fit(*sites["b"])
    one = make_lessons(bayes(), student, *sites["a"], random_state=0)
    with pytest.raises(TypeError, match="must be a list of Lessons; got a single one"):
        one.merge(one)


def test_capping():
    lessons = make(np.arange(20.0)[:, None])
    few = lessons.capped(5, random_state=0)
    assert len(few) == 5
    assert few.X.ravel().tolist() == few.source.tolist()
    assert lessons.capped(50) is lessons


def test_privacy_report_by_hand():
    X = pd.DataFrame(
        {
            "a": [0.0, 1.0, 2.0, 3.0] * 2,
            "c": ["u", "u", "u", "v"] * 2,
            "flag": [True] + [False] * 7,
            "kept": [1, 2, 3, 4, 5, 6, 7, 7],
        }
    ).iloc[:7]
    made = make(
        pd.DataFrame(
            {"a": [0.0, 0.5], "c": ["u", "v"], "flag": [True, False], "kept": [1, 9]}
        )
    )
    report = made.privacy_report(X)
    assert report["n_samples"] == 2
    assert report["n_copies"] == 1
    assert report["distance"][0] < report["distance"][2]
    assert report["rare_values"] == {"a": [0], "c": ["v"], "flag": [True], "kept": [1]}


def test_many_categories_are_as_far_from_each_other_as_few():
    X = pd.DataFrame({"text": [f"value {k:03}" for k in range(400)]})
    X["text"] = X["text"].astype("category")
    report = make(X[:40]).privacy_report(X)
    assert report["n_copies"] == 40
    assert report["share_closer"] == 1
    np.testing.assert_allclose(report["distance_among_rows"], 1, atol=0.5)


def test_distances_of_sparse_rows_are_those_of_dense_ones():
    X = np.random.RandomState(0).poisson(0.5, size=(50, 4)) * [1.0, 10, 100, 1000]
    dense, csr = (make(Z[:9]).privacy_report(Z[9:]) for Z in (X, sparse.csr_array(X)))
    np.testing.assert_allclose(dense["distance"], csr["distance"])
    np.testing.assert_allclose(dense["distance_among_rows"], csr["distance_among_rows"])


def test_distances_by_hand():
    # two rows twice: the distances among rows are those of the three distinct ones
    X = np.array([[0.0], [0.0], [3.0], [4.0], [4.0]])
    report = make(np.array([[1.0], [3.5]])).privacy_report(X)
    width = np.array([0.0, 3.0, 4.0]).std()
    np.testing.assert_allclose(
        report["distance_among_rows"], np.quantile([3, 1, 1], [0.25, 0.5, 0.75]) / width
    )
    np.testing.assert_allclose(
        report["distance"], np.quantile([1, 0.5], [0.25, 0.5, 0.75]) / width
    )
    assert report["share_closer"] == 0.5  # 1/2 is nearer than 1, the shortest way


def test_privacy_report_without_samples():
    X = sparse.csr_array([[0, 1.5], [np.nan, 0]])
    report = make(X[:0]).privacy_report(X)
    assert report["n_samples"] == report["n_copies"] == 0
    assert np.isnan([*report["distance"], report["share_closer"]]).all()
    assert report["rare_values"] == {}
    assert make(X).privacy_report(X)["rare_values"] == {1: [1.5]}


def test_privacy_report_against_no_rows():
    X = pd.DataFrame(np.eye(2))
    report = make(X).privacy_report(X[:0])
    assert report["n_copies"] == 0
    assert np.isnan(report["distance"]).all()


def test_lessons_tell_what_they_are():
    assert repr(make(np.eye(2))) == "Lessons(2 samples, {'n_success': 2})"
    assert make(np.eye(2)) != make(np.eye(2))  # told apart by identity


def test_privacy_report_of_another_table():
    made = make(pd.DataFrame({"a": [0.0], "b": [1.0]}))
    with pytest.raises(ValueError, match="`X` must have the columns of the lessons"):
        made.privacy_report(pd.DataFrame({"b": [0.0], "a": [1.0]}))


# --- bad calls ------------------------------------------------------------------------


def call_make(sites, **change):
    X, y = sites["a"]
    call = {"teacher": bayes(), "student": bayes(), "X": X, "y": y} | change
    return make_lessons(**call)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"cv": 1}, ValueError, "'cv' parameter of make_lessons"),
        ({"cv": 2.5}, ValueError, "'cv' parameter of make_lessons"),
        ({"deficiency": "errors"}, ValueError, "'deficiency' parameter"),
        ({"generator": "swap"}, ValueError, "'generator' parameter"),
        ({"teacher": None}, ValueError, "'teacher' parameter"),
        ({"teacher": LinearRegression()}, ValueError, "`teacher` must be a classifier"),
        ({"y": [0, 1]}, ValueError, "`y` must have shape"),
        ({"lessons": "lessons.zip"}, TypeError, "Lessons.load"),
        ({"lessons": [1]}, TypeError, "Lessons.load"),
        ({"lessons": make(np.eye(3))}, ValueError, "must have the .* columns of `X`"),
    ],
)
def test_calls_that_cannot_be(sites, change, error, match):
    with pytest.raises(error, match=match):
        call_make(sites, **change)


def test_labels_of_another_kind_than_a_models_classes(sites):
    X, y = sites["a"]
    student = bayes().fit(X, y.astype(str))
    with pytest.raises(ValueError, match=r"`student\.classes_` must hold labels"):
        call_make(sites, student=student)


def test_lessons_from_a_generator_teach(sites):
    student = bayes().fit(*sites["a"])
    lessons = make_lessons(bayes(), student, *sites["b"], random_state=0)
    one = learn(student, *sites["a"], [lessons])
    other = learn(student, *sites["a"], (lesson for lesson in [lessons]))
    np.testing.assert_array_equal(one.theta_, other.theta_)
    assert not np.array_equal(one.theta_, student.theta_)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"weight": np.array([1.0, -1.0])}, ValueError, "`weight` must hold finite"),
        ({"y": np.array(["a", None], dtype=object)}, ValueError, "`y` must not miss"),
        ({"y": [0, 1]}, TypeError, "`y` must be an ndarray; got list"),
        ({"X": [[0]]}, TypeError, "`X` must be a table"),
    ],
)
def test_lessons_that_cannot_be_used_are_named(sites, change, error, match):
    X, y = sites["a"]
    good = make(X[:2])
    with pytest.raises(error, match=r"In `lessons\[1\]`, " + match):
        learn(bayes(), X, y, [good, replace(good, **change)])


def test_a_damaged_frame_of_polars(tmp_path):
    make(pl.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})).save(tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "x") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    frame = parts["X/frame.arrow"]
    n_refused = 0
    for place in range(0, len(frame), 7):
        damaged = bytearray(frame)
        damaged[place] ^= 0xFF
        with zipfile.ZipFile(tmp_path / "y", "w") as file:
            for key, value in (parts | {"X/frame.arrow": bytes(damaged)}).items():
                file.writestr(key, value)
        try:
            Lessons.load(tmp_path / "y")
        except ValueError:  # and nothing else
            n_refused += 1
    # some bytes mean nothing, or are as good a value
    assert n_refused


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        (["a", "b"], "it lacks 'c'"),
        (["a", "b", "c", "d"], "'d' should not be there"),
        (["b", "a", "c"], "column 0 is 'b', not 'a'"),
        (["a", "b", "d"], "it lacks 'c' and has 'd' instead"),
        (["a", "b", "c", "c"], "'c' is there 2 times, not 1"),
    ],
)
def test_tables_that_differ_are_told_by_how(columns, match):
    lessons = make(pd.DataFrame(np.zeros((2, 3)), columns=["a", "b", "c"]))
    table = pd.DataFrame(np.zeros((2, len(columns))), columns=columns)
    with pytest.raises(ValueError, match=match):
        lessons.privacy_report(table)


def test_a_frame_without_its_library(tmp_path, monkeypatch):
    make(FRAME).save(tmp_path / "x")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pandas") as caught:
        Lessons.load(tmp_path / "x")
    assert "Needed to read" in caught.value.__notes__[0]


def test_a_column_that_is_too_short(tmp_path):
    make(FRAME).save(tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "x") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    name = next(n for n in parts if n.startswith("X/") and n.endswith("npy"))
    parts[name] = as_npy(np.load(io.BytesIO(parts[name]))[:1])
    with zipfile.ZipFile(tmp_path / "y", "w") as file:
        for key, value in parts.items():
            file.writestr(key, value)
    with pytest.raises(ValueError, match="shorter or longer than the table"):
        Lessons.load(tmp_path / "y")


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"pseudo_weight": 0}, ValueError, "'pseudo_weight' parameter of learn"),
        ({"student": FrozenEstimator(bayes())}, ValueError, r"student\.estimator"),
        ({"lessons": make(np.eye(3))}, ValueError, "must have the .* columns of `X`"),
        ({"lessons": make(FRAME)}, ValueError, "must be a container of the kind"),
        ({"lessons": make(np.ones((2, 64)), ["a", "b"])}, ValueError, "labels"),
        ({"lessons": "lessons.zip"}, TypeError, "Read a file with"),
        ({"lessons": None}, ValueError, "got None"),
        ({"lessons": []}, ValueError, "Lessons without samples"),
    ],
)
def test_lessons_that_cannot_be_learned(sites, change, error, match):
    X, y = sites["a"]
    call = {"student": bayes(), "X": X, "y": y, "lessons": make(X[:0])} | change
    with pytest.raises(error, match=match):
        learn(**call)


def test_lessons_that_do_not_fit_each_other():
    other = FRAME.astype({"number": np.float32})
    with pytest.raises(ValueError, match="column 'number'"):
        Lessons.merge([make(FRAME), make(other)])
    with pytest.raises(ValueError, match="texts"):
        Lessons.merge([make(FRAME), make(FRAME, ["a", "b", "a"])])


@pytest.mark.parametrize("n_samples", [-1, 2.5, None])
def test_caps_that_cannot_be(n_samples):
    with pytest.raises(ValueError, match="`n_samples` must be an int"):
        make(np.eye(3)).capped(n_samples)


def test_a_student_with_one_class_is_a_constant_answer():
    X, y = np.arange(8.0)[:, None], np.arange(8) % 2
    here = y == 0
    lessons = make_lessons(GaussianNB(), GaussianNB().fit(X, y), X, y, random_state=0)
    student = learn(LogisticRegression(), X[here], y[here], lessons.capped(0))
    assert student.predict(X).tolist() == [0] * 8


@pytest.mark.parametrize("function", [make_lessons, learn])
def test_weights_that_are_all_zero(function):
    X, y = np.arange(8.0)[:, None], np.arange(8) % 2
    lessons = make_lessons(GaussianNB(), GaussianNB().fit(X, y), X, y, random_state=0)
    arguments = (GaussianNB(), GaussianNB().fit(X, y), X, y)
    if function is learn:
        arguments = (GaussianNB(), X, y, lessons)
    with pytest.raises(ValueError, match="`sample_weight` must have at least one"):
        function(*arguments, sample_weight=np.zeros(8))


def test_lessons_of_numbers_and_of_labels_are_told_apart(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    tree = DecisionTreeRegressor(max_depth=5, random_state=0)
    numbers = make_lessons(
        tree, Ridge().fit(X[:200], y[:200]), X[200:], y[200:], random_state=0
    )
    assert len(numbers) > 10
    numbers.save(tmp_path / "numbers")
    numbers = Lessons.load(tmp_path / "numbers")
    with pytest.raises(ValueError, match="for classification; got lessons for regress"):
        learn(GaussianNB(), X[:200], y[:200] > 100, numbers)
    labels = make_lessons(
        GaussianNB(), GaussianNB().fit(X[:9], y[:9] > 100), X[200:], y[200:] > 100
    )
    with pytest.raises(ValueError, match="for regression; got lessons for classific"):
        learn(Ridge(), X[:200], y[:200], labels)
    with pytest.raises(ValueError, match=r"`lessons\[1\]` must be for regression"):
        Lessons.merge([numbers, labels])


@pytest.mark.parametrize("missing", [np.nan, None])
@pytest.mark.parametrize("labels", [[0.0, 1.0], ["no", "yes"]])
def test_a_label_is_missing(labels, missing):
    X = np.random.RandomState(0).randn(40, 2)
    y = pd.Series(np.array(labels)[np.arange(40) % 2])
    student = bayes().fit(X, y)
    lessons = make_lessons(bayes(), student, X, y)
    y[7] = missing
    with pytest.raises(ValueError, match=r"`y` must have a label.*; row 7 has none"):
        make_lessons(bayes(), student, X, y)
    with pytest.raises(ValueError, match=r"`y` must have a label.*; row 7 has none"):
        learn(student, X, y, lessons)


def test_labels_that_are_spelled_otherwise_are_told():
    X = np.random.RandomState(0).randn(40, 2)
    y = np.array(["sick", "well"])[np.arange(40) % 2]
    student = bayes().fit(X, y)
    other = np.char.upper(y)
    told = "holds 'SICK' and .* 'sick', which are two classes"
    with pytest.warns(UserWarning, match=told):
        lessons = make_lessons(bayes(), student, X, other)
    with pytest.warns(UserWarning, match="holds 'sick' and .* 'SICK', which are"):
        learn(student, X, y, lessons)
    letters = np.array(["a", "A"])[np.arange(40) % 2]  # both sites have both
    lessons = make_lessons(bayes(), bayes().fit(X, letters), X, letters)
    learn(bayes(), X, letters, lessons)


def test_labels_of_several_kinds_are_refused():
    X = np.random.RandomState(0).randn(40, 2)
    y = np.array(["sick", "well"])[np.arange(40) % 2]
    student = bayes().fit(X, y)
    mixed = y.astype(object)
    mixed[3] = 1
    with pytest.raises((TypeError, ValueError)):
        make_lessons(bayes(), student, X, mixed)
    lessons = make_lessons(bayes(), student, X[::-1], y)
    with pytest.raises(ValueError, match="all texts or all numbers; got"):
        learn(student, X, np.arange(40) % 2, lessons)


def test_weights_of_any_kind(sites):
    X, y = sites["a"]
    student = bayes().fit(X[:9], y[:9])
    weight = np.arange(1.0, len(y) + 1)
    made = [
        make_lessons(bayes(), student, X, y, sample_weight=kind(weight), random_state=0)
        for kind in (np.asarray, list, pd.Series, pl.Series)
    ]
    for one in made[1:]:
        np.testing.assert_array_equal(one.weight, made[0].weight)
    for none in (np.zeros(len(y)), pl.Series(np.zeros(len(y)))):
        with pytest.raises(ValueError, match="at least one non-zero value; got only z"):
            make_lessons(bayes(), student, X, y, sample_weight=none)
