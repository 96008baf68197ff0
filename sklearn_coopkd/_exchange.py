"""Teaching between sites that share models and lessons, never rows.

`make_lessons` runs where rows are, `learn` where the student lives. Both use what
`CooperativeDistiller` uses: with ``fit(sites=...)`` it does the same on one machine.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_coopkd._compat import (
    HasMethods,
    Interval,
    StrOptions,
    check_parameters,
)
from sklearn_coopkd._containers import (
    as_table,
    check_alike,
    checked_weights,
    concat_rows,
    n_rows,
    row_keys,
    take_rows,
)
from sklearn_coopkd._deficiency import clearly_better, deficient_rows
from sklearn_coopkd._fitting import (
    MAX_SEED,
    Data,
    Fitted,
    Member,
    MemberFailure,
    fit_and_answer,
    make_member,
)
from sklearn_coopkd._folds import place_folds
from sklearn_coopkd._lessons import (
    Lesson,
    Samples,
    distinct,
    hands_over_rows,
    join,
    make_samples,
    seen_keys,
)
from sklearn_coopkd._reports import join_reports
from sklearn_coopkd._responses import predicts_numbers
from sklearn_coopkd._tasks import (
    Classification,
    Regression,
    Task,
    as_labels,
    as_numbers,
)
from sklearn_coopkd._transport import (
    Lessons,
    as_lesson,
    as_list,
    check_parts,
    check_same_labels,
    check_task,
)
from sklearn_coopkd.generators import QuintessentialGenerator


def make_lessons(
    teacher: Any,
    student: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    lessons: Any = None,
    generator: Any = None,
    deficiency: str = "error",
    cv: int = 3,
    random_state: Any = None,
) -> Lessons:
    """Let a teacher make a lesson for a student, from rows that stay here.

    Parameters
    ----------
    teacher : classifier or regressor
        Fitted anew on parts of X, y, so that it has not seen the rows that it
        teaches. A model that has not seen them anyway, one from another site, is
        wrapped in :class:`sklearn.frozen.FrozenEstimator` and asked as it is.

    student : classifier or regressor
        A fitted model from elsewhere that has not seen X, asked as it is. One that
        is not fitted lives here: it is fitted on parts of X, y as the teacher. One
        that was fitted with X gets nearly all of it right, and learns nothing.

    X : container of shape (n_samples, n_features)
        Rows that the lesson is made from; no other rows are read.

    y : array-like of shape (n_samples,)

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; a pseudo-sample has that of its row.

    lessons : Lessons or list of Lessons, default=None
        What the models that are fitted here have been taught before. Those that were
        made here are known by X: give the same table, with its rows in the same order.

    generator : object, default=None
        None is :class:`QuintessentialGenerator`.

    deficiency : {"error", "margin"}, default="error"
        As in :class:`CooperativeDistiller`.

    cv : int, default=3
        Parts of X; each model answers for a part without having been fitted with it.

    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    lessons : Lessons
        One pseudo-sample for each row that the student needs help with, the teacher
        gets right (a regressor: as in :class:`CooperativeDistillerRegressor`), and the
        generator could move; no copy of a row of X, unless the
        generator is meant to hand over rows.

    Raises
    ------
    ValueError
        If a parameter cannot be used, the labels are of another kind than a model's
        classes, or lessons do not fit X.

    TypeError
        If `lessons` are something else.

    See Also
    --------
    learn : Fit a student with lessons.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_coopkd import learn, make_lessons
    >>> X, y = load_iris(return_X_y=True)
    >>> here, there = slice(0, None, 2), slice(1, 100, 2)  # there: no class 2
    >>> student = GaussianNB().fit(X[there], y[there])
    >>> lessons = make_lessons(GaussianNB(), student, X[here], y[here], random_state=0)
    >>> better = learn(student, X[there], y[there], lessons)
    >>> student.classes_, better.classes_
    (array([0, 1]), array([0, 1, 2]))
    """
    check_parameters(
        {
            "teacher": [HasMethods(["fit", "predict"])],
            "student": [HasMethods(["fit", "predict"])],
            "generator": [None, HasMethods(["generate", "get_params"])],
            "deficiency": [StrOptions({"error", "margin"})],
            "cv": [Interval(Integral, 2, None, closed="left")],
            "random_state": ["random_state"],
        },
        {
            "teacher": teacher,
            "student": student,
            "generator": generator,
            "deficiency": deficiency,
            "cv": cv,
            "random_state": random_state,
        },
        "make_lessons",
    )
    of_numbers = _predict_numbers(teacher=teacher, student=student)
    X, y, weight = _checked(X, y, sample_weight, of_numbers)
    if not of_numbers:
        for role, model in (("teacher", teacher), ("student", student)):
            _check_labels(model, role, y)
    seed = int(check_random_state(random_state).randint(MAX_SEED))
    generator = QuintessentialGenerator() if generator is None else clone(generator)
    ids = _source_ids(X)
    taught = _Taught(_fitting(lessons, X, y, of_numbers), ids)
    task: Task = Regression()
    if not of_numbers:
        known = [getattr(model, "classes_", y[:0]) for model in (teacher, student)]
        task = Classification(np.unique(np.concatenate([y, *known])))
    fold = place_folds(y, cv)
    data = (X, y, task, weight)
    teachers = _answering(teacher, "teacher", data, fold, taught, seed)
    if not isinstance(student, FrozenEstimator) and _is_fitted(student):
        student = FrozenEstimator(student)
    students = _answering(student, "student", data, fold, taught, seed)

    answers = np.zeros((2, len(y), task.n_outputs))
    for k, models in enumerate((teachers, students)):
        for part, fitted in models:
            answers[k, part] = fitted.answers(part)
    assessed = task.assess(answers, task.truth(y), weight)
    wanted = deficient_rows(assessed.right, assessed.confidence, deficiency)[1]
    if weight is not None:  # a row without weight is as good as absent
        wanted &= weight > 0
    deficient = int(wanted.sum())
    wanted &= assessed.right[0]
    if of_numbers:  # who is right may be so by a hair
        wanted &= clearly_better(*assessed.confidence)

    made, sources = [], []
    for part, fitted in teachers:
        rows = part[wanted[part]]
        if not len(rows):
            continue
        # anchors, too, are rows that this teacher was fitted with; a guest has none
        is_guest = isinstance(teacher, FrozenEstimator)
        pool = np.flatnonzero((fold != fold[part[0]]) | is_guest)
        if weight is not None:
            pool = pool[weight[pool] > 0]
        samples = make_samples(
            generator,
            fitted.responder(task),
            *(take_rows(X, rows), y[rows]),
            *(take_rows(X, pool), y[pool]),
            seed,
        )
        made.append(samples)
        sources.append(rows)
    handed_over = hands_over_rows(generator)
    return _collected(made, sources, data, ids, deficient, handed_over)


def _collected(
    made: list[Samples],
    sources: list[np.ndarray],
    data: Data,
    ids: np.ndarray,
    deficient: int,
    handed_over: bool,
) -> Lessons:
    """What several teachers made, without copies of the owner's rows."""
    X, y, task, weight = data
    known = seen_keys(X, None)
    parts, origins = [], [np.empty(0, dtype=np.intp)]
    for samples, rows in zip(made, sources):
        kept = np.flatnonzero(samples.success)
        # a generator knows its pool, and not the other rows of its sources' part
        if not handed_over:
            made_keys = seen_keys(take_rows(samples.X, kept), None)
            kept = kept[~np.isin(made_keys, known)]
        parts.append(take_rows(samples.X, kept))
        origins.append(rows[kept])
    source = np.concatenate(origins)
    report = join_reports((one.report, int(one.success.sum())) for one in made)
    return Lessons(
        concat_rows(parts or [take_rows(X, source)]),
        y[source],
        np.ones(len(source)) if weight is None else weight[source],
        ids[source],
        report | {"n_deficient": deficient},
        task.name,
    )


