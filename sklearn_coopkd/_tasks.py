"""What y is, labels or numbers: all that a fit does differently for the two.

An *answer* about a row is a vector: the probabilities of the classes, or a single
number. `truth` is what answers are held against: positions of classes, or y itself.
Everything above works on arrays of answers and asks a task what they are worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from sklearn_coopkd._calibration import (
    Calibrator,
    calibrated,
    fit_calibrator,
    fit_temperature,
)
from sklearn_coopkd._containers import (
    LARGEST,
    check_finite_y,
    check_no_missing,
    take_rows,
)
from sklearn_coopkd._lessons import Lesson, Samples, spread, spread_labels
from sklearn_coopkd._pool import fit_linear_pool, fit_pool
from sklearn_coopkd._responses import (
    ClassifierResponder,
    RegressorResponder,
    Responder,
    correct_rows,
    response_method,
)
from sklearn_coopkd._soft_labels import LabelPool, LinearLabelPool

# Share of the mean error: errors below are those of rounding.
NEXT_TO_NONE = 1e-6


@dataclass(frozen=True)
class Assessment:
    """What out-of-sample answers are worth, so that members can be compared."""

    right: np.ndarray  # (n_members, n_rows) bool
    confidence: np.ndarray  # (n_members, n_rows) of the truth, from 0 to 1
    comparable: np.ndarray  # (n_members, n_rows, n_outputs) answers, calibrated
    calibrators: list[Calibrator]  # that made them so; of numbers none


class Classification:
    """Labels; an answer is the probability of each class.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted.
    """

    name = "classification"
    is_classification = True
    # whether the stack asks members that have changed as they were, too: a student that
    # has learned what all say together says less that the others do not
    stacks_members_before = True

    def __init__(self, classes: np.ndarray):
        self.classes = classes
        self.n_outputs = len(classes)

    def truth(self, y: np.ndarray) -> np.ndarray:
        """Positions of the labels."""
        return np.searchsorted(self.classes, y)

    def as_answers(self, truth: np.ndarray) -> np.ndarray:
        """The answers of someone who knows: (n_rows, n_outputs)."""
        return np.eye(self.n_outputs)[truth]

    # models

    def responder(
        self,
        model: Any,
        recorded: np.ndarray | None = None,
        columns: np.ndarray | None = None,
    ) -> Responder:
        """A fitted model as generators and scorers see it."""
        return ClassifierResponder(model, self.classes, recorded, columns)

    def stand_in(self, y: np.ndarray) -> Any | None:
        """A constant answer where no member could be fitted with these labels."""
        if len(np.unique(y)) >= min(2, self.n_outputs):
            return None
        return self.constant(y if len(y) else self.classes)  # it knows nothing

    def constant(self, labels: np.ndarray) -> Any:
        """A model that answers the shares of these labels."""
        return DummyClassifier().fit(np.zeros((len(labels), 1)), labels)

    def check_answers(self, model: Any, proba: np.ndarray) -> None:
        """Raise ValueError unless all are probabilities."""
        _check_finite(model, proba, "as probabilities of a row")
        total = proba.sum(axis=1)
        is_none = (proba < -1e-6).any(axis=1) | (total > 1 + 1e-3)
        known = np.asarray(getattr(model, "classes_", self.classes))
        is_ours = np.isin(known, self.classes)
        if not is_ours.any() and not isinstance(model, FrozenEstimator):
            raise ValueError(
                f"{type(model).__name__}.classes_ must be labels of `y`; got "
                f"{known[:3].tolist()}. Set it in `fit`, to np.unique(y)."
            )
        if is_ours.all() and response_method(model) == "predict_proba":
            is_none |= total < 1 - 1e-3
        if is_none.any():
            raise ValueError(
                f"{type(model).__name__} must answer with probabilities that add up to "
                f"1; got {proba[is_none.argmax()].tolist()} for a row. Mend its "
                "`predict_proba`, or leave the estimator out."
            )

    # what is taught

    def as_rows(self, lesson: Lesson) -> Lesson:
        """A lesson with targets as rows: one for each label, weighted by its share."""
        return spread(lesson, self.classes)

    def rows_of_targets(self, target: np.ndarray, y: np.ndarray, weight: np.ndarray):
        """Rows that say the same as soft labels; see `spread_labels`."""
        return spread_labels(target, y, weight, self.classes)

    def teachers_targets(
        self, teacher: Responder, samples: Samples, y: np.ndarray, y_pool: np.ndarray
    ):
        """What a teacher answers about its samples, as soft labels.

        It is asked once more, about all that succeeded; not if there are two classes
        and the generator has said how sure the teacher is of one of them.
        """
        is_label = self.classes == y[:, None]
        target = np.zeros(is_label.shape)
        taught = np.flatnonzero(samples.success)
        own = samples.proba[taught][:, None]
        of_two = self.n_outputs == 2 and getattr(teacher, "is_complete", False)
        if of_two and np.isfinite(own).all():
            target[taught] = np.where(is_label[taught], own, 1 - own)
        else:
            target[taught] = teacher.answers(take_rows(samples.X, taught))
        # a teacher that is wrong about what was made (not every generator asks) can
        # only say what its source row is
        is_wrong = target.argmax(axis=1) != is_label.argmax(axis=1)
        target[is_wrong] = is_label[is_wrong]
        return target

    # what answers are worth

    def assess(
        self, proba: np.ndarray, truth: np.ndarray, weight: np.ndarray | None
    ) -> Assessment:
        """Right: the most probable class is the true one. Confidence: calibrated."""
        calibrators = [fit_temperature(one, truth, weight) for one in proba]
        comparable = calibrated(proba, calibrators)
        confidence = comparable[:, np.arange(len(truth)), truth]
        right = correct_rows(proba, truth)
        return Assessment(right, confidence, comparable, calibrators)

    def fit_label_pool(
        self,
        assessed: Assessment,
        members: np.ndarray,
        truth: np.ndarray,
        weight: np.ndarray | None,
    ) -> LabelPool:
        """What some members (mask) say together, as labels."""
        of_members = list(compress(assessed.calibrators, members))
        weights = fit_pool(assessed.comparable[members], truth, weight)
        return LabelPool(of_members, weights)

    def goodness(self, proba: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        """1 where a model is right, else 0: (n_models, n_rows)."""
        return correct_rows(proba, truth).astype(np.float64)

    def is_familiar(self, proba: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Answers (n_models, n_rows) that a site's own labels could have taught."""
        return np.isin(proba.argmax(axis=2), own)

    fit_temperature = staticmethod(fit_temperature)
    fit_calibrator = staticmethod(fit_calibrator)


