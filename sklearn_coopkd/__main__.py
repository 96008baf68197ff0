"""The command line: teach a list of members on one table and show what came of it.

``python -m sklearn_coopkd`` uses a table bundled with scikit-learn,
``python -m sklearn_coopkd TABLE.csv --target COLUMN`` the user's own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import joblib
import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    root_mean_squared_error,
)
from sklearn.model_selection import train_test_split

import sklearn_coopkd
from sklearn_coopkd import CooperativeDistiller, CooperativeDistillerRegressor
from sklearn_coopkd._csv import Format, InputError, read_table
from sklearn_coopkd._members import (
    DEFAULT_MEMBERS,
    DEFAULT_REGRESSORS,
    MEMBERS,
    REGRESSORS,
    make_members,
)
from sklearn_coopkd._saving import check_file, written_whole


@dataclass(frozen=True)
class _Task:
    """What is fitted and compared for labels, or for numbers."""

    distiller: Any
    rivals: dict[str, Any]
    members: dict[str, Callable[[], Any]]
    default_members: Sequence[str]
    metrics: dict[str, str]  # key in JSON -> head of a column


# Training rows of a regression: without two of three folds a third is left, and nearest
# neighbours ask five.
MIN_ROWS = 15
TASKS = {
    "classification": _Task(
        CooperativeDistiller,
        {
            "VotingClassifier": lambda members: VotingClassifier(
                members, voting="soft"
            ),
            "StackingClassifier": StackingClassifier,
        },
        MEMBERS,
        DEFAULT_MEMBERS,
        {"accuracy": "accuracy", "log_loss": "log-loss"},
    ),
    "regression": _Task(
        CooperativeDistillerRegressor,
        {
            "VotingRegressor": VotingRegressor,
            "StackingRegressor": StackingRegressor,
        },
        REGRESSORS,
        DEFAULT_REGRESSORS,
        {"rmse": "RMSE", "mae": "MAE"},
    ),
}


class _Progress:
    """A stream that keeps one line up to date on a terminal, plain lines in a log."""

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.on_terminal = stream.isatty()

    def write(self, text: str) -> int:
        line = text.strip()
        if line:
            self.stream.write(f"\r\x1b[K{line}" if self.on_terminal else f"{line}\n")
            self.stream.flush()
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def clear(self) -> None:
        if self.on_terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_coopkd",
        description="Let classifiers, or regressors, teach each other on a table, and "
        "compare them before and after, and combined, with voting and stacking.",
    )
    parser.add_argument(
        "table",
        nargs="?",
        metavar="TABLE.csv",
        help="a CSV file with a header (default: breast cancer, or diabetes for "
        "regression, from scikit-learn)",
    )
    parser.add_argument(
        "--target",
        help="the column of TABLE.csv to predict; rows where it is empty are left out, "
        "of numbers also those with NA, NaN, NULL, None",
    )
    parser.add_argument(
        "--drop",
        metavar="COLUMNS",
        help="comma-separated columns of TABLE.csv to leave out, such as an id",
    )
    parser.add_argument(
        "--sep",
        metavar="CHARACTER",
        help="what separates the cells of TABLE.csv, such as ';' (default: a comma)",
    )
    parser.add_argument(
        "--decimal",
        metavar="CHARACTER",
        help="what stands before the fraction of a number in TABLE.csv, such as ',' "
        "(default: a point)",
    )
    parser.add_argument(
        "--task",
        choices=TASKS,
        help="default: regression if the target holds fractions, or more distinct "
        "numbers than labels would have",
    )
    parser.add_argument(
        "--members",
        metavar="NAMES",
        help="comma-separated, at least two. "
        + ". ".join(
            f"For {name} of {', '.join(task.members)}; default: "
            f"{','.join(task.default_members)}"
            for name, task in TASKS.items()
        ),
    )
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--test-size",
        type=float,
        default=0.25,
        help="fraction of the rows kept for the test (default: %(default)s)",
    )
    parser.add_argument(
        "--save",
        metavar="FILE",
        help="write the fitted distiller here; read it with joblib.load, from people "
        "you trust",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--version",
        action="version",
        version=f"sklearn_coopkd {sklearn_coopkd.__version__}",
    )
    return parser


# --- the table ------------------------------------------------------------------------


def _load(arguments: argparse.Namespace) -> tuple[str, str, Any, np.ndarray]:
    """Task, name, X and y of the table that the arguments ask for."""
    task = arguments.task
    if arguments.table is None:
        for option in ("target", "drop", "sep", "decimal"):
            if getattr(arguments, option) is not None:
                raise InputError(f"--{option} needs a TABLE.csv.")
        if task == "regression":
            return task, "diabetes (scikit-learn)", *load_diabetes(return_X_y=True)
        data = load_breast_cancer()
        labels = data.target_names[data.target]
        return "classification", "breast cancer (scikit-learn)", data.data, labels
    if arguments.target is None:
        raise InputError(
            f"--target must name the column of {arguments.table} to predict."
        )
    drop = [name.strip() for name in (arguments.drop or "").split(",")]
    drop = [name for name in drop if name]
    separator = "," if arguments.sep is None else arguments.sep
    separator = "\t" if separator == "\\t" else separator  # as a shell gives it
    if len(separator) != 1:
        raise InputError(f"--sep must be one character; got {arguments.sep!r}.")
    decimal = "." if arguments.decimal is None else arguments.decimal
    is_mark = len(decimal) == 1 and not decimal.isalnum() and decimal not in "+-"
    if not is_mark or decimal == separator:
        raise InputError(
            "--decimal must be one mark, such as ',', and another than --sep "
            f"{separator!r}; got {decimal!r}."
        )
    form = Format(separator, decimal)
    task, X, y = read_table(arguments.table, arguments.target, task, drop, form)
    return task, arguments.table, X, y


def _split(X: Any, y: np.ndarray, test_size: float, seed: int, task: str) -> tuple:
    if not 0 < test_size < 1:
        raise InputError(f"--test-size must be between 0 and 1; got {test_size}.")
    if task == "regression":
        n_train = len(y) - int(np.ceil(test_size * len(y)))
        if n_train < MIN_ROWS:
            raise InputError(
                f"--test-size {test_size} leaves {n_train} of {len(y)} rows to train "
                f"on, and {MIN_ROWS} are needed. Lower it, or use a larger table."
            )
        return train_test_split(X, y, test_size=test_size, random_state=seed)
    labels, counts = np.unique(y, return_counts=True)
    n_test = int(np.ceil(test_size * len(y)))
    if counts.min() < 8:
        rare = labels[counts.argmin()]
        raise InputError(
            f"every class must have at least 8 rows; class {rare} has {counts.min()}. "
            "Merge or remove rare classes."
        )
    if min(n_test, len(y) - n_test) < len(labels):
        raise InputError(
            f"--test-size {test_size} leaves fewer than one row per class on one side."
        )
    return train_test_split(X, y, test_size=test_size, stratify=y, random_state=seed)


# --- the work -------------------------------------------------------------------------


def _scores(estimator: Any, X: Any, y: np.ndarray, classes: np.ndarray | None) -> dict:
    ask = estimator.predict if classes is None else estimator.predict_proba
    answers = ask(X)  # a first call may take longer
    start = time.perf_counter()
    ask(X)
    seconds = time.perf_counter() - start
    if classes is None:
        found = {
            "rmse": float(root_mean_squared_error(y, answers)),
            "mae": float(mean_absolute_error(y, answers)),
        }
    else:
        found = {
            "accuracy": float(accuracy_score(y, classes[answers.argmax(axis=1)])),
            "log_loss": float(log_loss(y, answers, labels=classes)),
        }
    return {**found, "predict_seconds": seconds}


def _fit(title: str, estimator: Any, X: Any, y: np.ndarray) -> tuple[Any, float]:
    print(f"fitting {title}")
    start = time.perf_counter()
    estimator.fit(X, y)
    return estimator, time.perf_counter() - start


def _run(
    task_name: str, name: str, X: Any, y: np.ndarray, arguments: argparse.Namespace
) -> tuple:
    """Fit everything; return the report as plain data, and the distiller."""
    parts = _split(X, y, arguments.test_size, arguments.seed, task_name)
    X_train, X_test, y_train, y_test = parts
    task = TASKS[task_name]
    wanted = list(task.default_members)
    if arguments.members is not None:
        wanted = [part.strip() for part in arguments.members.split(",")]
        wanted = [part for part in wanted if part]
    unknown = [member for member in wanted if member not in task.members]
    if unknown:
        raise InputError(
            f"--members has the unknown {unknown[0]!r}; choose for {task_name} from "
            f"{', '.join(task.members)}, or choose another --task."
        )
    if len(wanted) < 2 or len(set(wanted)) != len(wanted):
        raise InputError(
            "--members must be at least two different names, since they teach each "
            f"other; got {arguments.members!r}."
        )
    members = make_members(X_train, wanted, arguments.seed, task.members)
    classes = np.unique(y) if task_name == "classification" else None
    title = task.distiller.__name__
    distiller, seconds = _fit(
        title,
        task.distiller(members, random_state=arguments.seed, verbose=1),
        X_train,
        y_train,
    )
    combined = {}
    for rival_title, make_rival in task.rivals.items():
        rival, rival_seconds = _fit(rival_title, make_rival(members), X_train, y_train)
        scores = _scores(rival, X_test, y_test, classes)
        combined[rival_title] = {**scores, "fit_seconds": rival_seconds}
    scores = _scores(distiller, X_test, y_test, classes)
    combined[title] = {**scores, "fit_seconds": seconds}
    accepted = {r["student"] for r in distiller.history_ if r["accepted"]}
    report = {
        "task": task_name,
        "table": name,
        "n_train": len(y_train),
        "n_test": len(y_test),
        "n_columns": _n_used(X),
        "classes": None if classes is None else [str(label) for label in classes],
        "seed": arguments.seed,
        "versions": {
            "sklearn_coopkd": sklearn_coopkd.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "rounds": distiller.n_iter_,
        "termination": distiller.termination_condition_,
        "members": {
            member: {
                "before": _scores(before, X_test, y_test, classes),
                "after": _scores(after, X_test, y_test, classes),
                "changed": member in accepted,
            }
            for member, before, after in zip(
                wanted, distiller.initial_estimators_, distiller.estimators_
            )
        },
        "transfer": {  # pseudo-samples of a teacher that each student kept
            teacher: dict(zip(wanted, row))
            for teacher, row in zip(wanted, distiller.transfer_matrix_.tolist())
        },
        "combined": combined,
    }
    return report, distiller.set_params(verbose=0)  # it is silent where it is loaded


def _n_used(X: Any) -> int:
    """Columns that members use: those of a frame that are not empty."""
    if isinstance(X, np.ndarray):
        return X.shape[1]
    return int(X.notna().any().sum())


def _check_save(path: Path, table: str | None) -> None:
    """Raise before anything is fitted if a file cannot, or must not, be written."""
    target = check_file(path, "--save")
    if table is not None and target == os.path.realpath(table):
        raise InputError(f"--save must not replace the table; got {path} for both.")


def _save(distiller: Any, path: Path) -> None:
    """Write a distiller, whole or not at all."""
    with written_whole(path, "--save") as temporary:
        joblib.dump(distiller, temporary)
    print(f"saved: {path}", file=sys.stderr)


# --- the report -----------------------------------------------------------------------


def _table(header: list[str], rows: list[list[str]]) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    lines = []
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def _text(report: dict) -> str:
    members, combined = report["members"], report["combined"]
    metrics = TASKS[report["task"]].metrics
    rows = []
    for name, member in members.items():
        row = [name]
        for key in metrics:
            row += [_figure(member[kind][key]) for kind in ("before", "after")]
        rows.append([*row, "kept" if member["changed"] else "as before"])
    header = ["member"]
    for title in metrics.values():
        header += [title, "-> after"]
    classes = report["classes"]
    told = "" if classes is None else f", {len(classes)} classes"
    sections = [
        f"{report['table']}: {report['n_train']} training rows, {report['n_test']} "
        f"test rows, {report['n_columns']} columns{told}; "
        f"seed {report['seed']}; {report['rounds']} round(s)",
        "Members on the test rows, before and after teaching\n"
        + _table([*header, "lessons"], rows),
    ]
    matrix = [
        [teacher, *(str(n) if n else "." for n in kept.values())]
        for teacher, kept in report["transfer"].items()
    ]
    sections.append(
        "Who taught whom: pseudo-samples that students kept\n"
        + _table(["teacher \\ student", *members], matrix)
    )
    rows = [
        [
            name,
            *(_figure(scores[key]) for key in metrics),
            f"{scores['fit_seconds']:.2f}",
            f"{1000 * scores['predict_seconds']:.1f}",
        ]
        for name, scores in combined.items()
    ]
    header = ["combined", *metrics.values(), "fit s", "predict ms"]
    sections.append("The same members combined\n" + _table(header, rows))
    return "\n\n".join(sections)


def _figure(value: float) -> str:
    """Three decimals, or four significant digits of what is larger or tiny."""
    return f"{value:.3f}" if 0.01 <= abs(value) < 10 else f"{value:.4g}"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit code.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; None: those of the process.

    Returns
    -------
    code : int
        0, or 2 for bad input.
    """
    arguments = _parser().parse_args(argv)
    progress = _Progress(sys.stderr)
    try:
        if not 0 <= arguments.seed < 2**32:
            raise InputError(f"--seed must be 0 to 2**32 - 1; got {arguments.seed}.")
        path = None if arguments.save is None else Path(arguments.save)
        if path is not None:
            _check_save(path, arguments.table)
        task, name, X, y = _load(arguments)
        with redirect_stdout(progress), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            report, distiller = _run(task, name, X, y, arguments)
        progress.clear()
        if path is not None:
            _save(distiller, path)
    except (InputError, ValueError, OSError) as error:
        progress.clear()
        notes = getattr(error, "__notes__", [])  # they name the member
        message = " ".join(" ".join([str(error), *notes]).split())
        print(f"sklearn_coopkd: error: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        progress.clear()
        return 130
    print(json.dumps(report, indent=2) if arguments.json else _text(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
