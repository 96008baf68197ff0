"""Membership inference: does what a site sends tell whose rows it has?

A table is cut in four: rows of a site that teaches, of a student, of nobody, and rows
that an attacker has of the same population. The student has five rows of the class that
most rows have, so that there is much to teach. The attacker has candidates, rows of the
site and of nobody, as many of each, and says which are the site's, from

- what travels, lessons or raw rows: a candidate is suspected the more, the nearer the
  nearest sample of its label is, compared with the nearest of the attacker's own rows
  (calibrated as by Watson et al., "On the Importance of Difficulty Calibration in
  Membership Inference Attacks", ICLR 2022), in columns of unit variance;
- the student, fitted with what was sent: the surer it is of a candidate's label (Yeom
  et al., "Privacy Risk in Machine Learning", CSF 2018).

The advantage is the share of the site's rows that are found less that of nobody's rows
that are taken for them, at the threshold that does best on the other half of the
candidates: 0 is guessing, 1 is knowing. "rows taught" counts rows alone that samples
were made from, against rows of nobody that, as these, the student gets wrong and a
model of the site right. These are two simple attackers; better ones find more. Figures
are means over learners, seeds and tables with 95 % intervals over tables.

    python benchmarks/privacy/membership.py              confirmation tables
    python benchmarks/privacy/membership.py --half development
    python benchmarks/privacy/membership.py --quick
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
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_coopkd import QuintessentialGenerator, RawGenerator, learn, make_lessons
from sklearn_coopkd._exchange import _source_ids
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
LEAST = 20  # rows taught, and rows of nobody such as these, to be counted apart
N_KNOWN = 5  # rows of the largest class that the student has
MEASURES = [
    "sent: advantage",
    "sent: area under the curve",
    "sent: found at 1 % false",
    "sent: advantage, rows taught",
    "student: advantage",
    "student: accuracy",
]


def parts_of(y, seed):
    """Positions of the rows of the site, the student, nobody and the attacker."""
    rng = np.random.RandomState(seed)
    site, own, nobody, attackers = np.array_split(rng.permutation(len(y)), 4)
    labels, counts = np.unique(y, return_counts=True)
    is_largest = y[own] == labels[counts.argmax()]
    own = np.concatenate([own[~is_largest], own[is_largest][:N_KNOWN]])
    return site, own, nobody, attackers


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


def nearest(Z, y, Z_known, y_known):
    """Distance to the nearest known row of the same label; infinite if none has it."""
    found = np.full(len(y), np.inf)
    for label in np.unique(y):
        of_label = y_known == label
        if of_label.any():
            index = NearestNeighbors(n_neighbors=1).fit(Z_known[of_label])
            found[y == label] = index.kneighbors(Z[y == label])[0][:, 0]
    return found


def sureness(student, X, y):
    """Probability that a student gives to the label."""
    at = np.searchsorted(student.classes_, y)
    known = np.isin(y, student.classes_)
    proba = student.predict_proba(X)
    return np.where(known, proba[np.arange(len(y)), np.where(known, at, 0)], 0.0)


def attack_sent(suspicion, is_member, of_taught, seed):
    """The first four measures; guessing where nothing was sent."""
    if suspicion is None:
        return [0.0, 0.5, 0.01, 0.0 if of_taught.any() else np.nan]
    false, true, _ = roc_curve(is_member, suspicion)
    taught = np.nan
    if of_taught.any():
        taught = advantage(suspicion[of_taught], is_member[of_taught], seed)
    return [
        advantage(suspicion, is_member, seed),
        roc_auc_score(is_member, suspicion),
        true[false <= 0.01].max(),
        taught,
    ]


def run(table, seed, max_rows):
    """Measures (n_learners, n_kinds_of_sent, n_measures) of a table."""
    warnings.simplefilter("ignore")
    X, y = load(table, max_rows)
    site, own, nobody, attackers = parts_of(y, seed)
    n = min(len(site), len(nobody))
    site, nobody = site[:n], nobody[:n]
    candidates, is_member = np.concatenate([site, nobody]), np.arange(2 * n) < n
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    encoder = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    ).fit(X.iloc[attackers])
    Z, Z_attackers = encoder.transform(X), encoder.transform(X.iloc[attackers])
    X_site, y_site, y_asked = X.iloc[site], y[site], y[candidates]
    usual = nearest(Z[candidates], y_asked, Z_attackers, y[attackers])
    found = []
    with threadpool_limits(1):
        for _, model in make_members(X, LEARNERS, seed):
            student = clone(model).fit(X.iloc[own], y[own])
            teacher = clone(model).fit(X_site, y_site)
            X_nobody = X.iloc[nobody]
            is_alike = (student.predict(X_nobody) != y[nobody]) & (
                teacher.predict(X_nobody) == y[nobody]
            )
            handed = lesson_of(model, student, X_site, y_site, RawGenerator(), seed)
            is_counted = min(len(handed), is_alike.sum()) >= LEAST
            of_model = []
            for name, generator in SENT.items():
                lesson, suspicion, taught = handed, None, student
                if generator is not None:
                    lesson = lesson_of(model, student, X_site, y_site, generator, seed)
                    sent, of_sent = lesson.X, lesson.y
                    taught = learn(model, X.iloc[own], y[own], lesson)
                elif name.startswith("all"):
                    sent, of_sent = X_site, y_site
                    every = np.concatenate([own, site])
                    taught = clone(model).fit(X.iloc[every], y[every])
                if name != "nothing" and len(of_sent):
                    Z_sent = encoder.transform(sent)
                    near = nearest(Z[candidates], y_asked, Z_sent, of_sent)
                    suspicion = np.log(np.minimum(usual, 1e9) + 1e-6)
                    suspicion = suspicion - np.log(np.minimum(near, 1e9) + 1e-6)
                sources = np.isin(_source_ids(X_site), lesson.source)
                of_taught = np.concatenate([sources, is_alike]) & is_counted
                sure = sureness(taught, X.iloc[candidates], y_asked)
                of_model.append(
                    [
                        *attack_sent(suspicion, is_member, of_taught, seed),
                        advantage(sure, is_member, seed),
                        np.mean(taught.predict(X_nobody) == y[nobody]),
                    ]
                )
            found.append(of_model)
    return np.array(found)


def lesson_of(model, student, X, y, generator, seed):
    """The lesson of a site."""
    return make_lessons(model, student, X, y, generator=generator, random_state=seed)


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
        joblib.delayed(run)(table, seed, arguments.max_rows)
        for table in tables
        for seed in range(seeds)
    )
    # (n_tables, n_kinds_of_sent, n_measures), mean over seeds and learners
    values = np.array(runs).reshape(len(tables), -1, len(SENT), len(MEASURES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a table without a value
        values = np.nanmean(values, axis=1)
    print(
        f"{versions()}; {arguments.half} half, {len(tables)} tables of at most "
        f"{arguments.max_rows} rows, {seeds} seed(s)\n"
    )
    rows = [
        [name, *(interval(values[:, k, m]) for m in range(len(MEASURES)))]
        for k, name in enumerate(SENT)
    ]
    print(markdown(["sent", *MEASURES], rows))


if __name__ == "__main__":
    main()
