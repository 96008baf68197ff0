"""What the samples of a lesson look like among the rows."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill
from typing import Any, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

from sklearn_coopkd._codec import TableCodec
from sklearn_coopkd._compat import check_matplotlib_support
from sklearn_coopkd._containers import evenly, n_rows, take_rows
from sklearn_coopkd._distiller import BaseDistiller
from sklearn_coopkd.inspection._fitted import (
    check_axes,
    check_count,
    distiller_in,
    find_lesson,
    names_of,
    rows_of,
)
from sklearn_coopkd.inspection._places import (
    MISSING,
    Axis,
    column_places,
    component_places,
)

# Texts beside an axis; from so many letters in all they are slanted below it.
MAX_TICKS, MAX_LETTERS = 12, 40
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

    axis_ticks : list of two dict or None, default=None
        What places along a direction stand for, {place: text}: categories, dates, or
        "missing" beside numbers. None: numbers alone.

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
        axis_ticks: list[dict[float, str] | None] | None = None,
        classes: np.ndarray | None = None,
    ) -> None:
        self.rows, self.y = rows, y
        self.sources, self.samples, self.y_samples = sources, samples, y_samples
        self.answers = answers
        self.student, self.teacher = student, teacher
        self.axis_names = axis_names
        self.axis_ticks = axis_ticks
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
            Two columns that span the picture; rows of a category lie beside each other,
            missing cells below all numbers. None: the first two principal components
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
            in `fit`, or other rows, or these in another order, or y other values.
        """
        distiller = distiller_in(estimator)
        X = rows_of(estimator, X)
        y = column_or_1d(y)
        check_consistent_length(X, y)
        student, teacher, kept, position = find_lesson(distiller, student, teacher)
        _check_truth(distiller, y, kept)
        shown = evenly(n_rows(X), MAX_ROWS)
        rows, made = take_rows(X, shown), take_rows(kept.X, position)
        codec = TableCodec(X)
        tables = [codec.Z[shown], codec.Z[kept.source[position]], codec.encode(made)]
        axes: list[Axis]
        if features is None:
            places, axes = component_places(codec, tables)
        else:
            # a sample is drawn as far beside its category as its source
            of_rows = [shown, kept.source[position], kept.source[position]]
            names = names_of(estimator, X)
            places, axes = column_places(codec, tables, of_rows, features, names)
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
            axis_names=[axis.name for axis in axes],
            axis_ticks=[axis.ticks for axis in axes],
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
        check_axes(ax)
        check_count(max_samples, "max_samples", "LessonDisplay.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
        drawn = evenly(len(self.samples), max_samples)
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
        ax.set_title(fill(f"{self.teacher} teaches {self.student}: {count}", 56))
        ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        for axis, ticks in zip((ax.xaxis, ax.yaxis), self.axis_ticks or []):
            if ticks:
                _label(axis, ticks)
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
            ax.figure.colorbar(colors.scale, ax=ax, label="y (pale: teacher's answer)")
            below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13)}
            ax.legend(
                handles=handles, fontsize="small", ncols=2, frameon=False, **below
            )
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
            # labels have no order; of more than twenty no colours can be told apart
            few = len(classes) <= 20
            steps = np.arange(len(classes)) if few else np.linspace(0, 1, len(classes))
            self.table = mpl.colormaps["tab20" if few else "turbo"](steps)

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


def _check_truth(distiller: BaseDistiller, y: np.ndarray, lesson: Any) -> None:
    """Raise if y is not what the sources of a lesson were in `fit`."""
    if is_classifier(distiller):
        unknown = sorted(set(y.tolist()) - set(distiller.classes_.tolist()), key=str)
        if unknown:
            raise ValueError(
                f"`y` must have the labels that `estimator` was fitted with; got "
                f"{unknown[0]!r}. They are: {distiller.classes_.tolist()}."
            )
    wrong = np.flatnonzero(y[lesson.source] != lesson.y)
    if len(wrong):
        row = lesson.source[wrong[0]]
        raise ValueError(
            "`y` must be what `estimator` was fitted with, in the order of its rows; "
            f"got {y.tolist()[row]!r} in row {row}, which had "
            f"{lesson.y.tolist()[wrong[0]]!r}."
        )


def _label(axis: Any, ticks: dict[float, str]) -> None:
    """Write what places stand for; "missing" alone beside the numbers."""
    places, texts = list(ticks), list(ticks.values())
    if texts == [MISSING]:
        low, high = axis.get_view_interval()
        apart = places[0] + 0.08 * (high - low)  # or their texts would meet
        inside = [t for t in axis.get_ticklocs() if t > apart]
        places, texts = [*places, *inside], [*texts, *(f"{t:g}" for t in inside)]
    if len(places) > MAX_TICKS:
        kept = evenly(len(places), MAX_TICKS)
        told = f"{axis.get_label_text()} ({len(kept)} of {len(places)} named)"
        axis.set_label_text(told)
        places, texts = [places[k] for k in kept], [texts[k] for k in kept]
    low, high = axis.get_view_interval()
    axis.set_ticks(places, texts)
    axis.set_view_interval(low, high, ignore=True)
    if axis.axis_name == "x" and max(map(len, texts)) * len(texts) > MAX_LETTERS:
        for label in axis.get_ticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
