"""What each student gained, round by round."""

from __future__ import annotations

import math
from textwrap import fill
from typing import Any, Self

import numpy as np

from sklearn_coopkd._compat import check_matplotlib_support
from sklearn_coopkd.inspection._fitted import check_axes, check_count, distiller_in

MIN_WIDTH = 1.6  # of a panel, in inches
LETTERS = 11  # of a title, in an inch
KEPT, REFUSED = "#0072B2", "#D55E00"  # blue and vermilion of Okabe and Ito


class HistoryDisplay:
    """Score of each student before teaching and after every round.

    A panel for each student, with a scale of its own. What the gate judged better is
    kept and joined by a line; what it refused is a cross at the score that the student
    would have had. A cross above the line: the score rose, but by less than `tol`, or
    the student was not right on more rows (regression: not closer to y on average). One
    that was refused on the first fold alone has no score: its cross is on the line.

    It is recommended to use `from_estimator` to create one.

    Parameters
    ----------
    history : list of dict
        As `history_` of a distiller: a record for each round and student.

    score_name : str, default="score"
        What the scores are; larger is better.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each student.

    figure_ : matplotlib Figure
        Figure that has the axes.

    See Also
    --------
    TransferDisplay : Who taught whom.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_coopkd import CooperativeDistiller
    >>> from sklearn_coopkd.inspection import HistoryDisplay
    >>> X, y = load_wine(return_X_y=True, as_frame=False)
    >>> members = [("tree", DecisionTreeClassifier()), ("bayes", GaussianNB())]
    >>> distiller = CooperativeDistiller(members, random_state=0).fit(X, y)
    >>> HistoryDisplay.from_estimator(distiller)
    <...HistoryDisplay object at ...>
    """

    def __init__(
        self, history: list[dict[str, Any]], *, score_name: str = "score"
    ) -> None:
        self.history = history
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, max_columns: int = 4, ax: Any = None
    ) -> Self:
        """Draw the scores of a fitted distiller's students.

        Parameters
        ----------
        estimator : CooperativeDistiller, CooperativeDistillerRegressor or Pipeline
            Fitted with a gate; a Pipeline that ends in one.

        max_columns : int, default=4
            Panels side by side.

        ax : matplotlib Axes, default=None
            Divided among the panels. None: a new figure.

        Returns
        -------
        display : HistoryDisplay

        Raises
        ------
        TypeError
            If `estimator` is no distiller.

        NotFittedError
            If it is not fitted.

        ValueError
            If no round was run, or there was no gate.
        """
        distiller = distiller_in(estimator)
        scoring = distiller.scoring
        name = scoring if isinstance(scoring, str) else "score"
        return cls(distiller.history_, score_name=name).plot(
            max_columns=max_columns, ax=ax
        )

    def plot(self, *, max_columns: int = 4, ax: Any = None) -> Self:
        """Draw the scores.

        Parameters
        ----------
        max_columns : int, default=4
            Panels side by side.

        ax : matplotlib Axes, default=None
            Divided among the panels. None: a new figure.

        Returns
        -------
        display : HistoryDisplay
            Itself.

        Raises
        ------
        ValueError
            If no round was run, or there was no gate.
        """
        check_matplotlib_support("HistoryDisplay.plot")
        check_axes(ax)
        check_count(max_columns, "max_columns", "HistoryDisplay.plot")
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        if not self.history:
            raise ValueError(
                "`history` is empty: `estimator` ran no round to its end. Set "
                "`max_iter`, and two members or more."
            )
        if all(np.isnan(r["score_after"]) for r in self.history) and any(
            record["accepted"] for record in self.history
        ):
            raise ValueError(
                "`history` has no score of what was kept: the fit had no gate. Set "
                "`validation`."
            )
        students = list(dict.fromkeys(record["student"] for record in self.history))
        n_columns = min(len(students), max_columns)
        if ax is not None:  # as many as are legible side by side
            inches = ax.get_window_extent().width / ax.figure.dpi
            n_columns = min(n_columns, max(1, int(inches / MIN_WIDTH)))
        n_lines = math.ceil(len(students) / n_columns)
        if ax is None:
            size = (2.3 * n_columns + 0.6, 2.1 * n_lines + 0.7)
            figure = plt.figure(figsize=size, layout="constrained")
            grid = figure.add_gridspec(n_lines, n_columns)
        else:
            figure = ax.figure
            ax.set_axis_off()
            left, bottom, width, height = ax.get_position().bounds
            place = (
                ax.get_subplotspec()
                or figure.add_gridspec(
                    *(1, 1),
                    left=left,
                    bottom=bottom,
                    right=left + width,
                    top=bottom + height,
                )[0]
            )
            grid = place.subgridspec(n_lines, n_columns, wspace=0.45, hspace=0.6)
        rounds = sorted({record["round"] for record in self.history})
        self.axes_ = np.empty(len(students), dtype=object)
        for k, student in enumerate(students):
            panel = figure.add_subplot(grid[k // n_columns, k % n_columns])
            self._draw(panel, [r for r in self.history if r["student"] == student])
            inches = panel.get_window_extent().width / figure.dpi
            title = fill(student, max(12, int(inches * LETTERS)), max_lines=2)
            panel.set_title(title, fontsize="medium")
            panel.set_xlim(-0.3, rounds[-1] + 0.3)
            panel.set_xticks([0, *rounds])
            panel.yaxis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
            panel.spines[["top", "right"]].set_visible(False)
            if k + n_columns >= len(students):
                panel.set_xlabel("Round (0: before)")
            if k % n_columns == 0:
                of_each = "" if len(students) == 1 else "\n(a scale for each)"
                panel.set_ylabel(self.score_name + of_each)
            self.axes_[k] = panel
        self._add_legend(figure if ax is None else ax)
        self.figure_ = figure
        return self

    def _draw(self, panel: Any, records: list[dict[str, Any]]) -> None:
        """One student: a line through what it kept, crosses at what it did not."""
        level = records[0]["score_before"]
        kept = [(0, level)]
        for record in records:
            round_, score = record["round"], record["score_after"]
            if record["accepted"]:
                level = score
            elif record["taught"]:
                score = score if np.isfinite(score) else level
                way = [round_ - 1, round_], [level, score]
                panel.plot(*way, color=REFUSED, linestyle=":", linewidth=1.2)
                cross = {"color": REFUSED, "markersize": 7, "mew": 1.8, "zorder": 3}
                panel.plot(round_, score, "x", **cross)
            kept.append((round_, level))
        panel.plot(*zip(*kept), "o-", color=KEPT, markersize=5)
        panel.margins(y=0.15)

    def _add_legend(self, place: Any) -> None:
        """What line and cross mean; only what is there."""
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], color=KEPT, marker="o", label="kept")]
        if any(r["taught"] and not r["accepted"] for r in self.history):
            cross = {"color": REFUSED, "marker": "x", "linestyle": ":"}
            handles.append(Line2D([], [], label="refused", **cross))
        where = {"loc": "outside upper right", "ncols": 2}
        if not hasattr(place, "add_gridspec"):
            where |= {"loc": "lower right", "bbox_to_anchor": (1.0, 1.06)}
        place.legend(handles=handles, frameon=False, fontsize="small", **where)
