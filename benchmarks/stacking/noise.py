"""Label noise: what teaching does where there is nothing to learn.

y is drawn independently of X; every accuracy is that of guessing, and a method that
changes it for the worse overfits. Prints the mean change of the students' accuracy
over seeds with its standard error, with and without the gate.

    python benchmarks/stacking/noise.py      # about 2 minutes
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistiller
from sklearn_coopkd._members import make_members

sys.path.append(str(Path(__file__).parents[1]))
from options import positive
from runs import versions


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


if __name__ == "__main__":
    main()
