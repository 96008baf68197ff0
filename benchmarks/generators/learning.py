"""What a pseudo-sample teaches: the measure that counts for a generator.

Two experiments, the same generators in both.

*Sites*: the training rows of a table with many classes are split among sites, each of
which lacks one class. Every site's model is student and teacher of all others; sources
are rows that a student fails (own rows out of fold), anchors the teacher's own rows.
Gap recovery = (after - before) / (pooled - before), where accuracy on unseen rows is
that of the median student, and "pooled" a model trained on everybody's rows.

*Tables*: `CooperativeDistiller` without a gate on one shared table; change of the
students' accuracy and log-loss against the members they were.

    python benchmarks/generators/learning.py sites tables --out learning.json
    python benchmarks/generators/learning.py sites tables --quick

The first takes about an hour on two cores; started again, it goes on where it was
stopped.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import sklearn
from scipy import stats
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

import sklearn_coopkd
from sklearn_coopkd import (
    CooperativeDistiller,
    InterpolationGenerator,
    QuintessentialGenerator,
    RawGenerator,
)
from sklearn_coopkd._members import make_members
from sklearn_coopkd.generators import _quintessential, _search, _walks

sys.path.append(str(Path(__file__).parents[1]))
from datasets import DEVELOPMENT, MULTICLASS, load
from options import check_known, output_file, positive

# name -> generator, and constants of the search that differ from the default
GENERATORS = {
    "segment": (QuintessentialGenerator(method="segment", alpha=0.1), {}),
    "segment, alpha 0.5": (QuintessentialGenerator(method="segment", alpha=0.5), {}),
    "segment, alpha 0.9": (QuintessentialGenerator(method="segment", alpha=0.9), {}),
    "swap": (QuintessentialGenerator(method="swap", alpha=0.1), {}),
    "swap, alpha 0.5": (QuintessentialGenerator(method="swap", alpha=0.5), {}),
    "swap, no shortcut": (
        QuintessentialGenerator(method="swap", alpha=0.1),
        {"offer_exact": lambda search, teacher: None},
    ),
    "certain: dropped": (QuintessentialGenerator(), {"SATURATED_STEP": 2.0}),
    "certain: 1/4": (QuintessentialGenerator(), {"SATURATED_STEP": 0.25}),
    "certain: 3/4": (QuintessentialGenerator(), {"SATURATED_STEP": 0.75}),
    "doubt below 1e-3 is none": (QuintessentialGenerator(), {"MIN_DOUBT": 1e-3}),
    "doubt below 1e-2 is none": (QuintessentialGenerator(), {"MIN_DOUBT": 1e-2}),
    "numbers in {0, 1} interpolated": (
        QuintessentialGenerator(categorical_features=None),
        {},
    ),
    "interpolation": (InterpolationGenerator(), {}),
    "raw": (RawGenerator(), {}),
}
CONSTANTS = [
    (_walks, "SATURATED_STEP"),
    (_search, "MIN_DOUBT"),
    (_quintessential, "offer_exact"),
]
DEFAULTS = {name: getattr(module, name) for module, name in CONSTANTS}


def generator_of(variant):
    """The generator of a variant, with the module's constants set for it."""
    generator, constants = GENERATORS[variant]
    for module, name in CONSTANTS:
        setattr(module, name, constants.get(name, DEFAULTS[name]))
    return clone(generator)


# --- sites ----------------------------------------------------------------------------


def site_members(seed):
    """Learners of different kinds; all sites use the same one."""
    return {
        "logistic": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=200, tol=1e-3)
        ),
        "tree": DecisionTreeClassifier(random_state=seed),
        "pruned tree": DecisionTreeClassifier(min_samples_leaf=5, random_state=seed),
        "forest": RandomForestClassifier(50, random_state=seed),
        "bayes": make_pipeline(StandardScaler(), GaussianNB(var_smoothing=1e-3)),
    }


