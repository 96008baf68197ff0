"""Fitted distillers on disk: what is saved is what is read, or it is told."""

import os
import pickle
import subprocess
import sys
import textwrap
import warnings
from copy import deepcopy
from io import BytesIO

import joblib
import numpy as np
import pytest
import skops.io
from conftest import make_members
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

import sklearn_coopkd
from sklearn_coopkd import (
    CooperativeDistiller,
    CooperativeDistillerRegressor,
    Lessons,
    _state,
    make_lessons,
)


def by_pickle(estimator, path):
    path.write_bytes(pickle.dumps(estimator))
    return pickle.loads(path.read_bytes())


def by_joblib(estimator, path):
    joblib.dump(estimator, path)
    return joblib.load(path)


def by_skops(estimator, path):
    skops.io.dump(estimator, path)
    types = skops.io.get_untrusted_types(file=path)
    assert all(name.split(".")[0] in ("sklearn", "sklearn_coopkd") for name in types)
    return skops.io.load(path, trusted=types)


WAYS = [by_pickle, by_joblib, by_skops]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("combine", ["stack", "vote", "best"])
def test_a_classifier_comes_back_as_it_was(way, combine, cancer, tmp_path):
    distiller = CooperativeDistiller(make_members(), combine=combine, random_state=0)
    distiller.fit(*cancer)
    again = way(distiller, tmp_path / "model")
    for method in ("predict", "predict_proba", "transform"):
        expected = getattr(distiller, method)(cancer[0])
        assert np.array_equal(getattr(again, method)(cancer[0]), expected)
    assert set(vars(again)) == set(vars(distiller))
    np.testing.assert_equal(again.history_, distiller.history_)
    assert "_sklearn_coopkd_version" not in vars(again)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("combine", ["stack", "vote", "best"])
def test_a_regressor_comes_back_as_it_was(way, combine, tmp_path):
    X, y = load_diabetes(return_X_y=True)
    members = [("tree", DecisionTreeRegressor(max_depth=3)), ("ridge", Ridge())]
    distiller = CooperativeDistillerRegressor(members, combine=combine, random_state=0)
    distiller.fit(X, y)
    again = way(distiller, tmp_path / "model")
    assert np.array_equal(again.predict(X), distiller.predict(X))


@pytest.mark.parametrize(
    ("saved_by", "is_told"),
    [("0.1.0", False), ("0.1.7", False), ("0.2.0", True), ("1.1.0", True)],
)
def test_another_version_is_told(saved_by, is_told, cancer, monkeypatch):
    distiller = CooperativeDistiller(make_members()).fit(*cancer)
    monkeypatch.setattr(_state, "__version__", saved_by)
    saved, by_skops = pickle.dumps(distiller), skops.io.dumps(distiller)
    monkeypatch.setattr(_state, "__version__", "0.1.3")
    if not is_told:
        pickle.loads(saved)
        return
    told = f"CooperativeDistiller was saved by sklearn_coopkd {saved_by}; here.*Fit it"
    types = skops.io.get_untrusted_types(data=by_skops)
    loaders = (
        lambda: pickle.loads(saved),
        lambda: joblib.load(BytesIO(saved)),
        lambda: skops.io.loads(by_skops, trusted=types),
    )
    for load in loaders:
        with pytest.warns(UserWarning, match=told) as warned:
            again = load()
        assert [one.filename for one in warned] == [__file__]
        assert np.array_equal(again.predict(cancer[0]), distiller.predict(cancer[0]))


def test_a_file_without_a_version_is_told(cancer):
    state = vars(CooperativeDistiller(make_members()).fit(*cancer))
    with pytest.warns(UserWarning, match="by sklearn_coopkd an unknown version"):
        CooperativeDistiller(make_members()).__setstate__(state)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        deepcopy(CooperativeDistiller(make_members()))


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert sklearn_coopkd.__version__ == version("sklearn-coopkd")


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
@pytest.mark.parametrize("what", ["lessons", "distiller"])
def test_a_full_disk_leaves_the_earlier_file(what, tmp_path):
    path = tmp_path / "kept"
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from sklearn.datasets import load_breast_cancer
        from sklearn.naive_bayes import GaussianNB
        from sklearn_coopkd import make_lessons
        from sklearn_coopkd.__main__ import main

        what, path = sys.argv[1], Path(sys.argv[2])
        X, y = load_breast_cancer(return_X_y=True)
        student = GaussianNB().fit(X[:40], y[:40])
        lessons = make_lessons(GaussianNB(), student, X, y, random_state=0)

        def save():
            if what == "lessons":
                return lessons.save(path)
            return main(["--members", "tree,bayes", "--save", str(path)])

        save()
        first = path.read_bytes()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, -1))
        try:
            told = save()
        except OSError as error:
            told = type(error).__name__
        assert path.read_bytes() == first
        print("told:", told)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, what, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # the command line says why, and ends with code 2
    assert done.stdout.splitlines()[-1] == (
        "told: OSError" if what == "lessons" else "told: 2"
    )
    assert ("error: " in done.stderr) == (what == "distiller")
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_leads_to_the_file_that_is_replaced(cancer, tmp_path):
    X, y = cancer
    tree, bayes = make_members()[0][1], make_members()[1][1]
    lessons = make_lessons(tree, bayes, X, y)
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("earlier")
    link.symlink_to(target)
    lessons.save(link)
    assert link.is_symlink()
    assert np.array_equal(Lessons.load(target).y, lessons.y)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_replaced(cancer, tmp_path):
    X, y = cancer
    lessons = make_lessons(make_members()[0][1], make_members()[1][1], X, y)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="got the device or pipe"):
        lessons.save(tmp_path / "pipe")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
