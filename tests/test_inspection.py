"""Displays and tables: what they draw is what the distiller has."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import make_members
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sklearn_coopkd import (
    CooperativeDistiller,
    CooperativeDistillerRegressor,
    QuintessentialGenerator,
)
from sklearn_coopkd.inspection import (
    HistoryDisplay,
    LessonDisplay,
    TransferDisplay,
    lesson_changes,
)

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def fit(X, y, **params):
    """Without a gate every lesson is kept."""
    params = {"validation": None, "combine": "vote", "random_state": 0, **params}
    return CooperativeDistiller(make_members(), **params).fit(X, y)


@pytest.fixture(scope="module")
def fitted(cancer):
    return fit(*cancer)


@pytest.fixture(scope="module")
def judged(cancer):
    return CooperativeDistiller(make_members(), max_iter=2, random_state=0).fit(*cancer)


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    members = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(random_state=0))]
    distiller = CooperativeDistillerRegressor(members, validation=None, random_state=0)
    return distiller.fit(X[:150], y[:150]), X[:150], y[:150]


# --- who taught whom ------------------------------------------------------------------


def test_the_heat_map_shows_the_transfer_matrix(fitted):
    display = TransferDisplay.from_estimator(fitted)
    shown = display.im_.get_array()
    off_diagonal = ~np.eye(3, dtype=bool)
    assert (shown.mask == ~off_diagonal).all()
    assert (shown.data[off_diagonal] == fitted.transfer_matrix_[off_diagonal]).all()
    assert fitted.transfer_matrix_[off_diagonal].any()
    for i, j in np.argwhere(off_diagonal):
        text = display.text_[i, j]
        assert text.get_text() == f"{fitted.transfer_matrix_[i, j]:,}"
        assert text.get_position() == (j, i)
    assert display.ax_.get_xlabel() == "Student"
    assert display.ax_.get_ylabel() == "Teacher"
    for labels in (display.ax_.get_xticklabels(), display.ax_.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["logistic", "tree", "bayes"]


def contrast(one, other):
    """Contrast ratio of two colours, as in WCAG 2."""

    def luminance(color):
        linear = np.where(
            np.array(color) <= 0.04045,
            np.array(color) / 12.92,
            ((np.array(color) + 0.055) / 1.055) ** 2.4,
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_numbers_stand_out_from_their_cells():
    counts = np.array([[0, 1, 1000], [500, 0, 20], [800, 300, 0]])
    display = TransferDisplay(counts, display_labels=["a", "b", "c"]).plot()
    for i, j in np.argwhere(~np.eye(3, dtype=bool)):
        background = display.im_.cmap(display.im_.norm(counts[i, j]))
        text = mpl.colors.to_rgb(display.text_[i, j].get_color())
        # what the Web Content Accessibility Guidelines ask of large text
        assert contrast(text, background[:3]) > 3


def test_parts_of_the_heat_map_can_be_left_out(fitted):
    display = TransferDisplay.from_estimator(
        fitted, include_values=False, colorbar=False, cmap="cividis", im_kw={"vmax": 7}
    )
    assert display.text_ is None
    assert display.figure_.axes == [display.ax_]
    assert display.im_.get_cmap().name == "cividis"
    assert display.im_.norm.vmax == 7
    logarithmic = {"norm": mpl.colors.LogNorm(1, 1000)}
    TransferDisplay.from_estimator(fitted, im_kw=logarithmic)


@pytest.mark.parametrize("display", [TransferDisplay, LessonDisplay])
def test_a_picture_is_drawn_where_it_is_asked_for(display, fitted, cancer):
    figure, axes = plt.subplots(1, 2)
    data = () if display is TransferDisplay else cancer
    drawn = display.from_estimator(fitted, *data, ax=axes[1])
    assert drawn.ax_ is axes[1]
    assert drawn.figure_ is figure
    assert not axes[0].has_data()


# --- what each student gained ---------------------------------------------------------


def record(round_, student, before, after, accepted, taught=5):
    return {
        "taught": taught,
        "round": round_,
        "student": student,
        "score_before": before,
        "score_after": after,
        "accepted": accepted,
    }


HISTORY = [
    record(1, "a", 0.5, 0.7, True),
    record(1, "b", 0.4, 0.3, False),
    record(1, "c", 0.9, np.nan, False, taught=0),
    record(2, "a", 0.7, 0.6, False),
    record(2, "b", 0.4, 0.8, True),
    record(2, "c", 0.9, np.nan, False),
]


def lines_of(panel):
    """The kept line, and the crosses, of a panel."""
    crosses = [
        tuple(np.concatenate(line.get_data()).tolist())
        for line in panel.lines
        if line.get_marker() == "x"
    ]
    (kept,) = [line for line in panel.lines if line.get_marker() == "o"]
    x, y = map(np.asarray, kept.get_data())
    return list(zip(x.tolist(), y.tolist())), crosses


def test_the_line_goes_through_what_was_kept():
    display = HistoryDisplay(HISTORY, score_name="accuracy").plot()
    a, b, c = display.axes_
    assert lines_of(a) == ([(0, 0.5), (1, 0.7), (2, 0.7)], [(2, 0.6)])
    assert lines_of(b) == ([(0, 0.4), (1, 0.4), (2, 0.8)], [(1, 0.3)])
    # nobody taught it in round 1; in round 2 it was refused without a score
    assert lines_of(c) == ([(0, 0.9), (1, 0.9), (2, 0.9)], [(2, 0.9)])
    assert [panel.get_title() for panel in display.axes_] == ["a", "b", "c"]
    assert a.get_ylabel() == "accuracy\n(a scale for each)"
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["kept", "refused"]


def test_the_history_of_a_fit(judged):
    display = HistoryDisplay.from_estimator(judged, max_columns=2)
    assert display.axes_[0].get_ylabel() == "neg_log_loss\n(a scale for each)"
    last = {
        panel.get_title(): lines_of(panel)[0][-1][1] for panel in display.axes_.flat
    }
    assert last == dict(zip(["logistic", "tree", "bayes"], judged.scores_.tolist()))
    columns = {panel.get_subplotspec().colspan.start for panel in display.axes_}
    assert columns == {0, 1}


def test_the_history_fits_into_given_axes():
    figure, axes = plt.subplots(1, 2, figsize=(7, 3))
    display = HistoryDisplay(HISTORY).plot(ax=axes[1])
    assert display.figure_ is figure
    outside = axes[1].get_position()
    for panel in display.axes_:
        box = panel.get_position()
        assert box.x0 >= outside.x0 - 1e-9
        assert box.x1 <= outside.x1 + 1e-9
    columns = {panel.get_subplotspec().colspan.start for panel in display.axes_}
    assert columns == {0}  # two side by side would not be legible
    free = figure.add_axes([0.1, 0.1, 0.8, 0.8])
    assert len(HistoryDisplay(HISTORY).plot(ax=free).axes_) == 3


def test_without_a_judge_there_is_no_history(fitted, cancer):
    with pytest.raises(ValueError, match="the fit had no gate"):
        HistoryDisplay.from_estimator(fitted)
    X, y = cancer
    none = CooperativeDistiller(make_members(), max_iter=0, random_state=0).fit(X, y)
    with pytest.raises(
        ValueError, match="`history` is empty: `estimator` ran no round"
    ):
        HistoryDisplay.from_estimator(none)


def test_who_was_not_taught_has_no_cross(cancer):
    X, y = cancer
    members = [("one", GaussianNB()), ("other", GaussianNB())]
    same = CooperativeDistiller(members, random_state=0, deficiency="error").fit(X, y)
    assert same.termination_condition_ == "nothing_to_teach"
    assert all(r["deficient"] > 0 == r["taught"] for r in same.history_)
    for panel in HistoryDisplay.from_estimator(same).axes_:
        kept, crosses = lines_of(panel)
        assert kept == [(0, same.scores_[0]), (1, same.scores_[0])]
        assert crosses == []


# --- the samples of a lesson ----------------------------------------------------------


def test_two_columns_span_the_picture(fitted, cancer):
    X, y = cancer
    display = LessonDisplay.from_estimator(
        fitted, X, y, student="tree", teacher="logistic", features=(4, 1)
    )
    kept = fitted.pseudo_samples_.tree
    of_teacher = kept.teacher == "logistic"
    assert of_teacher.sum() == fitted.transfer_matrix_[0, 1] > 0
    assert (display.rows == X[:, [4, 1]]).all()
    assert (display.samples == kept.X[of_teacher][:, [4, 1]]).all()
    assert (display.sources == X[kept.source[of_teacher]][:, [4, 1]]).all()
    teacher = fitted.initial_estimators_[0]
    both = np.concatenate([X, kept.X[of_teacher]])
    assert (display.answers == teacher.predict(both)).all()
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("4", "1")
    assert display.ax_.get_title().startswith("logistic teaches tree: ")


def test_components_are_those_of_standardized_columns(fitted, cancer):
    X, y = cancer
    display = LessonDisplay.from_estimator(fitted, X, y)
    scaler = StandardScaler().fit(X)
    pca = PCA(2).fit(scaler.transform(X))
    expected = pca.transform(scaler.transform(X))
    signs = np.sign((expected * display.rows).sum(axis=0))
    np.testing.assert_allclose(display.rows * signs, expected, atol=1e-9)
    share = pca.explained_variance_ratio_[0]
    assert display.axis_names[0] == f"Principal component 1 ({share:.0%})"


def test_the_largest_lesson_is_the_default(fitted, cancer):
    display = LessonDisplay.from_estimator(fitted, *cancer)
    names = ["logistic", "tree", "bayes"]
    i, j = names.index(display.teacher), names.index(display.student)
    assert fitted.transfer_matrix_[i, j] == fitted.transfer_matrix_.max()
    display = LessonDisplay.from_estimator(fitted, *cancer, student="bayes")
    i = names.index(display.teacher)
    assert fitted.transfer_matrix_[i, 2] == fitted.transfer_matrix_[:, 2].max()


def test_at_most_so_many_samples_are_drawn(fitted, cancer):
    display = LessonDisplay.from_estimator(fitted, *cancer, max_samples=3)
    n = fitted.transfer_matrix_.max()
    assert display.ax_.get_title().endswith(f": 3 of {n} samples")
    assert len(display.ax_.texts) == 3  # an arrow each
    for arrow in display.ax_.texts:
        row = np.flatnonzero((display.sources == arrow.xyann).all(axis=1))
        assert (display.samples[row] == arrow.xy).all(axis=1).any()


def test_the_background_is_what_the_teacher_says():
    rng = np.random.RandomState(0)
    rows = rng.uniform(-1, 1, (400, 2))
    said = np.where(rows[:, 0] > 0, "right", "left")
    display = LessonDisplay(
        rows=rows,
        y=said,
        sources=np.array([[-1.0, -1.0]]),
        samples=np.array([[1.0, 1.0]]),
        y_samples=np.array(["left"]),
        answers=np.append(said, "right"),
        student="s",
        teacher="t",
        axis_names=("x", "y"),
        classes=np.array(["left", "right"]),
    ).plot()
    (image,) = display.ax_.images
    colors = np.asarray(image.get_array())
    middle = colors.shape[1] // 2
    assert (colors[:, : middle - 20] == colors[0, 0]).all()
    assert (colors[:, middle + 20 :] == colors[0, -1]).all()
    assert (colors[0, 0] != colors[0, -1]).any()
    low, high = display.ax_.get_xlim()
    assert (image.get_extent()[0], image.get_extent()[1]) == (low, high)


def test_many_classes_and_one_column():
    X = np.linspace(0, 1, 240)[:, None] + np.random.RandomState(0).normal(
        0, 0.02, (240, 1)
    )
    y = np.repeat(np.arange(8), 30)
    members = [
        ("tree", DecisionTreeClassifier(max_depth=2, random_state=0)),
        ("bayes", GaussianNB()),
    ]
    distiller = CooperativeDistiller(members, validation=None, random_state=0).fit(X, y)
    display = LessonDisplay.from_estimator(distiller, X, y)
    assert (display.rows[:, 1] == 0).all()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["source row", "sample", *map(str, range(8))]


def test_numbers_have_a_colorbar(diabetes):
    distiller, X, y = diabetes
    display = LessonDisplay.from_estimator(distiller, X, y, teacher="ridge")
    assert len(display.figure_.axes) == 2
    assert display.figure_.axes[1].get_ylabel() == "y (pale: teacher's answer)"
    ridge = distiller.initial_estimators_[0]
    assert (display.answers[:150] == ridge.predict(X)).all()


def test_a_teacher_is_asked_about_the_columns_that_it_sees(cancer):
    X, y = cancer
    distiller = fit(X, y, views={"logistic": [0, 1]})
    display = LessonDisplay.from_estimator(distiller, X, y, teacher="logistic")
    said = distiller.initial_estimators_[0].predict(X[:, :2])
    assert (display.answers[: len(X)] == said).all()


# --- any container --------------------------------------------------------------------


def mixed_table():
    """A frame of numbers with gaps, integers, booleans and categories."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    rng = np.random.RandomState(0)
    X.columns = ["a", "b", "c", "d"]
    X = X + rng.normal(0, 0.4, X.shape)
    X["whole"] = (10 * X.pop("d")).round().astype(int)
    X["kind"] = pd.Categorical(np.where(X["c"] + rng.normal(0, 1, 150) > 4, "x", "y"))
    X["flag"] = X["b"] > 3
    X.loc[::7, "a"] = np.nan
    return X, y.to_numpy()


