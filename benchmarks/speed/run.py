"""Has a commit made fits slower? Times against scikit-learn's, with a history.

CPU time of a fit over that of `StackingClassifier` or `StackingRegressor` with the same
members, one after the other in one process: the least of several repetitions of each.
A ratio means the same on another machine, about. ``--record`` adds a line for this
commit to `history.jsonl`; without it the ratios are held against the last line there,
and the exit code is 1 if one is larger by more than half.

    python benchmarks/speed/run.py
    python benchmarks/speed/run.py --record
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_coopkd import CooperativeDistiller, CooperativeDistillerRegressor
from sklearn_coopkd._members import DEFAULT_MEMBERS, make_members

sys.path.append(str(Path(__file__).parents[1]))
from options import positive
from runs import versions
from tables import markdown

HISTORY = Path(__file__).with_name("history.jsonl")
SLOWER = 1.5  # the same commit differed by up to a third
FAST = [
    ("logistic", LogisticRegression(max_iter=1000)),
    ("tree", DecisionTreeClassifier(max_depth=8, random_state=0)),
    ("bayes", GaussianNB()),
]


def _labels(n_rows=2000, n_classes=3):
    return make_classification(
        n_rows, 20, n_informative=8, n_classes=n_classes, random_state=0
    )


def _numbers():
    X, y = make_regression(2000, 20, n_informative=8, noise=50, random_state=0)
    members = [
        ("ridge", Ridge()),
        ("tree", DecisionTreeRegressor(max_depth=8, random_state=0)),
    ]
    return X, y, members, StackingRegressor(members), CooperativeDistillerRegressor


def _classes(n_classes, members):
    X, y = _labels(n_classes=n_classes)
    return X, y, members, StackingClassifier(members), CooperativeDistiller


def _frame():
    X, y = _labels()
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(20)])
    frame["kind"] = pd.cut(frame["x0"], 5, labels=list("abcde"))
    members = make_members(frame, DEFAULT_MEMBERS)
    return frame, y, members, StackingClassifier(members), CooperativeDistiller


def _sparse():
    X, y = _labels()
    X = sparse.csr_array(np.where(np.abs(X) > 1.5, X, 0.0))
    members = [
        FAST[0],
        FAST[1],
        ("forest", RandomForestClassifier(20, random_state=0)),
    ]
    return X, y, members, StackingClassifier(members), CooperativeDistiller


CASES = {
    "three classes": lambda: _classes(3, FAST),
    "eight classes": lambda: _classes(8, FAST),
    "frame with categories": _frame,
    "sparse": _sparse,
    "numbers": _numbers,
}


def least_time(estimator, X, y, repeats, **params):
    """The least CPU time of several fits."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        estimator.fit(X, y, **params)
        times.append(time.process_time() - started)
    return min(times)


def measure(repeats):
    """Ratio of each case; of three sites against stacking on one table."""
    ratios = {}
    for name, make in CASES.items():
        X, y, members, rival, kind = make()
        rival.fit(X, y)  # a first call may take longer
        kind(members, random_state=0).fit(X, y)
        ours = least_time(kind(members, random_state=0), X, y, repeats)
        ratios[name] = ours / least_time(rival, X, y, repeats)
    X, y = _labels()
    owner = np.array([name for name, _ in FAST])[np.arange(len(y)) % len(FAST)]
    distiller = CooperativeDistiller(FAST, combine="vote", random_state=0)
    between = least_time(distiller, X, y, repeats, sites=owner)
    ratios["three sites"] = between / least_time(
        StackingClassifier(FAST), X, y, repeats
    )
    return ratios


def main():
    """Measure, compare with the last record, or add one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--record", action="store_true", help="add to the history")
    parser.add_argument("--repeats", type=positive, default=5, help="default: 5")
    arguments = parser.parse_args()
    ratios = measure(arguments.repeats)
    lines = HISTORY.read_text().splitlines() if HISTORY.exists() else []
    last = json.loads(lines[-1])["ratios"] if lines else {}
    print(f"{versions()}; times that of stacking, {arguments.repeats} repeats\n")
    rows = [
        [name, f"{ratio:.2f}", f"{last[name]:.2f}" if name in last else ""]
        for name, ratio in ratios.items()
    ]
    print(markdown(["fit", "now", "last record"], rows))
    if arguments.record:
        with HISTORY.open("a") as file:
            file.write(json.dumps({"ratios": ratios, "versions": versions()}) + "\n")
        return 0
    slower = [k for k, ratio in ratios.items() if ratio > SLOWER * last.get(k, np.inf)]
    if slower:
        print(f"\nslower than the last record: {', '.join(slower)}")
    return int(bool(slower))


if __name__ == "__main__":
    sys.exit(main())
