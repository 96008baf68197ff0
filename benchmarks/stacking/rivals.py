"""Rivals that scikit-learn does not have ready-made.

Greedy ensemble selection and the calibrated best member choose by out-of-fold
probabilities; `out_of_fold` makes them once for both. One-way distillation lets every
member learn what the fitted stack says of made-up rows, as probabilities.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_coopkd._calibration import fit_calibrator
from sklearn_coopkd._combination import as_columns
from sklearn_coopkd._containers import concat_rows
from sklearn_coopkd._final import PooledLogisticRegression
from sklearn_coopkd._fitting import weight_keyword
from sklearn_coopkd._lessons import Lesson, spread

# Caruana et al. 2004 add models until nothing improves; 50 draws with replacement is
# what AutoML systems use.
N_DRAWS = 50


def out_of_fold(members, X, y):
    """Probabilities of each member by 5-fold cross-validation, and fitted members."""
    probas = [
        cross_val_predict(model, X, y, cv=5, method="predict_proba")
        for _, model in members
    ]
    return probas, [clone(model).fit(X, y) for _, model in members]


def selection_weights(probas, y, classes):
    """Greedy ensemble selection (Caruana et al., ICML 2004) by log-loss.

    Shares of the members in the mean; each draw takes, with replacement, the member
    that lowers the log-loss of the mean so far the most.
    """
    counts, total = np.zeros(len(probas)), np.zeros_like(probas[0])
    best, chosen = np.inf, None
    for draw in range(1, N_DRAWS + 1):
        losses = [
            log_loss(y, (total + proba) / draw, labels=classes) for proba in probas
        ]
        counts[np.argmin(losses)] += 1
        total += probas[np.argmin(losses)]
        if min(losses) < best:
            best, chosen = min(losses), counts / draw
    return chosen


def calibrated_best(members, probas, X, y, classes):
    """The member of the least log-loss after calibration, behind sigmoid calibration.

    To choose, the distiller's own calibration stands for it: it has little to overfit
    with, and needs no further fits.
    """
    y_idx = np.searchsorted(classes, y)
    losses = []
    for proba in probas:
        tamed = fit_calibrator(proba, y_idx)(proba)
        losses.append(log_loss(y, tamed, labels=classes))
    model = members[int(np.argmin(losses))][1]
    return CalibratedClassifierCV(model, cv=5, ensemble=False).fit(X, y)


def combined_as_ours(probas, y, probas_test):
    """The members without teaching, combined as the distiller combines its students."""
    y_idx = np.unique(y, return_inverse=True)[1]
    pairs = [
        (calibrate(proba), calibrate(test))
        for proba, test in zip(probas, probas_test)
        for calibrate in [fit_calibrator(proba, y_idx)]
    ]
    train, test = (as_columns(list(part)) for part in zip(*pairs))
    return PooledLogisticRegression().fit(train, y).predict_proba(test)


def munged(X, seed, swap=0.5):
    """Rows made up like those of X: "munge" of Bucilua et al. (KDD 2006).

    Every row exchanges each value with its nearest neighbour with probability `swap`;
    numbers are drawn around the neighbour's value, with the difference as the standard
    deviation.
    """
    rng = np.random.RandomState(seed)
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    numbers = frame.select_dtypes("number")
    others = frame.drop(columns=numbers.columns)
    parts = []
    if numbers.shape[1]:
        filled = numbers.fillna(numbers.median())
        parts.append(StandardScaler().fit_transform(filled))
    if others.shape[1]:
        cells = others.astype(object).where(others.notna(), "missing").astype(str)
        parts.append(OneHotEncoder(sparse_output=False).fit_transform(cells))
    space = np.hstack(parts)
    nearest = NearestNeighbors(n_neighbors=2).fit(space).kneighbors(space)[1][:, 1]
    made = frame.copy()
    for column in frame:
        mine, its = frame[column], frame[column].iloc[nearest].set_axis(frame.index)
        if column in numbers:
            its = its + rng.standard_normal(len(frame)) * (mine - its).abs()
        made[column] = mine.where(rng.uniform(size=len(frame)) >= swap, its)
    return made if frame is X else made.to_numpy()


def one_way(members, teacher, X, y, seed):
    """Members fitted with the rows and as many munged ones, as a teacher sees these.

    Soft targets as ours: a made row is there once for each label that the teacher gives
    a share, weighted by it; members that take no weights learn its label. Every member
    is kept, as ours are without a gate.
    """
    X_made = munged(X, seed)
    proba = teacher.predict_proba(X_made)
    nobody = np.zeros(len(proba), dtype=int)
    hard = Lesson(
        X=X_made,
        y=teacher.classes_[proba.argmax(axis=1)],
        weight=np.ones(len(proba)),
        teacher=nobody,
        source=nobody,
        round=nobody,
    )
    soft = spread(replace(hard, target=proba), teacher.classes_)
    fitted = []
    for _, model in members:
        keyword = weight_keyword(model)
        lesson = hard if keyword is None else soft
        weight = np.concatenate([np.ones(len(y)), lesson.weight])
        fitted.append(
            clone(model).fit(
                concat_rows([X, lesson.X]),
                np.concatenate([y, lesson.y]),
                **({} if keyword is None else {keyword: weight}),
            )
        )
    return fitted