def numbers_of(X):
    """What the members of a mixed table look at."""
    return np.nan_to_num(X[["a", "b", "c", "whole"]].to_numpy().astype(float))


def fit_mixed(X, y):
    members = [
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ("bayes", GaussianNB()),
    ]
    return CooperativeDistiller(
        [(n, make_pipeline(FunctionTransformer(numbers_of), m)) for n, m in members],
        validation=None,
        combine="vote",
        random_state=0,
    ).fit(X, y)


def container(kind, cancer):
    """A table, its labels, and a fitted distiller."""
    X, y = cancer
    if kind == "array":
        return X, y, fit(X, y)
    if kind == "csr":
        X = sparse.csr_array(np.where(np.abs(X) > 0.3, X, 0.0))
        members = [
            ("logistic", LogisticRegression(C=0.1)),
            ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ]
        distiller = CooperativeDistiller(
            members, validation=None, combine="vote", random_state=0
        )
        return X, y, distiller.fit(X, y)
    X, y = mixed_table()
    if kind == "polars":
        X = pl.from_pandas(X)
    return X, y, fit_mixed(X, y)


@pytest.mark.parametrize("kind", ["array", "csr", "pandas", "polars"])
def test_changes_turn_source_rows_into_samples(kind, cancer):
    X, _, distiller = container(kind, cancer)
    names = [name for name, _ in distiller.estimators]
    student = names[1]
    changes = lesson_changes(distiller, X, student=student, teacher=names[0])
    kept = distiller.pseudo_samples_[student]
    mine = np.flatnonzero(kept.teacher == names[0])
    assert len(mine)
    assert set(changes["sample"]) <= set(mine)

    def as_frame(table):
        if kind == "polars":
            return table.to_pandas()
        dense = table.toarray() if kind == "csr" else table
        return pd.DataFrame(dense)

    before, expected = as_frame(X), as_frame(kept.X)
    for sample in mine:
        row = before.iloc[[kept.source[sample]]].copy()
        of_sample = changes[changes["sample"] == sample]
        assert (of_sample["source"] == kept.source[sample]).all()
        assert (of_sample["y"] == kept.y[sample]).all()
        for change in of_sample.itertuples():
            assert row[change.column].iloc[0] == change.before
            row.loc[row.index[0], change.column] = change.after
        left, right = row.iloc[0], expected.iloc[sample]
        assert all((a == b) or (a != a and b != b) for a, b in zip(left, right))
    numbers = changes[changes["column"].isin(["a", "b", "c", "whole", *range(6)])]
    difference = numbers["after"].astype(float) - numbers["before"].astype(float)
    np.testing.assert_allclose(numbers["change"], difference)
    texts = changes[changes["column"] == "kind"]
    assert texts["change"].isna().all()


