"""Tables and figures of the paper's experiments, from the results of `run.py`.

python benchmarks/paper/report.py paper.jsonl --figures docs/images
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from methods import ABLATIONS, METHODS
from problems import EXPERIMENTS
from scipy import stats

sys.path.append(str(Path(__file__).parents[1]))
from runs import read, versions_of

# those that the method claims to be better than; the others see rows, or give one
# predictor that needs every site's model
RANKED = ["no exchange", "ours", "transfer", "mixup", "SMOTE", "response", "FedAvg"]


def mean(values, scale=100.0):
    """Mean with its 95 % t-interval."""
    values = scale * np.asarray(values, dtype=float)
    if len(values) < 2 or np.ptp(values) == 0:
        return f"{values.mean():+.2f}"
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return (
        f"{values.mean():+.2f} [{values.mean() - half:+.2f}, "
        f"{values.mean() + half:+.2f}]"
    )


class Results:
    """Accuracies by (experiment, case, learner, seed) and method."""

    def __init__(self, records, group):
        self.records = {}
        for record in records:
            if record["group"] == group:
                unit = tuple(record[k] for k in ("experiment", "case", "learner"))
                if unit[1] not in EXPERIMENTS[unit[0]].cases:
                    continue  # of an earlier version
                self.records.setdefault(unit, {}).setdefault(record["method"], {})[
                    record["seed"]
                ] = record
        # while a run is not finished: seeds that all methods of a unit have
        self.left_out = 0
        wanted = METHODS if group == "main" else ABLATIONS
        for by_method in self.records.values():
            common = set.intersection(*(set(by_method.get(m, ())) for m in wanted))
            self.left_out += len(set().union(*by_method.values()) - common)
            for name, found in by_method.items():
                by_method[name] = {seed: found[seed] for seed in sorted(common)}
        self.records = {
            unit: by_method
            for unit, by_method in self.records.items()
            if {"ours", "no exchange"} <= set(by_method) and by_method["ours"]
        }

    def units(self, experiment):
        """(case, learner) pairs of an experiment."""
        return [unit for unit in self.records if unit[0] == experiment]

    def learners(self, experiment):
        """Learners, in the order of the experiment."""
        ran = {unit[2] for unit in self.units(experiment)}
        return [name for name in EXPERIMENTS[experiment].learners if name in ran]

    def methods(self, experiment):
        """Methods that ran, in their order."""
        ran = {m for u in self.units(experiment) for m in self.records[u]}
        return [method for method in METHODS if method in ran]

    def accuracy(self, unit, method):
        """(n_seeds, n_sites); None if the method cannot be used here."""
        found = self.records[unit].get(method, {})
        rows = [record.get("accuracy") for record in found.values()]
        return None if not rows or None in rows else np.array(rows)

    def seeds(self, unit):
        """The seeds of a unit, in the order of `accuracy`."""
        return list(self.records[unit]["no exchange"])

    def total(self, experiment, method, field):
        """Sum of a count over everything."""
        return sum(
            record.get(field, 0)
            for unit in self.units(experiment)
            for record in self.records[unit].get(method, {}).values()
        )


def is_result(record):
    """Whether a record is one of these experiments."""
    return record.get("experiment") in EXPERIMENTS


def table(head, rows):
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def gains(results, unit, method):
    """Gain of the mean student over no exchange by seed; None if it cannot be used."""
    now = results.accuracy(unit, method)
    if now is None:
        return None
    before = results.accuracy(unit, "no exchange")
    return dict(zip(results.seeds(unit), (now - before).mean(axis=1)))


def gains_by(results, experiment, learner, method):
    """Gain of the mean student by seed, or by case if there are several."""
    by_case = {
        unit[1]: gains(results, unit, method)
        for unit in results.units(experiment)
        if unit[2] == learner
    }
    by_case = {case: found for case, found in by_case.items() if found}
    if len({unit[1] for unit in results.units(experiment)}) == 1:
        return next(iter(by_case.values()), {})
    return {case: np.mean(list(found.values())) for case, found in by_case.items()}


def over_learners(results, experiment, method):
    """Gains by seed or case, averaged over learners; [] if one cannot use it."""
    found = [
        gains_by(results, experiment, learner, method)
        for learner in results.learners(experiment)
    ]
    common = set.intersection(*map(set, found))
    return [np.mean([one[key] for one in found]) for key in sorted(common)]


def gains_table(results, experiment):
    """Mean student against no exchange, points, for each learner and method.

    Intervals are over seeds, or over cases if there are several.
    """
    learners = results.learners(experiment)
    rows = []
    for method in results.methods(experiment):
        cells = []
        for learner in learners:
            found = gains_by(results, experiment, learner, method)
            if method == "no exchange":
                cells.append(f"{level(results, experiment, [learner]):.2f}")
            else:
                cells.append(mean(list(found.values())) if found else "")
        every = over_learners(results, experiment, method)
        is_gain = every and method != "no exchange"
        rows.append([method, *cells, mean(every) if is_gain else ""])
    head = ["gain of the mean student, points", *learners, "mean over learners"]
    return table(head, rows)


def level(results, experiment, learners):
    """Accuracy without exchange, per cent, mean over cases."""
    return 100 * np.mean(
        [
            results.accuracy(unit, "no exchange").mean()
            for unit in results.units(experiment)
            if unit[2] in learners
        ]
    )


def summary_table(results, experiments):
    """One line for each experiment: gains averaged over learners."""
    chosen = ["ours", "ours, no gate", "raw rows", "response", "voting", "pooled data"]
    rows = []
    for name in experiments:
        gained = [over_learners(results, name, method) for method in chosen]
        rows.append(
            [
                name,
                EXPERIMENTS[name].paper,
                f"{level(results, name, results.learners(name)):.1f}",
                *(mean(found) if found else "" for found in gained),
            ]
        )
    head = ["experiment", "the paper", "no exchange", *chosen]
    return table(head, rows)


def recovery(results, unit, method):
    """Share of the gap to pooled data that the median student closes, each seed.

    None where there is no gap, or something is missing.
    """
    found = [
        results.accuracy(unit, name) for name in (method, "no exchange", "pooled data")
    ]
    if any(values is None for values in found):
        return None
    now, before, above = (np.median(values, axis=1) for values in found)
    return (now - before) / (above - before) if (above > before).all() else None


def recovery_table(results, experiment, methods):
    """Gap recovery of the median student by case and learner."""
    learners = results.learners(experiment)
    cases = list(dict.fromkeys(unit[1] for unit in results.units(experiment)))
    closed = {
        (case, learner, method): recovery(results, (experiment, case, learner), method)
        for _, case, learner in results.units(experiment)
        for method in methods
    }
    closed = {key: found for key, found in closed.items() if found is not None}
    rows = []
    for case in cases:
        for method in methods:
            found = [closed.get((case, learner, method)) for learner in learners]
            cells = ["" if values is None else mean(values, 1.0) for values in found]
            rows.append([case, method, *cells])
    for method in methods if len(cases) > 1 else []:
        row = ["median over tables", method]
        for learner in learners:
            values = [
                found.mean()
                for (_, of_learner, of_method), found in closed.items()
                if (of_learner, of_method) == (learner, method)
            ]
            row.append(f"{np.median(values):+.2f}" if values else "")
        rows.append(row)
    return table(["table", "gap recovery of", *learners], rows)


def students_table(results, experiment, method="ours"):
    """How single students changed: mean, the worst, and how many lost."""
    rows = []
    for unit in results.units(experiment):
        now, before = (results.accuracy(unit, m) for m in (method, "no exchange"))
        change = 100 * (now - before)
        rows.append(
            [
                unit[1],
                unit[2],
                f"{change.mean():+.2f}",
                f"{change.mean(axis=0).min():+.2f}",
                f"{change.min():+.2f}",
                f"{int((change < 0).sum())} of {change.size}",
            ]
        )
    head = ["case", "learner", "mean", "worst site", "worst site and seed", "lost"]
    return table(head, rows)


def sites_table(results, experiment, methods):
    """Accuracy of each site's student."""
    rows = []
    for unit in results.units(experiment):
        names = next(iter(results.records[unit]["no exchange"].values()))["sites"]
        for method in methods:
            now = results.accuracy(unit, method)
            if now is None:
                continue
            before = results.accuracy(unit, "no exchange")
            cells = [
                f"{100 * now[:, k].mean():.1f}"
                if method == "no exchange"
                else f"{100 * now[:, k].mean():.1f} ({mean(now[:, k] - before[:, k])})"
                for k in range(len(names))
            ]
            rows.append([unit[2], method, *cells])
    return table(["learner", "accuracy", *names], rows)


