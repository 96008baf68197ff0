"""Member lists, and what they get of a table.

"classic" and "strong" take the frame as it is, each member behind preprocessing of its
own, as in the command line's demonstration. "small" is for models that are deployed:
bare ones, behind one preprocessing for all, so that times are those of the models.
"""

from __future__ import annotations

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd._members import make_members

LISTS = {
    "classic": ("logistic", "tree", "forest", "neighbors", "bayes"),
    "strong": ("boosting", "forest", "extra_trees", "svm", "mlp"),
    "small": ("tree", "logistic", "bayes", "forest"),
}
# of the small list: those that are deployed alone
DEPLOYED = ("tree", "logistic")


def members_and_rows(name, X_train, X_test, seed):
    """Members of a list, and the rows as they take them: members, X_train, X_test."""
    if name != "small":
        members = make_members(X_train, LISTS[name], random_state=seed)
        return members, X_train, X_test
    members = [
        ("tree", DecisionTreeClassifier(max_depth=8, random_state=seed)),
        ("logistic", LogisticRegression(max_iter=1000)),
        ("bayes", GaussianNB()),
        ("forest", RandomForestClassifier(random_state=seed)),
    ]
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False
    )
    preprocessor = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (categories, make_column_selector(dtype_exclude="number")),
    ).fit(X_train)
    return members, preprocessor.transform(X_train), preprocessor.transform(X_test)
