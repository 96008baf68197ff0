"""Lessons: the pseudo-samples that a student is fitted with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_coopkd._containers import concat_rows, row_keys, take_rows


@dataclass(frozen=True)
class Lesson:
    """The pseudo-samples that one student is given (aligned arrays, n_samples each)."""

    X: Any
    y: np.ndarray
    weight: np.ndarray
    teacher: np.ndarray  # position of the member that made it
    source: np.ndarray  # row it was made from
    round: np.ndarray


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
