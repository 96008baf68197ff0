"""Lessons on their way between sites: merged, capped, inspected, saved, loaded."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sklearn_coopkd._containers import (
    as_table,
    check_alike,
    n_rows,
    row_keys,
    take_rows,
)
from sklearn_coopkd._files import read_array, read_table, write_array, write_table
from sklearn_coopkd._lessons import Lesson, distinct, join
from sklearn_coopkd._privacy import privacy_report
from sklearn_coopkd._reports import join_reports
from sklearn_coopkd._saving import written_whole
from sklearn_coopkd._warning import warn

FORMAT = "sklearn_coopkd lessons 1"


@dataclass(frozen=True, eq=False, repr=False)
class Lessons:
    """Pseudo-samples on their way from the site that made them to a student.

    Attributes
    ----------
    X : container of shape (n_samples, n_features)

    y : ndarray of shape (n_samples,)

    weight : ndarray of shape (n_samples,)
        On the scale of the owner's `sample_weight`; 1 without those.

    source : ndarray of shape (n_samples,), dtype=int64
        Equal for samples that were made from the same row. The numbers say nothing to
        those who do not have the owner's table.

    report : dict
        What the generator reports, and "n_deficient", the rows that the student needed
        help with. Merged lessons have the sums; `capped` leaves it as it is.

    task : {"classification", "regression"}, default="classification"
        Whether y holds labels, or numbers to predict.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    source: np.ndarray
    report: dict[str, float] = field(default_factory=dict)
    task: str = "classification"

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Lessons({len(self)} samples, {self.report!r})"

    def capped(self, n_samples: int, random_state: Any = None) -> Lessons:
        """At most `n_samples` of them, drawn without replacement.

        Parameters
        ----------
        n_samples : int
            0 or more.

        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        lessons : Lessons

        Raises
        ------
        ValueError
            If `n_samples` is not such an int.
        """
        if not isinstance(n_samples, Integral) or n_samples < 0:
            raise ValueError(
                f"`n_samples` must be an int, 0 or more; got {n_samples!r}. Give the "
                "number of samples to keep."
            )
        if len(self) <= n_samples:
            return self
        rng = check_random_state(random_state)
        return self.select(np.sort(rng.permutation(len(self))[:n_samples]))

    def select(self, rows: np.ndarray) -> Lessons:
        """Some of them.

        Parameters
        ----------
        rows : ndarray of int
            Their positions.

        Returns
        -------
        lessons : Lessons
            With the report of all.
        """
        return Lessons(
            take_rows(self.X, rows),
            self.y[rows],
            self.weight[rows],
            self.source[rows],
            self.report,
            self.task,
        )

    @staticmethod
    def merge(lessons: Iterable[Lessons]) -> Lessons:
        """Several lessons as one; what was made of the same row twice, once.

        Parameters
        ----------
        lessons : iterable of Lessons
            Of the same container, columns and dtypes.

        Returns
        -------
        lessons : Lessons
            Equal samples made from different rows stay: each counts.

        Raises
        ------
        ValueError
            If there are none, or two differ in container, columns, dtypes, task or kind
            of labels.

        TypeError
            If they are no list of lessons.
        """
        if isinstance(lessons, Lessons):
            raise TypeError(
                "`lessons` must be a list of Lessons; got a single one. Use "
                "Lessons.merge([one, another])."
            )
        found = as_list(lessons)
        if not found:
            raise ValueError("`lessons` must be a non-empty list; got an empty one.")
        for k, one in enumerate(found[1:], 1):
            check_alike(found[0].X, one.X, "`lessons[0].X`", f"`lessons[{k}].X`")
            check_task(one, f"`lessons[{k}]`", found[0].task)
            check_same_labels(found[0].y, one.y, "`lessons[0].y`", f"`lessons[{k}].y`")
        kept = distinct(join([as_lesson(one) for one in found]))
        report = join_reports(
            (one.report, int(one.report.get("n_success", len(one)))) for one in found
        )
        return Lessons(kept.X, kept.y, kept.weight, kept.source, report, found[0].task)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a file without pickle: a zip of JSON and `.npy` (polars: Arrow).

        Parameters
        ----------
        path : str or path-like
            Overwritten at the end, or left as it is if something goes wrong.

        Raises
        ------
        TypeError
            If the format cannot hold a column, its name or its dtype.

        ValueError
            If the parts of the lessons do not fit each other.

        OSError
            If the file cannot be written.
        """
        check_parts(self)
        with written_whole(path, "`path`") as temporary:
            with zipfile.ZipFile(temporary, "x", zipfile.ZIP_DEFLATED) as file:
                file.writestr("format.json", json.dumps(FORMAT))
                write_table(file, "X", self.X)
                write_table(file, "y", self.y)
                write_array(file, "weight", self.weight)
                write_array(file, "source", self.source)
                file.writestr("report.json", json.dumps(self.report, default=float))
                file.writestr("task.json", json.dumps(self.task))
            _check_returns(self, temporary)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Lessons:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        lessons : Lessons

        Raises
        ------
        OSError
            If the file cannot be opened.

        ImportError
            If it holds a frame of pandas or polars, and these are not installed.

        ValueError
            If it holds something else, or is damaged.
        """
        with open(path, "rb") as opened:
            try:
                return _read(opened)
            except ImportError as error:
                error.add_note(f"Needed to read {os.fspath(path)!r}.")
                raise
            # a damaged file can fail anywhere in the readers of four formats
            except Exception as error:
                raise ValueError(
                    f"{os.fspath(path)!r} holds no lessons that this version can read: "
                    f"{type(error).__name__}: {error}"
                ) from error

    def privacy_report(self, X: Any) -> dict[str, Any]:
        """How near the lessons come to the rows that they were made from.

        Time grows with the number of samples times that of rows.

        Parameters
        ----------
        X : container of shape (n_rows, n_features)
            The owner's rows.

        Returns
        -------
        report : dict
            - "n_samples";
            - "n_copies": samples that equal a row of X; 0 unless made by a generator
              that hands over rows;
            - "distance": quartiles of the distance of a sample to the nearest row; NaN
              without samples, or with less than two distinct rows;
            - "distance_among_rows": the same from each distinct row to the next;
            - "share_closer": share of the samples that are nearer to a row than 95 %
              of the distinct rows are to each other;
            - "rare_values": column -> values that samples have and at most
              three rows of X. A number that is nobody else's is among them, too.

            Distances count numbers in standard deviations and 1 between two
            categories (about 1 beyond the 50 most frequent of a column).

        Raises
        ------
        ValueError
            If X is another container or has other columns or dtypes.
        """
        X = as_table(X)
        check_alike(self.X, X, "the lessons", "`X`")
        return privacy_report(self.X, X)


