"""Members, students, the distiller and its rivals on forty real tables.

    python benchmarks/stacking/run.py                     all tables and lists
    python benchmarks/stacking/run.py --half development  half of the tables
    python benchmarks/stacking/run.py --quick             three tables of 500 rows

For each table, list of members and fold, everything is fitted in one process, on one
thread, on the same rows with the same seeds. Results are lines of JSON in `--out`;
started again, it goes on where it was stopped. At the end it prints the report
(`report.py` does it alone, and draws the figures).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from lists import DEPLOYED, LISTS, members_and_rows
from report import is_result, report
from rivals import (
    calibrated_best,
    combined_as_ours,
    one_way,
    out_of_fold,
    selection_weights,
)
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistiller

sys.path.append(str(Path(__file__).parents[1]))
from datasets import CONFIRMATION, DEVELOPMENT, load, n_folds
from options import check_known, output_file, positive
from runs import run_all, timed

N_BINS = 15  # of the calibration error
HALVES = {"development": DEVELOPMENT, "confirmation": CONFIRMATION}


def scores(proba, y, classes):
    """Accuracy, balanced accuracy, log-loss, Brier score, calibration error."""
    label = np.searchsorted(classes, y)
    right = proba.argmax(axis=1) == label
    sure = proba.max(axis=1)
    bins = np.minimum((sure * N_BINS).astype(int), N_BINS - 1)
    gaps = [abs((right - sure)[bins == b].sum()) for b in range(N_BINS)]
    return {
        "accuracy": right.mean(),
        "balanced_accuracy": balanced_accuracy_score(y, classes[proba.argmax(axis=1)]),
        "log_loss": log_loss(y, proba, labels=classes),
        "brier": ((proba - np.eye(len(classes))[label]) ** 2).sum(axis=1).mean(),
        "calibration_error": sum(gaps) / len(y),
    }


def latency(ask, X, n_rows):
    """Seconds that an answer about some rows takes: median of many calls."""
    rows = np.resize(X, (n_rows, X.shape[1]))
    seconds, started = [], time.perf_counter()
    while len(seconds) < 5 or time.perf_counter() - started < 0.2:
        before = time.perf_counter()
        ask(rows)
        seconds.append(time.perf_counter() - before)
    return float(np.median(seconds))


def run(members_name, table, max_rows, fold):
    """The record of one fold: every method, every member, every student."""
    warnings.simplefilter("ignore")  # convergence of members, once more in every fold
    # a network takes an interrupt for the end of its training
    warnings.filterwarnings("error", "Training interrupted")
    X, y = load(table, max_rows)
    with threadpool_limits(1):
        members, rows = fold_of(members_name, table, max_rows, fold)
        found = one_fold(members_name, members, rows, fold)
    return {
        "benchmark": "stacking",
        "list": members_name,
        "table": table,
        "max_rows": max_rows,
        "fold": fold,
        "rows": len(y),
        "columns": X.shape[1],
        "classes": len(np.unique(y)),
        **found,
    }


def fold_of(members_name, table, max_rows, fold):
    """Members, and X_train, y_train, X_test, y_test; every repeat splits anew."""
    X, y = load(table, max_rows)
    splitter = StratifiedKFold(3, shuffle=True, random_state=fold // 3)
    train, test = list(splitter.split(X, y))[fold % 3]
    members, X_train, X_test = members_and_rows(
        members_name, X.iloc[train], X.iloc[test], seed=fold
    )
    return members, (X_train, y[train], X_test, y[test])


def one_fold(members_name, members, rows, seed):
    """Scores of methods, and of members and students; times of the deployed ones."""
    X_train, y_train, X_test, y_test = rows
    classes = np.unique(y_train)
    names = [name for name, _ in members]
    methods, models = {}, {}

    def keep(name, proba, **times):
        methods[name] = scores(proba, y_test, classes) | times

    def keep_each(name, fitted):
        models[name] = {
            member: scores(model.predict_proba(X_test), y_test, classes)
            for member, model in zip(names, fitted)
        }

    stack = StackingClassifier(members, cv=5)
    for name, rival in (
        ("voting", VotingClassifier(members, voting="soft")),
        ("stacking", stack),
    ):
        _, fit = timed(rival.fit, X_train, y_train)
        proba, predict = timed(rival.predict_proba, X_test)
        keep(name, proba, fit=fit, predict=predict)

    held_out, fitted = out_of_fold(members, X_train, y_train)
    keep_each("members", fitted)
    probas = [model.predict_proba(X_test) for model in fitted]
    shares = selection_weights(held_out, y_train, classes)
    keep("selection", np.average(probas, axis=0, weights=shares))
    best = calibrated_best(members, held_out, X_train, y_train, classes)
    keep("calibrated best", best.predict_proba(X_test))
    keep("our combiner", combined_as_ours(held_out, y_train, probas))
    keep_each("one-way", one_way(members, stack, X_train, y_train, seed))

    ours = CooperativeDistiller(members, random_state=seed)
    _, fit = timed(ours.fit, X_train, y_train)
    proba, predict = timed(ours.predict_proba, X_test)
    keep("ours", proba, fit=fit, predict=predict)
    keep_each("students", ours.estimators_)
    found = {"methods": methods, "models": models}
    found["samples"] = {k: len(made.y) for k, made in ours.pseudo_samples_.items()}
    if members_name == "small":
        asked = {name: ours.named_estimators_[name] for name in DEPLOYED}
        asked |= {"stacking": stack, "ours": ours}
        found["latency"] = {
            name: [latency(model.predict_proba, X_test, n) for n in (1, 10_000)]
            for name, model in asked.items()
        }
    for combine in ("vote", "best"):
        ours.set_params(combine=combine)
        keep(f"ours, {combine}", ours.predict_proba(X_test))
    if seed % 3 == 0:  # for its cost, and what the gate is worth
        ungated = CooperativeDistiller(members, validation=None, random_state=seed)
        _, fit = timed(ungated.fit, X_train, y_train)
        keep("ours, no gate", ungated.predict_proba(X_test), fit=fit)
        keep_each("students, no gate", ungated.estimators_)
    return found


def wanted(lists, tables, max_rows, folds):
    """All (list, table, max_rows, fold) to run."""
    counts = {table: folds or n_folds(table, max_rows) for table in tables}
    return [
        (name, table, max_rows, fold)
        for name in lists
        for table in tables
        for fold in range(counts[table])
    ]


def key_of(record):
    """What a record is about."""
    return tuple(record[field] for field in ("list", "table", "max_rows", "fold"))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out",
        type=output_file,
        help="file of results; default: stacking.jsonl, or stacking_quick.jsonl",
    )
    parser.add_argument("--half", choices=HALVES, help="default: both")
    parser.add_argument("--tables", help="names, instead of a half")
    parser.add_argument("--lists", default=",".join(LISTS), help="default: %(default)s")
    parser.add_argument(
        "--max-rows", type=positive, default=3000, help="of a table; default: 3000"
    )
    parser.add_argument(
        "--folds", type=positive, help="default: 3, more of tables with few rows"
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="three tables, 500 rows")
    arguments = parser.parse_args()
    if bool(arguments.half) + bool(arguments.tables) + arguments.quick > 1:
        parser.error("--half, --tables and --quick choose the tables: name one of them")
    tables = list(HALVES.get(arguments.half, DEVELOPMENT | CONFIRMATION))
    if arguments.tables:
        tables = arguments.tables.split(",")
    lists = arguments.lists.split(",")
    check_known(parser, tables, DEVELOPMENT | CONFIRMATION)
    check_known(parser, lists, LISTS)
    if arguments.quick:
        tables, arguments.max_rows = ["pima", "vehicle", "hmda"], 500
        arguments.folds = arguments.folds or 1
    default = "stacking_quick.jsonl" if arguments.quick else "stacking.jsonl"
    path = arguments.out or Path(default)
    tasks = wanted(lists, tables, arguments.max_rows, arguments.folds)
    n_jobs = arguments.n_jobs
    print(report(run_all(parser, run, tasks, path, n_jobs, is_result, key_of)))


if __name__ == "__main__":
    main()
