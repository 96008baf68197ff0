"""Three sites with different parts of a regression table: how much of the gap closes?

The sites have random thirds of the training rows; the first lacks those with a target
in the upper third. Each learner is fitted at each site. The gap of a site's model is
what the same learner gains in error, on rows of all kinds, if it is fitted with the
rows of all sites; the share that teaching closes is printed for the site that lacks a
range and for the others, with 95 % t-intervals over tables.

    python benchmarks/regression/sites.py             development tables
    python benchmarks/regression/sites.py --half confirmation
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
from scipy import stats
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistillerRegressor
from sklearn_coopkd._members import REGRESSORS, make_members

sys.path.append(str(Path(__file__).parents[1]))
from datasets import load
from options import positive
from run import HALVES, scores
from runs import versions

LEARNERS = ("ridge", "tree", "forest", "neighbors")
SITES = ("lacking", "second", "third")


def run(table, seed, max_rows, soft_targets="auto"):
    """RMSE of (learner, site): alone, taught, with the rows of all sites."""
    warnings.simplefilter("ignore")
    X, y = load(table, max_rows)
    rng = np.random.RandomState(seed)
    order = rng.permutation(len(y))
    train, test = np.split(order, [2 * len(y) // 3])
    site = rng.randint(3, size=len(train))
    upper = y[train] > np.quantile(y[train], 2 / 3)
    site = np.where(upper & (site == 0), rng.randint(1, 3, size=len(train)), site)
    X_train, X_test = X.iloc[train], X.iloc[test]
    owner = np.array(SITES)[site]
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
            every = [
                *distiller.initial_estimators_,
                *distiller.estimators_,
                pooled,
            ]
            found.append([scores(m.predict(X_test), y[test])["rmse"] for m in every])
    return learner_table(found)


def learner_table(found):
    """(n_learners, 3 kinds, n_sites) of lists alone + taught + [pooled]."""
    values = np.array(found)
    pooled = np.repeat(values[:, 6:], 3, axis=1)
    return np.stack([values[:, :3], values[:, 3:6], pooled], axis=1)


def interval(values):
    """Mean with its interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return (
        f"{values.mean():.3f} [{values.mean() - half:.3f}, {values.mean() + half:.3f}]"
    )


def main():
    """Run all tables and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=HALVES, default="development")
    parser.add_argument("--seeds", type=positive, default=3)
    parser.add_argument("--max-rows", type=positive, default=1500)
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    arguments = parser.parse_args()
    tables = list(HALVES[arguments.half])
    runs = joblib.Parallel(arguments.n_jobs)(
        joblib.delayed(run)(table, seed, arguments.max_rows)
        for table in tables
        for seed in range(arguments.seeds)
    )
    # (n_tables, n_learners, 3 kinds, n_sites), mean over seeds
    values = np.reshape(runs, (len(tables), arguments.seeds, *runs[0].shape))
    values = values.mean(axis=1)
    print(
        f"{versions()}; {arguments.half}, {len(tables)} tables, {arguments.seeds} seeds"
    )
    for name, sites in (("site that lacks the upper third", [0]), ("others", [1, 2])):
        alone, taught, pooled = (
            values[:, :, kind, sites].mean(axis=2) for kind in range(3)
        )
        # sums over learners: a single gap may be near zero
        share = (alone - taught).sum(axis=1) / (alone - pooled).sum(axis=1)
        ratio = np.log(taught / alone).mean(axis=1)
        half = stats.t.ppf(0.975, len(ratio) - 1) * stats.sem(ratio)
        low, mid, high = np.exp(ratio.mean() + np.array([-half, 0, half]))
        print(
            f"{name}: share of the gap {interval(share)}; RMSE, ratio {mid:.3f} "
            f"[{low:.3f}, {high:.3f}]; each learner: "
            + ", ".join(
                f"{learner} {np.exp(np.log(taught / alone).mean(axis=0))[k]:.3f}"
                for k, learner in enumerate(LEARNERS)
            )
        )
        for table, one in zip(tables, share):
            print(f"    {table}: {one:.2f}")


if __name__ == "__main__":
    main()