def rank_table(results, experiments):
    """Mean rank among the ranked methods, over cases and learners; 1 is best."""
    rows = []
    for experiment in experiments:
        ranks = {}
        for unit in results.units(experiment):
            level = {
                method: results.accuracy(unit, method).mean()
                for method in RANKED
                if method in results.records[unit]
                and results.accuracy(unit, method) is not None
            }
            order = stats.rankdata([-v for v in level.values()])
            for method, rank in zip(level, order):
                ranks.setdefault(method, []).append(rank)
        rows.append(
            [
                experiment,
                *(
                    f"{np.mean(ranks[m]):.2f} ({len(ranks[m])})" if m in ranks else ""
                    for m in RANKED
                ),
            ]
        )
    return table(["mean rank (units)", *RANKED], rows)


def ablation_table(results):
    """Mean student against the default of ours, points."""
    units = list(results.records)
    ran = {m for u in units for m in results.records[u]}
    methods = [method for method in ABLATIONS if method in ran]
    rows = []
    for method in methods:
        row = [method]
        for unit in units:
            now, default = (results.accuracy(unit, m) for m in (method, "ours"))
            row.append(mean((now - default).mean(axis=1)) if now is not None else "")
        rows.append(row)
    return table(["against ours", *(f"{c}, {n}" for _, c, n in units)], rows)


