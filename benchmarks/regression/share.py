"""Lines of code that only regression needs, of all in the package.

    python benchmarks/regression/share.py

Lines without blanks, comments and docstrings. Modules, classes and functions that are
there for numbers alone are listed; single branches elsewhere (about one line each) are
counted by the words that mark them.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import sklearn_coopkd

# module -> its classes and functions that serve regressors alone; None: all of it
ONLY = {
    "_regressor": None,
    "_tasks": ["Regression", "as_numbers", "_not_a_number", "closeness", "_typical"],
    "_pool": ["LinearPool", "fit_linear_pool", "_least_squares", "_local_error"],
    "_final": ["LinearPoolRegressor"],
    "_soft_labels": ["LinearLabelPool"],
    "_responses": ["RegressorResponder", "numbers", "predicts_numbers"],
    "generators/_search": ["AskedRegressor"],
    "generators/_neighbors": ["classes_of_numbers"],
    "_csv": ["_numbers"],
}
BRANCH = re.compile(
    r"of_numbers|is_classification|predicts_numbers\(|(?<!Logistic)[Rr]egress"
)


def code_lines(source):
    """Numbers of the lines that hold code."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT}
    skipped |= {tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            text = body[0].value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                lines -= set(range(text.lineno, text.end_lineno + 1))
    return lines


def named(node, name):
    """Whether a statement defines a name."""
    return getattr(node, "name", None) == name


def main():
    """Count and print."""
    package = Path(sklearn_coopkd.__file__).parent
    total, only, branches = 0, {}, 0
    for path in sorted(package.rglob("*.py")):
        source = path.read_text()
        lines = code_lines(source)
        total += len(lines)
        name = str(path.relative_to(package).with_suffix(""))
        own = set()
        if name in ONLY and ONLY[name] is None:
            own = lines
        for wanted in ONLY.get(name) or []:
            (node,) = (n for n in ast.parse(source).body if named(n, wanted))
            own |= lines & set(range(node.lineno, node.end_lineno + 1))
        if own:
            only[name] = len(own)
        text = source.splitlines()
        branches += sum(bool(BRANCH.search(text[k - 1])) for k in lines - own)
    for name, count in only.items():
        print(f"{name}: {count}")
    of_all = sum(only.values()) + branches
    print(
        f"regression alone: {sum(only.values())} lines, and {branches} that name it "
        f"elsewhere, of {total}: {of_all / total:.1%}"
    )


if __name__ == "__main__":
    main()
