"""What a pseudo-sample costs, and how near it is: ours against three libraries.

The same teachers, source rows and pool for everybody (of a large pool, the rows that
ours considers); rivals, which work row by row, get the first few sources. Prints, for
each table and teacher: CPU milliseconds per pseudo-sample, share of rows that reach
their target when the teacher is asked again, mean Manhattan distance (numbers in
standard deviations of the training rows, 1 per changed category), mean number of
changed columns, and ratios on the rows that both reached.

    python benchmarks/generators/cost.py             # about 40 minutes
    python benchmarks/generators/cost.py --quick     # about 3 minutes
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from rivals import RIVALS, Table
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

import sklearn_coopkd
from sklearn_coopkd import QuintessentialGenerator
from sklearn_coopkd._responses import ClassifierResponder
from sklearn_coopkd.generators._neighbors import choose_anchors

sys.path.append(str(Path(__file__).parents[1]))
from datasets import flights, load
from options import output_file, positive

ALPHA = 0.5


def tables():
    """Name -> loader of (frame, labels): small and large, numeric and mixed."""
    return {
        "breast_cancer": lambda: load("breast_cancer"),
        "german": lambda: load("german"),
        "flights": lambda: flights(200_000),
        "flights, numbers": lambda: _numbers(flights(200_000)),
    }


def _numbers(table):
    X, y = table
    return X.select_dtypes("number"), y


def teachers(X, seed=0):
    """Five learners; scaled and one-hot encoded where they need it."""
    numeric = make_column_selector(dtype_include="number")
    mixed = len(X.select_dtypes("number").columns) < X.shape[1]

    def prepared(estimator, scale):
        number = StandardScaler() if scale else "passthrough"
        if not mixed:
            return make_pipeline(number, estimator) if scale else estimator
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        other = make_column_selector(dtype_exclude="number")
        return make_pipeline(
            make_column_transformer((number, numeric), (encoder, other)), estimator
        )

    return {
        "logistic": prepared(LogisticRegression(max_iter=1000), True),
        "tree": prepared(
            DecisionTreeClassifier(min_samples_leaf=5, random_state=seed), False
        ),
        "forest": prepared(
            RandomForestClassifier(100, min_samples_leaf=2, random_state=seed), False
        ),
        "boosting": prepared(HistGradientBoostingClassifier(random_state=seed), False),
        "mlp": prepared(MLPClassifier(max_iter=300, random_state=seed), True),
    }


def positions(classes, labels):
    """Columns of the labels."""
    return np.array([classes.index(label) for label in labels])


def distances(X, made, scale):
    """Manhattan distance and changed columns, row by row."""
    total, changed = np.zeros(len(X)), np.zeros(len(X))
    for name in X:
        if name in scale:
            step = np.abs(made[name].to_numpy() - X[name].to_numpy()) / scale[name]
        else:
            step = (made[name].astype(str).to_numpy() != X[name].astype(str)).to_numpy()
        total += step
        changed += step > 0
    return total, changed


def closed_form(model, X, y, target, scale):
    """Least Manhattan distance to a binary linear model's target: one column moves."""
    scaler, linear = model[0], model[-1]
    weight = linear.coef_[0] / scaler.scale_
    value = model.decision_function(X.to_numpy()) * np.where(
        y == linear.classes_[1], 1, -1
    )
    missing = np.log(target / (1 - target)) - value
    return missing / np.max(np.abs(weight) * pd.Series(scale)[list(X)].to_numpy())


def leaf_distance(tree, X, y, target, scale):
    """Least Manhattan distance to a leaf that reaches the target, leaf by leaf."""
    structure = tree.tree_
    boxes = []

    def walk(node, low, high):
        left, right = structure.children_left[node], structure.children_right[node]
        if left < 0:
            boxes.append((low, high, structure.value[node, 0]))
            return
        j, threshold = structure.feature[node], structure.threshold[node]
        walk(left, low, {**high, j: min(high.get(j, np.inf), threshold)})
        walk(right, {**low, j: max(low.get(j, -np.inf), threshold)}, high)

    walk(0, {}, {})
    values = X.to_numpy()
    unit = [scale[name] for name in X]
    column = {label: k for k, label in enumerate(tree.classes_)}
    best = np.full(len(X), np.inf)
    for low, high, value in boxes:
        total = np.zeros(len(X))
        for j, bound in low.items():
            total += np.maximum(bound - values[:, j], 0) / unit[j]
        for j, bound in high.items():
            total += np.maximum(values[:, j] - bound, 0) / unit[j]
        share = np.array([value[column[label]] for label in y])
        best = np.where(share >= target, np.minimum(best, total), best)
    return best


