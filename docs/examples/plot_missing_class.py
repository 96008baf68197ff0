"""
Semi-experts: a class that a site has never seen
================================================

Ten sites, ten digits, and each site lacks one of them. Nobody can recognise what it has
never seen; the others teach it, and no picture leaves its site.
"""

# %%
# Ten sites
# ---------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from sklearn_coopkd import CooperativeDistiller

X, y = load_digits(return_X_y=True)
X = X / 16  # shades of grey from 0 to 1
X, X_new, y, y_new = train_test_split(X, y, stratify=y, random_state=0)
rng = np.random.RandomState(0)
site = (y + rng.randint(1, 10, len(y))) % 10  # any but the one named like the digit
assert not (site == y).any()
names = np.array([f"without {digit}" for digit in range(10)])
distiller = CooperativeDistiller(
    [(name, LogisticRegression(max_iter=1000)) for name in names],
    combine="vote",
    random_state=0,
).fit(X, y, sites=names[site])

# %%
# Before and after
# ----------------
# Accuracy on new pictures; a site that lacks a digit is wrong about all of these at
# first.


def accuracy(models):
    """On the digit that each lacks, and on the others."""
    lacking, others = [], []
    for digit, model in enumerate(models):
        right = model.predict(X_new) == y_new
        lacking.append(right[y_new == digit].mean())
        others.append(right[y_new != digit].mean())
    return np.array(lacking), np.array(others)


pooled = LogisticRegression(max_iter=1000).fit(X, y)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for k, title in enumerate(["the digit that the site lacks", "all others"]):
    for models, color, label in [
        (distiller.initial_estimators_, "#D55E00", "before"),
        (distiller.estimators_, "#0072B2", "after"),
    ]:
        axes[k].plot(accuracy(models)[k], "o", color=color, label=label)
    axes[k].axhline(accuracy([pooled] * 10)[k].mean(), color="0.4", linestyle=":")
    axes[k].set(title=title, xlabel="site without", xticks=range(10))
axes[0].set_ylabel("accuracy on new pictures")
axes[0].legend(loc="center right")
_ = axes[1].annotate("all pictures pooled", (0, 0.97), va="bottom", color="0.4")

# %%
# What a site was sent for the digit it lacks
# -------------------------------------------
# Above a picture of the site that it was made of, below the sample: one that the
# teacher is a little surer of.

kept = distiller.pseudo_samples_["without 8"]
eights = np.flatnonzero(kept.y == 8)[:8]
figure, axes = plt.subplots(2, 8, figsize=(9, 2.6), layout="constrained")
for column, k in enumerate(eights):
    for line, picture in enumerate((X[kept.source[k]], kept.X[k])):
        axes[line, column].imshow(picture.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
        axes[line, column].set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("row")
axes[1, 0].set_ylabel("sample")
print(f"{(kept.y == 8).sum()} samples of the digit 8 for the site without it")
