"""Many sites: how many peers shall teach a row?

Twenty sites share a table; each lacks one class. Every site's model may teach every
other, so that lessons grow with the square of their number. For each table, in one
process: mean accuracy of the sites' models on rows of nobody, alone, taught by all
peers that are right, by the ten surest (the default), by the surest, and of the same
learner fitted with the rows of all; CPU time and samples kept against all peers'.
Differences have 95 % intervals by bootstrap over tables.

    python benchmarks/paper/many_sites.py              # about 20 minutes on two cores
    python benchmarks/paper/many_sites.py --quick      # one table
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from problems import KINDS, Problem, members, sites_lacking_a_class
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sklearn_coopkd import CooperativeDistiller
from sklearn_coopkd._peers import SurestPeers

sys.path.append(str(Path(__file__).parents[1]))
from options import output_file, positive
from runs import run_all, versions_of
from tables import bootstrap, markdown

SEED = 0
TABLES = ("vowel", "segment", "satimage", "penbased", "texture", "digits")
CHOICES = {"all": "all", "ten surest": SurestPeers(10), "surest": "best"}


def mean_accuracy(models: list, problem: Problem) -> float:
    """Of models on the rows of nobody."""
    return float(np.mean([m.score(problem.X_test, problem.y_test) for m in models]))


def run(table: str, learner: str, n_sites: int, max_rows: int) -> dict:
    """Accuracies, CPU seconds and samples kept, by choice of peers."""
    warnings.simplefilter("ignore")
    problem = sites_lacking_a_class(SEED, table, n_sites, max_rows)
    models = members(problem, learner, SEED)
    found = {"table": table, "learner": learner, "sites": n_sites, "rows": max_rows}
    with threadpool_limits(1):
        for name, choice in CHOICES.items():
            distiller = CooperativeDistiller(
                list(models.items()),
                peer_selection=choice,
                combine="vote",
                random_state=SEED,
            )
            start = time.process_time()
            distiller.fit(problem.X, problem.y, sites=problem.site)
            found[name] = {
                "seconds": time.process_time() - start,
                "samples": int(distiller.transfer_matrix_.sum()),
                "accuracy": mean_accuracy(distiller.estimators_, problem),
            }
        alone = mean_accuracy(distiller.initial_estimators_, problem)
        pooled = clone(models[problem.sites[0]]).fit(problem.X, problem.y)
    found["alone"] = {"accuracy": alone}
    found["pooled"] = {"accuracy": mean_accuracy([pooled], problem)}
    return found


def key_of(record: dict) -> tuple:
    """What a record is about."""
    return tuple(record[name] for name in ("table", "learner", "sites", "rows"))


def is_result(record: dict) -> bool:
    """Whether a line of a file is one of ours."""
    return {"table", "learner", "sites", "rows", "pooled"} <= set(record)


def report(records: list[dict]) -> str:
    """Accuracy for each table, and what fewer peers cost and save."""

    def values(name: str, what: str) -> np.ndarray:
        return np.array([record[name][what] for record in records])

    names = ["alone", *CHOICES, "pooled"]
    accuracy = {name: 100 * values(name, "accuracy") for name in names}
    rows = [
        [record["table"], *(f"{accuracy[name][k]:.1f}" for name in names)]
        for k, record in enumerate(records)
    ]
    parts = [versions_of(records), markdown(["table", *names], rows)]
    rows = []
    for name in list(CHOICES)[1:]:
        difference = bootstrap(accuracy[name] - accuracy["all"], np.mean, 2)
        ratios = []
        for what in ("seconds", "samples"):
            ratio = np.log(values(name, what) / values("all", what))
            ratios.append(bootstrap(ratio, lambda v: np.exp(np.mean(v)), 2))
        rows.append([name, difference, *ratios])
    head = ["against all", "accuracy, points", "CPU time, ratio", "samples, ratio"]
    return "\n\n".join([*parts, markdown(head, rows)])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", type=positive, default=20, help="default: 20")
    parser.add_argument(
        "--max-rows", type=positive, default=900, help="of a table; default: 900"
    )
    parser.add_argument("--out", type=output_file, default=Path("many_sites.jsonl"))
    parser.add_argument("--learner", choices=KINDS, default="tree")
    parser.add_argument("--quick", action="store_true", help="one table")
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    arguments = parser.parse_args()
    if arguments.sites < 12:
        parser.error(f"--sites: of {arguments.sites} the ten surest are all; take more")
    tasks = [
        (table, arguments.learner, arguments.sites, arguments.max_rows)
        for table in TABLES[: 1 if arguments.quick else None]
    ]
    n_jobs = arguments.n_jobs
    print(report(run_all(parser, run, tasks, arguments.out, n_jobs, is_result, key_of)))


if __name__ == "__main__":
    main()
