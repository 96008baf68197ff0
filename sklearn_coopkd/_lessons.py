"""Lessons: the pseudo-samples that a student is fitted with."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_coopkd._codec import NothingToMove
from sklearn_coopkd._containers import (
    check_alike,
    concat_rows,
    n_rows,
    resolve_columns,
    restore_columns,
    row_keys,
    take_columns,
    take_rows,
)

# Labels with a smaller share than this are no part of a soft label: rows that cost as
# much as others and teach nothing.
MIN_SHARE = 0.02
# Shares are cut to 256ths. Sums of such weights are exact: were they not, the last
# digit would decide between equal splits of a tree, and the same rows in another
# container, or on another machine, would give another model.
SHARES = 256
# Rounding that a probability may exceed 0 and 1 by.
PROBA_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Lesson:
    """The pseudo-samples that one student is given (aligned, n_samples each)."""

    X: Any
    y: np.ndarray
    weight: np.ndarray
    teacher: np.ndarray  # position of the member that made it
    source: np.ndarray  # row it was made from
    round: np.ndarray
    # (n_samples, n_outputs) soft label of each; None: the label is all
    target: np.ndarray | None = None


@dataclass(frozen=True)
class Samples:
    """What a generator made, checked: one row for each source row."""

    X: Any
    success: np.ndarray  # (n_sources,) bool
    report: dict[str, float]
    # (n_sources,) the teacher's probability of the source's class; NaN: not asked
    proba: np.ndarray
    # (n_sources, n_outputs) soft label of each success; None: the label is all
    target: np.ndarray | None = None


def make_samples(
    generator: Any,
    teacher: Any,
    X: Any,
    y: np.ndarray,
    X_pool: Any,
    y_pool: np.ndarray,
    seed: int,
    columns: np.ndarray | None = None,
) -> Samples:
    """Let a teacher make a pseudo-sample from each row of X.

    Of a teacher that sees some columns only (mask `columns`), the others stay: a
    generator with the parameter `immutable_features` is told so, and of what any makes
    they are put back, which its teacher does not notice.

    Raises
    ------
    TypeError
        If the generator returns something else than GeneratedSamples in the container,
        columns and dtypes of X, with a mask and a probability for each row.
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
        nothing = np.zeros(len(y), dtype=bool)
        return Samples(X, nothing, {}, np.full(len(y), np.nan))
    samples = _checked(made, X, type(generator).__name__)
    if columns is not None:
        samples = _restored(samples, X, columns)
    return samples


def _restored(samples: Samples, X: Any, columns: np.ndarray) -> Samples:
    """Samples with the cells of their sources where the teacher sees nothing."""
    X_pseudo = restore_columns(samples.X, X, ~columns)
    # what was changed only there is the source row again
    source = row_keys(X)
    undone = (row_keys(X_pseudo) == source) & (row_keys(samples.X) != source)
    return replace(samples, X=X_pseudo, success=samples.success & ~undone)


def _checked(made: Any, X: Any, name: str) -> Samples:
    """What `generate` returned; see the errors of `make_samples`."""
    X_pseudo, success = getattr(made, "X_pseudo", None), getattr(made, "success", None)
    success = np.asarray(success)
    if success.dtype != bool or success.shape != (n_rows(X),):
        raise TypeError(
            "`generator` must return GeneratedSamples with a boolean `success` per "
            f"source row; {name}.generate returned {type(made).__name__} with "
            f"`success` of dtype {success.dtype} and shape {success.shape}."
        )
    try:
        check_alike(X, X_pseudo, "the source rows", "`X_pseudo`")
        if n_rows(X_pseudo) != n_rows(X):
            raise ValueError(
                f"`X_pseudo` must have a row for each of the {n_rows(X)} source rows; "
                f"got {n_rows(X_pseudo)}."
            )
    except ValueError as error:
        raise TypeError(
            "`generator` must return `X_pseudo` in the container of the source rows, "
            f"with their columns and dtypes. Of {name}.generate: {error}"
        ) from error
    report = getattr(made, "report", {})
    if not isinstance(report, dict):
        raise TypeError(
            "`generator` must return a `report` of numbers, a dict; "
            f"{name}.generate returned {report!r}."
        )
    for key, value in report.items():
        if not isinstance(value, Real):
            raise TypeError(
                "`generator` must return a `report` of numbers; "
                f"{name}.generate returned {value!r} for {key!r}."
            )
    return Samples(X_pseudo, success, dict(report), _checked_proba(made, success, name))


