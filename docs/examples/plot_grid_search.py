"""
Grid search, pipelines and cross-validation
===========================================

A distiller is an estimator like any other: its own parameters, those of its members and
those of the generator are tuned by name.
"""

# %%
# A pipeline
# ----------
# Wine: 13 measurements, three growers. The generator is given, so that its parameters
# have names.

from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import CooperativeDistiller, QuintessentialGenerator

X, y = load_wine(return_X_y=True, as_frame=True)
distiller = CooperativeDistiller(
    [
        ("logistic", LogisticRegression()),
        ("tree", DecisionTreeClassifier(random_state=0)),
        ("bayes", GaussianNB()),
    ],
    generator=QuintessentialGenerator(),
    random_state=0,
)
model = make_pipeline(StandardScaler(), distiller)

# %%
# What can be tuned
# -----------------
# A member's parameter, how students are combined, how far samples move.

search = GridSearchCV(
    model,
    {
        "cooperativedistiller__tree__max_depth": [2, None],
        "cooperativedistiller__combine": ["stack", "best"],
        "cooperativedistiller__generator__alpha": [0.1, 0.5],
    },
    scoring="neg_log_loss",
    cv=3,
).fit(X, y)
for name, value in search.best_params_.items():
    print(f"{name.removeprefix('cooperativedistiller__'):20} {value}")

# %%
# All that was tried, best first.

import pandas as pd

results = pd.DataFrame(search.cv_results_).sort_values("rank_test_score")
results.filter(regex="param_|mean_test|std_test").rename(
    columns=lambda name: name.removeprefix("param_cooperativedistiller__")
)

# %%
# Cross-validation of the whole search
# ------------------------------------
# The honest figure for a tuned model comes from rows that the search has not seen.

scores = cross_val_score(search, X, y, scoring="neg_log_loss", cv=3)
print(f"neg. log-loss {scores.mean():.3f}, folds {scores.round(3)}")

# %%
# Leaving a member out is a parameter, too.

search.best_estimator_.set_params(cooperativedistiller__bayes="drop").fit(X, y)
