import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pytest
from conftest import printed_in_two_processes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sklearn_coopkd._codec import Decoder, TableCodec
from sklearn_coopkd._containers import (
    as_table,
    concat_rows,
    copy_table,
    resolve_columns,
    restore_columns,
    row_keys,
    take_rows,
)


def mixed_frame(n=12):
    rng = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "float": rng.rand(n),
            "single": rng.rand(n).astype(np.float32),
            "int": rng.randint(0, 9, n),
            "nullable": pd.array(
                [None if i % 5 == 0 else i for i in range(n)], "Int64"
            ),
            "bool": rng.rand(n) < 0.5,
            "category": pd.Categorical(
                rng.choice(["b", "a"], n), categories=["c", "b", "a"], ordered=True
            ),
            "text": [None if i % 4 == 0 else "uvw"[i % 3] for i in range(n)],
            "date": pd.date_range("2020-01-01", periods=n),
            "gaps": [np.nan if i % 3 == 0 else float(i) for i in range(n)],
        },
        index=range(100, 100 + n),
    )


def polars_frame(n=12):
    frame = mixed_frame(n).drop(columns=["category"])
    return pl.from_pandas(frame.reset_index(drop=True)).with_columns(
        pl.Series("level", ["lo", "hi", None] * (n // 3), dtype=pl.Categorical),
        pl.Series("small", np.arange(n), dtype=pl.Int8),
    )


CONTAINERS = {
    "float64": np.random.RandomState(0).rand(12, 4),
    "float32": np.random.RandomState(0).rand(12, 4).astype(np.float32),
    "int8": np.random.RandomState(0).randint(-99, 99, (12, 4)).astype(np.int8),
    "bool": np.random.RandomState(0).rand(12, 4) < 0.5,
    "object": np.array([[1.5, "a", None], [2, "b", 3.0], [np.nan, "a", 1]] * 4, object),
    "text": np.array([["a", "b"], ["c", "b"]] * 6),
    "pandas": mixed_frame(),
    "floats": mixed_frame()[["float", "gaps"]],
    "polars": polars_frame(),
    "csr": sparse.random(12, 5, 0.4, format="csr", random_state=0),
}


def assert_same(a, b):
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(
            a.reset_index(drop=True), b.reset_index(drop=True)
        )
    elif isinstance(a, pl.DataFrame):
        polars.testing.assert_frame_equal(a, b)
    elif sparse.issparse(a):
        assert (a != b).nnz == 0
        assert a.dtype == b.dtype
    elif a.dtype == object:
        assert repr(a.tolist()) == repr(b.tolist())
    else:
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


@pytest.mark.parametrize("name", CONTAINERS)
def test_codec_round_trip(name):
    X = CONTAINERS[name]
    rows = np.array([3, 3, 0, 11, 5])
    pool, sources = take_rows(X, np.arange(4)), take_rows(X, np.arange(4, 12))
    decoder = Decoder(TableCodec(pool), sources)
    Z = decoder.codec.Z, decoder.Z
    stacked = sparse.vstack(Z, format="csr") if sparse.issparse(Z[0]) else np.vstack(Z)
    assert_same(decoder.decode(stacked[rows], rows), take_rows(X, rows))
    # from other rows of the pool, all cells but values of their own have to be built
    others = np.array([0, 0, 1, 1, 2])
    moved = decoder.decode(stacked[others[::-1]], others)
    assert_same(take_rows(moved, np.array([2])), take_rows(X, others[2:3]))


@pytest.mark.parametrize("name", CONTAINERS)
def test_taken_rows_share_no_memory(name):
    X = CONTAINERS[name]
    taken = take_rows(X, np.arange(12))
    assert_same(taken, X)
    if isinstance(X, np.ndarray):
        assert not np.shares_memory(taken, X)
    copied = copy_table(X)
    assert_same(copied, X)


@pytest.mark.parametrize("name", CONTAINERS)
def test_concat_keeps_dtypes(name):
    X = CONTAINERS[name]
    first, second = np.arange(5), np.arange(5, 12)
    assert_same(concat_rows([take_rows(X, first), take_rows(X, second)]), X)


@pytest.mark.parametrize("name", CONTAINERS)
def test_row_keys_tell_equal_rows(name):
    X = CONTAINERS[name]
    keys = row_keys(take_rows(X, np.array([0, 1, 0, 1])))
    assert keys[0] == keys[2]
    assert keys[1] == keys[3]
    assert keys[0] != keys[1]


def test_row_keys_of_zero_and_of_stored_zeros():
    assert len(set(row_keys(np.array([[0.0], [-0.0]])))) == 1
    stored = sparse.csr_array(([0.0, 1.0], [0, 1], [0, 2, 2]), shape=(2, 2))
    plain = sparse.csr_array(([1.0], [1], [0, 1, 1]), shape=(2, 2))
    assert len(set(row_keys(sparse.vstack([stored, plain], format="csr")))) == 2


@pytest.mark.parametrize(
    "cells",
    [[-1, -2], [2**60, 2**60 + 1], ["1", 1], [None, "None"], [0.1, 0.2]],
    ids=str,
)
def test_row_keys_tell_objects_apart(cells):
    frame = pd.DataFrame({"a": pd.Series(cells, dtype=object)})
    assert len(set(row_keys(frame))) == 2
    assert len(set(row_keys(frame.to_numpy()))) == 2


@pytest.mark.parametrize(
    "cells",
    [[1, 1.0], [True, 1], [None, np.nan], [pd.NA, pd.NaT], [-0.0, 0], [[1], [1]]],
    ids=str,
)
def test_row_keys_of_equal_objects(cells):
    column = np.empty((2, 1), dtype=object)
    column[:, 0] = cells
    frame = pd.DataFrame({"a": pd.Series(cells, dtype=object)})
    assert len(set(row_keys(frame))) == 1
    assert len(set(row_keys(column))) == 1


def test_row_keys_are_the_same_in_every_process():
    code = (
        "import pandas as pd; from sklearn_coopkd._containers import row_keys;"
        "X = pd.DataFrame({'a': pd.Series(['x', 1, None, (1, 'y')], dtype=object)});"
        "print(row_keys(X).tolist(), row_keys(X.to_numpy()).tolist())"
    )
    assert len(printed_in_two_processes(code)) == 1


def test_row_keys_of_texts_of_another_length():
    short, long = np.array([["ab", "c"]]), np.array([["ab", "c"], ["abc", "d"]])
    assert row_keys(short)[0] == row_keys(long)[0]


def test_columns_of_csr_are_put_back_whatever_they_hold():
    X = sparse.csr_array([[1.0, 0, 3], [0, 2, 0]])
    original = sparse.csr_array([[np.nan, 5, np.inf], [7.0, 8, 0]])
    restored = restore_columns(X, original, np.array([True, False, True]))
    assert type(restored) is type(X)
    np.testing.assert_array_equal(
        restored.toarray(), [[np.nan, 0, np.inf], [7.0, 2, 0]]
    )


def test_kinds():
    codec = TableCodec(mixed_frame())
    assert codec.kinds.tolist() == [
        "numeric", "numeric", "integer", "integer", "category", "integer", "category",
        "fixed", "numeric",
    ]  # fmt: skip
    forced = TableCodec(mixed_frame(), categorical_features=["int"])
    assert forced.kinds[2] == "category"


def test_missing_cells_are_nan():
    frame = mixed_frame()
    Z = TableCodec(frame).Z
    assert np.array_equal(np.isnan(Z), frame.isna().to_numpy())


def test_resolve_columns():
    frame = mixed_frame()
    assert resolve_columns(frame, ["int", "bool"], "p").nonzero()[0].tolist() == [2, 4]
    assert resolve_columns(frame, [0, -1], "p").nonzero()[0].tolist() == [0, 8]
    assert resolve_columns(frame, [True] + [False] * 8, "p").sum() == 1
    with pytest.raises(
        ValueError, match="`p` names a column that X does not have: 'z'"
    ):
        resolve_columns(frame, ["z"], "p")
    with pytest.raises(
        ValueError, match=r"`p` as a mask must have one entry per column"
    ):
        resolve_columns(frame, [True], "p")


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([1.0, 2.0], "Expected 2D array, got 1D"),
        (np.zeros((2, 2, 2)), "dim 3"),
        (["a text", "another"], "Put the vectorizer before the distiller"),
        (pd.Series(["a text", "another"]), "Put the vectorizer before the distiller"),
        (np.zeros((0, 3)), "0 sample"),
        (np.array([[1j]]), "Complex data not supported"),
    ],
)
def test_as_table_refuses(X, message):
    with pytest.raises(ValueError, match=message):
        as_table(X)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(-1e6, 1e6)),
            st.integers(-(2**31), 2**31),
            st.one_of(st.none(), st.text(max_size=3)),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_codec_round_trip_of_any_frame(rows):
    frame = pd.DataFrame(rows, columns=["number", "integer", "text"]).astype(
        {"number": float, "integer": "int64", "text": object}
    )
    half = len(frame) // 2
    if not half:
        return
    decoder = Decoder(TableCodec(frame.iloc[:half]), frame.iloc[half:])
    new = decoder.decode(decoder.Z, np.arange(half, len(frame)))
    pd.testing.assert_frame_equal(new, frame.iloc[half:].reset_index(drop=True))
