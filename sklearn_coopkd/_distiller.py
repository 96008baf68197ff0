"""The public estimator: parameters, validation, delegation, tags."""

from __future__ import annotations

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    ClassifierMixin,
    TransformerMixin,
    clone,
    is_classifier,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import Bunch, assert_all_finite, check_random_state
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from sklearn_coopkd._combination import as_columns, fit_calibration
from sklearn_coopkd._compat import (
    BaseHeterogeneousEnsemble,
    HasMethods,
    Interval,
    StrOptions,
    VisualBlock,
    check_feature_names_in,
    check_sample_weight,
    fit_context,
    index_params,
    raise_for_params,
    routing_enabled,
)
from sklearn_coopkd._containers import (
    as_table,
    copy_table,
    n_rows,
    resolve_columns,
    take_columns,
    take_rows,
)
from sklearn_coopkd._final import PooledLogisticRegression
from sklearn_coopkd._fitting import (
    MAX_SEED,
    check_known_classes,
    check_no_metadata,
    make_member,
    seeded,
    weight_keyword,
)
from sklearn_coopkd._folds import make_folds, warn_of_members_without_rows
from sklearn_coopkd._peers import PEER_SELECTIONS
from sklearn_coopkd._problem import Problem
from sklearn_coopkd._responses import (
    apply_temperature,
    class_proba,
    response_method,
)
from sklearn_coopkd._rounds import run_rounds
from sklearn_coopkd._scoring import make_fold_scorer, routable_scorer
from sklearn_coopkd._sites import make_sites, one_table
from sklearn_coopkd.generators import QuintessentialGenerator

# What "auto" means, on one table and between sites; see docs/benchmarks.md. Between
# sites a model lacks more than one round brings, and of several teachers each knows
# other rows; on one table others than the surest change nothing beyond chance.
AUTO_MAX_ITER = (1, 3)
AUTO_DEFICIENCY = ("margin", "error")
AUTO_PEERS = ("best", "all")


def _final_has(method):
    """Whether the combined predictor offers a method; for `available_if`."""

    def check(self):
        if self.combine == "vote":
            return method != "decision_function"
        if self.combine == "best":
            if method != "decision_function":
                return True
            if not hasattr(self, "best_index_"):
                return False
            getattr(self.estimators_[self.best_index_], method)
            return True
        final = getattr(self, "final_estimator_", None)
        getattr(self._final() if final is None else final, method)
        return True

    return check


