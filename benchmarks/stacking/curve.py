"""What small models gain by distillation, and what more real rows would give them.

    python benchmarks/stacking/curve.py           the development tables with most rows
    python benchmarks/stacking/curve.py --quick   two of them, one seed

The small list of `lists.py` is fitted with the first rows of a shuffled table, twice as
many, and so on, and distilled on the fewest: a yardstick for what a student gains, in
accuracy and log-loss. Results are lines of JSON in `--out`; started again, it goes on
where it was stopped.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from lists import DEPLOYED, members_and_rows
from run import scores
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistiller

sys.path.append(str(Path(__file__).parents[1]))
from datasets import load
from options import output_file, positive
from runs import run_all, versions
from tables import markdown, points, ratio

# development tables with at least 4,300 rows: twice as many as 1,400 are in two thirds
TABLES = ("phoneme", "spambase", "credit", "hpc", "penbased", "satimage", "texture",
          "flights")  # fmt: skip
SIZES = (700, 1400, 2800)
MAX_ROWS = 20_000
TEACHER = "forest"  # the strong one of the list


def is_result(record):
    """Whether a record is one of this script."""
    return record.get("benchmark") == "curve" and record["sizes"] == list(SIZES)


def run(table, seed):
    """Scores of every member with more and more rows, and of students with few."""
    warnings.simplefilter("ignore")
    X, y = load(table, MAX_ROWS)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=1 / 3, stratify=y, random_state=seed
    )
    alone = {}
    with threadpool_limits(1):
        for n in SIZES:
            members, rows, rows_test = members_and_rows(
                "small", X_train.iloc[:n], X_test, seed
            )
            classes = np.unique(y_train[:n])

            def judged(model, rows_test=rows_test, classes=classes):
                return scores(model.predict_proba(rows_test), y_test, classes)

            alone[str(n)] = {
                name: judged(clone(model).fit(rows, y_train[:n]))
                for name, model in members
            }
            if n == SIZES[0]:
                distiller = CooperativeDistiller(members, random_state=seed)
                distiller.fit(rows, y_train[:n])
                students = distiller.named_estimators_.items()
                taught = {name: judged(student) for name, student in students}
    return {
        "benchmark": "curve",
        "table": table,
        "seed": seed,
        "sizes": SIZES,
        "alone": alone,
        "taught": taught,
    }


def report(records):
    """Markdown: means over tables of means over seeds."""
    tables = sorted({record["table"] for record in records})

    def each(get, name, key):
        """One value a table."""
        return np.array([
            np.mean([get(r)[name][key] for r in records if r["table"] == table])
            for table in tables
        ])  # fmt: skip

    def alone(n):
        return lambda record: record["alone"][str(n)]

    few = alone(SIZES[0])
    others = [lambda record: record["taught"], *map(alone, SIZES[1:])]
    rows = []
    for name in DEPLOYED:
        base = each(few, name, "accuracy")
        row = [name, f"{100 * base.mean():.1f} %"]
        row += [points(each(get, name, "accuracy"), base) for get in others]
        row.append(points(each(few, TEACHER, "accuracy"), base))
        rows.append(row)
        base = each(few, name, "log_loss")
        row = [f"{name}, log-loss", f"{base.mean():.3f}"]
        row += [ratio(each(get, name, "log_loss"), base) for get in others]
        row.append(ratio(each(few, TEACHER, "log_loss"), base))
        rows.append(row)
    head = [f"{SIZES[0]} rows", "alone", "distilled"]
    head += [f"{n} real rows" for n in SIZES[1:]] + [f"the {TEACHER}, {SIZES[0]} rows"]
    seeds = len({record["seed"] for record in records})
    return "\n\n".join(
        [f"{len(tables)} tables, {seeds} seeds", markdown(head, rows), f"{versions()}"]
    )


def key_of(record):
    """What a record is about."""
    return record["table"], record["seed"]


def main():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=output_file, help="default: curve.jsonl")
    parser.add_argument("--seeds", type=positive, default=5, help="default: 5")
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    parser.add_argument("--quick", action="store_true", help="two tables, one seed")
    arguments = parser.parse_args()
    tables, n_seeds = TABLES, arguments.seeds
    if arguments.quick:
        tables, n_seeds = TABLES[:2], 1
    path = arguments.out or Path(
        "curve_quick.jsonl" if arguments.quick else "curve.jsonl"
    )
    tasks = [(table, seed) for table in tables for seed in range(n_seeds)]
    n_jobs = arguments.n_jobs
    print(report(run_all(parser, run, tasks, path, n_jobs, is_result, key_of)))


if __name__ == "__main__":
    main()
