"""Members, students, voting, stacking and the distiller on real tables.

For each table, everything is fitted in one process, on one thread, on the same folds
with the same members and seeds. Figures are means over folds, then over tables; the
intervals are 95 % t-intervals of paired differences over tables, and ratios of
log-losses and of times are geometric means.

    python benchmarks/stacking/run.py --out results.json     # about 8 minutes
    python benchmarks/stacking/run.py --quick                # about 1 minute
    python benchmarks/stacking/run.py --report results.json  # print the tables again
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedStratifiedKFold
from threadpoolctl import threadpool_limits

import sklearn_coopkd
from sklearn_coopkd import CooperativeDistiller, QuintessentialGenerator
from sklearn_coopkd._members import DEFAULT_MEMBERS, make_members

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from datasets import DEVELOPMENT, load
from options import check_known, output_file, positive


class TimedGenerator(QuintessentialGenerator):
    """The default generator, with the CPU time that it took, over all clones."""

    seconds = 0.0

    def generate(self, *args, **kwargs):
        """Delegate and add up."""
        start = time.process_time()
        made = super().generate(*args, **kwargs)
        TimedGenerator.seconds += time.process_time() - start
        return made


def _evaluate(proba, y, classes):
    return {
        "accuracy": float(np.mean(classes[proba.argmax(axis=1)] == y)),
        "log_loss": float(log_loss(y, proba, labels=classes)),
    }


def _fit(estimator, X, y):
    start = time.process_time()
    estimator.fit(X, y)
    return time.process_time() - start


def run_fold(X_train, y_train, X_test, y_test, seed, variants):
    """All methods on one split: {method: scores}; members and students as means."""
    classes = np.unique(y_train)
    members = make_members(X_train, random_state=seed)
    record = {}
    for name, rival in {
        "voting": VotingClassifier(members, voting="soft"),
        "stacking": StackingClassifier(members, cv=5),
    }.items():
        seconds = _fit(rival, X_train, y_train)
        record[name] = _evaluate(rival.predict_proba(X_test), y_test, classes)
        record[name]["fit"] = seconds
    for variant, params in variants.items():
        params = dict(params)
        generator = TimedGenerator(**params.pop("generator", {}))
        distiller = CooperativeDistiller(
            members, generator=generator, random_state=seed, **params
        )
        TimedGenerator.seconds = 0.0
        seconds = _fit(distiller, X_train, y_train)
        for combine in ("stack", "vote", "best"):
            distiller.set_params(combine=combine)
            proba = distiller.predict_proba(X_test)
            record[f"{variant}/{combine}"] = _evaluate(proba, y_test, classes)
        record[f"{variant}/stack"] |= {
            "fit": seconds,
            "generation": TimedGenerator.seconds / seconds,
        }
        for kind, fitted in {
            "members": distiller.initial_estimators_,
            "students": distiller.estimators_,
        }.items():
            scores = [
                _evaluate(estimator.predict_proba(X_test), y_test, classes)
                for estimator in fitted
            ]
            record[f"{variant}/{kind}"] = {
                key: [score[key] for score in scores] for key in scores[0]
            }
    return record


def run_table(name, max_rows, n_repeats, variants):
    """All folds of one table."""
    warnings.simplefilter("ignore")  # convergence of members, once more in every fold
    X, y = load(name, max_rows)
    splitter = RepeatedStratifiedKFold(n_splits=3, n_repeats=n_repeats, random_state=0)
    with threadpool_limits(1):
        folds = [
            run_fold(X.iloc[a], y[a], X.iloc[b], y[b], seed, variants)
            for seed, (a, b) in enumerate(splitter.split(X, y))
        ]
    print(f"{name}: {X.shape[0]} x {X.shape[1]}", file=sys.stderr, flush=True)
    return {"table": name, "shape": X.shape, "n_classes": len(set(y)), "folds": folds}


# --- report ---------------------------------------------------------------------------


def _means(results, method, key):
    """Mean over folds (and members) for each table."""
    values = [
        np.mean([fold[method][key] for fold in table["folds"]]) for table in results
    ]
    return np.array(values)


def _interval(differences, scale=1.0):
    """Mean and 95 % t-interval, as text."""
    mean, n = differences.mean(), len(differences)
    half = stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n)
    low, high = mean - half, mean + half
    return f"{scale * mean:+.2f} [{scale * low:+.2f}, {scale * high:+.2f}]"


def _ratio(a, b):
    """Geometric mean of a / b with its 95 % interval, as text."""
    log = np.log(a / b)
    half = stats.t.ppf(0.975, len(log) - 1) * log.std(ddof=1) / np.sqrt(len(log))
    low, mean, high = np.exp([log.mean() - half, log.mean(), log.mean() + half])
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def report(data):
    """Markdown tables of the results."""
    results, variants = data["results"], list(data["variants"])
    n = len(results)
    base_accuracy = _means(results, "stacking", "accuracy")
    base_loss = _means(results, "stacking", "log_loss")
    base_fit = _means(results, "stacking", "fit")
    lines = [
        f"{n} tables, {len(results[0]['folds'])} folds each; {data['versions']}",
        "",
        "| against StackingClassifier(cv=5) | accuracy, points | wins | log-loss, "
        "ratio | wins | fit CPU time, ratio: median (largest) | generation, share |",
        "|---|---|---|---|---|---|---|",
    ]
    methods = [
        "voting",
        *(f"{v}/{c}" for v in variants for c in ("stack", "vote", "best")),
    ]
    for method in methods:
        accuracy = _means(results, method, "accuracy")
        loss = _means(results, method, "log_loss")
        cost = share = ""
        if "fit" in results[0]["folds"][0][method]:
            ratio = _means(results, method, "fit") / base_fit
            cost = f"{np.median(ratio):.2f} ({ratio.max():.2f})"
        if "generation" in results[0]["folds"][0][method]:
            shares = _means(results, method, "generation")
            share = f"{np.median(shares):.0%} ({shares.max():.0%})"
        lines.append(
            f"| {method} | {_interval(accuracy - base_accuracy, 100)} "
            f"| {(accuracy > base_accuracy).sum()}/{n} | {_ratio(loss, base_loss)} "
            f"| {(loss < base_loss).sum()}/{n} | {cost} | {share} |"
        )
    lines += [
        "",
        "| students against members | accuracy, points | tables better / worse "
        "| log-loss, ratio |",
        "|---|---|---|---|",
    ]
    for variant in variants:
        before = _means(results, f"{variant}/members", "accuracy")
        after = _means(results, f"{variant}/students", "accuracy")
        losses = [
            _means(results, f"{variant}/{kind}", "log_loss")
            for kind in ("students", "members")
        ]
        lines.append(
            f"| {variant} | {_interval(after - before, 100)} "
            f"| {(after > before).sum()} / {(after < before).sum()} "
            f"| {_ratio(*losses)} |"
        )
    first = variants[0]
    lines += [
        "",
        f"| each member, {first} | " + " | ".join(data["members"]) + " |",
        "|---|" + "---|" * len(data["members"]),
    ]
    gains = {
        key: np.array(
            [
                np.mean(
                    [
                        np.subtract(
                            fold[f"{first}/students"][key],
                            fold[f"{first}/members"][key],
                        )
                        for fold in table["folds"]
                    ],
                    axis=0,
                )
                for table in results
            ]
        )
        for key in ("accuracy", "log_loss")
    }
    for key, scale in (("accuracy", 100), ("log_loss", 1)):
        cells = [
            _interval(gains[key][:, j], scale) for j in range(len(data["members"]))
        ]
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| table | rows x columns | classes | accuracy: stacking | distiller "
        "| log-loss: stacking | distiller | students - members, points | fit ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    accuracy = _means(results, f"{first}/stack", "accuracy")
    loss = _means(results, f"{first}/stack", "log_loss")
    fit = _means(results, f"{first}/stack", "fit")
    for k, table in enumerate(results):
        lines.append(
            f"| {table['table']} | {table['shape'][0]} x {table['shape'][1]} "
            f"| {table['n_classes']} | {base_accuracy[k]:.4f} | {accuracy[k]:.4f} "
            f"| {base_loss[k]:.4f} | {loss[k]:.4f} "
            f"| {100 * gains['accuracy'][k].mean():+.2f} "
            f"| {fit[k] / base_fit[k]:.2f} |"
        )
    return "\n".join(lines)


VARIANTS = {
    "default": {},
    "no gate": {"validation": None},
}


def main():
    """Parse the arguments, run, write, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=output_file, help="write the results here, as JSON"
    )
    parser.add_argument("--report", type=Path, help="only report on earlier results")
    parser.add_argument("--tables", default=",".join(DEVELOPMENT), help="names")
    parser.add_argument("--max-rows", type=positive, default=3000, help="of a table")
    parser.add_argument("--repeats", type=positive, default=2, help="splits of each")
    parser.add_argument("--jobs", type=int, default=2, help="tables at a time")
    parser.add_argument(
        "--variants",
        type=json.loads,
        default=VARIANTS,
        help='JSON: {"name": {parameters}}; "generator" takes a dictionary, too',
    )
    parser.add_argument("--quick", action="store_true", help="few rows, three tables")
    arguments = parser.parse_args()
    if arguments.report is not None:
        print(report(json.loads(arguments.report.read_text())))
        return
    tables = arguments.tables.split(",")
    check_known(parser, tables, DEVELOPMENT)
    if arguments.quick:
        tables, arguments.max_rows, arguments.repeats = tables[:5:2], 500, 1
    results = joblib.Parallel(n_jobs=arguments.jobs)(
        joblib.delayed(run_table)(
            name, arguments.max_rows, arguments.repeats, arguments.variants
        )
        for name in tables
    )
    data = {
        "versions": {
            "sklearn_coopkd": sklearn_coopkd.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "seed": 0,
        "max_rows": arguments.max_rows,
        "variants": arguments.variants,
        "members": list(DEFAULT_MEMBERS),
        "results": results,
    }
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(data))
    print(report(data))


if __name__ == "__main__":
    main()