class CooperativeDistiller(
    ClassifierMixin, TransformerMixin, BaseHeterogeneousEnsemble
):
    """Classifiers that teach each other what each of them lacks.

    Every member is student and teacher at once. Where a student is wrong on rows it
    has not seen and a peer is right, the peer makes a *pseudo-sample*: a near version
    of the row that it is surer about. The student is fitted again with the
    pseudo-samples, and keeps them if it is better on rows that no part of it has seen.
    The improved students are delivered as plain estimators, together with one
    predictor that combines them.

    Read more in the user guide, `docs/user_guide.md`.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Named classifiers of any kind. An estimator can be set to "drop" with
        `set_params`; one wrapped in :class:`sklearn.frozen.FrozenEstimator` teaches
        and is never refitted.

    final_estimator : estimator, default=None
        Classifier that combines the members' outputs if ``combine="stack"``. None is
        logistic regressions on probabilities and on their logarithms, pooled with the
        weighted geometric mean of the members.

    combine : {"stack", "vote", "best"}, default="stack"
        What `predict` uses: a final estimator on the students' out-of-sample outputs,
        the mean of their probabilities, or the single student with the best score.

    deficiency : {"error", "margin", "auto"}, default="auto"
        Rows that a student is taught: those it gets wrong out of sample ("error"), or
        also those on which a peer gives the true class at least 0.25 more probability
        ("margin"). "auto": "error" if `sites` is given, else "margin".

    peer_selection : {"all", "best", "auto"} or object, default="auto"
        Who teaches a row: all peers that get it right, as in the paper, or the surest
        of them (out-of-sample probabilities, calibrated by temperature). "auto": "all"
        if `sites` is given, else "best". An object needs ``select(deficient,
        qualified, confidence)``; see ``docs/extending.md``.

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
        What the gate compares, and what picks the best student. Members without
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
        Position in `estimators_` of the student with the best score.

    classes_ : ndarray of shape (n_classes,)
        Class labels.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features; only if X has names that are all strings.

    n_iter_ : int
        Number of rounds run.

    termination_condition_ : {"max_iter", "no_improvement", "nothing_to_teach"}
        Why the rounds ended.

    history_ : list of dict
        For each round and student: "round", "student", "deficient" (rows it needed
        help with), "taught" (those that a peer may teach), "requested" and "reached"
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
        the largest share; None if the student learned labels).

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
    together, "vote" and "best" only scores and temperatures.

    On one table a student is also told how doubtful rows and pseudo-samples are: by
    the members' answers, each of a model that was not fitted with the row, or the
    source, calibrated by temperature and pooled by their weighted geometric mean (the
    logarithmic opinion pool). Between sites nobody pools answers about rows of several
    owners.

    To save time on one table, a student that is worse on the gate's first fold in the
    last round is refused by this fold alone, if it has a fifth of the rows; and
    delivered students are taught what the judged ones were, each row as the next fold's
    student was, by models without two folds.

    Without a gate the stack is one of the students of the round before the last (with
    one round, of the members before teaching): what the last round's answer out of
    sample would cost as much as the gate. ``combine="vote"`` asks the last round's, at
    the temperatures of these.

    Members of which a fold leaves only one class stand aside for that fold: a constant
    prediction takes their place.

    References
    ----------
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

    _parameter_constraints: dict = {
        "estimators": [list],
        "final_estimator": [None, HasMethods("fit")],
        "combine": [StrOptions({"stack", "vote", "best"})],
        "deficiency": [StrOptions({"error", "margin", "auto"})],
        "peer_selection": [
            StrOptions({*PEER_SELECTIONS, "auto"}),
            HasMethods("select"),
        ],
        "generator": [None, HasMethods("generate")],
        "soft_targets": ["boolean", StrOptions({"auto"})],
        "pseudo_weight": [Interval(Real, 0, None, closed="neither")],
        "max_pseudo": [None, Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "scoring": [str, callable],
        "validation": [
            StrOptions({"cross-fit"}),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "cv": ["cv_object", str],  # a string gets a better message in `fit`
        "views": [dict, None],
        "on_failure": [StrOptions({"raise", "warn"})],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimators,
        final_estimator=None,
        *,
        combine="stack",
        deficiency="auto",
        peer_selection="auto",
        generator=None,
        soft_targets="auto",
        pseudo_weight=1.0,
        max_pseudo=None,
        max_iter="auto",
        tol=0.0,
        scoring="neg_log_loss",
        validation="cross-fit",
        cv=None,
        views=None,
        on_failure="raise",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
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

    # fit

    @fit_context(
        # the members are not validated here: their own `fit` does it
        prefer_skip_nested_validation=False
    )
    def fit(self, X, y, sample_weight=None, *, sites=None, **fit_params):
        """Fit the members, let them teach each other, fit the combination.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Training rows; members receive them in the container given here.

        y : array-like of shape (n_samples,)
            Class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. They reach every member whose `fit` takes weights,
            the final estimator, the gate and the pseudo-samples.

        sites : array-like of shape (n_samples,) or (n_samples, n_estimators), \
                default=None
            Who owns each row: the name of a member, or a boolean column for each
            member (that is not "drop"). A member is fitted with rows of its own and
            with pseudo-samples; models are asked about all rows. None: all members
            share all rows.

        **fit_params : dict
            With metadata routing: metadata for members, splitter, scorer and final
            estimator, to each what it requests. Without: only `groups`, given to the
            splitter.

        Returns
        -------
        self : CooperativeDistiller
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, the labels or the folds cannot be used; the message names
            the parameter and the way out.
        """
        names, all_estimators = self._validate_estimators()
        if hasattr(self, "final_estimator_"):  # of an earlier fit
            del self.final_estimator_
        X = as_table(X)
        validate_data(self, X, skip_check_array=True)
        y = self._validate_y(X, y)
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            if not sample_weight.any():
                raise ValueError(
                    "`sample_weight` must have at least one non-zero value; got only "
                    "zeros."
                )
        routed = self._route(sample_weight, fit_params)
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(MAX_SEED))
        # drawn for every member, so that dropping one leaves the others as they are
        seeds = [int(rng.randint(MAX_SEED)) for _ in names]
        views = self._resolve_views(X, names)
        members = [
            make_member(name, estimator, routed[name].fit, member_seed, views.get(name))
            for name, estimator, member_seed in zip(names, all_estimators, seeds)
            if estimator != "drop"
        ]
        check_known_classes(members, self.classes_)
        if sites is None:
            ownership = one_table(len(members), len(y))
        else:
            ownership = make_sites(
                sites,
                [member.name for member in members],
                [member.is_frozen for member in members],
                len(y),
            )
            check_no_metadata(members)
            _check_weights_of_sites(sample_weight, ownership, members)
        folds = make_folds(
            X,
            y,
            cv=self.cv,
            sites=ownership,
            validation=self.validation,
            split_params=dict(routed.cv.split),
            seed=seed,
        )
        if sites is not None and not isinstance(self.cv, (Integral, type(None))):
            learners = {
                i: member.name
                for i, member in enumerate(members)
                if not member.is_frozen
            }
            warn_of_members_without_rows(folds, ownership, learners)
        scorer = make_fold_scorer(
            self, self.scoring, X, y, self.classes_, dict(routed.scoring.score)
        )
        problem = Problem(
            X=X,
            y=y,
            y_idx=np.searchsorted(self.classes_, y),
            classes=self.classes_,
            sample_weight=sample_weight,
            folds=folds,
            sites=ownership,
            deficiency=(
                AUTO_DEFICIENCY[sites is not None]
                if self.deficiency == "auto"
                else self.deficiency
            ),
            peer_selection=self._peer_strategy(AUTO_PEERS[sites is not None]),
            generator=(
                QuintessentialGenerator()
                if self.generator is None
                else clone(self.generator)
            ),
            soft_targets=(
                sites is None
                if isinstance(self.soft_targets, str)
                else bool(self.soft_targets)
            ),
            pseudo_weight=self.pseudo_weight,
            max_pseudo=self.max_pseudo,
            max_iter=(
                AUTO_MAX_ITER[sites is not None]
                if isinstance(self.max_iter, str)
                else self.max_iter
            ),
            tol=self.tol,
            scorer=scorer,
            on_failure=self.on_failure,
            seed=seed,
            report=self._report if self.verbose else _silent,
        )
        result, failures = run_rounds(members, problem, self.n_jobs)
        for failure in failures:
            warnings.warn(
                f"The member {failure.name!r} could not be fitted and is left out: "
                f"{type(failure.error).__name__}: {failure.error}",
                FitFailedWarning,
                stacklevel=2,
            )
        self._store(result, names, all_estimators, X)
        self._fit_combination(result, problem, routed)
        return self

    def _validate_estimators(self):
        names, all_estimators = self._listed_estimators()
        for name, estimator in zip(names, all_estimators):
            if estimator == "drop":
                continue
            if not hasattr(estimator, "fit"):
                raise TypeError(
                    f"The member {name!r} in `estimators` must have a `fit` method; "
                    f"got {estimator!r}. Use an estimator, or 'drop'."
                )
            if not is_classifier(estimator):
                raise ValueError(
                    f"The member {name!r} in `estimators` must be a classifier; got "
                    f"{type(estimator).__name__}."
                )
        return names, all_estimators

    def _listed_estimators(self):
        if not self.estimators or not all(
            isinstance(item, (tuple, list))
            and len(item) == 2
            and isinstance(item[0], str)
            for item in self.estimators
        ):
            raise ValueError(
                "`estimators` must be a non-empty list of (string, estimator) tuples; "
                f"got {self.estimators!r}."
            )
        names, all_estimators = zip(*self.estimators)
        self._validate_names(names)
        if all(estimator == "drop" for estimator in all_estimators):
            raise ValueError(
                "All members of `estimators` are 'drop'. Keep at least one estimator."
            )
        return names, all_estimators

    def _validate_y(self, X, y):
        """Labels as a 1-D array; sets `classes_`."""
        if getattr(getattr(y, "dtype", None), "kind", None) == "f":
            assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
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

    def _report(self, message):
        print(f"[{type(self).__name__}] {message}", flush=True)

    def _resolve_views(self, X, names):
        """Mask of the columns that each member with a view sees."""
        unknown = sorted(set(self.views or {}) - set(names), key=str)
        if unknown:
            raise ValueError(
                f"`views` names {unknown[0]!r}, which is no member of `estimators`. "
                f"The members are: {', '.join(map(repr, names))}."
            )
        views = {}
        for name, columns in (self.views or {}).items():
            columns = columns(X) if callable(columns) else columns
            views[name] = resolve_columns(X, columns, f"views[{name!r}]")
            if not views[name].any():
                raise ValueError(
                    f"`views` gives the member {name!r} no columns; got {columns!r}. "
                    "Give it some, or leave it out of `views` if it sees all."
                )
        return views

    def _peer_strategy(self, auto):
        """The strategy that `peer_selection` stands for."""
        strategy = self.peer_selection
        if isinstance(strategy, str):
            strategy = PEER_SELECTIONS[auto if strategy == "auto" else strategy]
        # an object with `select` alone is copied
        return clone(strategy, safe=False)

    # what members receive

    def _route(self, sample_weight, fit_params):
        """Metadata for each member, for `cv`, `scoring` and `final_estimator`."""
        if routing_enabled():
            if sample_weight is not None:
                fit_params = {**fit_params, "sample_weight": sample_weight}
            return process_routing(self, "fit", **fit_params)
        raise_for_params(fit_params, self, "fit", allow=["groups"])
        groups = {} if fit_params.get("groups") is None else fit_params
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        routed = Bunch(cv=Bunch(split=groups), scoring=Bunch(score=weight))
        routed["final_estimator"] = Bunch(fit=weight)
        for name, _ in self.estimators:
            routed[name] = Bunch(fit=weight)
        return routed

    # results

    def _store(self, result, names, all_estimators, X):
        self.estimators_ = result.students
        self.initial_estimators_ = result.initial
        self._answering = result.answering
        fitted = dict(zip(result.names, result.students))
        self.named_estimators_ = Bunch(
            **{name: fitted.get(name, "drop") for name in names}
        )
        self.n_iter_ = result.n_iter
        self.termination_condition_ = result.termination
        self.history_ = result.history
        self.transfer_matrix_ = result.transfer
        self.scores_ = result.scores
        self._names = list(result.names)
        self._columns_seen = result.columns
        self.pseudo_samples_ = Bunch()
        for name, lesson in zip(result.names, result.lessons):
            none = np.empty(0, dtype=np.intp)
            self.pseudo_samples_[name] = Bunch(
                X=take_rows(X, none) if lesson is None else lesson.X,
                y=self.classes_[:0] if lesson is None else lesson.y,
                weight=np.empty(0) if lesson is None else lesson.weight,
                teacher=np.array(result.names, dtype=object)[
                    none if lesson is None else lesson.teacher
                ],
                source=none if lesson is None else lesson.source,
                round=none if lesson is None else lesson.round,
                target=None if lesson is None else lesson.target,
            )
        self.soft_labels_ = Bunch(**dict(zip(result.names, result.soft_labels)))

    def _final(self, classes=None):
        """The final estimator, not fitted; the default one for these classes."""
        if self.final_estimator is None:
            return PooledLogisticRegression(classes)
        return self.final_estimator

    def _fit_combination(self, result, problem, routed):
        rows = result.response_rows
        self._calibration = fit_calibration(result, problem)
        scores = np.where(np.isnan(result.scores), -np.inf, result.scores)
        self.best_index_ = int(np.argmax(scores))
        if self.combine != "stack":
            return
        if not len(rows):
            raise ValueError(
                "`cv` must test at least one row, or the final estimator has nothing "
                "to learn from; got none. Use another `cv`, or combine='vote'."
            )
        if len(np.unique(problem.y[rows])) < 2:
            raise ValueError(
                f"`validation`={self.validation!r} and `cv`={self.cv!r} leave rows of "
                "one class only to the final estimator. Set more rows aside, or use "
                "combine='vote'."
            )
        final = clone(self._final(self.classes_))
        if not is_classifier(final):
            raise ValueError(f"`final_estimator` must be a classifier; got {final!r}.")
        final = seeded(final, problem.seed)
        params = index_params(problem.X, dict(routed.final_estimator.fit), rows)
        if not routing_enabled() and params:
            name = weight_keyword(final)
            params = {} if name is None else {name: params["sample_weight"]}
        X_meta = as_columns(self._calibration.apply(result.responses.__getitem__))
        self.final_estimator_ = final.fit(X_meta, problem.y[rows], **params)

    # predict

    def _checked(self, X):
        """X as a container, with the features seen in `fit`."""
        check_is_fitted(self)
        X = as_table(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return X

    def _seen(self, X, i):
        """What member i sees of X, for it alone."""
        columns = self._columns_seen[i]
        return copy_table(X) if columns is None else take_columns(X, columns)

    def _ask(self, estimators, i, X):
        return class_proba(estimators[i], self._seen(X, i), self.classes_)

    def _final_input(self, X):
        """What the final estimator sees."""
        check_is_fitted(self, "final_estimator_")
        X = self._checked(X)
        probas = self._calibration.apply(lambda i: self._ask(self._answering, i, X))
        return as_columns(probas)

    def _student_proba(self, X, i):
        """Probabilities of student i as it gives them; decision values calibrated."""
        proba = self._ask(self.estimators_, i, X)
        if response_method(self.estimators_[i]) == "predict_proba":
            return proba
        return apply_temperature(proba, self._calibration.models[i])

    def transform(self, X):
        """Predict the class probabilities of each student.

        The final estimator sees them calibrated.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        X_meta : ndarray of shape (n_samples, n_estimators * n_columns)
            One column per member and class; with two classes, one per member.
        """
        X = self._checked(X)
        return as_columns(
            [self._student_proba(X, i) for i in range(len(self.estimators_))]
        )

    def get_feature_names_out(self, input_features=None):
        """Get the names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Checked against `feature_names_in_`; otherwise without effect.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self, "n_features_in_")
        check_feature_names_in(self, input_features, generate_names=False)
        prefix = type(self).__name__.lower()
        if len(self.classes_) == 2:
            names = [f"{prefix}_{name}" for name in self._names]
        else:
            n_columns = range(len(self.classes_))
            names = [f"{prefix}_{name}{k}" for name in self._names for k in n_columns]
        return np.asarray(names, dtype=object)

    @available_if(_final_has("predict"))
    def predict(self, X, **predict_params):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        **predict_params : dict
            Passed to `predict` of the final estimator if ``combine="stack"``.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        if self.combine == "stack":
            if routing_enabled():
                routed = process_routing(self, "predict", **predict_params)
                predict_params = routed.final_estimator.predict
            X_meta = self._final_input(X)
            return self.final_estimator_.predict(X_meta, **predict_params)
        if predict_params:
            raise TypeError(
                f"`predict` takes no parameters with combine={self.combine!r}; got "
                f"{sorted(predict_params)}."
            )
        if self.combine == "best":
            X = self._checked(X)
            best = self.estimators_[self.best_index_]
            return best.predict(self._seen(X, self.best_index_))
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    @available_if(_final_has("predict_proba"))
    def predict_proba(self, X):
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
            return self._student_proba(X, self.best_index_)
        return self._calibration.mean(lambda i: self._ask(self.estimators_, i, X))

    @available_if(_final_has("predict_proba"))
    def predict_log_proba(self, X):
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

    @available_if(_final_has("decision_function"))
    def decision_function(self, X):
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
        return best.decision_function(self._seen(X, self.best_index_))

    def _of_all_classes(self, decision):
        """Decision values of a final estimator that may have seen some classes only."""
        known = self.final_estimator_.classes_
        if len(known) == len(self.classes_):
            return decision
        if decision.ndim == 1:
            decision = np.column_stack([-decision, decision])
        every = np.full((len(decision), len(self.classes_)), np.finfo(np.float64).min)
        every[:, np.searchsorted(self.classes_, known)] = decision
        return every

    def score(self, X, y, sample_weight=None):
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

    # tags, routing, representation

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # probabilities are float64
        return tags

    def get_metadata_routing(self):
        """Get the metadata routing of this object.

        Returns
        -------
        routing : MetadataRouter
            `fit` routes to `fit` of the members and of the final estimator, to `split`
            of the splitter and to `score` of the scorer; `predict` to `predict` of the
            final estimator.
        """
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        fit_to_fit = MethodMapping().add(caller="fit", callee="fit")
        for name, estimator in self.estimators:
            router.add(**{name: estimator}, method_mapping=fit_to_fit)
        # names of parameters: no member can have them
        router.add(
            # others than splitters request nothing, and an iterable must not be spent
            cv=self.cv if hasattr(self.cv, "split") else StratifiedKFold(),
            method_mapping=MethodMapping().add(caller="fit", callee="split"),
        )
        router.add(
            scoring=routable_scorer(self, self.scoring),
            method_mapping=MethodMapping().add(caller="fit", callee="score"),
        )
        final = self._final()
        if self.final_estimator is None and routing_enabled():
            final.set_fit_request(sample_weight=True)  # nobody else can say so
        router.add(
            final_estimator=final,
            method_mapping=MethodMapping()
            .add(caller="fit", callee="fit")
            .add(caller="predict", callee="predict"),
        )
        return router

    def _sk_visual_block_(self):
        names, estimators = zip(*self.estimators)
        members = VisualBlock("parallel", estimators, names=names, dash_wrapped=False)
        if self.combine != "stack":
            return members
        combination = VisualBlock(
            "parallel", [self._final()], names=["final_estimator"], dash_wrapped=False
        )
        return VisualBlock("serial", (members, combination), dash_wrapped=False)


def _check_weights_of_sites(sample_weight, ownership, members):
    """Raise if all that a member owns has no weight."""
    if sample_weight is None:
        return
    for member, own in zip(members, ownership.owns):
        if own.any() and not member.is_frozen and not sample_weight[own].any():
            raise ValueError(
                "`sample_weight` must have at least one non-zero value at each site; "
                f"got only zeros for the rows of {member.name!r}. Leave these rows out."
            )


def _silent(message):
    """Report nothing."""
