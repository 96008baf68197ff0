"""The gate: is a student better than before on rows that no part of it has seen?

It is kept if its mean score rises, and if it is right on more of them, by weight, than
what was kept so far: on one table by a standard error, or on the same rows. Between
sites it may lose a hundredth of the weight. Of numbers the absolute error takes the
place of wrong answers, in units of the median error of what was kept so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sklearn_coopkd._folds import Exclusion
from sklearn_coopkd._models import ByExclusion
from sklearn_coopkd._problem import Problem

# Standard errors by which right answers must rise on one table, and errors of numbers
# fall: without them more students come out worse on new rows.
STANDARD_ERRORS = {"classification": 1.0, "regression": 2.0}
# Share of the weight that a student may lose between sites: other rules guard it there,
# and it may pay for a new class.
HARM_BETWEEN_SITES = 0.01
# of sums of weights
ROUNDING = 1e-9


def mean_scores(
    problem: Problem,
    judged: dict[Exclusion, int],
    models: ByExclusion,
    calibrators: Sequence[Callable] | None = None,
) -> np.ndarray:
    """Score of each member on held-out rows of all places, averaged by weight.

    Parameters
    ----------
    problem : Problem

    judged : dict
        The fold that each exclusion is judged on.

    models : dict
        The members without that fold.

    calibrators : sequence of callable, default=None
        Of each member, applied to its answers. None: they are taken as they are.

    Returns
    -------
    scores : ndarray of shape (n_members,)
        NaN if there is nothing to judge them on.
    """
    parts = list(_parts(problem, judged))
    weights = [problem.weights(here).sum() for _, here in parts]
    scores = np.full(len(problem.sites.owns), np.nan)
    for j in range(len(scores) if parts else 0):
        of_parts = []
        for exclusion, here in parts:
            fitted = models[exclusion][j]
            answers = fitted.answers(here)
            if calibrators is not None:
                answers = calibrators[j](answers)
            view = fitted.responder(problem.task, answers)
            of_parts.append(problem.scorer(view, here))
        scores[j] = np.average(of_parts, weights=weights)
    return scores


def fit_calibrators(
    problem: Problem, judged: dict[Exclusion, int], models: ByExclusion, fit: Callable
) -> list[Callable]:
    """Calibrators of members, of their answers to all held-out rows.

    Parameters
    ----------
    problem, judged, models : as in `mean_scores`

    fit : callable
        `fit_temperature` or `fit_calibrator` of the task.

    Returns
    -------
    calibrators : list of callable
    """
    parts = list(_parts(problem, judged))
    every = np.concatenate([np.empty(0, dtype=np.intp), *(here for _, here in parts)])
    about = problem.truth[every], problem.weights(every)
    found = []
    for j in range(len(problem.sites.owns)):
        answers = [models[exclusion][j].answers(here) for exclusion, here in parts]
        nothing = np.empty((0, problem.task.n_outputs))
        found.append(fit(np.concatenate([nothing, *answers]), *about))
    return found


def _parts(problem, judged):
    """What is judged at once: the held-out rows of a place, if they have weight."""
    for exclusion, fold in judged.items():
        rows = np.flatnonzero(problem.folds.test[fold])
        for here in problem.sites.by_place(rows).values():
            if problem.weights(here).sum() > 0:
                yield exclusion, here


def harmed(problem: Problem, before: ByExclusion, after: ByExclusion) -> np.ndarray:
    """Students that a round made wrong more often, or may have.

    On one table a score such as the log-loss may rise where doubt replaces right
    answers, and on few rows right answers rise by chance: they must by a standard error
    of the paired difference (of McNemar's test; errors of numbers must fall by two),
    unless none has changed.

    Between sites a score alone would take the labels of a site that contradicts the
    others: a student that is sure of the rest loses more there than doubt costs
    elsewhere. So a student may not lose on all rows, and not where half the weight is
    that of its own rows, half that of all others. Own rows that are taken for a class
    that the site never saw do not count at home: that is what learning the class costs,
    and it is in the first count. Nor do those that are predicted to be outside the
    range of the site's own numbers.

    Parameters
    ----------
    problem : Problem

    before, after : dict
        The members without each fold that the gate judges.

    Returns
    -------
    harmed : ndarray of shape (n_members,), dtype=bool
    """
    owns, truth = problem.sites.owns, problem.truth
    # sums over all, own and other rows
    gained, weight = np.zeros((2, 3, len(owns)))
    change_of_row = np.zeros(owns.shape)
    judged = {
        base: np.flatnonzero(problem.folds.test[fold])
        for base, fold in problem.folds.gates.items()
    }
    rows = np.concatenate(list(judged.values()))  # several folds may judge a row
    of_row = problem.weights(rows)
    everyone = np.ones(len(rows), dtype=bool)
    for j in range(len(owns)):
        was, now = (
            np.concatenate([models[base][j].answers(r) for base, r in judged.items()])
            for models in (before, after)
        )
        answers = np.stack([was, now])
        was_good, is_good = problem.task.goodness(answers, truth[rows], of_row)
        own = owns[j, rows]
        is_familiar = problem.task.is_familiar(answers, truth[owns[j]])
        counts_at_home = own & is_familiar.all(axis=0)
        change = (is_good - was_good) * of_row
        gained[:, j] = np.array([everyone, counts_at_home, ~own]) @ change
        np.add.at(change_of_row[j], rows, change)
        weight[:, j] = np.array([everyone, own, ~own]) @ of_row
    if problem.sites.n_places == 1:
        required = STANDARD_ERRORS[problem.task.name] * np.linalg.norm(
            change_of_row, axis=1
        )
        return gained[0] < required - ROUNDING * weight[0]
    everywhere, at_home, elsewhere = gained / np.maximum(weight, 1e-12)
    allowed = HARM_BETWEEN_SITES + ROUNDING
    return (everywhere < -allowed) | ((at_home + elsewhere) / 2 < -allowed)
