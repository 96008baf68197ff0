"""The direction of imports: data flows one way."""

import ast
from pathlib import Path

import pytest

import sklearn_coopkd

PACKAGE = Path(sklearn_coopkd.__file__).parent

# Who may import whom. A stage (deficiency, peers, generators) sees leaves alone.
LEAVES = {
    "_calibration",
    "_codec",
    "_columns",
    "_compat",
    "_containers",
    "_points",
    "_reports",
    "_responses",
    "_warning",
}
ALLOWED = {
    "_calibration": set(),
    "_compat": set(),
    "_containers": {"_compat"},
    "_reports": set(),
    "_columns": {"_containers"},
    "_codec": {"_columns", "_containers"},
    "_points": {"_columns"},
    "_responses": {"_containers"},
    "_pool": {"_calibration"},
    "_soft_labels": {"_calibration", "_pool"},
    "_deficiency": LEAVES,
    "_peers": LEAVES,
    "generators": LEAVES | {"generators"},
    "_sites": set(),
    "_folds": {"_sites", "_warning"},
    "_warning": set(),
    "_lessons": LEAVES,
    "_scoring": LEAVES | {"_tasks"},
    "_tasks": LEAVES | {"_lessons", "_pool", "_soft_labels"},
    "_fitting": LEAVES | {"_lessons", "_tasks"},
    # the loop is handed generator and strategies: it imports neither's module
    "_progress": set(),
    "_problem": {"_folds", "_progress", "_scoring", "_sites", "_tasks"},
    "_models": {"_fitting", "_folds", "_problem"},
    "_gate": LEAVES | {"_fitting", "_folds", "_models", "_problem"},
    "_plan": LEAVES | {"_deficiency", "_problem", "_soft_labels"},
    "_generation": LEAVES | {"_fitting", "_lessons", "_problem", "_soft_labels"},
    "_lesson_maker": LEAVES
    | {"_fitting", "_folds", "_generation", "_lessons", "_plan", "_problem"},
    "_rounds": LEAVES
    | {"_fitting", "_folds", "_gate", "_generation", "_lesson_maker", "_lessons"}
    | {"_models", "_plan", "_problem"},
    "_final": LEAVES | {"_pool"},
    "_combination": LEAVES | {"_problem", "_rounds"},
    "_distiller": LEAVES
    | {
        "_combination",
        "_rounds",
        "_problem",
        "_progress",
        "_fitting",
        "_folds",
        "_scoring",
    }
    | {"_representation", "_sites", "_state", "_peers", "generators"},
    "_classifier": LEAVES | {"_distiller", "_final", "_tasks"},
    "_regressor": LEAVES | {"_distiller", "_final", "_tasks"},
    "_files": {"_containers"},
    "_saving": set(),
    "_representation": set(),
    "_state": {"_version", "_warning"},
    "_version": set(),
    "_privacy": LEAVES,
    "_transport": LEAVES | {"_lessons", "_files", "_privacy", "_saving"},
    "_exchange": LEAVES
    | {"_deficiency", "_fitting", "_folds", "_lessons", "_tasks", "_transport"}
    | {"generators"},
    "inspection": LEAVES | {"_distiller", "inspection"},
    "_members": set(),
    "__init__": {"_classifier", "_regressor", "_exchange", "_transport", "_version"}
    | {"generators"},
    "_csv": set(),
    "__main__": {"__init__", "_csv", "_members", "_saving"},
}


def _unit(path):
    """Name of a module, or of the folder it is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path):
    """Units of this package, and private scikit-learn names, that a file imports."""
    units, private = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            modules = [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [(alias.name, "") for alias in node.names]
        else:
            continue
        for module, name in modules:
            parts = module.split(".")
            if parts[0] == "sklearn_coopkd":
                units.add(parts[1] if len(parts) > 1 else "__init__")
            if parts[0] == "sklearn" and any(p.startswith("_") for p in [*parts, name]):
                private.add(f"{module}.{name}")
    return units, private


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    unit = _unit(path)
    units, _ = _imports(path)
    assert units <= ALLOWED[unit], f"{unit} must not import {units - ALLOWED[unit]}"


# Within `generators`: a generator sees the shared parts, the search those below it.
GENERATORS = {
    "_base": set(),
    "_neighbors": set(),
    "_search": {"_neighbors"},
    "_walks": {"_neighbors"},
    "_exact": {"_neighbors"},
    "_quintessential": {"_base", "_neighbors", "_search", "_walks", "_exact"},
    "_interpolation": {"_base", "_neighbors"},
    "_raw": {"_base"},
    "__init__": {"_base", "_quintessential", "_interpolation", "_raw"},
}


@pytest.mark.parametrize("path", sorted((PACKAGE / "generators").glob("*.py")))
def test_generators_do_not_import_their_siblings(path):
    tree = ast.parse(path.read_text())
    inside = "sklearn_coopkd.generators."
    found = {
        node.module.removeprefix(inside)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith(inside)
    }
    assert found <= GENERATORS[path.stem]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_private_scikit_learn_names_are_in_compat(path):
    _, private = _imports(path)
    assert not private or path.name == "_compat.py"


def test_the_reader_sees_a_forbidden_import(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text(
        "from sklearn_coopkd._rounds import run_rounds\n"
        "from sklearn.utils._tags import get_tags\n"
    )
    assert _imports(file) == ({"_rounds"}, {"sklearn.utils._tags.get_tags"})
