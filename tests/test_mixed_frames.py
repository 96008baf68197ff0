"""What the generator promises about columns, over generated frames of mixed types."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit

from sklearn_coopkd import InterpolationGenerator, QuintessentialGenerator

N_ROWS = 40
N_SOURCES = 15


class Weigher:
    """Sees every column of a pandas frame, whatever it holds, missing cells included.

    `levels` rounds its probabilities: plateaus, as a tree has; None: a smooth model.
    """

    classes_ = np.array(["no", "yes"])

    def __init__(self, weights, levels, reference):
        self.weights, self.levels = weights, levels
        self.center, self.width = {}, {}
        for j, name in enumerate(reference.columns):
            cells = self._numbers(reference.iloc[:, j])
            self.center[name], self.width[name] = cells.mean(), cells.std() or 1.0

    @staticmethod
    def _numbers(column):
        if pd.api.types.is_bool_dtype(column.dtype):
            return column.astype(object).map({True: 1.0, False: 0.0}).fillna(0.5)
        if pd.api.types.is_numeric_dtype(column.dtype):
            return column.astype("Float64").fillna(0.0).astype(float)
        text = column.astype(object).where(column.notna(), "?").astype(str)
        return text.map(lambda value: sum(map(ord, value)) % 7 / 3)

    def predict_proba(self, X):
        if isinstance(X, pl.DataFrame):
            X = X.to_pandas()
        total = np.zeros(len(X))
        for j, name in enumerate(X.columns):
            cells = self._numbers(X.iloc[:, j]).to_numpy(float)
            total += self.weights[j] * (cells - self.center[name]) / self.width[name]
        p = expit(total)
        if self.levels:
            p = np.round(p * self.levels) / self.levels
        return np.column_stack([1 - p, p])


def _with_gaps(values, gaps, missing):
    out = list(values)
    for row in gaps:
        out[row] = missing
    return out


def _columns(kind, rng, gaps):
    """The columns of one kind, as a dictionary of name -> values."""
    n = N_ROWS
    if kind == "float":
        return {"float": _with_gaps(rng.randn(n), gaps, np.nan)}
    if kind == "single":
        return {"single": (rng.randn(n) * 100).astype(np.float32)}
    if kind == "int":
        return {"int": rng.randint(-3, 9, n)}
    if kind == "nullable":
        cells = _with_gaps(rng.randint(0, 50, n).tolist(), gaps, None)
        return {"nullable": pd.array(cells, dtype="Int64")}
    if kind == "bool":
        return {"bool": rng.rand(n) < 0.5}
    if kind == "boolean":
        cells = _with_gaps((rng.rand(n) < 0.5).tolist(), gaps, None)
        return {"boolean": pd.array(cells, dtype="boolean")}
    if kind == "category":
        cells = _with_gaps(rng.choice(list("xyz"), n), gaps, None)
        return {"category": pd.Categorical(cells, categories=list("wxyz"))}
    if kind == "ordered":
        cells = _with_gaps(rng.choice(["low", "mid", "high", "top"], n), gaps, None)
        levels = ["low", "never", "mid", "high", "top"]
        return {"ordered": pd.Categorical(cells, categories=levels, ordered=True)}
    if kind == "text":
        return {"text": _with_gaps(rng.choice(["a b", "c", "d"], n), gaps, None)}
    if kind == "date":
        return {"date": pd.date_range("2020-01-01", periods=n)}
    if kind == "constant":
        return {"constant": np.full(n, 2.5)}
    drawn = np.eye(3)[np.r_[0, 1, 2, rng.randint(0, 3, n - 3)]]
    return {f"hot_{k}": drawn[:, k] for k in range(3)}


KINDS = [
    "float", "single", "int", "nullable", "bool", "boolean", "category", "ordered",
    "text", "date", "constant", "hot",
]  # fmt: skip
MOVING = set(KINDS) - {"date", "constant"}


@st.composite
def problems(draw):
    """A frame, classes, a teacher and a generator."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=8, unique=True))
    assume(MOVING & set(kinds))
    rng = np.random.RandomState(draw(st.integers(0, 10_000)))
    gaps = draw(st.lists(st.integers(0, N_ROWS - 1), max_size=12))
    columns = {}
    for kind in kinds:
        columns |= _columns(kind, rng, gaps)
    frame = pd.DataFrame(columns)
    y = np.where(rng.rand(N_ROWS) < 0.5, "yes", "no")
    teacher = Weigher(
        3 * rng.randn(frame.shape[1]), draw(st.sampled_from([None, 2, 10])), frame
    )
    held, bounds = None, None
    if draw(st.booleans()) and len(kinds) > 1:
        held = [draw(st.sampled_from(list(columns)))]
        group = {c for c in columns if c.startswith("hot")}
        free = {k for k in MOVING & set(kinds) if k != held[0]}
        assume(free - ({"hot"} if held[0] in group else set()))
    if draw(st.booleans()) and "int" in columns:
        bounds = {"int": (-1.4, 4.6)}
    generator = QuintessentialGenerator(
        alpha=draw(st.sampled_from([0.1, 0.5, 0.9])),
        method=draw(st.sampled_from(["segment", "swap"])),
        n_neighbors=draw(st.sampled_from([1, 5])),
        max_pool=draw(st.sampled_from([10, 2000])),
        immutable_features=held,
        bounds=bounds,
    )
    return frame, y, teacher, generator


