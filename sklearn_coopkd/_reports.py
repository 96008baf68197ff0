"""Reports of generators: how those of several calls become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def join_reports(
    reports: Iterable[tuple[Mapping[str, float], int]],
) -> dict[str, float]:
    """One report of several, each given with its number of successful samples."""
    total: dict[str, float] = {}
    weight: dict[str, int] = {}
    for report, n_success in reports:
        for key, value in report.items():
            if not key.startswith("mean_"):
                total[key] = total.get(key, 0) + value
            elif n_success:
                total[key] = total.get(key, 0.0) + n_success * value
                weight[key] = weight.get(key, 0) + n_success
            else:
                total.setdefault(key, 0.0)
    means = {key: total[key] / n for key, n in weight.items()}
    return total | means
