"""How the regressor's defaults were chosen: one thing changed at a time.

    python benchmarks/regression/variants.py                the development tables
    python benchmarks/regression/variants.py --quick        three tables of 500 rows
    python benchmarks/regression/variants.py --lists strong other members

The first folds of each table; every variant has the same rows, members and seeds. Among
the variants are other measures of a teacher's uncertainty about a row than its error:
how much the trees of a forest disagree, and the error of the nearest training rows out
of sample. Results are lines of JSON in `--out`; started again, it goes on where it was
stopped.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesRegressor,
    RandomForestRegressor,
    StackingRegressor,
)
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from sklearn_coopkd import (
    CooperativeDistillerRegressor,
    QuintessentialGenerator,
    _final,
    _gate,
    _pool,
    _soft_labels,
    _tasks,
)
from sklearn_coopkd._final import LinearPoolRegressor
from sklearn_coopkd._responses import unwrapped
from sklearn_coopkd.generators import _quintessential
from sklearn_coopkd.generators._search import AskedRegressor

sys.path.append(str(Path(__file__).parents[1]))
from datasets import REGRESSION_DEVELOPMENT
from options import check_known, output_file, positive
from run import LISTS, WORSE, fold_of, scores
from runs import run_all, timed, versions_of
from tables import Results, markdown, ratio

BASE = "stacking"
FORESTS = RandomForestRegressor, ExtraTreesRegressor


# --- other measures of a teacher's uncertainty ----------------------------------------


class AskedUncertainty(AskedRegressor):
    """A teacher that is the surer, the smaller a given uncertainty is at a row."""

    def __init__(self, uncertainty, teacher, y_pool):
        super().__init__(teacher, y_pool)
        self.uncertainty = uncertainty

    def values(self, X, truth):
        """Uncertainty at rows."""
        return self.uncertainty(X)

    def certainty(self, values, truth):
        """1 without any."""
        return 1 - values / self.scale


class Surer(QuintessentialGenerator):
    """Counterfactuals at which a teacher is surer, not nearer to the truth.

    Uncertainty is how much the trees of a forest disagree ("spread"); of other
    teachers, and of "local error" always, the mean error, out of sample, of the ten
    nearest training rows.
    """

    def __init__(self, alpha=0.1, uncertainty="spread"):
        super().__init__(alpha=alpha)
        self.uncertainty = uncertainty

    def _generate(self, teacher, X, y, X_pool, y_pool, rng):
        model = unwrapped(teacher)
        steps = model[:-1] if isinstance(model, Pipeline) else None
        last = model[-1] if isinstance(model, Pipeline) else model
        seen = steps.transform if steps is not None else np.asarray
        if self.uncertainty == "spread" and isinstance(last, FORESTS):

            def uncertainty(X):
                return np.std([t.predict(seen(X)) for t in last.estimators_], axis=0)
        else:
            held_out = cross_val_predict(clone(model), X_pool, y_pool, cv=3)
            near = KNeighborsRegressor(10)
            near.fit(seen(X_pool), np.abs(held_out - y_pool))

            def uncertainty(X):
                return near.predict(seen(X))

        asked = partial(AskedUncertainty, uncertainty)
        with mock.patch.object(_quintessential, "AskedRegressor", asked):
            return super()._generate(teacher, X, y, X_pool, y_pool, rng)


# --- other final estimators -----------------------------------------------------------


class WithRidge(LinearPoolRegressor):
    """The mean of the default final estimator and ridge regression."""

    def fit(self, X, y, sample_weight=None):
        """Fit both."""
        self.ridge_ = RidgeCV().fit(X, y, sample_weight)
        return super().fit(X, y, sample_weight)

    def predict(self, X):
        """Predict numbers."""
        return (super().predict(X) + self.ridge_.predict(X)) / 2


def rows_alike(predictions, y, sample_weight=None):
    """The pool of the least squared error, whatever that of similar rows is."""
    with mock.patch.object(_pool, "_local_error", lambda p, *_: np.ones(len(p))):
        return _pool.fit_linear_pool(predictions, y, sample_weight)


VARIANTS = {
    "default": {},
    "uncertainty: spread": {"generator": Surer()},
    "uncertainty: local error": {"generator": Surer(uncertainty="local error")},
    "alpha=0.5": {"generator": QuintessentialGenerator(alpha=0.5)},
    'deficiency="error"': {"deficiency": "error"},
    'peer_selection="all"': {"peer_selection": "all"},
    "soft_targets=False": {"soft_targets": False},
    "soft labels: half the number": {},
    "soft labels: no number": {},
    "gate: no standard error": {},
    "gate: one standard error": {},
    "gate: score alone": {},
    "validation=None": {"validation": None},
    "max_iter=2": {"max_iter": 2},
    "cv=5": {"cv": 5},
    "rows alike, final estimator": {},
    "rows alike, teaching": {},
    "the stack asks members as they were, too": {},
    "RidgeCV": {"final_estimator": RidgeCV()},
    "mean of RidgeCV and the default": {"final_estimator": WithRidge()},
    "max_iter=0": {"max_iter": 0},
    "max_iter=0, RidgeCV": {"max_iter": 0, "final_estimator": RidgeCV()},
}
# no parameters: module, name, value
CONSTANTS = {
    "soft labels: half the number": (_soft_labels, "POOL_SHARE", 0.5),
    "soft labels: no number": (_soft_labels, "POOL_SHARE", 1.0),
    "gate: no standard error": (_gate, "STANDARD_ERRORS", {"regression": 0.0}),
    "gate: one standard error": (_gate, "STANDARD_ERRORS", {"regression": 1.0}),
    "gate: score alone": (_gate, "STANDARD_ERRORS", {"regression": -1e9}),
    "rows alike, final estimator": (_final, "fit_linear_pool", rows_alike),
    "rows alike, teaching": (_tasks, "fit_linear_pool", rows_alike),
    "the stack asks members as they were, too": (
        _tasks.Regression,
        "stacks_members_before",
        True,
    ),
}


def is_result(record):
    """Whether a record is one of this script."""
    return record.get("benchmark") == "regression variants"


def run(members_name, table, max_rows, fold, variant):
    """The record of one variant on one fold."""
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        members, rows = fold_of(members_name, table, max_rows, fold)
        X_train, y_train, X_test, y_test = rows
        if variant == BASE:
            model = StackingRegressor(members, cv=5)
        else:
            model = CooperativeDistillerRegressor(
                members, random_state=fold, **VARIANTS[variant]
            )
        constant = CONSTANTS.get(variant)
        with mock.patch.object(*constant) if constant else nullcontext():
            _, seconds = timed(model.fit, X_train, y_train)
        found = {"methods": scores(model.predict(X_test), y_test) | {"fit": seconds}}
        lessons = getattr(model, "pseudo_samples_", {}).values()
        found["methods"]["samples"] = sum(len(lesson.y) for lesson in lessons)
        if variant != BASE:
            for kind, fitted in (
                ("members", model.initial_estimators_),
                ("students", model.estimators_),
            ):
                found[kind] = {
                    name: scores(one.predict(X_test), y_test)
                    for (name, _), one in zip(members, fitted)
                }
    return {
        "benchmark": "regression variants",
        "list": members_name,
        "table": table,
        "max_rows": max_rows,
        "fold": fold,
        "variant": variant,
        **found,
    }


def key_of(record):
    """What a record is about."""
    fields = "list", "table", "max_rows", "fold", "variant"
    return tuple(record[field] for field in fields)


def merged(records):
    """One record for each fold, with methods and models as `Results` takes them."""
    folds = {}
    for record in records:
        key = record["table"], record["fold"]
        one = {"table": key[0], "fold": key[1], "methods": {}, "models": {}}
        one = folds.setdefault(key, one)
        one["methods"][record["variant"]] = record["methods"]
        for kind in ("members", "students"):
            if kind in record:
                one["models"][f"{kind}, {record['variant']}"] = record[kind]
    return Results(list(folds.values()))


def report(records):
    """Markdown: every variant against stacking, and its students against members."""
    parts = []
    for name in LISTS:
        results = merged([record for record in records if record["list"] == name])
        if not len(results):
            continue
        rows = []
        for variant in VARIANTS:
            kinds = f"students, {variant}", f"members, {variant}"
            error = results.methods(variant, BASE, "rmse")
            if np.isnan(error).any():  # of a run that was stopped
                continue
            of_all = np.array(list(results.ratios(*kinds, "rmse").values()))
            of_table = np.exp(np.log(of_all).mean(axis=0))
            fit = np.divide(*results.methods(variant, BASE, "fit"))
            samples, _ = results.methods(variant, BASE, "samples")
            rows.append([
                f"`{variant}`", ratio(*error),
                f"{(error[0] < error[1]).sum()} of {len(results)}",
                ratio(of_table, np.ones(len(of_table))),
                f"{(of_all > 1 + WORSE).sum()} of {of_all.size}",
                f"{samples.sum():.0f}",
                f"{np.median(fit):.2f} ({fit.max():.2f})",
            ])  # fmt: skip
        parts += [
            f"{name} members, {len(results)} tables",
            markdown(
                ["", "stack against stacking: RMSE, ratio", "lower on",
                 "students against members: RMSE, ratio", "more than 2 % worse",
                 "pseudo-samples kept", "fit CPU, ratio: median (largest)"],
                rows,
            ),
        ]  # fmt: skip
    return "\n\n".join([*parts, versions_of(records)])


def main():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=output_file, help="default: regression_variants.jsonl"
    )
    parser.add_argument("--lists", default="classic", help="default: %(default)s")
    parser.add_argument(
        "--variants", help="names, separated by semicolons; default: all"
    )
    parser.add_argument(
        "--max-rows", type=positive, default=1500, help="of a table; default: 1500"
    )
    parser.add_argument("--folds", type=positive, default=1, help="default: 1")
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="three tables, 500 rows")
    arguments = parser.parse_args()
    lists = arguments.lists.split(",")
    variants = arguments.variants.split(";") if arguments.variants else list(VARIANTS)
    check_known(parser, lists, LISTS)
    check_known(parser, variants, VARIANTS)
    tables = list(REGRESSION_DEVELOPMENT)
    default = "regression_variants.jsonl"
    if arguments.quick:
        tables, arguments.max_rows = ["diabetes", "sacramento", "hitters"], 500
        default = "regression_variants_quick.jsonl"
    path = arguments.out or Path(default)
    tasks = [
        (name, table, arguments.max_rows, fold, variant)
        for name in lists
        for variant in (BASE, *variants)
        for table in tables
        for fold in range(arguments.folds)
    ]
    n_jobs = arguments.n_jobs
    print(report(run_all(parser, run, tasks, path, n_jobs, is_result, key_of)))


if __name__ == "__main__":
    main()
