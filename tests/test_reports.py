"""Reports of several calls as one."""

from dataclasses import replace

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from sklearn_coopkd import CooperativeDistiller, RawGenerator
from sklearn_coopkd._reports import join_reports


def test_counts_add_up_and_means_are_weighted():
    joined = join_reports(
        [
            ({"n_sources": 3, "mean_distance": 1.0}, 1),
            ({"n_sources": 5, "mean_distance": 4.0}, 2),
            ({"n_sources": 2, "mean_distance": 9.0}, 0),
        ]
    )
    assert joined == {"n_sources": 10, "mean_distance": 3.0}
    assert join_reports([]) == {}
    assert join_reports([({"mean_distance": 2.0}, 0)]) == {"mean_distance": 0.0}


class Talker(RawGenerator):
    def generate(self, *args, **kwargs):
        made = super().generate(*args, **kwargs)
        made.report["remark"] = "fine"
        return made


class Silent(RawGenerator):
    def generate(self, *args, **kwargs):
        return replace(super().generate(*args, **kwargs), report=None)


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        (Talker(), r"Talker.generate returned 'fine' for 'remark'"),
        (Silent(), r"a dict; Silent.generate returned None"),
    ],
)
def test_a_report_that_is_none_of_numbers_is_refused(generator, message, iris):
    members = [
        ("tree", DecisionTreeClassifier(max_depth=1)),
        ("line", LogisticRegression(max_iter=1000)),
    ]
    distiller = CooperativeDistiller(members, generator=generator, on_failure="raise")
    with pytest.raises(TypeError, match=message):
        distiller.fit(*iris)
