"""Tables and members shared by the tests."""

import os
import subprocess
import sys

# Read at the first import of what follows: one check more of scikit-learn's, and one
# thread per process, since the tables are small and the tests run side by side.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
import sklearn
from hypothesis import settings
from packaging.version import parse as parse_version
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

# The same examples every time; HYPOTHESIS_PROFILE=explore looks for new ones,
# "nightly" for many.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.register_profile("nightly", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

needs_polars_columns = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="ColumnTransformer selects columns of polars by name from 1.9 on",
)


def make_members():
    """Three fast members that err on different rows."""
    return [
        ("logistic", LogisticRegression(C=0.1, max_iter=2000)),
        ("tree", DecisionTreeClassifier(max_depth=4, random_state=0)),
        ("bayes", GaussianNB()),
    ]


def printed_in_two_processes(code):
    """What a program prints, as a set: of one text if hash seeds do not matter."""
    return {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }


@pytest.fixture
def members():
    return make_members()


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def cancer():
    """200 rows, 6 columns, of a table on which members disagree."""
    X, y = load_breast_cancer(return_X_y=True)
    rows = np.random.RandomState(0).permutation(len(y))[:200]
    X = X[rows][:, [0, 1, 4, 5, 8, 9]]
    return (X - X.mean(axis=0)) / X.std(axis=0), y[rows]
