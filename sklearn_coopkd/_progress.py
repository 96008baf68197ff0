"""How far a fit is: lines for a reader, tasks for the callbacks of scikit-learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any


class Progress:
    """A task of a fit, and the tasks that it is made of.

    Parameters
    ----------
    tell : callable
        Is given a line for every phase.

    estimator : estimator
        What callbacks are told about.

    context : CallbackContext or None
        The task in the tree of scikit-learn's. None: there are no callbacks.

    name : str, default=""
        Stands before the lines of the phases.

    Attributes
    ----------
    is_stopped : bool
        Whether a callback has asked, at the end of a part, not to go on.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        estimator: Any,
        context: Any,
        name: str = "",
    ):
        self.tell = tell
        self.estimator, self.context = estimator, context
        self.name = name
        self.is_stopped = False
        self._running: list[Progress] = []

    def begin(self, name: str, n_parts: int | None = 0) -> Progress:
        """Begin a part of this task, of so many parts itself; None: not known."""
        context = None
        if self.context is not None:
            context = self.context.subcontext(name, max_subtasks=n_parts)
            context.call_on_fit_task_begin(estimator=self.estimator)
        part = Progress(self.tell, self.estimator, context, name)
        self._running.append(part)
        return part

    def end(self, part: Progress) -> None:
        """End a part that was begun."""
        self._running.remove(part)
        if part.context is not None:
            stop = part.context.call_on_fit_task_end(estimator=self.estimator)
            self.is_stopped = self.is_stopped or stop

    def end_running(self) -> None:
        """End all parts that were begun and have not ended, inner ones first."""
        for part in self._running[::-1]:
            part.end_running()
            self.end(part)

    def start(self, X: Any, y: Any) -> None:
        """Begin the whole fit."""
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=self.estimator, X=X, y=y)

    def finish(self, X: Any, y: Any) -> None:
        """End the whole fit of an estimator that can be asked now."""
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, X=X, y=y, reconstruction_attributes={}
            )

    def follow(
        self, phase: str, owners: Sequence[str], start: Callable[[], Iterable]
    ) -> list[Any]:
        """Say what begins, start it, and collect its results while they come.

        Parameters
        ----------
        phase : str
            What is done.

        owners : sequence of str
            The member that each result is of.

        start : callable
            Returns as many results, in their order.

        Returns
        -------
        results : list
        """
        self.tell(f"{self.name}: {phase}" if self.name else phase)
        missing = Counter(owners)
        of_phase = self.begin(phase, len(missing))
        parts = {owner: of_phase.begin(owner, n) for owner, n in missing.items()}
        found = []
        for owner, result in zip(owners, start(), strict=True):
            found.append(result)
            part = parts[owner]
            part.end(part.begin("fit"))
            missing[owner] -= 1
            if not missing[owner]:
                of_phase.end(part)
        self.end(of_phase)
        return found