def split_sites(y, n_sites, rng):
    """A site for each row; site k has no row of class k."""
    classes = np.unique(y)
    site = rng.randint(n_sites, size=len(y))
    for k in range(n_sites):
        lacks = classes[k % len(classes)]
        wrong = (site == k) & (y == lacks)
        shift = rng.randint(1, n_sites, size=len(y))
        site = np.where(wrong, (k + shift) % n_sites, site)
    return site


class Aligned:
    """A site's model, with a column for every class."""

    def __init__(self, model, classes):
        self.model, self.classes_ = model, classes

    def predict_proba(self, X):
        proba = np.zeros((len(X), len(self.classes_)))
        at = np.searchsorted(self.classes_, self.model.classes_)
        proba[:, at] = self.model.predict_proba(X)
        return proba


def run_sites(table, member, seed, variant, selection, rounds, max_rows):
    """Accuracy of the median student before and after each round, and pooled."""
    warnings.simplefilter("ignore")
    generator = generator_of(variant)
    X, y = MULTICLASS[table]()
    X = X.to_numpy()
    rng = np.random.RandomState(seed)
    train, test = train_test_split(
        np.arange(len(y)),
        train_size=min(max_rows, int(0.7 * len(y))),
        test_size=min(2000, int(0.3 * len(y))),
        stratify=y,
        random_state=seed,
    )
    X_test, y_test, X, y = X[test], y[test], X[train], y[train]
    classes = np.unique(y)
    n_sites = min(10, len(classes))
    site = split_sites(y, n_sites, rng)
    estimator = site_members(seed)[member]
    folds = np.empty(len(y), dtype=int)
    for k in range(n_sites):
        own = np.flatnonzero(site == k)
        splitter = StratifiedKFold(3, shuffle=True, random_state=seed)
        for fold, (_, part) in enumerate(splitter.split(own, y[own])):
            folds[own[part]] = fold
    lessons = [(np.empty((0, X.shape[1])), y[:0], np.empty(0, int))] * n_sites

    def fit(k, fold=None):
        rows = np.flatnonzero((site == k) & (folds != fold))
        X_made, y_made, source = lessons[k]
        # a pseudo-sample of a held-out row would tell its answer
        kept = ~((site[source] == k) & (folds[source] == fold))
        return Aligned(
            clone(estimator).fit(
                np.concatenate([X[rows], X_made[kept]]),
                np.concatenate([y[rows], y_made[kept]]),
            ),
            classes,
        )

    def accuracy(models):
        scores = [
            np.mean(classes[m.predict_proba(X_test).argmax(axis=1)] == y_test)
            for m in models
        ]
        return float(np.median(scores))

    with threadpool_limits(1):
        models = [fit(k) for k in range(n_sites)]
        scores = [accuracy(models)]
        y_idx = np.searchsorted(classes, y)
        for _ in range(rounds):
            proba = np.stack([m.predict_proba(X) for m in models])
            for k in range(n_sites):
                for fold in range(3):
                    held = np.flatnonzero((site == k) & (folds == fold))
                    proba[k, held] = fit(k, fold).predict_proba(X[held])
            right = proba.argmax(axis=2) == y_idx
            sure = np.where(right, proba[:, np.arange(len(y)), y_idx], -1.0)
            found = [[] for _ in range(n_sites)]
            for i in range(n_sites):
                taught = right[i] & ~right
                if selection == "best":
                    taught &= sure.argmax(axis=0) == i
                rows = np.flatnonzero(taught.any(axis=0))
                if not len(rows):
                    continue
                pool = np.flatnonzero(site == i)
                made = generator.generate(
                    models[i], X[rows], y[rows], X[pool], y[pool], random_state=seed
                )
                for j in range(n_sites):
                    ours = made.success & taught[j, rows]
                    found[j].append((made.X_pseudo[ours], rows[ours]))
            for j in range(n_sites):
                if not found[j]:
                    continue
                X_made = np.concatenate([part for part, _ in found[j]])
                source = np.concatenate([part for _, part in found[j]])
                X_all = np.concatenate([lessons[j][0], X_made])
                source = np.concatenate([lessons[j][2], source])
                keys = np.column_stack([X_all, y_idx[source]])
                _, first = np.unique(keys, axis=0, return_index=True)
                first = np.sort(first)
                lessons[j] = (X_all[first], y[source[first]], source[first])
            models = [fit(k) for k in range(n_sites)]
            scores.append(accuracy(models))
        pooled = accuracy([Aligned(clone(estimator).fit(X, y), classes)])
    return {
        "experiment": "sites",
        "table": table,
        "member": member,
        "seed": seed,
        "variant": variant,
        "scores": scores,
        "pooled": pooled,
    }


