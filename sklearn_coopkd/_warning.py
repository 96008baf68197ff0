"""Warnings that point at the user's own line."""

from __future__ import annotations

import sys
import warnings

# What lies between the user and a `fit` of ours, or a file that is loaded.
_NOT_THE_USERS = {"sklearn", "sklearn_coopkd", "contextlib"}
_NOT_THE_USERS |= {"pickle", "copy", "joblib", "skops"}


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, as if from the nearest line that is neither ours nor of a library."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _package(frame) in _NOT_THE_USERS:
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame: object) -> str:
    name = frame.f_globals.get("__name__", "")  # type: ignore[attr-defined]
    return name.split(".")[0]
