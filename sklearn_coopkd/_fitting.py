"""Members: what `fit` each one takes, and the jobs that fit them in any process."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metadata_routing import MetadataRouter
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sklearn_coopkd._columns import columns_of, holds_numbers
from sklearn_coopkd._compat import BaseSearchCV, index_params, routing_enabled
from sklearn_coopkd._containers import (
    column_names,
    concat_rows,
    listed,
    take_columns,
    take_rows,
)
from sklearn_coopkd._lessons import Lesson
from sklearn_coopkd._responses import Responder
from sklearn_coopkd._tasks import Task
from sklearn_coopkd._warning import warn

_ENSEMBLES = VotingClassifier, StackingClassifier, VotingRegressor, StackingRegressor
# what estimators say that were given texts in place of numbers
_OF_CELLS = re.compile(r"\bstr(ing)?\b|numeric|object dtype|DType|sequence|[Dd]ate")
MAX_SEED = np.iinfo(np.int32).max
# rows, labels or numbers, the task, weights: what members are fitted with
Data = tuple[Any, np.ndarray, Task, np.ndarray | None]


@dataclass(frozen=True)
class Member:
    """One learner and how to call its `fit`."""

    name: str
    estimator: Any
    params: dict[str, Any]  # metadata routed to `fit`, without weights
    weight_name: str | None  # keyword that takes weights; None if there is none
    uses_sample_weight: bool  # whether the caller's weights are meant for it
    columns: np.ndarray | None = None  # mask of the columns it sees; None: all

    @property
    def is_frozen(self) -> bool:
        return isinstance(self.estimator, FrozenEstimator)


@dataclass(frozen=True)
class Fitted:
    """A fitted member, with its answers about rows that it was not fitted with."""

    model: Any
    rows: np.ndarray  # (n_asked,) ascending
    recorded: np.ndarray  # (n_asked, n_outputs)
    lesson: Lesson | None = None  # all pseudo-samples it was fitted with
    columns: np.ndarray | None = None  # mask of the columns it sees; None: all
    # (n_samples, n_outputs) what it was told of its rows, NaN of others; None: labels
    soft_labels: np.ndarray | None = None

    def answers(self, rows: np.ndarray) -> np.ndarray:
        """Its answers about some of these rows."""
        return self.recorded[np.searchsorted(self.rows, rows)]

    def responder(self, task: Task, recorded: np.ndarray | None = None) -> Responder:
        """The model as generators and scorers see it."""
        return task.responder(self.model, recorded, self.columns)


@dataclass(frozen=True)
class MemberFailure:
    """Carries a member's own exception from a job to the loop."""

    name: str
    error: Exception


def make_member(
    name: str,
    estimator: Any,
    fit_params: dict[str, Any],
    seed: int,
    columns: np.ndarray | None = None,
) -> Member:
    """A member ready to be fitted: cloned, seeded, its keyword for weights found.

    Parameters
    ----------
    name : str

    estimator : classifier
        Not changed.

    fit_params : dict
        Metadata for its `fit`, `sample_weight` among it if it is meant for it.

    seed : int
        For each `random_state` of it that is None.

    columns : ndarray of shape (n_features,), dtype=bool, default=None
        The columns that it sees; None: all.

    Raises
    ------
    NotFittedError
        If the estimator is frozen and not fitted.
    """
    params = dict(fit_params)
    uses_sample_weight = params.pop("sample_weight", None) is not None
    if isinstance(estimator, FrozenEstimator):
        try:
            check_is_fitted(estimator)
        except NotFittedError as error:
            error.add_note(f"Raised for the member {name!r}.")
            raise
        return Member(name, estimator, params, None, uses_sample_weight, columns)
    estimator = seeded(clone(estimator), seed)
    if not routing_enabled():
        keyword = weight_keyword(estimator)
    elif uses_sample_weight:
        keyword = "sample_weight"
    else:
        # a router would refuse weights that nobody in it has requested
        direct = has_fit_parameter(estimator, "sample_weight")
        routes = hasattr(estimator, "get_metadata_routing") and isinstance(
            estimator.get_metadata_routing(), MetadataRouter
        )
        keyword = "sample_weight" if direct and not routes else None
    return Member(name, estimator, params, keyword, uses_sample_weight, columns)


