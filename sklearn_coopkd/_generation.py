"""Samples of a round: what generators make for teachers, and what members say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sklearn_coopkd._containers import concat_rows, take_rows
from sklearn_coopkd._fitting import Fitted, ask, failure
from sklearn_coopkd._lessons import Samples, make_samples
from sklearn_coopkd._problem import Problem
from sklearn_coopkd._responses import was_asked
from sklearn_coopkd._soft_labels import LabelPool, LinearLabelPool

# Runs jobs (phase, function, arguments of each call, the member of each) in parallel,
# and handles members that fail.
Run = Callable[[str, Callable, list[tuple], list[str]], list]


@dataclass(frozen=True)
class Call:
    """One call of the generator: a teacher, for all bases that need it."""

    name: str  # of the teacher
    teacher: Fitted
    asked: list[Fitted]  # who say together what it has made; none: it says so alone
    pool: np.ndarray  # rows that are anchors
    sources: np.ndarray  # rows that samples are made from, ascending


@dataclass(frozen=True)
class Batch:
    """What one call has made, as a base needs it."""

    teacher: int  # position of the member
    position: np.ndarray  # of the base's sources in the rows of its plan
    sources: np.ndarray  # rows that samples were made from, for other bases too
    samples: Samples


def generate(
    problem: Problem, calls: dict[tuple, Call], run: Run
) -> dict[tuple, Samples]:
    """Let each teacher make its samples."""
    jobs = [
        (
            call.name,
            problem.task if problem.soft_targets and not call.asked else None,
            problem.generator,
            call.teacher.responder(problem.task),
            *(take_rows(problem.X, call.sources), problem.y[call.sources]),
            *(take_rows(problem.X, call.pool), problem.y[call.pool]),
            problem.seed,
            call.teacher.columns,
        )
        for call in calls.values()
    ]
    n_samples = sum(len(call.sources) for call in calls.values())
    owners = [name for name, *_ in jobs]
    results = run(f"generating {n_samples} samples", _make, jobs, owners)
    return dict(zip(calls, results))


def _make(name, task, generator, teacher, X, y, X_pool, y_pool, *rest):
    """Samples; with a task also what their teacher answers about them.

    If the teacher fails, not the generator, its failure.
    """
    try:
        samples = make_samples(generator, teacher, X, y, X_pool, y_pool, *rest)
        if task is None:
            return samples
        target = task.teachers_targets(teacher, samples, y, y_pool)
        return replace(samples, target=target)
    except Exception as error:
        if not was_asked(error):
            error.add_note(f"Raised by the generator, with the teacher {name!r}.")
            raise
        return failure(name, error)


def ask_about(
    problem: Problem,
    calls: dict[tuple, Call],
    samples: dict[tuple, Samples],
    names: list[str],
    run: Run,
) -> dict[tuple, np.ndarray]:
    """What the members say of what was made, where they are asked.

    Parameters
    ----------
    problem : Problem

    calls : dict of Call

    samples : dict of Samples
        Of each call.

    names : list of str
        Of those who are asked.

    run : Run

    Returns
    -------
    answers : dict of ndarray of shape (n_asked, n_successes, n_outputs)
        Of each call that asks. Each model is asked once, about what all teachers have
        made.
    """
    groups: dict[tuple, list[tuple]] = {}
    for key, call in calls.items():
        if call.asked:
            groups.setdefault(tuple(map(id, call.asked)), []).append(key)
    taught = {key: np.flatnonzero(samples[key].success) for key in calls}
    jobs = []
    for keys in groups.values():
        X = concat_rows([take_rows(samples[key].X, taught[key]) for key in keys])
        for name, fitted in zip(names, calls[keys[0]].asked):
            jobs.append((name, fitted.responder(problem.task), problem.task, X))
    owners = [name for name, *_ in jobs]
    results = iter(run("asking about them", ask, jobs, owners))
    answers: dict[tuple, np.ndarray] = {}
    for keys in groups.values():
        of_all = np.array([next(results) for _ in calls[keys[0]].asked])
        ends = np.cumsum([len(taught[key]) for key in keys])
        answers.update(zip(keys, np.split(of_all, ends[:-1], axis=1)))
    return answers


def labelled(
    problem: Problem,
    samples: Samples,
    sources: np.ndarray,
    answers: np.ndarray,
    pool: LabelPool | LinearLabelPool,
) -> Samples:
    """Samples with the soft labels that a pool makes of what the members say."""
    taught = np.flatnonzero(samples.success)
    target = np.zeros((len(sources), problem.task.n_outputs))
    target[taught] = pool.soft_labels(answers, problem.truth[sources[taught]])
    return replace(samples, target=target)
