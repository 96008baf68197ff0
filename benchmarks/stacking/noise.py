"""Label noise: what teaching does where there is nothing, or something wrong, to learn.

First y is drawn independently of X: every accuracy is that of guessing, and a method
that changes it for the worse overfits. Prints the mean change of the students' accuracy
over seeds with its standard error, with and without the gate.

Then a fifth of the training labels of development tables are exchanged among each
other. Prints accuracies on labels that are not, and what they lose if rows that a
student's peers contradict are taught, too.

    python benchmarks/stacking/noise.py      # about 4 minutes
"""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistiller, _plan
from sklearn_coopkd._members import make_members

sys.path.append(str(Path(__file__).parents[1]))
from datasets import load
from lists import LISTS
from options import positive
from runs import versions

TABLES = (
    "breast_cancer", "pima", "vehicle", "segment", "german", "credit", "hmda",
    "phoneme", "contraceptive",
)  # fmt: skip
MAX_ROWS = 1200
SHARE_EXCHANGED = 0.2
# module, name, value: a row is taught whatever a student's peers say of its label
EVERYTHING_IS_TAUGHT = (_plan, "_peers_agree", lambda *_: np.True_)


def run_seed(seed, share):
    """Mean change of accuracy and log-loss over members, for each kind of gate."""
    warnings.simplefilter("ignore")
    X = load_breast_cancer().data
    rng = np.random.RandomState(seed)
    y = (rng.rand(len(X)) < share).astype(int)
    order = rng.permutation(len(X))
    train, test = order[:400], order[400:]
    members = make_members(X, random_state=seed)
    changes = {}
    with threadpool_limits(1):
        for name, validation in (("gate", "cross-fit"), ("no gate", None)):
            distiller = CooperativeDistiller(
                members, validation=validation, combine="vote", random_state=seed
            ).fit(X[train], y[train])
            scores = np.array(
                [
                    [(np.mean(e.predict(X[test]) == y[test])) for e in (before, after)]
                    + [
                        log_loss(y[test], e.predict_proba(X[test]))
                        for e in (before, after)
                    ]
                    for before, after in zip(
                        distiller.initial_estimators_, distiller.estimators_
                    )
                ]
            )
            changes[name] = (
                100 * (scores[:, 1] - scores[:, 0]).mean(),
                (scores[:, 3] - scores[:, 2]).mean(),
            )
    return changes


def run_exchanged(table, seed):
    """[stack, mean student] accuracy: by default, then with every row taught."""
    warnings.simplefilter("ignore")
    X, y = load(table, MAX_ROWS, seed)
    rng = np.random.RandomState(seed)
    train, test = np.split(np.arange(len(y)), [2 * len(y) // 3])
    y_train = y[train].copy()
    exchanged = rng.rand(len(train)) < SHARE_EXCHANGED
    y_train[exchanged] = rng.permutation(y_train[exchanged])
    members = make_members(X, LISTS["classic"], random_state=seed)
    found = []
    for patch in (nullcontext(), mock.patch.object(*EVERYTHING_IS_TAUGHT)):
        with threadpool_limits(1), patch:
            distiller = CooperativeDistiller(members, random_state=seed)
            distiller.fit(X.iloc[train], y_train)
            models = [distiller, *distiller.estimators_]
            right = [np.mean(m.predict(X.iloc[test]) == y[test]) for m in models]
        found.append([100 * right[0], 100 * np.mean(right[1:])])
    return found


def main():
    """Run all seeds and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=positive, default=20)
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    arguments = parser.parse_args()
    print(
        f"{versions()}; breast cancer with random labels, 400 training rows, seeds "
        f"0-{arguments.seeds - 1}"
    )
    for share in (0.5, 0.8):
        runs = joblib.Parallel(n_jobs=arguments.n_jobs)(
            joblib.delayed(run_seed)(seed, share) for seed in range(arguments.seeds)
        )
        for name in ("gate", "no gate"):
            values = np.array([run[name] for run in runs])
            error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            print(
                f"{share:.0%} of one class, {name}: accuracy "
                f"{values[:, 0].mean():+.2f} (standard error {error[0]:.2f}) points, "
                f"log-loss {values[:, 1].mean():+.3f} ({error[1]:.3f})"
            )
    n_repeats = min(3, arguments.seeds)
    runs = joblib.Parallel(n_jobs=arguments.n_jobs)(
        joblib.delayed(run_exchanged)(table, seed)
        for table in TABLES
        for seed in range(n_repeats)
    )
    # over tables: default or everything, stack or students
    values = np.reshape(runs, (len(TABLES), n_repeats, 2, 2)).mean(axis=1)
    change = values[:, 1] - values[:, 0]
    error = change.std(axis=0, ddof=1) / np.sqrt(len(TABLES))
    print(f"{SHARE_EXCHANGED:.0%} of the labels exchanged, {len(TABLES)} tables:")
    for k, name in enumerate(("stack", "students")):
        print(
            f"{name}: accuracy {values[:, 0, k].mean():.2f} %; taught everything "
            f"{change[:, k].mean():+.2f} (standard error {error[k]:.2f}) points"
        )


if __name__ == "__main__":
    main()
