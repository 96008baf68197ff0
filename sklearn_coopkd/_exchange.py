"""Teaching between sites that share models and lessons, never rows.

`make_lessons` runs where rows are, `learn` where the student lives. Both use what
`CooperativeDistiller` uses: with ``fit(sites=...)`` it does the same on one machine.
"""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_coopkd._compat import check_sample_weight
from sklearn_coopkd._containers import (
    as_table,
    concat_rows,
    is_pandas,
    is_polars,
    n_rows,
    row_bytes,
    take_rows,
)
from sklearn_coopkd._deficiency import correct_rows, deficient_rows
from sklearn_coopkd._files import read_array, read_table, write_array, write_table
from sklearn_coopkd._fitting import (
    MAX_SEED,
    Fitted,
    MemberFailure,
    fit_and_answer,
    make_member,
)
from sklearn_coopkd._folds import place_folds
from sklearn_coopkd._lessons import (
    Lesson,
    copies,
    make_samples,
    seen_keys,
    without_duplicates,
)
from sklearn_coopkd._privacy import privacy_report
from sklearn_coopkd._reports import join_reports
from sklearn_coopkd._responses import Responder
from sklearn_coopkd.generators import QuintessentialGenerator

FORMAT = "sklearn_coopkd lessons 1"


@dataclass(frozen=True)
class Lessons:
    """Pseudo-samples on their way from the site that made them to a student.

    Attributes
    ----------
    X : container of shape (n_samples, n_features)

    y : ndarray of shape (n_samples,)

    weight : ndarray of shape (n_samples,)

    source : ndarray of shape (n_samples,), dtype=int64
        Equal for samples that were made from the same row. The numbers say nothing to
        those who do not have the owner's table.

    report : dict
        What the generator reports, and "n_deficient", the rows that the student got
        wrong.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    source: np.ndarray
    report: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    def capped(self, n_samples: int, random_state: Any = None) -> Lessons:
        """At most `n_samples` of them, drawn without replacement.

        Parameters
        ----------
        n_samples : int

        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        lessons : Lessons
        """
        if len(self) <= n_samples:
            return self
        rng = check_random_state(random_state)
        return self._taken(np.sort(rng.permutation(len(self))[:n_samples]))

    @staticmethod
    def merge(lessons: list[Lessons]) -> Lessons:
        """Several lessons as one, repeated samples once.

        Parameters
        ----------
        lessons : list of Lessons
            Of the same container, columns and dtypes.

        Returns
        -------
        lessons : Lessons
            Repeats made from other rows add their weights.
        """
        if not lessons:
            raise ValueError("`lessons` must be a non-empty list; got an empty one.")
        joined = Lesson(
            X=concat_rows([one.X for one in lessons]),
            y=np.concatenate([one.y for one in lessons]),
            weight=np.concatenate([one.weight for one in lessons]),
            teacher=np.repeat(np.arange(len(lessons)), [len(one) for one in lessons]),
            source=np.concatenate([one.source for one in lessons]),
            round=np.zeros(sum(map(len, lessons)), dtype=np.intp),
        )
        kept = without_duplicates(joined, None)
        report = join_reports(
            (one.report, int(one.report.get("n_success", 0))) for one in lessons
        )
        return Lessons(kept.X, kept.y, kept.weight, kept.source, report)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a file without pickle: a zip of JSON and `.npy` (polars: Arrow).

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        TypeError
            If a column holds objects other than texts, numbers and booleans.
        """
        temporary = f"{os.fspath(path)}.part"
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("format.json", json.dumps(FORMAT))
            write_table(file, "X", self.X)
            write_table(file, "y", self.y)
            write_array(file, "weight", self.weight)
            write_array(file, "source", self.source)
            file.writestr("report.json", json.dumps(self.report, default=float))
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Lessons:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        lessons : Lessons

        Raises
        ------
        ValueError
            If the file holds something else.
        """
        try:
            with zipfile.ZipFile(path) as file:
                if json.loads(file.read("format.json")) != FORMAT:
                    raise ValueError("another format")
                X, y = read_table(file, "X"), read_table(file, "y")
                weight = read_array(file, "weight")
                source = read_array(file, "source")
                report = json.loads(file.read("report.json"))
        except (KeyError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{os.fspath(path)!r} holds no lessons that this version can read: "
                f"{error}."
            ) from error
        if not len(y) == len(weight) == len(source) == n_rows(X):
            raise ValueError(f"{os.fspath(path)!r} is damaged: lengths differ.")
        return cls(X, y, weight, source, report)

    def privacy_report(self, X: Any) -> dict[str, Any]:
        """How near the lessons come to the rows that they were made from.

        Parameters
        ----------
        X : container of shape (n_rows, n_features)
            The owner's rows.

        Returns
        -------
        report : dict
            - "n_copies": samples that equal a row of X; 0 unless made by a generator
              that hands over rows;
            - "distance": quartiles of the distance of a sample to the nearest row;
            - "distance_among_rows": the same from row to row;
            - "share_closer": samples nearer to a row than 95 % of the rows are to
              each other;
            - "rare_values": column -> values that samples have and at most
              three rows of X.
        """
        return privacy_report(self.X, as_table(X))

    def _taken(self, rows: np.ndarray) -> Lessons:
        return Lessons(
            take_rows(self.X, rows),
            self.y[rows],
            self.weight[rows],
            self.source[rows],
            self.report,
        )


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
    teacher : classifier
        Fitted anew on parts of X, y, so that it has not seen the rows that it
        teaches. A model that has not seen them anyway, one from another site, is
        wrapped in :class:`sklearn.frozen.FrozenEstimator` and asked as it is.

    student : classifier
        A fitted model from elsewhere that has not seen X, asked as it is. One that
        is not fitted lives here: it is fitted on parts of X, y as the teacher.

    X : container of shape (n_samples, n_features)
        Rows that the lesson is made from; no other rows are read.

    y : array-like of shape (n_samples,)

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; a pseudo-sample has that of its row.

    lessons : Lessons or list of Lessons, default=None
        What the models that are fitted here have been taught before.

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
        One pseudo-sample for each row that the student gets wrong, the teacher right,
        and the generator could move; never a copy of a row of X.

    Raises
    ------
    ValueError
        If X and y differ in length, or `cv` is less than 2.

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
    X, y, weight = _checked(X, y, sample_weight)
    if cv < 2:
        raise ValueError(f"`cv` must be at least 2; got {cv}.")
    seed = int(check_random_state(random_state).randint(MAX_SEED))
    generator = QuintessentialGenerator() if generator is None else clone(generator)
    ids = _source_ids(X)
    taught = _Taught(lessons, ids)
    classes = np.unique(
        np.concatenate(
            [y, *(getattr(m, "classes_", y[:0]) for m in (teacher, student))]
        )
    )
    fold = place_folds(y, cv)
    y_idx = np.searchsorted(classes, y)
    data = (X, y, classes, weight)
    teachers = _answering(teacher, "teacher", data, fold, taught, seed)
    asked_as_is = isinstance(student, FrozenEstimator) or _is_fitted(student)
    student = FrozenEstimator(student) if asked_as_is else student
    students = _answering(student, "student", data, fold, taught, seed)

    proba = np.zeros((2, len(y), len(classes)))
    for k, models in enumerate((teachers, students)):
        for part, fitted in models:
            proba[k, part] = fitted.answers(part)
    wanted = deficient_rows(proba[1:], y_idx, deficiency)[0]
    deficient = int(wanted.sum())
    wanted &= correct_rows(proba[:1], y_idx)[0]
    if weight is not None:
        wanted &= weight > 0

    known = seen_keys(X, None)
    made, sources = [], []
    for part, fitted in teachers:
        rows = part[wanted[part]]
        if not len(rows):
            continue
        # anchors, too, are rows that this teacher was fitted with
        is_frozen = len(part) == len(y)
        pool = np.flatnonzero((fold != fold[part[0]]) | is_frozen)
        if weight is not None:
            pool = pool[weight[pool] > 0]
        samples = make_samples(
            generator,
            Responder(fitted.model, classes),
            *(take_rows(X, rows), y[rows]),
            *(take_rows(X, pool), y[pool]),
            seed,
        )
        kept = np.flatnonzero(samples.success)
        # the generator knows the pool, and not the other rows of this part
        at_home = take_rows(samples.X_pseudo, kept), take_rows(X, rows[kept])
        kept = kept[~copies(*at_home, known, None)]
        made.append((samples, kept))
        sources.append(rows[kept])
    source = np.concatenate([np.empty(0, dtype=np.intp), *sources])
    parts = [take_rows(samples.X_pseudo, kept) for samples, kept in made]
    report = join_reports((m.report, int(m.success.sum())) for m, _ in made)
    return Lessons(
        concat_rows(parts) if parts else take_rows(X, source),
        y[source],
        np.ones(len(source)) if weight is None else weight[source],
        ids[source],
        report | {"n_deficient": deficient},
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
    student : classifier
        Not changed; fitted or not.

    X : container of shape (n_samples, n_features)
        Its own rows; of the same kind, columns and dtypes as the lessons'.

    y : array-like of shape (n_samples,)

    lessons : Lessons or list of Lessons
        Repeated samples count once.

    sample_weight : array-like of shape (n_samples,), default=None

    pseudo_weight : float, default=1.0
        Factor on the lessons' weights, for students whose `fit` takes weights.

    random_state : int, RandomState instance or None, default=None
        Seeds a student whose own `random_state` is None.

    Returns
    -------
    student : classifier
        A fitted clone.

    Raises
    ------
    ValueError
        If X and y differ in length.
    """
    X, y, weight = _checked(X, y, sample_weight)
    lesson = _as_lesson(lessons)
    if lesson is not None:
        lesson = Lesson(
            lesson.X,
            lesson.y,
            pseudo_weight * lesson.weight,
            lesson.teacher,
            lesson.source,
            lesson.round,
        )
    known = y if lesson is None else np.concatenate([y, lesson.y])
    rng = check_random_state(random_state)
    params = {} if weight is None else {"sample_weight": weight}
    member = make_member("student", student, params, int(rng.randint(MAX_SEED)))
    data = (X, y, np.unique(known), weight)
    return _fitted(member, data, np.arange(len(y)), [], lesson).model


