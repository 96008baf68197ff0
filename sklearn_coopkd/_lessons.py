"""Lessons: the pseudo-samples that a student is fitted with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_coopkd._codec import NothingToMove
from sklearn_coopkd._containers import (
    concat_rows,
    resolve_columns,
    restore_columns,
    row_keys,
    take_columns,
    take_rows,
)


@dataclass(frozen=True)
class Lesson:
    """The pseudo-samples that one student is given (aligned arrays, n_samples each)."""

    X: Any
    y: np.ndarray
    weight: np.ndarray
    teacher: np.ndarray  # position of the member that made it
    source: np.ndarray  # row it was made from
    round: np.ndarray


def make_samples(
    generator: Any,
    teacher: Any,
    X: Any,
    y: np.ndarray,
    X_pool: Any,
    y_pool: np.ndarray,
    seed: int,
    columns: np.ndarray | None = None,
) -> Any:
    """Let a teacher make a pseudo-sample from each row of X.

    Of a teacher that sees some columns only (mask `columns`), the others stay: a
    generator with the parameter `immutable_features` is told so, and of what any makes
    they are put back, which its teacher does not notice.

    Raises
    ------
    TypeError
        If the generator returns something else than GeneratedSamples.
    """
    if columns is not None and columns.all():
        columns = None
    if columns is not None and "immutable_features" in generator.get_params():
        held = resolve_columns(X, generator.immutable_features, "immutable_features")
        generator = clone(generator).set_params(immutable_features=held | ~columns)
    try:
        made = generator.generate(teacher, X, y, X_pool, y_pool, random_state=seed)
    except NothingToMove:
        if columns is None:
            raise
        # this teacher sees nothing that could; others may teach the rows
        nobody = np.zeros(len(y), dtype=bool)
        return SimpleNamespace(X_pseudo=X, success=nobody, report={})
    success = np.asarray(getattr(made, "success", None))
    if success.dtype != bool or success.shape != (len(y),):
        raise TypeError(
            "`generator` must return GeneratedSamples with a boolean `success` per "
            f"source row; {type(generator).__name__}.generate returned "
            f"{type(made).__name__} with `success` of dtype {success.dtype} and shape "
            f"{success.shape}."
        )
    if type(made.X_pseudo) is not type(X) or made.X_pseudo.shape[1] != X.shape[1]:
        raise TypeError(
            "`generator` must return `X_pseudo` in the container of the source rows, a "
            f"{type(X).__name__} with {X.shape[1]} columns; "
            f"{type(generator).__name__}.generate returned a "
            f"{type(made.X_pseudo).__name__}."
        )
    for key, value in made.report.items():
        if not isinstance(value, Real):
            raise TypeError(
                "`generator` must return a `report` of numbers; "
                f"{type(generator).__name__}.generate returned {value!r} for {key!r}."
            )
    if columns is None:
        return made
    X_pseudo = restore_columns(made.X_pseudo, X, ~columns)
    # what was changed only where the teacher sees nothing is the source row again
    source = row_keys(X)
    undone = (row_keys(X_pseudo) == source) & (row_keys(made.X_pseudo) != source)
    return replace(made, X_pseudo=X_pseudo, success=success & ~undone)


def seen_keys(X: Any, columns: np.ndarray | None) -> np.ndarray:
    """A key for each row, by the columns that a student sees (mask; None: all)."""
    return row_keys(X if columns is None else take_columns(X, columns))


def are_equal(X_pseudo: Any, X_source: Any) -> np.ndarray:
    """Rows that equal their source in all columns: handed over, not made."""
    return row_keys(X_pseudo) == row_keys(X_source)


def without_duplicates(lesson: Lesson, earlier: Lesson | None) -> Lesson:
    """Leave out repeats; a repeat made from another row adds its weight.

    Several teachers that make the same sample from the same row count once, so that
    a row taught twice weighs as much as two equal rows taught once.
    """
    n = len(lesson.y)
    tables = [lesson.X]
    if earlier is not None:
        tables.append(earlier.X)
    # small integers: 64-bit hashes would not survive the arithmetic below
    _, keys = np.unique(row_keys(concat_rows(tables)), return_inverse=True)
    keep = ~np.isin(keys[:n], keys[n:])
    _, label = np.unique(lesson.y, return_inverse=True)
    sample = keys[:n] * (label.max(initial=0) + 1) + label
    kept: dict[int, int] = {}
    counted: set[tuple[int, int]] = set()
    weight = np.zeros(n)
    for row in np.flatnonzero(keep):
        pair = (int(sample[row]), int(lesson.source[row]))
        if pair not in counted:
            counted.add(pair)
            weight[kept.setdefault(pair[0], int(row))] += lesson.weight[row]
    rows = np.array(sorted(kept.values()), dtype=np.intp)
    return _subset(lesson, rows, weight)


def selected(lesson: Lesson, rows: np.ndarray) -> Lesson | None:
    """Some samples of a lesson; None if there are none."""
    return _subset(lesson, rows, lesson.weight) if len(rows) else None


def _subset(lesson: Lesson, rows: np.ndarray, weight: np.ndarray) -> Lesson:
    return Lesson(
        X=take_rows(lesson.X, rows),
        y=lesson.y[rows],
        weight=weight[rows],
        teacher=lesson.teacher[rows],
        source=lesson.source[rows],
        round=lesson.round[rows],
    )


def join(first: Lesson, second: Lesson) -> Lesson:
    return Lesson(
        X=concat_rows([first.X, second.X]),
        y=np.concatenate([first.y, second.y]),
        weight=np.concatenate([first.weight, second.weight]),
        teacher=np.concatenate([first.teacher, second.teacher]),
        source=np.concatenate([first.source, second.source]),
        round=np.concatenate([first.round, second.round]),
    )


def capped(lesson: Lesson, max_pseudo: float | None, n_own: int, seed: int) -> Lesson:
    """At most `max_pseudo * n_own` pseudo-samples, drawn without replacement."""
    if max_pseudo is None or len(lesson.y) <= max_pseudo * n_own:
        return lesson
    rng = np.random.RandomState(seed)
    rows = np.sort(rng.permutation(len(lesson.y))[: int(max_pseudo * n_own)])
    return _subset(lesson, rows, lesson.weight)
