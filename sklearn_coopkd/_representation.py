"""A fitted distiller as a table in HTML, for notebooks."""

from __future__ import annotations

from html import escape

import numpy as np

# No colours of its own: notebooks are light or dark.
_STYLE = (
    "border-collapse: collapse; margin-top: 0.6em; font-family: monospace; "
    "font-size: 0.9em"
)
_CELL = "padding: 0.15em 0.8em; text-align: {align}; border: none"


def members_table(
    before: dict[str, float],
    after: np.ndarray | None,
    transfer: np.ndarray,
    score_name: str,
) -> str:
    """What each member scored before and after teaching, and its lessons.

    Parameters
    ----------
    before : dict
        Score of each member before teaching, in their order.

    after : ndarray of shape (n_members,) or None
        Those of the students; None: nobody judged them.

    transfer : ndarray of shape (n_members, n_members)
        Samples that the member of the row made and that of the column kept.

    score_name : str

    Returns
    -------
    html : str
    """
    names = list(before)
    if after is None:
        after = np.full(len(names), np.nan)
    head = [
        "member",
        f"{score_name} before",
        "after",
        "learned from",
        "samples kept",
        "samples given",
    ]
    lines = []
    for j, name in enumerate(names):
        teachers = [names[i] for i in np.argsort(-transfer[:, j]) if transfer[i, j]]
        lines.append(
            [
                name,
                _number(before[name]),
                _number(after[j]),
                ", ".join(teachers) or "-",
                f"{transfer[:, j].sum():,}",
                f"{transfer[j].sum():,}",
            ]
        )
    rows = [_row("th", head), *(_row("td", line) for line in lines)]
    return f'<table style="{_STYLE}">{"".join(rows)}</table>'


def _number(score: float) -> str:
    return f"{score:.4g}" if np.isfinite(score) else "-"


def _row(tag: str, cells: list[str]) -> str:
    """One line; names and teachers to the left, numbers to the right."""
    parts = [
        f'<{tag} style="{_CELL.format(align="left" if k in (0, 3) else "right")}">'
        f"{escape(cell)}</{tag}>"
        for k, cell in enumerate(cells)
    ]
    return f"<tr>{''.join(parts)}</tr>"