@pytest.mark.parametrize("kind", ["csr", "pandas", "polars"])
def test_lessons_of_any_container_are_drawn(kind, cancer):
    X, y, distiller = container(kind, cancer)
    display = LessonDisplay.from_estimator(distiller, X, y)
    assert np.isfinite(display.rows).all()
    assert np.isfinite(display.samples).all()
    columns = [0, 2] if kind == "csr" else ["b", "kind"]
    display = LessonDisplay.from_estimator(distiller, X, y, features=columns)
    assert display.axis_names == [str(column) for column in columns]
    if kind != "csr":
        assert (display.rows[:, 0] == X["b"].to_numpy()).all()


# --- what may be given ----------------------------------------------------------------


def test_a_pipeline_is_looked_into(cancer):
    X, y = cancer
    bare = fit(StandardScaler().fit_transform(X), y)
    pipeline = make_pipeline(StandardScaler(), bare).fit(X, y)
    one = LessonDisplay.from_estimator(pipeline, X, y)
    two = LessonDisplay.from_estimator(bare, StandardScaler().fit_transform(X), y)
    np.testing.assert_allclose(one.samples, two.samples)
    assert lesson_changes(pipeline, X).equals(
        lesson_changes(bare, StandardScaler().fit_transform(X))
    )
    assert TransferDisplay.from_estimator(pipeline).display_labels == [
        *("logistic", "tree", "bayes"),
    ]


