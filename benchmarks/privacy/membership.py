"""Membership inference: does what a site sends tell whose rows it has?

A table is cut in three: rows of a site that teaches, rows of a student, and rows of
nobody. The student lacks the class that most rows have (``--whole``: it lacks none).
An attacker has candidates, rows of the site and rows of nobody, as many of each, and
says which are the site's, from

- what travels: a candidate is suspected the more, the nearer it is to what was sent
  (lessons, or raw rows), in columns of unit variance, categories one-hot;
- the student, fitted with what was sent: the surer it is of a candidate's label (Yeom
  et al., "Privacy Risk in Machine Learning", CSF 2018).

The advantage is the share of the site's rows that are found less that of nobody's rows
that are taken for them, at the threshold that does best on the other half of the
candidates: 0 is guessing, 1 is knowing. "rows taught" counts of the site's rows those
alone that something was made from. Figures are means over learners, seeds and tables
with 95 % intervals over tables.

    python benchmarks/privacy/membership.py              confirmation tables
    python benchmarks/privacy/membership.py --half development --whole
    python benchmarks/privacy/membership.py --quick
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_coopkd import QuintessentialGenerator, RawGenerator, learn, make_lessons
from sklearn_coopkd._members import make_members

sys.path.append(str(Path(__file__).parents[1]))
from datasets import CONFIRMATION, DEVELOPMENT, load
from options import positive
from runs import versions
from tables import markdown

HALVES = {"development": DEVELOPMENT, "confirmation": CONFIRMATION}
LEARNERS = ("logistic", "tree", "forest")
SENT = {
    "nothing": None,
    "lessons, alpha=0.1 (default)": QuintessentialGenerator(),
    "lessons, alpha=0.5": QuintessentialGenerator(alpha=0.5),
    "lessons, alpha=0.9": QuintessentialGenerator(alpha=0.9),
    "the rows that lessons are made from": RawGenerator(),
    "all rows of the site": None,
}
LEAST = 20  # rows of the site that something must be made from to be counted apart
MEASURES = [
    "sent: advantage",
    "sent: AUC",
    "sent: advantage, rows taught",
    "student: advantage",
    "student: AUC",
    "student: accuracy",
]


def parts_of(y, seed, whole):
    """Positions of the rows of site, student and nobody; the last two as in `main`."""
    site, student, nobody = np.array_split(
        np.random.RandomState(seed).permutation(len(y)), 3
    )
    if not whole:
        labels, counts = np.unique(y, return_counts=True)
        student = student[y[student] != labels[counts.argmax()]]
    return site, student, nobody


def advantage(suspicion, is_member, seed):
    """Found members less false ones, each half by the other's best threshold."""
    half = np.random.RandomState(seed).permutation(len(suspicion)) % 2 == 0
    found = []
    for chosen in (half, ~half):
        false, true, thresholds = roc_curve(is_member[chosen], suspicion[chosen])
        is_found = suspicion[~chosen] >= thresholds[(true - false).argmax()]
        truth = is_member[~chosen]
        found.append(is_found[truth].mean() - is_found[~truth].mean())
    return float(np.mean(found))


def attacked(suspicion, is_member, seed):
    """Advantage and area under the curve; guessing where there is nothing to see."""
    if is_member.sum() < LEAST:
        return np.nan, np.nan
    if suspicion is None:
        return 0.0, 0.5
    auc = roc_auc_score(is_member, suspicion)
    return advantage(suspicion, is_member, seed), float(auc)


def nearness(encode, sent, candidates):
    """Minus the distance to the nearest row that was sent; None if nothing was."""
    if sent is None or not len(sent):
        return None
    nearest = NearestNeighbors(n_neighbors=1).fit(encode(sent))
    return -nearest.kneighbors(encode(candidates))[0][:, 0]


def sureness(student, X, y):
    """Probability that a student gives to the label."""
    at = np.searchsorted(student.classes_, y)
    known = np.isin(y, student.classes_)
    proba = student.predict_proba(X)
    return np.where(known, proba[np.arange(len(y)), np.where(known, at, 0)], 0.0)


