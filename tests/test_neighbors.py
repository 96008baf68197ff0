"""Columns and anchors, by hand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from sklearn_coopkd import InterpolationGenerator, QuintessentialGenerator, RawGenerator
from sklearn_coopkd._codec import Decoder, TableCodec
from sklearn_coopkd.generators._neighbors import Anchors, Neighborhood


class Certain:
    """Sure of class 1 where the last column is large."""

    classes_ = np.array([0, 1])

    def predict_proba(self, X):
        last = X.iloc[:, -1] if hasattr(X, "iloc") else X[:, -1]
        p = np.clip(np.asarray(last, dtype=float), 0.1, 0.9)
        return np.column_stack([1 - p, p])


def test_one_hot_groups_are_found():
    hot = np.eye(3)[[0, 1, 2, 0]]
    flag = np.array([[1.0], [1.0], [0.0], [0.0]])
    number = np.arange(4.0)[:, None]
    codec = TableCodec(np.hstack([flag, hot, number, hot, flag]))
    assert codec.groups.tolist() == [0, 1, 1, 1, 4, 5, 5, 5, 8]
    in_csr = TableCodec(sparse.csr_array(codec.Z))
    assert in_csr.groups.tolist() == codec.groups.tolist()
    dummies = pd.get_dummies(pd.Series(list("abca")))
    assert TableCodec(dummies).groups.tolist() == [0, 0, 0]
    assert codec.kinds.tolist() == ["category"] * 4 + ["numeric"] + ["category"] * 4
    plain = TableCodec(np.hstack([hot, number]), categorical_features=None)
    assert set(plain.kinds) == {"numeric"}


def test_groups_may_be_named():
    frame = pd.DataFrame({"a": [0.0, 2.0], "b": [5.0, 3.0], "c": [1.0, 4.0]})
    codec = TableCodec(frame, categorical_features=[["a", "c"], "b"])
    assert codec.groups.tolist() == [0, 1, 0]
    assert set(codec.kinds) == {"category"}
    with pytest.raises(ValueError, match="`categorical_features` names a column"):
        TableCodec(frame, categorical_features=[["a", "z"]])
    with pytest.raises(ValueError, match="names column 'a' twice"):
        TableCodec(frame, categorical_features=[["a", "b"], ["c", "a"]])


def test_a_group_changes_as_one():
    hot = np.eye(3)
    X_pool = np.column_stack([hot[[0, 1, 2, 2]], [0.0, 0.0, 0.9, 0.9], [5, 6, 7, 8.0]])
    X_pool = X_pool[:, [4, 0, 1, 2, 3]]
    X = np.array([[5.0, 1.0, 0.0, 0.0, 0.2]])
    for method in ("segment", "swap"):
        made = QuintessentialGenerator(alpha=0.9, method=method).generate(
            Certain(), X, [1], X_pool, [0, 0, 1, 1]
        )
        assert made.X_pseudo[0, 1:4].sum() == 1
        assert made.X_pseudo[0, 4] >= 0.2
    # two values of the group differ, one change is counted
    anchors = Anchors(TableCodec(X_pool), np.array([0, 0, 1, 1]), np.ones(5, bool))
    rows = Neighborhood(anchors, X, np.array([1]))
    moved = np.array([[5.0, 0.0, 0.0, 1.0, 0.2]])
    distance, changed = rows.moves(moved)
    assert (distance.tolist(), changed.tolist()) == ([1.0], [1])


def test_a_group_with_an_immutable_column_stays():
    rng = np.random.RandomState(0)
    X = np.column_stack([np.eye(3)[rng.randint(0, 3, 60)], rng.rand(60)])
    y = (X[:, 3] > 0.5).astype(int)
    made = QuintessentialGenerator(alpha=0.5, immutable_features=[1]).generate(
        Certain(), X[:30], y[:30], X[30:], y[30:]
    )
    assert np.array_equal(made.X_pseudo[:, :3], X[:30, :3])


def test_values_typical_of_the_class_change_first():
    # among class 1, "u" is nearly always there and "v" is as frequent as elsewhere
    frame = pd.DataFrame(
        {"first": list("vvvwww") * 2, "second": list("uuuuuu") + list("tttttt")}
    )
    y = np.array([1] * 6 + [0] * 6)
    source = pd.DataFrame({"first": ["w"], "second": ["t"]})
    anchors = Anchors(TableCodec(frame), y, np.ones(2, bool))
    decoder = Decoder(anchors.codec, source)
    rows = Neighborhood(anchors, decoder.Z, np.array([1]))
    pairs = rows.pairs(np.array([0]), np.array([0]))  # toward ("v", "u")
    quarter, end = (
        decoder.decode(rows.at(pairs, np.array([t])), np.array([12]))
        for t in (0.25, 0.75)
    )
    assert quarter.iloc[0].tolist() == ["w", "u"]
    assert end.iloc[0].tolist() == ["v", "u"]


@pytest.mark.parametrize("first", [[0, 1, 2], [2, 1, 0]])
def test_the_same_in_csr(first):
    X_pool = np.array([[1.0, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]])[:, first]
    y_pool = np.array([1, 1, 0, 0])
    X = np.array([[0.0, 0, 1]])[:, first]
    codec = TableCodec(sparse.csr_array(X_pool))
    assert set(codec.kinds) == {"category"}
    codec.groups = np.arange(3)  # (two columns happen to be a group)
    rows = Neighborhood(
        Anchors(codec, y_pool, np.ones(3, bool)), sparse.csr_array(X), np.array([1])
    )
    pairs = rows.pairs(np.array([0]), np.array([0]))
    # one column tells the classes apart, the others do not
    quarter, end = (rows.at(pairs, np.array([t])).toarray() for t in (0.25, 0.99))
    assert quarter[:, first].tolist() == [[1, 0, 1]]
    assert end[:, first].tolist() == [[1, 1, 0]]


def test_ordered_categories_move_through_what_lies_between():
    levels = ["a", "b", "c", "d", "e"]
    column = pd.Categorical(["a", "c", "e", "e"], categories=levels, ordered=True)
    frame = pd.DataFrame({"level": column, "x": [0.1, 0.5, 0.9, 0.95]})
    codec = TableCodec(frame)
    assert codec.Z[:, 0].tolist() == [0, 1, 2, 2]  # ranks of what was observed
    other = frame.iloc[:2].assign(
        level=pd.Categorical(["b", "a"], categories=levels, ordered=True)
    )
    decoder = Decoder(codec, other)
    assert decoder.Z[:, 0].tolist() == [0.5, 0]
    rows = Neighborhood(
        Anchors(codec, np.ones(4, int), np.ones(2, bool)), decoder.Z, np.ones(2, int)
    )
    # (a level that the pool does not have is left, never reached)
    pairs = rows.pairs(np.array([0, 0, 1]), np.array([2, 2, 2]))
    moved = rows.at(pairs, np.array([0.01, 0.9, 0.5]))
    made = decoder.decode(moved, np.array([4, 4, 5]))
    assert made["level"].tolist() == ["c", "e", "c"]
    assert made["level"].dtype == frame["level"].dtype


def _texts(n):
    return [f"row number {k}" for k in range(n)]


@pytest.mark.parametrize("library", [pd, pl])
def test_free_text_stays(library):
    rng = np.random.RandomState(0)
    data = {"note": _texts(120), "x": rng.rand(120)}
    frame, y = library.DataFrame(data), (data["x"] > 0.5).astype(int)
    made = QuintessentialGenerator(alpha=0.1).generate(
        Certain2(), frame[:20], y[:20], frame[20:], y[20:]
    )
    assert made.success.mean() > 0.5
    assert list(made.X_pseudo["note"]) == list(frame["note"][:20])


class Certain2(Certain):
    def predict_proba(self, X):
        return super().predict_proba(np.column_stack([np.zeros(len(X)), X["x"]]))


def test_a_table_that_cannot_move_says_what_holds_it():
    frame = pd.DataFrame(
        {
            "note": _texts(120),
            "day": pd.date_range("2020", periods=120),
            "x": np.arange(120.0),
        }
    )
    y = np.arange(120) % 2
    generator = QuintessentialGenerator(immutable_features=["x"])
    with pytest.raises(
        ValueError,
        match=r"'note' holds free text, 'day' holds dates, 'x' is immutable.* Pipeline",
    ) as caught:
        generator.generate(Certain(), frame[:20], y[:20], frame[20:], y[20:])
    assert str(caught.value) == (
        "`X` has no column that a pseudo-sample could change: 'note' holds free text, "
        "'day' holds dates, 'x' is immutable. Take columns out of "
        "`immutable_features`, or give the teacher others by `views`. Put what turns "
        "texts and dates into numbers before the distiller, in a Pipeline, or list the "
        "columns in `categorical_features` to have their values swapped whole."
    )
    many = pd.DataFrame({f"day {k}": frame["day"] for k in range(11)})
    with pytest.raises(
        ValueError, match=r"'day 9' holds dates, \.\.\.\. Put what"
    ) as few:
        QuintessentialGenerator().generate(
            Certain(), many[:20], y[:20], many[20:], y[20:]
        )
    assert "day 10" not in str(few.value)
    assert "immutable" not in str(few.value)


def test_cells_that_are_no_values_are_named():
    frame = pd.DataFrame({"words": [["a"], ["b"]], "x": [0.0, 1.0]})
    with pytest.raises(ValueError, match=r"column 'words' holds others.*Pipeline"):
        QuintessentialGenerator().generate(Certain(), frame, [0, 1], frame, [0, 1])


def test_objects_that_are_numbers_move_as_numbers():
    X = np.array([[1, 0.2, "a"], [5, 0.9, "b"], [7, None, "b"]], dtype=object)
    codec = TableCodec(X)
    assert codec.kinds.tolist() == ["integer", "numeric", "category"]
    decoder = Decoder(codec, X)
    Z = decoder.Z + np.array([[2, 0, 0], [0, 0.5, 0], [1, 0, 0]])
    made = decoder.decode(Z, np.arange(3, 6))
    assert repr(made.tolist()) == "[[3, 0.2, 'a'], [5, 1.4, 'b'], [8, None, 'b']]"
    in_frame = Decoder(TableCodec(pd.DataFrame(X)), pd.DataFrame(X))
    pd.testing.assert_frame_equal(
        in_frame.decode(Z, np.arange(3, 6)), pd.DataFrame(made)
    )


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"z": (0, 1)}, "`bounds` names a column that X does not have: 'z'"),
        ({"t": (0, 1)}, "`bounds` names column 't', which does not hold numbers"),
        ({"x": (2, 1)}, r"`bounds` of column 'x' must be \(least, largest\)"),
        ({"x": 3}, r"`bounds` of column 'x' must be \(least, largest\)"),
    ],
)
def test_bad_bounds(bounds, message):
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0], "t": list("aab")})
    with pytest.raises(ValueError, match=message):
        QuintessentialGenerator(bounds=bounds).generate(
            Certain(), frame, [0, 1, 1], frame, [0, 1, 1]
        )


def test_bounds_hold_and_still_succeed():
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.rand(200), rng.rand(200)])
    y = (X[:, 1] > 0.5).astype(int)
    for method in ("segment", "swap"):
        made = QuintessentialGenerator(
            alpha=0.3, method=method, bounds={1: (0.2, 0.8), 0: (None, 0.5)}
        ).generate(Certain(), X[:50], y[:50], X[50:], y[50:])
        moved = made.X_pseudo != X[:50]
        assert made.X_pseudo[moved[:, 1], 1].min() >= 0.2
        assert made.X_pseudo[moved[:, 1], 1].max() <= 0.8
        assert (made.X_pseudo[moved[:, 0], 0] <= 0.5).all()
        assert made.success.mean() > 0.3


def test_interpolation_by_hand():
    X_pool = np.array([[4.0, 4.0], [9.0, 9.0], [50.0, 50.0]])
    X = np.repeat(np.linspace(0, 1e-6, 200)[:, None], 2, axis=1)
    made = InterpolationGenerator(n_neighbors=1).generate(
        None, X, np.ones(200, int), X_pool, [1, 1, 0], random_state=0
    )
    assert made.success.all()
    assert np.isnan(made.proba).all()
    x = made.X_pseudo
    np.testing.assert_allclose(x[:, 0], x[:, 1])  # on the segment
    assert x.min() > 0
    assert x.max() < 4
    assert x[:, 0].mean() == pytest.approx(2.0, abs=0.3)  # uniform along it
    few = InterpolationGenerator(n_neighbors=1).generate(
        None, X[50:60], np.ones(10, int), X_pool, [1, 1, 0], random_state=0
    )
    assert np.array_equal(few.X_pseudo, x[50:60])  # whoever else is there
    nobody = InterpolationGenerator().generate(
        None, np.zeros((1, 2)), [2], X_pool, [1, 1, 0]
    )
    assert not nobody.success.any()
    assert nobody.X_pseudo.tolist() == [[0.0, 0.0]]


def test_raw_gives_copies_that_share_nothing():
    for X in (np.eye(2), pd.DataFrame(np.eye(2)), sparse.csr_array(np.eye(2))):
        made = RawGenerator().generate(None, X, [0, 1], X, [0, 1])
        assert made.success.all()
        assert type(made.X_pseudo) is type(X)
        assert made.X_pseudo is not X
    with pytest.raises(ValueError, match="one entry per row"):
        RawGenerator().generate(None, np.eye(2), [0], np.eye(2), [0, 1])


def test_tables_of_different_kinds_are_refused():
    X = np.eye(2)
    with pytest.raises(ValueError, match="container of the kind of `X`"):
        RawGenerator().generate(None, X, [0, 1], pd.DataFrame(X), [0, 1])
    with pytest.raises(ValueError, match="must have the 2 columns of `X`; got 1"):
        RawGenerator().generate(None, X, [0, 1], X[:, :1], [0, 1])
