"""
Regressors that teach each other
================================

`CooperativeDistillerRegressor` is the same for numbers. Four regressors teach each
other how diabetes progresses within a year; what did they learn?
"""

# %%
# Four members
# ------------

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
from sklearn_coopkd.inspection import LessonDisplay, TransferDisplay

data = load_diabetes(scaled=False, as_frame=True)
X, X_new, y, y_new = train_test_split(data.data, data.target, random_state=0)
members = [
    ("ridge", make_pipeline(StandardScaler(), RidgeCV())),
    ("tree", DecisionTreeRegressor(random_state=0)),
    ("forest", RandomForestRegressor(random_state=0)),
    ("neighbors", make_pipeline(StandardScaler(), KNeighborsRegressor())),
]
distiller = CooperativeDistillerRegressor(members, random_state=0).fit(X, y)

# %%
# Error on new patients
# ---------------------
# Root mean squared error of each before and after, and of all together.


def error(model):
    """Root mean squared error on new patients."""
    return root_mean_squared_error(y_new, model.predict(X_new))


pairs = zip(members, distiller.initial_estimators_, distiller.estimators_)
for (name, _), before, after in pairs:
    print(f"{name:12} {error(before):6.1f} -> {error(after):5.1f}")
stacked = StackingRegressor(members).fit(X, y)
print(
    f"StackingRegressor {error(stacked):.1f}, all together here {error(distiller):.1f}"
)

# %%
# Who taught whom
# ---------------

TransferDisplay.from_estimator(distiller)

# %%
# A lesson
# --------
# Rings are patients, diamonds what the teacher made of them, the background what it
# says.

LessonDisplay.from_estimator(distiller, X, y, features=["bmi", "s5"])

# %%
# What changed the student most
# -----------------------------
# A patient, what became of it, and what the student says of that before and after.

names = [name for name, _ in members]
student = max(names, key=lambda name: len(distiller.pseudo_samples_[name].y))
lesson = distiller.pseudo_samples_[student]
before = distiller.initial_estimators_[names.index(student)].predict(lesson.X)
after = distiller.named_estimators_[student].predict(lesson.X)
for k in np.argsort(-np.abs(after - before))[:3]:
    source, sample = X.iloc[lesson.source[k]], lesson.X.iloc[k]
    moved = ", ".join(
        f"{column} {source[column]:.4g} -> {sample[column]:.4g}"
        for column in X
        if source[column] != sample[column]
    )
    print(
        f"{moved} (by the {lesson.teacher[k]}): the {student} said {before[k]:.0f}, "
        f"learned {lesson.target[k, 0]:.0f}, says {after[k]:.0f}"
    )