def test_columns_out_of_a_pipeline_have_the_names_that_its_steps_give():
    X, y = load_iris(return_X_y=True, as_frame=True)
    bare = CooperativeDistiller(make_members(), validation=None, random_state=0)
    pipeline = make_pipeline(StandardScaler(), bare).fit(X, y)
    two = ["petal width (cm)", "sepal width (cm)"]
    display = LessonDisplay.from_estimator(pipeline, X, y, features=two)
    assert display.axis_names == two
    np.testing.assert_allclose(
        display.rows, StandardScaler().fit_transform(X)[:, [3, 1]]
    )
    assert set(lesson_changes(pipeline, X)["column"]) <= set(X.columns)


def test_dropped_members_are_not_shown(cancer):
    X, y = cancer
    distiller = CooperativeDistiller(
        [*make_members(), ("none", "drop")], validation=None, random_state=0
    ).fit(X, y)
    display = TransferDisplay.from_estimator(distiller)
    assert display.display_labels == ["logistic", "tree", "bayes"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda estimator, X, y: TransferDisplay.from_estimator(estimator),
        lambda estimator, X, y: HistoryDisplay.from_estimator(estimator),
        lambda estimator, X, y: LessonDisplay.from_estimator(estimator, X, y),
        lambda estimator, X, y: lesson_changes(estimator, X),
    ],
)
def test_what_is_no_fitted_distiller_is_refused(draw, cancer):
    X, y = cancer
    with pytest.raises(TypeError, match=r"must be a distiller.*got LogisticRegression"):
        draw(LogisticRegression(), X, y)
    search = GridSearchCV(CooperativeDistiller(make_members()), {"max_iter": [1]})
    with pytest.raises(TypeError, match="give `best_estimator_`"):
        draw(search, X, y)
    with pytest.raises(NotFittedError):
        draw(CooperativeDistiller(make_members()), X, y)