def compare(name, load_table, arguments):
    """All teachers of one table; one record per teacher and method."""
    X, y = load_table()
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.5, stratify=y, random_state=0
    )
    X_pool, y_pool = X.iloc[train].reset_index(drop=True), y[train]
    X_test, y_test = X.iloc[test].reset_index(drop=True), y[test]
    table = Table(X)
    scale = X_pool.select_dtypes("number").std(ddof=0).replace(0, 1.0).to_dict()
    records = []
    for learner, model in teachers(X).items():
        if learner not in arguments.teachers:
            continue
        rows_of = table.for_teacher
        model.fit(rows_of(X_pool), y_pool)
        classes = list(model.classes_)
        label_of = partial(positions, classes)
        p_test = model.predict_proba(rows_of(X_test))[
            np.arange(len(X_test)), label_of(y_test)
        ]
        p_pool = model.predict_proba(rows_of(X_pool))[
            np.arange(len(X_pool)), label_of(y_pool)
        ]
        target = p_test + ALPHA * (1 - p_test)
        known = choose_anchors(
            y_pool, QuintessentialGenerator().max_pool, np.random.RandomState(0)
        )
        top = np.array(
            [p_pool[known][y_pool[known] == label].max() for label in classes]
        )
        # a fair question: something is left to gain, and a row of the pool shows it
        fair = np.flatnonzero((p_test < 0.99) & (target <= top[label_of(y_test)]))
        rng = np.random.RandomState(0)
        # few rows are given repeatedly to fill a batch; nothing is reused between rows
        rows = np.resize(rng.permutation(fair), max(arguments.batch, 1))
        sources, labels = X_test.iloc[rows].reset_index(drop=True), y_test[rows]
        goal = target[rows]
        base = {"table": name, "teacher": learner, "distinct": len(fair)}
        results = {}
        for method in ("swap", "segment"):
            generator = QuintessentialGenerator(alpha=ALPHA, method=method)
            call = model, rows_of(sources), labels, rows_of(X_pool), y_pool
            begin = time.process_time()
            made = generator.generate(*call, random_state=0)
            cost = time.process_time() - begin
            results[method] = (
                pd.DataFrame(made.X_pseudo, columns=list(X)),
                cost / len(rows),
                made.success,
                made.report,
            )
        for key in arguments.rivals:
            n = {"swarm": arguments.swarm, "dice": arguments.dice}.get(
                key, arguments.nice
            )
            # ours asks a forest's trees directly; rivals do so on request
            asked = (
                ClassifierResponder(model, model.classes_)
                if arguments.direct
                else model
            )
            rival = RIVALS[key](asked, table, X_pool.iloc[known], y_pool[known])
            found, begin = [], time.process_time()
            for row in range(min(n, len(rows))):
                found.append(rival.make(sources.iloc[[row]], labels[row], goal[row]))
            cost = (time.process_time() - begin) / len(found)
            have = np.array([f is not None for f in found])
            parts = [
                f if f is not None else sources.iloc[[k]] for k, f in enumerate(found)
            ]
            made = table.like(pd.concat(parts, ignore_index=True))
            results[key] = (made, cost, have, {})
        per_row = {}
        for key, (made, cost, have, report) in results.items():
            n = len(made)
            again = model.predict_proba(rows_of(made))[
                np.arange(n), label_of(labels[:n])
            ]
            slack = RIVALS[key].tolerance if key in RIVALS else 0.0
            reached = have & (again >= goal[:n] - slack)
            if key not in RIVALS and (have & ~reached).any():
                raise AssertionError(f"{key}: a success that is none: {base}")
            total, changed = distances(sources[:n], made, scale)
            per_row[key] = (reached, total)
            records.append(
                base
                | {
                    "method": key,
                    "n": n,
                    "ms": 1000 * cost,
                    "success": float(reached.mean()),
                    "distance": float(total[reached].mean()) if reached.any() else None,
                    "changed": float(changed[reached].mean())
                    if reached.any()
                    else None,
                    "report": report,
                }
            )
        swap_reached, swap_total = per_row["swap"]
        for record in records[-len(results) :]:
            reached, total = per_row[record["method"]]
            both = reached & swap_reached[: len(reached)]
            if record["method"] in RIVALS and both.any():
                record["swap_distance_ratio"] = float(
                    swap_total[: len(reached)][both].sum() / total[both].sum()
                )
                record["cost_ratio"] = {
                    m: results[m][1] / results[record["method"]][1]
                    for m in ("swap", "segment")
                }
        optimum = None
        if learner == "logistic" and not table.categorical:
            optimum = closed_form(model, sources, labels, goal, scale)
        if learner == "tree" and not table.categorical:
            optimum = leaf_distance(model, sources, labels, goal, scale)
        if optimum is not None:
            for record in records[-len(results) :]:
                reached, total = per_row[record["method"]]
                best = optimum[: len(reached)][reached]
                if reached.any():
                    record["optimum_ratio"] = float(total[reached].sum() / best.sum())
        for record in records[-len(results) :]:
            show(record)
    return records