class Regression:
    """Numbers; an answer is one of them."""

    name = "regression"
    is_classification = False
    stacks_members_before = False  # it gains nothing; see docs/benchmarks.md
    n_outputs = 1

    def truth(self, y: np.ndarray) -> np.ndarray:
        """The numbers."""
        return y

    def as_answers(self, truth: np.ndarray) -> np.ndarray:
        """The answers of someone who knows: (n_rows, n_outputs)."""
        return truth[:, None].astype(np.float64)

    # models

    def responder(
        self,
        model: Any,
        recorded: np.ndarray | None = None,
        columns: np.ndarray | None = None,
    ) -> Responder:
        """A fitted model as generators and scorers see it."""
        return RegressorResponder(model, recorded, columns)

    def stand_in(self, y: np.ndarray) -> Any | None:
        """A constant answer where there are no rows to fit a member with."""
        if len(y):
            return None
        return DummyRegressor(strategy="constant", constant=0.0).fit([[0.0]], [0.0])

    def check_answers(self, model: Any, answers: np.ndarray) -> None:
        """Raise ValueError unless all are finite."""
        _check_finite(model, answers, "for a row")

    # what is taught

    def as_rows(self, lesson: Lesson) -> Lesson:
        """A lesson with targets as one that has them for its numbers."""
        return replace(lesson, y=np.asarray(lesson.target)[:, 0], target=None)

    def rows_of_targets(self, target: np.ndarray, y: np.ndarray, weight: np.ndarray):
        """The row, number and weight that soft labels stand for."""
        return np.arange(len(y)), target[:, 0], weight

    def teachers_targets(
        self, teacher: Responder, samples: Samples, y: np.ndarray, y_pool: np.ndarray
    ):
        """What a teacher predicts for its samples, within the range of the numbers."""
        target = np.zeros((len(y), 1))
        taught = np.flatnonzero(samples.success)
        answers = teacher.answers(take_rows(samples.X, taught))
        every = np.concatenate([y, y_pool])
        target[taught] = np.clip(answers, every.min(), every.max())
        return target

    # what answers are worth

    def assess(
        self, answers: np.ndarray, truth: np.ndarray, weight: np.ndarray | None
    ) -> Assessment:
        """Right: the error is at most the typical one; see `closeness`."""
        confidence = closeness(answers[..., 0], truth, _typical(answers, truth, weight))
        return Assessment(confidence >= 0.5, confidence, answers, [])

    def fit_label_pool(
        self,
        assessed: Assessment,
        members: np.ndarray,
        truth: np.ndarray,
        weight: np.ndarray | None,
    ) -> LinearLabelPool:
        """What some members (mask) say together, as labels."""
        answers = assessed.comparable[members]
        pool = fit_linear_pool(answers[..., 0], truth, weight)
        low, high = truth.min(initial=np.inf), truth.max(initial=-np.inf)
        return LinearLabelPool(pool, low, high)

    def goodness(self, answers: np.ndarray, truth: np.ndarray, weight: np.ndarray):
        """Errors (n_models, n_rows), negative, by the first one's typical error."""
        scale = _typical(answers[:1], truth, weight)
        return -np.abs(answers[..., 0] - truth) / scale

    def is_familiar(self, answers: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Answers (n_models, n_rows) within the range of a site's own numbers."""
        if not len(own):
            return np.zeros(answers.shape[:2], dtype=bool)
        return (own.min() <= answers[..., 0]) & (answers[..., 0] <= own.max())

    def fit_calibrator(
        self, answers: np.ndarray, truth: np.ndarray, weight: np.ndarray
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Numbers are taken as they are: an error is an error in the unit of y."""
        return as_they_are

    fit_temperature = fit_calibrator


Task = Classification | Regression


def as_they_are(answers: np.ndarray) -> np.ndarray:
    """Calibrate nothing (skops asks whether this name is trusted, so it is ours)."""
    return answers


def as_labels(y: Any, warn: bool = False) -> np.ndarray:
    """A target of labels as an array.

    Parameters
    ----------
    y : array-like of shape (n_samples,)

    warn : bool, default=False
        Whether a column in place of a row is warned of.

    Returns
    -------
    y : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If a row has no label, or labels are of several kinds, or no labels.
    """
    _check_given(y, "label")
    check_no_missing(y)
    try:
        check_classification_targets(y)
        labels = column_or_1d(y, warn=warn)
        np.unique(labels)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in np.ravel(y).tolist()})
        raise ValueError(
            f"`y` must hold labels of one kind; got {', '.join(kinds)}. Make them "
            "texts, or integers."
        ) from error
    except ValueError as error:
        kind = type_of_target(y)
        if kind == "continuous":
            error.add_note(
                "`y` holds numbers with fractions: to predict numbers take "
                "CooperativeDistillerRegressor and regressors."
            )
        elif kind == "unknown":
            error.add_note("Make the labels texts, integers or booleans of numpy.")
        raise
    return labels


def as_numbers(y: Any, warn: bool = False) -> np.ndarray:
    """A target of numbers as a new array of floats.

    Parameters
    ----------
    y : array-like of shape (n_samples,)

    warn : bool, default=False
        Whether a column in place of a row is warned of.

    Returns
    -------
    y : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If it holds anything else, or NaN or infinity.
    """
    _check_given(y, "number")
    y = column_or_1d(y, warn=warn)
    try:
        if y.dtype.kind in "mMc":
            raise TypeError(f"{y.dtype} is no kind of real numbers")
        numbers = y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`y` must hold numbers; got {_not_a_number(y)!r}. For labels take "
            "classifiers and CooperativeDistiller."
        ) from error
    check_finite_y(numbers)
    return numbers


def _check_given(y: Any, what: str) -> None:
    if y is None:
        raise ValueError(
            "A fit requires y to be passed, but the target y is None: give a "
            f"{what} for each row."
        )


def _not_a_number(y):
    """The first of y that cannot be made one."""
    for one in y.tolist():
        try:
            float(one)
        except (TypeError, ValueError):
            return one
    return y[0]


def closeness(answers: np.ndarray, truth: np.ndarray, scale: float) -> np.ndarray:
    """``2 ** (-|answer - truth| / scale)``: 1 without an error, 1/2 at a typical one.

    What a probability is to a class. However large an error is, it counts at most 1:
    heavy tails and outliers do not decide who teaches whom.
    """
    return np.exp2(-np.abs(answers - truth) / scale)


def _typical(answers: np.ndarray, truth: np.ndarray, weight: Any) -> float:
    """The weighted median of the absolute errors of all members.

    The mean if more than half are next to none; 1 if all are exact.
    """
    error = np.abs(answers[..., 0] - truth)
    every = np.ones(len(truth)) if weight is None else weight
    of_error = np.broadcast_to(every, error.shape).ravel()
    order = np.argsort(error, axis=None, kind="stable")
    total = np.cumsum(of_error[order])
    if not len(order) or not total[-1] > 0:
        return 1.0
    median = error.ravel()[order[np.searchsorted(total, total[-1] / 2)]]
    mean = float(np.average(error.ravel(), weights=of_error))
    return float(median) if median > NEXT_TO_NONE * mean else mean or 1.0


def _check_finite(model: Any, answers: np.ndarray, of_what: str) -> None:
    """Raise if a model answers with NaN, infinity, or a number as good as it."""
    is_bad = ~(np.abs(answers) <= LARGEST).all(axis=1)
    if is_bad.any():
        raise ValueError(
            f"{type(model).__name__} must answer with finite numbers; got "
            f"{answers[is_bad.argmax()].tolist()} {of_what}. Scale the columns, or "
            "leave the estimator out."
        )
