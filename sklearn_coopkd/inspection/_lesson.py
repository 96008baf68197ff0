"""What the samples of a lesson look like among the rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

from sklearn_coopkd._codec import TableCodec
from sklearn_coopkd._compat import check_matplotlib_support
from sklearn_coopkd._containers import (
    column_names,
    n_rows,
    resolve_columns,
    take_rows,
)
from sklearn_coopkd._distiller import BaseDistiller
from sklearn_coopkd._points import as_points
from sklearn_coopkd.inspection._fitted import (
    check_count,
    distiller_in,
    find_lesson,
    rows_of,
)

# More rows are drawn no more clearly.
MAX_ROWS = 1000
# The region of an answer: what the teacher says of so many nearest rows.
N_NEIGHBORS = 15
GRID = 200
# Okabe and Ito: distinct for the colour-blind too.
PALETTE = [
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"),
]


class LessonDisplay:
    """The samples that one teacher made for one student, among the rows.

    An arrow leads from each row to the sample that was made from it. The background is
    the teacher's answer, as it was before teaching: what it says of the nearest rows
    and samples in the picture.

    It is recommended to use `from_estimator` to create one.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, 2)
        Where the rows are in the picture.

    y : ndarray of shape (n_rows,)
        Their labels, or numbers.

    sources, samples : ndarray of shape (n_samples, 2)
        Where the rows are that samples were made from, and where the samples are.

    y_samples : ndarray of shape (n_samples,)
        Labels or numbers of the samples: those of their sources.

    answers : ndarray of shape (n_rows + n_samples,)
        What the teacher says of the rows, then of the samples.

    student, teacher : str
        Names of the two members.

    axis_names : list of two str
        What the two directions of the picture are.

    classes : ndarray of shape (n_classes,) or None
        The labels; None: y are numbers.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the picture.

    figure_ : matplotlib Figure
        Figure that has the axes.

    See Also
    --------
    lesson_changes : The same samples as a table, cell by cell.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_coopkd import CooperativeDistiller
    >>> from sklearn_coopkd.inspection import LessonDisplay
    >>> X, y = load_wine(return_X_y=True, as_frame=False)
    >>> members = [("tree", DecisionTreeClassifier()), ("bayes", GaussianNB())]
    >>> distiller = CooperativeDistiller(
    ...     members, validation=None, random_state=0
    ... ).fit(X, y)
    >>> LessonDisplay.from_estimator(distiller, X, y)
    <...LessonDisplay object at ...>
    """

    def __init__(
        self,
        *,
        rows: np.ndarray,
        y: np.ndarray,
        sources: np.ndarray,
        samples: np.ndarray,
        y_samples: np.ndarray,
        answers: np.ndarray,
        student: str,
        teacher: str,
        axis_names: list[str],
        classes: np.ndarray | None = None,
    ) -> None:
        self.rows, self.y = rows, y
        self.sources, self.samples, self.y_samples = sources, samples, y_samples
        self.answers = answers
        self.student, self.teacher = student, teacher
        self.axis_names = axis_names
        self.classes = classes

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        student: str | None = None,
        teacher: str | None = None,
        features: Any = None,
        max_samples: int = 40,
        ax: Any = None,
    ) -> Self:
        """Draw a lesson of a fitted distiller.

        Parameters
        ----------
        estimator : CooperativeDistiller, CooperativeDistillerRegressor or Pipeline
            Fitted; a Pipeline that ends in one.

        X : {array-like, sparse matrix, dataframe} of shape (n_rows, n_features)
            The rows that it was fitted with, in their order.

        y : array-like of shape (n_rows,)
            Their labels, or numbers.

        student, teacher : str, default=None
            Names of members. None: the two with the largest lesson.

        features : list of two str or int, default=None
            Two columns that span the picture. None: the first two principal components
            of all columns, numbers in standard deviations, categories one-hot.

        max_samples : int, default=40
            At most so many samples are drawn, evenly out of all.

        ax : matplotlib Axes, default=None
            Where to draw. None: new axes.

        Returns
        -------
        display : LessonDisplay

        Raises
        ------
        TypeError
            If `estimator` is no distiller.

        NotFittedError
            If it is not fitted.

        ValueError
            If there is no such member, lesson or column, if X has other columns than
            in `fit`, or more or fewer rows, or y other labels.
        """
        distiller = distiller_in(estimator)
        X = rows_of(estimator, X)
        y = column_or_1d(y)
        check_consistent_length(X, y)
        _check_known(distiller, y)
        student, teacher, kept, position = find_lesson(distiller, student, teacher)
        shown = _evenly(n_rows(X), MAX_ROWS)
        rows, made = take_rows(X, shown), take_rows(kept.X, position)
        codec = TableCodec(X)
        tables = [codec.Z[shown], codec.Z[kept.source[position]], codec.encode(made)]
        if features is None:
            places, axis_names = _component_places(codec, tables)
        else:
            places, axis_names = _column_places(codec, tables, features)
        i = distiller._names.index(teacher)
        answers = [_answers(distiller, i, table) for table in (rows, made)]
        display = cls(
            rows=places[0],
            y=y[shown],
            sources=places[1],
            samples=places[2],
            y_samples=kept.y[position],
            answers=np.concatenate(answers),
            student=student,
            teacher=teacher,
            axis_names=axis_names,
            classes=distiller.classes_ if is_classifier(distiller) else None,
        )
        return display.plot(max_samples=max_samples, ax=ax)

    def plot(self, *, max_samples: int = 40, ax: Any = None) -> Self:
        """Draw the lesson.

        Parameters
        ----------
        max_samples : int, default=40
            At most so many samples are drawn, evenly out of all.

        ax : matplotlib Axes, default=None
            Where to draw. None: new axes.

        Returns
        -------
        display : LessonDisplay
            Itself.
        """
        check_matplotlib_support("LessonDisplay.plot")
        check_count(max_samples, "max_samples", "LessonDisplay.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
        drawn = _evenly(len(self.samples), max_samples)
        colors = _Colors(self.classes, np.concatenate([self.y, self.answers]))
        self._draw_region(ax, colors, drawn)
        ax.scatter(*self.rows.T, s=9, c=colors(self.y), linewidths=0, alpha=0.55)
        for start, end in zip(self.sources[drawn], self.samples[drawn]):
            ax.annotate(
                "",
                xy=end,
                xytext=start,
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": "0.15",
                    "linewidth": 0.9,
                    "mutation_scale": 7,
                    "shrinkA": 2,
                    "shrinkB": 2.5,
                },
            )
        y = self.y_samples[drawn]
        circles = {"s": 30, "facecolors": "white", "linewidths": 1.4, "zorder": 3}
        ax.scatter(*self.sources[drawn].T, edgecolors=colors(y), **circles)
        marks = {"s": 20, "marker": "D", "linewidths": 0.8, "zorder": 4}
        ax.scatter(*self.samples[drawn].T, c=colors(y), edgecolors="black", **marks)
        n, n_drawn = len(self.samples), len(drawn)
        count = f"{n:,} samples" if n == n_drawn else f"{n_drawn} of {n:,} samples"
        ax.set_title(f"{self.teacher} teaches {self.student}: {count}")
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        self._add_legend(ax, colors)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_region(self, ax: Any, colors: _Colors, drawn: np.ndarray) -> None:
        """The background: what the teacher says around each point of the picture.

        The picture is as large as what is drawn of the lesson, not as all rows.
        """
        points = np.concatenate([self.rows, self.samples])
        lesson = np.concatenate([self.sources[drawn], self.samples[drawn]])
        low, high = lesson.min(axis=0), lesson.max(axis=0)
        margin = 0.1 * np.where(high > low, high - low, 1.0)
        low, high = low - margin, high + margin
        # as near as they look in the picture, whatever the units
        width = high - low
        model = KNeighborsRegressor if self.classes is None else KNeighborsClassifier
        nearest = model(n_neighbors=min(N_NEIGHBORS, len(points)))
        nearest.fit((points - low) / width, self.answers)
        steps = (np.arange(GRID) + 0.5) / GRID
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        said = colors(nearest.predict(grid)).reshape(GRID, GRID, 4)
        box = (low[0], high[0], low[1], high[1])
        ax.imshow(said, origin="lower", extent=box, aspect="auto", alpha=0.22, zorder=0)
        ax.set(xlim=box[:2], ylim=box[2:])

    def _add_legend(self, ax: Any, colors: _Colors) -> None:
        from matplotlib.lines import Line2D

        style = {"linestyle": "", "color": "0.15"}
        handles = [
            Line2D([], [], marker="o", mfc="white", ms=6, label="source row", **style),
            Line2D([], [], marker="D", ms=6, label="sample", **style),
        ]
        for label, color in colors.named():
            kind = {"linestyle": "", "color": color, "label": label}
            handles.append(Line2D([], [], marker="s", ms=7, **kind))
        if self.classes is None:
            ax.figure.colorbar(colors.scale, ax=ax, label="y")
            ax.legend(handles=handles, fontsize="small")
            return
        where = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "frameon": False}
        ax.legend(handles=handles, borderaxespad=0, fontsize="small", **where)


class _Colors:
    """A colour for each label or number."""

    def __init__(self, classes: np.ndarray | None, values: np.ndarray) -> None:
        import matplotlib as mpl

        self.classes = classes
        if classes is None:
            values = np.asarray(values, dtype=float)
            # outliers would leave one colour to all others
            norm = mpl.colors.Normalize(*np.quantile(values, [0.02, 0.98]), clip=True)
            self.scale = mpl.cm.ScalarMappable(norm, "viridis")
        elif len(classes) <= len(PALETTE):
            self.table = np.array([mpl.colors.to_rgba(c) for c in PALETTE])
        else:
            self.table = mpl.colormaps["viridis"](np.linspace(0, 1, len(classes)))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        if self.classes is None:
            return self.scale.to_rgba(np.asarray(values, dtype=float))
        return self.table[np.searchsorted(self.classes, values)]

    def named(self) -> Iterable[tuple[str, np.ndarray]]:
        """Labels and their colours, for a legend; not of very many."""
        if self.classes is None or len(self.classes) > 2 * len(PALETTE):
            return []
        return zip(map(str, self.classes), self.table)


def _answers(distiller: BaseDistiller, i: int, X: Any) -> np.ndarray:
    """Labels or numbers that member i, before teaching, gives to some rows."""
    answers = distiller._ask(distiller.initial_estimators_, i, X)
    if is_classifier(distiller):
        return distiller.classes_[answers.argmax(axis=1)]
    return answers[:, 0]


def _check_known(distiller: BaseDistiller, y: np.ndarray) -> None:
    """Raise if y has labels that the distiller was not fitted with."""
    if not is_classifier(distiller):
        return
    unknown = sorted(set(y.tolist()) - set(distiller.classes_.tolist()), key=str)
    if unknown:
        raise ValueError(
            f"`y` must have the labels that `estimator` was fitted with; got "
            f"{unknown[0]!r}. They are: {distiller.classes_.tolist()}."
        )


def _evenly(n: int, at_most: int) -> np.ndarray:
    """Positions of at most so many of n things, evenly spaced."""
    if n <= at_most:
        return np.arange(n)
    return np.linspace(0, n - 1, at_most).round().astype(np.intp)


def _component_places(
    codec: TableCodec, tables: list[Any]
) -> tuple[list[np.ndarray], list[str]]:
    """Places of encoded tables along the first two principal components of the first.

    Returns the places, and names of the components.
    """
    points = [as_points(codec, codec.Z, Z) for Z in tables]
    n_components = min(2, *points[0].shape)
    solver = "auto"
    if sparse.issparse(points[0]):
        if min(points[0].shape) > 2:
            solver = "arpack"  # which needs more columns than components
        else:
            points = [table.toarray() for table in points]
    pca = PCA(n_components, svd_solver=solver, random_state=0).fit(points[0])
    places = [pca.transform(table) for table in points]
    if n_components < 2:
        places = [np.column_stack([p, np.zeros(len(p))]) for p in places]
    shares = [*pca.explained_variance_ratio_, 0.0][:2]
    names = [f"Principal component {k + 1} ({s:.0%})" for k, s in enumerate(shares)]
    return places, names


def _column_places(
    codec: TableCodec, tables: list[Any], features: Any
) -> tuple[list[np.ndarray], list[str]]:
    """Places of encoded tables by two of their columns, and the names of these."""
    wanted = features if isinstance(features, (list, tuple)) else [features]
    found = [
        np.flatnonzero(resolve_columns(codec.X, column, "features"))
        for column in wanted
    ]
    if [len(positions) for positions in found] != [1, 1]:
        raise ValueError(
            f"`features` must be a list of two columns; got {features!r}. Give two "
            "names, or two positions."
        )
    columns = np.concatenate(found)
    names = [str(column_names(codec.X)[k]) for k in columns]
    cells = [Z[:, columns] for Z in tables]
    if sparse.issparse(cells[0]):
        cells = [Z.toarray() for Z in cells]
    # a missing cell stands where most rows are, in all tables
    known = [Z[np.isfinite(Z)] for Z in cells[0].T]
    typical = [np.median(of_column) if len(of_column) else 0.0 for of_column in known]
    return [np.where(np.isfinite(Z), Z, typical) for Z in cells], names