def learn(
    student: Any,
    X: Any,
    y: Any,
    lessons: Any,
    *,
    sample_weight: Any = None,
    pseudo_weight: float = 1.0,
    random_state: Any = None,
) -> Any:
    """Fit a student on its own rows and on lessons.

    Parameters
    ----------
    student : classifier or regressor
        Not changed; fitted or not.

    X : container of shape (n_samples, n_features)
        Its own rows; of the same kind, columns and dtypes as the lessons'.

    y : array-like of shape (n_samples,)

    lessons : Lessons or list of Lessons
        Repeated samples count once.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the own rows. Lessons have the weights that their owners gave: if
        these are on another scale, say so by `pseudo_weight`.

    pseudo_weight : float, default=1.0
        Factor on the lessons' weights, for students whose `fit` takes weights.

    random_state : int, RandomState instance or None, default=None
        Seeds a student whose own `random_state` is None.

    Returns
    -------
    student : classifier or regressor
        A fitted clone; a constant answer if there is one class only, here and in the
        lessons.

    Raises
    ------
    ValueError
        If a parameter cannot be used, the student is frozen, there are no lessons, or
        they do not fit X and y.

    TypeError
        If `lessons` are something else.
    """
    check_parameters(
        {
            "student": [HasMethods(["fit", "predict"])],
            "pseudo_weight": [Interval(Real, 0, None, closed="neither")],
            "random_state": ["random_state"],
        },
        {
            "student": student,
            "pseudo_weight": pseudo_weight,
            "random_state": random_state,
        },
        "learn",
    )
    of_numbers = _predict_numbers(student=student)
    X, y, weight = _checked(X, y, sample_weight, of_numbers)
    if isinstance(student, FrozenEstimator):
        raise ValueError(
            "`student` must be an estimator that can be fitted again; got a "
            "FrozenEstimator. Give the estimator inside, `student.estimator`."
        )
    found = _fitting(lessons, X, y, of_numbers)
    if not found:
        raise ValueError(
            f"`lessons` must be Lessons or a list of some; got {lessons!r}. Lessons "
            "without samples will do."
        )
    lesson = _as_lesson(found)
    if lesson is not None:
        lesson = replace(lesson, weight=pseudo_weight * lesson.weight)
    known = y if lesson is None else np.concatenate([y, lesson.y])
    task: Task = Regression()
    if not of_numbers:
        task = Classification(np.unique(known))
        if task.n_outputs < 2:
            return task.constant(known)  # as of a site with one class in `fit`
    rng = check_random_state(random_state)
    params = {} if weight is None else {"sample_weight": weight}
    member = make_member("student", student, params, int(rng.randint(MAX_SEED)))
    data = (X, y, task, weight)
    return _fitted(member, data, np.arange(len(y)), [], lesson).model


