"""What classifier and regressor share: parameters, validation, delegation, tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_coopkd._combination import as_columns, fit_calibration
from sklearn_coopkd._compat import (
    BaseHeterogeneousEnsemble,
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    VisualBlock,
    callback_context,
    check_feature_names_in,
    fit_context,
    index_params,
    raise_for_params,
    routing_enabled,
    with_callbacks,
)
from sklearn_coopkd._containers import (
    as_table,
    check_any_rows,
    check_distinct_names,
    checked_weights,
    copy_table,
    fingerprint,
    resolve_columns,
    take_columns,
    take_rows,
)
from sklearn_coopkd._fitting import (
    MAX_SEED,
    Member,
    check_known_classes,
    check_no_metadata,
    make_member,
    seeded,
    weight_keyword,
)
from sklearn_coopkd._folds import make_folds, warn_of_members_without_rows
from sklearn_coopkd._peers import PEER_SELECTIONS, SurestPeers
from sklearn_coopkd._problem import Problem
from sklearn_coopkd._progress import Progress
from sklearn_coopkd._representation import members_table
from sklearn_coopkd._rounds import RoundsResult, run_rounds
from sklearn_coopkd._scoring import make_fold_scorer, routable_scorer
from sklearn_coopkd._sites import Sites, make_sites, one_table
from sklearn_coopkd._state import VersionedState
from sklearn_coopkd._warning import warn
from sklearn_coopkd.generators import QuintessentialGenerator

# What "auto" means, on one table and between sites; see docs/benchmarks.md. Between
# sites a model lacks more than one round brings, and ten teachers teach it nearly as
# much as any number, without a lesson for each pair of sites; on one table others than
# the surest change nothing beyond chance.
AUTO_MAX_ITER = (1, 3)
AUTO_DEFICIENCY = ("margin", "error")
AUTO_PEERS = (SurestPeers(1), SurestPeers(10))
# parameters that may be objects with parameters of their own
_OBJECTS = ("final_estimator", "peer_selection", "generator", "cv")


def final_has(method: str) -> Callable[[Any], bool]:
    """Whether the combined predictor offers a method; for `available_if`.

    Parameters
    ----------
    method : str

    Returns
    -------
    check : callable
    """

    def check(self: Any) -> bool:
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


def _all_or_nothing(fit: Callable[..., Any]) -> Callable[..., Any]:
    """A `fit` that leaves the estimator as it was if it fails, or is interrupted."""

    @wraps(fit)
    def restoring(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    return restoring


class BaseDistiller(
    VersionedState, CallbackSupportMixin, TransformerMixin, BaseHeterogeneousEnsemble
):
    """What the two estimators share: validation, the fit, combination, routing.

    A subclass says what its members are (`_kind`, `_way_out`, `_is_of_my_kind`),
    validates y, and gives the task, the default final estimator and the answers of one
    model.
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimators": [list],
        "final_estimator": [None, HasMethods("fit")],
        "combine": [StrOptions({"stack", "vote", "best"})],
        "deficiency": [StrOptions({"error", "margin", "auto"})],
        "peer_selection": [
            StrOptions({*PEER_SELECTIONS, "auto"}),
            HasMethods("select"),
        ],
        "generator": [None, HasMethods(["generate", "get_params"])],
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
        "cv": ["cv_object", str, Integral],  # better messages in `check_splitter`
        "views": [dict, None],
        "on_failure": [StrOptions({"raise", "warn"})],
        "n_jobs": [
            None,
            Interval(Integral, 1, None, closed="left"),
            Interval(Integral, None, -1, closed="right"),
        ],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the distiller, of members and of its other parts.

        Parameters
        ----------
        **params : dict
            As in :class:`sklearn.ensemble.StackingClassifier`: also a member's name,
            with an estimator or "drop", and ``name__parameter``.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        for key in params:
            part, is_inner, _ = key.partition("__")
            is_part = part in _OBJECTS and part not in params
            if is_inner and is_part and not hasattr(getattr(self, part), "set_params"):
                value = getattr(self, part)
                raise ValueError(
                    f"`{key}` cannot be set: `{part}` is {value!r}, which has no "
                    f"parameters. Give `{part}` an object first."
                )
        return super().set_params(**params)

    # fit

    @_all_or_nothing
    @with_callbacks
    @fit_context(
        # the members are not validated here: their own `fit` does it
        prefer_skip_nested_validation=False
    )
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        sites: Any = None,
        **fit_params: Any,
    ) -> Self:
        """Fit the members, let them teach each other, fit the combination.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
            Training rows; members receive them in the container given here.

        y : array-like of shape (n_samples,)
            Class labels, or numbers.

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
        self : estimator
            Fitted.

        Raises
        ------
        ValueError
            If a parameter, y or the folds cannot be used; the message names
            the parameter and the way out.
        """
        names, all_estimators = self._validate_estimators()
        self._validate_objects()
        if hasattr(self, "final_estimator_"):  # of an earlier fit
            del self.final_estimator_
        X = as_table(X)
        check_any_rows(X)
        check_distinct_names(X)
        validate_data(self, X, skip_check_array=True)
        y = self._validate_y(X, y)
        task = self._task()
        progress = self._begin(X, y, sites is not None)
        if sample_weight is not None:
            sample_weight = checked_weights(sample_weight, X)
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
        if len(members) == 1:
            warn(
                f"`estimators` has one member, {members[0].name!r}: nobody can teach "
                "it. Add others."
            )
        if task.is_classification:
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
            is_classification=task.is_classification,
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
            self, self.scoring, X, y, task, dict(routed.scoring.score)
        )
        problem = Problem(
            X=X,
            y=y,
            task=task,
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
            max_iter=self._max_iter(sites is not None),
            tol=self.tol,
            scorer=scorer,
            on_failure=self.on_failure,
            seed=seed,
            progress=progress,
        )
        result, failures = run_rounds(members, problem, self.n_jobs)
        for failure in failures:
            warn(
                f"The member {failure.name!r} could not be fitted and is left out: "
                f"{type(failure.error).__name__}: {failure.error}",
                FitFailedWarning,
            )
        self._store(result, names, X, y)
        combining = progress.begin("combining")
        self._fit_combination(result, problem, routed)
        progress.end(combining)
        progress.finish(X, y)
        return self

    def _validate_estimators(self) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        names, all_estimators = self._listed_estimators()
        for name, estimator in zip(names, all_estimators):
            if estimator == "drop":
                continue
            if isinstance(estimator, type):
                raise TypeError(
                    f"The member {name!r} in `estimators` must be an object; got the "
                    f"class {estimator.__name__}. Use {estimator.__name__}()."
                )
            if not hasattr(estimator, "fit"):
                raise TypeError(
                    f"The member {name!r} in `estimators` must have a `fit` method; "
                    f"got {estimator!r}. Use an estimator, or 'drop'."
                )
            if not self._is_of_my_kind(estimator):
                raise ValueError(
                    f"The member {name!r} in `estimators` must be a {self._kind}; got "
                    f"{type(estimator).__name__}. {self._way_out}"
                )
        return names, all_estimators

    def _validate_objects(self) -> None:
        """Raise for a class in place of an object, or another kind of final estimator.

        Before anything is fitted, not when it is used.
        """
        for name in _OBJECTS:
            value = getattr(self, name)
            if isinstance(value, type):
                raise TypeError(
                    f"`{name}` must be an object; got the class {value.__name__}. Use "
                    f"{value.__name__}()."
                )
        if self.combine == "stack" and not self._is_of_my_kind(self._final()):
            raise ValueError(
                f"`final_estimator` must be a {self._kind}; got "
                f"{self.final_estimator!r}. {self._way_out}"
            )

    def _listed_estimators(self) -> tuple[tuple[str, ...], tuple[Any, ...]]:
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

    def _max_iter(self, between_sites: bool) -> int:
        if isinstance(self.max_iter, str):
            return AUTO_MAX_ITER[between_sites]
        return self.max_iter

    def _begin(self, X: Any, y: np.ndarray, between_sites: bool) -> Progress:
        """The task of this fit, for the reader and for callbacks."""
        # members, rounds, combination; once more if members fail and the others go on
        n_parts = None
        if self.on_failure == "raise":
            n_parts = self._max_iter(between_sites) + 2
        tell = self._tell if self.verbose else _silent
        progress = Progress(tell, self, callback_context(self, n_parts))
        progress.start(X, y)
        return progress

    def _tell(self, message: str) -> None:
        print(f"[{type(self).__name__}] {message}", flush=True)

    def _resolve_views(self, X: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
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

    def _peer_strategy(self, auto: SurestPeers) -> Any:
        """The strategy that `peer_selection` stands for."""
        strategy = self.peer_selection
        if isinstance(strategy, str):
            strategy = auto if strategy == "auto" else PEER_SELECTIONS[strategy]
        # an object with `select` alone is copied
        return clone(strategy, safe=False)

    # what members receive

    def _route(self, sample_weight: Any, fit_params: dict[str, Any]) -> Bunch:
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

    def _store(
        self, result: RoundsResult, names: Sequence[str], X: Any, y: np.ndarray
    ) -> None:
        self.estimators_ = result.students
        self.initial_estimators_ = result.initial
        self._answering = result.answering
        self._answering_names = result.answering_names
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
        self._fingerprint = fingerprint(X)
        self._columns_seen = result.columns
        self.pseudo_samples_ = Bunch()
        for name, lesson in zip(result.names, result.lessons):
            none = np.empty(0, dtype=np.intp)
            self.pseudo_samples_[name] = Bunch(
                X=take_rows(X, none) if lesson is None else lesson.X,
                y=y[:0] if lesson is None else lesson.y,
                weight=np.empty(0) if lesson is None else lesson.weight,
                teacher=np.array(result.names, dtype=object)[
                    none if lesson is None else lesson.teacher
                ],
                source=none if lesson is None else lesson.source,
                round=none if lesson is None else lesson.round,
                target=None if lesson is None else lesson.target,
            )
        self.soft_labels_ = Bunch(**dict(zip(result.names, result.soft_labels)))

    def _final(self) -> Any:
        """The final estimator, not fitted; or the default one."""
        if self.final_estimator is None:
            return self._default_final()
        return self.final_estimator

    def _fit_combination(
        self, result: RoundsResult, problem: Problem, routed: Bunch
    ) -> None:
        rows = result.response_rows
        self._calibration = fit_calibration(result, problem)
        scores = result.calibrated_scores
        self.best_index_ = int(np.argmax(np.where(np.isnan(scores), -np.inf, scores)))
        if self.combine != "stack":
            return
        if not len(rows):
            raise ValueError(
                "`cv` must test at least one row, or the final estimator has nothing "
                "to learn from; got none. Use another `cv`, or combine='vote'."
            )
        if problem.task.is_classification and len(np.unique(problem.y[rows])) < 2:
            raise ValueError(
                f"`validation`={self.validation!r} and `cv`={self.cv!r} leave rows of "
                "one class only to the final estimator. Set more rows aside, or use "
                "combine='vote'."
            )
        final = seeded(clone(self._final()), problem.seed)
        params = index_params(problem.X, dict(routed.final_estimator.fit), rows)
        if not routing_enabled() and params:
            name = weight_keyword(final)
            params = {} if name is None else {name: params["sample_weight"]}
        X_meta = as_columns(self._calibration.apply(result.responses.__getitem__))
        self.final_estimator_ = final.fit(X_meta, problem.y[rows], **params)

    # predict

    def _checked(self, X: Any) -> Any:
        """X as a container, with the features seen in `fit`."""
        check_is_fitted(self)
        X = as_table(X)
        check_any_rows(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return X

    def _seen(self, X: Any, i: int) -> Any:
        """What member i sees of X, for it alone."""
        columns = self._columns_seen[i]
        return copy_table(X) if columns is None else take_columns(X, columns)

    def _ask(self, estimators: list[Any], i: int, X: Any) -> np.ndarray:
        """Answers (n_rows, n_outputs) of model i; an error names the member."""
        with self._named(i):
            answers = self._answers_of(estimators[i], self._seen(X, i))
            self._task().check_answers(estimators[i], answers)
        return answers

    @contextmanager
    def _named(self, i: int) -> Iterator[None]:
        """An error inside names the member whose model i is, or was."""
        try:
            yield
        except Exception as error:
            error.add_note(f"Raised by the member {self._answering_names[i]!r}.")
            raise

    def _mean_answers(self, X: Any) -> np.ndarray:
        """The vote of all students, (n_rows, n_outputs)."""
        return self._calibration.mean(lambda i: self._ask(self.estimators_, i, X))

    def _final_input(self, X: Any) -> np.ndarray:
        """What the final estimator sees."""
        check_is_fitted(self, "final_estimator_")
        X = self._checked(X)
        probas = self._calibration.apply(lambda i: self._ask(self._answering, i, X))
        return as_columns(probas)

    def transform(self, X: Any) -> np.ndarray:
        """Predict what each student answers.

        The final estimator sees probabilities calibrated.

        Parameters
        ----------
        X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)

        Returns
        -------
        X_meta : ndarray of shape (n_samples, n_columns)
            Of a regressor one column per member; of a classifier one per member and
            class, with two classes one per member.
        """
        X = self._checked(X)
        return as_columns(
            [self._student_answers(X, i) for i in range(len(self.estimators_))]
        )

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
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
        names = [
            f"{prefix}_{name}{k}" for name in self._names for k in self._suffixes()
        ]
        return np.asarray(names, dtype=object)

    @available_if(final_has("predict"))
    def predict(self, X: Any, **predict_params: Any) -> np.ndarray:
        """Predict labels or numbers.

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
            with self._named(self.best_index_):
                return np.ravel(best.predict(self._seen(X, self.best_index_)))
        return self._vote(self._checked(X))

    # tags, routing, representation

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # answers are float64
        return tags

    def get_metadata_routing(self) -> MetadataRouter:
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
            cv=self.cv if hasattr(self.cv, "split") else self._default_splitter(),
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

    def _sk_visual_block_(self) -> VisualBlock:
        names, estimators = zip(*self.estimators)
        members = VisualBlock("parallel", estimators, names=names, dash_wrapped=False)
        if self.combine != "stack":
            return members
        combination = VisualBlock(
            "parallel", [self._final()], names=["final_estimator"], dash_wrapped=False
        )
        return VisualBlock("serial", (members, combination), dash_wrapped=False)

    def _html_repr(self) -> str:
        """The diagram of scikit-learn; of a fitted one also who learned what."""
        diagram = super()._html_repr()
        if not hasattr(self, "transfer_matrix_"):
            return diagram
        name = self.scoring if isinstance(self.scoring, str) else "score"
        before = dict(zip(self._names, self.scores_))
        for record in reversed(self.history_):  # the first one stays
            before[record["student"]] = record["score_before"]
        # without a gate nobody has judged the students
        after = self.scores_ if self.validation is not None else None
        return diagram + members_table(before, after, self.transfer_matrix_, name)


def _check_weights_of_sites(
    sample_weight: np.ndarray | None, ownership: Sites, members: list[Member]
) -> None:
    """Raise if all that a member owns has no weight."""
    if sample_weight is None:
        return
    for member, own in zip(members, ownership.owns):
        if own.any() and not member.is_frozen and not sample_weight[own].any():
            raise ValueError(
                "`sample_weight` must have at least one non-zero value at each site; "
                f"got only zeros for the rows of {member.name!r}. Leave these rows out."
            )


def _silent(message: str) -> None:
    """Say nothing."""
