"""The loop: cross-fitting, teaching and the never-worse gate.

Everything is computed for *exclusions*: sets of folds that nothing may have seen.
`members[()]`, say, is trained on all rows, `members[(2,)]` on all rows but those of
fold 2, `members[(0, 2)]` on all rows but those of folds 0 and 2. One step of teaching
without the folds E needs the members without E and one more fold g, for every g: they
have not seen fold g, so they are fair witnesses of who fails there and fair teachers
of it. The gate judges the students without f on fold f: no source row, no anchor, no
teacher and no student had a part of f in it. Each fit serves every step that needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from sklearn_coopkd._containers import concat_rows, take_rows
from sklearn_coopkd._deficiency import correct_rows, deficient_rows
from sklearn_coopkd._fitting import Fitted, Member, MemberFailure, fit_and_answer
from sklearn_coopkd._folds import Exclusion, Folds
from sklearn_coopkd._lessons import Lesson, capped, join, without_duplicates
from sklearn_coopkd._reports import join_reports
from sklearn_coopkd._responses import (
    Responder,
    apply_temperature,
    fit_temperature,
)


@dataclass(frozen=True)
class RoundsResult:
    """What `run_rounds` returns; one entry per surviving member."""

    names: list[str]
    students: list[Any]
    initial: list[Any]
    lessons: list[Lesson | None]
    scores: np.ndarray  # out-of-sample score of each student
    history: list[dict[str, Any]]
    transfer: np.ndarray
    n_iter: int
    termination: str
    response_rows: np.ndarray  # rows with out-of-sample answers
    responses: np.ndarray  # (n_members, n_response_rows, n_classes) of the students
    initial_responses: np.ndarray  # the same of the members before teaching
    is_current: bool  # False: `responses` are those of the round before the last


@dataclass(frozen=True)
class Problem:
    """Everything the loop works on; never changed."""

    X: Any
    y: np.ndarray  # original labels
    y_idx: np.ndarray
    classes: np.ndarray
    sample_weight: np.ndarray | None
    folds: Folds
    deficiency: str
    peer_selection: Any
    generator: Any
    pseudo_weight: float
    max_pseudo: float | None
    max_iter: int
    tol: float
    scorer: Callable[..., float]
    on_failure: str
    seed: int
    report: Callable[[str], None]

    def weights(self, rows: np.ndarray) -> np.ndarray:
        if self.sample_weight is None:
            return np.ones(len(rows))
        return self.sample_weight[rows]


@dataclass(frozen=True)
class Plan:
    """Who teaches which row to whom."""

    rows: np.ndarray  # (n_rows,) rows with out-of-sample answers
    deficient: np.ndarray  # (n_members, n_rows)
    assigned: np.ndarray  # (n_teachers, n_students, n_rows)


@dataclass(frozen=True)
class Generation:
    """What generators made for one lesson."""

    n_requested: int
    n_reached: int
    n_repeated: int


class _MembersFailed(Exception):
    """Some members failed and the others go on without them."""

    def __init__(self, failures: list[MemberFailure]):
        super().__init__(failures)
        self.failures = failures


def _generate(generator, teacher, X, y, sources, pool, seed):
    """Let one teacher make a pseudo-sample from each source row."""
    made = generator.generate(
        teacher,
        take_rows(X, sources),
        y[sources],
        take_rows(X, pool),
        y[pool],
        random_state=seed,
    )
    success = np.asarray(getattr(made, "success", None))
    if success.dtype != bool or success.shape != (len(sources),):
        raise TypeError(
            "`generator` must return GeneratedSamples with a boolean `success` per "
            f"source row; {type(generator).__name__}.generate returned "
            f"{type(made).__name__} with `success` of dtype {success.dtype} and shape "
            f"{success.shape}."
        )
    if type(made.X_pseudo) is not type(X) or made.X_pseudo.shape[1] != X.shape[1]:
        raise TypeError(
            "`generator` must return `X_pseudo` in the container of the source rows, a "
            f"{type(X).__name__} with {X.shape[1]} columns; "
            f"{type(generator).__name__}.generate returned a "
            f"{type(made.X_pseudo).__name__}."
        )
    for key, value in made.report.items():
        if not isinstance(value, Real):
            raise TypeError(
                "`generator` must return a `report` of numbers; "
                f"{type(generator).__name__}.generate returned {value!r} for {key!r}."
            )
    return made


# --- the loop -------------------------------------------------------------------------


class _Loop:
    """The state of one fit: members by exclusion and round, and who was accepted."""

    def __init__(self, members: list[Member], problem: Problem, parallel: Parallel):
        self.members = members
        self.problem = problem
        self.folds = problem.folds
        self.parallel = parallel
        # states[round][exclusion] is a list with one Fitted per member
        self.states: list[dict[Exclusion, list[Fitted]]] = [{}]
        self.accepted: list[np.ndarray] = []
        self.plans: dict[tuple[Exclusion, int], Plan] = {}
        self.data = (problem.X, problem.y, problem.classes, problem.sample_weight)
        # what became of the rows assigned in (round, student), lesson by lesson
        self.made: dict[tuple[int, int], list[Generation]] = {}
        # the generator's report of each call of a round, and its successes
        self.reports: dict[int, list[tuple[dict[str, float], int]]] = {}

    # fitting

    def _run(self, jobs: list[tuple]) -> list[Fitted]:
        """Fit jobs in parallel; handle members that failed."""
        results = self.parallel(delayed(fit_and_answer)(*job) for job in jobs)
        failed = [r for r in results if isinstance(r, MemberFailure)]
        names = {failure.name for failure in failed}
        if failed and (
            self.problem.on_failure == "raise" or len(names) == len(self.members)
        ):
            error = failed[0].error
            error.add_note(f"Raised by the member {failed[0].name!r}.")
            raise error
        if failed:
            raise _MembersFailed(failed)
        return results

    def fit_plain(self, exclusions: list[Exclusion]) -> None:
        """Fit every member without the given folds, where that is not done yet."""
        missing = [e for e in exclusions if e not in self.states[0]]
        jobs = [
            (member, self.data, self.folds.rows(e), self.folds.asked(e), None)
            for e in missing
            for member in self.members
        ]
        if jobs:
            self.problem.report(
                f"fitting {len(self.members)} members, {len(jobs)} fits"
            )
        results = self._run(jobs)
        for k, exclusion in enumerate(missing):
            part = results[k * len(self.members) : (k + 1) * len(self.members)]
            self.states[0][exclusion] = part

    def ensure(self, exclusions: list[Exclusion], n_rounds: int) -> None:
        """Bring the given exclusions to `n_rounds` finished rounds."""
        if n_rounds == 0:
            self.fit_plain(exclusions)
            return
        missing = [e for e in exclusions if e not in self.states[n_rounds]]
        if not missing:
            return
        self.prepare(missing, n_rounds)
        self.teach(missing, n_rounds, self.accepted[n_rounds - 1])

    def prepare(self, exclusions: list[Exclusion], round_: int) -> None:
        """Finish what teaching in a round needs: the round before, one fold deeper."""
        deeper = {c for e in exclusions for c in self.folds.children(e).values()}
        self.ensure(sorted(deeper), round_ - 1)
        self.ensure(exclusions, round_ - 1)

    # teaching

    def out_of_fold(self, exclusion: Exclusion, round_: int):
        """Answers of the members without `exclusion` and without the row's own fold.

        Returns `rows` and `proba` (n_members, n_rows, n_classes); a row that several
        folds test gets the mean answer, one that no fold tests is not listed.
        """
        rows = self.folds.rows(exclusion)
        position = np.full(len(self.problem.y), -1)
        position[rows] = np.arange(len(rows))
        shape = (len(self.members), len(rows), len(self.problem.classes))
        total, count = np.zeros(shape), np.zeros(len(rows))
        for fold, child in self.folds.children(exclusion).items():
            asked = self.folds.asked(child)
            mine = self.folds.test[fold][asked] & (position[asked] >= 0)
            at = position[asked[mine]]
            for i, fitted in enumerate(self.states[round_][child]):
                total[i, at] += fitted.proba[mine]
            count[at] += 1
        covered = count > 0
        return rows[covered], total[:, covered] / count[covered][None, :, None]

    def plan(self, exclusion: Exclusion, round_: int) -> Plan:
        """Decide from the answers of the round before."""
        if (exclusion, round_) in self.plans:
            return self.plans[exclusion, round_]
        problem = self.problem
        rows, proba = self.out_of_fold(exclusion, round_ - 1)
        # a row without weight is as good as absent
        present = problem.weights(rows) > 0
        rows, proba = rows[present], proba[:, present]
        y_idx, weight = problem.y_idx[rows], problem.weights(rows)
        # members differ in over- and underconfidence: compare them calibrated
        confidence = np.empty(proba.shape[:2])
        for i, answers in enumerate(proba):
            temperature = fit_temperature(answers, y_idx, weight)
            calibrated = apply_temperature(answers, temperature)
            confidence[i] = calibrated[np.arange(len(rows)), y_idx]
        deficient = deficient_rows(proba, y_idx, problem.deficiency)
        learns = np.array([not member.is_frozen for member in self.members])
        deficient &= learns[:, None]
        qualified = correct_rows(proba, y_idx)
        assigned = np.asarray(
            problem.peer_selection.select(deficient, qualified, confidence)
        )
        expected = (len(self.members), *deficient.shape)
        if assigned.shape != expected or assigned.dtype != bool:
            raise ValueError(
                "`peer_selection` must return a boolean array of shape (n_teachers, "
                f"n_students, n_rows) = {expected}; got shape {assigned.shape}, dtype "
                f"{assigned.dtype}."
            )
        plan = Plan(rows, deficient, assigned)
        self.plans[exclusion, round_] = plan
        return plan

    def teach(self, exclusions: list[Exclusion], round_: int, students: np.ndarray):
        """Make lessons and fit the given students (mask) without `exclusions`."""
        plans = {e: self.plan(e, round_) for e in exclusions}
        made = self._make_samples(plans, round_, students)
        jobs, targets = [], []
        for exclusion in exclusions:
            before = self.states[round_ - 1][exclusion]
            self.states[round_][exclusion] = list(before)
            for j in np.flatnonzero(students):
                lesson = self._lesson(exclusion, plans[exclusion], made, j, round_)
                if lesson is None:
                    continue
                rows, asked = self.folds.rows(exclusion), self.folds.asked(exclusion)
                jobs.append((self.members[j], self.data, rows, asked, lesson))
                targets.append((exclusion, j))
        self.problem.report(f"round {round_}: fitting students, {len(jobs)} fits")
        for (exclusion, j), fitted in zip(targets, self._run(jobs)):
            self.states[round_][exclusion][j] = fitted

    def _make_samples(self, plans, round_, students):
        """Generate once for each (teacher, source), whoever will learn from it.

        Returns {(exclusion of the teacher, teacher): (sources, GeneratedSamples)}.
        """
        problem = self.problem
        wanted: dict[tuple[Exclusion, int], list[np.ndarray]] = {}
        for exclusion, plan in plans.items():
            rows = plan.rows
            needed = plan.assigned[:, students].any(axis=1)
            for fold, child in self.folds.children(exclusion).items():
                tested = self.folds.test[fold][rows]
                for i in range(len(self.members)):
                    sources = rows[needed[i] & tested]
                    if len(sources):
                        wanted.setdefault((child, i), []).append(sources)
        jobs = []
        sources_of = {key: np.unique(np.concatenate(s)) for key, s in wanted.items()}
        for (child, i), sources in sources_of.items():
            teacher = self.states[round_ - 1][child][i].model
            pool = self.folds.rows(child)
            pool = pool[problem.weights(pool) > 0]
            jobs.append((teacher, sources, pool))
        self.problem.report(
            f"round {round_}: generating {sum(map(len, sources_of.values()))} samples"
        )
        results = self.parallel(
            delayed(_generate)(
                problem.generator,
                Responder(teacher, problem.classes),
                problem.X,
                problem.y,
                sources,
                pool,
                problem.seed,
            )
            for teacher, sources, pool in jobs
        )
        self.reports.setdefault(
            round_, [(made.report, int(made.success.sum())) for made in results]
        )
        return {key: (sources_of[key], made) for key, made in zip(sources_of, results)}

    def _lesson(self, exclusion, plan, made, student, round_) -> Lesson | None:
        """Everything the student has been taught: earlier rounds and this one."""
        rows, assigned = plan.rows, plan.assigned
        parts, teachers, sources = [], [], []
        n_requested = 0
        for fold, child in self.folds.children(exclusion).items():
            tested = self.folds.test[fold][rows]
            for i in range(len(self.members)):
                wanted = rows[assigned[i, student] & tested]
                if not len(wanted):
                    continue
                offered, samples = made[child, i]
                n_requested += len(wanted)
                at = np.searchsorted(offered, wanted)
                at = at[samples.success[at]]
                if not len(at):
                    continue
                parts.append(take_rows(samples.X_pseudo, at))
                teachers.append(np.full(len(at), i))
                sources.append(offered[at])
        earlier = self.states[round_ - 1][exclusion][student].lesson
        n_reached = sum(map(len, sources))

        def record(n_kept):
            entry = Generation(n_requested, n_reached, n_reached - n_kept)
            if exclusion in (self.folds.gates or {self.folds.root}):
                self.made.setdefault((round_, student), []).append(entry)

        if not parts:
            record(0)
            return None
        source = np.concatenate(sources)
        source_weight = np.ones(len(source))
        if self.members[student].uses_sample_weight:
            source_weight = self.problem.weights(source)
        lesson = Lesson(
            X=concat_rows(parts),
            y=self.problem.y[source],
            weight=self.problem.pseudo_weight * source_weight,
            teacher=np.concatenate(teachers),
            source=source,
            round=np.full(len(source), round_),
        )
        lesson = without_duplicates(lesson, earlier)
        record(len(lesson.y))
        if not len(lesson.y):
            return None
        if earlier is not None:
            lesson = join(earlier, lesson)
        n_own = len(self.folds.rows(exclusion))
        lesson = capped(lesson, self.problem.max_pseudo, n_own, self.problem.seed)
        return lesson if len(lesson.y) else None

    # judging

    def score(self, exclusion: Exclusion, fold: int, fitted: Fitted) -> float:
        """Score of one student on the rows of a fold that it was kept from."""
        asked = self.folds.asked(exclusion)
        inside = self.folds.test[fold][asked]
        view = Responder(
            fitted.model, self.problem.classes, recorded=fitted.proba[inside]
        )
        return self.problem.scorer(view, asked[inside])

    def mean_scores(self, judged: dict[Exclusion, int], round_: int) -> np.ndarray:
        """Score of each member, averaged over the folds by their weight."""
        weights, scores = [], []
        for exclusion, fold in judged.items():
            weight = self.problem.weights(np.flatnonzero(self.folds.test[fold])).sum()
            if weight == 0:
                continue
            weights.append(weight)
            fitted = self.states[round_][exclusion]
            scores.append([self.score(exclusion, fold, one) for one in fitted])
        if not weights:
            return np.full(len(self.members), np.nan)
        return np.average(np.array(scores), axis=0, weights=weights)

    # the whole run

    def run(self) -> RoundsResult:
        """All rounds; see `run_rounds`."""
        problem, root, gates = self.problem, self.folds.root, self.folds.gates
        judged = gates or {c: f for f, c in self.folds.children(root).items()}
        self.fit_plain([root])
        self.prepare([root], 1)
        scores = self.mean_scores(judged, 0)
        history: list[dict[str, Any]] = []
        done, n_iter, termination = 0, 0, "max_iter"
        for round_ in range(1, problem.max_iter + 1):
            self.states.append({})
            self.prepare([root], round_)
            plan = self.plan(root, round_)
            n_iter = round_
            if not plan.assigned.any():
                termination = "nothing_to_teach"
                break
            if gates:
                self.prepare(list(gates), round_)
                self.teach(list(gates), round_, self._learners())
                after = self.mean_scores(gates, round_)
                accepted = self._learners() & (after > scores + problem.tol)
                self._reject(gates, round_, ~accepted)
            else:
                accepted = self._learners()
                after = np.full(len(self.members), np.nan)
            self.accepted.append(accepted)
            if accepted.any():
                self.ensure([root], round_)
            if not gates:
                accepted = self._changed(root, round_)
            history += self._records(round_, plan, scores, after, accepted)
            if not accepted.any():
                termination = "no_improvement" if gates else "nothing_to_teach"
                break
            scores = np.where(accepted & np.isfinite(after), after, scores)
            done = round_
        return self._result(done, n_iter, termination, history, scores)

    def _learners(self) -> np.ndarray:
        return np.array([not member.is_frozen for member in self.members])

    def _changed(self, exclusion: Exclusion, round_: int) -> np.ndarray:
        """Which members a round fitted anew."""
        now, before = (self.states[r].get(exclusion, []) for r in (round_, round_ - 1))
        changed = [a is not b for a, b in zip(now, before)]
        return np.array(changed or [False] * len(self.members))

    def _reject(self, gates, round_: int, rejected: np.ndarray) -> None:
        """Give rejected students back the state of the round before."""
        for exclusion in gates:
            for j in np.flatnonzero(rejected):
                before = self.states[round_ - 1][exclusion][j]
                self.states[round_][exclusion][j] = before

    def _records(self, round_, plan, before, after, accepted):
        generator = join_reports(self.reports.get(round_, []))
        return [
            {
                "round": round_,
                "student": member.name,
                "deficient": int(plan.deficient[j].sum()),
                "taught": int(plan.assigned[:, j].any(axis=0).sum()),
                **_summary(self.made.get((round_, j), [])),
                "generator": generator,
                "score_before": float(before[j]),
                "score_after": float(after[j]),
                "accepted": bool(accepted[j]),
            }
            for j, member in enumerate(self.members)
            if not member.is_frozen
        ]

    def _result(self, done, n_iter, termination, history, scores) -> RoundsResult:
        folds = self.folds
        root = folds.root
        final = self.states[done][root]
        lessons = [fitted.lesson for fitted in final]
        if root in folds.gates:  # hold-out: nothing delivered has seen these rows
            is_current = True
            rows = folds.asked(root)
            initial, responses = (
                np.stack([fitted.proba for fitted in self.states[r][root]])
                for r in (0, done)
            )
        else:
            # without a gate nobody needed the last round's students one fold deeper
            children = folds.children(root).values()
            is_current = all(child in self.states[done] for child in children)
            rows, responses = self.out_of_fold(root, done if is_current else done - 1)
            _, initial = self.out_of_fold(root, 0)
        transfer = np.zeros((len(self.members), len(self.members)), dtype=np.int64)
        for j, lesson in enumerate(lessons):
            if lesson is not None:
                np.add.at(transfer[:, j], lesson.teacher, 1)
        return RoundsResult(
            names=[member.name for member in self.members],
            students=[fitted.model for fitted in final],
            initial=[fitted.model for fitted in self.states[0][root]],
            lessons=lessons,
            scores=scores,
            history=history,
            transfer=transfer,
            n_iter=n_iter,
            termination=termination,
            response_rows=rows,
            responses=responses,
            initial_responses=initial,
            is_current=is_current,
        )


def _summary(made: list[Generation]) -> dict[str, int]:
    """Counts of the lessons of one student, added up."""
    return {
        "requested": sum(m.n_requested for m in made),
        "reached": sum(m.n_reached for m in made),
        "repeated": sum(m.n_repeated for m in made),
    }


def run_rounds(
    members: list[Member], problem: Problem, n_jobs: int | None
) -> tuple[RoundsResult, list[MemberFailure]]:
    """Fit the members, let them teach each other, keep what helps.

    Parameters
    ----------
    members : list of Member

    problem : Problem

    n_jobs : int or None
        Fits run in parallel; the result does not depend on it.

    Returns
    -------
    result : RoundsResult
        One entry per member that could be fitted.

    failures : list of MemberFailure
        The members that could not, if `problem.on_failure` is "warn".

    Raises
    ------
    Exception
        Whatever a member raised, with a note that names the member, if
        `problem.on_failure` is "raise" or no member is left.
    """
    failures: list[MemberFailure] = []
    with Parallel(n_jobs=n_jobs) as parallel:
        while True:
            try:
                return _Loop(members, problem, parallel).run(), failures
            except _MembersFailed as stop:
                by_name = {failure.name: failure for failure in stop.failures}
                failures += by_name.values()
                members = [m for m in members if m.name not in by_name]