def run(table, seed, max_rows, whole):
    """Measures (n_learners, n_kinds_of_sent, n_measures) of a table."""
    warnings.simplefilter("ignore")
    X, y = load(table, max_rows)
    site, own, nobody = parts_of(y, seed, whole)
    if len(np.unique(y[own])) < 2:  # of two classes the student would have one
        own = parts_of(y, seed, True)[1]
    n = min(len(site), len(nobody))
    candidates = np.concatenate([site[:n], nobody[:n]])
    is_member = np.arange(2 * n) < n
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    encoder = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    ).fit(X)
    found = []
    with threadpool_limits(1):
        for _, model in make_members(X, LEARNERS, seed):
            student = clone(model).fit(X.iloc[own], y[own])
            of_model = []
            for name, generator in SENT.items():
                sent, taught, sources = None, student, np.ones(n, dtype=bool)
                if generator is not None:
                    lessons = make_lessons(
                        *(model, student, X.iloc[site], y[site]),
                        generator=generator,
                        random_state=seed,
                    )
                    sent, taught = lessons.X, learn(model, X.iloc[own], y[own], lessons)
                    sources = is_source(
                        lessons, X.iloc[site], y[site], model, student, seed
                    )[:n]
                elif name.startswith("all"):
                    sent, every = X.iloc[site], np.concatenate([own, site])
                    taught = clone(model).fit(X.iloc[every], y[every])
                by_rows = nearness(encoder.transform, sent, X.iloc[candidates])
                of_taught = np.concatenate([sources, np.ones(n, dtype=bool)])
                if sent is None:
                    of_taught[:] = True
                chosen = None if by_rows is None else by_rows[of_taught]
                sure = sureness(taught, X.iloc[candidates], y[candidates])
                of_model.append(
                    [
                        *attacked(by_rows, is_member, seed),
                        attacked(chosen, is_member[of_taught], seed)[0],
                        *attacked(sure, is_member, seed),
                        np.mean(taught.predict(X.iloc[nobody]) == y[nobody]),
                    ]
                )
            found.append(of_model)
    return np.array(found)


def is_source(lessons, X, y, model, student, seed):
    """Which of the site's rows a lesson may be made from: those handed over as such."""
    raw = make_lessons(
        model, student, X, y, generator=RawGenerator(), random_state=seed
    )
    marked = pd.util.hash_pandas_object(X.reset_index(drop=True), index=False)
    return marked.isin(pd.util.hash_pandas_object(raw.X, index=False)).to_numpy()


def interval(values):
    """Mean over tables with its 95 % t-interval, of those that have a value."""
    known = values[np.isfinite(values)]
    mean, half = known.mean(), stats.sem(known) * stats.t.ppf(0.975, len(known) - 1)
    told = "" if len(known) == len(values) else f", {len(known)} tables"
    return f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]{told}"


def main():
    """Run all tables and print what an attacker finds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--half", choices=HALVES, default="confirmation")
    parser.add_argument(
        "--whole", action="store_true", help="the student lacks no class"
    )
    parser.add_argument("--seeds", type=positive, default=3, help="default: 3")
    parser.add_argument(
        "--max-rows", type=positive, default=1500, help="of a table; default: 1500"
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="three tables, one seed")
    arguments = parser.parse_args()
    tables, seeds = list(HALVES[arguments.half]), arguments.seeds
    if arguments.quick:
        tables, seeds = tables[:3], 1
    runs = joblib.Parallel(arguments.n_jobs)(
        joblib.delayed(run)(table, seed, arguments.max_rows, arguments.whole)
        for table in tables
        for seed in range(seeds)
    )
    # (n_tables, n_kinds_of_sent, n_measures), mean over seeds and learners
    values = np.array(runs).reshape(len(tables), -1, len(SENT), len(MEASURES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a table without a value
        values = np.nanmean(values, axis=1)
    lacks = "lacks no class" if arguments.whole else "lacks the largest class"
    print(
        f"{versions()}; {arguments.half} half, {len(tables)} tables of at most "
        f"{arguments.max_rows} rows, {seeds} seed(s); the student {lacks}\n"
    )
    rows = [
        [name, *(interval(values[:, k, m]) for m in range(len(MEASURES)))]
        for k, name in enumerate(SENT)
    ]
    print(markdown(["sent", *MEASURES], rows))


if __name__ == "__main__":
    main()
