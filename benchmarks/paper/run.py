"""The paper's experiments, with ours and every baseline side by side.

    python benchmarks/paper/run.py                      all experiments
    python benchmarks/paper/run.py heart german         some of them
    python benchmarks/paper/run.py --quick              a small case of each
    python benchmarks/paper/run.py ablations            ours with other parameters

Results are lines of JSON in `--out`; started again, it goes on where it was stopped.
At the end it prints the report (`report.py` does it alone, and draws the figures).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from methods import ABLATIONS, METHODS
from problems import EXPERIMENTS, members
from report import is_result, report
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

sys.path.append(str(Path(__file__).parents[1]))
from datasets import FASHION_MNIST
from options import check_known, output_file, positive
from runs import read, resume, work

# where the ablations are run: experiment, case, learners
ABLATED = [
    ("heart", "heart", ["logistic", "forest"]),
    ("german", "german", ["tree"]),
    ("semi", "vowel", ["logistic"]),
    ("overlap", "segment, 50%", ["forest"]),
]


def run(experiment, case, learner, seed, group, method):
    """The record of one method on one problem."""
    warnings.simplefilter("ignore")
    # a network takes an interrupt for the end of its training
    warnings.filterwarnings("error", "Training interrupted")
    record = {
        "experiment": experiment,
        "case": case,
        "learner": learner,
        "seed": seed,
        "group": group,
        "method": method,
    }
    with threadpool_limits(1):
        problem = EXPERIMENTS[experiment].cases[case](seed)
        sites = members(problem, learner, seed)
        started = time.process_time()
        outcome = (METHODS if group == "main" else ABLATIONS)[method](
            problem, sites, seed
        )
        if outcome is None:
            return record
        proba = [ask(problem.X_test) for ask in outcome.asks]
        seconds = time.process_time() - started
    label = np.searchsorted(problem.classes, problem.y_test)
    labels = range(len(problem.classes))
    return record | {
        "sites": problem.sites,
        "accuracy": [float((p.argmax(1) == label).mean()) for p in proba],
        "log_loss": [float(log_loss(label, p, labels=labels)) for p in proba],
        "seconds": seconds,
        **outcome.facts,
    }


def wanted(names, quick, n_seeds):
    """All (experiment, case, learner, seed, group, method) to run."""
    for name, experiment in EXPERIMENTS.items():
        if name not in names:
            continue
        cases = [experiment.quick[0]] if quick else experiment.cases
        learners = [experiment.quick[1]] if quick else experiment.learners
        for seed in range(n_seeds or (1 if quick else experiment.n_seeds)):
            for case in cases:
                for learner in learners:
                    for method in METHODS:
                        yield name, case, learner, seed, "main", method
    if "ablations" in names:
        for name, case, learners in ABLATED[:1] if quick else ABLATED:
            for seed in range(n_seeds or 1):
                for learner in learners[:1] if quick else learners:
                    for method in ABLATIONS:
                        yield name, case, learner, seed, "ablations", method


def key_of(record):
    """What a record is about."""
    fields = ("experiment", "case", "learner", "seed", "group", "method")
    return tuple(record[field] for field in fields)


def main():
    """Command line."""
    names = [*EXPERIMENTS, "ablations"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiments", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument(
        "--out",
        type=output_file,
        help="file of results; default: paper.jsonl, or paper_quick.jsonl",
    )
    parser.add_argument(
        "--seeds", type=positive, help="how many; default: as many as problems.py says"
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="default: all cores")
    parser.add_argument(
        "--quick", action="store_true", help="one case and learner of each experiment"
    )
    arguments = parser.parse_args()
    check_known(parser, arguments.experiments, names)
    default = "paper_quick.jsonl" if arguments.quick else "paper.jsonl"
    path = arguments.out or Path(default)
    if not arguments.experiments and (arguments.quick or not FASHION_MNIST.exists()):
        print("Without Fashion-MNIST (see benchmarks/README.md).")
        names.remove("fashion")

    found = resume(parser, path, is_result)
    done = {key_of(record) for record in found}
    names = arguments.experiments or names
    tasks = [
        key
        for key in wanted(names, arguments.quick, arguments.seeds)
        if key not in done
    ]
    work(run, tasks, path, arguments.n_jobs)
    print(report(read(path, is_result)))


if __name__ == "__main__":
    main()
