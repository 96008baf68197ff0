"""
More than one machine: dask
===========================

Fits run through joblib, so that any of its engines carries them. Here a cluster of two
dask workers on this machine; the result is that of one process. Needs
``dask[distributed]``.
"""

# %%
# A cluster
# ---------
# With a cluster of machines give its address to `Client` instead.

import numpy as np
from dask.distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_coopkd import CooperativeDistiller

X, y = load_breast_cancer(return_X_y=True)
distiller = CooperativeDistiller(
    [
        ("logistic", make_pipeline(StandardScaler(), LogisticRegression())),
        ("forest", RandomForestClassifier(50, random_state=0)),
        ("bayes", GaussianNB()),
    ],
    random_state=0,
)

# %%
# The same fit there
# ------------------
# Workers import this file: the guard keeps them from starting clusters of their own.

if __name__ == "__main__":
    here = distiller.fit(X, y).predict_proba(X)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
        parallel_config("dask"),
    ):
        there = distiller.set_params(n_jobs=-1).fit(X, y).predict_proba(X)
    print("same probabilities:", bool(np.allclose(here, there)))
