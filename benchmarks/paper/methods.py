"""What sites can do with each other's models, or rows: ours and the baselines.

Each method is a function ``(problem, members, seed) -> Outcome``; None if it cannot be
used with these members or columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from unittest import mock

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, LeaveOneGroupOut, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from sklearn_coopkd import (
    CooperativeDistiller,
    InterpolationGenerator,
    QuintessentialGenerator,
    RawGenerator,
    _rounds,
)
from sklearn_coopkd.generators import _walks

EPOCHS = 300  # of networks that are trained by turns; the same as alone


@dataclass(frozen=True)
class Outcome:
    """What a method delivers: for each site, answers to rows with all columns."""

    asks: list[Callable]  # X -> probabilities with a column for every class
    facts: dict[str, int] = field(default_factory=dict)


def _asking(problem, name, model) -> Callable:
    """A site's model: it sees the site's columns, and knows some classes."""
    columns, classes = problem.columns(name), problem.classes

    def ask(X):
        proba = np.zeros((len(X), len(classes)))
        known = np.searchsorted(classes, model.classes_)
        proba[:, known] = model.predict_proba(X[columns])
        return proba

    return ask


def _own(problem, name):
    rows = problem.rows(name)
    return problem.X.iloc[rows][problem.columns(name)], problem.y[rows]


# --- without exchange, and without privacy --------------------------------------------


def no_exchange(problem, members, seed):
    """Each site alone."""
    return Outcome(
        [
            _asking(problem, name, clone(member).fit(*_own(problem, name)))
            for name, member in members.items()
        ]
    )


def pooled(problem, members, seed):
    """All rows and all columns in one place: what privacy forbids."""
    asks = []
    for member in members.values():
        model = clone(member).fit(problem.X, problem.y)
        asks.append(_asking(problem, None, model))
    return Outcome(asks)


# --- distillation, ours and variants --------------------------------------------------


def distilled(problem, members, seed, groups=None, **parameters):
    """`CooperativeDistiller` with any parameters."""
    distiller = CooperativeDistiller(
        list(members.items()),
        combine="vote",
        views=problem.views or None,
        random_state=seed,
        **parameters,
    ).fit(problem.X, problem.y, sites=problem.site, groups=groups)
    lessons = [
        (name, distiller.pseudo_samples_[name])
        for name in members
        if len(distiller.pseudo_samples_[name].y)
    ]
    return Outcome(
        [_asking(problem, n, m) for n, m in zip(members, distiller.estimators_)],
        {
            "n_samples": sum(len(lesson.y) for _, lesson in lessons),
            "n_copies": sum(
                _copies(lesson.X[columns], problem.X[columns])
                for name, lesson in lessons
                for columns in (problem.columns(name),)
            ),
            "n_iter": distiller.n_iter_,
            "n_refused": sum(not r["accepted"] for r in distiller.history_),
        },
    )


def _copies(made, X) -> int:
    """Made rows that equal a row of X in all the columns that the student sees."""
    made, X = (
        pd.util.hash_pandas_object(table.astype(X.dtypes), index=False, categorize=True)
        for table in (made, X)
    )
    return int(made.isin(X).sum())


def imputed(problem, members, seed):
    """Ours, where members fill every gap with a median and are not told."""
    plain = {}
    for name, member in members.items():
        plain[name] = clone(member)
        for key, step in member.get_params().items():
            if isinstance(step, KNNImputer) or getattr(step, "add_indicator", False):
                filling = SimpleImputer(strategy="median", keep_empty_features=True)
                plain[name].set_params(**{key: filling})
    return distilled(problem, plain, seed)


def balanced(problem, members, seed):
    """Ours, where each site's classes count the same, as far as members can that."""
    fair = {name: clone(member) for name, member in members.items()}
    for member in fair.values():
        is_forest = isinstance(member[-1], RandomForestClassifier)
        if "class_weight" in member[-1].get_params():
            # (forests of scikit-learn 1.9.1 take labels such as "1" for numbers here)
            kind = "balanced_subsample" if is_forest else "balanced"
            member[-1].set_params(class_weight=kind)
    return distilled(problem, fair, seed)


def repeated(problem, members, seed, **parameters):
    """Ours, where samples count as often as a teacher or a round makes them."""
    with mock.patch.object(_rounds, "distinct", lambda lesson: lesson):
        return distilled(problem, members, seed, **parameters)