def report(records) -> str:
    """Everything as Markdown."""
    results = Results(records, "main")
    names = [name for name in EXPERIMENTS if results.units(name)]
    parts = ["## In short", summary_table(results, names)]
    for name in names:
        experiment = EXPERIMENTS[name]
        seeds = [len(results.seeds(unit)) for unit in results.units(name)]
        span = " to ".join(map(str, sorted({min(seeds), max(seeds)})))
        parts += [
            f"## {experiment.title}",
            f"Paper: {experiment.paper}. Seeds: {span}.",
            gains_table(results, name),
        ]
        if name in ("semi", "fashion"):
            chosen = ["ours", "ours, no gate", "raw rows"]
            parts.append(recovery_table(results, name, chosen))
        if name == "heart":
            chosen = ["no exchange", "ours", "ours, no gate", "raw rows", "pooled data"]
            parts.append(sites_table(results, name, chosen))
        if name == "overlap":
            parts.append(overlap_table(results))
        parts.append(students_table(results, name))
        for method in [m for m in results.methods(name) if m.startswith("ours")]:
            made, copies = (
                results.total(name, method, field)
                for field in ("n_samples", "n_copies")
            )
            parts.append(
                f"{method}: {made} pseudo-samples kept, {copies} exact copies."
            )
    if names:
        parts += ["## Mean ranks", rank_table(results, names)]
    ablations = Results(records, "ablations")
    if ablations.records:
        parts += ["## Ablations", ablation_table(ablations)]
    left_out = results.left_out + ablations.left_out
    if left_out:
        parts.append(
            f"Not finished: {left_out} seeds of a case and a learner are left out."
        )
    return "\n\n".join([*parts, versions_of(records)])


def overlap_table(results):
    """Gain by share of common columns, and its correlation with the share."""
    rows, shares, by_share = [], [], []
    learners = results.learners("overlap")
    units = {}
    for unit in results.units("overlap"):
        units.setdefault(unit[1].split(", ")[1], []).append(unit)
    for share in sorted(units, key=lambda text: -float(text.rstrip("%"))):
        for method in ("ours", "raw rows", "pooled data"):
            found = {
                unit: list(gains(results, unit, method).values())
                for unit in units[share]
            }
            of = [
                np.concatenate([found[u] for u in found if u[2] == name] or [[np.nan]])
                for name in learners
            ]
            each = [np.mean(values) for values in found.values()]
            rows.append([share, method, *map(mean, of), mean(each)])
            if method == "ours":
                shares += [float(share.rstrip("%"))] * len(each)
                by_share += each
    head = ["common columns", "gain", *learners, "tables and learners"]
    text = table(head, rows)
    if len(units) > 1:
        correlation = np.corrcoef(shares, by_share)[0, 1]
        text += f"\n\nCorrelation of our gain and the share: {correlation:+.2f}."
    return text


