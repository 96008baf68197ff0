"""Columns that other libraries break, one by one, each with an answer known by hand."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import printed_in_two_processes
from scipy import sparse
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from sklearn_coopkd import InterpolationGenerator, QuintessentialGenerator
from sklearn_coopkd._codec import Decoder, TableCodec
from sklearn_coopkd._columns import factorize
from sklearn_coopkd.generators._neighbors import Anchors, Neighborhood


class Rising:
    """Surer of 1 the larger column `a` (the first) is."""

    classes_ = np.array([0, 1])

    def __init__(self, weight=1.0):
        self.weight = weight

    def predict_proba(self, X):
        if hasattr(X, "columns"):
            cells = X["a"].to_numpy()
        else:
            cells = X[:, [0]]
            cells = cells.toarray().ravel() if sparse.issparse(X) else cells.ravel()
        p = expit(self.weight * np.asarray(cells, dtype=float))
        return np.column_stack([1 - p, p])


def generate(X, X_pool, teacher=None, **parameters):
    """Made from X toward rows of the pool, all of class 1."""
    ones = [
        np.ones(len(Z) if hasattr(Z, "columns") else Z.shape[0], int)
        for Z in (X, X_pool)
    ]
    return QuintessentialGenerator(**parameters).generate(
        teacher or Rising(), X, ones[0], X_pool, ones[1], random_state=0
    )


def codec_of(column):
    return TableCodec(pd.DataFrame({"c": column}))


@pytest.mark.parametrize(
    "values",
    [["b", "a"], [2, 1], [0.5, 1.5], [True, False], list(pd.interval_range(0, 2))],
    ids=["texts", "integers", "floats", "booleans", "intervals"],
)
def test_categories_are_numbered_as_they_appear(values):
    categories = [values[1], values[0]]  # of which nothing may depend on the order
    cells = [values[0], None, values[1], values[0]]
    inverse, found = factorize(pd.Series(pd.Categorical(cells, categories)), "c")
    assert inverse.tolist() == [0, -1, 1, 0]
    assert found == values
    assert {type(value) for value in found} == {type(value) for value in values}
    # those that are never seen have no number
    inverse, found = factorize(pd.Series(pd.Categorical(cells[2:3], categories)), "c")
    assert (inverse.tolist(), found) == ([0], values[1:])
    inverse, found = factorize(pd.Series(pd.Categorical([None], categories)), "c")
    assert (inverse.tolist(), found) == ([-1], [])


# --- cells that stay are the caller's own ---------------------------------------------


@pytest.mark.parametrize("dtype", ["Float64", "double[pyarrow]"])
def test_nan_and_na_stay_apart_in_pandas(dtype):
    column = pd.array([1.0, 2.0, 3.0, 4.0], dtype=dtype)
    column[1] = pd.NA
    pool = pd.DataFrame({"a": [3.0, 4.0, 5.0, 6.0], "c": column})
    made = generate(pool.iloc[:3].assign(a=[0.0, 0.1, 0.2]), pool, alpha=0.5)
    assert made.success.all()
    assert made.X_pseudo["c"].dtype == column.dtype
    assert made.X_pseudo["c"].isna().tolist() == [False, True, False]


def test_nan_and_null_stay_apart_in_polars():
    pool = pl.DataFrame({"a": [3.0, 4.0, 5.0], "c": [1.0, 2.0, 9.0]})
    X = pl.DataFrame({"a": [0.0, 0.1, 0.2], "c": [float("nan"), None, 0.5]})
    made = generate(X, pool, alpha=0.5).X_pseudo
    assert made["c"].is_null().to_list() == [False, True, False]
    assert made["c"].is_nan().to_list() == [True, None, False]
    # a column that may not move leaves the move to the other
    made = generate(X, pool, alpha=0.5, immutable_features=["a"]).X_pseudo
    assert made["c"].is_null().to_list() == [False, True, False]
    assert made["c"].is_nan().to_list() == [True, None, False]
    assert made["c"][2] != 0.5


def test_large_and_infinite_cells_of_polars_stay():
    pool = pl.DataFrame({"a": [3.0, 4.0], "big": [1, 2], "wide": [1e16, 2e16]})
    X = pl.DataFrame({"a": [0.0, 0.1], "big": [2**60 + 1, None], "wide": [np.inf, 1.0]})
    made = generate(X, pool, alpha=0.5, immutable_features=["big"])
    assert made.success.all()
    assert made.X_pseudo["big"].to_list() == [2**60 + 1, None]
    assert made.X_pseudo["wide"][0] == np.inf
    held = TableCodec(pl.DataFrame({"a": [2**60 + 1, 3]})).held
    assert held == {0: "integers beyond the precision of a float"}


def test_long_double_cells_stay():
    X = np.array([[0.0, 1.0]], dtype=np.longdouble)
    X[0, 1] += np.finfo(np.longdouble).eps
    pool = np.array([[3.0, 5.0], [4.0, 6.0]], dtype=np.longdouble)
    made = generate(X, pool, immutable_features=[1]).X_pseudo
    assert made.dtype == np.longdouble
    assert made[0, 1] == X[0, 1]


# --- what a column is -----------------------------------------------------------------


def test_decimals_move_in_steps_of_their_scale():
    dtype = pl.Decimal(10, 2)
    pool = pl.DataFrame({"a": pl.Series(["3.10", "4.25", "5.50"]).cast(dtype)})
    X = pl.DataFrame({"a": pl.Series(["0.01", "0.07"]).cast(dtype)})
    made = generate(X, pool, alpha=0.3)
    assert made.success.all()
    assert made.X_pseudo.schema == pool.schema
    assert not set(made.X_pseudo["a"].to_list()) & set(pool["a"].to_list())
    again = Rising().predict_proba(made.X_pseudo)[:, 1]
    np.testing.assert_array_equal(again, made.proba)


DAY = datetime.date(2020, 1, 1)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([pd.Timestamp("2020"), pd.NaT]),
        pd.Series(pd.to_datetime(["2020", "2021"]).tz_localize("UTC")),
        pd.Series(pd.period_range("2020", periods=2, freq="D")),
        pd.Series([DAY, None], dtype=object),
        pd.Series([None, "?", DAY], dtype=object),
        pd.Series([np.datetime64("2020"), np.datetime64("2021")], dtype=object),
        pd.Series([np.timedelta64(1, "D"), np.timedelta64(2, "D")], dtype=object),
        pd.Series([pd.Period("2020"), pd.Period("2021")], dtype=object),
        pd.Series(pd.to_datetime(["2020", "2021"])).astype("category"),
    ],
    ids=lambda column: f"{column.dtype}-{type(column.iloc[-1]).__name__}",
)
def test_dates_stay(column):
    assert codec_of(column).held == {0: "dates"}


@pytest.mark.parametrize(
    "name",
    ["date32[day]", "time64[us]", "duration[s]", "timestamp[s]", "timestamp[us, UTC]"],
)
def test_dates_of_arrow_stay(name):
    types = {
        "date32[day]": pa.date32(),
        "time64[us]": pa.time64("us"),
        "duration[s]": pa.duration("s"),
        "timestamp[s]": pa.timestamp("s"),
        "timestamp[us, UTC]": pa.timestamp("us", "UTC"),
    }
    column = pd.Series(
        [1, 2], dtype="int32[pyarrow]" if "32" in name else "int64[pyarrow]"
    )
    column = column.astype(pd.ArrowDtype(types[name]))
    assert codec_of(column).held == {0: "dates"}


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([DAY, None]),
        pl.Series([datetime.time(1), datetime.time(2)]),
        pl.Series([datetime.timedelta(1), datetime.timedelta(2)]),
    ],
)
def test_dates_of_polars_stay(column):
    assert TableCodec(pl.DataFrame({"c": column})).held == {0: "dates"}


def test_free_text_is_told_whatever_its_first_rows_hold():
    texts = [None] * 150 + [f"text {k}" for k in range(80)]
    for column in (pd.Series(texts, dtype=object), pd.Series(texts, dtype="string")):
        assert codec_of(column).held == {0: "free text"}
    codec = TableCodec(pl.DataFrame({"c": pl.Series(texts, dtype=pl.String)}))
    assert codec.held == {0: "free text"}


@pytest.mark.parametrize("dtype", ["Float32", "float[pyarrow]", "float32"])
def test_single_precision_is_settled(dtype):
    pool = pd.DataFrame({"a": pd.Series([3.1, 4.2, 5.3]).astype(dtype)})
    X = pd.DataFrame({"a": pd.Series([0.1, 0.2]).astype(dtype)})
    made = generate(X, pool)
    assert made.success.all()
    again = Rising().predict_proba(made.X_pseudo)[:, 1]
    np.testing.assert_array_equal(again, made.proba)


def test_a_category_that_the_pool_never_shows_stays_missing():
    pool = pd.DataFrame({"a": [3.0, 4.0], "c": pd.Categorical([None, None], ["u"])})
    X = pd.DataFrame({"a": [0.0, 0.1], "c": pd.Categorical(["u", None], ["u"])})
    made = generate(X, pool)
    assert made.success.all()
    assert made.X_pseudo["c"].tolist()[0] == "u"
    assert made.X_pseudo["c"].isna().tolist() == [False, True]


# --- flags and one-hot groups ---------------------------------------------------------


def hot_rows(codes, n_levels):
    return np.eye(n_levels)[codes]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_a_column_is_a_flag_only_if_it_is_in_the_whole_pool(kind):
    rng = np.random.RandomState(0)
    pool = np.c_[3 + rng.rand(400), rng.randint(0, 2, 400)]
    pool[123, 1] = 0.25  # (not among the few rows that may be anchors)
    codec = TableCodec(kind(pool), rows=np.arange(5))
    assert codec.kinds.tolist() == ["numeric", "numeric"]
    pool[123, 1] = 1
    codec = TableCodec(kind(pool), rows=np.arange(5))
    assert codec.kinds.tolist() == ["numeric", "category"]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, pd.DataFrame])
@pytest.mark.parametrize("method", ["segment", "swap"])
def test_one_hot_groups_hold_with_rare_categories(kind, method):
    rng = np.random.RandomState(0)
    codes = rng.randint(0, 2, 600)
    codes[::97] = 2  # rare: not among few anchors
    pool = np.c_[rng.randn(600), hot_rows(codes, 4)]  # (no row has the last level)
    sources = np.c_[rng.randn(8), hot_rows([0, 1, 2, 3] * 2, 4)]
    if kind is pd.DataFrame:
        pool, sources = (
            pd.DataFrame(Z, columns=list("abcde")).astype(dict.fromkeys("bcde", bool))
            for Z in (pool, sources)
        )
    else:
        pool, sources = kind(pool), kind(sources)

    class Hot(Rising):
        def predict_proba(self, X):
            cells = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=float)
            assert (cells[:, 1:].sum(axis=1) == 1).all()
            p = expit(cells @ [1.0, 2.0, -2.0, -1.0, -3.0])
            return np.column_stack([1 - p, p])

    made = generate(sources, pool, Hot(), max_pool=20, alpha=0.5, method=method)
    cells = made.X_pseudo
    cells = cells.toarray() if sparse.issparse(cells) else np.asarray(cells, float)
    assert made.success.all()
    assert (cells[:, 1:].sum(axis=1) == 1).all()
    assert (cells[:, 4] == 0)[[3, 7]].any()  # the group moves as one, and does move


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_a_source_with_an_unknown_category_keeps_its_group(kind):
    pool = np.c_[[3.0, 4.0, 5.0, 6.0], hot_rows([0, 1, 0, 1], 2)]
    source = np.array([[0.1, 0.0, 0.0], [0.1, 1.0, 0.0]])
    made = generate(kind(source), kind(pool), alpha=0.9)
    cells = made.X_pseudo.toarray() if kind is sparse.csr_array else made.X_pseudo
    assert made.success.all()
    assert cells[0, 1:].tolist() == [0, 0]
    assert cells[1, 1:].sum() == 1


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_a_repeated_flag_belongs_to_the_group(kind):
    hot = hot_rows([0, 1, 2] * 4, 3)
    codec = TableCodec(kind(np.c_[hot[:, 2], hot]))
    assert codec.groups.tolist() == [0, 0, 0, 0]
    beside = hot_rows([0, 0, 0, 1, 1, 1] * 2, 2)
    codec = TableCodec(kind(np.c_[hot, beside]))
    assert codec.groups.tolist() == [0, 0, 0, 3, 3]


@pytest.mark.parametrize("cell", [np.nan, 7.0])
def test_a_group_in_csr_stays_if_one_of_its_columns_must(cell):
    pool = sparse.csr_array(np.c_[[3.0, 4.0, 5.0], [1, 2, 3], [4, 5, 6]])
    codec = TableCodec(pool, [[1, 2]])
    bounds = np.array([[-np.inf, 0, -np.inf], [np.inf, 3, np.inf]])
    anchors = Anchors(codec, np.ones(3, int), np.ones(3, bool), bounds)
    source = codec.encode(sparse.csr_array([[0.5, cell, 1.0]]))
    rows = Neighborhood(anchors, source, np.array([1]))
    step = rows.pairs(np.array([0]), np.array([0])).step.toarray()
    assert step.tolist() == [[2.5, 0, 0]]


def test_flags_with_bounds_are_refused_or_kept():
    pool = np.c_[[3.0, 4.0, 5.0], [0, 1, 1]]
    made = generate(np.array([[0.1, 0.0]]), pool, bounds={1: (0, 0)}, alpha=0.9)
    assert made.success.all()
    assert made.X_pseudo[0, 1] == 0


# --- sparse containers ----------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e9])
def test_a_sparse_pool_of_any_size_has_anchors(size):
    pool = size * np.array([[3.0, 1.0], [4.0, 2.0], [0.5, 1.0]])
    source = size * np.array([[0.5, 1.0]])
    made = generate(sparse.csr_array(source), sparse.csr_array(pool), Rising(1 / size))
    assert made.success.all()
    assert made.report["n_fallback"] == 0


def test_csr_with_repeated_entries():
    entries = (np.array([1.0, 2.0, 1.0]), np.array([0, 0, 1]), np.array([0, 3]))
    repeated = sparse.csr_array(entries, shape=(1, 2))
    plain = sparse.csr_array([[3.0, 1.0]])
    sources = sparse.csr_array([[0.5, 0.5]])
    two = [
        generate(sources, sparse.csr_array(sparse.vstack([rows, 2 * plain])), alpha=0.5)
        for rows in (plain, repeated)
    ]
    assert np.array_equal(two[0].X_pseudo.toarray(), two[1].X_pseudo.toarray())
    assert repeated.nnz == 3


def test_missing_cells_of_csr_stay():
    source = sparse.csr_array([[0.5, np.nan, 2.0]])
    pool = sparse.csr_array([[3.0, 1.0, np.nan], [4.0, 0.0, 5.0], [4.5, 1.5, 5.0]])
    made = generate(source, pool)
    assert made.success.all()
    assert np.isnan(made.X_pseudo.toarray()[0, 1])


# --- copies ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["array", "object", "frame", "csr"])
@pytest.mark.parametrize("n_neighbors", [1, 5])
def test_no_copy_of_a_row_that_is_no_anchor(kind, n_neighbors):
    """Integers in a small square: nearly every point is a row of the pool."""
    rng = np.random.RandomState(0)
    square = np.array([(a, b) for a in range(-9, 9) for b in range(1, 9)])
    rng.shuffle(square)
    pool, X = square[:120], square[120:]
    as_kind = {
        "array": np.asarray,
        "object": lambda Z: Z.astype(object),
        "frame": lambda Z: pd.DataFrame(Z, columns=["a", "b"]),
        "csr": sparse.csr_array,
    }[kind]
    made = generate(as_kind(X), as_kind(pool), max_pool=6, n_neighbors=n_neighbors)
    cells = made.X_pseudo.toarray() if kind == "csr" else np.asarray(made.X_pseudo)
    new = {tuple(map(int, row)) for row in cells[made.success]}
    assert new
    assert not new & set(map(tuple, pool.tolist()))


def test_nans_of_any_sign_are_one():
    pool = np.array([[3.0, np.nan], [3.0, -np.nan], [5.0, 1.0]])
    codec = TableCodec(pool)
    assert len(codec.keys) == 2


# --- names ----------------------------------------------------------------------------


def test_repeated_and_tuple_names():
    pool = pd.DataFrame([[3.0, 1.0, 1.0], [4.0, 2.0, 2.0]], columns=["a", "b", "b"])
    X = pd.DataFrame([[0.0, 0.0, 0.0]], columns=["a", "b", "b"])
    made = generate(X, pool, immutable_features=["b"]).X_pseudo
    assert made.iloc[0, 1:].tolist() == [0, 0]
    levels = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    pool.columns = X.columns = levels
    codec = TableCodec(pool, [("a", 1), [("a", 2), ("b", 1)]])
    assert codec.groups.tolist() == [0, 1, 1]


def test_categories_of_long_lists_are_compared():
    """Two dtypes whose shortened texts are the same."""
    names = [f"level {k}" for k in range(100)]
    other = [*names[:50], "else", *names[51:]]
    frames = [pd.DataFrame({"a": pd.Categorical(n[:3], n)}) for n in (names, other)]
    with pytest.raises(ValueError, match="must have the dtypes of `X`; column 'a'"):
        generate(*frames)


def test_texts_of_other_length_are_the_same_kind():
    X, pool = np.array([["no"], ["of"]]), np.array([["longer"], ["texts"], ["of"]])
    out = Decoder(TableCodec(pool), X).decode(
        np.array([[0.0], [1.0]]), np.array([3, 4])
    )
    assert out.tolist() == [["longer"], ["texts"]]


def test_interpolation_is_the_same_in_every_process():
    code = (
        "import pandas as pd;"
        "from sklearn_coopkd import InterpolationGenerator as G;"
        "X = pd.DataFrame({'a': [0.0, 1.0], 'c': ['new', 'other']});"
        "pool = pd.DataFrame({'a': [3.0, 5.0, 9.0], 'c': ['u', 'v', 'u']});"
        "print(G().generate(None, X, [1, 1], pool, [1, 1, 1], random_state=0)"
        ".X_pseudo['a'].tolist())"
    )
    assert len(printed_in_two_processes(code)) == 1


# --- errors ---------------------------------------------------------------------------

POOL = np.array([[3.0], [4.0]])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        ((Rising(), POOL, None, POOL, [1, 1]), "`y` must have shape"),
        ((Rising(), POOL, [[1, 1]], POOL, [1, 1]), "`y` must have shape"),
        ((Rising(), POOL, [1, 1], POOL, np.array([1, "a"], object)), "labels of one"),
        ((Rising(), POOL, ["b", "b"], POOL, ["b", "b"]), "teacher's classes"),
        ((object(), POOL, [1, 1], POOL, [1, 1]), "`classes_`"),
        (
            (Rising(), pd.DataFrame(index=[0]), [1], pd.DataFrame(index=[0]), [1]),
            r"0 feature\(s\)",
        ),
        ((Rising(), POOL * 1j, [1, 1], POOL * 1j, [1, 1]), "Complex"),
        (
            (Rising(), *[pd.DataFrame({"a": [1j]}), [1]] * 2),
            "Complex",
        ),
    ],
)
def test_calls_that_cannot_be_meant(call, match):
    with pytest.raises(ValueError, match=match):
        QuintessentialGenerator().generate(*call)


@pytest.mark.parametrize("pair", ["01", (1,), (2, 1), ("0", 1), 3, (None, np.nan)])
def test_bounds_that_are_none(pair):
    with pytest.raises(ValueError, match=r"`bounds` of column 0"):
        generate(POOL - 3, POOL, bounds={0: pair})


def test_nothing_to_move_is_said_by_every_generator_that_moves():
    for generator in (QuintessentialGenerator(), InterpolationGenerator()):
        generator.set_params(immutable_features=[0])
        with pytest.raises(ValueError, match="0 is immutable"):
            generator.generate(Rising(), POOL, [1, 1], POOL, [1, 1])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, pd.DataFrame])
def test_no_sources_no_samples(kind):
    pool = kind(np.array([[3.0, 1.0], [4.0, 2.0]]))
    if kind is pd.DataFrame:
        pool.columns = ["a", "b"]
    made = generate(pool[:0], pool)
    assert made.X_pseudo.shape == (0, 2)
    assert made.report["n_sources"] == 0


def test_limits_of_bounds_are_kept_exactly():
    rng = np.random.RandomState(0)
    X = rng.randn(300, 3)
    y = (X @ [1.0, 0.3, 0.1] > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    high = 0.1 + 0.2  # no round number
    made = QuintessentialGenerator(method="swap", bounds={0: (-high, high)}).generate(
        model, X[:100], y[:100], X[100:], y[100:]
    )
    moved = made.X_pseudo[:, 0] != X[:100, 0]
    assert moved.any()
    assert np.abs(made.X_pseudo[moved, 0]).max() <= high


# --- precision ------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["segment", "swap"])
@pytest.mark.parametrize(
    ("dtype", "bound"),
    [
        (pl.Decimal(8, 1), 0.46),
        (pl.Decimal(12, 0), 2.6),
        (pl.Float32, 0.3),
        (pl.Float32, 0.7),
    ],
)
def test_bounds_hold_for_cells_of_less_precision(dtype, bound, method):
    rng = np.random.RandomState(0)
    numbers = np.round(np.sort(rng.uniform(0, 5, 60)), 1)
    a = pl.Series(numbers).cast(dtype)
    frame = pl.DataFrame({"a": a, "b": rng.randn(60)})
    pool, X = frame[20:], frame[:20]
    made = generate(X, pool, alpha=0.3, method=method, bounds={"a": (None, bound)})
    assert made.X_pseudo.schema == frame.schema
    old, new = (Z["a"].cast(pl.Float64).to_numpy() for Z in (X, made.X_pseudo))
    assert (new[new != old] <= bound).all()
    real = set(pool.rows())
    kept = np.flatnonzero(made.success)
    assert not {made.X_pseudo.row(int(k)) for k in kept} & real


def test_csr_of_flags_with_repeated_entries():
    ones = np.ones(6, dtype=bool)
    pool = sparse.csr_matrix((ones, [1, 1, 0, 0, 1, 2], [0, 4, 4, 6]), shape=(3, 3))
    source = sparse.csr_matrix((ones[:1], [0], [0, 1]), shape=(1, 3))
    made = QuintessentialGenerator().generate(Rising(), source, [1], pool, [1, 0, 1])
    real = {tuple(row) for row in pool.toarray().tolist()}
    cells = [tuple(row) for row in made.X_pseudo.toarray().tolist()]
    assert not (made.success[0] and cells[0] in real)
    assert TableCodec(pool).kinds.tolist() == ["category"] * 3


@pytest.mark.parametrize("method", ["segment", "swap"])
def test_sparse_columns_of_a_frame(method):
    rng = np.random.RandomState(0)
    hot = pd.get_dummies(pd.Series(list("xyz") * 20), sparse=True, dtype=float)
    count = pd.arrays.SparseArray(rng.randint(0, 3, 60))
    frame = pd.DataFrame({"a": rng.randn(60) + 2, **hot, "count": count})
    made = generate(frame[:10].assign(a=-1.0), frame[10:], alpha=0.5, method=method)
    assert made.success.all()
    assert list(made.X_pseudo.dtypes) == list(frame.dtypes)
    assert (made.X_pseudo[list("xyz")].sum(axis=1) == 1).all()


@pytest.mark.parametrize("kind", ["uint64", "UInt64", "object", "polars"])
def test_a_huge_integer_of_a_source_stays(kind):
    values, huge = [1, 2, 3, 4, 5], 2**64 - 1
    if kind == "polars":
        pool = pl.DataFrame(
            {"a": np.arange(5.0) + 3, "n": pl.Series(values, dtype=pl.UInt64)}
        )
        X = pl.DataFrame({"a": [0.1], "n": pl.Series([huge], dtype=pl.UInt64)})
    else:
        pool = pd.DataFrame(
            {"a": np.arange(5.0) + 3, "n": pd.array(values, dtype=kind)}
        )
        X = pd.DataFrame({"a": [0.1], "n": pd.array([huge], dtype=kind)})
    made = generate(X, pool)
    assert made.success.all()
    assert made.X_pseudo["n"].to_list()[0] == huge


def test_the_kind_of_a_column_is_that_of_the_whole_pool():
    pool = pd.DataFrame({"a": np.arange(200.0), "c": np.arange(200).astype(object) % 7})
    pool.loc[150, "c"] = "x"
    for seed in range(3):
        made = QuintessentialGenerator(max_pool=20).generate(
            Rising(0.01), pool[:20], np.ones(20, int), pool, np.ones(200, int),
            random_state=seed,
        )  # fmt: skip
        assert made.success.any()


def test_groups_in_any_sequence():
    frame = pd.DataFrame(np.eye(3), columns=list("abc"))
    codec = TableCodec(frame, [frame.columns[1:], "a"])
    assert codec.groups.tolist() == [0, 1, 1]


class Wrong(Rising):
    def predict_proba(self, X):
        return super().predict_proba(np.vstack([X, X[:1]]))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        ((Rising(), POOL, ["b", "b"], POOL, [1, 1]), "`y` must hold the teacher's"),
        ((Wrong(), POOL, [1, 1], POOL, [1, 1]), "one row per row of X"),
        ((Rising(), *[sparse.csr_array(POOL * 1j), [1, 1]] * 2), "Complex"),
    ],
)
def test_more_calls_that_cannot_be_meant(call, match):
    with pytest.raises(ValueError, match=match):
        QuintessentialGenerator().generate(*call)
