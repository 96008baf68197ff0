"""What engines of joblib cost and bring: wall time of a fit against one process.

The same fit in this process and on an engine, by turns, with as many workers as asked
for. Starting an engine (workers, a small fit, rows that are scattered) does not count,
and is printed. Ratios of wall times, median and range over repetitions, and the largest
difference of probabilities. Members are "fast", those of `fit_once.py`, and
"slow", forests of 100 trees.

    python benchmarks/scale/engines.py
    python benchmarks/scale/engines.py --rows 20000 --workers 4
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
from distributed import Client, LocalCluster
from fit_once import make_members, make_table
from joblib import parallel_config
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from sklearn_coopkd import CooperativeDistiller

sys.path.append(str(Path(__file__).parents[1]))
from options import positive
from runs import versions
from tables import markdown

ENGINES = ("threading", "loky", "dask", "dask, rows scattered before")


@contextmanager
def engine(name, n_workers, X):
    """An engine with its workers."""
    if not name.startswith("dask"):
        with parallel_config(name, n_jobs=n_workers):
            yield
        return
    options = {"scatter": [X]} if "scattered" in name else {}
    cluster = LocalCluster(
        n_workers=n_workers, threads_per_worker=1, dashboard_address=None
    )
    with cluster, Client(cluster), parallel_config("dask", n_jobs=-1, **options):
        yield


def slow_members():
    """Members that take most of the time of a fit."""
    return [
        ("forest", RandomForestClassifier(100, random_state=0)),
        ("trees", ExtraTreesClassifier(100, random_state=0)),
    ]


def fit(members, X, y):
    """The distiller, and the seconds that it took."""
    start = time.perf_counter()
    distiller = CooperativeDistiller(members, random_state=0).fit(X, y)
    return distiller, time.perf_counter() - start


def main():
    """Fit on all engines and print ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=positive, default=20_000)
    parser.add_argument("--slow-rows", type=positive, default=800)
    parser.add_argument("--workers", type=positive, default=2)
    parser.add_argument("--repeats", type=positive, default=2)
    arguments = parser.parse_args()
    rows = []
    for kind, n_rows, members in (
        ("fast", arguments.rows, make_members(3)),
        ("slow", arguments.slow_rows, slow_members()),
    ):
        X, y = make_table(n_rows, 20, 2)
        asked = X[:1000]
        for name in ENGINES:
            ratios, starts, times, apart = [], [], [], 0.0
            for _ in range(arguments.repeats):
                alone, seconds = fit(members, X, y)
                started = time.perf_counter()
                with engine(name, arguments.workers, X):
                    fit(members, X[:500], y[:500])
                    starts.append(time.perf_counter() - started)
                    there, of_engine = fit(members, X, y)
                times.append(seconds)
                ratios.append(of_engine / seconds)
                difference = alone.predict_proba(asked) - there.predict_proba(asked)
                apart = max(apart, np.abs(difference).max())
            told = f"{np.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
            rows.append(
                [kind, f"{n_rows:,}", f"{np.median(times):.1f}", name, told]
                + [f"{np.median(starts):.1f}", f"{apart:.0e}"]
            )
    print(f"{versions()}; {arguments.workers} workers, {os.cpu_count()} cores\n")
    head = ["members", "rows", "one process, s", "engine", "time against it"]
    print(markdown([*head, "start, s", "largest difference"], rows))


if __name__ == "__main__":
    main()
