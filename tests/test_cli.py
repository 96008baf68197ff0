"""The command line."""

import json
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import train_test_split

from sklearn_coopkd.__main__ import main


@pytest.fixture
def csv(tmp_path):
    """A small table with numbers, categories, missing cells and an empty column."""
    rng = np.random.RandomState(0)
    n = 160
    frame = pd.DataFrame(
        {
            "age": rng.randint(18, 80, n).astype(float),
            "town": rng.choice(["Lyon", "Rome", "Oslo"], n),
            "member": rng.rand(n) < 0.5,
            "empty": np.nan,
            "income": rng.rand(n) * 1000,
        }
    )
    buys = frame["income"] + 300 * (frame["town"] == "Rome") + rng.randn(n) * 200 > 600
    frame["buys"] = np.where(buys, "yes", "no")
    frame.loc[::9, "age"] = np.nan
    frame.loc[::11, "town"] = None
    frame.loc[3, "buys"] = None
    path = tmp_path / "shop.csv"
    frame.to_csv(path, index=False)
    return path


def test_bundled_table(capsys):
    assert main(["--members", "logistic,tree"]) == 0
    captured = capsys.readouterr()
    for text in (
        "training rows",
        "logistic",
        "tree",
        "Who taught whom",
        "VotingClassifier",
        "StackingClassifier",
        "CooperativeDistiller",
        "fit s",
    ):
        assert text in captured.out
    assert "fitting StackingClassifier" in captured.err
    assert "\x1b" not in captured.err  # no terminal: plain lines


def test_json_of_a_csv_and_the_saved_distiller(csv, tmp_path, capsys):
    saved = tmp_path / "model.joblib"
    command = [str(csv), "--target", "buys", "--members", "logistic,tree,bayes"]
    command += ["--json", "--save", str(saved), "--seed", "3", "--test-size", "0.3"]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "left out, without 'buys': 1 of " in captured.err
    report = json.loads(captured.out)
    assert report["n_train"] + report["n_test"] == 159
    assert report["n_columns"] == 4
    assert "not used, empty: 'empty'" in captured.err
    assert "taken as categories: 'town'" in captured.err
    assert report["classes"] == ["no", "yes"]
    assert list(report["members"]) == ["logistic", "tree", "bayes"]
    assert list(report["transfer"]) == list(report["members"])
    assert set(report["combined"]) == {
        "VotingClassifier",
        "StackingClassifier",
        "CooperativeDistiller",
    }
    distiller = joblib.load(saved)
    kept = [list(row.values()) for row in report["transfer"].values()]
    assert kept == distiller.transfer_matrix_.tolist()  # teachers first
    assert distiller.verbose == 0
    rows = pd.read_csv(csv).drop(columns="buys")  # all others, as they are
    assert set(distiller.predict(rows)) == {"yes", "no"}
    assert set(tmp_path.iterdir()) == {csv, saved}  # no temporary file is left
    assert f"saved: {saved}" in captured.err
    assert saved.stat().st_mode == csv.stat().st_mode
    main(command)
    again = json.loads(capsys.readouterr().out)
    assert again["transfer"] == report["transfer"]
    for kind in ("before", "after"):
        assert [m[kind]["log_loss"] for m in again["members"].values()] == [
            m[kind]["log_loss"] for m in report["members"].values()
        ]