def _checked(
    X: Any, y: Any, sample_weight: Any, of_numbers: bool
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """The owner's rows, labels and weights; see the errors of `make_lessons`."""
    X = as_table(X)
    y = as_numbers(y) if of_numbers else as_labels(y)
    if len(y) != n_rows(X):
        raise ValueError(
            f"`y` must have shape (n_samples,) = ({n_rows(X)},); got {y.shape}. Give "
            "one label for each row of `X`."
        )
    if sample_weight is not None:
        sample_weight = checked_weights(sample_weight, X)
    return X, y, sample_weight


def _predict_numbers(**models: Any) -> bool:
    """Whether all models are regressors; raises ValueError unless all are of a kind."""
    of_numbers = [predicts_numbers(model) for model in models.values()]
    for role, model in models.items():
        if not all(of_numbers) and not is_classifier(model):
            raise ValueError(
                f"`{role}` must be a classifier, or a regressor among regressors; got "
                f"{type(model).__name__}. Give an estimator of scikit-learn's kind, "
                "fitted or not."
            )
    return all(of_numbers)


def _check_labels(model: Any, role: str, y: np.ndarray) -> None:
    """Raise unless the classes of a model are labels such as y."""
    # of a meta-estimator that is not fitted, the property raises
    if _is_fitted(model) and hasattr(model, "classes_"):
        check_same_labels(y, model.classes_, "`y`", f"`{role}.classes_`")


def _fitting(lessons: Any, X: Any, y: np.ndarray, of_numbers: bool) -> list[Lessons]:
    """Lessons as a list; raises ValueError if they do not fit the task and the rows."""
    task = Regression.name if of_numbers else Classification.name
    found = as_list(lessons)
    for k, one in enumerate(found):
        name = "the lessons" if len(found) == 1 else f"`lessons[{k}]`"
        check_parts(one, name)
        check_task(one, name, task)
        check_alike(X, one.X, "`X`", f"the table of {name}")
        check_same_labels(y, one.y, "`y`", f"the `y` of {name}")
    return found


def _as_lesson(lessons: list[Lessons]) -> Lesson | None:
    """Lessons as what members are fitted with; None without a sample."""
    parts = [as_lesson(one) for one in lessons if len(one)]
    return distinct(join(parts)) if parts else None


class _Taught:
    """Lessons that the models fitted here have had."""

    def __init__(self, lessons: list[Lessons], ids: np.ndarray):
        self.lessons = lessons
        self.ids = ids  # of the rows here

    def without(self, rows: np.ndarray) -> Lesson | None:
        """All of them but what was made here of the given rows: it would tell."""
        left = [
            one.select(np.flatnonzero(~np.isin(one.source, self.ids[rows])))
            for one in self.lessons
        ]
        return _as_lesson(left)


def _source_ids(X: Any) -> np.ndarray:
    """A number for each row, the same in every process, that does not tell the row."""
    key = blake2b(row_keys(X).tobytes(), digest_size=32).digest()
    ids = [
        blake2b(row.to_bytes(8, "little"), key=key, digest_size=8).digest()
        for row in range(n_rows(X))
    ]
    return np.frombuffer(b"".join(ids), dtype="<i8").astype(np.int64)


def _answering(
    model: Any, role: str, data: Data, fold: np.ndarray, taught: _Taught, seed: int
) -> list[tuple[np.ndarray, Fitted]]:
    """Parts of the rows, each with a model that may be asked about them."""
    _, y, _, weight = data
    params = {} if weight is None else {"sample_weight": weight}
    member = make_member(role, model, params, seed)
    everything = np.arange(len(y))
    if member.is_frozen:
        return [(everything, _fitted(member, data, everything, [everything], None))]
    found = []
    for k in np.unique(fold):
        part, others = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        lesson = taught.without(part)
        found.append((part, _fitted(member, data, others, [part], lesson)))
    return found


def _fitted(
    member: Member,
    data: Data,
    rows: np.ndarray,
    asked: list[np.ndarray],
    lesson: Lesson | None,
) -> Fitted:
    fitted = fit_and_answer(member, *data, rows, asked, lesson)
    if isinstance(fitted, MemberFailure):
        fitted.error.add_note(f"Raised by the {fitted.name}.")
        raise fitted.error
    return fitted


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True
