"""Who taught whom."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from sklearn_coopkd._compat import check_matplotlib_support
from sklearn_coopkd.inspection._fitted import check_axes, distiller_in


class TransferDisplay:
    """Heat map of who taught whom.

    It is recommended to use `from_estimator` to create one.

    Parameters
    ----------
    transfer_matrix : ndarray of shape (n_members, n_members)
        Pseudo-samples that the member of the row made and the member of the column
        has kept.

    display_labels : list of str
        Names of the members.

    Attributes
    ----------
    im_ : matplotlib AxesImage
        The heat map.

    text_ : ndarray of shape (n_members, n_members), dtype=matplotlib Text, or None
        Its numbers. None with ``include_values=False``.

    ax_ : matplotlib Axes
        Axes with the heat map.

    figure_ : matplotlib Figure
        Figure that has the axes.

    See Also
    --------
    HistoryDisplay : What each student gained.
    LessonDisplay : The samples of one lesson.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_coopkd import CooperativeDistiller
    >>> from sklearn_coopkd.inspection import TransferDisplay
    >>> X, y = load_wine(return_X_y=True, as_frame=False)
    >>> members = [("tree", DecisionTreeClassifier()), ("bayes", GaussianNB())]
    >>> distiller = CooperativeDistiller(members, random_state=0).fit(X, y)
    >>> TransferDisplay.from_estimator(distiller)
    <...TransferDisplay object at ...>
    """

    def __init__(
        self, transfer_matrix: np.ndarray, *, display_labels: list[str]
    ) -> None:
        self.transfer_matrix = transfer_matrix
        self.display_labels = display_labels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        include_values: bool = True,
        cmap: Any = "Blues",
        colorbar: bool = True,
        im_kw: dict[str, Any] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw who taught whom in a fitted distiller.

        Parameters
        ----------
        estimator : CooperativeDistiller, CooperativeDistillerRegressor or Pipeline
            Fitted; a Pipeline that ends in one.

        include_values : bool, default=True
            Whether to write the numbers.

        cmap : str or matplotlib Colormap, default="Blues"
            From few samples to many.

        colorbar : bool, default=True
            Whether to add a colorbar.

        im_kw : dict, default=None
            Keywords for `imshow`.

        ax : matplotlib Axes, default=None
            Where to draw. None: new axes.

        Returns
        -------
        display : TransferDisplay

        Raises
        ------
        TypeError
            If `estimator` is no distiller.

        NotFittedError
            If it is not fitted.
        """
        distiller = distiller_in(estimator)
        display = cls(distiller.transfer_matrix_, display_labels=distiller._names)
        return display.plot(
            include_values=include_values,
            cmap=cmap,
            colorbar=colorbar,
            im_kw=im_kw,
            ax=ax,
        )

    def plot(
        self,
        *,
        include_values: bool = True,
        cmap: Any = "Blues",
        colorbar: bool = True,
        im_kw: dict[str, Any] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the heat map.

        Parameters
        ----------
        include_values : bool, default=True
            Whether to write the numbers.

        cmap : str or matplotlib Colormap, default="Blues"
            From few samples to many.

        colorbar : bool, default=True
            Whether to add a colorbar.

        im_kw : dict, default=None
            Keywords for `imshow`.

        ax : matplotlib Axes, default=None
            Where to draw. None: new axes.

        Returns
        -------
        display : TransferDisplay
            Itself.
        """
        check_matplotlib_support("TransferDisplay.plot")
        check_axes(ax)
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        counts = np.asarray(self.transfer_matrix)
        n = len(counts)
        if ax is None:
            size = 2.2 + 0.62 * n
            _, ax = plt.subplots(figsize=(size + 1.2, size), layout="compressed")
        itself = np.eye(n, dtype=bool)
        shown = np.ma.masked_array(counts, itself)  # nobody teaches itself
        highest = max(1, counts.max(initial=0))
        style = {"cmap": cmap, **(im_kw or {})}
        if "norm" not in style:
            style = {"vmin": 0, "vmax": highest, **style}
        self.im_ = ax.imshow(shown, **style)
        ax.set_facecolor("0.93")
        self.text_ = None
        if include_values:
            self.text_ = np.full((n, n), None, dtype=object)
            for i, j in np.argwhere(~itself):
                red, green, blue, _ = self.im_.cmap(self.im_.norm(counts[i, j]))
                is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
                self.text_[i, j] = ax.text(
                    *(j, i, f"{counts[i, j]:,}"),
                    ha="center",
                    va="center",
                    color="white" if is_dark else "black",
                )
        ax.set(
            xticks=np.arange(n),
            yticks=np.arange(n),
            xticklabels=self.display_labels,
            yticklabels=self.display_labels,
            xlabel="Student",
            ylabel="Teacher",
        )
        if n * max(map(len, self.display_labels)) > 20:
            plt.setp(
                ax.get_xticklabels(), rotation=35, ha="right", rotation_mode="anchor"
            )
        if colorbar:
            bar = ax.figure.colorbar(self.im_, ax=ax, label="Pseudo-samples kept")
            if isinstance(bar.locator, MaxNLocator):
                bar.locator.set_params(integer=True)
        self.ax_, self.figure_ = ax, ax.figure
        return self
