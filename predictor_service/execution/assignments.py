"""Which worker has been asked what, so that questions can be stopped. No I/O of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from predictor_service.execution.invocation import ModelInput


class Stoppable(Protocol):
    """What can be ended at once, whatever it is doing."""

    def stop(self) -> None: ...


class _Call(NamedTuple):
    worker: Stoppable
    questions: Sequence[ModelInput]
    is_batch: bool


class Assignments:
    """The questions under way: with a worker, or waiting for one."""

    def __init__(self) -> None:
        self._calls: dict[ModelInput, _Call | None] = {}
        self._stopped: set[ModelInput] = set()

    def __len__(self) -> int:
        return len(self._calls)

    @contextmanager
    def under_way(self, questions: Sequence[ModelInput]) -> Iterator[None]:
        """They can be stopped for as long as the context lasts."""
        self._calls.update(dict.fromkeys(questions))
        try:
            yield
        finally:
            for question in questions:
                del self._calls[question]
            self._stopped.difference_update(questions)

    @contextmanager
    def of(
        self, worker: Stoppable, questions: Sequence[ModelInput], *, is_batch: bool
    ) -> Iterator[None]:
        """They are with ``worker`` for as long as the context lasts, one by one or as a batch."""
        self._calls.update(dict.fromkeys(questions, _Call(worker, questions, is_batch)))
        try:
            yield
        finally:
            self._calls.update(dict.fromkeys(questions))

    def stop(self, correlation_id: str) -> None:
        """Stop what is under way for this id.

        The worker that has it ends, unless somebody still waits for another question of its batch:
        to ask those anew would cost them more than the answer that nobody needs.
        """
        for question, call in self._calls.items():
            if question.correlation_id == correlation_id:
                self._stopped.add(question)
                if call and not (call.is_batch and not self.are_stopped(call.questions)):
                    call.worker.stop()

    def is_one_stopped(self, questions: Sequence[ModelInput]) -> bool:
        """Whether nobody needs one of them."""
        return not self._stopped.isdisjoint(questions)

    def are_stopped(self, questions: Sequence[ModelInput]) -> bool:
        """Whether nobody needs any of them."""
        return self._stopped.issuperset(questions)
