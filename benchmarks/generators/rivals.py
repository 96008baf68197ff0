"""Other ways to make a counterfactual, asked for the same thing as ours.

Each rival is a class with ``make(row, label, target)``: a version of one source row of
which the teacher's probability of `label` is at least `target`, or None. Libraries
that only know "flip the predicted class" get a teacher whose two classes are "target
reached" and "not reached" (`Threshold`).

Needs ``pip install pyswarms dice-ml NICEx``, in an environment of its own: DiCE pins
an old pandas.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import numpy as np
import pandas as pd


def require(module, package):
    """Import a rival, or say how to get it."""
    try:
        return __import__(module)
    except ImportError as error:
        raise SystemExit(
            f"This rival needs {package}: python -m pip install {package} (in an "
            "environment of its own), or leave it out with --rivals."
        ) from error


class Threshold:
    """A teacher as a binary classifier: 1 where it is as sure of `label` as asked."""

    classes_ = np.array([0, 1])

    def __init__(self, teacher, table):
        self.teacher, self.table = teacher, table
        self.column, self.target = 0, 0.5

    def aim(self, label, target):
        self.column = list(self.teacher.classes_).index(label)
        self.target = target

    def scale(self, p):
        """0.5 and more where p reaches the target; monotone in p."""
        below = 0.5 * p / self.target
        above = 0.5 + 1e-9 + 0.5 * (p - self.target) / max(1 - self.target, 1e-12)
        q = np.where(p >= self.target, np.minimum(above, 1.0), below)
        return np.column_stack([1 - q, q])

    def predict_proba(self, X):
        proba = self.teacher.predict_proba(self.table.for_teacher(X))
        return self.scale(proba[:, self.column])

    def predict(self, X):
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(int)


class Table:
    """A frame as a matrix of numbers, categories as codes; and back."""

    def __init__(self, frame):
        self.frame = frame
        self.names = list(frame.columns)
        self.categorical = [
            j
            for j, name in enumerate(self.names)
            if isinstance(frame[name].dtype, pd.CategoricalDtype)
        ]

    def encode(self, frame):
        columns = [
            frame[name].cat.codes if j in self.categorical else frame[name]
            for j, name in enumerate(self.names)
        ]
        return np.column_stack(columns).astype(np.float64)

    def decode(self, Z):
        Z = np.asarray(Z, dtype=np.float64)
        data = {}
        for j, name in enumerate(self.names):
            if j in self.categorical:
                dtype = self.frame[name].dtype
                codes = np.rint(Z[:, j]).astype(int)
                data[name] = pd.Categorical.from_codes(codes, dtype=dtype)
            else:
                data[name] = Z[:, j]
        return pd.DataFrame(data)

    def for_teacher(self, X):
        """Rows as the teacher was fitted with: an array if all columns are numbers."""
        if not self.categorical:
            return np.asarray(X, dtype=np.float64)
        return self.like(X if isinstance(X, pd.DataFrame) else self.decode(X))

    def like(self, frame):
        """Columns, order and dtypes of the table."""
        return frame[self.names].astype(self.frame.dtypes.to_dict())


class Swarm:
    """The paper's generator for models without gradients: a particle swarm.

    100 particles, 1000 iterations, c1 0.5, c2 0.3, w 0.9, columns scaled to [0, 1],
    cost |f(x') - p'| + lambda |x' - x|_1 (Livanos et al., AAAI 2024, appendix).
    Categories are rounded codes. The cost aims at the target from both sides: a row
    that misses it by 0.01 counts as a success.
    """

    name = "particle swarm"
    tolerance = 0.01

    def __init__(self, teacher, table, X, y, seed=0, weight=0.01):
        require("pyswarms", "pyswarms")
        from pyswarms.single import GlobalBestPSO

        logging.disable(logging.WARNING)
        self.make_swarm = GlobalBestPSO
        self.model = Threshold(teacher, table)
        self.table = table
        Z = table.encode(X)
        self.low, self.width = Z.min(axis=0), np.ptp(Z, axis=0)
        self.width[self.width == 0] = 1.0
        self.weight = weight
        np.random.seed(seed)  # noqa: NPY002 (pyswarms draws from the global state)

    def _to_rows(self, swarm):
        Z = self.low + self.width * swarm
        Z[:, self.table.categorical] = np.rint(Z[:, self.table.categorical])
        return Z

    def make(self, row, label, target):
        self.model.aim(label, target)
        start = (self.table.encode(row)[0] - self.low) / self.width
        start = np.clip(start, 0, 1)

        def cost(swarm):
            rows = self.table.for_teacher(self._to_rows(swarm))
            p = self.model.teacher.predict_proba(rows)[:, self.model.column]
            return np.abs(p - target) + self.weight * np.abs(swarm - start).sum(axis=1)

        d = len(start)
        swarm = self.make_swarm(
            n_particles=100,
            dimensions=d,
            options={"c1": 0.5, "c2": 0.3, "w": 0.9},
            bounds=(np.zeros(d), np.ones(d)),
        )
        _, best = swarm.optimize(cost, iters=1000, verbose=False)
        return self.table.decode(self._to_rows(best[None, :]))


class Dice:
    """DiCE's random sampler with its default post-hoc sparsity."""

    name = "DiCE random"
    tolerance = 1e-9

    def __init__(self, teacher, table, X, y, seed=0):
        dice_ml = require("dice_ml", "dice-ml")
        self.table, self.seed = table, seed
        self.model = Threshold(teacher, table)
        continuous = [
            n for j, n in enumerate(table.names) if j not in table.categorical
        ]
        data = X.copy()
        for j in table.categorical:
            data[table.names[j]] = data[table.names[j]].astype(str)
        data["_outcome"] = (np.arange(len(data)) % 2).astype(int)
        self.dice = dice_ml.Dice(
            dice_ml.Data(
                dataframe=data, continuous_features=continuous, outcome_name="_outcome"
            ),
            dice_ml.Model(model=self.model, backend="sklearn"),
            method="random",
        )

    def make(self, row, label, target):
        self.model.aim(label, target)
        query = row.copy()
        for j in self.table.categorical:
            query[self.table.names[j]] = query[self.table.names[j]].astype(str)
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()):
                try:
                    found = self.dice.generate_counterfactuals(
                        query, total_CFs=1, desired_class=1, random_seed=self.seed
                    )
                except Exception as error:  # "No counterfactuals found"
                    if "counterfactual" not in str(error).lower():
                        raise
                    return None
        frame = found.cf_examples_list[0].final_cfs_df_sparse
        if frame is None or not len(frame):
            return None
        return self.table.like(frame.drop(columns="_outcome")).reset_index(drop=True)


