"""Regressors, students, the distiller and its rivals on real tables.

    python benchmarks/regression/run.py                     all tables and lists
    python benchmarks/regression/run.py --half development  the tables to choose on
    python benchmarks/regression/run.py --quick             three tables of 500 rows

For each table, list of members and fold, everything is fitted in one process, on one
thread, on the same rows with the same seeds. Results are lines of JSON in `--out`;
started again, it goes on where it was stopped. At the end it prints the report.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistillerRegressor
from sklearn_coopkd._members import REGRESSORS, make_members

sys.path.append(str(Path(__file__).parents[1]))
from datasets import (
    REGRESSION_CONFIRMATION,
    REGRESSION_DEVELOPMENT,
    load,
    n_folds,
)
from options import check_known, output_file, positive
from runs import run_all, timed, versions_of
from tables import Results, markdown, ratio

HALVES = {
    "development": REGRESSION_DEVELOPMENT,
    "confirmation": REGRESSION_CONFIRMATION,
}
TABLES = REGRESSION_DEVELOPMENT | REGRESSION_CONFIRMATION
LISTS = {
    "classic": ("ridge", "tree", "forest", "neighbors"),
    "strong": ("boosting", "forest", "extra_trees", "svm", "mlp"),
}
METHODS = ("voting", "ours", "ours, vote", "ours, best", "ours, no gate")
WORSE = 0.02  # share of its error by which a student counts as worse


def is_result(record):
    """Whether a record is one of this benchmark."""
    return record.get("benchmark") == "regression"


def scores(predicted, y):
    """Root mean squared error, and mean absolute error."""
    error = predicted - y
    return {"rmse": np.sqrt(np.mean(error**2)), "mae": np.mean(np.abs(error))}


def key_of(record):
    """What a record is about."""
    return tuple(record[field] for field in ("list", "table", "max_rows", "fold"))


def fold_of(members_name, table, max_rows, fold):
    """Members, and X_train, y_train, X_test, y_test; every repeat splits anew."""
    X, y = load(table, max_rows)
    splitter = KFold(3, shuffle=True, random_state=fold // 3)
    train, test = list(splitter.split(X, y))[fold % 3]
    members = make_members(X.iloc[train], LISTS[members_name], fold, REGRESSORS)
    return members, (X.iloc[train], y[train], X.iloc[test], y[test])


def run(members_name, table, max_rows, fold):
    """The record of one fold: every method, every member, every student."""
    warnings.simplefilter("ignore")  # convergence of members, once more in every fold
    with threadpool_limits(1):
        members, rows = fold_of(members_name, table, max_rows, fold)
        found = one_fold(members, rows, fold)
    return {
        "benchmark": "regression",
        "list": members_name,
        "table": table,
        "max_rows": max_rows,
        "fold": fold,
        "rows": len(rows[1]) + len(rows[3]),
        "columns": rows[0].shape[1],
        **found,
    }


def one_fold(members, rows, seed):
    """Scores of methods, and of members and students."""
    X_train, y_train, X_test, y_test = rows
    methods, models = {}, {}

    def keep(name, model, **times):
        methods[name] = scores(model.predict(X_test), y_test) | times

    def keep_each(name, fitted):
        models[name] = {
            member: scores(model.predict(X_test), y_test)
            for (member, _), model in zip(members, fitted)
        }

    for name, rival in (
        ("voting", VotingRegressor(members)),
        ("stacking", StackingRegressor(members, cv=5)),
    ):
        _, fit = timed(rival.fit, X_train, y_train)
        keep(name, rival, fit=fit)
    ours = CooperativeDistillerRegressor(members, random_state=seed)
    _, fit = timed(ours.fit, X_train, y_train)
    keep("ours", ours, fit=fit)
    keep_each("members", ours.initial_estimators_)
    keep_each("students", ours.estimators_)
    for combine in ("vote", "best"):
        keep(f"ours, {combine}", ours.set_params(combine=combine))
    ungated = CooperativeDistillerRegressor(members, validation=None, random_state=seed)
    _, fit = timed(ungated.fit, X_train, y_train)
    keep("ours, no gate", ungated, fit=fit)
    keep_each("students, no gate", ungated.estimators_)
    return {"methods": methods, "models": models}


# --- the report -----------------------------------------------------------------------


def report(records):
    """Markdown: methods against stacking, students against members, each table."""
    parts = []
    for half, tables in HALVES.items():
        for name in LISTS:
            found = [r for r in records if r["table"] in tables and r["list"] == name]
            if found:
                results = Results(found)
                title = f"{half} half, {name} members, {len(results)} tables"
                parts += [title, _methods(results), _students(results), _each(results)]
    return "\n\n".join([*parts, versions_of(records)])


def _methods(results):
    from statsmodels.stats.multitest import multipletests

    tested = [(method, key) for method in METHODS for key in ("rmse", "mae")]
    pairs = {one: results.methods(one[0], "stacking", one[1]) for one in tested}
    p_values = [stats.wilcoxon(np.log(a / b)).pvalue for a, b in pairs.values()]
    corrected = dict(zip(tested, multipletests(p_values, method="holm")[1]))
    rows = []
    for method in METHODS:
        row = [method]
        for key in ("rmse", "mae"):
            ours, its = pairs[method, key]
            lower = f"{(ours < its).sum()} of {len(results)}"
            row += [ratio(ours, its), lower, f"{corrected[method, key]:.2g}"]
        row.append(
            f"{np.max(np.divide(*results.methods(method, 'stacking', 'rmse'))):.3f}"
        )
        fit = np.divide(*results.methods(method, "stacking", "fit"))
        row.append("" if np.isnan(fit).all() else f"{np.nanmedian(fit):.2f}")
        rows.append(row)
    return markdown(
        ["against StackingRegressor(cv=5)", "RMSE, ratio", "lower on", "p, Holm",
         "MAE, ratio", "lower on", "p, Holm", "largest RMSE ratio",
         "fit CPU, median ratio"],
        rows,
    )  # fmt: skip


def _students(results):
    rows = []
    for kind in ("students", "students, no gate"):
        every = results.ratios(kind, "members", "rmse")
        of_all = np.array(list(every.values()))
        of_table = np.exp(np.log(of_all).mean(axis=0))
        worse = f"{(of_all > 1 + WORSE).sum()} of {of_all.size}"
        low, high = _median_interval(of_table)
        rows.append([
            kind, ratio(of_table, np.ones(len(of_table))),
            f"{np.median(of_table):.3f} [{low:.3f}, {high:.3f}]", worse,
            f"{of_all.max():.3f}",
            ", ".join(f"{n} {np.exp(np.log(r).mean()):.3f}" for n, r in every.items()),
        ])  # fmt: skip
    return markdown(
        ["against members", "RMSE, ratio", "median table", "more than 2 % worse",
         "largest ratio", "each"],
        rows,
    )  # fmt: skip


def _median_interval(values, n_draws=10_000):
    """Bootstrap interval of the median, over tables."""
    rng = np.random.RandomState(0)
    drawn = rng.choice(values, (n_draws, len(values)))
    return np.quantile(np.median(drawn, axis=1), [0.025, 0.975])


def _each(results):
    rows = []
    for table in results.tables:
        one = Results(results.folds[table])
        first = results.folds[table][0]
        row = [table, f"{first['rows']} x {first['columns']}"]
        for key in ("rmse", "mae"):
            ours, its = one.methods("ours", "stacking", key)
            row.append(f"{(ours / its)[0]:.3f}")
        students = list(one.ratios("students", "members", "rmse").values())
        row.append(f"{np.exp(np.log(students).mean()):.3f}")
        row.append(f"{np.divide(*one.methods('ours', 'stacking', 'fit'))[0]:.2f}")
        rows.append(row)
    return markdown(
        ["table", "rows x columns", "RMSE against stacking", "MAE against stacking",
         "students against members, RMSE", "fit CPU, ratio"],
        rows,
    )  # fmt: skip


def main():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=output_file, help="default: regression.jsonl")
    parser.add_argument("--half", choices=HALVES, help="default: both")
    parser.add_argument("--lists", default=",".join(LISTS), help="default: %(default)s")
    parser.add_argument(
        "--max-rows", type=positive, default=3000, help="of a table; default: 3000"
    )
    parser.add_argument(
        "--folds",
        type=positive,
        help="default: 3, more of tables with few rows; 1 if --quick",
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="three tables, 500 rows")
    arguments = parser.parse_args()
    if arguments.half and arguments.quick:
        parser.error("--half and --quick choose the tables: name one of them")
    tables = list(HALVES.get(arguments.half, TABLES))
    lists = arguments.lists.split(",")
    check_known(parser, lists, LISTS)
    if arguments.quick:
        tables, arguments.max_rows = ["diabetes", "sacramento", "hitters"], 500
        arguments.folds = arguments.folds or 1
    default = "regression_quick.jsonl" if arguments.quick else "regression.jsonl"
    path = arguments.out or Path(default)
    rows = arguments.max_rows
    tasks = [
        (name, table, rows, fold)
        for name in lists
        for table in tables
        for fold in range(arguments.folds or n_folds(table, rows))
    ]
    n_jobs = arguments.n_jobs
    print(report(run_all(parser, run, tasks, path, n_jobs, is_result, key_of)))


if __name__ == "__main__":
    main()