# --- tables ---------------------------------------------------------------------------


def run_table(table, seed, variant, max_rows):
    """Mean change of the students' accuracy and log-loss over members and folds."""
    warnings.simplefilter("ignore")
    generator = generator_of(variant)
    X, y = load(table, max_rows)
    splitter = StratifiedKFold(3, shuffle=True, random_state=seed)
    changes = []
    with threadpool_limits(1):
        for train, test in splitter.split(X, y):
            distiller = CooperativeDistiller(
                make_members(X, random_state=seed),
                generator=generator,
                peer_selection="best",
                deficiency="error",
                soft_targets=False,  # what the samples teach, not their teachers
                validation=None,
                combine="vote",
                random_state=seed,
            ).fit(X.iloc[train], y[train])
            for before, after in zip(
                distiller.initial_estimators_, distiller.estimators_
            ):
                p, q = (m.predict_proba(X.iloc[test]) for m in (before, after))
                labels = before.classes_
                accuracy = [
                    np.mean(labels[v.argmax(axis=1)] == y[test]) for v in (p, q)
                ]
                loss = [log_loss(y[test], v, labels=labels) for v in (p, q)]
                changes.append((accuracy[1] - accuracy[0], loss[1] / loss[0]))
    changes = np.array(changes)
    return {
        "experiment": "tables",
        "table": table,
        "seed": seed,
        "variant": variant,
        "accuracy": float(100 * changes[:, 0].mean()),
        "log_loss": float(np.exp(np.log(changes[:, 1]).mean())),
    }


# --- report ---------------------------------------------------------------------------


def interval(values):
    """Mean and 95 % t-interval."""
    values = np.asarray(values, dtype=float)
    half = (
        stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
        if len(values) > 1
        else 0
    )
    return values.mean(), values.mean() - half, values.mean() + half


def by_unit(records, key):
    """Records of each variant and unit, over seeds: a table, or a table and member."""
    found = {}
    for record in records:
        unit = tuple(record[name] for name in ("table", "member") if name in record)
        found.setdefault(record["variant"], {}).setdefault(unit, []).append(record)
    return {v: {u: key(rs) for u, rs in units.items()} for v, units in found.items()}


def recovery(records):
    """Share of the gap that was closed, over seeds."""
    gained = sum(r["scores"][-1] - r["scores"][0] for r in records)
    return gained / sum(r["pooled"] - r["scores"][0] for r in records)


MEASURES = {
    "sites": [
        ("gap recovery", recovery, "{:.3f} [{:.3f}, {:.3f}]"),
        ("against the first", recovery, "{:+.3f} [{:+.3f}, {:+.3f}]"),
    ],
    "tables": [
        (
            "accuracy, points",
            lambda rs: np.mean([r["accuracy"] for r in rs]),
            "{:+.2f} [{:+.2f}, {:+.2f}]",
        ),
        (
            "against the first",
            lambda rs: np.mean([r["accuracy"] for r in rs]),
            "{:+.2f} [{:+.2f}, {:+.2f}]",
        ),
        (
            "log-loss, change in %",
            lambda rs: 100 * np.mean([r["log_loss"] - 1 for r in rs]),
            "{:+.1f} [{:+.1f}, {:+.1f}]",
        ),
    ],
}


