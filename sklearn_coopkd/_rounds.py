"""The loop: cross-fitting, teaching and the gate.

Everything is computed for a *base*, a set of folds that nothing may have seen: the
delivered students for the base without folds, the students that the gate judges on
fold f for the base without f. No source row, no anchor, no teacher and no student of
that base had a part of f in it. Samples that were made for students of the gate,
without one fold more, may teach the delivered ones too.

Within a base and a round there are, for every member, the *full* model, fitted on all
its rows that the base allows, and *crossed* ones, each without one fold more. A row
that a member owns is a fair question for the crossed model without the row's fold; a
row of another site for the full model, which never saw it. From the second round on
the crossed models keep the full model's pseudo-samples, except those made from own rows
of the fold, and its soft labels, of rows and pseudo-samples, to which models with the
fold have contributed: what they answer plans the next round, and never decides about a
student. Each fit serves every base that needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from sklearn_coopkd._containers import listed
from sklearn_coopkd._fitting import (
    Fitted,
    Member,
    MemberFailure,
    fit_and_answer,
    learns_answers,
)
from sklearn_coopkd._folds import Exclusion
from sklearn_coopkd._gate import fit_calibrators, harmed, mean_scores
from sklearn_coopkd._generation import Batch, Call, ask_about, generate, labelled
from sklearn_coopkd._lesson_maker import LessonMaker
from sklearn_coopkd._lessons import Lesson, selected
from sklearn_coopkd._models import FittedModels
from sklearn_coopkd._plan import Plan, make_plan
from sklearn_coopkd._problem import Problem
from sklearn_coopkd._reports import join_reports

# A fold of the gate with at least this share of its rows may refuse a student alone.
LEAST_SHARE = 0.2


@dataclass(frozen=True)
class RoundsResult:
    """What `run_rounds` returns; one entry per surviving member."""

    names: list[str]
    students: list[Any]
    initial: list[Any]
    lessons: list[Lesson | None]
    soft_labels: list[np.ndarray | None]  # (n_samples, n_outputs), NaN: not its row
    scores: np.ndarray  # out-of-sample score of each student
    calibrated_scores: np.ndarray  # those of their calibrated answers
    calibrators: list[Callable]  # of the models that gave `responses`
    history: list[dict[str, Any]]
    transfer: np.ndarray
    n_iter: int
    termination: str
    response_rows: np.ndarray  # rows with out-of-sample answers
    # (n_models, n_response_rows, n_outputs) of the students, and of members that
    # have changed, as they were; without a gate of members before teaching alone
    responses: np.ndarray
    answering: list[Any]  # the models that gave `responses`
    answering_names: list[str]  # the members that they are, or were
    columns: list[np.ndarray | None]  # mask of the columns each one sees; None: all


class _MembersFailed(Exception):
    """Some members failed and the others go on without them."""

    def __init__(self, failures: list[MemberFailure]):
        super().__init__(failures)
        self.failures = failures


# --- the loop -------------------------------------------------------------------------


class _Loop:
    """The state of one fit: models by base and round."""

    def __init__(self, members: list[Member], problem: Problem, parallel: Parallel):
        self.members = members
        self.problem = problem
        self.folds, self.sites = problem.folds, problem.sites
        self.parallel = parallel
        self.progress = problem.progress  # of the task that is running
        self._learners = np.array([not member.is_frozen for member in members])
        self.models = FittedModels(problem, len(members))
        self.lessons = LessonMaker(members, problem)
        # the generator's report of each call of a round, and its successes
        self.reports: dict[int, list[tuple[dict[str, float], int]]] = {}

    # fitting

    def _run(
        self, phase: str, function: Callable, jobs: list[tuple], owners: list[str]
    ) -> list[Any]:
        """Run jobs in parallel, each of a member; handle members that failed."""
        if not jobs:
            return []
        calls = (delayed(_call)(function, *job) for job in jobs)
        try:
            results = self.progress.follow(phase, owners, lambda: self.parallel(calls))
        except Exception as of_engine:
            told = f"{type(of_engine).__name__} {of_engine}".lower()
            if "pickl" in told or "worker" in told:
                names_of_all = listed(list(dict.fromkeys(owners)))
                of_engine.add_note(
                    f"While {phase}, in several workers: of {names_of_all}. What "
                    "cannot be pickled, or ends its process, may work with n_jobs=1 or "
                    "in `joblib.parallel_config('threading')`."
                )
            raise
        failed = [r for r in results if isinstance(r, MemberFailure)]
        names = {failure.name for failure in failed}
        if failed and (
            self.problem.on_failure == "raise" or len(names) == len(self.members)
        ):
            error = failed[0].error
            error.add_note(f"Raised by the member {failed[0].name!r}.")
            if self.problem.on_failure == "raise" and len(self.members) > 1:
                error.add_note("With on_failure='warn' the others go on without it.")
            raise error
        if failed:
            raise _MembersFailed(failed)
        return results

    def _fit(self, phase: str, jobs: list[tuple]) -> list[Fitted]:
        """Fit members; a line says how many times."""
        owners = [member.name for member, *_ in jobs]
        return self._run(f"{phase}, {len(jobs)} fits", fit_and_answer, jobs, owners)

    def _job(
        self, j: int, exclusion: Exclusion, is_base: bool, lesson=None, soft_labels=None
    ) -> tuple:
        """Fit member j without an exclusion; ask about its rows, of a base all rows."""
        problem = self.problem
        rows = self.folds.rows(exclusion)
        is_asked = self.folds.test[list(exclusion)].any(axis=0)
        if is_base:
            is_asked = is_asked | ~self.sites.owns[j]
        asked = self.sites.by_place(np.flatnonzero(is_asked))
        # the table by itself: engines send it to each worker once, if they see it
        data = (problem.X, problem.y, problem.task, problem.sample_weight)
        own = rows[self.sites.owns[j, rows]]
        if soft_labels is not None:
            soft_labels = soft_labels[own]
        return self.members[j], *data, own, list(asked.values()), lesson, soft_labels

    def fit_plain(self) -> None:
        """Fit every member for every base, full and crossed, before teaching."""
        of_base = [(base, self.folds.children(base)) for base in self.models.bases]
        needed = {child for _, found in of_base for child in found.values()}
        exclusions = [*self.models.bases, *sorted(needed - set(self.models.bases))]
        members = range(len(self.members))
        jobs = [
            self._job(j, e, e in self.models.bases) for e in exclusions for j in members
        ]
        results = self._fit(f"fitting {len(members)} members", jobs)
        n = len(members)
        plain = {e: results[k * n : (k + 1) * n] for k, e in enumerate(exclusions)}
        for base, found in of_base:
            self.models.full[0][base] = plain[base]
            for fold, child in found.items():
                self.models.crossed[0][base, fold] = plain[child]

    def cross_fit(self, round_: int) -> None:
        """Fit the crossed models of a finished round, for the next one."""
        self.models.crossed += [
            {} for _ in range(round_ + 1 - len(self.models.crossed))
        ]
        jobs, targets = [], []
        for base in self.models.bases:
            for fold, child in self.folds.children(base).items():
                if (
                    child in self.models.full[round_]
                ):  # the base of a gate: as good, and there
                    self.models.crossed[round_][base, fold] = self.models.full[round_][
                        child
                    ]
                    continue
                models = list(self.models.crossed[round_ - 1][base, fold])
                self.models.crossed[round_][base, fold] = models
                for j, fitted in enumerate(self.models.full[round_][base]):
                    lesson, soft_labels = fitted.lesson, fitted.soft_labels
                    if fitted is self.models.full[round_ - 1][base][j]:
                        continue
                    if lesson is not None:
                        # it answers for its own rows of the fold
                        tells = ~self.folds.train[fold] & self.sites.owns[j]
                        kept = np.flatnonzero(~tells[lesson.source])
                        lesson = selected(lesson, kept) if len(kept) else None
                    jobs.append(self._job(j, child, False, lesson, soft_labels))
                    targets.append((models, j))
        for (models, j), fitted in zip(targets, self._fit("cross-fitting", jobs)):
            models[j] = replace(fitted, lesson=None)  # only the full model's is used
        self.models.forget_before(round_)

    # teaching

    def plan(self, base: Exclusion, round_: int) -> Plan:
        """Decide from the answers of the round before."""
        rows, answers = self.models.answers(base, round_ - 1)
        return make_plan(self.problem, self._learners, rows, answers)

    def teach(
        self,
        plans: dict[Exclusion, Plan],
        batches: dict[Exclusion, list[Batch]],
        round_: int,
        students: np.ndarray,
    ) -> np.ndarray:
        """Fit the given students (mask) for the plans' bases, with what was made.

        Returns those that were fitted for all of these.
        """
        if len(self.models.full) == round_:
            self.models.full.append({})
        first, *others = plans
        if not self._stops_early(first, round_):
            self._fit_students(plans, batches, round_, students)
            return students
        self._fit_students({first: plans[first]}, batches, round_, students)
        students = students & ~self._worse(first, round_)
        later = {base: plans[base] for base in others}
        self._fit_students(later, batches, round_, students)
        return students

    def _stops_early(self, base: Exclusion, round_: int) -> bool:
        """Whether one base of the gate decides who is fitted for the others.

        In the last round of one table nobody needs a student that will be refused;
        most that will be are worse on a single fold, if it is large. Between sites a
        fold is no fair sample: a class may be at one place alone.
        """
        if base not in self.folds.gates or round_ < self.problem.max_iter:
            return False
        judged = self.folds.test[list(self.folds.gates.values())]
        n_first = self.folds.test[self.folds.gates[base]].sum()
        is_large = n_first >= LEAST_SHARE * judged.any(axis=0).sum()
        return bool(is_large) and self.problem.sites.n_places == 1

    def _worse(self, base: Exclusion, round_: int) -> np.ndarray:
        """Students that are worse than before, on the fold of one base alone."""
        fold = {base: self.folds.gates[base]}
        before = self._scores(fold, self.models.best)
        return self._scores(fold, self.models.full[round_]) < before

    def _fit_students(self, plans, batches, round_, students) -> None:
        """Fit the students of some bases with their lessons and soft labels."""
        jobs, targets = [], []
        for base, plan in plans.items():
            models = list(self.models.full[round_ - 1][base])
            self.models.full[round_][base] = models
            of_all = self._soft_labels(base, plan)
            for j in np.flatnonzero(students).tolist():
                lesson = self.lessons.make(
                    base, plan, batches[base], j, round_, models[j].lesson
                )
                learns = learns_answers(self.members[j], self.problem.task)
                soft_labels = of_all if learns else None
                is_new = soft_labels is not None and models[j].soft_labels is None
                if lesson is None and not is_new:
                    continue
                # soft labels alone are worth a fit once
                lesson = models[j].lesson if lesson is None else lesson
                jobs.append(self._job(j, base, True, lesson, soft_labels))
                targets.append((models, j, soft_labels))
        found = self._fit("fitting students", jobs)
        for (models, j, soft_labels), fitted in zip(targets, found):
            models[j] = replace(fitted, soft_labels=soft_labels)

    def _soft_labels(self, base: Exclusion, plan: Plan) -> np.ndarray | None:
        """Soft labels of the rows of a base; of a row that no fold tests, its label."""
        if plan.soft_labels is None:
            return None
        truth, task = self.problem.truth, self.problem.task
        rows = self.folds.rows(base)
        found = np.full((len(truth), task.n_outputs), np.nan)
        found[rows] = task.as_answers(truth[rows])
        found[plan.rows] = plan.soft_labels
        return found

    def _batches(self, base: Exclusion, plan: Plan, round_: int):
        """Who teaches which rows with which anchors: one entry for each call.

        Sources and anchors are rows of one place. Yields the teacher's position, all
        members, each without the same folds, the positions of the sources in
        `plan.rows`, the anchors, and the place.
        """
        folds, sites = self.folds, self.sites
        full = self.models.full[round_ - 1][base]
        for i in range(len(full)):
            owned = sites.owns[i, plan.rows]
            # rows that the teacher is fitted with: by its model without their fold
            crossed = [
                (self.models.crossed[round_ - 1][base, fold], owned & tested, child)
                for fold, child in folds.children(base).items()
                for tested in [folds.test[fold][plan.rows]]
            ]
            for models, chosen, exclusion in [*crossed, (full, ~owned, base)]:
                anchors = folds.rows(exclusion)
                anchors = anchors[self.problem.weights(anchors) > 0]
                pools = sites.by_place(anchors)
                position = np.flatnonzero(chosen)
                at = sites.place[plan.rows[position]]
                for place in np.unique(at).tolist():
                    if place in pools:
                        yield i, models, position[at == place], pools[place], place

    def _make_samples(self, plans, round_, students):
        """Generate once for each teacher and source, whoever will learn from it.

        Returns a list of `Batch` for each base.
        """
        # the teacher and its name, who is asked, anchors
        teaching: dict[tuple, tuple[str, Fitted, list[Fitted], np.ndarray]] = {}
        wanted: dict[tuple, list[np.ndarray]] = {}  # sources, by base
        entries: dict[Exclusion, list[tuple[int, np.ndarray, tuple]]] = {}
        for base, plan in plans.items():
            needed = plan.assigned[:, students].any(axis=1)
            entries[base] = []
            for i, models, position, pool, place in self._batches(base, plan, round_):
                position = position[needed[i, position]]
                if len(position):
                    # two bases may ask the same model to teach other rows
                    asked = self._asked(i, models)
                    key = place, *map(id, [models[i], *asked])
                    teaching[key] = self.members[i].name, models[i], asked, pool
                    wanted.setdefault(key, []).append(plan.rows[position])
                    entries[base].append((i, position, key))
        calls = {
            key: Call(*teaching[key], np.unique(np.concatenate(rows)))
            for key, rows in wanted.items()
        }
        samples = generate(self.problem, calls, self._run)
        self.reports.setdefault(
            round_, [(one.report, int(one.success.sum())) for one in samples.values()]
        )
        names = [member.name for member in self.members if not member.is_frozen]
        answers = ask_about(self.problem, calls, samples, names, self._run)
        batches: dict[Exclusion, list[Batch]] = {}
        for base, found in entries.items():
            batches[base] = []
            for i, position, key in found:
                made, sources = samples[key], calls[key].sources
                if key in answers:
                    # each base has a pool of its own: that of another has seen rows
                    # that this one may not see
                    pool = plans[base].label_pool
                    made = labelled(self.problem, made, sources, answers[key], pool)
                batches[base].append(Batch(i, position, sources, made))
        return batches

    def _deliver(self, plan, plans, batches, round_, students):
        """Teach the delivered students (mask), once the gate has judged others.

        On one table what these were taught, each row as it was to the student of the
        next fold that may know it: by models without two folds, not one, who teach as
        well, and need not be asked again. A row that no plan of the gate has had, such
        as the last of a time series, has samples made now. Between sites all have:
        models of a site without its rows of two folds may know no class but one.
        """
        root = self.folds.root
        if self.sites.n_places > 1:
            made = self._make_samples({root: plan}, round_, students)
            self.teach({root: plan}, made, round_, students)
            return
        number = self._next_base(plan.rows, plans)
        assigned = plan.assigned & (number < 0)
        made = self._make_samples(
            {root: replace(plan, assigned=assigned)}, round_, students
        )
        for k, (base, of_base) in enumerate(plans.items()):
            here = np.flatnonzero(number == k)
            at = np.searchsorted(of_base.rows, plan.rows[here])
            assigned[:, :, here] = of_base.assigned[:, :, at]
            for batch in batches[base]:
                position = here[np.isin(at, batch.position)]
                made[root].append(replace(batch, position=position))
        self.teach({root: replace(plan, assigned=assigned)}, made, round_, students)

    def _next_base(self, rows, plans):
        """For each row the number of the plan that it is taught by; -1: none has it.

        The first one, in turn, after that of the gate which judges on the row.
        """
        tests = np.array([self.folds.test[self.folds.gates[base]] for base in plans])
        judged_by = np.where(tests.any(axis=0), tests.argmax(axis=0), 0)[rows]
        knows = np.array([np.isin(rows, plan.rows) for plan in plans.values()])
        number = np.full(len(rows), -1)
        for step in range(len(plans), 0, -1):
            following = (judged_by + step) % len(plans)
            number = np.where(knows[following, np.arange(len(rows))], following, number)
        return number

    def _asked(self, i: int, models: list[Fitted]) -> list[Fitted]:
        """Those who say together what teacher i has made.

        Nobody of what a frozen one has made: it is not in the pool, and nobody else
        would pass on what it knows.
        """
        if not self.problem.pools_answers or not self._learners[i]:
            return []
        return [models[j] for j in np.flatnonzero(self._learners)]

    # the whole run

    def run(self) -> RoundsResult:
        """All rounds; see `run_rounds`."""
        problem = self.problem
        self.fit_plain()
        self.models.best = {
            base: list(self.models.full[0][base]) for base in self.models.bases
        }
        scores = self._scores(*self.models.held_out())
        history: list[dict[str, Any]] = []
        n_iter, termination = 0, "max_iter"
        for round_ in range(1, problem.max_iter + 1):
            if problem.progress.is_stopped:
                termination = "callback"
                break
            n_iter = round_
            self.progress = problem.progress.begin(f"round {round_}", None)
            plan, after, accepted = self._round(round_, scores)
            problem.progress.end(self.progress)
            history += self._records(round_, plan, scores, after, accepted)
            if not accepted.any():
                was_judged = bool(self.folds.gates) and plan.assigned.any()
                termination = "no_improvement" if was_judged else "nothing_to_teach"
                break
            for base, best in self.models.best.items():
                for j in np.flatnonzero(accepted):
                    best[j] = self.models.full[round_][base][j]
            scores = np.where(accepted & np.isfinite(after), after, scores)
        return self._result(n_iter, termination, history, scores)

    def _round(self, round_: int, scores: np.ndarray):
        """One round: its plan, scores (NaN: not judged), and who is accepted."""
        problem, root, gates = self.problem, self.folds.root, self.folds.gates
        if round_ > 1:
            self.cross_fit(round_ - 1)
        plan = self.plan(root, round_)
        after = np.full(len(self.members), np.nan)
        if not plan.assigned.any():
            return plan, after, np.zeros(len(self.members), dtype=bool)
        if not gates:
            batches = self._make_samples({root: plan}, round_, self._learners)
            self.teach({root: plan}, batches, round_, self._learners)
            return plan, after, self._changed(round_)
        others = {e: self.plan(e, round_) for e in gates if e != root}
        plans = others or {root: plan}
        batches = self._make_samples(plans, round_, self._learners)
        judged = self.teach(plans, batches, round_, self._learners)
        after = self._scores(gates, self.models.full[round_])
        after[~judged] = np.nan
        accepted = self._learners & (after > scores + problem.tol)
        accepted &= ~harmed(problem, self.models.best, self.models.full[round_])
        if accepted.any() and others:
            # one that is not better stays as it was, and goes on learning if a round
            # is left: what this one overdid the next one may mend
            is_last = round_ == problem.max_iter
            students = accepted if is_last else self._learners
            self._deliver(plan, plans, batches, round_, students)
        return plan, after, accepted

    def _scores(self, judged, models) -> np.ndarray:
        """Scores by which the gate judges, on held-out rows.

        Between sites of calibrated answers: a model is overconfident about rows of
        other sites, whether it has been taught or not, and the price of that hides how
        much it learned.
        """
        problem = self.problem
        calibrators = None
        if self.sites.n_places > 1:
            fit = problem.task.fit_temperature
            calibrators = fit_calibrators(problem, judged, models, fit)
        return mean_scores(problem, judged, models, calibrators)

    def _changed(self, round_: int) -> np.ndarray:
        """Which of the delivered members a round fitted anew."""
        now, before = (
            self.models.full[r][self.folds.root] for r in (round_, round_ - 1)
        )
        return np.array([a is not b for a, b in zip(now, before)])

    def _records(self, round_, plan, before, after, accepted):
        generator = join_reports(self.reports.get(round_, []))
        return [
            {
                "round": round_,
                "student": member.name,
                "deficient": int(plan.deficient[j].sum()),
                "taught": int(plan.assigned[:, j].any(axis=0).sum()),
                **self.lessons.summary(round_, j),
                "generator": generator,
                "score_before": float(before[j]),
                "score_after": float(after[j]),
                "accepted": bool(accepted[j]),
            }
            for j, member in enumerate(self.members)
            if not member.is_frozen
        ]

    def _result(self, n_iter, termination, history, scores) -> RoundsResult:
        root = self.folds.root
        final = self.models.best[root]
        judged, models = self.models.held_out()
        answering, also_before = self.models.answering()
        asked = {
            exclusion: [*models[exclusion], *(before[j] for j in also_before)]
            for exclusion, before in self.models.held_out_before().items()
        }
        rows, responses = self.models.responses(judged, asked)
        about = self.problem.truth[rows], self.problem.weights(rows)
        fit = self.problem.task.fit_calibrator
        calibrators = [fit(one, *about) for one in responses]
        calibrated_scores = scores
        if self.problem.scorer.asks_for_answers:
            calibrated_scores = mean_scores(self.problem, judged, models, calibrators)
        lessons = [fitted.lesson for fitted in final]
        names = [member.name for member in self.members]
        transfer = np.zeros((len(self.members), len(self.members)), dtype=np.int64)
        for j, lesson in enumerate(lessons):
            if lesson is not None:
                np.add.at(transfer[:, j], lesson.teacher, 1)
        return RoundsResult(
            names=names,
            students=[fitted.model for fitted in final],
            initial=[fitted.model for fitted in self.models.full[0][root]],
            lessons=lessons,
            soft_labels=[fitted.soft_labels for fitted in final],
            scores=scores,
            calibrated_scores=calibrated_scores,
            calibrators=calibrators,
            history=history,
            transfer=transfer,
            n_iter=n_iter,
            termination=termination,
            response_rows=rows,
            responses=responses,
            answering=[fitted.model for fitted in answering],
            answering_names=[*names, *(names[j] for j in also_before)],
            columns=[fitted.columns for fitted in answering],
        )


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
    with _parallel(n_jobs, problem.progress.context is not None) as parallel:
        while True:
            try:
                return _Loop(members, problem, parallel).run(), failures
            except _MembersFailed as stop:
                problem.progress.end_running()
                by_name = {failure.name: failure for failure in stop.failures}
                failures += by_name.values()
                gone = [k for k, m in enumerate(members) if m.name in by_name]
                problem = replace(problem, sites=problem.sites.without(gone))
                members = [m for m in members if m.name not in by_name]


def _parallel(n_jobs: int | None, is_watched: bool) -> Parallel:
    """Runs jobs; for those who watch, the results come one after the other."""
    if is_watched:
        try:
            return Parallel(n_jobs=n_jobs, return_as="generator")
        except ValueError:  # a backend that cannot
            pass
    return Parallel(n_jobs=n_jobs)


def _call(function: Callable, *job: Any) -> Any:
    """Do a job.

    joblib hands large arrays to workers as `np.memmap`; of tables that are alike the
    types must be the same, and a part of such an array is an `np.ndarray`.
    """
    plain = (np.asarray(a) if isinstance(a, np.memmap) else a for a in job)
    return function(*plain)
