"""Saved estimators know which version saved them."""

from __future__ import annotations

from typing import Any

from sklearn_coopkd._version import __version__
from sklearn_coopkd._warning import warn

_KEY = "_sklearn_coopkd_version"


class VersionedState:
    """A base whose pickles warn where another minor version reads them."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), _KEY: __version__}  # type: ignore[dict-item]

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved_by = str(state.get(_KEY, "an unknown version"))
        if saved_by.split(".")[:2] != __version__.split(".")[:2]:
            warn(
                f"This {type(self).__name__} was saved by sklearn_coopkd {saved_by}; "
                f"here it may predict otherwise, or fail, with {__version__}. Fit it "
                "again, or load it with the version that saved it."
            )
        super().__setstate__({k: v for k, v in state.items() if k != _KEY})  # type: ignore[misc]
