"""Which worker has been asked what, so that one question can be stopped. No I/O of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from predictor_service.invocation import Question


class Stoppable(Protocol):
    """What can be ended at once, whatever it is doing."""

    def stop(self) -> None: ...


class Asked:
    """The questions under way: with a worker, or waiting for one."""

    def __init__(self) -> None:
        self._workers: dict[Question, Stoppable | None] = {}
        self._stopped: set[Question] = set()

    def __len__(self) -> int:
        return len(self._workers)

    @contextmanager
    def under_way(self, questions: Sequence[Question]) -> Iterator[None]:
        """They can be stopped for as long as the context lasts."""
        self._workers.update(dict.fromkeys(questions))
        try:
            yield
        finally:
            for question in questions:
                del self._workers[question]
            self._stopped.difference_update(questions)

    @contextmanager
    def of(self, worker: Stoppable, questions: Sequence[Question]) -> Iterator[None]:
        """They are with ``worker`` for as long as the context lasts."""
        self._workers.update(dict.fromkeys(questions, worker))
        try:
            yield
        finally:
            self._workers.update(dict.fromkeys(questions))

    def stop(self, correlation_id: str) -> None:
        """Stop what is under way for this id: the worker that has it ends."""
        for question, worker in self._workers.items():
            if question.correlation_id == correlation_id:
                self._stopped.add(question)
                if worker is not None:
                    worker.stop()

    def is_one_stopped(self, questions: Sequence[Question]) -> bool:
        """Whether one of them has been stopped."""
        return not self._stopped.isdisjoint(questions)
