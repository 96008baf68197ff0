"""The public regressor; what it shares with the classifier is in `_distiller`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, is_regressor
from sklearn.model_selection import KFold

from sklearn_coopkd._containers import n_rows
from sklearn_coopkd._distiller import BaseDistiller
from sklearn_coopkd._final import LinearPoolRegressor
from sklearn_coopkd._responses import numbers
from sklearn_coopkd._tasks import Regression, as_numbers


class CooperativeDistillerRegressor(RegressorMixin, BaseDistiller):
    """Regressors that teach each other what each of them lacks.

    The same as :class:`CooperativeDistiller`, with numbers in place of classes. Where a
    student's error on rows it has not seen is large, and a peer's clearly smaller, the
    peer makes a *pseudo-sample*: a near version of the row at which its prediction is
    nearer to the row's number. The student is fitted again, with the pseudo-samples and
    with what all members together predict, and keeps what it has learned if it is
    better on rows that no part of it has seen.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
        The regressors; "drop" leaves one out. One in a
        :class:`sklearn.frozen.FrozenEstimator` teaches and is not fitted.

    final_estimator : estimator, default=None
        Regressor that combines the students' predictions if ``combine="stack"``. None
        is a sum with weights of the least squared error, not negative and drawn toward
        equal ones, where rows count by one over the error of similar rows.

    combine : {"stack", "vote", "best"}, default="stack"
        What `predict` uses: a final estimator on the students' out-of-sample
        predictions, their mean, or the single student with the best score.

    deficiency : {"error", "margin", "auto"}, default="auto"
        Rows that a student is taught, by closeness, ``2 ** (-|y - f(x)| / s)`` with s
        the median error of all members: those with a closeness below a half ("error"),
        or also those on which a peer is at least 0.25 closer ("margin"). Either way
        only peers that are so much closer teach. "auto": "error" if `sites` is given,
        else "margin".

    peer_selection : {"all", "best", "auto"} or object, default="auto"
        Who teaches a row: all peers with an error of at most s, or the one with the
        smallest. "auto": "best"; if `sites` is given the ten closest, which of up to
        eleven members are all. An object needs ``select(deficient, qualified,
        confidence)``; see ``docs/extending.md``.

    generator : object, default=None
        Makes the pseudo-samples. None is :class:`QuintessentialGenerator`.

    soft_targets : bool or "auto", default="auto"
        Whether a student learns predictions, or the numbers in y alone. On one table
        they are a quarter of the number and three quarters of what all members but
        frozen ones together predict, at its own rows and at pseudo-samples; at a
        pseudo-sample of a frozen teacher, or between sites, what its teacher predicts.
        False: a pseudo-sample has the number of the row it was made from. "auto": on
        one table.

    pseudo_weight : float, default=1.0
        Weight of a pseudo-sample relative to its source row, for members whose `fit`
        takes weights.

    max_pseudo : float or None, default=None
        At most this many pseudo-samples for each own row; None: no limit.

    max_iter : int or "auto", default="auto"
        Rounds at most; "auto": 1, or 3 if `sites` is given.

    tol : float, default=0.0
        A student is kept if its score rises by more than this, and if its absolute
        error falls, too; see the notes.

    scoring : str or callable, default="neg_root_mean_squared_error"
        Score of a student on held-out rows, larger is better.

    validation : {"cross-fit"}, float or None, default="cross-fit"
        Rows on which the gate judges students: each fold in turn, a share that is set
        aside, or no gate.

    cv : int, cross-validation generator or iterable, default=None
        Folds for the out-of-sample predictions, at least 3 with the gate; None: 3. Of
        an int or None rows are dealt out in the order of y, at each site by itself.

    views : dict of str to columns, default=None
        The columns that a member sees, for those that do not see all.

    on_failure : {"raise", "warn"}, default="raise"
        What happens if a member fails: the error, or a warning and the others go on.

    n_jobs : int, default=None
        Fits run in parallel. The result does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Seeds members whose own `random_state` is None, generators and the hold-out.

    verbose : int, default=0
        1 prints what is being done.

    Attributes
    ----------
    estimators_ : list of estimators
        The students as they are delivered.

    initial_estimators_ : list of estimators
        The same members before teaching.

    named_estimators_ : :class:`~sklearn.utils.Bunch`
        Students by name.

    final_estimator_ : estimator
        If ``combine="stack"``. The default has one of `weights_` for each that it sees.

    best_index_ : int
        Position of the student with the best of `scores_`.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are all texts.

    n_iter_ : int
        Rounds that were tried.

    termination_condition_ : str
        "max_iter", "no_improvement", "nothing_to_teach" or "callback".

    history_ : list of dict
        One entry for each round and student; see :class:`CooperativeDistiller`.

    transfer_matrix_ : ndarray of shape (n_estimators, n_estimators)
        Pseudo-samples made by member i that student j was fitted with and kept.

    pseudo_samples_ : :class:`~sklearn.utils.Bunch`
        For each student: a Bunch with "X", "y" (the number of the source row),
        "weight", "teacher", "source", "round" and "target" (what it learned in place of
        y, shape (n_samples, 1); None if y).

    soft_labels_ : :class:`~sklearn.utils.Bunch`
        For each student what it learned in place of y of its own rows, shape
        (n_samples, 1), NaN where it was not fitted with a row; None if y.

    scores_ : ndarray of shape (n_estimators,)
        Out-of-sample score of each student by `scoring`; without a gate that of the
        members before teaching.

    See Also
    --------
    CooperativeDistiller : The same for classes, with the details.
    sklearn.ensemble.StackingRegressor : Combines members without changing them.

    Notes
    -----
    A counterfactual of a regressor removes a share alpha of its error:
    ``f(x') = f(x) + alpha * (y - f(x))``, the target of the paper, or nearer to y.

    What all members together predict as targets is such a sum, too: weights are fitted
    on out-of-sample predictions.

    On one table a student must also have a smaller absolute error on held-out rows than
    what was kept so far, by two standard errors of the paired difference. Between sites
    it may be larger by a hundredth of the median error, on all rows, and where half the
    weight is that of its own rows; those of them that it predicts to be outside the
    range of its site count on all rows alone.

    References
    ----------
    Livanos, Davidson, Wong, "Cooperative Knowledge Distillation: A Learner Agnostic
    Approach", AAAI 2024.
    Breiman, "Stacked Regressions", Machine Learning 24, 1996.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import RidgeCV
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from sklearn_coopkd import CooperativeDistillerRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> distiller = CooperativeDistillerRegressor(
    ...     [("ridge", RidgeCV()), ("tree", DecisionTreeRegressor())], random_state=0
    ... ).fit(X, y)
    >>> distiller.predict(X[:2]).shape
    (2,)
    >>> tree = distiller.named_estimators_["tree"]
    >>> tree.score(X, y) < 1  # it has learned not to repeat every row
    True
    """

    def __init__(
        self,
        estimators: list[tuple[str, Any]],
        final_estimator: Any = None,
        *,
        combine: str = "stack",
        deficiency: str = "auto",
        peer_selection: Any = "auto",
        generator: Any = None,
        soft_targets: bool | str = "auto",
        pseudo_weight: float = 1.0,
        max_pseudo: float | None = None,
        max_iter: int | str = "auto",
        tol: float = 0.0,
        scoring: str | Callable[..., float] = "neg_root_mean_squared_error",
        validation: str | float | None = "cross-fit",
        cv: Any = None,
        views: dict[str, Any] | None = None,
        on_failure: str = "raise",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        super().__init__(estimators=estimators)
        self.final_estimator = final_estimator
        self.combine = combine
        self.deficiency = deficiency
        self.peer_selection = peer_selection
        self.generator = generator
        self.soft_targets = soft_targets
        self.pseudo_weight = pseudo_weight
        self.max_pseudo = max_pseudo
        self.max_iter = max_iter
        self.tol = tol
        self.scoring = scoring
        self.validation = validation
        self.cv = cv
        self.views = views
        self.on_failure = on_failure
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    _kind = "regressor"
    _way_out = (
        "Classifiers are members of CooperativeDistiller; an estimator of your own "
        "needs RegressorMixin as its first base."
    )
    _is_of_my_kind = staticmethod(is_regressor)
    _default_splitter = KFold
    _default_final = LinearPoolRegressor

    # what y is

    def _validate_y(self, X: Any, y: Any) -> np.ndarray:
        """Numbers as a 1-D array of floats."""
        y = as_numbers(y, warn=True)
        if len(y) != n_rows(X):
            raise ValueError(
                "`X` and `y` must have the same number of rows; got inconsistent "
                f"numbers of samples: {n_rows(X)} and {len(y)}."
            )
        return y

    def _task(self) -> Regression:
        return Regression()

    # predict

    def _answers_of(self, model: Any, X: Any) -> np.ndarray:
        return numbers(model, X)

    def _student_answers(self, X: Any, i: int) -> np.ndarray:
        """Predictions of student i, (n_rows, 1)."""
        return self._ask(self.estimators_, i, X)

    def _suffixes(self) -> list[str]:
        """Of the columns of one member in `transform`."""
        return [""]

    def _vote(self, X: Any) -> np.ndarray:
        return self._mean_answers(X)[:, 0]
