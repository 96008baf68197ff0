"""Folds: which rows each one tests and trains on, and where the gate judges.

An *exclusion* is a sorted tuple of folds that nothing may have seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    check_cv,
)

from sklearn_coopkd._sites import Sites
from sklearn_coopkd._warning import warn

Exclusion = tuple[int, ...]


@dataclass(frozen=True)
class Folds:
    """Which rows each fold tests and trains on.

    `root` is what the delivered students must not see: nothing, or the hold-out.
    `gates` are the exclusions on which the gate judges students, each with the fold
    that it judges them on. Empty: no gate.
    """

    train: np.ndarray  # (n_folds, n_rows) bool
    test: np.ndarray  # (n_folds, n_rows) bool
    inner: tuple[int, ...]  # folds used for cross-fitting
    root: Exclusion
    gates: dict[Exclusion, int]

    def rows(self, exclusion: Exclusion) -> np.ndarray:
        """Rows that may be used when the folds of `exclusion` are left out."""
        return np.flatnonzero(self.train[list(exclusion)].all(axis=0))

    def children(self, exclusion: Exclusion) -> dict[int, Exclusion]:
        """The exclusions with one fold more, as far as rows remain on both sides."""
        used = self.train[list(exclusion)].all(axis=0)
        found = {}
        for fold in self.inner:
            if fold in exclusion:
                continue
            if (used & self.test[fold]).any() and (used & self.train[fold]).any():
                found[fold] = tuple(sorted((*exclusion, fold)))
        return found


def check_splitter(cv: Any, y: np.ndarray, is_classification: bool) -> Any:
    """The splitter that `cv` stands for; None: three folds, of labels stratified.

    Raises
    ------
    ValueError
        If `cv` is a string or below 2, or has more folds than there are rows, or than
        the largest class has.
    """
    if isinstance(cv, str):
        raise ValueError(
            f"`cv` must be an int, a splitter or an iterable; got {cv!r}. For members "
            "that are fitted already, wrap them in FrozenEstimator."
        )
    cv = 3 if cv is None else cv
    if isinstance(cv, Integral) and cv < 2:
        raise ValueError(
            f"`cv` must be at least 2, with the gate 3; got {cv}. Use 3, or None."
        )
    splitter = check_cv(cv, y, classifier=is_classification)
    if isinstance(cv, Integral) and is_classification:
        largest = np.unique(y, return_counts=True)[1].max()
        if cv > largest:
            raise ValueError(
                f"`cv` must not exceed the size of the largest class; got {cv} folds, "
                f"and the largest class has {largest} sample"
                f"{'' if largest == 1 else 's'}. "
                + ("Lower `cv`." if largest > 1 else "Add rows of the same classes.")
            )
    if isinstance(cv, Integral) and int(cv) > len(y):
        raise ValueError(
            f"`cv` must not exceed the number of rows; got {cv} folds of {len(y)} "
            "sample(s). Lower `cv`."
        )
    return splitter


def make_folds(
    X: Any,
    y: np.ndarray,
    *,
    cv: Any,
    sites: Sites,
    validation: str | float | None,
    is_classification: bool,
    split_params: dict[str, Any],
    seed: int,
) -> Folds:
    """Splits as row masks. The splitter is asked once: it need not be repeatable.

    Parameters
    ----------
    X : container of shape (n_samples, n_features)

    y : ndarray of shape (n_samples,)

    cv : None, int, splitter or iterable
        An int (or None) is as in scikit-learn for labels on one table. Numbers are
        dealt out in their order, so that all folds have small and large ones, however
        the table is sorted; and several places split the rows of each by itself.

    sites : Sites

    validation : {"cross-fit"}, float or None
        See `CooperativeDistiller`.

    is_classification : bool
        Whether y holds labels.

    split_params : dict
        Metadata for `split`: `groups`.

    seed : int
        Draws the hold-out.

    Returns
    -------
    folds : Folds
    """
    splitter = check_splitter(cv, y, is_classification)
    is_number = cv is None or isinstance(cv, Integral)
    if is_number and (sites.n_places > 1 or not is_classification):
        if split_params.get("groups") is not None:
            raise ValueError(
                f"`groups` would not be used: `cv`={cv!r} splits rows without them. "
                "Give a splitter that uses groups, such as GroupKFold."
            )
        splits = _split_places(sites, y, splitter.get_n_splits())
    else:
        splits = _asked_splits(splitter, X, y, split_params, cv)
    if not splits:
        raise ValueError(f"`cv` must yield at least one split; got none from {cv!r}.")
    held_out = None
    if isinstance(validation, Real):
        groups = split_params.get("groups")
        held_out = np.zeros(len(y), dtype=bool)
        for rows in sites.by_place(np.arange(len(y))).values():
            size = float(validation)
            of_rows = None if groups is None else np.asarray(groups)[rows]
            n_parts = len(rows) if of_rows is None else len(np.unique(of_rows))
            # a site that cannot spare a row, or a group, holds none out
            if sites.n_places > 1 and not 1 <= np.ceil(size * n_parts) < n_parts:
                continue
            labels = y[rows] if is_classification else np.zeros(len(rows))
            held_out[rows] = _hold_out(splitter, labels, size, of_rows, seed)
        if not held_out.any():
            raise ValueError(
                f"`validation`={validation} finds no site that could set aside a row, "
                "or a whole group, and keep another. Use validation='cross-fit'."
            )
    n_folds = len(splits) + (held_out is not None)
    train = np.zeros((n_folds, len(y)), dtype=bool)
    test = np.zeros((n_folds, len(y)), dtype=bool)
    for fold, (train_rows, test_rows) in enumerate(splits):
        train[fold, train_rows] = True
        test[fold, test_rows] = True
        on_both = np.flatnonzero(train[fold] & test[fold])
        if len(on_both):
            raise ValueError(
                f"`cv` must not train on rows that it tests; split {fold} does with "
                f"{len(on_both)} of them, the first in row {on_both[0]}. Leave these "
                "out of the training rows: every member would look right on them."
            )
    inner = tuple(range(len(splits)))
    if held_out is not None:
        test[:-1] &= ~held_out
        train[-1], test[-1] = ~held_out, held_out
        root = (len(splits),)
        if is_classification and len(np.unique(y[~held_out])) < min(
            2, len(np.unique(y))
        ):
            raise ValueError(
                f"`validation`={validation} leaves one class to train on. Lower it, or "
                "use validation='cross-fit'."
            )
        return Folds(train, test, inner, root, {root: len(splits)})
    folds = Folds(train, test, inner, (), {})
    if validation is None:
        return folds
    gates = {child: fold for fold, child in folds.children(()).items()}
    if not any(folds.children(gate) for gate in gates):
        warn(
            "`cv` leaves no rows to teach from when two folds are left out, so that "
            "validation='cross-fit' can accept no student. Use at least 3 folds, or "
            "another `validation`."
        )
    return replace(folds, gates=gates)


def warn_of_members_without_rows(
    folds: Folds, sites: Sites, learners: dict[int, str]
) -> None:
    """Warn if what is left out leaves a member none of its rows to be fitted with.

    `learners` has the names of the members that are fitted, by position.
    """
    exclusions = [folds.root, *folds.gates]
    exclusions += [e for base in exclusions for e in folds.children(base).values()]
    for exclusion in exclusions:
        for i, name in learners.items():
            if not sites.owns[i, folds.rows(exclusion)].any():
                left_out = ", ".join(map(str, exclusion))
                warn(
                    f"`cv` leaves the member {name!r} no rows of its own without the "
                    f"folds ({left_out}): there it knows only what others teach it, "
                    "and is judged by that. Use an int, or a splitter that leaves "
                    "each site rows in every two folds."
                )
                return


def place_folds(y: np.ndarray, n_folds: int) -> np.ndarray:
    """A fold for each row of one place: rows in the order of y, dealt out in turn."""
    fold = np.empty(len(y), dtype=np.intp)
    fold[np.argsort(y, kind="stable")] = np.arange(len(y)) % n_folds
    return fold


def _asked_splits(splitter, X, y, split_params, cv):
    """What a splitter yields; raises ValueError unless all are pairs of rows."""
    rows = np.arange(len(y))
    try:
        pairs = splitter.split(X, y, **split_params)
        return [(rows[train], rows[test]) for train, test in pairs]
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"`cv` must yield pairs of positions of training and test rows, from 0 to "
            f"{len(y) - 1}. {cv!r:.80} cannot do that: {error}"
        ) from error


def _split_places(sites, y, n_folds):
    """Folds of each place for itself, so that a place can make them alone."""
    fold = np.empty(len(y), dtype=np.intp)
    for rows in sites.by_place(np.arange(len(y))).values():
        fold[rows] = place_folds(y[rows], n_folds)
    return [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)
    ]


def _hold_out(
    splitter: Any, y: np.ndarray, size: float, groups: Any, seed: int
) -> np.ndarray:
    """Mask of the rows set aside: whole groups, the end of a time series, or any."""
    held_out = np.zeros(len(y), dtype=bool)
    n_test = int(np.ceil(size * len(y)))
    if n_test >= len(y):
        raise ValueError(
            f"`validation` must leave rows to train on; got {size} of {len(y)} rows. "
            "Lower it, or use validation='cross-fit'."
        )
    if isinstance(splitter, TimeSeriesSplit):
        held_out[len(y) - n_test :] = True
        return held_out
    counts = np.unique(y, return_counts=True)[1]
    kind: Any = ShuffleSplit
    if groups is not None:
        kind = GroupShuffleSplit
    elif counts.min() >= 2 and len(counts) <= min(n_test, len(y) - n_test):
        kind = StratifiedShuffleSplit
    draw = kind(n_splits=1, test_size=size, random_state=seed)
    held_out[next(draw.split(np.zeros(len(y)), y, groups))[1]] = True
    return held_out