def test_what_does_not_fit_the_lesson_is_refused(fitted, cancer):
    X, y = cancer
    with pytest.raises(ValueError, match=r"`student` must be a member.*got 'knn'"):
        LessonDisplay.from_estimator(fitted, X, y, student="knn")
    with pytest.raises(ValueError, match=r"has kept no lesson of student='tree' teach"):
        lesson_changes(fitted, X, student="tree", teacher="tree")
    with pytest.raises(ValueError, match="must be the rows that `estimator` was fit"):
        lesson_changes(fitted, X[:5])
    with pytest.raises(ValueError, match="X has 5 features"):
        lesson_changes(fitted, X[:, :5])
    with pytest.raises(ValueError, match="labels that `estimator` was fitted with"):
        LessonDisplay.from_estimator(fitted, X, np.where(y == 1, 1, 5))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LessonDisplay.from_estimator(fitted, X, y[:50])
    for count in (0, 1.5, "a", None):
        with pytest.raises(ValueError, match="The 'max_samples' parameter of Lesson"):
            LessonDisplay.from_estimator(fitted, X, y, max_samples=count)
        with pytest.raises(ValueError, match="The 'max_columns' parameter of Histo"):
            HistoryDisplay(HISTORY).plot(max_columns=count)
    for features in ([0], [0, 0, 1], 3):
        with pytest.raises(
            ValueError, match=r"`features` must be a list of two columns"
        ):
            LessonDisplay.from_estimator(fitted, X, y, features=features)
    with pytest.raises(ValueError, match="does not have: 'age'"):
        LessonDisplay.from_estimator(fitted, X, y, features=[0, "age"])
    with pytest.raises(ValueError, match="two columns; got 0 twice"):
        LessonDisplay.from_estimator(fitted, X, y, features=[0, 0])