def _cells(frame):
    """Rows as tuples of comparable values; None for missing cells."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [tuple(map(str, row)) for row in plain.itertuples(index=False)]


@settings(max_examples=150, deadline=None)
@given(problems())
def test_promises(problem):
    frame, y, teacher, generator = problem
    X, X_pool = frame.iloc[:N_SOURCES], frame.iloc[N_SOURCES:]
    call = (teacher, X, y[:N_SOURCES], X_pool, y[N_SOURCES:])
    untouched = frame.copy(deep=True)
    made = generator.generate(*call, random_state=0)
    new, good = made.X_pseudo, made.success
    pd.testing.assert_frame_equal(frame, untouched)

    # the container
    assert list(new.columns) == list(frame.columns)
    assert list(new.dtypes) == list(frame.dtypes)
    old = X.reset_index(drop=True)
    assert (new.isna() == old.isna()).all(axis=None)

    # cells
    moved = {name: (new[name] != old[name]) & old[name].notna() for name in frame}
    if "date" in frame:
        assert not moved["date"].any()
    for name in generator.immutable_features or []:
        assert not moved[name].any()
    for name in new:
        here = new[name].dropna()
        if not pd.api.types.is_numeric_dtype(frame[name].dtype) or name == "bool":
            seen = set(X_pool[name].dropna())
            assert set(here[moved[name]]) <= seen
        else:
            assert here.empty or here.min() >= frame[name].min()
            assert here.empty or here.max() <= frame[name].max()
    if generator.bounds:
        assert new["int"][moved["int"]].between(-1.4, 4.6).all()
    hot = [name for name in frame if name.startswith("hot")]
    if hot:
        assert set(np.unique(new[hot])) <= {0.0, 1.0}
        # (a pool of few rows may not show that the columns are a group)
        if all(X_pool[name].nunique() == 2 for name in hot) and generator.max_pool > 99:
            assert (new[hot].sum(axis=1) == 1).all()

    # successes
    column = (y[:N_SOURCES] == "yes").astype(int)
    rows = np.arange(N_SOURCES)
    p_old = teacher.predict_proba(X)[rows, column]
    p_new = teacher.predict_proba(new)[rows, column]
    target = np.minimum(p_old + generator.alpha * (1 - p_old), 1 - 1e-6)
    assert (p_new[good] >= target[good]).all()
    np.testing.assert_array_equal(p_new, made.proba)
    real, own, fresh = set(_cells(X_pool)), _cells(old), _cells(new)
    for row in np.flatnonzero(good):
        assert fresh[row] not in real
        assert fresh[row] != own[row]

    # the report
    assert made.report["n_success"] == good.sum()
    repeats = good.sum() - len({(fresh[r], y[r]) for r in np.flatnonzero(good)})
    assert made.report["n_duplicates"] == repeats

    # again, and in another order
    again = generator.generate(*call, random_state=0)
    pd.testing.assert_frame_equal(again.X_pseudo, new)
    turned = rows[::-1]
    reverse = generator.generate(
        teacher, X.iloc[turned], y[turned], *call[3:], random_state=0
    )
    np.testing.assert_array_equal(reverse.success[::-1], good)
    pd.testing.assert_frame_equal(
        reverse.X_pseudo.iloc[::-1].reset_index(drop=True), new
    )
    # what becomes of a row does not depend on its company
    few = generator.generate(teacher, X.iloc[:5], y[:5], *call[3:], random_state=0)
    pd.testing.assert_frame_equal(few.X_pseudo, new.iloc[:5])


@settings(max_examples=40, deadline=None)
@given(problems())
def test_polars_gives_what_pandas_gives(problem):
    frame, y, teacher, generator = problem
    names = [n for n in frame if n not in ("ordered", "nullable", "boolean")]
    assume({*names} - {"date", "constant", *(generator.immutable_features or [])})
    assume(set(generator.immutable_features or []) <= set(names))
    assume(not any(n.startswith("hot") for n in generator.immutable_features or []))
    generator.bounds = None
    frame = frame[names]
    teacher = Weigher(teacher.weights[: len(names)], teacher.levels, frame)
    in_polars = pl.from_pandas(frame)
    made = [
        generator.generate(
            teacher,
            X[:N_SOURCES],
            y[:N_SOURCES],
            X[N_SOURCES:],
            y[N_SOURCES:],
            random_state=0,
        )
        for X in (frame, in_polars)
    ]
    assert made[1].X_pseudo.schema == in_polars.schema
    assert np.array_equal(made[0].success, made[1].success)
    assert _cells(made[0].X_pseudo) == _cells(made[1].X_pseudo.to_pandas())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_features=st.integers(1, 12),
    binary=st.booleans(),
    dtype=st.sampled_from([np.float64, np.float32, np.int64]),
    bounds=st.sampled_from([None, {0: (0, 2)}]),
)
def test_csr(seed, n_features, binary, dtype, bounds):
    rng = np.random.RandomState(seed)
    X = rng.randint(1, 2 if binary else 9, (N_ROWS, n_features))
    X = (X * (rng.rand(N_ROWS, n_features) < 0.4)).astype(dtype)
    weights = 2 * rng.randn(n_features)

    class Linear:
        classes_ = np.array([0, 1])

        def predict_proba(self, X):
            assert sparse.issparse(X)
            p = expit(X @ weights - 1)
            return np.column_stack([1 - p, p])

    rows, y = np.arange(N_SOURCES), rng.randint(0, 2, N_ROWS)
    held = [n_features - 1] if n_features > 1 else None
    generator = QuintessentialGenerator(
        alpha=0.3, immutable_features=held, bounds=bounds
    )
    S = sparse.csr_array(X)
    made = generator.generate(
        Linear(), S[:N_SOURCES], y[:N_SOURCES], S[N_SOURCES:], y[N_SOURCES:]
    )
    new, good = made.X_pseudo, made.success
    assert new.format == "csr"
    assert new.dtype == dtype
    assert np.array_equal(S.toarray(), X)
    p_old, p_new = (
        Linear().predict_proba(Z)[rows, y[:N_SOURCES]] for Z in (S[:N_SOURCES], new)
    )
    target = np.minimum(p_old + 0.3 * (1 - p_old), 1 - 1e-6)
    assert (p_new >= target - 1e-12)[good].all()
    dense = new.toarray()
    if held:
        assert np.array_equal(dense[:, -1], X[:N_SOURCES, -1])
    if binary:
        assert set(np.unique(dense)) <= {0, 1}
    if bounds:
        moved = dense[:, 0] != X[:N_SOURCES, 0]
        assert (dense[moved, 0] >= 0).all()
        assert (dense[moved, 0] <= 2).all()
    real = {tuple(row) for row in X[N_SOURCES:].tolist()}
    for row in np.flatnonzero(good):
        assert tuple(dense[row].tolist()) not in real
        assert dense[row].tolist() != X[row].tolist()


@settings(max_examples=40, deadline=None)
@given(problems())
def test_interpolation_keeps_the_same_promises(problem):
    frame, y, _, generator = problem
    X, X_pool = frame.iloc[:N_SOURCES], frame.iloc[N_SOURCES:]
    made = InterpolationGenerator(
        n_neighbors=3, immutable_features=generator.immutable_features
    ).generate(None, X, y[:N_SOURCES], X_pool, y[N_SOURCES:], random_state=0)
    new, old = made.X_pseudo, X.reset_index(drop=True)
    assert list(new.dtypes) == list(frame.dtypes)
    assert (new.isna() == old.isna()).all(axis=None)
    for name in [*(generator.immutable_features or []), "date"]:
        if name in new:
            assert (new[name] == old[name])[old[name].notna()].all()
    real, own, fresh = set(_cells(X_pool)), _cells(old), _cells(new)
    for row in np.flatnonzero(made.success):
        assert fresh[row] not in real
        assert fresh[row] != own[row]


@pytest.mark.parametrize("method", ["segment", "swap"])
def test_a_whole_table_of_categories_can_move(method):
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(rng.choice(list("abc"), (300, 8))).rename(columns=str)
    frame = frame.astype("category")
    y = np.where((frame == "a").sum(axis=1) >= 3, "yes", "no")
    teacher = Weigher(np.ones(8), None, frame)
    made = QuintessentialGenerator(alpha=0.1, method=method).generate(
        teacher, frame[:100], y[:100], frame[100:], y[100:]
    )
    assert made.success.mean() > 0.9
