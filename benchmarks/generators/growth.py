"""How time and memory of a call grow with rows, pool, columns and classes.

Synthetic tables (the cost does not depend on what the numbers mean), logistic
regression as teacher, one thread. Time is CPU time of one call, memory the peak of what
the call allocates, beyond its input (tracemalloc, in a call of its own). Slopes are of
log(time) against log(size): 1 is linear.

    python benchmarks/generators/growth.py           # about 6 minutes
    python benchmarks/generators/growth.py --quick
"""

from __future__ import annotations

import argparse
import platform
import time
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import sklearn
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import sklearn_coopkd
from sklearn_coopkd import QuintessentialGenerator


def make_problem(n_sources, n_pool, n_features, n_classes, mixed=False):
    """A teacher, sources and a pool."""
    X, y = make_classification(
        n_sources + n_pool,
        n_features,
        n_informative=max(2, min(n_features, 10)),
        n_redundant=0,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=0.7,
        random_state=0,
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    if mixed:
        X = pd.DataFrame(X, columns=[f"c{j}" for j in range(n_features)])
        for j in range(0, n_features, 2):
            level = pd.cut(X[f"c{j}"], 8, labels=list("abcdefgh"))
            X[f"c{j}"] = level.astype(object).astype("category")
        model = make_pipeline(
            OneHotEncoder(max_categories=20, handle_unknown="ignore"),
            LogisticRegression(max_iter=300),
        )
    rows = slice(0, min(5000, n_sources + n_pool))
    model.fit(X[rows], y[rows])
    return model, X[:n_sources], y[:n_sources], X[n_sources:], y[n_sources:]


def measure(method, *size, mixed=False):
    """CPU seconds, peak bytes and share of successes of one call."""
    problem = make_problem(*size, mixed=mixed)
    generator = QuintessentialGenerator(method=method)
    begin = time.process_time()
    made = generator.generate(*problem, random_state=0)
    seconds = time.process_time() - begin
    tracemalloc.start()
    generator.generate(*problem, random_state=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, peak, made.success.mean()


def main():
    """Print one table per quantity that grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    print(
        f"sklearn_coopkd {sklearn_coopkd.__version__}, scikit-learn "
        f"{sklearn.__version__}, numpy {np.__version__}, python "
        f"{platform.python_version()}; logistic regression, one thread"
    )
    big = 5_000 if quick else 100_000
    grids = {
        "sources": [(n, 5_000, 20, 2) for n in (1_000, 3_000, 10_000, 30_000, 100_000)],
        "pool": [(1_000, n, 20, 2) for n in (1_000, 3_000, 10_000, 30_000, 100_000)],
        "columns": [(1_000, 5_000, d, 2) for d in (10, 30, 100, 300)],
        "classes": [(1_000, 5_000, 20, c) for c in (2, 8, 32)],
    }
    with threadpool_limits(1):
        for method in ("segment", "swap"):
            for what, sizes in grids.items():
                position = ("sources", "pool", "columns", "classes").index(what)
                sizes = [s for s in sizes if not quick or s[position] <= 3_000]
                print(f"\n{method}, growing {what} (sources, pool, columns, classes)")
                found = []
                for size in sizes:
                    seconds, peak, success = measure(method, *size)
                    found.append((size[position], seconds))
                    print(
                        f"  {size!s:28} {seconds:8.2f} s  {peak / 1e6:8.0f} MB  "
                        f"{success:.1%} reached",
                        flush=True,
                    )
                slope = np.polyfit(*np.log(np.array(found)).T, 1)[0]
                print(f"  slope {slope:.2f}")
        for method in ("segment", "swap"):
            for mixed in (False, True):
                seconds, peak, success = measure(method, big, big, 20, 2, mixed=mixed)
                cells = 2 * big * 20 * 8
                print(
                    f"\n{method}, {big:,} sources and {big:,} pool rows x 20 columns, "
                    f"{'frame, half categories' if mixed else 'array'}: "
                    f"{seconds:.1f} s,"
                    f" {peak / 1e6:.0f} MB, {peak / cells:.1f} times the input as "
                    f"floats; {success:.1%} reached",
                    flush=True,
                )


if __name__ == "__main__":
    main()
