"""Lessons on their way between sites: merged, capped, inspected, saved, loaded."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sklearn_coopkd._containers import (
    as_table,
    check_alike,
    concat_rows,
    n_rows,
    row_keys,
    take_rows,
)
from sklearn_coopkd._files import read_array, read_table, write_array, write_table
from sklearn_coopkd._lessons import Lesson, without_duplicates
from sklearn_coopkd._privacy import privacy_report
from sklearn_coopkd._reports import join_reports

FORMAT = "sklearn_coopkd lessons 1"


@dataclass(frozen=True)
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
        What the generator reports, and "n_deficient", the rows that the student got
        wrong.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    source: np.ndarray
    report: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

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
                f"`n_samples` must be an int, 0 or more; got {n_samples!r}."
            )
        if len(self) <= n_samples:
            return self
        rng = check_random_state(random_state)
        return self.taken(np.sort(rng.permutation(len(self))[:n_samples]))

    def taken(self, rows: np.ndarray) -> Lessons:
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
        )

    @staticmethod
    def merge(lessons: Iterable[Lessons]) -> Lessons:
        """Several lessons as one, repeated samples once.

        Parameters
        ----------
        lessons : iterable of Lessons
            Of the same container, columns and dtypes.

        Returns
        -------
        lessons : Lessons
            Repeats made from other rows add their weights.

        Raises
        ------
        ValueError
            If there are none, or two differ in container, columns, dtypes or kind of
            labels.
        """
        found = as_list(lessons)
        if not found:
            raise ValueError("`lessons` must be a non-empty list; got an empty one.")
        for k, one in enumerate(found[1:], 1):
            check_alike(found[0].X, one.X, "`lessons[0].X`", f"`lessons[{k}].X`")
            check_same_labels(found[0].y, one.y, "`lessons[0].y`", f"`lessons[{k}].y`")
        sizes = [len(one) for one in found]
        joined = Lesson(
            X=concat_rows([one.X for one in found]),
            y=np.concatenate([one.y for one in found]),
            weight=np.concatenate([one.weight for one in found]),
            teacher=np.repeat(np.arange(len(found)), sizes),
            source=np.concatenate([one.source for one in found]),
            round=np.zeros(sum(sizes), dtype=np.intp),
        )
        kept = without_duplicates(joined, None)
        report = join_reports(
            (one.report, int(one.report.get("n_success", len(one)))) for one in found
        )
        return Lessons(kept.X, kept.y, kept.weight, kept.source, report)

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
        """
        temporary = f"{os.fspath(path)}.part"
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr("format.json", json.dumps(FORMAT))
                write_table(file, "X", self.X)
                write_table(file, "y", self.y)
                write_array(file, "weight", self.weight)
                write_array(file, "source", self.source)
                file.writestr("report.json", json.dumps(self.report, default=float))
            with zipfile.ZipFile(temporary) as file:
                _check_returns(self.X, file)
            os.replace(temporary, path)
        finally:
            with suppress(OSError):
                os.remove(temporary)

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

        ValueError
            If it holds something else, or is damaged.
        """
        with open(path, "rb") as opened:
            try:
                with zipfile.ZipFile(opened) as file:
                    if json.loads(file.read("format.json")) != FORMAT:
                        raise ValueError("another format")
                    lessons = cls(
                        read_table(file, "X"),
                        read_table(file, "y"),
                        read_array(file, "weight"),
                        read_array(file, "source"),
                        json.loads(file.read("report.json")),
                    )
                _check_parts(lessons)
            # a damaged file can fail anywhere in the readers of four formats
            except (Exception, MemoryError) as error:
                raise ValueError(
                    f"{os.fspath(path)!r} holds no lessons that this version can read: "
                    f"{type(error).__name__}: {error}."
                ) from error
        return lessons

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
            - "distance": quartiles of the distance of a sample to the nearest row;
              NaN without samples;
            - "distance_among_rows": the same from each distinct row to the next;
            - "share_closer": share of the samples that are nearer to a row than 95 %
              of the distinct rows are to each other;
            - "rare_values": column -> values that samples have and at most
              three rows of X. A number that is nobody else's is among them, too.

            Distances count numbers in standard deviations and 1 between two
            categories.

        Raises
        ------
        ValueError
            If X is another container or has other columns or dtypes.
        """
        X = as_table(X)
        check_alike(self.X, X, "the lessons", "`X`")
        return privacy_report(self.X, X)


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


def check_same_labels(one: Any, other: Any, name: str, other_name: str) -> None:
    """Raise unless two arrays of labels can be compared: numbers or texts."""
    one, other = np.asarray(one), np.asarray(other)
    if not len(one) or not len(other):
        return
    kinds = [
        # (of objects, the first tells)
        isinstance(labels.ravel()[0], str) if labels.dtype.kind in "OUST" else False
        for labels in (one, other)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"{other_name} must hold labels of the kind of {name}: one has texts, the "
            f"other numbers; got {other[:3].tolist()} and {one[:3].tolist()}."
        )


def _check_returns(X: Any, file: zipfile.ZipFile) -> None:
    """Raise TypeError unless a file gives back the table that it was written from."""
    try:
        back = read_table(file, "X")
        check_alike(X, back, "the lessons", "what the file gives back")
        same = np.array_equal(row_keys(X), row_keys(back))
    except Exception as error:
        raise TypeError(
            f"The lessons cannot be saved without a loss: {error} Convert the column, "
            "or leave it out."
        ) from error
    if not same:
        raise TypeError(
            "The lessons cannot be saved without a loss: cells differ in what the file "
            "gives back. Convert columns of objects to texts or numbers."
        )


def _check_parts(lessons: Lessons) -> None:
    """Raise ValueError unless the parts of loaded lessons are what they should be."""
    if not len(lessons.y) == len(lessons.weight) == len(lessons.source):
        raise ValueError("lengths differ")
    if n_rows(lessons.X) != len(lessons.y):
        raise ValueError("lengths differ")
    if any(part.ndim != 1 for part in (lessons.y, lessons.weight, lessons.source)):
        raise ValueError("an array has another shape than (n_samples,)")
    weight = lessons.weight
    if weight.dtype.kind != "f" or not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError("a weight is no number, 0 or more")
    if lessons.source.dtype.kind != "i":
        raise ValueError("sources are no integers")
    if lessons.y.dtype.kind == "f" and not np.isfinite(lessons.y).all():
        raise ValueError("a label is missing")
    report = lessons.report
    if not isinstance(report, dict) or not all(
        isinstance(value, Real) for value in report.values()
    ):
        raise ValueError("the report is none")
