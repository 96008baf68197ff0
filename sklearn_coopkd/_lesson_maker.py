"""Lessons out of what generators made: which samples a student is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_coopkd._containers import concat_rows, take_rows
from sklearn_coopkd._fitting import Member, learns_answers
from sklearn_coopkd._folds import Exclusion
from sklearn_coopkd._generation import Batch
from sklearn_coopkd._lessons import (
    Lesson,
    capped,
    distinct,
    hands_over_rows,
    join,
    seen_keys,
    selected,
)
from sklearn_coopkd._plan import Plan
from sklearn_coopkd._problem import Problem


@dataclass(frozen=True)
class _Counts:
    """How many samples generators made for one lesson."""

    n_requested: int
    n_reached: int
    n_repeated: int


class LessonMaker:
    """Makes lessons, and counts what became of the rows that were assigned."""

    def __init__(self, members: list[Member], problem: Problem):
        self.members = members
        self.problem = problem
        # in (round, student), lesson by lesson
        self._made: dict[tuple[int, int], list[_Counts]] = {}
        # of the rows that a base allows at a place, in the columns that a student sees
        self._known: dict[tuple[Exclusion, int, bytes | None], np.ndarray] = {}

    def make(
        self,
        base: Exclusion,
        plan: Plan,
        batches: list[Batch],
        student: int,
        round_: int,
        earlier: Lesson | None,
    ) -> Lesson | None:
        """Everything a student has been taught: earlier rounds and this one.

        None if this one brings nothing new.
        """
        problem, member = self.problem, self.members[student]
        parts, teachers, origins, targets = [], [], [], []
        n_requested = n_reached = 0
        for batch in batches:
            samples, position = batch.samples, batch.position
            is_wanted = plan.assigned[batch.teacher, student, position]
            wanted = plan.rows[position[is_wanted]]
            n_requested += len(wanted)
            at = np.searchsorted(batch.sources, wanted)
            at = at[samples.success[at]]
            n_reached += len(at)
            if len(at):
                parts.append(take_rows(samples.X, at))
                teachers.append(np.full(len(at), batch.teacher))
                origins.append(batch.sources[at])
                if samples.target is not None and learns_answers(member, problem.task):
                    targets.append(samples.target[at])
        # with a gate the judged lessons count
        is_counted = base in (problem.folds.gates or {problem.folds.root})
        counts = self._made.setdefault((round_, student), []) if is_counted else []
        if not parts:
            counts.append(_Counts(n_requested, 0, 0))
            return None
        source = np.concatenate(origins)
        source_weight = np.ones(len(source))
        if member.uses_sample_weight:
            source_weight = problem.weights(source)
        lesson = Lesson(
            X=concat_rows(parts),
            y=problem.y[source],
            weight=problem.pseudo_weight * source_weight,
            teacher=np.concatenate(teachers),
            source=source,
            round=np.full(len(source), round_),
            target=np.concatenate(targets) if targets else None,
        )
        if not hands_over_rows(problem.generator):
            is_copy = self._copies(lesson.X, source, base, student)
            lesson = selected(lesson, np.flatnonzero(~is_copy))
        n_before = 0 if earlier is None else len(earlier.y)
        lesson = distinct(lesson if earlier is None else join([earlier, lesson]))
        n_new = len(lesson.y) - n_before
        counts.append(_Counts(n_requested, n_reached, n_reached - n_new))
        if not n_new:
            return None
        n_own = int(problem.sites.owns[student, problem.folds.rows(base)].sum())
        lesson = capped(lesson, problem.max_pseudo, n_own, problem.seed)
        return lesson if len(lesson.y) else None

    def summary(self, round_: int, student: int) -> dict[str, int]:
        """Counts of the lessons that a student was given in a round, added up."""
        made = self._made.get((round_, student), [])
        return {
            "requested": sum(m.n_requested for m in made),
            "reached": sum(m.n_reached for m in made),
            "repeated": sum(m.n_repeated for m in made),
        }

    def _copies(self, X_pseudo, source, base, student) -> np.ndarray:
        """Samples that a student would see as a real row of where they were made.

        A generator knows the rows that its teacher may know, not those of the fold that
        its sources are in; and where a teacher has changed only columns that the
        student does not see, the rest is the source row.
        """
        columns = self.members[student].columns
        keys = seen_keys(X_pseudo, columns)
        is_real = np.zeros(len(source), dtype=bool)
        at = self.problem.sites.place[source]
        for place in np.unique(at).tolist():
            here = at == place
            is_real[here] = np.isin(keys[here], self._real_keys(base, place, columns))
        return is_real

    def _real_keys(self, base, place, columns) -> np.ndarray:
        """Keys of the rows of a place and of all that its owners have.

        Delivered lessons hold none of them, held-out rows among them: here privacy
        comes before a gate that knows nothing.
        """
        sites = self.problem.sites
        key = base, place, None if columns is None else columns.tobytes()
        if key not in self._known:
            is_there = sites.place == place
            owners = sites.owns[:, is_there.argmax()]
            is_known = is_there | sites.owns[owners].any(axis=0)
            rows = np.flatnonzero(is_known)
            if base != self.problem.folds.root:
                # what a fold holds must not decide about students that it judges
                rows = np.intersect1d(rows, self.problem.folds.rows(base))
            self._known[key] = seen_keys(take_rows(self.problem.X, rows), columns)
        return self._known[key]