def report(records, variants):
    """One row for each generator, in both experiments; then every unit of them."""
    columns, units_of = {}, {}
    for experiment, measures in MEASURES.items():
        own = [r for r in records if r["experiment"] == experiment]
        if not own:
            continue
        n_units = len({(r["table"], r.get("member")) for r in own})
        for title, key, form in measures:
            values = by_unit(own, key)
            first = values.get(variants[0], {})
            column = columns.setdefault(f"{experiment} ({n_units}): {title}", {})
            for variant, units in values.items():
                cells = list(units.values())
                if title == "against the first":
                    cells = [v - first[u] for u, v in units.items() if u in first]
                if cells:
                    column[variant] = form.format(*interval(cells))
            units_of.setdefault(experiment, values)
    print("\n| generator | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for variant in variants:
        cells = [column.get(variant, "") for column in columns.values()]
        print(f"| {variant} | " + " | ".join(cells) + " |")
    for experiment, values in units_of.items():
        units = sorted({u for found in values.values() for u in found})
        print(f"\n| {experiment} | " + " | ".join("/".join(u) for u in units) + " |")
        print("|---" * (len(units) + 1) + "|")
        for variant in variants:
            found = values.get(variant, {})
            cells = [f"{found[u]:.2f}" if u in found else "" for u in units]
            print(f"| {variant} | " + " | ".join(cells) + " |")


def main():
    """Run the experiments and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiments", nargs="+", choices=["sites", "tables"])
    parser.add_argument(
        "--variants", nargs="+", choices=list(GENERATORS), default=list(GENERATORS)
    )
    parser.add_argument("--tables", nargs="+")
    parser.add_argument("--members", nargs="+", default=list(site_members(0)))
    parser.add_argument("--seeds", type=positive, default=2)
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--max-rows", type=positive, default=1500)
    parser.add_argument("--selection", choices=["all", "best"], default="all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--out", type=output_file, help="JSON file for the records; read if it exists"
    )
    arguments = parser.parse_args()
    for experiment in arguments.experiments:
        known = MULTICLASS if experiment == "sites" else DEVELOPMENT
        check_known(parser, arguments.tables or [], known)
    check_known(parser, arguments.members, site_members(0))
    if arguments.quick:
        arguments.seeds, arguments.max_rows = 1, 500
    print(
        f"sklearn_coopkd {sklearn_coopkd.__version__}, scikit-learn "
        f"{sklearn.__version__}, numpy {np.__version__}, python "
        f"{platform.python_version()}; at most {arguments.max_rows} training rows, "
        f"seeds 0-{arguments.seeds - 1}; sites: {arguments.rounds} rounds, "
        f"{arguments.selection} qualified teachers"
    )
    records = []
    if arguments.out and arguments.out.exists():
        records = json.loads(arguments.out.read_text())
    done = {_key(record) for record in records}
    rows, rounds, selection = arguments.max_rows, arguments.rounds, arguments.selection
    jobs = []
    for experiment in arguments.experiments:
        sites = experiment == "sites"
        names = arguments.tables or list(MULTICLASS if sites else DEVELOPMENT)
        for table in names[:1] if arguments.quick else names:
            for seed in range(arguments.seeds):
                for member in arguments.members if sites else [None]:
                    # pixels: only these are affordable
                    if table == "fashion" and member not in ("logistic", "tree"):
                        continue
                    for variant in arguments.variants:
                        if (experiment, table, member, seed, variant) in done:
                            continue
                        jobs.append(
                            joblib.delayed(run_sites)(
                                table, member, seed, variant, selection, rounds, rows
                            )
                            if sites
                            else joblib.delayed(run_table)(table, seed, variant, rows)
                        )
    for record in joblib.Parallel(n_jobs=arguments.jobs, return_as="generator")(jobs):
        records.append(record)
        print(".", end="", flush=True, file=sys.stderr)
        if arguments.out:
            arguments.out.write_text(json.dumps(records))
    report(records, arguments.variants)


def _key(record):
    """What a record is the answer to."""
    names = ("experiment", "table", "member", "seed", "variant")
    return tuple(record.get(name) for name in names)


if __name__ == "__main__":
    main()
