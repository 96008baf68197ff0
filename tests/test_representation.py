"""The table of a fitted distiller in a notebook."""

import re
from html import unescape

import numpy as np
import sklearn
from conftest import make_members
from sklearn.base import clone

from sklearn_coopkd import CooperativeDistiller
from sklearn_coopkd._representation import members_table


def cells_of(html):
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [
        [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in rows
    ]


def test_a_hand_worked_table():
    transfer = np.array([[0, 2, 0], [3, 0, 0], [1200, 0, 0]])
    scores = np.array([0.875, 0.25, np.nan])
    before = {"a<b": 0.5, "tree": 0.25, "frozen": np.nan}
    html = members_table(before, scores, transfer, "accuracy")
    assert cells_of(html) == [
        [
            *("member", "accuracy before", "after", "learned from"),
            *("samples kept", "samples given"),
        ],
        ["a<b", "0.5", "0.875", "frozen, tree", "1,203", "2"],
        ["tree", "0.25", "0.25", "a<b", "2", "3"],
        ["frozen", "-", "-", "-", "0", "1,200"],
    ]
    assert "<b" not in html.replace("<body", "")


def test_only_a_fitted_distiller_has_the_table(cancer):
    distiller = CooperativeDistiller(make_members(), random_state=0)
    assert "samples kept" not in distiller._repr_html_()
    distiller.fit(*cancer)
    html = distiller._repr_html_()
    table = cells_of(html[html.index("<table style=") :])
    bundle = distiller._repr_mimebundle_()["text/html"]
    assert cells_of(bundle[bundle.index("<table style=") :]) == table
    assert [row[0] for row in table[1:]] == ["logistic", "tree", "bayes"]
    before = [f"{r['score_before']:.4g}" for r in distiller.history_ if r["round"] == 1]
    assert [row[1] for row in table[1:]] == before
    assert [row[2] for row in table[1:]] == [f"{s:.4g}" for s in distiller.scores_]
    kept = [int(row[4]) for row in table[1:]]
    assert kept == distiller.transfer_matrix_.sum(axis=0).tolist()
    assert "samples kept" not in clone(distiller)._repr_html_()
    with sklearn.config_context(display="text"):
        assert "text/html" not in distiller._repr_mimebundle_()


def test_without_a_gate_nobody_was_judged(cancer):
    distiller = CooperativeDistiller(
        make_members(), validation=None, scoring=lambda model, X, y: 0.5, random_state=0
    ).fit(*cancer)
    html = distiller._repr_html_()
    head, *rows = cells_of(html[html.index("<table style=") :])
    assert head[1:3] == ["score before", "after"]
    assert [row[1:3] for row in rows] == 3 * [["0.5", "-"]]
