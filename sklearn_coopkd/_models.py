"""All that a fit has fitted, by round and by what it was fitted without."""

from __future__ import annotations

import numpy as np

from sklearn_coopkd._fitting import Fitted
from sklearn_coopkd._folds import Exclusion
from sklearn_coopkd._problem import Problem

ByExclusion = dict[Exclusion, list[Fitted]]  # one entry per member


class FittedModels:
    """Full and crossed models of each round and base (see `_rounds`), and the best.

    Parameters
    ----------
    problem : Problem

    n_members : int
    """

    def __init__(self, problem: Problem, n_members: int):
        self.task, self.folds = problem.task, problem.folds
        self.owns = problem.sites.owns
        self.n_members = n_members
        self.bases = [self.folds.root]
        self.bases += [base for base in self.folds.gates if base != self.folds.root]
        # full[round][base] and crossed[round][base, fold]
        self.full: list[ByExclusion] = [{}]
        self.crossed: list[dict[tuple[Exclusion, int], list[Fitted]]] = [{}]
        # for each base the members as they are delivered if no further round helps
        self.best: ByExclusion = {}

    def forget_before(self, round_: int) -> None:
        """Drop what nobody asks again, once the next round can start from this one.

        What is delivered of it is in `best`.
        """
        for earlier in range(1, round_):
            self.full[earlier].clear()
            self.crossed[earlier].clear()

    def answers(self, base: Exclusion, round_: int):
        """Answers of the members to rows that they were not fitted with.

        Returns `rows` and `answers` (n_members, n_rows, n_outputs). A row that several
        folds test gets the mean answer; one that no fold tests is not listed.
        """
        folds, owns = self.folds, self.owns
        rows = folds.rows(base)
        shape = (self.n_members, len(rows), self.task.n_outputs)
        total, count = np.zeros(shape), np.zeros(len(rows))
        for fold in folds.children(base):
            tested = folds.test[fold][rows]
            count += tested
            for i, fitted in enumerate(self.crossed[round_][base, fold]):
                mine = np.flatnonzero(tested & owns[i, rows])
                total[i, mine] += fitted.answers(rows[mine])
        covered = count > 0
        rows, total = rows[covered], total[:, covered] / count[covered][None, :, None]
        for i, fitted in enumerate(self.full[round_][base]):
            foreign = np.flatnonzero(~owns[i, rows])
            total[i, foreign] = fitted.answers(rows[foreign])
        return rows, total

    def held_out(self):
        """The fold to judge on, and the members without it, by exclusion.

        With a gate the best so far. Without one the members before teaching: in what
        students without a fold have learned, models with the fold have a part.
        """
        root, gates = self.folds.root, self.folds.gates
        if gates:
            return gates, self.best
        judged = {child: fold for fold, child in self.folds.children(root).items()}
        return judged, self.held_out_before()

    def held_out_before(self) -> ByExclusion:
        """Of `held_out`, members before teaching."""
        root, gates = self.folds.root, self.folds.gates
        if gates:
            return {base: self.full[0][base] for base in gates}
        children = self.folds.children(root)
        return {child: self.crossed[0][root, f] for f, child in children.items()}

    def answering(self) -> tuple[list[Fitted], list[int]]:
        """The models of which `held_out` gives those without a fold.

        If the task stacks them, members that have changed come last as they were, too,
        and their positions are returned.
        """
        root = self.folds.root
        before = self.full[0][root]
        models = self.best[root] if self.folds.gates else before
        also_before = []
        if self.task.stacks_members_before:
            pairs = enumerate(zip(models, before))
            also_before = [j for j, (now, was) in pairs if now is not was]
        return [*models, *(before[j] for j in also_before)], also_before

    def responses(self, judged, models):
        """Rows of the folds, and the answers of the members without them."""
        folds = self.folds
        n_rows = folds.test.shape[1]
        count = np.zeros(n_rows)
        n_models = len(next(iter(models.values()), [None] * self.n_members))
        total = np.zeros((n_models, n_rows, self.task.n_outputs))
        for exclusion, fold in judged.items():
            rows = np.flatnonzero(folds.test[fold])
            count[rows] += 1
            for i, fitted in enumerate(models[exclusion]):
                total[i, rows] += fitted.answers(rows)
        rows = np.flatnonzero(count)
        return rows, total[:, rows] / count[rows][None, :, None]