# --- figures --------------------------------------------------------------------------

TITLES = {
    "cars": "two car lists,\nown columns",
    "heart": "three hospitals,\ntested on a fourth",
    "german": "one population\nin three parts",
    "semi": "sites that each\nlack a class",
    "fashion": "the same,\nFashion-MNIST",
    "overlap": "columns that\noverlap in part",
}


def draw(records, folder):
    """Write `paper_gains.png` and `paper_overlap.png`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    results = Results(records, "main")
    names = [name for name in EXPERIMENTS if results.units(name)]
    methods = [m for m in results.methods(names[0]) if m != "no exchange"]
    figure, axes = plt.subplots(
        1, len(names), figsize=(2.1 * len(names) + 1, 4), sharey=True, squeeze=False
    )
    for axis, name in zip(axes[0], names):
        for position, method in enumerate(methods):
            gains = unit_gains(results, name, method)
            if len(gains):
                color = "#d55e00" if method.startswith("ours") else "#0072b2"
                axis.plot(gains, [position] * len(gains), ".", color="#bbbbbb")
                axis.plot(np.mean(gains), position, "o", color=color)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(TITLES.get(name, name), fontsize="medium")
        axis.set_xlabel("points of accuracy")
    axes[0, 0].set_yticks(range(len(methods)), methods)
    axes[0, 0].invert_yaxis()
    figure.suptitle("Gain of the mean student in accuracy (grey: case and learner)")
    figure.tight_layout()
    figure.savefig(folder / "paper_gains.png", dpi=150)
    if results.units("overlap"):
        figure = draw_overlap(results, plt)
        figure.savefig(folder / "paper_overlap.png", dpi=150)


def unit_gains(results, experiment, method):
    """Gain of the mean student in each unit, points."""
    found = []
    for unit in results.units(experiment):
        now = results.accuracy(unit, method)
        if now is not None:
            before = results.accuracy(unit, "no exchange")
            found.append(100 * (now - before).mean())
    return found


def draw_overlap(results, plt):
    """Gain of three methods by share of common columns."""
    figure, axis = plt.subplots(figsize=(5, 3.2))
    styles = {
        "ours": ("#d55e00", "o-"),
        "pooled data": ("#0072b2", "s--"),
        "response": ("#009e73", "^:"),
    }
    for k, (method, (color, style)) in enumerate(styles.items()):
        gains = {}
        for unit in results.units("overlap"):
            now = results.accuracy(unit, method)
            before = results.accuracy(unit, "no exchange")
            share = float(unit[1].split(", ")[1].rstrip("%"))
            gains.setdefault(share, []).append(100 * (now - before).mean())
        shares = sorted(gains)
        centre = [np.mean(gains[s]) for s in shares]
        error = [
            stats.t.ppf(0.975, len(gains[s]) - 1) * stats.sem(gains[s]) for s in shares
        ]
        aside = np.array(shares) + k - 1  # intervals side by side
        axis.errorbar(aside, centre, error, fmt=style, color=color, label=method)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xlabel("columns that both sites have, %")
    axis.set_ylabel("gain of the mean student, points")
    axis.legend(frameon=False, loc="upper left")
    figure.tight_layout()
    return figure


def main():
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "results", type=Path, nargs="+", metavar="FILE", help="written by run.py"
    )
    parser.add_argument("--figures", type=Path, help="folder to draw the figures into")
    arguments = parser.parse_args()
    records = []
    for path in arguments.results:
        found = read(path, is_result)
        if not found:
            parser.error(f"{str(path)!r} holds no results of run.py")
        records += found
    if not any(Results(records, group).records for group in ("main", "ablations")):
        parser.error("no case has finished yet; start run.py again to go on")
    print(report(records))
    if arguments.figures is not None and Results(records, "main").records:
        arguments.figures.mkdir(parents=True, exist_ok=True)
        draw(records, arguments.figures)


if __name__ == "__main__":
    main()
