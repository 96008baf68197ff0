"""Four regressors teach each other how diabetes progresses; what did they learn?

    python docs/examples/regression.py

Prints the error of each member on new patients before and after teaching, who taught
whom, and the pseudo-samples that changed one student most, beside the patients that
they were made from.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor, StackingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklearn_coopkd import CooperativeDistillerRegressor

data = load_diabetes(scaled=False)
X, X_new, y, y_new = train_test_split(data.data, data.target, random_state=0)
members = [
    ("ridge", make_pipeline(StandardScaler(), RidgeCV())),
    ("tree", DecisionTreeRegressor(random_state=0)),
    ("forest", RandomForestRegressor(random_state=0)),
    ("neighbors", make_pipeline(StandardScaler(), KNeighborsRegressor())),
]
distiller = CooperativeDistillerRegressor(members, random_state=0).fit(X, y)
names = [name for name, _ in members]


def error(model):
    """Root mean squared error on new patients."""
    return root_mean_squared_error(y_new, model.predict(X_new))


print("RMSE on new patients      before   after")
pairs = zip(names, distiller.initial_estimators_, distiller.estimators_)
for name, before, after in pairs:
    print(f"  {name:20}   {error(before):8.1f}{error(after):8.1f}")
stacked = StackingRegressor(members).fit(X, y)
print(f"  {'all, stacked':20}   {error(stacked):8.1f}{error(distiller):8.1f}")

print("\nPseudo-samples by teacher (rows) and student (columns)")
print(" " * 12 + "".join(f"{name:>10}" for name in names))
for name, row in zip(names, distiller.transfer_matrix_):
    print(f"  {name:10}" + "".join(f"{n:10}" for n in row))

student = max(names, key=lambda name: len(distiller.pseudo_samples_[name].y))
lesson = distiller.pseudo_samples_[student]
before = distiller.initial_estimators_[names.index(student)].predict(lesson.X)
after = distiller.named_estimators_[student].predict(lesson.X)
print(f"\nWhat changed the {student} most: patient -> pseudo-sample, what it learned")
for k in np.argsort(-np.abs(after - before))[:3]:
    source = X[lesson.source[k]]
    moved = [
        f"{column} {old:.4g} -> {new:.4g}"
        for column, old, new in zip(data.feature_names, source, lesson.X[k])
        if old != new
    ]
    print(
        f"  {', '.join(moved)} (by the {lesson.teacher[k]}): it said {before[k]:.0f}, "
        f"learned {lesson.target[k, 0]:.0f}, says {after[k]:.0f}"
    )