def test_nobody_taught_anyone(cancer):
    X, y = cancer
    none = CooperativeDistiller(make_members(), max_iter=0, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"no lesson. Nobody taught anyone; `term"):
        lesson_changes(none, X)
    display = TransferDisplay.from_estimator(none)
    assert display.text_[0, 1].get_text() == "0"


@pytest.mark.parametrize("name", ["matplotlib", "pandas"])
def test_without_an_extra_the_error_names_it(name):
    code = (
        "import sys\n"
        "from sklearn.datasets import load_iris\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "from sklearn_coopkd import CooperativeDistiller\n"
        "from sklearn_coopkd.inspection import TransferDisplay, lesson_changes\n"
        "X, y = load_iris(return_X_y=True)\n"
        "members = [('a', LogisticRegression(max_iter=999)),\n"
        "           ('b', DecisionTreeClassifier(max_depth=2))]\n"
        "distiller = CooperativeDistiller(members, validation=None).fit(X, y)\n"
        f"sys.modules[{name!r}] = None\n"
        f"if {name == 'pandas'}: lesson_changes(distiller, X)\n"
        "else: TransferDisplay.from_estimator(distiller)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("ImportError")
    assert f"pip install {name}" in ran.stderr


def test_flags_and_digits_have_no_difference():
    rng = np.random.RandomState(0)
    y = rng.randint(0, 2, 60)
    X = pd.DataFrame({f"flag{k}": (y + 3 * rng.rand(60)) > 2 for k in range(9)})
    X["code"] = (y + rng.randint(0, 3, 60)).astype(str).astype(object)
    flags = FunctionTransformer(lambda X: X.astype(float))
    members = [
        ("tree", make_pipeline(flags, DecisionTreeClassifier(max_depth=1))),
        ("bayes", make_pipeline(flags, GaussianNB())),
    ]
    distiller = CooperativeDistiller(
        members,
        generator=QuintessentialGenerator(method="swap"),
        validation=None,
        combine="vote",
        random_state=0,
    ).fit(X, y)
    changes = lesson_changes(distiller, X)
    assert len(changes)
    assert changes["change"].isna().all()


def test_sites_and_frozen_teachers(cancer):
    X, y = cancer
    y = np.array(["no", "yes"])[y]
    other_labels = np.where(y == "no", "no", "unknown")
    frozen = FrozenEstimator(LogisticRegression().fit(X, other_labels))
    members = [*make_members(), ("frozen", frozen)]
    owner = np.array(["logistic", "tree", "bayes"])[np.arange(len(y)) % 3]
    distiller = CooperativeDistiller(
        members, validation=None, combine="vote", random_state=0
    ).fit(X, y, sites=owner)
    display = LessonDisplay.from_estimator(distiller, X, y, teacher="frozen")
    assert set(display.answers) <= {"no", "yes"}
    assert len(lesson_changes(distiller, X, teacher="frozen"))
    assert TransferDisplay.from_estimator(distiller).text_[3, 0] is not None


def test_a_missing_cell_stays_where_it_is():
    X, y = mixed_table()
    X["a"] = X["a"].where(np.arange(len(X)) % 2 == 0)
    distiller = fit_mixed(X, y)
    display = LessonDisplay.from_estimator(distiller, X, y, features=["a", "b"])
    kept = distiller.pseudo_samples_[display.student]
    source = kept.source[kept.teacher == display.teacher]
    gaps = X["a"].isna().to_numpy()[source]
    assert gaps.any()
    assert (display.samples[gaps, 0] == display.sources[gaps, 0]).all()


def dated_table():
    """Categories and numbers, some missing, and a day for each row."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "color": rng.choice(["red", "green", "blue"], 120),
            "size": rng.randn(120),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(120), "D"),
        }
    )
    y = np.where(X["size"] + (X["color"] == "red") > 0.4, "up", "down")
    X.loc[:9, "color"] = None
    X.loc[10:19, "size"] = np.nan
    return X, y


def test_categories_dates_and_missing_cells_are_named_and_apart():
    X, y = dated_table()
    numbers = make_column_transformer((SimpleImputer(), ["size"]))
    colors = OneHotEncoder(handle_unknown="ignore")
    both = make_column_transformer((SimpleImputer(), ["size"]), (colors, ["color"]))
    members = [
        ("numbers", make_pipeline(numbers, DecisionTreeClassifier(max_depth=1))),
        ("both", make_pipeline(both, LogisticRegression())),
    ]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    distiller.fit(X, y)
    display = LessonDisplay.from_estimator(
        distiller, X, y, features=["color", "size"], max_samples=500
    )
    colors, sizes = display.axis_ticks
    # in the order of the alphabet, what is missing below
    assert colors == {-1.0: "missing", 0.0: "blue", 1.0: "green", 2.0: "red"}
    expected = X["color"].map({"blue": 0, "green": 1, "red": 2}).fillna(-1)
    assert np.abs(display.rows[:, 0] - expected).max() <= 0.25
    is_known = X["size"].notna().to_numpy()
    np.testing.assert_allclose(display.rows[is_known, 1], X["size"][is_known])
    assert list(sizes.values()) == ["missing"]
    assert (display.rows[~is_known, 1] == next(iter(sizes))).all()
    assert next(iter(sizes)) < X["size"].min()
    # a sample whose category stays is as far beside it as its source
    lesson = distiller.pseudo_samples_[display.student]
    mine = lesson.teacher == display.teacher
    stays = (
        lesson.X["color"][mine].fillna("").to_numpy()
        == X["color"].fillna("").to_numpy()[lesson.source[mine]]
    )
    assert stays.any()
    aside = display.samples[stays, 0] - display.sources[stays, 0]
    np.testing.assert_allclose(aside, 0.0, atol=1e-12)
    texts = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert texts == ["missing", "blue", "green", "red"]
    days = LessonDisplay.from_estimator(distiller, X, y, features=["day", "size"])
    assert list(days.axis_ticks[0].values())[:2] == ["2024-01-01", "2024-02-10"]
    np.testing.assert_allclose(np.diff(days.rows[:, 0]), 24 * 3600)


def test_other_rows_or_another_order_are_refused(cancer):
    X, y = cancer
    fitted = fit(X, y)
    turned = np.arange(len(y))[::-1]
    for draw in (lambda X: LessonDisplay.from_estimator(fitted, X, y),
                 lambda X: lesson_changes(fitted, X)):  # fmt: skip
        with pytest.raises(ValueError, match=r"`X` must be the rows .* in their order"):
            draw(X[turned])
        with pytest.raises(ValueError, match=r"`X` must be the rows .* in their order"):
            draw(X + 1)
        draw(X * (1 + 1e-12))  # as a transformer may compute it again
    with pytest.raises(
        ValueError, match=r"`y` must be what .* in the order of its row"
    ):
        LessonDisplay.from_estimator(fitted, X, y[turned])


def test_of_several_axes_one_must_be_given(fitted, cancer):
    axes = plt.subplots(1, 2)[1]
    for draw in (TransferDisplay.from_estimator, HistoryDisplay.from_estimator):
        with pytest.raises(TypeError, match=r"`ax` must be the Axes .* got ndarray"):
            draw(fitted, ax=axes)
    with pytest.raises(TypeError, match=r"`ax` must be the Axes .* got ndarray"):
        LessonDisplay.from_estimator(fitted, *cancer, ax=axes)


def test_what_the_gate_refused_is_not_called_untaught(cancer):
    X, y = cancer
    refused = CooperativeDistiller(make_members(), validation=0.3, random_state=0)
    refused.fit(X, y)
    refused.transfer_matrix_[:] = 0
    assert any(record["taught"] for record in refused.history_)
    with pytest.raises(ValueError, match="The gate refused what was taught"):
        lesson_changes(refused, X)


def test_a_picture_says_how_many_categories_it_names():
    rng = np.random.RandomState(0)
    X = pd.DataFrame({"size": rng.randn(200)})
    X["town"] = pd.Categorical([f"town {k}" for k in rng.randint(0, 20, 200)])
    y = np.where(X["size"] > 0.4, "up", "down")
    numbers = make_column_transformer(("passthrough", ["size"]))
    members = [
        ("stump", make_pipeline(numbers, DecisionTreeClassifier(max_depth=1))),
        ("bayes", make_pipeline(numbers, GaussianNB())),
    ]
    distiller = CooperativeDistiller(members, validation=None, random_state=0)
    distiller.fit(X, y)
    display = LessonDisplay.from_estimator(distiller, X, y, features=["town", "size"])
    assert display.ax_.get_xlabel() == "town (12 of 20 named)"
    assert len(display.ax_.get_xticks()) == 12
    assert display.ax_.get_ylabel() == "size"
