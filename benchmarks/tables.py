"""Results as tables: paired over benchmark tables, with intervals, in Markdown.

Figures of a table are means over its folds; intervals are 95 % t-intervals of paired
differences over tables; ratios of losses and times are geometric means over tables.
"""

from __future__ import annotations

import numpy as np
from scipy import stats


class Results:
    """The records of one list and half: values by table."""

    def __init__(self, records):
        self.folds = {}
        for record in records:
            self.folds.setdefault(record["table"], []).append(record)
        for found in self.folds.values():
            found.sort(key=lambda record: record.get("fold", 0))
        self.tables = sorted(self.folds)

    def __len__(self):
        return len(self.tables)

    def pair(self, get_a, get_b):
        """Means over the folds that have both, one pair a table; NaN without any."""
        pairs = []
        for table in self.tables:
            found = [(get_a(r), get_b(r)) for r in self.folds[table]]
            found = [pair for pair in found if None not in pair]
            pairs.append(np.mean(found, axis=0) if found else (np.nan, np.nan))
        return np.array(pairs).T

    def methods(self, a, b, key):
        """Values of two methods, (n_tables,) each."""
        return self.pair(
            *(lambda r, m=m: r["methods"].get(m, {}).get(key) for m in (a, b))
        )

    def models(self, a, b, key):
        """Mean over models of two kinds, such as students and members."""

        def mean(kind):
            def get(record):
                found = record["models"].get(kind)
                return found and np.mean([scores[key] for scores in found.values()])

            return get

        return self.pair(mean(a), mean(b))

    def model(self, name, a, b, key):
        """One model of two kinds."""

        def one(kind):
            return lambda r: r["models"].get(kind, {}).get(name, {}).get(key)

        return self.pair(one(a), one(b))

    def ratios(self, a, b, key):
        """Of every model of two kinds by table: {name: (n_tables,)}."""
        names = self.folds[self.tables[0]][0]["models"][a]
        return {name: np.divide(*self.model(name, a, b, key)) for name in names}


def markdown(head, rows):
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def bootstrap(values, statistic, digits=3, n_draws=10_000):
    """A statistic of rows with its 95 % interval, over rows drawn again."""
    rng = np.random.RandomState(0)
    drawn = rng.randint(len(values), size=(n_draws, len(values)))
    found = [statistic(values[d]) for d in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return f"{statistic(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _mean_and_half(values):
    values = np.asarray(values)[~np.isnan(values)]
    half = np.nan
    if len(values) > 1:
        half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return np.mean(values), half


def points(a, b):
    """Mean of a - b with its interval, in points."""
    mean, half = _mean_and_half(100 * (a - b))
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"


def ratio(a, b):
    """Geometric mean of a / b with its interval."""
    mean, half = _mean_and_half(np.log(a / b))
    return f"{np.exp(mean):.3f} [{np.exp(mean - half):.3f}, {np.exp(mean + half):.3f}]"