def check_known_classes(members: list[Member], classes: np.ndarray) -> None:
    """Warn if a model that is not fitted again knows none of the labels."""
    for member in members:
        known = (
            getattr(member.estimator, "classes_", None) if member.is_frozen else None
        )
        if known is not None and not set(known.tolist()) & set(classes.tolist()):
            warn(
                f"The frozen member {member.name!r} knows none of the labels in `y`; "
                f"it can teach nobody. Its classes are {known[:5].tolist()}, those of "
                f"`y` {classes[:5].tolist()}. Fit it with the labels that `y` has."
            )


def check_no_metadata(members: list[Member]) -> None:
    """Raise if metadata of rows would reach another site with the pseudo-samples."""
    for member in members:
        if member.params:
            name = next(iter(member.params))
            raise ValueError(
                f"The member {member.name!r} requests the metadata {name!r}. Between "
                "sites it would be given what belongs to rows of others, with the "
                "pseudo-samples made from them. Switch the request off with "
                f"`set_fit_request({name}=False)`; `sample_weight` alone may be used."
            )


def learns_answers(member: Member, task: Task) -> bool:
    """Whether a member can be taught answers in place of labels.

    Numbers anyone can learn. Of classes each is a row with the weight of its share, and
    that must mean something to a member. A search validates inside its `fit`, and
    balanced classes are counted, where a row of little weight is as good as any other;
    a wrapper may take weights for a model that takes none.
    """
    if not task.is_classification:
        return True
    estimator = member.estimator
    while getattr(estimator, "steps", None):
        estimator = estimator.steps[-1][1]
    if member.weight_name is None or isinstance(estimator, BaseSearchCV):
        return False
    inner = getattr(estimator, "estimator", None)
    if hasattr(inner, "fit") and weight_keyword(inner) is None:
        return False
    return not any(
        key.endswith("class_weight") and isinstance(value, str)
        for key, value in estimator.get_params().items()
    )


def seeded(estimator: Any, seed: int) -> Any:
    """Give an int to each `random_state` parameter that is None, and only to those."""
    rng = np.random.RandomState(seed)
    for key, value in sorted(estimator.get_params(deep=True).items()):
        if value is None and (key == "random_state" or key.endswith("__random_state")):
            estimator.set_params(**{key: rng.randint(MAX_SEED)})
    return estimator


def weight_keyword(estimator: Any) -> str | None:
    """Keyword of `fit` that takes weights; None if the estimator takes none.

    Without metadata routing. Looks through the meta-estimators of scikit-learn that
    hand on weights then: pipelines (the last step counts), searches, ensembles,
    transformed targets.
    """
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    steps = getattr(estimator, "steps", None)
    if steps:
        last, step = steps[-1]
        inner = None if isinstance(step, str) else weight_keyword(step)
        return None if inner is None else f"{last}__{inner}"
    if isinstance(estimator, TransformedTargetRegressor):
        inner = estimator.regressor
        return "sample_weight" if inner is None else weight_keyword(inner)
    if isinstance(estimator, BaseSearchCV):
        inside = [estimator.estimator]
    elif isinstance(estimator, _ENSEMBLES):
        inside = [e for _, e in estimator.estimators if not isinstance(e, str)]
    else:
        return None
    takes = inside and all(weight_keyword(e) == "sample_weight" for e in inside)
    return "sample_weight" if takes else None


