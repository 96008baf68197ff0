"""What the displays need of a fitted distiller."""

from __future__ import annotations

from contextlib import suppress
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from sklearn_coopkd._compat import Interval, check_parameters
from sklearn_coopkd._containers import column_names, fingerprint, n_rows
from sklearn_coopkd._distiller import BaseDistiller


def distiller_in(estimator: Any) -> BaseDistiller:
    """The fitted distiller itself, or the one that a pipeline ends in.

    Raises
    ------
    TypeError
        If there is none.

    NotFittedError
        If it is not fitted.
    """
    found = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(found, BaseDistiller):
        raise TypeError(
            "`estimator` must be a distiller, or a Pipeline that ends in one; got "
            f"{type(estimator).__name__}. Of a search give `best_estimator_`."
        )
    check_is_fitted(found)
    return found


def rows_of(estimator: Any, X: Any) -> Any:
    """The rows as the distiller in `estimator` was fitted with them.

    A pipeline's first steps transform them, as they would new rows: what they do
    otherwise while they are fitted (cross-fitting encoders) is not seen.

    Raises
    ------
    ValueError
        If there are other rows or columns than in `fit`, or in another order.
    """
    distiller = distiller_in(estimator)
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        X = estimator[:-1].transform(X)
    X = distiller._checked(X)
    if fingerprint(X) != distiller._fingerprint:
        raise ValueError(
            "`X` must be the rows that `estimator` was fitted with, in their order; "
            f"got {n_rows(X)} other rows, or these in another order. Samples are near "
            "versions of rows by position."
        )
    return X


def names_of(estimator: Any, X: Any) -> list[Any]:
    """Names of the columns of what `rows_of` returns; positions if they have none.

    Arrays that come out of a pipeline's first steps have the names that these give.
    """
    names = column_names(X)
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        with suppress(AttributeError, ValueError):  # steps without names
            given = list(estimator[:-1].get_feature_names_out())
            made_up = [f"x{k}" for k in range(len(names))]
            if len(given) == len(names) and given != made_up:
                return given
    return names


def check_count(value: Any, parameter: str, caller: str) -> None:
    """Raise unless a parameter is an int of at least 1."""
    count = [Interval(Integral, 1, None, closed="left")]
    check_parameters({parameter: count}, {parameter: value}, caller)


def check_axes(ax: Any) -> None:
    """Raise unless a picture can be drawn there."""
    if ax is not None and not hasattr(ax, "get_subplotspec"):
        raise TypeError(
            f"`ax` must be the Axes of one picture; got {type(ax).__name__}. Of "
            "several give one, such as ax[0]."
        )


def _why_none(distiller: BaseDistiller) -> str:
    if any(record["taught"] for record in distiller.history_):
        return (
            "The gate refused what was taught (HistoryDisplay shows the scores). Fit "
            "with `validation`=None to keep and see every lesson."
        )
    reason = distiller.termination_condition_
    return f"Nobody taught anyone; `termination_condition_` is {reason!r}."


def find_lesson(
    distiller: BaseDistiller, student: str | None = None, teacher: str | None = None
) -> tuple[str, str, Bunch, np.ndarray]:
    """The lesson of a teacher for a student: the largest one of those asked for.

    Parameters
    ----------
    distiller : BaseDistiller

    student, teacher : str, default=None
        Names of members. None: the one with whom the lesson is largest.

    Returns
    -------
    student, teacher : str

    samples : Bunch
        Those of `pseudo_samples_` of the student that this teacher has made.

    rows : ndarray of int
        Their positions among all samples of the student.

    Raises
    ------
    ValueError
        If there is no such member or no such lesson.
    """
    names = distiller._names
    transfer = np.array(distiller.transfer_matrix_, dtype=float)
    for name, parameter, axis in ((teacher, "teacher", 0), (student, "student", 1)):
        if name is not None:
            if name not in names:
                raise ValueError(
                    f"`{parameter}` must be a member of `estimator`; got {name!r}. The "
                    f"members are: {', '.join(map(repr, names))}."
                )
            others = np.flatnonzero(np.array(names) != name)
            np.moveaxis(transfer, axis, 0)[others] = -1
    i, j = np.unravel_index(transfer.argmax(), transfer.shape)
    if transfer[i, j] < 1:
        taught = [
            f"{names[a]!r} taught {names[b]!r}"
            for a, b in np.argwhere(distiller.transfer_matrix_ > 0)
        ]
        asked = " ".join(
            f"{parameter}={name!r}"
            for parameter, name in (("student", student), ("teacher", teacher))
            if name is not None
        )
        raise ValueError(
            f"`estimator` has kept no lesson{' of ' + asked if asked else ''}. "
            + (f"There is: {', '.join(taught)}." if taught else _why_none(distiller))
        )
    samples = distiller.pseudo_samples_[names[j]]
    rows = np.flatnonzero(samples.teacher == names[i])
    return names[j], names[i], samples, rows
