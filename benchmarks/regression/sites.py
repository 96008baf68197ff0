"""Three sites with different parts of a regression table: how much of the gap closes?

Each site has a third of the training rows; the first has lost those with a target in
the upper third. Each learner is fitted at each site. The gap of a site's model is the
logarithm of its error, over that of the same learner fitted with the rows of all sites,
on rows of all kinds. The share of it that teaching closes is printed for the site that
lacks a range and for the others: sums over learners and tables, with intervals by
bootstrap over tables.

    python benchmarks/regression/sites.py             development tables
    python benchmarks/regression/sites.py --half confirmation
    python benchmarks/regression/sites.py --soft-targets    what teachers predict, not y
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistillerRegressor
from sklearn_coopkd._members import REGRESSORS, make_members

sys.path.append(str(Path(__file__).parents[1]))
from datasets import load
from options import positive
from run import HALVES, scores
from runs import versions
from tables import bootstrap

LEARNERS = ("ridge", "tree", "forest", "neighbors")
SITES = ("lacking", "second", "third")


def run(table, seed, max_rows, soft_targets):
    """RMSE (n_learners, 3, n_sites): alone, taught, with the rows of all sites."""
    warnings.simplefilter("ignore")
    X, y = load(table, max_rows)
    rng = np.random.RandomState(seed)
    train, test = np.split(rng.permutation(len(y)), [2 * len(y) // 3])
    site = np.arange(len(train)) % 3
    is_kept = (site > 0) | (y[train] <= np.quantile(y[train], 2 / 3))
    train, owner = train[is_kept], np.array(SITES)[site[is_kept]]
    X_train, X_test = X.iloc[train], X.iloc[test]
    found = []
    with threadpool_limits(1):
        for _, model in make_members(X_train, LEARNERS, seed, REGRESSORS):
            distiller = CooperativeDistillerRegressor(
                [(name, model) for name in SITES],
                combine="vote",
                soft_targets=soft_targets,
                random_state=seed,
            ).fit(X_train, y[train], sites=owner)
            pooled = clone(model).fit(X_train, y[train])
            kinds = (
                distiller.initial_estimators_,
                distiller.estimators_,
                [pooled] * len(SITES),
            )
            found.append(
                [[scores(m.predict(X_test), y[test])["rmse"] for m in k] for k in kinds]
            )
    return np.array(found)


def share(gaps):
    """Of all gaps that of what is closed; (n_tables, 2): closed, gap."""
    closed, gap = gaps.sum(axis=0)
    return closed / gap


def main():
    """Run all tables and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--half", choices=HALVES, default="development")
    parser.add_argument("--seeds", type=positive, default=3, help="default: 3")
    parser.add_argument(
        "--max-rows", type=positive, default=1500, help="of a table; default: 1500"
    )
    parser.add_argument("--soft-targets", action="store_true")
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    arguments = parser.parse_args()
    tables = list(HALVES[arguments.half])
    soft_targets = True if arguments.soft_targets else "auto"
    runs = joblib.Parallel(arguments.n_jobs)(
        joblib.delayed(run)(table, seed, arguments.max_rows, soft_targets)
        for table in tables
        for seed in range(arguments.seeds)
    )
    # (n_tables, n_learners, 3 kinds, n_sites), mean over seeds
    values = np.log(runs).reshape(len(tables), arguments.seeds, *runs[0].shape)
    values = values.mean(axis=1)
    print(
        f"{versions()}; {arguments.half} half, {len(tables)} tables, "
        f"{arguments.seeds} seeds, soft_targets={soft_targets!r}"
    )
    for name, sites in (("site that lacks the upper third", [0]), ("others", [1, 2])):
        alone, taught, pooled = np.moveaxis(values[..., sites].mean(axis=3), 2, 0)
        closed, gap = alone - taught, alone - pooled
        pairs = np.stack([closed, gap], axis=2)  # (n_tables, n_learners, 2)
        ratio = bootstrap(-closed.mean(axis=1), lambda v: np.exp(v.mean()))
        print(
            f"{name}: RMSE alone over that with all rows "
            f"{np.exp(gap.mean()):.3f}; taught over alone {ratio}; "
            f"share of the gap {bootstrap(pairs.sum(axis=1), share)}"
        )
        for k, learner in enumerate(LEARNERS):
            print(f"    {learner}: {bootstrap(pairs[:, k], share)}")


if __name__ == "__main__":
    main()
