"""Scores of students on the rows of a fold."""

from __future__ import annotations

from copy import deepcopy
from inspect import signature
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names, log_loss, make_scorer

from sklearn_coopkd._compat import BaseScorer, index_params, routing_enabled
from sklearn_coopkd._containers import take_rows
from sklearn_coopkd._tasks import Classification, Task


class FoldScorer:
    """Score a view of a student on rows of the training table, larger is better."""

    def __init__(self, scorer, X, y, params, scoring):
        self.scorer = scorer
        self.X = X
        self.y = y
        self.params = params
        self.scoring = scoring

    @property
    def asks_for_answers(self) -> bool:
        """Whether it asks for responses only, most of which are known.

        One that is not made by `make_scorer` may want to see the model itself.
        """
        return isinstance(self.scorer, BaseScorer)

    def __call__(self, view, rows):
        estimator = view if self.asks_for_answers else view.estimator
        params = index_params(self.X, self.params, rows)
        try:
            score = self.scorer(
                estimator, take_rows(self.X, rows), self.y[rows], **params
            )
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(
                f"`scoring`={self.scoring!r} cannot score the {len(rows)} rows of a "
                f"fold: {str(error).rstrip('.')}. Use another `scoring`; or, if a fold "
                "lacks a class, fewer folds in `cv`."
            ) from error
        if not isinstance(score, Real) or np.isnan(float(score)):
            raise ValueError(
                f"`scoring` must return a number; got {score!r} from {self.scoring!r} "
                f"for the {len(rows)} rows of a fold. Use another `scoring`, or fewer "
                "folds in `cv`."
            )
        return float(score)


def make_fold_scorer(
    estimator: Any,
    scoring: Any,
    X: Any,
    y: np.ndarray,
    task: Task,
    score_params: dict[str, Any],
) -> FoldScorer:
    """Scorer of students by `scoring`, a name or a callable.

    Parameters
    ----------
    estimator : estimator
        What `scoring` has to suit.

    scoring : str or callable

    X, y : the training table

    task : Task

    score_params : dict
        Metadata for the scorer. Weights are left out if it takes none.
    """
    if isinstance(task, Classification) and scoring == "neg_log_loss":
        # all classes by name: a fold may lack some
        scorer = make_scorer(
            log_loss,
            greater_is_better=False,
            response_method="predict_proba",
            labels=task.classes,
        )
    else:
        scorer = _scorer(estimator, scoring)
    if "sample_weight" in score_params and not _takes_weights(scorer):
        score_params = {k: v for k, v in score_params.items() if k != "sample_weight"}
    return FoldScorer(scorer, X, y, score_params, scoring)


def routable_scorer(estimator: Any, scoring: Any) -> Any:
    """The scorer as a consumer of metadata.

    A name cannot say what it requests; it stands for a scorer that uses weights if its
    metric takes them.
    """
    scorer = _scorer(estimator, scoring)
    if isinstance(scoring, str) and routing_enabled():
        scorer = deepcopy(scorer)
        scorer.set_score_request(sample_weight=_takes_weights(scorer))
    return scorer


def _scorer(estimator, scoring):
    """A scorer by name, or the callable itself."""
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        raise ValueError(
            f"`scoring` must be a callable, or one of the names that "
            f"`sklearn.metrics.get_scorer_names()` lists; got {scoring!r}."
        )
    return check_scoring(estimator, scoring=scoring)


def _takes_weights(scorer):
    """Whether a scorer takes weights; a plain callable is asked by its signature."""
    function = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in signature(function).parameters
