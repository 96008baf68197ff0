"""The public classifier; what it shares with the regressor is in `_distiller`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, is_classifier
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.metaestimators import available_if

from sklearn_coopkd._containers import n_rows
from sklearn_coopkd._distiller import BaseDistiller, final_has
from sklearn_coopkd._final import PooledLogisticRegression
from sklearn_coopkd._responses import (
    class_proba,
    response_method,
)
from sklearn_coopkd._tasks import Classification, as_labels


class CooperativeDistiller(ClassifierMixin, BaseDistiller):
    """Classifiers that teach each other what each of them lacks.

    Every member is student and teacher at once. Where a student is wrong on rows it
    has not seen and a peer is right, the peer makes a *pseudo-sample*: a near version
    of the row that it is surer about. The student is fitted again with the
    pseudo-samples, and keeps them if it is better on rows that no part of it has seen.
    The improved students are delivered as plain estimators, together with one
    predictor that combines them.

    Read more in the :doc:`user guide </user_guide>`.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Named classifiers of any kind. An estimator can be set to "drop" with
        `set_params`; one wrapped in :class:`sklearn.frozen.FrozenEstimator` teaches
        and is never refitted.

    final_estimator : estimator, default=None
        Classifier that combines outputs if ``combine="stack"``: of all students, and
        behind them of those members that have changed, as they were before. None is
        logistic regressions on probabilities and on their logarithms, pooled with the
        weighted geometric mean of all.

    combine : {"stack", "vote", "best"}, default="stack"
        What `predict` uses: a final estimator on the students' out-of-sample outputs,
        the mean of their probabilities, or the single student with the best score;
        calibrated in each case.

    deficiency : {"error", "margin", "auto"}, default="auto"
        Rows that a student is taught: those it gets wrong out of sample ("error"), or
        also those on which a peer gives the true class at least 0.25 more probability
        ("margin"). "auto": "error" if `sites` is given, else "margin".

    peer_selection : {"all", "best", "auto"} or object, default="auto"
        Who teaches a row: all peers that get it right, as in the paper, or the surest
        of them (out-of-sample probabilities, calibrated by temperature). "auto":
        "best"; if `sites` is given the ten surest, which of up to eleven members are
        all. An object needs ``select(deficient, qualified, confidence)``; see
        ``docs/extending.md``.

    generator : object, default=None
        Makes the pseudo-samples. None is :class:`QuintessentialGenerator`. Any object
        with the method `generate` of that class, `get_params` and `set_params`.

    soft_targets : bool or "auto", default="auto"
        Whether a student learns probabilities, or labels alone. On one table they are a
        quarter of the label and three quarters of what all members but frozen ones
        together answer, at its own rows and at pseudo-samples (see the notes); at a
        pseudo-sample of a frozen teacher, or between sites, what its teacher answers.
        A row is then there once for each label with at least 0.02, weighted by it.
        "auto": on one table; between sites, where a student lacks whole classes, the
        labels teach more. Members whose `fit` is given no weights
        (pipelines that request none among them), searches, and those that balance
        their classes by counting rows learn the labels in any case.

    pseudo_weight : float, default=1.0
        Weight of a pseudo-sample relative to its source row. Members whose `fit` takes
        no weights count every row once.

    max_pseudo : float, default=None
        At most this many pseudo-samples per own row of a student; None: no limit.

    max_iter : int or "auto", default="auto"
        Maximum number of rounds. The fit stops earlier if nobody improves, or if there
        is nothing new to teach. "auto": 3 between sites, else 1. See the notes for the
        cost.

    tol : float, default=0.0
        A student is kept if its score rises by more than this, and if it is right on
        clearly more held-out rows, or on the same ones (between sites: on hardly
        fewer; see the notes). One that is not is delivered as it was; what it has
        learned goes on learning and teaching in further rounds.

    scoring : str or callable, default="neg_log_loss"
        What the gate compares, and what picks the best student (there by calibrated
        answers, unless it is a callable that sees the student itself). Members without
        `predict_proba` are scored by the softmax of their decision values, or by
        their votes.

    validation : {"cross-fit"}, float in (0, 1) or None, default="cross-fit"
        How the gate finds rows that no part of a student has seen. "cross-fit":
        teaching is repeated without each fold, and judged on it. A float sets this
        fraction of the rows aside for the gate and the final estimator; students
        never see it. None: no gate, every student is kept, as in the paper.

    cv : int, cross-validation generator or iterable, default=None
        Folds for the out-of-sample answers, at least 3 with the gate, as in
        :class:`sklearn.ensemble.StackingClassifier`; None: 3 stratified folds. The
        number of fits grows with the square of the number of folds if
        ``validation="cross-fit"``, linearly otherwise. Between sites an int or None
        splits the rows of each site by itself; a splitter sees the whole table, and
        should leave each site rows to train on in every split.

    views : dict of str to columns, default=None
        The columns that a member sees, for those that do not see all: names,
        positions, a mask, a slice or a callable of X, as in
        :class:`sklearn.compose.ColumnTransformer`. Other members and the pseudo-samples
        have all columns; a teacher changes only those that it sees.

    on_failure : {"raise", "warn"}, default="raise"
        What happens if a member cannot be fitted: raise its exception, or drop the
        member with a :class:`sklearn.exceptions.FitFailedWarning`.

    n_jobs : int, default=None
        Number of parallel jobs. The result does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Seeds the generator, the hold-out, and members whose own `random_state` is
        None. Pass an int for reproducible results.

    verbose : int, default=0
        If positive, prints a line per phase.

    Attributes
    ----------
    estimators_ : list of estimators
        The improved students, fitted on the original labels.

    named_estimators_ : :class:`~sklearn.utils.Bunch`
        The same by name.

    initial_estimators_ : list of estimators
        The members before teaching.

    final_estimator_ : estimator
        The fitted final estimator. Only if ``combine="stack"``. The default has a
        fitted `logistic_` and `log_logistic_`, and one of `pool_weights_` for each
        that it sees.

    best_index_ : int
        Position in `estimators_` of the student whose calibrated answers have the
        best score out of sample; without a gate those of the models that the stack
        asks. (`scores_` are those that the gate compared.)

    classes_ : ndarray of shape (n_classes,)
        Class labels.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features; only if X has names that are all strings.

    n_iter_ : int
        Number of rounds run.

    termination_condition_ : str
        Why the rounds ended: "max_iter", "no_improvement", "nothing_to_teach" or
        "callback".

    history_ : list of dict
        For each round and student: "round", "student", "deficient" (rows it needed
        help with), "taught" (those with a teacher), "requested" and "reached"
        (pseudo-samples asked for, and made), "repeated" (left out: equal to another
        or to a real row),
        "score_before" (the best so far), "score_after" (NaN without a gate, and of one
        that the gate's first fold refused, whose other counts are then of this fold
        alone; between sites of calibrated answers), "accepted", and
        "generator": the report of the round's generator calls, of all students
        together (see `GeneratedSamples`).

    transfer_matrix_ : ndarray of shape (n_estimators, n_estimators)
        Pseudo-samples made by member i that student j was fitted with and kept.

    pseudo_samples_ : :class:`~sklearn.utils.Bunch`
        For each student: a Bunch with "X", "y" (the true label), "weight", "teacher"
        (names), "source" (row of the training data), "round" and "target" (soft
        labels, shape (n_samples, n_classes), of which the true label need not have
        the largest share, and cut as in `soft_labels_` before a student learns them;
        None if it learned labels).

    soft_labels_ : :class:`~sklearn.utils.Bunch`
        For each student: soft labels of its own rows, shape (n_samples, n_classes),
        NaN where it was not fitted with a row; None if it learned labels. What is
        below 0.02, and what 256ths leave over, was counted to the label.

    scores_ : ndarray of shape (n_estimators,)
        Out-of-sample score of each student by `scoring`; without a gate that of the
        members before teaching. Between sites of answers that are calibrated first.

    See Also
    --------
    sklearn.ensemble.StackingClassifier : Combines members without changing them.
    QuintessentialGenerator : The default generator.

    Notes
    -----
    With K folds, one round and the gate, a member is fitted 1 + K + K (K - 1) / 2 times
    plainly and at most 1 + K times with pseudo-samples, and in each further round
    1 + K + K (K - 1) times. Time grows linearly with rows.

    The gate's scores of the first round come from rows that no part of a student has
    seen. In later rounds the decisions of earlier ones were made on the same rows, and
    the best of several rounds is chosen on them.

    On one table a student must also be right on the same held-out rows as what was kept
    so far, or on more, by weight and by a standard error: the root of the sum of
    squared weights of the rows that exactly one of the two gets right (as in McNemar's
    test). Between sites it is judged on held-out rows of all sites, each row the same,
    may be wrong on a hundredth more, and may take rows of its own for a class that its
    site never saw, if it gains more elsewhere (see the user guide).
    Models are asked about rows where these are, and a pseudo-sample is made from rows
    of one site. ``combine="stack"`` brings probabilities and labels of all sites
    together, "vote" and "best" only scores and what calibrates answers.

    Answers are calibrated before they are stacked, averaged, or compared to find the
    best student, each student's by the temperature and the smoothing of the least
    log-loss on rows that it was not fitted with: ``p(k) ~ (p(k) + s / n_classes) **
    (1 / T)``.

    On one table a student is also told how doubtful rows and pseudo-samples are: by
    the members' answers, each of a model that was not fitted with the row, or the
    source, calibrated by temperature and pooled by their weighted geometric mean (the
    logarithmic opinion pool). Between sites nobody pools answers about rows of several
    owners.

    To save time on one table, a student that is worse on the gate's first fold in the
    last round is refused by this fold alone, if it has a fifth of the rows; and
    delivered students are taught what the judged ones were, each row as the next fold's
    student was, by models without two folds.

    Without a gate the stack, and the choice of the best, is one of the members before
    teaching: what students answer out of sample would cost as much as the gate.
    ``combine="vote"`` asks the students, calibrated as these members.

    Members of which a fold leaves only one class stand aside for that fold: a constant
    prediction takes their place.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: the temperature.

    Livanos, Davidson, Wong, "Cooperative Knowledge Distillation: A Learner Agnostic
    Approach", AAAI 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_coopkd import CooperativeDistiller
    >>> X, y = load_iris(return_X_y=True)
    >>> distiller = CooperativeDistiller(
    ...     [
    ...         ("logistic", LogisticRegression(max_iter=1000)),
    ...         ("tree", DecisionTreeClassifier()),
    ...     ],
    ...     random_state=0,
    ... ).fit(X, y)
    >>> distiller.predict(X[:2])
    array([0, 0])
    >>> distiller.transfer_matrix_.shape
    (2, 2)
    """

    _kind = "classifier"
    _way_out = (
        "Regressors are members of CooperativeDistillerRegressor; an estimator of your "
        "own needs ClassifierMixin as its first base."
    )
    _is_of_my_kind = staticmethod(is_classifier)
    _default_splitter = StratifiedKFold

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
        scoring: str | Callable[..., float] = "neg_log_loss",
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

    # what y is

    def _validate_y(self, X: Any, y: Any) -> np.ndarray:
        """Labels as a 1-D array; sets `classes_`."""
        y = as_labels(y, warn=True)
        if len(y) != n_rows(X):
            raise ValueError(
                "`X` and `y` must have the same number of rows; got inconsistent "
                f"numbers of samples: {n_rows(X)} and {len(y)}."
            )
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"`y` must have at least 2 classes; got 1 class: {y[0]}. Add rows of "
                "another class."
            )
        return y.copy()

    def _task(self) -> Classification:
        return Classification(self.classes_)

    def _default_final(self) -> PooledLogisticRegression:
        return PooledLogisticRegression(getattr(self, "classes_", None))

    # predict

    def _answers_of(self, model: Any, X: Any) -> np.ndarray:
        return class_proba(model, X, self.classes_)

    def _student_answers(self, X: Any, i: int) -> np.ndarray:
        """Probabilities of student i as it gives them; decision values calibrated."""
        proba = self._ask(self.estimators_, i, X)
        if response_method(self.estimators_[i]) == "predict_proba":
            return proba
        return self._calibration.models[i](proba)

    def _suffixes(self) -> list[str]:
        """Of the columns of one member in `transform`."""
        n_classes = len(self.classes_)
        return [""] if n_classes == 2 else list(map(str, range(n_classes)))

    def _vote(self, X: Any) -> np.ndarray:
        return self.classes_[self._mean_answers(X).argmax(axis=1)]

    @available_if(final_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
        """
        if self.combine == "stack":
            X_meta = self._final_input(X)
            return class_proba(self.final_estimator_, X_meta, self.classes_)
        X = self._checked(X)
        if self.combine == "best":
            of_best = self._ask(self.estimators_, self.best_index_, X)
            return self._calibration.models[self.best_index_](of_best)
        return self._mean_answers(X)

    @available_if(final_has("predict_proba"))
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict logarithms of class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(final_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Decision values of the final estimator, or of the best student.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        if self.combine == "stack":
            X_meta = self._final_input(X)
            decision = self.final_estimator_.decision_function(X_meta)
            return self._of_all_classes(decision)
        X = self._checked(X)
        best = self.estimators_[self.best_index_]
        with self._named(self.best_index_):
            return best.decision_function(self._seen(X, self.best_index_))

    def _of_all_classes(self, decision: np.ndarray) -> np.ndarray:
        """Decision values of a final estimator that may have seen some classes only."""
        known = self.final_estimator_.classes_
        if len(known) == len(self.classes_):
            return decision
        if decision.ndim == 1:
            decision = np.column_stack([-decision, decision])
        every = np.full((len(decision), len(self.classes_)), np.finfo(np.float64).min)
        every[:, np.searchsorted(self.classes_, known)] = decision
        return every

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean accuracy of `predict` on the given rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        y : array-like of shape (n_samples,)
            True labels.

        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
        """
        return super().score(X, y, sample_weight)