def unthinned(problem, members, seed):
    """Ours, where samples keep the small changes of all columns."""
    with mock.patch.object(_walks, "_thin_out", return_value=None):
        return distilled(problem, members, seed)


def unseen_site(problem, members, seed):
    """Ours, where the gate judges on whole sites that were left out.

    Of the site itself, too: there a student has lessons alone. Needs three sites.
    """
    if len(problem.sites) < 3:
        return None
    return distilled(problem, members, seed, groups=problem.site, cv=LeaveOneGroupOut())


# --- baselines on own rows ------------------------------------------------------------


def mixup(problem, members, seed):
    """Own rows and as many mixtures of two of them (mixup, alpha 0.2).

    In the prepared space; the label is drawn in the proportion of the mixture, which
    is the same on average as a mixed label, and every classifier takes it.
    """

    def mixtures(Z, y):
        rng = np.random.RandomState(seed)
        other = rng.permutation(len(y))
        share = rng.beta(0.2, 0.2, size=len(y))
        label = np.where(rng.uniform(size=len(y)) < share, y, y[other])
        share = share[:, None]
        return np.vstack([Z, share * Z + (1 - share) * Z[other]]), np.append(y, label)

    return _augmented(problem, members, mixtures)


def smote(problem, members, seed):
    """Own rows, each class doubled by SMOTE (imbalanced-learn), in prepared space."""

    def doubled(Z, y):
        values, counts = np.unique(y, return_counts=True)
        wanted = {v: 2 * n for v, n in zip(values, counts) if n > 5}
        return SMOTE(sampling_strategy=wanted, random_state=seed).fit_resample(Z, y)

    return _augmented(problem, members, doubled)


def _augmented(problem, members, augment):
    asks = []
    for name, member in members.items():
        X, y = _own(problem, name)
        prepare = clone(member[:-1]).fit(X)
        Z = np.asarray(prepare.transform(X))  # (a member may prepare nothing)
        classifier = clone(member[-1]).fit(*augment(Z, y))
        asks.append(_asking(problem, name, make_pipeline(prepare, classifier)))
    return Outcome(asks)


# --- baselines that exchange models ---------------------------------------------------


def response(problem, members, seed):
    """Response-based distillation: each site also fits the others' mean answer.

    Own rows with their labels, and again with the class that the mean of the other
    sites' models gives them.
    """
    teachers = no_exchange(problem, members, seed).asks
    asks = []
    for k, (name, member) in enumerate(members.items()):
        X, y = _own(problem, name)
        answers = _answers(problem, teachers[:k] + teachers[k + 1 :], name)
        told = problem.classes[np.mean(answers, axis=0).argmax(axis=1)]
        model = clone(member).fit(
            pd.concat([X, X], ignore_index=True), np.concatenate([y, told])
        )
        asks.append(_asking(problem, name, model))
    return Outcome(asks)


def _answers(problem, asks, name):
    """Answers of models to all rows of a site."""
    X = problem.X.iloc[problem.rows(name)]
    return np.array([ask(X) for ask in asks])


def _networks(problem, members):
    """Prepared rows of each site, and a function that makes equal networks.

    Weights can only be handed over between networks of one shape over the same
    columns; logistic regression is one without a hidden layer. None for other members.
    """
    finals = [member[-1] for member in members.values()]
    kinds = {type(final) for final in finals}
    if problem.views or kinds not in ({MLPClassifier}, {LogisticRegression}):
        return None
    # means and widths of all sites, as sums that sites could exchange
    prepare = clone(next(iter(members.values()))[:-1]).fit(problem.X)
    hidden = getattr(finals[0], "hidden_layer_sizes", ())

    def network(seed):
        return MLPClassifier(hidden, learning_rate_init=0.005, random_state=seed)

    parts = {name: _own(problem, name) for name in members}
    data = {name: (prepare.transform(X), y) for name, (X, y) in parts.items()}
    return prepare, data, network


