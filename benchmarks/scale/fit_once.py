"""One fit, in a process of its own: its CPU time and the memory that it takes.

Started by `run.py` with a case as JSON; prints JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import CooperativeDistiller


def make_table(rows, columns, classes, seed=0):
    """Numbers around a place of each class, wide enough that members err."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    places = rng.normal(0, 1, (classes, columns))
    X = np.empty((rows, columns))
    for begin in range(0, rows, 10_000):  # no second table: its memory would count
        part = slice(begin, min(begin + 10_000, rows))
        X[part] = rng.normal(0, 2, X[part].shape) + places[y[part]]
    return X, y


def make_members(n):
    """As many cheap members as asked for, up to 100, no two alike, linear in rows."""
    kinds = [
        lambda k: GaussianNB(var_smoothing=10.0 ** (0.08 * k - 9)),
        lambda k: DecisionTreeClassifier(max_depth=8, max_features=0.9, random_state=k),
        lambda k: SGDClassifier(loss="log_loss", max_iter=5, tol=None, random_state=k),
    ]
    return [(f"m{k}", kinds[k % 3](k)) for k in range(n)]


def peak_memory():
    """Largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(case):
    """Fit once, and say what it cost."""
    X, y = make_table(case["rows"], case["columns"], case["classes"])
    n_members = case["sites"] or case["members"]
    members = make_members(n_members)
    params = {}
    if case["model"] == "stacking":
        estimator = StackingClassifier(members, cv=5)
    else:
        estimator = CooperativeDistiller(members, random_state=0)
        if case["model"] == "no gate":
            estimator.set_params(validation=None)
        if case["sites"]:
            estimator.set_params(combine="vote")
            names = np.array([name for name, _ in members])
            owner = np.random.default_rng(1).integers(0, n_members, len(y))
            params["sites"] = names[owner]
    before, start = peak_memory(), time.process_time()
    estimator.fit(X, y, **params)
    record = {
        "seconds": time.process_time() - start,
        "memory": peak_memory() - before,
        "table": X.nbytes / 2**20,
    }
    if case["model"] != "stacking":
        record["samples"] = int(estimator.transfer_matrix_.sum())
    print(json.dumps(record))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
