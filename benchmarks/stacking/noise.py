"""Label noise: what teaching does where there is nothing, or something wrong, to learn.

First y is drawn independently of X: every accuracy is that of guessing, and a method
that changes it for the worse overfits. Prints the mean change of the students' accuracy
over seeds with its standard error, with and without the gate.

Then a fifth of the training labels of development tables are exchanged among each
other, and models judged by labels that are not: the stack against StackingClassifier,
the students against the members.

    python benchmarks/stacking/noise.py      # about 4 minutes
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import StackingClassifier
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistiller
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
    """Accuracy in percent: StackingClassifier, ours, the mean member and student."""
    warnings.simplefilter("ignore")
    X, y = load(table, MAX_ROWS, seed)
    rng = np.random.RandomState(seed)
    train, test = np.split(np.arange(len(y)), [2 * len(y) // 3])
    y_train = y[train].copy()
    exchanged = rng.rand(len(train)) < SHARE_EXCHANGED
    y_train[exchanged] = rng.permutation(y_train[exchanged])
    members = make_members(X, LISTS["classic"], random_state=seed)
    with threadpool_limits(1):
        rival = StackingClassifier(members, cv=5).fit(X.iloc[train], y_train)
        ours = CooperativeDistiller(members, random_state=seed)
        ours.fit(X.iloc[train], y_train)
        kinds = [rival], [ours], ours.initial_estimators_, ours.estimators_
        return [
            100 * np.mean([m.predict(X.iloc[test]) == y[test] for m in models])
            for models in kinds
        ]


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
    values = np.reshape(runs, (len(TABLES), n_repeats, 4)).mean(axis=1)
    print(f"{SHARE_EXCHANGED:.0%} of the labels exchanged, {len(TABLES)} tables:")
    for rival, ours, k in (
        ("StackingClassifier", "the distiller's stack", 0),
        ("members", "students", 2),
    ):
        gain = values[:, k + 1] - values[:, k]
        error = gain.std(ddof=1) / np.sqrt(len(TABLES))
        print(
            f"accuracy of {rival} {values[:, k].mean():.2f} %; of {ours} "
            f"{gain.mean():+.2f} points (standard error {error:.2f})"
        )


if __name__ == "__main__":
    main()
