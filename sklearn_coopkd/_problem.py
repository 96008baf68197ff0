"""What one fit works on: rows, labels, owners, folds and the chosen strategies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sklearn_coopkd._folds import Folds
from sklearn_coopkd._progress import Progress
from sklearn_coopkd._scoring import FoldScorer
from sklearn_coopkd._sites import Sites
from sklearn_coopkd._tasks import Task


@dataclass(frozen=True)
class Problem:
    """Everything the loop works on; never changed."""

    X: Any
    y: np.ndarray  # as given
    task: Task
    sample_weight: np.ndarray | None
    folds: Folds
    sites: Sites
    deficiency: str
    peer_selection: Any
    generator: Any
    soft_targets: bool
    pseudo_weight: float
    max_pseudo: float | None
    max_iter: int
    tol: float
    scorer: FoldScorer
    on_failure: str
    seed: int
    progress: Progress

    @cached_property
    def truth(self) -> np.ndarray:
        """What answers are held against."""
        return self.task.truth(self.y)

    @property
    def pools_answers(self) -> bool:
        """Whether students learn what all members say of rows and pseudo-samples.

        Between places nobody brings answers about rows of several owners together.
        """
        return self.soft_targets and self.sites.n_places == 1

    def weights(self, rows: np.ndarray) -> np.ndarray:
        if self.sample_weight is None:
            return np.ones(len(rows))
        return self.sample_weight[rows]