def test_numeric_labels(tmp_path, capsys):
    X, y = load_wine(return_X_y=True, as_frame=True)
    X.assign(kind=y).to_csv(tmp_path / "wine.csv", index=False)
    command = [str(tmp_path / "wine.csv"), "--target", "kind", "--json"]
    assert main([*command, "--members", "logistic,bayes"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (["None", "NA", "yes"], ["NA", "None", "yes"]),  # words that pandas leaves out
        (["01", "1", "2"], ["01", "1", "2"]),
        (["1.0", "2.0", ""], ["1", "2"]),
        (["1", "2", "NA"], ["1", "2"]),  # in a column of numbers: missing
        (["True", "False"], ["False", "True"]),
        (["a", "b", ""], ["a", "b"]),
        (["a", "b", " "], ["a", "b"]),
    ],
    ids=str,
)
def test_labels_are_taken_as_they_are_written(written, found, tmp_path, capsys):
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"x": rng.rand(90), "y": np.resize(written, 90)})
    table.to_csv(tmp_path / "table.csv", index=False)
    command = [str(tmp_path / "table.csv"), "--target", "y", "--json"]
    assert main([*command, "--members", "bayes,tree"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == found


def test_words_for_nothing_that_are_a_class_are_told(tmp_path, capsys):
    table = pd.DataFrame({"x": np.arange(60) % 7, "y": np.resize(["yes", "NA"], 60)})
    table.to_csv(tmp_path / "table.csv", index=False)
    assert (
        main([str(tmp_path / "table.csv"), "--target", "y", "--members", "bayes,tree"])
        == 0
    )
    assert "taken as a class: 'NA', 30 rows" in capsys.readouterr().err


def test_padded_numbers_can_be_predicted_from_a_stream(tmp_path):
    """A stream can be read once."""
    rows = "".join(f"{k % 7},{k % 60:03}\n" for k in range(120))
    command = [sys.executable, "-m", "sklearn_coopkd", "/dev/stdin", "--target", "y"]
    command += ["--members", "ridge,tree", "--json", "--task", "regression"]
    done = subprocess.run(command, input=f"x,y\n{rows}", capture_output=True, text=True)
    assert json.loads(done.stdout)["task"] == "regression"


@pytest.mark.parametrize("decimals", [2, 0])
def test_numbers_with_fractions_or_many_values_are_predicted_as_such(
    decimals, csv, tmp_path, capsys
):
    table = pd.read_csv(csv)
    table["income"] = table["income"].round(decimals)
    table.to_csv(csv, index=False)
    saved = tmp_path / "model.joblib"
    command = [str(csv), "--target", "income", "--members", "ridge,tree"]
    assert main([*command, "--json", "--save", str(saved)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["task"] == "regression"
    assert report["classes"] is None
    assert set(report["combined"]) == {
        "VotingRegressor",
        "StackingRegressor",
        "CooperativeDistillerRegressor",
    }
    distiller = joblib.load(saved)
    _, test = train_test_split(np.arange(len(table)), test_size=0.25, random_state=0)
    rows = table.loc[test]
    predicted = distiller.predict(rows.drop(columns="income"))
    error = np.sqrt(np.mean((predicted - rows["income"]) ** 2))
    found = report["combined"]["CooperativeDistillerRegressor"]["rmse"]
    assert found == pytest.approx(error)
    assert main(command) == 0
    assert "RMSE" in capsys.readouterr().out


def test_bundled_table_of_numbers(capsys):
    assert main(["--task", "regression", "--members", "ridge,tree"]) == 0
    assert "diabetes" in capsys.readouterr().out


def bad(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv", "--target", "y"], "cannot read none.csv"),
        (["{csv}"], "--target must name the column"),
        (["--target", "y"], "--target needs a TABLE.csv"),
        (["--drop", "y"], "--drop needs a TABLE.csv"),
        (["--sep", ";"], "--sep needs a TABLE.csv"),
        (["--seed", "-1"], "--seed must be 0 to"),
        (["{csv}", "--target", "buys", "--sep", ""], "--sep must be one character"),
        (
            ["{csv}", "--target", "buys", "--drop", "age,zzz"],
            "is the target. The columns are: 'age', 'town'",
        ),
        (["{semicolons}", "--target", "y"], "Is --sep another than ','?"),
        (["{csv}", "--target", "zzz"], "'zzz' is not a column"),
        (["{csv}", "--target", "income", "--task", "classification"], "class labels"),
        (["{csv}", "--target", "buys", "--task", "regression"], "finite numbers"),
        (["{csv}", "--target", "income", "--members", "bayes"], "unknown 'bayes'"),
        (["{short}", "--target", "y"], "leaves 2 of 3 rows to train on, and 15"),
        (["{csv}", "--target", "empty"], "missing in every row"),
        (["{csv}", "--target", "buys", "--members", "oracle"], "unknown 'oracle'"),
        (["{csv}", "--target", "buys", "--members", ","], "at least two different"),
        (["{csv}", "--target", "buys", "--members", "tree"], "got 'tree'"),
        (["{csv}", "--target", "buys", "--members", "tree,tree"], "two different"),
        (["{csv}", "--target", "buys", "--decimal", ","], "another than --sep ','"),
        (["{csv}", "--target", "buys", "--decimal", "1"], "must be one mark"),
        (["--decimal", ","], "--decimal needs a TABLE.csv"),
        (["{header}", "--target", "y"], "a header, but no rows"),
        (["{csv}", "--target", "buys", "--test-size", "2"], "between 0 and 1; got 2.0"),
        (["{csv}", "--target", "buys", "--test-size", "0.999"], "fewer than one row"),
        (["{csv}", "--target", "income", "--test-size", "0.95"], "15 are needed"),
        (["{csv}", "--target", "buys", "--save", "/no/such/x"], "folder that exists"),
        (["{csv}", "--target", "buys", "--save", "{csv}"], "not replace the table"),
        (["{csv}", "--target", "buys", "--save", "/dev/full"], "got the device"),
        (["{ragged}", "--target", "y"], "Is --sep another than ','"),
        (["{blank}", "--target", "y"], "cannot read"),
        (["{lonely}", "--target", "y"], "no column besides"),
        (["{same}", "--target", "y"], "one whose values differ"),
        (["{endless}", "--target", "y"], "column 'x' of"),
        (["{dots}", "--target", "y", "--task", "regression"], "got '1.234,5'"),
        (["{rare}", "--target", "y"], "class c has 1"),
        (["{single}", "--target", "y"], "at least 2 classes; got 1"),
        (["{binary}", "--target", "y"], "not written in UTF-8. Save it so"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_code_2(arguments, message, csv, tmp_path, capsys):
    (tmp_path / "binary.csv").write_bytes(bytes(range(128, 256)) * 10)
    files = {
        "csv": str(csv),
        "header": bad(tmp_path, "header.csv", "x,y\n"),
        "blank": bad(tmp_path, "blank.csv", ""),
        "ragged": bad(tmp_path, "ragged.csv", "x;y\n" + "1,5;a\n2;b\n3,5,7;c\n" * 9),
        "lonely": bad(tmp_path, "lonely.csv", "y\n" + "a\nb\n" * 20),
        "same": bad(tmp_path, "same.csv", "x,y,z\n" + "1,a,\n1,b,\n" * 20),
        "endless": bad(tmp_path, "endless.csv", "x,y\n" + "inf,a\n1,b\n" * 20),
        "semicolons": bad(tmp_path, "semicolons.csv", "x;y\n" + "1;a\n2;b\n" * 20),
        "dots": bad(tmp_path, "dots.csv", "x,y\n1,2.5\n" + '2,"1.234,5"\n' * 20),
        "short": bad(tmp_path, "short.csv", "x,y\n1,0.5\n2,1.5\n3,2.5\n"),
        "single": bad(tmp_path, "single.csv", "x,y\n" + "1,a\n2,a\n" * 20),
        "rare": bad(tmp_path, "rare.csv", "x,y\n" + "1,a\n2,b\n" * 20 + "3,c\n"),
        "binary": str(tmp_path / "binary.csv"),
    }
    assert main([argument.format(**files) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("sklearn_coopkd: error: ")
    assert message in last
    assert "Traceback" not in captured.err


def test_columns_that_only_name_rows_are_told_and_can_be_dropped(tmp_path, capsys):
    rng = np.random.RandomState(0)
    names = [f"p {k}" for k in range(60)]
    frame = pd.DataFrame({"id": np.arange(60), "who am I": names, "x": rng.randn(60)})
    frame["y"] = np.where(frame["x"] > 0, "a", "b")
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False, sep=";")
    command = [str(path), "--target", "y", "--sep", ";", "--members", "tree,bayes"]
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "every row has its own 'id': " in told
    assert "with --drop 'who am I'" in told
    assert "its own 'x'" not in told
    assert main([*command, "--drop", "id, who am I", "--json"]) == 0
    captured = capsys.readouterr()
    assert "every row has its own" not in captured.err
    assert json.loads(captured.out)["n_columns"] == 1


@pytest.fixture
def orders():
    """Numbers, days and a price, to be written in many ways."""
    rng = np.random.RandomState(0)
    days = pd.date_range("2020-01-01", periods=100).strftime("%d/%m/%Y")
    return pd.DataFrame(
        {
            "x": rng.randn(160).round(2),
            "x.1": rng.randn(160),
            "day": rng.permutation([*days, *days[:60]]),
            "price": rng.rand(160).round(2),
        }
    )


def told_of(frame, path, capsys, *arguments, **written):
    """What is told of a table that is written in some way; the table cannot be used."""
    frame.to_csv(path, index=False, **{"sep": ";"} | written)
    command = [str(path), "--target", "price", "--sep", ";", "--task", "regression"]
    main([*command, "--members", "tree,ridge", *arguments])
    return capsys.readouterr().err


def test_columns_that_may_be_meant_otherwise_are_told(orders, tmp_path, capsys):
    path = tmp_path / "orders.csv"
    told = told_of(orders.assign(**{"price.1": 1.5}), path, capsys)
    assert "'x.1' may be a second column of the name 'x'" in told
    assert "'price.1' may be a second column of the name 'price'" in told
    assert "'day' has 100 different texts" in told
    told = told_of(orders, path, capsys, decimal=",")
    for name in ("x", "x.1", "price"):
        assert f"'{name}' holds fractions after ',': use --decimal ','" in told
        assert f"every row has its own '{name}'" not in told
    told = told_of(orders, path, capsys, "--decimal", ",")
    assert "'x' holds fractions after '.': leave out --decimal" in told
    words = orders.assign(x=orders["x"].astype(str))
    words.loc[3, "x"] = "n/k"
    told = told_of(words, path, capsys)
    assert "'x' holds numbers and 'n/k': numbers alone are used" in told


@pytest.mark.parametrize(
    ("form", "arguments", "told"),
    [
        ("{:,.2f}", [], "'price' marks thousands: write its numbers without marks"),
        ("{:,.0f}", [], "without marks; or, if these are fractions, use --decimal ','"),
        ("{:_.0f}", [], "must hold finite numbers for --task regression; got "),
    ],
)
def test_marks_between_thousands_are_told(
    form, arguments, told, orders, tmp_path, capsys
):
    orders["price"] = ((orders["price"] + 1) * 1e5).map(form.format)
    assert told in told_of(orders, tmp_path / "orders.csv", capsys, *arguments)


def test_the_same_table_written_with_decimal_commas(orders, tmp_path, capsys):
    path = tmp_path / "orders.csv"
    command = [str(path), "--target", "price", "--members", "tree,ridge", "--json"]
    before = []
    for written, arguments in (
        ({}, []),
        ({"sep": ";", "decimal": ","}, ["--sep", ";", "--decimal", ","]),
    ):
        orders.to_csv(path, index=False, **written)
        assert main([*command, *arguments]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["task"] == "regression"
        before.append([m["before"]["rmse"] for m in report["members"].values()])
    assert before[0] == before[1]


class Fails(DummyClassifier):
    def fit(self, *args, **kwargs):
        raise ValueError("No luck.")


def test_a_member_that_fails_is_named(csv, monkeypatch, capsys):
    members = [("lucky", DummyClassifier()), ("unlucky", Fails())]
    monkeypatch.setattr("sklearn_coopkd.__main__.make_members", lambda *_: members)
    assert main([str(csv), "--target", "buys"]) == 2
    assert "No luck. Raised by the member 'unlucky'." in capsys.readouterr().err


def test_as_a_module():
    command = [sys.executable, "-m", "sklearn_coopkd", "--test-size", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "invalid float value" in done.stderr


def test_csv_without_pandas(csv, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert main([str(csv), "--target", "buys"]) == 2
    assert "pip install pandas" in capsys.readouterr().err
