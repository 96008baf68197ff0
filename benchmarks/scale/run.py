"""How a fit grows with rows, columns, members, classes and sites.

Synthetic tables: cost does not depend on what the numbers mean. Members are cheap and
linear in rows (naive Bayes, a tree of depth 8, logistic regression by stochastic
gradient), all parameters are defaults. Every fit is a process of its own with one
thread: CPU time of `fit`, and the peak of resident memory above what the process took
with the table in it. `StackingClassifier(cv=5)` with the same members beside it (not
for sites). Slopes are of log(time) and log(memory) against log(size) from the middle
size on, since small tables cost what any fit costs: 1 is linear.

    python benchmarks/scale/run.py           # to a million rows, 100 sites: hours
    python benchmarks/scale/run.py rows sites
    python benchmarks/scale/run.py --quick
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from options import check_known, output_file, positive
from runs import run_all, versions_of
from tables import markdown

BASE = {"rows": 10_000, "columns": 20, "members": 3, "classes": 2, "sites": 0}
AXES = {
    "rows": [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000],
    "columns": [10, 30, 100, 300, 1000],
    "members": [2, 3, 5, 10, 20],
    "classes": [2, 5, 10, 30, 100],
    "sites": [2, 5, 10, 30, 100],
}
MODELS = ["gate", "no gate", "stacking"]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(axis, size, model):
    """One fit in a process of its own."""
    case = BASE | {axis: size, "model": model}
    program = Path(__file__).with_name("fit_once.py")
    done = subprocess.run(
        [sys.executable, program, json.dumps(case)],
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["killed"]
        found = {"failed": last[0]}
    else:
        found = json.loads(done.stdout)
    return {"axis": axis, "size": size, "model": model} | found


def key_of(record):
    """What a record is about."""
    return record["axis"], record["size"], record["model"]


def is_result(record):
    """Whether a line of a file is one of ours."""
    return {"axis", "size", "model"} <= set(record)


# --- the report -----------------------------------------------------------------------


def slope(sizes, values):
    """Slope of log(values) against log(sizes), from the middle size on."""
    half = (len(sizes) - 1) // 2
    x, y = np.log(sizes[half:]), np.log(np.maximum(values[half:], 1e-3))
    return np.polyfit(x, y, 1)[0] if len(x) > 1 else np.nan


def report(records):
    """A table in Markdown for each axis."""
    parts = [versions_of(records)]
    for axis in AXES:
        found = {key_of(r)[1:]: r for r in records if r["axis"] == axis}
        if found:
            parts.append(f"### {axis}\n\n{_table(axis, found)}\n\n{_slopes(found)}")
    return "\n\n".join(parts)


def _table(axis, found):
    head = [axis, "fit, s", "times stacking's", "without a gate", "memory, MiB"]
    head += ["times the table's", "stacking's", "samples kept"]
    rows = []
    for size in sorted({size for size, _ in found}):
        gate, free, stack = (found.get((size, model), {}) for model in MODELS)
        if "failed" in gate:
            rows.append([f"{size:,}", gate["failed"], *[""] * 6])
            continue
        times, without = (_ratio(one, stack) for one in (gate, free))
        memory = f"{stack['memory']:.0f}" if "memory" in stack else ""
        rows.append(
            [
                *(f"{size:,}", f"{gate['seconds']:.1f}", times, without),
                *(f"{gate['memory']:.0f}", f"{gate['memory'] / gate['table']:.1f}"),
                *(memory, f"{gate['samples']:,}"),
            ]
        )
    return markdown(head, rows)


def _ratio(one, other):
    if "seconds" in one and "seconds" in other:
        return f"{one['seconds'] / other['seconds']:.2f}"
    return ""


def _slopes(found):
    done = sorted(s for s, m in found if m == "gate" and "seconds" in found[s, m])
    values = {
        name: slope(np.array(done), np.array([found[s, "gate"][key] for s in done]))
        for key, name in (("seconds", "time"), ("memory", "memory"))
    }
    return ", ".join(f"slope of {name} {value:.2f}" for name, value in values.items())


def main():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("axes", nargs="*", help=f"of {', '.join(AXES)}; default: all")
    parser.add_argument("--out", type=output_file, default=Path("scale.jsonl"))
    parser.add_argument("--max-rows", type=positive, help="leave out larger tables")
    parser.add_argument("--quick", action="store_true", help="the two least sizes")
    arguments = parser.parse_args()
    check_known(parser, arguments.axes, AXES)
    tasks = [
        (axis, size, model)
        for axis in arguments.axes or AXES
        for size in AXES[axis][: 2 if arguments.quick else None]
        for model in MODELS
        if (axis, model) != ("sites", "stacking")
        and (axis != "rows" or size <= (arguments.max_rows or np.inf))
    ]
    # one after the other: they would compete for memory
    print(report(run_all(parser, run, tasks, arguments.out, 1, is_result, key_of)))


if __name__ == "__main__":
    main()