def _checked_proba(made: Any, success: np.ndarray, name: str) -> np.ndarray:
    """Probabilities that a generator returned, within 0 and 1."""
    found: Any = getattr(made, "proba", None)
    try:
        proba = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        proba = np.empty(0)
    taught = proba[success] if proba.shape == success.shape else np.array([np.inf])
    if (np.abs(taught - 0.5) > 0.5 + PROBA_TOLERANCE).any():
        raise TypeError(
            "`generator` must return as `proba` the teacher's probability of each "
            f"source row's class: {len(success)} numbers from 0 to 1, NaN where it was "
            f"not asked. {name}.generate returned an array of shape "
            f"{np.asarray(found, dtype=object).shape}, or numbers beyond these."
        )
    return np.clip(proba, 0.0, 1.0)


def hands_over_rows(generator: Any) -> bool:
    """Whether the samples of a generator are meant to be real rows."""
    return bool(getattr(generator, "hands_over_rows", False))


def seen_keys(X: Any, columns: np.ndarray | None) -> np.ndarray:
    """A key for each row, by the columns that a student sees (mask; None: all)."""
    return row_keys(X if columns is None else take_columns(X, columns))


def distinct(lesson: Lesson) -> Lesson:
    """Leave out repeats: the same sample with the same label from the same row.

    Several teachers, or rounds, that make the same of a row count once, with the target
    of the first. Equal samples of two rows stay two, as two equal rows are.
    """
    # small integers: 64-bit hashes would not fit beside the sources
    _, sample = np.unique(row_keys(lesson.X), return_inverse=True)
    _, label = np.unique(lesson.y, return_inverse=True)
    triples = np.column_stack([sample, label, lesson.source])
    _, first = np.unique(triples, axis=0, return_index=True)
    return selected(lesson, np.sort(first))


def selected(lesson: Lesson, rows: np.ndarray) -> Lesson:
    """Some samples of a lesson."""
    rest = {name: value[rows] for name, value in _arrays(lesson).items()}
    return Lesson(X=take_rows(lesson.X, rows), **rest)


def join(lessons: list[Lesson]) -> Lesson:
    """The samples of several lessons, all of which have targets, or none."""
    arrays = [_arrays(one) for one in lessons]
    rest = {name: np.concatenate([one[name] for one in arrays]) for name in arrays[0]}
    return Lesson(X=concat_rows([one.X for one in lessons]), **rest)


def _arrays(lesson: Lesson) -> dict[str, Any]:
    """All that is there but X, by name."""
    values = {f.name: getattr(lesson, f.name) for f in fields(Lesson)[1:]}
    return {name: value for name, value in values.items() if value is not None}


def spread(lesson: Lesson, classes: np.ndarray) -> Lesson:
    """Soft targets as rows: each sample once for each label, weighted by its share.

    Parameters
    ----------
    lesson : Lesson
        With targets.

    classes : ndarray of shape (n_classes,)
        Labels of their columns.

    Returns
    -------
    lesson : Lesson
        Without targets; see `spread_labels`.
    """
    target = np.asarray(lesson.target)
    sample, y, weight = spread_labels(target, lesson.y, lesson.weight, classes)
    return replace(selected(lesson, sample), y=y, weight=weight, target=None)


def spread_labels(
    target: np.ndarray, y: np.ndarray, weight: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that say the same as soft targets: one for each label with a share.

    Parameters
    ----------
    target : ndarray of shape (n_rows, n_classes)

    y : ndarray of shape (n_rows,)
        Each label is given what no other has.

    weight : ndarray of shape (n_rows,)

    classes : ndarray of shape (n_classes,)

    Returns
    -------
    row : ndarray of shape (n_spread,)
        Position of the row that each is made of.

    y, weight : ndarray of shape (n_spread,)
        Labels, and weights that add up to that of the row.
    """
    share = np.where(target < MIN_SHARE, 0.0, np.floor(target * SHARES) / SHARES)
    own = np.arange(len(y)), np.searchsorted(classes, y)
    share[own] = 0.0
    share[own] = 1.0 - share.sum(axis=1)
    row, label = np.nonzero(share)
    return row, classes[label], weight[row] * share[row, label]


def capped(lesson: Lesson, max_pseudo: float | None, n_own: int, seed: int) -> Lesson:
    """At most `max_pseudo * n_own` pseudo-samples, drawn without replacement."""
    if max_pseudo is None or len(lesson.y) <= max_pseudo * n_own:
        return lesson
    rng = np.random.RandomState(seed)
    return selected(
        lesson, np.sort(rng.permutation(len(lesson.y))[: int(max_pseudo * n_own)])
    )