def transfer(problem, members, seed):
    """Parameter transfer: start from the largest other site's model, go on at home."""
    made = _networks(problem, members)
    if made is None:
        return None
    prepare, data, network = made
    asks = []
    for name, (Z, y) in data.items():
        others = [other for other in data if other != name]
        teacher = max(others, key=lambda other: len(data[other][1]))
        model = network(seed)
        for (Z_now, y_now), epochs in ((data[teacher], EPOCHS), ((Z, y), EPOCHS // 3)):
            for _ in range(epochs):
                model.partial_fit(Z_now, y_now, classes=problem.classes)
        asks.append(_asking(problem, name, make_pipeline(prepare, model)))
    return Outcome(asks)


def federated(problem, members, seed, local_epochs=5):
    """FedAvg (McMahan et al. 2017): local epochs, then the mean of all weights."""
    made = _networks(problem, members)
    if made is None:
        return None
    prepare, data, network = made
    models = {name: network(seed) for name in data}
    share = np.array([len(y) for _, y in data.values()], dtype=float)
    share /= share.sum()
    for _ in range(EPOCHS // local_epochs):
        for name, (Z, y) in data.items():
            for _ in range(local_epochs):
                models[name].partial_fit(Z, y, classes=problem.classes)
        every = [[*m.coefs_, *m.intercepts_] for m in models.values()]
        for layer in zip(*every):
            mean = np.tensordot(share, np.stack(layer), axes=1)
            for weights in layer:
                weights[...] = mean  # in place: the optimizer holds the arrays
    return Outcome(
        [_asking(problem, n, make_pipeline(prepare, m)) for n, m in models.items()]
    )


def voting(problem, members, seed):
    """One predictor for all: the mean answer of the sites' models."""
    asks = no_exchange(problem, members, seed).asks
    return Outcome([lambda X: np.mean([ask(X) for ask in asks], axis=0)] * len(asks))


def stacking(problem, members, seed):
    """Each site stacks all sites' models, on its own rows and labels."""
    asks = no_exchange(problem, members, seed).asks
    stacks = []
    for k, (name, member) in enumerate(members.items()):
        X, y = _own(problem, name)
        answers = _answers(problem, asks, name)
        cv = KFold(3, shuffle=True, random_state=seed)
        own = cross_val_predict(clone(member), X, y, cv=cv, method="predict_proba")
        answers[k] = 0
        answers[k][:, np.searchsorted(problem.classes, np.unique(y))] = own
        final = LogisticRegression(max_iter=1000).fit(np.hstack(answers), y)
        stacks.append(_stacked(problem, asks, final))
    return Outcome(stacks)


def _stacked(problem, asks, final):
    def ask(X):
        proba = np.zeros((len(X), len(problem.classes)))
        known = np.searchsorted(problem.classes, final.classes_)
        proba[:, known] = final.predict_proba(np.hstack([one(X) for one in asks]))
        return proba

    return ask


METHODS = {
    "no exchange": no_exchange,
    "ours": distilled,
    "ours, no gate": partial(distilled, validation=None),
    "raw rows": partial(distilled, validation=None, generator=RawGenerator()),
    "pooled data": pooled,
    "transfer": transfer,
    "mixup": mixup,
    "SMOTE": smote,
    "response": response,
    "FedAvg": federated,
    "voting": voting,
    "stacking": stacking,
}
ABLATIONS = {
    "no exchange": no_exchange,
    "pooled data": pooled,
    "ours": distilled,
    "alpha 0.5": partial(distilled, generator=QuintessentialGenerator(alpha=0.5)),
    "alpha 0.9": partial(distilled, generator=QuintessentialGenerator(alpha=0.9)),
    "best teacher": partial(distilled, peer_selection="best"),
    "soft targets": partial(distilled, soft_targets=True),
    "1 round": partial(distilled, max_iter=1),
    "2 rounds": partial(distilled, max_iter=2),
    "5 rounds": partial(distilled, max_iter=5),
    "no gate": partial(distilled, validation=None),
    "no gate, 1 round": partial(distilled, validation=None, max_iter=1),
    "swap": partial(distilled, generator=QuintessentialGenerator(method="swap")),
    "interpolation": partial(distilled, generator=InterpolationGenerator()),
    "small changes kept": unthinned,
    "raw rows, gate": partial(distilled, generator=RawGenerator()),
    "gate by accuracy": partial(distilled, scoring="accuracy"),
    "repeats count": repeated,
    "raw rows, gate, repeats count": partial(repeated, generator=RawGenerator()),
    "gate on whole sites": unseen_site,
    "median for gaps": imputed,
    "balanced classes": balanced,
    "weight 0.3": partial(distilled, pseudo_weight=0.3),
    "at most own rows": partial(distilled, max_pseudo=1.0),
}
