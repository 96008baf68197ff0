"""
Read a lesson
=============

What did the teacher change, and why does it help the student? With ``method="swap"`` a
sample differs from its source row in as few cells as possible, so that a person can
read it.
"""

# %%
# Two members
# -----------
# Wine: a tree of depth two, and naive Bayes. Without the gate every lesson is kept.

from sklearn.datasets import load_wine
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import CooperativeDistiller, QuintessentialGenerator
from sklearn_coopkd.inspection import LessonDisplay, lesson_changes

X, y = load_wine(return_X_y=True, as_frame=True)
distiller = CooperativeDistiller(
    [
        ("tree", DecisionTreeClassifier(max_depth=2, random_state=0)),
        ("bayes", GaussianNB()),
    ],
    deficiency="error",
    generator=QuintessentialGenerator(method="swap", alpha=0.5),
    validation=None,
    combine="vote",
    random_state=0,
).fit(X, y)

# %%
# The lesson as a picture
# -----------------------
# Rings are rows that the tree got wrong, diamonds what naive Bayes made of them, on the
# way to where it is surer. The background is what naive Bayes says.

LessonDisplay.from_estimator(
    distiller, X, y, student="tree", teacher="bayes", features=["alcohol", "proline"]
)

# %%
# Without `features` it shows the first two principal components of all columns.

LessonDisplay.from_estimator(distiller, X, y, student="tree", teacher="bayes")

# %%
# The lesson as a table
# ---------------------
# A row for each cell that changed.

changes = lesson_changes(distiller, X, student="tree", teacher="bayes")
changes.head(8)

# %%
# Which columns naive Bayes changes most often to be surer: what the tree should look
# at.

changes["column"].value_counts().head(5).to_frame()