def as_lesson(lessons: Lessons) -> Lesson:
    """Turn lessons into what members are fitted with.

    Returns
    -------
    lesson : Lesson
    """
    nobody = np.zeros(len(lessons), dtype=np.intp)
    return Lesson(lessons.X, lessons.y, lessons.weight, nobody, lessons.source, nobody)


def as_list(lessons: Any) -> list[Lessons]:
    """One or several lessons, or None, as a list.

    Returns
    -------
    lessons : list of Lessons

    Raises
    ------
    TypeError
        If they are something else.
    """
    if lessons is None:
        return []
    if isinstance(lessons, Lessons):
        return [lessons]
    several = isinstance(lessons, Iterable) and not isinstance(lessons, str)
    found: list[Any] = list(lessons) if several else [lessons]
    for one in found:
        if not isinstance(one, Lessons):
            raise TypeError(
                "`lessons` must be Lessons or a list of them; got "
                f"{type(one).__name__}: {one!r:.60}. Read a file with `Lessons.load`."
            )
    return found


def check_task(lessons: Lessons, name: str, task: str) -> None:
    """Raise unless lessons teach a task.

    Raises
    ------
    ValueError
        With the name of the lessons.
    """
    if lessons.task != task:
        raise ValueError(
            f"{name} must be for {task}; got lessons for {lessons.task}. Labels cannot "
            "be taught to regressors, nor numbers to classifiers."
        )


def check_same_labels(one: Any, other: Any, name: str, other_name: str) -> None:
    """Raise unless two arrays of labels can be compared: numbers or texts.

    Warn of a label of one that the other seems to spell otherwise.
    """
    labels, others = (set(np.asarray(y).ravel().tolist()) for y in (one, other))
    if not labels or not others:
        return
    kinds = [{isinstance(k, str) for k in known} for known in (labels, others)]
    if kinds[0] != kinds[1] or len(kinds[0]) > 1:
        some = [sorted(known, key=str)[:3] for known in (others, labels)]
        raise ValueError(
            f"{other_name} must hold labels of the kind of {name}, all texts or all "
            f"numbers; got {some[0]} and {some[1]}. Use the same labels at all sites."
        )
    if True in kinds[0]:
        spelled = {label.strip().casefold(): label for label in labels - others}
        for label in sorted(others - labels):
            twin = spelled.get(label.strip().casefold())
            if twin is not None:
                warn(
                    f"{name} holds {twin!r} and {other_name} {label!r}, which are two "
                    "classes. If they are one, write it the same at all sites."
                )
                return