def show(record):
    """One line of the report."""
    ratio = record.get("cost_ratio")
    print(
        f"{record['table']:17} {record['teacher']:9} {record['method']:14} "
        f"{record['n']:4d} rows {record['ms']:10.3f} ms  {record['success']:6.1%}  "
        f"L1 {record['distance'] or np.nan:7.3f}  "
        f"changed {record['changed'] or np.nan:5.1f}"
        + (
            f"  cost swap 1/{1 / ratio['swap']:.0f} "
            f"segment 1/{1 / ratio['segment']:.0f}"
            f"  L1 of swap x {record['swap_distance_ratio']:.2f}"
            if ratio
            else ""
        )
        + (
            f"  optimum x {record['optimum_ratio']:.3f}"
            if "optimum_ratio" in record
            else ""
        ),
        flush=True,
    )


def summary(records):
    """One row for each table and teacher: our cost as a share of each rival's."""
    rivals = [key for key in RIVALS if any(r["method"] == key for r in records)]
    head = ["table, teacher", "ms: segment", "swap", "reached", "swap / optimum"]
    for key in rivals:
        head += [f"cost / {key}: segment", "swap", "distance: swap"]
    print("\n| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for table, teacher in dict.fromkeys((r["table"], r["teacher"]) for r in records):
        own = {
            r["method"]: r
            for r in records
            if (r["table"], r["teacher"]) == (table, teacher)
        }
        segment, swap = own["segment"], own["swap"]
        reached = min(segment["success"], swap["success"])
        optimum = swap.get("optimum_ratio")
        cells = [
            f"{table}, {teacher}",
            f"{segment['ms']:.3f}",
            f"{swap['ms']:.3f}",
            f"{reached:.1%}",
            "" if optimum is None else f"{optimum:.3f}",
        ]
        for key in rivals:
            cost = own[key].get("cost_ratio")
            if cost is None:
                cells += ["", "", ""]
                continue
            cells += [f"1/{1 / cost['segment']:,.0f}", f"1/{1 / cost['swap']:,.0f}"]
            cells.append(f"{own[key]['swap_distance_ratio']:.2f}")
        print("| " + " | ".join(cells) + " |")


def main():
    """Run the tables and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tables", nargs="+", default=list(tables()), choices=list(tables())
    )
    parser.add_argument(
        "--teachers",
        nargs="+",
        default=["logistic", "tree", "forest", "boosting", "mlp"],
    )
    parser.add_argument(
        "--rivals", nargs="*", default=list(RIVALS), choices=list(RIVALS)
    )
    parser.add_argument("--batch", type=positive, default=500, help="rows for ours")
    parser.add_argument("--nice", type=positive, default=100, help="rows for NICE")
    parser.add_argument("--dice", type=positive, default=10, help="rows for DiCE")
    parser.add_argument("--swarm", type=positive, default=3, help="rows for the swarm")
    parser.add_argument(
        "--direct",
        action="store_true",
        help="rivals, too, ask a forest's trees without the forest's own overhead",
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=output_file, help="JSON file for the records")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.tables = ["breast_cancer"]
        arguments.nice, arguments.dice, arguments.swarm = 20, 3, 1
    print(
        f"sklearn_coopkd {sklearn_coopkd.__version__}, scikit-learn "
        f"{sklearn.__version__}, numpy {np.__version__}, pandas {pd.__version__}, "
        f"python {platform.python_version()}; alpha {ALPHA}, seed 0, one thread"
    )
    warnings.simplefilter("ignore")
    records = []
    with threadpool_limits(1):
        for name in arguments.tables:
            records += compare(name, tables()[name], arguments)
    summary(records)
    if arguments.out:
        arguments.out.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
