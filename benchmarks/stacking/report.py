"""Tables and figures of the results of `run.py`.

    python benchmarks/stacking/report.py stacking.jsonl --figures docs/images

Figures of a table are means over its folds; intervals are 95 % t-intervals of paired
differences over tables; ratios of losses and times are geometric means over tables.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from lists import DEPLOYED, LISTS
from scipy import stats

sys.path.append(str(Path(__file__).parents[1]))
from datasets import CONFIRMATION, DEVELOPMENT
from runs import read, versions_of
from tables import Results, markdown, points, ratio

BASE = "stacking"
RIVALS = ["stacking", "voting", "selection", "calibrated best", "our combiner"]
OURS = ["ours", "ours, vote", "ours, best", "ours, no gate"]
METRICS = {
    "accuracy": "accuracy, points",
    "balanced_accuracy": "balanced accuracy, points",
    "log_loss": "log-loss, ratio",
    "brier": "Brier score, ratio",
    "calibration_error": "calibration error, ratio",
}
EQUIVALENT = 0.5  # points of accuracy that make no practical difference


def is_result(record):
    """Whether a record is one of this benchmark."""
    return record.get("benchmark") == "stacking"


def compared(a, b, key):
    """Two methods in one metric."""
    return points(a, b) if METRICS[key].endswith("points") else ratio(a, b)


def better(a, b, key):
    """Tables better / worse."""
    gain = a - b if METRICS[key].endswith("points") else b - a
    return f"{(gain > 0).sum()} / {(gain < 0).sum()}"


def tests(results):
    """Ours against each rival: Wilcoxon (Holm's correction), Bayesian signed rank."""
    import baycomp
    from statsmodels.stats.multitest import multipletests

    p_values, lines = [], []
    for rival in RIVALS:
        loss, its_loss = results.methods("ours", rival, "log_loss")
        accuracy, its_accuracy = results.methods("ours", rival, "accuracy")
        for key, a, b in (
            ("log_loss", np.log(loss), np.log(its_loss)),
            ("accuracy", accuracy, its_accuracy),
        ):
            p_values.append(stats.wilcoxon(a, b).pvalue)
            lines.append([rival, key.replace("_", "-"), better(*(
                (loss, its_loss) if key == "log_loss" else (a, b)), key)])  # fmt: skip
        # worse, equivalent, better in accuracy
        chances = baycomp.SignedRankTest.probs(
            100 * its_accuracy, 100 * accuracy, rope=EQUIVALENT, random_state=0
        )
        lines[-1].append(" / ".join(f"{chance:.2f}" for chance in chances))
        lines[-2].append("")
    corrected = multipletests(p_values, method="holm")[1]
    return markdown(
        ["ours against", "metric", "tables better / worse", "p, Wilcoxon",
         "p, Holm", "rival better / equivalent / ours better"],
        [
            [*line[:3], f"{p:.2g}", f"{q:.2g}", line[3]]
            for line, p, q in zip(lines, p_values, corrected)
        ],
    )  # fmt: skip


def against_stacking(results):
    """Every method against StackingClassifier in every metric, and their cost."""
    rows = []
    for method in [*RIVALS[1:], *OURS]:
        row = [method]
        for key in METRICS:
            row.append(compared(*results.methods(method, BASE, key), key))
        row.insert(4, better(*results.methods(method, BASE, "log_loss"), "log_loss"))
        row.insert(2, better(*results.methods(method, BASE, "accuracy"), "accuracy"))
        rows.append(row + [cost(results, method, key) for key in ("fit", "predict")])
    heads = list(METRICS.values())
    return markdown(
        ["against StackingClassifier(cv=5)", heads[0], "better / worse", heads[1],
         heads[2], "better / worse", *heads[3:], "fit, CPU: median (largest)",
         "predict, CPU"],
        rows,
    )  # fmt: skip


def cost(results, method, key):
    """CPU time as a ratio; nothing if it was not measured."""
    its, base = results.methods(method, BASE, key)
    if np.isnan(its).all():
        return ""
    return f"{np.nanmedian(its / base):.2f} ({np.nanmax(its / base):.2f})"


def taught(results, names):
    """Students against the members that they were."""
    rows = []
    for kind, label in (
        ("students", "students"),
        ("students, no gate", "students, no gate, one fold in three"),
        ("one-way", "one-way distillation"),
    ):
        accuracy = results.models(kind, "members", "accuracy")
        loss = results.models(kind, "members", "log_loss")
        rows.append([
            f"{label}, mean", points(*accuracy), better(*accuracy, "accuracy"),
            ratio(*loss), better(*loss, "log_loss"), worst(results, kind, names),
        ])  # fmt: skip
    for name in names:
        for kind, label in (("students", name), ("one-way", f"{name}, one-way")):
            accuracy = results.model(name, kind, "members", "accuracy")
            loss = results.model(name, kind, "members", "log_loss")
            rows.append([
                label, points(*accuracy), better(*accuracy, "accuracy"), ratio(*loss),
                better(*loss, "log_loss"), worst(results, kind, [name]),
            ])  # fmt: skip
    return markdown(
        ["against the members", METRICS["accuracy"], "better / worse",
         METRICS["log_loss"], "better / worse",
         "more than 1 point worse: model and table"],
        rows,
    )  # fmt: skip


def worst(results, kind, names):
    """Models that are more than a point worse on the mean over folds."""
    found = []
    for name in names:
        change = 100 * np.subtract(*results.model(name, kind, "members", "accuracy"))
        found += [
            (gain, f"{name} {table} {gain:+.1f}")
            for table, gain in zip(results.tables, change)
            if gain < -1
        ]
    text = ", ".join(text for _, text in sorted(found)[:3])
    return f"{len(found)} of {len(names) * len(results)}" + (
        f": {text}" if text else ""
    )


def deployed(results):
    """Small students: accuracy against themselves and the stack, and their speed."""
    rows = []
    for name in DEPLOYED:

        def student(record, name=name):
            return record["models"]["students"][name]["accuracy"]

        def stack(record):
            return record["methods"][BASE]["accuracy"]

        member = results.model(name, "students", "members", "accuracy")
        speed = [
            np.array(
                [
                    np.median(
                        [r["latency"][of][k] / r["latency"][name][k] for r in folds]
                    )
                    for folds in results.folds.values()
                ]
            )
            for of in (BASE, "ours")
            for k in (0, 1)
        ]
        rows.append([
            name, points(*member), points(*results.pair(student, stack)),
            *(f"{np.median(s):.0f} ({s.min():.0f})" for s in speed),
        ])  # fmt: skip
    return markdown(
        ["student", "accuracy over itself, points", "over StackingClassifier",
         "times faster than it, 1 row: median (least)", "10,000 rows",
         "than ours, 1 row", "10,000 rows"],
        rows,
    )  # fmt: skip


def each_table(results):
    """Table by table."""
    rows = []
    accuracy = results.methods(BASE, "ours", "accuracy")
    loss = results.methods(BASE, "ours", "log_loss")
    gain = 100 * np.subtract(*results.models("students", "members", "accuracy"))
    fit = np.divide(*results.methods("ours", BASE, "fit"))
    for k, table in enumerate(results.tables):
        first = results.folds[table][0]
        rows.append([
            table, f"{first['rows']} x {first['columns']}", first["classes"],
            *(f"{values[k]:.4f}" for values in (*accuracy, *loss)),
            f"{gain[k]:+.2f}", f"{fit[k]:.2f}",
        ])  # fmt: skip
    return markdown(
        ["table", "rows x columns", "classes", "accuracy: stacking", "ours",
         "log-loss: stacking", "ours", "students - members, points", "fit, ratio"],
        rows,
    )  # fmt: skip


def by_half(records):
    """Results by (list, half), of those that are there; lists of any tables."""
    halves = {"confirmation": CONFIRMATION, "development": DEVELOPMENT}
    if len({r["max_rows"] for r in records}) > 1:
        raise SystemExit("The records are of tables cut to several `--max-rows`.")
    for name in LISTS:
        for half, tables in halves.items():
            found = [r for r in records if r["list"] == name and r["table"] in tables]
            if found:
                yield name, half, Results(found)


def report(records):
    """Markdown."""
    parts = [f"{len(records)} folds. {versions_of(records)}"]
    for name, half, results in by_half(records):
        n_folds = sum(map(len, results.folds.values()))
        parts.append(f"## {name}, {half}: {len(results)} tables, {n_folds} folds")
        parts += [against_stacking(results), taught(results, LISTS[name])]
        # defaults were chosen on the others: a test of them would mean nothing
        if half == "confirmation" and len(results) > 5:
            parts.append(tests(results))
        if name == "small":
            parts.append(deployed(results))
        parts.append(each_table(results))
    return "\n\n".join(parts)


def figures(records, folder):
    """Critical differences in log-loss, and gains of ours table by table."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd
    import scikit_posthocs

    shown = {m: m for m in RIVALS} | {"ours": "ours", "ours, vote": "ours, vote"}
    for name, half, results in by_half(records):
        if half != "confirmation" or name == "small" or len(results) < 6:
            continue
        losses = pd.DataFrame(
            {m: results.methods(m, BASE, "log_loss")[0] for m in shown}
        )
        ranks = losses.rank(axis=1)
        p_values = scikit_posthocs.posthoc_nemenyi_friedman(losses)
        figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
        scikit_posthocs.critical_difference_diagram(
            ranks.mean(), p_values, ax=axes, label_fmt_left="{label} ({rank:.1f})",
            label_fmt_right="{label} ({rank:.1f})",
        )  # fmt: skip
        axes.set_title(f"mean rank in log-loss, {name} members, {len(results)} tables")
        figure.savefig(folder / f"stacking_ranks_{name}.png", dpi=150)
        plt.close(figure)

        accuracy = 100 * np.subtract(*results.methods("ours", BASE, "accuracy"))
        loss = 100 * (np.divide(*results.methods("ours", BASE, "log_loss")) - 1)
        order = np.argsort(loss)
        figure, both = plt.subplots(
            1, 2, figsize=(8, 5), sharey=True, layout="constrained"
        )
        for axes, values, label in (
            (both[0], loss, "log-loss, change in %"),
            (both[1], accuracy, "accuracy, points"),
        ):
            axes.barh([results.tables[k] for k in order], values[order])
            axes.axvline(0, color="black", linewidth=0.8)
            axes.set_xlabel(label)
        both[0].invert_yaxis()
        figure.suptitle(f"distiller against stacking, {name} members")
        figure.savefig(folder / f"stacking_tables_{name}.png", dpi=150)
        plt.close(figure)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("--figures", type=Path, help="folder to draw figures into")
    arguments = parser.parse_args()
    records = read(arguments.results, is_result)
    if not records:
        parser.error(f"{str(arguments.results)!r} has no results of this benchmark")
    print(report(records))
    if arguments.figures:
        arguments.figures.mkdir(parents=True, exist_ok=True)
        figures(records, arguments.figures)


if __name__ == "__main__":
    main()
