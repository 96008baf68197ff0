"""
A generator of your own
=======================

Any object with `generate` makes the pseudo-samples. Is a clever one worth it? Here
noise around the row competes with the default, and with the row itself.
"""

# %%
# The protocol
# ------------
# A generator is given a fitted teacher, source rows with their true classes, and a pool
# of rows. It returns one sample for each source, and says which of them succeeded.

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import (
    CooperativeDistiller,
    GeneratedSamples,
    QuintessentialGenerator,
    RawGenerator,
)


class Jitter(BaseEstimator):
    """Adds noise to a row, and keeps what the teacher still takes for y."""

    def __init__(self, scale=0.3):
        self.scale = scale

    def generate(self, teacher, X, y, X_pool, y_pool, *, random_state=None):
        rng = np.random.RandomState(random_state)
        noisy = X + self.scale * X_pool.std(axis=0) * rng.standard_normal(X.shape)
        proba = teacher.predict_proba(noisy)
        of_y = proba[np.arange(len(y)), np.searchsorted(teacher.classes_, y)]
        return GeneratedSamples(noisy, of_y == proba.max(axis=1), of_y)


# %%
# What it teaches
# ---------------
# Four sites that each lack some digits; the measure that counts is what their models
# know afterwards.

X, y = load_digits(return_X_y=True)
X = X / 16  # shades of grey from 0 to 1
X, X_new, y, y_new = train_test_split(X, y, stratify=y, random_state=0)
rng = np.random.RandomState(0)
site = (y + rng.randint(1, 4, len(y))) % 4  # site k lacks digits k, k + 4 and k + 8
members = [
    ("a", LogisticRegression(max_iter=1000)),
    ("b", LogisticRegression(max_iter=1000)),
    ("c", DecisionTreeClassifier(random_state=0)),
    ("d", DecisionTreeClassifier(random_state=0)),
]
owner = np.array(list("abcd"))[site]


def mean_accuracy(models):
    """Of the four models on new pictures."""
    return np.mean([model.score(X_new, y_new) for model in models])


for generator in [Jitter(), QuintessentialGenerator(), RawGenerator()]:
    distiller = CooperativeDistiller(
        members, generator=generator, combine="vote", random_state=0
    ).fit(X, y, sites=owner)
    before, after = (
        mean_accuracy(models)
        for models in (distiller.initial_estimators_, distiller.estimators_)
    )
    name = type(generator).__name__
    print(f"{name:25} {before:.3f} -> {after:.3f} in {distiller.n_iter_} rounds")

# %%
# Noise is no worse here: pictures of digits forgive it. It makes rows that no one could
# have where columns are categories, counts or flags; the default keeps them what they
# are, moves what may move, and never makes a copy of a row.
#
# The last one hands over the rows themselves: what privacy forbids, and a measure of
# the others. Parameters of a generator are tuned by name: ``generator__scale``.
# :doc:`/extending` has the whole protocol.
