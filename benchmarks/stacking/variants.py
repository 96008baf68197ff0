"""How the defaults were chosen: one parameter changed at a time, development half.

    python benchmarks/stacking/variants.py                about 25 minutes
    python benchmarks/stacking/variants.py --quick        three tables of 500 rows
    python benchmarks/stacking/variants.py --lists small  other members

One fold of each table; every variant has the same rows, members and seeds. Results are
lines of JSON in `--out`; started again, it goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import numpy as np
from lists import LISTS
from report import BASE
from run import fold_of, scores
from scipy.special import log_softmax
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from sklearn_coopkd import (
    CooperativeDistiller,
    QuintessentialGenerator,
    _deficiency,
    _gate,
    _rounds,
    _soft_labels,
    _tasks,
)
from sklearn_coopkd._calibration import (
    PROBA_FLOOR,
    fit_calibrator,
    fit_temperature,
)
from sklearn_coopkd._final import PooledLogisticRegression
from sklearn_coopkd._pool import log_pool

sys.path.append(str(Path(__file__).parents[1]))
from datasets import DEVELOPMENT
from options import check_known, output_file, positive
from runs import run_all, timed, versions_of
from tables import Results, markdown, points, ratio


class WithoutLogarithms(PooledLogisticRegression):
    """The default final estimator without one of its three parts."""

    def predict_log_proba(self, X):
        """See `PooledLogisticRegression`."""
        linear = np.log(np.maximum(self.logistic_.predict_proba(X), PROBA_FLOOR))
        pooled = log_pool(self._proba(X), self.pool_weights_)
        return log_softmax((linear + pooled) / 2, axis=1)


VARIANTS = {
    "default": {},
    "as many wrong answers allowed": {},
    'deficiency="error"': {"deficiency": "error"},
    "margin of 0.1": {},
    "soft_targets=False": {"soft_targets": False},
    "labels for own rows": {},
    "soft labels: half the label": {},
    "soft labels: no label": {},
    "single teachers' answers for pseudo-samples": {},
    'peer_selection="all"': {"peer_selection": "all"},
    "samples for delivered students made anew": {},
    "generator__alpha=0.5": {"generator": QuintessentialGenerator(alpha=0.5)},
    'generator__method="swap"': {"generator": QuintessentialGenerator(method="swap")},
    "pseudo_weight=0.5": {"pseudo_weight": 0.5},
    "max_pseudo=0.5": {"max_pseudo": 0.5},
    "max_iter=2": {"max_iter": 2},
    "cv=4": {"cv": 4},
    "validation=None": {"validation": None},
    'scoring="accuracy"': {"scoring": "accuracy"},
    "no rule on wrong answers": {},
    "a temperature alone before stacking": {},
    "smoothed answers teach": {},
    "the stack asks students alone": {},
    "no regression on logarithms": {"final_estimator": WithoutLogarithms()},
    "LogisticRegression": {"final_estimator": LogisticRegression(max_iter=1000)},
}
# no parameters: module, name, value
CONSTANTS = {
    "no rule on wrong answers": (_gate, "STANDARD_ERRORS", {"classification": -1e9}),
    "as many wrong answers allowed": (
        _gate,
        "STANDARD_ERRORS",
        {"classification": 0.0},
    ),
    "labels for own rows": (_rounds._Loop, "_soft_labels", lambda *_: None),
    "soft labels: half the label": (_soft_labels, "POOL_SHARE", 0.5),
    "soft labels: no label": (_soft_labels, "POOL_SHARE", 1.0),
    "single teachers' answers for pseudo-samples": (
        _rounds._Loop,
        "_asked",
        lambda *_: [],
    ),
    "a temperature alone before stacking": (
        _tasks.Classification,
        "fit_calibrator",
        staticmethod(fit_temperature),
    ),
    "smoothed answers teach": (_tasks, "fit_temperature", fit_calibrator),
    "the stack asks students alone": (
        _tasks.Classification,
        "stacks_members_before",
        False,
    ),
    "margin of 0.1": (_deficiency, "MARGIN", 0.1),
    "samples for delivered students made anew": (
        _rounds._Loop,
        "_next_base",
        lambda _loop, rows, _plans: np.full(len(rows), -1),
    ),
}


def is_result(record):
    """Whether a record is one of this script."""
    return record.get("benchmark") == "variants"


def run(members_name, table, max_rows, variant):
    """The record of one variant on one table."""
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        members, rows = fold_of(members_name, table, max_rows, fold=0)
        X_train, y_train, X_test, y_test = rows
        classes = np.unique(y_train)
        if variant == BASE:
            model = StackingClassifier(members, cv=5)
        else:
            model = CooperativeDistiller(members, random_state=0, **VARIANTS[variant])
        constant = CONSTANTS.get(variant)
        with mock.patch.object(*constant) if constant else nullcontext():
            _, seconds = timed(model.fit, X_train, y_train)
        found = {
            "methods": scores(model.predict_proba(X_test), y_test, classes)
            | {"fit": seconds}
        }
        if variant != BASE:
            for kind, fitted in (
                ("members", model.initial_estimators_),
                ("students", model.estimators_),
            ):
                found[kind] = {
                    name: scores(one.predict_proba(X_test), y_test, classes)
                    for (name, _), one in zip(members, fitted)
                }
    return {
        "benchmark": "variants",
        "list": members_name,
        "table": table,
        "max_rows": max_rows,
        "variant": variant,
        **found,
    }


def key_of(record):
    """What a record is about."""
    return tuple(record[field] for field in ("list", "table", "max_rows", "variant"))


def merged(records):
    """One record for each table, with methods and models as `Results` takes them."""
    tables = {}
    for record in records:
        one = {"table": record["table"], "methods": {}, "models": {}}
        one = tables.setdefault(record["table"], one)
        one["methods"][record["variant"]] = record["methods"]
        for kind in ("members", "students"):
            if kind in record:
                one["models"][f"{kind}, {record['variant']}"] = record[kind]
    return Results(list(tables.values()))


def complete(results):
    """Variants that all tables have: of a run that was stopped, those that are done."""
    records = [record for (record,) in results.folds.values()]
    return [v for v in VARIANTS if all(v in r["methods"] for r in records)]


def n_worse(results, after, before):
    """How many students lost more than a point of accuracy."""
    changes = [
        scores["accuracy"] - folds[0]["models"][before][name]["accuracy"]
        for folds in results.folds.values()
        for name, scores in folds[0]["models"][after].items()
    ]
    return f"{(np.array(changes) < -0.01).sum()} of {len(changes)}"


def report(records):
    """Markdown: every variant against stacking, and its students against members."""
    parts = []
    for name in LISTS:
        results = merged([record for record in records if record["list"] == name])
        if not len(results):
            continue
        rows = []
        for variant in complete(results):
            accuracy, loss = (
                results.methods(variant, BASE, key) for key in ("accuracy", "log_loss")
            )
            kinds = f"students, {variant}", f"members, {variant}"
            gained, lost = (
                results.models(*kinds, key) for key in ("accuracy", "log_loss")
            )
            fit = np.divide(*results.methods(variant, BASE, "fit"))
            rows.append([
                f"`{variant}`", points(*accuracy), ratio(*loss),
                f"{(loss[0] < loss[1]).sum()} of {len(results)}", points(*gained),
                ratio(*lost), n_worse(results, *kinds),
                f"{np.median(fit):.2f} ({fit.max():.2f})",
            ])  # fmt: skip
        parts += [
            f"{name} members, {len(results)} tables",
            markdown(
                ["", "stack: accuracy, points", "stack: log-loss, ratio", "lower on",
                 "students: accuracy, points", "students: log-loss, ratio",
                 "students more than 1 point worse",
                 "fit CPU, ratio: median (largest)"],
                rows,
            ),
        ]  # fmt: skip
    return "\n\n".join([*parts, versions_of(records)])


def main():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=output_file, help="default: variants.jsonl")
    parser.add_argument("--lists", default="classic", help="default: %(default)s")
    parser.add_argument(
        "--variants", help="names, separated by semicolons; default: all"
    )
    parser.add_argument(
        "--max-rows", type=positive, default=1500, help="of a table; default: 1500"
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="three tables, 500 rows")
    arguments = parser.parse_args()
    lists = arguments.lists.split(",")
    variants = arguments.variants.split(";") if arguments.variants else list(VARIANTS)
    check_known(parser, lists, LISTS)
    check_known(parser, variants, VARIANTS)
    tables = list(DEVELOPMENT)
    if arguments.quick:
        tables, arguments.max_rows = ["pima", "vehicle", "hmda"], 500
    default = "variants_quick.jsonl" if arguments.quick else "variants.jsonl"
    path = arguments.out or Path(default)
    tasks = [
        (name, table, arguments.max_rows, variant)
        for name in lists
        for variant in (BASE, *variants)
        for table in tables
    ]
    n_jobs = arguments.n_jobs
    print(report(run_all(parser, run, tasks, path, n_jobs, is_result, key_of)))


if __name__ == "__main__":
    main()