class Nice:
    """NICE with its default reward; knows the pool's probabilities beforehand."""

    optimization = "sparsity"
    name = "NICE"
    tolerance = 1e-9

    def __init__(self, teacher, table, X, y, seed=0):
        nice = require("nice", "NICEx")
        self.table, self.y = table, np.asarray(y)
        self.model = Threshold(teacher, table)
        self.proba = teacher.predict_proba(table.for_teacher(X))
        self.model.aim(teacher.classes_[0], 0.5)
        self.nice = nice.NICE(
            self.model.predict_proba,
            table.encode(X),
            cat_feat=table.categorical,
            y_train=np.zeros(len(X), dtype=int),
            optimization=self.optimization,
            justified_cf=False,
            num_normalization="std",
        )

    def make(self, row, label, target):
        self.model.aim(label, target)
        data = self.nice.data
        data.X_train_class = (self.proba[:, self.model.column] >= target).astype(int)
        data.candidates_mask = self.y == label
        if not (data.candidates_mask & (data.X_train_class == 1)).any():
            return None
        made = self.nice.explain(self.table.encode(row), target_class=[1])
        return self.table.decode(made)


class NiceProximity(Nice):
    """NICE with the reward that weighs distance."""

    optimization = "proximity"
    name = "NICE proximity"


RIVALS = {
    "swarm": Swarm,
    "dice": Dice,
    "nice": Nice,
    "nice-proximity": NiceProximity,
}