def _checked(X, y, sample_weight):
    X = as_table(X)
    y = np.asarray(y)
    if y.ndim != 1 or len(y) != n_rows(X):
        raise ValueError(
            f"`y` must have shape (n_samples,) = ({n_rows(X)},); got {y.shape}."
        )
    if sample_weight is not None:
        sample_weight = check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    return X, y, sample_weight


def _as_lesson(lessons) -> Lesson | None:
    """Lessons as what members are fitted with."""
    lessons = [lessons] if isinstance(lessons, Lessons) else list(lessons)
    lessons = [lesson for lesson in lessons if len(lesson)]
    if not lessons:
        return None
    one = Lessons.merge(lessons)
    nobody = np.zeros(len(one), dtype=np.intp)
    return Lesson(one.X, one.y, one.weight, nobody, one.source, nobody)


class _Taught:
    """Lessons that the models fitted here have had."""

    def __init__(self, lessons: Any, ids: np.ndarray):
        self.lessons = [lessons] if isinstance(lessons, Lessons) else lessons or []
        self.ids = ids  # of the rows here

    def without(self, rows: np.ndarray) -> Lesson | None:
        """All of them but what was made here of the given rows: it would tell."""
        return _as_lesson(
            [
                one._taken(np.flatnonzero(~np.isin(one.source, self.ids[rows])))
                for one in self.lessons
            ]
        )


def _source_ids(X: Any) -> np.ndarray:
    """A number for each row, the same in every process, that does not tell the row."""
    if is_pandas(X):
        from pandas.util import hash_pandas_object

        cells = hash_pandas_object(X, index=False).to_numpy().tobytes()
    elif is_polars(X):
        cells = X.hash_rows(seed=0).to_numpy().tobytes()
    elif not sparse.issparse(X) and X.dtype.kind == "O":
        cells = repr(X.tolist()).encode()
    else:
        cells = b"".join(row_bytes(X))
    key = blake2b(cells, digest_size=32).digest()
    ids = [
        blake2b(row.to_bytes(8, "little"), key=key, digest_size=8).digest()
        for row in range(n_rows(X))
    ]
    return np.frombuffer(b"".join(ids), dtype="<i8").astype(np.int64)


def _answering(
    model, role, data, fold, taught, seed
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


def _fitted(member, data, rows, asked, lesson) -> Fitted:
    fitted = fit_and_answer(member, data, rows, asked, lesson)
    if isinstance(fitted, MemberFailure):
        fitted.error.add_note(f"Raised by the {fitted.name}.")
        raise fitted.error
    return fitted


def _is_fitted(estimator) -> bool:
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True
