"""What a teacher changed, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_coopkd._columns import cells_of, columns_of
from sklearn_coopkd._containers import take_rows
from sklearn_coopkd.inspection._fitted import (
    distiller_in,
    find_lesson,
    names_of,
    rows_of,
)


def lesson_changes(
    estimator: Any, X: Any, *, student: str | None = None, teacher: str | None = None
) -> Any:
    """List the cells in which the samples of a lesson differ from their source rows.

    Parameters
    ----------
    estimator : CooperativeDistiller, CooperativeDistillerRegressor or Pipeline
        Fitted; a Pipeline that ends in one.

    X : {array-like, sparse matrix, dataframe} of shape (n_rows, n_features)
        The rows that it was fitted with, in their order.

    student, teacher : str, default=None
        Names of members. None: the two with the largest lesson.

    Returns
    -------
    changes : pandas DataFrame
        A row for each cell that changed, in the order of samples and columns:
        `sample`, its position in ``pseudo_samples_[student]``; `source`, the position
        of its source row in X; `y`, its label or number; `column`; `before` and
        `after`, the cell in the source row and in the sample; `change`, their
        difference (NaN if they are no numbers).

    Raises
    ------
    ImportError
        If pandas is not installed.

    TypeError
        If `estimator` is no distiller.

    NotFittedError
        If it is not fitted.

    ValueError
        If there is no such member or lesson, or X has other columns than in `fit`, or
        other rows, or these in another order.

    See Also
    --------
    LessonDisplay : The same samples as a picture.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_coopkd import CooperativeDistiller
    >>> from sklearn_coopkd.inspection import lesson_changes
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> members = [("tree", DecisionTreeClassifier()), ("bayes", GaussianNB())]
    >>> distiller = CooperativeDistiller(
    ...     members, validation=None, random_state=0
    ... ).fit(X, y)
    >>> changes = lesson_changes(distiller, X, student="tree")
    >>> list(changes.columns)
    ['sample', 'source', 'y', 'column', 'before', 'after', 'change']
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "lesson_changes returns a pandas frame. Install it: pip install pandas."
        ) from error
    distiller = distiller_in(estimator)
    X = rows_of(estimator, X)
    _, _, kept, position = find_lesson(distiller, student, teacher)
    source = kept.source[position]
    before, after = take_rows(X, source), take_rows(kept.X, position)
    names = names_of(estimator, X)
    # row of the lesson, column, before, after
    cells: list[tuple[int, int, Any, Any]] = []
    for j, old, new in _columns_that_changed(before, after):
        changed = np.flatnonzero(_differ(old, new)).tolist()
        cells += [(k, j, _plain(old[k]), _plain(new[k])) for k in changed]
    cells.sort(key=lambda cell: cell[:2])
    row = np.array([cell[0] for cell in cells], dtype=np.intp)
    changes = pd.DataFrame(
        {
            "sample": position[row],
            "source": source[row],
            "y": kept.y[position][row],
            "column": [names[cell[1]] for cell in cells],
            "before": pd.Series([cell[2] for cell in cells], dtype=object),
            "after": pd.Series([cell[3] for cell in cells], dtype=object),
        }
    )
    changes["change"] = [_difference(*cell[2:]) for cell in cells]
    return changes.infer_objects()


def _columns_that_changed(
    before: Any, after: Any
) -> Iterator[tuple[int, Sequence[Any], Sequence[Any]]]:
    """Position and cells of columns of two tables; of CSR those that differ."""
    if sparse.issparse(before):
        for j in np.unique((before != after).nonzero()[1]).tolist():
            old, new = before[:, [j]].toarray().ravel(), after[:, [j]].toarray().ravel()
            yield j, old, new
        return
    for j, (old, new) in enumerate(zip(columns_of(before), columns_of(after))):
        yield j, cells_of(old), cells_of(new)


def _difference(old: Any, new: Any) -> float:
    """Of two numbers; NaN of what is none."""
    is_number = all(isinstance(c, Real) and not isinstance(c, bool) for c in (old, new))
    return float(new - old) if is_number else np.nan


def _differ(old: Any, new: Any) -> np.ndarray:
    """Mask of the cells that are not the same; two missing ones are."""
    import pandas as pd

    old, new = (
        pd.Series(c.to_list() if hasattr(c, "to_list") else list(c), dtype=object)
        for c in (old, new)
    )
    return ((old != new) & ~(old.isna() & new.isna())).to_numpy()


def _plain(cell: Any) -> Any:
    """A cell as Python has it."""
    return cell.item() if isinstance(cell, np.generic) else cell