def _read(opened: Any) -> Lessons:
    """Lessons from an open file; anything may be raised if it is damaged."""
    with zipfile.ZipFile(opened) as file:
        form = json.loads(file.read("format.json"))
        if form != FORMAT:
            raise ValueError(f"another format, {form!r:.60} instead of {FORMAT!r}")
        lessons = Lessons(
            read_table(file, "X"),
            read_table(file, "y"),
            read_array(file, "weight"),
            read_array(file, "source"),
            json.loads(file.read("report.json")),
            json.loads(file.read("task.json")),
        )
    check_parts(lessons)
    return lessons


def _check_returns(lessons: Lessons, path: str) -> None:
    """Raise TypeError unless a file gives back the lessons that it was written from."""
    X = lessons.X
    try:
        with open(path, "rb") as opened:
            back = _read(opened)
        check_alike(X, back.X, "the lessons", "what is read from the file")
        same = {
            "the cells of `X`": np.array_equal(row_keys(X), row_keys(back.X)),
            "the names of column levels": (
                getattr(getattr(X, "columns", None), "names", None)
                == getattr(getattr(back.X, "columns", None), "names", None)
            ),
            "the dtype of `y`": lessons.y.dtype == back.y.dtype,
            "`y`": np.array_equal(lessons.y, back.y),
            "`weight`": np.array_equal(lessons.weight, back.weight),
            "`source`": np.array_equal(lessons.source, back.source),
        }
        lost = [part for part, is_same in same.items() if not is_same]
        if lost:
            raise ValueError(
                f"{lost[0]} would be read from the file as something else."
            )
    except OSError:
        raise
    except Exception as error:  # (as in `load`)
        raise TypeError(
            f"The lessons cannot be saved without a loss: {error} Convert what the "
            "format cannot hold to texts or numbers, or leave it out."
        ) from error


def check_parts(lessons: Lessons, name: str = "the lessons") -> None:
    """Raise unless all parts of lessons are what they should be.

    Raises
    ------
    TypeError
        If a part is no array, or X no table.

    ValueError
        If the parts do not fit each other, or hold what cannot be used. The message
        starts with the name.
    """
    if not hasattr(lessons.X, "shape"):
        raise TypeError(f"In {name}, `X` must be a table; got {type(lessons.X)}.")
    for part in ("y", "weight", "source"):
        if not isinstance(getattr(lessons, part), np.ndarray):
            found = type(getattr(lessons, part)).__name__
            raise TypeError(f"In {name}, `{part}` must be an ndarray; got {found}.")
    problem = _problem_of(lessons)
    if problem:
        raise ValueError(f"In {name}, {problem}.")


def _problem_of(lessons: Lessons) -> str | None:
    """What is wrong with the parts of lessons; None if nothing is."""
    n, y, weight = len(lessons.y), lessons.y, lessons.weight
    if lessons.task not in ("classification", "regression"):
        return f"`task` must be 'classification' or 'regression'; got {lessons.task!r}"
    if len(lessons.X.shape) != 2:
        return f"`X` must have two dimensions; got shape {lessons.X.shape}"
    if n_rows(lessons.X) != n:
        return f"`X` must have a row for each of the {n} labels; got {lessons.X.shape}"
    for name in ("y", "weight", "source"):
        part = getattr(lessons, name)
        if part.shape != (n,):
            return f"`{name}` must have shape {(n,)}; got {part.shape}"
    is_good = weight.dtype.kind in "iuf"
    if not is_good or not (np.isfinite(weight) & (weight >= 0)).all():
        return "`weight` must hold finite numbers, 0 or more"
    if lessons.source.dtype.kind != "i":
        return f"`source` must hold integers; got {lessons.source.dtype}"
    if y.dtype.kind in ("f", "O") and any(cell is None or cell != cell for cell in y):
        return "`y` must not miss a label"
    if y.dtype.kind == "c" or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        return "`y` must hold labels, or finite numbers"
    report = lessons.report
    if not isinstance(report, dict) or not all(
        isinstance(value, Real) and 0 <= value < np.inf for value in report.values()
    ):
        return f"`report` must hold finite numbers from 0 on; got {report!r:.60}"
    return None
