"""What sites can do with each other's models, or rows: ours and the baselines.

Each method is a function ``(problem, estimator, seed) -> models``, a fitted model for
each site, in the order of `problem.sites`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import clone

from sklearn_coopkd import (
    CooperativeDistiller,
    InterpolationGenerator,
    RawGenerator,
)


def no_exchange(problem, estimator, seed):
    """Each site alone."""
    return [
        clone(estimator).fit(problem.X.iloc[rows], problem.y[rows])
        for rows in map(problem.rows, problem.sites)
    ]


def pooled(problem, estimator, seed):
    """All rows in one place: what privacy forbids."""
    model = clone(estimator).fit(problem.X, problem.y)
    return [model] * len(problem.sites)


def _distilled(problem, estimator, seed, **parameters):
    distiller = CooperativeDistiller(
        [(name, estimator) for name in problem.sites],
        combine="vote",
        random_state=seed,
        **parameters,
    ).fit(problem.X, problem.y, sites=problem.site)
    return distiller


def ours(problem, estimator, seed):
    """`CooperativeDistiller` with its defaults."""
    return _distilled(problem, estimator, seed).estimators_


def ours_ungated(problem, estimator, seed):
    """The same without the gate, as in the paper."""
    return _distilled(problem, estimator, seed, validation=None).estimators_


def raw_rows(problem, estimator, seed):
    """Rows themselves in place of pseudo-samples: no privacy."""
    return _distilled(
        problem, estimator, seed, validation=None, generator=RawGenerator()
    ).estimators_


def interpolated(problem, estimator, seed):
    """Points between a row and its neighbours: no teacher's knowledge in them."""
    return _distilled(
        problem, estimator, seed, validation=None, generator=InterpolationGenerator()
    ).estimators_


def self_augmentation(problem, estimator, seed):
    """Each site adds interpolations of its own rows: SMOTE on all classes."""
    models = []
    for rows in map(problem.rows, problem.sites):
        X, y = problem.X.iloc[rows].reset_index(drop=True), problem.y[rows]
        made = InterpolationGenerator().generate(None, X, y, X, y, random_state=seed)
        kept = np.flatnonzero(made.success)
        models.append(
            clone(estimator).fit(
                pd.concat([X, made.X_pseudo.iloc[kept]], ignore_index=True),
                np.concatenate([y, y[kept]]),
            )
        )
    return models


def response(problem, estimator, seed):
    """Each site fits the mean answer of the others on its own rows, and its labels."""
    teachers = no_exchange(problem, estimator, seed)
    classes = np.unique(problem.y)
    models = []
    for k, name in enumerate(problem.sites):
        rows = problem.rows(name)
        X = problem.X.iloc[rows]
        answers = [aligned(m, X, classes) for i, m in enumerate(teachers) if i != k]
        told = classes[np.mean(answers, axis=0).argmax(axis=1)]
        models.append(
            clone(estimator).fit(
                pd.concat([X, X], ignore_index=True),
                np.concatenate([problem.y[rows], told]),
            )
        )
    return models


def aligned(model, X, classes):
    """Probabilities with a column for every class."""
    proba = np.zeros((len(X), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return proba