def fit_and_answer(
    member, X, y, task, sample_weight, rows, asked, lesson, soft_labels=None
):
    """Fit a clone on some rows and a lesson; return it and its answers on others.

    `asked` is a list of arrays of rows, asked about one array at a time; `soft_labels`
    has one row for each of `rows`, None: their labels are all.
    """
    model = member.estimator
    if not member.is_frozen:
        model = _fit(member, X, y, task, sample_weight, rows, lesson, soft_labels)
    if isinstance(model, MemberFailure):
        return _with_note_on_cells(model, X, member.columns)
    responder = task.responder(model, None, member.columns)
    answers = []
    for part in asked:
        answer = ask(member.name, responder, task, take_rows(X, part))
        if isinstance(answer, MemberFailure):
            return _with_note_on_cells(answer, X, member.columns)
        answers.append(answer)
    if not member.is_frozen and not len(rows) and lesson is None:
        answers = [np.zeros_like(one) for one in answers]  # an answer of nobody
    rows = np.concatenate([np.empty(0, dtype=np.intp), *asked])
    order = np.argsort(rows, kind="stable")
    every = np.concatenate([np.empty((0, task.n_outputs)), *answers])[order]
    return Fitted(model, rows[order], every, lesson, member.columns)


def ask(name, responder, task, X):
    """What a fitted member answers about rows that nobody has; or its failure."""
    try:
        answers = responder.answers(X)
        task.check_answers(responder.estimator, answers)
    except Exception as error:
        return failure(name, error)
    return answers


def failure(name, error):
    """A member's exception, fit to travel between processes."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # it could not
        notes = getattr(error, "__notes__", [])
        error = RuntimeError(f"{type(error).__name__}: {error}")
        for note in notes:
            error.add_note(note)
    return MemberFailure(name, error)


def _with_note_on_cells(failed, X, mask):
    """A failure, with a note on columns that hold other cells than numbers."""
    if not _OF_CELLS.search(str(failed.error)) or sparse.issparse(X):
        return failed
    names = [
        name
        for j, (name, column) in enumerate(zip(column_names(X), columns_of(X)))
        if (mask is None or mask[j]) and not holds_numbers(column)
    ]
    if names:
        failed.error.add_note(
            "It was given texts, dates or other cells that are no numbers in "
            f"{listed(names)}. Put an encoder before it, in a Pipeline, or give it "
            "other columns by `views`."
        )
    return failed


def _fit(member, X, y, task, sample_weight, rows, lesson, soft_labels):
    """The fitted model, a stand-in where there is one class; or the failure.

    What fails before the member is asked is no fault of its own.
    """
    if lesson is not None and lesson.target is not None:
        lesson = task.as_rows(lesson)
    weighs_rows = sample_weight is not None and member.uses_sample_weight
    present = rows
    if weighs_rows and not sample_weight[rows].any():
        present = rows[:0]  # rows without weight are as good as absent
    known = y[present] if lesson is None else np.concatenate([y[present], lesson.y])
    constant = task.stand_in(known)
    if constant is not None:
        return constant
    y_fit, weight = y[rows], np.ones(len(rows))
    if weighs_rows:
        weight = sample_weight[rows]
    if soft_labels is not None:
        row, y_fit, weight = task.rows_of_targets(soft_labels, y_fit, weight)
        rows = rows[row]
    parts, origin = [take_rows(X, rows)], rows
    if lesson is not None:
        parts.append(lesson.X)
        y_fit = np.concatenate([y_fit, lesson.y])
        origin = np.concatenate([rows, lesson.source])
        weight = np.concatenate([weight, lesson.weight])
    # joined even if alone: a frame of which rows are repeated needs an index of its own
    is_whole = lesson is None and soft_labels is None
    X_fit = parts[0] if is_whole else concat_rows(parts)
    if member.columns is not None:
        X_fit = take_columns(X_fit, member.columns)
    # a pseudo-sample inherits the metadata of its source row
    params = index_params(X, member.params, origin)
    weighted = (weight != 1).any() or weighs_rows
    if member.weight_name is not None and weighted:
        params[member.weight_name] = weight
    try:
        model = clone(member.estimator)
        model.fit(X_fit, y_fit, **params)
    except Exception as error:
        return failure(member.name, error)
    return model
