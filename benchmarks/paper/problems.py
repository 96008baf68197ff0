"""The paper's experiments as problems: rows of several sites, and rows of nobody.

Each function returns a `Problem`. The experiments are those of Livanos, Davidson, Wong
(AAAI 2024): semi-experts that lack a class, hospitals, disjoint parts of one table,
columns that overlap in part.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

sys.path.append(str(Path(__file__).parents[1]))
from datasets import MULTICLASS, heart_disease, load


@dataclass(frozen=True)
class Problem:
    """Training rows with their owners, and test rows that no site has."""

    X: pd.DataFrame
    y: np.ndarray
    site: np.ndarray  # names
    X_test: pd.DataFrame
    y_test: np.ndarray

    @property
    def sites(self) -> list[str]:
        """Names in their order."""
        return sorted(set(self.site.tolist()))

    def rows(self, name: str) -> np.ndarray:
        """The rows of a site."""
        return np.flatnonzero(self.site == name)


def learners(X: pd.DataFrame, seed: int) -> dict:
    """Learners of different kinds, each behind imputation, scaling and encoding."""
    number = make_column_selector(dtype_include="number")
    other = make_column_selector(dtype_exclude="number")
    has_gaps = bool(X.isna().any(axis=None))
    has_text = X.select_dtypes(exclude="number").shape[1] > 0

    def prepared(estimator, scale):
        steps = [SimpleImputer(strategy="median", keep_empty_features=True)]
        steps = (steps if has_gaps else []) + ([StandardScaler()] if scale else [])
        if not has_text:
            return make_pipeline(*steps, estimator)
        fill = SimpleImputer(strategy="most_frequent", keep_empty_features=True)
        encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        numbers = make_pipeline(*steps) if steps else "passthrough"
        columns = make_column_transformer(
            (numbers, number),
            (make_pipeline(fill, encode) if has_gaps else encode, other),
        )
        return make_pipeline(columns, estimator)

    return {
        "logistic": prepared(LogisticRegression(max_iter=500, tol=1e-3), True),
        "mlp": prepared(MLPClassifier((50,), max_iter=150, random_state=seed), True),
        "forest": prepared(RandomForestClassifier(100, random_state=seed), False),
        "tree": prepared(
            DecisionTreeClassifier(min_samples_leaf=3, random_state=seed), False
        ),
    }


def semi_experts(table: str, seed: int, max_rows: int = 5000) -> Problem:
    """Experiment 5: as many sites as classes, at most ten; each lacks one class."""
    X, y = MULTICLASS[table]()
    train, test = train_test_split(
        np.arange(len(y)),
        train_size=min(max_rows, int(0.7 * len(y))),
        test_size=min(2000, int(0.3 * len(y))),
        stratify=y,
        random_state=seed,
    )
    classes = np.unique(y)
    n_sites = min(10, len(classes))
    rng = np.random.RandomState(seed)
    site = rng.randint(n_sites, size=len(train))
    for k in range(n_sites):
        wrong = (site == k) & (y[train] == classes[k])
        shift = rng.randint(1, n_sites, size=len(train))
        site = np.where(wrong, (k + shift) % n_sites, site)
    names = np.array([f"without {label}" for label in classes[:n_sites]])
    return _problem(X, y, train, test, names[site])


def heart(seed: int) -> Problem:
    """Experiment 3: three hospitals; the fourth, Cleveland, is nobody's."""
    X, y, hospital = heart_disease()
    train = np.flatnonzero(hospital != "Cleveland")
    test = np.flatnonzero(hospital == "Cleveland")
    # the data have no randomness; the order in which rows fall into folds has
    train = np.random.RandomState(seed).permutation(train)
    return _problem(X, y, train, test, hospital[train])


def german(seed: int, n_sites: int = 3) -> Problem:
    """Experiment 4: one population, disjoint parts."""
    X, y = load("german")
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed
    )
    part = np.arange(len(train)) % n_sites
    return _problem(X, y, train, test, np.array([f"part {k}" for k in part]))


def _problem(X, y, train, test, site):
    return Problem(
        X.iloc[train].reset_index(drop=True),
        y[train],
        site,
        X.iloc[test].reset_index(drop=True),
        y[test],
    )
